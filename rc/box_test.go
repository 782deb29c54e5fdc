package rc_test

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/handles"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/track"
)

func TestMoveLeavesTheOldBoxInvalid(t *testing.T) {
	b1 := rc.NewBox(500)
	p := b1.Ptr()
	b2 := b1.Move()
	assert.Equal(t, 500, *b2.Ptr())
	assert.Same(t, p, b2.Ptr(), "the value stays where it is")
	for method, use := range map[string]func(){
		"Ptr":       func() { b1.Ptr() },
		"Move":      func() { b1.Move() },
		"IntoInner": func() { b1.IntoInner() },
		"IntoRc":    func() { b1.IntoRc() },
		"Drop":      b1.Drop,
	} {
		err := testkit.PanicError(t, use)
		require.ErrorIs(t, err, rc.ErrDropped)
		assert.EqualError(t, err, "rc: Box."+method+": handle was dropped")
	}
	assert.Equal(t, 500, *b2.Ptr())
}

func TestBoxIsDestroyedOnce(t *testing.T) {
	destroyed := 0
	b := rc.NewBoxDrop(1, func(*int) { destroyed++ })
	c := b.Move()
	assert.Zero(t, destroyed)
	c.Drop()
	assert.Equal(t, 1, destroyed)
	assert.ErrorIs(t, testkit.PanicError(t, c.Drop), rc.ErrDropped)
	assert.Equal(t, 1, destroyed)
}

func TestBoxIntoInnerDoesNotDestroy(t *testing.T) {
	b := rc.NewBoxDrop(7, func(*int) { t.Error("destroyed") })
	assert.Equal(t, 7, b.IntoInner())
}

func TestBoxIntoRcTakesValueAndDestructorAlong(t *testing.T) {
	destroyed := 0
	a := rc.NewBoxDrop(123, func(v *int) { destroyed = *v }).IntoRc()
	assert.Equal(t, 123, *a.Ptr())
	assert.Equal(t, 1, a.StrongCount())
	a.Drop()
	assert.Equal(t, 123, destroyed)
}

func TestPanicOfABoxedDestructorIsPassedOn(t *testing.T) {
	boom := errors.New("boom")
	b := rc.NewBoxDrop(1, func(*int) { panic(boom) })
	require.ErrorIs(t, testkit.PanicError(t, b.Drop), boom)
	require.ErrorIs(t, testkit.PanicError(t, b.Drop), rc.ErrDropped)
}

// boxed is a list of boxes.
type boxed struct{ next *rc.Box[boxed] }

func TestListOfBoxesIsDroppedWithoutOverflow(t *testing.T) {
	destroyed := 0
	var head *rc.Box[boxed]
	for range 200_000 {
		head = rc.NewBoxDrop(boxed{head}, func(b *boxed) {
			destroyed++
			if b.next != nil {
				b.next.Drop()
			}
		})
	}
	head.Drop()
	assert.Equal(t, 200_000, destroyed)
}

func TestEveryMethodOfABadBoxPanics(t *testing.T) {
	kind.Misuse(t, "Box", func() any { return rc.NewBox(5) }, func(*testing.T) {})
}

// TestEveryMethodOfABoxThatWasMovedPanics uses what is left behind, and copies of it,
// by each way in which a Box gives its value away.
func TestEveryMethodOfABoxThatWasMovedPanics(t *testing.T) {
	for way, move := range map[string]func(b *rc.Box[int]) (end func()){
		"Move":      func(b *rc.Box[int]) func() { return b.Move().Drop },
		"IntoRc":    func(b *rc.Box[int]) func() { return b.IntoRc().Drop },
		"IntoInner": func(b *rc.Box[int]) func() { b.IntoInner(); return nil },
	} {
		destroyed := 0
		b := rc.NewBoxDrop(5, func(*int) { destroyed++ })
		before := handles.Copied(b)
		end := move(b)
		for bad, want := range map[any]error{b: rc.ErrDropped, handles.Copied(b): rc.ErrDropped, before: rc.ErrCopied} {
			for _, method := range handles.Methods(bad) {
				err := testkit.PanicError(t, func() { handles.Call(bad, method) })
				require.ErrorIs(t, err, want, "%s after %s", method, way)
			}
		}
		require.Zero(t, destroyed, way)
		if end != nil {
			end()
			require.Equal(t, 1, destroyed, way)
		}
	}
}

func TestBoxPrintsItsValue(t *testing.T) {
	b := rc.NewBox(500)
	assert.Equal(t, "500 Box(500) 0x1f4 500", fmt.Sprintf("%v %+v %#x %v", b, b, b, b.LogValue()))
	b.Drop()
	assert.Equal(t, "<dropped> Box(<dropped>) <dropped>", fmt.Sprintf("%v %+v %v", b, b, b.LogValue()))
}

func TestCheckSeesBoxes(t *testing.T) {
	assert.Empty(t, handles.Leaked(func() {
		rc.NewBox(1).Move().Drop()
		rc.NewBox(1).IntoRc().Drop()
		rc.NewBox(1).IntoInner()
	}))
	b := rc.NewBox(0)
	errors := handles.Leaked(func() { b = b.Move() })
	require.Len(t, errors, 1)
	assert.Contains(t, errors[0], "1 rc.Box")
	b.Drop()
	assert.Contains(t, errors[0], "made by\n\tgithub.com/coderrange/ferrous/rc.(*Box[...]).Move")
	errors = handles.Leaked(func() { b = rc.NewBox(1) })
	require.Len(t, errors, 1)
	assert.Contains(t, errors[0], "made by\n\tgithub.com/coderrange/ferrous/rc.NewBoxDrop")
	b.Drop()
	rc.Track(1000)
	defer rc.Track(0)
	before := pprof.Lookup("ferrous.handles").Count()
	for range 1000 {
		b = rc.NewBox(1).Move()
	}
	assert.Less(t, pprof.Lookup("ferrous.handles").Count()-before, 100)
}

// forgetBox returns a pointer to the value of a Box that is forgotten.
//
//go:noinline
func forgetBox() *int { return rc.NewBox(1).Ptr() }

func TestForgottenBoxIsFoundAlthoughItsValueLives(t *testing.T) {
	stop := track.Start(1)
	value := forgetBox()
	stop()
	found := func() bool {
		return slices.ContainsFunc(track.Leaks(), func(l track.Leak) bool { return strings.Contains(l.Stack, "forgetBox") })
	}
	for range 1000 {
		if found() {
			break
		}
		runtime.GC()
		runtime.Gosched()
	}
	assert.True(t, found())
	runtime.KeepAlive(value)
}

func TestAnEndedBoxKeepsNothingAlive(t *testing.T) {
	for name, end := range map[string]func(b *rc.Box[*[64]int]){
		"Drop": (*rc.Box[*[64]int]).Drop, "IntoInner": func(b *rc.Box[*[64]int]) { b.IntoInner() },
		"IntoRc": func(b *rc.Box[*[64]int]) { b.IntoRc().Drop() },
	} {
		for _, drop := range []func(**[64]int){nil, func(**[64]int) {}} {
			b := rc.NewBoxDrop(new([64]int), drop)
			seen := weak.Make(*b.Ptr())
			end(b)
			runtime.GC()
			assert.Nil(t, seen.Value(), name)
			runtime.KeepAlive(b)
		}
	}
}
