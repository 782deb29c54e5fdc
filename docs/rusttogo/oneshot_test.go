package rusttogo

import (
	"context"
	"fmt"

	"github.com/coderrange/ferrous/channel"
)

func Example_oneshot() {
	ctx := context.Background()
	tx, rx := channel.NewOneshot[int]()
	fmt.Println(rx.Len() == 0, tx.IsClosed(), rx.IsClosed())
	_, err := rx.TryRecv()
	fmt.Println(err)
	go func() { _ = tx.Send(42) }()
	fmt.Println(rx.Recv(ctx))
	fmt.Println(rx.Recv(ctx))
	// Output:
	// true false false
	// channel: empty
	// 42 <nil>
	// 0 channel: closed
}

func Example_oneshotClose() {
	tx, rx := channel.NewOneshot[int]()
	rx.Shutdown()
	<-tx.Done()
	fmt.Println(tx.Send(1))
	tx, rx = channel.NewOneshot[int]()
	tx.Close()
	_, err := rx.TryRecv()
	fmt.Println(err, rx.IsClosed())
	// Output:
	// channel: closed
	// channel: closed true
}

func Example_request() {
	ctx := context.Background()
	tx, rx := channel.New[channel.Request[int, string]](8)
	go func() {
		for r, err := range rx.All(ctx) {
			if err != nil {
				return
			}
			select {
			case <-r.Done():
				r.Drop()
			default:
				_ = r.Reply(fmt.Sprint("answer ", r.Question))
			}
		}
	}()
	answer, err := channel.Call(ctx, tx, 42)
	fmt.Println(answer, err)
	tx.Close()
	// Output: answer 42 <nil>
}
