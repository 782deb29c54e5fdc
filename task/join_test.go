package task_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

// sleeper returns a task that takes d, or less if its context ends.
func sleeper[T any](d time.Duration, v T) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		select {
		case <-time.After(d):
			return v, nil
		case <-ctx.Done():
			return v, context.Cause(ctx)
		}
	}
}

func TestJoinsRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a, b, err := task.Join2(t.Context(), sleeper(time.Second, 1), sleeper(time.Second, "two"))
		require.NoError(t, err)
		assert.Equal(t, 1, a)
		assert.Equal(t, "two", b)
		a, b, c, err := task.Join3(t.Context(), value(1), value("two"), sleeper(time.Second, 3.0))
		require.NoError(t, err)
		assert.Equal(t, []any{1, "two", 3.0}, []any{a, b, c})
		a, b, c, d, err := task.Join4(t.Context(), value(1), value("two"), value(3.0), sleeper(time.Second, '4'))
		require.NoError(t, err)
		assert.Equal(t, []any{1, "two", 3.0, '4'}, []any{a, b, c, d})
		a, b, c, d, e, err := task.Join5(t.Context(), value(1), value("two"), value(3.0), value('4'), sleeper(time.Second, true))
		require.NoError(t, err)
		assert.Equal(t, []any{1, "two", 3.0, '4', true}, []any{a, b, c, d, e})
		assert.Equal(t, 4*time.Second, time.Since(start))
	})
}

func TestJoinAllKeepsTheOrderOfItsFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := task.JoinAll(t.Context(), sleeper(3, "a"), sleeper(1, "b"), sleeper(2, "c"))
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "c"}, got)
		one, err := task.JoinAll(t.Context(), value(1))
		require.NoError(t, err)
		assert.Equal(t, []int{1}, one)
		none, err := task.JoinAll[int](t.Context())
		require.NoError(t, err)
		assert.Empty(t, none)
	})
}

func TestTheFirstErrorCancelsTheRestAndAllAreAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var cause error
		var late bool
		_, err := task.JoinAll(t.Context(),
			func(ctx context.Context) (int, error) {
				<-ctx.Done()
				cause = context.Cause(ctx)
				<-time.After(time.Hour) // it takes its time to end
				late = true
				return 0, errors.New("a later error")
			},
			func(context.Context) (int, error) {
				<-time.After(time.Second)
				return 0, errBoom
			},
		)
		require.Equal(t, errBoom, err)
		assert.Equal(t, errBoom, cause)
		assert.True(t, late)
		assert.Equal(t, time.Hour+time.Second, time.Since(start))
	})
}

func TestAPanicCancelsTheRestAndPanicsInJoin(t *testing.T) {
	var ended atomic.Bool
	err := testkit.PanicError(t, func() {
		_, _, _ = task.Join2(t.Context(), culprit, func(ctx context.Context) (int, error) {
			defer ended.Store(true)
			return untilDone(ctx)
		})
	})
	var p *task.PanicError
	require.ErrorAs(t, err, &p)
	assert.Contains(t, p.Stack, "culprit")
	_ = ended.Load() // the other may not have begun

	_, _, err = task.Join2(t.Context(), goexit, untilDone)
	require.ErrorIs(t, err, task.ErrGoexit)
}

func TestJoinOfADoneContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	called := func(context.Context) (int, error) { panic("called") }
	_, err := task.JoinAll(ctx, called, called)
	require.ErrorIs(t, err, errBoom)
	_, err = task.Race(ctx, called, called)
	require.ErrorIs(t, err, errBoom)
	_, err = task.Timeout(ctx, time.Hour, called)
	require.ErrorIs(t, err, errBoom)
	for _, o := range task.Settle(ctx, called, called) {
		require.ErrorIs(t, o.Err, errBoom)
	}
}

func TestSettleReturnsEveryOutcome(t *testing.T) {
	got := task.Settle(t.Context(), value(1), failing(errBoom), culprit, goexit, value(5))
	require.Len(t, got, 5)
	assert.Equal(t, task.Outcome[int]{Value: 1}, got[0])
	assert.Equal(t, task.Outcome[int]{Err: errBoom}, got[1])
	var p *task.PanicError
	require.ErrorAs(t, got[2].Err, &p)
	require.ErrorIs(t, got[3].Err, task.ErrGoexit)
	assert.Equal(t, task.Outcome[int]{Value: 5}, got[4])
	assert.Empty(t, task.Settle[int](t.Context()))
}

func TestInASettleNothingCancelsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := task.Settle(t.Context(), failing(errBoom), culprit, goexit, sleeper(time.Hour, 4))
		assert.Equal(t, task.Outcome[int]{Value: 4}, got[3])
	})
}

func TestRaceReturnsTheFirstAndAwaitsTheLosers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		awaited := false
		v, err := task.Race(t.Context(),
			sleeper(time.Second, 1),
			func(ctx context.Context) (int, error) {
				<-ctx.Done()
				<-time.After(time.Minute)
				awaited = true
				return 2, nil
			},
			sleeper(time.Hour, 3),
		)
		require.NoError(t, err)
		assert.Equal(t, 1, v)
		assert.True(t, awaited)
		assert.Equal(t, time.Second+time.Minute, time.Since(start))
		v, err = task.Race(t.Context(), sleeper(time.Hour, 1), failing(errBoom))
		require.Equal(t, errBoom, err, "an error ends a race too")
		assert.Zero(t, v)
	})
}

func TestTheLoserOfARaceOfJoinsCanStillBeJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := task.Go(t.Context(), sleeper(time.Second, 1)), task.Go(t.Context(), sleeper(time.Hour, 2))
		v, err := task.Race(t.Context(), two.Join, one.Join)
		require.NoError(t, err)
		assert.Equal(t, 1, v)
		v, err = two.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, v)
	})
}

func TestRaceOKReturnsTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := task.RaceOK(t.Context(), failing(errBoom), sleeper(time.Second, 2), sleeper(time.Hour, 3))
		require.NoError(t, err)
		assert.Equal(t, 2, v)
		_, err = task.RaceOK(t.Context(), failing(errBoom), failing(errors.New("bang")))
		require.EqualError(t, err, "boom\nbang")
	})
}

func TestGoexitEndsARaceAsAnErrorDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := func(context.Context) (int, error) { return sleeper(time.Second, 7)(t.Context()) }
		v, err := task.Race(t.Context(), goexit, late)
		require.Equal(t, task.ErrGoexit, err, "it was the first")
		assert.Zero(t, v)
		v, err = task.RaceOK(t.Context(), goexit, sleeper(time.Second, 7))
		require.NoError(t, err, "it cancels nothing")
		assert.Equal(t, 7, v)
		_, err = task.RaceOK(t.Context(), failing(errBoom), goexit)
		require.EqualError(t, err, "boom\n"+task.ErrGoexit.Error())
	})
}

func TestAPanicInARaceIsNotLost(t *testing.T) {
	began := make(chan struct{})
	err := testkit.PanicError(t, func() { // of the loser, after the race
		_, _ = task.Race(t.Context(), after(began, 1), func(ctx context.Context) (int, error) {
			close(began)
			_, _ = untilDone(ctx)
			panic(errBoom)
		}, untilDone)
	})
	require.ErrorIs(t, err, errBoom)
	err = testkit.PanicError(t, func() { _, _ = task.RaceOK(t.Context(), culprit, untilDone) })
	require.ErrorIs(t, err, errBoom)
	_, err = task.Race(t.Context(), func(context.Context) (int, error) {
		runtime.Goexit()
		return 0, nil
	})
	require.ErrorIs(t, err, task.ErrGoexit)
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := task.Timeout(t.Context(), time.Second, sleeper(time.Second-1, 1))
		require.NoError(t, err)
		assert.Equal(t, 1, v)

		start := time.Now()
		_, err = task.Timeout(t.Context(), time.Second, sleeper(time.Hour, 1))
		require.ErrorIs(t, err, task.ErrTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "task: timed out: context deadline exceeded after 1s")
		assert.Equal(t, time.Second, time.Since(start))

		_, err = task.Timeout(t.Context(), time.Second, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, errBoom
		})
		require.ErrorIs(t, err, task.ErrTimeout)
		require.ErrorIs(t, err, errBoom)

		v, err = task.Timeout(t.Context(), time.Second, func(context.Context) (int, error) {
			<-time.After(time.Hour)
			return 1, nil
		})
		require.NoError(t, err, "a late success is one")
		assert.Equal(t, 1, v)

		_, err = task.Timeout(t.Context(), time.Second, failing(errBoom))
		require.Equal(t, errBoom, err)

		for _, d := range []time.Duration{0, -1} {
			_, err = task.Timeout(t.Context(), d, func(context.Context) (int, error) { panic("called") })
			require.ErrorIs(t, err, task.ErrTimeout)
		}
	})
}

func TestTimeoutOfTheCallerIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := task.Timeout(ctx, time.Hour, untilDone)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, task.ErrTimeout)
	})
}

func TestJoinsOfNilAndOfNothingAreAlike(t *testing.T) {
	var called atomic.Bool
	call := func(context.Context) (int, error) { called.Store(true); return 1, nil } //nolint:unparam // as task wants it
	for name, f := range map[string]func(ctx context.Context){
		"JoinAll": func(ctx context.Context) { _, _ = task.JoinAll(ctx, call, nil) },
		"Join2":   func(ctx context.Context) { _, _, _ = task.Join2[int, int](ctx, call, nil) },
		"Join3":   func(ctx context.Context) { _, _, _, _ = task.Join3[int, int, int](ctx, call, call, nil) },
		"Join4":   func(ctx context.Context) { _, _, _, _, _ = task.Join4[int, int, int, int](ctx, call, call, call, nil) },
		"Join5": func(ctx context.Context) {
			_, _, _, _, _, _ = task.Join5[int, int, int, int, int](ctx, call, call, call, call, nil)
		},
		"Settle": func(ctx context.Context) { task.Settle(ctx, call, nil) },
		"Race":   func(ctx context.Context) { _, _ = task.Race(ctx, call, nil) },
		"RaceOK": func(ctx context.Context) { _, _ = task.RaceOK(ctx, call, nil) },
	} {
		err := testkit.PanicError(t, func() { f(t.Context()) })
		require.EqualError(t, err, "task: "+name+": nil function")
	}
	assert.False(t, called.Load(), "it panics before anything runs")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	_, err := task.JoinAll[int](ctx)
	require.ErrorIs(t, err, errBoom)
	_, err = task.JoinAll(ctx, call)
	require.ErrorIs(t, err, errBoom)
	vs, err := task.JoinAll[int](t.Context())
	require.NoError(t, err)
	assert.Empty(t, vs)
}
