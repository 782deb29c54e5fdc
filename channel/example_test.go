package channel_test

import (
	"context"
	"errors"
	"fmt"
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
