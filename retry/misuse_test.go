package retry_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/internal/testkit/storetest"
)

// misuses are the bugs of callers that panic, by what the panic says.
func misuses() map[string]func() {
	var none context.Context
	ctx := context.Background()
	fail := func(context.Context) error { return errDown }
	var (
		h        = retry.NewHedge(retry.HedgeOptions{})
		d        = retry.NewDetach(1)
		b        = retry.NewBreaker(retry.BreakerOptions{})
		handle   = func(context.Context, job) error { return nil }
		m        = retry.NewMemory[string]()
		q        = retry.NewQueue(options{Store: m, Handle: handle})
		noBudget retry.Budget
		noBreak  retry.Breaker
		noQueue  retry.Queue[string]
		noMemory retry.Memory[string]
		noTry    retry.Attempt
		noStart  retry.Retries
	)
	all := map[string]func(){
		"Do: op is nil":                                             func() { _, _ = retry.Do[int](ctx, nil, nil) },
		"DoErr: op is nil":                                          func() { _ = retry.DoErr(ctx, nil, nil) },
		"Do: the context is nil":                                    func() { _, _ = retry.Do(none, nil, one) },
		"DoErr: the context is nil":                                 func() { _ = retry.DoErr(none, nil, fail) },
		"Policy.Attempts: the context is nil":                       func() { new(retry.Policy).Attempts(none) },
		"ExtendLease: the context is nil":                           func() { _ = retry.ExtendLease(none, 1) },
		"ExtendLease: the context is not that of a queue's handler": func() { _ = retry.ExtendLease(ctx, 1) },

		"Guarded: the Breaker is nil":                        func() { retry.Guarded(nil, one) },
		"Guarded: op is nil":                                 func() { retry.Guarded[int](b, nil) },
		"Guarded: the Breaker was not made by NewBreaker":    func() { retry.Guarded(&noBreak, one) },
		"Guarded: the context is nil":                        func() { _, _ = retry.Guarded(b, one)(none) },
		"GuardedErr: the Breaker is nil":                     func() { retry.GuardedErr(nil, fail) },
		"GuardedErr: op is nil":                              func() { retry.GuardedErr(b, nil) },
		"GuardedErr: the Breaker was not made by NewBreaker": func() { retry.GuardedErr(&noBreak, fail) },
		"Hedged: the Hedge is nil":                           func() { retry.Hedged(nil, one, nil) },
		"Hedged: op is nil":                                  func() { retry.Hedged[int](h, nil, nil) },
		"Hedged: the Hedge was not made by NewHedge":         func() { retry.Hedged(new(retry.Hedge), one, nil) },
		"Hedged: the context is nil":                         func() { _, _ = retry.Hedged(h, one, nil)(none) },
		"HedgedErr: the Hedge is nil":                        func() { retry.HedgedErr(nil, fail) },
		"HedgedErr: op is nil":                               func() { retry.HedgedErr(h, nil) },
		"HedgedErr: the Hedge was not made by NewHedge":      func() { retry.HedgedErr(new(retry.Hedge), fail) },
		"Detached: the Detach is nil":                        func() { retry.Detached(nil, one, nil) },
		"Detached: op is nil":                                func() { retry.Detached[int](d, nil, nil) },
		"Detached: the context is nil":                       func() { _, _ = retry.Detached(d, one, nil)(none) },
		"DetachedErr: the Detach is nil":                     func() { retry.DetachedErr(nil, fail) },
		"DetachedErr: op is nil":                             func() { retry.DetachedErr(d, nil) },

		"Breaker.Acquire: the Breaker was not made by NewBreaker":   func() { _, _ = noBreak.Acquire() },
		"Breaker.State: the Breaker was not made by NewBreaker":     func() { noBreak.State() },
		"Breaker.Open: the Breaker was not made by NewBreaker":      noBreak.Open,
		"Breaker.ForceOpen: the Breaker was not made by NewBreaker": noBreak.ForceOpen,
		"Breaker.Reset: the Breaker was not made by NewBreaker":     noBreak.Reset,
		"Permit.Done: the permit has ended, or was not acquired":    func() { new(retry.Permit).Done(nil) },
		"Budget.Withdraw: the Budget was not made by NewBudget":     func() { noBudget.Withdraw() },
		"Budget.Deposit: the Budget was not made by NewBudget":      noBudget.Deposit,
		"Budget.Refund: the Budget was not made by NewBudget":       noBudget.Refund,

		"Attempt.Context: the Attempt was not made by Policy.Attempts": func() { noTry.Context() },
		"Attempt.Number: the Attempt was not made by Policy.Attempts":  func() { noTry.Number() },
		"Attempt.Fail: the Attempt was not made by Policy.Attempts":    func() { noTry.Fail(nil) },
		"Attempt.Fail: the turn of attempt 1 has ended": func() {
			for attempt, err := range new(retry.Policy).Attempts(ctx) {
				if err != nil {
					return
				}
				defer attempt.Fail(errDown)
			}
		},

		"Policy.Start: the context is nil":                            func() { new(retry.Policy).Start(none) },
		"Retries.Next: the Retries was not made by Policy.Start":      func() { _, _ = noStart.Next(errDown) },
		"Retries.Succeeded: the Retries was not made by Policy.Start": noStart.Succeeded,
		"Retries.Cancel: the Retries was not made by Policy.Start":    noStart.Cancel,
		"Retries.Next: the attempt has no error: call Succeeded": func() {
			r := new(retry.Policy).Start(ctx)
			_, _ = r.Next(nil)
		},

		"Constant: negative delay -1ns":                  func() { retry.Constant(-1) },
		"Exponential: negative base 0s or limit -1ns":    func() { retry.Exponential(0, -1) },
		"Decorrelated: negative base -1ns or limit 0s":   func() { retry.Decorrelated(-1, 0) },
		"Backoff.FullJitter: the backoff is nil":         func() { retry.Backoff(nil).FullJitter() },
		"Backoff.EqualJitter: the backoff is nil":        func() { retry.Backoff(nil).EqualJitter() },
		"New: negative Attempts -1":                      func() { retry.New(retry.Options{Attempts: -1}) },
		"New: negative MaxDelay -1ns":                    func() { retry.New(retry.Options{MaxDelay: -1}) },
		"New: negative MaxElapsed -1ns":                  func() { retry.New(retry.Options{MaxElapsed: -1}) },
		"New: negative Timeout -1ns":                     func() { retry.New(retry.Options{Timeout: -1}) },
		"New: the Budget was not made by NewBudget":      func() { retry.New(retry.Options{Budget: &noBudget}) },
		"NewHedge: negative Delay -1ns":                  func() { retry.NewHedge(retry.HedgeOptions{Delay: -1}) },
		"NewHedge: Copies -1 is not 0 to 1000":           func() { retry.NewHedge(retry.HedgeOptions{Copies: -1}) },
		"NewHedge: Copies 1001 is not 0 to 1000":         func() { retry.NewHedge(retry.HedgeOptions{Copies: 1001}) },
		"NewHedge: the Budget was not made by NewBudget": func() { retry.NewHedge(retry.HedgeOptions{Budget: &noBudget}) },
		"NewDetach: negative limit -1":                   func() { retry.NewDetach(-1) },
		"NewBudget: Max -1 is not 0 to 2^40":             func() { retry.NewBudget(retry.BudgetOptions{Max: -1}) },
		"NewBudget: Ratio NaN is not 0 to 1":             func() { retry.NewBudget(retry.BudgetOptions{Ratio: math.NaN()}) },
		"Exponential: negative base -1ns or limit 1ns":   func() { retry.Exponential(-1, 1) },
		"Decorrelated: negative base 1ns or limit -1ns":  func() { retry.Decorrelated(1, -1) },
		"NewBudget: Ratio -0.1 is not 0 to 1":            func() { retry.NewBudget(retry.BudgetOptions{Ratio: -0.1}) },
		"NewBudget: PerSecond NaN is over 1e9":           func() { retry.NewBudget(retry.BudgetOptions{PerSecond: math.NaN()}) },
		"NewBudget: PerSecond +Inf is over 1e9":          func() { retry.NewBudget(retry.BudgetOptions{PerSecond: math.Inf(1)}) },

		"NewQueue: negative Workers -1, Lease 0s or Heartbeat 0s":  func() { retry.NewQueue(options{Store: m, Handle: handle, Workers: -1}) },
		"NewQueue: negative Workers 0, Lease -1ns or Heartbeat 0s": func() { retry.NewQueue(options{Store: m, Handle: handle, Lease: -1}) },
		"NewQueue: negative Workers 0, Lease 0s or Heartbeat -1ns": func() { retry.NewQueue(options{Store: m, Handle: handle, Heartbeat: -1}) },
		"NewQueue: Heartbeat 1m0s is not shorter than Lease 1m0s":  func() { retry.NewQueue(options{Store: m, Handle: handle, Heartbeat: time.Minute}) },
		"NewQueue: Store is nil":                                   func() { retry.NewQueue(options{}) },
		"NewQueue: Handle is nil":                                  func() { retry.NewQueue(options{Store: m}) },
		"Memory.WithClone: clone is nil":                           func() { m.WithClone(nil) },
	}
	for want, o := range map[string]retry.BreakerOptions{
		"Ratio NaN is not 0 to 1":                                {Ratio: math.NaN()},
		"Ratio 1.5 is not 0 to 1":                                {Ratio: 1.5},
		"Ratio 0.5 beside Failures 1, Window 0":                  {Ratio: 0.5, Failures: 1},
		"MinCalls 1, Period 0s without a Ratio":                  {MinCalls: 1},
		"negative MinCalls -1 or Period 0s":                      {Ratio: 1, MinCalls: -1},
		"negative ProbeTimeout -1ns":                             {ProbeTimeout: -1},
		"negative OpenFor -1ns":                                  {OpenFor: -1},
		"Probes -1 is not 1 to 65535":                            {Probes: -1},
		"Probes 65536 is not 1 to 65535":                         {Probes: 1 << 16},
		"Failures 5, Window 4: not 1 ≤ Failures ≤ Window ≤ 32":   {Window: 4},
		"Failures 3, Window 2: not 1 ≤ Failures ≤ Window ≤ 32":   {Failures: 3, Window: 2},
		"Failures 33, Window 33: not 1 ≤ Failures ≤ Window ≤ 32": {Failures: 33},
	} {
		all["NewBreaker: "+want] = func() { retry.NewBreaker(o) }
	}
	for method, call := range map[string]func(context.Context, *retry.Queue[string]){
		"Enqueue":  func(ctx context.Context, q *retry.Queue[string]) { _, _ = q.Enqueue(ctx, "a", "", 0) },
		"Dead":     func(ctx context.Context, q *retry.Queue[string]) { q.Dead(ctx) },
		"Replay":   func(ctx context.Context, q *retry.Queue[string]) { _ = q.Replay(ctx, 1) },
		"Discard":  func(ctx context.Context, q *retry.Queue[string]) { _ = q.Discard(ctx, 1) },
		"Stats":    func(ctx context.Context, q *retry.Queue[string]) { _, _ = q.Stats(ctx) },
		"Run":      func(ctx context.Context, q *retry.Queue[string]) { _ = q.Run(ctx) },
		"Wait":     func(ctx context.Context, q *retry.Queue[string]) { _ = q.Wait(ctx) },
		"Shutdown": func(ctx context.Context, q *retry.Queue[string]) { _ = q.Shutdown(ctx) },
	} {
		all["Queue."+method+": the context is nil"] = func() { call(none, q) }
		all["Queue."+method+": the Queue was not made by NewQueue"] = func() { call(ctx, &noQueue) }
	}
	all["Queue.Close: the Queue was not made by NewQueue"] = func() { _ = noQueue.Close() }
	all["Queue.Abort: the Queue was not made by NewQueue"] = func() { noQueue.Abort(nil) }
	for method, call := range storetest.Calls(none, m) {
		all["Memory."+method+": the context is nil"] = func() { _ = call() }
	}
	for method, call := range storetest.Calls(ctx, &noMemory) {
		all["Memory."+method+": the Memory was not made by NewMemory or RestoreMemory"] = func() { _ = call() }
	}
	for method, call := range map[string]func(){
		"Close": func() { _ = noMemory.Close() }, "Last": func() { noMemory.Last() },
		"Notify": func() { noMemory.Notify(nil, nil) }, "WithClone": func() { noMemory.WithClone(strings.Clone) },
	} {
		all["Memory."+method+": the Memory was not made by NewMemory or RestoreMemory"] = call
	}
	return all
}

func TestACallersBugPanicsByName(t *testing.T) {
	for want, call := range misuses() {
		assert.EqualError(t, testkit.PanicError(t, call), "retry: "+want)
	}
}

// harmless are the exported functions and methods that no argument and no zero
// receiver can be wrong for. All are called with both.
var harmless = map[string]func(){
	"After":           func() { _ = retry.After(math.MinInt64, nil) },
	"Permanent":       func() { _ = retry.Permanent(nil) },
	"ParseRetryAfter": func() { retry.ParseRetryAfter("", time.Time{}) },
	"Snooze":          func() { _ = retry.Snooze(math.MinInt64) },
	"NewMemory":       func() { retry.NewMemory[int]() },
	"NewBreaker":      func() { retry.NewBreaker(retry.BreakerOptions{}) }, // see TestTheBoundsOfABreakersNumbers
	"RestoreMemory":   func() { _, _ = retry.RestoreMemory(retry.Contents[int]{}, nil) },
	"Permit.Release":  func() { new(retry.Permit).Release() },
	"Detach.Stats":    func() { new(retry.Detach).Stats() },
	"Hedge.Stats":     func() { new(retry.Hedge).Stats() },
	"Budget.Stats":    func() { new(retry.Budget).Stats() },

	"Error.Error":          func() { _ = new(retry.Error).Error() },
	"Error.Unwrap":         func() { _ = new(retry.Error).Unwrap() },
	"OpenError.Error":      func() { _ = new(retry.OpenError).Error() },
	"OpenError.Unwrap":     func() { _ = new(retry.OpenError).Unwrap() },
	"PanicError.Error":     func() { _ = new(retry.PanicError).Error() },
	"PanicError.Unwrap":    func() { _ = new(retry.PanicError).Unwrap() },
	"ShutdownError.Error":  func() { _ = new(retry.ShutdownError).Error() },
	"ShutdownError.Unwrap": func() { _ = new(retry.ShutdownError).Unwrap() },
}

func TestEveryExportedFunctionIsCalledWrongly(t *testing.T) {
	for _, call := range harmless {
		call()
	}
	covered := map[string]bool{}
	for want := range misuses() {
		name, _, _ := strings.Cut(want, ":")
		covered[name] = true
	}
	for _, name := range exported(t) {
		method := name[strings.LastIndex(name, ".")+1:]
		if method == "String" || method == "GoString" || method == "LogValue" { // TestZeroValuesPrint
			continue
		}
		assert.True(t, covered[name] || harmless[name] != nil, "%s needs a row in misuses or in harmless", name)
	}
}

// exported returns the names of the exported functions and methods.
func exported(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				receiver, _, _ := strings.Cut(types.ExprString(f.Recv.List[0].Type), "[")
				if receiver = strings.TrimPrefix(receiver, "*"); !token.IsExported(receiver) {
					continue
				}
				name = receiver + "." + name
			}
			names = append(names, name)
		}
	}
	return names
}

// TestZeroValuesPrint prints in all ways: %v, %+v, %#v and slog, which never panic.
func TestZeroValuesPrint(t *testing.T) {
	for want, v := range map[string]any{
		"Attempt(0)":          new(retry.Attempt),
		"Retries(attempts=0)": new(retry.Retries),
		"Policy(attempts=3 maxDelay=24h0m0s maxElapsed=0s timeout=0s)": new(retry.Policy),
		"Breaker(not made by NewBreaker)":                              new(retry.Breaker),
		"Permit(ended)":                                                new(retry.Permit),
		"Budget(0.0 of 0)":                                             new(retry.Budget),
		"Detach(abandoned=0 limit=0 total=0)":                          new(retry.Detach),
		"Hedge(copies=0 wins=0)":                                       new(retry.Hedge),
		"Queue(workers=0 lease=0s running=false)":                      new(retry.Queue[int]),
		"Memory(waiting=0 claimed=0 dead=0 events=0)":                  new(retry.Memory[int]),
		"closed":           retry.BreakerClosed,
		"half-open":        retry.BreakerHalfOpen,
		"BreakerState(3)":  retry.BreakerState(3),
		"none":             retry.Reason(0),
		"budget exhausted": retry.ReasonOverBudget,
		"Reason(8)":        retry.Reason(8),
		"waiting":          retry.JobWaiting,
		"dead":             retry.JobDead,
		"JobState(3)":      retry.JobState(3),
		"buried":           retry.EventBuried,
		"discarded":        retry.EventDiscarded,
		"EventKind(3)":     retry.EventKind(3),
		"done":             retry.VerdictDone,
		"retry":            retry.VerdictRetry,
		"unclaim":          retry.VerdictUnclaim,
		"bury":             retry.VerdictBury,
		"Verdict(4)":       retry.Verdict(4),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			assert.Equal(t, want, fmt.Sprintf(verb, v), verb)
		}
		assert.Equal(t, want, v.(slog.LogValuer).LogValue().String())
	}
}

func TestPermitsAndAttemptsPrintTheirState(t *testing.T) {
	b := retry.NewBreaker(retry.BreakerOptions{OpenFor: 1})
	call, err := b.Acquire()
	require.NoError(t, err)
	assert.Equal(t, "Permit(call)", call.String())
	b.Open()
	<-time.After(1)
	probe, err := b.Acquire()
	require.NoError(t, err)
	assert.Equal(t, "Permit(probe)", probe.GoString())
	probe.Release()
	assert.Equal(t, "Permit(ended)", probe.LogValue().String())
	for attempt, err := range atOnce(1).Attempts(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, "Attempt(1)", fmt.Sprint(attempt))
		attempt.Fail(errDown)
		assert.Equal(t, "Attempt(1 failed: service is down)", fmt.Sprintf("%#v", attempt))
		break
	}
}

func TestHugeNumbersAreTaken(t *testing.T) {
	const huge = math.MaxInt64
	assert.NotPanics(t, func() {
		retry.NewBudget(retry.BudgetOptions{Max: int(min(int64(1)<<40, math.MaxInt)), PerSecond: 1e9})
	})
	h := retry.NewHedge(retry.HedgeOptions{Delay: huge, Copies: 1000})
	p := retry.New(retry.Options{Attempts: math.MaxInt, MaxDelay: huge, MaxElapsed: huge, Timeout: huge})
	b := retry.NewBreaker(retry.BreakerOptions{Ratio: 1, MinCalls: math.MaxInt, Period: huge, OpenFor: huge, ProbeTimeout: huge})
	d := retry.NewDetach(math.MaxInt)
	v, err := retry.Do(t.Context(), p, retry.Guarded(b, retry.Hedged(h, retry.Detached(d, one, nil), nil)))
	require.NoError(t, err)
	assert.Equal(t, 1, v)
}
