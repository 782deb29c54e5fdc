// Package inline instantiates the generic types, so that the compiler says what
// it can inline.
package inline

import "github.com/coderrange/ferrous/rc"

// Use uses every fast path.
func Use(r *rc.Rc[int], w *rc.Weak[int], b *rc.Box[int]) int {
	c := r.Clone()
	u, _ := w.Upgrade()
	n := *c.Ptr() + *u.Ptr() + *b.Ptr()
	c.Drop()
	u.Drop()
	return n
}
