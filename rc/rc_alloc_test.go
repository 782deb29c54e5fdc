package rc_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/rc"
)

// kept makes what is stored in it escape.
var kept any

func TestAllocations(t *testing.T) {
	a := rc.New(1)
	w := a.Downgrade()
	testkit.Allocs(t, "New, Drop", 1, func() { rc.New(1).Drop() })
	testkit.Allocs(t, "NewBox, Drop", 1, func() { rc.NewBox(1).Drop() })
	testkit.NoAllocs(t, "Clone, Get, Drop where the handle does not escape", func() {
		c := a.Clone()
		*c.Ptr()++
		c.Drop()
	})
	testkit.Allocs(t, "Clone, Drop where it does", 1, func() {
		c := a.Clone()
		kept = c
		c.Drop()
	})
	testkit.Allocs(t, "Upgrade, Drop", 1, func() {
		c, _ := w.Upgrade()
		c.Drop()
	})
	testkit.Allocs(t, "Downgrade, Drop", 1, func() { a.Downgrade().Drop() })
}

func TestHandlesAreThreeWords(t *testing.T) {
	words := 3 * unsafe.Sizeof(uintptr(0))
	assert.Equal(t, words, unsafe.Sizeof(rc.Rc[int]{}))
	assert.Equal(t, words, unsafe.Sizeof(rc.Box[int]{}))
	assert.Equal(t, words, unsafe.Sizeof(rc.Weak[int]{}))
}

func TestFastPathsInline(t *testing.T) {
	t.Chdir("testdata/inline")
	testkit.Inlined(t, "rc.(*Rc[…]).Clone", "rc.(*Rc[…]).Drop", "rc.(*Rc[…]).Ptr", "rc.(*Box[…]).Ptr")
}
