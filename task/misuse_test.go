package task_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

// misuses calls every exported function and method as a caller must not. The key is the
// text of the panic, without the prefix of the package.
func misuses(t *testing.T) map[string]func() {
	t.Helper()
	var (
		none  context.Context
		ctx   = t.Context()
		one   = value(1)
		fails = func(context.Context) error { return nil }
		noErr func(context.Context) error
		noVal func(context.Context) (int, error)

		zeroPool   task.Pool
		zeroScope  task.Scope
		zeroSet    task.Set[int]
		zeroMap    task.JoinMap[any, int]
		zeroHandle task.Handle[int]

		p        = newPool(t, task.PoolOptions{Workers: 1})
		s        = newSet[int](t, 1)
		m        = newJoinMap[any, int](t, 1)
		h        = task.Go(ctx, one)
		fl       task.Flight[any, int]
		open     *task.Scope
		ended    *task.Scope
		release  = make(chan struct{})
		released = make(chan struct{})
		unscoped = func(*task.Scope) error { return nil }
	)
	require.NoError(t, task.WithScope(ctx, func(s *task.Scope) error { ended = s; return nil }))
	isOpen := make(chan *task.Scope)
	go func() {
		defer close(released)
		_ = task.WithScope(ctx, func(s *task.Scope) error { isOpen <- s; <-release; return nil })
	}()
	open = <-isOpen
	t.Cleanup(func() { close(release); <-released })

	calls := map[string]func(){
		"Race: no functions":      func() { _, _ = task.Race[int](ctx) },
		"RaceErr: no functions":   func() { _ = task.RaceErr(ctx) },
		"RaceOK: no functions":    func() { _, _ = task.RaceOK[int](ctx) },
		"RaceOKErr: no functions": func() { _ = task.RaceOKErr(ctx) },

		"Spawn: nil Scope":                       func() { task.Spawn(nil, one) },
		"Spawn: zero Scope":                      func() { task.Spawn(&zeroScope, one) },
		"Spawn: the scope has ended":             func() { task.Spawn(ended, one) },
		"TrySpawn: nil Scope":                    func() { _, _ = task.TrySpawn(nil, one) },
		"TrySpawn: zero Scope":                   func() { _, _ = task.TrySpawn(&zeroScope, one) },
		"TrySpawn: the scope has ended":          func() { _, _ = task.TrySpawn(ended, one) },
		"Scope.SpawnErr: zero Scope":             func() { zeroScope.SpawnErr(fails) },
		"Scope.SpawnErr: the scope has ended":    func() { ended.SpawnErr(fails) },
		"Scope.TrySpawnErr: zero Scope":          func() { _, _ = zeroScope.TrySpawnErr(fails) },
		"Scope.TrySpawnErr: the scope has ended": func() { _, _ = ended.TrySpawnErr(fails) },
		"Scope.Abort: zero Scope":                func() { zeroScope.Abort(nil) },
		"Scope.Context: zero Scope":              func() { zeroScope.Context() },

		"Submit: nil Pool":             func() { _, _ = task.Submit(ctx, nil, one) },
		"Submit: zero Pool":            func() { _, _ = task.Submit(ctx, &zeroPool, one) },
		"TrySubmit: nil Pool":          func() { _, _ = task.TrySubmit(nil, one) },
		"TrySubmit: zero Pool":         func() { _, _ = task.TrySubmit(&zeroPool, one) },
		"Pool.SubmitErr: zero Pool":    func() { _, _ = zeroPool.SubmitErr(ctx, fails) },
		"Pool.TrySubmitErr: zero Pool": func() { _, _ = zeroPool.TrySubmitErr(fails) },
		"Pool.Resize: zero Pool":       func() { zeroPool.Resize(1) },
		"Pool.Close: zero Pool":        func() { _ = zeroPool.Close() },
		"Pool.Shutdown: zero Pool":     func() { _ = zeroPool.Shutdown(ctx) },
		"Pool.Abort: zero Pool":        func() { zeroPool.Abort(nil) },
		"Pool.Wait: zero Pool":         func() { _ = zeroPool.Wait(ctx) },

		"Set.Spawn: zero Set":    func() { zeroSet.Spawn(one) },
		"Set.SpawnErr: zero Set": func() { zeroSet.SpawnErr(fails) },
		"Set.Next: zero Set":     func() { _, _ = zeroSet.Next(ctx) },
		"Set.TryNext: zero Set":  func() { _, _ = zeroSet.TryNext() },
		"Set.Close: zero Set":    func() { _ = zeroSet.Close() },
		"Set.Shutdown: zero Set": func() { _ = zeroSet.Shutdown(ctx) },
		"Set.Abort: zero Set":    func() { zeroSet.Abort(nil) },
		"Set.Wait: zero Set":     func() { _ = zeroSet.Wait(ctx) },
		"Set.All: zero Set":      func() { zeroSet.All(ctx) },
		"Set.Ordered: zero Set":  func() { zeroSet.Ordered(ctx) },

		"JoinMap.Spawn: zero JoinMap":    func() { zeroMap.Spawn(1, one) },
		"JoinMap.SpawnErr: zero JoinMap": func() { zeroMap.SpawnErr(1, fails) },
		"JoinMap.Next: zero JoinMap":     func() { _, _, _ = zeroMap.Next(ctx) },
		"JoinMap.TryNext: zero JoinMap":  func() { _, _, _ = zeroMap.TryNext() },
		"JoinMap.Close: zero JoinMap":    func() { _ = zeroMap.Close() },
		"JoinMap.Shutdown: zero JoinMap": func() { _ = zeroMap.Shutdown(ctx) },
		"JoinMap.Abort: zero JoinMap":    func() { zeroMap.Abort(nil) },
		"JoinMap.AbortKey: zero JoinMap": func() { zeroMap.AbortKey(1, nil) },
		"JoinMap.Contains: zero JoinMap": func() { zeroMap.Contains(1) },
		"JoinMap.Wait: zero JoinMap":     func() { _ = zeroMap.Wait(ctx) },
		"JoinMap.All: zero JoinMap":      func() { zeroMap.All(ctx) },

		"Handle.Join: zero Handle":   func() { _, _ = zeroHandle.Join(ctx) },
		"Handle.Result: zero Handle": func() { _, _ = zeroHandle.Result(ctx) },
		"Handle.Poll: zero Handle":   func() { _, _, _ = zeroHandle.Poll() },
		"Handle.Done: zero Handle":   func() { zeroHandle.Done() },
		"Handle.Abort: zero Handle":  func() { zeroHandle.Abort(nil) },
		"Handle.Detach: zero Handle": func() { zeroHandle.Detach() },

		"NewPool: Workers 0 is not positive":             func() { task.NewPool(ctx, task.PoolOptions{}) },
		"NewPool: Workers -1 is not positive":            func() { task.NewPool(ctx, task.PoolOptions{Workers: -1}) },
		"NewPool: Queue -1 is negative":                  func() { task.NewPool(ctx, task.PoolOptions{Workers: 1, Queue: -1}) },
		"NewPool: Idle -1 is not within 0 and Workers 1": func() { task.NewPool(ctx, task.PoolOptions{Workers: 1, Idle: -1}) },
		"NewPool: Idle 2 is not within 0 and Workers 1":  func() { task.NewPool(ctx, task.PoolOptions{Workers: 1, Idle: 2}) },
	}
	for _, n := range []int{0, -1, math.MinInt} {
		calls[fmt.Sprintf("NewSet: limit %d is not positive", n)] = func() { task.NewSet[int](ctx, n) }
		calls[fmt.Sprintf("NewJoinMap: limit %d is not positive", n)] = func() { task.NewJoinMap[int, int](ctx, n) }
		calls[fmt.Sprintf("WithGroup: limit %d is not positive", n)] = func() { _ = task.WithGroup(ctx, n, unscoped) }
		calls[fmt.Sprintf("Pool.Resize: %d is not positive", n)] = func() { p.Resize(n) }
	}
	for text, key := range map[string]any{"NaN (float64)": math.NaN(), "[] ([]int)": []int{}} {
		text = "%s: the key " + text + " cannot be the key of a map"
		calls[fmt.Sprintf(text, "JoinMap.Spawn")] = func() { m.Spawn(key, one) }
		calls[fmt.Sprintf(text, "JoinMap.SpawnErr")] = func() { m.SpawnErr(key, fails) }
		calls[fmt.Sprintf(text, "JoinMap.Contains")] = func() { m.Contains(key) }
		calls[fmt.Sprintf(text, "JoinMap.AbortKey")] = func() { m.AbortKey(key, nil) }
		calls[fmt.Sprintf(text, "Flight.Do")] = func() { _, _ = fl.Do(ctx, key, one) }
		calls[fmt.Sprintf(text, "Flight.DoErr")] = func() { _ = fl.DoErr(ctx, key, fails) }
		calls[fmt.Sprintf(text, "Flight.Forget")] = func() { fl.Forget(key) }
	}
	for name, call := range map[string]func(ctx context.Context){
		"Go":               func(ctx context.Context) { task.Go(ctx, one).Detach() },
		"GoErr":            func(ctx context.Context) { task.GoErr(ctx, fails).Detach() },
		"WithScope":        func(ctx context.Context) { _ = task.WithScope(ctx, unscoped) },
		"WithGroup":        func(ctx context.Context) { _ = task.WithGroup(ctx, 1, unscoped) },
		"NewPool":          func(ctx context.Context) { task.NewPool(ctx, task.PoolOptions{Workers: 1}) },
		"NewSet":           func(ctx context.Context) { task.NewSet[int](ctx, 1) },
		"NewJoinMap":       func(ctx context.Context) { task.NewJoinMap[int, int](ctx, 1) },
		"Submit":           func(ctx context.Context) { _, _ = task.Submit(ctx, p, one) },
		"Pool.SubmitErr":   func(ctx context.Context) { _, _ = p.SubmitErr(ctx, fails) },
		"Pool.Shutdown":    func(ctx context.Context) { _ = p.Shutdown(ctx) },
		"Pool.Wait":        func(ctx context.Context) { _ = p.Wait(ctx) },
		"Set.Next":         func(ctx context.Context) { _, _ = s.Next(ctx) },
		"Set.All":          func(ctx context.Context) { s.All(ctx) },
		"Set.Ordered":      func(ctx context.Context) { s.Ordered(ctx) },
		"Set.Wait":         func(ctx context.Context) { _ = s.Wait(ctx) },
		"Set.Shutdown":     func(ctx context.Context) { _ = s.Shutdown(ctx) },
		"JoinMap.Next":     func(ctx context.Context) { _, _, _ = m.Next(ctx) },
		"JoinMap.All":      func(ctx context.Context) { m.All(ctx) },
		"JoinMap.Wait":     func(ctx context.Context) { _ = m.Wait(ctx) },
		"JoinMap.Shutdown": func(ctx context.Context) { _ = m.Shutdown(ctx) },
		"Handle.Join":      func(ctx context.Context) { _, _ = h.Join(ctx) },
		"Handle.Result":    func(ctx context.Context) { _, _ = h.Result(ctx) },
		"Flight.Do":        func(ctx context.Context) { _, _ = fl.Do(ctx, 1, one) },
		"Flight.DoErr":     func(ctx context.Context) { _ = fl.DoErr(ctx, 1, fails) },
		"Flight.Wait":      func(ctx context.Context) { _ = fl.Wait(ctx) },
		"Join2":            func(ctx context.Context) { _, _, _ = task.Join2(ctx, one, one) },
		"Join3":            func(ctx context.Context) { _, _, _, _ = task.Join3(ctx, one, one, one) },
		"Join4":            func(ctx context.Context) { _, _, _, _, _ = task.Join4(ctx, one, one, one, one) },
		"Join5":            func(ctx context.Context) { _, _, _, _, _, _ = task.Join5(ctx, one, one, one, one, one) },
		"JoinAll":          func(ctx context.Context) { _, _ = task.JoinAll[int](ctx) },
		"JoinAllErr":       func(ctx context.Context) { _ = task.JoinAllErr(ctx, fails) },
		"Settle":           func(ctx context.Context) { task.Settle(ctx, one) },
		"SettleErr":        func(ctx context.Context) { task.SettleErr(ctx, fails) },
		"Race":             func(ctx context.Context) { _, _ = task.Race(ctx, one) },
		"RaceErr":          func(ctx context.Context) { _ = task.RaceErr(ctx, fails) },
		"RaceOK":           func(ctx context.Context) { _, _ = task.RaceOK(ctx, one) },
		"RaceOKErr":        func(ctx context.Context) { _ = task.RaceOKErr(ctx, fails) },
		"Timeout":          func(ctx context.Context) { _, _ = task.Timeout(ctx, time.Hour, one) },
		"TimeoutErr":       func(ctx context.Context) { _ = task.TimeoutErr(ctx, time.Hour, fails) },
	} {
		calls[name+": nil context"] = func() { call(none) }
	}
	for name, call := range map[string]func(){
		"Go":                func() { task.Go(ctx, noVal) },
		"GoErr":             func() { task.GoErr(ctx, noErr) },
		"WithScope":         func() { _ = task.WithScope(ctx, nil) },
		"WithGroup":         func() { _ = task.WithGroup(ctx, 1, nil) },
		"Spawn":             func() { task.Spawn(open, noVal) },
		"TrySpawn":          func() { _, _ = task.TrySpawn(open, noVal) },
		"Scope.SpawnErr":    func() { open.SpawnErr(noErr) },
		"Scope.TrySpawnErr": func() { _, _ = open.TrySpawnErr(noErr) },
		"Submit":            func() { _, _ = task.Submit(ctx, p, noVal) },
		"TrySubmit":         func() { _, _ = task.TrySubmit(p, noVal) },
		"Pool.SubmitErr":    func() { _, _ = p.SubmitErr(ctx, noErr) },
		"Pool.TrySubmitErr": func() { _, _ = p.TrySubmitErr(noErr) },
		"Set.Spawn":         func() { s.Spawn(noVal) },
		"Set.SpawnErr":      func() { s.SpawnErr(noErr) },
		"JoinMap.Spawn":     func() { m.Spawn(1, noVal) },
		"JoinMap.SpawnErr":  func() { m.SpawnErr(1, noErr) },
		"Flight.Do":         func() { _, _ = fl.Do(ctx, 1, noVal) },
		"Flight.DoErr":      func() { _ = fl.DoErr(ctx, 1, noErr) },
		"Join2":             func() { _, _, _ = task.Join2(ctx, one, noVal) },
		"Join3":             func() { _, _, _, _ = task.Join3(ctx, one, one, noVal) },
		"Join4":             func() { _, _, _, _, _ = task.Join4(ctx, one, one, one, noVal) },
		"Join5":             func() { _, _, _, _, _, _ = task.Join5(ctx, one, one, one, one, noVal) },
		"JoinAll":           func() { _, _ = task.JoinAll(ctx, one, noVal) },
		"JoinAllErr":        func() { _ = task.JoinAllErr(ctx, fails, noErr) },
		"Settle":            func() { task.Settle(ctx, one, noVal) },
		"SettleErr":         func() { task.SettleErr(ctx, fails, noErr) },
		"Race":              func() { _, _ = task.Race(ctx, one, noVal) },
		"RaceErr":           func() { _ = task.RaceErr(ctx, fails, noErr) },
		"RaceOK":            func() { _, _ = task.RaceOK(ctx, one, noVal) },
		"RaceOKErr":         func() { _ = task.RaceOKErr(ctx, fails, noErr) },
		"Timeout":           func() { _, _ = task.Timeout(ctx, time.Hour, noVal) },
		"TimeoutErr":        func() { _ = task.TimeoutErr(ctx, time.Hour, noErr) },
	} {
		calls[name+": nil function"] = call
	}
	return calls
}

func TestMisusePanicsInTheCallerAndSaysHow(t *testing.T) {
	for text, call := range misuses(t) {
		t.Run(text, func(t *testing.T) {
			require.EqualError(t, testkit.PanicError(t, call), "task: "+text)
		})
	}
}

// worksOnZero is the methods of types that a constructor makes that a zero value has, too.
var worksOnZero = []string{"Len", "Keys", "Stats", "String", "GoString", "LogValue", "Diagram"}

// TestAllMisusesAreListed reads the sources: each exported function is listed with a nil
// context, a nil function and a zero receiver, as far as it has them.
func TestAllMisusesAreListed(t *testing.T) {
	listed := misuses(t)
	for name, f := range testkit.ExportedFuncs(t, ".") {
		if strings.HasSuffix(name, ".Diagram") {
			continue // called by package diagram alone
		}
		for _, want := range testkit.MisusesOf(f) {
			assert.NotNil(t, listed[name+": "+want], "%s: %s is not listed", name, want)
		}
		kind, method, isMethod := strings.Cut(name, ".")
		made := []string{"Pool", "Scope", "Set", "JoinMap", "Handle"}
		if isMethod && slices.Contains(made, kind) && !slices.Contains(worksOnZero, method) {
			assert.NotNil(t, listed[name+": zero "+kind], "%s of a zero %s is not listed", method, kind)
		}
	}
}

func TestZeroValuesCountAndPrint(t *testing.T) {
	var (
		p  task.Pool
		sc task.Scope
		s  task.Set[int]
		m  task.JoinMap[string, int]
		h  task.Handle[int]
		fl task.Flight[string, int]
	)
	assert.Equal(t, task.PoolStats{}, p.Stats())
	assert.Equal(t, task.SetStats{}, s.Stats())
	assert.Equal(t, task.SetStats{}, m.Stats())
	assert.Zero(t, p.Len()+sc.Len()+s.Len()+m.Len()+fl.Len())
	assert.Empty(t, m.Keys())
	for text, v := range map[string]fmt.Stringer{
		"Pool(workers=0 running=0 queued=0)":    &p,
		"Scope(tasks=0)":                        &sc,
		"Set(running=0 queued=0 untaken=0)":     &s,
		"JoinMap(running=0 queued=0 untaken=0)": &m,
		"Handle(zero)":                          &h,
		"Flight(running=0)":                     &fl,
	} {
		assert.Equal(t, text, v.String())
		assert.Equal(t, text, fmt.Sprintf("%#v", v))
	}
	assert.Equal(t, "task: tasks that were not joined: 2 aborted", (&task.EndError{Aborted: 2}).Error())
	assert.Equal(t, "task: panic: <nil>\n\n[stack of the task]\n", (&task.PanicError{}).Error())
}

// Numbers without a bound do what they say.
func TestHugeNumbers(t *testing.T) {
	p := newPool(t, task.PoolOptions{Workers: math.MaxInt, Queue: math.MaxInt, Idle: math.MaxInt})
	s, m := newSet[int](t, math.MaxInt), newJoinMap[int, int](t, math.MaxInt)
	h, err := task.Submit(t.Context(), p, value(1))
	require.NoError(t, err)
	p.Resize(1)
	p.Resize(math.MaxInt)
	for _, h := range []*task.Handle[int]{h, s.Spawn(value(1)), m.Spawn(1, value(1))} {
		v, err := h.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, v)
	}
	require.NoError(t, task.WithGroup(t.Context(), math.MaxInt, func(s *task.Scope) error {
		s.SpawnErr(func(context.Context) error { return nil })
		return nil
	}))
	_, err = task.Timeout(t.Context(), math.MaxInt64, value(1))
	require.NoError(t, err)
	_, err = task.Timeout(t.Context(), math.MinInt64, value(1))
	require.Equal(t, task.ErrTimeout, err)
}

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
