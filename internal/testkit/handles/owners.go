package handles

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	stdweak "weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

var errBoom = errors.New("boom")

func (k tests) TestOwnersShareOneValue(t *testing.T) {
	a := k.of(5)
	b := a.Clone()
	b.Ptr().N = 20
	assert.Equal(t, 20, a.Ptr().N)
	assert.Same(t, a.Ptr(), b.Ptr())
	assert.True(t, a.PtrEq(b))
	assert.False(t, a.PtrEq(k.of(20)))
}

func (k tests) TestStrongCount(t *testing.T) {
	a := k.of(0)
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

func (k tests) TestWeakCount(t *testing.T) {
	a := k.of(0)
	assert.Zero(t, a.WeakCount())
	w := a.Downgrade()
	assert.Equal(t, 1, a.WeakCount())
	x := w.Clone()
	assert.Equal(t, 2, a.WeakCount())
	w.Drop()
	x.Drop()
	assert.Zero(t, a.WeakCount())
	assert.Zero(t, a.Clone().WeakCount())
}

func (k tests) TestCountsSeenByWeak(t *testing.T) {
	assert.Zero(t, k.zeroWeak().StrongCount())
	assert.Zero(t, k.zeroWeak().WeakCount())

	a := k.of(0)
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

func (k tests) TestUpgradeWhileAliveOnly(t *testing.T) {
	a := k.of(5)
	w := a.Downgrade()
	b, ok := w.Upgrade()
	require.True(t, ok)
	assert.Equal(t, 5, b.Ptr().N)
	b.Drop()
	a.Drop()
	_, ok = w.Upgrade()
	assert.False(t, ok)
}

func (k tests) TestZeroAndNilWeakUpgradeToNothing(t *testing.T) {
	zero := k.zeroWeak()
	for name, w := range map[string]Weak{
		"zero": zero, "nil": k.nilWeak(), "clone of zero": zero.Clone(), "clone of nil": k.nilWeak().Clone(),
	} {
		_, ok := w.Upgrade()
		assert.False(t, ok, name)
		assert.Zero(t, w.StrongCount(), name)
		assert.Equal(t, "(Weak)", fmt.Sprint(w.handle()), name)
	}
	zero.Drop()
	assert.ErrorIs(t, testkit.PanicError(t, zero.Drop), k.ErrDropped)
}

func (k tests) TestWeakPtrEq(t *testing.T) {
	a, b := k.of(1), k.of(1)
	v, w, x := a.Downgrade(), a.Downgrade(), b.Downgrade()
	assert.True(t, v.PtrEq(w))
	assert.False(t, v.PtrEq(x))
	a.Drop()
	assert.True(t, v.PtrEq(w), "also when the value is gone")
	assert.True(t, k.zeroWeak().PtrEq(k.zeroWeak()))
	assert.True(t, k.zeroWeak().PtrEq(k.nilWeak()))
	assert.False(t, k.zeroWeak().PtrEq(x))
}

func (k tests) TestLastDropDestroysOnceAlsoWhileWeaksLive(t *testing.T) {
	a, destroyed := k.counted()
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

func (k tests) TestUpgradeFailsInsideTheDestructor(t *testing.T) {
	var w Weak
	ran := false
	a := k.newOwner(Value{N: 7}, func(v *Value) {
		ran = true
		_, ok := w.Upgrade()
		assert.False(t, ok)
		assert.Zero(t, w.StrongCount())
		assert.Equal(t, 7, v.N)
	})
	w = a.Downgrade()
	a.Drop()
	assert.True(t, ran)
}

func (k tests) TestPanicOfADestructorLeavesTheCountsConsistent(t *testing.T) {
	runs := 0
	a := k.newOwner(Value{}, func(*Value) { runs++; panic(errBoom) })
	b, w := a.Clone(), a.Downgrade()
	a.Drop()
	require.ErrorIs(t, testkit.PanicError(t, b.Drop), errBoom)
	assert.Equal(t, 1, runs)
	_, ok := w.Upgrade()
	assert.False(t, ok)
	assert.Zero(t, w.StrongCount())
	assert.ErrorIs(t, testkit.PanicError(t, b.Drop), k.ErrDropped)
	assert.Equal(t, 1, runs)
}

func (k tests) TestListOfAMillionNodesIsDroppedWithoutOverflow(t *testing.T) {
	nodes := 1_000_000
	if testkit.RaceEnabled {
		nodes = 100_000
	}
	destroyed := 0
	destroy := func(v *Value) {
		destroyed++
		if v.next != nil {
			v.next.Drop()
		}
	}
	var head Owner
	for range nodes {
		head = k.newOwner(Value{next: head}, destroy)
	}
	head.Drop()
	assert.Equal(t, nodes, destroyed)
}

func (k tests) TestNestedDestructorsRunBeforeDropReturns(t *testing.T) {
	var order []string
	buffer := k.newOwner(Value{}, func(*Value) { order = append(order, "flush") })
	file := k.newOwner(Value{}, func(*Value) {
		buffer.Drop()
		order = append(order, "close")
	})
	file.Drop()
	assert.Equal(t, []string{"flush", "close"}, order)
}

func (k tests) TestTryUnwrap(t *testing.T) {
	a, destroyed := k.counted()
	b := a.Clone()
	_, ok := a.TryUnwrap()
	assert.False(t, ok, "with a clone")
	assert.Equal(t, 5, a.Ptr().N, "and a lives on")
	b.Drop()
	w := a.Downgrade()
	v, ok := a.TryUnwrap()
	assert.True(t, ok, "with Weaks only")
	assert.Equal(t, 5, v.N)
	_, ok = w.Upgrade()
	assert.False(t, ok)
	assert.Zero(t, *destroyed, "the value was moved out, not destroyed")
	assert.ErrorIs(t, testkit.PanicError(t, a.Drop), k.ErrDropped)
}

func (k tests) TestIntoInner(t *testing.T) {
	a, destroyed := k.counted()
	b := a.Clone()
	w := a.Downgrade()
	_, ok := a.IntoInner()
	assert.False(t, ok, "not the last owner")
	v, ok := b.IntoInner()
	assert.True(t, ok, "the last owner, with a Weak")
	assert.Equal(t, 5, v.N)
	_, ok = w.Upgrade()
	assert.False(t, ok)
	assert.Zero(t, *destroyed)
	assert.ErrorIs(t, testkit.PanicError(t, func() { a.Ptr() }), k.ErrDropped)
}

func (k tests) TestUnwrapOrClone(t *testing.T) {
	a := k.newOwner(Value{List: []int{1}}, nil)
	b := a.Clone()
	v := a.UnwrapOrClone()
	v.List[0] = 2
	assert.Equal(t, []int{1}, b.Ptr().List)
	never := func(Value) Value { t.Error("cloned"); return Value{} }
	assert.Equal(t, []int{1}, b.UnwrapOrCloneFunc(never).List)
}

func (k tests) TestUnwrapOrCloneDestroysWhatItsCloneLeavesBehind(t *testing.T) {
	a, destroyed := k.counted()
	b := a.Clone()
	v := a.UnwrapOrCloneFunc(func(v Value) Value { b.Drop(); return v })
	assert.Equal(t, 5, v.N)
	assert.Equal(t, 1, *destroyed)
}

func (k tests) TestUnwrapOrCloneEndsItsHandleWhateverCloneDoes(t *testing.T) {
	for name, fail := range map[string]func(a Owner){
		"panics":           func(Owner) { panic(errBoom) },
		"drops the handle": func(a Owner) { a.Drop() },
		"uses the handle":  func(a Owner) { a.Ptr() },
	} {
		a, destroyed := k.counted()
		b := a.Clone()
		require.Error(t, testkit.PanicError(t, func() { a.UnwrapOrCloneFunc(func(v Value) Value { fail(a); return v }) }), name)
		require.ErrorIs(t, testkit.PanicError(t, func() { a.Ptr() }), k.ErrDropped, name)
		assert.Equal(t, 1, b.StrongCount(), name)
		b.Drop()
		assert.Equal(t, 1, *destroyed, name)
	}
}

func (k tests) TestGetMutNeedsToBeAlone(t *testing.T) {
	a := k.of(3)
	p, ok := a.GetMut()
	require.True(t, ok)
	p.N = 4
	assert.Equal(t, 4, a.Ptr().N)
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

func (k tests) TestMakeMutClonesWhatIsShared(t *testing.T) {
	a := k.of(75)
	b, c := a.Clone(), a.Clone()
	a.MakeMut().N++
	b.MakeMut().N += 2
	c.MakeMut().N += 3
	assert.Equal(t, []int{76, 77, 78}, []int{a.Ptr().N, b.Ptr().N, c.Ptr().N})
	assert.Equal(t, []int{1, 1, 1}, []int{a.StrongCount(), b.StrongCount(), c.StrongCount()})
}

func (k tests) TestMakeMutLeavesTheOthersTogether(t *testing.T) {
	a := k.of(75)
	b := a.Clone()
	c := b.Clone()
	a.MakeMut().N++
	assert.Equal(t, 76, a.Ptr().N)
	assert.True(t, b.PtrEq(c))
	assert.Equal(t, 75, b.Ptr().N)
	assert.Equal(t, 2, b.StrongCount())
}

func (k tests) TestMakeMutAloneKeepsTheValueAndDisconnectsWeaks(t *testing.T) {
	destroyed := 0
	a := k.newOwner(Value{List: []int{75}}, func(*Value) { destroyed++ }).WithName("prices")
	first := &a.Ptr().List[0]
	w := a.Downgrade()
	never := func(Value) Value { t.Error("cloned"); return Value{} }
	a.MakeMutFunc(never).List[0]++
	assert.Equal(t, []int{76}, a.Ptr().List)
	assert.Same(t, first, &a.Ptr().List[0], "moved, not copied")
	_, ok := w.Upgrade()
	assert.False(t, ok)
	assert.Zero(t, w.StrongCount())
	assert.Zero(t, a.WeakCount())
	assert.Zero(t, destroyed)
	a.Drop()
	assert.Equal(t, 1, destroyed)
}

func (k tests) TestMakeMutKeepsTheDestructor(t *testing.T) {
	a, destroyed := k.counted()
	b := a.Clone()
	a.MakeMut().N = 10
	a.Drop()
	assert.Equal(t, 2, *destroyed)
	b.Drop()
	assert.Equal(t, 3, *destroyed)
}

func (k tests) TestMakeMutDestroysWhatItsCloneLeavesBehind(t *testing.T) {
	a, destroyed := k.counted()
	b := a.Clone()
	a.MakeMutFunc(func(v Value) Value { b.Drop(); return v })
	assert.Equal(t, 1, *destroyed, "b was the last other owner, and a left")
	assert.Equal(t, 5, a.Ptr().N)
}

func (k tests) TestMakeMutWhoseCloneFailsChangesNothing(t *testing.T) {
	a := k.of(1)
	b := a.Clone()
	err := testkit.PanicError(t, func() { a.MakeMutFunc(func(Value) Value { panic(errBoom) }) })
	require.ErrorIs(t, err, errBoom)
	assert.True(t, a.PtrEq(b))
	assert.Equal(t, 2, a.StrongCount())
}

func (k tests) TestMakeMutWhoseCloneUsesTheHandle(t *testing.T) {
	a, destroyed := k.counted()
	b := a.Clone()
	err := testkit.PanicError(t, func() { b.MakeMutFunc(func(v Value) Value { b.Drop(); return v }) })
	require.EqualError(t, err, k.message("MakeMut", "handle was dropped"))
	assert.Equal(t, 1, *destroyed, "the clone has a destructor too")
	assert.Equal(t, 1, a.StrongCount())
	c := a.Clone()
	c.MakeMutFunc(func(v Value) Value {
		c.MakeMutFunc(func(v Value) Value { v.N++; return v }).N = 15
		return v
	}).N = 10
	assert.Equal(t, 4, *destroyed, "the value that c had for a moment")
	assert.Equal(t, 5, a.Ptr().N)
	assert.Equal(t, 10, c.Ptr().N)
	a.Drop()
	c.Drop()
	assert.Equal(t, 7, *destroyed)
}

// TestPtrIsToBeRepeatedAfterMakeMut says when the pointer of Ptr ends.
func (k tests) TestPtrIsToBeRepeatedAfterMakeMut(t *testing.T) {
	a := k.of(5)
	w := a.Downgrade()
	before := a.Ptr()
	a.MakeMut().N = 6
	assert.NotSame(t, before, a.Ptr())
	assert.Equal(t, 6, a.Ptr().N)
	w.Drop()
	a.Drop()
}

func (k tests) TestNewCyclic(t *testing.T) {
	for refs := range 3 {
		a := k.newCyclic(func(self Weak) (v Value) {
			assert.Zero(t, self.StrongCount())
			assert.Zero(t, self.WeakCount())
			_, ok := self.Upgrade()
			assert.False(t, ok)
			if refs > 0 {
				v.self = self.Clone()
			}
			if refs > 1 {
				v.again = v.self.Clone()
			}
			return v
		}, nil)
		assert.Equal(t, 1, a.StrongCount())
		assert.Equal(t, refs, a.WeakCount())
		if refs > 0 {
			b, ok := a.Ptr().self.Upgrade()
			assert.True(t, ok)
			assert.True(t, a.PtrEq(b))
			assert.Equal(t, 2, a.Ptr().self.StrongCount())
		}
	}
}

func (k tests) TestNewCyclicLendsItsWeak(t *testing.T) {
	a := k.newCyclic(func(self Weak) Value { return Value{self: self} }, nil)
	err := testkit.PanicError(t, func() { a.Ptr().self.Upgrade() })
	assert.EqualError(t, err, k.Package+": Weak.Upgrade: handle was dropped")
}

func (k tests) TestNewCyclicHasADestructor(t *testing.T) {
	destroyed := 0
	a := k.newCyclic(func(Weak) Value { return Value{N: 5} }, func(v *Value) { destroyed += v.N })
	b := a.Clone()
	a.Drop()
	assert.Zero(t, destroyed)
	b.Drop()
	assert.Equal(t, 5, destroyed)
}

func (k tests) TestNewCyclicWhoseFunctionFailsDestroysNothing(t *testing.T) {
	for name, fail := range map[string]func(self Weak){
		"panics":         func(Weak) { panic("boom") },
		"exits":          func(Weak) { runtime.Goexit() },
		"drops its Weak": func(self Weak) { self.Drop() },
	} {
		destroyed := 0
		var lent, kept Weak
		done := make(chan any)
		go func() {
			defer func() { done <- recover() }()
			k.newCyclic(func(self Weak) Value {
				lent, kept = self, self.Clone()
				fail(self)
				return Value{}
			}, func(*Value) { destroyed++ })
		}()
		switch r := <-done; name {
		case "exits":
			assert.Nil(t, r)
		case "drops its Weak":
			assert.ErrorContains(t, r.(error), k.Package+": Weak.Drop: ")
			assert.ErrorContains(t, r.(error), k.Cyclic)
		default:
			assert.Equal(t, "boom", r)
		}
		_, ok := kept.Upgrade()
		assert.False(t, ok, name)
		kept.Drop()
		require.ErrorIs(t, testkit.PanicError(t, func() { lent.Upgrade() }), k.ErrDropped, "what was lent ends with f")
		assert.Zero(t, destroyed, name)
	}
}

func (k tests) TestWeaksDoNotKeepTheValueAlive(t *testing.T) {
	for name, drop := range map[string]func(*Value){"with a destructor": func(*Value) {}, "without": nil} {
		list := make([]int, 1<<16)
		seen := stdweak.Make(&list[0])
		a := k.newOwner(Value{List: list}, drop)
		w := a.Downgrade()
		list = nil
		a.Drop()
		runtime.GC()
		assert.Nil(t, seen.Value(), name)
		runtime.KeepAlive(w)
	}
}

func (k tests) TestFormat(t *testing.T) {
	a := k.of(42)
	b := a.Clone()
	w := a.Downgrade()
	gone := a.Clone()
	gone.Drop()
	for _, verb := range []string{"%v", "%d", "%x", "%5d", "%q"} {
		assert.Equal(t, fmt.Sprintf(verb, *b.Ptr()), fmt.Sprintf(verb, b.handle()), verb)
	}
	for _, verb := range []string{"%+v", "%#v"} {
		assert.Equal(t, k.Owner+"("+fmt.Sprintf(verb, *b.Ptr())+" strong=2 weak=1)", fmt.Sprintf(verb, b.handle()))
	}
	assert.Equal(t, "(Weak)", fmt.Sprint(w.handle()))
	assert.Equal(t, "Weak(strong=2 weak=1)", fmt.Sprintf("%+v", w.handle()))
	assert.Equal(t, "<dropped>", fmt.Sprint(gone.handle()))
	assert.Equal(t, k.Owner+"(<dropped>)", fmt.Sprintf("%+v", gone.handle()))
	w.Drop()
	assert.Equal(t, "Weak(<dropped>)", fmt.Sprintf("%#v", w.handle()))
}

func (k tests) TestLogValue(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil))
	logged := func(what any) string {
		out.Reset()
		logger.Info("x", "v", what)
		_, text, _ := bytes.Cut(bytes.TrimSpace(out.Bytes()), []byte("msg=x "))
		return string(text)
	}
	a := k.of(42)
	w := a.Downgrade()
	assert.Regexp(t, `^v\.value=.*42.* v\.strong=1 v\.weak=1$`, logged(a.handle()))
	assert.Equal(t, "v.strong=1 v.weak=1", logged(w.handle()))
	a.Drop()
	w.Drop()
	assert.Equal(t, "v=<dropped>", logged(a.handle()))
	assert.Equal(t, "v=<dropped>", logged(w.handle()))
}
