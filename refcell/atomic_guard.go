// Code generated from guard.go by go test ./refcell/internal/generate -update; DO NOT EDIT.

package refcell

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
	"github.com/coderrange/ferrous/internal/track"
)

// An AtomicRef is a shared borrow of the value of an [AtomicRefCell]; see [Ref]. It
// may be handed to another goroutine, and is for one goroutine at a time.
//
// It ends with Release. Every later use of it panics with an error that is
// [ErrReleased]. It must not be copied, as go vet reports: use Clone. The count of
// readers does not tell readers apart, so a copy learns of the end in two ways
// only:
//
//   - If the borrow is tracked, every use of a copy panics after the end of any of
//     them, or after a Map consumed one.
//   - If it is not, Release, Clone and the Maps of a copy panic when there is no
//     reader, or when there was a writer since. While other readers of the same
//     time remain, releasing a copy ends the borrow of one of them, whose Release
//     panics then; Get and Ptr of a copy return the value.
//
// The zero AtomicRef is one that was released.
type AtomicRef[T any] struct {
	state *atomicBorrowState // nil when released
	value *T
	key   key // of the borrow
	token *track.Token
}

// Get returns a copy of the value.
func (r *AtomicRef[T]) Get() T {
	if r.state == nil || r.token != nil {
		r.state.reading(r.key.n, r.token, "AtomicRef.Get")
	}
	return *r.value
}

// Ptr returns a pointer to the value, which the caller may read until Release.
//
//ferrous:lends
func (r *AtomicRef[T]) Ptr() *T {
	if r.state == nil || r.token != nil {
		r.state.reading(r.key.n, r.token, "AtomicRef.Ptr")
	}
	return r.value
}

// Clone borrows the value once more. The clone has an end of its own.
//
//ferrous:borrow shared
func (r *AtomicRef[T]) Clone() AtomicRef[T] {
	r.state.reading(r.key.n, r.token, "AtomicRef.Clone")
	n, token := r.state.share("AtomicRef.Clone")
	return AtomicRef[T]{state: r.state, value: r.value, key: key{n}, token: token}
}

// Release ends the borrow. It panics if the borrow has ended.
//
//ferrous:release
func (r *AtomicRef[T]) Release() {
	s := r.state
	r.state = nil
	s.unshare(r.key.n, r.token)
}

// Format prints the value. %+v and %#v print AtomicRef(value) around it.
func (r *AtomicRef[T]) Format(f fmt.State, verb rune) {
	if r.state.over(r.key.n, r.token) {
		show.Text(f, verb, "AtomicRef", "<released>", "")
		return
	}
	show.Value(f, verb, "AtomicRef", r.value, "")
}

// LogValue logs the value.
func (r *AtomicRef[T]) LogValue() slog.Value {
	if r.state.over(r.key.n, r.token) {
		return slog.StringValue("<released>")
	}
	return show.Log(r.value)
}

// An AtomicRefMut is the exclusive borrow of the value of an [AtomicRefCell]; see
// [RefMut]. It may be handed to another goroutine, and is for one goroutine at a
// time.
//
// It ends with Release. Every later use of it or of a copy panics with an error
// that is [ErrReleased]. The zero AtomicRefMut is one that was released.
type AtomicRefMut[T any] struct {
	state *atomicBorrowState // nil when released
	value *T
	gen   uint64 // of the state
	token *track.Token
}

// Get returns a copy of the value.
func (r *AtomicRefMut[T]) Get() T {
	if r.state == nil || r.state.gen.Load() != r.gen {
		panic(errAtomicRefMutGet)
	}
	return *r.value
}

// Set sets the value.
func (r *AtomicRefMut[T]) Set(v T) {
	if r.state == nil || r.state.gen.Load() != r.gen {
		panic(errAtomicRefMutSet)
	}
	*r.value = v
}

// Ptr returns a pointer to the value, which the caller may read and change until
// Release.
//
//ferrous:lends
func (r *AtomicRefMut[T]) Ptr() *T {
	if r.state == nil || r.state.gen.Load() != r.gen {
		panic(errAtomicRefMutPtr)
	}
	return r.value
}

// Release ends the borrow. It panics if the borrow has ended.
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
	if r.state == nil || r.state.gen.Load() != r.gen {
		show.Text(f, verb, "AtomicRefMut", "<released>", "")
		return
	}
	show.Value(f, verb, "AtomicRefMut", r.value, "")
}

// LogValue logs the value.
func (r *AtomicRefMut[T]) LogValue() slog.Value {
	if r.state == nil || r.state.gen.Load() != r.gen {
		return slog.StringValue("<released>")
	}
	return show.Log(r.value)
}

// live panics unless the guard is, for op.
func (r *AtomicRefMut[T]) live(op string) {
	if r.state == nil || r.state.gen.Load() != r.gen {
		released(op)
	}
}

// What the inlined methods panic with is made beforehand, which keeps these methods
// small.
var (
	errAtomicRefMutGet     = methodError("AtomicRefMut.Get", ErrReleased)
	errAtomicRefMutSet     = methodError("AtomicRefMut.Set", ErrReleased)
	errAtomicRefMutPtr     = methodError("AtomicRefMut.Ptr", ErrReleased)
	errAtomicRefMutRelease = methodError("AtomicRefMut.Release", ErrReleased)
)
