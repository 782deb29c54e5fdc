package seq

import (
	"fmt"
	"io"
	"iter"
	"log/slog"

	"github.com/coderrange/ferrous/option"
)

// Peekable takes a sequence apart, one element at a time, and shows the next
// element before it is taken. Use it also to range over one part of a sequence and
// then over the rest. After std::iter::Peekable.
//
// It holds a coroutine, see [iter.Pull]: end it with Close. A Peekable is for
// one goroutine, and must not be copied. The zero Peekable is not usable: its
// methods panic.
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
	needFunc("NewPeekable", src != nil)
	next, stop := iter.Pull(src)
	return &Peekable[T]{next: next, stop: stop}
}

// Close ends p: src ends as if its loop had been left, and p has no more
// elements. A second Close does nothing.
//
//ferrous:release
func (p *Peekable[T]) Close() {
	p.mustBeMade("Close")
	p.stop()
	p.peeked = option.Some(option.None[T]())
}

// Next takes the next element: None at the end, and ever after.
func (p *Peekable[T]) Next() option.Option[T] {
	v := *p.look("Next")
	if v.IsSome() {
		p.peeked = option.None[option.Option[T]]()
	}
	return v
}

// Peek returns the next element without taking it.
func (p *Peekable[T]) Peek() option.Option[T] { return *p.look("Peek") }

// PeekPtr returns a pointer to the next element without taking it, or nil at the
// end. The pointer is valid until the element is taken. Whoever takes the element
// gets it with the changes that were made through the pointer.
//
//ferrous:lends
func (p *Peekable[T]) PeekPtr() *T { return p.look("PeekPtr").AsMut() }

// NextIf takes the next element if there is one and pred is true for it.
func (p *Peekable[T]) NextIf(pred func(T) bool) option.Option[T] {
	needFunc("Peekable.NextIf", pred != nil)
	if !p.look("NextIf").IsSomeAnd(pred) {
		return option.None[T]()
	}
	return p.Next()
}

// All ranges over the elements that are left. What a break leaves is still
// there afterwards; it does not close p.
func (p *Peekable[T]) All() iter.Seq[T] {
	p.mustBeMade("All")
	return FromFn(p.Next)
}

// NextIfMap takes the next element of p if f makes Some of it, and returns
// that. Otherwise the element stays.
func NextIfMap[T, U any](p *Peekable[T], f func(T) option.Option[U]) option.Option[U] {
	needFunc("NextIfMap", f != nil)
	u := option.AndThen(*p.look("NextIfMap"), f)
	if u.IsSome() {
		p.Next()
	}
	return u
}

// Format prints the next element, if it was looked at: Peekable(Some(4)), and
// Peekable(None) at the end. It does not ask the source for an element. The verb
// and its flags are the element's.
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

// LogValue logs the next element, if it was looked at. It does not ask the source
// for an element.
func (p *Peekable[T]) LogValue() slog.Value {
	next, looked := p.peeked.Get()
	if !looked {
		return slog.StringValue("<not peeked>")
	}
	return next.LogValue()
}

// look returns where the next element is, or None at the end.
func (p *Peekable[T]) look(method string) *option.Option[T] {
	p.mustBeMade(method)
	return p.peeked.GetOrInsertWith(func() option.Option[T] { return option.From(p.next()) })
}

func (p *Peekable[T]) mustBeMade(method string) {
	if p.next == nil {
		panic(fmt.Errorf("seq: Peekable.%s: the Peekable was not made by NewPeekable", method))
	}
}
