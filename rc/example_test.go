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

func ExampleBox() {
	b := rc.NewBoxDrop("file", func(name *string) { fmt.Println("closed", *name) })
	defer b.Drop()
	fmt.Println(*b.Ptr())
	// Output:
	// file
	// closed file
}

func ExampleRc() {
	a := rc.New([]int{1, 2})
	b := a.Clone()
	_, only := a.GetMut()
	fmt.Println(only, a.StrongCount(), a.PtrEq(b))
	b.Drop()
	v, last := a.IntoInner()
	fmt.Println(v, last)
	// Output:
	// false 2 true
	// [1 2] true
}

func ExampleNewCyclic() {
	type node struct {
		name string
		self *rc.Weak[node]
	}
	a := rc.NewCyclic(func(self *rc.Weak[node]) node { return node{"root", self.Clone()} }, nil)
	if b, ok := a.Ptr().self.Upgrade(); ok {
		fmt.Println(b.Ptr().name, b.StrongCount())
		b.Drop()
	}
	// Output: root 2
}

func ExampleUnwrapOrClone() {
	a := rc.New(words{"a"})
	b := a.Clone()
	own := rc.UnwrapOrClone(a) // a clone: b owns the value too
	own[0] = "changed"
	fmt.Println(own, b)
	// Output: [changed] [a]
}

func ExampleMakeMut() {
	a := rc.New(words{"a"})
	b := a.Clone()
	(*rc.MakeMut(a))[0] = "changed" // a owns a clone now
	fmt.Println(a, b)
	// Output: [changed] [a]
}

// words can clone itself.
type words []string

func (w words) Clone() words { return slices.Clone(w) }
