package arcmutex_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/track"
)

func part(v *[2]int) *int                { return &v[0] }
func partIf(v *[2]int) (*int, bool)      { return &v[0], true }
func never() error                       { panic("called") }
func uses[G any](use func(*G)) func(any) { return func(g any) { use(g.(*G)) } }

// Every use of a guard of every kind that has ended, in every way in which it
// can, through the guard itself or through a copy, is refused, and another hold
// of the same lock goes on.
func TestEndedGuardsAreRefusedAndHurtNobody(t *testing.T) { refuseEndedGuards(t) }

func TestEndedTrackedGuardsAreRefusedAndHurtNobody(t *testing.T) {
	defer track.Start(1)()
	before := pprof.Lookup("ferrous.locks").Count()
	refuseEndedGuards(t)
	// It may be fewer, since the guards that other tests forgot are collected meanwhile.
	assert.LessOrEqual(t, pprof.Lookup("ferrous.locks").Count(), before)
}

func refuseEndedGuards(t *testing.T) {
	t.Helper()
	type (
		guard  = arcmutex.Guard[[2]int]
		rguard = arcmutex.RGuard[[2]int]
		uguard = arcmutex.UGuard[[2]int]
		mutex  = arcmutex.RWMutex[[2]int]
	)
	for _, kind := range []struct {
		name string
		lock func(m *mutex) (guard, duplicate any)
		zero any
		ends map[string]func(any) // each ends what the lock holds
		uses map[string]func(any)
	}{
		{
			"Guard",
			func(m *mutex) (any, any) { g := m.Lock(); c := g; return &g, &c },
			new(guard),
			map[string]func(any){
				"Unlock":       uses((*guard).Unlock),
				"MapMut":       uses(func(g *guard) { p := arcmutex.MapMut(g, part); p.Unlock() }),
				"FilterMapMut": uses(func(g *guard) { p, _ := arcmutex.FilterMapMut(g, partIf); p.Unlock() }),
				"Downgrade":    uses(func(g *guard) { r := g.Downgrade(); r.Unlock() }),
			},
			map[string]func(any){
				"Unlock":           uses((*guard).Unlock),
				"Ptr":              uses(func(g *guard) { g.Ptr() }),
				"Get":              uses(func(g *guard) { g.Get() }),
				"Set":              uses(func(g *guard) { g.Set([2]int{9, 9}) }),
				"Unlocked":         uses(func(g *guard) { g.Unlocked(func() { panic("called") }) }),
				"UnlockedErr":      uses(func(g *guard) { _ = g.UnlockedErr(never) }),
				"MapMut":           uses(func(g *guard) { arcmutex.MapMut(g, part) }),
				"FilterMapMut":     uses(func(g *guard) { arcmutex.FilterMapMut(g, partIf) }),
				"Downgrade":        uses(func(g *guard) { g.Downgrade() }),
				"Adopt":            uses((*guard).Adopt),
				"Disown":           uses((*guard).Disown),
				"Cond.WaitContext": uses(func(g *guard) { _ = new(arcmutex.Cond).WaitContext(t.Context(), g) }),
			},
		},
		{
			"RGuard",
			func(m *mutex) (any, any) { g := m.RLock(); c := g; return &g, &c },
			new(rguard),
			map[string]func(any){
				"Unlock":    uses((*rguard).Unlock),
				"Map":       uses(func(g *rguard) { p := arcmutex.Map(g, part); p.Unlock() }),
				"FilterMap": uses(func(g *rguard) { p, _ := arcmutex.FilterMap(g, partIf); p.Unlock() }),
			},
			map[string]func(any){
				"Unlock":    uses((*rguard).Unlock),
				"Ptr":       uses(func(g *rguard) { g.Ptr() }),
				"Adopt":     uses((*rguard).Adopt),
				"Disown":    uses((*rguard).Disown),
				"Get":       uses(func(g *rguard) { g.Get() }),
				"Map":       uses(func(g *rguard) { arcmutex.Map(g, part) }),
				"FilterMap": uses(func(g *rguard) { arcmutex.FilterMap(g, partIf) }),
			},
		},
		{
			"UGuard",
			func(m *mutex) (any, any) { g := m.ULock(); c := g; return &g, &c },
			new(uguard),
			map[string]func(any){
				"Unlock":         uses((*uguard).Unlock),
				"Upgrade":        uses(func(g *uguard) { w := g.Upgrade(); w.Unlock() }),
				"UpgradeContext": uses(func(g *uguard) { w, _ := g.UpgradeContext(t.Context()); w.Unlock() }),
				"TryUpgrade":     uses(func(g *uguard) { w, _ := g.TryUpgrade(); w.Unlock() }),
				"Downgrade":      uses(func(g *uguard) { r := g.Downgrade(); r.Unlock() }),
			},
			map[string]func(any){
				"Unlock":         uses((*uguard).Unlock),
				"Ptr":            uses(func(g *uguard) { g.Ptr() }),
				"Adopt":          uses((*uguard).Adopt),
				"Disown":         uses((*uguard).Disown),
				"Get":            uses(func(g *uguard) { g.Get() }),
				"Upgrade":        uses(func(g *uguard) { g.Upgrade() }),
				"UpgradeContext": uses(func(g *uguard) { _, _ = g.UpgradeContext(t.Context()) }),
				"TryUpgrade":     uses(func(g *uguard) { g.TryUpgrade() }),
				"Downgrade":      uses(func(g *uguard) { g.Downgrade() }),
			},
		},
	} {
		refused := func(t *testing.T, use func(any), g any) {
			t.Helper()
			err := testkit.PanicError(t, func() { use(g) })
			require.ErrorIs(t, err, arcmutex.ErrReleased)
			assert.Regexp(t, `^arcmutex: [A-Za-z.]+: (zero guard|guard was )`, err.Error())
		}
		for use, f := range kind.uses {
			t.Run(kind.name+"/zero/"+use, func(t *testing.T) { refused(t, f, kind.zero) })
			for end, finish := range kind.ends {
				t.Run(fmt.Sprintf("%s/%s/%s", kind.name, end, use), func(t *testing.T) {
					m := arcmutex.NewRWMutex([2]int{1, 2})
					for _, relocked := range []func() any{
						func() any { return nil },
						func() any { g := m.Lock(); return &g },
						func() any { g := m.RLock(); return &g },
						func() any { g := m.ULock(); return &g },
					} {
						g, c := kind.lock(m)
						finish(g)
						innocent := relocked()
						refused(t, f, g)
						refused(t, f, c)
						switch innocent := innocent.(type) {
						case *guard:
							assert.Equal(t, [2]int{1, 2}, innocent.Get())
							assert.True(t, m.IsLocked())
							innocent.Unlock()
						case *rguard:
							assert.Equal(t, [2]int{1, 2}, innocent.Get())
							assert.Equal(t, 1, m.Readers())
							innocent.Unlock()
						case *uguard:
							assert.Equal(t, [2]int{1, 2}, innocent.Get())
							assert.Equal(t, 1, m.Readers())
							innocent.Unlock()
						}
						assert.False(t, m.IsLocked())
						assert.Zero(t, m.Readers())
					}
				})
			}
		}
	}
}

// A share is one share, however often it is copied, also while others read.
func TestCopiedReadersDoNotTakeSharesOfOthers(t *testing.T) {
	defer track.Start(1 + rand.IntN(2))()
	m := arcmutex.NewRWMutex(1)
	other, g := m.RLock(), m.RLock()
	c := g
	c.Unlock()
	assert.PanicsWithError(t, "arcmutex: RGuard.Unlock: guard was unlocked", g.Unlock)
	assert.Equal(t, 1, m.Readers())
	_, ok := m.TryLock()
	assert.False(t, ok)
	other.Unlock()
	assert.Zero(t, m.Readers())
}

func TestAFunctionThatEndsItsGuardGetsNoPart(t *testing.T) {
	m, rw := arcmutex.NewMutex(1), arcmutex.NewRWMutex(1)
	for method, f := range map[string]func(){
		"MapMut": func() {
			g := m.Lock()
			arcmutex.MapMut(&g, func(v *int) *int { g.Unlock(); return v })
		},
		"FilterMapMut": func() {
			g := m.Lock()
			arcmutex.FilterMapMut(&g, func(v *int) (*int, bool) { g.Unlock(); return v, true })
		},
		"Map": func() {
			g := rw.RLock()
			arcmutex.Map(&g, func(v *int) *int { g.Unlock(); return v })
		},
		"FilterMap": func() {
			g := rw.RLock()
			arcmutex.FilterMap(&g, func(v *int) (*int, bool) { g.Unlock(); return v, true })
		},
	} {
		err := testkit.PanicError(t, f)
		require.ErrorIs(t, err, arcmutex.ErrReleased, method)
		require.ErrorContains(t, err, "guard was unlocked", method)
		assert.False(t, m.IsLocked() || rw.IsLocked(), method)
		assert.Zero(t, rw.Readers(), method)
	}
}

func TestTransformedGuardsSayHowTheyEnded(t *testing.T) {
	m := arcmutex.NewRWMutex(1)
	for how, end := range map[string]func() (unlock func()){
		"Guard.Unlock: MapMut": func() func() {
			g := m.Lock()
			part := arcmutex.MapMut(&g, func(v *int) *int { return v })
			defer part.Unlock()
			return g.Unlock
		},
		"Guard.Unlock: Downgrade": func() func() {
			g := m.Lock()
			defer g.Downgrade().Unlock()
			return g.Unlock
		},
		"RGuard.Unlock: Map": func() func() {
			g := m.RLock()
			defer arcmutex.Map(&g, func(v *int) *int { return v }).Unlock()
			return g.Unlock
		},
		"UGuard.Unlock: Upgrade": func() func() {
			g := m.ULock()
			w := g.Upgrade()
			defer w.Unlock()
			return g.Unlock
		},
	} {
		method, _, _ := strings.Cut(how, ":")
		unlock := end()
		require.EqualError(t, testkit.PanicError(t, unlock), "arcmutex: "+method+": guard was mapped, downgraded or upgraded", how)
		assert.False(t, m.IsLocked() || m.Readers() != 0, how)
	}
}

func TestZeroGuardsSaySo(t *testing.T) {
	var g arcmutex.Guard[int]
	var r arcmutex.RGuard[int]
	var u arcmutex.UGuard[int]
	for method, f := range map[string]func(){
		"Guard.Unlock":      g.Unlock,
		"Guard.Ptr":         func() { g.Ptr() },
		"Guard.Get":         func() { g.Get() },
		"Guard.Set":         func() { g.Set(1) },
		"Guard.Unlocked":    func() { g.Unlocked(func() {}) },
		"Guard.UnlockedErr": func() { _ = g.UnlockedErr(never) },
		"MapMut":            func() { arcmutex.MapMut(&g, func(v *int) *int { return v }) },
		"FilterMapMut":      func() { arcmutex.FilterMapMut(&g, func(v *int) (*int, bool) { return v, true }) },
		"Guard.Downgrade":   func() { g.Downgrade() },
		"Cond.WaitContext":  func() { _ = new(arcmutex.Cond).WaitContext(context.Background(), &g) },
		"RGuard.Unlock":     r.Unlock,
		"Map":               func() { arcmutex.Map(&r, func(v *int) *int { return v }) },
		"FilterMap":         func() { arcmutex.FilterMap(&r, func(v *int) (*int, bool) { return v, true }) },
		"UGuard.Unlock":     u.Unlock,
		"UGuard.Ptr":        func() { u.Ptr() },
		"UGuard.Get":        func() { u.Get() },
		"UGuard.Upgrade":    func() { u.Upgrade() },
		"UGuard.TryUpgrade": func() { u.TryUpgrade() },
		"UGuard.Downgrade":  func() { u.Downgrade() },
	} {
		err := testkit.PanicError(t, f)
		require.ErrorIs(t, err, arcmutex.ErrReleased)
		require.EqualError(t, err, "arcmutex: "+method+": zero guard")
	}
	assert.Equal(t, "<unlocked> Guard(<unlocked>)", fmt.Sprintf("%v %+v", &g, &g))
	assert.Equal(t, "<unlocked> RGuard(<unlocked>)", fmt.Sprintf("%v %+v", r, r))
	assert.Equal(t, "<unlocked> UGuard(<unlocked>)", fmt.Sprintf("%v %+v", u, u))
}

// What did not get the lock returns a guard that says so.
func TestGuardsOfRefusedLocksSaySo(t *testing.T) {
	m, rw := arcmutex.NewMutex(1), arcmutex.NewRWMutex(1)
	poison := func(*int) { panic("poison") }
	for state, prepare := range map[string]func() (restore func()){
		"held": func() func() {
			g, w := m.Lock(), rw.Lock()
			return func() { g.Unlock(); w.Unlock() }
		},
		"poisoned": func() func() {
			assert.Panics(t, func() { m.With(poison) })
			assert.Panics(t, func() { rw.With(poison) })
			return func() { m.ClearPoison(); rw.ClearPoison() }
		},
	} {
		restore := prepare()
		ctx := t.Context()
		if state == "held" {
			ctx = done(t)
		}
		for method, unlock := range map[string]func() (unlock func()){
			"Guard.Unlock":  func() func() { g, err := m.LockContext(ctx); require.Error(t, err); return g.Unlock },
			"Guard.Unlock ": func() func() { g, err := rw.LockContext(ctx); require.Error(t, err); return g.Unlock },
			"RGuard.Unlock": func() func() { g, err := rw.RLockContext(ctx); require.Error(t, err); return g.Unlock },
			"UGuard.Unlock": func() func() { g, err := rw.ULockContext(ctx); require.Error(t, err); return g.Unlock },
			"Guard.Ptr": func() func() {
				g, err := m.LockContext(ctx)
				require.Error(t, err)
				return func() { g.Ptr() }
			},
		} {
			err := testkit.PanicError(t, unlock())
			require.EqualError(t, err, "arcmutex: "+strings.TrimSpace(method)+": guard was not acquired", state)
		}
		if state == "held" {
			g, _ := m.TryLock()
			w, _ := rw.TryLock()
			r, _ := rw.TryRLock()
			u, _ := rw.TryULock()
			for _, unlock := range []func(){g.Unlock, w.Unlock, r.Unlock, u.Unlock} {
				require.ErrorContains(t, testkit.PanicError(t, unlock), ": guard was not acquired")
			}
		}
		restore()
		assert.False(t, m.IsLocked() || rw.IsLocked())
	}
}
