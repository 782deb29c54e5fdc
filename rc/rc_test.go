package rc_test

import (
	"fmt"
	"log/slog"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/handles"
	"github.com/coderrange/ferrous/rc"
)

// kind is Rc and Weak, as the tests see them that Arc and its Weak pass too.
var kind = handles.Of(handles.Kind{
	Package: "rc", Owner: "Rc", Cyclic: "NewCyclic",
	ErrDropped: rc.ErrDropped, ErrCopied: rc.ErrCopied, Track: rc.Track,
}, handles.Functions[*rc.Rc[handles.Value], *rc.Weak[handles.Value]]{
	New: rc.NewDrop[handles.Value], NewCyclic: rc.NewCyclic[handles.Value],
	MakeMut: rc.MakeMut[handles.Value], UnwrapOrClone: rc.UnwrapOrClone[handles.Value],
})

func TestRc(t *testing.T) { kind.Run(t) }

func TestAnyTypeOfValue(t *testing.T) {
	var speaks fmt.Stringer = slog.LevelInfo
	assert.Equal(t, "INFO", (*rc.New(speaks).Ptr()).String())
	assert.Equal(t, []int{1, 2, 3}, *rc.New([]int{1, 2, 3}).Ptr())
	assert.Equal(t, struct{}{}, *rc.New(struct{}{}).Ptr())
	nan := rc.New(math.NaN())
	assert.NotEqual(t, *nan.Ptr(), *nan.Ptr())
	nothing := rc.New[error](nil)
	assert.NoError(t, *nothing.Ptr())
	text := rc.New("foo")
	assert.Equal(t, `foo "foo" fo Rc(foo strong=1 weak=0)`, fmt.Sprintf("%s %q %.2s %+v", text, text, text, text))
}
