package sema_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/sema"
)

func TestNotifyStoresOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n sema.Notify
		n.NotifyWaiters() // stores nothing
		n.NotifyOne()
		n.NotifyOne()
		require.NoError(t, n.Wait(t.Context()))
		done := false
		go func() { done = n.Wait(t.Context()) == nil }()
		synctest.Wait()
		assert.False(t, done, "two were stored")
		n.NotifyLast()
		synctest.Wait()
		assert.True(t, done)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n.NotifyOne()
		require.EqualError(t, n.Wait(ctx), "sema: Notify.Wait: context canceled")
		require.NoError(t, n.Wait(t.Context()), "a done ctx has taken the notification")
	})
}

func TestNotifyOneLastAndWaiters(t *testing.T) {
	var n sema.Notify
	listeners := make([]*sema.Listener, 5)
	for i := range listeners {
		listeners[i] = n.Listen()
		defer listeners[i].Close()
	}
	notified := func() (which []int) {
		done, cancel := context.WithCancel(t.Context())
		cancel()
		for i, l := range listeners {
			if l.Wait(done) == nil {
				which = append(which, i)
			}
		}
		return which
	}
	n.NotifyOne()
	assert.Equal(t, []int{0}, notified())
	n.NotifyLast()
	assert.Equal(t, []int{0, 4}, notified())
	n.NotifyWaiters()
	assert.Equal(t, []int{0, 1, 2, 3, 4}, notified())
	late := n.Listen()
	defer late.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.EqualError(t, late.Wait(ctx), "sema: Listener.Wait: context canceled")
}

func TestNotifiedThenCanceledPassesItOn(t *testing.T) {
	var n sema.Notify
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, b, c, d := n.Listen(), n.Listen(), n.Listen(), n.Listen()
	defer b.Close()
	defer c.Close()
	n.NotifyOne()
	a.Close()
	a.Close()
	require.ErrorIs(t, testkit.PanicError(t, func() { _ = a.Wait(t.Context()) }), sema.ErrReleased)
	require.NoError(t, b.Wait(t.Context()), "the next was not notified")
	n.NotifyLast()
	d.Close()
	require.NoError(t, c.Wait(t.Context()), "the next to last was not notified")

	// Nobody is left: it is stored.
	e := n.Listen()
	n.NotifyOne()
	e.Close()
	require.NoError(t, n.Wait(t.Context()))

	// One that went to all is nobody's to pass on, nor is one that was received.
	f, g := n.Listen(), n.Listen()
	n.NotifyWaiters()
	require.NoError(t, g.Wait(t.Context()))
	f.Close()
	g.Close()
	h := n.Listen()
	n.NotifyOne()
	require.NoError(t, h.Wait(t.Context()))
	h.Close()
	i := n.Listen()
	defer i.Close()
	require.Error(t, i.Wait(ctx))
}

func TestListenTakesTheStoredNotification(t *testing.T) {
	var n sema.Notify
	done, cancel := context.WithCancel(t.Context())
	cancel()
	n.NotifyOne()
	a, b := n.Listen(), n.Listen()
	defer b.Close()
	require.NoError(t, a.Wait(done))
	require.Error(t, b.Wait(done), "it was taken twice")
	a.Close()
	require.Error(t, b.Wait(done), "a received one was passed on")
	n.NotifyOne()
	require.NoError(t, b.Wait(done))
	n.NotifyOne()
	c, d := n.Listen(), n.Listen()
	defer d.Close()
	c.Close()
	require.NoError(t, d.Wait(done), "one that was not received is lost")
}

func TestWhoHasLeftIsNotNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n sema.Notify
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, n.Wait(ctx), context.DeadlineExceeded)
		a, b := n.Listen(), n.Listen()
		defer b.Close()
		a.Close()
		n.NotifyOne()
		require.NoError(t, b.Wait(ctx))
	})
}

func TestNotifyOneAfterNotifyWaitersIsStored(t *testing.T) {
	var n sema.Notify
	a := n.Listen()
	n.NotifyWaiters()
	n.NotifyOne()
	a.Close()
	b := n.Listen()
	defer b.Close()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, b.Wait(done))
}

// When one of those who waited has been notified, whoever comes next is not
// notified with them, and has what is sent next to himself.
func TestStressNotifyWaitersIsOneStep(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		var n sema.Notify
		listeners := make([]*sema.Listener, 40)
		for i := range listeners {
			listeners[i] = n.Listen()
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		testkit.Parallel(2, func(i int) {
			if i == 0 {
				n.NotifyWaiters()
				return
			}
			assert.NoError(t, listeners[round%len(listeners)].Wait(t.Context()))
			late := n.Listen()
			defer late.Close()
			assert.Error(t, late.Wait(done), "it came late")
			n.NotifyOne()
			assert.NoError(t, late.Wait(done), "another has taken it")
		})
		for _, l := range listeners {
			assert.NoError(t, l.Wait(done))
			l.Close()
		}
	})
}

func TestStressNotificationsArePassedRound(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		var n sema.Notify
		testkit.Parallel(5, func(i int) {
			switch i {
			case 0:
				n.NotifyWaiters()
			case 1:
				n.NotifyOne()
			default:
				assert.NoError(t, n.Wait(t.Context()))
				n.NotifyOne()
			}
		})
		require.NoError(t, n.Wait(t.Context()), "none is left")
	})
}

// Whoever works until there is nothing left, and then waits, misses nothing.
func TestStressNotifyMissesNothing(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		var n sema.Notify
		var work, done atomic.Int64
		const producers, consumers, each = 4, 4, 50
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		testkit.Parallel(producers+consumers, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			if i < producers {
				for range each {
					work.Add(1)
					n.NotifyOne()
				}
				return
			}
			for {
				for got := work.Load(); got > 0; got = work.Load() {
					if work.CompareAndSwap(got, got-1) && done.Add(1) == producers*each {
						cancel()
					}
				}
				impatient, stop := context.WithCancel(ctx)
				if rng.IntN(2) == 0 {
					go stop()
				}
				_ = n.Wait(impatient)
				stop()
				if ctx.Err() != nil {
					return
				}
			}
		})
		assert.EqualValues(t, producers*each, done.Load())
	})
}

func TestStressNotifyWaitersIsSeenAtOnce(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	testkit.Stress(t, func(t *testing.T, _ int) {
		var n sema.Notify
		listeners := make([]*sema.Listener, 40)
		for i := range listeners {
			listeners[i] = n.Listen()
		}
		testkit.Parallel(2, func(i int) {
			if i == 0 {
				n.NotifyWaiters()
				return
			}
			for listeners[0].Wait(done) != nil {
				runtime.Gosched()
			}
			assert.NoError(t, listeners[39].Wait(done), "notified later than another")
		})
	})
}

func TestNotificationThatComesAsTheContextEndsIsReceived(t *testing.T) {
	for range 100 { // the waiter may see either first
		for name, notify := range map[string]func(*sema.Notify){
			"NotifyOne": (*sema.Notify).NotifyOne, "NotifyLast": (*sema.Notify).NotifyLast, "NotifyWaiters": (*sema.Notify).NotifyWaiters,
		} {
			var n sema.Notify
			ended, cancel := context.WithCancel(t.Context())
			require.NoError(t, n.Wait(whenAsked{ended, func() { notify(&n); cancel() }}), name)
			l := n.Listen()
			require.ErrorIs(t, l.Wait(ended), context.Canceled, "%s: it was received, and is stored besides", name)
			ctx, cancel := context.WithCancel(t.Context())
			require.NoError(t, l.Wait(whenAsked{ctx, func() { notify(&n); cancel() }}), name)
			l.Close()
			l = n.Listen()
			require.ErrorIs(t, l.Wait(ended), context.Canceled, "%s: it was received, and is passed on besides", name)
			l.Close()
		}
	}
}
