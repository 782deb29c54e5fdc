// Package result_test measures result beside hand-written code and samber/mo.
package result_test

import (
	"errors"
	"testing"

	"github.com/samber/mo"

	"github.com/coderrange/ferrous/result"
)

var (
	errMissing = errors.New("missing")
	sink       int
)

// table is what is looked up, by a call that is not inlined: every fourth entry
// is missing, in an order that the processor can learn.
var table = func() (t [1024]struct {
	v   int
	err error
},
) {
	for i := range t {
		t[i].v = i
		if i%4 == 0 {
			t[i].err = errMissing
		}
	}
	return t
}()

//go:noinline
func lookup(i int) (int, error) {
	e := &table[i&1023]
	return e.v, e.err
}

//go:noinline
func lookupResult(i int) result.Result[int] {
	e := &table[i&1023]
	return result.From(e.v, e.err)
}

//go:noinline
func lookupMo(i int) mo.Result[int] {
	e := &table[i&1023]
	return mo.TupleToResult(e.v, e.err)
}

func BenchmarkMapUnwrapOr(b *testing.B) {
	b.Run("impl=hand", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			n := 7
			if v, err := lookup(i); err == nil {
				n = v * 2
			}
			sum += n
		}
		sink = sum
	})
	b.Run("impl=ours", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			sum += result.Map(lookupResult(i), func(v int) int { return v * 2 }).UnwrapOr(7)
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
			v, err := lookup(i)
			if err == nil {
				v *= 2
			} else {
				v, err = lookup(1)
			}
			if err == nil {
				sum += v
			}
		}
		sink = sum
	})
	b.Run("impl=ours", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			v, err := result.Map(lookupResult(i), func(v int) int { return v * 2 }).
				OrElse(func(error) result.Result[int] { return lookupResult(1) }).Get()
			if err == nil {
				sum += v
			}
		}
		sink = sum
	})
	b.Run("impl=mo", func(b *testing.B) {
		sum := 0
		for i := 0; i < b.N; i++ {
			r := lookupMo(i).MapValue(func(v int) int { return v * 2 })
			if r.IsError() {
				r = lookupMo(1)
			}
			if v, err := r.Get(); err == nil {
				sum += v
			}
		}
		sink = sum
	})
}

//go:noinline
func step(n int, fail bool) (int, error) {
	if fail {
		return 0, errMissing
	}
	return n + 1, nil
}

//go:noinline
func stepsByHand(n int, fail bool) (int, error) {
	n, err := step(n, false)
	if err != nil {
		return 0, err
	}
	n, err = step(n, false)
	if err != nil {
		return 0, err
	}
	n, err = step(n, fail)
	if err != nil {
		return 0, err
	}
	return n, nil
}

//go:noinline
func stepsByCheck(n int, fail bool) (_ int, err error) {
	defer result.Handle(&err)
	n = result.Check(step(n, false))
	n = result.Check(step(n, false))
	n = result.Check(step(n, fail))
	return n, nil
}

//go:noinline
func stepsByMo(n int, fail bool) (int, error) {
	return mo.Do(func() int {
		n = mo.TupleToResult(step(n, false)).MustGet()
		n = mo.TupleToResult(step(n, false)).MustGet()
		return mo.TupleToResult(step(n, fail)).MustGet()
	}).Get()
}

func BenchmarkCheck(b *testing.B) {
	for _, outcome := range []struct {
		name string
		fail bool
	}{{"ok", false}, {"fail", true}} {
		for _, impl := range []struct {
			name  string
			steps func(int, bool) (int, error)
		}{{"hand", stepsByHand}, {"ours", stepsByCheck}, {"mo", stepsByMo}} {
			b.Run("outcome="+outcome.name+"/impl="+impl.name, func(b *testing.B) {
				b.ReportAllocs()
				sum := 0
				for i := 0; i < b.N; i++ {
					n, err := impl.steps(i, outcome.fail)
					if (err != nil) != outcome.fail {
						b.Fatal(n, err)
					}
					sum += n
				}
				sink = sum
			})
		}
	}
}
