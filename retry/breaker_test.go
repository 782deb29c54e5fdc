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

func acquire(tb rapid.TB, b *retry.Breaker) *retry.Permit {
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
		assert.Equal(t, retry.BreakerClosed, b.State())
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
		assert.Equal(t, retry.BreakerHalfOpen, b.State())
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen, "two probes are enough")
		first.Done(nil)
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen, "one has passed, one is on its way")
		second.Done(nil)
		assert.Equal(t, retry.BreakerClosed, b.State())
		assert.Equal(t, []retry.BreakerState{retry.BreakerOpen, retry.BreakerHalfOpen, retry.BreakerClosed}, changes)
	})
}

func TestAFailedProbeOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, OpenFor: time.Minute})
		acquire(t, b).Done(errDown)
		testkit.Advance(time.Minute)
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerOpen, b.State())
		_, err := b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		testkit.Advance(time.Minute)
		acquire(t, b).Done(nil)
		assert.Equal(t, retry.BreakerClosed, b.State())
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
		assert.Equal(t, retry.BreakerHalfOpen, b.State())
		second := acquire(t, b) // exactly one place was left
		_, err := b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		probe.Done(nil)
		second.Done(nil)
		assert.Equal(t, retry.BreakerClosed, b.State())
	})
}

func TestProbesThatPanicOrAreCanceledGiveTheirPermitBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, OpenFor: time.Minute})
		acquire(t, b).Done(errDown)
		testkit.Advance(time.Minute)
		for range 3 {
			require.Error(t, testkit.PanicError(t, func() {
				_, _ = retry.Guarded(b, func(context.Context) (int, error) { panic(errDown) })(t.Context())
			}))
			assert.Equal(t, retry.BreakerHalfOpen, b.State())

			ctx, cancel := context.WithCancel(t.Context())
			_, err := retry.Guarded(b, func(context.Context) (int, error) { cancel(); return 0, errDown })(ctx)
			require.ErrorIs(t, err, errDown)
			assert.Equal(t, retry.BreakerHalfOpen, b.State())

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
		assert.Equal(t, retry.BreakerClosed, b.State())
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
		assert.Equal(t, retry.BreakerOpen, b.State())
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
	assert.Equal(t, retry.BreakerClosed, b.State())
	acquire(t, b).Done(errDown)
	assert.Equal(t, retry.BreakerOpen, b.State())
}

func TestAPermitEndsOnce(t *testing.T) {
	b := retry.NewBreaker(retry.BreakerOptions{})
	permit := acquire(t, b)
	permit.Release()
	permit.Release()
	assert.EqualError(t, testkit.PanicError(t, func() { permit.Done(nil) }), "retry: Permit.Done: the permit has ended, or was not acquired")
	assert.EqualError(t, testkit.PanicError(t, func() { new(retry.Permit).Done(nil) }), "retry: Permit.Done: the permit has ended, or was not acquired")
}

// oracle is a breaker with everything written out.
type oracle struct {
	o          retry.BreakerOptions
	start      time.Time
	state      retry.BreakerState
	until      time.Time // zero: no time ends it
	calls      []call    // of a closed breaker
	flight     []*ticket // of a half-open one, the oldest first
	passed     int
	generation int
}

type call struct {
	tenth  time.Duration // of a period
	failed bool
}

// ticket is what the oracle knows of a permit.
type ticket struct {
	generation int
	probe      bool
	until      time.Time
	ended      bool
}

func (m *oracle) become(s retry.BreakerState) {
	m.state, m.calls, m.flight, m.passed = s, nil, nil, 0
	m.generation++
}

func (m *oracle) open() {
	m.become(retry.BreakerOpen)
	m.until = time.Now().Add(m.o.OpenFor)
}

func (m *oracle) acquire() *ticket {
	if m.state == retry.BreakerOpen && !m.until.IsZero() && !time.Now().Before(m.until) {
		m.become(retry.BreakerHalfOpen)
	}
	if m.state == retry.BreakerHalfOpen && len(m.flight) > 0 && !time.Now().Before(m.flight[0].until) {
		m.open()
	}
	t := &ticket{generation: m.generation, probe: m.state == retry.BreakerHalfOpen, until: time.Now().Add(m.o.ProbeTimeout)}
	switch {
	case m.state == retry.BreakerClosed:
		return t
	case m.state == retry.BreakerHalfOpen && len(m.flight)+m.passed < m.o.Probes:
		m.flight = append(m.flight, t)
		return t
	}
	return nil
}

// end reports whether the end of the permit is a caller's bug that is seen.
func (m *oracle) end(t *ticket, done, failed bool) (bug bool) {
	if t.generation != m.generation {
		return false
	}
	if t.probe {
		i := slices.Index(m.flight, t)
		if i < 0 {
			return done
		}
		m.flight = slices.Delete(m.flight, i, i+1)
		if done && failed {
			m.open()
		} else if done {
			if m.passed++; m.passed == m.o.Probes {
				m.become(retry.BreakerClosed)
			}
		}
		return false
	}
	if !done {
		return false
	}
	var now time.Duration
	if m.o.Ratio > 0 {
		now = time.Since(m.start) / (m.o.Period / 10)
	}
	m.calls = append(m.calls, call{now, failed})
	calls, failures := 0, 0
	for i, c := range m.calls {
		if m.o.Ratio > 0 && c.tenth > now-10 || m.o.Ratio == 0 && i >= len(m.calls)-m.o.Window {
			calls++
			if c.failed {
				failures++
			}
		}
	}
	if m.o.Ratio > 0 && calls >= m.o.MinCalls && float64(failures) >= m.o.Ratio*float64(calls) ||
		m.o.Ratio == 0 && failures >= m.o.Failures {
		m.open()
	}
	return false
}

var errNeutral = errors.New("bad request")

// TestBreakerAgainstAModel uses all of a breaker, with permits that are copied,
// forgotten and ended late, and with callbacks that panic or exit.
func TestBreakerAgainstAModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		o := retry.BreakerOptions{OpenFor: time.Second}
		if rapid.Bool().Draw(t, "by ratio") {
			o.Ratio = float64(rapid.IntRange(1, 8).Draw(t, "eighths")) / 8
			o.MinCalls = rapid.IntRange(1, 8).Draw(t, "least")
			o.Period = time.Duration(rapid.IntRange(1, 3).Draw(t, "period")) * time.Second
		} else {
			o.Failures = rapid.IntRange(1, 4).Draw(t, "failures")
			o.Window = o.Failures + rapid.IntRange(0, 28).Draw(t, "more")
		}
		o.Probes = rapid.IntRange(1, 3).Draw(t, "probes")
		o.ProbeTimeout = time.Duration(rapid.IntRange(1, 4).Draw(t, "timeout")) * time.Second
		m := &oracle{o: o, start: time.Now()}
		var faulty string // the callback that does not return, if it is asked
		var fault func()
		fail := func(callback string) {
			if faulty == callback {
				fault()
			}
		}
		var from, to []retry.BreakerState
		o.Ignore = func(err error) bool { fail("Ignore"); return errors.Is(err, errNeutral) }
		o.IsFailure = func(err error) bool { fail("IsFailure"); return errors.Is(err, errDown) }
		o.OnChange = func(was, is retry.BreakerState) {
			from, to = append(from, was), append(to, is)
			fail("OnChange")
		}
		b := retry.NewBreaker(o)
		type lent struct {
			permit *retry.Permit
			ticket *ticket
		}
		var permits []lent
		// in runs f with one of the callbacks at fault and returns what it panicked with.
		in := func(t *rapid.T, f func()) (returned bool, value any) {
			faulty = rapid.SampledFrom([]string{"", "", "", "Ignore", "IsFailure", "OnChange"}).Draw(t, "faulty")
			fault = noReturns[rapid.SampledFrom([]string{"panic", "goexit"}).Draw(t, "fault")]
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { value = recover() }()
				f()
				returned = true
			}()
			<-done
			return returned, value
		}
		// changes returns whether the model changed its state in f.
		changes := func(f func()) bool {
			was := m.state
			f()
			return m.state != was
		}
		end := func(done bool, err error) func(*rapid.T) {
			return func(t *rapid.T) {
				if len(permits) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(permits)-1).Draw(t, "permit")
				p := permits[i]
				if rapid.IntRange(0, 3).Draw(t, "copy") == 0 { // the original stays
					p.permit = copied(p.permit)
				} else {
					permits = slices.Delete(permits, i, i+1)
				}
				returned, value := in(t, func() {
					if done {
						p.permit.Done(err)
					} else {
						p.permit.Release()
					}
				})
				asked := done && err != nil
				neutral := errors.Is(err, errNeutral)
				judged := !asked || faulty != "Ignore" && (faulty != "IsFailure" || neutral)
				counts := done && judged && !neutral
				var bug, changed bool
				changed = changes(func() { bug = m.end(p.ticket, counts, errors.Is(err, errDown)) })
				bug = bug || done && judged && !counts && p.ticket.probe && p.ticket.ended && p.ticket.generation == m.generation
				p.ticket.ended = true
				if bug {
					if e, _ := value.(error); e == nil || e.Error() != "retry: Permit.Done: a copy of the permit has ended" {
						t.Fatalf("a copy ended: %v", value)
					}
				} else if want := judged && (!changed || faulty != "OnChange"); returned != want {
					t.Fatalf("returned: %v, not %v (%v)", returned, want, value)
				}
			}
		}
		by := func(f func(*retry.Breaker), model func()) func(*rapid.T) {
			return func(t *rapid.T) {
				returned, value := in(t, func() { f(b) })
				if want := !changes(model) || faulty != "OnChange"; returned != want {
					t.Fatalf("returned: %v, not %v (%v)", returned, want, value)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				var permit retry.Permit
				var err error
				returned, _ := in(t, func() { permit, err = b.Acquire() })
				var got *ticket
				changed := changes(func() { got = m.acquire() })
				switch {
				case returned == (changed && faulty == "OnChange"):
					t.Fatalf("returned: %v", returned)
				case !returned:
					if got != nil {
						m.end(got, false, false)
					}
				case (got != nil) != (err == nil):
					t.Fatalf("Acquire: %v", err)
				case err == nil:
					permits = append(permits, lent{copied(&permit), got})
				default:
					var open *retry.OpenError
					if !errors.As(err, &open) || m.state == retry.BreakerOpen && !open.Until.Equal(m.until) {
						t.Fatalf("refused until %v, not %v", open.Until, m.until)
					}
				}
			},
			"succeed":  end(true, nil),
			"fail":     end(true, errDown),
			"fail too": end(true, errDown),
			"neutral":  end(true, errNeutral),
			"no fault": end(true, errors.New("no such account")),
			"release":  end(false, nil),
			"forget": func(t *rapid.T) {
				if len(permits) == 0 {
					t.Skip()
				}
				permits = permits[1:]
			},
			"open":       by((*retry.Breaker).Open, func() { m.open() }),
			"force open": by((*retry.Breaker).ForceOpen, func() { m.open(); m.until = time.Time{} }),
			"reset":      by((*retry.Breaker).Reset, func() { m.become(retry.BreakerClosed) }),
			"wait":       func(*rapid.T) { testkit.Advance(400 * time.Millisecond) },
			"wait long":  func(*rapid.T) { testkit.Advance(time.Second) },
			"": func(t *rapid.T) {
				if b.State() != m.state {
					t.Fatalf("%v, not %v", b.State(), m.state)
				}
				if len(from) > 0 && (from[0] != retry.BreakerClosed || !slices.Equal(from[1:], to[:len(to)-1]) || to[len(to)-1] != m.state) {
					t.Fatalf("changes from %v to %v", from, to)
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
		testkit.NextTick() // the breaker may be open
		for range probes { // all places are free again
			acquire(t, b).Done(nil)
		}
		require.Equal(t, retry.BreakerClosed, b.State())
	})
}

func TestABreakersDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{})
		for range 4 {
			acquire(t, b).Done(errDown)
		}
		assert.Equal(t, retry.BreakerClosed, b.State())
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerOpen, b.State(), "after 5 failures")
		testkit.Advance(5*time.Second - 1)
		_, err := b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		testkit.Advance(1)
		probe := acquire(t, b)
		testkit.Advance(time.Minute - 1)
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		assert.Equal(t, retry.BreakerHalfOpen, b.State(), "one probe, for a minute")
		probe.Done(nil)

		b = retry.NewBreaker(retry.BreakerOptions{Ratio: 1})
		acquire(t, b).Done(nil)
		testkit.Advance(9 * time.Second)
		for range 19 {
			acquire(t, b).Done(errDown)
		}
		assert.Equal(t, retry.BreakerClosed, b.State())
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerClosed, b.State(), "20 of 21 calls in 10 s")
		testkit.Advance(time.Second)
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerOpen, b.State(), "the success is 10 s old")

		b = retry.NewBreaker(retry.BreakerOptions{Ratio: 1})
		for range 19 {
			acquire(t, b).Done(errDown)
		}
		assert.Equal(t, retry.BreakerClosed, b.State())
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerOpen, b.State(), "20 calls are enough")
	})
}

func TestTheBoundsOfABreakersNumbers(t *testing.T) {
	for _, o := range []retry.BreakerOptions{
		{Failures: 32},
		{Failures: 1, Window: 32},
		{Failures: 32, Window: 32},
		{Probes: 1<<16 - 1},
		{Ratio: 1, MinCalls: 1, Period: 1},
		{ProbeTimeout: 1, OpenFor: 1},
	} {
		assert.NotPanics(t, func() { retry.NewBreaker(o) })
	}
	for _, o := range []retry.BreakerOptions{
		{Failures: 33}, {Failures: 1, Window: 33}, {Failures: -1}, {Window: -1}, {Probes: 1 << 16}, {Probes: -1}, {OpenFor: -1},
	} {
		assert.Panics(t, func() { retry.NewBreaker(o) })
	}
}

func TestAFailureLeavesTheWindow(t *testing.T) {
	for window := 2; window <= 32; window++ {
		for between := range window + 1 {
			b := retry.NewBreaker(retry.BreakerOptions{Failures: 2, Window: window})
			acquire(t, b).Done(errDown)
			for range between {
				acquire(t, b).Done(nil)
			}
			acquire(t, b).Done(errDown)
			assert.Equal(t, between <= window-2, b.State() == retry.BreakerOpen, "window %d, %d between", window, between)
		}
	}
}

func TestASuccessAfterAFailureOfMeanwhileCounts(t *testing.T) {
	for name, call := range map[string]func(*retry.Breaker, func()){
		"Permit": func(b *retry.Breaker, meanwhile func()) {
			permit := acquire(t, b)
			meanwhile()
			permit.Done(nil)
		},
		"Guarded": func(b *retry.Breaker, meanwhile func()) {
			_, _ = retry.Guarded(b, func(context.Context) (int, error) { meanwhile(); return 1, nil })(t.Context())
		},
	} {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 2})
		acquire(t, b).Done(errDown)
		call(b, func() {})
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerClosed, b.State(), "%s: the two failures are not in a row", name)
		b.Reset()
		call(b, func() { acquire(t, b).Done(errDown) })
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerClosed, b.State(), "%s: the two failures are not in a row", name)
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerOpen, b.State(), name)
	}
}

func TestAPermitEndsOnceInEachState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, state := range []retry.BreakerState{retry.BreakerClosed, retry.BreakerHalfOpen} {
			for _, err := range []error{nil, errDown} {
				for _, o := range []retry.BreakerOptions{{Failures: 2, OpenFor: time.Minute}, {Ratio: 0.5, MinCalls: 2, OpenFor: time.Minute}} {
					b := retry.NewBreaker(o)
					inTheState(t, b, state)
					permit := acquire(t, b)
					permit.Done(err)
					assert.EqualError(t, testkit.PanicError(t, func() { permit.Done(err) }), "retry: Permit.Done: the permit has ended, or was not acquired")
					permit.Release()
				}
			}
		}
	})
}

func TestWhatTheOptionsSayOfAnErrorCounts(t *testing.T) {
	neutral, fine := errors.New("neutral"), errors.New("fine")
	b := retry.NewBreaker(retry.BreakerOptions{
		Failures: 2, Ignore: func(err error) bool { return errors.Is(err, neutral) },
		IsFailure: func(err error) bool { return !errors.Is(err, fine) },
	})
	acquire(t, b).Done(errDown)
	acquire(t, b).Done(fine)
	acquire(t, b).Done(errDown)
	assert.Equal(t, retry.BreakerClosed, b.State(), "what is fine stands between the failures")
	acquire(t, b).Done(neutral)
	acquire(t, b).Done(errDown)
	assert.Equal(t, retry.BreakerOpen, b.State(), "what is neutral does not")
}
