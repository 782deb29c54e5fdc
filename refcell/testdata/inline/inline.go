// Package inline instantiates the generic types, so that the compiler says what
// it can inline.
package inline

import "github.com/coderrange/ferrous/refcell"

// Use uses every fast path.
func Use(c *refcell.RefCell[int], a *refcell.AtomicRefCell[int]) int {
	r := c.Borrow()
	n := r.Get()
	r.Release()
	m := c.BorrowMut()
	m.Set(n)
	m.Release()
	ar := a.Borrow()
	n += ar.Get()
	ar.Release()
	am := a.BorrowMut()
	am.Set(n)
	am.Release()
	return n
}
