package arcmutex_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/goid"
	"github.com/coderrange/ferrous/internal/testkit"
)

// A traveller is a guard of any kind.
type traveller interface {
	Unlock()
	Adopt()
	Disown()
}

// travellers are all ways to get a guard that belongs to the calling goroutine.
var travellers = map[string]func(m *arcmutex.RWMutex[int]) traveller{
	"Lock": func(m *arcmutex.RWMutex[int]) traveller { g := m.Lock(); return &g },
	"MapMut": func(m *arcmutex.RWMutex[int]) traveller {
		g := m.Lock()
		part := arcmutex.MapMut(&g, func(v *int) *int { return v })
		return &part
	},
	"RLock": func(m *arcmutex.RWMutex[int]) traveller { return m.RLock() },
	"Map": func(m *arcmutex.RWMutex[int]) traveller {
		g := m.RLock()
		return arcmutex.Map(&g, func(v *int) *int { return v })
	},
	"Downgrade": func(m *arcmutex.RWMutex[int]) traveller { g := m.Lock(); return g.Downgrade() },
	"ULock":     func(m *arcmutex.RWMutex[int]) traveller { return m.ULock() },
	"Upgrade": func(m *arcmutex.RWMutex[int]) traveller {
		u := m.ULock()
		g := u.Upgrade()
		return &g
	},
	"UGuard.Downgrade": func(m *arcmutex.RWMutex[int]) traveller { u := m.ULock(); return u.Downgrade() },
	"TryLock":          func(m *arcmutex.RWMutex[int]) traveller { g, _ := m.TryLock(); return &g },
	"TryRLock":         func(m *arcmutex.RWMutex[int]) traveller { g, _ := m.TryRLock(); return g },
	"LockAll": func(m *arcmutex.RWMutex[int]) traveller {
		var g arcmutex.Guard[int]
		arcmutex.LockAll(m.To(&g))
		return &g
	},
	"LockAll shared": func(m *arcmutex.RWMutex[int]) traveller {
		var g arcmutex.RGuard[int]
		arcmutex.LockAll(m.RTo(&g))
		return g
	},
}

// eachTraveller runs a test in a bubble with a checker, for each kind of guard.
func eachTraveller(t *testing.T, test func(t *testing.T, r *reporter, lock func(m *arcmutex.RWMutex[int]) traveller)) {
	t.Helper()
	for name, lock := range travellers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, checkFor(t, time.Second), lock) })
		})
	}
}

// elsewhere runs f on another goroutine.
func elsewhere(f func()) { testkit.Parallel(1, func(int) { f() }) }

func TestGuardUnlockedElsewhereIsNoRecursion(t *testing.T) {
	eachTraveller(t, func(t *testing.T, r *reporter, lock func(*arcmutex.RWMutex[int]) traveller) {
		m := arcmutex.NewRWMutex(0).WithName("M")
		for range 3 {
			g := lock(m)
			go func() { sleep(time.Second / 2); g.Unlock() }()
			m.With(func(*int) {}) // waits for the other goroutine
			shared, again := m.RLock(), m.RLock()
			elsewhere(shared.Unlock)
			again.Unlock()
			assert.Empty(t, r.take())
		}
	})
}

// Shares that another goroutine gives back are those of their guards, and not its
// own.
func TestSharesUnlockedElsewhereHideNoDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkFor(t, time.Second)
		m, x := arcmutex.NewRWMutex(0).WithName("M"), arcmutex.NewMutex(0).WithName("X")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		guards := make(chan arcmutex.RGuard[int])
		go func() { guards <- m.RLock() }()
		go m.RWith(func(*int) {
			other := <-guards
			other.Unlock()
			sleep(2 * time.Second)
			_ = x.WithContext(ctx, fine(func(*int) {}))
		})
		go x.With(func(*int) { sleep(time.Second); _ = m.WithContext(ctx, fine(func(*int) {})) })
		testkit.Advance(time.Minute)
		assert.Equal(t, []string{"lock order: M>X X>M", "waiting in vain: M>X X>M"}, r.take())
		testkit.Advance(time.Hour)
	})
}

func TestDisownedGuardsTakeNoPartUntilTheyAreAdopted(t *testing.T) {
	eachTraveller(t, func(t *testing.T, r *reporter, lock func(*arcmutex.RWMutex[int]) traveller) {
		m, b, c := arcmutex.NewRWMutex(0).WithName("M"), arcmutex.NewMutex(0).WithName("B"), arcmutex.NewMutex(0).WithName("C")
		g := lock(m)
		g.Disown()
		b.With(func(*int) {}) // not while M is held
		elsewhere(func() {
			g.Adopt()
			c.With(func(*int) {}) // M>C
			g.Unlock()
		})
		b.With(func(*int) { m.With(func(*int) {}) })
		assert.Empty(t, r.take())
		c.With(func(*int) { m.With(func(*int) {}) })
		assert.Equal(t, []string{"lock order: C>M M>C"}, r.take())
		m.With(func(*int) {})
		assert.Empty(t, r.take())
	})
}

func TestCycleNamesWhoeverHasAdoptedTheGuard(t *testing.T) {
	eachTraveller(t, func(t *testing.T, r *reporter, lock func(*arcmutex.RWMutex[int]) traveller) {
		m, x := arcmutex.NewRWMutex(0).WithName("M"), arcmutex.NewMutex(0).WithName("X")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		g := lock(m)
		adopter := uint64(0)
		go func() {
			g.Adopt()
			adopter = goid.Get()
			sleep(time.Second)
			_ = x.WithContext(ctx, fine(func(*int) {}))
			g.Unlock()
		}()
		go x.With(func(*int) { sleep(time.Second); _ = m.WithContext(ctx, fine(func(*int) {})) })
		testkit.Advance(time.Minute)
		r.Lock()
		require.Len(t, r.found, 2)
		cycle := r.found[1]
		r.Unlock()
		assert.Equal(t, []string{"lock order: M>X X>M", "waiting in vain: M>X X>M"}, r.take())
		for _, s := range cycle.Steps {
			if s.Holds == "M" {
				assert.Equal(t, adopter, s.Goroutine)
				assert.Contains(t, s.HoldStack, "check_guard_test.go", "where it was locked")
			}
		}
		testkit.Advance(2 * time.Hour)
	})
}

func TestEndedGuardsCannotBeMoved(t *testing.T) {
	for _, isOn := range []bool{false, true} {
		for name, lock := range travellers {
			t.Run(name, func(t *testing.T) {
				if isOn {
					defer arcmutex.Check(time.Hour, func(d *arcmutex.Deadlock) { t.Error(d) })()
				}
				m := arcmutex.NewRWMutex(0)
				g := lock(m)
				g.Disown()
				g.Adopt()
				g.Adopt()
				g.Unlock()
				for _, use := range []func(){g.Adopt, g.Disown} {
					assert.ErrorIs(t, testkit.PanicError(t, use), arcmutex.ErrReleased)
				}
				m.With(func(*int) { assert.ErrorIs(t, testkit.PanicError(t, g.Adopt), arcmutex.ErrReleased) })
				assert.False(t, m.IsLocked() || m.Readers() > 0)
			})
		}
	}
	var r arcmutex.RGuard[int]
	var u arcmutex.UGuard[int]
	for want, use := range map[string]func(){
		"arcmutex: RGuard.Adopt: zero guard":  r.Adopt,
		"arcmutex: RGuard.Disown: zero guard": r.Disown,
		"arcmutex: UGuard.Adopt: zero guard":  u.Adopt,
		"arcmutex: UGuard.Disown: zero guard": u.Disown,
	} {
		assert.EqualError(t, testkit.PanicError(t, use), want)
	}
}

// When all guards have ended, the checker has no record of their holds: whichever
// goroutine ended them, in whichever order, and with the checker on or off.
func TestNothingIsLeftOfHoldsThatHaveEnded(t *testing.T) {
	for _, stopsFirst := range []bool{false, true} {
		stop := arcmutex.Check(time.Hour, func(d *arcmutex.Deadlock) { t.Error(d) })
		m := arcmutex.NewRWMutex(0)
		var shares []arcmutex.RGuard[int]
		for range 10 {
			elsewhere(func() { shares = append(shares, m.RLock()) })
		}
		u := m.ULock()
		if stopsFirst {
			stop()
		}
		for _, i := range []int{3, 0, 9, 5, 4, 8, 1, 2, 7, 6} {
			elsewhere(shares[i].Unlock)
			assert.ErrorIs(t, testkit.PanicError(t, shares[i].Unlock), arcmutex.ErrReleased)
		}
		assert.Equal(t, 1, m.Readers())
		elsewhere(u.Unlock)
		m.With(func(*int) {})
		stop()
		assert.False(t, m.IsLocked() || m.Readers() > 0)
	}
}
