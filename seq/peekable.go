package seq

import (
	"iter"

	"github.com/coderrange/ferrous/option"
)

// Peekable is a sequence that is taken apart one element at a time, and whose
// next element can be looked at before it is taken. It is also how to range
// over one part of a sequence and then over the rest.
//
// It holds a coroutine, see [iter.Pull]: end it with Close. A Peekable is for
// one goroutine, and must not be copied.
type Peekable[T any] struct {
	_      noCopy
	next   func() (T, bool)
	stop   func()
	peeked option.Option[option.Option[T]] // None: not looked yet; Some(None): at the end
}

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// NewPeekable returns a Peekable of the elements of src. It asks src for
// nothing yet.
//
//ferrous:acquire
func NewPeekable[T any](src iter.Seq[T]) *Peekable[T] {
	next, stop := iter.Pull(src)
	return &Peekable[T]{next: next, stop: stop}
}

// Close ends p: src ends as if its loop had been left, and p has no more
// elements. A second Close does nothing.
//
//ferrous:release
func (p *Peekable[T]) Close() {
	p.stop()
	p.peeked = option.Some(option.None[T]())
}

// Next takes the next element: None at the end, and ever after.
func (p *Peekable[T]) Next() option.Option[T] {
	v := *p.look()
	if v.IsSome() {
		p.peeked = option.None[option.Option[T]]()
	}
	return v
}

// Peek returns the next element without taking it.
func (p *Peekable[T]) Peek() option.Option[T] { return *p.look() }

// PeekMut returns a pointer to the next element without taking it, or nil at the
// end. A change is seen by whoever takes it. It is valid until then.
func (p *Peekable[T]) PeekMut() *T { return p.look().AsMut() }

// NextIf takes the next element if there is one and pred is true for it.
func (p *Peekable[T]) NextIf(pred func(T) bool) option.Option[T] {
	if !p.Peek().IsSomeAnd(pred) {
		return option.None[T]()
	}
	return p.Next()
}

// All ranges over the elements that are left. What a break leaves is still
// there afterwards; it does not close p.
func (p *Peekable[T]) All() iter.Seq[T] {
	return FromFn(p.Next)
}

// NextIfMap takes the next element of p if f makes Some of it, and returns
// that. Otherwise the element stays.
func NextIfMap[T, U any](p *Peekable[T], f func(T) option.Option[U]) option.Option[U] {
	u := option.AndThen(p.Peek(), f)
	if u.IsSome() {
		p.Next()
	}
	return u
}

// look returns where the next element is, or None at the end.
func (p *Peekable[T]) look() *option.Option[T] {
	return p.peeked.GetOrInsertWith(func() option.Option[T] { return option.From(p.next()) })
}
