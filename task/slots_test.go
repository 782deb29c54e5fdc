package task_test

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

// loads counts how many of its functions run at once.
type loads struct{ now, most atomic.Int64 }

func (l *loads) run(ctx context.Context) (int, error) {
	for n, most := l.now.Add(1), l.most.Load(); n > most && !l.most.CompareAndSwap(most, n); most = l.most.Load() {
	}
	defer l.now.Add(-1)
	return sleeper(time.Second, 1)(ctx)
}

func TestAPoolOfTwoWhoseTasksJoinTwoLoadsRunsFourAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tasks, inner loads
		both := func(ctx context.Context) (int, error) {
			tasks.now.Add(1)
			tasks.most.Store(max(tasks.most.Load(), tasks.now.Load()))
			defer tasks.now.Add(-1)
			_, _, err := task.Join2(ctx, inner.run, inner.run)
			return 0, err
		}
		p := newPool(t, task.PoolOptions{Workers: 2, Queue: 500})
		s := newSet[int](t, 2)
		for range 500 {
			submit(t, p, both)
		}
		require.NoError(t, p.Wait(t.Context()))
		for range 500 {
			s.Spawn(both)
		}
		require.NoError(t, s.Wait(t.Context()))
		assert.EqualValues(t, 2, tasks.most.Load())
		assert.EqualValues(t, 4, inner.most.Load())
		assert.Zero(t, p.Stats().Handoffs)
		assert.Zero(t, s.Stats().Handoffs)
	})
}

// TestFormsOfWaitingDoNotDeadlock has the only task that may be at work wait for
// another task of its pool or set, in many ways.
func TestFormsOfWaitingDoNotDeadlock(t *testing.T) {
	type spawn func(ctx context.Context, f func(context.Context) (int, error)) *task.Handle[int]
	forms := map[string]func(ctx context.Context, spawn spawn) error{
		"join": func(ctx context.Context, spawn spawn) error { _, err := spawn(ctx, value(1)).Join(ctx); return err },
		"result without cancellation": func(ctx context.Context, spawn spawn) error {
			_, err := spawn(ctx, value(1)).Result(context.WithoutCancel(ctx))
			return err
		},
		"with a context that is not the task's": func(ctx context.Context, spawn spawn) error {
			_, err := spawn(ctx, value(1)).Join(context.Background())
			return err
		},
		"nested": func(ctx context.Context, spawn spawn) error {
			_, err := spawn(ctx, func(ctx context.Context) (int, error) { return spawn(ctx, value(1)).Join(ctx) }).Join(ctx)
			return err
		},
		"JoinAll of one": func(ctx context.Context, spawn spawn) error {
			_, err := task.JoinAll(ctx, spawn(ctx, value(1)).Join)
			return err
		},
		"JoinAll": func(ctx context.Context, spawn spawn) error {
			_, err := task.JoinAll(ctx, spawn(ctx, value(1)).Join, spawn(ctx, value(2)).Join, spawn(ctx, value(3)).Join)
			return err
		},
		"Join2": func(ctx context.Context, spawn spawn) error {
			_, _, err := task.Join2(ctx, spawn(ctx, value(1)).Join, spawn(ctx, value(2)).Join)
			return err
		},
		"Race": func(ctx context.Context, spawn spawn) error {
			_, err := task.Race(ctx, spawn(ctx, value(1)).Join, spawn(ctx, value(2)).Join)
			return err
		},
		"Settle": func(ctx context.Context, spawn spawn) error {
			return task.Settle(ctx, spawn(ctx, value(1)).Join)[0].Err
		},
		"Timeout": func(ctx context.Context, spawn spawn) error {
			_, err := task.Timeout(ctx, time.Hour, spawn(ctx, value(1)).Join)
			return err
		},
		"Go": func(ctx context.Context, spawn spawn) error {
			_, err := task.Go(ctx, spawn(ctx, value(1)).Join).Join(ctx)
			return err
		},
		"a goroutine of the task": func(ctx context.Context, spawn spawn) error {
			h, err := spawn(ctx, value(1)), make(chan error)
			go func() { _, e := h.Join(ctx); err <- e }()
			return <-err
		},
		"scopes": func(ctx context.Context, spawn spawn) error {
			return task.WithScope(ctx, func(s *task.Scope) error {
				task.Spawn(s, func(ctx context.Context) (int, error) {
					return 0, task.WithScope(ctx, func(s *task.Scope) error {
						task.Spawn(s, spawn(ctx, value(1)).Join)
						return nil
					})
				})
				return nil
			})
		},
		"inner set, Next": func(ctx context.Context, spawn spawn) error {
			s := task.NewSet[int](ctx, 1)
			s.Spawn(spawn(ctx, value(1)).Join)
			_, err := s.Next(ctx)
			return errors.Join(err, s.Close())
		},
		"inner set, Ordered": func(ctx context.Context, spawn spawn) error {
			s := task.NewSet[int](ctx, 1)
			s.Spawn(spawn(ctx, value(1)).Join)
			for _, err := range s.Ordered(ctx) {
				return errors.Join(err, s.Close())
			}
			return errors.New("empty")
		},
		"inner set, Shutdown": func(ctx context.Context, spawn spawn) error {
			s := task.NewSet[int](ctx, 1)
			s.Spawn(spawn(ctx, value(1)).Join)
			return s.Shutdown(ctx)
		},
		"inner pool, Close": func(ctx context.Context, spawn spawn) error {
			p := task.NewPool(ctx, task.PoolOptions{Workers: 1})
			h := spawn(ctx, value(1))
			_, err := task.Submit(ctx, p, func(ctx context.Context) (int, error) { return h.Join(context.WithoutCancel(ctx)) })
			synctest.Wait()
			_ = p.Close()
			return err
		},
		"another owner": func(ctx context.Context, spawn spawn) error {
			p := task.NewPool(context.Background(), task.PoolOptions{Workers: 1})
			h, err := task.Submit(ctx, p, func(ctx context.Context) (int, error) { return spawn(ctx, value(1)).Join(ctx) })
			if err == nil {
				_, err = h.Join(ctx)
			}
			return errors.Join(err, p.Close())
		},
		"slots of two owners": func(ctx context.Context, spawn spawn) error {
			other := task.NewSet[int](context.Background(), 1)
			queued := spawn(ctx, value(1))
			other.Spawn(queued.Join) // it has the only slot of other and waits for ours
			_, err := other.Spawn(value(2)).Join(ctx)
			return errors.Join(err, other.Shutdown(ctx))
		},
		"given up, then the joined waits for the joiner": func(ctx context.Context, spawn spawn) error {
			signal := make(chan struct{})
			h := spawn(ctx, after(signal, 1))
			limited, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := h.Join(limited)
			if !errors.Is(err, context.DeadlineExceeded) {
				return errors.New("not given up")
			}
			close(signal)
			_, err = h.Join(ctx)
			return err
		},
	}
	for name, form := range forms {
		for _, kind := range []string{"pool", "pool without a queue", "set"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var now spawn
					var end func(context.Context) error
					switch kind {
					case "set":
						s := newSet[int](t, 1)
						end = s.Shutdown
						now = func(_ context.Context, f func(context.Context) (int, error)) *task.Handle[int] { return s.Spawn(f) }
					default:
						o := task.PoolOptions{Workers: 1, Queue: 10}
						if kind != "pool" {
							o.Queue = 0
						}
						p := newPool(t, o)
						end = p.Shutdown
						now = func(ctx context.Context, f func(context.Context) (int, error)) *task.Handle[int] {
							h, err := task.Submit(ctx, p, f)
							assert.NoError(t, err)
							return h
						}
					}
					if kind == "pool without a queue" && name == "given up, then the joined waits for the joiner" {
						return // Submit waits for the end of what it submits
					}
					_, err := now(t.Context(), func(ctx context.Context) (int, error) { return 0, form(ctx, now) }).Join(t.Context())
					require.NoError(t, err)
					require.NoError(t, end(t.Context()))
				})
			})
		}
	}
}

func TestSubmitInsideAFullPoolRunsTheTaskInTheCallersSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1})
		var order []string
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			_, err := task.Submit(ctx, p, func(ctx context.Context) (int, error) {
				s := p.Stats()
				assert.Equal(t, []int{2, 1}, []int{s.Running, s.HandedOver})
				_, _ = sleeper(time.Second, 0)(ctx)
				order = append(order, "inner")
				return 0, nil
			})
			order = append(order, "outer")
			return 0, err
		}).Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"inner", "outer"}, order)
		assert.EqualValues(t, 1, p.Stats().Handoffs)
	})
}

func TestAJoinThatGaveUpGoesOnBesideTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
		var third *task.Handle[int]
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			limited, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			h := submit(t, p, sleeper(10*time.Second, 1))
			third = submit(t, p, value(3))
			_, err := h.Join(limited)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			s := p.Stats()
			assert.Equal(t, []int{2, 1, 1, 1}, []int{s.Running, s.HandedOver, s.OverLimit, s.Queued})
			return 0, nil
		}).Join(t.Context())
		require.NoError(t, err)
		s := p.Stats()
		assert.Equal(t, []int{1, 0, 0, 1}, []int{s.Running, s.HandedOver, s.OverLimit, s.Queued}, "the end repays: nothing begins")
		_, err = third.Join(t.Context())
		require.NoError(t, err)
	})
}

func TestAJoinAfterOneThatGaveUpIsNotOverTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
		h := submit(t, p, func(ctx context.Context) (int, error) {
			inner := submit(t, p, sleeper(10*time.Second, 1))
			limited, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := inner.Join(limited)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 1, p.Stats().OverLimit)
			return inner.Join(ctx)
		})
		testkit.Advance(5 * time.Second)
		s := p.Stats()
		assert.Equal(t, []int{2, 1, 0}, []int{s.Running, s.HandedOver, s.OverLimit})
		_, err := h.Join(t.Context())
		require.NoError(t, err)
	})
}

func TestAWaitAfterOneThatGaveUpDoesNotWaitForTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
		start := time.Now()
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			limited, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := submit(t, p, sleeper(time.Hour, 1)).Join(limited)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return task.Go(ctx, sleeper(time.Second, 1)).Join(ctx)
		}).Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, time.Since(start))
		p.Abort(nil)
	})
}

func TestAJoinOfATaskThatGaveUpEndsWithThatTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
		start := time.Now()
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			_, err := submit(t, p, func(ctx context.Context) (int, error) {
				limited, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				_, err := submit(t, p, sleeper(time.Hour, 1)).Join(limited)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				return 0, nil
			}).Join(ctx)
			s := p.Stats()
			assert.Equal(t, []int{2, 1, 1}, []int{s.Running, s.HandedOver, s.OverLimit})
			return 0, err
		}).Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(start))
		p.Abort(nil)
	})
}

func TestSubmitInsideAFullPoolWaitsForTheTaskAlsoWhenASlotIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 2})
		submit(t, p, sleeper(time.Second, 1))
		start := time.Now()
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			_, err := task.Submit(ctx, p, func(ctx context.Context) (int, error) {
				assert.Zero(t, p.Stats().Waiting)
				return sleeper(time.Minute, 1)(ctx)
			})
			return 0, err
		}).Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestOneTaskPassesItsSlotToOneTaskAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 100})
		var l loads
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			var joins []func(context.Context) (int, error)
			for range 10 {
				joins = append(joins, submit(t, p, l.run).Join)
			}
			_, err := task.JoinAll(ctx, joins...)
			return 0, err
		}).Join(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 1, l.most.Load())
		assert.EqualValues(t, 10, p.Stats().Handoffs)
	})
}

func TestAPoolWithoutALimitPassesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: math.MaxInt})
		parent := func(ctx context.Context) (int, error) { return submit(t, p, value(42)).Join(ctx) }
		for range 2 {
			v, err := submit(t, p, parent).Join(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 42, v)
			p.Resize(math.MaxInt - 1)
		}
		assert.Zero(t, p.Stats().Handoffs)
	})
}

func TestNextInsideASet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 1)
		spawned := make(chan struct{}) // Next of a set without other tasks fails
		collect := func(ctx context.Context) (int, error) {
			<-spawned
			sum := 0
			for {
				h, err := s.Next(ctx)
				if err != nil {
					assert.Equal(t, task.ErrEmpty, err)
					return sum, nil
				}
				v, err := h.Join(ctx)
				if err != nil {
					return 0, err
				}
				sum += v
			}
		}
		first := s.Spawn(collect)
		var l loads
		for range 5 {
			s.Spawn(l.run)
		}
		second := s.Spawn(collect)
		close(spawned)
		a, err := first.Join(t.Context())
		require.NoError(t, err)
		b, err := second.Join(t.Context())
		require.NoError(t, err)
		assert.GreaterOrEqual(t, s.Stats().Handoffs, uint64(5))
		assert.GreaterOrEqual(t, a+b, 5, "the one that ends first may be given out to the other")
		assert.EqualValues(t, 1, l.most.Load())
	})
}

func TestNextInsideASetDoesNotWaitForTasksThatWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 2)
		var inner *task.Handle[int]
		outer := s.Spawn(func(ctx context.Context) (int, error) {
			inner = s.Spawn(func(ctx context.Context) (int, error) {
				_, err := s.Next(ctx)
				assert.Equal(t, task.ErrEmpty, err)
				return 0, nil
			})
			synctest.Wait()
			return inner.Join(ctx)
		})
		_, err := outer.Join(t.Context())
		require.NoError(t, err)
	})
}

func TestATaskThatJoinsItselfPanics(t *testing.T) {
	for name, start := range owners(t) {
		t.Run(name, func(t *testing.T) {
			for _, ctxOf := range []func(context.Context) context.Context{
				func(ctx context.Context) context.Context { return ctx },
				func(context.Context) context.Context { return t.Context() },
			} {
				self := make(chan *task.Handle[int], 1)
				h := start(func(ctx context.Context) (int, error) { return (<-self).Join(ctxOf(ctx)) })
				self <- h
				_, err := h.Result(t.Context())
				var p *task.PanicError
				require.ErrorAs(t, err, &p)
				assert.Regexp(t, `task: deadlock: task 0x\w+ of .*TestATaskThatJoinsItselfPanics.* waits for itself`, p.Value)
			}
		})
	}
}

// owners returns ways to start a task, by the name of its owner.
func owners(t *testing.T) map[string]func(func(context.Context) (int, error)) *task.Handle[int] {
	t.Helper()
	p, s := newPool(t, task.PoolOptions{Workers: 3}), newSet[int](t, 3)
	return map[string]func(func(context.Context) (int, error)) *task.Handle[int]{
		"nobody": func(f func(context.Context) (int, error)) *task.Handle[int] { return task.Go(t.Context(), f) },
		"pool":   func(f func(context.Context) (int, error)) *task.Handle[int] { return submit(t, p, f) },
		"set":    s.Spawn,
	}
}

func TestACycleOfJoinsPanics(t *testing.T) {
	all := owners(t)
	for first, start := range all {
		for second, startOther := range all {
			t.Run(first+" and "+second, func(t *testing.T) {
				peer := make(chan *task.Handle[int], 1)
				a := start(func(ctx context.Context) (int, error) { return (<-peer).Join(ctx) })
				b := startOther(a.Join)
				peer <- b
				_, err := b.Result(t.Context())
				var p *task.PanicError
				require.ErrorAs(t, err, &p)
				assert.Regexp(t, `task: deadlock: task 0x\w+ of .*, which waits for task 0x\w+ of .*, which waits for task`, p.Value)
				_, err = a.Result(t.Context())
				require.ErrorAs(t, err, &p)
			})
		}
	}
}

func TestACycleThroughAScopePanics(t *testing.T) {
	for name, start := range owners(t) {
		t.Run(name, func(t *testing.T) {
			self := make(chan *task.Handle[int], 1)
			h := start(func(ctx context.Context) (int, error) {
				_, err := task.JoinAll(ctx, (<-self).Join)
				return 0, err
			})
			self <- h
			_, err := h.Result(t.Context())
			var p *task.PanicError
			require.ErrorAs(t, err, &p)
			assert.Contains(t, p.Error(), "which waits for the end of its scope")
		})
	}
}

func TestAWaitThatEndsByItselfIsNoCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := make(chan *task.Handle[int], 1)
		a := task.Go(t.Context(), func(ctx context.Context) (int, error) {
			h := <-peer
			limited, cancel := context.WithCancel(ctx)
			cancel()
			_, err := h.Join(limited)
			assert.ErrorIs(t, err, context.Canceled)
			return 1, nil
		})
		b := task.Go(t.Context(), a.Join)
		peer <- b
		v, err := b.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, v)
		go func() { _, _ = b.Join(t.Context()) }() // a goroutine that is no task closes no ring
	})
}

func TestClosingInsideAnOwnTaskPanics(t *testing.T) {
	p, s := newPool(t, task.PoolOptions{Workers: 1}), newSet[int](t, 1)
	for name, f := range map[string]func(context.Context){
		"Pool.Close":    func(context.Context) { _ = p.Close() },
		"Pool.Shutdown": func(ctx context.Context) { _ = p.Shutdown(ctx) },
		"Pool.Wait":     func(ctx context.Context) { _ = p.Wait(ctx) },
		"Set.Close":     func(context.Context) { _ = s.Close() },
		"Set.Shutdown":  func(ctx context.Context) { _ = s.Shutdown(ctx) },
		"Set.Wait":      func(context.Context) { _ = s.Wait(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			call := func(ctx context.Context) (int, error) {
				err := testkit.PanicError(t, func() { f(ctx) })
				assert.Regexp(t, "^task: "+name+`: task 0x\w+ of .* waits for its own end$`, err.Error())
				return 0, nil
			}
			var h *task.Handle[int]
			if name[0] == 'P' {
				h = submit(t, p, call)
			} else {
				h = s.Spawn(call)
			}
			_, err := h.Join(t.Context())
			require.NoError(t, err)
		})
	}
}

func TestACycleThroughAScopeWhoseTaskHeedsNoContextPanics(t *testing.T) {
	for name, join := range map[string]func(ctx context.Context, h *task.Handle[int]) error{
		"Join": func(ctx context.Context, h *task.Handle[int]) error { _, err := h.Join(ctx); return err },
		"Wait": func(ctx context.Context, h *task.Handle[int]) error {
			s := task.NewSet[int](context.Background(), 1)
			joined := s.Spawn(h.Join)
			err := s.Wait(ctx)
			_, _ = joined.Result(ctx)
			return errors.Join(err, s.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				self := make(chan *task.Handle[int], 1)
				h := task.Go(t.Context(), func(ctx context.Context) (int, error) {
					self := <-self
					return 0, task.WithScope(ctx, func(s *task.Scope) error {
						s.SpawnErr(func(ctx context.Context) error { return join(context.WithoutCancel(ctx), self) })
						synctest.Wait()
						return nil
					})
				})
				self <- h
				_, err := h.Result(t.Context())
				var p *task.PanicError
				require.ErrorAs(t, err, &p)
				assert.Contains(t, p.Error(), "which waits for the end of its scope")
			})
		})
	}
}

func TestAWaitOnTheTasksOwnGoroutineCountsWhateverItsContext(t *testing.T) {
	for name, wait := range map[string]func(other *task.Set[int], h *task.Handle[int]) error{
		"Join":     func(_ *task.Set[int], h *task.Handle[int]) error { _, err := h.Join(context.Background()); return err },
		"Wait":     func(s *task.Set[int], _ *task.Handle[int]) error { return s.Wait(context.Background()) },
		"Shutdown": func(s *task.Set[int], _ *task.Handle[int]) error { return s.Shutdown(context.Background()) },
		"Next":     func(s *task.Set[int], _ *task.Handle[int]) error { _, err := s.Next(context.Background()); return err },
		"Ordered": func(s *task.Set[int], _ *task.Handle[int]) error {
			for _, err := range s.Ordered(context.Background()) {
				return err
			}
			return nil
		},
		"Close": func(s *task.Set[int], _ *task.Handle[int]) error { return s.Close() },
		"the end of a scope": func(_ *task.Set[int], h *task.Handle[int]) error {
			return task.WithScope(context.Background(), func(s *task.Scope) error { task.Spawn(s, h.Join); return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, other := newPool(t, task.PoolOptions{Workers: 1, Queue: 1}), newSet[int](t, 1)
				h := submit(t, p, func(context.Context) (int, error) {
					queued := submit(t, p, value(1))
					h := other.Spawn(func(ctx context.Context) (int, error) { return queued.Join(context.WithoutCancel(ctx)) })
					synctest.Wait()
					return 0, wait(other, h)
				})
				_, err := h.Join(t.Context())
				var end *task.EndError
				if !errors.As(err, &end) || end.Aborted != 1 {
					require.NoError(t, err)
				}
			})
		})
	}
}

// begins returns a task that notes in at when it began, and ends after d.
func begins(at *time.Time, d time.Duration) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		*at = time.Now()
		return sleeper(d, 1)(ctx)
	}
}

func TestEachEndRepaysAWaitThatWasGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		joinsAgain bool
		want       time.Duration // when the third task begins
	}{
		"until it joins again": {true, 3 * time.Second},
		"until it ends":        {false, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t, task.PoolOptions{Workers: 2, Queue: 10})
				start := time.Now()
				var began time.Time
				submit(t, p, sleeper(2*time.Second, 1))
				h := submit(t, p, func(ctx context.Context) (int, error) {
					long := submit(t, p, sleeper(10*time.Second, 1))
					limited, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					_, err := long.Join(limited)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					<-time.After(2 * time.Second)
					if c.joinsAgain {
						return long.Join(ctx)
					}
					<-time.After(2 * time.Second)
					return 0, nil
				})
				synctest.Wait()
				third := submit(t, p, begins(&began, time.Second))
				testkit.Advance(2500 * time.Millisecond)
				s := p.Stats()
				assert.Equal(t, []int{2, 1, 1, 1}, []int{s.Running, s.HandedOver, s.OverLimit, s.Queued})
				for _, h := range []*task.Handle[int]{h, third} {
					_, err := h.Join(t.Context())
					require.NoError(t, err)
				}
				assert.Equal(t, c.want, began.Sub(start))
			})
		})
	}
}

// A task waits for any of two tasks. One of them waits for a task in the slot of the
// first, the other one ends soon.
func TestAWaitThatIsOverEndsWhenThereIsASlot(t *testing.T) {
	for name, c := range map[string]struct {
		others time.Duration // when the other slot becomes free
		limit  time.Duration // of the wait
		want   time.Duration // when the wait ends
		over   int           // then
		third  time.Duration // when the third task begins
	}{
		"its own":             {time.Hour, time.Hour, 10 * time.Second, 0, 12 * time.Second},
		"another":             {5 * time.Second, time.Hour, 5 * time.Second, 0, 7 * time.Second},
		"that is free":        {500 * time.Millisecond, time.Hour, time.Second, 0, 3 * time.Second},
		"or it is given up":   {time.Hour, 3 * time.Second, 3 * time.Second, 1, 10 * time.Second},
		"or given up, repaid": {4 * time.Second, 3 * time.Second, 3 * time.Second, 1, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t, task.PoolOptions{Workers: 2, Queue: 10})
				start := time.Now()
				var began time.Time
				submit(t, p, sleeper(c.others, 1))
				h := submit(t, p, func(ctx context.Context) (int, error) {
					inner := task.NewSet[int](ctx, 2)
					inner.Spawn(submit(t, p, sleeper(10*time.Second, 1)).Join)
					inner.Spawn(sleeper(time.Second, 1))
					limited, cancel := context.WithTimeout(ctx, c.limit)
					defer cancel()
					_, err := inner.Next(limited)
					require.NoError(t, err)
					assert.Equal(t, c.want, time.Since(start))
					assert.Equal(t, c.over, p.Stats().OverLimit)
					_, err = task.Go(ctx, sleeper(2*time.Second, 1)).Join(ctx)
					require.NoError(t, err)
					assert.Equal(t, c.want+2*time.Second, time.Since(start), "it does not wait for a slot again")
					inner.Abort(nil)
					return 0, nil
				})
				testkit.Advance(1500 * time.Millisecond)
				third := submit(t, p, begins(&began, time.Second))
				if c.want > 2*time.Second {
					testkit.Advance(time.Second)
					s := p.Stats()
					assert.Equal(t, []int{3, 1, 0, 1}, []int{s.Running, s.HandedOver, s.OverLimit, s.Queued})
				}
				for _, h := range []*task.Handle[int]{h, third} {
					_, err := h.Join(t.Context())
					require.NoError(t, err)
				}
				assert.Equal(t, c.third, began.Sub(start))
				p.Abort(nil)
			})
		})
	}
}

// Three goroutines of a task wait: for a task without an owner, which ends first, for
// one that has the task's slot, and for one that needs it afterwards.
func TestWaitsOfOneTaskEndInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
		start := time.Now()
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			var last *task.Handle[int]
			joins := []func(context.Context) (int, error){
				task.Go(ctx, sleeper(time.Second, 1)).Join,
				submit(t, p, sleeper(3*time.Second, 1)).Join,
				task.Go(ctx, func(ctx context.Context) (int, error) {
					last = submit(t, p, sleeper(time.Second, 1))
					return last.Join(ctx)
				}).Join,
			}
			ended := make(chan error)
			for _, join := range joins {
				go func() {
					_, err := join(ctx)
					ended <- err
				}()
				synctest.Wait()
			}
			for range joins {
				require.NoError(t, <-ended)
			}
			return 0, nil
		}).Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 4*time.Second, time.Since(start))
		synctest.Wait()
		assert.Zero(t, task.PoolTraces(p))
	})
}

// Each task of a level waits for both of the next one: there are 2^40 ways down.
func TestManyDiamonds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 1000})
		level := []*task.Handle[int]{submit(t, p, value(1)), submit(t, p, value(1))}
		_, err := submit(t, p, func(ctx context.Context) (int, error) {
			for range 40 {
				below := level
				both := func(ctx context.Context) (int, error) {
					_, err := task.JoinAll(ctx, below[0].Join, below[1].Join)
					return 0, err
				}
				level = []*task.Handle[int]{task.Go(ctx, both), task.Go(ctx, both)}
			}
			synctest.Wait()
			last := submit(t, p, value(1))
			_, err := task.JoinAll(ctx, level[0].Join, level[1].Join, last.Join)
			return 0, err
		}).Join(t.Context())
		require.NoError(t, err)
	})
}

func TestATaskInNextPassesItsSlotToOneThatWaitsForItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[int](t, 2)
		start := time.Now()
		h := s.Spawn(func(ctx context.Context) (int, error) {
			inner := task.NewSet[int](ctx, 2)
			inner.Spawn(s.Spawn(sleeper(10*time.Second, 1)).Join)
			inner.Spawn(sleeper(time.Second, 1))
			_, err := inner.Next(ctx)
			assert.Equal(t, time.Second, time.Since(start))
			inner.Abort(nil)
			return 0, err
		})
		s.Spawn(func(ctx context.Context) (int, error) {
			_, err := s.Next(ctx)
			return 0, err
		})
		_, err := h.Join(t.Context())
		require.NoError(t, err)
		s.Abort(nil)
	})
}

// A goroutine of a task that has ended goes on waiting for a task that comes to need a
// slot.
func TestATaskThatHasEndedPassesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 10})
		later := make(chan struct{})
		var queued *task.Handle[int]
		other := task.Go(t.Context(), func(ctx context.Context) (int, error) { <-later; return queued.Join(ctx) })
		submit(t, p, func(ctx context.Context) (int, error) {
			go func() { _, _ = other.Join(context.WithoutCancel(ctx)) }()
			synctest.Wait()
			return 0, nil
		})
		submit(t, p, sleeper(10*time.Second, 1))
		queued = submit(t, p, value(1))
		testkit.Advance(time.Second)
		close(later)
		testkit.Advance(time.Second)
		s := p.Stats()
		assert.Equal(t, []int{1, 0, 1}, []int{s.Running, s.HandedOver, s.Queued})
		_, err := other.Join(t.Context())
		require.NoError(t, err)
	})
}
