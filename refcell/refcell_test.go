package refcell_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/refcell"
)

var errBoom = errors.New("boom")

// refuses checks which borrows the cell refuses at present.
func refuses(t *testing.T, c cell, shared, exclusive bool) {
	t.Helper()
	r, err := c.tryBorrow()
	assert.Equal(t, shared, err != nil, "shared")
	if err == nil {
		r.Release()
	}
	m, err := c.tryBorrowMut()
	assert.Equal(t, exclusive, err != nil, "exclusive")
	if err == nil {
		m.Release()
	}
}

func TestManyReadersOrOneWriter(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.cell(pair{42, 0})
		refuses(t, c, false, false)
		a := c.borrow()
		b := c.borrow()
		refuses(t, c, false, true)
		a.Release()
		refuses(t, c, false, true)
		b.Release()
		refuses(t, c, false, false)
		m := c.borrowMut()
		refuses(t, c, true, true)
		m.Ptr().a++
		assert.Equal(t, 43, m.Get().a)
		m.Release()
		refuses(t, c, false, false)
		c.RWith(func(v *pair) { assert.Equal(t, 43, v.a) })
	})
}

func TestRefusalsNameOperationAndState(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.zero()
		a := c.borrow()
		b := c.borrow()
		for op, use := range map[string]func(){
			"BorrowMut":   func() { c.borrowMut() },
			"With":        func() { c.With(func(*pair) {}) },
			"WithErr":     func() { _ = c.WithErr(func(*pair) error { return nil }) },
			"Replace":     func() { c.Replace(pair{}) },
			"ReplaceWith": func() { c.ReplaceWith(func(*pair) pair { return pair{} }) },
			"Swap":        func() { f.zero().swap(c); t.Error("swapped") },
			"Take":        func() { c.Take() },
			"IntoInner":   func() { c.IntoInner() },
		} {
			err := testkit.PanicError(t, use)
			require.ErrorIs(t, err, refcell.ErrBorrowed)
			assert.EqualError(t, err, "refcell: "+f.name+"RefCell."+op+": already borrowed (2 readers)")
		}
		b.Release()
		_, err := c.tryBorrowMut()
		op := f.name + "RefCell.TryBorrowMut"
		assert.EqualError(t, err, "refcell: "+op+": already borrowed (1 reader)")
		var detail *refcell.BorrowError
		require.ErrorAs(t, err, &detail)
		assert.Equal(t, refcell.BorrowError{Op: op, Err: refcell.ErrBorrowed, Readers: 1}, *detail)
		a.Release()

		m := c.borrowMut()
		for op, use := range map[string]func(){
			"Borrow":    func() { c.borrow() },
			"RWith":     func() { c.RWith(func(*pair) {}) },
			"RWithErr":  func() { _ = c.RWithErr(func(*pair) error { return nil }) },
			"BorrowMut": func() { c.borrowMut() },
			"Replace":   func() { c.Replace(pair{1, 1}) },
			"Swap":      func() { c.swap(f.zero()) },
		} {
			err := testkit.PanicError(t, use)
			require.ErrorIs(t, err, refcell.ErrMutBorrowed)
			assert.EqualError(t, err, "refcell: "+f.name+"RefCell."+op+": already mutably borrowed")
		}
		_, err = c.tryBorrow()
		require.ErrorIs(t, err, refcell.ErrMutBorrowed)
		m.Release()
		assert.Zero(t, c.Take(), "nothing was changed")
	})
}

func TestRefusedSwapLeavesBothCellsUsable(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		one, two := pair{1, 1}, pair{2, 2}
		a, b := f.cell(one), f.cell(two)
		r := b.borrow()
		assert.Panics(t, func() { a.swap(b) })
		r.Release()
		a.swap(b)
		assert.Equal(t, []pair{two, one}, []pair{a.Take(), b.Take()})
		err := testkit.PanicError(t, func() { a.swap(a) })
		require.ErrorIs(t, err, refcell.ErrMutBorrowed)
		refuses(t, a, false, false)
	})
}

func TestReplaceTakeAndReplaceWith(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.cell(pair{5, 0})
		assert.Equal(t, pair{5, 0}, c.Replace(pair{6, 0}))
		assert.Equal(t, pair{7, 0}, c.ReplaceWith(func(v *pair) pair { v.a++; return pair{2 * v.a, 0} }))
		assert.Equal(t, pair{14, 0}, c.Take())
		assert.Zero(t, c.Take())
	})
}

func TestIntoInnerEndsTheCell(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.cell(pair{7, 0})
		assert.Equal(t, pair{7, 0}, c.IntoInner())
		_, err := c.tryBorrow()
		require.ErrorIs(t, err, refcell.ErrTaken)
		err = testkit.PanicError(t, func() { c.borrowMut() })
		assert.EqualError(t, err, "refcell: "+f.name+"RefCell.BorrowMut: value was taken out by IntoInner")
		assert.Equal(t, "<taken>", fmt.Sprint(c.itself))
		readers, writing := c.BorrowState()
		assert.Zero(t, readers)
		assert.False(t, writing)
	})
}

func TestIntoInnerLeavesNothingInTheCell(t *testing.T) {
	plain, atomic := refcell.New(new([64]int)), refcell.NewAtomicRefCell(new([64]int))
	for _, take := range []func() *[64]int{plain.IntoInner, atomic.IntoInner} {
		value := weak.Make(take())
		runtime.GC()
		assert.Nil(t, value.Value())
	}
	runtime.KeepAlive(plain)
	runtime.KeepAlive(atomic)
}

func TestPanicInACallbackReleases(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.zero()
		for name, use := range map[string]func(){
			"RWith":       func() { c.RWith(func(*pair) { panic(errBoom) }) },
			"With":        func() { c.With(func(*pair) { panic(errBoom) }) },
			"RWithErr":    func() { _ = c.RWithErr(func(*pair) error { panic(errBoom) }) },
			"WithErr":     func() { _ = c.WithErr(func(*pair) error { panic(errBoom) }) },
			"ReplaceWith": func() { c.ReplaceWith(func(*pair) pair { panic(errBoom) }) },
		} {
			require.ErrorIs(t, testkit.PanicError(t, use), errBoom, name)
			refuses(t, c, false, false)
		}
	})
}

func TestAnErrorOfACallbackIsReturnedAndReleases(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.zero()
		require.NoError(t, c.WithErr(func(v *pair) error { v.a = 1; return nil }))
		require.ErrorIs(t, c.WithErr(func(v *pair) error { v.a++; return errBoom }), errBoom)
		require.ErrorIs(t, c.RWithErr(func(v *pair) error {
			assert.Equal(t, 2, v.a)
			refuses(t, c, false, true)
			return errBoom
		}), errBoom)
		refuses(t, c, false, false)
	})
}

func TestCloneAddsOneBorrow(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.cell(pair{1, 0})
		a := c.borrow()
		b := a.clone()
		readers, _ := c.BorrowState()
		assert.Equal(t, 2, readers)
		a.Release()
		refuses(t, c, false, true)
		assert.Equal(t, pair{1, 0}, b.Get())
		b.Release()
		refuses(t, c, false, false)
	})
}

func TestMapKeepsOneBorrow(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c, part := f.zero(), pair{3, 4}
		r := c.borrow()
		p := r.mapTo(func(*pair) *pair { return &part })
		readers, _ := c.BorrowState()
		assert.Equal(t, 1, readers)
		assert.Equal(t, part, p.Get())
		err := testkit.PanicError(t, func() { r.Get() })
		require.ErrorIs(t, err, refcell.ErrReleased)
		p.Release()
		refuses(t, c, false, false)
	})
}

func TestFilterMapGivesTheGuardBack(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c, part := f.zero(), pair{1, 2}
		found := func(*pair) (*pair, bool) { return &part, true }
		r := c.borrow()
		_, ok := r.filter(rejected)
		assert.False(t, ok)
		assert.Zero(t, r.Get(), "r is unchanged")
		x, ok := r.filter(found)
		assert.True(t, ok)
		assert.Equal(t, part, x.Get())
		x.Release()

		m := c.borrowMut()
		_, ok = m.filter(rejected)
		assert.False(t, ok)
		y, ok := m.filter(found)
		assert.True(t, ok)
		y.set(pair{3, 4})
		assert.Equal(t, pair{3, 4}, part)
		y.Release()
		refuses(t, c, false, false)
	})
}

func TestMapSplitCountsBothHalves(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c, one, two := f.zero(), pair{1, 1}, pair{2, 2}
		r := c.borrow()
		a, b := r.split(func(*pair) (*pair, *pair) { return &one, &two })
		readers, _ := c.BorrowState()
		assert.Equal(t, 2, readers)
		assert.Equal(t, []pair{one, two}, []pair{a.Get(), b.Get()})
		a.Release()
		refuses(t, c, false, true)
		b.Release()
		refuses(t, c, false, false)
	})
}

func TestMapSplitMutKeepsTheCellUntilBothAreReleased(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		for _, first := range []int{0, 1} {
			c := f.cell(pair{1, 2})
			m := c.borrowMut()
			stale := m.forge()
			a, b := m.split(fields)
			halves := []half{a, b}
			a.set(2)
			b.set(1)
			for _, old := range []func(){func() { stale.Get() }, stale.Release, func() { m.Get() }, m.Release} {
				require.ErrorIs(t, testkit.PanicError(t, old), refcell.ErrReleased)
			}
			copied := halves[first].forge()
			halves[first].release()
			_, err := c.tryBorrow()
			require.ErrorIs(t, err, refcell.ErrMutBorrowed)
			for _, old := range []func(){copied.release, halves[first].release, func() { copied.set(9) }} {
				require.ErrorIs(t, testkit.PanicError(t, old), refcell.ErrReleased)
			}
			_, writing := c.BorrowState()
			assert.True(t, writing, "the other half is not affected")
			halves[1-first].release()
			assert.Equal(t, pair{2, 1}, c.Take())
		}
	})
}

func TestHalvesSplitAgain(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		for _, order := range [][3]int{{2, 0, 1}, {0, 1, 2}, {1, 2, 0}} {
			parts, state, take := f.thirds()
			for i, part := range parts {
				part.set(i + 1)
			}
			for _, i := range order {
				_, writing := state()
				assert.True(t, writing)
				parts[i].release()
			}
			assert.Equal(t, [3]int{1, 2, 3}, take())
		}
	})
}

func TestMapThatPanicsLeavesTheGuard(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.cell(pair{1, 2})
		fail := func(*pair) *pair { panic(errBoom) }
		r := c.borrow()
		require.ErrorIs(t, testkit.PanicError(t, func() { r.mapTo(fail) }), errBoom)
		assert.Equal(t, pair{1, 2}, r.Get())
		r.Release()
		m := c.borrowMut()
		require.ErrorIs(t, testkit.PanicError(t, func() { m.mapTo(fail) }), errBoom)
		assert.Equal(t, pair{1, 2}, m.Get())
		m.Release()
		refuses(t, c, false, false)
	})
}

func TestCopyOfARefIsCaughtByTheCount(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.zero()
		r := c.borrow()
		copied := r.forge()
		r.Release()
		require.ErrorIs(t, testkit.PanicError(t, copied.Release), refcell.ErrReleased)
		refuses(t, c, false, false)
	})
}

func TestGrowthIsRefusedWhileIterating(t *testing.T) {
	c := refcell.New([]int{1, 2, 3})
	grow := func() { c.With(func(v *[]int) { *v = append(*v, 4) }) }
	r := c.Borrow()
	for range r.Get() {
		require.ErrorIs(t, testkit.PanicError(t, grow), refcell.ErrBorrowed)
	}
	r.Release()
	grow()
	assert.Equal(t, []int{1, 2, 3, 4}, c.Take())
}

// TestNilArgumentsPanicByName gives nil to everything that takes a function, a cell
// or a guard. Nothing is borrowed afterwards.
func TestNilArgumentsPanicByName(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.zero()
		r := c.borrow()
		for op, use := range map[string]func(){
			"Map" + f.name:       func() { r.mapTo(nil) },
			"FilterMap" + f.name: func() { r.filter(nil) },
			"MapSplit" + f.name:  func() { r.split(nil) },
		} {
			assert.EqualError(t, testkit.PanicError(t, use), "refcell: "+op+": nil function")
		}
		r.Release()
		m := c.borrowMut()
		for op, use := range map[string]func(){
			"MapMut" + f.name:       func() { m.mapTo(nil) },
			"FilterMapMut" + f.name: func() { m.filter(nil) },
			"MapSplitMut" + f.name:  func() { m.split(nil) },
		} {
			assert.EqualError(t, testkit.PanicError(t, use), "refcell: "+op+": nil function")
		}
		m.Release()
		for op, use := range map[string]func(){
			"RWith":       func() { c.RWith(nil) },
			"With":        func() { c.With(nil) },
			"RWithErr":    func() { _ = c.RWithErr(nil) },
			"WithErr":     func() { _ = c.WithErr(nil) },
			"ReplaceWith": func() { c.ReplaceWith(nil) },
		} {
			assert.EqualError(t, testkit.PanicError(t, use), "refcell: "+f.name+"RefCell."+op+": nil function")
		}
		assert.EqualError(t, testkit.PanicError(t, c.swapNil), "refcell: "+f.name+"RefCell.Swap: nil cell")
		refuses(t, c, false, false)
	})
	for text, use := range map[string]func(){
		"Cell.Update: nil function":           func() { refcell.NewCell(1).Update(nil) },
		"Cell.Swap: nil cell":                 func() { refcell.NewCell(1).Swap(nil) },
		"OnceCell.GetOrInit: nil function":    func() { new(refcell.OnceCell[int]).GetOrInit(nil) },
		"OnceCell.GetOrTryInit: nil function": func() { _, _ = new(refcell.OnceCell[int]).GetOrTryInit(nil) },
		"NewLazyCell: no initializer":         func() { refcell.NewLazyCell[int](nil) },
		"LazyCell.Get: no initializer":        func() { new(refcell.LazyCell[int]).Get() },
		"LazyCell.Ptr: no initializer":        func() { new(refcell.LazyCell[int]).Ptr() },
		"Map: nil guard":                      func() { refcell.Map[int](nil, func(v *int) *int { return v }) },
		"MapMut: nil guard":                   func() { refcell.MapMut[int](nil, func(v *int) *int { return v }) },
		"MapAtomic: nil guard":                func() { refcell.MapAtomic[int](nil, func(v *int) *int { return v }) },
		"MapMutAtomic: nil guard":             func() { refcell.MapMutAtomic[int](nil, func(v *int) *int { return v }) },
	} {
		assert.EqualError(t, testkit.PanicError(t, use), "refcell: "+text)
	}
}

func TestFormat(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		v := pair{4, 3}
		c := f.cell(v)
		name := f.name + "RefCell"
		assert.Equal(t, "{4 3} "+name+"({a:4 b:3} borrowed=no)", fmt.Sprintf("%v %+v", c.itself, c.itself))
		r := c.borrow()
		assert.Equal(t, name+"({a:4 b:3} borrowed=1) {4 3} "+f.name+"Ref({a:4 b:3})", fmt.Sprintf("%+v %v %+v", c.itself, r.guard, r.guard))
		r.Release()
		assert.Equal(t, "<released> "+f.name+"Ref(<released>)", fmt.Sprintf("%v %+v", r.guard, r.guard))
		m := c.borrowMut()
		assert.Equal(t, name+"(<borrowed> borrowed=mut) <borrowed> {4 3} "+f.name+"RefMut({a:4 b:3})",
			fmt.Sprintf("%+v %v %v %+v", c.itself, c.itself, m.guard, m.guard))
		m.Release()
		assert.Equal(t, "<released>", fmt.Sprint(m.guard))
		assert.Equal(t, name+"("+fmt.Sprintf("%#v", v)+" borrowed=no)", fmt.Sprintf("%#v", c.itself))
	})
	s := refcell.New("foo")
	assert.Equal(t, `foo "foo" RefCell("foo" borrowed=no)`, fmt.Sprintf("%s %q %#v", s, s, s))
}

// logged returns what slog writes about v.
func logged(v any) string {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	_, text, _ := bytes.Cut(bytes.TrimSpace(out.Bytes()), []byte("msg=x "))
	return string(text)
}

func TestLogValue(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.cell(pair{1, 2})
		r := c.borrow()
		assert.Equal(t, `v.value="{a:1 b:2}" v.readers=1 v.writing=false`, logged(c.itself))
		assert.Equal(t, `v="{a:1 b:2}"`, logged(r.guard))
		r.Release()
		assert.Equal(t, "v=<released>", logged(r.guard))
		m := c.borrowMut()
		assert.Equal(t, "v=<borrowed>", logged(c.itself))
		assert.Equal(t, `v="{a:1 b:2}"`, logged(m.guard))
		m.Release()
		assert.Equal(t, "v=<released>", logged(m.guard))
		c.IntoInner()
		assert.Equal(t, "v=<taken>", logged(c.itself))
	})
}
