package task_test

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

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

func TestAScopeWaitsForItsTasks(t *testing.T) {
	var ended atomic.Int64
	err := task.WithScope(t.Context(), func(s *task.Scope) error {
		for range 10 {
			task.Spawn(s, func(ctx context.Context) (int, error) {
				task.Spawn(s, func(context.Context) (int, error) { // a task may spawn
					runtime.Gosched()
					ended.Add(1)
					return 0, ctx.Err()
				})
				return 0, nil
			})
		}
		return nil
	})
	_ = err // the inner tasks may find the outer one's context ended
	assert.EqualValues(t, 10, ended.Load())
}

func TestAScopeWaitsWhenItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		gate := make(chan struct{})
		over := make(chan error)
		go func() {
			over <- task.WithScope(ctx, func(s *task.Scope) error {
				task.Spawn(s, after(gate, 1))
				return nil
			})
		}()
		synctest.Wait()
		cancel(errBoom)
		synctest.Wait()
		select {
		case err := <-over:
			t.Error("the scope did not wait", err)
		default:
		}
		close(gate)
		require.NoError(t, <-over)
	})
}

func TestAnErrorOfTheFunctionCancelsTheTasks(t *testing.T) {
	err := task.WithScope(t.Context(), func(s *task.Scope) error {
		task.Spawn(s, untilDone)
		return errBoom
	})
	require.Equal(t, errBoom, err)
}

func TestUnjoinedErrorsComeFromTheScope(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	err := task.WithScope(t.Context(), func(s *task.Scope) error {
		a := task.Spawn(s, failing(first))
		<-a.Done()
		_, err := task.Spawn(s, failing(errBoom)).Join(t.Context())
		assert.Equal(t, errBoom, err)
		<-task.Spawn(s, failing(second)).Done()
		return nil
	})
	require.EqualError(t, err, "first\nsecond")
	require.ErrorIs(t, err, first)
	require.NotErrorIs(t, err, errBoom, "that one was joined")
}

func TestTheErrorsOfAScopeAreInTheOrderOfTheirTasks(t *testing.T) {
	for range 50 {
		err := task.WithScope(t.Context(), func(s *task.Scope) error {
			first := task.Spawn(s, func(ctx context.Context) (int, error) { deriveMany(ctx); return 0, errBoom })
			task.Spawn(s, func(context.Context) (int, error) {
				for first.String() == "Handle(running)" {
					runtime.Gosched()
				}
				return 0, errors.New("second")
			})
			return nil
		})
		require.EqualError(t, err, "boom\nsecond")
	}
}

func TestAPanicNobodyJoinedResurfacesWhenTheScopeEnds(t *testing.T) {
	var waited atomic.Bool
	err := testkit.PanicError(t, func() {
		_ = task.WithScope(t.Context(), func(s *task.Scope) error {
			p := task.Spawn(s, culprit)
			began := make(chan struct{})
			defer func() { <-began }()
			task.Spawn(s, func(context.Context) (int, error) {
				close(began)
				<-p.Done()
				waited.Store(true)
				return 0, nil
			})
			<-p.Done() // else it might never begin
			return errors.New("the panic is stronger")
		})
	})
	var p *task.PanicError
	require.ErrorAs(t, err, &p)
	assert.Contains(t, p.Stack, "culprit")
	assert.True(t, waited.Load())

	both := errors.New("both")
	err = testkit.PanicError(t, func() {
		_ = task.WithScope(t.Context(), func(s *task.Scope) error {
			task.Spawn(s, culprit)
			task.Spawn(s, func(context.Context) (int, error) { panic(both) })
			return nil
		})
	})
	require.ErrorIs(t, err, errBoom)
	require.ErrorIs(t, err, both)
	require.ErrorAs(t, err, &p, "one of them")

	err = task.WithScope(t.Context(), func(s *task.Scope) error {
		_, err := task.Spawn(s, culprit).Result(t.Context())
		require.Error(t, err)
		return nil
	})
	require.NoError(t, err, "joined")
}

func TestAPanicOfTheFunctionCancelsWaitsAndGoesOn(t *testing.T) {
	var waited atomic.Bool
	err := testkit.PanicError(t, func() {
		_ = task.WithScope(t.Context(), func(s *task.Scope) error {
			began := make(chan struct{})
			task.Spawn(s, func(ctx context.Context) (int, error) {
				close(began)
				<-ctx.Done()
				assert.Equal(t, task.ErrAborted, context.Cause(ctx))
				waited.Store(true)
				return 0, nil
			})
			<-began
			panic(errBoom)
		})
	})
	assert.Equal(t, errBoom, err, "as it was")
	assert.True(t, waited.Load())

	waited.Store(false)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = task.WithScope(t.Context(), func(s *task.Scope) error {
			began := make(chan struct{})
			task.Spawn(s, func(ctx context.Context) (int, error) {
				close(began)
				<-ctx.Done()
				waited.Store(true)
				return 0, nil
			})
			<-began
			runtime.Goexit()
			return nil
		})
	}()
	<-gone
	assert.True(t, waited.Load(), "Goexit too")
}

func TestAPanicOfATaskIsNotLostBehindThatOfTheFunction(t *testing.T) {
	err := testkit.PanicError(t, func() {
		_ = task.WithScope(t.Context(), func(s *task.Scope) error {
			<-task.Spawn(s, culprit).Done()
			panic("of the function")
		})
	})
	require.ErrorIs(t, err, errBoom)
}

func TestDetachInAScopeChangesNothing(t *testing.T) {
	err := testkit.PanicError(t, func() {
		_ = task.WithScope(t.Context(), func(s *task.Scope) error {
			task.Spawn(s, culprit).Detach()
			return nil
		})
	})
	require.ErrorIs(t, err, errBoom)
}

func TestScopeAbort(t *testing.T) {
	err := task.WithScope(t.Context(), func(s *task.Scope) error {
		a, b := task.Spawn(s, untilDone), task.Spawn(s, untilDone)
		assert.Equal(t, 2, s.Len())
		assert.Equal(t, "Scope(tasks=2)", fmt.Sprintf("%#v", s))
		s.Abort(errBoom)
		_, err := a.Join(t.Context())
		require.ErrorIs(t, err, errBoom)
		_, err = b.Join(t.Context())
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, errBoom, context.Cause(s.Context()))
		return nil
	})
	require.NoError(t, err)
	err = task.WithScope(t.Context(), func(s *task.Scope) error {
		h := task.Spawn(s, untilDone)
		s.Abort(nil)
		_, err := h.Join(t.Context())
		return err
	})
	require.ErrorIs(t, err, task.ErrAborted)
}

func TestLenOfAScopeCountsTheTasksThatHaveNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, task.WithScope(t.Context(), func(s *task.Scope) error {
			for i := range 5 {
				assert.Equal(t, i, s.Len())
				task.Spawn(s, sleeper(time.Duration(i+1)*time.Second, i))
			}
			for left := 4; left >= 0; left-- {
				testkit.Advance(time.Second)
				assert.Equal(t, left, s.Len())
			}
			return nil
		}))
	})
}

func TestAScopeForgetsErrorsThatWereSeen(t *testing.T) {
	require.NoError(t, task.WithScope(t.Context(), func(s *task.Scope) error {
		for range 10_000 {
			_, err := task.Spawn(s, failing(errBoom)).Join(t.Context())
			require.Equal(t, errBoom, err)
		}
		return nil
	}))
}

func TestScopesOnFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := task.WithScope(t.Context(), func(s *task.Scope) error {
			for i := range 3 {
				task.Spawn(s, func(context.Context) (int, error) {
					<-time.After(time.Duration(i) * time.Hour)
					return i, nil
				})
			}
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, 2*time.Hour, time.Since(start))
	})
}

func TestAnErrorOfTheFunctionDoesNotDropThoseOfTheTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost, ours := errors.New("lost"), errors.New("ours")
		joined := errors.New("joined")
		err := task.WithScope(t.Context(), func(s *task.Scope) error {
			task.Spawn(s, untilDone)
			task.Spawn(s, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
			task.Spawn(s, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, lost })
			_, err := task.Spawn(s, failing(joined)).Join(t.Context())
			require.ErrorIs(t, err, joined)
			synctest.Wait()
			return ours
		})
		require.EqualError(t, err, "ours\nlost")
		require.ErrorIs(t, err, ours)
		require.ErrorIs(t, err, lost)
		err = task.WithScope(t.Context(), func(s *task.Scope) error {
			task.Spawn(s, untilDone)
			return ours
		})
		assert.Equal(t, ours, err, "nothing was lost")
	})
}
