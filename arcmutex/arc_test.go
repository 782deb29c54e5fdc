package arcmutex_test

import (
	"fmt"
	"log/slog"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit/handles"
)

// kind is Arc and Weak, as the tests see them that Rc and its Weak pass too.
var kind = handles.Of(handles.Kind{
	Package: "arcmutex", Owner: "Arc", Cyclic: "NewArcCyclic",
	ErrDropped: arcmutex.ErrDropped, ErrCopied: arcmutex.ErrCopied, Track: arcmutex.Track,
}, handles.Functions[*arcmutex.Arc[handles.Value], *arcmutex.Weak[handles.Value]]{
	New: arcmutex.NewArcDrop[handles.Value], NewCyclic: arcmutex.NewArcCyclic[handles.Value],
	MakeMut: arcmutex.MakeMut[handles.Value], UnwrapOrClone: arcmutex.UnwrapOrClone[handles.Value],
})

func TestArc(t *testing.T) { kind.Run(t) }

func TestArcOfAnyTypeOfValue(t *testing.T) {
	var speaks fmt.Stringer = slog.LevelInfo
	nan := arcmutex.NewArc(math.NaN())
	assert.NotEqual(t, *nan.Ptr(), *nan.Ptr())
	assert.Equal(t, []int{1, 2, 3}, *arcmutex.NewArc([]int{1, 2, 3}).Ptr())
	assert.Equal(t, "INFO", (*arcmutex.NewArc(speaks).Ptr()).String())
	assert.NoError(t, *arcmutex.NewArc[error](nil).Ptr())
	empty := arcmutex.NewArc(struct{}{})
	assert.Equal(t, "{} Arc({} strong=1 weak=0)", fmt.Sprintf("%v %+v", empty, empty))
}
