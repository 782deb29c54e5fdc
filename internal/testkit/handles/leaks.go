package handles

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/track"
)

// A Recorder is a test for [track.Check] that records its errors.
type Recorder struct {
	errors   []string
	cleanups []func()
}

// Helper does nothing.
func (r *Recorder) Helper() {}

// Cleanup adds a function for Finish.
func (r *Recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// Errorf records an error.
func (r *Recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// Finish ends the test and returns its errors.
func (r *Recorder) Finish() []string {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	return r.errors
}

// Leaked returns what [track.Check] reports about f.
func Leaked(f func()) []string {
	var r Recorder
	track.Check(&r)
	f()
	return r.Finish()
}

// Traces runs the real pprof on a profile and returns the stacks in it.
func Traces(t *testing.T, profile string) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, pprof.Lookup(profile).WriteTo(&text, 0))
	file := filepath.Join(t.TempDir(), "profile")
	require.NoError(t, os.WriteFile(file, text.Bytes(), 0o600))
	out, err := testkit.Command(t, "go", "tool", "pprof", "-traces", file).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

//go:noinline
func (k tests) makeOrders(n int) (orders []Owner) {
	for range n {
		orders = append(orders, k.of(1))
	}
	return orders
}

//go:noinline
func (k tests) shareOrder(o Owner) Owner { return o.Clone() }

func (k tests) TestCheckIsSilentWhenAllIsDropped(t *testing.T) {
	assert.Empty(t, Leaked(func() {
		a, _ := k.counted()
		b := a.Clone()
		w := a.Downgrade()
		c, _ := w.Upgrade()
		x := w.Clone()
		cyclic := k.newCyclic(func(Weak) Value { return Value{} }, nil)
		for _, end := range []interface{ Drop() }{a, b, c, w, x, cyclic} {
			end.Drop()
		}
		_, _ = k.of(1).TryUnwrap()
		_, _ = k.of(1).IntoInner()
		k.of(1).UnwrapOrClone()
		d := k.of(1)
		dw := d.Downgrade()
		d.MakeMut()
		d.Drop()
		dw.Drop()
	}))
}

func (k tests) TestCheckShowsTheStacksOfCreationAndClone(t *testing.T) {
	var orders []Owner
	errors := Leaked(func() {
		orders = k.makeOrders(2)
		orders = append(orders, k.shareOrder(orders[0]).WithName("shared"))
	})
	require.Len(t, errors, 2)
	name := k.Package + "." + k.Owner
	assert.Contains(t, errors[0], "2 "+name+" not ended, made by\n")
	assert.Contains(t, errors[0], "handles.tests.makeOrders\n")
	assert.Contains(t, errors[0], "leaks.go:")
	assert.Contains(t, errors[1], `1 `+name+` "shared" not ended`)
	assert.Contains(t, errors[1], k.Package+".(*"+k.Owner+"[...]).Clone\n")
	assert.Contains(t, errors[1], "handles.tests.shareOrder\n")
	for _, o := range orders {
		o.Drop()
	}
}

func (k tests) TestCheckSeesWeaks(t *testing.T) {
	a := k.of(0)
	var w Weak
	errors := Leaked(func() { w = a.Downgrade() })
	require.Len(t, errors, 1)
	assert.Contains(t, errors[0], "1 "+k.Package+".Weak")
	w.Drop()
}

// making returns the ways to make handles, each with the function that the stack of a
// tracked handle begins with. Before tracking begins it has made what is needed.
func (k Kind) making() map[string]func() (end func()) {
	o := k.of(1)
	w := o.Downgrade()
	of := func(typ, method string) string { return k.Package + ".(*" + typ + "[...])." + method }
	return map[string]func() (end func()){
		k.Package + ".New":         func() func() { return k.of(1).Drop },
		k.Package + "." + k.Cyclic: func() func() { return k.newCyclic(func(Weak) Value { return Value{} }, nil).Drop },
		of(k.Owner, "Clone"):       func() func() { return o.Clone().Drop },
		of(k.Owner, "Downgrade"):   func() func() { return o.Downgrade().Drop },
		of("Weak", "Clone"):        func() func() { return w.Clone().Drop },
		of("Weak", "Upgrade"): func() func() {
			u, _ := w.Upgrade()
			return u.Drop
		},
	}
}

// TestEveryHandleIsTracked makes a handle in every way.
func (k tests) TestEveryHandleIsTracked(t *testing.T) {
	for function, makes := range k.making() {
		var end func()
		leaks := Leaked(func() { end = makes() })
		require.Len(t, leaks, 1, function)
		_, stack, _ := strings.Cut(leaks[0], "made by\n\tgithub.com/coderrange/ferrous/")
		assert.True(t, strings.HasPrefix(stack, function), "%s: the stack is of\n%s", function, stack)
		end()
	}
}

// TestOneInNIsTracked makes handles in every way, of which few are to be tracked.
func (k tests) TestOneInNIsTracked(t *testing.T) {
	k.Track(1000)
	defer k.Track(0)
	for function, makes := range k.making() {
		before := pprof.Lookup("ferrous.handles").Count()
		var ends []func()
		for range 1000 {
			ends = append(ends, makes())
		}
		assert.Less(t, pprof.Lookup("ferrous.handles").Count()-before, 100, function)
		for _, end := range ends {
			end()
		}
	}
}

// forgetFirst returns a Weak to a value whose first handle is forgotten.
//
//go:noinline
func (k tests) forgetFirst() Weak { return k.of(1).Downgrade() }

func (k tests) TestForgottenHandleIsFoundAlthoughOtherHandlesLive(t *testing.T) {
	before := k.lostIn("forgetFirst")
	stop := track.Start(1)
	w := k.forgetFirst()
	stop()
	for range 1000 {
		if k.lostIn("forgetFirst") > before {
			break
		}
		runtime.GC()
		runtime.Gosched()
	}
	assert.Equal(t, before+1, k.lostIn("forgetFirst"))
	w.Drop()
}

func (k tests) TestHandlesMadeWhileTrackingWasOffAreNotSeen(t *testing.T) {
	a := k.of(1)
	assert.Empty(t, Leaked(func() { runtime.KeepAlive(a) }))
	k.Track(1)
	k.Track(0)
	b := a.Clone()
	assert.Empty(t, Leaked(func() { runtime.KeepAlive(b) }))
}

func (k tests) TestTrackRefusesNegativeRates(t *testing.T) {
	err := testkit.PanicError(t, func() { k.Track(-1) })
	assert.EqualError(t, err, k.Package+": Track: negative rate -1")
}

//go:noinline
func (k tests) forget() { k.of(1).WithName("lost") }

//go:noinline
func (k tests) forgetClone(o Owner) { o.Clone() }

// lostIn returns how many handles of the kind made by the function are known to be
// lost.
func (k tests) lostIn(function string) (n int) {
	for _, leak := range track.Leaks() {
		if leak.What == k.Package+"."+k.Owner && strings.Contains(leak.Stack, "handles.tests."+function+"\n") {
			n += leak.Count
		}
	}
	return n
}

func (k tests) TestGarbageCollectorFindsUndroppedHandles(t *testing.T) {
	const n = 10
	a := k.of(1)
	values, clones := k.lostIn("forget")+n, k.lostIn("forgetClone")+n
	errors := Leaked(func() {
		for range n {
			k.forget()
			k.forgetClone(a)
		}
		// A cleanup runs some time after the cycle that finds its object.
		for range 1000 {
			if k.lostIn("forget") == values && k.lostIn("forgetClone") == clones {
				break
			}
			runtime.GC()
			runtime.Gosched()
		}
	})
	assert.Equal(t, values, k.lostIn("forget"))
	assert.Equal(t, clones, k.lostIn("forgetClone"))
	require.Len(t, errors, 2, "Check reports them too")
	name := k.Package + "." + k.Owner
	assert.Contains(t, errors[0], "10 "+name+" not ended")
	assert.Contains(t, errors[1], "10 "+name+` "lost" not ended`)
	assert.Empty(t, Leaked(func() {}), "and only in the test that made them")
	assert.Equal(t, n+1, a.StrongCount(), "what was forgotten is not dropped")
}

func (k tests) TestSamplingTracksAboutOneInN(t *testing.T) {
	k.Track(10)
	defer k.Track(0)
	orders := k.makeOrders(20_000)
	n := pprof.Lookup("ferrous.handles").Count()
	assert.InDelta(t, 2_000, n, 500)
	for _, o := range orders {
		o.Drop()
	}
	assert.Zero(t, pprof.Lookup("ferrous.handles").Count())
}

func (k tests) TestPprofShowsWhoHoldsWhat(t *testing.T) {
	k.Track(1)
	defer k.Track(0)
	orders := k.makeOrders(3)
	orders = append(orders, k.shareOrder(orders[0]))
	defer func() {
		for _, o := range orders {
			o.Drop()
		}
	}()
	out := Traces(t, "ferrous.handles")
	assert.Regexp(t, `(?s)3 +.*`+k.Package+`\.New.*handles\.tests\.makeOrders`, out)
	assert.Regexp(t, `(?s)1 +.*`+k.Package+`\.\(\*`+k.Owner+`\[.*\]\)\.Clone.*handles\.tests\.shareOrder`, out)
}
