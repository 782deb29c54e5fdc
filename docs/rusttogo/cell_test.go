package rusttogo

import (
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/refcell"
)

func Example_cell() {
	c, d := refcell.NewCell(5), refcell.NewCell(7)
	c.Set(c.Get() + 1)
	old := c.Replace(10)
	c.Swap(d)
	d.Update(func(n int) int { return n * 2 })
	fmt.Println(old, c, d)
	fmt.Println(c.Take(), c)
	row := make([]refcell.Cell[int], 2)
	row[1].Set(3)
	fmt.Println(&row[0], &row[1])
	// Output:
	// 6 7 20
	// 7 0
	// 0 3
}

func Example_refcell() {
	c := refcell.New(42)
	r1, r2 := c.Borrow(), c.Borrow()
	fmt.Println(r1.Get(), *r2.Ptr())
	try(func() { c.BorrowMut() })
	r1.Release()
	r2.Release()
	w := c.BorrowMut()
	w.Set(w.Get() + 1)
	try(func() { c.Borrow() })
	w.Release()
	fmt.Printf("%v, %+v\n", c, c)
	// Output:
	// 42 42
	// panic: refcell: RefCell.BorrowMut: already borrowed (2 readers)
	// panic: refcell: RefCell.Borrow: already mutably borrowed
	// 43, RefCell(43 borrowed=no)
}

func Example_refcellTry() {
	c := refcell.New(42)
	if w, err := c.TryBorrowMut(); err == nil {
		_, err := c.TryBorrow()
		fmt.Println(errors.Is(err, refcell.ErrMutBorrowed))
		w.Release()
	}
	c.With(func(n *int) { *n++ })
	c.RWith(func(n *int) { fmt.Println(*n) })
	// Output:
	// true
	// 43
}

func Example_refcellChange() {
	c, d := refcell.New(1), refcell.New(2)
	fmt.Println(c.Replace(10), c.ReplaceWith(func(n *int) int { return *n + 1 }))
	c.Swap(d)
	fmt.Println(c, d)
	fmt.Println(d.Take(), d)
	fmt.Println(c.IntoInner(), c)
	// Output:
	// 1 10
	// 2 11
	// 11 0
	// 2 <taken>
}

type point struct{ x, y int }

func pointX(p *point) *int { return &p.x }

func pointXY(p *point) (x, y *int) { return &p.x, &p.y }

func pointLeft(p *point) (*int, bool) { return &p.x, p.x < 0 }

func Example_refcellRef() {
	c := refcell.New(point{1, 2})
	r := c.Borrow()
	again := r.Clone()
	_, left := refcell.FilterMap(&r, pointLeft)
	x, y := refcell.MapSplit(&r, pointXY)
	fmt.Println(left, x.Get(), y.Get())
	only := refcell.Map(&again, pointX)
	fmt.Println(&only)
	x.Release()
	y.Release()
	only.Release()
	// Output:
	// false 1 2
	// 1
}

func Example_refcellRefMut() {
	c := refcell.New(point{1, 2})
	w := c.BorrowMut()
	_, left := refcell.FilterMapMut(&w, pointLeft)
	x, y := refcell.MapSplitMut(&w, pointXY)
	x.Set(y.Get() * 10)
	x.Release()
	y.Release()
	w = c.BorrowMut()
	only := refcell.MapMut(&w, pointX)
	*only.Ptr()++
	only.Release()
	fmt.Println(left, c)
	// Output: false {21 2}
}

func Example_onceCell() {
	var c refcell.OnceCell[string]
	_, ok := c.Get()
	fmt.Println(ok, c.GetOrInit(func() string { return "first" }), c.Set("second"))
	if s, ok := c.Ptr(); ok {
		*s += "!"
	}
	now, inserted := c.TryInsert("third")
	fmt.Println(now, inserted)
	taken, ok := c.Take()
	fmt.Println(taken, ok, &c)
	_, err := c.GetOrTryInit(func() (string, error) { return "", errSad })
	fmt.Println(err, refcell.OnceCellFrom("full"))
	// Output:
	// false first false
	// first! false
	// first! true <unset>
	// sad full
}

func Example_lazyCell() {
	c := refcell.NewLazyCell(func() int { fmt.Println("compute"); return 41 })
	_, made := c.TryGet()
	fmt.Println(made)
	fmt.Println(c.Get())
	*c.Ptr()++
	fmt.Println(c.Get())
	// Output:
	// false
	// compute
	// 41
	// 42
}
