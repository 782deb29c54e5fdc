package task_test

import (
	"context"
	"errors"
	"go/ast"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
		"Scope.SpawnErr": func(f func(context.Context) error) error {
			return task.WithScope(t.Context(), func(s *task.Scope) error {
				s.SpawnErr(f)
				return nil
			})
		},
		"Pool.SubmitErr":    func(f func(context.Context) error) error { return join(p.SubmitErr(t.Context(), f)) },
		"Pool.TrySubmitErr": func(f func(context.Context) error) error { return join(p.TrySubmitErr(f)) },
		"JoinAllErr":        func(f func(context.Context) error) error { return task.JoinAllErr(t.Context(), f, f) },
		"RaceOKErr":         func(f func(context.Context) error) error { return task.RaceOKErr(t.Context(), f, f) },
		"SettleErr":         func(f func(context.Context) error) error { return errors.Join(task.SettleErr(t.Context(), f, f)...) },
		"Scope.TrySpawnErr": func(f func(context.Context) error) error {
			return task.WithGroup(t.Context(), 1, func(s *task.Scope) error { return join(s.TrySpawnErr(f)) })
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
			require.EqualError(t, testkit.PanicError(t, func() { _ = call(nil) }), "task: "+name+": nil function")
		})
	}
	fails := func(context.Context) error { return errBoom }
	obeys := func(ctx context.Context) error { <-ctx.Done(); return nil }
	require.ErrorIs(t, task.RaceErr(t.Context(), obeys, fails), errBoom, "the first to end")
	require.NoError(t, task.RaceOKErr(t.Context(), fails, func(context.Context) error { return nil }), "the first to succeed")
	err := testkit.PanicError(t, func() { _ = task.RaceErr(t.Context()) })
	require.EqualError(t, err, "task: RaceErr: no functions")
}

// TestEachFormForAValueHasOneForAnErrorAlone reads the sources of this package and of
// retry: beside each exported function that takes functions that return a value and an
// error stands one with Err in its name.
func TestEachFormForAValueHasOneForAnErrorAlone(t *testing.T) {
	for _, dir := range []string{".", "../retry"} {
		forms, names := formsIn(t, dir)
		require.NotEmpty(t, forms)
		for _, form := range forms {
			sibling := form + "Err"
			switch form {
			case "Join2", "Join3", "Join4", "Join5":
				sibling = "JoinAllErr" // without values they are all of one type
			case "Spawn", "TrySpawn": // functions because a method has no type parameters
				sibling = "Scope." + sibling
			case "Submit", "TrySubmit":
				sibling = "Pool." + sibling
			}
			assert.True(t, names[sibling], "%s: %s has no sibling %s", dir, form, sibling)
		}
	}
}

// formsIn returns the exported functions and methods that take a function that returns
// a value and an error, and the names of all functions.
func formsIn(t *testing.T, dir string) (forms []string, names map[string]bool) {
	t.Helper()
	names = map[string]bool{}
	for name, f := range testkit.ExportedFuncs(t, dir) {
		names[name] = true
		if slices.ContainsFunc(f.Type.Params.List, takesValueForm) {
			forms = append(forms, name)
		}
	}
	return forms, names
}

// takesValueForm reports whether a parameter is func(context.Context) (T, error),
// variadic or not, or a retry.Op.
func takesValueForm(p *ast.Field) bool {
	kind := p.Type
	if many, ok := kind.(*ast.Ellipsis); ok {
		kind = many.Elt
	}
	switch kind := kind.(type) {
	case *ast.FuncType:
		return kind.Results != nil && len(kind.Results.List) == 2
	case *ast.IndexExpr:
		return testkit.TypeName(kind) == "Op"
	default:
		return false
	}
}
