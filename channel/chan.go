package channel

import "context"

// Chan returns a native channel of the messages of r, for code that needs one. The
// native channel is closed at the end of r's channel or when ctx is done.
//
// Up to one message that was taken from r may not have been read from the native
// channel when ctx is done. That message is lost; if it has a method Drop(), it is
// dropped. If you must not lose it, use [Receiver.Ready] in a select statement, or
// [Select] with [OnChanRecv].
//
// Chan starts a goroutine, which ends at the latest when ctx is done. It does not close
// r.
func (r *Receiver[T]) Chan(ctx context.Context) <-chan T {
	checkContext(ctx, "Receiver.Chan")
	r.check("Chan")
	c := make(chan T)
	go func() {
		defer close(c)
		for {
			v, err := r.Recv(ctx)
			if err != nil {
				return
			}
			select {
			case c <- v:
			case <-ctx.Done():
				drop(v)
				return
			}
		}
	}()
	return c
}

// FromChan returns a receiver of the messages that it reads from the native channel c.
// It stops when c is closed, when ctx is done, or when the receiver is closed or shut
// down. The receiver then gets the last message, if there is one, and [ErrClosed].
//
// FromChan starts a goroutine, which ends at that time. It reads a message from c only
// after the previous one was received.
//
//ferrous:acquire
func FromChan[T any](ctx context.Context, c <-chan T) *Receiver[T] {
	checkContext(ctx, "FromChan")
	tx, rx := New[T](1)
	go func() {
		defer tx.Close()
		for {
			p, err := tx.Reserve(ctx)
			if err != nil {
				return
			}
			select {
			case v, ok := <-c:
				if !ok {
					p.Release()
					return
				}
				p.Send(v)
			case <-ctx.Done():
				p.Release()
				return
			case <-tx.Done():
				p.Release()
				return
			}
		}
	}()
	return rx
}
