package arcmutex_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestCondNotifiesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex([]int(nil))
		var c arcmutex.Cond
		assert.False(t, c.NotifyOne())
		assert.Zero(t, c.NotifyAll())
		for i := range 5 {
			go func() {
				g := m.Lock()
				defer g.Unlock()
				assert.NoError(t, c.Wait(t.Context(), &g))
				g.Set(append(g.Get(), i))
			}()
			synctest.Wait()
		}
		assert.False(t, m.IsLocked(), "Wait has not unlocked")
		for range 3 {
			assert.True(t, c.NotifyOne())
			synctest.Wait()
		}
		v, _ := m.Get()
		assert.Equal(t, []int{0, 1, 2}, v)
		assert.Equal(t, 2, c.NotifyAll())
		synctest.Wait()
		v, _ = m.Get()
		assert.ElementsMatch(t, []int{0, 1, 2, 3, 4}, v)
	})
}

func TestCondWaitWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		var c arcmutex.Cond
		done := false
		go func() {
			g := m.Lock()
			defer g.Unlock()
			assert.NoError(t, c.WaitWhile(t.Context(), &g, func() bool { return g.Get() < 3 }))
			assert.Equal(t, 3, g.Get())
			done = true
		}()
		for range 3 {
			synctest.Wait()
			m.With(func(v *int) { *v++ })
			c.NotifyAll()
		}
		synctest.Wait()
		assert.True(t, done)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		g := m.Lock()
		defer g.Unlock()
		require.NoError(t, c.WaitWhile(ctx, &g, func() bool { return false }))
		require.EqualError(t, c.WaitWhile(ctx, &g, func() bool { return true }), "arcmutex: Cond.WaitWhile: context canceled")
		require.EqualError(t, c.Wait(ctx, &g), "arcmutex: Cond.Wait: context canceled")
		assert.Equal(t, 3, g.Get(), "not locked after an error")
	})
}

func TestWaitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		g := m.Lock()
		defer g.Unlock()
		start := time.Now()
		notified, err := c.WaitTimeout(&g, time.Hour)
		require.NoError(t, err)
		assert.False(t, notified)
		assert.Equal(t, time.Hour, time.Since(start))
		time.AfterFunc(time.Minute, func() { c.NotifyOne() })
		notified, err = c.WaitTimeout(&g, time.Hour)
		require.NoError(t, err)
		assert.True(t, notified)
		notified, err = c.WaitTimeout(&g, -1)
		require.NoError(t, err)
		assert.False(t, notified)
		assert.Equal(t, 0, g.Get())
	})
}

func TestSatisfiedConditionIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		g := m.Lock()
		defer g.Unlock()
		satisfied, err := c.WaitTimeoutWhile(&g, 0, func() bool { return false })
		require.NoError(t, err)
		assert.True(t, satisfied)
		satisfied, err = c.WaitTimeoutWhile(&g, time.Second, func() bool { return true })
		require.NoError(t, err)
		assert.False(t, satisfied)
		// It comes true while it waits, but nobody says so.
		time.AfterFunc(time.Millisecond, func() { m.With(func(v *int) { *v = 1 }) })
		satisfied, err = c.WaitTimeoutWhile(&g, time.Second, func() bool { return g.Get() == 0 })
		require.NoError(t, err)
		assert.True(t, satisfied)
	})
}

func TestCondReportsPoisonWithTheLockHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		go func() {
			exits(func() { m.With(func(*int) { panic("boom") }) })
			c.NotifyOne()
		}()
		g := m.Lock()
		synctest.Wait()
		require.ErrorIs(t, c.Wait(t.Context(), &g), arcmutex.ErrPoisoned)
		assert.True(t, m.IsLocked())
		g.Unlock()
	})
}

func TestCondWithStaleGuardLeavesNoWaiter(t *testing.T) {
	m := arcmutex.NewMutex(0)
	var c arcmutex.Cond
	g := m.Lock()
	g.Unlock()
	err := testkit.PanicError(t, func() { _ = c.Wait(t.Context(), &g) })
	require.ErrorIs(t, err, arcmutex.ErrStale)
	require.EqualError(t, err, "arcmutex: Cond.Wait: guard was unlocked")
	assert.False(t, c.NotifyOne(), "it waits nevertheless")
}

// Every notification reaches somebody who returns nil, however many are
// cancelled meanwhile.
func TestStressNotificationsAreNotLost(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		var sent, received atomic.Int64
		var waiting atomic.Int64
		testkit.Parallel(9, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			if i == 0 {
				for waiting.Load() < 8*8 {
					if c.NotifyOne() {
						sent.Add(1)
					}
				}
				return
			}
			for range 8 {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(2) == 0 {
					go cancel()
				}
				g := m.Lock()
				err := c.Wait(ctx, &g)
				g.Unlock()
				if err == nil {
					received.Add(1)
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
				waiting.Add(1)
			}
		})
		assert.Equal(t, sent.Load(), received.Load())
	})
}

func TestBarrierHasOneLeader(t *testing.T) {
	manyTimes(t, func(t *testing.T, _ int) {
		const n, rounds = 8, 10
		b := arcmutex.NewBarrier(n)
		var leaders, before atomic.Int64
		testkit.Parallel(n, func(int) {
			for round := range int64(rounds) {
				before.Add(1)
				isLeader, err := b.Wait(t.Context())
				assert.NoError(t, err)
				assert.GreaterOrEqual(t, before.Load(), n*(round+1))
				if isLeader {
					leaders.Add(1)
				}
			}
		})
		assert.EqualValues(t, rounds, leaders.Load())
	})
}

func TestBarrierCancelAndBadNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{0, 1} {
			isLeader, err := arcmutex.NewBarrier(n).Wait(t.Context())
			require.NoError(t, err)
			assert.True(t, isLeader)
		}
		require.EqualError(t, testkit.PanicError(t, func() { arcmutex.NewBarrier(-1) }), "arcmutex: NewBarrier: -1 goroutines")
		b := arcmutex.NewBarrier(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := b.Wait(ctx)
		require.EqualError(t, err, "arcmutex: Barrier.Wait: context deadline exceeded")
		_, err = b.Wait(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, "Barrier(0 of 2)", b.String())
		var passed atomic.Int64
		for range 3 {
			go func() {
				_, err := b.Wait(t.Context())
				assert.NoError(t, err)
				passed.Add(1)
			}()
		}
		synctest.Wait()
		assert.EqualValues(t, 2, passed.Load(), "the cancelled one was counted")
		assert.Equal(t, 1, b.Waiting())
		isLeader, err := b.Wait(t.Context())
		require.NoError(t, err)
		assert.True(t, isLeader)
	})
}
