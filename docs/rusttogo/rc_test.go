package rusttogo

import (
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
)

func Example_box() {
	b := rc.NewBox(car{"Audi", []int{50}})
	b.Ptr().name = "BMW"
	deep := rc.NewBox(b.Ptr().Clone())
	b.Ptr().fuel[0] = 10
	fmt.Println(b, deep)
	fmt.Println(b.IntoInner())
	shared := deep.IntoRc()
	fmt.Println(shared.StrongCount())
	shared.Drop()
	// Output:
	// {BMW [10]} {BMW [50]}
	// {BMW [10]}
	// 1
}

func Example_boxForms() {
	b := rc.NewBox[any](500)
	n, ok := (*b.Ptr()).(int)
	fmt.Println(n, ok)
	static := b.Ptr()
	slice := rc.NewBox([]int{1, 2})
	fmt.Println(*static, slices.Concat(*slice.Ptr(), []int{3}))
	slice.Drop()
	// Output:
	// 500 true
	// 500 [1 2 3]
}

func Example_rcShare() {
	a := rc.NewDrop("Rust is awesome!", func(s *string) { fmt.Println("freed:", *s) })
	b, c := a.Clone(), a.Clone()
	fmt.Println(*b.Ptr(), a.StrongCount(), a.WeakCount(), a.PtrEq(c), *a.Ptr() == *b.Ptr())
	a.Drop()
	b.Drop()
	c.Drop()
	// Output:
	// Rust is awesome! 3 0 true true
	// freed: Rust is awesome!
}

func Example_rcChange() {
	a := rc.New([]int{1, 2})
	if v, only := a.GetMut(); only {
		*v = append(*v, 3)
	}
	b := a.Clone()
	v := b.MakeMutFunc(slices.Clone)
	(*v)[0] = 9
	fmt.Println(a, b)
	c := rc.New(car{"Audi", nil})
	rc.MakeMut(c).name = "BMW"
	fmt.Println(c)
	// Output:
	// [1 2 3] [9 2 3]
	// {BMW []}
}

func Example_rcUnwrap() {
	a := rc.New(car{"Audi", []int{50}})
	b := a.Clone()
	_, only := a.TryUnwrap()
	fmt.Println(only)
	fmt.Println(rc.UnwrapOrClone(a), b.StrongCount())
	v, last := b.IntoInner()
	fmt.Println(v, last)
	// Output:
	// false
	// {Audi [50]} 1
	// {Audi [50]} true
}

func Example_rcShared() {
	v := rc.New(refcell.New([]int{1}))
	w := v.Clone()
	(*w.Ptr()).With(func(v *[]int) { *v = append(*v, 2) })
	fmt.Println(v)
	flag := rc.New(refcell.NewCell(false))
	(*flag.Ptr()).Set(true)
	fmt.Println(flag)
	shape := rc.New[any](dog{"Rex"})
	d, ok := (*shape.Ptr()).(dog)
	fmt.Println(d.name, ok)
	// Output:
	// [1 2]
	// true
	// Rex true
}

// node is a child that knows its parent without keeping it.
type node struct {
	name   string
	parent *rc.Weak[node]
}

func Example_weak() {
	var nobody rc.Weak[node]
	_, ok := nobody.Upgrade()
	fmt.Println(ok)
	root := rc.New(node{name: "root"})
	w := root.Downgrade()
	leaf := node{"leaf", w.Clone()}
	fmt.Println(w.StrongCount(), w.WeakCount(), w.PtrEq(leaf.parent))
	if parent, ok := leaf.parent.Upgrade(); ok {
		fmt.Println(parent.Ptr().name)
		parent.Drop()
	}
	w.Drop()
	root.Drop()
	_, ok = leaf.parent.Upgrade()
	fmt.Println(ok)
	// Output:
	// false
	// 1 2 true
	// root
	// false
}

func Example_weakCyclic() {
	self := rc.NewCyclic(func(self *rc.Weak[node]) node { return node{"self", self.Clone()} }, nil)
	again, ok := self.Ptr().parent.Upgrade()
	fmt.Println(again.Ptr().name, ok, self.StrongCount())
	// Output: self true 2
}
