package channel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A signal that comes while the token's holder looks at the state for the last
// time must reach the next waiter: the holder clears first, then looks.
func TestBellPassesOnASignalThatComesAtTheLastMoment(t *testing.T) {
	var b bell
	b.waiting.Store(2) // the holder of the token and another one
	b.rung.Store(true)
	b.pass(func() bool {
		b.ring() // the state changes just after the look
		return false
	})
	assert.Len(t, tokenOf(&b.token), 1)
	assert.True(t, b.rung.Load())
}

func TestBellKeepsOneTokenAtMost(t *testing.T) {
	var b bell
	b.ring()
	assert.Empty(t, tokenOf(&b.token), "nobody waits")
	b.waiting.Store(3)
	b.ring()
	b.ring()
	assert.Len(t, tokenOf(&b.token), 1)
}
