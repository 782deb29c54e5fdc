package arcmutex_test

import (
	"context"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestLockIsDurablyBlocking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		g := m.Lock()
		go m.With(func(v *int) { *v = 1 })
		testkit.Advance(time.Hour)
		assert.Equal(t, 0, g.Get())
		g.Unlock()
		synctest.Wait()
		v, err := m.Get()
		require.NoError(t, err)
		assert.Equal(t, 1, v)
	})
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex([]int(nil))
		g := m.Lock()
		for i := range 100 {
			go m.With(func(v *[]int) { *v = append(*v, i) })
			synctest.Wait()
		}
		g.Unlock()
		synctest.Wait()
		order, err := m.Get()
		require.NoError(t, err)
		require.Len(t, order, 100)
		assert.IsIncreasing(t, order)
	})
}

// Unlock takes another path when a goroutine waits.
func TestCopiesAreStaleWhenTheNextHasTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		g := m.Lock()
		twin := g
		next := make(chan struct{})
		go m.With(func(*int) { <-next })
		synctest.Wait()
		g.Unlock()
		synctest.Wait()
		assert.True(t, m.IsLocked())
		require.ErrorIs(t, testkit.PanicError(t, func() { twin.Ptr() }), arcmutex.ErrReleased)
		require.ErrorIs(t, testkit.PanicError(t, twin.Unlock), arcmutex.ErrReleased)
		assert.True(t, m.IsLocked(), "a stale copy has unlocked it")
		close(next)
		synctest.Wait()
		assert.False(t, m.IsLocked())
	})
}

func TestCanceledFrontWaiterWakesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		g := m.Lock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		go func() { _, err = m.LockContext(ctx) }()
		synctest.Wait()
		go m.With(func(v *int) { *v = 2 })
		testkit.Advance(time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		g.Unlock()
		synctest.Wait()
		v, _ := m.Get()
		assert.Equal(t, 2, v)
	})
}

// A waiter that was woken and canceled before it ran must not take the wake-up
// with it.
func TestWokenThenCanceledWaiterPassesItOn(t *testing.T) {
	for range 500 {
		synctest.Test(t, func(t *testing.T) {
			m := arcmutex.NewMutex(0)
			g := m.Lock()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if g, err := m.LockContext(ctx); err == nil {
					g.Unlock()
				}
			}()
			synctest.Wait()
			go m.With(func(v *int) { *v = 2 })
			synctest.Wait()
			g.Unlock()
			cancel()
			synctest.Wait()
			assert.False(t, m.IsLocked())
			v, _ := m.Get()
			require.Equal(t, 2, v)
		})
	}
}

func TestTenThousandWaitersOfWhichHalfCancel(t *testing.T) {
	for _, procs := range []int{1, 8} {
		t.Run("procs="+strconv.Itoa(procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			synctest.Test(t, tenThousandWaiters)
		})
	}
}

func tenThousandWaiters(t *testing.T) {
	m := arcmutex.NewMutex(0)
	g := m.Lock()
	ctx, cancel := context.WithCancel(t.Context())
	var got, canceled atomic.Int64
	for i := range 10_000 {
		wait := t.Context()
		if i%2 == 0 {
			wait = ctx
		}
		go func() {
			if err := m.WithContext(wait, fine(func(v *int) { *v++ })); err != nil {
				canceled.Add(1)
			} else {
				got.Add(1)
			}
		}()
	}
	synctest.Wait()
	go cancel()
	g.Unlock()
	synctest.Wait()
	v, _ := m.Get()
	assert.EqualValues(t, got.Load(), v)
	assert.GreaterOrEqual(t, v, 5000)
	assert.EqualValues(t, 10_000, got.Load()+canceled.Load())
}

// A goroutine that locks and unlocks without pause overtakes a waiter a few times. Then
// the waiter gets the lock.
func TestBargingIsBounded(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	m := arcmutex.NewMutex(0)
	var done atomic.Bool
	g := m.Lock()
	go func() {
		g := m.Lock()
		done.Store(true)
		g.Unlock()
	}()
	passed := 0
	for ; !done.Load(); passed++ {
		runtime.Gosched() // the waiter runs, and finds it locked
		g.Unlock()
		g = m.Lock()
	}
	g.Unlock()
	assert.LessOrEqual(t, passed, 20)
}

// The last waiter's leave must not keep newcomers out.
func TestCanceledOnlyWaiterLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := m.RLock()
		_, err := m.LockContext(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		other, ok := m.TryRLock()
		require.True(t, ok, "as if somebody still waited")
		other.Unlock()
		r.Unlock()
		g, ok := m.TryLock()
		require.True(t, ok)
		g.Unlock()
	})
}

// With takes a free lock on another path than a lock that is held, and ends the hold on
// another path if a waiter has arrived while f ran.
func TestWithLetsInWhoCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		m.With(func(v *int) {
			go m.With(func(v *int) { *v++ })
			synctest.Wait()
			assert.Zero(t, *v)
		})
		synctest.Wait()
		assert.False(t, m.IsLocked())
		v, err := m.Get()
		require.NoError(t, err)
		assert.Equal(t, 1, v)
		assert.False(t, m.IsPoisoned())
	})
}
