package arcmutex

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// An arcTrial is one run of threads over handles of one value.
type arcTrial struct {
	a, b      *Arc[int] // the owners at the start
	w         *Weak[int]
	values    int // that there were
	destroyed int // runs of the destructor
	taken     int // values that were moved out
	refused   int // panics that say that a handle was dropped
	t         *testing.T
}

// misuse runs f, which may find its handle dropped.
func (r *arcTrial) misuse(f func()) {
	defer func() {
		if err, _ := recover().(error); errors.Is(err, ErrDropped) {
			r.refused++
		} else {
			assert.NoError(r.t, err)
		}
	}()
	f()
}

func (r *arcTrial) dropA() { r.a.Drop() }
func (r *arcTrial) dropB() { r.b.Drop() }

// twiceA ends a handle that another thread ends too.
func (r *arcTrial) twiceA() { r.misuse(r.a.Drop) }

// upgrade makes an owner, looks at the value and drops it.
func (r *arcTrial) upgrade() {
	if u, ok := r.w.Upgrade(); ok {
		assert.Equal(r.t, 5, u.shared.value, "an owner of a value that is gone")
		u.Drop()
	}
}

// cloneA clones a handle that another thread may have ended.
func (r *arcTrial) cloneA() {
	r.misuse(func() {
		c := r.a.Clone()
		assert.Equal(r.t, 5, c.shared.value, "an owner of a value that is gone")
		c.Drop()
	})
}

func (r *arcTrial) intoInner(a *Arc[int]) {
	if v, ok := a.IntoInner(); ok {
		assert.Equal(r.t, 5, v)
		r.taken++
	}
}

func (r *arcTrial) intoInnerA() { r.intoInner(r.a) }
func (r *arcTrial) intoInnerB() { r.intoInner(r.b) }

func (r *arcTrial) tryUnwrapA() {
	if _, ok := r.a.TryUnwrap(); ok {
		r.taken++
		return
	}
	r.a.Drop()
}

// changeHands makes of the owner b a Weak, an owner and a Weak again: there is
// always one of them.
func (r *arcTrial) changeHands() {
	w := r.b.Downgrade()
	r.b.Drop()
	u, ok := w.Upgrade()
	w.Drop()
	if assert.True(r.t, ok) {
		u.Downgrade()
		u.Drop()
	}
}

func (r *arcTrial) getMutA() {
	_, ok := r.a.GetMut()
	assert.False(r.t, ok, "GetMut is not alone")
}

func (r *arcTrial) makeMutA() {
	*r.a.MakeMutFunc(func(v int) int { r.values++; return v }) = 6
	r.a.Drop()
}

func TestArcExplored(t *testing.T) {
	type threads []func(*arcTrial)
	sets := map[string]struct {
		owners  int
		threads threads
		ends    bool // no owner is left
		refused int  // at most
	}{
		"one handle dropped twice":              {1, threads{(*arcTrial).twiceA, (*arcTrial).twiceA}, true, 1},
		"one handle dropped twice, and another": {2, threads{(*arcTrial).twiceA, (*arcTrial).twiceA, (*arcTrial).dropB}, true, 1},
		"drops and an upgrade":                  {2, threads{(*arcTrial).dropA, (*arcTrial).dropB, (*arcTrial).upgrade}, true, 0},
		"clone of a handle that is dropped":     {2, threads{(*arcTrial).cloneA, (*arcTrial).dropA, (*arcTrial).dropB}, true, 1},
		"two into inner":                        {2, threads{(*arcTrial).intoInnerA, (*arcTrial).intoInnerB}, true, 0},
		"two into inner and an upgrade":         {2, threads{(*arcTrial).intoInnerA, (*arcTrial).intoInnerB, (*arcTrial).upgrade}, true, 0},
		"try unwrap and drop":                   {2, threads{(*arcTrial).tryUnwrapA, (*arcTrial).dropB}, true, 0},
		"try unwrap and upgrade":                {1, threads{(*arcTrial).tryUnwrapA, (*arcTrial).upgrade}, true, 0},
		"make mut and upgrade":                  {1, threads{(*arcTrial).makeMutA, (*arcTrial).upgrade}, true, 0},
		"make mut and drop":                     {2, threads{(*arcTrial).makeMutA, (*arcTrial).dropB}, true, 0},
		"get mut while another changes hands":   {2, threads{(*arcTrial).getMutA, (*arcTrial).changeHands}, false, 0},
	}
	for name, set := range sets {
		t.Run(name, func(t *testing.T) {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				r := &arcTrial{t: t, values: 1}
				r.a = NewArcDrop(5, func(*int) { r.destroyed++ })
				r.w = r.a.Downgrade()
				if set.owners > 1 {
					r.b = r.a.Clone()
				}
				if name == "get mut while another changes hands" {
					r.w.Drop()
				}
				var fs []func()
				for _, f := range set.threads {
					fs = append(fs, func() { f(r) })
				}
				return fs, func() {
					if set.ends {
						assert.Equal(t, r.values, r.destroyed+r.taken, "%d destroyed, %d taken", r.destroyed, r.taken)
					}
					assert.LessOrEqual(t, r.refused, set.refused)
				}
			})
			t.Logf("%d interleavings", runs)
		})
	}
}
