package channel

import (
	"context"
	"iter"
	"sync/atomic"
)

// Receiver is a handle to receive messages from a channel made by [New] or
// [NewUnbounded]. After tokio::sync::mpsc::Receiver, and clonable as
// crossbeam's: each message goes to one receiver.
//
// It is safe for concurrent use. Its owner ends it with Close.
type Receiver[T any] struct {
	_ noCopy

	core   core[T]
	queue  *queue[T] // core if it is one
	shared *shared[T]
	ready  readyPlace
	closed atomic.Bool
}

// Recv returns the oldest message, waiting while there is none.
//
// Its error is [ErrClosed] once the channel is closed and drained, or wraps
// the context's cause; a canceled Recv took no message. It does not allocate
// in the steady state, unless hundreds wait at once.
//
//ferrous:blocks
func (r *Receiver[T]) Recv(ctx context.Context) (v T, err error) {
	checkContext(ctx, "Receiver.Recv")
	if r.closed.Load() {
		return v, closedError(ctx)
	}
	if r.queue != nil {
		return r.queue.recv(ctx)
	}
	r.check("Recv")
	return r.core.recv(ctx)
}

// TryRecv returns the oldest message if that needs no waiting. Otherwise its
// error is [ErrEmpty] or [ErrClosed].
func (r *Receiver[T]) TryRecv() (v T, err error) {
	r.check("TryRecv")
	if r.closed.Load() {
		return v, ErrClosed
	}
	return r.core.tryRecv()
}

// RecvMany waits for a message, moves as many as there are into buf, up to its
// length, and returns their number. It returns 0 only with an error, as Recv,
// or if buf is empty.
//
//ferrous:blocks
func (r *Receiver[T]) RecvMany(ctx context.Context, buf []T) (int, error) {
	checkContext(ctx, "Receiver.RecvMany")
	r.check("RecvMany")
	if ctx.Err() != nil {
		return 0, cause(ctx)
	}
	if r.closed.Load() {
		return 0, ErrClosed
	}
	if len(buf) == 0 {
		return 0, nil
	}
	return r.core.recvMany(ctx, buf)
}

// All yields the messages until the channel is closed and drained. That end is
// no error. If ctx is done before, its error comes last, with the zero T.
// Leaving the loop leaves the receiver open.
//
//ferrous:blocks
func (r *Receiver[T]) All(ctx context.Context) iter.Seq2[T, error] {
	checkContext(ctx, "Receiver.All")
	r.check("All")
	return func(yield func(T, error) bool) {
		for {
			v, err := r.Recv(ctx)
			if err == ErrClosed || !yield(v, err) || err != nil { //nolint:errorlint // a cause may wrap it
				return
			}
		}
	}
}

// Clone returns one more receiver of the same channel. A clone of a closed
// handle is closed.
//
//ferrous:acquire
func (r *Receiver[T]) Clone() *Receiver[T] {
	r.check("Clone")
	c := &Receiver[T]{core: r.core, queue: r.queue, shared: r.shared}
	if r.closed.Load() || !increment(&r.shared.receivers) {
		c.closed.Store(true)
	}
	return c
}

// Shutdown refuses all further sends, of all senders. What is buffered or
// promised to a [Permit] can still be received. After tokio's Receiver::close.
func (r *Receiver[T]) Shutdown() {
	r.check("Shutdown")
	if !r.closed.Load() {
		r.shared.shutdown()
	}
}

// Close ends this handle. The last one refuses further sends and discards what
// is buffered: messages that have a method Drop() are dropped. Calls in
// progress through this handle go on until the channel is closed. Close is
// idempotent.
//
//ferrous:release
//ferrous:idempotent
func (r *Receiver[T]) Close() {
	r.check("Close")
	if r.closed.Swap(true) {
		return
	}
	r.core.leaveReadable(&r.ready)
	if r.shared.receivers.Add(-1) == 0 {
		r.shared.shutdown() // told before messages are dropped, which may wait for who is told
		r.core.discard()
	}
}

// IsClosed reports whether no more messages are accepted. Some may still be
// buffered or promised.
func (r *Receiver[T]) IsClosed() bool {
	r.check("IsClosed")
	return r.closed.Load() || r.core.isClosed()
}

// Len returns how many messages are buffered.
func (r *Receiver[T]) Len() int { return r.use("Len").core.len() }

// Cap returns the channel's capacity, or [Unbounded].
func (r *Receiver[T]) Cap() int { return r.use("Cap").core.cap() }

// SameChannel reports whether both receive from the same channel.
func (r *Receiver[T]) SameChannel(other *Receiver[T]) bool {
	r.check("SameChannel")
	checkOther(other != nil, "Receiver.SameChannel")
	return r.shared == other.shared
}

// SenderCount returns how many senders are open.
func (r *Receiver[T]) SenderCount() int { return int(r.use("SenderCount").senders.Load()) }

// WeakCount returns how many weak senders are open.
func (r *Receiver[T]) WeakCount() int { return int(r.use("WeakCount").weaks.Load()) }

// ReceiverCount returns how many receivers are open.
func (r *Receiver[T]) ReceiverCount() int { return int(r.use("ReceiverCount").receivers.Load()) }

// Ready returns a channel from which a receive returns once Recv need not wait,
// because there is a message or because the stream has ended. It is closed then.
// Those who wait for Ready are woken in turn with those who wait in Recv. It may be
// closed too early, or another receiver be faster: follow it with TryRecv at once,
// and call Ready anew to wait again. A message that is not taken goes to the next
// after a millisecond.
//
//	select {
//	case <-rx.Ready():
//		v, err := rx.TryRecv() // may be ErrEmpty
//	case <-ticker.C:
//	}
func (r *Receiver[T]) Ready() <-chan struct{} {
	r.check("Ready")
	if r.closed.Load() {
		return closedChan()
	}
	return r.core.readable(&r.ready)
}
