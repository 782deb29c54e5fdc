package retry_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// noReturns are the ways in which a callback does not return.
var noReturns = map[string]func(){
	"panic":  func() { panic(errDown) },
	"goexit": runtime.Goexit,
}

// apart runs f where it may panic or exit its goroutine, and reports whether it
// returned.
func apart(f func()) (returned bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		f()
		returned = true
	}()
	<-done
	return returned
}

// copied returns a copy of what must not be copied, unseen by go vet.
func copied[T any](p *T) *T {
	twin := *p
	return &twin
}

// inTheState brings a breaker with Failures 1 and Probes 1 into a state in which
// it lets one call through, as op makes it.
func inTheState(tb testing.TB, b *retry.Breaker, state retry.BreakerState) {
	tb.Helper()
	if state == retry.BreakerHalfOpen {
		b.Open()
		testkit.Advance(time.Minute)
		acquire(tb, b).Release()
	}
	require.Equal(tb, state, b.State())
}

// TestACallbackThatDoesNotReturnLeavesTheBreakerUsable is over all callbacks,
// all ways not to return, all states and all ways to end a call.
func TestACallbackThatDoesNotReturnLeavesTheBreakerUsable(t *testing.T) {
	ends := map[string]func(*retry.Breaker, error){
		"Done": func(b *retry.Breaker, err error) {
			if p, refused := b.Acquire(); refused == nil {
				p.Done(err)
			}
		},
		"Guarded": func(b *retry.Breaker, err error) {
			_, _ = retry.Guarded(b, func(context.Context) (int, error) { return 0, err })(context.Background())
		},
		"Do": func(b *retry.Breaker, err error) {
			_ = retry.DoErr(context.Background(), atOnce(3), func(context.Context) error {
				_, err := retry.Guarded(b, func(context.Context) (int, error) { return 0, err })(context.Background())
				return err
			})
		},
	}
	for name, fault := range noReturns {
		for _, callback := range []string{"Ignore", "IsFailure", "OnChange"} {
			for _, state := range []retry.BreakerState{retry.BreakerClosed, retry.BreakerHalfOpen} {
				for _, err := range []error{nil, errDown} {
					for how, end := range ends {
						t.Run(fmt.Sprint(callback, "/", name, "/", state, "/", how, "/", err != nil), func(t *testing.T) {
							synctest.Test(t, func(t *testing.T) {
								armed := false
								call := func(which string) {
									if armed && which == callback {
										fault()
									}
								}
								b := retry.NewBreaker(retry.BreakerOptions{
									Failures: 1, OpenFor: time.Minute,
									Ignore:    func(error) bool { call("Ignore"); return false },
									IsFailure: func(error) bool { call("IsFailure"); return true },
									OnChange:  func(_, _ retry.BreakerState) { call("OnChange") },
								})
								inTheState(t, b, state)
								armed = true
								apart(func() { end(b, err) })
								if state == retry.BreakerHalfOpen { // and what makes it half-open
									apart(b.ForceOpen)
									apart(b.Open)
									testkit.Advance(time.Minute)
									apart(func() { end(b, err) })
								}
								armed = false
								testkit.Advance(time.Minute)
								acquire(t, b).Done(nil)
								assert.Equal(t, retry.BreakerClosed, b.State())
							})
						})
					}
				}
			}
		}
	}
}

func TestAnOnChangeThatPanicsChangesTheStateAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{
			Failures: 1, OpenFor: time.Minute, OnChange: func(_, _ retry.BreakerState) { panic(errDown) },
		})
		assert.False(t, apart(func() { acquire(t, b).Done(errDown) }))
		assert.Equal(t, retry.BreakerOpen, b.State())
		testkit.Advance(time.Minute)
		assert.False(t, apart(func() { _, _ = b.Acquire() }))
		assert.Equal(t, retry.BreakerHalfOpen, b.State())
		probe := acquire(t, b) // the place of the one that panicked is free
		_, err := b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		assert.False(t, apart(func() { probe.Done(nil) }))
		assert.Equal(t, retry.BreakerClosed, b.State())
	})
}

func TestACallbackMayCallItsBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *retry.Breaker
		depth := 0
		all := func() {
			if depth++; depth == 1 {
				_ = b.State()
				if p, err := b.Acquire(); err == nil {
					p.Done(nil)
				}
				b.Open()
				b.ForceOpen()
				b.Reset()
			}
			depth--
		}
		b = retry.NewBreaker(retry.BreakerOptions{
			Failures:  1,
			Ignore:    func(error) bool { all(); return false },
			IsFailure: func(error) bool { all(); return true },
			OnChange:  func(_, _ retry.BreakerState) { all() },
		})
		for range 3 {
			acquire(t, b).Done(errDown)
			testkit.Advance(time.Minute)
			acquire(t, b).Done(nil)
			assert.Equal(t, retry.BreakerClosed, b.State())
		}
	})
}

func TestACopiedProbeGivesBackOnePlace(t *testing.T) {
	ends := map[string]func(*retry.Permit){
		"succeed": func(p *retry.Permit) { p.Done(nil) },
		"fail":    func(p *retry.Permit) { p.Done(errDown) },
		"release": (*retry.Permit).Release,
	}
	for first, end := range ends {
		for second, again := range ends {
			t.Run(first+"/"+second, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, Probes: 2, OpenFor: time.Minute})
					b.Open()
					testkit.Advance(time.Minute)
					permit := acquire(t, b)
					twin := copied(permit)
					end(permit)
					if state := b.State(); first == "release" || first == "succeed" {
						got := func() (err error) {
							defer func() { err, _ = recover().(error) }()
							again(twin)
							return nil
						}()
						if second == "release" {
							require.NoError(t, got)
						} else {
							require.EqualError(t, got, "retry: Permit.Done: a copy of the permit has ended")
						}
						assert.Equal(t, state, b.State(), "the copy counts for nothing")
					} else {
						again(twin) // it opened, so no probe counts any more
						assert.Equal(t, retry.BreakerOpen, b.State())
						testkit.Advance(time.Minute)
					}
					left := 2
					if first == "succeed" {
						left = 1
					}
					for range left {
						assert.NotEqual(t, retry.BreakerClosed, b.State())
						acquire(t, b).Done(nil)
					}
					assert.Equal(t, retry.BreakerClosed, b.State())
				})
			})
		}
	}
}

func TestAProbeThatDoesNotReturnCountsAsFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []retry.BreakerState
		b := retry.NewBreaker(retry.BreakerOptions{
			Failures: 1, Probes: 2, OpenFor: time.Second, ProbeTimeout: time.Minute,
			OnChange: func(_, to retry.BreakerState) { changes = append(changes, to) },
		})
		b.Open()
		testkit.Advance(time.Second)
		hangs := acquire(t, b)
		testkit.Advance(time.Minute - 1)
		acquire(t, b).Release() // the other place is free
		testkit.Advance(1)
		_, err := b.Acquire()
		var open *retry.OpenError
		require.ErrorAs(t, err, &open)
		assert.Equal(t, time.Second, time.Until(open.Until))
		assert.Equal(t, []retry.BreakerState{retry.BreakerOpen, retry.BreakerHalfOpen, retry.BreakerOpen}, changes)
		testkit.Advance(time.Second)
		first, second := acquire(t, b), acquire(t, b)
		hangs.Done(errDown) // too late to count
		first.Done(nil)
		second.Done(nil)
		assert.Equal(t, retry.BreakerClosed, b.State())
	})
}

func TestAnIgnoredErrorIsNoOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		neutral := errors.New("bad request")
		b := retry.NewBreaker(retry.BreakerOptions{
			Failures: 2, OpenFor: time.Minute, Ignore: func(err error) bool { return errors.Is(err, neutral) },
		})
		acquire(t, b).Done(errDown)
		for range 9 {
			acquire(t, b).Done(neutral)
		}
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerOpen, b.State(), "two failures in a row, with nothing between")
		testkit.Advance(time.Minute)
		acquire(t, b).Done(neutral)
		assert.Equal(t, retry.BreakerHalfOpen, b.State())
		acquire(t, b).Done(nil)
		assert.Equal(t, retry.BreakerClosed, b.State())
	})
}

func TestARatioOverAPeriodOpensTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Ratio: 0.5, MinCalls: 4, Period: 10 * time.Second, OpenFor: time.Second})
		for range 3 {
			acquire(t, b).Done(errDown)
		}
		assert.Equal(t, retry.BreakerClosed, b.State(), "too few calls")
		testkit.Advance(10 * time.Second)
		for range 4 {
			acquire(t, b).Done(nil)
			acquire(t, b).Release()
		}
		for range 3 {
			acquire(t, b).Done(errDown)
		}
		assert.Equal(t, retry.BreakerClosed, b.State(), "3 of 7, without the 3 of the period before")
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerOpen, b.State(), "4 of 8")
		testkit.Advance(time.Second)
		acquire(t, b).Done(nil)
		for range 3 {
			acquire(t, b).Done(errDown)
		}
		assert.Equal(t, retry.BreakerClosed, b.State(), "what it saw before it closed is forgotten")
		acquire(t, b).Done(nil)
		assert.Equal(t, retry.BreakerOpen, b.State(), "3 of 4, though the last is a success")
	})
}

func TestABreakerIsOpenedAndClosedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []retry.BreakerState
		b := retry.NewBreaker(retry.BreakerOptions{
			OpenFor: time.Minute, OnChange: func(_, to retry.BreakerState) { changes = append(changes, to) },
		})
		early := acquire(t, b)
		b.ForceOpen()
		testkit.Advance(1000 * time.Hour)
		early.Done(nil)
		_, err := b.Acquire()
		assert.EqualError(t, err, "retry: breaker is open until it is reset")
		require.ErrorIs(t, err, retry.ErrOpen)
		b.Open()
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		testkit.Advance(time.Minute)
		probe := acquire(t, b)
		b.Reset()
		probe.Done(errDown) // it is from before the reset
		for range 4 {
			acquire(t, b).Done(errDown)
		}
		b.Reset()
		acquire(t, b).Done(errDown)
		assert.Equal(t, retry.BreakerClosed, b.State(), "the four are forgotten")
		assert.Equal(t, []retry.BreakerState{retry.BreakerOpen, retry.BreakerHalfOpen, retry.BreakerClosed}, changes)
	})
}

func TestARetryDoesNotWaitForABreakerThatIsForcedOpen(t *testing.T) {
	b := retry.NewBreaker(retry.BreakerOptions{})
	b.ForceOpen()
	_, err := retry.Do(t.Context(), atOnce(3), retry.Guarded(b, one))
	e := report(t, err)
	assert.Equal(t, 3, e.Attempts)
	assert.NoError(t, e.Earlier, "no attempt reached the service")
}

func TestTheErrorOfTheServiceIsFoundAfterTheBreakerOpened(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		for how, p := range map[string]*retry.Policy{
			"exhausted": retry.New(retry.Options{Attempts: 4, Backoff: retry.Constant(0), MaxDelay: 1}),
			"too long":  retry.New(retry.Options{Attempts: 9, Backoff: retry.Constant(0), MaxElapsed: time.Second}),
			"refused": retry.New(retry.Options{Attempts: 9, Backoff: retry.Constant(0), Retryable: func(err error) bool {
				return !errors.Is(err, retry.ErrOpen)
			}}),
		} {
			first, last := errors.New("first"), errors.New("last")
			b := retry.NewBreaker(retry.BreakerOptions{Failures: 2, OpenFor: time.Hour})
			calls := 0
			_, err := do(t.Context(), p, retry.Guarded(b, func(context.Context) (int, error) {
				if calls++; calls == 1 {
					return 0, first
				}
				return 0, last
			}))
			require.ErrorIs(t, err, retry.ErrOpen, how)
			require.ErrorIs(t, err, last, how)
			require.NotErrorIs(t, err, first, how)
			assert.Equal(t, last, report(t, err).Earlier)
			assert.Contains(t, err.Error(), ": after last")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, OpenFor: time.Hour})
		h := retry.NewHedge(retry.HedgeOptions{Delay: time.Second})
		var copies atomic.Int64
		_, err := retry.Hedged(h, func(ctx context.Context) (int, error) {
			if copies.Add(1) == 2 {
				pass(2 * time.Second) // the first has failed when this one asks the breaker
			}
			return retry.Guarded(b, func(context.Context) (int, error) {
				pass(2 * time.Second)
				return 0, errDown
			})(ctx)
		}, nil)(t.Context())
		require.ErrorIs(t, err, retry.ErrOpen, "of the copy that ended last")
		require.ErrorIs(t, err, errDown)
	})
}
