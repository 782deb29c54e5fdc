package arcmutex_test

import (
	"sync/atomic"
	"testing"

	"github.com/coderrange/ferrous/arcmutex"
)

// casCount is a count whose TryInc is a loop, as most are.
type casCount struct{ n atomic.Int64 }

func (c *casCount) tryInc() bool {
	for {
		n := c.n.Load()
		if n == 0 {
			return false
		}
		if c.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// both runs f alone and on all cores.
func both(b *testing.B, name string, f func()) {
	b.Helper()
	b.Run(name+"/goroutines=1", func(b *testing.B) {
		for range b.N {
			f()
		}
	})
	b.Run(name+"/goroutines=2", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				f()
			}
		})
	})
}

func BenchmarkCountIncDec(b *testing.B) {
	var ours arcmutex.Count
	var bare atomic.Int64
	both(b, "impl=ours", func() { ours.Inc(); ours.Dec() })
	both(b, "impl=bare", func() { bare.Add(1); bare.Add(-1) })
}

func BenchmarkCountTryIncDec(b *testing.B) {
	var ours arcmutex.Count
	var loop casCount
	loop.n.Store(1)
	both(b, "impl=ours", func() {
		if ours.TryInc() {
			ours.Dec()
		}
	})
	both(b, "impl=casloop", func() {
		if loop.tryInc() {
			loop.n.Add(-1)
		}
	})
}

var (
	sink      *arcmutex.Arc[int]
	sinkWords *[3]*int
)

func BenchmarkArcCloneDrop(b *testing.B) {
	a := arcmutex.NewArc(1)
	var bare atomic.Int64
	both(b, "impl=ours/escapes=no", func() { c := a.Clone(); c.Drop() })
	b.Run("impl=ours/escapes=no/handles=own/goroutines=2", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			mine := a.Clone()
			defer mine.Drop()
			for pb.Next() {
				c := mine.Clone()
				c.Drop()
			}
		})
	})
	both(b, "impl=bare", func() { bare.Add(1); bare.Add(-1) })
	b.Run("impl=ours/escapes=yes/goroutines=1", func(b *testing.B) {
		for range b.N {
			sink = a.Clone()
			sink.Drop()
		}
	})
	b.Run("impl=alloc24/goroutines=1", func(b *testing.B) {
		for range b.N {
			sinkWords = new([3]*int)
		}
	})
}

func BenchmarkArcUpgradeDrop(b *testing.B) {
	a := arcmutex.NewArc(1)
	w := a.Downgrade()
	var loop casCount
	loop.n.Store(1)
	both(b, "impl=ours", func() {
		if c, ok := w.Upgrade(); ok {
			c.Drop()
		}
	})
	both(b, "impl=casloop", func() {
		if loop.tryInc() {
			loop.n.Add(-1)
		}
	})
}

func BenchmarkArcNewDrop(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		arcmutex.NewArc(1).Drop()
	}
}

func BenchmarkArcPtr(b *testing.B) {
	a := arcmutex.NewArc(1)
	sum := 0
	for range b.N {
		sum += *a.Ptr()
	}
	_ = sum
}

// deep calls f below n frames.
//
//go:noinline
func deep(n int, f func()) {
	if n > 0 {
		deep(n-1, f)
		return
	}
	f()
}

func BenchmarkTracking(b *testing.B) {
	for _, rate := range []struct {
		name  string
		every int
	}{{"off", 0}, {"every=1000", 1000}, {"every=1", 1}} {
		b.Run("op=NewDrop/frames=8/track="+rate.name, func(b *testing.B) {
			arcmutex.Track(rate.every)
			defer arcmutex.Track(0)
			deep(0, func() {
				for range b.N {
					sink = arcmutex.NewArc(1)
					sink.Drop()
				}
			})
		})
	}
}
