package channel_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

// next gives what a receiver gets without waiting, as text.
func next(rx *channel.BroadcastReceiver[int]) string {
	v, err := rx.TryRecv()
	if err != nil {
		return err.Error()[len("channel: "):]
	}
	return fmt.Sprint(v)
}

// rest gives all that a receiver gets without waiting.
func rest(rx *channel.BroadcastReceiver[int]) (all []string) {
	for {
		all = append(all, next(rx))
		if last := all[len(all)-1]; last == "empty" || last == "closed" {
			return all
		}
	}
}

func broadcastAll(t *testing.T, tx *channel.BroadcastSender[int], vs ...int) {
	t.Helper()
	for _, v := range vs {
		_, err := tx.Send(v)
		require.NoError(t, err)
	}
}

func TestBroadcastPanicsWithoutCapacity(t *testing.T) {
	for _, n := range []int{0, -3} {
		err := testkit.PanicError(t, func() { channel.NewBroadcast[int](n) })
		assert.ErrorContains(t, err, "channel: NewBroadcast: capacity")
	}
}

func TestBroadcastReachesEveryReceiver(t *testing.T) {
	tx, rx := channel.NewBroadcast[int](16)
	rx2 := tx.Subscribe()
	n, err := tx.Send(5)
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	assert.Equal(t, []string{"5", "empty"}, rest(rx))
	assert.Equal(t, []string{"5", "empty"}, rest(rx2))
	assert.Equal(t, 16, tx.Cap())
}

func TestBroadcastLagIsHonestAndPerReceiver(t *testing.T) {
	tx, rx := channel.NewBroadcast[int](2)
	rx2 := tx.Subscribe()
	broadcastAll(t, tx, 1, 2)
	assert.Equal(t, "1", next(rx))
	broadcastAll(t, tx, 3)
	assert.Equal(t, []string{"lagged by 1 messages", "2", "3", "empty"}, rest(rx2))
	assert.Equal(t, []string{"2", "3", "empty"}, rest(rx))
	broadcastAll(t, tx, 4, 5, 6, 7, 8)
	assert.Equal(t, 5, rx.Len(), "lost ones included")
	_, err := rx.TryRecv()
	var lagged *channel.LaggedError
	require.ErrorAs(t, err, &lagged)
	require.ErrorIs(t, err, channel.ErrLagged)
	assert.EqualValues(t, 3, lagged.Missed)
	broadcastAll(t, tx, 9)
	assert.Equal(t, []string{"lagged by 1 messages", "8", "9", "empty"}, rest(rx))
	assert.Equal(t, []string{"lagged by 4 messages", "8", "9", "empty"}, rest(rx2), "a new gap")
}

// After tokio's sender_len and sender_len_random.
func TestLenOfABroadcastSenderFollowsTheSlowestReceiver(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		capacity := rapid.IntRange(1, 5).Draw(rt, "capacity")
		tx, first := channel.NewBroadcast[int](capacity)
		all := []*channel.BroadcastReceiver[int]{first}
		pick := func(rt *rapid.T) int {
			if len(all) == 0 {
				rt.Skip("there is no receiver")
			}
			return rapid.IntRange(0, len(all)-1).Draw(rt, "receiver")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"send":      func(*rapid.T) { _, _ = tx.Send(0) },
			"recv":      func(rt *rapid.T) { next(all[pick(rt)]) },
			"subscribe": func(*rapid.T) { all = append(all, tx.Subscribe()) },
			"clone":     func(rt *rapid.T) { all = append(all, all[pick(rt)].Clone()) },
			"close": func(rt *rapid.T) {
				i := pick(rt)
				all[i].Close()
				all = slices.Delete(all, i, i+1)
			},
			"": func(rt *rapid.T) {
				want := 0
				for _, rx := range all {
					want = max(want, min(rx.Len(), capacity))
					require.Equal(rt, capacity, rx.Cap())
					require.Equal(rt, []int{1, len(all)}, []int{rx.SenderCount(), rx.ReceiverCount()})
				}
				require.Equal(rt, want, tx.Len())
				require.Equal(rt, []int{1, len(all)}, []int{tx.SenderCount(), tx.ReceiverCount()})
			},
		})
	})
}

func TestBroadcastCapacityIsExact(t *testing.T) {
	for capacity := 1; capacity <= 9; capacity++ {
		tx, rx := channel.NewBroadcast[int](capacity)
		for i := range capacity {
			broadcastAll(t, tx, i)
		}
		assert.Equal(t, "0", next(rx.Clone()), "capacity %d", capacity)
		broadcastAll(t, tx, capacity)
		assert.Equal(t, "lagged by 1 messages", next(rx), "capacity %d", capacity)
	}
}

func TestBroadcastClosesAfterWhatIsKept(t *testing.T) {
	tx, rx := channel.NewBroadcast[int](2)
	broadcastAll(t, tx, 1, 2, 3)
	other := tx.Clone()
	assert.Equal(t, 2, tx.SenderCount())
	tx.Close()
	tx.Close()
	_, err := tx.Send(9)
	require.ErrorIs(t, err, channel.ErrClosed)
	assert.True(t, tx.Clone().SameChannel(other))
	_, err = tx.Clone().Send(9)
	require.ErrorIs(t, err, channel.ErrClosed, "a clone of a closed handle is closed")
	assert.False(t, rx.IsClosed())
	assert.Equal(t, 1, other.SenderCount())
	other.Close()
	assert.True(t, rx.IsClosed())
	assert.Equal(t, "closed", next(rx.Resubscribe()))
	assert.Equal(t, []string{"lagged by 1 messages", "2", "3", "closed"}, rest(rx))
	<-rx.Ready()
}

func TestBroadcastWithoutReceiversRefusesUntilSubscribe(t *testing.T) {
	tx, rx := channel.NewBroadcast[int](4)
	broadcastAll(t, tx, 1)
	rx.Close()
	rx.Close()
	assert.Zero(t, tx.ReceiverCount())
	<-tx.Done()
	_, err := tx.Send(2)
	require.ErrorIs(t, err, channel.ErrClosed)
	assert.Equal(t, "closed", next(rx))
	assert.Equal(t, "closed", next(rx.Clone()))
	assert.Equal(t, "closed", next(rx.Resubscribe()))
	rx = tx.Subscribe()
	assert.Equal(t, "empty", next(rx), "subscribe starts at the tail")
	broadcastAll(t, tx, 3)
	assert.Equal(t, []string{"3", "empty"}, rest(rx))
	select {
	case <-tx.Done():
		t.Fatal("there is a receiver again")
	default:
	}
}

func TestBroadcastCloneAndResubscribe(t *testing.T) {
	tx, rx := channel.NewBroadcast[int](3)
	broadcastAll(t, tx, 1, 2)
	again, tail := rx.Clone(), rx.Resubscribe()
	assert.True(t, again.SameChannel(rx))
	assert.Equal(t, 3, tx.ReceiverCount())
	broadcastAll(t, tx, 3)
	assert.Equal(t, []string{"1", "2", "3", "empty"}, rest(again))
	assert.Equal(t, []string{"1", "2", "3", "empty"}, rest(rx))
	assert.Equal(t, []string{"3", "empty"}, rest(tail))
	broadcastAll(t, tx, 4, 5, 6, 7)
	assert.Equal(t, "empty", next(rx.Resubscribe()), "of one that lags")
	assert.Equal(t, "lagged by 1 messages", next(rx))
}

func TestBroadcastClosedFollowsTheLastReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.NewBroadcast[int](1)
		rx2 := tx.Subscribe()
		rx.Close()
		deserted := parked(t, 1, func(int) error { <-tx.Done(); return nil })
		rx2.Close()
		allAre(t, deserted(), nil)
		<-tx.Done()
		rx = tx.Subscribe()
		deserted = parked(t, 1, func(int) error { <-tx.Done(); return nil })
		rx.Close()
		allAre(t, deserted(), nil)
	})
}

func TestBroadcastWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.NewBroadcast[int](2)
		rx2 := tx.Subscribe()
		receivers := []*channel.BroadcastReceiver[int]{rx, rx2}
		recv := parked(t, 2, func(i int) error { _, err := receivers[i].Recv(t.Context()); return err })
		tx.Clone().Close() // not the last
		broadcastAll(t, tx, 1)
		allAre(t, recv(), nil)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		recv = parked(t, 2, func(i int) error { _, err := receivers[i].Recv(ctx); return err })
		testkit.Advance(time.Minute)
		allAre(t, recv(), context.DeadlineExceeded)
		_, err := rx.Recv(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		recv = parked(t, 1, func(int) error { _, err := rx.Recv(t.Context()); return err })
		rx.Close()
		allAre(t, recv(), channel.ErrClosed)

		ready := parked(t, 1, func(int) error { <-rx2.Ready(); return nil })
		recv = parked(t, 1, func(int) error { _, err := rx2.Recv(context.Background()); return err })
		tx.Clone().Close()
		tx.Close()
		allAre(t, recv(), channel.ErrClosed)
		allAre(t, ready(), nil)

		<-tx.Done()
		tx, rx2 = channel.NewBroadcast[int](2)
		deserted := parked(t, 1, func(int) error { <-tx.Done(); return nil })
		rx2.Close()
		allAre(t, deserted(), nil)
	})
}

func TestBroadcastAllReportsLag(t *testing.T) {
	tx, rx := channel.NewBroadcast[int](2)
	broadcastAll(t, tx, 1, 2, 3)
	tx.Close()
	var got []string
	for v, err := range rx.All(t.Context()) {
		if err != nil {
			require.ErrorIs(t, err, channel.ErrLagged)
			got = append(got, "lagged")
			continue
		}
		got = append(got, fmt.Sprint(v))
	}
	assert.Equal(t, []string{"lagged", "2", "3"}, got)
	for _, err := range rx.Clone().All(t.Context()) {
		t.Fatal("nothing is left", err)
	}
}

func TestBroadcastModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 5).Draw(t, "capacity")
		tx, rx := channel.NewBroadcast[int](capacity)
		receivers := []*channel.BroadcastReceiver[int]{rx}
		next := []int{0} // the oracle: the messages are the numbers from 0
		sent := 0
		t.Repeat(map[string]func(*rapid.T){
			"send": func(t *rapid.T) {
				n, err := tx.Send(sent)
				if len(receivers) == 0 {
					require.ErrorIs(t, err, channel.ErrClosed)
					return
				}
				require.NoError(t, err)
				require.Equal(t, len(receivers), n)
				sent++
			},
			"subscribe": func(*rapid.T) {
				receivers = append(receivers, tx.Subscribe())
				next = append(next, sent)
			},
			"clone": func(t *rapid.T) {
				if len(receivers) > 0 {
					i := rapid.IntRange(0, len(receivers)-1).Draw(t, "i")
					receivers = append(receivers, receivers[i].Clone())
					next = append(next, next[i])
				}
			},
			"close": func(*rapid.T) {
				if len(receivers) > 0 {
					receivers[0].Close()
					receivers, next = receivers[1:], next[1:]
				}
			},
			"recv": func(t *rapid.T) {
				if len(receivers) == 0 {
					return
				}
				i := rapid.IntRange(0, len(receivers)-1).Draw(t, "i")
				require.Equal(t, sent-next[i], receivers[i].Len())
				v, err := receivers[i].TryRecv()
				var lagged *channel.LaggedError
				switch {
				case next[i] == sent:
					require.ErrorIs(t, err, channel.ErrEmpty)
				case next[i] < sent-capacity:
					require.ErrorAs(t, err, &lagged)
					require.EqualValues(t, sent-capacity-next[i], lagged.Missed)
					next[i] = sent - capacity
				default:
					require.NoError(t, err)
					require.Equal(t, next[i], v)
					next[i]++
				}
			},
		})
	})
}

// Every receiver gets all messages in order, or is told how many it missed.
func TestBroadcastAccountsForEveryMessage(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		const senders, each = 3, 300
		tx, rx := channel.NewBroadcast[[2]int](1 + round%70)
		var receivers sync.WaitGroup
		for i := range 4 {
			r := rx.Clone()
			receivers.Go(func() {
				defer r.Close()
				total := 0
				last := [senders]int{-1, -1, -1}
				for v, err := range r.All(t.Context()) {
					if lagged, is := errors.AsType[*channel.LaggedError](err); is {
						total += int(lagged.Missed)
						continue
					}
					total++
					assert.Less(t, last[v[0]], v[1])
					last[v[0]] = v[1]
					if i == 0 {
						runtime.Gosched()
					}
				}
				assert.Equal(t, senders*each, total)
			})
		}
		testkit.Parallel(senders, func(s int) {
			own := tx.Clone()
			defer own.Close()
			for i := range each {
				_, err := own.Send([2]int{s, i})
				assert.NoError(t, err)
			}
		})
		tx.Close()
		receivers.Wait()
		rx.Close()
	})
}

func TestBroadcastLastMessageComesBeforeTheEnd(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		tx, rx := channel.NewBroadcast[int](1)
		testkit.Parallel(2, func(i int) {
			if i == 0 {
				_, err := tx.Send(7)
				assert.NoError(t, err)
				tx.Close()
				return
			}
			got := next(rx)
			for got == "empty" {
				got = next(rx)
			}
			assert.Equal(t, "7", got)
		})
	})
}

func TestBroadcastMemoryIsBounded(t *testing.T) {
	tx, rx := channel.NewBroadcast[int](10_000)
	before := heap()
	for i := range 1_000_000 {
		_, err := tx.Send(i)
		require.NoError(t, err)
	}
	many := heap() - before
	assert.Less(t, many, int64(250_000), "a receiver that never reads")
	testkit.NoAllocs(t, "a message, on average", func() {
		_, _ = tx.Send(1)
		_, _ = rx.TryRecv()
		_, _ = rx.TryRecv()
	})
	rx.Close()
	assert.Less(t, heap()-before, many/4, "nothing is kept for nobody")
	runtime.KeepAlive(tx)
}
