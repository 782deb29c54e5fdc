package rc_test

import (
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/rc"
)

func Example() {
	a := rc.NewDrop("Rust is awesome!", func(*string) { fmt.Println("freed") })
	b := a.Clone()
	c := b.Clone()
	fmt.Println(c, a.StrongCount())
	a.Drop()
	b.Drop()
	c.Drop()
	// Output:
	// Rust is awesome! 3
	// freed
}

func ExampleWeak() {
	parent := rc.New("parent")
	w := parent.Downgrade()
	if p, ok := w.Upgrade(); ok {
		fmt.Println(p)
		p.Drop()
	}
	parent.Drop()
	_, ok := w.Upgrade()
	fmt.Println(ok)
	// Output:
	// parent
	// false
}

func ExampleRc_MakeMutFunc() {
	a := rc.New([]int{1, 2, 3})
	b := a.Clone()
	(*b.MakeMutFunc(slices.Clone))[0] = 9
	fmt.Println(a, b)
	// Output: [1 2 3] [9 2 3]
}

func ExampleBox_Move() {
	b1 := rc.NewBox(500)
	b2 := b1.Move()
	defer func() { fmt.Println(recover()) }()
	fmt.Println(b2)
	b1.Ptr()
	// Output:
	// 500
	// rc: Box.Ptr: handle was dropped
}
