package arcmutex_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

type lockOf interface {
	With(f func(*int))
	WithErr(f func(*int) error) error
	WithContext(ctx context.Context, f func(*int) error) error
	TryWith(f func(*int) error) error
	Recover(f func(*int))
	RecoverErr(f func(*int) error) error
	LockContext(ctx context.Context) (arcmutex.Guard[int], error)
	To(g *arcmutex.Guard[int]) arcmutex.Locker
	IsLocked() bool
	IsPoisoned() bool
}

// Each bad argument panics with an error that names the method, and changes nothing.
func TestBadArgumentsPanicByName(t *testing.T) {
	var none context.Context
	m, rw := arcmutex.NewMutex(1), arcmutex.NewRWMutex(1)
	locked := arcmutex.NewMutex(1)
	g := locked.Lock()
	defer g.Unlock()
	r := rw.RLock()
	defer r.Unlock()
	other := arcmutex.NewRWMutex(1)
	u := other.ULock()
	defer u.Unlock()
	a := arcmutex.NewArc(cloner(1))
	defer a.Drop()
	var c arcmutex.Cond
	boom := errors.New("boom")
	never := func() error { t.Error("called"); return boom }
	cases := map[string]map[string]func(){
		"nil function": {
			"RWMutex.RWith":                func() { rw.RWith(nil) },
			"RWMutex.RWithErr":             func() { _ = rw.RWithErr(nil) },
			"RWMutex.RWithContext":         func() { _ = rw.RWithContext(t.Context(), nil) },
			"RWMutex.TryRWith":             func() { _ = rw.TryRWith(nil) },
			"Guard.Unlocked":               func() { g.Unlocked(nil) },
			"Guard.UnlockedErr":            func() { _ = g.UnlockedErr(nil) },
			"Map":                          func() { arcmutex.Map[int, int](&r, nil) },
			"FilterMap":                    func() { arcmutex.FilterMap[int, int](&r, nil) },
			"MapMut":                       func() { arcmutex.MapMut[int, int](&g, nil) },
			"FilterMapMut":                 func() { arcmutex.FilterMapMut[int, int](&g, nil) },
			"Cond.WaitWhile":               func() { c.WaitWhile(&g, nil) },
			"Cond.WaitWhileContext":        func() { _ = c.WaitWhileContext(t.Context(), &g, nil) },
			"Once.Do":                      func() { new(arcmutex.Once).Do(nil) },
			"Once.DoErr":                   func() { _ = new(arcmutex.Once).DoErr(nil) },
			"Once.DoContext":               func() { _ = new(arcmutex.Once).DoContext(t.Context(), nil) },
			"Once.DoForce":                 func() { new(arcmutex.Once).DoForce(nil) },
			"OnceLock.GetOrInit":           func() { new(arcmutex.OnceLock[int]).GetOrInit(nil) },
			"OnceLock.GetOrTryInit":        func() { _, _ = new(arcmutex.OnceLock[int]).GetOrTryInit(nil) },
			"OnceLock.GetOrTryInitContext": func() { _, _ = new(arcmutex.OnceLock[int]).GetOrTryInitContext(t.Context(), nil) },
			"NewLazyLock":                  func() { arcmutex.NewLazyLock[int](nil) },
			"NewArcCyclic":                 func() { arcmutex.NewArcCyclic[int](nil, nil) },
			"Arc.UnwrapOrCloneFunc":        func() { a.UnwrapOrCloneFunc(nil) },
			"Arc.MakeMutFunc":              func() { a.MakeMutFunc(nil) },
		},
		"nil context": {
			"RWMutex.RLockContext":  func() { _, _ = rw.RLockContext(none) },
			"RWMutex.ULockContext":  func() { _, _ = rw.ULockContext(none) },
			"RWMutex.RWithContext":  func() { _ = rw.RWithContext(none, func(*int) error { return never() }) },
			"UGuard.UpgradeContext": func() { _, _ = u.UpgradeContext(none) },
			"LockAllContext":        func() { _, _ = arcmutex.LockAllContext(none) },
			"Cond.WaitContext":      func() { _ = c.WaitContext(none, &g) },
			"Cond.WaitWhileContext": func() { _ = c.WaitWhileContext(none, &g, func() bool { return true }) },
			"Once.DoContext":        func() { _ = new(arcmutex.Once).DoContext(none, never) },
			"Once.WaitContext":      func() { _ = new(arcmutex.Once).WaitContext(none) },
			"OnceLock.GetOrTryInitContext": func() {
				_, _ = new(arcmutex.OnceLock[int]).GetOrTryInitContext(none, func() (int, error) { return 0, never() })
			},
			"OnceLock.WaitContext": func() { _, _ = new(arcmutex.OnceLock[int]).WaitContext(none) },
			"LazyLock.GetContext":  func() { _, _ = arcmutex.NewLazyLock(func() int { return 1 }).GetContext(none) },
		},
		"nil guard": {
			"Map":                   func() { arcmutex.Map(nil, same) },
			"FilterMap":             func() { arcmutex.FilterMap(nil, sameIf) },
			"MapMut":                func() { arcmutex.MapMut(nil, same) },
			"FilterMapMut":          func() { arcmutex.FilterMapMut(nil, sameIf) },
			"Cond.Wait":             func() { c.Wait(nil) },
			"Cond.WaitContext":      func() { _ = c.WaitContext(t.Context(), (*arcmutex.Guard[int])(nil)) },
			"Cond.WaitWhile":        func() { c.WaitWhile(nil, func() bool { return true }) },
			"Cond.WaitWhileContext": func() { _ = c.WaitWhileContext(t.Context(), nil, func() bool { return true }) },
			"RWMutex.RTo":           func() { rw.RTo(nil) },
		},
		"nil lock": {
			"DeclareOrder": func() { arcmutex.DeclareOrder(m, nil) },
			"AllowOrder":   func() { arcmutex.AllowOrder((*arcmutex.Mutex[int])(nil), m) },
		},
		"the same lock twice": {
			"DeclareOrder": func() { arcmutex.DeclareOrder(m, m) },
			"AllowOrder":   func() { arcmutex.AllowOrder(m, m) },
			"LockAll":      func() { arcmutex.LockAll(m.To(&g), m.To(&g)) },
		},
		"zero Locker": {
			"LockAll":        func() { arcmutex.LockAll(arcmutex.Locker{}) },
			"LockAllContext": func() { _, _ = arcmutex.LockAllContext(t.Context(), m.To(new(arcmutex.Guard[int])), arcmutex.Locker{}) },
		},
		"nil handle": {
			"Arc.PtrEq":     func() { a.PtrEq(nil) },
			"MakeMut":       func() { arcmutex.MakeMut[cloner](nil) },
			"UnwrapOrClone": func() { arcmutex.UnwrapOrClone[cloner](nil) },
		},
		"nil report": {
			"Check":     func() { arcmutex.Check(time.Second, nil) },
			"CheckWith": func() { arcmutex.CheckWith(arcmutex.CheckOptions{}) },
		},
		"negative After, Limit, Sample or MaxOrders": {
			"Check":       func() { arcmutex.Check(-1, func(*arcmutex.Deadlock) {}) },
			"CheckWith":   func() { arcmutex.CheckWith(arcmutex.CheckOptions{Report: func(*arcmutex.Deadlock) {}, Limit: -1}) },
			"CheckWith ":  func() { arcmutex.CheckWith(arcmutex.CheckOptions{Report: func(*arcmutex.Deadlock) {}, Sample: -1}) },
			"CheckWith  ": func() { arcmutex.CheckWith(arcmutex.CheckOptions{Report: func(*arcmutex.Deadlock) {}, MaxOrders: -1}) },
		},
		"no initializer": {
			"LazyLock.Get":        func() { new(arcmutex.LazyLock[int]).Get() },
			"LazyLock.Ptr":        func() { new(arcmutex.LazyLock[int]).Ptr() },
			"LazyLock.GetContext": func() { _, _ = new(arcmutex.LazyLock[int]).GetContext(t.Context()) },
		},
		"negative rate -1": {"Track": func() { arcmutex.Track(-1) }},
	}
	for name, l := range map[string]lockOf{"Mutex.": m, "RWMutex.": arcmutex.NewRWMutex(1)} {
		cases["nil function"][name+"With"] = func() { l.With(nil) }
		cases["nil function"][name+"WithErr"] = func() { _ = l.WithErr(nil) }
		cases["nil function"][name+"WithContext"] = func() { _ = l.WithContext(t.Context(), nil) }
		cases["nil function"][name+"TryWith"] = func() { _ = l.TryWith(nil) }
		cases["nil function"][name+"Recover"] = func() { l.Recover(nil) }
		cases["nil function"][name+"RecoverErr"] = func() { _ = l.RecoverErr(nil) }
		cases["nil context"][name+"WithContext"] = func() { _ = l.WithContext(none, func(*int) error { return never() }) }
		cases["nil context"][name+"LockContext"] = func() { _, _ = l.LockContext(none) }
		cases["nil guard"][name+"To"] = func() { l.To(nil) }
		defer func() { assert.False(t, l.IsLocked() || l.IsPoisoned(), name) }()
	}
	for text, methods := range cases {
		for method, misuse := range methods {
			require.EqualError(t, testkit.PanicError(t, misuse), "arcmutex: "+strings.TrimSpace(method)+": "+text)
		}
	}
	assert.Equal(t, []int{1, 1, 1}, []int{g.Get(), r.Get(), u.Get()}, "misuse has ended a guard")
	assert.EqualValues(t, 1, a.StrongCount())
	assert.False(t, c.NotifyOne(), "misuse waits")
}

type cloner int

func (c cloner) Clone() cloner { return c }

func same(v *int) *int           { return v }
func sameIf(v *int) (*int, bool) { return v, true }

// A zero LazyLock is not poisoned by its misuse, and computes nothing.
func TestZeroLazyLockHasNoInitializer(t *testing.T) {
	var l arcmutex.LazyLock[int]
	require.ErrorIs(t, testkit.PanicError(t, func() { l.Get() }), arcmutex.ErrNoInit)
	assert.False(t, l.IsPoisoned())
	_, ok := l.TryGet()
	assert.False(t, ok)
}

func TestValuesPrintTheirState(t *testing.T) {
	m, rw := arcmutex.NewMutex(1).WithName("a"), arcmutex.NewRWMutex(2)
	g, r := m.Lock(), rw.RLock()
	u := rw.ULock()
	defer u.Unlock()
	defer r.Unlock()
	defer g.Unlock()
	var n arcmutex.Count
	n.Inc()
	for want, v := range map[string]slog.LogValuer{
		"1|Guard(1)|Guard(1)|Guard(1)":                                        g,
		"<unlocked>|Guard(<unlocked>)|Guard(<unlocked>)|Guard(<unlocked>)":    arcmutex.Guard[int]{},
		"2|RGuard(2)|RGuard(2)|RGuard(2)":                                     r,
		"<unlocked>|RGuard(<unlocked>)|RGuard(<unlocked>)|RGuard(<unlocked>)": arcmutex.RGuard[int]{},
		"2|UGuard(2)|UGuard(2)|UGuard(2)":                                     u,
		"Once(new)|Once(new)|Once(new)|Once(new)":                             new(arcmutex.Once),
		"Cond(0 waiting)|Cond(0 waiting)|Cond(0 waiting)|Cond(0 waiting)":     new(arcmutex.Cond),
		"2|2|Count(2)|2": &n,
		"Locker(write a)|Locker(write a)|Locker(write a)|Locker(write a)": m.To(&g),
		"Locker(read)|Locker(read)|Locker(read)|Locker(read)":             rw.RTo(&r),
		"Locker(zero)|Locker(zero)|Locker(zero)|Locker(zero)":             arcmutex.Locker{},
		"<locked>|Mutex(<locked>)|Mutex(<locked>)|Mutex(<locked>)":        m,
		"2|RWMutex(2)|RWMutex(2)|RWMutex(2)":                              rw,
	} {
		assert.Equal(t, want, fmt.Sprintf("%v|%+v|%#v|%v", v, v, v, v.LogValue()))
	}
	assert.Equal(t, "1 Guard(1)", fmt.Sprintf("%v %+v", &g, &g), "a pointer prints as the guard")
	d := &arcmutex.Deadlock{Kind: arcmutex.DeadlockCycle}
	assert.Equal(t, d.String(), d.LogValue().String())
}

func TestOnceAndCondAreDrawn(t *testing.T) {
	type drawn interface {
		Diagram(draw func(name, state string, part any))
	}
	draw := func(v drawn) (all []string) {
		v.Diagram(func(name, state string, _ any) { all = append(all, name+" "+state) })
		return all
	}
	var o arcmutex.Once
	assert.Equal(t, []string{"state new"}, draw(&o))
	o.Do(func() { assert.Equal(t, []string{"state running"}, draw(&o)) })
	assert.Equal(t, []string{"state done"}, draw(&o))
	assert.Equal(t, []string{"waiting 0"}, draw(new(arcmutex.Cond)))
}
