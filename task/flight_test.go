package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

func TestAFlightReturnsWhatItsFunctionReturns(t *testing.T) {
	var fl task.Flight[string, string]
	v, err := fl.Do(t.Context(), "key", value("bar"))
	require.NoError(t, err)
	assert.Equal(t, "bar", v)
	v, err = fl.Do(t.Context(), "key", func(context.Context) (string, error) { return "value", errBoom })
	require.Equal(t, errBoom, err)
	assert.Equal(t, "value", v)
	assert.Equal(t, "Flight(running=0)", fmt.Sprint(&fl))
}

// flown is what Do did.
type flown[T any] struct {
	v     T
	err   error
	panic any
}

// fly calls Do on a goroutine of its own.
func fly[T any](ctx context.Context, fl *task.Flight[string, T], key string, f func(context.Context) (T, error)) <-chan flown[T] {
	result := make(chan flown[T], 1)
	go func() {
		r := flown[T]{err: errors.New("Do did not return")}
		defer func() {
			r.panic = recover()
			result <- r
		}()
		r.v, r.err = fl.Do(ctx, key, f)
	}()
	return result
}

func TestCallersShareOneCallForAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fl task.Flight[string, int]
		var calls atomic.Int32
		gate := make(chan struct{})
		f := func(context.Context) (int, error) {
			<-gate
			return int(calls.Add(1)), nil
		}
		var results []<-chan flown[int]
		for range 10 {
			results = append(results, fly(t.Context(), &fl, "key", f))
		}
		other := fly(t.Context(), &fl, "other", value(7))
		synctest.Wait()
		assert.Equal(t, flown[int]{v: 7}, <-other)
		assert.Equal(t, 1, fl.Len())
		close(gate)
		for _, r := range results {
			assert.Equal(t, flown[int]{v: 1}, <-r)
		}
		v, err := fl.Do(t.Context(), "key", f)
		require.NoError(t, err)
		assert.Equal(t, 2, v, "results are not kept")
	})
}

func TestAPanicOrGoexitGoesToAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]func(ctx context.Context) (int, error){"panic": culprit, "Goexit": goexit} {
			var fl task.Flight[string, int]
			gate := make(chan struct{})
			var results []<-chan flown[int]
			for range 5 {
				results = append(results, fly(t.Context(), &fl, "key", func(ctx context.Context) (int, error) {
					<-gate
					return end(ctx)
				}))
			}
			synctest.Wait()
			close(gate)
			for _, r := range results {
				got := <-r
				if name == "Goexit" {
					assert.Equal(t, flown[int]{err: task.ErrGoexit}, got)
					continue
				}
				p, ok := got.panic.(*task.PanicError)
				require.True(t, ok, "%v", got.panic)
				assert.Equal(t, errBoom, p.Value)
				require.ErrorIs(t, p, errBoom)
				assert.Contains(t, p.Stack, "task_test.culprit")
			}
			v, err := fl.Do(t.Context(), "key", value(1))
			require.NoError(t, err)
			assert.Equal(t, 1, v, "the next call is not affected")
		}
	})
}

func TestACallerThatGivesUpLeavesTheCallToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fl task.Flight[string, int]
		type key struct{}
		first, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "mine"))
		first, stop := context.WithTimeout(first, time.Hour)
		defer stop()
		f := func(ctx context.Context) (int, error) {
			_, limited := ctx.Deadline()
			if limited || ctx.Value(key{}) != "mine" {
				return 0, errors.New("a deadline, or no value")
			}
			<-time.After(time.Minute)
			return 5, ctx.Err()
		}
		a := fly(first, &fl, "key", f)
		synctest.Wait()
		b := fly(t.Context(), &fl, "key", func(context.Context) (int, error) { panic("called") })
		synctest.Wait()
		cancel(errBoom)
		got := <-a
		require.ErrorIs(t, got.err, errBoom)
		require.ErrorIs(t, got.err, context.Canceled)
		assert.Equal(t, flown[int]{v: 5}, <-b)
	})
}

func TestACallEndsWhenAllCallersHaveGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fl task.Flight[string, int]
		ended := make(chan error, 1)
		f := func(ctx context.Context) (int, error) {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			<-time.After(time.Hour) // it takes its time
			return 1, nil
		}
		a, cancelA := context.WithCancelCause(t.Context())
		b, cancelB := context.WithCancelCause(t.Context())
		first, second := fly(a, &fl, "key", f), fly(b, &fl, "key", f)
		synctest.Wait()
		cancelA(errors.New("the first"))
		<-first
		synctest.Wait()
		assert.Empty(t, ended)
		cancelB(errBoom)
		require.ErrorIs(t, (<-second).err, errBoom)
		assert.Equal(t, errBoom, <-ended)
		start := time.Now()
		v, err := fl.Do(t.Context(), "key", value(2))
		require.NoError(t, err)
		assert.Equal(t, 2, v, "who comes now starts anew")
		assert.Zero(t, time.Since(start))
		assert.Equal(t, 1, fl.Len())
		require.NoError(t, fl.Wait(t.Context()))
		assert.Equal(t, time.Hour, time.Since(start))
		assert.Zero(t, fl.Len())
	})
}

func TestForgetStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fl task.Flight[string, int]
		assert.False(t, fl.Forget("key"))
		firstGate, secondGate := make(chan struct{}), make(chan struct{})
		first := fly(t.Context(), &fl, "key", after(firstGate, 1))
		synctest.Wait()
		assert.True(t, fl.Forget("key"))
		second := fly(t.Context(), &fl, "key", after(secondGate, 2))
		synctest.Wait()
		assert.Equal(t, 2, fl.Len())
		close(firstGate)
		assert.Equal(t, flown[int]{v: 1}, <-first)
		third := fly(t.Context(), &fl, "key", value(3)) // the end of the first took nothing away
		synctest.Wait()
		close(secondGate)
		assert.Equal(t, flown[int]{v: 2}, <-second)
		assert.Equal(t, flown[int]{v: 2}, <-third)
	})
}

func TestAbortEndsTheFunctionsOfAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for cause, want := range map[error]error{nil: task.ErrAborted, errBoom: errBoom} {
			var fl task.Flight[string, int]
			forgotten := fly(t.Context(), &fl, "a", untilDone)
			synctest.Wait()
			fl.Forget("a")
			other := fly(t.Context(), &fl, "b", untilDone)
			synctest.Wait()
			fl.Abort(cause)
			require.Equal(t, want, (<-forgotten).err)
			require.Equal(t, want, (<-other).err)
			require.NoError(t, fl.Wait(t.Context()))
		}
	})
}

func TestAFlightNoticesADoneContextFirst(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	var fl task.Flight[string, int]
	_, err := fl.Do(ctx, "key", mustNot)
	require.ErrorIs(t, err, errBoom)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, fl.Wait(ctx), errBoom)
	require.EqualError(t, testkit.PanicError(t, func() { _, _ = fl.Do(t.Context(), "key", nil) }), "task: Flight.Do: nil function")
	require.EqualError(t, testkit.PanicError(t, func() { _ = fl.DoErr(t.Context(), "key", nil) }), "task: Flight.DoErr: nil function")
	assert.Zero(t, fl.Len())
}

func TestAFlightThatWaitsForItselfPanics(t *testing.T) {
	var fl task.Flight[string, int]
	for name, f := range map[string]func(ctx context.Context) (int, error){
		"itself": func(ctx context.Context) (int, error) { return fl.Do(ctx, "key", value(1)) },
		"a ring": func(ctx context.Context) (int, error) {
			return fl.Do(ctx, "other", func(ctx context.Context) (int, error) { return fl.Do(ctx, "key", value(1)) })
		},
		"its Wait": func(ctx context.Context) (int, error) { return 0, fl.Wait(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			err := testkit.PanicError(t, func() { _, _ = fl.Do(t.Context(), "key", f) })
			require.ErrorContains(t, err, "deadlock")
			require.NoError(t, fl.Wait(t.Context()))
			assert.Zero(t, fl.Len())
		})
	}
}

func TestAFlightPassesSlotsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fl task.Flight[string, int]
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 2})
		var queued *task.Handle[int]
		ready := make(chan struct{})
		waiting := submit(t, p, func(ctx context.Context) (int, error) {
			<-ready
			return fl.Do(ctx, "key", func(ctx context.Context) (int, error) { return queued.Join(ctx) })
		})
		queued = submit(t, p, value(3))
		close(ready)
		v, err := waiting.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 3, v)
	})
}

func TestAFlightDoesNotActForACallerThatGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fl task.Flight[string, int]
		p := newPool(t, task.PoolOptions{Workers: 1})
		asks, gaveUp, gate := make(chan struct{}), make(chan struct{}), make(chan struct{})
		submit(t, p, func(ctx context.Context) (int, error) {
			limited, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := fl.Do(limited, "key", func(ctx context.Context) (int, error) {
				<-asks
				return 1, p.Wait(ctx)
			})
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			close(gaveUp)
			<-gate
			return 0, nil
		})
		synctest.Wait()
		other := fly(t.Context(), &fl, "key", mustNot)
		<-gaveUp
		close(asks)
		synctest.Wait()
		assert.Empty(t, other)
		close(gate)
		assert.Equal(t, flown[int]{v: 1}, <-other)
	})
}

func TestAFlightForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fl task.Flight[string, int]
		gate := make(chan struct{})
		var results []<-chan flown[int]
		for i := range 3000 {
			results = append(results, fly(t.Context(), &fl, fmt.Sprint(i), after(gate, i)))
		}
		synctest.Wait()
		assert.Equal(t, 3000, fl.Len())
		close(gate)
		for _, r := range results {
			<-r
		}
		assert.True(t, task.FlightIsEmpty(&fl))
	})
}

// TestOneFlightMayServeSeveralBubbles uses the zero value in a package variable.
func TestOneFlightMayServeSeveralBubbles(t *testing.T) {
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err := packageFlight.Do(ctx, "key", untilDone)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NoError(t, packageFlight.Wait(t.Context()))
		})
	}
}

var packageFlight task.Flight[string, int]

// TestStressFlight has callers that give up, functions that panic and exit, and
// keys that are forgotten: each caller gets what its call gave, or its own cause.
func TestStressFlight(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		var fl task.Flight[int, int]
		var running [3]atomic.Int32
		testkit.Parallel(6, func(i int) {
			for n := range 50 {
				key := (i + n) % 3
				ctx, cancel := context.WithCancelCause(t.Context())
				if n%4 == 0 {
					go cancel(errBoom)
				}
				forgets := n%8 == 7
				if forgets {
					fl.Forget(key)
				}
				var v int
				var err error
				func() {
					defer func() {
						if p := recover(); p != nil {
							err = p.(*task.PanicError)
						}
					}()
					v, err = fl.Do(ctx, key, func(ctx context.Context) (int, error) {
						running[key].Add(1)
						defer running[key].Add(-1)
						runtime.Gosched()
						switch n % 5 {
						case 1:
							runtime.Goexit()
						case 2:
							return 0, fmt.Errorf("for %d", key)
						}
						return key, nil
					})
				}()
				switch {
				case err == nil:
					assert.Equal(t, key, v)
				case errors.Is(err, errBoom), errors.Is(err, task.ErrGoexit):
				default:
					assert.EqualError(t, err, fmt.Sprintf("for %d", key))
				}
				cancel(nil)
			}
		})
		assert.NoError(t, fl.Wait(t.Context()))
		assert.Zero(t, fl.Len())
		assert.True(t, task.FlightIsEmpty(&fl) || round < 0)
	})
}

// A flightCall is what the model knows of one call of a function.
type flightCall struct {
	*faulty
	key     string
	joined  bool // callers to come can join it
	aborted bool
	callers []*flightCaller // that wait
}

type flightCaller struct {
	cancel context.CancelCauseFunc
	result <-chan flown[int]
}

// flightModel is a list of the calls that run.
type flightModel struct {
	fl    task.Flight[string, int]
	ids   int
	calls []*flightCall
}

// end is the end of a call with a value or an error, which all of its callers get.
func (m *flightModel) end(t *rapid.T, c *flightCall, want error) {
	m.calls = slices.DeleteFunc(m.calls, func(other *flightCall) bool { return other == c })
	for _, caller := range c.callers {
		got := <-caller.result
		caller.cancel(nil)
		if errors.Is(want, errPanicked) {
			p, ok := got.panic.(*task.PanicError)
			assert.True(t, ok && errors.Is(p, want), "panic %v", got.panic)
			continue
		}
		assert.Nil(t, got.panic)
		assert.Equal(t, want, got.err)
		if !errors.Is(want, task.ErrGoexit) {
			assert.Equal(t, c.id, got.v)
		}
	}
}

// abort is the end of the context of a call.
func (m *flightModel) abort(t *rapid.T, c *flightCall, cause error) {
	if c.aborted {
		return
	}
	c.aborted = true
	if !c.deaf {
		m.end(t, c, cause)
	}
}

func (m *flightModel) find(key string) *flightCall {
	i := slices.IndexFunc(m.calls, func(c *flightCall) bool { return c.joined && c.key == key })
	if i < 0 {
		return nil
	}
	return m.calls[i]
}

// do adds a caller, which starts a call unless it joins one.
func (m *flightModel) do(t *rapid.T) {
	key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
	fresh := newFaulty(m.ids, rapid.Bool().Draw(t, "deaf"))
	m.ids++
	ctx, cancel := context.WithCancelCause(context.Background())
	caller := &flightCaller{cancel, fly(ctx, &m.fl, key, fresh.run)}
	synctest.Wait()
	c := m.find(key)
	assert.Equal(t, c == nil, fresh.hasBegun())
	if c == nil {
		c = &flightCall{faulty: fresh, key: key, joined: true}
		m.calls = append(m.calls, c)
	}
	c.callers = append(c.callers, caller)
}

// giveUp has a caller give up.
func (m *flightModel) giveUp(t *rapid.T) {
	waiting := slices.DeleteFunc(slices.Clone(m.calls), func(c *flightCall) bool { return len(c.callers) == 0 })
	if len(waiting) == 0 {
		t.Skip("none waits")
	}
	c := rapid.SampledFrom(waiting).Draw(t, "call")
	i := rapid.IntRange(0, len(c.callers)-1).Draw(t, "caller")
	cause := errors.New("enough")
	c.callers[i].cancel(cause)
	got := <-c.callers[i].result
	assert.ErrorIs(t, got.err, cause)
	assert.ErrorIs(t, got.err, context.Canceled)
	assert.Nil(t, got.panic)
	c.callers = slices.Delete(c.callers, i, i+1)
	if len(c.callers) == 0 {
		c.joined = false
		m.abort(t, c, cause)
	}
}

// finish ends a call in any way; without callers a panic would end the process.
func (m *flightModel) finish(t *rapid.T) {
	if len(m.calls) == 0 {
		t.Skip("none runs")
	}
	c := rapid.SampledFrom(m.calls).Draw(t, "call")
	ways := []string{"value", "error", "Goexit", "panic"}
	if len(c.callers) == 0 {
		ways = ways[:3]
	}
	how := rapid.SampledFrom(ways).Draw(t, "how")
	c.finish <- how
	m.end(t, c, waysToEnd[how])
}

// TestFlightModel compares a Flight with a list of calls whose callers come and give
// up, and which end in all ways, are aborted and forgotten.
func TestFlightModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		m := &flightModel{}
		t.Repeat(map[string]func(*rapid.T){
			"do":      m.do,
			"give up": m.giveUp,
			"finish":  m.finish,
			"done context": func(t *rapid.T) {
				ctx, cancel := context.WithCancelCause(context.Background())
				cancel(errBoom)
				got := <-fly(ctx, &m.fl, "a", mustNot)
				assert.ErrorIs(t, got.err, errBoom)
			},
			"forget": func(t *rapid.T) {
				key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
				c := m.find(key)
				assert.Equal(t, c != nil, m.fl.Forget(key))
				if c != nil {
					c.joined = false
				}
			},
			"abort": func(t *rapid.T) {
				m.fl.Abort(errBoom)
				for _, c := range slices.Clone(m.calls) {
					m.abort(t, c, errBoom)
				}
			},
			"": func(t *rapid.T) {
				synctest.Wait()
				assert.Equal(t, len(m.calls), m.fl.Len())
				for _, c := range m.calls {
					for _, caller := range c.callers {
						assert.Empty(t, caller.result)
					}
				}
			},
		})
		waited := make(chan error, 1)
		go func() { waited <- m.fl.Wait(context.Background()) }()
		for len(m.calls) > 0 {
			synctest.Wait()
			assert.Empty(t, waited)
			m.finish(t)
		}
		assert.NoError(t, <-waited)
		assert.True(t, task.FlightIsEmpty(&m.fl))
	})
}
