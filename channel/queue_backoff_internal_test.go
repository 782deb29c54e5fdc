package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// amounts returns a function that returns the numbers one after the other, and
// then the last one again and again, and one that returns how often it was called.
func amounts(ns ...int) (available func() int, calls func() int) {
	called := 0
	return func() int {
		called++
		return ns[min(called, len(ns))-1]
	}, func() int { return called }
}

// skipped returns how many waits skip yielding.
func (p *backoff) skipped() (n int) {
	for p.skip() {
		n++
	}
	return n
}

func TestYieldingEndsWhenThereIsEnoughOrNoMoreComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no time passes
		for _, c := range []struct {
			amounts []int
			looks   int // at the amount, one before the first yield
		}{
			{[]int{0, 20}, 2},
			{[]int{0, 5, 20}, 3},
			{[]int{0, 0, 20}, 3},
			{[]int{0, 5, 5}, 3},
			{[]int{5, 5}, 2},
			{[]int{0, 1, 1}, 3},
			{[]int{0, 5, 3, 3}, 4},
			{[]int{0}, 1 + maxYields},
			{[]int{0, 1, 2, 3, 4, 5}, 1 + maxYields},
		} {
			var p backoff
			available, calls := amounts(c.amounts...)
			p.yield(20, available)
			assert.Equal(t, c.looks, calls(), "%v", c.amounts)
			assert.Zero(t, p.skipped())
		}
	})
}

func TestYieldingThatGainsLittleIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no time passes
		var p backoff
		yield := func(ns ...int) {
			available, _ := amounts(ns...)
			p.yield(20, available)
		}
		for range maxFailures - 1 {
			yield(0, minGain-1)
		}
		assert.Zero(t, p.skipped())
		yield(0, minGain) // not in a row
		yield(0, 0)
		yield(0, minGain)
		for range maxFailures - 1 {
			yield(minGain, minGain)
		}
		assert.Zero(t, p.skipped())
		yield(0, 0)
		assert.Equal(t, failedPause, p.skipped())
		yield(0, 0)
		assert.Equal(t, failedPause, p.skipped(), "after a pause it is tried once")
		yield(0, minGain)
		for range maxFailures - 1 {
			yield(0, 0)
		}
		assert.Zero(t, p.skipped(), "a larger gain begins the count again")

		var small backoff
		for range 2 * maxFailures {
			available, _ := amounts(0, 2)
			small.yield(2, available)
		}
		assert.Zero(t, small.skipped(), "what is enough is no failure")
	})
}

func TestSlowYieldingIsSkippedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p backoff
		yield := func(took time.Duration, last int) (skipped int) {
			available, calls := amounts(0, 0, last)
			p.yield(20, func() int {
				if calls() == 1 { // after the first yield
					<-time.After(took) // fake time
				}
				return available()
			})
			return p.skipped()
		}
		assert.Zero(t, yield(slowYield, 20))
		for range untimedYields {
			assert.Zero(t, yield(2*slowYield, 20), "it is not timed after a quick one")
		}
		assert.Equal(t, slowPause, yield(slowYield+1, 20))
		for pause := 2 * slowPause; pause <= maxSlowPause; pause *= 2 {
			assert.Equal(t, pause, yield(slowYield+1, 20), "what follows a slow one is timed")
		}
		assert.Equal(t, maxSlowPause, yield(slowYield+1, 20))
		assert.Zero(t, yield(0, 20))
		assert.Zero(t, yield(0, 0), "too little")
		assert.Equal(t, slowPause, yield(slowYield+1, 20), "what follows a failure is timed")
	})
}
