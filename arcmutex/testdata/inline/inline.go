// Package inline instantiates the generic types, so that the compiler says what
// it can inline.
package inline

import "github.com/coderrange/ferrous/arcmutex"

// Use uses every fast path.
func Use(a *arcmutex.Arc[int], w *arcmutex.Weak[int]) int {
	c := a.Clone()
	u, _ := w.Upgrade()
	n := *c.Ptr() + *u.Ptr()
	c.Drop()
	u.Drop()
	return n
}
