package channel_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

// parked starts n calls of f, which are expected to wait, and returns a
// function that waits until all have returned and gives their errors.
func parked(t *testing.T, n int, f func(i int) error) (errs func() []error) {
	t.Helper()
	out := make(chan error, n)
	for i := range n {
		go func() { out <- f(i) }()
	}
	synctest.Wait()
	require.Empty(t, out, "a call did not wait")
	return func() []error {
		synctest.Wait()
		require.Len(t, out, n, "a call is still waiting")
		all := make([]error, n)
		for i := range all {
			all[i] = <-out
		}
		return all
	}
}

func allAre(t *testing.T, errs []error, want error) {
	t.Helper()
	for _, err := range errs {
		if want == nil {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, want)
		}
	}
}

// fill makes the next send wait.
func fill(t *testing.T, tx *channel.Sender[int]) {
	t.Helper()
	for tx.TrySend(0) == nil {
	}
}

// An end ends a channel of which these are the only handles.
type end func(*channel.Sender[int], *channel.Receiver[int])

// keeping are the ends that keep the messages that are buffered; ends are all.
var (
	keeping = map[string]end{
		"receiver shuts down": func(_ *channel.Sender[int], rx *channel.Receiver[int]) { rx.Shutdown() },
		"sender closes":       func(tx *channel.Sender[int], _ *channel.Receiver[int]) { tx.Close() },
	}
	ends = map[string]end{
		"receiver shuts down": keeping["receiver shuts down"],
		"sender closes":       keeping["sender closes"],
		"receiver closes":     func(_ *channel.Sender[int], rx *channel.Receiver[int]) { rx.Close() },
	}
)

// everyEnd runs a test for each of the ends, in a bubble of its own.
func everyEnd(t *testing.T, ends map[string]end, test func(t *testing.T, end end)) {
	t.Helper()
	for name, end := range ends {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { test(t, end) }) })
	}
}

func TestShutdownAndCloseWakeWaitingSenders(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		everyEnd(t, ends, func(t *testing.T, end end) {
			tx, rx := f.open(2)
			fill(t, tx)
			sends := parked(t, 5, func(i int) error { return tx.Send(t.Context(), i) })
			plain := parked(t, 5, func(i int) error { return tx.Send(context.Background(), i) })
			reserves := parked(t, 5, func(int) error {
				_, err := tx.ReserveMany(t.Context(), 2)
				return err
			})
			end(tx, rx)
			allAre(t, sends(), channel.ErrClosed)
			allAre(t, plain(), channel.ErrClosed)
			allAre(t, reserves(), channel.ErrClosed)
		})
	})
}

// An actor that may send to itself ends with its last client.
func TestActorWithAWeakSenderToItselfEnds(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(8)
			self := tx.Downgrade()
			var got []int
			actor := parked(t, 1, func(int) error {
				for v, err := range rx.All(t.Context()) {
					assert.NoError(t, err)
					got = append(got, v)
					if v > 1 {
						continue
					}
					up, ok := self.Upgrade()
					assert.True(t, ok)
					assert.NoError(t, up.Send(t.Context(), 2))
					up.Close()
				}
				return nil
			})
			require.NoError(t, tx.Send(t.Context(), 1))
			synctest.Wait()
			assert.Equal(t, []int{1, 2}, got)
			tx.Close()
			allAre(t, actor(), nil)
			_, ok := self.Upgrade()
			assert.False(t, ok)
		})
	})
}

func TestCloseWakesWaitingReceivers(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		everyEnd(t, ends, func(t *testing.T, end end) {
			tx, rx := f.open(2)
			cancelable := parked(t, 5, func(int) error { _, err := rx.Recv(t.Context()); return err })
			plain := parked(t, 5, func(int) error { _, err := rx.Recv(context.Background()); return err })
			many := parked(t, 5, func(int) error {
				_, err := rx.RecvMany(t.Context(), make([]int, 3))
				return err
			})
			end(tx, rx)
			allAre(t, cancelable(), channel.ErrClosed)
			allAre(t, plain(), channel.ErrClosed)
			allAre(t, many(), channel.ErrClosed)
		})
	})
}

func TestReceiversWaitForPermitsAfterClose(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		everyEnd(t, keeping, func(t *testing.T, end end) {
			tx, rx := f.open(2)
			p, err := tx.ReserveMany(t.Context(), 2)
			require.NoError(t, err)
			end(tx, rx)
			got := parked(t, 1, func(int) error {
				v, err := rx.Recv(t.Context())
				assert.Equal(t, 5, v)
				return err
			})
			p.Send(5)
			allAre(t, got(), nil)
			ended := parked(t, 3, func(int) error { _, err := rx.Recv(t.Context()); return err })
			p.Release()
			allAre(t, ended(), channel.ErrClosed)
		})
	})
}

func TestPermitReleasedWakesTheNextReserve(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(2)
			p1, err := tx.Reserve(t.Context())
			require.NoError(t, err)
			p2, err := tx.Reserve(t.Context())
			require.NoError(t, err)
			reserve := func(int) error { _, err := tx.Reserve(t.Context()); return err }
			third := parked(t, 1, reserve)
			p1.Send(1)
			synctest.Wait()
			fourth := parked(t, 1, reserve)
			_, err = rx.Recv(t.Context())
			require.NoError(t, err)
			allAre(t, third(), nil)
			p2.Release()
			allAre(t, fourth(), nil)
		})
	})
}

func TestASlotServesOneReserve(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(2)
			first, err := tx.Reserve(t.Context())
			require.NoError(t, err)
			second, err := tx.Reserve(t.Context())
			require.NoError(t, err)
			var served atomic.Int64
			reserves := parked(t, 3, func(int) error {
				_, err := tx.Reserve(t.Context())
				if err == nil {
					served.Add(1)
				}
				return err
			})
			servedAre := func(want int64) {
				t.Helper()
				synctest.Wait()
				require.Equal(t, want, served.Load())
				require.ErrorIs(t, tx.TrySend(9), channel.ErrFull)
			}
			first.Send(1)
			servedAre(0) // it takes the slot with it
			_, err = rx.Recv(t.Context())
			require.NoError(t, err)
			servedAre(1)
			second.Release()
			servedAre(2)
			rx.Shutdown()
			assert.Len(t, reserves(), 3)
			assert.EqualValues(t, 2, served.Load())
		})
	})
}

func TestReleaseServesAReserveOfAsMany(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			for _, n := range []int{1, 2, 15, 16, 31, 32, 100} {
				tx, _ := f.open(n)
				p, err := tx.ReserveMany(t.Context(), n)
				require.NoError(t, err)
				next := parked(t, 1, func(int) error {
					p, err := tx.ReserveMany(t.Context(), n)
					p.Release()
					return err
				})
				p.Release()
				allAre(t, next(), nil)
				assert.Equal(t, n, tx.Free())
			}
		})
	})
}

func TestReserveManyGathersSlotsAndGivesThemBack(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(3)
			fill(t, tx)
			ctx, cancel := context.WithCancel(t.Context())
			first := parked(t, 1, func(int) error { _, err := tx.ReserveMany(ctx, 3); return err })
			second := parked(t, 1, func(int) error { _, err := tx.ReserveMany(t.Context(), 2); return err })
			standing, leave := context.WithCancel(t.Context())
			third := parked(t, 1, func(int) error { _, err := tx.ReserveMany(standing, 3); return err })
			leave()
			allAre(t, third(), context.Canceled)
			for range 2 {
				_, err := rx.Recv(t.Context())
				require.NoError(t, err)
			}
			synctest.Wait()
			require.ErrorIs(t, tx.TrySend(9), channel.ErrFull, "two slots are gathered")
			cancel()
			allAre(t, first(), context.Canceled)
			allAre(t, second(), nil)
			require.ErrorIs(t, tx.TrySend(9), channel.ErrFull, "two are reserved, one is used")
			_, err := rx.Recv(t.Context())
			require.NoError(t, err)
			require.NoError(t, tx.TrySend(9))
		})
	})
}

// Two that gather give up at once: the turn of the first comes to the second
// too late, and must go on to the third.
func TestGatheringGoesOnWhenTheNextGivesUpAtOnce(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			for range 50 {
				tx, rx := f.open(2)
				fill(t, tx)
				ctx, cancel := context.WithCancel(t.Context())
				reserve := func(ctx context.Context) func(int) error {
					return func(int) error { _, err := tx.ReserveMany(ctx, 2); return err }
				}
				given := parked(t, 2, reserve(ctx))
				last := parked(t, 1, reserve(t.Context()))
				cancel()
				allAre(t, given(), context.Canceled)
				n, err := rx.RecvMany(t.Context(), make([]int, 2))
				require.NoError(t, err)
				require.Equal(t, 2, n)
				allAre(t, last(), nil)
			}
		})
	})
}

func TestReservingNothingNeedsNoRoom(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(1)
			fill(t, tx)
			send := parked(t, 1, func(int) error { return tx.Send(t.Context(), 1) })
			p, err := tx.TryReserveMany(0)
			require.NoError(t, err)
			p.Release()
			p, err = tx.ReserveMany(t.Context(), 0)
			require.NoError(t, err)
			assert.Zero(t, p.Len())
			rx.Close()
			allAre(t, send(), channel.ErrClosed)
			_, err = tx.TryReserveMany(0)
			require.ErrorIs(t, err, channel.ErrClosed)
		})
	})
}

func TestCanceledSendWasNotSent(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(1)
			fill(t, tx)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			send := parked(t, 3, func(int) error { return tx.Send(ctx, 7) })
			testkit.Advance(time.Minute)
			allAre(t, send(), context.DeadlineExceeded)
			_, err := rx.TryRecv()
			require.NoError(t, err)
			_, err = rx.TryRecv()
			require.ErrorIs(t, err, channel.ErrEmpty)
			require.NoError(t, tx.Send(t.Context(), 7), "can be sent again")
		})
	})
}

func TestCanceledSendManySaysHowManyWereSent(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(2)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var n int
			send := parked(t, 1, func(int) (err error) {
				n, err = tx.SendMany(ctx, []int{1, 2, 3, 4, 5})
				return err
			})
			_, err := rx.Recv(t.Context())
			require.NoError(t, err)
			testkit.Advance(time.Minute)
			allAre(t, send(), context.DeadlineExceeded)
			assert.Equal(t, 3, n)
			buf := make([]int, 9)
			got, err := rx.RecvMany(t.Context(), buf)
			require.NoError(t, err)
			assert.Equal(t, []int{2, 3}, buf[:got])
		})
	})
}

func TestCanceledRecvTakesNothing(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			recv := parked(t, 3, func(int) error { _, err := rx.Recv(ctx); return err })
			testkit.Advance(time.Minute)
			allAre(t, recv(), context.DeadlineExceeded)
			require.NoError(t, tx.TrySend(7))
			v, err := rx.TryRecv()
			require.NoError(t, err)
			assert.Equal(t, 7, v)
		})
	})
}

func TestBlockedSendersOfASmallChannelAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.New[int](1)
		require.NoError(t, tx.TrySend(-1))
		for i := range 10 {
			go func() { assert.NoError(t, tx.Send(t.Context(), i)) }()
			synctest.Wait()
		}
		for want := -1; want < 10; want++ {
			v, err := rx.Recv(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, v)
		}
	})
}

func TestEveryWaitingReceiverGetsOneMessage(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(50)
			recvs := parked(t, 20, func(int) error { _, err := rx.Recv(t.Context()); return err })
			n, err := tx.SendMany(t.Context(), make([]int, 20))
			require.NoError(t, err)
			require.Equal(t, 20, n)
			allAre(t, recvs(), nil)
		})
	})
}

func TestEveryFreedSlotServesAWaitingSender(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(20)
			fill(t, tx)
			sends := parked(t, 20, func(i int) error { return tx.Send(t.Context(), i) })
			n, err := rx.RecvMany(t.Context(), make([]int, 20))
			require.NoError(t, err)
			require.Equal(t, 20, n)
			allAre(t, sends(), nil)
		})
	})
}

func TestReadyIsClosedOnceNoWaitIsNeeded(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(1)
			<-tx.Ready()
			waits := parked(t, 4, func(int) error { <-rx.Ready(); return nil })
			require.NoError(t, tx.TrySend(1))
			allAre(t, waits(), nil)
			<-rx.Ready()
			if f.bounded {
				waits = parked(t, 4, func(int) error { <-tx.Ready(); return nil })
				_, err := rx.TryRecv()
				require.NoError(t, err)
				allAre(t, waits(), nil)
			} else {
				_, err := rx.TryRecv()
				require.NoError(t, err)
			}
			waits = parked(t, 4, func(int) error { <-rx.Ready(); return nil })
			tx.Close()
			allAre(t, waits(), nil)
			<-rx.Ready()
			<-tx.Ready()
		})
	})
}

func TestReadyAfterACanceledWaiterTookTheToken(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			for range 100 {
				tx, rx := f.open(1)
				ctx, cancel := context.WithCancel(t.Context())
				go func() { _, _ = rx.Recv(ctx) }()
				synctest.Wait()
				cancel()
				_ = tx.TrySend(1) // the waiter may see either first
				synctest.Wait()
				for _, err := rx.TryRecv(); err == nil; _, err = rx.TryRecv() {
				}
				ready := rx.Ready()
				require.NoError(t, tx.TrySend(2))
				<-ready
				next := make(chan int, 1)
				_, err := rx.TryRecv()
				require.NoError(t, err)
				go func() { v, _ := rx.Recv(t.Context()); next <- v }()
				synctest.Wait()
				require.NoError(t, tx.TrySend(3))
				require.Equal(t, 3, <-next)
			}
		})
	})
}

func TestReadyOfAClosedHandleIsClosed(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(1)
		other, otherRx := tx.Clone(), rx.Clone()
		rx.Close()
		<-rx.Ready()
		require.NoError(t, other.TrySend(1))
		tx.Close()
		<-tx.Ready()
		otherRx.Close()
	})
}

func TestReadyDoesNotOpenForNothing(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(1)
		ready := rx.Ready()
		p, err := tx.TryReserve()
		require.NoError(t, err)
		p.Release()
		assert.False(t, isClosed(ready), "a permit was released")
		p, err = tx.TryReserve()
		require.NoError(t, err)
		rx.Shutdown()
		assert.False(t, isClosed(ready), "there is a permit still")
		p.Release()
		<-ready
	})
	t.Run("broadcast", func(t *testing.T) {
		tx, one := channel.NewBroadcast[int](4)
		_, err := tx.Send(1)
		require.NoError(t, err)
		two := tx.Subscribe()
		ready := two.Ready()
		<-one.Ready()
		assert.False(t, isClosed(ready), "another receiver has a message")
	})
	t.Run("watch", func(t *testing.T) {
		tx, one := channel.NewWatch(0)
		require.NoError(t, tx.Send(1))
		two := tx.Subscribe()
		ready := two.Ready()
		<-one.Ready()
		assert.False(t, isClosed(ready), "another receiver has not seen the value")
	})
}

// waits is a message whose Drop waits for something.
type waits struct{ f func() }

func (w waits) Drop() { w.f() }

func TestClosedIsToldBeforeMessagesAreDropped(t *testing.T) {
	for name, open := range opens[waits](1) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tx, rx := open()
				worker := make(chan struct{})
				go func() {
					<-tx.Done()
					close(worker)
				}()
				synctest.Wait()
				require.NoError(t, tx.TrySend(waits{func() { <-worker }}))
				rx.Close() // would wait for ever
			})
		})
	}
}

func TestCloseTakesBackWhatAReserveHasGathered(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(2)
			require.NoError(t, tx.TrySend(1))
			waiting := parked(t, 1, func(int) error {
				_, err := tx.ReserveMany(t.Context(), 2) // has one
				return err
			})
			assert.Zero(t, tx.Free())
			rx.Shutdown()
			allAre(t, waiting(), channel.ErrClosed)
			_, err := rx.Recv(t.Context())
			require.NoError(t, err)
			_, err = rx.Recv(t.Context())
			require.ErrorIs(t, err, channel.ErrClosed, "as if a permit were still out")
		})
	})
}
