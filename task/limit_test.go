package task_test

import (
	"context"
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
