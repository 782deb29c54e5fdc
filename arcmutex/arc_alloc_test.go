//go:build amd64 || arm64

// Elsewhere atomic operations are calls, which leaves Clone too large to inline
// and its handle on the heap.

package arcmutex_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

// kept makes what is stored in it escape.
var kept any

func TestArcAllocations(t *testing.T) {
	a := arcmutex.NewArc(1)
	w := a.Downgrade()
	testkit.Allocs(t, "NewArc, Drop", 1, func() { arcmutex.NewArc(1).Drop() })
	testkit.NoAllocs(t, "Clone, Get, Drop where the handle does not escape", func() {
		c := a.Clone()
		_ = *c.Ptr()
		c.Drop()
	})
	testkit.NoAllocs(t, "Upgrade, Drop where the handle does not escape", func() {
		if c, ok := w.Upgrade(); ok {
			c.Drop()
		}
	})
	testkit.Allocs(t, "Clone, Drop where it does", 1, func() {
		c := a.Clone()
		kept = c
		c.Drop()
	})
	testkit.Allocs(t, "Downgrade, Drop", 1, func() { a.Downgrade().Drop() })
}

func TestArcIsThreeWords(t *testing.T) {
	assert.Equal(t, 3*unsafe.Sizeof(uintptr(0)), unsafe.Sizeof(arcmutex.Arc[int]{}))
}

func TestFastPathsOfCountInline(t *testing.T) {
	testkit.Inlined(t, "(*Count).Inc", "(*Count).TryInc", "(*Count).Dec")
}

func TestFastPathsOfArcInline(t *testing.T) {
	t.Chdir("testdata/inline")
	testkit.Inlined(t, "arcmutex.(*Arc[…]).Clone", "arcmutex.(*Arc[…]).Drop", "arcmutex.(*Arc[…]).Ptr", "arcmutex.(*Weak[…]).Upgrade")
}
