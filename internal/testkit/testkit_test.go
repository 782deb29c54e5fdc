package testkit_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestAdvanceMovesTheFakeClockOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fired := false
		time.AfterFunc(time.Hour, func() { fired = true })
		start := time.Now()
		testkit.Advance(time.Hour)
		assert.Equal(t, time.Hour, time.Since(start))
		assert.True(t, fired)
	})
}

func TestCheckRunsEachPropertyInItsOwnBubble(t *testing.T) {
	runs := 0
	testkit.Check(t, func(t *rapid.T) {
		if rapid.Bool().Draw(t, "skip") {
			t.Skip("does not count")
		}
		runs++
		start := time.Now()
		testkit.Advance(100 * time.Hour)
		assert.Equal(t, 100*time.Hour, time.Since(start))
	})
	assert.GreaterOrEqual(t, runs, 20)
}

func TestStressRunsAtEveryGOMAXPROCS(t *testing.T) {
	t.Setenv("FERROUS_STRESS", "1ms")
	before := runtime.GOMAXPROCS(0)
	seen := map[int]bool{}
	testkit.Stress(t, func(*testing.T, int) { seen[runtime.GOMAXPROCS(0)] = true })
	assert.Equal(t, map[int]bool{1: true, 2: true, 4: true, 8: true}, seen)
	assert.Equal(t, before, runtime.GOMAXPROCS(0))
}

func TestParallelWaitsForAll(t *testing.T) {
	var n atomic.Int64
	testkit.Parallel(50, func(i int) { n.Add(int64(i)) })
	assert.EqualValues(t, 1225, n.Load())
}

func TestRecorderTellsLinearizableFromNot(t *testing.T) {
	register := porcupine.Model{
		Init: func() any { return 0 },
		Step: func(state, input, output any) (bool, any) {
			if v, isWrite := input.(int); isWrite {
				return true, v
			}
			return output == state, state
		},
	}
	var r testkit.Recorder
	r.Do(0, 1, func() any { return nil })
	r.Do(1, nil, func() any { return 1 })
	assert.Equal(t, 2, r.Len())
	r.Linearizable(t, register)
}

func TestInlinedAndAllocs(t *testing.T) {
	testkit.Inlined(t, "Parallel.func1")
	testkit.NoAllocs(t, "nothing", func() {})
}

func TestPanicErrorReturnsTheError(t *testing.T) {
	want := errors.New("boom")
	require.ErrorIs(t, testkit.PanicError(t, func() { panic(want) }), want)
}
