package rc_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/track"
)

// recorder is a testing.TB that keeps what it is told.
type recorder struct {
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// checked returns what Check reports about f.
func checked(f func()) []string {
	r := &recorder{}
	track.Check(r)
	f()
	for _, cleanup := range r.cleanups {
		cleanup()
	}
	return r.errors
}

//go:noinline
func makeOrders(n int) (orders []*rc.Rc[string]) {
	for range n {
		orders = append(orders, rc.New("order"))
	}
	return orders
}

//go:noinline
func shareOrder(o *rc.Rc[string]) *rc.Rc[string] { return o.Clone() }

func TestCheckIsSilentWhenAllIsDropped(t *testing.T) {
	assert.Empty(t, checked(func() {
		a := rc.NewDrop(1, func(*int) {})
		b := a.Clone()
		w := a.Downgrade()
		c, _ := w.Upgrade()
		x := w.Clone()
		box := rc.NewBox(1).Move()
		cyclic := rc.NewCyclic(func(*rc.Weak[int]) int { return 1 }, nil)
		for _, end := range []interface{ Drop() }{a, b, c, w, x, box, cyclic, rc.NewBox(1).IntoRc()} {
			end.Drop()
		}
		rc.NewBox(1).IntoInner()
		_, _ = rc.New(1).TryUnwrap()
		_, _ = rc.New(1).IntoInner()
		rc.UnwrapOrClone(rc.New(price{1}))
		d := rc.New(1)
		dw := d.Downgrade()
		d.MakeMutFunc(func(int) int { return 2 })
		d.Drop()
		dw.Drop()
	}))
}

func TestCheckShowsTheStacksOfCreationAndClone(t *testing.T) {
	var orders []*rc.Rc[string]
	errors := checked(func() {
		orders = makeOrders(2)
		orders = append(orders, shareOrder(orders[0]).WithName("shared"))
	})
	require.Len(t, errors, 2)
	assert.Contains(t, errors[0], "2 rc.Rc not ended, made by\n")
	assert.Contains(t, errors[0], "rc_test.makeOrders\n")
	assert.Contains(t, errors[0], "leak_test.go:")
	assert.Contains(t, errors[1], `1 rc.Rc "shared" not ended`)
	assert.Contains(t, errors[1], "rc.(*Rc[...]).Clone\n")
	assert.Contains(t, errors[1], "rc_test.shareOrder\n")
	for _, o := range orders {
		o.Drop()
	}
}

func TestCheckSeesWeaksAndBoxes(t *testing.T) {
	a, b := rc.New(0), rc.NewBox(0)
	errors := checked(func() {
		a.Drop()
		a, b = rc.New(1), b.Move()
		kept = a.Downgrade()
	})
	require.Len(t, errors, 3)
	assert.Contains(t, errors[0], "1 rc.Box")
	assert.Contains(t, errors[1], "1 rc.Rc")
	assert.Contains(t, errors[2], "1 rc.Weak")
	b.Drop()
	a.Drop()
	kept.(*rc.Weak[int]).Drop()
}

func TestHandlesMadeWhileTrackingWasOffAreNotSeen(t *testing.T) {
	a := rc.New(1)
	assert.Empty(t, checked(func() { runtime.KeepAlive(a) }))
	rc.Track(1)
	rc.Track(0)
	b := a.Clone()
	assert.Empty(t, checked(func() { runtime.KeepAlive(b) }))
}

func TestTrackRefusesNegativeRates(t *testing.T) {
	err := testkit.PanicError(t, func() { rc.Track(-1) })
	assert.EqualError(t, err, "rc: Track: negative rate -1")
}

//go:noinline
func forget() { rc.New("forgotten").WithName("lost") }

//go:noinline
func forgetClone(r *rc.Rc[string]) { r.Clone() }

// lostIn returns how many handles made by the function are known to be lost.
func lostIn(function string) (n int) {
	for _, leak := range track.Leaks() {
		if strings.Contains(leak.Stack, "rc_test."+function+"\n") {
			n += leak.Count
		}
	}
	return n
}

func TestGarbageCollectorFindsUndroppedHandles(t *testing.T) {
	const n = 10
	a := rc.New("kept")
	values, clones := lostIn("forget")+n, lostIn("forgetClone")+n
	errors := checked(func() {
		for range n {
			forget()
			forgetClone(a)
		}
		// A cleanup runs some time after the cycle that finds its object.
		for range 1000 {
			if lostIn("forget") == values && lostIn("forgetClone") == clones {
				break
			}
			runtime.GC()
			runtime.Gosched()
		}
	})
	assert.Equal(t, values, lostIn("forget"))
	assert.Equal(t, clones, lostIn("forgetClone"))
	require.Len(t, errors, 2, "Check reports them too")
	assert.Contains(t, errors[0], "10 rc.Rc not ended")
	assert.Contains(t, errors[1], `10 rc.Rc "lost" not ended`)
	assert.Empty(t, checked(func() {}), "and only in the test that made them")
	assert.Equal(t, n+1, a.StrongCount(), "what was forgotten is not dropped")
}

func TestSamplingTracksAboutOneInN(t *testing.T) {
	rc.Track(10)
	defer rc.Track(0)
	orders := makeOrders(20_000)
	n := pprof.Lookup("ferrous.handles").Count()
	assert.InDelta(t, 2_000, n, 500)
	for _, o := range orders {
		o.Drop()
	}
	assert.Zero(t, pprof.Lookup("ferrous.handles").Count())
}

// TestPprofShowsWhoHoldsWhat runs the real tool on a profile that was written
// to a file.
func TestPprofShowsWhoHoldsWhat(t *testing.T) {
	rc.Track(1)
	defer rc.Track(0)
	orders := makeOrders(3)
	orders = append(orders, shareOrder(orders[0]))
	defer func() {
		for _, o := range orders {
			o.Drop()
		}
	}()
	file := filepath.Join(t.TempDir(), "handles.pprof")
	var profile bytes.Buffer
	require.NoError(t, pprof.Lookup("ferrous.handles").WriteTo(&profile, 0))
	require.NoError(t, os.WriteFile(file, profile.Bytes(), 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-traces", file).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Regexp(t, `(?s)3 +.*rc\.New.*rc_test\.makeOrders`, string(out))
	assert.Regexp(t, `(?s)1 +.*rc\.\(\*Rc\[.*\]\)\.Clone.*rc_test\.shareOrder`, string(out))
}
