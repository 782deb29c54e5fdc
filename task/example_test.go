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
		<-ctx.Done() // the loser is canceled, and waited for
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

func ExampleGo() {
	h := task.Go(context.Background(), func(context.Context) (int, error) { return 6 * 7, nil })
	v, err := h.Join(context.Background())
	fmt.Println(v, err)
	// Output: 42 <nil>
}

// A Handle is joined, polled or aborted. Every caller of Join gets the result.
func ExampleHandle() {
	ctx := context.Background()
	h := task.Go(ctx, func(context.Context) (string, error) { return "done", nil })
	<-h.Done()
	v, ready, err := h.Poll()
	fmt.Println(v, ready, err)
	v, err = h.Join(ctx)
	fmt.Println(v, err)
	// Output:
	// done true <nil>
	// done <nil>
}

func ExampleSpawn() {
	err := task.WithScope(context.Background(), func(s *task.Scope) error {
		a := task.Spawn(s, func(context.Context) (int, error) { return 1, nil })
		b := task.Spawn(s, func(context.Context) (int, error) { return 2, nil })
		x, _ := a.Join(s.Context())
		y, _ := b.Join(s.Context())
		fmt.Println(x + y)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 3
	// <nil>
}

// A task may spawn further tasks into its own scope. WithScope waits for all of them.
func ExampleScope() {
	err := task.WithScope(context.Background(), func(s *task.Scope) error {
		s.SpawnErr(func(context.Context) error {
			s.SpawnErr(func(context.Context) error {
				fmt.Println("child of a task")
				return nil
			})
			return nil
		})
		return nil
	})
	fmt.Println(err)
	// Output:
	// child of a task
	// <nil>
}

func ExampleJoin2() {
	name, age, err := task.Join2(context.Background(),
		func(context.Context) (string, error) { return "Ferris", nil },
		func(context.Context) (int, error) { return 14, nil },
	)
	fmt.Println(name, age, err)
	// Output: Ferris 14 <nil>
}

// The first error cancels the other functions.
func ExampleJoinAll() {
	begun := make(chan struct{}) // what has not begun when another fails is not run
	_, err := task.JoinAll(context.Background(),
		func(context.Context) (int, error) { <-begun; return 0, errors.New("no route") },
		func(ctx context.Context) (int, error) {
			close(begun)
			<-ctx.Done()
			fmt.Println("canceled:", context.Cause(ctx))
			return 0, context.Cause(ctx)
		},
	)
	fmt.Println(err)
	// Output:
	// canceled: no route
	// no route
}

func ExampleSettle() {
	for _, o := range task.Settle(context.Background(),
		func(context.Context) (int, error) { return 1, nil },
		func(context.Context) (int, error) { return 0, errors.New("no route") },
	) {
		fmt.Println(o.Value, o.Err)
	}
	// Output:
	// 1 <nil>
	// 0 no route
}

func ExampleRaceOK() {
	mirror, err := task.RaceOK(context.Background(),
		func(context.Context) (string, error) { return "", errors.New("a is down") },
		func(context.Context) (string, error) { return "b", nil },
	)
	fmt.Println(mirror, err)
	// Output: b <nil>
}

// A service drains its pool at the end: accepted tasks are finished, unless that takes too
// long.
func ExamplePool_Shutdown() {
	ctx := context.Background()
	p := task.NewPool(ctx, task.PoolOptions{Workers: 2, Queue: 100})
	for i := range 3 {
		_, err := p.SubmitErr(ctx, func(context.Context) error {
			if i == 1 {
				return fmt.Errorf("job %d failed", i)
			}
			return nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	fmt.Println(p.Shutdown(limited)) // the errors of jobs that were not joined
	_, err := p.SubmitErr(ctx, func(context.Context) error { return nil })
	fmt.Println(err)
	// Output:
	// task: tasks that were not joined: job 1 failed
	// task: closed
}

// Close returns what would be lost otherwise.
func ExampleEndError() {
	s := task.NewSet[int](context.Background(), 1)
	running := make(chan struct{})
	s.Spawn(func(ctx context.Context) (int, error) {
		close(running)
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
	s.Spawn(func(context.Context) (int, error) { return 1, nil })
	<-running
	err := s.Close()
	if end, ok := errors.AsType[*task.EndError](err); ok {
		fmt.Println(end.Aborted, end.Cause)
	}
	// Output: 2 task: closed
}

// A panic of a task panics again where the task is joined. Result returns it as an error.
func ExamplePanicError() {
	h := task.Go(context.Background(), func(context.Context) (int, error) { panic("a bug") })
	_, err := h.Result(context.Background())
	if p, ok := errors.AsType[*task.PanicError](err); ok {
		fmt.Println(p.Value, len(p.Stack) > 0)
	}
	// Output: a bug true
}
