package rusttogo

import (
	"context"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/channel"
)

func Example_broadcast() {
	ctx := context.Background()
	tx, rx1 := channel.NewBroadcast[int](16)
	rx2 := tx.Subscribe()
	n, err := tx.Send(10)
	fmt.Println(n, err, tx.Len(), tx.Len() == 0, rx1.Len(), rx1.Len() == 0, tx.ReceiverCount())
	tx.Close()
	for v, err := range rx1.All(ctx) {
		fmt.Println("first:", v, err)
	}
	v, err := rx2.TryRecv()
	fmt.Println("second:", v, err, rx2.IsClosed())
	_, err = rx2.Recv(ctx)
	fmt.Println(err)
	// Output:
	// 2 <nil> 1 false 1 false 2
	// first: 10 <nil>
	// second: 10 <nil> true
	// channel: closed
}

func Example_broadcastLag() {
	ctx := context.Background()
	tx, rx := channel.NewBroadcast[int](2)
	for i := range 5 {
		_, _ = tx.Send(i)
	}
	_, err := rx.Recv(ctx)
	var lagged *channel.LaggedError
	fmt.Println(errors.As(err, &lagged), lagged.Missed)
	fmt.Println(rx.Recv(ctx))
	fresh := rx.Resubscribe()
	_, err = fresh.TryRecv()
	fmt.Println(err)
	// Output:
	// true 3
	// 3 <nil>
	// channel: empty
}

func Example_broadcastState() {
	tx, rx := channel.NewBroadcast[int](2)
	tx2 := tx.Clone()
	fmt.Println(tx.SameChannel(tx2), rx.SameChannel(rx), tx.SenderCount())
	rx.Close()
	<-tx.Done()
	_, err := tx.Send(1)
	fmt.Println(err)
	// Output:
	// true true 2
	// channel: closed
}
