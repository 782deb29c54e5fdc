package limit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coderrange/ferrous/limit"
)

func Example() {
	perUser := limit.NewKeyed[string](limit.KeyedOptions{
		Rate: limit.RateOptions{Events: 10, Per: time.Minute, Burst: 2},
	})
	defer perUser.Close()
	backend := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 64, Queue: 256})

	serve := func(user string) (string, error) {
		if !perUser.Allow(user) {
			return "", errors.New("too many requests")
		}
		return limit.Do(context.Background(), backend, func(context.Context) (string, error) {
			return "hello, " + user, nil
		})
	}
	for range 3 {
		fmt.Println(serve("ann"))
	}
	// Output:
	// hello, ann <nil>
	// hello, ann <nil>
	//  too many requests
}

func ExampleRate() {
	r := limit.NewRate(limit.RateOptions{Events: 1, Per: time.Hour, Burst: 3})
	fmt.Println(r.Allow(), r.AllowN(2), r.Allow())
	fmt.Println(r)
	// Output:
	// true true false
	// Rate(0 available, 1 per 1h0m0s, burst 3)
}

func ExampleRate_Wait() {
	r := limit.NewRate(limit.RateOptions{Events: 1000, Burst: 1})
	for i := range 3 { // a millisecond apart
		if err := r.Wait(context.Background()); err != nil {
			fmt.Println(err)
		}
		fmt.Println(i)
	}
	// Output:
	// 0
	// 1
	// 2
}

func ExampleRate_Reserve() {
	r := limit.NewRate(limit.RateOptions{Events: 1, Per: time.Hour})
	fmt.Println(r.Allow())
	v, err := r.Reserve(1)
	fmt.Println(v.Delay() > 59*time.Minute, err)
	fmt.Println(v.Cancel())
	// Output:
	// true
	// true <nil>
	// true
}

func ExampleRate_Set() {
	r := limit.NewRate(limit.RateOptions{Events: 1, Per: time.Hour, Burst: 100})
	fmt.Println(r.AllowN(40))
	r.Set(limit.RateOptions{Events: 1, Per: time.Hour, Burst: 50})
	fmt.Println(r.Available())
	// Output:
	// true
	// 50
}

func ExampleKeyed() {
	perUser := limit.NewKeyed[string](limit.KeyedOptions{
		Rate: limit.RateOptions{Events: 2, Per: time.Minute},
	})
	defer perUser.Close()
	for range 3 {
		fmt.Println(perUser.Allow("ann"), perUser.Available("ann"))
	}
	fmt.Println(perUser.Allow("bob"))
	// Output:
	// true 1
	// true 0
	// false 0
	// true
}

func ExampleConcurrency() {
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1})
	permit, err := c.Acquire(context.Background())
	fmt.Println(permit, err)
	_, err = c.Acquire(context.Background()) // there is no queue
	fmt.Println(errors.Is(err, limit.ErrOverloaded), err)
	permit.Release()
	fmt.Println(c)
	// Output:
	// Permit(held) <nil>
	// true limit: Concurrency.Acquire: overloaded
	// Concurrency(0 of 1 running, 0 of 0 waiting)
}

func ExampleNewConcurrency_adapting() {
	// Between 1 and 500 at once, as long as that makes calls at most half as long again.
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 20, Max: 500, Tolerance: 1.5})
	err := c.DoErr(context.Background(), func(context.Context) error { return nil })
	fmt.Println(err, c.Stats().Limit)
	// Output: <nil> 20
}

func ExampleDo() {
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 8, Queue: 100})
	price, err := limit.Do(context.Background(), c, func(context.Context) (int, error) { return 42, nil })
	fmt.Println(price, err)
	// Output: 42 <nil>
}
