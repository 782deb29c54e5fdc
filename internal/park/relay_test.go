package park_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/park"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestRelayWakesAllWhoJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r park.Relay
		r.Open() // no goroutine waits: nothing is left for the next round
		var woken, left atomic.Int64
		leave := make(chan struct{})
		for i := range 10 {
			done := make(chan struct{})
			if i%2 == 0 {
				done = leave
			}
			round := r.Join()
			go func() {
				if round.Wait(done) {
					woken.Add(1)
				} else {
					left.Add(1)
				}
			}()
		}
		synctest.Wait()
		assert.Zero(t, woken.Load())
		close(leave)
		synctest.Wait()
		assert.EqualValues(t, 5, left.Load())
		r.Open()
		synctest.Wait()
		assert.EqualValues(t, 5, woken.Load())

		next := r.Join() // a new round
		go func() { next.Wait(nil); woken.Add(1) }()
		synctest.Wait()
		assert.EqualValues(t, 5, woken.Load(), "opened early")
		r.Open()
		r.Open()
		synctest.Wait()
		assert.EqualValues(t, 6, woken.Load())
	})
	var r park.Relay
	testkit.NoAllocs(t, "opening for no goroutine", func() { r.Open() })
}

// A waiter that takes what Open sent when its own done is closed, too, still wakes
// the others.
func TestRelayWakesTheOthersWhenItIsOpenedAsSomeLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			var r park.Relay
			var woken atomic.Int64
			done := make(chan struct{})
			for i := range 4 {
				round := r.Join()
				leave := done
				if i == 0 {
					leave = nil
				}
				go func() {
					if round.Wait(leave) && leave == nil {
						woken.Add(1)
					}
				}()
			}
			synctest.Wait()
			r.Open()
			close(done)
			synctest.Wait()
			assert.EqualValues(t, 1, woken.Load())
		}
	})
}

func TestRelayLosesNoWakeUp(t *testing.T) {
	testkit.Stress(t, func(*testing.T, int) {
		var r park.Relay
		losesNoWakeUp(100, func() { r.Open() }, func() (wait func()) {
			round := r.Join()
			return func() { round.Wait(nil) }
		})
	})
}
