package task_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

// TestStressPool submits, resizes, waits in tasks, aborts, gives up and closes
// all at once: what was accepted ends exactly once.
func TestStressPool(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		p := task.NewPool(t.Context(), task.PoolOptions{Workers: 1 + round%4, Queue: round % 5, Idle: round % 2})
		var accepted, ended atomic.Int64
		testkit.Parallel(6, func(i int) {
			rnd := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			var handles []*task.Handle[int]
			for range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				if rnd.IntN(4) == 0 {
					go cancel()
				}
				depth := rnd.IntN(3)
				var nested func(ctx context.Context) (int, error)
				nested = func(ctx context.Context) (int, error) {
					defer ended.Add(1)
					if depth--; depth < 0 {
						return 1, nil
					}
					h, err := task.Submit(ctx, p, nested)
					if err != nil {
						return 0, err
					}
					accepted.Add(1)
					return h.Join(ctx)
				}
				h, err := task.Submit(ctx, p, nested)
				if err == nil {
					accepted.Add(1)
					handles = append(handles, h)
				}
				cancel()
				switch rnd.IntN(10) {
				case 0:
					p.Resize(1 + rnd.IntN(4))
				case 1:
					if i == 0 && rnd.IntN(4) == 0 {
						go func() { _ = p.Shutdown(context.Background()) }()
					}
				}
			}
			for _, h := range handles {
				_, err := h.Result(t.Context())
				if err != nil {
					assert.ErrorIs(t, err, task.ErrClosed)
				}
			}
		})
		_ = p.Shutdown(context.Background())
		s := p.Stats()
		assert.Equal(t, accepted.Load(), ended.Load())
		assert.EqualValues(t, accepted.Load(), s.Submitted)
		assert.Equal(t, s.Submitted, s.Succeeded+s.Failed)
		s.Submitted, s.Succeeded, s.Failed, s.Workers, s.Handoffs = 0, 0, 0, 0, 0
		assert.Zero(t, s)
	})
}

// TestStressSet spawns and takes in both orders at once: each result is given
// out once.
func TestStressSet(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		s := task.NewSet[int](t.Context(), 1+round%3)
		const spawners, each = 3, 50
		var given [spawners * each]atomic.Int64
		var taken atomic.Int64
		testkit.Parallel(spawners+3, func(i int) {
			if i < spawners {
				for j := range each {
					s.Spawn(value(i*each + j))
				}
				return
			}
			for taken.Load() < spawners*each {
				results := s.All(t.Context())
				if i == spawners {
					results = s.Ordered(t.Context())
				}
				for v, err := range results {
					assert.NoError(t, err)
					given[v].Add(1)
					taken.Add(1)
				}
			}
		})
		for i := range given {
			require.EqualValues(t, 1, given[i].Load())
		}
		_ = s.Close()
	})
}

// TestStressHandle joins, polls and aborts while the task ends.
func TestStressHandle(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		err := task.WithScope(t.Context(), func(s *task.Scope) error {
			h := task.Spawn(s, func(ctx context.Context) (int, error) {
				if round%2 == 0 {
					return untilDone(ctx)
				}
				return 42, nil
			})
			testkit.Parallel(4, func(i int) {
				switch i {
				case 0:
					h.Abort(errBoom)
				case 1:
					<-h.Done()
					_, ready, _ := h.Poll()
					assert.True(t, ready)
				default:
					if v, err := h.Join(t.Context()); err != nil {
						assert.ErrorIs(t, err, errBoom)
					} else {
						assert.Equal(t, 42, v)
					}
				}
			})
			return nil
		})
		require.NoError(t, err)
	})
}
