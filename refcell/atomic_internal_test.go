package refcell

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// TestAllInterleavings runs TestAtomicExplored with every interleaving of the
// atomic operations. By itself it sees every order of whole threads.
func TestAllInterleavings(t *testing.T) {
	interleave.Rerun(t, "TestAtomicExplored", "atomicstate.go")
}

// A cellTrial is one run of threads over one cell.
type cellTrial struct {
	state   atomicState
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
