package refcell

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// TestAllInterleavings runs TestAtomicExplored with every interleaving of the
// atomic operations. By itself it sees every order of whole threads.
func TestAllInterleavings(t *testing.T) {
	interleave.Rerun(t, "TestAtomicExplored.*", "atomic_borrowstate.go")
}

// A cellTrial is one run of threads over one cell.
type cellTrial struct {
	state   atomicBorrowState
	readers int // that hold a borrow now
	writers int
	granted int
	clashes int
}

// hold counts a borrow for as long as two operations of other threads.
func (r *cellTrial) hold(n *int) {
	*n++
	r.granted++
	if r.writers > 1 || r.writers == 1 && r.readers > 0 {
		r.clashes++
	}
	r.state.gen.Load()
	*n--
}

func (r *cellTrial) read() {
	if turn, _, err := r.state.tryShare("read"); err == nil {
		r.hold(&r.readers)
		r.state.unshare(turn, nil)
	}
}

func (r *cellTrial) write() {
	if gen, _, err := r.state.trySeize("write"); err == nil {
		r.hold(&r.writers)
		r.state.unseize(gen, nil)
	}
}

// late is a reader who comes when nobody else can be left.
func (r *cellTrial) late(t *testing.T) {
	turn, _, err := r.state.tryShare("late")
	assert.NoError(t, err, "refused by a borrow that failed")
	r.state.unshare(turn, nil)
	_, _, err = r.state.trySeize("late")
	assert.NoError(t, err, "refused by a borrow that failed")
}

func TestAtomicExplored(t *testing.T) {
	for name, threads := range map[string][]func(*cellTrial){
		"two writers":           {(*cellTrial).write, (*cellTrial).write},
		"a writer and a reader": {(*cellTrial).write, (*cellTrial).read},
		"a writer, two readers": {(*cellTrial).write, (*cellTrial).read, (*cellTrial).read},
		"two readers":           {(*cellTrial).read, (*cellTrial).read},
	} {
		t.Run(name, func(t *testing.T) {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				r := &cellTrial{}
				var fs []func()
				for _, f := range threads {
					fs = append(fs, func() { f(r) })
				}
				return fs, func() {
					assert.Zero(t, r.clashes, "a writer was not alone")
					assert.Positive(t, r.granted, "somebody is first")
					r.late(t)
				}
			})
			t.Logf("%d interleavings", runs)
		})
	}
}

// TestAtomicExploredCopies releases two copies of one guard at the same time, beside
// another reader or none, or a writer that comes. One release ends the borrow.
func TestAtomicExploredCopies(t *testing.T) {
	for name, third := range map[string]func(*cellTrial){
		"alone": func(*cellTrial) {}, "beside a reader": (*cellTrial).read, "beside a writer": (*cellTrial).write,
	} {
		t.Run(name, func(t *testing.T) {
			interleave.Explore(t, func() ([]func(), func()) {
				r := &cellTrial{}
				turn, _ := r.state.share("Borrow")
				errs := make([]error, 3)
				thread := func(i int, f func()) func() { return func() { errs[i] = panicked(f) } }
				release := func() { r.state.unshare(turn, nil) }
				return []func(){thread(0, release), thread(1, release), thread(2, func() { third(r) })}, func() {
					ended := 0
					for _, err := range errs {
						if err == nil {
							ended++
						} else {
							assert.ErrorIs(t, err, ErrReleased)
						}
					}
					// A reader that is released early by a copy panics in its place.
					assert.Equal(t, len(errs)-1, ended)
					if name != "beside a writer" {
						r.late(t)
					}
				}
			})
		})
	}
}

// A pairTrial is one run of two methods of one AtomicRefCell. Every value but
// zero is given to a method once.
type pairTrial struct {
	cell, other *AtomicRefCell[int]
	in, out     map[int]bool // values given to the cells, and got back
	inside      int          // writers in a callback
	readers     int          // in a callback
	clashes     int
	given       int
}

func (p *pairTrial) give() int {
	p.given++
	p.in[p.given] = true
	return p.given
}

func (p *pairTrial) got(v int) {
	if v != 0 {
		if p.out[v] {
			p.clashes++ // given out twice
		}
		p.out[v] = true
	}
}

// writing counts a writer in a callback for as long as an operation of another
// thread takes.
func (p *pairTrial) writing(c *AtomicRefCell[int]) {
	if p.inside++; p.inside > 1 || p.readers > 0 {
		p.clashes++
	}
	c.state.gen.Load()
	p.inside--
}

func (p *pairTrial) reading(c *AtomicRefCell[int]) {
	if p.readers++; p.inside > 0 {
		p.clashes++
	}
	c.state.gen.Load()
	p.readers--
}

// pairMethods are all methods of an AtomicRefCell and of its guards, each in a use
// that leaves nothing borrowed.
var pairMethods = map[string]func(*pairTrial){
	"Borrow": func(p *pairTrial) {
		r := p.cell.Borrow()
		defer r.Release()
		p.reading(p.cell)
		_ = r.Get()
	},
	"Borrow, Clone": func(p *pairTrial) {
		r := p.cell.Borrow()
		defer r.Release()
		n := r.Clone()
		n.Release()
	},
	"Borrow, MapAtomic": func(p *pairTrial) {
		r := p.cell.Borrow()
		n := MapAtomic(&r, func(v *int) *int { return v })
		defer n.Release()
		p.reading(p.cell)
	},
	"Borrow, MapSplitAtomic": func(p *pairTrial) {
		r := p.cell.Borrow()
		a, b := MapSplitAtomic(&r, func(v *int) (*int, *int) { return v, v })
		a.Release()
		b.Release()
	},
	"Borrow, released twice": func(p *pairTrial) {
		r := p.cell.Borrow()
		r.Release()
		if errors.Is(panicked(r.Release), ErrReleased) {
			return
		}
		p.clashes++
	},
	"TryBorrow": func(p *pairTrial) {
		if r, err := p.cell.TryBorrow(); err == nil {
			defer r.Release()
			p.reading(p.cell)
		}
	},
	"BorrowMut": func(p *pairTrial) {
		r := p.cell.BorrowMut()
		defer r.Release()
		p.writing(p.cell)
		p.got(r.Get())
		r.Set(p.give())
	},
	"BorrowMut, MapMutAtomic": func(p *pairTrial) {
		r := p.cell.BorrowMut()
		n := MapMutAtomic(&r, func(v *int) *int { return v })
		defer n.Release()
		p.writing(p.cell)
	},
	"BorrowMut, MapSplitMutAtomic": func(p *pairTrial) {
		r := p.cell.BorrowMut()
		a, b := MapSplitMutAtomic(&r, func(v *int) (*int, *int) { return v, new(int) })
		a.Release()
		p.writing(p.cell)
		b.Release()
	},
	"TryBorrowMut": func(p *pairTrial) {
		if r, err := p.cell.TryBorrowMut(); err == nil {
			defer r.Release()
			p.writing(p.cell)
		}
	},
	"RWith": func(p *pairTrial) { p.cell.RWith(func(*int) { p.reading(p.cell) }) },
	"With":  func(p *pairTrial) { p.cell.With(func(*int) { p.writing(p.cell) }) },
	"With, panic": func(p *pairTrial) {
		p.cell.With(func(*int) {
			p.writing(p.cell)
			panic(errors.New("of the function"))
		})
	},
	"Replace": func(p *pairTrial) {
		v := p.give()
		if err := panicked(func() { p.got(p.cell.Replace(v)) }); err != nil {
			delete(p.in, v)
			panic(err)
		}
	},
	"ReplaceWith": func(p *pairTrial) {
		p.got(p.cell.ReplaceWith(func(*int) int {
			p.writing(p.cell)
			return p.give()
		}))
	},
	"Take":        func(p *pairTrial) { p.got(p.cell.Take()) },
	"IntoInner":   func(p *pairTrial) { p.got(p.cell.IntoInner()) },
	"Swap":        func(p *pairTrial) { p.cell.Swap(p.other) },
	"BorrowState": func(p *pairTrial) { p.cell.BorrowState() },
	"Format":      func(p *pairTrial) { _, _ = fmt.Fprintf(io.Discard, "%v", p.cell) },
	"LogValue":    func(p *pairTrial) { _ = p.cell.LogValue() },
}

// panicked returns the error with which f panics.
func panicked(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = v.(error)
		}
	}()
	f()
	return nil
}

// TestAtomicExploredPairs runs every method beside every other. No writer is
// beside another borrow, every value is in one place, a refusal is one of the
// errors of a conflict, and afterwards nobody borrows the cell.
func TestAtomicExploredPairs(t *testing.T) {
	for a, first := range pairMethods {
		for b, second := range pairMethods {
			if a > b {
				continue
			}
			t.Run(a+" beside "+b, func(t *testing.T) {
				interleave.Explore(t, func() ([]func(), func()) {
					p := &pairTrial{in: map[int]bool{}, out: map[int]bool{}}
					p.cell, p.other = NewAtomicRefCell(p.give()), NewAtomicRefCell(p.give())
					errs := make([]error, 2)
					threads := []func(){
						func() { errs[0] = panicked(func() { first(p) }) },
						func() { errs[1] = panicked(func() { second(p) }) },
					}
					return threads, func() { p.check(t, errs) }
				})
			})
		}
	}
}

func (p *pairTrial) check(t *testing.T, errs []error) {
	t.Helper()
	assert.Zero(t, p.clashes)
	for _, err := range errs {
		if err != nil && err.Error() != "of the function" {
			conflict := errors.Is(err, ErrBorrowed) || errors.Is(err, ErrMutBorrowed) || errors.Is(err, ErrTaken)
			assert.True(t, conflict, err.Error())
		}
	}
	for _, c := range []*AtomicRefCell[int]{p.cell, p.other} {
		readers, writing := c.BorrowState()
		assert.Zero(t, readers)
		assert.False(t, writing)
		v := c.value
		if v != 0 {
			assert.False(t, p.out[v], "a value was given out and kept")
			p.out[v] = true
		}
		if err := panicked(func() { c.With(func(*int) {}) }); err != nil {
			assert.ErrorIs(t, err, ErrTaken)
		}
	}
	assert.Equal(t, p.in, p.out, "a value was lost")
}
