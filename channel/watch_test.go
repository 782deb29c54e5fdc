package channel_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

func hasChanged(t *testing.T, rx *channel.WatchReceiver[string]) bool {
	t.Helper()
	changed, err := rx.HasChanged()
	require.NoError(t, err)
	return changed
}

func TestWatchInitialValueCountsAsSeen(t *testing.T) {
	tx, rx := channel.NewWatch("one")
	assert.Equal(t, "one", rx.Get())
	assert.False(t, hasChanged(t, rx))
	require.ErrorIs(t, rx.TryChanged(), channel.ErrEmpty)
	require.NoError(t, tx.Send("two"))
	assert.True(t, hasChanged(t, rx))
	assert.Equal(t, "two", rx.Get())
	assert.True(t, hasChanged(t, rx), "Get does not mark as seen")
	require.NoError(t, rx.Changed(t.Context()))
	require.ErrorIs(t, rx.TryChanged(), channel.ErrEmpty)
	require.NoError(t, tx.Send("three"))
	require.NoError(t, tx.Send("four"))
	assert.Equal(t, "four", rx.GetAndUpdate())
	assert.False(t, hasChanged(t, rx))
	assert.False(t, hasChanged(t, tx.Subscribe()), "subscribers have seen the current value")
}

func TestWatchMarks(t *testing.T) {
	tx, rx := channel.NewWatch("one")
	other := rx.Clone()
	rx.MarkChanged()
	rx.MarkChanged()
	assert.True(t, hasChanged(t, rx))
	assert.False(t, hasChanged(t, other))
	require.NoError(t, rx.TryChanged())
	require.ErrorIs(t, rx.TryChanged(), channel.ErrEmpty)
	rx.MarkChanged()
	assert.Equal(t, "one", rx.GetAndUpdate())
	assert.False(t, hasChanged(t, rx))
	rx.MarkChanged()
	rx.MarkUnchanged()
	assert.False(t, hasChanged(t, rx))
	require.ErrorIs(t, rx.TryChanged(), channel.ErrEmpty)
	require.NoError(t, tx.Send("two"))
	clone := rx.Clone()
	assert.True(t, hasChanged(t, clone), "a clone has seen what its original has")
	assert.True(t, clone.SameChannel(rx))
	rx.MarkUnchanged()
	assert.True(t, hasChanged(t, clone))
	rx.MarkChanged()
	require.NoError(t, rx.Changed(t.Context()))
}

func TestWatchClosedWithUnseenValueSucceedsOnce(t *testing.T) {
	tx, rx := channel.NewWatch("one")
	require.NoError(t, tx.Send("two"))
	tx.Close()
	tx.Close()
	assert.True(t, rx.IsClosed())
	_, err := rx.HasChanged()
	require.ErrorIs(t, err, channel.ErrClosed)
	require.NoError(t, rx.Changed(t.Context()))
	require.ErrorIs(t, rx.Changed(t.Context()), channel.ErrClosed)
	assert.Equal(t, "two", rx.Get())
	require.ErrorIs(t, tx.Send("three"), channel.ErrClosed)
	_, err = tx.SendReplace("three")
	require.ErrorIs(t, err, channel.ErrClosed)
	require.ErrorIs(t, tx.SendModify(func(*string) { t.Error("called") }), channel.ErrClosed)
	require.ErrorIs(t, tx.Clone().Send("three"), channel.ErrClosed, "a clone of a closed handle is closed")
	assert.Equal(t, "two", tx.Get())
}

func TestWatchClosedWithSeenValueFailsAtOnce(t *testing.T) {
	tx, rx := channel.NewWatch("one")
	tx.Close()
	_, err := rx.HasChanged()
	require.ErrorIs(t, err, channel.ErrClosed)
	require.ErrorIs(t, rx.TryChanged(), channel.ErrClosed)
	require.ErrorIs(t, rx.Changed(t.Context()), channel.ErrClosed)
	_, err = rx.WaitFor(t.Context(), func(v string) bool { return v == "two" })
	require.ErrorIs(t, err, channel.ErrClosed)
	assert.Equal(t, "one", rx.GetAndUpdate())
}

func TestWatchWaiterSeesTheLastValueBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.NewWatch(0)
		wait := parked(t, 1, func(int) error { return rx.Changed(t.Context()) })
		require.NoError(t, tx.Send(1))
		tx.Close()
		allAre(t, wait(), nil)
		assert.Equal(t, 1, rx.Get())
		require.ErrorIs(t, rx.Changed(t.Context()), channel.ErrClosed)
	})
}

func TestWatchSendStoresWithoutReceivers(t *testing.T) {
	tx, rx := channel.NewWatch(1)
	assert.False(t, tx.IsClosed())
	rx.Close()
	rx.Close()
	assert.True(t, tx.IsClosed())
	<-tx.Done()
	require.NoError(t, tx.Send(2))
	rx2 := tx.Subscribe()
	assert.False(t, tx.IsClosed())
	assert.Equal(t, 1, tx.ReceiverCount())
	assert.Equal(t, 2, rx2.Get())
	old, err := tx.SendReplace(3)
	require.NoError(t, err)
	assert.Equal(t, 2, old)
	require.ErrorIs(t, rx.Changed(t.Context()), channel.ErrClosed, "closed handle")
	require.ErrorIs(t, rx.Clone().Changed(t.Context()), channel.ErrClosed)
	assert.Equal(t, 1, tx.ReceiverCount())
	assert.Equal(t, 1, tx.SenderCount())
	assert.True(t, tx.SameChannel(tx.Clone()))
	rx2.Close()
	assert.True(t, tx.IsClosed())
}

func TestWatchSendModifyPanicLeavesItUsable(t *testing.T) {
	tx, rx := channel.NewWatch("one")
	err := testkit.PanicError(t, func() {
		_ = tx.SendModify(func(v *string) {
			*v = "half"
			panic(errors.New("boom"))
		})
	})
	require.EqualError(t, err, "boom")
	assert.Equal(t, "one", rx.Get())
	require.ErrorIs(t, rx.TryChanged(), channel.ErrEmpty)
	require.NoError(t, tx.SendModify(func(v *string) { *v += "!" }))
	require.NoError(t, rx.TryChanged())
	assert.Equal(t, "one!", rx.Get())
}

func TestWatchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.NewWatch(0)
		receivers := []*channel.WatchReceiver[int]{rx, rx.Clone(), rx.Clone()}
		wait := parked(t, 3, func(i int) error { return receivers[i].Changed(t.Context()) })
		modified, err := tx.SendIfModified(func(v *int) bool { *v = 9; return false })
		require.NoError(t, err)
		assert.False(t, modified)
		synctest.Wait()
		assert.Zero(t, rx.Get(), "nothing was stored")
		tx.Clone().Close() // not the last
		require.NoError(t, tx.Send(1))
		allAre(t, wait(), nil)

		wait = parked(t, 1, func(int) error { return rx.Changed(t.Context()) })
		_, err = tx.SendIfModified(func(*int) bool { return false })
		require.NoError(t, err)
		synctest.Wait()
		modified, err = tx.SendIfModified(func(v *int) bool { *v = 2; return true })
		require.NoError(t, err)
		assert.True(t, modified)
		allAre(t, wait(), nil)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wait = parked(t, 1, func(int) error { return rx.Changed(ctx) })
		waitFor := parked(t, 1, func(int) error {
			_, err := rx.WaitFor(ctx, func(v int) bool { return v > 5 })
			return err
		})
		testkit.Advance(time.Minute)
		allAre(t, wait(), context.DeadlineExceeded)
		allAre(t, waitFor(), context.DeadlineExceeded)
		_, err = rx.WaitFor(ctx, func(int) bool { return true })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, rx.Changed(ctx), context.DeadlineExceeded)

		wait = parked(t, 1, func(int) error { return rx.Changed(t.Context()) })
		rx.Close()
		allAre(t, wait(), channel.ErrClosed)

		rx = receivers[1]
		rx.MarkUnchanged()
		wait = parked(t, 1, func(int) error { return rx.Changed(context.Background()) })
		ready := parked(t, 1, func(int) error { <-rx.Ready(); return nil })
		tx.Close()
		allAre(t, wait(), channel.ErrClosed)
		allAre(t, ready(), nil)
		<-rx.Ready()

		<-tx.Done()
		tx, rx = channel.NewWatch(0)
		rx2 := rx.Clone()
		deserted := parked(t, 1, func(int) error { <-tx.Done(); return nil })
		rx.Close()
		rx2.Close()
		allAre(t, deserted(), nil)
	})
}

func TestWatchCallbackMayWaitOnFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.NewWatch(0)
		go func() {
			_ = tx.SendModify(func(v *int) {
				<-time.After(time.Minute)
				*v = 1
			})
		}()
		synctest.Wait()
		assert.Zero(t, rx.Get(), "readers do not wait for it")
		send := parked(t, 1, func(int) error { return tx.Send(2) })
		testkit.Advance(time.Minute)
		allAre(t, send(), nil)
		assert.Equal(t, 2, rx.Get())
	})
}

func TestWatchWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.NewWatch(3)
		v, err := rx.WaitFor(t.Context(), func(v int) bool { return v == 3 })
		require.NoError(t, err)
		assert.Equal(t, 3, v, "the current value counts")
		wait := parked(t, 1, func(int) error {
			v, err := rx.WaitFor(t.Context(), func(v int) bool { return v > 5 })
			assert.Equal(t, 6, v)
			return err
		})
		require.NoError(t, tx.Send(4))
		synctest.Wait()
		require.NoError(t, tx.Send(6))
		allAre(t, wait(), nil)
		tx.Close()
		v, err = rx.WaitFor(t.Context(), func(v int) bool { return v == 6 })
		require.NoError(t, err, "closed with a matching value")
		assert.Equal(t, 6, v)
		_, err = rx.WaitFor(t.Context(), func(v int) bool { return v == 7 })
		require.ErrorIs(t, err, channel.ErrClosed)
	})
}

// The last value is seen by everyone, versions never go back.
func TestWatchEveryoneSeesTheLastValue(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		const each = 200
		tx, rx := channel.NewWatch(0)
		var receivers sync.WaitGroup
		for i := range 4 {
			r := rx.Clone()
			receivers.Go(func() {
				defer r.Close()
				last := 0
				for r.Changed(t.Context()) == nil {
					v := r.Get()
					assert.GreaterOrEqual(t, v, last)
					last = v
					if i == 0 {
						runtime.Gosched()
					}
				}
				assert.Equal(t, 3*each, last)
			})
		}
		testkit.Parallel(3, func(int) {
			own := tx.Clone()
			defer own.Close()
			for range each {
				assert.NoError(t, own.SendModify(func(v *int) { *v++ }))
			}
		})
		tx.Close()
		receivers.Wait()
	})
}

func TestWatchSendDoesNotAllocate(t *testing.T) {
	tx, rx := channel.NewWatch(0)
	testkit.NoAllocs(t, "a change", func() {
		_ = tx.Send(1)
		_ = rx.Changed(context.Background())
		_ = rx.GetAndUpdate()
	})
}

func TestWatchClosedHandleWaitsForNothing(t *testing.T) {
	_, rx := channel.NewWatch(1)
	rx.Close()
	_, err := rx.WaitFor(t.Context(), func(int) bool { return true })
	assert.ErrorIs(t, err, channel.ErrClosed)
}
