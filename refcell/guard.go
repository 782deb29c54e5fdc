package refcell

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
	"github.com/coderrange/ferrous/internal/track"
)

// A Ref is a shared borrow of a value, after std::cell::Ref.
//
// It ends with Release, or when a Map consumes it. Every later use of it or of a copy
// panics with an error that is [ErrReleased]; other borrows are not affected. It must
// not be copied, as go vet reports: use Clone. The zero Ref is one that was released.
type Ref[T any] struct {
	state *borrowState // nil when released
	value *T
	key   key // of the borrow
	token *track.Token
}

// Get returns a copy of the value.
func (r *Ref[T]) Get() T {
	if r.state == nil || r.state.gen != r.key.n {
		r.state.readingForGet(r.key.n)
	}
	return *r.value
}

// Ptr returns a pointer to the value, which the caller may read until Release.
//
//ferrous:lends
func (r *Ref[T]) Ptr() *T {
	if r.state == nil || r.state.gen != r.key.n {
		r.state.reading(r.key.n, "Ref.Ptr")
	}
	return r.value
}

// Clone borrows the value once more. The clone has an end of its own.
//
//ferrous:borrow shared
func (r *Ref[T]) Clone() Ref[T] {
	r.state.reading(r.key.n, "Ref.Clone")
	n, token := r.state.share("Ref.Clone")
	return Ref[T]{state: r.state, value: r.value, key: key{n}, token: token}
}

// Release ends the borrow. It panics if the borrow has ended.
//
//ferrous:release
func (r *Ref[T]) Release() {
	s := r.state
	r.state = nil
	s.unshare(r.key.n, r.token)
}

// Format prints the value. %+v and %#v print Ref(value) around it.
func (r *Ref[T]) Format(f fmt.State, verb rune) {
	if r.state.over(r.key.n, r.token) {
		show.Text(f, verb, "Ref", "<released>", "")
		return
	}
	show.Value(f, verb, "Ref", r.value, "")
}

// LogValue logs the value.
func (r *Ref[T]) LogValue() slog.Value {
	if r.state.over(r.key.n, r.token) {
		return slog.StringValue("<released>")
	}
	return show.Log(r.value)
}

// A RefMut is the exclusive borrow of a value, after std::cell::RefMut.
//
// It ends with Release, or when a Map consumes it. Every later use of it or of a copy
// panics with an error that is [ErrReleased]. The zero RefMut is one that was
// released.
type RefMut[T any] struct {
	state *borrowState // nil when released
	value *T
	gen   uint64 // of the state
	token *track.Token
}

// Get returns a copy of the value.
func (r *RefMut[T]) Get() T {
	if r.state == nil || r.state.gen != r.gen {
		panic(errRefMutGet)
	}
	return *r.value
}

// Set sets the value.
func (r *RefMut[T]) Set(v T) {
	if r.state == nil || r.state.gen != r.gen {
		panic(errRefMutSet)
	}
	*r.value = v
}

// Ptr returns a pointer to the value, which the caller may read and change until
// Release.
//
//ferrous:lends
func (r *RefMut[T]) Ptr() *T {
	if r.state == nil || r.state.gen != r.gen {
		panic(errRefMutPtr)
	}
	return r.value
}

// Release ends the borrow. It panics if the borrow has ended.
//
//ferrous:release
func (r *RefMut[T]) Release() {
	s := r.state
	if s == nil {
		panic(errRefMutRelease)
	}
	s.unseize(r.gen, r.token)
	r.state = nil
}

// Format prints the value. %+v and %#v print RefMut(value) around it.
func (r *RefMut[T]) Format(f fmt.State, verb rune) {
	if r.state == nil || r.state.gen != r.gen {
		show.Text(f, verb, "RefMut", "<released>", "")
		return
	}
	show.Value(f, verb, "RefMut", r.value, "")
}

// LogValue logs the value.
func (r *RefMut[T]) LogValue() slog.Value {
	if r.state == nil || r.state.gen != r.gen {
		return slog.StringValue("<released>")
	}
	return show.Log(r.value)
}

// live panics unless the guard is, for op.
func (r *RefMut[T]) live(op string) {
	if r.state == nil || r.state.gen != r.gen {
		released(op)
	}
}

// What the inlined methods panic with is made beforehand, which keeps these methods
// small.
var (
	errRefMutGet     = methodError("RefMut.Get", ErrReleased)
	errRefMutSet     = methodError("RefMut.Set", ErrReleased)
	errRefMutPtr     = methodError("RefMut.Ptr", ErrReleased)
	errRefMutRelease = methodError("RefMut.Release", ErrReleased)
)
