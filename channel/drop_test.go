package channel_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

// byPointer is a message that only a pointer to it can drop.
type byPointer struct{ n *int }

func (d *byPointer) Drop() { *d.n++ }

type byValue struct{ n *int }

func (d byValue) Drop() { *d.n++ }

// ends are the ways in which a channel drops a message that was sent.
func dropsOnce[T any](t *testing.T, what string, make func(n *int) T) {
	t.Helper()
	check := func(how string, f func(v T)) {
		t.Helper()
		n := 0
		f(make(&n))
		assert.Equal(t, 1, n, "%s: %s", what, how)
	}
	for name, open := range opens[T](4) {
		check(name+": Close", func(v T) {
			tx, rx := open()
			require.NoError(t, tx.TrySend(v))
			rx.Close()
		})
		check(name+": Permit", func(v T) {
			tx, rx := open()
			p, err := tx.TryReserve()
			require.NoError(t, err)
			rx.Close()
			p.Send(v)
		})
	}
	check("oneshot", func(v T) {
		tx, rx := channel.NewOneshot[T]()
		require.NoError(t, tx.Send(v))
		rx.Close()
	})
	check("Chan", func(v T) {
		synctest.Test(t, func(t *testing.T) {
			tx, rx := channel.New[T](1)
			ctx, cancel := context.WithCancel(t.Context())
			rx.Chan(ctx)
			require.NoError(t, tx.TrySend(v))
			synctest.Wait()
			cancel()
		})
	})
}

func TestMessagesAreDroppedHoweverTheyHaveADrop(t *testing.T) {
	dropsOnce(t, "value", func(n *int) byValue { return byValue{n} })
	dropsOnce(t, "pointer to a value", func(n *int) *byValue { return &byValue{n} })
	dropsOnce(t, "value of which the pointer has it", func(n *int) byPointer { return byPointer{n} })
	dropsOnce(t, "pointer", func(n *int) *byPointer { return &byPointer{n} })
	dropsOnce(t, "any with a pointer", func(n *int) any { return &byPointer{n} })
	dropsOnce(t, "any with a value", func(n *int) any { return byPointer{n} })
	dropsOnce(t, "interface", func(n *int) interface{ Drop() } { return byValue{n} })
}

func TestNothingIsDroppedThatHasNoDrop(t *testing.T) {
	for _, v := range []any{nil, 1, "", struct{}{}, errors.New("no")} {
		tx, rx := channel.New[any](1)
		require.NoError(t, tx.TrySend(v))
		rx.Close()
	}
}

// The goroutine of Chan drops the request that it has taken, and its caller learns
// that there will be no answer.
func TestCallThroughChanEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.New[channel.Request[int, int]](1)
		ctx, cancel := context.WithCancel(t.Context())
		rx.Chan(ctx)
		call := parked(t, 1, func(int) error { _, err := channel.Call(context.Background(), tx, 1); return err })
		cancel()
		allAre(t, call(), channel.ErrClosed)
	})
}

func TestCallerOfAHandlerThatEndsEarlyDoesNotHang(t *testing.T) {
	for name, handle := range map[string]func(int) int{
		"panics": func(int) int { panic(errBoom) },
		"exits":  func(int) int { runtime.Goexit(); return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tx, rx := channel.New[channel.Request[int, int]](1)
				call := parked(t, 1, func(int) error { _, err := channel.Call(context.Background(), tx, 1); return err })
				go func() {
					defer func() { _ = recover() }()
					r, _ := rx.Recv(context.Background())
					_ = r.Answer(handle)
				}()
				allAre(t, call(), channel.ErrClosed)
			})
		})
	}
	r := channel.Request[int, int]{}
	require.ErrorIs(t, r.Answer(func(int) int { return 1 }), channel.ErrClosed)
}
