package channel_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

// Of several cases that are ready each is chosen with the same chance, wherever
// they stand among those that are not. One of two is chosen 2000 times of 4000,
// with a deviation of 32, and the test fails for six such deviations.
func TestSelectChoosesEvenlyAmongTheReady(t *testing.T) {
	const n = 4000
	_, idle := channel.New[int](1)
	for _, selects := range []func([]channel.Case) int{
		func(cases []channel.Case) int { i, _ := channel.TrySelect(cases...); return i },
		func(cases []channel.Case) int { i, _ := channel.Select(context.Background(), cases...); return i },
	} {
		chosen := map[int]int{}
		tx, rx := channel.NewUnbounded[int]()
		_, err := tx.SendMany(t.Context(), make([]int, n))
		require.NoError(t, err)
		cases := make([]channel.Case, 10)
		for i := range cases {
			cases[i] = idle.OnRecv(ignore)
		}
		cases[3], cases[4] = rx.OnRecv(ignore), rx.OnRecv(ignore)
		for range n {
			chosen[selects(cases)]++
		}
		assert.InDelta(t, n/2, chosen[3], 6*32, "%v", chosen)
		assert.Equal(t, n, chosen[3]+chosen[4])
	}
}

func TestSelectInOrderChoosesTheFirst(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			txa, a := f.open(1)
			txb, b := f.open(1)
			_, idle := f.open(1)
			cases := []channel.Case{idle.OnRecv(ignore), a.OnRecv(ignore), b.OnRecv(ignore)}
			for range 20 {
				require.NoError(t, txb.TrySend(1))
				require.NoError(t, txa.TrySend(1))
				i, _ := channel.TrySelectInOrder(cases...)
				assert.Equal(t, 1, i)
				i, err := channel.SelectInOrder(t.Context(), cases...)
				require.NoError(t, err)
				assert.Equal(t, 2, i)
				// What it was woken for and leaves for an earlier case is passed on.
				selected := parked(t, 1, func(int) error {
					_, err := channel.SelectInOrder(t.Context(), cases...)
					return err
				})
				later := parked(t, 1, func(int) error { _, err := b.Recv(t.Context()); return err })
				require.NoError(t, txb.TrySend(1))
				require.NoError(t, txa.TrySend(1))
				allAre(t, selected(), nil)
				if a.Len() > 0 { // it took the message of b
					_, err = a.TryRecv()
					require.NoError(t, err)
					require.NoError(t, txb.TrySend(1))
				}
				allAre(t, later(), nil)
			}
		})
	})
}

// The messages of both cases come while it waits, and each is promised to it, that of the
// second first. The first wins, unless it was too late, and the message of the other is
// there for the next.
func TestSelectInOrderChoosesTheFirstOfThoseThatWokeIt(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // it is seldom too late
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			txa, a := f.open(1)
			txb, b := f.open(1)
			cases := []channel.Case{a.OnRecv(ignore), b.OnRecv(ignore)}
			first := 0
			for range 50 {
				chosen := -1
				selected := parked(t, 1, func(int) (err error) {
					chosen, err = channel.SelectInOrder(t.Context(), cases...)
					return err
				})
				require.NoError(t, txb.TrySend(1))
				require.NoError(t, txa.TrySend(1))
				allAre(t, selected(), nil)
				other := b
				if chosen == 0 {
					first++
				} else {
					other = a
				}
				_, err := other.TryRecv()
				require.NoError(t, err)
			}
			require.Positive(t, first)
		})
	})
}

func TestZeroCaseNeverGoesOn(t *testing.T) {
	_, ok := channel.TrySelect(channel.Case{}, channel.Case{})
	assert.False(t, ok)
	i, err := channel.Select(t.Context(), channel.Case{}, channel.OnAfter(0, func() {}))
	require.NoError(t, err)
	assert.Equal(t, 1, i)
}

// Every case of what is not a channel of this package, alone and with so many
// others that Select waits in another way.
func TestSelectWaitsForWhatIsNotOurs(t *testing.T) {
	for _, name := range []string{"alone", "many", "many natives"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var others []channel.Case
				_, idle := channel.New[int](1)
				never := make(chan string)
				switch name {
				case "many":
					for range 12 {
						others = append(others, idle.OnRecv(ignore))
					}
				case "many natives":
					others = []channel.Case{channel.OnChanRecv(never, func(string, bool) {}), channel.OnChanSend(never, "", func() {})}
				}
				got := ""
				note := func(what string) func() { return func() { got += what + " " } }
				native, full := make(chan int), make(chan int, 1)
				full <- 1
				ctx, cancel := context.WithCancelCause(t.Context())
				tx, rx := channel.New[int](1)
				oneTx, oneRx := channel.NewOneshot[int]()
				castTx, castRx := channel.NewBroadcast[int](1)
				watchTx, watchRx := channel.NewWatch(0)
				fullTx, fullRx := channel.New[int](1)
				fill(t, fullTx)
				selects := func(c channel.Case, event func()) {
					t.Helper()
					got = ""
					cases := append([]channel.Case{c}, others...)
					_, ok := channel.TrySelect(cases...)
					require.False(t, ok)
					selected := parked(t, 1, func(int) error {
						i, err := channel.Select(t.Context(), cases...)
						assert.Zero(t, i)
						return err
					})
					event()
					allAre(t, selected(), nil)
				}
				recv := channel.OnChanRecv(native, func(v int, ok bool) {
					note(map[bool]string{true: "received", false: "closed"}[ok])()
					assert.Equal(t, ok, v == 7)
				})
				selects(recv, func() { native <- 7 })
				assert.Equal(t, "received ", got)
				selects(recv, func() { close(native) })
				assert.Equal(t, "closed ", got)
				selects(channel.OnChanSend(full, 2, note("sent")), func() { <-full })
				assert.Equal(t, "sent ", got)
				assert.Equal(t, 2, <-full)
				selects(channel.OnAfter(time.Minute, note("minute")), func() { testkit.Advance(time.Minute) })
				assert.Equal(t, "minute ", got)
				begin := time.Now()
				selects(channel.OnTick(time.Hour, func(now time.Time) {
					note("tick")()
					assert.Equal(t, begin.Add(time.Hour), now)
				}), func() { testkit.Advance(time.Hour) })
				assert.Equal(t, "tick ", got)
				selects(channel.OnDone(ctx, func(err error) {
					note("done")()
					assert.ErrorIs(t, err, errEnough)
				}), func() { cancel(errEnough) })
				assert.Equal(t, "done ", got)
				selects(fullTx.OnReserve(func(p *channel.Permit[int], err error) {
					note("reserved")()
					assert.NoError(t, err)
					p.Send(3)
				}), func() { _, _ = fullRx.TryRecv() })
				assert.Equal(t, "reserved ", got)
				assert.Equal(t, 1, fullRx.Len())
				selects(tx.OnDone(note("a")), rx.Close)
				selects(oneTx.OnDone(note("b")), oneRx.Close)
				selects(castTx.OnDone(note("c")), castRx.Close)
				selects(watchTx.OnDone(note("d")), watchRx.Close)
				assert.Equal(t, "d ", got)
			})
		})
	}
	assert.ErrorContains(t, testkit.PanicError(t, func() { channel.OnTick(0, nil) }), "OnTick: interval 0s")
}

// A send to a native channel that is closed panics, as c <- v does, and the other
// lines are left.
func TestSelectThatPanicsHasLeftItsLines(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := f.open(1)
			c := make(chan int)
			selected := parked(t, 1, func(int) (err error) {
				defer func() { err, _ = recover().(error) }()
				_, _ = channel.Select(t.Context(), rx.OnRecv(ignore), channel.OnChanSend(c, 1, func() {}))
				return nil
			})
			later := parked(t, 1, func(int) error { _, err := rx.Recv(t.Context()); return err })
			close(c)
			errs := selected()
			require.ErrorContains(t, errors.Join(errs...), "closed channel")
			require.NoError(t, tx.TrySend(1))
			allAre(t, later(), nil)
		})
	})
}

// The callback of a case runs when all lines were left: others get what comes
// meanwhile.
func TestSelectLeavesItsLinesBeforeTheCallback(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			txa, a := f.open(1)
			txb, b := f.open(1)
			hold := make(chan struct{})
			selected := parked(t, 1, func(int) error {
				_, err := channel.Select(t.Context(), a.OnRecv(func(int, error) { <-hold }), b.OnRecv(ignore))
				return err
			})
			plain := parked(t, 1, func(int) error { _, err := b.Recv(t.Context()); return err })
			require.NoError(t, txa.TrySend(1))
			synctest.Wait()
			require.NoError(t, txb.TrySend(1))
			allAre(t, plain(), nil)
			close(hold)
			allAre(t, selected(), nil)
		})
	})
}

// Who is woken in Ready and does something else keeps nobody waiting for long.
func TestReadyThatIsNotFollowedUpPassesItsTurnOn(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		synctest.Test(t, func(t *testing.T) {
			for range 20 {
				tx, rx := f.open(1)
				idle := parked(t, 1, func(int) error { <-rx.Clone().Ready(); return nil })
				plain := parked(t, 1, func(int) error { _, err := rx.Recv(t.Context()); return err })
				require.NoError(t, tx.TrySend(1))
				testkit.Advance(time.Millisecond)
				allAre(t, plain(), nil)
				tx.Close()
				allAre(t, idle(), nil)
			}
		})
	})
}
