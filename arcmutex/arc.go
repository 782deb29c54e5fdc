package arcmutex

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"unsafe"

	"github.com/coderrange/ferrous/internal/destruct"
	"github.com/coderrange/ferrous/internal/show"
)

// An Arc is one owner of a value that goroutines share, after std::sync::Arc.
//
// It is used as a pointer, made by [NewArc], [NewArcDrop] or [NewArcCyclic] or
// by Clone; each of these handles is to be ended by one Drop, IntoInner or
// UnwrapOrClone, and every use after that panics with an error that is
// [ErrDropped], in normal builds. Of two goroutines that end the same handle
// one panics, and no other owner's count is touched. The zero Arc is a handle
// that was dropped. An Arc must not be copied: pass the pointer on, or Clone.
// Every use of a copy panics with an error that is [ErrCopied], and changes
// nothing for the original.
//
// The methods are safe for concurrent use, except that GetMut and MakeMut need
// the handle for themselves: no other goroutine may use it meanwhile, nor as
// long as the pointer is used that they return. Other handles of the value may
// be used. Clone is one atomic operation and wait-free, and Drop two, see
// [Count]; an end of a handle waits while another goroutine is inside TryUnwrap
// of the same handle, which is two atomic operations. Every Drop synchronizes
// before the destructor runs.
//
// NewArc allocates once, for value, counts and first handle together. A Clone
// that does not escape costs no allocation, otherwise 24 bytes.
type Arc[T any] struct {
	_ noCopy
	handle
	shared *shared[T]
}

// shared is what the handles of one value have in common.
type shared[T any] struct {
	counts // first, for Arc.counts
	drop   func(*T)
	first  Arc[T] // the handle that the constructor returns
	value  T      // zero from the last Drop on
}

// NewArc returns the first owner of v.
//
//ferrous:acquire
func NewArc[T any](v T) *Arc[T] { return NewArcDrop(v, nil) }

// NewArcDrop returns the first owner of v, for which drop is called when its
// last owner is dropped, by the goroutine that drops it. It is called exactly
// once, unless the value is taken out before, also while Weaks remain. It may
// drop other handles; if it panics the panic comes out of Drop, and the value
// is gone all the same.
//
// Destructors nest to a depth of 100 at least: what a destructor drops is
// destroyed before Drop returns. Deeper ones wait until the destructor that
// dropped them has returned, so that a list of any length can be dropped.
//
//ferrous:acquire
func NewArcDrop[T any](v T, drop func(*T)) *Arc[T] {
	s := &shared[T]{drop: drop, value: v}
	return s.born()
}

// NewArcCyclic returns the first owner of the value that f returns, for which
// drop is called when its last owner is dropped, as [NewArcDrop] has it; nil
// means no destructor.
//
// The Weak that f is lent is one to that value, to be cloned into it. It ends
// when f returns, and f must not Drop it. Inside f the value does not exist
// yet, the strong count is 0 and Upgrade fails. If f panics or exits its
// goroutine the value never exists: drop is not called, and clones of the Weak
// never upgrade.
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

// Ptr returns a pointer to the value, which all owners share: treat it as read
// only, or make it a type that is safe for concurrent use, such as a [Mutex].
// The pointer is good until the last owner is dropped, or until [MakeMut] gives
// a a value of its own.
//
//ferrous:lends
func (a *Arc[T]) Ptr() *T {
	if atomic.LoadUintptr(a.word()) != a.address() { // or else it is surely live
		a.stillLive("Ptr")
	}
	return &a.shared.value
}

// Clone returns one more owner of the value. It does not copy the value.
//
//ferrous:acquire
func (a *Arc[T]) Clone() *Arc[T] {
	c := &Arc[T]{shared: a.shared}
	a.counts().retain(&a.handle, &c.handle)
	return c
}

// Drop ends this owner. The last one destroys the value.
//
//ferrous:release
func (a *Arc[T]) Drop() { a.counts().release(&a.handle) }

// StrongCount returns the number of owners, which other goroutines may change
// at any time.
func (a *Arc[T]) StrongCount() int {
	n := a.use("StrongCount").strong.Load()
	if n == 0 || !a.live() { // ended meanwhile, so that n may not count a
		panic(a.misuse("Arc.StrongCount"))
	}
	return int(n)
}

// WeakCount returns the number of Weaks to the value, which other goroutines
// may change at any time.
func (a *Arc[T]) WeakCount() int { return a.use("WeakCount").weaks() }

// PtrEq reports whether a and other own the same value, which is more than an
// equal one.
func (a *Arc[T]) PtrEq(other *Arc[T]) bool {
	s := a.use("PtrEq")
	needArc(other != nil, "Arc.PtrEq")
	return s == other.use("PtrEq")
}

// Downgrade returns a Weak to the value.
//
//ferrous:acquire
func (a *Arc[T]) Downgrade() *Weak[T] { return a.use("Downgrade").newWeak() }

// TryUnwrap takes the value out and ends a if a is the only owner; Weaks do
// not count. The destructor does not run, since the value lives on. Otherwise
// it returns false and a stays as it is. Of two owners that both try it may be
// that neither succeeds: see [Arc.IntoInner].
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

// IntoInner ends a, and takes the value out if a was the last owner. The
// destructor does not run. If every owner ends by IntoInner, exactly one gets
// the value.
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

// GetMut returns the value to be changed, if nothing else can see it: with no
// other owner and no Weak. It stays so until a is used again: of two goroutines
// that both call GetMut of one handle both would get the value.
//
//ferrous:lends
func (a *Arc[T]) GetMut() (*T, bool) {
	s := a.use("GetMut")
	if !s.unique() {
		return nil, false
	}
	return &s.value, true
}

// A Cloner can copy itself, as deeply as its type sees fit.
type Cloner[T any] interface{ Clone() T }

// UnwrapOrClone ends a and returns its value: the value itself if a was the
// last owner, a clone of it otherwise. It ends a also when the clone panics.
//
//ferrous:takes a
func UnwrapOrClone[T Cloner[T]](a *Arc[T]) T {
	needArc(a != nil, "UnwrapOrClone")
	return a.UnwrapOrCloneFunc(T.Clone)
}

// UnwrapOrCloneFunc is [UnwrapOrClone] for values without a method to clone
// them.
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

// MakeMut returns the value of a to be changed: clone on write. With other
// owners a first gets a clone of its own, which has the same destructor. As
// the only owner it keeps the value, and Weaks are disconnected. In both cases,
// and so unless a is the only handle of all, the value that a owns is somewhere
// else afterwards: call Ptr again for a pointer to it.
//
//ferrous:lends
func MakeMut[T Cloner[T]](a *Arc[T]) *T {
	needArc(a != nil, "MakeMut")
	return a.MakeMutFunc(T.Clone)
}

// MakeMutFunc is [MakeMut] for values without a method to clone them, such as
// a slice: a.MakeMutFunc(slices.Clone).
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
	old := a.shared // what s is, unless clone has called MakeMut
	a.shared = own
	if !last {
		old.less()
	}
	return &own.value
}

// WithName names the value in reports about leaks, and returns a.
func (a *Arc[T]) WithName(name string) *Arc[T] {
	a.use("WithName").name.Store(&name)
	a.token.Rename(name)
	return a
}

// Format prints the value. %+v and %#v print the counts too:
// Arc(42 strong=3 weak=1).
func (a *Arc[T]) Format(f fmt.State, verb rune) {
	if !a.live() {
		show.Text(f, verb, "Arc", a.text(), "")
		return
	}
	s := a.shared
	show.Value(f, verb, "Arc", s.value, fmt.Sprintf("strong=%v weak=%d", &s.strong, s.weaks()))
}

// LogValue logs the value and the counts.
func (a *Arc[T]) LogValue() slog.Value {
	if !a.live() {
		return slog.StringValue(a.text())
	}
	s := a.shared
	return slog.GroupValue(slog.Any("value", s.value), slog.Int64("strong", s.strong.Load()), slog.Int("weak", s.weaks()))
}

// needArc panics unless a function was given its Arc.
func needArc(given bool, method string) {
	if !given {
		panic(methodError(method, errNilHandle))
	}
}

// use returns what a shares, and panics unless a is live.
func (a *Arc[T]) use(method string) *shared[T] {
	if !a.live() {
		panic(a.misuse("Arc." + method))
	}
	return a.shared
}

// leave ends a, but not its reference, which it returns. It panics unless a is
// live.
func (a *Arc[T]) leave(method string) *shared[T] {
	a.end(method)
	a.token.End()
	return a.shared
}

// counts returns the counts of what a shares: nil for the zero Arc.
func (a *Arc[T]) counts() *counts { return (*counts)(unsafe.Pointer(a.shared)) }

// born returns the first owner of s. It is called by constructors. Everything
// before synchronizes before an Upgrade that succeeds.
func (s *shared[T]) born() *Arc[T] {
	s.self = s
	first := &s.first
	if handles.SampledAt(uintptr(unsafe.Pointer(s)), unsafe.Sizeof(*s)) {
		first = &Arc[T]{} // not in s, which others may keep alive
		first.token = handles.Begin("arcmutex.Arc", "", 1)
	}
	first.begin()
	first.shared = s
	s.strong.n.Store(0)
	return first
}

// take returns the value and leaves nothing behind.
func (s *shared[T]) take() T {
	var zero T
	v := s.value
	s.value, s.drop = zero, nil
	return v
}

// destroy ends the value. The counts say already that it is gone.
func (s *shared[T]) destroy() {
	if s.drop == nil {
		s.take()
		return
	}
	destruct.Run(s)
}

// Destruct runs the destructor.
func (s *shared[T]) Destruct() {
	defer s.take()
	s.drop(&s.value)
}
