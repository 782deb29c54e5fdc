package channel

import (
	"context"
	"iter"
	"sync/atomic"
)

// Receiver is a handle that receives messages from a channel made by [New] or
// [NewUnbounded]. After tokio::sync::mpsc::Receiver. Unlike there, and as in
// crossbeam-channel, it can be cloned: each message goes to one of the receivers.
//
// A Receiver is safe for concurrent use. It must not be copied. Its owner ends it with
// Close.
type Receiver[T any] struct {
	_ noCopy

	core   core[T]
	queue  *queue[T] // core if that is a queue, otherwise nil
	shared *shared[T]
	ready  readyPlace
	closed atomic.Bool
}

// Recv returns the oldest message. It waits while there is none.
//
// The error is [ErrClosed] once the channel is closed and its buffer is empty, or it
// matches the context's cause. A Recv that fails has taken no message. Recv does not
// allocate in the steady state, unless hundreds of goroutines wait at once.
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

// TryRecv returns the oldest message if it need not wait. Otherwise the error is
// [ErrEmpty] or [ErrClosed].
func (r *Receiver[T]) TryRecv() (v T, err error) {
	r.check("TryRecv")
	if r.closed.Load() {
		return v, ErrClosed
	}
	return r.core.tryRecv()
}

// RecvMany waits until there is a message. Then it moves as many messages as are
// available, at most len(buf), into buf and returns their number. It returns 0 only
// with an error, as Recv does, or if buf is empty.
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

// All yields the messages until the channel is closed and its buffer is empty. The end
// of the channel is not an error. If ctx is done before that, All yields the zero T
// with the error of ctx and ends. Leaving the loop does not close the receiver.
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

// Clone returns another receiver of the same channel, which its owner must close too. A
// clone of a closed handle is closed.
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

// Shutdown makes all further sends of all senders fail with [ErrClosed]. Messages that
// are buffered, and those that are still sent with a [Permit], can be received. On a
// closed handle it does nothing. After tokio's Receiver::close.
func (r *Receiver[T]) Shutdown() {
	r.check("Shutdown")
	if !r.closed.Load() {
		r.shared.shutdown()
	}
}

// Close ends this handle. The Close of the last receiver makes further sends fail with
// [ErrClosed] and discards the buffered messages. If a message has a method Drop(),
// Close calls it. If a Drop panics, the other messages are dropped first, and then the
// panic goes on. Close is idempotent.
//
// Close does not wake calls that already wait through this handle. Each of them goes on
// until it gets a message, its context ends or the channel is closed.
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
		r.shared.shutdown() // before discard: a Drop method may wait for a goroutine that waits on Done
		r.core.discard()
	}
}

// IsClosed reports whether this handle is closed or the channel accepts no more
// messages. In the second case, messages may still be buffered or be sent with a
// [Permit].
func (r *Receiver[T]) IsClosed() bool {
	r.check("IsClosed")
	return r.closed.Load() || r.core.isClosed()
}

// Len returns how many messages are buffered.
func (r *Receiver[T]) Len() int { return r.use("Len").core.len() }

// Cap returns the channel's capacity, or [Unbounded].
func (r *Receiver[T]) Cap() int { return r.use("Cap").core.cap() }

// SameChannel reports whether r and other receive from the same channel. It panics if
// other is nil.
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

// Ready returns a channel for a select statement. A receive from it returns when Recv
// need not wait, because there is a message or because the channel has ended. The
// returned channel is then closed, so all goroutines that wait on it go on.
//
// Waits for Ready and waits in Recv are served in turn. A receive may return too early,
// and another receiver may take the message first. So call TryRecv at once, and call
// Ready again if the error is [ErrEmpty]. A message that is not taken within a
// millisecond goes to the next waiter.
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
