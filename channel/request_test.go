package channel_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestCallGetsItsAnswer(t *testing.T) {
	tx, rx := channel.New[channel.Request[int, int]](4)
	go func() {
		for r, err := range rx.All(context.Background()) {
			assert.NoError(t, err)
			assert.NoError(t, r.Reply(2*r.Question))
			assert.ErrorIs(t, r.Reply(0), channel.ErrClosed)
			r.Drop()
		}
	}()
	defer tx.Close()
	testkit.Parallel(8, func(i int) {
		answer, err := channel.Call(t.Context(), tx, i)
		assert.NoError(t, err)
		assert.Equal(t, 2*i, answer)
	})
}

func TestCallLearnsThatThereWillBeNoAnswer(t *testing.T) {
	for name, end := range map[string]func(*channel.Receiver[channel.Request[int, int]]){
		"dropped": func(rx *channel.Receiver[channel.Request[int, int]]) {
			r, err := rx.TryRecv()
			require.NoError(t, err)
			r.Drop()
		},
		"discarded": func(rx *channel.Receiver[channel.Request[int, int]]) { rx.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tx, rx := channel.New[channel.Request[int, int]](4)
				call := parked(t, 1, func(int) error { _, err := channel.Call(t.Context(), tx, 1); return err })
				end(rx)
				allAre(t, call(), channel.ErrClosed)
				rx.Close()
				_, err := channel.Call(t.Context(), tx, 1)
				require.ErrorIs(t, err, channel.ErrClosed)
			})
		})
	}
}

func TestCanceledCallTellsTheReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.New[channel.Request[int, int]](4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		call := parked(t, 1, func(int) error { _, err := channel.Call(ctx, tx, 1); return err })
		r, err := rx.Recv(t.Context())
		require.NoError(t, err)
		work := parked(t, 1, func(int) error { <-r.Done(); return nil })
		testkit.Advance(time.Minute)
		allAre(t, call(), context.DeadlineExceeded)
		allAre(t, work(), nil)
		require.ErrorIs(t, r.Reply(2), channel.ErrClosed)
	})
}

func TestRequestWithoutAWayBackCountsAsDropped(t *testing.T) {
	r := channel.Request[int, int]{Question: 1}
	require.ErrorIs(t, r.Reply(2), channel.ErrClosed)
	<-r.Done()
	tx, rx := channel.New[channel.Request[int, int]](1)
	require.NoError(t, tx.TrySend(r))
	rx.Close() // drops it
}
