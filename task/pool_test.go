package task_test

import (
	"context"
	"fmt"
	"runtime"
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
	t.Cleanup(func() { _ = p.Close() })
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
		require.NoError(t, p.Close())
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
		_, err := task.TrySubmit(p, value(2))
		require.Equal(t, task.ErrFull, err)
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
		canceled, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		_, err = task.Submit(canceled, p, func(context.Context) (int, error) { panic("called") })
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, 2, p.Len(), "those that were accepted")
		assert.Equal(t, task.PoolStats{Workers: 1, Goroutines: 1, Running: 1, Queued: 1, Waiting: 5, Submitted: 2}, p.Stats())
		close(gate)
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4}, order)
		_, err = task.TrySubmit(p, value(2))
		require.NoError(t, err)
	})
}

func TestTrySubmitWithoutAQueueNeedsAFreeWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1})
		gate := make(chan struct{})
		h, err := task.TrySubmit(p, after(gate, 1))
		require.NoError(t, err)
		_, err = task.TrySubmit(p, value(2))
		require.Equal(t, task.ErrFull, err)
		assert.EqualValues(t, 1, p.Stats().Submitted)
		close(gate)
		_, err = h.Join(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		_, err = task.TrySubmit(p, value(3))
		require.NoError(t, err)
	})
}

func TestTheWorkerOfATaskThatWasJoinedIsFree(t *testing.T) {
	p := newPool(t, task.PoolOptions{Workers: 1})
	for i := range uint64(20_000) {
		h, err := task.TrySubmit(p, value(1))
		require.NoError(t, err)
		_, err = h.Join(t.Context())
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
	assert.Equal(t, task.PoolStats{Workers: 1, Goroutines: 1, Running: 1, Submitted: 2, Succeeded: 1}, s)
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
				assert.Equal(t, 4, p.Stats().Goroutines)
				testkit.Advance(time.Hour)
				assert.Equal(t, idle, p.Stats().Goroutines)
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
		require.NoError(t, p.Close())
		assert.Zero(t, p.Stats().HandedOver)
	}
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
		assert.Equal(t, 2, p.Stats().Goroutines)
		p.Resize(1)
		synctest.Wait()
		assert.Equal(t, 1, p.Stats().Goroutines, "idle ones end")
		assert.EqualValues(t, 60, p.Stats().Succeeded)
	})
}

func TestAPoolPrints(t *testing.T) {
	p := newPool(t, task.PoolOptions{Workers: 2})
	assert.Equal(t, "Pool(workers=2 running=0 queued=0)", fmt.Sprintf("%v", p))
	assert.Equal(t, p.String(), fmt.Sprintf("%#v", p))
	assert.Equal(t, p.String(), p.LogValue().String())
}

func TestATaskOfAPoolThatClosesCannotSubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := task.NewPool(t.Context(), task.PoolOptions{Workers: 2, Queue: 3})
		gate := make(chan struct{})
		h := submit(t, p, func(ctx context.Context) (int, error) {
			<-gate
			_, err := task.TrySubmit(p, value(1))
			assert.Equal(t, task.ErrClosed, err)
			_, err = task.Submit(ctx, p, value(1))
			return 0, err
		})
		closed := make(chan struct{})
		go func() {
			_ = p.Shutdown(context.Background())
			close(closed)
		}()
		synctest.Wait()
		close(gate)
		<-closed
		_, err := h.Join(t.Context())
		require.Equal(t, task.ErrClosed, err)
	})
}

func TestThePoolsContextEndsItsTasks(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	p := task.NewPool(ctx, task.PoolOptions{Workers: 1, Idle: 1})
	defer func() { _ = p.Close() }()
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
		require.Error(t, p.Shutdown(t.Context()), "nobody has joined what was queued")
		v, err := running.Join(t.Context())
		require.NoError(t, err, "a success is one, also after the end")
		assert.Equal(t, 1, v)
		_, err = queued.Join(t.Context())
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, task.PoolStats{Workers: 1, Submitted: 2, Succeeded: 1, Failed: 1}, p.Stats())
	})
}

func TestSubmittersThatGaveUpAreNotCounted(t *testing.T) {
	for name, c := range map[string]struct {
		queue int
		free  func(p *task.Pool, running *task.Handle[int]) // makes room for one
	}{
		"a task ends":        {0, func(_ *task.Pool, running *task.Handle[int]) { running.Abort(nil) }},
		"the queue is empty": {1, func(p *task.Pool, _ *task.Handle[int]) { p.Abort(nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t, task.PoolOptions{Workers: 1, Queue: c.queue})
				gate := make(chan struct{})
				deaf := func(ctx context.Context) (int, error) {
					if c.queue == 0 {
						return untilDone(ctx)
					}
					return after(gate, 1)(ctx)
				}
				running := submit(t, p, deaf)
				for range c.queue {
					submit(t, p, deaf)
				}
				ctx, cancel := context.WithCancel(t.Context())
				for i := range 3 {
					go func() {
						if i == 0 {
							_, err := task.Submit(ctx, p, deaf)
							assert.ErrorIs(t, err, context.Canceled)
						} else {
							_, _ = task.Submit(t.Context(), p, deaf)
						}
					}()
					synctest.Wait()
				}
				cancel()
				synctest.Wait()
				assert.Equal(t, 2, p.Stats().Waiting)
				c.free(p, running)
				synctest.Wait()
				s := p.Stats()
				assert.Equal(t, []int{1, c.queue, 1}, []int{s.Running, s.Queued, s.Waiting})
				close(gate)
				_ = p.Close()
				assert.Zero(t, task.Workers(), "none is registered any more")
			})
		})
	}
}
