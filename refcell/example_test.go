package refcell_test

import (
	"fmt"

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

func ExampleMap() {
	type point struct{ x, y int }
	c := refcell.New(point{1, 2})
	r := c.Borrow()
	y := refcell.Map(&r, func(p *point) *int { return &p.y })
	defer y.Release()
	fmt.Println(y.Get())
	// Output: 2
}

func ExampleLazyCell() {
	table := refcell.NewLazyCell(func() int {
		fmt.Println("computing")
		return 92
	})
	fmt.Println(table.Get(), table.Get())
	// Output:
	// computing
	// 92 92
}
