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

// skipped returns how many waits go without a rest.
func (p *patience) skipped() (n int) {
	for p.impatient() {
		n++
	}
	return n
}

func TestARestEndsWhenThereIsEnoughOrNoMoreComes(t *testing.T) {
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
			{[]int{0}, 1 + restYields},
			{[]int{0, 1, 2, 3, 4, 5}, 1 + restYields},
		} {
			var p patience
			available, calls := amounts(c.amounts...)
			p.rest(20, available)
			assert.Equal(t, c.looks, calls(), "%v", c.amounts)
			assert.Zero(t, p.skipped())
		}
	})
}

func TestRestsThatBringLittleAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no time passes
		var p patience
		rest := func(ns ...int) {
			available, _ := amounts(ns...)
			p.rest(20, available)
		}
		for range restTries - 1 {
			rest(0, restGain-1)
		}
		assert.Zero(t, p.skipped())
		rest(0, restGain) // not in a row
		rest(0, 0)
		rest(0, restGain)
		for range restTries - 1 {
			rest(restGain, restGain)
		}
		assert.Zero(t, p.skipped())
		rest(0, 0)
		assert.Equal(t, restPause, p.skipped())
		rest(0, 0)
		assert.Equal(t, restPause, p.skipped(), "after a pause there is one try")
		rest(0, restGain)
		for range restTries - 1 {
			rest(0, 0)
		}
		assert.Zero(t, p.skipped(), "a rest that brings more begins the count again")

		var small patience
		for range 2 * restTries {
			available, _ := amounts(0, 2)
			small.rest(2, available)
		}
		assert.Zero(t, small.skipped(), "what is enough is not little")
	})
}

func TestSlowRestsAreLeftOutForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		rest := func(took time.Duration, last int) (skipped int) {
			available, calls := amounts(0, 0, last)
			p.rest(20, func() int {
				if calls() == 1 { // after the first yield
					<-time.After(took) // fake time
				}
				return available()
			})
			return p.skipped()
		}
		assert.Zero(t, rest(restSlow, 20))
		for range restTrust {
			assert.Zero(t, rest(2*restSlow, 20), "it is not timed after a quick one")
		}
		assert.Equal(t, busyPause, rest(restSlow+1, 20))
		assert.Equal(t, busyPause, rest(restSlow+1, 20), "what follows a slow one is timed")
		assert.Zero(t, rest(0, 20))
		assert.Zero(t, rest(0, 0), "too little")
		assert.Equal(t, busyPause, rest(restSlow+1, 20), "what follows one that brought little is timed")
	})
}
