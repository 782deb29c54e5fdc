package rusttogo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coderrange/ferrous/channel"
)

func Example_mpsc() {
	ctx := context.Background()
	tx, rx := channel.New[string](16)
	var wg sync.WaitGroup
	for range 3 {
		mine := tx.Clone()
		wg.Go(func() {
			defer mine.Close()
			_ = mine.Send(ctx, "hello")
		})
	}
	tx.Close()
	for msg, err := range rx.All(ctx) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(msg)
	}
	wg.Wait()
	_, err := rx.Recv(ctx)
	fmt.Println(errors.Is(err, channel.ErrClosed), errors.Is(tx.Send(ctx, "late"), channel.ErrClosed))
	// Output:
	// hello
	// hello
	// hello
	// true true
}

func Example_mpscTry() {
	tx, rx := channel.New[int](1)
	_, err := rx.TryRecv()
	fmt.Println(err)
	fmt.Println(tx.TrySend(1), tx.TrySend(2))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(errors.Is(tx.Send(ctx, 2), context.DeadlineExceeded))
	tx.Close()
	for v, err := rx.TryRecv(); err == nil; v, err = rx.TryRecv() {
		fmt.Println(v)
	}
	ctx, cancel = context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = rx.Recv(ctx)
	fmt.Println(err)
	// Output:
	// channel: empty
	// <nil> channel: full
	// true
	// 1
	// channel: closed
}

func Example_mpscMany() {
	ctx := context.Background()
	tx, rx := channel.NewUnbounded[int]()
	_, _ = tx.SendMany(ctx, []int{1, 2, 3})
	buf := make([]int, 8)
	n, err := rx.RecvMany(ctx, buf)
	fmt.Println(buf[:n], err, tx.Cap() == channel.Unbounded)
	// Output: [1 2 3] <nil> true
}

func Example_mpscReserve() {
	ctx := context.Background()
	tx, rx := channel.New[int](3)
	p, err := tx.Reserve(ctx)
	two, _ := tx.ReserveMany(ctx, 2)
	_, full := tx.TryReserve()
	fmt.Println(err, two.Len(), full)
	_, full = tx.TryReserveMany(2)
	fmt.Println(full)
	p.Send(1)
	two.Send(2)
	two.Release()
	fmt.Println(rx.Len(), tx.Free())
	// Output:
	// <nil> 2 channel: full
	// channel: full
	// 2 1
}

func Example_mpscState() {
	tx, rx := channel.New[int](3)
	tx2 := tx.Clone()
	weak := tx.Downgrade()
	fmt.Println(tx.SameChannel(tx2), tx.Cap(), tx.Free(), rx.Len(), rx.Len() == 0)
	fmt.Println(rx.SenderCount(), tx.WeakCount() == rx.WeakCount(), tx.IsClosed(), rx.IsClosed())
	if again, ok := weak.Upgrade(); ok {
		again.Close()
	}
	_ = tx.TrySend(1)
	rx.Shutdown()
	<-tx.Done()
	v, err := rx.TryRecv()
	fmt.Println(v, err, tx.IsClosed(), tx2.TrySend(2))
	rx.Close()
	// Output:
	// true 3 3 0 true
	// 2 true false false
	// 1 <nil> true channel: closed
}

func Example_mpscSelect() {
	ctx := context.Background()
	jobs, work := channel.New[string](1)
	stop, stopped := channel.NewOneshot[string]()
	var next string
	got := func(s string, err error) { next = s }
	_, ok := channel.TrySelect(work.OnRecv(got), stopped.OnRecv(got))
	fmt.Println(ok)
	_ = stop.Send("shut down")
	i, err := channel.Select(ctx, work.OnRecv(got), stopped.OnRecv(got))
	fmt.Println(i, err, next)
	_ = jobs.TrySend("a job")
	select {
	case <-work.Ready():
		fmt.Println(work.TryRecv())
	case <-time.After(time.Minute):
		fmt.Println("nothing to do")
	}
	// Output:
	// false
	// 1 <nil> shut down
	// a job <nil>
}
