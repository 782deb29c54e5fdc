package retry_test

import (
	"context"
	"errors"
	"fmt"
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
		fmt.Println(e.Reason == retry.ReasonRefused, e.Attempts, e.Last)
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
