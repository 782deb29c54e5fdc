package arcmutex_test

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

// call calls a method with arguments made up from its parameters: functions
// return their argument, and handles are the receiver itself.
func call(handle reflect.Value, method int) {
	m := handle.Method(method)
	var args []reflect.Value
	for in := range m.Type().Ins() {
		switch {
		case in == handle.Type():
			args = append(args, handle)
		case in.Kind() == reflect.Func:
			args = append(args, reflect.MakeFunc(in, func(args []reflect.Value) []reflect.Value { return args }))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	m.Call(args)
}

// copied returns a pointer to a copy, which vet does not see.
func copied(handle reflect.Value) reflect.Value {
	c := reflect.New(handle.Type().Elem())
	c.Elem().Set(handle.Elem())
	return c
}

// TestEveryMethodOfABadHandlePanicsAndHarmsNobody uses each method of each kind
// of handle on a copy, a copy of an ended handle, an ended handle and a zero
// one, while others hold the value.
func TestEveryMethodOfABadHandlePanicsAndHarmsNobody(t *testing.T) {
	for _, kind := range kinds {
		states := map[string]func(h reflect.Value) (bad reflect.Value, want error){
			"copied": func(h reflect.Value) (reflect.Value, error) { return copied(h), arcmutex.ErrCopied },
			"dropped": func(h reflect.Value) (reflect.Value, error) {
				h.MethodByName("Drop").Call(nil)
				return h, arcmutex.ErrDropped
			},
			"copied, the original dropped": func(h reflect.Value) (reflect.Value, error) {
				c := copied(h)
				h.MethodByName("Drop").Call(nil)
				return c, arcmutex.ErrCopied
			},
			"dropped and copied": func(h reflect.Value) (reflect.Value, error) {
				h.MethodByName("Drop").Call(nil)
				return copied(h), arcmutex.ErrDropped
			},
			"zero": func(h reflect.Value) (reflect.Value, error) {
				return reflect.New(h.Type().Elem()), arcmutex.ErrDropped
			},
		}
		for state, make := range states {
			t.Run(kind.name+"/"+state, func(t *testing.T) {
				for i := range kind.handle().Type().NumMethod() {
					h := kind.handle()
					name := h.Type().Method(i).Name
					bad, want := make(h)
					switch {
					case name == "Format" || name == "LogValue":
						text := fmt.Sprint(bad.Interface())
						if kind.name != "Weak" || state != "zero" {
							assert.Contains(t, []string{"<copied>", "<dropped>"}, text)
						}
						continue
					case name == "Diagram":
						drawn := ""
						draw := func(name, state string, _ any) { drawn += name + state }
						bad.Method(i).Call([]reflect.Value{reflect.ValueOf(draw)})
						if kind.name != "Weak" || state != "zero" {
							assert.Contains(t, []string{"copied", "dropped", "moved or dropped"}, drawn)
						}
						continue
					case kind.name == "Weak" && state == "zero":
						call(bad, i) // refers to nothing
					default:
						err := testkit.PanicError(t, func() { call(bad, i) })
						require.ErrorIs(t, err, want, name)
						assert.Contains(t, err.Error(), "arcmutex: "+kind.name+"."+name[:3], name)
					}
					kind.unharmed(t)
					if state == "copied" {
						h.MethodByName("Drop").Call(nil) // the original is as good as ever
					}
				}
			})
		}
	}
}

// A kind is a kind of handle.
type kind struct {
	name     string
	handle   func() reflect.Value // one more handle
	unharmed func(t *testing.T)   // the other owner has what it had
}

var kinds = func() []kind {
	destroyed := 0
	owner := arcmutex.NewArcDrop(price{5}, func(*price) { destroyed++ })
	unharmed := func(t *testing.T) {
		t.Helper()
		require.Zero(t, destroyed)
		require.Equal(t, price{5}, *owner.Ptr())
	}
	return []kind{
		{"Arc", func() reflect.Value { return reflect.ValueOf(owner.Clone()) }, unharmed},
		{"Weak", func() reflect.Value { return reflect.ValueOf(owner.Downgrade()) }, unharmed},
	}
}()

// TestDropsOfACopyTakeNothing is what a copied handle did before: its Drop
// destroyed a value that another owner held.
func TestDropsOfACopyTakeNothing(t *testing.T) {
	destroyed := 0
	a := arcmutex.NewArcDrop(5, func(*int) { destroyed++ })
	b := a.Clone()
	c := copied(reflect.ValueOf(b)).Interface().(*arcmutex.Arc[int])
	b.Drop()
	err := testkit.PanicError(t, c.Drop)
	assert.EqualError(t, err, "arcmutex: Arc.Drop: handle was copied")
	assert.Zero(t, destroyed)
	assert.Equal(t, 5, *a.Ptr())
	a.Drop()
	assert.Equal(t, 1, destroyed)
}

func TestNewCyclicHasADestructor(t *testing.T) {
	destroyed := 0
	a := arcmutex.NewArcCyclic(func(*arcmutex.Weak[int]) int { return 5 }, func(v *int) { destroyed += *v })
	b := a.Clone()
	a.Drop()
	assert.Zero(t, destroyed)
	b.Drop()
	assert.Equal(t, 5, destroyed)
}

func TestNewCyclicWhoseFunctionFailsDestroysNothing(t *testing.T) {
	for name, fail := range map[string]func(self *arcmutex.Weak[int]){
		"panics":         func(*arcmutex.Weak[int]) { panic("boom") },
		"exits":          func(*arcmutex.Weak[int]) { runtime.Goexit() },
		"drops its Weak": func(self *arcmutex.Weak[int]) { self.Drop() },
	} {
		destroyed := 0
		var lent, kept *arcmutex.Weak[int]
		done := make(chan any)
		go func() {
			defer func() { done <- recover() }()
			arcmutex.NewArcCyclic(func(self *arcmutex.Weak[int]) int {
				lent, kept = self, self.Clone()
				fail(self)
				return 1
			}, func(*int) { destroyed++ })
		}()
		switch r := <-done; name {
		case "exits":
			assert.Nil(t, r)
		case "drops its Weak":
			assert.ErrorContains(t, r.(error), "arcmutex: Weak.Drop: it is lent by NewArcCyclic: Clone it")
		default:
			assert.Equal(t, "boom", r)
		}
		_, ok := kept.Upgrade()
		assert.False(t, ok, name)
		kept.Drop()
		require.ErrorIs(t, testkit.PanicError(t, func() { lent.Upgrade() }), arcmutex.ErrDropped, "what was lent ends with f")
		assert.Zero(t, destroyed, name)
	}
}

func TestUnwrapOrCloneEndsItsHandleWhateverCloneDoes(t *testing.T) {
	for name, fail := range map[string]func(a *arcmutex.Arc[int]){
		"panics":           func(*arcmutex.Arc[int]) { panic(errors.New("boom")) },
		"drops the handle": func(a *arcmutex.Arc[int]) { a.Drop() },
		"gets the handle":  func(a *arcmutex.Arc[int]) { a.Ptr() },
	} {
		destroyed := 0
		a := arcmutex.NewArcDrop(5, func(*int) { destroyed++ })
		b := a.Clone()
		require.Error(t, testkit.PanicError(t, func() { a.UnwrapOrCloneFunc(func(v int) int { fail(a); return v }) }), name)
		require.ErrorIs(t, testkit.PanicError(t, func() { a.Ptr() }), arcmutex.ErrDropped, name)
		assert.Equal(t, 1, b.StrongCount(), name)
		b.Drop()
		assert.Equal(t, 1, destroyed, name)
	}
}

func TestMakeMutWhoseCloneUsesTheHandle(t *testing.T) {
	destroyed := 0
	a := arcmutex.NewArcDrop(5, func(*int) { destroyed++ })
	b := a.Clone()
	err := testkit.PanicError(t, func() { b.MakeMutFunc(func(v int) int { b.Drop(); return v }) })
	require.EqualError(t, err, "arcmutex: Arc.MakeMut: handle was dropped")
	assert.Equal(t, 1, destroyed, "the clone has a destructor too")
	assert.Equal(t, 1, a.StrongCount())
	c := a.Clone()
	*c.MakeMutFunc(func(v int) int { *c.MakeMutFunc(func(v int) int { return v + 1 }) += 10; return v }) = 7
	assert.Equal(t, 2, destroyed, "the value that c had for a moment")
	assert.Equal(t, 5, *a.Ptr())
	assert.Equal(t, 7, *c.Ptr())
	a.Drop()
	c.Drop()
	assert.Equal(t, 4, destroyed)
}

// TestGetIsToBeRepeatedAfterMakeMut says when the pointer of Get ends.
func TestGetIsToBeRepeatedAfterMakeMut(t *testing.T) {
	a := arcmutex.NewArc(5)
	w := a.Downgrade()
	before := a.Ptr()
	*a.MakeMutFunc(func(v int) int { return v }) = 6
	assert.NotSame(t, before, a.Ptr())
	assert.Equal(t, 6, *a.Ptr())
	w.Drop()
	a.Drop()
}
