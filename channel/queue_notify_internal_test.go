package channel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A notification while the holder of the token checks the state for the last time must
// reach the next waiter: the holder clears the flag first and then checks.
func TestANotificationAtTheLastMomentReachesTheNextWaiter(t *testing.T) {
	var b notifier
	b.waiting.Store(2) // the holder of the token and another one
	b.notified.Store(true)
	b.forward(func() bool {
		b.notify() // the state changes just after the look
		return false
	})
	assert.Len(t, tokenOf(&b.token), 1)
	assert.True(t, b.notified.Load())
}

func TestThereIsAtMostOneToken(t *testing.T) {
	var b notifier
	b.notify()
	assert.Empty(t, tokenOf(&b.token), "no goroutine waits")
	b.waiting.Store(3)
	b.notify()
	b.notify()
	assert.Len(t, tokenOf(&b.token), 1)
}
