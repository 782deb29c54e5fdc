package channel

import "context"

// Chan returns a native channel of what r receives, for code that wants one.
// It is closed at the end of the stream or when ctx is done, whichever comes
// first. A message that was taken from r and not read from the native channel
// by then is lost, and dropped if it has a method Drop(): use [Receiver.Ready] in a
// select, or [Select] with [OnChanRecv], where that matters.
//
// A goroutine serves it, which ends with ctx at the latest. r stays open.
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

// FromChan returns a receiver of what comes from the native channel c, until c
// is closed, ctx is done or the receiver is closed or shut down.
//
// A goroutine serves it, which ends then. It takes a message only when the one
// before it was received.
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
