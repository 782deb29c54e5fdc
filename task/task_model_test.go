package task_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

// modelTask is a task that ends when it is told to.
type modelTask struct {
	id     int
	began  chan struct{}
	finish chan error
	handle *task.Handle[int]
}

func newModelTask(id int) *modelTask {
	return &modelTask{id: id, began: make(chan struct{}), finish: make(chan error)}
}

func (m *modelTask) run(context.Context) (int, error) {
	close(m.began)
	return m.id, <-m.finish
}

func (m *modelTask) hasBegun() bool {
	select {
	case <-m.began:
		return true
	default:
		return false
	}
}

// TestSetModel compares a Set with lists: queued, running, ended, in which order.
func TestSetModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		s := task.NewSet[int](context.Background(), limit)
		var queued, running, ended, order []*modelTask
		ids := 0
		begin := func() {
			for len(running) < limit && len(queued) > 0 {
				running, queued = append(running, queued[0]), queued[1:]
			}
		}
		end := func(i int, err error) {
			m := running[i]
			m.finish <- err
			synctest.Wait()
			running = slices.Delete(running, i, i+1)
			ended = append(ended, m)
			begin()
		}
		give := func(want *modelTask, got *task.Handle[int]) {
			assert.Same(t, want.handle, got)
			v, ready, _ := got.Poll()
			assert.True(t, ready)
			assert.Equal(t, want.id, v)
			same := func(m *modelTask) bool { return m == want }
			ended, order = slices.DeleteFunc(ended, same), slices.DeleteFunc(order, same)
		}
		t.Repeat(map[string]func(*rapid.T){
			"spawn": func(*rapid.T) {
				m := newModelTask(ids)
				ids++
				m.handle = s.Spawn(m.run)
				queued, order = append(queued, m), append(order, m)
				begin()
			},
			"end": func(t *rapid.T) {
				if len(running) == 0 {
					t.Skip("none runs")
				}
				err := rapid.SampledFrom([]error{nil, errBoom}).Draw(t, "err")
				end(rapid.IntRange(0, len(running)-1).Draw(t, "i"), err)
			},
			"next": func(t *rapid.T) {
				h, ok := s.TryNext()
				assert.Equal(t, len(ended) > 0, ok)
				if ok {
					give(ended[0], h)
				}
			},
			"ordered": func(t *rapid.T) {
				if len(order) == 0 || !slices.Contains(ended, order[0]) {
					t.Skip("it would block")
				}
				for v, err := range s.Ordered(context.Background()) {
					_ = err // that of the task
					assert.Equal(t, order[0].id, v)
					break
				}
				give(order[0], order[0].handle)
			},
			"": func(t *rapid.T) {
				synctest.Wait()
				for _, m := range queued {
					assert.False(t, m.hasBegun())
				}
				for _, m := range running {
					assert.True(t, m.hasBegun())
				}
				assert.Equal(t, len(order), s.Len())
			},
		})
		for len(running) > 0 {
			end(0, nil)
		}
		_ = s.Close()
	})
}

// TestPoolModel compares a Pool with lists: waiting, queued, running.
func TestPoolModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		workers, bound := rapid.IntRange(1, 4).Draw(t, "workers"), rapid.IntRange(0, 3).Draw(t, "queue")
		idle := rapid.IntRange(0, workers).Draw(t, "idle")
		p := task.NewPool(context.Background(), task.PoolOptions{Workers: workers, Queue: bound, Idle: idle})
		type submission struct {
			*modelTask
			cancel context.CancelFunc
			result chan error
		}
		var waiting, queued, running []*submission
		submitted, ended := 0, 0
		begin := func() {
			for {
				switch {
				case len(running) < workers && len(queued) > 0:
					running, queued = append(running, queued[0]), queued[1:]
				case len(queued) < bound && len(waiting) > 0:
					queued, waiting = append(queued, waiting[0]), waiting[1:]
					submitted++
				case len(running) < workers && len(waiting) > 0:
					running, waiting = append(running, waiting[0]), waiting[1:]
					submitted++
				default:
					return
				}
			}
		}
		end := func(i int) {
			running[i].finish <- nil
			running = slices.Delete(running, i, i+1)
			ended++
			begin()
			synctest.Wait()
		}
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(*rapid.T) {
				m := &submission{modelTask: newModelTask(0), result: make(chan error, 1)}
				var ctx context.Context
				ctx, m.cancel = context.WithCancel(context.Background())
				go func() {
					_, err := task.Submit(ctx, p, m.run)
					m.result <- err
				}()
				waiting = append(waiting, m)
				begin()
			},
			"give up": func(t *rapid.T) {
				if len(waiting) == 0 {
					t.Skip("none waits")
				}
				i := rapid.IntRange(0, len(waiting)-1).Draw(t, "i")
				waiting[i].cancel()
				assert.ErrorIs(t, <-waiting[i].result, context.Canceled)
				waiting = slices.Delete(waiting, i, i+1)
			},
			"end": func(t *rapid.T) {
				if len(running) == 0 {
					t.Skip("none runs")
				}
				end(rapid.IntRange(0, len(running)-1).Draw(t, "i"))
			},
			"resize": func(t *rapid.T) {
				workers = rapid.IntRange(1, 5).Draw(t, "workers")
				p.Resize(workers)
				begin()
			},
			"": func(t *rapid.T) {
				synctest.Wait()
				for _, m := range running {
					assert.True(t, m.hasBegun())
				}
				for _, m := range slices.Concat(waiting, queued) {
					assert.False(t, m.hasBegun())
				}
				s := p.Stats()
				assert.LessOrEqual(t, s.Goroutines-s.Running, idle)
				s.Goroutines = 0
				assert.Equal(t, task.PoolStats{
					Workers: workers, Running: len(running), Queued: len(queued), Waiting: len(waiting),
					Submitted: uint64(submitted), Succeeded: uint64(ended),
				}, s)
			},
		})
		for len(running) > 0 {
			end(0)
		}
		_ = p.Close()
	})
}
