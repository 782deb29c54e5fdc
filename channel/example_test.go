package channel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/signal"
	"syscall"
	"time"

	"github.com/coderrange/ferrous/channel"
)

func Example() {
	ctx := context.Background()
	tx, rx := channel.New[string](10)
	for _, who := range []string{"ferris", "gopher"} {
		tx := tx.Clone()
		go func() {
			defer tx.Close()
			_ = tx.Send(ctx, "hello from "+who)
		}()
	}
	tx.Close() // the clones are still open; the last Close ends the loop
	n := 0
	for _, err := range rx.All(ctx) {
		if err != nil { // the context's, and the last round
			fmt.Println(err)
			return
		}
		n++
	}
	fmt.Println(n, "messages")
	fmt.Println(tx.Send(ctx, "more"))
	// Output:
	// 2 messages
	// channel: closed
}

// The last Close of a sender ends the loop. An error in the loop is the context's.
func ExampleNew() {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	tx, rx := channel.New[string](128)
	go func() {
		defer tx.Close()
		_ = tx.Send(ctx, "first")
		_ = tx.Send(ctx, "second")
	}()
	for job, err := range rx.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job)
	}

	stop(errors.New("the server stops"))
	_, err := rx.Recv(ctx)
	fmt.Println(context.Cause(ctx), errors.Is(err, context.Canceled))
	// Output:
	// first
	// second
	// the server stops true
}

func ExampleSender_Reserve() {
	ctx := context.Background()
	tx, rx := channel.New[string](1)
	permit, err := tx.Reserve(ctx) // wait before there is anything to lose
	if err != nil {
		return
	}
	fmt.Println(tx.TrySend("too late"))
	permit.Send("precious")
	v, _ := rx.Recv(ctx)
	fmt.Println(v)
	// Output:
	// channel: full
	// precious
}

func ExampleNewBroadcast() {
	tx, rx := channel.NewBroadcast[int](2)
	for i := 1; i <= 3; i++ {
		_, _ = tx.Send(i)
	}
	tx.Close()
	for v, err := range rx.All(context.Background()) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(v)
	}
	// Output:
	// channel: lagged by 1 messages
	// 2
	// 3
}

func ExampleNewWatch() {
	ctx := context.Background()
	tx, rx := channel.NewWatch("starting")
	go func() { _ = tx.Send("ready") }()
	state, err := rx.WaitFor(ctx, func(s string) bool { return s == "ready" })
	fmt.Println(state, err)
	// Output: ready <nil>
}

func ExampleNewOneshot() {
	tx, rx := channel.NewOneshot[int]()
	go func() { _ = tx.Send(42) }()
	fmt.Println(rx.Recv(context.Background()))
	// Output: 42 <nil>
}

func ExampleSelect() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tx, rx := channel.New[int](1)
	shutdown, stop := channel.NewOneshot[struct{}]()
	_ = tx.Send(ctx, 1)
	for running := true; running; {
		_, err := channel.Select(ctx,
			rx.OnRecv(func(v int, _ error) {
				fmt.Println("got", v)
				_ = shutdown.Send(struct{}{})
			}),
			stop.OnRecv(func(struct{}, error) {
				fmt.Println("bye")
				running = false
			}),
		)
		if err != nil {
			return
		}
	}
	// Output:
	// got 1
	// bye
}

// A dispatcher that prefers the end, waits for a native channel beside ours and
// sends on without a goroutine for each.
func ExampleSelectInOrder() {
	ctx := context.Background()
	stop, cancel := context.WithCancel(ctx)
	native := make(chan string, 1)
	tx, rx := channel.New[string](1)
	cases := []channel.Case{ // made once, used again and again
		channel.OnDone(stop, func(error) { fmt.Println("stopped") }),
		rx.OnRecv(func(s string, _ error) { fmt.Println("channel:", s) }),
		channel.OnChanRecv(native, func(s string, _ bool) { fmt.Println("native:", s) }),
		channel.OnAfter(time.Hour, func() { fmt.Println("nothing for an hour") }),
	}
	_ = tx.TrySend("first")
	native <- "second"
	for range 2 {
		_, _ = channel.SelectInOrder(ctx, cases...)
	}
	_ = tx.TrySend("too late")
	cancel()
	_, _ = channel.SelectInOrder(ctx, cases...)
	// Output:
	// channel: first
	// native: second
	// stopped
}

func ExampleCall() {
	tx, rx := channel.New[channel.Request[int, string]](1)
	go func() {
		for request, err := range rx.All(context.Background()) {
			if err != nil {
				return
			}
			// If the function panicked, the caller would get ErrClosed.
			_ = request.Answer(func(seat int) string { return fmt.Sprint("seat ", seat) })
		}
	}()
	defer tx.Close()
	fmt.Println(channel.Call(context.Background(), tx, 7))
	// Output: seat 7 <nil>
}

func ExampleLaggedError() {
	err := error(&channel.LaggedError{Missed: 3})
	var lagged *channel.LaggedError
	fmt.Println(errors.As(err, &lagged), lagged.Missed)
	// Output: true 3
}

// Clone a sender for each goroutine that ends on its own. The stream ends with the
// last Close, whichever goroutine that is.
func ExampleSender_Clone() {
	ctx := context.Background()
	tx, rx := channel.New[int](8)
	for i := range 3 {
		tx := tx.Clone()
		go func() {
			defer tx.Close()
			_ = tx.Send(ctx, i)
		}()
	}
	tx.Close() // this goroutine sends nothing
	sum := 0
	for v, err := range rx.All(ctx) {
		if err == nil {
			sum += v
		}
	}
	fmt.Println(sum)
	// Output: 3
}

// At SIGTERM a server refuses new work, finishes what it has accepted, and gives up
// what is left after some time.
func ExampleReceiver_Shutdown() {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	tx, jobs := channel.New[string](8)
	_, _ = tx.SendMany(stop, []string{"a", "b"})
	cancel() // stands for the signal

	<-stop.Done()
	jobs.Shutdown() // sends fail now; what is buffered can still be received
	fmt.Println(tx.TrySend("c"))
	limit, done := context.WithTimeout(context.Background(), time.Minute)
	defer done()
	for job, err := range jobs.All(limit) {
		if err != nil { // the time is over: Close drops the rest
			break
		}
		fmt.Println("finished", job)
	}
	jobs.Close()
	// Output:
	// channel: closed
	// finished a
	// finished b
}

// A cache keeps a way to its worker, but does not keep the worker running.
func ExampleWeakSender() {
	tx, rx := channel.New[int](1)
	weak := tx.Downgrade()
	if strong, ok := weak.Upgrade(); ok {
		_ = strong.TrySend(1)
		strong.Close()
	}
	tx.Close()
	_, ok := weak.Upgrade()
	fmt.Println(ok, rx.Len(), rx.IsClosed())
	// Output: false 1 true
}

func ExamplePermit() {
	tx, rx := channel.New[int](4)
	p, err := tx.TryReserveMany(3)
	if err != nil {
		return
	}
	defer p.Release() // what was not used
	for i := range 2 {
		p.Send(i) // never waits, never fails
	}
	fmt.Println(rx.Len(), p.Len(), tx.Free())
	// Output: 2 1 1
}

// A worker stops early when no one waits for its result any more.
func ExampleOneshotSender_Done() {
	tx, rx := channel.NewOneshot[int]()
	rx.Close()
	select {
	case <-tx.Done():
		fmt.Println("not wanted")
	case <-time.After(time.Minute):
		_ = tx.Send(42)
	}
	// Output: not wanted
}

func ExampleOneshotReceiver() {
	tx, rx := channel.NewOneshot[string]()
	_, err := rx.TryRecv()
	fmt.Println(err)
	_ = tx.Send("done")
	fmt.Println(rx.TryRecv())
	fmt.Println(tx.Send("again"))
	// Output:
	// channel: empty
	// done <nil>
	// channel: closed
}

// Len shows how far the slowest receiver is behind.
func ExampleBroadcastSender_Len() {
	tx, slow := channel.NewBroadcast[int](8)
	fast := tx.Subscribe()
	for i := range 3 {
		_, _ = tx.Send(i)
		_, _ = fast.TryRecv()
	}
	fmt.Println(tx.Len(), slow.Len(), fast.Len())
	// Output: 3 3 0
}

// Each consumer has a receiver of its own.
func ExampleBroadcastReceiver_Clone() {
	tx, rx := channel.NewBroadcast[int](8)
	_, _ = tx.Send(1)
	other := rx.Clone()       // also gets 1
	fresh := rx.Resubscribe() // gets what is sent from now on
	_, _ = tx.Send(2)
	fmt.Println(rx.Len(), other.Len(), fresh.Len())
	// Output: 2 2 1
}

func ExampleWatchSender_SendModify() {
	tx, rx := channel.NewWatch(map[string]int{"a": 1})
	err := tx.SendModify(func(m *map[string]int) {
		*m = maps.Clone(*m) // receivers share the old one
		(*m)["b"] = 2
	})
	fmt.Println(rx.Get(), err)
	// Output: map[a:1 b:2] <nil>
}

func ExampleWatchReceiver_All() {
	tx, rx := channel.NewWatch("starting")
	for state, err := range rx.All(context.Background()) {
		if err != nil {
			return
		}
		fmt.Println(state)
		if state == "starting" {
			_ = tx.Send("ready")
			tx.Close() // the last value is yielded before the end
		}
	}
	// Output:
	// starting
	// ready
}

// The zero Case never goes on, so a case can be switched off.
func ExampleCase() {
	tx, rx := channel.New[int](1)
	_ = tx.TrySend(1)
	recv := rx.OnRecv(func(v int, _ error) { fmt.Println("got", v) })
	for _, paused := range []bool{true, false} {
		c := recv
		if paused {
			c = channel.Case{}
		}
		_, ok := channel.TrySelect(c)
		fmt.Println(ok)
	}
	// Output:
	// false
	// got 1
	// true
}

func ExampleRequest_Done() {
	tx, rx := channel.New[channel.Request[string, int]](1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := channel.Call(ctx, tx, "slow")
		ended <- err
	}()
	r, _ := rx.Recv(context.Background())
	cancel()
	<-r.Done() // the caller has stopped waiting: there is nothing to do
	r.Drop()
	fmt.Println(<-ended)
	// Output: channel: context canceled
}

// A native channel becomes a receiver, which has contexts, batches and Select.
func ExampleFromChan() {
	c := make(chan int, 2)
	c <- 1
	c <- 2
	close(c)
	ctx := context.Background()
	for v, err := range channel.FromChan(ctx, c).All(ctx) {
		fmt.Println(v, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}
