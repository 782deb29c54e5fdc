package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// TestASeedIsThatOfSplitMix64 has the outputs of its reference implementation.
func TestASeedIsThatOfSplitMix64(t *testing.T) {
	var got []uint64
	p := retry.New(retry.Options{
		Attempts: 6, Seed: 1234567,
		Backoff: func(_ int, _ time.Duration, random uint64) time.Duration { got = append(got, random); return 0 },
	})
	op, _ := failing(9, errDown)
	_, err := retry.Do(t.Context(), p, op)
	require.Error(t, err)
	assert.Equal(t, []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
	}, got)
}

func TestJitterIsExactAtItsBounds(t *testing.T) {
	const last = math.MaxUint64
	decorrelated := retry.Decorrelated(time.Second, 30*time.Second)
	for previous, most := range map[time.Duration]time.Duration{
		0: 3 * time.Second, time.Second: 3 * time.Second, 9 * time.Second: 27 * time.Second,
		10 * time.Second: 30 * time.Second, 11 * time.Second: 30 * time.Second, time.Hour: 30 * time.Second,
	} {
		assert.Equal(t, time.Second, decorrelated(2, previous, 0))
		assert.Equal(t, most, decorrelated(2, previous, last), "after %v", previous)
	}
	constant := retry.Constant(11)
	assert.Equal(t, time.Duration(0), constant.FullJitter()(1, 0, 0))
	assert.Equal(t, time.Duration(10), constant.FullJitter()(1, 0, last), "below what it says")
	assert.Equal(t, time.Duration(5), constant.EqualJitter()(1, 0, 0))
	assert.Equal(t, time.Duration(10), constant.EqualJitter()(1, 0, last))
}

// TestAfterAddsUpToATenth draws so often that a smaller part would be seen.
func TestAfterAddsUpToATenth(t *testing.T) {
	var longest time.Duration
	p := retry.New(retry.Options{
		Attempts: 2000, Backoff: retry.Constant(0),
		OnRetry: func(_ context.Context, r retry.Retry) { longest = max(longest, r.Delay) },
	})
	synctest.Test(t, func(t *testing.T) {
		op, _ := failing(1999, retry.After(time.Second, errDown))
		_, err := retry.Do(t.Context(), p, op)
		require.NoError(t, err)
	})
	assert.InDelta(t, 1.1, longest.Seconds(), 0.005)
}

func TestMarksAreFoundAmongTheFirstThousandErrors(t *testing.T) {
	for wraps, want := range map[int]retry.Reason{999: retry.ReasonRefused, 1000: retry.ReasonExhausted} {
		err := retry.Permanent(errDown)
		for range wraps {
			err = fmt.Errorf("%w", err)
		}
		op, _ := failing(9, err)
		_, err = retry.Do(t.Context(), atOnce(2), op)
		assert.Equal(t, want, report(t, err).Reason, "%d errors around it", wraps)
	}
}

func TestAWaitThatEndsAtMaxElapsedIsBegun(t *testing.T) {
	for most, calls := range map[time.Duration]int{8 * time.Second: 3, 8*time.Second - 1: 2, 8*time.Second + 1: 3} {
		synctest.Test(t, func(t *testing.T) {
			p := retry.New(retry.Options{Attempts: 9, MaxElapsed: most, Backoff: retry.Constant(4 * time.Second)})
			op, made := failing(99, errDown)
			_, err := retry.Do(t.Context(), p, op)
			assert.Equal(t, retry.ReasonTooLong, report(t, err).Reason)
			assert.Equal(t, calls, *made, "at most %v", most)
		})
	}
}

func TestAShutdownCountsNoAttemptBelowNone(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	_, err := retry.Do(ctx, nil, func(context.Context) (int, error) {
		stop(retry.ErrShutdown)
		return 0, errDown
	})
	assert.Zero(t, report(t, err).Attempts, "it interrupted the first")
	_, err = retry.Do(ctx, nil, one)
	assert.Zero(t, report(t, err).Attempts, "none was begun")
}

// TestWhatWasLeftBehindIsDisposedOfIfItSucceeds has operations end in each way after
// their caller has gone on.
func TestWhatWasLeftBehindIsDisposedOfIfItSucceeds(t *testing.T) {
	for how, c := range map[string]struct {
		end      func() (int, error)
		disposed bool
	}{
		"success": {func() (int, error) { return 1, nil }, true},
		"error":   {func() (int, error) { return 1, errDown }, false},
		"Goexit":  {func() (int, error) { runtime.Goexit(); return 1, nil }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, disposed := retry.NewDetach(1), false
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := retry.Detached(d, func(context.Context) (int, error) {
				pass(time.Minute)
				return c.end()
			}, func(int) { disposed = true })(ctx)
			require.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, retry.DetachStats{Abandoned: 1, Total: 1}, d.Stats())
			testkit.Advance(time.Hour)
			assert.Equal(t, c.disposed, disposed, how)
			assert.Equal(t, retry.DetachStats{Total: 1}, d.Stats(), how)
		})
	}
}

// TestAPanicOfWhatWasLeftBehindEndsTheProgram needs a process of its own.
func TestAPanicOfWhatWasLeftBehindEndsTheProgram(t *testing.T) {
	const child = "FERROUS_LEFT_BEHIND"
	if os.Getenv(child) != "" {
		ctx, cancel := context.WithCancel(context.Background())
		goOn := make(chan struct{})
		_, _ = retry.Detached(retry.NewDetach(1), func(context.Context) (int, error) {
			cancel()
			<-goOn
			panic(errors.New("nobody is here"))
		}, nil)(ctx)
		close(goOn)
		select {} // until the panic
	}
	cmd := testkit.Self(t.Context(), "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "retry: panic: nobody is here")
	assert.Contains(t, string(out), "bounds_test.go", "with the stack of the operation")
}
