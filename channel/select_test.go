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

// Two goroutines that each send to or receive from the same channel.
func TestSelectOnBothSidesOfOneChannel(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(3)
		testkit.Parallel(2, func(int) {
			for range 1000 {
				_, err := channel.Select(t.Context(), tx.OnSend(1, func(error) {}), rx.OnRecv(ignore))
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
