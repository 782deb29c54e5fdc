package arcmutex

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/coderrange/ferrous/internal/destruct"
	"github.com/coderrange/ferrous/internal/show"
	"github.com/coderrange/ferrous/internal/track"
)

// An Arc is one owner of a value that goroutines share, after std::sync::Arc.
//
// It is used as a pointer, made by [NewArc], [NewArcDrop] or [NewArcCyclic] or
// by Clone; each of these handles is to be ended by one Drop, IntoInner or
// UnwrapOrClone, and every use after that panics with an error that is
// [ErrDropped], in normal builds. Of two goroutines that end the same handle
// one panics, and no other owner's count is touched. The zero Arc is no handle:
// using it panics. An Arc must not be copied: pass the pointer on, or Clone.
//
// The methods are safe for concurrent use, except that MakeMut needs the
// handle, though not the value, for itself. Clone and Drop are wait-free: one
// and two atomic operations, see [Count]. Every Drop synchronizes before the
// destructor runs.
//
// NewArc allocates once, for value, counts and first handle together. A Clone
// that does not escape costs no allocation, otherwise 24 bytes.
type Arc[T any] struct {
	_      noCopy
	shared *shared[T]
	token  *track.Token
	life   life
}

// shared is what the handles of one value have in common.
type shared[T any] struct {
	counts
	drop  func(*T)
	first Arc[T] // the handle that the constructor returns
	value T      // zero from the last Drop on
}

// NewArc returns the first owner of v.
//
//ferrous:acquire
//ferrous:mustuse
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
//ferrous:mustuse
func NewArcDrop[T any](v T, drop func(*T)) *Arc[T] {
	s := &shared[T]{drop: drop, value: v}
	return s.born()
}

// NewArcCyclic returns the first owner of the value that f returns. The Weak
// that f is lent is one to that value, to be cloned into it; inside f the
// value does not exist yet, the strong count is 0 and Upgrade fails.
//
//ferrous:acquire
//ferrous:mustuse
func NewArcCyclic[T any](f func(self *Weak[T]) T) *Arc[T] {
	s := &shared[T]{}
	s.strong.n.Store(dead)
	self := s.newWeak()
	defer self.Drop()
	s.value = f(self)
	return s.born()
}

// Get returns the value, which is shared with all other owners: treat it as
// read only, or let it be a type that looks after itself, such as a Mutex. The
// pointer is good until the last owner is dropped.
//
//ferrous:lends
func (a *Arc[T]) Get() *T {
	if a.life.over() != 0 {
		panic(errGet)
	}
	return &a.shared.value
}

// Clone returns one more owner of the value. It does not copy the value.
//
//ferrous:acquire
//ferrous:mustuse
func (a *Arc[T]) Clone() *Arc[T] {
	return &Arc[T]{shared: a.shared, token: a.shared.retain(a.life.over())}
}

// Drop ends this owner. The last one destroys the value.
//
//ferrous:release
func (a *Arc[T]) Drop() { a.shared.release(a.token, a.life.end()) }

// StrongCount returns the number of owners, which other goroutines may change
// at any time.
func (a *Arc[T]) StrongCount() int { return int(a.live("StrongCount").strong.Load()) }

// WeakCount returns the number of Weaks to the value, which other goroutines
// may change at any time.
func (a *Arc[T]) WeakCount() int { return a.live("WeakCount").weaks() }

// PtrEq reports whether a and other own the same value, which is more than an
// equal one.
func (a *Arc[T]) PtrEq(other *Arc[T]) bool { return a.live("PtrEq") == other.live("PtrEq") }

// Downgrade returns a Weak to the value.
//
//ferrous:acquire
//ferrous:mustuse
func (a *Arc[T]) Downgrade() *Weak[T] { return a.live("Downgrade").newWeak() }

// TryUnwrap takes the value out and ends a if a is the only owner; Weaks do
// not count. The destructor does not run, since the value lives on. Otherwise
// it returns false and a stays as it is. Of two owners that both try it may be
// that neither succeeds: see [Arc.IntoInner].
func (a *Arc[T]) TryUnwrap() (T, bool) {
	s := a.claim("TryUnwrap")
	if !s.strong.tryEnd() {
		a.life.again()
		var zero T
		return zero, false
	}
	a.token.End()
	return s.take(), true
}

// IntoInner ends a, and takes the value out if a was the last owner. The
// destructor does not run. If every owner ends by IntoInner, exactly one gets
// the value.
//
//ferrous:release
func (a *Arc[T]) IntoInner() (T, bool) {
	s := a.claim("IntoInner")
	a.token.End()
	if !s.strong.Dec() {
		var zero T
		return zero, false
	}
	return s.take(), true
}

// GetMut returns the value to be changed, if nothing else can see it: with no
// other owner and no Weak. It stays so until a is cloned or downgraded.
//
//ferrous:borrow mut
func (a *Arc[T]) GetMut() (*T, bool) {
	s := a.live("GetMut")
	if !s.unique() {
		return nil, false
	}
	return &s.value, true
}

// A Cloner can copy itself, as deeply as its type sees fit.
type Cloner[T any] interface{ Clone() T }

// UnwrapOrClone ends a and returns its value: the value itself if a was the
// last owner, a clone of it otherwise.
//
//ferrous:takes a
func UnwrapOrClone[T Cloner[T]](a *Arc[T]) T { return a.UnwrapOrCloneFunc(T.Clone) }

// UnwrapOrCloneFunc is [UnwrapOrClone] for values without a method to clone
// them.
//
//ferrous:release
func (a *Arc[T]) UnwrapOrCloneFunc(clone func(T) T) T {
	s := a.live("UnwrapOrClone")
	if v, ok := a.TryUnwrap(); ok {
		return v
	}
	v := clone(s.value)
	a.Drop()
	return v
}

// MakeMut returns the value of a to be changed: clone on write. With other
// owners a first gets a clone of its own, which has the same destructor. As
// the only owner it keeps the value, and Weaks are disconnected. No other
// goroutine may use the handle a meanwhile.
//
//ferrous:borrow mut
func MakeMut[T Cloner[T]](a *Arc[T]) *T { return a.MakeMutFunc(T.Clone) }

// MakeMutFunc is [MakeMut] for values without a method to clone them, such as
// a slice: a.MakeMutFunc(slices.Clone).
//
//ferrous:borrow mut
func (a *Arc[T]) MakeMutFunc(clone func(T) T) *T {
	s := a.live("MakeMut")
	if s.unique() {
		return &s.value
	}
	own := &shared[T]{drop: s.drop}
	own.self = own
	own.name.Store(s.name.Load())
	if s.strong.tryEnd() {
		own.value = s.take()
	} else {
		own.value = clone(s.value)
		defer s.release(nil, 0)
	}
	a.shared = own
	return &own.value
}

// WithName names the value in reports about leaks, and returns a.
func (a *Arc[T]) WithName(name string) *Arc[T] {
	a.live("WithName").name.Store(&name)
	a.token.Rename(name)
	return a
}

// Format prints the value. %+v and %#v print the counts too:
// Arc(42 strong=3 weak=1).
func (a *Arc[T]) Format(f fmt.State, verb rune) {
	if a.life.over() != 0 {
		show.Text(f, verb, "Arc", "<dropped>", "")
		return
	}
	s := a.shared
	show.Value(f, verb, "Arc", s.value, fmt.Sprintf("strong=%v weak=%d", &s.strong, s.weaks()))
}

// LogValue logs the value and the counts.
func (a *Arc[T]) LogValue() slog.Value {
	if a.life.over() != 0 {
		return slog.StringValue("<dropped>")
	}
	s := a.shared
	return slog.GroupValue(slog.Any("value", s.value), slog.Int64("strong", s.strong.Load()), slog.Int("weak", s.weaks()))
}

// live returns what a shares, and panics if a was dropped.
func (a *Arc[T]) live(method string) *shared[T] {
	if a.life.over() != 0 {
		dropped("Arc", method)
	}
	return a.shared
}

// claim ends a without its count, and panics if a was dropped.
func (a *Arc[T]) claim(method string) *shared[T] {
	if a.life.end() != 0 {
		dropped("Arc", method)
	}
	return a.shared
}

// born returns the first owner of s. It is called by constructors. Everything
// before synchronizes before an Upgrade that succeeds.
func (s *shared[T]) born() *Arc[T] {
	s.self = s
	first := &s.first
	if handles.SampledAt(uintptr(unsafe.Pointer(s)), unsafe.Sizeof(*s)) {
		first = &Arc[T]{token: handles.Begin("arcmutex.Arc", "", 1)} // not in s, which others may keep alive
	}
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
