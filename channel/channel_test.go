package channel_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestNewPanicsWithoutCapacity(t *testing.T) {
	for _, n := range []int{0, -1, math.MinInt} {
		err := testkit.PanicError(t, func() { channel.New[int](n) })
		assert.ErrorContains(t, err, "channel: New: capacity")
	}
	assert.Panics(t, func() { channel.New[int](math.MaxInt) })
}

func TestMessagesArriveInOrderThenTheEnd(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(5)
		for i := range 5 {
			require.NoError(t, tx.Send(t.Context(), i))
		}
		tx.Close()
		for i := range 5 {
			v, err := rx.Recv(t.Context())
			require.NoError(t, err)
			assert.Equal(t, i, v)
		}
		for range 2 {
			_, err := rx.Recv(t.Context())
			require.ErrorIs(t, err, channel.ErrClosed)
			_, err = rx.TryRecv()
			require.ErrorIs(t, err, channel.ErrClosed)
		}
	})
}

func TestFullEmptyAndClosedAreToldApart(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(2)
		_, err := rx.TryRecv()
		require.ErrorIs(t, err, channel.ErrEmpty)
		for round := range 5 { // over the end of the ring
			require.NoError(t, tx.TrySend(2*round))
			require.NoError(t, tx.TrySend(2*round+1))
			require.ErrorIs(t, tx.TrySend(9), channel.ErrFull)
			for i := range 2 {
				v, err := rx.TryRecv()
				require.NoError(t, err)
				require.Equal(t, 2*round+i, v)
			}
			_, err := rx.TryRecv()
			require.ErrorIs(t, err, channel.ErrEmpty)
		}
		rx.Shutdown()
		require.ErrorIs(t, tx.TrySend(9), channel.ErrClosed)
		require.ErrorIs(t, tx.Send(t.Context(), 9), channel.ErrClosed)
		_, err = rx.TryRecv()
		require.ErrorIs(t, err, channel.ErrClosed)
	})
}

func TestLenCapAndFree(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(3)
		assert.Equal(t, []int{0, 3, 3}, []int{tx.Len(), tx.Cap(), tx.Free()})
		require.NoError(t, tx.TrySend(1))
		p, err := tx.TryReserve()
		require.NoError(t, err)
		assert.Equal(t, []int{1, 3, 1}, []int{tx.Len(), tx.Cap(), tx.Free()})
		assert.Equal(t, []int{1, 3}, []int{rx.Len(), rx.Cap()})
		p.Release()
		tx.Close()
		assert.Equal(t, 1, rx.Len(), "the close mark is not counted")
		assert.Zero(t, tx.Free())
		_, err = rx.TryRecv()
		require.NoError(t, err)
		assert.Zero(t, rx.Len())
	})
	tx, _ := channel.NewUnbounded[int]()
	assert.Equal(t, channel.Unbounded, tx.Cap())
	assert.Equal(t, channel.Unbounded, tx.Free())
}

func TestCapacityIsExact(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		for n := 1; n <= 40; n++ { // from 16 on, New makes a queue
			tx, rx := f.open(n)
			for range n {
				require.NoError(t, tx.TrySend(0))
			}
			require.ErrorIs(t, tx.TrySend(0), channel.ErrFull)
			require.Equal(t, []int{n, n, 0}, []int{tx.Cap(), rx.Cap(), tx.Free()})
		}
	})
}

func TestLenFollowsEveryMessage(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(33)
		recv := func() {
			_, err := rx.TryRecv()
			require.NoError(t, err)
		}
		for range 300 {
			require.NoError(t, tx.TrySend(0))
			require.Equal(t, 1, rx.Len())
			recv()
			require.Zero(t, rx.Len())
		}
		for i := range 33 {
			require.NoError(t, tx.TrySend(0))
			require.Equal(t, i+1, tx.Len())
		}
		for i := 32; i >= 0; i-- {
			recv()
			require.Equal(t, i, rx.Len())
		}
	})
}

func TestMessagesWithoutSizePass(t *testing.T) {
	for name, open := range opens[struct{}](3) {
		t.Run(name, func(t *testing.T) {
			tx, rx := open()
			for range 100 {
				_, err := tx.SendMany(t.Context(), make([]struct{}, 3))
				require.NoError(t, err)
				assert.Equal(t, 3, tx.Len())
				n, err := rx.RecvMany(t.Context(), make([]struct{}, 4))
				require.NoError(t, err)
				assert.Equal(t, 3, n)
			}
			require.NoError(t, tx.TrySend(struct{}{}))
			tx.Close()
			_, err := rx.TryRecv()
			require.NoError(t, err)
			_, err = rx.TryRecv()
			require.ErrorIs(t, err, channel.ErrClosed)
		})
	}
}

func TestCloseIsIdempotentPerHandle(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(2)
		other := tx.Clone()
		tx.Close()
		tx.Close()
		require.ErrorIs(t, tx.Send(t.Context(), 1), channel.ErrClosed)
		require.ErrorIs(t, tx.TrySend(1), channel.ErrClosed)
		_, err := tx.SendMany(t.Context(), []int{1})
		require.ErrorIs(t, err, channel.ErrClosed)
		_, err = tx.Reserve(t.Context())
		require.ErrorIs(t, err, channel.ErrClosed)
		_, err = tx.TryReserve()
		require.ErrorIs(t, err, channel.ErrClosed)
		assert.True(t, tx.IsClosed())
		assert.False(t, other.IsClosed())
		require.NoError(t, other.TrySend(1), "the other handle lives")
		rx2 := rx.Clone()
		rx.Close()
		rx.Close()
		_, err = rx.TryRecv()
		require.ErrorIs(t, err, channel.ErrClosed)
		_, err = rx.Recv(t.Context())
		require.ErrorIs(t, err, channel.ErrClosed)
		_, err = rx.RecvMany(t.Context(), make([]int, 1))
		require.ErrorIs(t, err, channel.ErrClosed)
		rx.Shutdown()
		require.NoError(t, other.TrySend(2), "a closed handle shuts nothing down")
		v, err := rx2.TryRecv()
		require.NoError(t, err)
		assert.Equal(t, 1, v)
		other.Close()
		rx2.Close()
		rx2.Shutdown()
		assert.True(t, other.Clone().IsClosed(), "a clone of a closed handle is closed")
		assert.True(t, rx2.Clone().IsClosed())
		other.Clone().Close()
		rx2.Clone().Close()
		assert.Zero(t, tx.SenderCount())
		assert.Zero(t, tx.ReceiverCount())
	})
}

func TestShutdownRefusesSendsAndDrains(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(3)
		require.NoError(t, tx.TrySend(1))
		require.NoError(t, tx.TrySend(2))
		rx.Shutdown()
		rx.Shutdown()
		require.ErrorIs(t, tx.Send(t.Context(), 3), channel.ErrClosed)
		n, err := tx.SendMany(t.Context(), []int{3, 4})
		assert.Zero(t, n)
		require.ErrorIs(t, err, channel.ErrClosed)
		assert.Equal(t, []int{1, 2}, drained(t, rx))
	})
}

type owned struct{ dropped *int }

func (o owned) Drop() { *o.dropped++ }

func TestLastReceiversCloseDropsWhatIsBuffered(t *testing.T) {
	for name, open := range opens[owned](4) {
		t.Run(name, func(t *testing.T) {
			n := 0
			tx, rx := open()
			p, err := tx.Reserve(t.Context())
			require.NoError(t, err)
			for range 3 {
				require.NoError(t, tx.TrySend(owned{&n}))
			}
			other := rx.Clone()
			rx.Close()
			assert.Zero(t, n, "one receiver lives")
			other.Close()
			assert.Equal(t, 3, n)
			require.ErrorIs(t, tx.TrySend(owned{&n}), channel.ErrClosed)
			require.ErrorIs(t, tx.Send(t.Context(), owned{&n}), channel.ErrClosed)
			require.ErrorIs(t, tx.Clone().TrySend(owned{&n}), channel.ErrClosed)
			_, err = tx.TryReserve()
			require.ErrorIs(t, err, channel.ErrClosed)
			_, err = tx.ReserveMany(t.Context(), 2)
			require.ErrorIs(t, err, channel.ErrClosed)
			assert.Equal(t, 3, n, "a message refused is its sender's")
			p.Send(owned{&n})
			assert.Equal(t, 4, n, "sent through a permit to nobody")
			assert.Zero(t, tx.Len())
		})
	}
}

func TestReceivedMessagesAreNotDropped(t *testing.T) {
	for name, open := range opens[owned](4) {
		t.Run(name, func(t *testing.T) {
			n := 0
			tx, rx := open()
			_, err := tx.SendMany(t.Context(), []owned{{&n}, {&n}, {&n}, {&n}})
			require.NoError(t, err)
			_, err = rx.Recv(t.Context())
			require.NoError(t, err)
			_, err = rx.RecvMany(t.Context(), make([]owned, 1))
			require.NoError(t, err)
			tx.Close()
			assert.Zero(t, n, "what is buffered can still be received")
			rx.Close()
			assert.Equal(t, 2, n)
		})
	}
}

type explosive struct{ at, dropped *int }

func (e explosive) Drop() {
	*e.dropped++
	if *e.dropped == *e.at {
		panic(errors.New("boom"))
	}
}

func TestPanicInDropDropsTheRest(t *testing.T) {
	for name, open := range opens[explosive](4) {
		t.Run(name, func(t *testing.T) {
			for at := 1; at <= 4; at++ {
				n := 0
				tx, rx := open()
				for range 4 {
					require.NoError(t, tx.TrySend(explosive{&at, &n}))
				}
				assert.ErrorContains(t, testkit.PanicError(t, rx.Close), "boom")
				assert.Equal(t, 4, n)
				assert.Zero(t, tx.Len())
				assert.True(t, tx.IsClosed())
				<-tx.Done()
			}
		})
	}
}

func TestInterfaceMessagesAreDroppedToo(t *testing.T) {
	n := 0
	tx, rx := channel.New[any](4)
	require.NoError(t, tx.TrySend(owned{&n}))
	require.NoError(t, tx.TrySend(nil))
	rx.Close()
	assert.Equal(t, 1, n)
}

func TestPermitSendsWithoutWaiting(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(2)
		p, err := tx.ReserveMany(t.Context(), 2)
		require.NoError(t, err)
		assert.Equal(t, 2, p.Len())
		require.ErrorIs(t, tx.TrySend(1), channel.ErrFull)
		_, err = tx.TryReserve()
		require.ErrorIs(t, err, channel.ErrFull)
		p.Send(7)
		require.ErrorIs(t, tx.TrySend(1), channel.ErrFull, "one is buffered, one reserved")
		p.Release()
		p.Release()
		assert.Zero(t, p.Len())
		require.NoError(t, tx.TrySend(8))
		require.ErrorIs(t, tx.TrySend(9), channel.ErrFull)
		for want := 7; want <= 8; want++ {
			v, err := rx.TryRecv()
			require.NoError(t, err)
			assert.Equal(t, want, v)
		}
		err = testkit.PanicError(t, func() { p.Send(1) })
		require.EqualError(t, err, "channel: Permit.Send: no slot left")
	})
}

func TestPermitIsHonouredAcrossClose(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(3)
		p, err := tx.ReserveMany(t.Context(), 2)
		require.NoError(t, err)
		require.NoError(t, tx.TrySend(1))
		rx.Shutdown()
		tx.Close()
		v, err := rx.TryRecv()
		require.NoError(t, err)
		assert.Equal(t, 1, v)
		_, err = rx.TryRecv()
		require.ErrorIs(t, err, channel.ErrEmpty, "two are promised")
		p.Send(2)
		v, err = rx.Recv(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, v)
		_, err = rx.TryRecv()
		require.ErrorIs(t, err, channel.ErrEmpty, "one is promised")
		p.Release()
		_, err = rx.TryRecv()
		require.ErrorIs(t, err, channel.ErrClosed)
	})
}

func TestPermitDoesNotLetAWeakSenderUpgrade(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(2)
		weak := tx.Downgrade()
		p, err := tx.Reserve(t.Context())
		require.NoError(t, err)
		tx.Close()
		_, ok := weak.Upgrade()
		assert.False(t, ok)
		assert.True(t, rx.IsClosed())
		p.Send(1)
		assert.Equal(t, []int{1}, drained(t, rx))
	})
}

func TestReserveManyChecksItsNumber(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(2)
		p, err := tx.ReserveMany(t.Context(), 0)
		require.NoError(t, err)
		assert.Zero(t, p.Len())
		p.Release()
		assert.ErrorContains(t, testkit.PanicError(t, func() { _, _ = tx.ReserveMany(t.Context(), -1) }),
			"channel: Sender.ReserveMany: -1 slots")
		assert.ErrorContains(t, testkit.PanicError(t, func() { _, _ = tx.TryReserveMany(-1) }),
			"channel: Sender.TryReserveMany: -1 slots")
		if f.bounded {
			_, err = tx.ReserveMany(t.Context(), 3)
			require.ErrorIs(t, err, channel.ErrCapacity)
			_, err = tx.TryReserveMany(3)
			require.ErrorIs(t, err, channel.ErrCapacity)
			_, err = tx.ReserveMany(t.Context(), math.MaxInt)
			require.ErrorIs(t, err, channel.ErrCapacity)
			_, err = tx.TryReserveMany(math.MaxInt)
			require.ErrorIs(t, err, channel.ErrCapacity)
		}
		rx.Shutdown()
		_, err = tx.ReserveMany(t.Context(), 0)
		require.ErrorIs(t, err, channel.ErrClosed)
	})
}

func TestCopiedPermitIsCaughtByTheCount(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, _ := f.open(2)
		p, err := tx.Reserve(t.Context())
		require.NoError(t, err)
		stolen := channel.Steal(&p)
		p.Send(1)
		require.ErrorContains(t, testkit.PanicError(t, func() { stolen.Send(2) }), "a permit was copied")
		require.NoError(t, tx.TrySend(3), "still usable")
	})
}

func TestManyMovesBatches(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(20)
		n, err := tx.SendMany(t.Context(), nil)
		require.NoError(t, err)
		assert.Zero(t, n)
		n, err = rx.RecvMany(t.Context(), nil)
		require.NoError(t, err)
		assert.Zero(t, n)
		for range 5 {
			in := []int{1, 2, 3, 4, 5, 6, 7}
			n, err = tx.SendMany(t.Context(), in)
			require.NoError(t, err)
			assert.Equal(t, 7, n)
			buf := make([]int, 5)
			n, err = rx.RecvMany(t.Context(), buf)
			require.NoError(t, err)
			assert.Equal(t, in[:5], buf[:n], "at most the limit")
			n, err = rx.RecvMany(t.Context(), buf)
			require.NoError(t, err)
			assert.Equal(t, in[5:], buf[:n], "what there is")
		}
		require.NoError(t, tx.TrySend(8))
		tx.Close()
		buf := make([]int, 5)
		n, err = rx.RecvMany(t.Context(), buf)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		n, err = rx.RecvMany(t.Context(), buf)
		require.ErrorIs(t, err, channel.ErrClosed)
		assert.Zero(t, n)
	})
}

func TestRecvManyAtTheEndMovesNothing(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		for _, end := range []func(*channel.Sender[int], *channel.Receiver[int]){
			func(_ *channel.Sender[int], rx *channel.Receiver[int]) { rx.Shutdown() },
			func(tx *channel.Sender[int], _ *channel.Receiver[int]) { tx.Close() },
		} {
			tx, rx := f.open(1)
			end(tx, rx)
			buf := []int{7, 8}
			n, err := rx.RecvMany(t.Context(), buf)
			require.ErrorIs(t, err, channel.ErrClosed)
			assert.Zero(t, n)
			assert.Equal(t, []int{7, 8}, buf)
		}
	})
}

func TestDoneContextIsNoticedFirst(t *testing.T) {
	cause := errors.New("enough")
	everyFlavour(t, func(t *testing.T, f flavour) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		tx, rx := f.open(2)
		require.NoError(t, tx.TrySend(1))
		require.ErrorIs(t, tx.Send(ctx, 2), cause)
		_, err := tx.SendMany(ctx, []int{2})
		require.ErrorIs(t, err, cause)
		_, err = tx.Reserve(ctx)
		require.ErrorIs(t, err, cause)
		_, err = tx.ReserveMany(ctx, 0)
		require.ErrorIs(t, err, cause)
		_, err = rx.Recv(ctx)
		require.ErrorIs(t, err, cause)
		_, err = rx.RecvMany(ctx, make([]int, 1))
		require.ErrorIs(t, err, cause)
		for v, err := range rx.All(ctx) {
			assert.Zero(t, v)
			require.ErrorIs(t, err, cause)
		}
		_, err = tx.SendMany(ctx, nil)
		require.ErrorIs(t, err, cause)
		assert.Equal(t, 1, rx.Len(), "nothing was sent or taken")

		tx.Close()
		require.ErrorIs(t, tx.Send(ctx, 2), cause, "closed handle")
		_, err = tx.Reserve(ctx)
		require.ErrorIs(t, err, cause)
		_, err = tx.SendMany(t.Context(), nil)
		require.ErrorIs(t, err, channel.ErrClosed)
		rx.Close()
		_, err = rx.Recv(ctx)
		require.ErrorIs(t, err, cause)
	})
}

func TestAllEndsWithTheStreamAndStopsEarly(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(4)
		_, err := tx.SendMany(t.Context(), []int{1, 2, 3})
		require.NoError(t, err)
		for v, err := range rx.All(t.Context()) {
			require.NoError(t, err)
			assert.Equal(t, 1, v)
			break
		}
		tx.Close()
		assert.Equal(t, []int{2, 3}, drained(t, rx))
	})
}

func TestWeakSenderUpgradesWhileASenderIsOpen(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(2)
		weak := tx.Downgrade()
		weak2 := weak.Clone()
		assert.Equal(t, []int{1, 2}, []int{weak.SenderCount(), tx.WeakCount()})
		up, ok := weak.Upgrade()
		require.True(t, ok)
		assert.True(t, up.SameChannel(tx))
		assert.Equal(t, 2, rx.SenderCount())
		tx.Close()
		assert.False(t, rx.IsClosed())
		assert.False(t, weak.IsClosed())
		weak3 := weak.Clone()
		weak3.Close()
		assert.True(t, weak3.IsClosed(), "its own Close")
		up.Close()
		assert.True(t, rx.IsClosed())
		assert.True(t, weak.IsClosed(), "there is nothing to upgrade to")
		_, ok = weak.Upgrade()
		assert.False(t, ok)
		weak.Close()
		weak.Close()
		assert.Equal(t, 1, weak2.WeakCount())
		_, ok = weak.Upgrade()
		assert.False(t, ok, "closed handle")
		assert.Equal(t, 1, weak2.WeakCount())
		_, ok = weak.Clone().Upgrade()
		assert.False(t, ok, "clone of a closed handle")
		weak2.Close()
		assert.Zero(t, tx.WeakCount())

		open, _ := f.open(1)
		closed := open.Clone()
		closed.Close()
		_, ok = closed.Downgrade().Upgrade()
		assert.False(t, ok, "a closed handle has come back")
	})
}

func TestClosedTellsSenders(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		for _, end := range []func(*channel.Sender[int], *channel.Receiver[int]){
			func(_ *channel.Sender[int], rx *channel.Receiver[int]) { rx.Shutdown() },
			func(_ *channel.Sender[int], rx *channel.Receiver[int]) { rx.Close() },
			func(tx *channel.Sender[int], _ *channel.Receiver[int]) { tx.Close() },
		} {
			tx, rx := f.open(2)
			closed := tx.Done()
			select {
			case <-closed:
				t.Fatal("closed too early")
			default:
			}
			end(tx, rx)
			<-closed
			<-tx.Done()
			assert.True(t, tx.IsClosed())
			assert.True(t, rx.IsClosed())
		}
	})
}

func TestSameChannel(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(1)
		assert.True(t, tx.SameChannel(tx.Clone()))
		assert.True(t, rx.SameChannel(rx.Clone()))
		weak := tx.Downgrade()
		assert.True(t, weak.SameChannel(weak.Clone()))
		for _, other := range flavours {
			tx2, rx2 := other.open(1)
			assert.False(t, tx.SameChannel(tx2))
			assert.False(t, rx.SameChannel(rx2))
			assert.False(t, weak.SameChannel(tx2.Downgrade()))
		}
	})
}
