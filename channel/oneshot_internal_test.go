package channel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type flag struct{ set *bool }

func (f flag) Drop() { *f.set = true }

// The receiver ends between a sender's claim and its message.
func TestOneshotEndsWhileAMessageIsOnItsWay(t *testing.T) {
	var dropped bool
	_, rx := NewOneshot[flag]()
	rx.c.state.Or(oneshotClaimed)
	rx.Close()
	rx.c.deliver(flag{&dropped})
	assert.True(t, dropped)

	dropped = false
	_, rx = NewOneshot[flag]()
	rx.c.state.Or(oneshotClaimed)
	rx.Shutdown()
	_, err := rx.TryRecv()
	require.ErrorIs(t, err, ErrEmpty, "it will come")
	rx.c.deliver(flag{&dropped})
	_, err = rx.TryRecv()
	require.NoError(t, err)
	assert.False(t, dropped)
}
