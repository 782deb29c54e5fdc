package rusttogo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/task"
)

// answer is a task, as Rust's async fn.
func answer(context.Context) (int, error) { return 42, nil }

// forever is a task that ends when it is told to.
func forever(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 0, context.Cause(ctx)
}

func Example_taskScope() {
	ctx := context.Background()
	sum := 0
	err := task.WithScope(ctx, func(s *task.Scope) error {
		a := task.Spawn(s, answer)
		b := task.Spawn(s, func(context.Context) (int, error) { return 8, nil })
		x, _ := a.Join(ctx)
		y, err := b.Join(ctx)
		sum = x + y
		return err
	})
	fmt.Println(sum, err)
	// Output: 50 <nil>
}

func Example_taskSpawn() {
	ctx := context.Background()
	h := task.Go(ctx, answer)
	v, err := h.Join(ctx)
	<-h.Done()
	w, ready, _ := h.Poll()
	fmt.Println(v, err, w, ready)
	// Output: 42 <nil> 42 true
}

func Example_taskAbort() {
	ctx := context.Background()
	h := task.Go(ctx, forever)
	h.Abort(nil)
	_, err := h.Join(ctx)
	fmt.Println(errors.Is(err, task.ErrAborted))
	// Output: true
}

func Example_taskPanic() {
	ctx := context.Background()
	h := task.Go(ctx, func(context.Context) (int, error) { panic("oh no") })
	_, err := h.Result(ctx)
	var p *task.PanicError
	fmt.Println(errors.As(err, &p), p.Value, strings.Contains(p.Stack, "goroutine"))
	// Output: true oh no true
}

func Example_taskTime() {
	ctx := context.Background()
	_, err := task.Timeout(ctx, time.Millisecond, forever)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	select {
	case <-time.After(time.Millisecond):
		fmt.Println("slept")
	case <-ctx.Done():
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	<-ticker.C
	// Output:
	// true
	// slept
}

func Example_taskJoin() {
	ctx := context.Background()
	fail := func(context.Context) (string, error) { return "", errSad }
	n, _, err := task.Join2(ctx, answer, fail)
	fmt.Println(n == 0 || n == 42, err)
	all, err := task.JoinAll(ctx, answer, answer)
	fmt.Println(all, err)
	for _, o := range task.Settle(ctx, answer, func(context.Context) (int, error) { return 0, errSad }) {
		fmt.Println(o.Value, o.Err)
	}
	// Output:
	// true sad
	// [42 42] <nil>
	// 42 <nil>
	// 0 sad
}

func Example_taskRace() {
	ctx := context.Background()
	v, err := task.Race(ctx, answer, forever)
	fmt.Println(v, err)
	v, err = task.RaceOK(ctx, answer, func(context.Context) (int, error) { return 0, errSad })
	fmt.Println(v, err)
	// Output:
	// 42 <nil>
	// 42 <nil>
}

func Example_taskSet() {
	ctx := context.Background()
	set := task.NewSet[int](ctx, task.Unlimited)
	defer set.Close() //nolint:errcheck // all results are taken
	for i := range 3 {
		set.Spawn(func(context.Context) (int, error) { return i * i, nil })
	}
	for v, err := range set.Ordered(ctx) {
		fmt.Println(v, err)
	}
	fmt.Println(set.Len() == 0)
	set.Spawn(answer)
	h, _ := set.Next(ctx)
	fmt.Println(h.Join(ctx))
	_, ok := set.TryNext()
	set.Spawn(forever)
	set.Abort(nil)
	for v, err := range set.All(ctx) {
		fmt.Println(v, errors.Is(err, task.ErrAborted))
	}
	fmt.Println(ok, set.Close())
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 4 <nil>
	// true
	// 42 <nil>
	// 0 true
	// false <nil>
}

func Example_taskGroup() {
	ctx := context.Background()
	err := task.WithGroup(ctx, 8, func(s *task.Scope) error {
		for range 3 {
			s.SpawnErr(func(ctx context.Context) error { return ctx.Err() })
		}
		s.SpawnErr(func(context.Context) error { return errSad })
		return nil
	})
	fmt.Println(err)
	// Output: sad
}

func Example_taskMap() {
	ctx := context.Background()
	m := task.NewJoinMap[string, int](ctx, task.Unlimited)
	m.Spawn("a", forever)
	m.Spawn("a", answer) // it replaces the other one
	key, h, _ := m.Next(ctx)
	fmt.Println(key, m.Contains("b"), m.Len())
	fmt.Println(h.Join(ctx))
	m.Spawn("b", forever)
	for _, key := range m.Keys() {
		fmt.Println(key)
	}
	m.AbortKey("b", nil)
	_, h, _ = m.Next(ctx)
	_, err := h.Join(ctx)
	fmt.Println(errors.Is(err, task.ErrAborted), m.Close())
	// Output:
	// a false 0
	// 42 <nil>
	// b
	// true <nil>
}

func Example_taskPool() {
	ctx := context.Background()
	pool := task.NewPool(ctx, task.PoolOptions{Workers: 4, Queue: 100})
	var done atomic.Int32
	for range 20 {
		_, _ = task.Submit(ctx, pool, func(context.Context) (int32, error) { return done.Add(1), nil })
	}
	_ = pool.Shutdown(ctx)
	fmt.Println(done.Load())
	_, err := task.Submit(ctx, pool, answer)
	fmt.Println(errors.Is(err, task.ErrClosed))
	// Output:
	// 20
	// true
}
