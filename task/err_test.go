package task_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

func TestFormsForFunctionsThatReturnOnlyAnError(t *testing.T) {
	p := newPool(t, task.PoolOptions{Workers: 1})
	join := func(h *task.Handle[struct{}], err error) error {
		if err != nil {
			return err
		}
		_, err = h.Join(context.Background())
		return err
	}
	for name, call := range map[string]func(f func(context.Context) error) error{
		"GoErr": func(f func(context.Context) error) error { return join(task.GoErr(t.Context(), f), nil) },
		"SpawnErr": func(f func(context.Context) error) error {
			return task.WithScope(t.Context(), func(s *task.Scope) error {
				task.SpawnErr(s, f)
				return nil
			})
		},
		"SubmitErr":    func(f func(context.Context) error) error { return join(task.SubmitErr(t.Context(), p, f)) },
		"TrySubmitErr": func(f func(context.Context) error) error { return join(task.TrySubmitErr(p, f)) },
		"JoinAllErr":   func(f func(context.Context) error) error { return task.JoinAllErr(t.Context(), f, f) },
		"RaceOKErr":    func(f func(context.Context) error) error { return task.RaceOKErr(t.Context(), f, f) },
		"SettleErr":    func(f func(context.Context) error) error { return errors.Join(task.SettleErr(t.Context(), f, f)...) },
		"TrySpawnErr": func(f func(context.Context) error) error {
			return task.WithGroup(t.Context(), 1, func(s *task.Scope) error { return join(task.TrySpawnErr(s, f)) })
		},
		"Set.SpawnErr": func(f func(context.Context) error) error {
			s := newSet[int](t, 1)
			_, err := s.SpawnErr(f).Join(t.Context())
			return err
		},
		"JoinMap.SpawnErr": func(f func(context.Context) error) error {
			m := newJoinMap[string, int](t, 1)
			_, err := m.SpawnErr("a", f).Join(t.Context())
			return err
		},
		"Flight.DoErr": func(f func(context.Context) error) error {
			var fl task.Flight[string, int]
			return fl.DoErr(t.Context(), "a", f)
		},
		"RaceErr":    func(f func(context.Context) error) error { return task.RaceErr(t.Context(), f, f) },
		"TimeoutErr": func(f func(context.Context) error) error { return task.TimeoutErr(t.Context(), time.Hour, f) },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, call(func(context.Context) error { return nil }))
			require.ErrorIs(t, call(func(context.Context) error { return errBoom }), errBoom)
			require.NoError(t, p.Wait(t.Context()))
			require.ErrorContains(t, testkit.PanicError(t, func() { _ = call(nil) }), "nil function")
		})
	}
	err := testkit.PanicError(t, func() { _ = task.RaceErr(t.Context()) })
	require.EqualError(t, err, "task: RaceErr: no functions")
}
