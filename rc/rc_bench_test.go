package rc_test

import (
	"testing"

	"github.com/coderrange/ferrous/rc"
)

// plain is what an Rc costs without a handle that knows when it is dead.
type plain struct{ strong int }

//go:noinline
func (p *plain) inc() { p.strong++ }

//go:noinline
func (p *plain) dec() { p.strong-- }

func BenchmarkRcCloneDrop(b *testing.B) {
	a := rc.New(1)
	p := &plain{strong: 1}
	b.Run("impl=ours/escapes=no", func(b *testing.B) {
		for range b.N {
			c := a.Clone()
			c.Drop()
		}
	})
	b.Run("impl=ours/escapes=yes", func(b *testing.B) {
		for range b.N {
			c := a.Clone()
			kept = c
			c.Drop()
		}
	})
	b.Run("impl=plain", func(b *testing.B) {
		for range b.N {
			p.inc()
			p.dec()
		}
	})
}

func BenchmarkRcPtr(b *testing.B) {
	a := rc.New(1)
	sum := 0
	for range b.N {
		sum += *a.Ptr()
	}
	_ = sum
}

func BenchmarkRcNewDrop(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		rc.New(1).Drop()
	}
}

func BenchmarkTracking(b *testing.B) {
	for _, rate := range []struct {
		name  string
		every int
	}{{"off", 0}, {"every=1000", 1000}, {"every=1", 1}} {
		b.Run("op=NewDrop/track="+rate.name, func(b *testing.B) {
			rc.Track(rate.every)
			defer rc.Track(0)
			for range b.N {
				rc.New(1).Drop()
			}
		})
		b.Run("op=CloneDrop/track="+rate.name, func(b *testing.B) {
			a := rc.New(1)
			rc.Track(rate.every)
			defer rc.Track(0)
			for range b.N {
				c := a.Clone()
				c.Drop()
			}
		})
	}
}
