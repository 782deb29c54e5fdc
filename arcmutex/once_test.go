package arcmutex_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestOnceRunsOnce(t *testing.T) {
	manyTimes(t, func(t *testing.T, _ int) {
		var o arcmutex.Once
		ran := 0
		testkit.Parallel(8, func(i int) {
			switch i % 4 {
			case 0:
				o.Do(func() { ran++ })
			case 1:
				assert.NoError(t, o.DoContext(t.Context(), func() error { ran++; return nil }))
			case 2:
				o.DoForce(func(bool) { ran++ })
			default:
				o.Wait()
			}
			assert.Equal(t, 1, ran)
		})
		assert.True(t, o.IsDone())
	})
}

func TestOncePanicPoisonsAndCanBeForced(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			var o arcmutex.Once
			assert.Equal(t, "Once(new)", o.String())
			exits(func() { o.Do(leave) })
			assert.True(t, o.IsPoisoned())
			assert.False(t, o.IsDone())
			assert.Equal(t, "Once(poisoned)", o.String())
			never := func() { t.Error("called") }
			require.ErrorContains(t, testkit.PanicError(t, func() { o.Do(never) }), "arcmutex: Once.Do: poisoned by a function that did not return (")
			require.ErrorIs(t, o.DoContext(t.Context(), func() error { never(); return nil }), arcmutex.ErrPoisoned)
			exits(func() { o.DoForce(func(bool) { leave() }) })
			assert.True(t, o.IsPoisoned())
			o.DoForce(func(wasPoisoned bool) {
				assert.True(t, wasPoisoned)
				assert.Equal(t, "Once(poisoned)", o.String())
			})
			assert.True(t, o.IsDone())
			assert.False(t, o.IsPoisoned())
			o.Do(never)
			o.DoForce(func(bool) { never() })
			require.NoError(t, o.DoContext(t.Context(), func() error { never(); return nil }))
			require.NoError(t, o.WaitContext(t.Context()))
			assert.Equal(t, "Once(done)", o.String())
		})
	}
	var o arcmutex.Once
	o.DoForce(func(wasPoisoned bool) {
		assert.False(t, wasPoisoned)
		assert.Equal(t, "Once(running)", o.String())
	})
}

func TestOncePoisonedAndForcedIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o arcmutex.Once
		exits(func() { o.Do(func() { panic("boom") }) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, o.WaitContext(ctx), context.DeadlineExceeded, "a poisoned Once may still be forced")
		waited, done := false, false
		go func() { o.Wait(); waited = true }()
		release := make(chan struct{})
		go o.DoForce(func(wasPoisoned bool) {
			assert.True(t, wasPoisoned)
			<-release
		})
		synctest.Wait()
		go func() {
			o.Do(func() { t.Error("called") })
			done = true
		}()
		synctest.Wait()
		assert.False(t, waited || done)
		close(release)
		synctest.Wait()
		assert.True(t, waited)
		assert.True(t, done, "Do has not waited for the forced function")
	})
}

func TestOnceWaitsAreCancellable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o arcmutex.Once
		release := make(chan struct{})
		go o.Do(func() { <-release })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, o.DoContext(ctx, func() error { t.Error("called"); return nil }), context.DeadlineExceeded)
		require.EqualError(t, o.WaitContext(ctx), "arcmutex: Once.WaitContext: context deadline exceeded")
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.EqualError(t, o.WaitContext(ctx), "arcmutex: Once.WaitContext: context deadline exceeded")
		require.Error(t, o.DoContext(ctx, func() error { t.Error("called"); return nil }))
		close(release)
		require.NoError(t, o.WaitContext(t.Context()))
	})
}

func TestOnceLockIsSetOnce(t *testing.T) {
	var o arcmutex.OnceLock[int]
	_, ok := o.Get()
	assert.False(t, ok)
	p, ok := o.Ptr()
	assert.False(t, ok)
	assert.Nil(t, p)
	assert.Equal(t, "<unset> OnceLock(<unset>)", fmt.Sprintf("%v %+v", &o, &o))
	assert.True(t, o.Set(1))
	assert.False(t, o.Set(2))
	v, ok := o.TryInsert(3)
	assert.False(t, ok)
	assert.Equal(t, 1, v)
	never := func() int { t.Error("called"); return 4 }
	assert.Equal(t, 1, o.GetOrInit(never))
	v, err := o.GetOrTryInitContext(t.Context(), func() (int, error) { return never(), nil })
	require.NoError(t, err)
	assert.Equal(t, 1, v)
	assert.Equal(t, "1 OnceLock(1) OnceLock(1)", fmt.Sprintf("%v %+v %s", &o, &o, o.LogValue()))
	v, ok = o.Take()
	assert.True(t, ok)
	assert.Equal(t, 1, v)
	_, ok = o.Take()
	assert.False(t, ok)
	v, ok = o.TryInsert(6)
	assert.True(t, ok)
	assert.Equal(t, 6, v)
	p, ok = o.Ptr()
	assert.True(t, ok)
	*p += 2
	assert.Equal(t, 8, o.Wait())
	v, ok = o.Get()
	assert.True(t, ok)
	assert.Equal(t, 8, v)
	v, ok = arcmutex.OnceLockFrom(7).Get()
	assert.True(t, ok)
	assert.Equal(t, 7, v)
}

func TestFailedInitStaysEmptyAndRetryable(t *testing.T) {
	var o arcmutex.OnceLock[int]
	boom := errors.New("boom")
	_, err := o.GetOrTryInitContext(t.Context(), func() (int, error) { return 1, boom })
	require.ErrorIs(t, err, boom)
	_, ok := o.Get()
	assert.False(t, ok)
	exits(func() { o.GetOrInit(func() int { panic("boom") }) })
	exits(func() { o.GetOrInit(func() int { runtime.Goexit(); return 0 }) })
	_, ok = o.Get()
	assert.False(t, ok)
	v, err := o.GetOrTryInit(func() (int, error) { return 2, nil })
	require.NoError(t, err)
	assert.Equal(t, 2, v)
}

func TestOnceLockWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o arcmutex.OnceLock[int]
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := o.WaitContext(ctx)
		require.EqualError(t, err, "arcmutex: OnceLock.WaitContext: context deadline exceeded")
		go o.GetOrInit(func() int {
			sleep(time.Hour)
			return 3
		})
		synctest.Wait()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = o.GetOrTryInitContext(ctx, func() (int, error) { return 4, nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = o.GetOrTryInitContext(ctx, func() (int, error) { return 4, nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		v, err := o.WaitContext(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 3, v)
	})
}

func TestSetWaitsForTheComputation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o arcmutex.OnceLock[int]
		start := time.Now()
		go o.GetOrInit(func() int {
			sleep(time.Hour)
			return 3
		})
		synctest.Wait()
		assert.False(t, o.Set(4))
		assert.Equal(t, time.Hour, time.Since(start))
		v, ok := o.Get()
		assert.True(t, ok)
		assert.Equal(t, 3, v)

		var failing arcmutex.OnceLock[int]
		go exits(func() {
			failing.GetOrInit(func() int {
				sleep(time.Hour)
				panic("boom")
			})
		})
		synctest.Wait()
		assert.True(t, failing.Set(4), "nothing was computed after all")
	})
}

// sleep waits in fake time, while others run.
func sleep(d time.Duration) { <-time.After(d) }

func TestStressOnceLockComputesOnce(t *testing.T) {
	manyTimes(t, func(t *testing.T, _ int) {
		var o arcmutex.OnceLock[int64]
		var calls atomic.Int64
		testkit.Parallel(8, func(i int) {
			if i == 0 {
				assert.EqualValues(t, 1, o.Wait())
				return
			}
			assert.EqualValues(t, 1, o.GetOrInit(func() int64 { return calls.Add(1) }))
		})
		assert.EqualValues(t, 1, calls.Load())
	})
}

func TestStressOnceLockIsSetByOne(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		var o arcmutex.OnceLock[[2]int]
		var winner atomic.Int64
		testkit.Parallel(9, func(i int) {
			var v [2]int
			switch i % 3 {
			case 0:
				if o.Set([2]int{i + 1, i + 1}) {
					assert.True(t, winner.CompareAndSwap(0, int64(i+1)), "set twice")
				}
				return
			case 1:
				var err error
				v, err = o.WaitContext(t.Context())
				assert.NoError(t, err)
			default:
				for ok := false; !ok; runtime.Gosched() {
					v, ok = o.Get()
				}
			}
			assert.NotZero(t, v[0])
			assert.Equal(t, v[0], v[1], "half a value")
		})
		v, ok := o.Get()
		assert.True(t, ok)
		assert.EqualValues(t, winner.Load(), v[0])
	})
}

func TestLazyLockComputesOnFirstUse(t *testing.T) {
	calls := 0
	l := arcmutex.NewLazyLock(func() int { calls++; return 7 })
	_, ok := l.TryGet()
	assert.False(t, ok)
	assert.Equal(t, "<uninit> LazyLock(<uninit>)", fmt.Sprintf("%v %+v", l, l))
	testkit.Parallel(8, func(int) { assert.Equal(t, 7, l.Get()) })
	v, err := l.GetContext(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 7, v)
	v, ok = l.TryGet()
	assert.True(t, ok)
	assert.Equal(t, 7, v)
	assert.Equal(t, 1, calls)
	*l.Ptr() = 8
	assert.Equal(t, "8 LazyLock(8) LazyLock(8)", fmt.Sprintf("%v %+v %s", l, l, l.LogValue()))
}

func TestLazyLockPanicPoisons(t *testing.T) {
	l := arcmutex.NewLazyLock(func() int { panic("boom") })
	assert.Equal(t, "boom", exits(func() { l.Get() }))
	assert.True(t, l.IsPoisoned())
	require.ErrorContains(t, testkit.PanicError(t, func() { l.Get() }), "arcmutex: LazyLock.Get: poisoned by a function that did not return (panic: boom at ")
	_, err := l.GetContext(t.Context())
	require.ErrorIs(t, err, arcmutex.ErrPoisoned)
	assert.Equal(t, "LazyLock(<poisoned>)", fmt.Sprintf("%+v", l))
	require.EqualError(t, testkit.PanicError(t, func() { arcmutex.NewLazyLock[int](nil) }), "arcmutex: NewLazyLock: nil function")
}

func TestLazyLockWaitIsCancellable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := arcmutex.NewLazyLock(func() int {
			sleep(time.Hour)
			return 1
		})
		go l.Get()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.GetContext(ctx)
		require.EqualError(t, err, "arcmutex: LazyLock.GetContext: context deadline exceeded")
		assert.Equal(t, 1, l.Get())
	})
}

func TestOnceLockOfNothingIsSetOnce(t *testing.T) {
	var o arcmutex.OnceLock[struct{}]
	assert.True(t, o.Set(struct{}{}))
	assert.False(t, o.Set(struct{}{}), "pointers to nothing are equal")
}
