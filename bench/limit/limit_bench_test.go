// Package limit_test measures limit beside golang.org/x/time/rate.
package limit_test

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/coderrange/ferrous/limit"
)

// often is a rate that allows all that a benchmark asks for.
const often = 1_000_000_000

// parallel calls f in so many goroutines, b.N times together.
func parallel(b *testing.B, goroutines int, f func()) {
	b.Helper()
	b.ReportAllocs()
	if goroutines == 1 {
		for b.Loop() {
			f()
		}
		return
	}
	var all sync.WaitGroup
	b.ResetTimer()
	for i := range goroutines {
		all.Go(func() {
			for range (b.N + i) / goroutines {
				f()
			}
		})
	}
	all.Wait()
}

// BenchmarkAllow takes events that are allowed, and, with rate=low, asks for events that
// are not.
func BenchmarkAllow(b *testing.B) {
	for _, kind := range []string{"high", "low"} {
		o := limit.RateOptions{Events: often, Burst: 1 << 30}
		theirs := rate.Limit(often)
		if kind == "low" {
			o = limit.RateOptions{Events: 1, Per: 24 * time.Hour}
			theirs = rate.Every(24 * time.Hour)
		}
		for _, goroutines := range []int{1, 2, 64} {
			name := "rate=" + kind + "/goroutines=" + strconv.Itoa(goroutines) + "/impl="
			b.Run(name+"ours", func(b *testing.B) {
				r := limit.NewRate(o)
				parallel(b, goroutines, func() { r.Allow() })
			})
			b.Run(name+"xtime", func(b *testing.B) {
				r := rate.NewLimiter(theirs, o.Burst)
				parallel(b, goroutines, func() { r.Allow() })
			})
		}
	}
}

// keys is how many keys there are.
const keys = 1_000_000

// A mutexMap is what one writes by hand: a limiter for each key, behind a lock.
type mutexMap struct {
	mu sync.Mutex
	of map[int]*rate.Limiter
}

func (m *mutexMap) allow(key int) bool {
	m.mu.Lock()
	l := m.of[key]
	if l == nil {
		l = rate.NewLimiter(often, 1<<30)
		m.of[key] = l
	}
	m.mu.Unlock()
	return l.Allow()
}

// BenchmarkKeyed takes events of a million keys, which are there, at random.
func BenchmarkKeyed(b *testing.B) {
	impls := []struct {
		name string
		make func() (allow func(key int) bool, end func())
	}{
		{"ours", func() (func(int) bool, func()) {
			k := limit.NewKeyed[int](limit.KeyedOptions{
				Rate: limit.RateOptions{Events: often, Burst: 1 << 30}, MaxKeys: keys, ForgetAfter: time.Hour,
			})
			return k.Allow, k.Close
		}},
		{"mutexmap", func() (func(int) bool, func()) {
			m := &mutexMap{of: map[int]*rate.Limiter{}}
			return m.allow, func() {}
		}},
	}
	for _, goroutines := range []int{1, 2, 64} {
		for _, impl := range impls {
			b.Run("goroutines="+strconv.Itoa(goroutines)+"/impl="+impl.name, func(b *testing.B) {
				allow, end := impl.make()
				defer end()
				for i := range keys {
					allow(i)
				}
				b.ReportAllocs()
				var all sync.WaitGroup
				b.ResetTimer()
				for i := range goroutines {
					random := rand.New(rand.NewPCG(1, uint64(i)))
					all.Go(func() {
						for range (b.N + i) / goroutines {
							allow(random.IntN(keys))
						}
					})
				}
				all.Wait()
				b.StopTimer()
			})
		}
	}
}
