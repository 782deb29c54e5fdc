package task_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/task"
)

// TestContextsEndWithWhatTheyWereGivenTo keeps the context of each form until that has
// returned or was joined.
func TestContextsEndWithWhatTheyWereGivenTo(t *testing.T) {
	type f = func(context.Context) (int, error)
	ctx := t.Context()
	p := newPool(t, task.PoolOptions{Workers: 1})
	s := newSet[int](t, 1)
	m := newJoinMap[string, int](t, 1)
	var fl task.Flight[string, int]
	join := func(h *task.Handle[int], err error) error {
		if err != nil {
			return err
		}
		_, err = h.Join(ctx)
		return err
	}
	for name, call := range map[string]func(f f) error{
		"Go":        func(f f) error { return join(task.Go(ctx, f), nil) },
		"Submit":    func(f f) error { return join(task.Submit(ctx, p, f)) },
		"Set.Spawn": func(f f) error { return join(s.Spawn(f), nil) },
		"JoinMap.Spawn": func(f f) error {
			return join(m.Spawn("a", f), nil)
		},
		"Flight.Do": func(f f) error { _, err := fl.Do(ctx, "a", f); return err },
		"Spawn in WithScope": func(f f) error {
			return task.WithScope(ctx, func(s *task.Scope) error { return join(task.Spawn(s, f), nil) })
		},
		"TrySpawn in WithGroup": func(f f) error {
			return task.WithGroup(ctx, 1, func(s *task.Scope) error { return join(task.TrySpawn(s, f)) })
		},
		"WithScope": func(f f) error {
			return task.WithScope(ctx, func(s *task.Scope) error { _, err := f(s.Context()); return err })
		},
		"WithGroup": func(f f) error {
			return task.WithGroup(ctx, 1, func(s *task.Scope) error { _, err := f(s.Context()); return err })
		},
		"Join2":   func(f f) error { _, _, err := task.Join2(ctx, f, value(1)); return err },
		"JoinAll": func(f f) error { _, err := task.JoinAll(ctx, f); return err },
		"Settle":  func(f f) error { return task.Settle(ctx, f)[0].Err },
		"Race":    func(f f) error { _, err := task.Race(ctx, f); return err },
		"RaceOK":  func(f f) error { _, err := task.RaceOK(ctx, f); return err },
		"Timeout": func(f f) error { _, err := task.Timeout(ctx, time.Hour, f); return err },
	} {
		t.Run(name, func(t *testing.T) {
			var kept func() error
			require.NoError(t, call(func(ctx context.Context) (int, error) {
				kept = ctx.Err
				return 1, ctx.Err()
			}))
			assert.Equal(t, context.Canceled, kept())
		})
	}
}
