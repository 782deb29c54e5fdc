package refcell_test

import (
	"errors"
	"fmt"
	"sync"

	"github.com/coderrange/ferrous/refcell"
)

func Example() {
	c := refcell.New(42)
	m := c.BorrowMut()
	*m.Ptr()++
	_, err := c.TryBorrow()
	fmt.Println(err)
	m.Release()
	fmt.Println(c)
	// Output:
	// refcell: RefCell.TryBorrow: already mutably borrowed
	// 43
}

// A loop over the value is safe from code that would grow the value.
func ExampleRefCell() {
	names := refcell.New([]string{"a", "b"})
	names.RWith(func(v *[]string) {
		for _, name := range *v {
			_, err := names.TryBorrowMut() // names.With would panic
			fmt.Println(name, errors.Is(err, refcell.ErrBorrowed))
		}
	})
	names.With(func(v *[]string) { *v = append(*v, "c") })
	fmt.Println(names)
	// Output:
	// a true
	// b true
	// [a b c]
}

func ExampleRef() {
	c := refcell.New(1)
	a := c.Borrow()
	b := a.Clone()
	fmt.Println(a.Get(), *b.Ptr())
	fmt.Println(c.BorrowState())
	a.Release()
	b.Release()
	// Output:
	// 1 1
	// 2 false
}

func ExampleRefMut() {
	c := refcell.New(1)
	m := c.BorrowMut()
	defer m.Release()
	m.Set(m.Get() + 1)
	*m.Ptr() *= 10
	fmt.Println(m.Get())
	// Output: 20
}

// Goroutines take turns with the value. A turn that overlaps another one is an error
// and not a data race.
func ExampleAtomicRefCell() {
	c := refcell.NewAtomicRefCell(0)
	var wg sync.WaitGroup
	wg.Go(func() { c.With(func(n *int) { *n++ }) })
	wg.Wait()
	wg.Go(func() { c.With(func(n *int) { *n++ }) })
	wg.Wait()
	fmt.Println(c.IntoInner())
	_, err := c.TryBorrow()
	fmt.Println(err)
	// Output:
	// 2
	// refcell: AtomicRefCell.TryBorrow: value was taken out by IntoInner
}

func ExampleAtomicRef() {
	c := refcell.NewAtomicRefCell(7)
	r := c.Borrow()
	done := make(chan int)
	go func() { // the other goroutine releases the borrow
		defer r.Release()
		done <- r.Get()
	}()
	fmt.Println(<-done)
	// Output: 7
}

func ExampleAtomicRefMut() {
	c := refcell.NewAtomicRefCell(7)
	m := c.BorrowMut()
	*m.Ptr()++
	m.Release()
	fmt.Println(c)
	// Output: 8
}

func ExampleBorrowError() {
	c := refcell.New(1)
	r := c.Borrow()
	defer r.Release()
	_, err := c.TryBorrowMut()
	if refused, ok := errors.AsType[*refcell.BorrowError](err); ok {
		fmt.Println(refused.Op, refused.Readers)
	}
	// Output: RefCell.TryBorrowMut 1
}

func ExampleMap() {
	type point struct{ x, y int }
	c := refcell.New(point{1, 2})
	r := c.Borrow()
	y := refcell.Map(&r, func(p *point) *int { return &p.y })
	defer y.Release()
	fmt.Println(y.Get())
	// Output: 2
}

func ExampleMapSplitMut() {
	type point struct{ x, y int }
	c := refcell.New(point{1, 2})
	m := c.BorrowMut()
	x, y := refcell.MapSplitMut(&m, func(p *point) (*int, *int) { return &p.x, &p.y })
	x.Set(y.Get() * 10)
	x.Release()
	y.Release()
	fmt.Println(c)
	// Output: {20 2}
}

func ExampleCell() {
	type config struct{ reads *refcell.Cell[int] }
	c := config{refcell.NewCell(0)}
	read := func(c config) { c.reads.Update(func(n int) int { return n + 1 }) }
	read(c)
	read(c)
	fmt.Println(c.reads.Get(), c.reads.Take(), c.reads.Get())
	// Output: 2 2 0
}

func ExampleOnceCell() {
	var c refcell.OnceCell[string]
	fmt.Println(c.GetOrInit(func() string { return "first" }))
	fmt.Println(c.Set("second"), &c)
	// Output:
	// first
	// false first
}

func ExampleLazyCell() {
	table := refcell.NewLazyCell(func() int {
		fmt.Println("computing")
		return 92
	})
	_, computed := table.TryGet()
	fmt.Println(computed)
	fmt.Println(table.Get(), table.Get())
	// Output:
	// false
	// computing
	// 92 92
}
