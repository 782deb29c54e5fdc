package arcmutex_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestRWMutexSharesAndExcludes(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	a := m.RLock()
	b, ok := m.TryRLock()
	require.True(t, ok)
	c, err := m.RLockContext(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, m.Readers())
	assert.False(t, m.IsLocked(), "readers are no writer")
	assert.Equal(t, 3, a.Get()+*b.Ptr()+c.Get())
	_, ok = m.TryLock()
	assert.False(t, ok)
	require.ErrorIs(t, m.TryWith(fine(func(*int) { t.Error("not alone") })), arcmutex.ErrLocked)
	require.NoError(t, m.TryRWith(fine(func(v *int) { assert.Equal(t, 1, *v) })))
	a.Unlock()
	b.Unlock()
	c.Unlock()
	assert.Zero(t, m.Readers())
	g := m.Lock()
	assert.True(t, m.IsLocked())
	_, ok = m.TryRLock()
	assert.False(t, ok)
	require.ErrorIs(t, m.TryRWith(fine(func(*int) { t.Error("written") })), arcmutex.ErrLocked)
	g.Set(2)
	g.Unlock()
	require.NoError(t, m.RWithContext(t.Context(), fine(func(v *int) { assert.Equal(t, 2, *v) })))
}

func TestReadersNoticeDoneContextsFirst(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := arcmutex.NewRWMutex(1)
	never := func(*int) { t.Error("called") }
	_, err := m.RLockContext(ctx)
	require.EqualError(t, err, "arcmutex: RWMutex.RLockContext: context canceled")
	_, err = m.ULockContext(ctx)
	require.EqualError(t, err, "arcmutex: RWMutex.ULockContext: context canceled")
	require.ErrorIs(t, m.RWithContext(ctx, fine(never)), context.Canceled)
	g, err := m.ULockContext(t.Context())
	require.NoError(t, err)
	_, err = g.UpgradeContext(ctx)
	require.EqualError(t, err, "arcmutex: UGuard.UpgradeContext: context canceled")
	assert.Equal(t, 1, g.Get(), "a failed upgrade has ended the guard")
	g.Unlock()
	assert.Zero(t, m.Readers())
}

func TestReadersDoNotPoison(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	for _, leave := range []func(){func() { panic("boom") }, runtime.Goexit} {
		exits(func() { m.RWith(func(*int) { leave() }) })
		exits(func() { _ = m.TryRWith(fine(func(*int) { leave() })) })
		exits(func() { _ = m.RWithContext(t.Context(), fine(func(*int) { leave() })) })
		assert.False(t, m.IsPoisoned())
		assert.Zero(t, m.Readers())
	}
}

func TestPoisonedRWMutexRefusesReaders(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	poison(t, m)
	never := func(*int) { t.Error("called") }
	for name, use := range map[string]func(){
		"RLock": func() { m.RLock() }, "TryRLock": func() { m.TryRLock() },
		"ULock": func() { m.ULock() }, "TryULock": func() { m.TryULock() },
	} {
		err := testkit.PanicError(t, use)
		require.ErrorIs(t, err, arcmutex.ErrPoisoned)
		require.ErrorContains(t, err, "arcmutex: RWMutex."+name+": poisoned by a function that did not return (panic: ")
	}
	require.ErrorIs(t, testkit.PanicError(t, func() { m.RWith(never) }), arcmutex.ErrPoisoned)
	_, err := m.RLockContext(t.Context())
	require.ErrorIs(t, err, arcmutex.ErrPoisoned)
	_, err = m.ULockContext(t.Context())
	require.ErrorIs(t, err, arcmutex.ErrPoisoned)
	require.ErrorIs(t, m.TryRWith(fine(never)), arcmutex.ErrPoisoned)
	require.ErrorIs(t, m.RWithContext(t.Context(), fine(never)), arcmutex.ErrPoisoned)
	assert.False(t, m.IsLocked())
	assert.Zero(t, m.Readers())
}

func TestReadGuardsEndOnce(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	other := m.RLock()
	g := m.RLock()
	g.Unlock()
	for name, use := range map[string]func(){
		"Ptr": func() { g.Ptr() }, "Get": func() { g.Get() }, "Unlock": g.Unlock,
	} {
		err := testkit.PanicError(t, use)
		require.ErrorIs(t, err, arcmutex.ErrReleased)
		require.ErrorContains(t, err, "arcmutex: RGuard."+name+": guard was unlocked")
	}
	assert.Equal(t, 1, m.Readers(), "a stale guard has ended another's share")
	other.Unlock()
}

func TestUpgradableReaders(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	u := m.ULock()
	_, ok := m.TryULock()
	assert.False(t, ok, "two upgradable readers")
	_, ok = m.TryLock()
	assert.False(t, ok)
	r, ok := m.TryRLock()
	require.True(t, ok)
	assert.Equal(t, 2, m.Readers())
	assert.False(t, m.IsLocked())
	_, ok = u.TryUpgrade()
	assert.False(t, ok, "upgraded beside a reader")
	assert.Equal(t, 1, u.Get()*(*u.Ptr()))
	r.Unlock()
	g, ok := u.TryUpgrade()
	require.True(t, ok)
	for name, use := range map[string]func(){
		"Ptr": func() { u.Ptr() }, "Get": func() { u.Get() }, "Unlock": u.Unlock,
		"Upgrade": func() { u.Upgrade() }, "TryUpgrade": func() { u.TryUpgrade() }, "Downgrade": func() { u.Downgrade() },
	} {
		err := testkit.PanicError(t, use)
		require.ErrorIs(t, err, arcmutex.ErrReleased)
		require.EqualError(t, err, "arcmutex: UGuard."+name+": guard was mapped, downgraded or upgraded")
	}
	assert.True(t, m.IsLocked())
	_, ok = m.TryULock()
	assert.False(t, ok, "an upgradable reader beside the writer")
	g.Set(5)
	g.Unlock()
	r = m.RLock()
	u, ok = m.TryULock()
	require.True(t, ok, "kept out by a reader")
	r.Unlock()
	r = u.Downgrade()
	assert.Equal(t, 5, r.Get())
	assert.Equal(t, 1, m.Readers())
	r.Unlock()
	u = m.ULock()
	g = u.Upgrade()
	r = g.Downgrade()
	require.ErrorIs(t, testkit.PanicError(t, g.Unlock), arcmutex.ErrReleased)
	r.Unlock()
	assert.Equal(t, "RWMutex(5)", fmt.Sprintf("%+v", m))
}

func TestDowngradeEndsTheWriter(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	g := m.Lock()
	g.Set(2)
	r := g.Downgrade()
	require.ErrorIs(t, testkit.PanicError(t, func() { g.Downgrade() }), arcmutex.ErrReleased)
	other := m.RLock()
	assert.Equal(t, 4, r.Get()+other.Get())
	r.Unlock()
	other.Unlock()
	assert.Zero(t, m.Readers())
	assert.False(t, m.IsLocked())
}

func TestMapNarrowsAndConsumes(t *testing.T) {
	type pair struct{ a, b int }
	m := arcmutex.NewRWMutex(pair{1, 2})
	g := m.RLock()
	assert.Equal(t, "boom", exits(func() { arcmutex.Map(&g, func(*pair) *int { panic("boom") }) }))
	assert.Equal(t, pair{1, 2}, g.Get(), "a failed Map has consumed the guard")
	b := arcmutex.Map(&g, func(p *pair) *int { return &p.b })
	require.ErrorIs(t, testkit.PanicError(t, func() { g.Ptr() }), arcmutex.ErrReleased)
	require.ErrorIs(t, testkit.PanicError(t, g.Unlock), arcmutex.ErrReleased)
	assert.Equal(t, 2, b.Get())
	assert.Equal(t, 1, m.Readers())
	b.Unlock()
	assert.Zero(t, m.Readers())

	g = m.RLock()
	part := func(there bool) func(*pair) (*int, bool) { return func(p *pair) (*int, bool) { return &p.a, there } }
	_, ok := arcmutex.FilterMap(&g, part(false))
	assert.False(t, ok)
	assert.Equal(t, pair{1, 2}, g.Get(), "a part that is not there has consumed the guard")
	a, ok := arcmutex.FilterMap(&g, part(true))
	assert.True(t, ok)
	require.ErrorIs(t, testkit.PanicError(t, g.Unlock), arcmutex.ErrReleased)
	assert.Equal(t, 1, a.Get())
	a.Unlock()
	assert.Zero(t, m.Readers())
}

func TestRWMutexPrints(t *testing.T) {
	m := arcmutex.NewRWMutex(43)
	r := m.RLock()
	assert.Equal(t, "43 RWMutex(43) RGuard(43)", fmt.Sprintf("%v %+v %+v", m, m, &r))
	r.Unlock()
	assert.Equal(t, "RGuard(<unlocked>)", fmt.Sprintf("%+v", &r))
	g := m.Lock()
	assert.Equal(t, "RWMutex(<locked>)", m.LogValue().String())
	g.Unlock()
	u := m.ULock()
	assert.Equal(t, "UGuard(43)", fmt.Sprintf("%+v", &u))
	u.Unlock()
}

func TestGuardsUnlockedWhilePanickingDoNotPoison(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	same := func(v *int) *int { return v }
	for name, hold := range map[string]func(){
		"Guard":         func() { g := m.Lock(); defer g.Unlock(); panic("boom") },
		"part":          func() { g := m.Lock(); p := arcmutex.MapMut(&g, same); defer p.Unlock(); panic("boom") },
		"RGuard":        func() { g := m.RLock(); defer g.Unlock(); panic("boom") },
		"reader's part": func() { g := m.RLock(); p := arcmutex.Map(&g, same); defer p.Unlock(); panic("boom") },
		"UGuard":        func() { g := m.ULock(); defer g.Unlock(); panic("boom") },
	} {
		assert.Equal(t, "boom", exits(hold), name)
		assert.False(t, m.IsPoisoned(), name)
		g, ok := m.TryLock()
		require.True(t, ok, name)
		g.Unlock()
	}
}

func TestUnlockedWriterLetsAllIn(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	g := m.Lock()
	g.Unlocked(func() {
		require.NoError(t, m.TryRWith(fine(func(v *int) { assert.Equal(t, 1, *v) })))
		require.NoError(t, m.TryWith(fine(func(v *int) { *v = 9 })))
	})
	require.ErrorIs(t, m.TryRWith(fine(func(*int) {})), arcmutex.ErrLocked)
	assert.Equal(t, 9, g.Get())
	g.Unlock()
}

func TestReportsSayWhereAnRWMutexWasMade(t *testing.T) {
	var found []string
	stop := arcmutex.Check(time.Hour, func(d *arcmutex.Deadlock) { found = append(found, d.String()) })
	defer stop()
	a, b := arcmutex.NewRWMutex(0), arcmutex.NewRWMutex("")
	a.With(func(*int) { b.RWith(func(*string) {}) })
	b.With(func(*string) { a.RWith(func(*int) {}) })
	require.Len(t, found, 1)
	assert.Regexp(t, `arcmutex\.RWMutex\[int\] #\d+ made at .*rwmutex_test\.go:\d+`, found[0])
	assert.Regexp(t, `arcmutex\.RWMutex\[string\] #\d+ made at .*rwmutex_test\.go:\d+`, found[0])
}
