package task_test

import (
	"context"
	"fmt"
	"iter"
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

func newSet[T any](t *testing.T, limit int) *task.Set[T] {
	t.Helper()
	s := task.NewSet[T](t.Context(), limit)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestResultsInCompletionOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, task.Unlimited)
		for i := range 10 {
			s.Spawn(sleeper(time.Duration(10-i), i))
		}
		var got []int
		for v, err := range s.All(t.Context()) {
			require.NoError(t, err)
			got = append(got, v)
		}
		assert.Equal(t, []int{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, got)
		_, err := s.Next(t.Context())
		require.Equal(t, task.ErrEmpty, err)
	})
}

func TestWhatWasJoinedCanBeTakenAtOnce(t *testing.T) {
	s := newSet[int](t, 2)
	for range 20_000 {
		for _, f := range []func(context.Context) (int, error){value(1), goexit} {
			h := s.Spawn(f)
			_, _ = h.Join(t.Context())
			taken, ok := s.TryNext()
			require.True(t, ok)
			require.Same(t, h, taken)
		}
	}
}

func TestATaskThatSawTheEndOfAnotherIsTakenAfterIt(t *testing.T) {
	for range 50 {
		s := newSet[string](t, 2)
		first := s.Spawn(func(ctx context.Context) (string, error) { deriveMany(ctx); return "first", nil })
		s.Spawn(func(context.Context) (string, error) { untilReady(first); return "second", nil })
		h, err := s.Next(t.Context())
		require.NoError(t, err)
		require.Same(t, first, h)
	}
}

// deriveMany makes the end of ctx take long.
func deriveMany(ctx context.Context) {
	for range 2000 {
		_, cancel := context.WithCancel(ctx)
		_ = cancel // the end of ctx does it
	}
}

// untilReady polls h until it has a result.
func untilReady[T any](h *task.Handle[T]) {
	for ready := false; !ready; _, ready, _ = h.Poll() {
		runtime.Gosched()
	}
}

func TestResultsInSpawnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 3)
		for i := range 10 {
			s.Spawn(func(ctx context.Context) (int, error) {
				v, _ := sleeper(time.Duration(10-i), i)(ctx)
				if i%3 == 0 {
					return v, errBoom
				}
				return v, nil
			})
		}
		i := 0
		for v, err := range s.Ordered(t.Context()) {
			assert.Equal(t, i, v)
			assert.Equal(t, i%3 == 0, err != nil, "an error does not end it")
			i++
		}
		assert.Equal(t, 10, i)
		_, ok := s.TryNext()
		assert.False(t, ok)
	})
}

func TestASetRunsSoManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 3)
		start := time.Now()
		var running, most atomic.Int64
		for range 10 {
			s.Spawn(func(ctx context.Context) (int, error) {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				return sleeper(time.Second, 0)(ctx)
			})
		}
		synctest.Wait()
		assert.Equal(t, "Set(running=3 queued=7 untaken=10)", fmt.Sprintf("%+v", s))
		assert.Equal(t, s.String(), fmt.Sprintf("%#v", s))
		assert.Equal(t, s.String(), s.LogValue().String())
		for _, err := range s.All(t.Context()) {
			require.NoError(t, err)
		}
		assert.EqualValues(t, 3, most.Load())
		assert.Equal(t, 4*time.Second, time.Since(start))
	})
}

func TestBreakingOffLeavesTheOthersInTheSet(t *testing.T) {
	s := newSet[int](t, 2)
	for i := range 10 {
		s.Spawn(value(i))
	}
	seen := map[int]bool{}
	for v, err := range s.All(t.Context()) {
		require.NoError(t, err)
		seen[v] = true
		if len(seen) == 3 {
			break
		}
	}
	for v, err := range s.Ordered(t.Context()) {
		require.NoError(t, err)
		seen[v] = true
		if len(seen) == 6 {
			break
		}
	}
	assert.Equal(t, 4, s.Len())
	for v, err := range s.All(t.Context()) {
		require.NoError(t, err)
		seen[v] = true
	}
	assert.Len(t, seen, 10, "each once")
	assert.Zero(t, s.Len())
}

func TestTasksMayBeSpawnedWhileResultsAreTaken(t *testing.T) {
	s := newSet[int](t, 2)
	s.Spawn(value(5))
	sum := 0
	for v, err := range s.All(t.Context()) {
		require.NoError(t, err)
		sum += v
		if v > 0 {
			s.Spawn(value(v - 1))
		}
	}
	assert.Equal(t, 15, sum)
}

func TestACanceledNextTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 1)
		s.Spawn(sleeper(time.Hour, 1))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		_, err := s.Next(ctx)
		require.ErrorIs(t, err, errBoom)
		for _, err := range s.All(ctx) {
			require.ErrorIs(t, err, errBoom)
		}
		for _, err := range s.Ordered(ctx) {
			require.ErrorIs(t, err, errBoom)
		}
		testkit.Advance(time.Hour)
		_, err = s.Next(ctx)
		require.ErrorIs(t, err, errBoom, "also when there is something")
		h, err := s.Next(t.Context())
		require.NoError(t, err)
		v, err := h.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, v)
	})
}

func TestAllTakersLearnThatNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 1)
		s.Spawn(sleeper(time.Hour, 1))
		var got, empty atomic.Int64
		for range 5 {
			go func() {
				if _, err := s.Next(t.Context()); err == nil {
					got.Add(1)
				} else if err == task.ErrEmpty { //nolint:errorlint // as documented
					empty.Add(1)
				}
			}()
		}
		testkit.Advance(time.Hour)
		assert.EqualValues(t, 1, got.Load())
		assert.EqualValues(t, 4, empty.Load())
	})
}

func TestAbortAllEndsRunningAndQueuedAndTheSetGoesOn(t *testing.T) {
	s := newSet[int](t, 2)
	for range 10 {
		s.Spawn(untilDone)
	}
	s.Abort(errBoom)
	n := 0
	for _, err := range s.All(t.Context()) {
		require.ErrorIs(t, err, errBoom)
		n++
	}
	assert.Equal(t, 10, n)
	v, err := s.Spawn(value(1)).Join(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, v)
	s.Spawn(untilDone)
	s.Abort(nil)
	_, err = s.Next(t.Context())
	require.NoError(t, err)
	h, err := s.Next(t.Context())
	require.NoError(t, err)
	_, err = h.Join(t.Context())
	require.ErrorIs(t, err, task.ErrAborted)
}

func TestAbortOfSomeTasksLeavesTheOthersInTheSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, limit := range []int{3, task.Unlimited} { // some are queued, or none
			s := newSet[int](t, limit)
			called := make([]bool, 16)
			for i := range 16 {
				h := s.Spawn(func(ctx context.Context) (int, error) {
					called[i] = true
					return sleeper(time.Duration(i+1), i)(ctx)
				})
				if i%2 == 1 {
					h.Abort(errBoom)
				}
			}
			var got []int
			aborted := 0
			for v, err := range s.Ordered(t.Context()) {
				if err == nil {
					got = append(got, v)
					continue
				}
				require.ErrorIs(t, err, errBoom)
				aborted++
			}
			assert.Equal(t, []int{0, 2, 4, 6, 8, 10, 12, 14}, got)
			assert.Equal(t, 8, aborted)
			assert.False(t, called[15] && limit == 3, "it was queued")
		}
	})
}

func TestAbortAllKeepsTheResultsOfWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 10)
		for range 5 {
			s.Spawn(untilDone)
		}
		for i := range 5 {
			s.Spawn(sleeper(time.Second, i))
		}
		for range 6 { // one of them queued
			s.Spawn(untilDone)
		}
		testkit.Advance(2 * time.Second)
		s.Abort(errBoom)
		assert.Equal(t, 16, s.Len())
		var got []int
		n := 0
		for v, err := range s.Ordered(t.Context()) {
			if n >= 5 && n < 10 {
				require.NoError(t, err)
				got = append(got, v)
			} else {
				require.ErrorIs(t, err, errBoom)
			}
			n++
		}
		assert.Equal(t, ints(5), got)
		assert.Equal(t, 16, n)
	})
}

func TestTheSetsContextEndsItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		canceled, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		timed, stop := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer stop()
		time.AfterFunc(time.Second, func() { cancel(errBoom) })
		for _, ctx := range []context.Context{canceled, timed} {
			s := task.NewSet[int](ctx, 1)
			s.Spawn(untilDone)
			s.Spawn(func(context.Context) (int, error) { panic("called") })
			n := 0
			for _, err := range s.All(t.Context()) {
				require.ErrorIs(t, err, errBoom)
				n++
			}
			assert.Equal(t, 2, n)
			_ = s.Close()
		}
	})
}

func TestASetThatIsClosedRefusesTasksAndKeepsResults(t *testing.T) {
	s := newSet[int](t, 1)
	_, err := s.Spawn(value(1)).Join(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	refused := s.Spawn(func(context.Context) (int, error) { panic("called") })
	_, err = refused.Join(t.Context())
	require.Equal(t, task.ErrClosed, err)
	assert.Equal(t, 1, s.Len())
	for v, err := range s.All(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, 1, v)
	}
	require.NoError(t, s.Close())
}

func TestAPanicInASet(t *testing.T) {
	s := newSet[int](t, 1)
	s.Spawn(culprit)
	err := testkit.PanicError(t, func() {
		for _, err := range s.All(t.Context()) {
			require.NoError(t, err)
		}
	})
	require.ErrorIs(t, err, errBoom)
	require.NoError(t, s.Close())
}

func TestGoexitInASetEndsTheTaskAlone(t *testing.T) {
	s := newSet[int](t, 1)
	s.Spawn(goexit)
	s.Spawn(value(2))
	var got []int
	for v, err := range s.Ordered(t.Context()) {
		got = append(got, v)
		assert.Equal(t, len(got) == 1, err == task.ErrGoexit) //nolint:errorlint // as documented
	}
	assert.Equal(t, []int{0, 2}, got)
}

func TestATaskMayWaitForAnotherOfItsSet(t *testing.T) {
	s := newSet[int](t, 1)
	v, err := s.Spawn(func(ctx context.Context) (int, error) {
		return s.Spawn(func(ctx context.Context) (int, error) {
			a, b, err := task.Join2(ctx, s.Spawn(value(20)).Join, s.Spawn(value(22)).Join)
			return a + b, err
		}).Join(ctx)
	}).Join(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 42, v)
}

func TestASetDoesNotKeepWhatWasTaken(t *testing.T) {
	s := newSet[int](t, 1000)
	gate := make(chan struct{})
	s.Spawn(after(gate, -1)) // stays at the front
	for range 100_000 {
		s.Spawn(value(1))
		h, err := s.Next(t.Context())
		require.NoError(t, err)
		_, ready, _ := h.Poll()
		require.True(t, ready)
	}
	assert.Less(t, task.SetKept(s), 100)
	close(gate)
}

func TestASetDoesNotKeepWhatOrderedTook(t *testing.T) {
	s := newSet[int](t, 3)
	n := 0
	for range 3 {
		s.Spawn(value(1))
	}
	for v, err := range s.Ordered(t.Context()) {
		require.NoError(t, err)
		if n += v; n < 50_000 {
			s.Spawn(value(1)) // it is never empty
		}
	}
	assert.Less(t, task.SetKept(s), 100)
}

func TestAbortAllBeginsNothing(t *testing.T) {
	for _, end := range []func(*task.Set[int]){
		func(s *task.Set[int]) { s.Abort(nil) },
		func(s *task.Set[int]) { _ = s.Close() },
	} {
		var called atomic.Int64
		for range 1000 {
			s := task.NewSet[int](t.Context(), 1)
			began := make(chan struct{})
			s.Spawn(func(ctx context.Context) (int, error) { close(began); return untilDone(ctx) })
			<-began
			s.Spawn(func(context.Context) (int, error) { called.Add(1); return 0, nil })
			end(s)
			_ = s.Close()
		}
		assert.Zero(t, called.Load())
	}
}

// A task of a set waits for a task of another set to end, one of which waits for it in
// Next. Not all that it waits for are stuck: there is a result to come.
func TestATaskThatWaitsForAnyOfASetIsNotStuckWithOneOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSet[int](t, task.Unlimited), newSet[int](t, task.Unlimited)
		spawned := make(chan struct{}) // Next of a set without tasks fails
		waits := a.Spawn(func(ctx context.Context) (int, error) {
			<-spawned
			h, err := b.Next(ctx)
			if err != nil {
				return 0, err
			}
			return h.Join(ctx)
		})
		next := b.Spawn(func(ctx context.Context) (int, error) {
			h, err := a.Next(ctx)
			assert.Same(t, waits, h)
			return 1, err
		})
		gate := make(chan struct{})
		b.Spawn(after(gate, 2))
		close(spawned)
		synctest.Wait()
		close(gate)
		v, err := next.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, v)
		v, err = waits.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, v)
	})
}

func TestALoopOverASetEndsWithTheErrorOfItsContext(t *testing.T) {
	s := newSet[int](t, 1)
	s.Spawn(untilDone)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	for name, all := range map[string]iter.Seq2[int, error]{"All": s.All(ctx), "Ordered": s.Ordered(ctx)} {
		var errs []error
		for v, err := range all {
			assert.Zero(t, v)
			errs = append(errs, err)
		}
		require.Len(t, errs, 1, name)
		require.ErrorIs(t, errs[0], errBoom, name)
		require.ErrorIs(t, errs[0], context.Canceled, name)
	}
}
