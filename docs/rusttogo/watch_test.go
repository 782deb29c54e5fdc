package rusttogo

import (
	"context"
	"fmt"

	"github.com/coderrange/ferrous/channel"
)

func Example_watch() {
	ctx := context.Background()
	tx, rx := channel.NewWatch("starting")
	fmt.Println(rx.Get(), tx.Get())
	_ = tx.Send("ready")
	fmt.Println(rx.HasChanged())
	err := rx.Changed(ctx)
	fmt.Println(err, rx.GetAndUpdate())
	rx.MarkChanged()
	fmt.Println(rx.HasChanged())
	rx.MarkUnchanged()
	_, err = rx.WaitFor(ctx, func(s string) bool { return s == "ready" })
	fmt.Println(err)
	tx.Close()
	fmt.Println(rx.Changed(ctx))
	for v, err := range rx.All(ctx) {
		fmt.Println(v, err)
	}
	// Output:
	// starting starting
	// true <nil>
	// <nil> ready
	// true <nil>
	// <nil>
	// channel: closed
	// ready <nil>
}

func Example_watchChange() {
	tx, rx := channel.NewWatch(1)
	err := tx.SendModify(func(n *int) { *n += 10 })
	modified, _ := tx.SendIfModified(func(n *int) bool { return *n > 100 })
	old, _ := tx.SendReplace(5)
	fmt.Println(err, modified, old, rx.Get())
	// Output: <nil> false 11 5
}

func Example_watchState() {
	tx, rx := channel.NewWatch(1)
	rx2, rx3, tx2 := tx.Subscribe(), rx.Clone(), tx.Clone()
	fmt.Println(tx.ReceiverCount(), tx.SenderCount(), rx.SameChannel(rx2), tx.SameChannel(tx2), tx.IsClosed())
	rx.Close()
	rx2.Close()
	rx3.Close()
	<-tx.Done()
	fmt.Println(tx.IsClosed(), tx.Send(2), tx.Get())
	// Output:
	// 3 2 true true false
	// true <nil> 2
}
