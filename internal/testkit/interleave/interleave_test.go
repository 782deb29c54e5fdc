package interleave_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

func TestExploreFindsEveryInterleavingOnce(t *testing.T) {
	seen := map[string]int{}
	runs := interleave.Explore(t, func() ([]func(), func()) {
		var x interleave.Int64
		order := ""
		thread := func(name string) func() {
			return func() {
				order += name
				x.Add(1)
				order += name
				x.Add(1)
				order += name
			}
		}
		return []func(){thread("a"), thread("b"), thread("c")}, func() {
			seen[order]++
			assert.EqualValues(t, 6, x.Load())
		}
	})
	assert.Equal(t, 1680, runs, "9! / (3! 3! 3!)")
	assert.Len(t, seen, runs)
}

// lossy adds one in two steps, so that an interleaving loses an addition.
func lossy(x *interleave.Int64) { x.Store(x.Load() + 1) }

func TestExploreFindsTheLostUpdate(t *testing.T) {
	sums := map[int64]bool{}
	interleave.Explore(t, func() ([]func(), func()) {
		var x interleave.Int64
		add := func() { lossy(&x) }
		return []func(){add, add}, func() { sums[x.Load()] = true }
	})
	assert.Equal(t, map[int64]bool{1: true, 2: true}, sums)
}

// twoAdds is a counter with real and speculative references in one word, after
// gVisor's refs: a TryInc adds a speculative one, looks, and converts it.
type twoAdds struct{ n interleave.Int64 }

const speculative = 1 << 32

func (c *twoAdds) tryInc() bool {
	if c.n.Add(speculative)&(speculative-1) == 0 {
		c.n.Add(-speculative)
		return false
	}
	c.n.Add(1 - speculative)
	return true
}

// dec destroys at zero, speculative references included.
func (c *twoAdds) dec() bool { return c.n.Add(-1) == 0 }

func TestExploreFindsTheLeakOfTwoAdds(t *testing.T) {
	destroyed := map[int]int{}
	interleave.Explore(t, func() ([]func(), func()) {
		var c twoAdds
		c.n.Store(1)
		times := 0
		drop := func() {
			if c.dec() {
				times++
			}
		}
		upgrade := func() {
			if c.tryInc() {
				drop()
			}
		}
		return []func(){drop, upgrade, upgrade}, func() { destroyed[times]++ }
	})
	assert.Positive(t, destroyed[1])
	assert.Positive(t, destroyed[0], "the schedule under which nobody destroys")
}
