package rusttogo

import (
	"context"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/limit"
)

func Example_limitRate() {
	ctx := context.Background()
	r := limit.NewRate(limit.RateOptions{Events: 2, Burst: 3})
	err := r.Wait(ctx)
	fmt.Println(err, r.AllowN(2))
	gone, leave := context.WithCancel(ctx)
	leave()
	fmt.Println(r.Wait(gone) != nil)
	r = limit.NewRate(limit.RateOptions{Events: 1, Burst: 4})
	_ = r.WaitN(ctx, 2)
	fmt.Println(r.Allow())
	d, err := r.Delay(1)
	fmt.Println(d, err)
	// Output:
	// <nil> true
	// true
	// true
	// 0s <nil>
}

func Example_limitKeyed() {
	k := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 2}})
	defer k.Close()
	fmt.Println(k.Allow("ann"), k.Allow("bob"), k.Len())
	// Output: true true 2
}

func Example_limitConcurrency() {
	ctx := context.Background()
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 8, Queue: 100})
	v, err := limit.Do(ctx, c, answer)
	fmt.Println(v, err)
	full := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1})
	p, _ := full.TryAcquire()
	defer p.Release()
	_, err = limit.Do(ctx, full, answer)
	fmt.Println(errors.Is(err, limit.ErrOverloaded))
	// Output:
	// 42 <nil>
	// true
}
