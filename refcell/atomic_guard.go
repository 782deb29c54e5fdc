package refcell

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
	"github.com/coderrange/ferrous/internal/track"
)

// An AtomicRef is a shared borrow of the value of an [AtomicRefCell]; see
// [Ref]. It may be handed to another goroutine, and is for one at a time.
//
// It ends with Release, and every use after that panics with an error that is
// [ErrReleased]. It must not be copied, as go vet reports: use Clone. A copy
// does not learn of the end by itself:
//
//   - if the borrow is tracked, every use of a copy panics after the end of any
//     of them, or after a Map took one over;
//   - if it is not, Release, Clone and the Maps of a copy panic when nobody reads
//     the value, or when somebody has written to it since. While others of the
//     same time still read it, releasing a copy takes the place of one of them,
//     whose Release panics then; Get and Ptr of a copy return the value.
//
// The zero AtomicRef is one that was released.
type AtomicRef[T any] struct {
	state *atomicState // nil when released
	value *T
	turn  key // of the state
	token *track.Token
}

// Get returns the value.
func (r *AtomicRef[T]) Get() T {
	if r.state == nil || r.token != nil {
		r.state.reading(r.turn.n, r.token, "AtomicRef.Get")
	}
	return *r.value
}

// Ptr returns the value, to be read only, until Release.
//
//ferrous:lends
func (r *AtomicRef[T]) Ptr() *T {
	if r.state == nil || r.token != nil {
		r.state.reading(r.turn.n, r.token, "AtomicRef.Ptr")
	}
	return r.value
}

// Clone borrows the value once more.
//
//ferrous:borrow shared
func (r *AtomicRef[T]) Clone() AtomicRef[T] {
	r.state.reading(r.turn.n, r.token, "AtomicRef.Clone")
	turn, token := r.state.share("AtomicRef.Clone")
	return AtomicRef[T]{state: r.state, value: r.value, turn: key{turn}, token: token}
}

// Release ends the borrow.
//
//ferrous:release
func (r *AtomicRef[T]) Release() {
	s := r.state
	r.state = nil
	s.unshare(r.turn.n, r.token)
}

// Format prints the value. %+v and %#v print AtomicRef(value) around it.
func (r *AtomicRef[T]) Format(f fmt.State, verb rune) {
	if r.over() {
		show.Text(f, verb, "AtomicRef", "<released>", "")
		return
	}
	show.Value(f, verb, "AtomicRef", *r.value, "")
}

// LogValue logs the value.
func (r *AtomicRef[T]) LogValue() slog.Value {
	if r.over() {
		return slog.StringValue("<released>")
	}
	return slog.AnyValue(*r.value)
}

// An AtomicRefMut is the exclusive borrow of the value of an [AtomicRefCell];
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
func (r *AtomicRefMut[T]) Get() T {
	if r.state == nil || r.state.stale(r.gen) {
		panic(errAtomicRefMutGet)
	}
	return *r.value
}

// Set sets the value.
func (r *AtomicRefMut[T]) Set(v T) {
	if r.state == nil || r.state.stale(r.gen) {
		panic(errAtomicRefMutSet)
	}
	*r.value = v
}

// Ptr returns the value, to be read and changed until Release.
//
//ferrous:lends
func (r *AtomicRefMut[T]) Ptr() *T {
	if r.state == nil || r.state.stale(r.gen) {
		panic(errAtomicRefMutPtr)
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

// over reports whether the borrow is known to have ended.
func (r *AtomicRef[T]) over() bool {
	return r.state == nil || r.token.Ended() || !r.state.shared(r.turn.n)
}

// live panics unless the guard is, for op.
func (r *AtomicRefMut[T]) live(op string) {
	if r.state == nil || r.state.stale(r.gen) {
		released(op)
	}
}

// What the inlined methods panic with is made beforehand, which keeps them
// small.
var (
	errAtomicRefMutGet     = &opError{"AtomicRefMut.Get", ErrReleased}
	errAtomicRefMutSet     = &opError{"AtomicRefMut.Set", ErrReleased}
	errAtomicRefMutPtr     = &opError{"AtomicRefMut.Ptr", ErrReleased}
	errAtomicRefMutRelease = &opError{"AtomicRefMut.Release", ErrReleased}
)
