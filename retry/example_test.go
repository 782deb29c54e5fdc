package retry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/coderrange/ferrous/retry"
)

func ExampleDo() {
	policy := retry.New(retry.Options{
		Attempts: 5,
		Backoff:  retry.Exponential(time.Millisecond, time.Second).FullJitter(),
	})
	calls := 0
	price, err := retry.Do(context.Background(), policy, func(context.Context) (int, error) {
		if calls++; calls < 3 {
			return 0, errors.New("not yet")
		}
		return 42, nil
	})
	fmt.Println(price, err, calls)
	// Output: 42 <nil> 3
}

func ExamplePermanent() {
	err := retry.DoErr(context.Background(), nil, func(context.Context) error {
		return retry.Permanent(errors.New("no such account"))
	})
	fmt.Println(err)
	if e, ok := errors.AsType[*retry.Error](err); ok {
		fmt.Println(e.Reason == retry.ReasonNotRetryable, e.Attempts, e.Last)
	}
	// Output:
	// retry: not retryable after 1 attempt: no such account
	// true 1 no such account
}

func ExamplePolicy_Attempts() {
	policy := retry.New(retry.Options{Backoff: retry.Constant(0)})
	for attempt, err := range policy.Attempts(context.Background()) {
		if err != nil {
			fmt.Println("gave up:", err)
			return
		}
		fmt.Println("attempt", attempt.Number())
		if attempt.Number() < 2 {
			attempt.Fail(errors.New("not yet"))
		}
	}
	// Output:
	// attempt 1
	// attempt 2
}

// The wait before the next attempt is one case of a select, beside a late answer of the
// attempt before and the end of the service.
func ExamplePolicy_Start() {
	policy := retry.New(retry.Options{Backoff: retry.Constant(time.Millisecond)})
	ctx, late := context.Background(), make(chan string)
	retries := policy.Start(ctx)
	for attempt := 1; ; attempt++ {
		if attempt == 3 {
			retries.Succeeded()
			fmt.Println("success of attempt", attempt)
			return
		}
		delay, err := retries.Next(errors.New("no answer in time"))
		if err != nil {
			fmt.Println(err)
			return
		}
		select {
		case answer := <-late:
			retries.Cancel()
			retries.Succeeded()
			fmt.Println(answer)
			return
		case <-time.After(delay):
		case <-ctx.Done():
			retries.Cancel()
			return
		}
	}
	// Output: success of attempt 3
}

func ExampleGuarded() {
	breaker := retry.NewBreaker(retry.BreakerOptions{Failures: 2, OpenFor: time.Hour})
	call := retry.Guarded(breaker, func(context.Context) (int, error) {
		return 0, errors.New("connection refused")
	})
	for range 3 {
		_, err := call(context.Background())
		fmt.Println(errors.Is(err, retry.ErrOpen), breaker.State())
	}
	// Output:
	// false closed
	// false open
	// true open
}

func ExampleQueue() {
	ctx, stop := context.WithCancel(context.Background())
	queue := retry.NewQueue(retry.QueueOptions[int]{
		Store:  retry.NewMemory[int](),
		Policy: retry.New(retry.Options{Attempts: 2, Backoff: retry.Constant(0)}),
		Handle: func(_ context.Context, job retry.Job[int]) error {
			fmt.Printf("%s: attempt %d to pay %d\n", job.Key, job.Attempts, job.Value)
			return errors.New("gateway is down")
		},
		OnEvent: func(_ context.Context, e retry.Event[int]) error {
			fmt.Printf("%s: %v: %s\n", e.Job.Key, e.Kind, e.Job.Reason)
			stop()
			return nil
		},
	})
	_, _ = queue.Enqueue(ctx, "payment-7", 500, 0)
	fmt.Println(queue.Run(ctx))
	// Output:
	// payment-7: attempt 1 to pay 500
	// payment-7: attempt 2 to pay 500
	// payment-7: buried: gateway is down
	// <nil>
}

func ExampleExtendLease() {
	queue := retry.NewQueue(retry.QueueOptions[int]{
		Store: retry.NewMemory[int](),
		Lease: time.Minute,
		Handle: func(ctx context.Context, job retry.Job[int]) error {
			if job.Value > 1000 { // pages, which take a second each
				if err := retry.ExtendLease(ctx, time.Duration(job.Value)*2*time.Second); err != nil {
					return err // somebody else prints it
				}
			}
			deadline, _ := ctx.Deadline()
			fmt.Println("printing for", time.Until(deadline).Round(time.Second), "at most")
			return nil
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	_, _ = queue.Enqueue(ctx, "thesis", 1500, 0)
	go func() { _ = queue.Run(ctx) }()
	_ = queue.Wait(ctx)
	// Output: printing for 50m0s at most
}

// unavailable is a service that is down.
// A policy around a breaker around a hedge. The policy and the hedge have a budget each.
// When the breaker opens, the call fails at once and takes no more tokens.
func Example_combining() {
	policy := retry.New(retry.Options{
		Attempts:  3,
		Backoff:   retry.Constant(0),
		Timeout:   time.Minute, // of each attempt, with all its copies
		Budget:    retry.NewBudget(retry.BudgetOptions{}),
		Retryable: func(err error) bool { return !errors.Is(err, retry.ErrOpen) },
	})
	breaker := retry.NewBreaker(retry.BreakerOptions{Failures: 2, OpenFor: time.Hour})
	hedge := retry.NewHedge(retry.HedgeOptions{
		Delay:  time.Hour, // this example never needs a copy
		Budget: retry.NewBudget(retry.BudgetOptions{}),
	})
	calls := 0
	call := retry.Guarded(breaker, retry.Hedged(hedge, func(context.Context) (int, error) {
		calls++
		return 0, errors.New("connection refused")
	}, nil))
	_, err := retry.Do(context.Background(), policy, call)
	if e, ok := errors.AsType[*retry.Error](err); ok {
		fmt.Println(e.Reason, e.Attempts, calls, errors.Is(err, retry.ErrOpen), e.Earlier)
	}
	// Output: not retryable 3 2 true connection refused
}

func unavailable(context.Context) (string, error) { return "", errors.New("503 Service Unavailable") }

// A budget that all callers of a service share keeps retries a small part of the calls:
// when the service is down, callers stop after a few retries in all.
func ExampleBudget() {
	budget := retry.NewBudget(retry.BudgetOptions{Max: 3, Ratio: 0.1, PerSecond: -1})
	policy := retry.New(retry.Options{Attempts: 3, Backoff: retry.Constant(0), Budget: budget})
	for range 3 {
		_, err := retry.Do(context.Background(), policy, unavailable)
		fmt.Println(err)
	}
	fmt.Println(budget)
	// Output:
	// retry: attempts exhausted after 3 attempts in 0s: 503 Service Unavailable
	// retry: budget exhausted after 2 attempts in 0s: 503 Service Unavailable
	// retry: budget exhausted after 1 attempt: 503 Service Unavailable
	// Budget(0.0 of 3)
}

// The first replica hangs. After 10 ms the call goes to the next one, too, and the first
// to answer wins.
func ExampleHedge() {
	replicas := make(chan string, 2)
	replicas <- "slow"
	replicas <- "fast"
	hedge := retry.NewHedge(retry.HedgeOptions{Delay: 10 * time.Millisecond, Copies: 2})
	get := retry.Hedged(hedge, func(ctx context.Context) (string, error) {
		replica := <-replicas
		if replica == "slow" {
			<-ctx.Done() // canceled when the other has won
			return "", context.Cause(ctx)
		}
		return "answer of the " + replica + " replica", nil
	}, nil)
	answer, err := get(context.Background())
	fmt.Println(answer, err)
	fmt.Println(hedge)
	// Output:
	// answer of the fast replica <nil>
	// Hedge(copies=1 wins=1)
}

// Acquire and Permit are for calls that do not fit into a function, as one whose answer
// comes as a message.
func ExampleBreaker() {
	breaker := retry.NewBreaker(retry.BreakerOptions{
		Failures: 2, OpenFor: time.Minute,
		OnChange: func(from, to retry.BreakerState) { fmt.Println("breaker:", from, "to", to) },
	})
	for range 3 {
		permit, err := breaker.Acquire()
		if err != nil {
			fmt.Println("not called:", errors.Is(err, retry.ErrOpen))
			continue
		}
		permit.Done(errors.New("no answer"))
	}
	// Output:
	// breaker: closed to open
	// not called: true
}

// A library that does not listen to its context would hold the caller for as long as
// it likes. Detach lets at most 10 such calls go on alone.
func ExampleDetach() {
	detach := retry.NewDetach(10)
	finish := make(chan struct{})
	call := retry.Detached(detach, func(context.Context) (int, error) {
		<-finish
		return 1, nil
	}, func(n int) { fmt.Println("nobody waits for", n); close(finish) })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := call(ctx)
	fmt.Println(err, detach)
	// Output: context canceled Detach(abandoned=0 limit=10 total=0)
}

func ExampleBackoff() {
	for name, backoff := range map[string]retry.Backoff{
		"exponential": retry.Exponential(time.Second, time.Minute),
		"linear": func(n int, _ time.Duration, _ uint64) time.Duration { // any function will do
			return time.Duration(n) * time.Second
		},
	} {
		fmt.Println(name, backoff(1, 0, 0), backoff(2, 0, 0), backoff(3, 0, 0), backoff(10, 0, 0))
	}
	// Unordered output:
	// exponential 1s 2s 4s 1m0s
	// linear 1s 2s 3s 10s
}

func ExampleAfter() {
	answers := []string{"2", ""} // Retry-After: 2, then an answer
	policy := retry.New(retry.Options{
		MaxDelay: time.Millisecond, // for the example
		OnRetry:  func(_ context.Context, r retry.Retry) { fmt.Println("again because of", r.Err) },
	})
	err := retry.DoErr(context.Background(), policy, func(context.Context) error {
		header := answers[0]
		answers = answers[1:]
		if delay, ok := retry.ParseRetryAfter(header, time.Now()); ok {
			return retry.After(delay, errors.New("429 Too Many Requests"))
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// again because of 429 Too Many Requests
	// <nil>
}

func ExampleError() {
	policy := retry.New(retry.Options{Attempts: 2, Backoff: retry.Constant(0)})
	_, err := retry.Do(context.Background(), policy, unavailable)
	if e, ok := errors.AsType[*retry.Error](err); ok {
		fmt.Println(e.Reason, e.Attempts, e.Last)
	}
	// Output: attempts exhausted 2 503 Service Unavailable
}

// A clone keeps what was enqueued, whatever the caller does with the map afterwards.
func ExampleMemory() {
	type order map[string]int
	store := retry.NewMemory[order]().WithClone(func(o order) order {
		kept := order{}
		maps.Copy(kept, o)
		return kept
	})
	ctx, stop := context.WithCancel(context.Background())
	queue := retry.NewQueue(retry.QueueOptions[order]{
		Store: store,
		Handle: func(_ context.Context, job retry.Job[order]) error {
			fmt.Println(job.Key, job.Value)
			stop()
			return nil
		},
	})
	o := order{"tea": 2}
	_, _ = queue.Enqueue(ctx, "order-1", o, 0)
	o["tea"] = 99
	fmt.Println(queue.Run(ctx))
	// Output:
	// order-1 map[tea:2]
	// <nil>
}

// A job that cannot be done yet is put off; the attempt does not count.
func ExampleSnooze() {
	ctx, stop := context.WithCancel(context.Background())
	queue := retry.NewQueue(retry.QueueOptions[string]{
		Store: retry.NewMemory[string](),
		Handle: func(_ context.Context, job retry.Job[string]) error {
			fmt.Println("attempt", job.Attempts)
			if job.Fence > 2 {
				stop()
				return nil
			}
			return retry.Snooze(time.Millisecond)
		},
	})
	_, _ = queue.Enqueue(ctx, "report", "of the day", 0)
	_ = queue.Run(ctx)
	// Output:
	// attempt 1
	// attempt 1
}

// A service that stops lets the running handlers finish, for a while.
func ExampleQueue_Shutdown() {
	started := make(chan struct{})
	queue := retry.NewQueue(retry.QueueOptions[int]{
		Store: retry.NewMemory[int](),
		Handle: func(ctx context.Context, _ retry.Job[int]) error {
			close(started)
			<-ctx.Done() // it takes too long
			return context.Cause(ctx)
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	ran := make(chan error)
	go func() { ran <- queue.Run(context.Background()) }()
	_, _ = queue.Enqueue(context.Background(), "job", 1, 0)
	<-started
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := queue.Shutdown(ctx)
	if e, ok := errors.AsType[*retry.ShutdownError](err); ok {
		fmt.Println(e.Interrupted, "interrupted,", e.Left, "left in memory")
	}
	fmt.Println(<-ran)
	// Output:
	// 1 interrupted, 1 left in memory
	// <nil>
}
