package rusttogo

import (
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
)

// try prints what f panics with.
func try(f func()) {
	defer func() { fmt.Println("panic:", recover()) }()
	f()
}

func Example_ownershipMove() {
	b1 := rc.NewBox(500)
	b2 := b1.Move()
	fmt.Println(*b2.Ptr())
	try(func() { b1.Ptr() })
	b2.Drop()
	// Output:
	// 500
	// panic: rc: Box.Ptr: handle was dropped
}

func Example_ownershipScope() {
	func() {
		file := rc.NewBoxDrop("app.log", func(name *string) { fmt.Println("close", *name) })
		defer file.Drop()
		fmt.Println("write", file)
	}()
	// Output:
	// write app.log
	// close app.log
}

// car has a field that a plain copy shares, and one that it does not.
type car struct {
	name string
	fuel []int
}

// Clone copies the fuel too.
func (c car) Clone() car { return car{c.name, slices.Clone(c.fuel)} }

func Example_ownershipCopy() {
	a := car{"Audi", []int{50}}
	shallow, deep := a, a.Clone()
	a.fuel[0] = 10
	fmt.Println(shallow, deep)
	// Output: {Audi [10]} {Audi [50]}
}

func Example_ownershipBorrow() {
	v := refcell.New([]int{1, 2, 3})
	r := v.Borrow()
	for _, x := range r.Get() {
		if x == 2 {
			try(func() { v.With(func(v *[]int) { *v = append(*v, 4) }) })
		}
	}
	r.Release()
	try(func() { r.Get() })
	v.RWith(func(v *[]int) { fmt.Println(*v) })
	// Output:
	// panic: refcell: RefCell.With: already borrowed (1 reader)
	// panic: refcell: Ref.Get: guard was released
	// [1 2 3]
}

// longest returns one of two strings, which lives as long as anybody needs it.
func longest(a, b string) string {
	if len(a) >= len(b) {
		return a
	}
	return b
}

func Example_ownershipLifetime() {
	var s string
	{
		owned := "longer"
		s = longest("short", owned)
	}
	fmt.Println(s)
	// Output: longer
}

func Example_ownershipPrint() {
	a := rc.New(refcell.NewCell(42))
	fmt.Printf("%v, %+v\n", a, a)
	a.Drop()
	// Output: 42, Rc(Cell(42) strong=1 weak=0)
}

// speaker is what Rust would call a trait.
type speaker interface{ speak() string }

type dog struct{ name string }

func (d dog) speak() string { return d.name + " says woof" }

func add[T int | float64](a, b T) T { return a + b }

func Example_ownershipGenerics() {
	animals := []speaker{dog{"Rex"}, dog{"Ada"}}
	for _, a := range animals {
		fmt.Println(a.speak())
	}
	fmt.Println(add(1, 2), add(0.5, 0.25))
	// Output:
	// Rex says woof
	// Ada says woof
	// 3 0.75
}
