package retry_test

import (
	"context"
	"errors"
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
	"github.com/coderrange/ferrous/retry"
)

func acquire(tb testing.TB, b *retry.Breaker) *retry.Permit {
	tb.Helper()
	permit, err := b.Acquire()
	require.NoError(tb, err)
	return &permit
}

func TestABreakerOpensRefusesProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []retry.BreakerState
		b := retry.NewBreaker(retry.BreakerOptions{
			Failures: 2, Window: 3, Probes: 2, OpenFor: time.Minute,
			OnChange: func(_, to retry.BreakerState) { changes = append(changes, to) },
		})
		acquire(t, b).Done(errDown)
		acquire(t, b).Done(nil)
		acquire(t, b).Done(nil)
		acquire(t, b).Done(errDown) // the first has left the window
		assert.Equal(t, retry.Closed, b.State())
		acquire(t, b).Done(errDown)
		assert.Equal(t, "Breaker(open)", b.String())

		_, err := b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		var open *retry.OpenError
		require.ErrorAs(t, err, &open)
		assert.Equal(t, time.Minute, time.Until(open.Until))
		assert.Contains(t, err.Error(), "retry: breaker is open until ")
		testkit.Advance(time.Minute - 1)
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		testkit.Advance(1)

		first, second := acquire(t, b), acquire(t, b)
		assert.Equal(t, retry.HalfOpen, b.State())
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen, "two probes are enough")
		first.Done(nil)
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen, "one has passed, one is on its way")
		second.Done(nil)
		assert.Equal(t, retry.Closed, b.State())
		assert.Equal(t, []retry.BreakerState{retry.Open, retry.HalfOpen, retry.Closed}, changes)
	})
}

func TestAFailedProbeOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, OpenFor: time.Minute})
		acquire(t, b).Done(errDown)
		testkit.Advance(time.Minute)
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.Open, b.State())
		_, err := b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		testkit.Advance(time.Minute)
		acquire(t, b).Done(nil)
		assert.Equal(t, retry.Closed, b.State())
	})
}

func TestAPermitFromBeforeTheLastChangeNoLongerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, Probes: 2, OpenFor: time.Minute})
		late, later, released := acquire(t, b), acquire(t, b), acquire(t, b)
		acquire(t, b).Done(errDown)
		testkit.Advance(time.Minute)
		probe := acquire(t, b)
		late.Done(errDown)
		later.Done(nil)
		released.Release()
		assert.Equal(t, retry.HalfOpen, b.State())
		second := acquire(t, b) // exactly one place was left
		_, err := b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		probe.Done(nil)
		second.Done(nil)
		assert.Equal(t, retry.Closed, b.State())
	})
}

func TestProbesThatPanicOrAreCancelledGiveTheirPermitBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, OpenFor: time.Minute})
		acquire(t, b).Done(errDown)
		testkit.Advance(time.Minute)
		for range 3 {
			require.Error(t, testkit.PanicError(t, func() {
				_, _ = retry.Guarded(b, func(context.Context) (int, error) { panic(errDown) })(t.Context())
			}))
			assert.Equal(t, retry.HalfOpen, b.State())

			ctx, cancel := context.WithCancel(t.Context())
			_, err := retry.Guarded(b, func(context.Context) (int, error) { cancel(); return 0, errDown })(ctx)
			require.ErrorIs(t, err, errDown)
			assert.Equal(t, retry.HalfOpen, b.State())

			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = retry.Guarded(b, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })(t.Context())
			}()
			<-done
		}
		v, err := retry.Guarded(b, func(context.Context) (int, error) { return 42, nil })(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 42, v)
		assert.Equal(t, retry.Closed, b.State())
	})
}

func TestATimeoutIsAFailureOfWhatIsGuarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 2})
		p := retry.New(retry.Options{Attempts: 2, Timeout: time.Second, Backoff: retry.Constant(0)})
		_, err := retry.Do(t.Context(), p, retry.Guarded(b, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}))
		require.Error(t, err)
		assert.Equal(t, retry.Open, b.State())
	})
}

func TestARetryWaitsForTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, OpenFor: time.Minute})
		op, calls := failing(1, errDown)
		_, err := retry.Do(t.Context(), every(time.Second, 3), retry.Guarded(b, op))
		require.NoError(t, err)
		assert.Equal(t, 2, *calls, "one attempt was refused")
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestIsFailureDecides(t *testing.T) {
	b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, IsFailure: func(err error) bool { return errors.Is(err, errDown) }})
	acquire(t, b).Done(errors.New("no such account"))
	assert.Equal(t, retry.Closed, b.State())
	acquire(t, b).Done(errDown)
	assert.Equal(t, retry.Open, b.State())
}

func TestAPermitEndsOnce(t *testing.T) {
	b := retry.NewBreaker(retry.BreakerOptions{})
	permit := acquire(t, b)
	permit.Release()
	permit.Release()
	assert.EqualError(t, testkit.PanicError(t, func() { permit.Done(nil) }), "retry: Permit.Done: already ended")
	assert.EqualError(t, testkit.PanicError(t, func() { new(retry.Permit).Done(nil) }), "retry: Permit.Done: already ended")
}

// oracle is a breaker with everything written out.
type oracle struct {
	o              retry.BreakerOptions
	state          retry.BreakerState
	until          time.Time
	calls          []bool // of a closed breaker; true is a failure
	flight, passed int
	generation     int
}

func (m *oracle) become(s retry.BreakerState) {
	m.state, m.calls, m.flight, m.passed = s, nil, 0, 0
	m.generation++
	if s == retry.Open {
		m.until = time.Now().Add(m.o.OpenFor)
	}
}

func (m *oracle) acquire() bool {
	if m.state == retry.Open && !time.Now().Before(m.until) {
		m.become(retry.HalfOpen)
		m.generation-- // the real one counts open and half-open as one
	}
	if m.state == retry.HalfOpen && m.flight+m.passed < m.o.Probes {
		m.flight++
		return true
	}
	return m.state == retry.Closed
}

func (m *oracle) end(generation int, done, failed bool) {
	if generation != m.generation {
		return
	}
	switch {
	case m.state == retry.HalfOpen && !done:
		m.flight--
	case m.state == retry.HalfOpen && failed:
		m.become(retry.Open)
	case m.state == retry.HalfOpen:
		m.flight--
		if m.passed++; m.passed == m.o.Probes {
			m.become(retry.Closed)
		}
	case m.state == retry.Closed && done:
		m.calls = append(m.calls, failed)
		if len(m.calls) > m.o.Window {
			m.calls = m.calls[1:]
		}
		failures := len(slices.DeleteFunc(slices.Clone(m.calls), func(f bool) bool { return !f }))
		if failures >= m.o.Failures {
			m.become(retry.Open)
		}
	}
}

func TestBreakerAgainstAModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		o := retry.BreakerOptions{Failures: rapid.IntRange(1, 4).Draw(t, "failures"), OpenFor: time.Second}
		o.Window = o.Failures + rapid.IntRange(0, 28).Draw(t, "more")
		o.Probes = rapid.IntRange(1, 3).Draw(t, "probes")
		b, m := retry.NewBreaker(o), &oracle{o: o}
		type lent struct {
			permit     retry.Permit
			generation int
		}
		var permits []lent
		end := func(f func(*retry.Permit), done, failed bool) func(*rapid.T) {
			return func(t *rapid.T) {
				if len(permits) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(permits)-1).Draw(t, "permit")
				f(&permits[i].permit)
				m.end(permits[i].generation, done, failed)
				permits = slices.Delete(permits, i, i+1)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				permit, err := b.Acquire()
				if want := m.acquire(); want != (err == nil) {
					t.Fatalf("Acquire: %v", err)
				}
				if err == nil {
					permits = append(permits, lent{permit, m.generation})
				}
			},
			"succeed": end(func(p *retry.Permit) { p.Done(nil) }, true, false),
			"fail":    end(func(p *retry.Permit) { p.Done(errDown) }, true, true),
			"release": end((*retry.Permit).Release, false, false),
			"wait":    func(*rapid.T) { testkit.Advance(400 * time.Millisecond) },
			"": func(t *rapid.T) {
				if b.State() != m.state {
					t.Fatalf("%v, not %v", b.State(), m.state)
				}
			},
		})
	})
}

func TestNoProbeIsLostUnderStress(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		const probes = 2
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, Probes: probes, OpenFor: 1})
		acquire(t, b).Done(errDown)
		var flight atomic.Int64
		testkit.Parallel(16, func(int) {
			for range 200 {
				permit, err := b.Acquire()
				if err != nil {
					continue
				}
				if n := flight.Add(1); n > probes {
					t.Errorf("%d probes at once", n)
				}
				flight.Add(-1)
				permit.Release()
			}
		})
		for range probes { // all places are free again
			acquire(t, b).Done(nil)
		}
		require.Equal(t, retry.Closed, b.State())
	})
}
