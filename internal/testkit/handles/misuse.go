package handles

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// Call calls a method of a handle with arguments made up from its parameters:
// functions return their argument, and handles are the receiver itself.
func Call(handle any, method string) {
	v := reflect.ValueOf(handle)
	m := v.MethodByName(method)
	var args []reflect.Value
	for in := range m.Type().Ins() {
		switch {
		case in == v.Type():
			args = append(args, v)
		case in.Kind() == reflect.Func:
			args = append(args, reflect.MakeFunc(in, func(args []reflect.Value) []reflect.Value { return args }))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	m.Call(args)
}

// Methods returns the names of the methods of a handle, but for those that print it.
func Methods(handle any) (names []string) {
	for m := range reflect.TypeOf(handle).Methods() {
		if !slices.Contains([]string{"Format", "LogValue", "Diagram"}, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}

// Misuse uses each method of a type of handles on a copy, a copy of an ended handle,
// an ended handle and a zero one. Each must panic by its name, and harm nobody.
// handle makes one more handle; unharmed checks what others have.
func (k Kind) Misuse(t *testing.T, name string, handle func() any, unharmed func(t *testing.T)) {
	for state, spoil := range map[string]func(h any) (bad any, want error){
		"copied":                       func(h any) (any, error) { return Copied(h), k.ErrCopied },
		"dropped":                      func(h any) (any, error) { Call(h, "Drop"); return h, k.ErrDropped },
		"copied, the original dropped": func(h any) (any, error) { c := Copied(h); Call(h, "Drop"); return c, k.ErrCopied },
		"dropped and copied":           func(h any) (any, error) { Call(h, "Drop"); return Copied(h), k.ErrDropped },
		"zero":                         func(h any) (any, error) { return reflect.New(reflect.TypeOf(h).Elem()).Interface(), k.ErrDropped },
	} {
		t.Run(name+"/"+state, func(t *testing.T) {
			zeroWeak := name == "Weak" && state == "zero" // refers to nothing, and works
			for _, method := range Methods(handle()) {
				h := handle()
				bad, want := spoil(h)
				if zeroWeak {
					Call(bad, method)
				} else {
					err := testkit.PanicError(t, func() { Call(bad, method) })
					require.ErrorIs(t, err, want, method)
					assert.Contains(t, err.Error(), k.Package+": "+name+"."+method[:3], method)
				}
				unharmed(t)
				if state == "copied" {
					Call(h, "Drop") // the original is as good as ever
				}
			}
			if bad, _ := spoil(handle()); !zeroWeak {
				assert.Contains(t, []string{"<copied>", "<dropped>"}, fmt.Sprint(bad))
				drawn := ""
				bad.(interface {
					Diagram(draw func(name, state string, part any))
				}).Diagram(func(name, state string, _ any) { drawn += name + state })
				assert.Contains(t, []string{"copied", "dropped", "moved or dropped"}, drawn)
			}
		})
	}
}

func (k tests) TestEveryMethodOfABadHandlePanicsAndHarmsNobody(t *testing.T) {
	o, destroyed := k.counted()
	unharmed := func(t *testing.T) {
		t.Helper()
		require.Zero(t, *destroyed)
		require.Equal(t, 5, o.Ptr().N)
	}
	k.Misuse(t, k.Owner, func() any { return o.Clone().handle() }, unharmed)
	k.Misuse(t, "Weak", func() any { return o.Downgrade().handle() }, unharmed)
}

func (k tests) TestUseAfterDropPanicsAtTheCulprit(t *testing.T) {
	for method, use := range map[string]func(o Owner){
		"Ptr":           func(o Owner) { o.Ptr() },
		"Clone":         func(o Owner) { o.Clone() },
		"Drop":          func(o Owner) { o.Drop() },
		"StrongCount":   func(o Owner) { o.StrongCount() },
		"WeakCount":     func(o Owner) { o.WeakCount() },
		"PtrEq":         func(o Owner) { o.PtrEq(o) },
		"Downgrade":     func(o Owner) { o.Downgrade() },
		"TryUnwrap":     func(o Owner) { o.TryUnwrap() },
		"IntoInner":     func(o Owner) { o.IntoInner() },
		"GetMut":        func(o Owner) { o.GetMut() },
		"MakeMut":       func(o Owner) { o.MakeMut() },
		"UnwrapOrClone": func(o Owner) { o.UnwrapOrClone() },
		"WithName":      func(o Owner) { o.WithName("x") },
	} {
		a := k.of(1)
		b := a.Clone()
		b.Drop()
		for _, bad := range []Owner{b, k.zeroOwner()} {
			err := testkit.PanicError(t, func() { use(bad) })
			require.ErrorIs(t, err, k.ErrDropped, method)
			assert.EqualError(t, err, k.message(method, "handle was dropped"))
		}
		assert.Equal(t, 1, a.StrongCount(), "%s took a count from another owner", method)
		a.Drop()
	}
}

func (k tests) TestUseOfADroppedWeakPanics(t *testing.T) {
	a := k.of(1)
	for method, use := range map[string]func(w Weak){
		"Upgrade":     func(w Weak) { w.Upgrade() },
		"Clone":       func(w Weak) { w.Clone() },
		"Drop":        func(w Weak) { w.Drop() },
		"StrongCount": func(w Weak) { w.StrongCount() },
		"WeakCount":   func(w Weak) { w.WeakCount() },
		"PtrEq":       func(w Weak) { w.PtrEq(w) },
	} {
		kept, w := a.Downgrade(), a.Downgrade()
		w.Drop()
		err := testkit.PanicError(t, func() { use(w) })
		require.ErrorIs(t, err, k.ErrDropped)
		assert.EqualError(t, err, k.Package+": Weak."+method+": handle was dropped")
		assert.Equal(t, 1, a.WeakCount())
		kept.Drop()
	}
}

// TestDropsOfACopyTakeNothing is what a copied handle did before: its Drop destroyed a
// value that another owner held.
func (k tests) TestDropsOfACopyTakeNothing(t *testing.T) {
	a, destroyed := k.counted()
	b := a.Clone()
	c := b.copied()
	b.Drop()
	assert.EqualError(t, testkit.PanicError(t, c.Drop), k.message("Drop", "handle was copied"))
	assert.Zero(t, *destroyed)
	assert.Equal(t, 5, a.Ptr().N)
	a.Drop()
	assert.Equal(t, 1, *destroyed)
}

// TestNilArgumentsPanicByName gives nil to everything that takes a function or a
// handle. The handles are as good as ever afterwards.
func (k tests) TestNilArgumentsPanicByName(t *testing.T) {
	a, destroyed := k.counted()
	b := a.Clone()
	for method, use := range map[string]func(){
		"MakeMutFunc":       func() { a.MakeMutFunc(nil) },
		"UnwrapOrCloneFunc": func() { a.UnwrapOrCloneFunc(nil) },
	} {
		assert.EqualError(t, testkit.PanicError(t, use), k.message(method, "nil function"))
	}
	assert.EqualError(t, testkit.PanicError(t, a.ptrEqNil), k.message("PtrEq", "nil handle"))
	err := testkit.PanicError(t, func() { k.newCyclic(nil, nil) })
	assert.EqualError(t, err, k.Package+": "+k.Cyclic+": nil function")
	assert.Equal(t, 2, a.StrongCount())
	b.Drop()
	a.Drop()
	assert.Equal(t, 1, *destroyed)
}
