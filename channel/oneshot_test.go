package channel_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestOneshotDeliversOnce(t *testing.T) {
	tx, rx := channel.NewOneshot[int]()
	_, err := rx.TryRecv()
	require.ErrorIs(t, err, channel.ErrEmpty)
	assert.False(t, tx.IsClosed())
	assert.False(t, rx.IsClosed())
	require.NoError(t, tx.Send(17))
	assert.True(t, rx.IsClosed(), "nothing more can be sent")
	assert.Equal(t, 1, rx.Len())
	require.ErrorIs(t, tx.Send(18), channel.ErrClosed)
	v, err := rx.Recv(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 17, v)
	assert.Zero(t, rx.Len())
	_, err = rx.TryRecv()
	require.ErrorIs(t, err, channel.ErrClosed)
	_, err = rx.Recv(t.Context())
	require.ErrorIs(t, err, channel.ErrClosed)
	rx.Shutdown()
	rx.Close()
}

func TestOneshotValueBeforeCloseIsStillReceived(t *testing.T) {
	for name, end := range map[string]func(*channel.OneshotSender[int], *channel.OneshotReceiver[int]){
		"sender closes":       func(tx *channel.OneshotSender[int], _ *channel.OneshotReceiver[int]) { tx.Close(); tx.Close() },
		"receiver shuts down": func(_ *channel.OneshotSender[int], rx *channel.OneshotReceiver[int]) { rx.Shutdown() },
	} {
		t.Run(name, func(t *testing.T) {
			tx, rx := channel.NewOneshot[int]()
			require.NoError(t, tx.Send(1))
			end(tx, rx)
			v, err := rx.Recv(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 1, v)

			tx, rx = channel.NewOneshot[int]()
			end(tx, rx)
			assert.True(t, tx.IsClosed())
			assert.True(t, rx.IsClosed())
			<-tx.Done()
			<-rx.Ready()
			require.ErrorIs(t, tx.Send(1), channel.ErrClosed)
			_, err = rx.TryRecv()
			require.ErrorIs(t, err, channel.ErrClosed)
			_, err = rx.Recv(t.Context())
			require.ErrorIs(t, err, channel.ErrClosed)
			assert.Zero(t, rx.Len())
		})
	}
}

func TestOneshotReceiversCloseDropsTheMessage(t *testing.T) {
	n := 0
	tx, rx := channel.NewOneshot[owned]()
	require.NoError(t, tx.Send(owned{&n}))
	rx.Close()
	rx.Close()
	assert.Equal(t, 1, n)
	_, err := rx.TryRecv()
	require.ErrorIs(t, err, channel.ErrClosed)
	tx, rx = channel.NewOneshot[owned]()
	require.NoError(t, tx.Send(owned{&n}))
	_, err = rx.TryRecv()
	require.NoError(t, err)
	rx.Close()
	assert.Equal(t, 1, n, "a received message is its receiver's")
	tx, rx = channel.NewOneshot[owned]()
	rx.Close()
	require.ErrorIs(t, tx.Send(owned{&n}), channel.ErrClosed)
	assert.Equal(t, 1, n, "a message refused is its sender's")
}

func TestOneshotWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.NewOneshot[int]()
		recv := parked(t, 1, func(int) error { _, err := rx.Recv(t.Context()); return err })
		require.NoError(t, tx.Send(1))
		allAre(t, recv(), nil)

		tx, rx = channel.NewOneshot[int]()
		recv = parked(t, 3, func(int) error { _, err := rx.Recv(context.Background()); return err })
		ready := parked(t, 1, func(int) error { <-rx.Ready(); return nil })
		tx.Close()
		allAre(t, recv(), channel.ErrClosed)
		allAre(t, ready(), nil)

		tx, rx = channel.NewOneshot[int]()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		recv = parked(t, 1, func(int) error { _, err := rx.Recv(ctx); return err })
		testkit.Advance(time.Minute)
		allAre(t, recv(), context.DeadlineExceeded)
		_, err := rx.Recv(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded, "a done context is noticed first")
		require.NoError(t, tx.Send(2))
		v, err := rx.Recv(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, v)

		for _, end := range []func(*channel.OneshotReceiver[int]){
			(*channel.OneshotReceiver[int]).Close, (*channel.OneshotReceiver[int]).Shutdown,
		} {
			tx, rx = channel.NewOneshot[int]()
			closed := parked(t, 2, func(int) error { <-tx.Done(); return nil })
			recv = parked(t, 1, func(int) error { _, err := rx.Recv(t.Context()); return err })
			end(rx)
			allAre(t, closed(), nil)
			allAre(t, recv(), channel.ErrClosed)
		}
	})
}

func TestOneshotRaces(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		var drops, sent, got atomic.Int64
		tx, rx := channel.NewOneshot[counted]()
		testkit.Parallel(5, func(i int) {
			for range (round + i*7) % 5 {
				runtime.Gosched()
			}
			switch i {
			case 0, 1:
				if tx.Send(counted{&drops}) == nil {
					sent.Add(1)
				}
			case 2:
				if round%3 == 0 {
					tx.Close()
				}
			case 3:
				if round%2 == 0 {
					rx.Close()
				} else {
					rx.Shutdown()
				}
			case 4:
				if _, err := rx.Recv(t.Context()); err == nil {
					got.Add(1)
				}
			}
		})
		assert.LessOrEqual(t, sent.Load(), int64(1))
		assert.Equal(t, sent.Load(), got.Load()+drops.Load(), "received or dropped, once")
	})
}

type counted struct{ n *atomic.Int64 }

func (c counted) Drop() { c.n.Add(1) }

func TestOneshotIsSmall(t *testing.T) {
	testkit.Allocs(t, "a oneshot", 1, func() {
		tx, rx := channel.NewOneshot[int]()
		_ = tx.Send(1)
		_, _ = rx.TryRecv()
	})
	const n = 10_000
	keep := make([]*channel.OneshotSender[int], n)
	before := heap()
	for i := range keep {
		keep[i], _ = channel.NewOneshot[int]()
	}
	each := (heap() - before) / n
	t.Logf("%d bytes", each)
	if !testkit.RaceEnabled {
		assert.LessOrEqual(t, each, int64(128))
	}
	runtime.KeepAlive(keep)
}
