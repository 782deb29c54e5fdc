package arcmutex_test

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

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
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
func makeOrders(n int) (orders []*arcmutex.Arc[string]) {
	for range n {
		orders = append(orders, arcmutex.NewArc("order"))
	}
	return orders
}

//go:noinline
func shareOrder(o *arcmutex.Arc[string]) *arcmutex.Arc[string] { return o.Clone() }

func TestCheckIsSilentWhenAllIsDropped(t *testing.T) {
	assert.Empty(t, checked(func() {
		a := arcmutex.NewArcDrop(1, func(*int) {})
		b := a.Clone()
		w := a.Downgrade()
		c, _ := w.Upgrade()
		x := w.Clone()
		cyclic := arcmutex.NewArcCyclic(func(*arcmutex.Weak[int]) int { return 1 }, nil)
		for _, end := range []interface{ Drop() }{a, b, c, w, x, cyclic} {
			end.Drop()
		}
		_, _ = arcmutex.NewArc(1).TryUnwrap()
		_, _ = arcmutex.NewArc(1).IntoInner()
		arcmutex.UnwrapOrClone(arcmutex.NewArc(price{1}))
		d := arcmutex.NewArc(1)
		dw := d.Downgrade()
		d.MakeMutFunc(func(int) int { return 2 })
		d.Drop()
		dw.Drop()
	}))
}

func TestCheckShowsTheStacksOfCreationAndClone(t *testing.T) {
	var orders []*arcmutex.Arc[string]
	errors := checked(func() {
		orders = makeOrders(2)
		orders = append(orders, shareOrder(orders[0]).WithName("shared"))
	})
	require.Len(t, errors, 2)
	assert.Contains(t, errors[0], "2 arcmutex.Arc not ended, made by\n")
	assert.Contains(t, errors[0], "arcmutex_test.makeOrders\n")
	assert.Contains(t, errors[0], "leak_test.go:")
	assert.Contains(t, errors[1], `1 arcmutex.Arc "shared" not ended`)
	assert.Contains(t, errors[1], "arcmutex.(*Arc[...]).Clone\n")
	assert.Contains(t, errors[1], "arcmutex_test.shareOrder\n")
	for _, o := range orders {
		o.Drop()
	}
}

func TestCheckSeesWeaks(t *testing.T) {
	a := arcmutex.NewArc(0)
	var w *arcmutex.Weak[int]
	errors := checked(func() { w = a.Downgrade() })
	require.Len(t, errors, 1)
	assert.Contains(t, errors[0], "1 arcmutex.Weak")
	w.Drop()
}

func TestHandlesMadeWhileTrackingWasOffAreNotSeen(t *testing.T) {
	a := arcmutex.NewArc(1)
	assert.Empty(t, checked(func() { runtime.KeepAlive(a) }))
	arcmutex.Track(1)
	arcmutex.Track(0)
	b := a.Clone()
	assert.Empty(t, checked(func() { runtime.KeepAlive(b) }))
}

func TestTrackRefusesNegativeRates(t *testing.T) {
	err := testkit.PanicError(t, func() { arcmutex.Track(-1) })
	assert.EqualError(t, err, "arcmutex: Track: negative rate -1")
}

//go:noinline
func forget() { arcmutex.NewArc("forgotten").WithName("lost") }

//go:noinline
func forgetClone(r *arcmutex.Arc[string]) { r.Clone() }

// lostIn returns how many handles made by the function are known to be lost.
func lostIn(function string) (n int) {
	for _, leak := range track.Leaks() {
		if strings.Contains(leak.Stack, "arcmutex_test."+function+"\n") {
			n += leak.Count
		}
	}
	return n
}

func TestGarbageCollectorFindsUndroppedHandles(t *testing.T) {
	const n = 10
	a := arcmutex.NewArc("kept")
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
	assert.Contains(t, errors[0], "10 arcmutex.Arc not ended")
	assert.Contains(t, errors[1], `10 arcmutex.Arc "lost" not ended`)
	assert.Empty(t, checked(func() {}), "and only in the test that made them")
	assert.Equal(t, n+1, a.StrongCount(), "what was forgotten is not dropped")
}

func TestSamplingTracksAboutOneInN(t *testing.T) {
	arcmutex.Track(10)
	defer arcmutex.Track(0)
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
	arcmutex.Track(1)
	defer arcmutex.Track(0)
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
	assert.Regexp(t, `(?s)3 +.*arcmutex\.New.*arcmutex_test\.makeOrders`, string(out))
	assert.Regexp(t, `(?s)1 +.*arcmutex\.\(\*Arc\[.*\]\)\.Clone.*arcmutex_test\.shareOrder`, string(out))
}

func holdInventory(m *arcmutex.Mutex[int]) arcmutex.Guard[int] { return m.Lock() }

//go:noinline
func downgradeInventory(g *arcmutex.Guard[int]) arcmutex.RGuard[int] {
	r := g.Downgrade()
	return arcmutex.Map(&r, func(v *int) *int { return v })
}

func TestSampledProfileKeepsReaders(t *testing.T) {
	profile := pprof.Lookup("ferrous.locks")
	arcmutex.Track(10)
	defer arcmutex.Track(0)
	m := arcmutex.NewRWMutex(0)
	shares := make([]arcmutex.RGuard[int], 200)
	for i := range shares {
		testkit.Parallel(1, func(int) {
			g := m.RLock()
			shares[i] = arcmutex.Map(&g, func(v *int) *int { return v })
		})
	}
	n := profile.Count()
	assert.InDelta(t, 20, n, 19)
	for range 1000 {
		m.RWith(func(*int) {})
	}
	assert.Equal(t, n, profile.Count(), "others have come and gone")
	for i := range shares {
		shares[i].Unlock()
	}
	assert.Zero(t, profile.Count())
}

func TestProfileShowsWhoHoldsWhichLock(t *testing.T) {
	profile := pprof.Lookup("ferrous.locks")
	text := func() string {
		var b bytes.Buffer
		require.NoError(t, profile.WriteTo(&b, 1))
		return b.String()
	}
	m := arcmutex.NewMutex(1)
	early := m.Lock()
	arcmutex.Track(1)
	defer arcmutex.Track(0)
	early.Unlock()
	assert.Zero(t, profile.Count(), "taken while it was off")
	g := holdInventory(m)
	assert.Equal(t, 1, profile.Count())
	assert.Contains(t, text(), "arcmutex_test.holdInventory")
	assert.NotContains(t, text(), ".(*lock).acquire", "the package's own frames")

	rw := arcmutex.NewRWMutex(1)
	one, two := rw.RLock(), rw.RLock()
	assert.Equal(t, 3, profile.Count())
	one.Unlock()
	assert.Equal(t, 2, profile.Count())
	two.Unlock()
	w := rw.Lock()
	r := downgradeInventory(&w)
	assert.Equal(t, 2, profile.Count())
	assert.Contains(t, text(), "arcmutex_test.downgradeInventory")
	r.Unlock()
	u := rw.ULock()
	w = u.Upgrade()
	assert.Equal(t, 2, profile.Count())
	w.Unlock()
	m2 := arcmutex.NewMutex(1)
	m2.With(func(*int) { assert.Equal(t, 2, profile.Count()) })
	assert.Equal(t, 1, profile.Count())

	arcmutex.Track(0)
	testkit.Parallel(1, func(int) { g.Unlock() }) // by another goroutine, after it was turned off
	assert.Zero(t, profile.Count())
	g = m.Lock()
	assert.Zero(t, profile.Count())
	g.Unlock()
}
