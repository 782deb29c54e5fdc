package refcell_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/refcell"
)

// atomicRefuses checks which borrows the cell refuses at present.
func atomicRefuses(t *testing.T, c *refcell.AtomicRefCell[int], shared, exclusive bool) {
	t.Helper()
	r, err := c.TryBorrow()
	assert.Equal(t, shared, err != nil, "shared")
	if err == nil {
		r.Release()
	}
	m, err := c.TryBorrowMut()
	assert.Equal(t, exclusive, err != nil, "exclusive")
	if err == nil {
		m.Release()
	}
}

func TestAtomicManyReadersOrOneWriter(t *testing.T) {
	c := refcell.NewAtomicRefCell(42)
	atomicRefuses(t, c, false, false)
	a := c.Borrow()
	b := c.Borrow()
	atomicRefuses(t, c, false, true)
	a.Release()
	atomicRefuses(t, c, false, true)
	b.Release()
	atomicRefuses(t, c, false, false)
	m := c.BorrowMut()
	atomicRefuses(t, c, true, true)
	*m.Ptr()++
	assert.Equal(t, 43, m.Get())
	m.Release()
	atomicRefuses(t, c, false, false)
	c.RWith(func(v *int) { assert.Equal(t, 43, *v) })
}

func TestAtomicRefusalsNameOperationAndState(t *testing.T) {
	var c refcell.AtomicRefCell[int]
	a := c.Borrow()
	b := c.Borrow()
	for op, f := range map[string]func(){
		"BorrowMut":   func() { m := c.BorrowMut(); m.Release() },
		"With":        func() { c.With(func(*int) {}) },
		"Replace":     func() { c.Replace(1) },
		"ReplaceWith": func() { c.ReplaceWith(func(*int) int { return 1 }) },
		"Swap":        func() { refcell.NewAtomicRefCell(1).Swap(&c); t.Error("swapped") },
		"Take":        func() { c.Take() },
		"IntoInner":   func() { c.IntoInner() },
	} {
		err := testkit.PanicError(t, f)
		require.ErrorIs(t, err, refcell.ErrBorrowed)
		assert.EqualError(t, err, "refcell: AtomicRefCell."+op+": already borrowed (2 readers)")
	}
	b.Release()
	_, err := c.TryBorrowMut()
	assert.EqualError(t, err, "refcell: AtomicRefCell.TryBorrowMut: already borrowed (1 reader)")
	var detail *refcell.BorrowError
	require.ErrorAs(t, err, &detail)
	assert.Equal(t, refcell.BorrowError{Op: "AtomicRefCell.TryBorrowMut", Err: refcell.ErrBorrowed, Readers: 1}, *detail)
	a.Release()

	m := c.BorrowMut()
	for op, f := range map[string]func(){
		"Borrow":    func() { r := c.Borrow(); r.Release() },
		"RWith":     func() { c.RWith(func(*int) {}) },
		"BorrowMut": func() { m := c.BorrowMut(); m.Release() },
		"Replace":   func() { c.Replace(1) },
		"Swap":      func() { c.Swap(refcell.NewAtomicRefCell(1)) },
	} {
		err := testkit.PanicError(t, f)
		require.ErrorIs(t, err, refcell.ErrMutBorrowed)
		assert.EqualError(t, err, "refcell: AtomicRefCell."+op+": already mutably borrowed")
	}
	_, err = c.TryBorrow()
	require.ErrorIs(t, err, refcell.ErrMutBorrowed)
	m.Release()
	assert.Zero(t, c.Take(), "nothing was changed")
}

func TestAtomicRefusedSwapLeavesBothCellsUsable(t *testing.T) {
	a, b := refcell.NewAtomicRefCell(1), refcell.NewAtomicRefCell(2)
	r := b.Borrow()
	assert.Panics(t, func() { a.Swap(b) })
	r.Release()
	a.Swap(b)
	assert.Equal(t, []int{2, 1}, []int{a.Take(), b.Take()})
	err := testkit.PanicError(t, func() { a.Swap(a) })
	require.ErrorIs(t, err, refcell.ErrMutBorrowed)
	atomicRefuses(t, a, false, false)
}

func TestAtomicReplaceTakeAndReplaceWith(t *testing.T) {
	c := refcell.NewAtomicRefCell(5)
	assert.Equal(t, 5, c.Replace(6))
	assert.Equal(t, 6, c.ReplaceWith(func(v *int) int { *v++; return 2 * *v })-1)
	assert.Equal(t, 14, c.Take())
	assert.Zero(t, c.Take())
}

func TestAtomicIntoInnerEndsTheCell(t *testing.T) {
	c := refcell.NewAtomicRefCell(7)
	assert.Equal(t, 7, c.IntoInner())
	_, err := c.TryBorrow()
	require.ErrorIs(t, err, refcell.ErrTaken)
	err = testkit.PanicError(t, func() { c.BorrowMut() })
	assert.EqualError(t, err, "refcell: AtomicRefCell.BorrowMut: value was taken out by IntoInner")
	assert.Equal(t, "<taken>", fmt.Sprint(c))
	readers, writing := c.BorrowState()
	assert.Zero(t, readers)
	assert.False(t, writing)
}

func TestAtomicPanicInACallbackReleases(t *testing.T) {
	c := refcell.NewAtomicRefCell(1)
	boom := errors.New("boom")
	for name, f := range map[string]func(){
		"RWith":       func() { c.RWith(func(*int) { panic(boom) }) },
		"With":        func() { c.With(func(*int) { panic(boom) }) },
		"ReplaceWith": func() { c.ReplaceWith(func(*int) int { panic(boom) }) },
	} {
		require.ErrorIs(t, testkit.PanicError(t, f), boom, name)
		atomicRefuses(t, c, false, false)
	}
}

func TestAtomicCloneAddsOneBorrow(t *testing.T) {
	c := refcell.NewAtomicRefCell(1)
	a := c.Borrow()
	b := a.Clone()
	readers, _ := c.BorrowState()
	assert.Equal(t, 2, readers)
	a.Release()
	atomicRefuses(t, c, false, true)
	assert.Equal(t, 1, b.Get())
	b.Release()
	atomicRefuses(t, c, false, false)
}

func TestAtomicMapKeepsOneBorrow(t *testing.T) {
	c := refcell.NewAtomicRefCell(pair{1, 2})
	whole := c.Borrow()
	b := refcell.MapAtomic(&whole, func(p *pair) *int { return &p.b })
	readers, _ := c.BorrowState()
	assert.Equal(t, 1, readers)
	assert.Equal(t, 2, b.Get())
	err := testkit.PanicError(t, func() { whole.Get() })
	require.ErrorIs(t, err, refcell.ErrReleased)
	b.Release()
	_, err = c.TryBorrowMut()
	assert.NoError(t, err)
}

func TestAtomicFilterMapGivesTheGuardBack(t *testing.T) {
	c := refcell.NewAtomicRefCell(map[string]int{"x": 1})
	find := func(key string) func(*map[string]int) (*int, bool) {
		return func(m *map[string]int) (*int, bool) { v, ok := (*m)[key]; return &v, ok }
	}
	r := c.Borrow()
	_, ok := refcell.FilterMapAtomic(&r, find("y"))
	assert.False(t, ok)
	assert.Len(t, r.Get(), 1, "r lives on")
	x, ok := refcell.FilterMapAtomic(&r, find("x"))
	assert.True(t, ok)
	assert.Equal(t, 1, x.Get())
	x.Release()

	m := c.BorrowMut()
	_, ok = refcell.FilterMapMutAtomic(&m, find("y"))
	assert.False(t, ok)
	part, ok := refcell.FilterMapMutAtomic(&m, find("x"))
	assert.True(t, ok)
	part.Set(2)
	part.Release()
	_, writing := c.BorrowState()
	assert.False(t, writing)
}

func TestAtomicMapSplitCountsBothHalves(t *testing.T) {
	c := refcell.NewAtomicRefCell(pair{1, 2})
	r := c.Borrow()
	a, b := refcell.MapSplitAtomic(&r, func(p *pair) (*int, *int) { return &p.a, &p.b })
	readers, _ := c.BorrowState()
	assert.Equal(t, 2, readers)
	assert.Equal(t, []int{1, 2}, []int{a.Get(), b.Get()})
	a.Release()
	_, err := c.TryBorrowMut()
	require.ErrorIs(t, err, refcell.ErrBorrowed)
	b.Release()
	_, err = c.TryBorrowMut()
	assert.NoError(t, err)
}

func TestAtomicMapSplitMutKeepsTheCellUntilBothAreReleased(t *testing.T) {
	for _, first := range []int{0, 1} {
		c := refcell.NewAtomicRefCell(pair{1, 2})
		m := c.BorrowMut()
		stale := m
		a, b := refcell.MapSplitMutAtomic(&m, func(p *pair) (*int, *int) { return &p.a, &p.b })
		halves := []*refcell.AtomicRefMut[int]{&a, &b}
		a.Set(2)
		b.Set(1)
		for _, old := range []func(){func() { stale.Get() }, stale.Release, func() { m.Get() }, m.Release} {
			require.ErrorIs(t, testkit.PanicError(t, old), refcell.ErrReleased)
		}
		copied := *halves[first]
		halves[first].Release()
		_, err := c.TryBorrow()
		require.ErrorIs(t, err, refcell.ErrMutBorrowed)
		for _, old := range []func(){copied.Release, halves[first].Release, func() { copied.Set(9) }} {
			require.ErrorIs(t, testkit.PanicError(t, old), refcell.ErrReleased)
		}
		_, writing := c.BorrowState()
		assert.True(t, writing, "the other half is not touched")
		halves[1-first].Release()
		assert.Equal(t, pair{2, 1}, c.Take())
	}
}

func TestAtomicHalvesSplitAgain(t *testing.T) {
	c := refcell.NewAtomicRefCell([3]int{})
	m := c.BorrowMut()
	a, rest := refcell.MapSplitMutAtomic(&m, func(v *[3]int) (*int, *[2]int) { return &v[0], (*[2]int)(v[1:]) })
	b, d := refcell.MapSplitMutAtomic(&rest, func(v *[2]int) (*int, *int) { return &v[0], &v[1] })
	a.Set(1)
	b.Set(2)
	d.Set(3)
	d.Release()
	a.Release()
	_, err := c.TryBorrow()
	require.Error(t, err)
	b.Release()
	assert.Equal(t, [3]int{1, 2, 3}, c.Take())
}

func TestAtomicMapThatPanicsLeavesTheGuard(t *testing.T) {
	boom := errors.New("boom")
	c := refcell.NewAtomicRefCell(1)
	r := c.Borrow()
	require.ErrorIs(t, testkit.PanicError(t, func() { refcell.MapAtomic(&r, func(*int) *int { panic(boom) }) }), boom)
	assert.Equal(t, 1, r.Get())
	r.Release()
	m := c.BorrowMut()
	require.ErrorIs(t, testkit.PanicError(t, func() { refcell.MapMutAtomic(&m, func(*int) *int { panic(boom) }) }), boom)
	assert.Equal(t, 1, m.Get())
	m.Release()
	atomicRefuses(t, c, false, false)
}

func TestAtomicReleasedRefPanics(t *testing.T) {
	c := refcell.NewAtomicRefCell(1)
	same := func(v *int) *int { return v }
	for op, use := range map[string]func(*refcell.AtomicRef[int]){
		"AtomicRef.Get":     func(r *refcell.AtomicRef[int]) { r.Get() },
		"AtomicRef.Clone":   func(r *refcell.AtomicRef[int]) { r.Clone() },
		"AtomicRef.Release": func(r *refcell.AtomicRef[int]) { r.Release() },
		"MapAtomic":         func(r *refcell.AtomicRef[int]) { refcell.MapAtomic(r, same) },
		"FilterMapAtomic": func(r *refcell.AtomicRef[int]) {
			refcell.FilterMapAtomic(r, func(v *int) (*int, bool) { return v, true })
		},
		"MapSplitAtomic": func(r *refcell.AtomicRef[int]) { refcell.MapSplitAtomic(r, func(v *int) (*int, *int) { return v, v }) },
	} {
		other, r := c.Borrow(), c.Borrow()
		r.Release()
		for name, guard := range map[string]*refcell.AtomicRef[int]{"released": &r, "zero": {}} {
			err := testkit.PanicError(t, func() { use(guard) })
			require.ErrorIs(t, err, refcell.ErrReleased)
			assert.EqualError(t, err, "refcell: "+op+": guard was released", name)
		}
		readers, _ := c.BorrowState()
		assert.Equal(t, 1, readers, "the other borrow is not touched")
		other.Release()
	}
}

func TestAtomicReleasedRefMutAndItsCopiesPanic(t *testing.T) {
	c := refcell.NewAtomicRefCell(1)
	same := func(v *int) *int { return v }
	for op, use := range map[string]func(*refcell.AtomicRefMut[int]){
		"AtomicRefMut.Get":     func(r *refcell.AtomicRefMut[int]) { r.Get() },
		"AtomicRefMut.Release": func(r *refcell.AtomicRefMut[int]) { r.Release() },
		"MapMutAtomic":         func(r *refcell.AtomicRefMut[int]) { refcell.MapMutAtomic(r, same) },
		"FilterMapMutAtomic": func(r *refcell.AtomicRefMut[int]) {
			refcell.FilterMapMutAtomic(r, func(v *int) (*int, bool) { return v, true })
		},
		"MapSplitMutAtomic": func(r *refcell.AtomicRefMut[int]) {
			refcell.MapSplitMutAtomic(r, func(v *int) (*int, *int) { return v, v })
		},
	} {
		m := c.BorrowMut()
		copied := m
		m.Release()
		again := c.BorrowMut()
		for name, guard := range map[string]*refcell.AtomicRefMut[int]{"released": &m, "copy": &copied, "zero": {}} {
			err := testkit.PanicError(t, func() { use(guard) })
			require.ErrorIs(t, err, refcell.ErrReleased)
			assert.EqualError(t, err, "refcell: "+op+": guard was released", name)
		}
		assert.Equal(t, 1, again.Get(), "the next borrow is not touched")
		again.Release()
	}
	m := c.BorrowMut()
	copied := m
	part := refcell.MapMutAtomic(&m, same)
	require.ErrorIs(t, testkit.PanicError(t, func() { copied.Set(2) }), refcell.ErrReleased)
	part.Release()
}

func TestAtomicCopyOfARefIsCaughtByTheCount(t *testing.T) {
	c := refcell.NewAtomicRefCell(1)
	r := c.Borrow()
	copied := forge(&r)
	r.Release()
	require.ErrorIs(t, testkit.PanicError(t, copied.Release), refcell.ErrReleased)
	atomicRefuses(t, c, false, false)
}

func TestAtomicGrowthIsRefusedWhileIterating(t *testing.T) {
	c := refcell.NewAtomicRefCell([]int{1, 2, 3})
	grow := func() { c.With(func(v *[]int) { *v = append(*v, 4) }) }
	r := c.Borrow()
	for range r.Get() {
		require.ErrorIs(t, testkit.PanicError(t, grow), refcell.ErrBorrowed)
	}
	r.Release()
	grow()
	assert.Equal(t, []int{1, 2, 3, 4}, c.Take())
}

func TestAtomicFormat(t *testing.T) {
	c := refcell.NewAtomicRefCell(43)
	assert.Equal(t, "43 AtomicRefCell(43 borrowed=no)", fmt.Sprintf("%v %+v", c, c))
	r := c.Borrow()
	assert.Equal(t, "AtomicRefCell(43 borrowed=1) 43 AtomicRef(43)", fmt.Sprintf("%#v %v %+v", c, &r, &r))
	r.Release()
	assert.Equal(t, "<released> AtomicRef(<released>)", fmt.Sprintf("%v %+v", &r, &r))
	m := c.BorrowMut()
	assert.Equal(t, "AtomicRefCell(<borrowed> borrowed=mut) 43 AtomicRefMut(43)", fmt.Sprintf("%+v %v %+v", c, &m, &m))
	m.Release()
	assert.Equal(t, "<released>", fmt.Sprint(&m))
	s := refcell.NewAtomicRefCell("foo")
	assert.Equal(t, `foo "foo" AtomicRefCell("foo" borrowed=no)`, fmt.Sprintf("%s %q %#v", s, s, s))
}

func TestAtomicLogValue(t *testing.T) {
	c := refcell.NewAtomicRefCell(1)
	r := c.Borrow()
	assert.Equal(t, "v.value=1 v.readers=1 v.writing=false", logged(c))
	assert.Equal(t, "v=1", logged(&r))
	r.Release()
	assert.Equal(t, "v=<released>", logged(&r))
	m := c.BorrowMut()
	assert.Equal(t, "v=1", logged(&m))
	m.Release()
	assert.Equal(t, "v=<released>", logged(&m))
	c.IntoInner()
	assert.Equal(t, "v=<taken>", logged(c))
}
