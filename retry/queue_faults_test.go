package retry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// faults are what a callback can do to its caller.
var faults = map[string]func(){
	"panic":  func() { panic(errDown) },
	"nil":    func() { panic(nil) },
	"goexit": runtime.Goexit,
}

// once calls f the first time only.
func once(f func()) func() {
	called := false
	return func() {
		if !called {
			called = true
			f()
		}
	}
}

func TestNoCallbackCanEndAQueue(t *testing.T) {
	for name, fault := range faults {
		for callback, inject := range map[string]func(*options, *retry.Options, func()){
			"Handle": func(o *options, _ *retry.Options, f func()) {
				handle := o.Handle
				o.Handle = func(ctx context.Context, j job) error { f(); return handle(ctx, j) }
			},
			"OnEvent": func(o *options, _ *retry.Options, f func()) {
				onEvent := o.OnEvent
				o.OnEvent = func(ctx context.Context, e retry.Event[string]) error { f(); return onEvent(ctx, e) }
			},
			"OnSuccess": func(o *options, _ *retry.Options, f func()) { o.OnSuccess = func(context.Context, job) { f() } },
			"OnRetry": func(o *options, _ *retry.Options, f func()) {
				o.OnRetry = func(context.Context, retry.JobRetry[string]) { f() }
			},
			"Retryable": func(_ *options, p *retry.Options, f func()) { p.Retryable = func(error) bool { f(); return true } },
			"Backoff": func(_ *options, p *retry.Options, f func()) {
				p.Backoff = func(int, time.Duration, uint64) time.Duration { f(); return time.Second }
			},
			"Unwrap": func(o *options, _ *retry.Options, f func()) {
				handle := o.Handle
				o.Handle = func(ctx context.Context, j job) error {
					if err := handle(ctx, j); err != nil {
						return trap{f}
					}
					return nil
				}
			},
			"Logger": func(o *options, _ *retry.Options, f func()) {
				handle := o.Handle
				o.Handle = func(ctx context.Context, j job) error {
					if j.Attempts == 1 {
						panic("for the logger")
					}
					return handle(ctx, j)
				}
				o.Logger = slog.New(trapHandler{slog.DiscardHandler, f})
			},
		} {
			t.Run(callback+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var seen []string
					p := retry.Options{Attempts: 3, Backoff: retry.Constant(time.Second)}
					o := options{
						Workers: 1,
						Handle: func(_ context.Context, j job) error {
							if j.Key == "bad" || j.Attempts < 3 {
								return errDown
							}
							return nil
						},
						OnEvent: func(_ context.Context, e retry.Event[string]) error {
							seen = append(seen, e.Job.Key)
							return nil
						},
					}
					inject(&o, &p, once(fault))
					o.Policy = retry.New(p)
					q, stop := start(t, o)
					for _, key := range []string{"a", "bad", "b"} {
						enqueue(t, q, key)
					}
					testkit.Advance(time.Hour)
					assert.Equal(t, []string{"bad"}, seen, "delivery goes on")
					assert.Equal(t, retry.QueueStats{Dead: 1}, stats(t, q), "the only worker goes on")
					require.NoError(t, stop())
				})
			})
		}
	}
}

// trap is an error that calls f when it is unwrapped.
type trap struct{ f func() }

func (e trap) Error() string { return "trap" }
func (e trap) Unwrap() error { e.f(); return nil }

// trapHandler is a log handler that calls f.
type trapHandler struct {
	slog.Handler
	f func()
}

func (h trapHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (h trapHandler) Handle(context.Context, slog.Record) error { h.f(); return nil }

func TestPanicsOfEveryAttemptExhaustThem(t *testing.T) {
	for name, p := range map[string]retry.Options{
		"Handle":    {Attempts: 3, Backoff: retry.Constant(time.Second)},
		"Retryable": {Attempts: 3, Retryable: func(error) bool { panic("policy") }},
		"Backoff":   {Attempts: 3, Backoff: func(int, time.Duration, uint64) time.Duration { panic("policy") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var errs []error
				calls := 0
				q, stop := start(t, options{
					Policy: retry.New(p), Logger: slog.New(slog.NewJSONHandler(&log, nil)),
					Handle: func(context.Context, job) error {
						if calls++; name == "Handle" {
							panic(errDown)
						}
						return errDown
					},
					OnRetry: func(_ context.Context, r retry.JobRetry[string]) { errs = append(errs, r.Err) },
				})
				enqueue(t, q, "a")
				testkit.Advance(time.Hour)
				assert.Equal(t, 3, calls)
				letters := dead(t, q)
				require.Len(t, letters, 1)
				require.Len(t, errs, 2)
				for _, err := range errs {
					require.ErrorIs(t, err, errDown)
				}
				assert.NotContains(t, log.String(), "value of a", "a value may be secret")
				if name == "Handle" {
					p, ok := errors.AsType[*retry.PanicError](errs[0])
					require.True(t, ok)
					assert.Contains(t, p.Stack, "queue_faults_test.go")
					assert.Contains(t, letters[0].Reason, "panic: service is down\n\n")
					assert.Equal(t, 3, strings.Count(log.String(), `"callback":"Handle"`))
				}
				require.NoError(t, stop())
			})
		})
	}
}

func TestAReasonIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Policy: every(0, 1), Handle: func(context.Context, job) error {
			return errors.New(strings.Repeat("é", 1<<20))
		}})
		enqueue(t, q, "a")
		synctest.Wait()
		reason := dead(t, q)[0].Reason
		assert.Less(t, len(reason), 5000)
		assert.Equal(t, strings.ToValidUTF8(reason, "?"), reason)
		require.NoError(t, stop())
	})
}

// TestEachOptionOfAPolicyIsHonouredOrRefused knows the options by their fields,
// so that a new one must be decided about.
func TestEachOptionOfAPolicyIsHonouredOrRefused(t *testing.T) {
	honoured := map[string]any{
		"Attempts": 1, "Backoff": retry.Constant(1), "MaxDelay": time.Hour, "Retryable": func(error) bool { return true },
		"Seed": uint64(1), "Timeout": time.Minute,
	}
	refused := map[string]any{
		"Budget": retry.NewBudget(retry.BudgetOptions{}), "MaxElapsed": time.Hour,
		"OnGiveUp": func(context.Context, *retry.Error) {}, "OnRetry": func(context.Context, retry.Retry) {},
	}
	o := options{Store: retry.NewMemory[string](), Handle: func(context.Context, job) error { return nil }}
	for field := range reflect.TypeFor[retry.Options]().Fields() {
		var p retry.Options
		set := func(v any) {
			f := reflect.ValueOf(&p).Elem().FieldByName(field.Name)
			f.Set(reflect.ValueOf(v).Convert(f.Type()))
			o.Policy = retry.New(p)
		}
		if v, ok := honoured[field.Name]; ok {
			set(v)
			retry.NewQueue(o)
			continue
		}
		v, ok := refused[field.Name]
		require.True(t, ok, "what does a queue do with Options.%s?", field.Name)
		set(v)
		err := testkit.PanicError(t, func() { retry.NewQueue(o) })
		assert.ErrorContains(t, err, "retry: NewQueue: a queue does not honour Policy's "+field.Name)
	}
}

func TestTheTimeoutOfThePolicyEndsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := retry.New(retry.Options{Attempts: 2, Backoff: retry.Constant(0), Timeout: time.Second})
		for _, heartbeat := range []time.Duration{0, time.Minute} {
			var causes []error
			q, stop := start(t, options{
				Policy: p, Lease: time.Hour, Heartbeat: heartbeat,
				Handle: func(ctx context.Context, _ job) error {
					<-ctx.Done()
					causes = append(causes, context.Cause(ctx))
					return ctx.Err()
				},
			})
			enqueue(t, q, "a")
			testkit.Advance(2 * time.Second)
			assert.Equal(t, []error{retry.ErrTimeout, retry.ErrTimeout}, causes)
			assert.Len(t, dead(t, q), 1)
			require.NoError(t, stop())
		}
	})
}

func TestABackoffIsToldTheDelayBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := retry.NewMemory[string]()
		type call struct {
			n        int
			previous time.Duration
		}
		var calls []call
		o := options{Store: store, Policy: retry.New(retry.Options{
			Attempts: 5, Backoff: func(n int, previous time.Duration, _ uint64) time.Duration {
				calls = append(calls, call{n, previous})
				return max(2*previous, time.Second)
			},
		}), Handle: func(context.Context, job) error { return errDown }}
		q, stop := start(t, o)
		enqueue(t, q, "a")
		testkit.Advance(3 * time.Second)
		require.NoError(t, stop()) // the delay is the store's to keep
		q, stop = start(t, o)
		testkit.Advance(time.Hour)
		assert.Equal(t, []call{{1, 0}, {2, time.Second}, {3, 2 * time.Second}, {4, 4 * time.Second}}, calls)
		require.NoError(t, q.Replay(t.Context(), dead(t, q)[0].ID))
		synctest.Wait()
		assert.Equal(t, call{1, 0}, calls[4], "a replay begins anew")
		require.NoError(t, stop())
	})
}

func TestOnEventsRetriesAreToldTheDelayBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var previous []time.Duration
		failures := 3
		q, stop := start(t, options{
			Policy: retry.New(retry.Options{Attempts: 1, Backoff: func(_ int, p time.Duration, _ uint64) time.Duration {
				previous = append(previous, p)
				return p + time.Second
			}}),
			Handle: func(context.Context, job) error { return errDown },
			OnEvent: func(context.Context, retry.Event[string]) error {
				if failures--; failures >= 0 {
					return errDown
				}
				return nil
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		assert.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, previous)
		require.NoError(t, stop())
	})
}

func TestSnoozeIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		q, stop := start(t, options{
			Policy:  every(time.Hour, 1),
			OnRetry: func(context.Context, retry.JobRetry[string]) { t.Error("no retry") },
			Handle: func(_ context.Context, j job) error {
				assert.Equal(t, 1, j.Attempts)
				if at = append(at, time.Since(begin)); len(at) < 4 {
					return fmt.Errorf("later: %w", retry.Snooze(time.Duration(len(at)-2)*time.Minute))
				}
				return nil
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		assert.Equal(t, []time.Duration{0, 0, 0, time.Minute}, at, "a negative one is none")
		assert.Zero(t, stats(t, q))
		require.EqualError(t, retry.Snooze(time.Second), "retry: snooze for 1s")
		require.NoError(t, stop())
	})
}

func TestAHeartbeatKeepsAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims, finish := 0, make(chan struct{})
		q, stop := start(t, options{
			Lease: time.Minute, Heartbeat: 20 * time.Second,
			Handle: func(ctx context.Context, _ job) error {
				claims++
				select {
				case <-finish:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(10 * time.Hour)
		assert.Equal(t, 1, claims)
		close(finish)
		synctest.Wait()
		assert.Zero(t, stats(t, q))
		require.NoError(t, stop())
	})
}

// noExtend is a store whose Extend ends as it is told.
type noExtend struct {
	*retry.Memory[string]
	extend func(context.Context) error
}

func (s noExtend) Extend(ctx context.Context, _ retry.ExtendRequest) error { return s.extend(ctx) }

func TestALostLeaseEndsTheHandlersContext(t *testing.T) {
	for name, c := range map[string]struct {
		extend func(context.Context) error
		after  time.Duration
		stale  bool
	}{
		"stale": {func(context.Context) error { return retry.ErrStale }, 20 * time.Second, true},
		"late":  {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				q, stop := start(t, options{
					Store: noExtend{retry.NewMemory[string](), c.extend}, Policy: every(time.Hour, 2),
					Lease: time.Minute, Heartbeat: 20 * time.Second,
					Handle: func(ctx context.Context, j job) error {
						if j.Attempts == 2 { // it was claimed before the first could settle it
							return nil
						}
						<-ctx.Done()
						assert.Equal(t, c.after, time.Since(begin))
						require.ErrorIs(t, context.Cause(ctx), retry.ErrLease)
						assert.Equal(t, c.stale, errors.Is(context.Cause(ctx), retry.ErrStale))
						return nil
					},
				})
				enqueue(t, q, "a")
				testkit.Advance(2 * time.Minute)
				assert.Zero(t, stats(t, q))
				require.NoError(t, stop())
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		q := retry.NewQueue(options{
			Store: noExtend{retry.NewMemory[string](), func(context.Context) error { return errDown }},
			Lease: time.Minute, Heartbeat: time.Second,
			Handle: func(ctx context.Context, _ job) error { <-ctx.Done(); return ctx.Err() },
		})
		enqueue(t, q, "a")
		require.EqualError(t, q.Run(t.Context()), "retry: Queue.Run: extend: service is down")
	})
}

func TestHooksAreToldOfSuccessAndRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		var q *retry.Queue[string]
		o := options{
			Policy: every(time.Second, 3),
			Handle: func(_ context.Context, j job) error {
				if j.Attempts < 2 {
					return errDown
				}
				return nil
			},
			OnSuccess: func(_ context.Context, j job) {
				assert.Zero(t, stats(t, q), "the store knows before")
				told = append(told, fmt.Sprint("success ", j.Key, j.Attempts))
			},
			OnRetry: func(_ context.Context, r retry.JobRetry[string]) {
				assert.Equal(t, retry.QueueStats{Waiting: 1}, stats(t, q))
				assert.Equal(t, time.Now().Add(r.Delay), r.Due)
				told = append(told, fmt.Sprint("retry ", r.Job.Key, r.Job.Attempts, r.Err, r.Delay))
			},
		}
		q, stop := start(t, o)
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		assert.Equal(t, []string{"retry a1 service is down 1s", "success a2"}, told)
		require.NoError(t, stop())
	})
}

// badStore is a store of which one method does something else first.
type badStore struct {
	*retry.Memory[string]
	method string
	f      func()
}

func (s badStore) do(method string) {
	if method == s.method {
		s.f()
	}
}

func (s badStore) Claim(ctx context.Context, r retry.ClaimRequest) (retry.Claims[string], error) {
	s.do("claim")
	return s.Memory.Claim(ctx, r)
}

func (s badStore) Settle(ctx context.Context, r retry.SettleRequest) error {
	s.do("settle")
	return s.Memory.Settle(ctx, r)
}

func (s badStore) Events(ctx context.Context, r retry.PageRequest) ([]retry.Event[string], error) {
	s.do("events")
	return s.Memory.Events(ctx, r)
}

func TestAStoreThatPanicsEndsRunWithAnError(t *testing.T) {
	for _, method := range []string{"claim", "settle", "events"} {
		for name, fault := range faults {
			t.Run(method+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					q := retry.NewQueue(options{
						Store:  badStore{retry.NewMemory[string](), method, fault},
						Handle: func(context.Context, job) error { return nil },
					})
					enqueue(t, q, "a")
					require.ErrorContains(t, q.Run(t.Context()), "retry: Queue.Run: "+method+": ")
				})
			})
		}
	}
}

// TestASettleThatExitsFreesTheWorker has a store that exits the goroutine in
// each verdict of a queue.
func TestASettleThatExitsFreesTheWorker(t *testing.T) {
	for verdict, handle := range map[string]func() error{
		"done": func() error { return nil }, "again": func() error { return errDown },
		"unclaim": func() error { return retry.Snooze(1) }, "bury": func() error { return retry.Permanent(errDown) },
		"panic": func() error { panic(errDown) }, "exit": func() error { runtime.Goexit(); return nil },
		"unreadable": nil,
	} {
		t.Run(verdict, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var bad atomic.Bool
				memory := retry.NewMemory[string]().WithClone(func(v string) string {
					if bad.Load() {
						panic("no copy")
					}
					return v
				})
				q := retry.NewQueue(options{
					Store: badStore{memory, "settle", runtime.Goexit}, Workers: 1, Logger: slog.New(slog.DiscardHandler),
					Handle: func(context.Context, job) error { return handle() },
				})
				enqueue(t, q, "a")
				bad.Store(handle == nil)
				require.EqualError(t, q.Run(t.Context()), "retry: Queue.Run: settle: retry: callback exited its goroutine")
			})
		})
	}
}

// TestAPolicyThatFailsKeepsTheHandlersError has a policy whose functions panic
// and exit.
func TestAPolicyThatFailsKeepsTheHandlersError(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reasons []string
				q, stop := start(t, options{
					Policy: retry.New(retry.Options{Attempts: 2, Retryable: func(error) bool { fault(); return true }}),
					Handle: func(_ context.Context, j job) error { reasons = append(reasons, j.Reason); return errEnd },
				})
				enqueue(t, q, "a")
				testkit.Advance(time.Hour)
				letters := dead(t, q)
				require.Len(t, letters, 1)
				for _, reason := range append(reasons[1:], letters[0].Reason) {
					assert.Regexp(t, "^the operator ends it; then the policy failed: (panic: |retry: callback exited)", reason)
				}
				require.NoError(t, stop())
			})
		})
	}
}

// unreadable is an error whose text cannot be had.
type unreadable struct{}

func (unreadable) Error() string { runtime.Goexit(); return "" }

func TestAnErrorWithoutATextIsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Policy: every(time.Second, 2), Workers: 1, Handle: func(context.Context, job) error { return unreadable{} }})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		require.Len(t, dead(t, q), 1)
		assert.Equal(t, "retry: callback exited its goroutine", dead(t, q)[0].Reason)
		require.NoError(t, stop())
	})
}

func TestAPanicErrorThatIsReturnedIsNoPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		failures := 3
		q, stop := start(t, options{
			Policy: every(time.Second, 2), CrashOnPanic: true, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Handle: func(context.Context, job) error { return &retry.PanicError{Value: errDown} },
			OnEvent: func(context.Context, retry.Event[string]) error {
				if failures--; failures > 0 {
					return &retry.PanicError{Value: errDown}
				}
				return nil
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		assert.Equal(t, retry.QueueStats{Dead: 1}, stats(t, q))
		assert.Empty(t, log.String())
		require.NoError(t, stop())
	})
}

func TestAPanicWithASnoozeIsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		q, stop := start(t, options{Policy: every(time.Second, 3), Handle: func(context.Context, job) error {
			calls++
			panic(retry.Snooze(0))
		}})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		assert.Equal(t, 3, calls)
		assert.Len(t, dead(t, q), 1)
		require.NoError(t, stop())
	})
}

// greedy is a store that gives out more than it is asked for.
type greedy struct{ *retry.Memory[string] }

func (s greedy) Claim(ctx context.Context, r retry.ClaimRequest) (retry.Claims[string], error) {
	r.Max += 2
	return s.Memory.Claim(ctx, r)
}

func TestAStoreThatGivesOutTooManyJobsEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := retry.NewQueue(options{Store: greedy{retry.NewMemory[string]()}, Workers: 1, Handle: func(context.Context, job) error {
			t.Error("handled")
			return nil
		}})
		for _, key := range []string{"a", "b", "c"} {
			enqueue(t, q, key)
		}
		require.EqualError(t, q.Run(t.Context()), "retry: Queue.Run: claim: the store gave out 3 jobs, 1 were asked for")
	})
}

func TestDeadEndsWithTheContextsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Policy: every(0, 1), Handle: func(context.Context, job) error { return errDown }})
		for i := range 5 {
			enqueue(t, q, fmt.Sprint(i))
		}
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var keys []string
		var last error
		for j, err := range q.Dead(ctx) {
			if err != nil {
				last = err
				continue
			}
			if keys = append(keys, j.Key); len(keys) == 2 {
				cancel(errDown)
			}
		}
		assert.Equal(t, []string{"0", "1"}, keys)
		require.ErrorIs(t, last, errDown)
		require.ErrorIs(t, last, context.Canceled)
		require.NoError(t, stop())
	})
}

func TestAMemoryWithCloneKeepsItsValues(t *testing.T) {
	ctx := t.Context()
	m := retry.NewMemory[[]byte]().WithClone(bytes.Clone)
	value := []byte("first")
	now := time.Now()
	_, err := m.Enqueue(ctx, retry.EnqueueRequest[[]byte]{Key: "a", Value: value, Due: now, Now: now})
	require.NoError(t, err)
	copy(value, "XXXXX")
	for range 2 {
		claims, err := m.Claim(ctx, retry.ClaimRequest{Now: now, Until: now, Max: 1})
		require.NoError(t, err)
		job := claims.Jobs[0]
		assert.Equal(t, "first", string(job.Value))
		copy(job.Value, "YYYYY")
		require.NoError(t, m.Settle(ctx, retry.SettleRequest{ID: job.ID, Fence: job.Fence, Verdict: retry.VerdictBury, Now: now}))
		dead, err := m.Dead(ctx, retry.PageRequest{Max: 1})
		require.NoError(t, err)
		assert.Equal(t, "first", string(dead[0].Value))
		copy(dead[0].Value, "YYYYY")
		events, err := m.Events(ctx, retry.PageRequest{Max: 1})
		require.NoError(t, err)
		copy(events[0].Job.Value, "YYYYY")
		require.NoError(t, m.Replay(ctx, retry.ReplayRequest{ID: job.ID, Now: now}))
	}
	require.EqualError(t, testkit.PanicError(t, func() { m.WithClone(nil) }), "retry: Memory.WithClone: clone is nil")
}

func TestACloneThatPanicsHarmsItsJobAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var copies atomic.Int64
		store := retry.NewMemory[string]().WithClone(func(v string) string {
			if v == "value of bad" && copies.Add(1) > 1 {
				panic(errDown)
			}
			return v
		})
		handled := 0
		q, stop := start(t, options{Store: store, Workers: 1, Handle: func(context.Context, job) error { handled++; return nil }})
		enqueue(t, q, "bad")
		enqueue(t, q, "good")
		synctest.Wait()
		assert.Equal(t, 1, handled)
		letter := dead(t, q)[0]
		assert.Equal(t, "retry: clone of the value: panic: service is down", letter.Reason)
		assert.EqualError(t, letter.Err, letter.Reason)
		require.NoError(t, stop())
	})
}

func TestAJobIsLoggedWithoutItsValue(t *testing.T) {
	var text bytes.Buffer
	j := job{ID: 7, Key: "a", Value: "secret", Reason: "down\nstack", Err: errDown}
	slog.New(slog.NewTextHandler(&text, nil)).Info("", "job", j)
	assert.Contains(t, text.String(), `job.id=7 job.key=a job.state=waiting`)
	assert.Contains(t, text.String(), `job.reason=down job.err="service is down"`)
	assert.NotContains(t, text.String(), "secret")
}
