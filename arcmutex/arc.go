package arcmutex

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"unsafe"

	"github.com/coderrange/ferrous/internal/destruct"
	"github.com/coderrange/ferrous/internal/show"
)

// An Arc is one owner of a value that several goroutines share. It is a counted
// handle: the destructor of the value runs when the last owner is dropped.
//
// [NewArc], [NewArcDrop], [NewArcCyclic], [Arc.Clone] and [Weak.Upgrade] return a
// *Arc. Each of these handles must be ended once, by Drop, IntoInner, UnwrapOrClone,
// UnwrapOrCloneFunc, or a TryUnwrap that returns true.
// Every later use of the handle panics with an error that is [ErrDropped]. If two
// goroutines end the same handle, one of them panics and the counts stay correct.
// The zero Arc behaves like a handle that was dropped.
//
// An Arc that is never dropped is never destroyed: the garbage collector frees its
// memory, but does not run the destructor. Package track finds such handles.
//
// An Arc must not be copied: pass the pointer, or Clone. Every use of a copy panics
// with an error that is [ErrCopied] and does not affect the original.
//
// The methods are safe for concurrent use, with the exception of GetMut and MakeMut.
// During these two calls, and while the returned pointer is in use, no other
// goroutine may use the same handle. Other handles of the value may be used. Every
// Drop synchronizes before the destructor runs.
//
// Clone is wait-free and one atomic operation. Drop is two, see [Count]. Ending a
// handle may wait until a TryUnwrap of the same handle has done its two atomic
// operations. NewArc allocates once, for the value, the counts and the first handle
// together. Clone allocates 24 bytes, or nothing if the handle does not escape.
//
// After std::sync::Arc.
type Arc[T any] struct {
	_ noCopy
	handle
	shared *shared[T]
}

// shared is the control block of one value: all handles of the value point to it.
type shared[T any] struct {
	counts // first, for Arc.counts
	drop   func(*T)
	first  Arc[T] // the handle that the constructor returns
	value  T      // zero after the last Drop
}

// NewArc returns the first owner of v.
//
//ferrous:acquire
func NewArc[T any](v T) *Arc[T] { return NewArcDrop(v, nil) }

// NewArcDrop returns the first owner of v. drop is the destructor: the goroutine that
// drops the last owner calls it, exactly once, even if Weaks remain. If the value is
// taken out first, by IntoInner for example, drop is not called. A nil drop means no
// destructor. If drop panics, the panic propagates from Drop, and the value is
// destroyed.
//
// drop may lock, wait, and drop other handles: nothing of this package is locked while
// it runs. The Drop that called it waits for it. So do not call Drop while you hold a
// lock that drop takes. While drop runs, the value has no owner: the counts of its
// Weaks are 0, and Upgrade fails.
//
// If a destructor drops the last owner of another value, that value is destroyed
// before the inner Drop returns, down to a depth of at least 100. Deeper values are
// destroyed after the destructor that dropped them has returned. So a linked list of
// any length can be dropped.
//
//ferrous:acquire
func NewArcDrop[T any](v T, drop func(*T)) *Arc[T] {
	s := &shared[T]{drop: drop, value: v}
	return s.born()
}

// NewArcCyclic returns the first owner of the value that f returns. f receives a Weak
// to that value and may store clones of the Weak in the value. drop is the destructor
// as in [NewArcDrop]; nil means none. NewArcCyclic panics if f is nil.
//
// The Weak that f receives ends when f returns. f must not Drop it. While f runs, the
// value does not exist, the strong count is 0 and Upgrade fails. If f panics or calls
// [runtime.Goexit], the value never exists: drop is not called, and Upgrade of a
// clone always fails.
//
//ferrous:acquire
func NewArcCyclic[T any](f func(self *Weak[T]) T, drop func(*T)) *Arc[T] {
	needFunc("NewArcCyclic", f != nil)
	s := &shared[T]{drop: drop}
	s.strong.n.Store(dead)
	self := s.newWeak()
	defer self.lend()()
	s.value = f(self)
	return s.born()
}

// Ptr returns a pointer to the value. All owners share the value: do not change it,
// or use a type that is safe for concurrent use, such as a [Mutex]. The pointer is
// valid until the last owner is dropped, or until [MakeMut] gives a its own value.
//
//ferrous:lends
func (a *Arc[T]) Ptr() *T {
	if atomic.LoadUintptr(a.word()) != a.address() { // if equal, the handle is live
		a.stillLive("Ptr")
	}
	return &a.shared.value
}

// Clone returns another owner of the value. It does not copy the value. It is one
// atomic operation.
//
//ferrous:acquire
func (a *Arc[T]) Clone() *Arc[T] {
	c := &Arc[T]{shared: a.shared}
	a.counts().retain(&a.handle, &c.handle)
	return c
}

// Drop ends this owner. If it is the last one, Drop calls the destructor before it
// returns; see [NewArcDrop].
//
//ferrous:release
func (a *Arc[T]) Drop() { a.counts().release(&a.handle) }

// StrongCount returns the number of owners. Other goroutines may change the number
// at any time.
func (a *Arc[T]) StrongCount() int {
	n := a.use("StrongCount").strong.Load()
	if n == 0 || !a.live() { // another goroutine has ended a; n may not include it
		panic(a.misuse("Arc.StrongCount"))
	}
	return int(n)
}

// WeakCount returns the number of Weaks to the value. Other goroutines may change
// the number at any time.
func (a *Arc[T]) WeakCount() int { return a.use("WeakCount").weaks() }

// PtrEq reports whether a and other own the same value. It does not compare values.
// It panics if other is nil.
func (a *Arc[T]) PtrEq(other *Arc[T]) bool {
	s := a.use("PtrEq")
	needArc(other != nil, "Arc.PtrEq")
	return s == other.use("PtrEq")
}

// Downgrade returns a Weak to the value.
//
//ferrous:acquire
func (a *Arc[T]) Downgrade() *Weak[T] { return a.use("Downgrade").newWeak() }

// TryUnwrap takes the value out and ends a, if a is the only owner. Weaks do not
// count. The destructor does not run. If there are other owners, TryUnwrap returns
// false and a stays as it is. If the last two owners call TryUnwrap at the same time,
// both may fail; see [Arc.IntoInner].
//
//ferrous:takes a on ok
func (a *Arc[T]) TryUnwrap() (T, bool) {
	a.hold("TryUnwrap")
	last := a.shared.strong.tryEnd()
	a.release(!last)
	if !last {
		var zero T
		return zero, false
	}
	a.token.End()
	return a.shared.take(), true
}

// IntoInner ends a, and takes the value out if a was the last owner. Then the
// destructor does not run. If every owner calls IntoInner, exactly one gets the
// value.
//
//ferrous:takes a
func (a *Arc[T]) IntoInner() (T, bool) {
	s := a.leave("IntoInner")
	if !s.strong.Dec() {
		var zero T
		return zero, false
	}
	return s.take(), true
}

// GetMut returns a pointer through which the value may be changed, if there is no
// other owner and no Weak; otherwise it returns false. The pointer is valid until the
// next use of a. If two goroutines call GetMut of the same handle, both get the
// pointer, which is a data race.
//
//ferrous:lends
func (a *Arc[T]) GetMut() (*T, bool) {
	s := a.use("GetMut")
	if !s.unique() {
		return nil, false
	}
	return &s.value, true
}

// A Cloner can copy itself. How deep the copy is, is up to the type.
type Cloner[T any] interface{ Clone() T }

// UnwrapOrClone ends a and returns the value if a was the last owner, or else a clone
// of the value. If Clone panics, a has ended.
//
//ferrous:takes a
func UnwrapOrClone[T Cloner[T]](a *Arc[T]) T {
	needArc(a != nil, "UnwrapOrClone")
	return a.UnwrapOrCloneFunc(T.Clone)
}

// UnwrapOrCloneFunc is [UnwrapOrClone] for values without a Clone method.
//
//ferrous:takes a
func (a *Arc[T]) UnwrapOrCloneFunc(clone func(T) T) T {
	needFunc("Arc.UnwrapOrCloneFunc", clone != nil)
	s := a.leave("UnwrapOrClone")
	if s.strong.tryEnd() {
		return s.take()
	}
	defer s.less()
	return clone(s.value)
}

// MakeMut returns a pointer through which the value of a may be changed: it is clone
// on write. If there are other owners, a first gets its own clone with the same
// destructor. If a is the only owner but there are Weaks, a keeps the value and the
// Weaks no longer refer to it. In both cases the value has a new address, so call Ptr
// again. If a is the only handle, nothing is moved.
//
//ferrous:lends
func MakeMut[T Cloner[T]](a *Arc[T]) *T {
	needArc(a != nil, "MakeMut")
	return a.MakeMutFunc(T.Clone)
}

// MakeMutFunc is [MakeMut] for values without a Clone method, such as a slice:
// a.MakeMutFunc(slices.Clone).
//
//ferrous:lends
func (a *Arc[T]) MakeMutFunc(clone func(T) T) *T {
	needFunc("Arc.MakeMutFunc", clone != nil)
	s := a.use("MakeMut")
	if s.unique() {
		return &s.value
	}
	own := &shared[T]{drop: s.drop}
	own.self = own
	own.name.Store(s.name.Load())
	last := s.strong.tryEnd()
	if last {
		own.value = s.take()
	} else {
		own.value = clone(s.value)
	}
	if !a.live() { // clone has ended it
		defer own.destroy()
		panic(a.misuse("Arc.MakeMut"))
	}
	old := a.shared // equal to s, unless clone has called MakeMut
	a.shared = own
	if !last {
		old.less()
	}
	return &own.value
}

// WithName sets the name of the value in leak reports, and returns a. It applies to a
// and to the handles that are made later, so call it before Clone.
func (a *Arc[T]) WithName(name string) *Arc[T] {
	a.use("WithName").name.Store(&name)
	a.token.Rename(name)
	return a
}

// Format prints the value. %+v and %#v print the counts too:
// Arc(42 strong=3 weak=1). It does not lock the value: a value that changes must be one
// that guards itself when it is printed, such as a [Mutex].
func (a *Arc[T]) Format(f fmt.State, verb rune) {
	if !a.live() {
		show.Text(f, verb, "Arc", a.text(), "")
		return
	}
	s := a.shared
	show.Value(f, verb, "Arc", &s.value, fmt.Sprintf("strong=%v weak=%d", &s.strong, s.weaks()))
}

// LogValue logs the value and the counts.
func (a *Arc[T]) LogValue() slog.Value {
	if !a.live() {
		return slog.StringValue(a.text())
	}
	s := a.shared
	return slog.GroupValue(slog.Attr{Key: "value", Value: show.Log(&s.value)}, slog.Int64("strong", s.strong.Load()), slog.Int("weak", s.weaks()))
}

// needArc panics in the name of a method if its Arc is nil.
func needArc(given bool, method string) {
	if !given {
		panic(methodError(method, errNilHandle))
	}
}

// use returns the control block of a. It panics if a is not live.
func (a *Arc[T]) use(method string) *shared[T] {
	if !a.live() {
		panic(a.misuse("Arc." + method))
	}
	return a.shared
}

// leave ends the handle a but leaves the strong count as it is, and returns the
// control block. It panics if a is not live.
func (a *Arc[T]) leave(method string) *shared[T] {
	a.end(method)
	a.token.End()
	return a.shared
}

// counts returns the counts in the control block, or nil for the zero Arc.
func (a *Arc[T]) counts() *counts { return (*counts)(unsafe.Pointer(a.shared)) }

// born returns the first owner of s, for constructors. What happened before the call
// synchronizes before an Upgrade that succeeds.
func (s *shared[T]) born() *Arc[T] {
	s.self = s
	first := &s.first
	if handles.SampledAt(uintptr(unsafe.Pointer(s)), unsafe.Sizeof(*s)) {
		first = &Arc[T]{} // not in s, which other handles may keep alive
		first.token = handles.Begin("arcmutex.Arc", "", 1)
	}
	first.begin()
	first.shared = s
	s.strong.n.Store(0)
	return first
}

// take returns the value and clears it in s.
func (s *shared[T]) take() T {
	var zero T
	v := s.value
	s.value, s.drop = zero, nil
	return v
}

// destroy runs the destructor and clears the value. The strong count is zero already.
func (s *shared[T]) destroy() {
	if s.drop == nil {
		s.take()
		return
	}
	destruct.Run(s)
}

// Destruct calls the destructor and clears the value.
func (s *shared[T]) Destruct() {
	defer s.take()
	s.drop(&s.value)
}
