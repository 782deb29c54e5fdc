package retry_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

func TestDetachLeavesTheOpBehindCountsItAndDisposes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := retry.NewDetach(2)
		disposed := make(chan int, 9)
		deaf := retry.Detached(d, func(context.Context) (int, error) {
			pass(time.Minute)
			return 42, nil
		}, func(v int) { disposed <- v })
		start := time.Now()
		p := retry.New(retry.Options{Attempts: 2, Timeout: time.Second, Backoff: retry.Constant(time.Second)})
		_, err := retry.Do(t.Context(), p, deaf)
		require.ErrorIs(t, err, retry.ErrTimeout)
		assert.Equal(t, 2, report(t, err).Attempts)
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.Equal(t, "Detach(abandoned=2 limit=2 total=2)", d.String())
		assert.Empty(t, disposed)

		v, err := retry.Do(t.Context(), p, deaf)
		require.NoError(t, err, "two are left behind, so the third is waited for")
		assert.Equal(t, 42, v)
		assert.Equal(t, 63*time.Second, time.Since(start))
		synctest.Wait()
		assert.Len(t, disposed, 2)
		assert.Equal(t, "Detach(abandoned=0 limit=2 total=2)", d.String())
	})
}

func TestADetachedOpThatEndsInTimeIsLikeAnyOther(t *testing.T) {
	d := retry.NewDetach(1)
	v, err := retry.Detached(d, func(context.Context) (int, error) { return 42, errDown }, nil)(t.Context())
	assert.Equal(t, 42, v)
	assert.Equal(t, errDown, err)
	got := testkit.PanicError(t, func() {
		_, _ = retry.Detached(d, func(context.Context) (int, error) { panic(errDown) }, nil)(t.Context())
	})
	var p *retry.PanicError
	require.ErrorAs(t, got, &p)
	assert.ErrorIs(t, got, errDown)
	assert.Contains(t, p.Stack, "detach_test.go", "where it panicked")
	exited := make(chan bool, 1)
	go func() {
		defer func() { exited <- recover() == nil }()
		_, _ = retry.Detached(d, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }, nil)(t.Context())
		t.Error("it should have left with the op")
	}()
	assert.True(t, <-exited)
	assert.Zero(t, d.Stats().Total)
}

func TestDetachUnderStress(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		const limit = 3
		d := retry.NewDetach(limit)
		testkit.Parallel(32, func(i int) {
			ctx, cancel := context.WithCancel(context.Background())
			v, err := retry.Detached(d, func(context.Context) (int, error) {
				cancel()
				if left := d.Stats().Abandoned; left > limit {
					t.Errorf("%d left", left)
				}
				return i, nil
			}, func(v int) { assert.Equal(t, i, v) })(ctx)
			if err == nil {
				assert.Equal(t, i, v)
			} else {
				assert.ErrorIs(t, err, context.Canceled)
			}
		})
		for d.Stats().Abandoned > 0 {
			runtime.Gosched()
		}
	})
}
