// Package rc counts the owners of a value, for one goroutine.
//
// It follows Rust's std::rc and std::boxed. An [Rc] is a handle to a value
// that several owners share; the value's destructor runs when the last of them
// is dropped. A [Weak] is a handle that does not own, for the way back in a
// structure that would otherwise be a cycle. A [Box] has one owner, and moves.
//
// In Go the garbage collector frees the memory. What these types give is the
// point in time at which a value is no longer wanted, for values that hold
// more than memory, and handles that say so when they are used after their
// end: every such use panics with an error that is [ErrDropped], in normal
// builds.
//
// The counts are plain numbers: an Rc and everything cloned from it belong to
// one goroutine at a time, and go test -race reports it when they do not. For
// several goroutines there is package arcmutex.
package rc

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/coderrange/ferrous/internal/destruct"
	"github.com/coderrange/ferrous/internal/show"
)

// An Rc is one owner of a shared value, after std::rc::Rc.
//
// It is used as a pointer, made by [New], [NewDrop] or [NewCyclic] or by
// Clone; each of these handles is to be ended by one Drop, IntoInner or
// UnwrapOrClone, and every use after that panics with an error that is
// [ErrDropped]. The zero Rc is a handle that was dropped. An Rc must not be
// copied: pass the pointer on, or Clone. Every use of a copy panics with an
// error that is [ErrCopied], and changes nothing for the original.
//
// New allocates once, for value, counts and first handle together. A Clone
// that does not escape costs no allocation, otherwise 24 bytes.
type Rc[T any] struct {
	_ noCopy
	handle
	shared *shared[T]
}

// shared is what the handles of one value have in common.
type shared[T any] struct {
	counts // first, for Rc.counts
	drop   func(*T)
	first  Rc[T] // the handle that the constructor returns
	value  T     // zero from the last Drop on
}

// New returns the first owner of v.
//
//ferrous:acquire
func New[T any](v T) *Rc[T] { return NewDrop(v, nil) }

// NewDrop returns the first owner of v, for which drop is called when its last
// owner is dropped. It is called exactly once, unless the value is taken out
// before, also while Weaks remain. It may drop other handles; if it panics the
// panic comes out of Drop, and the value is gone all the same.
//
// Destructors nest to a depth of 100 at least: what a destructor drops is
// destroyed before Drop returns. Deeper ones wait until the destructor that
// dropped them has returned, so that a list of any length can be dropped.
//
//ferrous:acquire
func NewDrop[T any](v T, drop func(*T)) *Rc[T] {
	s := &shared[T]{drop: drop, value: v}
	s.self = s
	return s.born()
}

// NewCyclic returns the first owner of the value that f returns, for which
// drop is called when its last owner is dropped, as [NewDrop] has it; nil means
// no destructor.
//
// The Weak that f is lent is one to that value, to be cloned into it. It ends
// when f returns, and f must not Drop it. Inside f the value does not exist
// yet, the strong count is 0 and Upgrade fails. If f panics or exits its
// goroutine the value never exists: drop is not called, and clones of the Weak
// never upgrade.
//
//ferrous:acquire
func NewCyclic[T any](f func(self *Weak[T]) T, drop func(*T)) *Rc[T] {
	needFunc("NewCyclic", f != nil)
	s := &shared[T]{drop: drop}
	s.self = s
	self := s.newWeak()
	defer self.lend()()
	s.value = f(self)
	return s.born()
}

// Ptr returns the value, which is shared with all other owners: treat it as
// read only, or let it be a type that looks after itself, such as a
// refcell.RefCell. The pointer is good until the last owner is dropped, or r
// is given a value of its own by MakeMut.
//
//ferrous:lends
func (r *Rc[T]) Ptr() *T {
	if !r.live() {
		panic(r.misuse("Rc.Ptr"))
	}
	return &r.shared.value
}

// Clone returns one more owner of the value. It does not copy the value.
//
//ferrous:acquire
func (r *Rc[T]) Clone() *Rc[T] {
	c := &Rc[T]{shared: r.shared}
	r.counts().retain(&r.handle, &c.handle)
	return c
}

// Drop ends this owner. The last one destroys the value.
//
//ferrous:release
func (r *Rc[T]) Drop() { r.counts().release(&r.handle) }

// StrongCount returns the number of owners.
func (r *Rc[T]) StrongCount() int { return r.use("StrongCount").strong }

// WeakCount returns the number of Weaks to the value.
func (r *Rc[T]) WeakCount() int { return r.use("WeakCount").weak }

// PtrEq reports whether r and other own the same value, which is more than an
// equal one.
func (r *Rc[T]) PtrEq(other *Rc[T]) bool {
	s := r.use("PtrEq")
	if other == nil {
		panic(methodError("Rc.PtrEq", errNilHandle))
	}
	return s == other.use("PtrEq")
}

// Downgrade returns a Weak to the value.
//
//ferrous:acquire
func (r *Rc[T]) Downgrade() *Weak[T] { return r.use("Downgrade").newWeak() }

// TryUnwrap takes the value out and ends r if r is the only owner; Weaks do
// not count. The destructor does not run, since the value lives on. Otherwise
// it returns false and r stays as it is.
//
//ferrous:takes r on ok
func (r *Rc[T]) TryUnwrap() (T, bool) {
	if r.use("TryUnwrap").strong > 1 {
		var zero T
		return zero, false
	}
	return r.IntoInner()
}

// IntoInner ends r, and takes the value out if r was the last owner. The
// destructor does not run.
//
//ferrous:takes r
func (r *Rc[T]) IntoInner() (T, bool) {
	s := r.leave("IntoInner")
	if s.strong--; s.strong > 0 {
		var zero T
		return zero, false
	}
	return s.take(), true
}

// GetMut returns the value to be changed, if nothing else can see it: with no
// other owner and no Weak. The pointer is for the caller alone until r is used
// again.
//
//ferrous:lends
func (r *Rc[T]) GetMut() (*T, bool) {
	s := r.use("GetMut")
	if s.strong > 1 || s.weak > 0 {
		return nil, false
	}
	return &s.value, true
}

// A Cloner can copy itself, as deeply as its type sees fit.
type Cloner[T any] interface{ Clone() T }

// UnwrapOrClone ends r and returns its value: the value itself if r was the
// last owner, a clone of it otherwise. It ends r also when the clone panics.
//
//ferrous:takes r
func UnwrapOrClone[T Cloner[T]](r *Rc[T]) T { return r.UnwrapOrCloneFunc(T.Clone) }

// UnwrapOrCloneFunc is [UnwrapOrClone] for values without a method to clone
// them.
//
//ferrous:takes r
func (r *Rc[T]) UnwrapOrCloneFunc(clone func(T) T) T {
	needFunc("Rc.UnwrapOrCloneFunc", clone != nil)
	s := r.leave("UnwrapOrClone")
	if s.strong == 1 {
		s.strong = 0
		return s.take()
	}
	defer s.less()
	return clone(s.value)
}

// MakeMut returns the value of r to be changed: clone on write. With other
// owners r first gets a clone of its own, which has the same destructor. As
// the only owner it keeps the value, and Weaks are disconnected. In both cases,
// and so unless r is the only handle of all, the value that r owns is somewhere
// else afterwards: what Ptr returned before is to be got again. The new pointer
// is for the caller alone until r is used again.
//
//ferrous:lends
func MakeMut[T Cloner[T]](r *Rc[T]) *T { return r.MakeMutFunc(T.Clone) }

// MakeMutFunc is [MakeMut] for values without a method to clone them, such as
// a slice: r.MakeMutFunc(slices.Clone).
//
//ferrous:lends
func (r *Rc[T]) MakeMutFunc(clone func(T) T) *T {
	needFunc("Rc.MakeMutFunc", clone != nil)
	s := r.use("MakeMut")
	if s.strong == 1 && s.weak == 0 {
		return &s.value
	}
	own := &shared[T]{drop: s.drop}
	own.self, own.name, own.strong = own, s.name, 1
	if s.strong == 1 {
		own.value = s.take()
	} else {
		own.value = clone(s.value)
	}
	if !r.live() { // clone has ended it
		defer own.destroy()
		panic(r.misuse("Rc.MakeMut"))
	}
	old := r.shared // what s is, unless clone has called MakeMut
	r.shared = own
	old.less()
	return &own.value
}

// WithName names the value in reports about leaks, and returns r.
func (r *Rc[T]) WithName(name string) *Rc[T] {
	r.use("WithName").name = &name
	r.token.Rename(name)
	return r
}

// Format prints the value. %+v and %#v print the counts too:
// Rc(42 strong=3 weak=1).
func (r *Rc[T]) Format(f fmt.State, verb rune) {
	if !r.live() {
		show.Text(f, verb, "Rc", r.text(), "")
		return
	}
	s := r.shared
	show.Value(f, verb, "Rc", s.value, fmt.Sprintf("strong=%d weak=%d", s.strong, s.weak))
}

// LogValue logs the value and the counts.
func (r *Rc[T]) LogValue() slog.Value {
	if !r.live() {
		return slog.StringValue(r.text())
	}
	s := r.shared
	return slog.GroupValue(slog.Any("value", s.value), slog.Int("strong", s.strong), slog.Int("weak", s.weak))
}

// use returns what r shares, and panics unless r is live.
func (r *Rc[T]) use(method string) *shared[T] {
	if !r.live() {
		panic(r.misuse("Rc." + method))
	}
	return r.shared
}

// leave ends r, but not its reference, which it returns. It panics unless r is
// live.
func (r *Rc[T]) leave(method string) *shared[T] {
	s := r.use(method)
	r.end()
	r.token.End()
	return s
}

// counts returns the counts of what r shares: nil for the zero Rc.
func (r *Rc[T]) counts() *counts { return (*counts)(unsafe.Pointer(r.shared)) }

// born returns the first owner of s. It is called by constructors.
func (s *shared[T]) born() *Rc[T] {
	s.strong = 1
	first := &s.first
	if class.SampledAt(uintptr(unsafe.Pointer(s)), unsafe.Sizeof(*s)) {
		first = &Rc[T]{} // not in s, which others may keep alive
		first.token = class.Begin("rc.Rc", "", 1)
	}
	first.begin()
	first.shared = s
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
