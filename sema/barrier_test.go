package sema_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/sema"
)

func TestBarrierHasOneLeader(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		const n, rounds = 8, 10
		b := sema.NewBarrier(n)
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
			b := sema.NewBarrier(n)
			for range 3 {
				isLeader, err := b.Wait(t.Context())
				require.NoError(t, err)
				assert.True(t, isLeader)
			}
		}
		require.EqualError(t, testkit.PanicError(t, func() { sema.NewBarrier(-1) }), "sema: NewBarrier: -1 goroutines")
		b := sema.NewBarrier(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 { // while it waits, and at once
			isLeader, err := b.Wait(ctx)
			require.EqualError(t, err, "sema: Barrier.Wait: context deadline exceeded")
			assert.False(t, isLeader)
		}
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
		assert.EqualValues(t, 2, passed.Load(), "the canceled one was counted")
		assert.Equal(t, 1, b.Waiting())
		isLeader, err := b.Wait(t.Context())
		require.NoError(t, err)
		assert.True(t, isLeader)
	})
}

// A whenAsked is a context that runs a function when somebody is about to wait.
type whenAsked struct {
	context.Context
	then func()
}

func (c whenAsked) Done() <-chan struct{} {
	c.then()
	return c.Context.Done()
}

func TestBarrierThatOpensWhileAWaiterIsCanceledHasOneLeader(t *testing.T) {
	for range 100 { // the waiter may see either first
		b := sema.NewBarrier(2)
		ctx, cancel := context.WithCancel(t.Context())
		isLeader, err := b.Wait(whenAsked{ctx, func() {
			isLeader, err := b.Wait(t.Context())
			require.NoError(t, err)
			assert.True(t, isLeader)
			cancel()
		}})
		require.NoError(t, err, "the other one has passed")
		require.False(t, isLeader)
		require.Zero(t, b.Waiting())
	}
}

func TestBarrierOpensForTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		b := sema.NewBarrier(n)
		for range 10 {
			passed, leaders := 0, 0
			m := arcmutex.NewMutex(0)
			wait := func() {
				isLeader, err := b.Wait(t.Context())
				assert.NoError(t, err)
				m.With(func(*int) {
					passed++
					if isLeader {
						leaders++
					}
				})
			}
			for range n - 1 {
				go wait()
			}
			synctest.Wait()
			assert.Zero(t, passed)
			wait()
			synctest.Wait()
			assert.Equal(t, n, passed)
			assert.Equal(t, 1, leaders)
		}
	})
}
