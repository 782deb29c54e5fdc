// Package option_test measures option beside hand-written code and samber/mo.
package option_test

import (
	"testing"

	"github.com/samber/mo"

	"github.com/coderrange/ferrous/option"
)

// table is what is looked up, by a call that is not inlined: every fourth entry
// is missing, in an order that the processor can learn.
var table = func() (t [1024]struct {
	v  int
	ok bool
},
) {
	for i := range t {
		t[i].v, t[i].ok = i, i%4 != 0
	}
	return t
}()

//go:noinline
func lookup(i int) (int, bool) {
	e := &table[i&1023]
	return e.v, e.ok
}

//go:noinline
func lookupOption(i int) option.Option[int] {
	e := &table[i&1023]
	return option.From(e.v, e.ok)
}

//go:noinline
func lookupMo(i int) mo.Option[int] {
	e := &table[i&1023]
	return mo.TupleToOption(e.v, e.ok)
}

var sink int

func BenchmarkGet(b *testing.B) {
	b.Run("impl=hand", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			if v, ok := lookup(i); ok {
				sum += v
			}
		}
		sink = sum
	})
	b.Run("impl=ours", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			if v, ok := lookupOption(i).Get(); ok {
				sum += v
			}
		}
		sink = sum
	})
	b.Run("impl=mo", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			if v, ok := lookupMo(i).Get(); ok {
				sum += v
			}
		}
		sink = sum
	})
}

func BenchmarkMapUnwrapOr(b *testing.B) {
	b.Run("impl=hand", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			n := 7
			if v, ok := lookup(i); ok {
				n = v * 2
			}
			sum += n
		}
		sink = sum
	})
	b.Run("impl=ours", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			sum += option.Map(lookupOption(i), func(v int) int { return v * 2 }).UnwrapOr(7)
		}
		sink = sum
	})
	b.Run("impl=mo", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			sum += lookupMo(i).MapValue(func(v int) int { return v * 2 }).OrElse(7)
		}
		sink = sum
	})
}

func BenchmarkChain(b *testing.B) {
	b.Run("impl=hand", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			v, ok := lookup(i)
			if ok {
				v *= 2
			} else {
				v, ok = lookup(1)
			}
			if ok {
				sum += v
			}
		}
		sink = sum
	})
	b.Run("impl=ours", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			v, ok := option.Map(lookupOption(i), func(v int) int { return v * 2 }).
				OrElse(func() option.Option[int] { return lookupOption(1) }).Get()
			if ok {
				sum += v
			}
		}
		sink = sum
	})
	b.Run("impl=mo", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			o := lookupMo(i).MapValue(func(v int) int { return v * 2 })
			if o.IsAbsent() {
				o = lookupMo(1)
			}
			if v, ok := o.Get(); ok {
				sum += v
			}
		}
		sink = sum
	})
}
