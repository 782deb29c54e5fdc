package refcell_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/refcell"
)

// refuses checks which borrows the cell refuses at present.
func refuses(t *testing.T, c *refcell.RefCell[int], shared, exclusive bool) {
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

func TestManyReadersOrOneWriter(t *testing.T) {
	c := refcell.New(42)
	refuses(t, c, false, false)
	a := c.Borrow()
	b := c.Borrow()
	refuses(t, c, false, true)
	a.Release()
	refuses(t, c, false, true)
	b.Release()
	refuses(t, c, false, false)
	m := c.BorrowMut()
	refuses(t, c, true, true)
	*m.Ptr()++
	assert.Equal(t, 43, m.Get())
	m.Release()
	refuses(t, c, false, false)
	c.RWith(func(v *int) { assert.Equal(t, 43, *v) })
}

func TestRefusalsNameOperationAndState(t *testing.T) {
	var c refcell.RefCell[int]
	a := c.Borrow()
	b := c.Borrow()
	for op, f := range map[string]func(){
		"BorrowMut":   func() { m := c.BorrowMut(); m.Release() },
		"With":        func() { c.With(func(*int) {}) },
		"Replace":     func() { c.Replace(1) },
		"ReplaceWith": func() { c.ReplaceWith(func(*int) int { return 1 }) },
		"Swap":        func() { refcell.New(1).Swap(&c); t.Error("swapped") },
		"Take":        func() { c.Take() },
		"IntoInner":   func() { c.IntoInner() },
	} {
		err := testkit.PanicError(t, f)
		require.ErrorIs(t, err, refcell.ErrBorrowed)
		assert.EqualError(t, err, "refcell: RefCell."+op+": already borrowed (2 readers)")
	}
	b.Release()
	_, err := c.TryBorrowMut()
	assert.EqualError(t, err, "refcell: RefCell.TryBorrowMut: already borrowed (1 reader)")
	var detail *refcell.BorrowError
	require.ErrorAs(t, err, &detail)
	assert.Equal(t, refcell.BorrowError{Op: "RefCell.TryBorrowMut", Err: refcell.ErrBorrowed, Readers: 1}, *detail)
	a.Release()

	m := c.BorrowMut()
	for op, f := range map[string]func(){
		"Borrow":    func() { r := c.Borrow(); r.Release() },
		"RWith":     func() { c.RWith(func(*int) {}) },
		"BorrowMut": func() { m := c.BorrowMut(); m.Release() },
		"Replace":   func() { c.Replace(1) },
		"Swap":      func() { c.Swap(refcell.New(1)) },
	} {
		err := testkit.PanicError(t, f)
		require.ErrorIs(t, err, refcell.ErrMutBorrowed)
		assert.EqualError(t, err, "refcell: RefCell."+op+": already mutably borrowed")
	}
	_, err = c.TryBorrow()
	require.ErrorIs(t, err, refcell.ErrMutBorrowed)
	m.Release()
	assert.Zero(t, c.Take(), "nothing was changed")
}

func TestRefusedSwapLeavesBothCellsUsable(t *testing.T) {
	a, b := refcell.New(1), refcell.New(2)
	r := b.Borrow()
	assert.Panics(t, func() { a.Swap(b) })
	r.Release()
	a.Swap(b)
	assert.Equal(t, []int{2, 1}, []int{a.Take(), b.Take()})
	err := testkit.PanicError(t, func() { a.Swap(a) })
	require.ErrorIs(t, err, refcell.ErrMutBorrowed)
	refuses(t, a, false, false)
}

func TestReplaceTakeAndReplaceWith(t *testing.T) {
	c := refcell.New(5)
	assert.Equal(t, 5, c.Replace(6))
	assert.Equal(t, 6, c.ReplaceWith(func(v *int) int { *v++; return 2 * *v })-1)
	assert.Equal(t, 14, c.Take())
	assert.Zero(t, c.Take())
}

func TestIntoInnerEndsTheCell(t *testing.T) {
	c := refcell.New(7)
	assert.Equal(t, 7, c.IntoInner())
	_, err := c.TryBorrow()
	require.ErrorIs(t, err, refcell.ErrTaken)
	err = testkit.PanicError(t, func() { c.BorrowMut() })
	assert.EqualError(t, err, "refcell: RefCell.BorrowMut: value was taken out by IntoInner")
	assert.Equal(t, "<taken>", fmt.Sprint(c))
	readers, writing := c.BorrowState()
	assert.Zero(t, readers)
	assert.False(t, writing)
}

func TestPanicInACallbackReleases(t *testing.T) {
	c := refcell.New(1)
	boom := errors.New("boom")
	for name, f := range map[string]func(){
		"RWith":       func() { c.RWith(func(*int) { panic(boom) }) },
		"With":        func() { c.With(func(*int) { panic(boom) }) },
		"ReplaceWith": func() { c.ReplaceWith(func(*int) int { panic(boom) }) },
	} {
		require.ErrorIs(t, testkit.PanicError(t, f), boom, name)
		refuses(t, c, false, false)
	}
}

func TestCloneAddsOneBorrow(t *testing.T) {
	c := refcell.New(1)
	a := c.Borrow()
	b := a.Clone()
	readers, _ := c.BorrowState()
	assert.Equal(t, 2, readers)
	a.Release()
	refuses(t, c, false, true)
	assert.Equal(t, 1, b.Get())
	b.Release()
	refuses(t, c, false, false)
}

// pair is a value with parts.
type pair struct{ a, b int }

func TestMapKeepsOneBorrow(t *testing.T) {
	c := refcell.New(pair{1, 2})
	whole := c.Borrow()
	b := refcell.Map(&whole, func(p *pair) *int { return &p.b })
	readers, _ := c.BorrowState()
	assert.Equal(t, 1, readers)
	assert.Equal(t, 2, b.Get())
	err := testkit.PanicError(t, func() { whole.Get() })
	require.ErrorIs(t, err, refcell.ErrReleased)
	b.Release()
	_, err = c.TryBorrowMut()
	assert.NoError(t, err)
}

func TestFilterMapGivesTheGuardBack(t *testing.T) {
	c := refcell.New(map[string]int{"x": 1})
	find := func(key string) func(*map[string]int) (*int, bool) {
		return func(m *map[string]int) (*int, bool) { v, ok := (*m)[key]; return &v, ok }
	}
	r := c.Borrow()
	_, ok := refcell.FilterMap(&r, find("y"))
	assert.False(t, ok)
	assert.Len(t, r.Get(), 1, "r lives on")
	x, ok := refcell.FilterMap(&r, find("x"))
	assert.True(t, ok)
	assert.Equal(t, 1, x.Get())
	x.Release()

	m := c.BorrowMut()
	_, ok = refcell.FilterMapMut(&m, find("y"))
	assert.False(t, ok)
	part, ok := refcell.FilterMapMut(&m, find("x"))
	assert.True(t, ok)
	part.Set(2)
	part.Release()
	_, writing := c.BorrowState()
	assert.False(t, writing)
}

func TestMapSplitCountsBothHalves(t *testing.T) {
	c := refcell.New(pair{1, 2})
	r := c.Borrow()
	a, b := refcell.MapSplit(&r, func(p *pair) (*int, *int) { return &p.a, &p.b })
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

func TestMapSplitMutKeepsTheCellUntilBothAreReleased(t *testing.T) {
	for _, first := range []int{0, 1} {
		c := refcell.New(pair{1, 2})
		m := c.BorrowMut()
		stale := m
		a, b := refcell.MapSplitMut(&m, func(p *pair) (*int, *int) { return &p.a, &p.b })
		halves := []*refcell.RefMut[int]{&a, &b}
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

func TestHalvesSplitAgain(t *testing.T) {
	c := refcell.New([3]int{})
	m := c.BorrowMut()
	a, rest := refcell.MapSplitMut(&m, func(v *[3]int) (*int, *[2]int) { return &v[0], (*[2]int)(v[1:]) })
	b, d := refcell.MapSplitMut(&rest, func(v *[2]int) (*int, *int) { return &v[0], &v[1] })
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

func TestMapThatPanicsLeavesTheGuard(t *testing.T) {
	boom := errors.New("boom")
	c := refcell.New(1)
	r := c.Borrow()
	require.ErrorIs(t, testkit.PanicError(t, func() { refcell.Map(&r, func(*int) *int { panic(boom) }) }), boom)
	assert.Equal(t, 1, r.Get())
	r.Release()
	m := c.BorrowMut()
	require.ErrorIs(t, testkit.PanicError(t, func() { refcell.MapMut(&m, func(*int) *int { panic(boom) }) }), boom)
	assert.Equal(t, 1, m.Get())
	m.Release()
	refuses(t, c, false, false)
}

func TestReleasedRefPanics(t *testing.T) {
	c := refcell.New(1)
	same := func(v *int) *int { return v }
	for op, use := range map[string]func(*refcell.Ref[int]){
		"Ref.Get":     func(r *refcell.Ref[int]) { r.Get() },
		"Ref.Clone":   func(r *refcell.Ref[int]) { r.Clone() },
		"Ref.Release": func(r *refcell.Ref[int]) { r.Release() },
		"Map":         func(r *refcell.Ref[int]) { refcell.Map(r, same) },
		"FilterMap":   func(r *refcell.Ref[int]) { refcell.FilterMap(r, func(v *int) (*int, bool) { return v, true }) },
		"MapSplit":    func(r *refcell.Ref[int]) { refcell.MapSplit(r, func(v *int) (*int, *int) { return v, v }) },
	} {
		other, r := c.Borrow(), c.Borrow()
		r.Release()
		for name, guard := range map[string]*refcell.Ref[int]{"released": &r, "zero": {}} {
			err := testkit.PanicError(t, func() { use(guard) })
			require.ErrorIs(t, err, refcell.ErrReleased)
			assert.EqualError(t, err, "refcell: "+op+": guard was released", name)
		}
		readers, _ := c.BorrowState()
		assert.Equal(t, 1, readers, "the other borrow is not touched")
		other.Release()
	}
}

func TestReleasedRefMutAndItsCopiesPanic(t *testing.T) {
	c := refcell.New(1)
	same := func(v *int) *int { return v }
	for op, use := range map[string]func(*refcell.RefMut[int]){
		"RefMut.Get":     func(r *refcell.RefMut[int]) { r.Get() },
		"RefMut.Release": func(r *refcell.RefMut[int]) { r.Release() },
		"MapMut":         func(r *refcell.RefMut[int]) { refcell.MapMut(r, same) },
		"FilterMapMut":   func(r *refcell.RefMut[int]) { refcell.FilterMapMut(r, func(v *int) (*int, bool) { return v, true }) },
		"MapSplitMut":    func(r *refcell.RefMut[int]) { refcell.MapSplitMut(r, func(v *int) (*int, *int) { return v, v }) },
	} {
		m := c.BorrowMut()
		copied := m
		m.Release()
		again := c.BorrowMut()
		for name, guard := range map[string]*refcell.RefMut[int]{"released": &m, "copy": &copied, "zero": {}} {
			err := testkit.PanicError(t, func() { use(guard) })
			require.ErrorIs(t, err, refcell.ErrReleased)
			assert.EqualError(t, err, "refcell: "+op+": guard was released", name)
		}
		assert.Equal(t, 1, again.Get(), "the next borrow is not touched")
		again.Release()
	}
	m := c.BorrowMut()
	copied := m
	part := refcell.MapMut(&m, same)
	require.ErrorIs(t, testkit.PanicError(t, func() { copied.Set(2) }), refcell.ErrReleased)
	part.Release()
}

func TestCopyOfARefIsCaughtByTheCount(t *testing.T) {
	c := refcell.New(1)
	r := c.Borrow()
	copied := forge(&r)
	r.Release()
	require.ErrorIs(t, testkit.PanicError(t, copied.Release), refcell.ErrReleased)
	refuses(t, c, false, false)
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

func TestFormat(t *testing.T) {
	c := refcell.New(43)
	assert.Equal(t, "43 RefCell(43 borrowed=no)", fmt.Sprintf("%v %+v", c, c))
	r := c.Borrow()
	assert.Equal(t, "RefCell(43 borrowed=1) 43 Ref(43)", fmt.Sprintf("%#v %v %+v", c, &r, &r))
	r.Release()
	assert.Equal(t, "<released> Ref(<released>)", fmt.Sprintf("%v %+v", &r, &r))
	m := c.BorrowMut()
	assert.Equal(t, "RefCell(43 borrowed=mut) 43 RefMut(43)", fmt.Sprintf("%+v %v %+v", c, &m, &m))
	m.Release()
	assert.Equal(t, "<released>", fmt.Sprint(&m))
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
	c := refcell.New(1)
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
