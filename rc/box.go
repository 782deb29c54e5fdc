package rc

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/coderrange/ferrous/internal/destruct"
	"github.com/coderrange/ferrous/internal/show"
)

// A Box is the only owner of a value, after std::boxed::Box.
//
// A Box is used through a pointer, which [NewBox], [NewBoxDrop] and Move return. It ends
// with one Drop, Move, IntoInner or IntoRc. The zero Box is one that was dropped. A Box
// must not be copied: Move it. The use of a copy changes nothing for the original.
//
// NewBox allocates once, for the value and the first handle. Move allocates 24 bytes if
// the new handle escapes, and nothing otherwise.
type Box[T any] struct {
	_ noCopy
	handle
	owned *owned[T]
}

// owned is what a Box owns.
type owned[T any] struct {
	drop  func(*T)
	first Box[T] // the handle that the constructor returns
	value T
}

// NewBox returns the owner of v. The value has no destructor.
//
//ferrous:acquire
func NewBox[T any](v T) *Box[T] { return NewBoxDrop(v, nil) }

// NewBoxDrop returns the owner of v, with a destructor that Drop calls. What [NewDrop]
// says about destructors holds here too.
//
//ferrous:acquire
func NewBoxDrop[T any](v T, drop func(*T)) *Box[T] {
	o := &owned[T]{drop: drop, value: v}
	first := &o.first
	if class.SampledAt(uintptr(unsafe.Pointer(o)), unsafe.Sizeof(*o)) {
		first = &Box[T]{} // apart from o: a moved Box keeps o alive, and would hide a leak
		first.token = class.Begin("rc.Box", "", 0)
	}
	first.begin()
	first.owned = o
	return first
}

// Ptr returns a pointer to the value, which the caller may read and change. The pointer
// may be used until the value is dropped or taken out; Move does not end it.
//
//ferrous:lends
func (b *Box[T]) Ptr() *T {
	if !b.live() {
		panic(b.misuse("Box.Ptr"))
	}
	return &b.owned.value
}

// Move ends b and returns a new owner of the value. The value stays at its address.
//
//ferrous:transfers b
func (b *Box[T]) Move() *Box[T] {
	m := &Box[T]{owned: b.leave("Move")}
	m.begin()
	if class.On() && class.Sampled() {
		m.token = class.Begin("rc.Box", "", 0)
	}
	return m
}

// IntoInner ends b and returns the value. The destructor does not run.
//
//ferrous:takes b
func (b *Box[T]) IntoInner() T { return b.leave("IntoInner").take() }

// IntoRc ends b and returns an Rc that owns the value. The value and its destructor move
// to a new allocation.
//
//ferrous:transfers b
func (b *Box[T]) IntoRc() *Rc[T] {
	o := b.leave("IntoRc")
	drop := o.drop
	return NewDrop(o.take(), drop)
}

// Drop ends b and runs the destructor.
//
//ferrous:release
func (b *Box[T]) Drop() {
	if o := b.leave("Drop"); o.drop == nil {
		o.take()
	} else {
		destruct.Run(o)
	}
}

// Format prints the value. %+v and %#v print Box(value) around it.
func (b *Box[T]) Format(f fmt.State, verb rune) {
	if !b.live() {
		show.Text(f, verb, "Box", b.text(), "")
		return
	}
	show.Value(f, verb, "Box", &b.owned.value, "")
}

// LogValue logs the value.
func (b *Box[T]) LogValue() slog.Value {
	if !b.live() {
		return slog.StringValue(b.text())
	}
	return show.Log(&b.owned.value)
}

// leave ends b and returns what it owned. It panics in the name of method unless b is
// live.
func (b *Box[T]) leave(method string) *owned[T] {
	if !b.live() {
		panic(b.misuse("Box." + method))
	}
	b.end()
	b.token.End()
	return b.owned
}

// take returns the value, and clears it and its destructor.
func (o *owned[T]) take() T {
	var zero T
	v := o.value
	o.value, o.drop = zero, nil
	return v
}

// Destruct runs the destructor.
func (o *owned[T]) Destruct() {
	defer o.take()
	o.drop(&o.value)
}
