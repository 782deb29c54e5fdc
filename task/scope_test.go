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

// limits are those of the groups of the tests below.
var limits = []int{1, 2, 64, task.Unlimited}

// eachLimit runs f in a bubble for each limit.
func eachLimit(t *testing.T, f func(t *testing.T, limit int)) {
	t.Helper()
	for _, limit := range limits {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, limit) })
		})
	}
}

func TestAGroupReturnsTheFirstErrorWhichIsTheCause(t *testing.T) {
	other := errors.New("other")
	for _, c := range []struct {
		tasks []error
		f     error
		want  error
	}{
		{},
		{tasks: []error{nil}},
		{tasks: []error{errBoom}, want: errBoom},
		{tasks: []error{errBoom, nil}, want: errBoom},
		{tasks: []error{nil, errBoom, other}, want: errBoom},
		{tasks: []error{nil, errBoom}, f: other, want: errBoom},
		{tasks: []error{nil}, f: other, want: other},
		{f: other, want: other},
	} {
		eachLimit(t, func(t *testing.T, limit int) {
			var cause func() error
			var before error
			err := task.WithGroup(t.Context(), limit, func(s *task.Scope) error {
				cause = func() error { return context.Cause(s.Context()) }
				for _, err := range c.tasks {
					s.SpawnErr(func(context.Context) error { return err })
					synctest.Wait()
				}
				before = cause()
				return c.f
			})
			assert.Equal(t, c.want, err)
			if c.f == nil {
				assert.Equal(t, c.want, before)
			}
			want := c.want
			if want == nil {
				want = context.Canceled // its end
			}
			assert.Equal(t, want, cause())
		})
	}
}

func TestTheFirstFailureIsVisibleAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(context.Context) (int, error)
		want error
	}{
		"error": {failing(errBoom), errBoom}, "panic": {culprit, errBoom}, "Goexit": {goexit, task.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				told := make(chan time.Duration, 1)
				var asked error
				run := func() error {
					return task.WithGroup(t.Context(), 3, func(s *task.Scope) error {
						context.AfterFunc(s.Context(), func() { told <- time.Since(start) })
						s.SpawnErr(func(context.Context) error { <-time.After(10_000 * time.Hour); return nil }) // heeds nothing
						heeds := task.Spawn(s, untilDone)
						task.Spawn(s, func(ctx context.Context) (int, error) {
							<-time.After(time.Second)
							return c.f(ctx)
						})
						<-heeds.Done()
						assert.Equal(t, time.Second, time.Since(start))
						asked = context.Cause(s.Context())
						_, err := task.Spawn(s, mustNot).Join(context.Background())
						require.ErrorIs(t, err, c.want)
						return nil
					})
				}
				if name == "panic" {
					var p *task.PanicError
					require.ErrorAs(t, testkit.PanicError(t, func() { _ = run() }), &p)
					assert.Same(t, p, asked, "the very panic")
				} else {
					require.ErrorIs(t, run(), c.want)
					assert.Equal(t, c.want, asked)
				}
				assert.Equal(t, time.Second, <-told)
				assert.Equal(t, 10_000*time.Hour, time.Since(start), "all are awaited")
			})
		})
	}
}

func TestAFailureThatSomebodyJoinedStillEndsTheGroup(t *testing.T) {
	eachLimit(t, func(t *testing.T, limit int) {
		err := task.WithGroup(t.Context(), limit, func(s *task.Scope) error {
			h := task.Spawn(s, culprit)
			_, err := h.Result(context.Background())
			require.Error(t, err)
			_, err = task.Spawn(s, mustNot).Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			return nil
		})
		var p *task.PanicError
		require.ErrorAs(t, err, &p, "it does not panic again")
	})
}

func TestAPanicOfTheFunctionEndsTheGroup(t *testing.T) {
	eachLimit(t, func(t *testing.T, limit int) {
		var h *task.Handle[int]
		assert.PanicsWithValue(t, "f", func() {
			_ = task.WithGroup(t.Context(), limit, func(s *task.Scope) error {
				h = task.Spawn(s, untilDone)
				panic("f")
			})
		})
		_, err := h.Join(t.Context())
		require.ErrorIs(t, err, task.ErrAborted)
	})
}

func TestTheContextOfAGroupEndsItsTasks(t *testing.T) {
	eachLimit(t, func(t *testing.T, limit int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := task.WithGroup(ctx, limit, func(s *task.Scope) error {
			h := task.Spawn(s, untilDone)
			synctest.Wait()
			cancel(errBoom)
			_, err := h.Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			_, err = task.Spawn(s, mustNot).Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			require.ErrorIs(t, err, context.Canceled)
			_, err = task.TrySpawn(s, mustNot)
			require.ErrorIs(t, err, errBoom)
			require.ErrorIs(t, err, context.Canceled)
			return nil
		})
		require.ErrorIs(t, err, errBoom)
		require.NoError(t, task.WithGroup(ctx, limit, func(*task.Scope) error { return nil }), "nobody failed")
	})
}

func TestTrySpawnNeedsAFreeSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		require.NoError(t, task.WithGroup(t.Context(), 42, func(s *task.Scope) error {
			for range 2 {
				for range 42 {
					_, err := task.TrySpawn(s, func(context.Context) (int, error) { <-gate; return 1, nil })
					require.NoError(t, err)
				}
				_, err := task.TrySpawn(s, mustNot)
				require.Equal(t, task.ErrFull, err)
				_, err = s.TrySpawnErr(func(context.Context) error { panic("called") })
				require.Equal(t, task.ErrFull, err)
				assert.Equal(t, 42, s.Len())
				for range 42 {
					gate <- struct{}{}
				}
				synctest.Wait()
				assert.Zero(t, s.Len())
			}
			return nil
		}))
		require.NoError(t, task.WithScope(t.Context(), func(s *task.Scope) error {
			h, err := task.TrySpawn(s, value(1))
			require.NoError(t, err)
			_, err = h.Join(t.Context())
			return err
		}))
	})
}

func TestAGroupKeepsItsLimit(t *testing.T) {
	const limit = 10
	var active atomic.Int32
	require.NoError(t, task.WithGroup(t.Context(), limit, func(s *task.Scope) error {
		for range 1 << 10 {
			s.SpawnErr(func(context.Context) error {
				defer active.Add(-1)
				if n := active.Add(1); n > limit {
					return fmt.Errorf("%d at work", n)
				}
				runtime.Gosched()
				return nil
			})
		}
		return nil
	}))
}

func TestTheFirstOfManyFailuresIsTheCause(t *testing.T) {
	for range 100 {
		var cause func() error
		err := task.WithGroup(t.Context(), task.Unlimited, func(s *task.Scope) error {
			cause = func() error { return context.Cause(s.Context()) }
			for i := range 4 {
				s.SpawnErr(func(context.Context) error { return fmt.Errorf("%d", i) })
			}
			return nil
		})
		require.Error(t, err)
		require.Equal(t, err, cause())
	}
}

func TestSpawnWaitsForASlotInAScopeWithALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var atWork, peak atomic.Int64
		start := time.Now()
		require.NoError(t, task.WithGroup(t.Context(), 3, func(s *task.Scope) error {
			for i := range 10 {
				task.Spawn(s, func(context.Context) (int, error) {
					peak.Store(max(peak.Load(), atWork.Add(1)))
					defer atWork.Add(-1)
					<-time.After(time.Second)
					return 1, nil
				})
				assert.Equal(t, time.Duration(i/3)*time.Second, time.Since(start))
			}
			synctest.Wait()
			assert.Equal(t, 1, s.Len())
			return nil
		}))
		assert.Equal(t, 4*time.Second, time.Since(start))
		assert.EqualValues(t, 3, peak.Load())
	})
}

func TestSpawnInAFullScopeEndsWithTheScopesContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := task.WithGroup(ctx, 1, func(s *task.Scope) error {
			busy := task.Spawn(s, sleeper(time.Hour, 1))
			go func() { <-time.After(time.Second); cancel(errBoom) }()
			start := time.Now()
			h := task.Spawn(s, mustNot)
			assert.Equal(t, time.Second, time.Since(start))
			_, err := h.Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			h = task.Spawn(s, mustNot)
			_, err = h.Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			_, err = busy.Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			return nil
		})
		require.ErrorIs(t, err, errBoom)
	})
}

func TestATaskOfAFullScopeRunsWhatItSpawnsInItsOwnSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var atWork atomic.Int64
		var tree func(s *task.Scope, depth int) func(context.Context) (int, error)
		tree = func(s *task.Scope, depth int) func(context.Context) (int, error) {
			return func(context.Context) (int, error) {
				assert.LessOrEqual(t, atWork.Add(1), int64(2))
				<-time.After(time.Second)
				for range 2 {
					if depth > 0 {
						atWork.Add(-1)
						task.Spawn(s, tree(s, depth-1))
						atWork.Add(1)
					}
				}
				atWork.Add(-1)
				return 1, nil
			}
		}
		require.NoError(t, task.WithGroup(t.Context(), 2, func(s *task.Scope) error {
			for range 3 {
				task.Spawn(s, tree(s, 4))
			}
			return nil
		}))
	})
}

func TestAScopeWithALimitReportsPanicsAndGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *task.PanicError
		require.ErrorAs(t, testkit.PanicError(t, func() {
			_ = task.WithGroup(t.Context(), 1, func(s *task.Scope) error {
				task.Spawn(s, culprit)
				for range 3 {
					task.Spawn(s, mustNot)
				}
				return nil
			})
		}), &p)
		require.ErrorIs(t, task.WithGroup(t.Context(), 1, func(s *task.Scope) error {
			for range 3 {
				task.Spawn(s, goexit)
			}
			return nil
		}), task.ErrGoexit)
	})
}

// Tasks of a pool and of a scope with a limit wait for each other's slots.
func TestAScopeWithALimitInATaskOfAFullPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := task.NewPool(t.Context(), task.PoolOptions{Workers: 1, Queue: 10})
		h, err := task.Submit(t.Context(), p, func(ctx context.Context) (int, error) {
			return 1, task.WithGroup(ctx, 1, func(s *task.Scope) error {
				for range 3 {
					task.Spawn(s, func(ctx context.Context) (int, error) {
						h, err := task.Submit(ctx, p, value(1))
						if err != nil {
							return 0, err
						}
						return h.Join(ctx)
					})
				}
				return nil
			})
		})
		require.NoError(t, err)
		_, err = h.Join(t.Context())
		require.NoError(t, err)
		require.NoError(t, p.Close())
	})
}

func TestATaskThatWaitsForItsScopeWithALimitPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outer *task.Handle[int]
		started := make(chan struct{})
		outer = task.Go(t.Context(), func(ctx context.Context) (int, error) {
			<-started
			return 1, task.WithGroup(ctx, 1, func(s *task.Scope) error {
				task.Spawn(s, func(ctx context.Context) (int, error) { return outer.Join(ctx) })
				return nil
			})
		})
		close(started)
		_, err := outer.Result(context.Background())
		require.ErrorContains(t, err, "deadlock: ")
		runtime.KeepAlive(outer)
	})
}

// A task of the group begins because the other one waits, through the Set, for the
// task that waits for a slot in the group. When it joins too, all wait in Next.
func TestNextTellsThatAllWaitForItThroughAFullGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 2)
		blocked := make(chan struct{})
		next := s.Spawn(func(ctx context.Context) (int, error) {
			<-blocked
			_, err := s.Next(ctx)
			return 0, err
		})
		s.Spawn(func(ctx context.Context) (int, error) {
			return 0, task.WithGroup(ctx, 1, func(g *task.Scope) error {
				task.Spawn(g, next.Join)
				task.Spawn(g, next.Join)
				return nil
			})
		})
		synctest.Wait()
		close(blocked)
		_, err := next.Join(t.Context())
		require.ErrorIs(t, err, task.ErrEmpty)
	})
}

// A task of a full pool spawns into a full group, whose task waits for one of the pool's
// queue. Either wait may begin first.
func TestASlotReachesATaskThroughAFullGroup(t *testing.T) {
	for name, first := range map[string]string{"the group's task waits first": "member", "Spawn waits first": "spawn"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
				gate := make(chan struct{})
				h := submit(t, p, func(ctx context.Context) (int, error) {
					queued := submit(t, p, value(1))
					return 0, task.WithGroup(ctx, 1, func(g *task.Scope) error {
						task.Spawn(g, func(ctx context.Context) (int, error) {
							if first == "spawn" {
								<-gate
							}
							return queued.Join(ctx)
						})
						synctest.Wait()
						task.Spawn(g, value(1))
						return nil
					})
				})
				if first == "spawn" {
					go func() { <-time.After(time.Second); close(gate) }()
				}
				_, err := h.Join(t.Context())
				require.NoError(t, err)
				synctest.Wait()
				assert.Zero(t, task.PoolTraces(p))
			})
		})
	}
}
