package arcmutex_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

// exits runs f on a goroutine of its own that may panic or exit, and waits for
// its end.
func exits(f func()) (recovered any) {
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		f()
	}()
	return <-done
}

func poison(t *testing.T, m interface{ With(func(*int)) }) {
	t.Helper()
	require.Equal(t, "boom", exits(func() { m.With(func(*int) { panic("boom") }) }))
}

// exclusive is what a Mutex and an RWMutex have for a writer.
type exclusive interface {
	Lock() arcmutex.Guard[int]
	TryLock() (arcmutex.Guard[int], bool)
	LockContext(ctx context.Context) (arcmutex.Guard[int], error)
	With(f func(*int))
	TryWith(f func(*int) error) error
	WithContext(ctx context.Context, f func(*int) error) error
	Get() (int, error)
	Set(v int) error
	Replace(v int) (int, error)
	IntoInner() (int, error)
	Recover(f func(*int))
	ClearPoison()
	IsLocked() bool
	IsPoisoned() bool
}

// eachLock runs a test of what both locks have. They own a 1.
func eachLock(t *testing.T, test func(t *testing.T, kind string, m exclusive)) {
	t.Helper()
	for kind, m := range map[string]exclusive{"Mutex": arcmutex.NewMutex(1), "RWMutex": arcmutex.NewRWMutex(1)} {
		t.Run(kind, func(t *testing.T) { test(t, kind, m) })
	}
}

// fine returns a function for the forms whose functions can fail.
func fine[T any](f func(*T)) func(*T) error {
	return func(v *T) error {
		f(v)
		return nil
	}
}

func TestLocksLockAndUnlock(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		g := m.Lock()
		assert.True(t, m.IsLocked())
		assert.Equal(t, 1, g.Get())
		g.Set(2)
		*g.Ptr()++
		_, ok := m.TryLock()
		assert.False(t, ok)
		require.ErrorIs(t, m.TryWith(fine(func(*int) { t.Error("not locked") })), arcmutex.ErrLocked)
		g.Unlock()
		assert.False(t, m.IsLocked())
		g, ok = m.TryLock()
		require.True(t, ok)
		assert.Equal(t, 3, g.Get())
		g.Unlock()
		require.NoError(t, m.TryWith(fine(func(v *int) { *v++ })))
		require.NoError(t, m.WithContext(t.Context(), fine(func(v *int) { *v++ })))
		g, err := m.LockContext(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 5, g.Get())
		g.Unlock()
	})
}

func TestZeroMutexIsReady(t *testing.T) {
	var m arcmutex.Mutex[string]
	m.With(func(s *string) { *s += "x" })
	v, err := m.Get()
	require.NoError(t, err)
	assert.Equal(t, "x", v)
}

func TestDoneContextIsNoticedFirst(t *testing.T) {
	eachLock(t, func(t *testing.T, kind string, m exclusive) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		_, err := m.LockContext(ctx)
		require.EqualError(t, err, "arcmutex: "+kind+".LockContext: enough")
		require.ErrorIs(t, err, cause)
		assert.False(t, m.IsLocked())
		require.ErrorIs(t, m.WithContext(ctx, fine(func(*int) { t.Error("called") })), cause)
	})
}

func TestGuardCopiesEndTogether(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		g := m.Lock()
		twin := g
		assert.Equal(t, 1, twin.Get())
		twin.Unlock()
		for range 2 { // free, then locked again
			for name, use := range map[string]func(){
				"Ptr": func() { g.Ptr() }, "Get": func() { g.Get() }, "Set": func() { g.Set(7) },
				"Unlock": g.Unlock, "Unlocked": func() { g.Unlocked(func() { t.Error("called") }) },
			} {
				err := testkit.PanicError(t, use)
				require.ErrorIs(t, err, arcmutex.ErrReleased)
				require.EqualError(t, err, "arcmutex: Guard."+name+": guard was unlocked")
			}
			if again, ok := m.TryLock(); ok {
				assert.Equal(t, 1, again.Get())
				defer func() {
					assert.True(t, m.IsLocked(), "stale use has touched the lock")
					again.Unlock()
				}()
			}
		}
		require.Error(t, testkit.PanicError(t, func() { new(arcmutex.Guard[int]).Unlock() }))
	})
}

func TestPanicInWithUnlocksAndPoisons(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		for name, leave := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
			for how, with := range map[string]func(func(*int)){
				"With":        m.With,
				"TryWith":     func(f func(*int)) { assert.NoError(t, m.TryWith(fine(f))) },
				"WithContext": func(f func(*int)) { assert.NoError(t, m.WithContext(t.Context(), fine(f))) },
			} {
				t.Run(how+"/"+name, func(t *testing.T) {
					exits(func() { with(func(*int) { leave() }) })
					assert.False(t, m.IsLocked())
					assert.True(t, m.IsPoisoned())
					m.ClearPoison()
					assert.False(t, m.IsPoisoned())
					m.With(func(*int) {})
				})
			}
		}
	})
}

func TestPoisonedLockRefuses(t *testing.T) {
	eachLock(t, func(t *testing.T, kind string, m exclusive) {
		poison(t, m)
		never := func(*int) { t.Error("called") }
		for name, use := range map[string]func(){
			"Lock": func() { m.Lock() }, "TryLock": func() { m.TryLock() }, "With": func() { m.With(never) },
		} {
			err := testkit.PanicError(t, use)
			require.ErrorIs(t, err, arcmutex.ErrPoisoned)
			require.ErrorContains(t, err, "arcmutex: "+kind+"."+name+": poisoned by a function that did not return (panic: ")
		}
		_, err := m.LockContext(t.Context())
		require.ErrorIs(t, err, arcmutex.ErrPoisoned)
		require.ErrorIs(t, m.TryWith(fine(never)), arcmutex.ErrPoisoned)
		require.ErrorIs(t, m.WithContext(t.Context(), fine(never)), arcmutex.ErrPoisoned)
		_, err = m.Get()
		require.ErrorIs(t, err, arcmutex.ErrPoisoned)
		require.ErrorIs(t, m.Set(7), arcmutex.ErrPoisoned)
		_, err = m.Replace(8)
		require.ErrorIs(t, err, arcmutex.ErrPoisoned)
		assert.False(t, m.IsLocked())
		v, err := m.IntoInner()
		require.ErrorIs(t, err, arcmutex.ErrPoisoned)
		assert.Equal(t, 1, v, "Set or Replace has changed the value")
	})
}

func TestPanicInWithKeepsItsStack(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		var stack string
		func() {
			defer func() {
				stack = string(debug.Stack())
				assert.Equal(t, "boom", recover())
			}()
			m.With(culprit)
		}()
		assert.Contains(t, stack, "arcmutex_test.culprit")
		assert.Contains(t, stack, "mutex_test.go")
	})
}

//go:noinline
func culprit(*int) { panic("boom") }

func TestUnlockWhilePanickingDoesNotPoison(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		assert.Equal(t, "boom", exits(func() {
			g := m.Lock()
			defer g.Unlock()
			panic("boom")
		}))
		assert.False(t, m.IsLocked())
		assert.False(t, m.IsPoisoned())
	})
}

func TestRecoverRepairs(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		poison(t, m)
		assert.Equal(t, "worse", exits(func() { m.Recover(func(*int) { panic("worse") }) }))
		assert.True(t, m.IsPoisoned())
		m.Recover(func(v *int) {
			assert.True(t, m.IsLocked())
			*v = 5
		})
		v, err := m.Get()
		require.NoError(t, err)
		assert.Equal(t, 5, v)
	})
}

func TestSetReplaceIntoInner(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		require.NoError(t, m.Set(2))
		old, err := m.Replace(3)
		require.NoError(t, err)
		assert.Equal(t, 2, old)
		v, err := m.Get()
		require.NoError(t, err)
		assert.Equal(t, 3, v)
		v, err = m.IntoInner()
		require.NoError(t, err)
		assert.Equal(t, 3, v)
		v, err = m.IntoInner()
		require.ErrorIs(t, err, arcmutex.ErrTaken)
		assert.Zero(t, v)
	})
}

func TestMapMutNarrowsAndConsumes(t *testing.T) {
	type pair struct{ a, b int }
	m := arcmutex.NewMutex(pair{1, 2})
	g := m.Lock()
	assert.Equal(t, "boom", exits(func() { arcmutex.MapMut(&g, func(*pair) *int { panic("boom") }) }))
	assert.Equal(t, pair{1, 2}, g.Get(), "a failed MapMut has consumed the guard")
	b := arcmutex.MapMut(&g, func(p *pair) *int { return &p.b })
	require.ErrorIs(t, testkit.PanicError(t, func() { g.Ptr() }), arcmutex.ErrReleased)
	require.ErrorIs(t, testkit.PanicError(t, g.Unlock), arcmutex.ErrReleased)
	b.Set(5)
	assert.True(t, m.IsLocked())
	b.Unlock()
	v, err := m.Get()
	require.NoError(t, err)
	assert.Equal(t, pair{1, 5}, v)
	require.ErrorIs(t, testkit.PanicError(t, b.Unlock), arcmutex.ErrReleased)

	g = m.Lock()
	part := func(there bool) func(*pair) (*int, bool) { return func(p *pair) (*int, bool) { return &p.a, there } }
	_, ok := arcmutex.FilterMapMut(&g, part(false))
	assert.False(t, ok)
	assert.Equal(t, pair{1, 5}, g.Get(), "a part that is not there has consumed the guard")
	a, ok := arcmutex.FilterMapMut(&g, part(true))
	assert.True(t, ok)
	require.ErrorIs(t, testkit.PanicError(t, g.Unlock), arcmutex.ErrReleased)
	assert.Equal(t, 1, a.Get())
	a.Unlock()
	assert.False(t, m.IsLocked())
}

func TestUnlockedLetsOthersIn(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		g := m.Lock()
		twin := g
		g.Unlocked(func() { m.With(func(v *int) { *v = 9 }) })
		assert.Equal(t, 9, g.Get())
		require.ErrorIs(t, testkit.PanicError(t, twin.Unlock), arcmutex.ErrReleased)
		assert.Equal(t, "boom", exits(func() {
			defer g.Unlock()
			g.Unlocked(func() { panic("boom") })
		}))
		assert.False(t, m.IsLocked())
	})
}

func TestMutexPrints(t *testing.T) {
	m := arcmutex.NewMutex(43)
	assert.Equal(t, "43 Mutex(43) Mutex(43)", fmt.Sprintf("%v %+v %#v", m, m, m))
	assert.Equal(t, "Mutex(43)", m.LogValue().String())
	g := m.Lock()
	assert.Equal(t, "43 Guard(43)", fmt.Sprintf("%v %+v", &g, &g))
	assert.Equal(t, "<locked> Mutex(<locked>)", fmt.Sprintf("%v %+v", m, m))
	g.Unlock()
	assert.Equal(t, "<unlocked> Guard(<unlocked>)", fmt.Sprintf("%v %+v", &g, &g))
	poison(t, m)
	assert.Equal(t, "Mutex(43 poisoned)", fmt.Sprintf("%+v", m))
	assert.False(t, m.IsLocked())
}

func TestLockingInADeferredCallDuringAPanic(t *testing.T) {
	eachLock(t, func(t *testing.T, _ string, m exclusive) {
		assert.Equal(t, "boom", exits(func() {
			defer func() {
				defer m.With(func(v *int) { *v++ })
				panic(recover())
			}()
			defer m.With(func(v *int) { *v++ })
			panic("boom")
		}))
		v, err := m.Get()
		require.NoError(t, err)
		assert.Equal(t, 3, v)
	})
}

func TestLocksWithinLocks(t *testing.T) {
	outer := arcmutex.NewRWMutex(arcmutex.NewArc(arcmutex.NewMutex(1)))
	done := make(chan *arcmutex.Arc[*arcmutex.Mutex[int]])
	go func() {
		g := outer.RLock()
		defer g.Unlock()
		(*g.Get().Ptr()).With(func(v *int) { *v++ })
		done <- g.Get().Clone()
	}()
	inner := <-done
	assert.Equal(t, 2, inner.StrongCount())
	v, err := (*inner.Ptr()).Get()
	require.NoError(t, err)
	assert.Equal(t, 2, v)
}

func TestPartsOfParts(t *testing.T) {
	m := arcmutex.NewRWMutex([2][2]int{{1, 2}, {3, 4}})
	row := func(v *[2][2]int) *[2]int { return &v[1] }
	cell := func(v *[2]int) *int { return &v[0] }

	g := m.Lock()
	r := arcmutex.MapMut(&g, row)
	c := arcmutex.MapMut(&r, cell)
	require.ErrorIs(t, testkit.PanicError(t, r.Unlock), arcmutex.ErrReleased)
	c.Set(9)
	assert.True(t, m.IsLocked())
	c.Unlock()
	assert.False(t, m.IsLocked())

	s := m.RLock()
	sr := arcmutex.Map(&s, row)
	sc := arcmutex.Map(&sr, cell)
	require.ErrorIs(t, testkit.PanicError(t, sr.Unlock), arcmutex.ErrReleased)
	assert.Equal(t, 9, sc.Get())
	_, ok := m.TryLock()
	assert.False(t, ok, "a part is no reader")
	sc.Unlock()
	assert.Zero(t, m.Readers())
}
