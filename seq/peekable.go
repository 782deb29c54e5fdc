package seq

import (
	"fmt"
	"io"
	"iter"
	"log/slog"

	"github.com/coderrange/ferrous/option"
)

// Peekable reads a sequence one element at a time, and can return the next element
// without taking it. Use it also to range over one part of a sequence and then over the
// rest. After std::iter::Peekable.
//
// It holds a coroutine (see [iter.Pull]), so its owner must end it with Close. Only one
// goroutine may use a Peekable. It must not be copied. The methods of a Peekable that
// was not made by [NewPeekable] panic.
type Peekable[T any] struct {
	_      noCopy
	next   func() (T, bool)
	stop   func()
	peeked option.Option[option.Option[T]] // None: not peeked at; Some(None): at the end
}

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// NewPeekable returns a Peekable of the elements of src. It takes no element from src
// yet.
//
//ferrous:acquire
func NewPeekable[T any](src iter.Seq[T]) *Peekable[T] {
	needFunc("NewPeekable", src != nil)
	next, stop := iter.Pull(src)
	return &Peekable[T]{next: next, stop: stop}
}

// Close ends p and the source, as if a loop over the source had been left. After that,
// p has no more elements. A second Close does nothing.
//
//ferrous:release
//ferrous:idempotent
func (p *Peekable[T]) Close() {
	p.mustBeMade("Close")
	p.stop()
	p.peeked = option.Some(option.None[T]())
}

// Next takes the next element and returns it. After the last element, it always returns
// None.
func (p *Peekable[T]) Next() option.Option[T] {
	v := *p.look("Next")
	if v.IsSome() {
		p.peeked = option.None[option.Option[T]]()
	}
	return v
}

// Peek returns the next element without taking it, or None at the end.
func (p *Peekable[T]) Peek() option.Option[T] { return *p.look("Peek") }

// PeekPtr returns a pointer to the next element without taking it, or nil at the end.
// The pointer is valid until the element is taken. Changes made through the pointer are
// part of the element when it is taken.
//
//ferrous:lends
func (p *Peekable[T]) PeekPtr() *T { return p.look("PeekPtr").AsMut() }

// NextIf takes and returns the next element if there is one and pred returns true for
// it. Otherwise it returns None, and the element stays.
func (p *Peekable[T]) NextIf(pred func(T) bool) option.Option[T] {
	needFunc("Peekable.NextIf", pred != nil)
	if !p.look("NextIf").IsSomeAnd(pred) {
		return option.None[T]()
	}
	return p.Next()
}

// All yields the elements that are left. Leaving the loop keeps the rest for later and
// does not close p.
func (p *Peekable[T]) All() iter.Seq[T] {
	p.mustBeMade("All")
	return FromFn(p.Next)
}

// NextIfMap calls f with the next element of p. If the result is Some, NextIfMap takes
// the element and returns the result. Otherwise it returns None, and the element stays.
func NextIfMap[T, U any](p *Peekable[T], f func(T) option.Option[U]) option.Option[U] {
	needFunc("NextIfMap", f != nil)
	u := option.AndThen(*p.look("NextIfMap"), f)
	if u.IsSome() {
		p.Next()
	}
	return u
}

// Format prints the next element if it was peeked at: Peekable(Some(4)), or
// Peekable(None) at the end. Otherwise it prints Peekable(<not peeked>). It never takes
// an element from the source. The verb and its flags apply to the element.
func (p *Peekable[T]) Format(f fmt.State, verb rune) {
	next, looked := p.peeked.Get()
	if !looked {
		_, _ = io.WriteString(f, "Peekable(<not peeked>)")
		return
	}
	_, _ = io.WriteString(f, "Peekable(")
	next.Format(f, verb)
	_, _ = io.WriteString(f, ")")
}

// LogValue returns the next element if it was peeked at. It never takes an element from
// the source. It implements [slog.LogValuer].
func (p *Peekable[T]) LogValue() slog.Value {
	next, looked := p.peeked.Get()
	if !looked {
		return slog.StringValue("<not peeked>")
	}
	return next.LogValue()
}

// look returns a pointer to the next element, which is None at the end.
func (p *Peekable[T]) look(method string) *option.Option[T] {
	p.mustBeMade(method)
	return p.peeked.GetOrInsertWith(func() option.Option[T] { return option.From(p.next()) })
}

func (p *Peekable[T]) mustBeMade(method string) {
	if p.next == nil {
		panic(fmt.Errorf("seq: Peekable.%s: the Peekable was not made by NewPeekable", method))
	}
}
