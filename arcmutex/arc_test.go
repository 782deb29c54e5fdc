package arcmutex_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

// price can clone itself.
type price struct{ cents int }

func (p price) Clone() price { return p }

// counted returns an owner of 5 whose destructions are counted.
func counted() (r *arcmutex.Arc[int], destroyed *int) {
	destroyed = new(int)
	return arcmutex.NewArcDrop(5, func(v *int) { *destroyed += *v / 5 }), destroyed
}

func TestOwnersShareOneValue(t *testing.T) {
	a := arcmutex.NewArc(5)
	b := a.Clone()
	*b.Ptr() = 20
	assert.Equal(t, 20, *a.Ptr())
	assert.Same(t, a.Ptr(), b.Ptr())
	other := arcmutex.NewArc(20)
	assert.True(t, a.PtrEq(b))
	assert.False(t, a.PtrEq(other))
}

func TestStrongCount(t *testing.T) {
	a := arcmutex.NewArc(0)
	assert.Equal(t, 1, a.StrongCount())
	w := a.Downgrade()
	assert.Equal(t, 1, a.StrongCount())
	b, ok := w.Upgrade()
	require.True(t, ok)
	assert.Equal(t, 2, a.StrongCount())
	assert.Equal(t, 2, b.StrongCount())
	w.Drop()
	a.Drop()
	assert.Equal(t, 1, b.StrongCount())
	c := b.Clone()
	assert.Equal(t, 2, b.StrongCount())
	assert.Equal(t, 2, c.StrongCount())
}

func TestWeakCount(t *testing.T) {
	a := arcmutex.NewArc(0)
	assert.Zero(t, a.WeakCount())
	w := a.Downgrade()
	assert.Equal(t, 1, a.WeakCount())
	x := w.Clone()
	assert.Equal(t, 2, a.WeakCount())
	w.Drop()
	x.Drop()
	assert.Zero(t, a.WeakCount())
	b := a.Clone()
	assert.Zero(t, b.WeakCount())
}

func TestCountsSeenByWeak(t *testing.T) {
	var empty arcmutex.Weak[int]
	assert.Zero(t, empty.StrongCount())
	assert.Zero(t, empty.WeakCount())

	a := arcmutex.NewArc(0)
	w := a.Downgrade()
	x := w.Clone()
	assert.Equal(t, 1, x.StrongCount())
	assert.Equal(t, 2, x.WeakCount())
	w.Drop()
	assert.Equal(t, 1, x.WeakCount())
	b := a.Clone()
	assert.Equal(t, 2, x.StrongCount())
	b.Drop()
	a.Drop()
	assert.Zero(t, x.StrongCount())
	assert.Zero(t, x.WeakCount(), "a value that is gone has no Weaks")
	x.Drop()
}

func TestUpgradeWhileAliveOnly(t *testing.T) {
	a := arcmutex.NewArc(5)
	w := a.Downgrade()
	b, ok := w.Upgrade()
	require.True(t, ok)
	assert.Equal(t, 5, *b.Ptr())
	b.Drop()
	a.Drop()
	_, ok = w.Upgrade()
	assert.False(t, ok)
}

func TestZeroAndNilWeakUpgradeToNothing(t *testing.T) {
	zero := &arcmutex.Weak[int]{}
	for name, w := range map[string]*arcmutex.Weak[int]{"zero": zero, "nil": nil, "clone of zero": zero.Clone(), "clone of nil": (*arcmutex.Weak[int])(nil).Clone()} {
		_, ok := w.Upgrade()
		assert.False(t, ok, name)
		assert.Zero(t, w.StrongCount(), name)
		assert.Equal(t, "(Weak)", fmt.Sprint(w), name)
	}
	zero.Drop()
	assert.ErrorIs(t, testkit.PanicError(t, zero.Drop), arcmutex.ErrDropped)
}

func TestWeakPtrEq(t *testing.T) {
	a, b := arcmutex.NewArc(1), arcmutex.NewArc(1)
	v, w, x := a.Downgrade(), a.Downgrade(), b.Downgrade()
	assert.True(t, v.PtrEq(w))
	assert.False(t, v.PtrEq(x))
	a.Drop()
	assert.True(t, v.PtrEq(w), "also when the value is gone")
	assert.True(t, (&arcmutex.Weak[int]{}).PtrEq(&arcmutex.Weak[int]{}))
	assert.False(t, (&arcmutex.Weak[int]{}).PtrEq(x))
}

func TestLastDropDestroysOnceAlsoWhileWeaksLive(t *testing.T) {
	a, destroyed := counted()
	b := a.Clone()
	w := a.Downgrade()
	a.Drop()
	assert.Zero(t, *destroyed)
	b.Drop()
	assert.Equal(t, 1, *destroyed)
	_, ok := w.Upgrade()
	assert.False(t, ok)
	w.Drop()
	assert.Equal(t, 1, *destroyed)
}

func TestUpgradeFailsInsideTheDestructor(t *testing.T) {
	var w *arcmutex.Weak[string]
	ran := false
	a := arcmutex.NewArcDrop("value", func(v *string) {
		ran = true
		_, ok := w.Upgrade()
		assert.False(t, ok)
		assert.Zero(t, w.StrongCount())
		assert.Equal(t, "value", *v)
	})
	w = a.Downgrade()
	a.Drop()
	assert.True(t, ran)
}

func TestPanicOfADestructorLeavesTheCountsConsistent(t *testing.T) {
	boom := errors.New("boom")
	runs := 0
	a := arcmutex.NewArcDrop([]int{1}, func(*[]int) { runs++; panic(boom) })
	b, w := a.Clone(), a.Downgrade()
	a.Drop()
	require.ErrorIs(t, testkit.PanicError(t, b.Drop), boom)
	assert.Equal(t, 1, runs)
	_, ok := w.Upgrade()
	assert.False(t, ok)
	assert.Zero(t, w.StrongCount())
	assert.ErrorIs(t, testkit.PanicError(t, b.Drop), arcmutex.ErrDropped)
	assert.Equal(t, 1, runs)
}

// node is a list whose destructor drops what follows.
type node struct{ next *arcmutex.Arc[node] }

func TestListOfAMillionNodesIsDroppedWithoutOverflow(t *testing.T) {
	const nodes = 1_000_000
	destroyed := 0
	destroy := func(n *node) {
		destroyed++
		if n.next != nil {
			n.next.Drop()
		}
	}
	var head *arcmutex.Arc[node]
	for range nodes {
		head = arcmutex.NewArcDrop(node{head}, destroy)
	}
	head.Drop()
	assert.Equal(t, nodes, destroyed)
}

func TestNestedDestructorsRunBeforeDropReturns(t *testing.T) {
	var order []string
	log := func(s string) func(*int) { return func(*int) { order = append(order, s) } }
	buffer := arcmutex.NewArcDrop(0, log("flush"))
	file := arcmutex.NewArcDrop(0, func(*int) {
		buffer.Drop()
		order = append(order, "close")
	})
	file.Drop()
	assert.Equal(t, []string{"flush", "close"}, order)
}

func TestUseAfterDropPanicsAtTheCulprit(t *testing.T) {
	for method, use := range map[string]func(*arcmutex.Arc[price]){
		"Get":           func(r *arcmutex.Arc[price]) { r.Ptr() },
		"Clone":         func(r *arcmutex.Arc[price]) { r.Clone() },
		"Drop":          func(r *arcmutex.Arc[price]) { r.Drop() },
		"StrongCount":   func(r *arcmutex.Arc[price]) { r.StrongCount() },
		"WeakCount":     func(r *arcmutex.Arc[price]) { r.WeakCount() },
		"PtrEq":         func(r *arcmutex.Arc[price]) { r.PtrEq(r) },
		"Downgrade":     func(r *arcmutex.Arc[price]) { r.Downgrade() },
		"TryUnwrap":     func(r *arcmutex.Arc[price]) { r.TryUnwrap() },
		"IntoInner":     func(r *arcmutex.Arc[price]) { r.IntoInner() },
		"GetMut":        func(r *arcmutex.Arc[price]) { r.GetMut() },
		"MakeMut":       func(r *arcmutex.Arc[price]) { arcmutex.MakeMut(r) },
		"UnwrapOrClone": func(r *arcmutex.Arc[price]) { arcmutex.UnwrapOrClone(r) },
		"WithName":      func(r *arcmutex.Arc[price]) { r.WithName("x") },
	} {
		a := arcmutex.NewArc(price{1})
		b := a.Clone()
		b.Drop()
		err := testkit.PanicError(t, func() { use(b) })
		require.ErrorIs(t, err, arcmutex.ErrDropped, method)
		assert.EqualError(t, err, "arcmutex: Arc."+method+": handle was dropped")
		assert.Equal(t, 1, a.StrongCount(), "%s took a count from another owner", method)
		a.Drop()
	}
}

func TestUseOfTheZeroArcPanics(t *testing.T) {
	assert.Panics(t, func() { new(arcmutex.Arc[int]).Ptr() })
	assert.Panics(t, func() { new(arcmutex.Arc[int]).Clone() })
	assert.Panics(t, new(arcmutex.Arc[int]).Drop)
}

func TestUseOfADroppedWeakPanics(t *testing.T) {
	a := arcmutex.NewArc(1)
	for method, use := range map[string]func(*arcmutex.Weak[int]){
		"Upgrade":     func(w *arcmutex.Weak[int]) { w.Upgrade() },
		"Clone":       func(w *arcmutex.Weak[int]) { w.Clone() },
		"Drop":        func(w *arcmutex.Weak[int]) { w.Drop() },
		"StrongCount": func(w *arcmutex.Weak[int]) { w.StrongCount() },
		"WeakCount":   func(w *arcmutex.Weak[int]) { w.WeakCount() },
		"PtrEq":       func(w *arcmutex.Weak[int]) { w.PtrEq(w) },
	} {
		kept, w := a.Downgrade(), a.Downgrade()
		w.Drop()
		err := testkit.PanicError(t, func() { use(w) })
		require.ErrorIs(t, err, arcmutex.ErrDropped)
		assert.EqualError(t, err, "arcmutex: Weak."+method+": handle was dropped")
		assert.Equal(t, 1, a.WeakCount())
		kept.Drop()
	}
}

func TestTryUnwrap(t *testing.T) {
	a, destroyed := counted()
	b := a.Clone()
	_, ok := a.TryUnwrap()
	assert.False(t, ok, "with a clone")
	assert.Equal(t, 5, *a.Ptr(), "and a lives on")
	b.Drop()
	w := a.Downgrade()
	v, ok := a.TryUnwrap()
	assert.True(t, ok, "with Weaks only")
	assert.Equal(t, 5, v)
	_, ok = w.Upgrade()
	assert.False(t, ok)
	assert.Zero(t, *destroyed, "the value was moved out, not destroyed")
	assert.ErrorIs(t, testkit.PanicError(t, a.Drop), arcmutex.ErrDropped)
}

func TestIntoInner(t *testing.T) {
	a, destroyed := counted()
	b := a.Clone()
	w := a.Downgrade()
	_, ok := a.IntoInner()
	assert.False(t, ok, "not the last owner")
	v, ok := b.IntoInner()
	assert.True(t, ok, "the last owner, with a Weak")
	assert.Equal(t, 5, v)
	_, ok = w.Upgrade()
	assert.False(t, ok)
	assert.Zero(t, *destroyed)
	assert.ErrorIs(t, testkit.PanicError(t, func() { a.Ptr() }), arcmutex.ErrDropped)
}

func TestUnwrapOrClone(t *testing.T) {
	clones := 0
	clone := func(v []int) []int { clones++; return slices.Clone(v) }
	a := arcmutex.NewArc([]int{1})
	b := a.Clone()
	v := a.UnwrapOrCloneFunc(clone)
	v[0] = 2
	assert.Equal(t, []int{1}, *b.Ptr())
	assert.Equal(t, []int{1}, b.UnwrapOrCloneFunc(clone))
	assert.Equal(t, 1, clones)
	assert.Equal(t, price{3}, arcmutex.UnwrapOrClone(arcmutex.NewArc(price{3})))
}

func TestUnwrapOrCloneDestroysWhatItsCloneLeavesBehind(t *testing.T) {
	a, destroyed := counted()
	b := a.Clone()
	v := a.UnwrapOrCloneFunc(func(v int) int { b.Drop(); return v })
	assert.Equal(t, 5, v)
	assert.Equal(t, 1, *destroyed)
}

func TestGetMutNeedsToBeAlone(t *testing.T) {
	a := arcmutex.NewArc(3)
	p, ok := a.GetMut()
	require.True(t, ok)
	*p = 4
	assert.Equal(t, 4, *a.Ptr())
	b := a.Clone()
	_, ok = a.GetMut()
	assert.False(t, ok, "with a clone")
	b.Drop()
	_, ok = a.GetMut()
	assert.True(t, ok)
	w := a.Downgrade()
	_, ok = a.GetMut()
	assert.False(t, ok, "with a Weak")
	w.Drop()
	_, ok = a.GetMut()
	assert.True(t, ok)
}

func TestMakeMutClonesWhatIsShared(t *testing.T) {
	a := arcmutex.NewArc(price{75})
	b, c := a.Clone(), a.Clone()
	arcmutex.MakeMut(a).cents++
	arcmutex.MakeMut(b).cents += 2
	arcmutex.MakeMut(c).cents += 3
	assert.Equal(t, []int{76, 77, 78}, []int{a.Ptr().cents, b.Ptr().cents, c.Ptr().cents})
	assert.Equal(t, []int{1, 1, 1}, []int{a.StrongCount(), b.StrongCount(), c.StrongCount()})
}

func TestMakeMutLeavesTheOthersTogether(t *testing.T) {
	a := arcmutex.NewArc(price{75})
	b := a.Clone()
	c := b.Clone()
	arcmutex.MakeMut(a).cents++
	assert.Equal(t, 76, a.Ptr().cents)
	assert.True(t, b.PtrEq(c))
	assert.Equal(t, 75, b.Ptr().cents)
	assert.Equal(t, 2, b.StrongCount())
}

func TestMakeMutAloneKeepsTheValueAndDisconnectsWeaks(t *testing.T) {
	destroyed := 0
	a := arcmutex.NewArcDrop([]int{75}, func(*[]int) { destroyed++ }).WithName("prices")
	first := &(*a.Ptr())[0]
	w := a.Downgrade()
	never := func([]int) []int { t.Error("cloned"); return nil }
	(*a.MakeMutFunc(never))[0]++
	assert.Equal(t, []int{76}, *a.Ptr())
	assert.Same(t, first, &(*a.Ptr())[0], "moved, not copied")
	_, ok := w.Upgrade()
	assert.False(t, ok)
	assert.Zero(t, w.StrongCount())
	assert.Zero(t, a.WeakCount())
	assert.Zero(t, destroyed)
	a.Drop()
	assert.Equal(t, 1, destroyed)
}

func TestMakeMutKeepsTheDestructor(t *testing.T) {
	a, destroyed := counted()
	b := a.Clone()
	*a.MakeMutFunc(func(v int) int { return v }) = 10
	a.Drop()
	assert.Equal(t, 2, *destroyed)
	b.Drop()
	assert.Equal(t, 3, *destroyed)
}

func TestMakeMutDestroysWhatItsCloneLeavesBehind(t *testing.T) {
	a, destroyed := counted()
	b := a.Clone()
	a.MakeMutFunc(func(v int) int { b.Drop(); return v })
	assert.Equal(t, 1, *destroyed, "b was the last other owner, and a left")
	assert.Equal(t, 5, *a.Ptr())
}

func TestMakeMutWhoseCloneFailsChangesNothing(t *testing.T) {
	boom := errors.New("boom")
	a := arcmutex.NewArc(1)
	b := a.Clone()
	err := testkit.PanicError(t, func() { a.MakeMutFunc(func(int) int { panic(boom) }) })
	require.ErrorIs(t, err, boom)
	assert.True(t, a.PtrEq(b))
	assert.Equal(t, 2, a.StrongCount())
}

// selfish refers to itself.
type selfish struct{ self, again *arcmutex.Weak[selfish] }

func TestNewCyclic(t *testing.T) {
	for refs := range 3 {
		a := arcmutex.NewArcCyclic(func(self *arcmutex.Weak[selfish]) (s selfish) {
			assert.Zero(t, self.StrongCount())
			assert.Zero(t, self.WeakCount())
			_, ok := self.Upgrade()
			assert.False(t, ok)
			if refs > 0 {
				s.self = self.Clone()
			}
			if refs > 1 {
				s.again = s.self.Clone()
			}
			return s
		}, nil)
		assert.Equal(t, 1, a.StrongCount())
		assert.Equal(t, refs, a.WeakCount())
		b, ok := a.Ptr().self.Upgrade()
		assert.Equal(t, refs > 0, ok)
		if ok {
			assert.True(t, a.PtrEq(b))
			assert.Equal(t, 2, a.Ptr().self.StrongCount())
		}
	}
}

func TestNewCyclicLendsItsWeak(t *testing.T) {
	a := arcmutex.NewArcCyclic(func(self *arcmutex.Weak[selfish]) selfish { return selfish{self: self} }, nil)
	err := testkit.PanicError(t, func() { a.Ptr().self.Upgrade() })
	assert.EqualError(t, err, "arcmutex: Weak.Upgrade: handle was dropped")
}

func TestNewCyclicThatPanicsLeavesDeadWeaks(t *testing.T) {
	var kept *arcmutex.Weak[int]
	boom := errors.New("boom")
	err := testkit.PanicError(t, func() {
		arcmutex.NewArcCyclic(func(self *arcmutex.Weak[int]) int { kept = self.Clone(); panic(boom) }, nil)
	})
	require.ErrorIs(t, err, boom)
	_, ok := kept.Upgrade()
	assert.False(t, ok)
}

func TestWeaksDoNotKeepTheValueAlive(t *testing.T) {
	big := new([1 << 16]byte)
	seen := weak.Make(big)
	a := arcmutex.NewArc(big)
	w := a.Downgrade()
	a.Drop()
	runtime.GC()
	assert.Nil(t, seen.Value())
	runtime.KeepAlive(w)
}

func TestAnyTypeOfValue(t *testing.T) {
	var speaks fmt.Stringer = slog.LevelInfo
	assert.Equal(t, "INFO", (*arcmutex.NewArc(speaks).Ptr()).String())
	assert.Equal(t, []int{1, 2, 3}, *arcmutex.NewArc([]int{1, 2, 3}).Ptr())
	assert.Equal(t, "foo", *arcmutex.NewArc("foo").Ptr())
	assert.Equal(t, struct{}{}, *arcmutex.NewArc(struct{}{}).Ptr())
	nan := arcmutex.NewArc(math.NaN())
	assert.NotEqual(t, *nan.Ptr(), *nan.Ptr())
	nothing := arcmutex.NewArc[error](nil)
	assert.NoError(t, *nothing.Ptr())
}

func TestFormat(t *testing.T) {
	a := arcmutex.NewArc("Rust is awesome!")
	b := a.Clone()
	w := a.Downgrade()
	gone := a.Clone()
	gone.Drop()
	for format, want := range map[string]string{
		"%v": "Rust is awesome!", "%s": "Rust is awesome!", "%q": `"Rust is awesome!"`, "%.4s": "Rust",
		"%+v": "Arc(Rust is awesome! strong=2 weak=1)", "%#v": `Arc("Rust is awesome!" strong=2 weak=1)`,
	} {
		assert.Equal(t, want, fmt.Sprintf(format, b), format)
	}
	assert.Equal(t, "(Weak)", fmt.Sprint(w))
	assert.Equal(t, "Weak(strong=2 weak=1)", fmt.Sprintf("%+v", w))
	assert.Equal(t, "<dropped>", fmt.Sprint(gone))
	assert.Equal(t, "Arc(<dropped>)", fmt.Sprintf("%+v", gone))
	w.Drop()
	assert.Equal(t, "Weak(<dropped>)", fmt.Sprintf("%#v", w))
}

func TestLogValue(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	a := arcmutex.NewArc(42)
	w := a.Downgrade()
	logger.Info("live", "arc", a, "weak", w)
	a.Drop()
	w.Drop()
	logger.Info("dead", "arc", a, "weak", w)
	assert.Equal(t, "level=INFO msg=live arc.value=42 arc.strong=1 arc.weak=1 weak.strong=1 weak.weak=1\n"+
		"level=INFO msg=dead arc=<dropped> weak=<dropped>\n", out.String())
}
