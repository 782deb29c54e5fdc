package channel_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

func ignore(int, error) {}

func TestSelectDoesTheCaseThatCanGoOn(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(1)
		_, ok := channel.TrySelect(rx.OnRecv(ignore))
		assert.False(t, ok)
		var got []any
		cases := []channel.Case{
			rx.OnRecv(func(v int, err error) { got = append(got, v, err) }),
			tx.OnSend(7, func(err error) { got = append(got, "sent", err) }),
		}
		i, err := channel.Select(t.Context(), cases...)
		require.NoError(t, err)
		assert.Equal(t, 1, i)
		i, err = channel.Select(t.Context(), cases...)
		require.NoError(t, err)
		assert.Equal(t, 0, i)
		assert.Equal(t, []any{"sent", nil, 7, nil}, got)
	})
}

func TestTrySelectDoesNotWait(t *testing.T) {
	i, ok := channel.TrySelect()
	assert.Equal(t, -1, i)
	assert.False(t, ok)
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(1)
		_, idle := f.open(1)
		var err error
		recv := rx.OnRecv(func(_ int, e error) { err = e })
		send := tx.OnSend(7, func(e error) { err = e })
		never := idle.OnRecv(ignore)
		check := func(want int, cases ...channel.Case) {
			t.Helper()
			i, ok := channel.TrySelect(cases...)
			assert.Equal(t, want, i)
			assert.Equal(t, want >= 0, ok)
		}
		check(-1, recv, never)
		check(1, never, send)
		check(-1, send, never)
		check(0, recv, never)
		check(-1, recv)
		require.NoError(t, err)
		rx.Shutdown()
		check(0, recv, never)
		require.ErrorIs(t, err, channel.ErrClosed)
		err = nil
		check(1, never, send)
		require.ErrorIs(t, err, channel.ErrClosed)
	})
}

// A message, and then the end: there is always something.
func TestTrySelectFindsTheMessageOrTheEnd(t *testing.T) {
	stressFlavours(t, flavours, func(t *testing.T, f flavour, _ int) {
		tx, rx := f.open(1)
		require.NoError(t, tx.TrySend(1))
		testkit.Parallel(2, func(i int) {
			if i == 0 {
				_, ok := channel.TrySelect(rx.OnRecv(ignore))
				assert.True(t, ok)
				return
			}
			tx.Close()
			_, _ = rx.Recv(t.Context())
		})
	})
}

func TestSelectInACallback(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(1)
		got := -1
		_, err := channel.Select(t.Context(), tx.OnSend(5, func(error) {
			_, err := channel.Select(t.Context(), rx.OnRecv(func(v int, _ error) { got = v }))
			assert.NoError(t, err)
		}))
		require.NoError(t, err)
		assert.Equal(t, 5, got)
	})
}

func TestSelectIsFair(t *testing.T) {
	const n = 1000
	tx1, rx1 := channel.New[int](n)
	tx2, rx2 := channel.New[int](n)
	for range n {
		require.NoError(t, tx1.TrySend(1))
		require.NoError(t, tx2.TrySend(2))
	}
	chosen := [2]int{}
	for range n {
		i, err := channel.Select(t.Context(), rx1.OnRecv(ignore), rx2.OnRecv(ignore))
		require.NoError(t, err)
		chosen[i]++
	}
	assert.Greater(t, chosen[0], n/4)
	assert.Greater(t, chosen[1], n/4)
}

func TestSelectIsFairToTheSameCaseTwice(t *testing.T) {
	const n = 1000
	tx, rx := channel.NewUnbounded[int]()
	_, err := tx.SendMany(t.Context(), make([]int, n))
	require.NoError(t, err)
	var chosen [5]int
	c := rx.OnRecv(ignore)
	for range n {
		i, err := channel.Select(t.Context(), c, c, c, c, c)
		require.NoError(t, err)
		chosen[i]++
	}
	for _, hits := range chosen {
		assert.Greater(t, hits, n/len(chosen)/2)
	}
}

func TestSelectIsFairToSends(t *testing.T) {
	const n = 1000
	tx, rx := channel.New[int](2 * n)
	tx2, _ := channel.NewUnbounded[int]()
	ok := func(err error) { assert.NoError(t, err) }
	var chosen [3]int
	for range n {
		i, err := channel.Select(t.Context(), tx.OnSend(0, ok), tx.OnSend(1, ok), tx2.OnSend(2, ok))
		require.NoError(t, err)
		chosen[i]++
	}
	for _, hits := range chosen {
		assert.Greater(t, hits, n/6)
	}
	var sent [2]int
	tx.Close()
	for _, v := range drained(t, rx) {
		sent[v]++
	}
	assert.Equal(t, chosen[:2], sent[:])
}

// Two goroutines that each send to or receive from the same channel, with the
// same cases.
func TestSelectOnBothSidesOfOneChannel(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(3)
		cases := []channel.Case{tx.OnSend(1, func(error) {}), rx.OnRecv(ignore)}
		testkit.Parallel(2, func(int) {
			for range 1000 {
				_, err := channel.Select(t.Context(), cases...)
				assert.NoError(t, err)
			}
		})
	})
}

func TestSelectWaitsForEveryKind(t *testing.T) {
	type wake struct {
		name  string
		c     channel.Case
		event func()
	}
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.New[int](1)
		fullTx, fullRx := channel.New[int](40)
		fill(t, fullTx)
		oneTx, oneRx := channel.NewOneshot[int]()
		castTx, castRx := channel.NewBroadcast[int](1)
		watchTx, watchRx := channel.NewWatch(0)
		var err error
		note := func(e error) { err = e }
		wakes := []wake{
			{"recv", rx.OnRecv(func(_ int, e error) { err = e }), func() { _ = tx.TrySend(1) }},
			{"send", fullTx.OnSend(5, note), func() { _, _ = fullRx.TryRecv() }},
			{"broadcast", castRx.OnRecv(func(_ int, e error) { err = e }), func() { _, _ = castTx.Send(1) }},
			{"watch", watchRx.OnChanged(note), func() { _ = watchTx.Send(1) }},
			{"oneshot", oneRx.OnRecv(func(_ int, e error) { err = e }), func() { _ = oneTx.Send(1) }}, // last: it can always go on then
		}
		for n := 1; n <= len(wakes); n++ { // up to four and more are waited for differently
			cases := make([]channel.Case, n)
			for i := range cases {
				cases[i] = wakes[i].c
			}
			w := wakes[n-1]
			selected := parked(t, 1, func(int) error {
				i, e := channel.Select(t.Context(), cases...)
				assert.Equal(t, n-1, i, w.name)
				return e
			})
			w.event()
			allAre(t, selected(), nil)
			require.NoError(t, err, w.name)
		}
		// Closed channels can always go on.
		tx.Close()
		i, e := channel.Select(t.Context(), rx.OnRecv(func(_ int, e error) { err = e }))
		require.NoError(t, e)
		assert.Zero(t, i)
		require.ErrorIs(t, err, channel.ErrClosed)
		fullRx.Close()
		_, e = channel.Select(t.Context(), fullTx.OnSend(1, note))
		require.NoError(t, e)
		require.ErrorIs(t, err, channel.ErrClosed)
	})
}

func TestCloseWakesWaitingSelects(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(1)
			_, idle := f.open(1)
			selected := func(c channel.Case) func() []error {
				return parked(t, 1, func(int) error {
					_, err := channel.Select(t.Context(), c, idle.OnRecv(ignore))
					return err
				})
			}
			var err error
			recv := rx.OnRecv(func(_ int, e error) { err = e })
			waiting := selected(recv)
			tx.Clone().Close() // not the last
			require.NoError(t, tx.TrySend(1))
			allAre(t, waiting(), nil)
			require.NoError(t, err)
			waiting = selected(recv)
			tx.Close()
			allAre(t, waiting(), nil)
			require.ErrorIs(t, err, channel.ErrClosed)

			if !f.bounded {
				return
			}
			for _, end := range []func(*channel.Receiver[int]){
				(*channel.Receiver[int]).Close, (*channel.Receiver[int]).Shutdown,
			} {
				err = nil
				tx, rx = f.open(1)
				fill(t, tx)
				waiting = selected(tx.OnSend(1, func(e error) { err = e }))
				end(rx)
				allAre(t, waiting(), nil)
				require.ErrorIs(t, err, channel.ErrClosed)
			}
		})
	})
}

// A Select that went on elsewhere leaves the messages to those that wait.
func TestSelectThatWentOnTakesNoOthersMessage(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(2)
			tx2, rx2 := f.open(2)
			recv := func(int) error { _, err := rx.Recv(t.Context()); return err }
			before := parked(t, 1, recv)
			selected := parked(t, 1, func(int) error {
				i, err := channel.Select(t.Context(), rx.OnRecv(ignore), rx2.OnRecv(ignore))
				assert.Equal(t, 1, i)
				return err
			})
			after := parked(t, 1, recv)
			require.NoError(t, tx2.TrySend(1))
			allAre(t, selected(), nil)
			require.NoError(t, tx.TrySend(1))
			require.NoError(t, tx.TrySend(1))
			allAre(t, before(), nil)
			allAre(t, after(), nil)
		})
	})
}

// Selects wait again and again for a channel on which nothing comes.
func TestSelectLeavesNothingBehind(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(1)
		answerTx, answerRx := f.open(1)
		idleTx, idle := f.open(1)
		go func() {
			for v, err := range rx.All(context.Background()) {
				assert.NoError(t, err)
				_ = answerTx.Send(context.Background(), v)
			}
			answerTx.Close()
		}()
		before := heap()
		for range 5000 {
			require.NoError(t, tx.Send(t.Context(), 1))
			i, err := channel.Select(t.Context(), idle.OnRecv(ignore), answerRx.OnRecv(ignore))
			require.NoError(t, err)
			require.Equal(t, 1, i)
		}
		assert.Less(t, heap()-before, int64(100_000))
		tx.Close()
		_, err := answerRx.Recv(t.Context())
		require.ErrorIs(t, err, channel.ErrClosed)
		idleTx.Close()
	})
}

func TestSelectEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, rx := channel.New[int](1)
		c := rx.OnRecv(func(int, error) { t.Error("called") })
		for _, cases := range [][]channel.Case{nil, {c}, {c, c, c, c, c, c}} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			selected := parked(t, 1, func(int) error {
				i, err := channel.Select(ctx, cases...)
				assert.Equal(t, -1, i)
				return err
			})
			testkit.Advance(time.Minute)
			allAre(t, selected(), context.DeadlineExceeded)
			i, err := channel.Select(ctx, cases...)
			assert.Equal(t, -1, i)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		}
	})
}

func TestSelectPanicInCallbackLeavesTheChannelUsable(t *testing.T) {
	tx, rx := channel.New[int](1)
	require.NoError(t, tx.TrySend(1))
	_ = testkit.PanicError(t, func() {
		_, _ = channel.Select(t.Context(), rx.OnRecv(func(int, error) { panic(context.Canceled) }))
	})
	assert.Zero(t, rx.Len(), "the message was taken")
	require.NoError(t, tx.TrySend(2))
}

// Two selects over several channels pass everything between them, and end.
func TestSelectLosesNothing(t *testing.T) {
	stressFlavours(t, flavours, func(t *testing.T, f flavour, round int) {
		const n, width = 300, 3
		var txs [width]*channel.Sender[int]
		var rxs [width]*channel.Receiver[int]
		for i := range width {
			txs[i], rxs[i] = f.open(1 + round%3)
		}
		var mu sync.Mutex
		seen := map[int]bool{}
		testkit.Parallel(4, func(g int) {
			if g < 2 { // two senders
				for v := g * n; v < (g+1)*n; v++ {
					var cases []channel.Case
					for _, tx := range txs {
						cases = append(cases, tx.OnSend(v, func(err error) { assert.NoError(t, err) }))
					}
					_, err := channel.Select(t.Context(), cases...)
					assert.NoError(t, err)
				}
				return
			}
			for { // two receivers
				mu.Lock()
				done := len(seen) == 2*n
				mu.Unlock()
				if done {
					for _, tx := range txs {
						tx.Close()
					}
					return
				}
				over := false
				var cases []channel.Case
				for _, rx := range rxs {
					cases = append(cases, rx.OnRecv(func(v int, err error) {
						if over = err != nil; over {
							return
						}
						mu.Lock()
						defer mu.Unlock()
						assert.False(t, seen[v])
						seen[v] = true
					}))
				}
				_, err := channel.Select(t.Context(), cases...)
				assert.NoError(t, err)
				if over {
					return
				}
			}
		})
		assert.Len(t, seen, 2*n)
	})
}

// On each of several channels, one plain sender and receiver meet a Select that
// sends to all of them and one that receives from all of them.
func TestSelectAndPlainCallsShareChannels(t *testing.T) {
	stressFlavours(t, flavours, func(t *testing.T, f flavour, round int) {
		const n, width = 200, 4
		var txs [width]*channel.Sender[int]
		var rxs [width]*channel.Receiver[int]
		for i := range width {
			txs[i], rxs[i] = f.open(1 + (round+i)%4)
		}
		all := func(open func(i int, done func(error)) channel.Case) {
			var left [width]int
			for i := range left {
				left[i] = n
			}
			for range width * n {
				var cases []channel.Case
				for i := range left {
					if left[i] > 0 {
						cases = append(cases, open(i, func(err error) {
							assert.NoError(t, err)
							left[i]--
						}))
					}
				}
				_, err := channel.Select(t.Context(), cases...)
				assert.NoError(t, err)
			}
		}
		testkit.Parallel(2*width+2, func(g int) {
			switch {
			case g < width:
				for range n {
					assert.NoError(t, txs[g].Send(t.Context(), 1))
				}
			case g < 2*width:
				for range n {
					_, err := rxs[g-width].Recv(t.Context())
					assert.NoError(t, err)
				}
			case g == 2*width:
				all(func(i int, done func(error)) channel.Case { return txs[i].OnSend(1, done) })
			default:
				all(func(i int, done func(error)) channel.Case {
					return rxs[i].OnRecv(func(_ int, err error) { done(err) })
				})
			}
		})
		for _, rx := range rxs {
			assert.Zero(t, rx.Len())
		}
	})
}
