package refcell_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/handles"
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

func TestCheckFindsTheGuardThatWasNotReleased(t *testing.T) {
	c := refcell.New(pair{})
	same := func(p *pair) *pair { return p }
	parts := func(p *pair) (*int, *int) { return &p.a, &p.b }
	assert.Empty(t, handles.Leaked(func() {
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
	errors := handles.Leaked(func() { r = c.Borrow() })
	require.Len(t, errors, 1)
	assert.Contains(t, errors[0], "1 refcell.Ref not ended")
	assert.Contains(t, errors[0], "TestCheckFindsTheGuardThatWasNotReleased")
	r.Release()
	assert.Empty(t, track.Leaks())
}

//go:noinline
func holdForReading(c *refcell.RefCell[int]) refcell.Ref[int] { return c.Borrow() }

func TestPprofShowsWhoBorrows(t *testing.T) {
	tracked(t)
	c := refcell.New(1)
	r := holdForReading(c)
	defer r.Release()
	out := handles.Traces(t, "ferrous.borrows")
	assert.Regexp(t, `(?s)1 +.*refcell\.\(\*RefCell\[.*\]\)\.Borrow.*refcell_test\.holdForReading`, out)
}
