package refcell_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/refcell"
	"github.com/coderrange/ferrous/track"
)

// tracked turns tracking on for the test.
func tracked(t *testing.T) {
	refcell.Track(1)
	t.Cleanup(func() { refcell.Track(0) })
}

// nextLine returns the number of the line after the caller's.
func nextLine() int {
	_, _, line, _ := runtime.Caller(1)
	return line + 1
}

func TestRefusalNamesBothSitesWhileTracking(t *testing.T) {
	tracked(t)
	c := refcell.New(1)
	first := nextLine()
	a := c.Borrow()
	b := c.Borrow()
	second := nextLine()
	err := testkit.PanicError(t, func() { c.BorrowMut() })
	assert.EqualError(t, err, fmt.Sprintf("refcell: RefCell.BorrowMut: already borrowed (2 readers; first at leak_test.go:%d; refused at leak_test.go:%d)", first, second))
	a.Release()
	b.Release()
	first = nextLine()
	m := c.BorrowMut()
	_, err = c.TryBorrow()
	assert.EqualError(t, err, fmt.Sprintf("refcell: RefCell.TryBorrow: already mutably borrowed (at leak_test.go:%d; refused at leak_test.go:%d)", first, first+1))
	m.Release()

	atomic := refcell.NewAtomicRefCell(1)
	first = nextLine()
	am := atomic.BorrowMut()
	_, err = atomic.TryBorrow()
	assert.EqualError(t, err, fmt.Sprintf("refcell: AtomicRefCell.TryBorrow: already mutably borrowed (at leak_test.go:%d; refused at leak_test.go:%d)", first, first+1))
	am.Release()
}

func TestTrackingCatchesTheCopyOfASharedGuardAtOnce(t *testing.T) {
	tracked(t)
	c := refcell.New(1)
	other, r := c.Borrow(), c.Borrow()
	copied := forge(&r)
	r.Release()
	require.ErrorIs(t, testkit.PanicError(t, copied.Release), refcell.ErrReleased)
	readers, _ := c.BorrowState()
	assert.Equal(t, 1, readers, "the other borrow is not touched")
	other.Release()

	a := refcell.NewAtomicRefCell(1)
	aother, ar := a.Borrow(), a.Borrow()
	acopied := forge(&ar)
	ar.Release()
	require.ErrorIs(t, testkit.PanicError(t, acopied.Release), refcell.ErrReleased)
	readers, _ = a.BorrowState()
	assert.Equal(t, 1, readers)
	aother.Release()
}

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

func TestCheckFindsTheGuardThatWasNotReleased(t *testing.T) {
	c := refcell.New(pair{})
	same := func(p *pair) *pair { return p }
	parts := func(p *pair) (*int, *int) { return &p.a, &p.b }
	assert.Empty(t, checked(func() {
		c.RWith(func(*pair) {})
		c.With(func(*pair) {})
		c.Take()
		r := c.Borrow()
		mapped := refcell.Map(&r, same)
		cloned := mapped.Clone()
		a, b := refcell.MapSplit(&mapped, parts)
		cloned.Release()
		a.Release()
		b.Release()
		m := c.BorrowMut()
		whole := refcell.MapMut(&m, same)
		x, y := refcell.MapSplitMut(&whole, parts)
		x.Release()
		y.Release()
	}))
	var r refcell.Ref[pair]
	errors := checked(func() { r = c.Borrow() })
	require.Len(t, errors, 1)
	assert.Contains(t, errors[0], "1 refcell.Ref not ended")
	assert.Contains(t, errors[0], "TestCheckFindsTheGuardThatWasNotReleased")
	r.Release()
	assert.Empty(t, track.Leaks())
}

//go:noinline
func holdForReading(c *refcell.RefCell[int]) refcell.Ref[int] { return c.Borrow() }

// TestPprofShowsWhoBorrows runs the real tool on a profile that was written to
// a file.
func TestPprofShowsWhoBorrows(t *testing.T) {
	tracked(t)
	c := refcell.New(1)
	r := holdForReading(c)
	defer r.Release()
	file := filepath.Join(t.TempDir(), "borrows.pprof")
	var profile bytes.Buffer
	require.NoError(t, pprof.Lookup("ferrous.borrows").WriteTo(&profile, 0))
	require.NoError(t, os.WriteFile(file, profile.Bytes(), 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-traces", file).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Regexp(t, `(?s)1 +.*refcell\.\(\*RefCell\[.*\]\)\.Borrow.*refcell_test\.holdForReading`, string(out))
}
