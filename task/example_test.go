package task_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coderrange/ferrous/task"
)

func Example() {
	ctx := context.Background()
	user, orders, err := task.Join2(ctx,
		func(context.Context) (string, error) { return "ann", nil },
		func(context.Context) (int, error) { return 3, nil },
	)
	fmt.Println(user, orders, err)
	// Output: ann 3 <nil>
}

func ExampleWithScope() {
	err := task.WithScope(context.Background(), func(s *task.Scope) error {
		h := task.Spawn(s, func(context.Context) (int, error) { return 6 * 7, nil })
		v, err := h.Join(s.Context())
		fmt.Println(v)
		return err
	}) // nothing that was spawned lives on here
	fmt.Println(err)
	// Output:
	// 42
	// <nil>
}

func ExampleHandle_Abort() {
	h := task.Go(context.Background(), func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
	h.Abort(errors.New("no longer wanted"))
	_, err := h.Join(context.Background())
	fmt.Println(err != nil)
	// Output: true
}

func ExampleRace() {
	slow := func(ctx context.Context) (string, error) {
		<-ctx.Done() // the loser is cancelled, and waited for
		return "slow", nil
	}
	fast := func(context.Context) (string, error) { return "fast", nil }
	fmt.Println(task.Race(context.Background(), slow, fast))
	// Output: fast <nil>
}

func ExampleTimeout() {
	_, err := task.Timeout(context.Background(), time.Millisecond, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	fmt.Println(errors.Is(err, task.ErrTimeout))
	// Output: true
}

func ExampleSet() {
	ctx := context.Background()
	s := task.NewSet[int](ctx, 2) // two at once
	defer func() { _ = s.Close() }()
	for i := range 5 {
		s.Spawn(func(context.Context) (int, error) { return i * i, nil })
	}
	for v, err := range s.Ordered(ctx) {
		fmt.Print(v, " ", err, "; ")
	}
	// Output: 0 <nil>; 1 <nil>; 4 <nil>; 9 <nil>; 16 <nil>;
}

func ExamplePool() {
	ctx := context.Background()
	p := task.NewPool(ctx, task.PoolOptions{Workers: 4, Queue: 100})
	h, err := task.Submit(ctx, p, func(context.Context) (string, error) { return "done", nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Join(ctx))
	fmt.Println(p.Shutdown(ctx))
	fmt.Println(p.Stats().Succeeded)
	// Output:
	// done <nil>
	// <nil>
	// 1
}
