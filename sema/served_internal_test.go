package sema

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A looked is a context that runs a function when its error is asked for.
type looked struct {
	context.Context
	then func()
}

func (c looked) Err() error {
	c.then()
	return c.Context.Err()
}

func TestSemaphoreServesWhatIsReleasedBeforeTheWaiterIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSemaphore(1)
		p, err := s.Acquire(t.Context(), 1)
		require.NoError(t, err)
		asked := 0
		second, err := s.Acquire(looked{t.Context(), func() {
			if asked++; asked == 2 { // after it was found that none is free
				p.Release()
			}
		}}, 1)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, asked, 2)
		second.Release()
		assert.EqualValues(t, 1, s.Available())
		assert.False(t, s.IsClosed())
	})
}

func TestUnreceivedLastNotificationGoesToTheLast(t *testing.T) {
	var n Notify
	first, second, third := n.Listen(), n.Listen(), n.Listen()
	n.NotifyLast()
	third.Close()
	assert.True(t, first.waiter.Queued())
	assert.False(t, second.waiter.Queued())
	second.Close()
	assert.False(t, first.waiter.Queued())
	require.NoError(t, first.Wait(t.Context()))
	first.Close()
}

func TestCanceledWaitLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n Notify
		ctx, cancel := context.WithCancel(t.Context())
		go func() { assert.ErrorIs(t, n.Wait(ctx), context.Canceled) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		assert.Nil(t, n.queue.Front())
		n.NotifyOne()
		require.NoError(t, n.Wait(t.Context()), "it is stored for the next")
	})
}

func TestListenerWithStoredNotificationDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n Notify
		n.NotifyOne()
		l := n.Listen()
		defer l.Close()
		for range 3 { // once notified, for good
			returned := false
			go func() {
				assert.NoError(t, l.Wait(context.Background()))
				returned = true
			}()
			synctest.Wait()
			require.True(t, returned)
		}
	})
}
