package channel_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

// registrar is a context that counts who is registered with it.
type registrar struct {
	context.Context
	now atomic.Int64
}

func newRegistrar(t *testing.T) *registrar {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return &registrar{Context: ctx}
}

func (r *registrar) Value(any) any { return nil } // or the registrations would go to the context within

func (r *registrar) AfterFunc(f func()) (stop func() bool) {
	r.now.Add(1)
	var once sync.Once
	end := func() { once.Do(func() { r.now.Add(-1) }) }
	inner := context.AfterFunc(r.Context, func() {
		end()
		f()
	})
	return func() bool {
		end()
		return inner()
	}
}

// A side is one side of a small channel, at which calls wait until there are as
// many calls of serve.
type side struct {
	wait  func(context.Context) error
	serve func()
	end   func() // makes all calls return ErrClosed
}

// sides opens a channel for each side. Its capacity is 1.
func sides(t *testing.T) map[string]side {
	t.Helper()
	tx, rx := channel.New[int](1)
	full, drain := channel.New[int](1)
	require.NoError(t, full.TrySend(0))
	slots, free := channel.New[int](1)
	require.NoError(t, slots.TrySend(0))
	recv := func(rx *channel.Receiver[int]) func() {
		return func() {
			_, err := rx.Recv(context.Background())
			assert.NoError(t, err)
		}
	}
	return map[string]side{
		"recv": {
			func(ctx context.Context) error { _, err := rx.Recv(ctx); return err },
			func() { assert.NoError(t, tx.Send(context.Background(), 1)) },
			tx.Close,
		},
		"send": {func(ctx context.Context) error { return full.Send(ctx, 1) }, recv(drain), drain.Shutdown},
		"reserve": {
			func(ctx context.Context) error {
				p, err := slots.Reserve(ctx)
				if err == nil {
					p.Send(1)
				}
				return err
			},
			recv(free), free.Shutdown,
		},
	}
}

// steady makes the side register with ctx.
func (s side) steady(t *testing.T, ctx context.Context) {
	t.Helper()
	for range channel.SteadyWaits + 1 {
		done := s.start(ctx)
		synctest.Wait()
		s.serve()
		require.NoError(t, <-done)
	}
}

// start begins a wait.
func (s side) start(ctx context.Context) (done chan error) {
	done = make(chan error, 1)
	go func() { done <- s.wait(ctx) }()
	return done
}

// everySide runs the test in a bubble for each side.
func everySide(t *testing.T, test func(t *testing.T, s side)) {
	t.Helper()
	for _, name := range []string{"recv", "send", "reserve"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, sides(t)[name]) })
		})
	}
}

func TestSteadyWaitersAreCanceledAndOthersStay(t *testing.T) {
	enough := errors.New("enough")
	everySide(t, func(t *testing.T, s side) {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx := context.WithValue(parent, t, 0)
		s.steady(t, ctx)
		other, cancelOther := context.WithCancelCause(t.Context())
		first, second, third, fourth := s.start(ctx), s.start(other), s.start(parent), s.start(t.Context())
		synctest.Wait()
		cancel(enough)
		for _, canceled := range []chan error{first, third} {
			err := <-canceled
			require.ErrorIs(t, err, enough)
			require.ErrorIs(t, err, context.Canceled)
		}
		synctest.Wait()
		require.ErrorIs(t, s.wait(ctx), enough)
		assert.Empty(t, second, "it has another context")
		cancelOther(enough)
		require.ErrorIs(t, <-second, enough)
		s.serve()
		require.NoError(t, <-fourth)

		late := s.start(t.Context())
		synctest.Wait()
		s.end()
		require.ErrorIs(t, <-late, channel.ErrClosed)
	})
}

func TestALineRegistersOnceWithASteadyContext(t *testing.T) {
	everySide(t, func(t *testing.T, s side) {
		first := newRegistrar(t)
		for range channel.SteadyWaits - 1 {
			done := s.start(first)
			synctest.Wait()
			s.serve()
			require.NoError(t, <-done)
		}
		assert.Zero(t, first.now.Load(), "not so soon")
		s.steady(t, first)
		s.steady(t, first)
		assert.EqualValues(t, 1, first.now.Load())

		second := newRegistrar(t)
		relying := s.start(first)
		synctest.Wait()
		var waits []chan error
		for range channel.SteadyWaits {
			waits = append(waits, s.start(second))
			synctest.Wait()
		}
		assert.Zero(t, second.now.Load(), "somebody relies on the first")
		assert.EqualValues(t, 1, first.now.Load())
		for _, done := range append([]chan error{relying}, waits...) {
			s.serve()
			require.NoError(t, <-done)
		}
		s.steady(t, second)
		assert.Zero(t, first.now.Load(), "given up for the second")
		assert.EqualValues(t, 1, second.now.Load())

		relying = s.start(second)
		synctest.Wait()
		s.end()
		require.ErrorIs(t, <-relying, channel.ErrClosed)
		assert.Zero(t, second.now.Load(), "given up at the end")
	})
}

// A context may end in every moment of a wait.
func TestSteadyWaitersMissNoEnd(t *testing.T) {
	for name, s := range sides(t) {
		t.Run(name, func(t *testing.T) {
			for round := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						for s.wait(ctx) == nil {
						}
					})
				}
				for range round % 20 {
					s.serve()
				}
				cancel()
				wg.Wait()
			}
		})
	}
}

func TestACanceledSteadyReserveGivesItsSlotsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.New[int](2)
		require.NoError(t, tx.TrySend(0))
		require.NoError(t, tx.TrySend(0))
		recv := func() {
			_, err := rx.Recv(context.Background())
			assert.NoError(t, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		side{func(ctx context.Context) error { return tx.Send(ctx, 0) }, recv, tx.Close}.steady(t, ctx)
		recv()
		reserve := side{wait: func(ctx context.Context) error {
			p, err := tx.ReserveMany(ctx, 2)
			p.Release()
			return err
		}}
		first := reserve.start(ctx)
		synctest.Wait()
		assert.Zero(t, tx.Free(), "the first has one slot")
		second := reserve.start(t.Context())
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-first, context.Canceled)
		recv()
		require.NoError(t, <-second)
		assert.Equal(t, 2, tx.Free())
	})
}
