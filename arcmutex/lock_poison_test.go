package arcmutex_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/result"
)

//go:noinline
func failing(leave func()) { leave() }

// A poisonable is a lock in whose function a test panics.
type poisonable interface {
	With(f func(*int))
	WithErr(f func(*int) error) error
	Recover(f func(*int))
	ClearPoison()
	IsPoisoned() bool
}

func TestPoisonTellsOfTheFunction(t *testing.T) {
	errBoom := errors.New("boom")
	for name, m := range map[string]poisonable{
		"Mutex":   arcmutex.NewMutex(1).WithName("accounts"),
		"RWMutex": arcmutex.NewRWMutex(1).WithName("accounts"),
	} {
		for how, leave := range map[string]struct {
			f     func()
			value any
			place string
		}{
			"panic":          {func() { panic(errBoom) }, errBoom, "TestPoisonTellsOfTheFunction"},
			"nil":            {func() { panic(nil) }, new(runtime.PanicNilError), "TestPoisonTellsOfTheFunction"},
			"Goexit":         {runtime.Goexit, nil, "arcmutex_test.failing"},
			"runtime error":  {func() { _ = []int{}[len(name)] }, "index out of range", "TestPoisonTellsOfTheFunction"},
			"failed check":   {func() { result.Check0(errBoom) }, nil, "TestPoisonTellsOfTheFunction"},
			"poisoned inner": {func() { inner().Lock() }, nil, "TestPoisonTellsOfTheFunction"},
			"nested":         {func() { new(arcmutex.Mutex[int]).With(func(*int) { failing(func() { panic(errBoom) }) }) }, errBoom, "TestPoisonTellsOfTheFunction"},
		} {
			for form, with := range map[string]func(func(*int)){
				"With":    m.With,
				"WithErr": func(f func(*int)) { _ = m.WithErr(func(v *int) error { f(v); return nil }) },
				"Recover": m.Recover,
			} {
				t.Run(fmt.Sprint(name, " ", form, " ", how), func(t *testing.T) {
					m.ClearPoison()
					value := exits(func() { with(func(*int) { failing(leave.f) }) })
					assert.True(t, m.IsPoisoned())
					err := m.WithErr(func(*int) error { t.Error("called"); return nil })
					require.ErrorIs(t, err, arcmutex.ErrPoisoned)
					var p *arcmutex.PoisonedError
					require.ErrorAs(t, err, &p)
					assert.Equal(t, "accounts", p.Lock)
					assert.Contains(t, p.Place, leave.place)
					assert.Contains(t, p.Place, "_test.go:")
					assert.Equal(t, value, p.Value, "it is what came out of the function")
					assert.ErrorContains(t, err, name+".WithErr: accounts: poisoned by a function that did not return (")
					switch want := leave.value.(type) {
					case nil:
					case string:
						assert.ErrorContains(t, p.Value.(error), want)
					case error:
						assert.IsType(t, want, p.Value)
						assert.NotErrorIs(t, err, want)
					}
				})
			}
		}
	}
}

// inner returns a mutex that is poisoned already.
func inner() *arcmutex.Mutex[int] {
	m := arcmutex.NewMutex(0)
	exits(func() { m.With(func(*int) { panic("inner") }) })
	return m
}

func TestPoisonEndsWithClearPoison(t *testing.T) {
	m := arcmutex.NewMutex(0)
	for _, text := range []string{"first", "second"} {
		exits(func() { m.With(func(*int) { panic(text) }) })
		_, err := m.Get()
		require.ErrorContains(t, err, "panic: "+text)
		m.ClearPoison()
		require.NoError(t, m.Set(1))
	}
	m.ClearPoison()
	_, err := m.IntoInner()
	require.NoError(t, err)
	require.ErrorIs(t, m.Set(1), arcmutex.ErrTaken)
}

func TestLocksWithoutPoisonAreNeverPoisoned(t *testing.T) {
	rw := arcmutex.NewRWMutex(1)
	exits(func() { rw.With(func(*int) { panic("before") }) })
	for name, m := range map[string]poisonable{
		"Mutex": arcmutex.NewMutex(1).WithoutPoison().WithName("m"), "RWMutex": rw.WithoutPoison(), "zero": new(arcmutex.Mutex[int]).WithoutPoison(),
	} {
		assert.False(t, m.IsPoisoned(), name)
		for _, leave := range []func(){func() { panic("boom") }, runtime.Goexit} {
			exits(func() { m.With(func(*int) { leave() }) })
			exits(func() { _ = m.WithErr(func(*int) error { leave(); return nil }) })
			exits(func() { m.Recover(func(*int) { leave() }) })
			assert.False(t, m.IsPoisoned(), name)
			m.With(func(v *int) { *v++ })
		}
	}
}

// A panic that poisons a lock is recovered with the same value and stack as without the
// lock.
func TestPanicsKeepTheirStack(t *testing.T) {
	m := arcmutex.NewMutex(0)
	var stack string
	func() {
		defer func() {
			assert.Equal(t, "boom", recover())
			buf := make([]byte, 1<<14)
			stack = string(buf[:runtime.Stack(buf, false)])
		}()
		m.With(func(*int) { failing(func() { panic("boom") }) })
	}()
	assert.Contains(t, stack, "arcmutex_test.failing(")
	assert.ErrorIs(t, testkit.PanicError(t, func() { m.Lock() }), arcmutex.ErrPoisoned)
}
