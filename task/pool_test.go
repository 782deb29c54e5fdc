package task_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

func newPool(t *testing.T, o task.PoolOptions) *task.Pool {
	t.Helper()
	p := task.NewPool(t.Context(), o)
	t.Cleanup(p.Close)
	return p
}

func submit[T any](t *testing.T, p *task.Pool, f func(context.Context) (T, error)) *task.Handle[T] {
	t.Helper()
	h, err := task.Submit(t.Context(), p, f)
	require.NoError(t, err)
	return h
}

func TestAPoolReturnsResults(t *testing.T) {
	for _, o := range []task.PoolOptions{
		{Workers: 1}, {Workers: 1, Idle: 1}, {Workers: 3, Queue: 2, Idle: 2}, {Workers: 100, Queue: 1000, Idle: 100},
	} {
		p := newPool(t, o)
		var handles []*task.Handle[int]
		for i := range 200 {
			handles = append(handles, submit(t, p, func(context.Context) (int, error) {
				if i%10 == 0 {
					return 0, errBoom
				}
				return i, nil
			}))
		}
		for i, h := range handles {
			v, err := h.Join(t.Context())
			assert.Equal(t, i%10 == 0, err != nil)
			if err == nil {
				assert.Equal(t, i, v)
			}
		}
		p.Close()
		s := p.Stats()
		assert.Equal(t, task.PoolStats{
			Workers: o.Workers, Submitted: 200, Succeeded: 180, Failed: 20,
		}, s)
	}
}

func TestSubmitWaitsWhileTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 1})
		gate := make(chan struct{})
		submit(t, p, after(gate, 0))
		submit(t, p, after(gate, 1))
		_, ok := task.TrySubmit(p, value(2))
		assert.False(t, ok)
		var order []int
		for i := range 5 {
			go func() {
				_, err := task.Submit(t.Context(), p, func(context.Context) (int, error) {
					order = append(order, i)
					return i, nil
				})
				assert.NoError(t, err)
			}()
			synctest.Wait()
		}
		cancelled, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		_, err := task.Submit(cancelled, p, func(context.Context) (int, error) { panic("called") })
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, task.PoolStats{Workers: 1, Live: 1, Running: 1, Queued: 1, Waiting: 5, Submitted: 2}, p.Stats())
		close(gate)
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4}, order)
		_, ok = task.TrySubmit(p, value(2))
		assert.True(t, ok)
	})
}

func TestTrySubmitWithoutAQueueNeedsAFreeWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1})
		gate := make(chan struct{})
		h, ok := task.TrySubmit(p, after(gate, 1))
		require.True(t, ok)
		_, ok = task.TrySubmit(p, value(2))
		assert.False(t, ok)
		assert.EqualValues(t, 1, p.Stats().Submitted)
		close(gate)
		_, err := h.Join(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		_, ok = task.TrySubmit(p, value(3))
		assert.True(t, ok)
	})
}

func TestTheWorkerOfATaskThatWasJoinedIsFree(t *testing.T) {
	p := newPool(t, task.PoolOptions{Workers: 1})
	for i := range uint64(20_000) {
		h, ok := task.TrySubmit(p, value(1))
		require.True(t, ok)
		_, err := h.Join(t.Context())
		require.NoError(t, err)
		require.Equal(t, i+1, p.Stats().Succeeded)
	}
}

func TestStatsCountATaskBeforeItBegins(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the task begins before Submit returns
	p := newPool(t, task.PoolOptions{Workers: 1})
	gate := make(chan struct{})
	submit(t, p, after(gate, 1))
	go func() {
		for p.Stats().Waiting == 0 {
			runtime.Gosched()
		}
		close(gate)
	}()
	s, err := submit(t, p, func(context.Context) (task.PoolStats, error) { return p.Stats(), nil }).Join(t.Context())
	require.NoError(t, err)
	assert.Equal(t, task.PoolStats{Workers: 1, Live: 1, Running: 1, Submitted: 2, Succeeded: 1}, s)
}

func TestSubmittersThatGaveUpAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1})
		gate := make(chan struct{})
		submit(t, p, after(gate, 0))
		for range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := task.Submit(ctx, p, value(1))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.LessOrEqual(t, task.PoolWaiters(p), 2)
		close(gate)
	})
}

func TestAPoolThatIsElasticHasNoGoroutineWithoutTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for idle := range 4 {
			p := newPool(t, task.PoolOptions{Workers: 4, Queue: 10, Idle: idle})
			for range 2 {
				for range 10 {
					submit(t, p, sleeper(time.Second, 0))
				}
				assert.Equal(t, 4, p.Stats().Live)
				testkit.Advance(time.Hour)
				assert.Equal(t, idle, p.Stats().Live)
			}
		}
	})
}

func TestNestedSubmitToAFullPoolDoesNotDeadlock(t *testing.T) {
	for _, o := range []task.PoolOptions{
		{Workers: 1}, {Workers: 1, Queue: 1}, {Workers: 2, Queue: 3, Idle: 1}, {Workers: 4, Idle: 4},
	} {
		p := newPool(t, o)
		var fib func(n int) func(context.Context) (int, error)
		fib = func(n int) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				if n < 2 {
					return n, nil
				}
				a, err := task.Submit(ctx, p, fib(n-1))
				if err != nil {
					return 0, err
				}
				b, err := task.Submit(ctx, p, fib(n-2))
				if err != nil {
					return 0, err
				}
				x, y, err := task.Join2(ctx, a.Join, b.Join)
				return x + y, err
			}
		}
		v, err := submit(t, p, fib(12)).Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 144, v)
		p.Close()
		assert.Zero(t, p.Stats().Lent)
	}
}

func TestATaskThatWaitsLendsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
		gate := make(chan struct{})
		waits := []func(context.Context) error{
			func(ctx context.Context) error { _, err := submit(t, p, value(1)).Join(ctx); return err },
			func(ctx context.Context) error {
				_, err := submit(t, p, value(1)).Join(context.WithoutCancel(ctx))
				return err
			},
			func(ctx context.Context) error {
				return task.WithScope(ctx, func(s *task.Scope) error {
					task.Spawn(s, func(context.Context) (int, error) { return submit(t, p, value(1)).Join(t.Context()) })
					return nil
				})
			},
			func(ctx context.Context) error {
				s := task.NewSet[int](ctx, 1)
				defer s.Close()
				s.Spawn(func(context.Context) (int, error) { return submit(t, p, value(1)).Join(t.Context()) })
				_, err := s.Next(ctx)
				return err
			},
		}
		for _, wait := range waits {
			_, err := submit(t, p, func(ctx context.Context) (int, error) { return 0, wait(ctx) }).Join(t.Context())
			require.NoError(t, err)
		}
		close(gate)
	})
}

func TestATaskThatClosesWhatItMadeLendsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
		inner := func(context.Context) (int, error) {
			_, _ = sleeper(time.Second, 0)(t.Context()) // Close waits by then
			return submit(t, p, value(1)).Join(t.Context())
		}
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			q := task.NewPool(ctx, task.PoolOptions{Workers: 1})
			submit(t, q, inner)
			q.Close()
			return 0, nil
		}).Join(t.Context())
		require.NoError(t, err)
		_, err = submit(t, p, func(ctx context.Context) (int, error) {
			s := task.NewSet[int](ctx, 1)
			s.Spawn(inner)
			synctest.Wait()
			s.Close()
			return 0, nil
		}).Join(t.Context())
		require.NoError(t, err)
	})
}

func TestATaskLendsItsPlaceOnceForAllItsGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 100})
		h := submit(t, p, func(ctx context.Context) (int, error) {
			for i := range 10 {
				child := submit(t, p, sleeper(time.Duration(i+1)*time.Second, 0))
				go func() { _, _ = child.Join(ctx) }()
			}
			synctest.Wait()
			return p.Stats().Lent, nil
		})
		lent, err := h.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, lent)
		assert.Equal(t, 1, p.Stats().Running, "the task has ended and lends nothing more")
	})
}

func TestAPoolWithoutALimitLendsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: math.MaxInt})
		child := func(ctx context.Context) (int, error) {
			_, _ = sleeper(time.Second, 0)(ctx) // its parent waits by then
			return submit(t, p, value(42)).Join(ctx)
		}
		parent := func(ctx context.Context) (int, error) { return submit(t, p, child).Join(ctx) }
		for range 2 {
			v, err := submit(t, p, parent).Join(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 42, v)
			p.Resize(math.MaxInt - 1)
		}
	})
}

func TestResizeWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 2, Queue: 100, Idle: 2})
		for range 60 {
			submit(t, p, sleeper(time.Second, 0))
		}
		running := func() int { synctest.Wait(); return p.Stats().Running }
		assert.Equal(t, 2, running())
		p.Resize(5)
		assert.Equal(t, 5, running(), "more begin at once")
		testkit.Advance(time.Second)
		assert.Equal(t, 5, running())
		p.Resize(1)
		assert.Equal(t, 5, running(), "nothing is stopped")
		testkit.Advance(time.Second)
		assert.Equal(t, 1, running())
		p.Resize(100)
		testkit.Advance(time.Second)
		assert.Zero(t, running())
		assert.Equal(t, 2, p.Stats().Live)
		p.Resize(1)
		synctest.Wait()
		assert.Equal(t, 1, p.Stats().Live, "idle ones end")
		assert.EqualValues(t, 60, p.Stats().Succeeded)
	})
}

func TestCloseDrainsWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := task.NewPool(t.Context(), task.PoolOptions{Workers: 2, Queue: 3})
		var ran atomic.Int64
		for range 5 {
			submit(t, p, func(ctx context.Context) (int, error) {
				defer ran.Add(1)
				return sleeper(time.Second, 0)(ctx)
			})
		}
		refused := make(chan error, 1)
		go func() {
			_, err := task.Submit(t.Context(), p, value(1))
			refused <- err
		}()
		synctest.Wait()
		p.Close()
		assert.EqualValues(t, 5, ran.Load())
		require.Equal(t, task.ErrClosed, <-refused)
		_, err := task.Submit(t.Context(), p, value(1))
		require.Equal(t, task.ErrClosed, err)
		_, ok := task.TrySubmit(p, value(1))
		assert.False(t, ok)
		p.Close()
		assert.Equal(t, "Pool(workers=2 running=0 queued=0)", fmt.Sprintf("%v", p))
		assert.Equal(t, p.String(), fmt.Sprintf("%#v", p))
		assert.Equal(t, p.String(), p.LogValue().String())
	})
}

func TestATaskOfAPoolThatClosesCannotSubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := task.NewPool(t.Context(), task.PoolOptions{Workers: 2, Queue: 3})
		gate := make(chan struct{})
		h := submit(t, p, func(ctx context.Context) (int, error) {
			<-gate
			_, ok := task.TrySubmit(p, value(1))
			assert.False(t, ok)
			_, err := task.Submit(ctx, p, value(1))
			return 0, err
		})
		closed := make(chan struct{})
		go func() {
			p.Close()
			close(closed)
		}()
		synctest.Wait()
		close(gate)
		<-closed
		_, err := h.Join(t.Context())
		require.Equal(t, task.ErrClosed, err)
	})
}

func TestPoolShutdownAbortsWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := task.NewPool(t.Context(), task.PoolOptions{Workers: 1, Queue: 3})
		running := submit(t, p, untilDone)
		queued := submit(t, p, func(context.Context) (int, error) { panic("called") })
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		require.ErrorIs(t, p.Shutdown(ctx), errBoom)
		_, err := running.Join(t.Context())
		require.ErrorIs(t, err, errBoom)
		_, err = queued.Join(t.Context())
		require.ErrorIs(t, err, errBoom)
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

func TestThePoolsContextEndsItsTasks(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	p := task.NewPool(ctx, task.PoolOptions{Workers: 1, Idle: 1})
	defer p.Close()
	h := submit(t, p, untilDone)
	cancel(errBoom)
	_, err := h.Join(t.Context())
	require.ErrorIs(t, err, errBoom)
	_, err = task.Submit(t.Context(), p, value(1))
	require.ErrorIs(t, err, errBoom)
	_, err = task.Submit(ctx, p, value(1))
	require.ErrorIs(t, err, errBoom)
}

func TestWhatIsQueuedWhenThePoolsContextEndsIsNotCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := task.NewPool(ctx, task.PoolOptions{Workers: 1, Queue: 3})
		gate := make(chan struct{})
		running := submit(t, p, after(gate, 1))
		queued := submit(t, p, func(context.Context) (int, error) { panic("called") })
		synctest.Wait()
		cancel(errBoom)
		close(gate)
		p.Close()
		v, err := running.Join(t.Context())
		require.NoError(t, err, "a success is one, also after the end")
		assert.Equal(t, 1, v)
		_, err = queued.Join(t.Context())
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, task.PoolStats{Workers: 1, Submitted: 2, Succeeded: 1, Failed: 1}, p.Stats())
	})
}

func TestAPanicInAPool(t *testing.T) {
	p := task.NewPool(t.Context(), task.PoolOptions{Workers: 1, Queue: 10})
	for range 100 {
		err := testkit.PanicError(t, func() { _, _ = submit(t, p, culprit).Join(t.Context()) })
		require.ErrorIs(t, err, errBoom)
	}
	other := errors.New("nobody joined this")
	submit(t, p, func(context.Context) (int, error) { panic(other) })
	_, err := submit(t, p, goexit).Join(t.Context())
	require.ErrorIs(t, err, task.ErrGoexit)
	v, err := submit(t, p, value(2)).Join(t.Context())
	require.NoError(t, err, "the pool goes on")
	assert.Equal(t, 2, v)
	err = testkit.PanicError(t, p.Close)
	require.ErrorIs(t, err, other)
	require.NotErrorIs(t, err, errBoom)
	p.Close()
	s := p.Stats()
	assert.Equal(t, []uint64{103, 1, 1, 101}, []uint64{s.Submitted, s.Succeeded, s.Failed, s.Panicked})
}

func TestAPoolKeepsSomePanicsAndCountsTheOthers(t *testing.T) {
	for joined, more := range map[int]string{0: "joined: 84", 50: "joined: 34", 84: "", 100: ""} {
		p := task.NewPool(t.Context(), task.PoolOptions{Workers: 1})
		var handles []*task.Handle[int]
		for range 100 {
			handles = append(handles, submit(t, p, func(context.Context) (int, error) { panic(errBoom) }))
		}
		for _, h := range handles {
			<-h.Done()
		}
		for _, h := range handles[100-joined:] {
			_, err := h.Result(t.Context())
			require.ErrorIs(t, err, errBoom)
		}
		if joined == 100 {
			require.NotPanics(t, p.Close)
			continue
		}
		err := testkit.PanicError(t, p.Close)
		var first *task.PanicError
		require.ErrorAs(t, err, &first)
		assert.Equal(t, 16, strings.Count(err.Error(), "task: panic: boom"))
		assert.Equal(t, more != "", strings.Contains(err.Error(), "further panics that nobody "+more))
		p.Close()
	}
}

func TestPoolOptionsOutOfRangeAreRefused(t *testing.T) {
	for o, text := range map[task.PoolOptions]string{
		{}:                      "task: NewPool: Workers 0 is not positive",
		{Workers: -1}:           "task: NewPool: Workers -1 is not positive",
		{Workers: 1, Queue: -1}: "task: NewPool: Queue -1 is negative",
		{Workers: 1, Idle: -1}:  "task: NewPool: Idle -1 is not within 0 and Workers 1",
		{Workers: 1, Idle: 2}:   "task: NewPool: Idle 2 is not within 0 and Workers 1",
	} {
		require.EqualError(t, testkit.PanicError(t, func() { task.NewPool(t.Context(), o) }), text)
	}
	p := newPool(t, task.PoolOptions{Workers: 1})
	for _, n := range []int{0, -1} {
		require.EqualError(t, testkit.PanicError(t, func() { p.Resize(n) }), fmt.Sprintf("task: Pool.Resize: %d is not positive", n))
	}
	require.EqualError(t, testkit.PanicError(t, func() { _, _ = task.Submit[int](t.Context(), p, nil) }), "task: nil function")
}
