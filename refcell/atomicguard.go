package refcell

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
	"github.com/coderrange/ferrous/internal/track"
)

// A AtomicRef is a shared borrow of the value of an [AtomicRefCell]; see
// [Ref]. It may be handed to another goroutine, and is for one at a time.
//
// It ends with Release, and every use after that panics. It must not be copied,
// use Clone: go vet reports copies, and releasing one as well as the original
// panics at the latest when nobody borrows the value any more, at once if the
// borrow is tracked. The zero AtomicRef is one that was released.
type AtomicRef[T any] struct {
	_     noCopy
	state *atomicState // nil when released
	value *T
	token *track.Token
}

// Get returns the value.
func (r *AtomicRef[T]) Get() T { return *r.Ptr() }

// Ptr returns the value, to be read only, until Release.
//
//ferrous:lends
func (r *AtomicRef[T]) Ptr() *T {
	if r.state == nil {
		panic(errAtomicRefGet)
	}
	return r.value
}

// Clone borrows the value once more.
//
//ferrous:borrow shared
//ferrous:mustuse
func (r *AtomicRef[T]) Clone() AtomicRef[T] {
	if r.state == nil {
		released("AtomicRef.Clone")
	}
	return AtomicRef[T]{state: r.state, value: r.value, token: r.state.share("AtomicRef.Clone")}
}

// Release ends the borrow.
//
//ferrous:release
func (r *AtomicRef[T]) Release() {
	s := r.state
	if s == nil {
		panic(errAtomicRefRelease)
	}
	s.unshare(r.token)
	r.state = nil
}

// Format prints the value. %+v and %#v print AtomicRef(value) around it.
func (r *AtomicRef[T]) Format(f fmt.State, verb rune) {
	if r.state == nil {
		show.Text(f, verb, "AtomicRef", "<released>", "")
		return
	}
	show.Value(f, verb, "AtomicRef", *r.value, "")
}

// LogValue logs the value.
func (r *AtomicRef[T]) LogValue() slog.Value {
	if r.state == nil {
		return slog.StringValue("<released>")
	}
	return slog.AnyValue(*r.value)
}

// A AtomicRefMut is the exclusive borrow of the value of an [AtomicRefCell];
// see [RefMut]. It may be handed to another goroutine, and is for one at a
// time.
//
// It ends with Release; every use of it or of any copy after that panics. The
// zero AtomicRefMut is one that was released.
type AtomicRefMut[T any] struct {
	state *atomicState // nil when released
	value *T
	gen   uint64 // of the state
	token *track.Token
}

// Get returns the value.
func (r *AtomicRefMut[T]) Get() T { return *r.Ptr() }

// Set sets the value.
func (r *AtomicRefMut[T]) Set(v T) { *r.Ptr() = v }

// Ptr returns the value, to be read and changed until Release.
//
//ferrous:lends
func (r *AtomicRefMut[T]) Ptr() *T {
	if r.state == nil || r.state.stale(r.gen) {
		panic(errAtomicRefMutGet)
	}
	return r.value
}

// Release ends the borrow.
//
//ferrous:release
func (r *AtomicRefMut[T]) Release() {
	s := r.state
	if s == nil {
		panic(errAtomicRefMutRelease)
	}
	s.unseize(r.gen, r.token)
	r.state = nil
}

// Format prints the value. %+v and %#v print AtomicRefMut(value) around it.
func (r *AtomicRefMut[T]) Format(f fmt.State, verb rune) {
	if r.state == nil || r.state.stale(r.gen) {
		show.Text(f, verb, "AtomicRefMut", "<released>", "")
		return
	}
	show.Value(f, verb, "AtomicRefMut", *r.value, "")
}

// LogValue logs the value.
func (r *AtomicRefMut[T]) LogValue() slog.Value {
	if r.state == nil || r.state.stale(r.gen) {
		return slog.StringValue("<released>")
	}
	return slog.AnyValue(*r.value)
}

// live panics unless the guard is, for op.
func (r *AtomicRef[T]) live(op string) {
	if r.state == nil {
		released(op)
	}
}

// live panics unless the guard is, for op.
func (r *AtomicRefMut[T]) live(op string) {
	if r.state == nil || r.state.stale(r.gen) {
		released(op)
	}
}

// end makes r stale and returns its state, which stays borrowed.
func (r *AtomicRef[T]) end() *atomicState {
	s := r.state
	r.state = nil
	return s
}

// end makes r and all its copies stale, and returns its state, which stays
// borrowed.
func (r *AtomicRefMut[T]) end() *atomicState {
	s := r.state
	r.state = nil
	if !s.gen.CompareAndSwap(r.gen, r.gen+1) {
		released("AtomicRefMut.Map")
	}
	return s
}

// What the inlined methods panic with is made beforehand, which keeps them
// small.
var (
	errAtomicRefGet        = &useError{"AtomicRef.Get", ErrReleased}
	errAtomicRefRelease    = &useError{"AtomicRef.Release", ErrReleased}
	errAtomicRefMutGet     = &useError{"AtomicRefMut.Get", ErrReleased}
	errAtomicRefMutRelease = &useError{"AtomicRefMut.Release", ErrReleased}
)
