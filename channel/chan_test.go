package channel_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

func TestChanYieldsTheStream(t *testing.T) {
	tx, rx := channel.New[int](3)
	_, err := tx.SendMany(t.Context(), []int{1, 2, 3})
	require.NoError(t, err)
	tx.Close()
	var got []int
	for v := range rx.Chan(t.Context()) {
		got = append(got, v)
	}
	assert.Equal(t, []int{1, 2, 3}, got)
}

func TestChanEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.New[int](3)
		ctx, cancel := context.WithCancel(t.Context())
		c := rx.Chan(ctx)
		_, err := tx.SendMany(t.Context(), []int{1, 2})
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, 1, rx.Len(), "one was taken")
		cancel()
		synctest.Wait()
		_, open := <-c
		assert.False(t, open)
		v, err := rx.TryRecv()
		require.NoError(t, err)
		assert.Equal(t, 2, v, "the receiver stays open")
		idle, cancel := context.WithCancel(t.Context())
		c = rx.Chan(idle)
		synctest.Wait()
		cancel()
		_, open = <-c
		assert.False(t, open)
	})
}

func TestFromChanReceivesFromANativeChannel(t *testing.T) {
	c := make(chan int, 3)
	c <- 1
	c <- 2
	close(c)
	rx := channel.FromChan(t.Context(), c)
	assert.Equal(t, []int{1, 2}, drained(t, rx))
}

func TestFromChanEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble waits for the goroutines
		c := make(chan int, 4)
		for range 4 {
			c <- 1
		}
		ctx, cancel := context.WithCancel(t.Context())
		full := channel.FromChan(ctx, c)
		synctest.Wait()
		assert.Len(t, c, 3, "one is taken ahead")
		cancel()
		synctest.Wait()
		assert.True(t, full.IsClosed())

		empty := make(chan int)
		ctx, cancel = context.WithCancel(t.Context())
		idle := channel.FromChan(ctx, empty)
		synctest.Wait()
		cancel()
		synctest.Wait()
		_, err := idle.TryRecv()
		require.ErrorIs(t, err, channel.ErrClosed)

		closed := channel.FromChan(t.Context(), empty)
		shut := channel.FromChan(t.Context(), empty)
		synctest.Wait()
		closed.Close()
		shut.Shutdown()
	})
}

func TestReadyTakesPartInANativeSelect(t *testing.T) {
	tx, rx := channel.New[int](1)
	other := make(chan int)
	go func() { _ = tx.Send(context.Background(), 7) }()
	select {
	case <-rx.Ready():
		v, err := rx.TryRecv()
		require.NoError(t, err)
		assert.Equal(t, 7, v)
	case <-other:
		t.Fatal("nobody sends")
	}
}
