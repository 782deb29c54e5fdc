package arcmutex_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/result"
)

var errFailed = errors.New("failed")

// done returns a context that is done.
func done(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// Every form that lends the value to a function that can fail returns its
// error, is unlocked, and not poisoned; one that panics poisons if it may write.
func TestErrorsOfFunctionsAreReturnedAndDoNotPoison(t *testing.T) {
	m, rw := arcmutex.NewMutex(0), arcmutex.NewRWMutex(0)
	type form func(func(*int) error) error
	for _, c := range []struct {
		name      string
		call      form
		recovers  bool
		isReading bool
		state     interface {
			IsPoisoned() bool
			IsLocked() bool
			ClearPoison()
		}
	}{
		{"Mutex.WithErr", m.WithErr, false, false, m},
		{"Mutex.WithContext", func(f func(*int) error) error { return m.WithContext(t.Context(), f) }, false, false, m},
		{"Mutex.TryWith", m.TryWith, false, false, m},
		{"Mutex.RecoverErr", m.RecoverErr, true, false, m},
		{"RWMutex.WithErr", rw.WithErr, false, false, rw},
		{"RWMutex.WithContext", func(f func(*int) error) error { return rw.WithContext(t.Context(), f) }, false, false, rw},
		{"RWMutex.TryWith", rw.TryWith, false, false, rw},
		{"RWMutex.RecoverErr", rw.RecoverErr, true, false, rw},
		{"RWMutex.RWithErr", rw.RWithErr, false, true, rw},
		{"RWMutex.RWithContext", func(f func(*int) error) error { return rw.RWithContext(t.Context(), f) }, false, true, rw},
		{"RWMutex.TryRWith", rw.TryRWith, false, true, rw},
	} {
		t.Run(c.name, func(t *testing.T) {
			isFree := func() {
				t.Helper()
				assert.False(t, c.state.IsLocked())
				assert.Zero(t, rw.Readers())
			}
			require.NoError(t, c.call(func(*int) error { return nil }))
			require.ErrorIs(t, c.call(func(*int) error { return errFailed }), errFailed)
			isFree()
			assert.False(t, c.state.IsPoisoned())

			// A failed Check with a Handle of the function's own is an error as any
			// other; one that leaves the function is a panic.
			require.ErrorIs(t, c.call(func(*int) (err error) {
				defer result.Handle(&err)
				result.Check0(errFailed)
				return nil
			}), errFailed)
			assert.False(t, c.state.IsPoisoned())
			assert.ErrorIs(t, func() (err error) {
				defer result.Handle(&err)
				return c.call(func(*int) error { return fmt.Errorf("not reached: %w", result.Check(err, errFailed)) })
			}(), errFailed)
			isFree()
			assert.Equal(t, !c.isReading, c.state.IsPoisoned())
			if c.isReading {
				return
			}
			called := false
			err := c.call(func(*int) error { called = true; return errFailed })
			if c.recovers {
				require.ErrorIs(t, err, errFailed)
				assert.True(t, c.state.IsPoisoned(), "the repair failed")
			} else {
				require.ErrorIs(t, err, arcmutex.ErrPoisoned)
				assert.False(t, called)
			}
			isFree()
			c.state.ClearPoison()
		})
	}
}

// After IntoInner, every method that needs the value reports that it was taken.
func TestTakenLocksSaySo(t *testing.T) {
	m, rw := arcmutex.NewMutex(7), arcmutex.NewRWMutex(7)
	m.With(func(v *int) { *v++ })
	for _, take := range []func() (int, error){m.IntoInner, rw.IntoInner} {
		v, err := take()
		require.NoError(t, err)
		assert.NotZero(t, v)
	}
	m.ClearPoison()
	rw.ClearPoison()
	assert.Equal(t, "<taken> <taken>", fmt.Sprint(m, " ", rw))
	never := func(*int) { t.Error("called") }
	fails := fine(never)
	ctx := t.Context()
	second := func(_ any, err error) error { return err }
	for what, f := range map[string]func() error{
		"Mutex.LockContext": func() error { return second(m.LockContext(ctx)) },
		"Mutex.WithErr":     func() error { return m.WithErr(fails) }, "Mutex.WithContext": func() error { return m.WithContext(ctx, fails) },
		"Mutex.TryWith": func() error { return m.TryWith(fails) }, "Mutex.RecoverErr": func() error { return m.RecoverErr(fails) },
		"Mutex.Get": func() error { return second(m.Get()) }, "Mutex.Set": func() error { return m.Set(1) },
		"Mutex.Replace": func() error { return second(m.Replace(1)) }, "Mutex.IntoInner": func() error { return second(m.IntoInner()) },
		"RWMutex.LockContext":  func() error { return second(rw.LockContext(ctx)) },
		"RWMutex.RLockContext": func() error { return second(rw.RLockContext(ctx)) },
		"RWMutex.ULockContext": func() error { return second(rw.ULockContext(ctx)) },
		"RWMutex.WithErr":      func() error { return rw.WithErr(fails) }, "RWMutex.WithContext": func() error { return rw.WithContext(ctx, fails) },
		"RWMutex.TryWith": func() error { return rw.TryWith(fails) }, "RWMutex.RecoverErr": func() error { return rw.RecoverErr(fails) },
		"RWMutex.RWithErr": func() error { return rw.RWithErr(fails) }, "RWMutex.RWithContext": func() error { return rw.RWithContext(ctx, fails) },
		"RWMutex.TryRWith": func() error { return rw.TryRWith(fails) },
		"RWMutex.Get":      func() error { return second(rw.Get()) }, "RWMutex.Set": func() error { return rw.Set(1) },
		"RWMutex.Replace": func() error { return second(rw.Replace(1)) }, "RWMutex.IntoInner": func() error { return second(rw.IntoInner()) },
		"Mutex.Lock":       func() error { return testkit.PanicError(t, func() { m.Lock() }) },
		"Mutex.With":       func() error { return testkit.PanicError(t, func() { m.With(never) }) },
		"Mutex.TryLock":    func() error { return testkit.PanicError(t, func() { m.TryLock() }) },
		"Mutex.Recover":    func() error { return testkit.PanicError(t, func() { m.Recover(never) }) },
		"RWMutex.Lock":     func() error { return testkit.PanicError(t, func() { rw.Lock() }) },
		"RWMutex.RLock":    func() error { return testkit.PanicError(t, func() { rw.RLock() }) },
		"RWMutex.ULock":    func() error { return testkit.PanicError(t, func() { rw.ULock() }) },
		"RWMutex.TryLock":  func() error { return testkit.PanicError(t, func() { rw.TryLock() }) },
		"RWMutex.TryRLock": func() error { return testkit.PanicError(t, func() { rw.TryRLock() }) },
		"RWMutex.TryULock": func() error { return testkit.PanicError(t, func() { rw.TryULock() }) },
		"RWMutex.With":     func() error { return testkit.PanicError(t, func() { rw.With(never) }) },
		"RWMutex.RWith":    func() error { return testkit.PanicError(t, func() { rw.RWith(never) }) },
		"RWMutex.Recover":  func() error { return testkit.PanicError(t, func() { rw.Recover(never) }) },
		"LockAllContext": func() error {
			var g arcmutex.Guard[int]
			_, err := arcmutex.LockAllContext(ctx, m.To(&g))
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			err := f()
			require.ErrorIs(t, err, arcmutex.ErrTaken)
			require.NotErrorIs(t, err, arcmutex.ErrPoisoned)
			assert.Equal(t, "arcmutex: "+what+": value was taken", err.Error())
			assert.False(t, m.IsLocked() || rw.IsLocked())
			assert.False(t, m.IsPoisoned() || rw.IsPoisoned())
			assert.Zero(t, rw.Readers())
		})
	}
}

func TestIntoInnerTakesThePoisonToo(t *testing.T) {
	m, rw := arcmutex.NewMutex(7), arcmutex.NewRWMutex(7)
	poison(t, m)
	exits(func() { rw.With(func(*int) { panic("boom") }) })
	for _, take := range []func() (int, error){m.IntoInner, rw.IntoInner} {
		v, err := take()
		require.ErrorIs(t, err, arcmutex.ErrPoisoned)
		assert.Equal(t, 7, v)
		_, err = take()
		require.ErrorIs(t, err, arcmutex.ErrTaken)
		require.NotErrorIs(t, err, arcmutex.ErrPoisoned)
	}
	assert.False(t, m.IsPoisoned() || rw.IsPoisoned())
}

func TestUnlockedErrTellsWhatOthersHaveMade(t *testing.T) {
	m := arcmutex.NewMutex(1)
	g := m.Lock()
	require.NoError(t, g.UnlockedErr(func() error { return m.Set(2) }))
	assert.Equal(t, 2, g.Get())
	err := g.UnlockedErr(func() error {
		assert.Panics(t, func() { m.With(func(*int) { panic("half way") }) })
		return errFailed
	})
	require.ErrorIs(t, err, errFailed)
	require.ErrorIs(t, err, arcmutex.ErrPoisoned)
	require.ErrorIs(t, g.UnlockedErr(func() error { return second(m.IntoInner()) }), arcmutex.ErrTaken)
	g.Unlock()
}

func second[T any](_ T, err error) error { return err }

func TestFailedOnceMayBeTriedAgain(t *testing.T) {
	var o arcmutex.Once
	for _, do := range []func(func() error) error{
		o.DoErr,
		func(f func() error) error { return o.DoContext(t.Context(), f) },
	} {
		require.ErrorIs(t, do(func() error { return errFailed }), errFailed)
		assert.False(t, o.IsDone() || o.IsPoisoned())
	}
	require.NoError(t, o.DoErr(func() error { return nil }))
	assert.True(t, o.IsDone())
	require.NoError(t, o.DoErr(func() error { return errFailed }), "done once and for all")
}
