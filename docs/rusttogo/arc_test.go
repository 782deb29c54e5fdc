package rusttogo

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/refcell"
)

func Example_arcShare() {
	a := arcmutex.NewArcDrop("config", func(s *string) { fmt.Println("freed:", *s) })
	fmt.Println(a.StrongCount(), a.WeakCount())
	var wg sync.WaitGroup
	for range 3 {
		mine := a.Clone()
		wg.Go(func() {
			defer mine.Drop()
			_ = *mine.Ptr()
		})
	}
	wg.Wait()
	b := a.Clone()
	fmt.Println(a.PtrEq(b), *a.Ptr() == *b.Ptr(), a.StrongCount())
	b.Drop()
	a.Drop()
	// Output:
	// 1 0
	// true true 2
	// freed: config
}

func Example_arcChange() {
	a := arcmutex.NewArc([]int{1, 2})
	if v, only := a.GetMut(); only {
		*v = append(*v, 3)
	}
	b := a.Clone()
	(*b.MakeMutFunc(slices.Clone))[0] = 9
	c := arcmutex.NewArc(car{"Audi", nil})
	arcmutex.MakeMut(c).name = "BMW"
	fmt.Println(a, b, c)
	// Output: [1 2 3] [9 2 3] {BMW []}
}

func Example_arcUnwrap() {
	a := arcmutex.NewArc(car{"Audi", []int{50}})
	b := a.Clone()
	_, only := a.TryUnwrap()
	fmt.Println(only, arcmutex.UnwrapOrClone(a))
	v, last := b.IntoInner()
	fmt.Println(v, last)
	shape := arcmutex.NewArc[any](dog{"Rex"})
	d, ok := (*shape.Ptr()).(dog)
	fmt.Println(d.name, ok)
	// Output:
	// false {Audi [50]}
	// {Audi [50]} true
	// Rex true
}

func Example_arcWeak() {
	var nobody arcmutex.Weak[int]
	_, ok := nobody.Upgrade()
	a := arcmutex.NewArc(7)
	w := a.Downgrade()
	v := w.Clone()
	fmt.Println(ok, w.StrongCount(), w.WeakCount(), w.PtrEq(v))
	if b, ok := w.Upgrade(); ok {
		fmt.Println(b)
		b.Drop()
	}
	v.Drop()
	a.Drop()
	_, ok = w.Upgrade()
	fmt.Println(ok)
	// Output:
	// false 1 2 true
	// 7
	// false
}

func Example_arcCyclic() {
	type actor struct{ self *arcmutex.Weak[actor] }
	a := arcmutex.NewArcCyclic(func(self *arcmutex.Weak[actor]) actor { return actor{self.Clone()} }, nil)
	fmt.Println(a.StrongCount(), a.WeakCount())
	// Output: 1 1
}

func Example_arcRefCell() {
	a := arcmutex.NewArc(refcell.NewAtomicRefCell(0))
	b := a.Clone()
	w := (*a.Ptr()).BorrowMut()
	_, err := (*b.Ptr()).TryBorrow()
	fmt.Println(errors.Is(err, refcell.ErrMutBorrowed))
	w.Set(1)
	w.Release()
	fmt.Println(b)
	// Output:
	// true
	// 1
}
