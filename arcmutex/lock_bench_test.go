package arcmutex_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit/contend"
)

func BenchmarkRWMutex(b *testing.B) {
	for _, n := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("impl=ours/op=read/goroutines=%d", n), func(b *testing.B) {
			m := arcmutex.NewRWMutex(0)
			contend.Run(b, n, func(iterations int) {
				sum := 0
				for range iterations {
					g := m.RLock()
					sum += *g.Ptr()
					g.Unlock()
				}
			})
		})
		b.Run(fmt.Sprintf("impl=sync/op=read/goroutines=%d", n), func(b *testing.B) {
			var m sync.RWMutex
			v := 0
			contend.Run(b, n, func(iterations int) {
				sum := 0
				for range iterations {
					m.RLock()
					sum += v
					m.RUnlock()
				}
			})
		})
		b.Run(fmt.Sprintf("impl=ours/op=mixed/goroutines=%d", n), func(b *testing.B) {
			m := arcmutex.NewRWMutex(0)
			contend.Run(b, n, func(iterations int) {
				for i := range iterations {
					if i%10 == 0 {
						g := m.Lock()
						*g.Ptr()++
						g.Unlock()
						continue
					}
					g := m.RLock()
					_ = *g.Ptr()
					g.Unlock()
				}
			})
		})
		b.Run(fmt.Sprintf("impl=sync/op=mixed/goroutines=%d", n), func(b *testing.B) {
			var m sync.RWMutex
			v := 0
			contend.Run(b, n, func(iterations int) {
				for i := range iterations {
					if i%10 == 0 {
						m.Lock()
						v++
						m.Unlock()
						continue
					}
					m.RLock()
					_ = v
					m.RUnlock()
				}
			})
		})
	}
}

// BenchmarkCheck locks one mutex and another inside it.
func BenchmarkCheck(b *testing.B) {
	outer, inner := arcmutex.NewMutex(0), arcmutex.NewMutex(0)
	nested := func(b *testing.B) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			g := outer.Lock()
			h := inner.Lock()
			h.Unlock()
			g.Unlock()
		}
	}
	single := func(b *testing.B) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			g := outer.Lock()
			g.Unlock()
		}
	}
	b.Run("impl=off/op=one", single)
	b.Run("impl=off/op=two", nested)
	defer arcmutex.Check(time.Second, func(*arcmutex.Deadlock) {})()
	b.Run("impl=ours/op=one", single)
	b.Run("impl=ours/op=two", nested)
	report := func(*arcmutex.Deadlock) {}
	for name, o := range map[string]arcmutex.CheckOptions{
		"impl=limit":  {After: time.Second, Limit: time.Minute, Report: report},
		"impl=sample": {After: time.Second, Sample: 100, Report: report},
	} {
		stop := arcmutex.CheckWith(o)
		b.Run(name+"/op=one", single)
		b.Run(name+"/op=two", nested)
		stop()
	}
	b.Run("impl=ours/op=order", func(b *testing.B) { // before a lock with 8,000 successors
		hub := arcmutex.NewMutex(0)
		locks := make([]*arcmutex.Mutex[int], 8000+b.N)
		for i := range locks {
			locks[i] = arcmutex.NewMutex(0)
		}
		for _, m := range locks[:8000] {
			hub.With(func(*int) { m.With(func(*int) {}) })
		}
		inHub := func(*int) { hub.With(func(*int) {}) }
		b.ResetTimer()
		for _, m := range locks[8000:] {
			m.With(inHub)
		}
	})
	b.Run("impl=ours/op=chain", func(b *testing.B) { // built from its end
		locks := make([]*arcmutex.Mutex[int], b.N+1)
		for i := range locks {
			locks[i] = arcmutex.NewMutex(0)
		}
		b.ResetTimer()
		for i := b.N; i > 0; i-- {
			locks[i].With(func(*int) { locks[i-1].With(func(*int) {}) })
		}
	})
}
