//go:build amd64 || arm64

// Elsewhere atomic operations are calls, and some methods too large to inline.

package refcell_test

import (
	"testing"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/refcell"
)

func TestBorrowsDoNotAllocate(t *testing.T) {
	c, a := refcell.New(pair{}), refcell.NewAtomicRefCell(pair{})
	testkit.NoAllocs(t, "RefCell", func() {
		r := c.Borrow()
		part := refcell.Map(&r, func(p *pair) *int { return &p.a })
		clone := part.Clone()
		part.Release()
		clone.Release()
		m := c.BorrowMut()
		m.Ptr().a++
		m.Release()
		c.RWith(func(*pair) {})
		c.With(func(p *pair) { p.b++ })
		c.Replace(pair{})
	})
	testkit.NoAllocs(t, "AtomicRefCell", func() {
		r := a.Borrow()
		r.Release()
		m := a.BorrowMut()
		m.Ptr().a++
		m.Release()
	})
	m := c.BorrowMut()
	defer m.Release()
	testkit.Allocs(t, "a refusal", 1, func() { _, _ = c.TryBorrow() })
}

func TestFastPathsInline(t *testing.T) {
	t.Chdir("testdata/inline")
	for _, cell := range []string{"", "Atomic"} {
		testkit.Inlined(t,
			"refcell.(*"+cell+"RefCell[go.shape.int]).Borrow", "refcell.(*"+cell+"RefCell[go.shape.int]).BorrowMut",
			"refcell.(*"+cell+"Ref[go.shape.int]).Get", "refcell.(*"+cell+"Ref[go.shape.int]).Release",
			"refcell.(*"+cell+"RefMut[go.shape.int]).Ptr", "refcell.(*"+cell+"RefMut[go.shape.int]).Release")
	}
}
