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

func ExampleWithGroup() {
	err := task.WithGroup(context.Background(), 2, func(s *task.Scope) error { // two at once
		for _, name := range []string{"a", "b", "missing", "d"} {
			s.SpawnErr(func(ctx context.Context) error { // waits for a slot
				if name == "missing" {
					return fmt.Errorf("no file %s", name) // ends ctx of the others
				}
				return ctx.Err()
			})
		}
		return nil
	})
	fmt.Println(err)
	// Output: no file missing
}

func ExampleWithGroup_panic() {
	defer func() {
		var p *task.PanicError
		if err, _ := recover().(error); errors.As(err, &p) {
			fmt.Println("at the end:", p.Value)
		}
	}()
	_ = task.WithGroup(context.Background(), task.Unlimited, func(s *task.Scope) error {
		told := make(chan struct{})
		context.AfterFunc(s.Context(), func() { // at once, whoever still runs
			var p *task.PanicError
			fmt.Println("at once:", errors.As(context.Cause(s.Context()), &p))
			close(told)
		})
		s.SpawnErr(func(context.Context) error { panic("a bug") })
		<-told
		return nil
	})
	// Output:
	// at once: true
	// at the end: a bug
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

func ExampleJoinMap() {
	ctx := context.Background()
	m := task.NewJoinMap[string, int](ctx, task.Unlimited)
	defer func() { _ = m.Close() }()
	watch := func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	m.Spawn("orders", watch)
	m.Spawn("users", watch)
	old := m.Spawn("users", watch) // replaces the one before
	m.Spawn("users", func(context.Context) (int, error) { return 7, nil })
	_, err := old.Join(ctx)
	fmt.Println(errors.Is(err, task.ErrReplaced), m.Len(), m.Contains("orders"))
	key, h, _ := m.Next(ctx)
	v, err := h.Join(ctx)
	fmt.Println(key, v, err)
	m.AbortKey("orders", errors.New("no longer wanted"))
	for r, err := range m.All(ctx) {
		fmt.Println(r.Key, err != nil)
	}
	// Output:
	// true 2 true
	// users 7 <nil>
	// orders true
}

func ExampleFlight() {
	ctx := context.Background()
	var prices task.Flight[string, int]
	asked := make(chan struct{}, 2)
	load := func(ctx context.Context) (int, error) { // called once
		<-asked
		<-asked
		return 42, ctx.Err()
	}
	first, second, err := task.Join2(ctx,
		func(ctx context.Context) (int, error) { asked <- struct{}{}; return prices.Do(ctx, "BTC", load) },
		func(ctx context.Context) (int, error) { asked <- struct{}{}; return prices.Do(ctx, "BTC", load) },
	)
	fmt.Println(first, second, err)
	// Output: 42 42 <nil>
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
