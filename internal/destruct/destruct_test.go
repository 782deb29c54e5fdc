package destruct_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/destruct"
	"github.com/coderrange/ferrous/internal/testkit"
)

type destructor func()

func (d destructor) Destruct() { d() }

// chain destroys n things, each of which destroys the next one, and returns
// how many were destroyed and how deep they nested.
func chain(n int) (destroyed, deepest int) {
	depth := 0
	var next destructor
	next = func() {
		depth++
		deepest = max(deepest, depth)
		if destroyed++; destroyed < n {
			destruct.Run(next)
		}
		depth--
	}
	destruct.Run(next)
	return destroyed, deepest
}

func TestRunNestsWhileShallow(t *testing.T) {
	destroyed, deepest := chain(destruct.Depth)
	assert.Equal(t, destruct.Depth, destroyed)
	assert.Equal(t, destruct.Depth, deepest)
}

func TestRunDestroysALongChainOnAShallowStack(t *testing.T) {
	destroyed, deepest := chain(1_000_000)
	assert.Equal(t, 1_000_000, destroyed)
	assert.LessOrEqual(t, deepest, 2*destruct.Depth+1)
}

func TestRunKeepsTheChainsOfGoroutinesApart(t *testing.T) {
	testkit.Parallel(8, func(int) {
		destroyed, deepest := chain(20_000)
		assert.Equal(t, 20_000, destroyed)
		assert.LessOrEqual(t, deepest, 2*destruct.Depth+1)
	})
}

func TestRunDestroysATreeOnce(t *testing.T) {
	const levels = 12
	seen := map[int]int{}
	var node func(id, level int, deep int) destructor
	node = func(id, level, deep int) destructor {
		return func() {
			if deep > 0 { // a trunk that is deeper than destructors nest
				destruct.Run(node(id, level, deep-1))
				return
			}
			seen[id]++
			if level < levels {
				destruct.Run(node(2*id, level+1, 0))
				destruct.Run(node(2*id+1, level+1, 0))
			}
		}
	}
	destruct.Run(node(1, 1, 3*destruct.Depth))
	require.Len(t, seen, 1<<levels-1)
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
}

func TestRunPassesPanicsOnAndDestroysTheRest(t *testing.T) {
	boom := errors.New("boom")
	const leaves, panicking = 3 * destruct.Depth, 2 * destruct.Depth
	destroyed := 0
	leaf := destructor(func() {
		destroyed++
		if destroyed <= panicking {
			panic(boom)
		}
	})
	var trunk func(deep int) destructor
	trunk = func(deep int) destructor {
		return func() {
			if deep > 0 {
				destruct.Run(trunk(deep - 1))
				return
			}
			for range leaves {
				destruct.Run(leaf)
			}
		}
	}
	err := testkit.PanicError(t, func() { destruct.Run(trunk(2*destruct.Depth - 1)) })
	require.ErrorIs(t, err, boom)
	assert.Equal(t, leaves, destroyed)

	n, deepest := chain(10 * destruct.Depth)
	assert.Equal(t, 10*destruct.Depth, n, "destructors still run after a panic")
	assert.LessOrEqual(t, deepest, 2*destruct.Depth+1)
}

func TestRunDoesNotAllocateWhileShallow(t *testing.T) {
	d := destructor(func() {})
	testkit.NoAllocs(t, "Run", func() { destruct.Run(d) })
}
