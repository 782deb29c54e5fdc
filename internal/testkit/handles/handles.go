// Package handles tests counted handles: the behaviour that rc.Rc and arcmutex.Arc,
// with their Weaks, have in common. Each of the two packages makes a [Kind] of its
// types and runs [Kind.Run].
package handles

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A Value is what the handles of the tests share.
type Value struct {
	N           int
	List        []int
	next        Owner // of a list
	self, again Weak  // to itself
	object      *object
}

// Clone returns a copy that shares no list.
func (v Value) Clone() Value {
	v.List = slices.Clone(v.List)
	return v
}

// A Kind is one implementation of handles.
type Kind struct {
	Package, Owner        string // the names in errors: rc, Rc
	Cyclic                string // the name of the constructor: NewCyclic
	ErrDropped, ErrCopied error
	Track                 func(n int)

	// newOwner and newCyclic are the constructors.
	newOwner  func(v Value, drop func(*Value)) Owner
	newCyclic func(f func(self Weak) Value, drop func(*Value)) Owner
	zeroOwner func() Owner
	zeroWeak  func() Weak
	nilWeak   func() Weak
}

// An Owner is an Rc or an Arc.
type Owner interface {
	Ptr() *Value
	Clone() Owner
	Drop()
	StrongCount() int
	WeakCount() int
	PtrEq(other Owner) bool
	Downgrade() Weak
	TryUnwrap() (Value, bool)
	IntoInner() (Value, bool)
	GetMut() (*Value, bool)
	MakeMut() *Value
	MakeMutFunc(clone func(Value) Value) *Value
	UnwrapOrClone() Value
	UnwrapOrCloneFunc(clone func(Value) Value) Value
	WithName(name string) Owner

	handle() any   // the pointer itself
	copied() Owner // a copy that go vet does not see
	ptrEqNil()     // PtrEq with a nil pointer
}

// A Weak is a Weak of an [Owner].
type Weak interface {
	Upgrade() (Owner, bool)
	Clone() Weak
	Drop()
	StrongCount() int
	WeakCount() int
	PtrEq(other Weak) bool

	handle() any
	copied() Weak
}

// OwnerType is *rc.Rc[Value] or *arcmutex.Arc[Value].
type OwnerType[O, W any] interface {
	*O
	Ptr() *Value
	Clone() *O
	Drop()
	StrongCount() int
	WeakCount() int
	PtrEq(other *O) bool
	Downgrade() *W
	TryUnwrap() (Value, bool)
	IntoInner() (Value, bool)
	GetMut() (*Value, bool)
	MakeMutFunc(clone func(Value) Value) *Value
	UnwrapOrCloneFunc(clone func(Value) Value) Value
	WithName(name string) *O
	fmt.Formatter
	slog.LogValuer
}

// WeakType is *rc.Weak[Value] or *arcmutex.Weak[Value].
type WeakType[O, W any] interface {
	*W
	Upgrade() (*O, bool)
	Clone() *W
	Drop()
	StrongCount() int
	WeakCount() int
	PtrEq(other *W) bool
	fmt.Formatter
	slog.LogValuer
}

// Functions are the functions of a package that make handles or take them.
type Functions[PO, PW any] struct {
	New           func(v Value, drop func(*Value)) PO
	NewCyclic     func(f func(self PW) Value, drop func(*Value)) PO
	MakeMut       func(PO) *Value
	UnwrapOrClone func(PO) Value
}

// Of returns k with the types and functions of a package.
func Of[O, W any, PO OwnerType[O, W], PW WeakType[O, W]](k Kind, f Functions[PO, PW]) Kind {
	k.newOwner = func(v Value, drop func(*Value)) Owner { return owner[O, W, PO, PW]{f.New(v, drop), &f} }
	k.newCyclic = func(g func(self Weak) Value, drop func(*Value)) Owner {
		var made func(self PW) Value
		if g != nil {
			made = func(self PW) Value { return g(weak[O, W, PO, PW]{self, &f}) }
		}
		return owner[O, W, PO, PW]{f.NewCyclic(made, drop), &f}
	}
	k.zeroOwner = func() Owner { return owner[O, W, PO, PW]{new(O), &f} }
	k.zeroWeak = func() Weak { return weak[O, W, PO, PW]{new(W), &f} }
	k.nilWeak = func() Weak { return weak[O, W, PO, PW]{nil, &f} }
	return k
}

// owner is an Owner made of a pointer to a handle.
type owner[O, W any, PO OwnerType[O, W], PW WeakType[O, W]] struct {
	h PO
	f *Functions[PO, PW]
}

func (o owner[O, W, PO, PW]) with(h PO) Owner { return owner[O, W, PO, PW]{h, o.f} }

func (o owner[O, W, PO, PW]) Ptr() *Value              { return o.h.Ptr() }
func (o owner[O, W, PO, PW]) Clone() Owner             { return o.with(o.h.Clone()) }
func (o owner[O, W, PO, PW]) Drop()                    { o.h.Drop() }
func (o owner[O, W, PO, PW]) StrongCount() int         { return o.h.StrongCount() }
func (o owner[O, W, PO, PW]) WeakCount() int           { return o.h.WeakCount() }
func (o owner[O, W, PO, PW]) PtrEq(other Owner) bool   { return o.h.PtrEq(other.handle().(PO)) }
func (o owner[O, W, PO, PW]) Downgrade() Weak          { return weak[O, W, PO, PW]{o.h.Downgrade(), o.f} }
func (o owner[O, W, PO, PW]) TryUnwrap() (Value, bool) { return o.h.TryUnwrap() }
func (o owner[O, W, PO, PW]) IntoInner() (Value, bool) { return o.h.IntoInner() }
func (o owner[O, W, PO, PW]) GetMut() (*Value, bool)   { return o.h.GetMut() }
func (o owner[O, W, PO, PW]) MakeMut() *Value          { return o.f.MakeMut(o.h) }
func (o owner[O, W, PO, PW]) UnwrapOrClone() Value     { return o.f.UnwrapOrClone(o.h) }
func (o owner[O, W, PO, PW]) WithName(s string) Owner  { return o.with(o.h.WithName(s)) }
func (o owner[O, W, PO, PW]) handle() any              { return o.h }
func (o owner[O, W, PO, PW]) copied() Owner            { return o.with(Copied(o.h).(PO)) }
func (o owner[O, W, PO, PW]) ptrEqNil()                { o.h.PtrEq(nil) }

func (o owner[O, W, PO, PW]) MakeMutFunc(clone func(Value) Value) *Value {
	return o.h.MakeMutFunc(clone)
}

func (o owner[O, W, PO, PW]) UnwrapOrCloneFunc(clone func(Value) Value) Value {
	return o.h.UnwrapOrCloneFunc(clone)
}

// weak is a Weak made of a pointer to a handle.
type weak[O, W any, PO OwnerType[O, W], PW WeakType[O, W]] struct {
	h PW
	f *Functions[PO, PW]
}

func (w weak[O, W, PO, PW]) Upgrade() (Owner, bool) {
	o, ok := w.h.Upgrade()
	return owner[O, W, PO, PW]{o, w.f}, ok
}

func (w weak[O, W, PO, PW]) Clone() Weak           { return weak[O, W, PO, PW]{w.h.Clone(), w.f} }
func (w weak[O, W, PO, PW]) Drop()                 { w.h.Drop() }
func (w weak[O, W, PO, PW]) StrongCount() int      { return w.h.StrongCount() }
func (w weak[O, W, PO, PW]) WeakCount() int        { return w.h.WeakCount() }
func (w weak[O, W, PO, PW]) PtrEq(other Weak) bool { return w.h.PtrEq(other.handle().(PW)) }
func (w weak[O, W, PO, PW]) handle() any           { return w.h }
func (w weak[O, W, PO, PW]) copied() Weak          { return weak[O, W, PO, PW]{Copied(w.h).(PW), w.f} }

// Copied returns a pointer to a copy of what handle points to, of the same type. Go
// vet does not see it.
func Copied(handle any) any {
	v := reflect.ValueOf(handle)
	c := reflect.New(v.Type().Elem())
	c.Elem().Set(v.Elem())
	return c.Interface()
}

// tests has the tests as methods.
type tests struct{ Kind }

// Run runs all tests.
func (k Kind) Run(t *testing.T) {
	v := reflect.ValueOf(tests{k})
	for i := range v.NumMethod() {
		if test, ok := reflect.TypeAssert[func(*testing.T)](v.Method(i)); ok {
			if name, is := strings.CutPrefix(v.Type().Method(i).Name, "Test"); is {
				t.Run(name, test)
			}
		}
	}
}

// of returns the first owner of n.
func (k Kind) of(n int) Owner { return k.newOwner(Value{N: n}, nil) }

// counted returns an owner of 5 whose destructions are counted.
func (k Kind) counted() (o Owner, destroyed *int) {
	destroyed = new(int)
	return k.newOwner(Value{N: 5}, func(v *Value) { *destroyed += v.N / 5 }), destroyed
}

// message returns the text of an error: method is one of an owner.
func (k Kind) message(method, state string) string {
	return k.Package + ": " + k.Owner + "." + method + ": " + state
}
