package refcell_test

import (
	"fmt"
	"runtime"
	"strings"
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
	for _, leak := range track.Leaks() { // of other tests
		assert.NotContains(t, fmt.Sprint(leak), "TestCheckFindsTheGuardThatWasNotReleased")
	}
}

// TestEveryBorrowIsTracked makes a borrow in every way. Its record begins with the
// method that made it, and ends with the borrow.
func TestEveryBorrowIsTracked(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.cell(pair{})
		of := func(typ, method string) string { return "refcell.(*" + f.name + typ + "[...])." + method }
		var before shared
		var old exclusive
		for method, borrow := range map[string]func() []func(){
			of("RefCell", "Borrow"):    func() []func() { return []func(){c.borrow().Release} },
			of("RefCell", "BorrowMut"): func() []func() { return []func(){c.borrowMut().Release} },
			of("RefCell", "TryBorrow"): func() []func() { return []func(){must(c.tryBorrow()).Release} },
			of("RefCell", "TryBorrowMut"): func() []func() {
				return []func(){must(c.tryBorrowMut()).Release}
			},
			of("Ref", "Clone"): func() []func() { return []func(){before.clone().Release, before.Release} },
			"refcell.MapSplit" + f.name + "[...]": func() []func() {
				a, b := before.split(twice)
				return []func(){a.Release, b.Release}
			},
			"refcell.MapSplitMut" + f.name + "[...]": func() []func() {
				a, b := old.split(fields)
				return []func(){a.release, b.release}
			},
		} {
			switch { // made before tracking begins
			case strings.Contains(method, "Mut"+f.name+"["):
				old = c.borrowMut()
			case strings.Contains(method, "Clone") || strings.Contains(method, "Split"):
				before = c.borrow()
			}
			var release []func()
			leaks := handles.Leaked(func() { release = borrow() })
			require.Len(t, leaks, 1, method)
			assert.Contains(t, leaks[0], "made by\n\tgithub.com/coderrange/ferrous/"+method+"\n")
			for _, end := range release {
				end()
			}
			assert.Empty(t, handles.Leaked(func() {
				for _, end := range borrowed(c) {
					end()
				}
			}))
		}
		assert.Empty(t, handles.Leaked(func() {
			parts, _, _ := f.thirds()
			for _, part := range parts {
				part.release()
			}
		}))
		var parts [3]half
		assert.NotEmpty(t, handles.Leaked(func() { parts, _, _ = f.thirds() }))
		for _, part := range parts {
			part.release()
		}
	})
}

// borrowed borrows a cell in two ways, one after the other.
func borrowed(c cell) []func() {
	return []func(){func() { c.borrow().Release() }, func() { c.borrowMut().Release() }}
}

// TestRefusalSaysThatNotAllBorrowsAreTracked has one reader of each kind.
func TestRefusalSaysThatNotAllBorrowsAreTracked(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		c := f.cell(pair{})
		first := c.borrow()
		refcell.Track(1)
		second := c.borrow()
		refcell.Track(0)
		_, err := c.tryBorrowMut()
		assert.Regexp(t, `already borrowed \(2 readers; one at flavours_test\.go:\d+\)$`, err.Error())
		first.Release()
		_, err = c.tryBorrowMut()
		assert.Regexp(t, `already borrowed \(1 reader; at flavours_test\.go:\d+\)$`, err.Error())
		second.Release()
	})
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
