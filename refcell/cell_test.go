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

func TestCell(t *testing.T) {
	var zero refcell.Cell[int]
	assert.Zero(t, zero.Get())
	c := refcell.NewCell(10)
	c.Set(20)
	assert.Equal(t, 20, c.Get())
	assert.Equal(t, 20, c.Replace(30))
	c.Update(func(v int) int { assert.Equal(t, 30, c.Get()); return v / 3 })
	assert.Equal(t, 10, c.Get())
	d := refcell.NewCell(1)
	c.Swap(d)
	assert.Equal(t, []int{1, 10}, []int{c.Get(), d.Get()})
	c.Swap(c)
	assert.Equal(t, 1, c.Take())
	assert.Zero(t, c.Get())
	assert.Equal(t, "10 Cell(10)", fmt.Sprintf("%v %+v", d, d))
	assert.Equal(t, "v=10", logged(d))
}

func TestCellChangesAFieldOfASharedStruct(t *testing.T) {
	type account struct {
		name   string
		visits refcell.Cell[int]
	}
	visit := func(a *account) { a.visits.Update(func(n int) int { return n + 1 }) }
	a := &account{name: "x"}
	visit(a)
	visit(a)
	assert.Equal(t, 2, a.visits.Get())
}

func TestOnceCell(t *testing.T) {
	var c refcell.OnceCell[int]
	_, ok := c.Get()
	assert.False(t, ok)
	_, ok = c.Ptr()
	assert.False(t, ok)
	_, ok = c.Take()
	assert.False(t, ok)
	assert.Equal(t, "<unset> OnceCell(<unset>)", fmt.Sprintf("%v %+v", &c, &c))
	assert.Equal(t, "v=<unset>", logged(&c))

	assert.Equal(t, 92, c.GetOrInit(func() int { return 92 }))
	assert.Equal(t, 92, c.GetOrInit(func() int { panic("called twice") }))
	assert.False(t, c.Set(1))
	v, ok := c.TryInsert(1)
	assert.Equal(t, 92, v)
	assert.False(t, ok)
	p, ok := c.Ptr()
	require.True(t, ok)
	*p += 2
	assert.Equal(t, "94 OnceCell(94)", fmt.Sprintf("%v %+v", &c, &c))
	assert.Equal(t, "v=94", logged(&c))
	v, ok = c.Take()
	assert.Equal(t, 94, v)
	assert.True(t, ok)
	assert.True(t, c.Set(5), "empty again")
	v, ok = c.Get()
	assert.Equal(t, 5, v)
	assert.True(t, ok)
	v, ok = refcell.OnceCellFrom(3).Get()
	assert.Equal(t, 3, v)
	assert.True(t, ok)
}

func TestOnceCellStaysEmptyWhenItsInitializerFails(t *testing.T) {
	boom := errors.New("boom")
	var c refcell.OnceCell[int]
	_, err := c.GetOrTryInit(func() (int, error) { return 1, boom })
	require.ErrorIs(t, err, boom)
	require.ErrorIs(t, testkit.PanicError(t, func() { c.GetOrInit(func() int { panic(boom) }) }), boom)
	_, ok := c.Get()
	assert.False(t, ok)
	v, err := c.GetOrTryInit(func() (int, error) { return 2, nil })
	require.NoError(t, err)
	assert.Equal(t, 2, v)
	v, err = c.GetOrTryInit(func() (int, error) { return 0, boom })
	require.NoError(t, err)
	assert.Equal(t, 2, v)
}

func TestOnceCellRefusesReentrance(t *testing.T) {
	for op, f := range map[string]func(c *refcell.OnceCell[int]){
		"GetOrInit":    func(c *refcell.OnceCell[int]) { c.GetOrInit(func() int { return 1 }) },
		"GetOrTryInit": func(c *refcell.OnceCell[int]) { _, _ = c.GetOrTryInit(func() (int, error) { return 1, nil }) },
		"TryInsert":    func(c *refcell.OnceCell[int]) { c.TryInsert(1) },
		"Set":          func(c *refcell.OnceCell[int]) { c.Set(1) },
	} {
		var c refcell.OnceCell[int]
		err := testkit.PanicError(t, func() { c.GetOrInit(func() int { f(&c); return 2 }) })
		require.ErrorIs(t, err, refcell.ErrReentrant)
		assert.EqualError(t, err, "refcell: OnceCell."+op+": initializer needs its own value")
		assert.True(t, c.Set(3))
	}
}

func TestLazyCell(t *testing.T) {
	calls := 0
	c := refcell.NewLazyCell(func() int { calls++; return 92 })
	assert.Zero(t, calls)
	_, ok := c.TryGet()
	assert.False(t, ok)
	assert.Equal(t, "<unset> LazyCell(<unset>)", fmt.Sprintf("%v %+v", c, c))
	assert.Equal(t, 62, c.Get()-30)
	assert.Equal(t, 62, c.Get()-30)
	assert.Equal(t, 1, calls)
	*c.Ptr() = 5
	v, ok := c.TryGet()
	assert.Equal(t, 5, v)
	assert.True(t, ok)
	assert.Equal(t, "5 LazyCell(5)", fmt.Sprintf("%v %+v", c, c))
	assert.Equal(t, "v=5", logged(c))
}

func TestLazyCellWhoseInitializerPanicsIsPoisoned(t *testing.T) {
	boom := errors.New("boom")
	c := refcell.NewLazyCell(func() int { panic(boom) })
	require.ErrorIs(t, testkit.PanicError(t, func() { c.Ptr() }), boom)
	err := testkit.PanicError(t, func() { c.Get() })
	require.ErrorIs(t, err, refcell.ErrPoisoned)
	assert.EqualError(t, err, "refcell: LazyCell.Get: initializer did not return")
}

func TestLazyCellRefusesReentranceAndNil(t *testing.T) {
	var c *refcell.LazyCell[int]
	c = refcell.NewLazyCell(func() int { return c.Get() })
	require.ErrorIs(t, testkit.PanicError(t, func() { c.Get() }), refcell.ErrReentrant)
	err := testkit.PanicError(t, func() { refcell.NewLazyCell[int](nil) })
	assert.EqualError(t, err, "refcell: NewLazyCell: no initializer")
}
