package channel

import (
	"context"
	"sync"
	"sync/atomic"
)

// noCopy makes vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// shared is the state of a channel that all its handles share.
type shared[T any] struct {
	core      core[T]
	senders   atomic.Int64 // open senders; once 0, it stays 0
	receivers atomic.Int64 // open receivers; once 0, it stays 0
	weaks     atomic.Int64 // open weak senders

	mu   sync.Mutex
	done doneChans

	tx Sender[T]   // the first sender
	rx Receiver[T] // the first receiver
}

func open[T any](c core[T]) (*Sender[T], *Receiver[T]) {
	s := &shared[T]{core: c}
	s.senders.Store(1)
	s.receivers.Store(1)
	q, _ := c.(*queue[T])
	s.tx.core, s.tx.queue, s.tx.shared = c, q, s
	s.rx.core, s.rx.queue, s.rx.shared = c, q, s
	return &s.tx, &s.rx
}

// shutdown makes all further sends fail.
func (s *shared[T]) shutdown() {
	s.core.shutdown()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done.closeAll()
}

// Sender is a handle that sends messages into a channel made by [New] or
// [NewUnbounded]. After tokio::sync::mpsc::Sender.
//
// A Sender is safe for concurrent use. It must not be copied. Its owner ends it with
// Close. After the Close of the last sender, receivers get the messages that are
// buffered and those that are still sent with a [Permit]. Then they get [ErrClosed].
type Sender[T any] struct {
	_ noCopy

	core   core[T]
	queue  *queue[T] // core if that is a queue, otherwise nil: its methods are called directly
	shared *shared[T]
	ready  readyPlace
	done   doneKey
	closed atomic.Bool
}

// Send sends v. It waits while the channel is full.
//
// If Send returns nil, v was sent. Otherwise v was not sent and can be sent again. The
// error is [ErrClosed], or it matches the context's cause.
//
// On a channel of fewer than 16 messages, blocked senders are served in the order of
// arrival. On a larger channel they are served in no particular order. A canceled Send
// loses only its place. Send does not allocate in the steady state, unless hundreds of
// goroutines wait at once.
//
//ferrous:transfers v on ok
//ferrous:blocks
func (s *Sender[T]) Send(ctx context.Context, v T) error {
	checkContext(ctx, "Sender.Send")
	if s.closed.Load() {
		return closedError(ctx)
	}
	if s.queue != nil {
		return s.queue.send(ctx, v)
	}
	s.check("Send")
	return s.core.send(ctx, v)
}

// TrySend sends v if it need not wait. Otherwise v was not sent, and the error is
// [ErrFull] or [ErrClosed].
//
//ferrous:transfers v on ok
func (s *Sender[T]) TrySend(v T) error {
	s.check("TrySend")
	if s.closed.Load() {
		return ErrClosed
	}
	return s.core.trySend(v)
}

// SendMany sends the messages of vs in order and returns how many were sent. It waits
// while the channel is full. If it returns fewer than len(vs), the error says why, as
// for Send; the rest can be sent again.
//
// Messages of other senders may come between them. vs may be longer than the channel's
// capacity. SendMany costs less than len(vs) calls of Send.
//
//ferrous:transfers vs on ok
//ferrous:blocks
func (s *Sender[T]) SendMany(ctx context.Context, vs []T) (int, error) {
	checkContext(ctx, "Sender.SendMany")
	s.check("SendMany")
	if ctx.Err() != nil {
		return 0, cause(ctx)
	}
	if s.IsClosed() {
		return 0, ErrClosed
	}
	return s.core.sendMany(ctx, vs)
}

// Clone returns another sender of the same channel, which its owner must close too. A
// clone of a closed handle is closed.
//
//ferrous:acquire
func (s *Sender[T]) Clone() *Sender[T] {
	s.check("Clone")
	if !s.closed.Load() {
		if c, ok := s.shared.sender(); ok {
			return c
		}
	}
	c := &Sender[T]{core: s.core, queue: s.queue, shared: s.shared}
	c.closed.Store(true)
	return c
}

// sender returns another sender, unless the last sender was closed.
func (s *shared[T]) sender() (*Sender[T], bool) {
	if !increment(&s.senders) {
		return nil, false
	}
	return &Sender[T]{core: s.core, queue: s.tx.queue, shared: s}, true
}

// increment adds 1 to n and reports true, unless n is 0.
func increment(n *atomic.Int64) bool {
	for {
		old := n.Load()
		if old == 0 {
			return false
		}
		if n.CompareAndSwap(old, old+1) {
			return true
		}
	}
}

// Close ends this handle. After the Close of the last sender, receivers get the
// buffered messages and then [ErrClosed], and a Send that is still waiting fails with
// ErrClosed. Close never waits. It is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (s *Sender[T]) Close() {
	s.check("Close")
	if s.closed.Swap(true) {
		return
	}
	s.core.leaveWritable(&s.ready)
	s.shared.mu.Lock()
	s.shared.done.close(&s.done)
	s.shared.mu.Unlock()
	if s.shared.senders.Add(-1) == 0 {
		s.shared.shutdown()
	}
}

// Downgrade returns a weak sender of the same channel. It does not keep the channel
// open. A weak sender made from a closed handle is closed.
//
//ferrous:acquire
func (s *Sender[T]) Downgrade() *WeakSender[T] {
	s.check("Downgrade")
	return s.shared.weak(s.closed.Load())
}

// IsClosed reports whether a send through this handle would fail with [ErrClosed]. It
// is true after the Close of the handle, after a receiver's Shutdown and after the
// Close of the last receiver.
//
// The senders of the other kinds of channel follow the same rule, except [WatchSender]:
// its Send stores the value even if there is no receiver.
func (s *Sender[T]) IsClosed() bool {
	s.check("IsClosed")
	return s.closed.Load() || s.core.isClosed()
}

// Done returns a channel that is closed when [Sender.IsClosed] becomes true.
func (s *Sender[T]) Done() <-chan struct{} {
	s.check("Done")
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	if s.IsClosed() {
		return closedChan()
	}
	return s.shared.done.of(&s.done)
}

// Len returns how many messages are buffered.
func (s *Sender[T]) Len() int { return s.use("Len").core.len() }

// Cap returns the channel's capacity, or [Unbounded].
func (s *Sender[T]) Cap() int { return s.use("Cap").core.cap() }

// Free returns how many messages could be sent now without waiting: the capacity minus
// the buffered messages and the reserved slots. It is 0 when closed.
func (s *Sender[T]) Free() int {
	s.check("Free")
	if s.closed.Load() {
		return 0
	}
	return s.core.free()
}

// SameChannel reports whether s and other send into the same channel. It panics if
// other is nil.
func (s *Sender[T]) SameChannel(other *Sender[T]) bool {
	s.check("SameChannel")
	checkOther(other != nil, "Sender.SameChannel")
	return s.shared == other.shared
}

// SenderCount returns how many senders are open.
func (s *Sender[T]) SenderCount() int { return int(s.use("SenderCount").senders.Load()) }

// WeakCount returns how many weak senders are open.
func (s *Sender[T]) WeakCount() int { return int(s.use("WeakCount").weaks.Load()) }

// ReceiverCount returns how many receivers are open.
func (s *Sender[T]) ReceiverCount() int { return int(s.use("ReceiverCount").receivers.Load()) }

// Ready returns a channel for a select statement. A receive from it returns when a send
// need not wait, because a slot is free or because the channel is closed. The returned
// channel is then closed, so all goroutines that wait on it go on.
//
// Waits for Ready and waits in Send are served in turn. A receive may return too early,
// and another sender may take the slot first. So call TrySend at once, and call Ready
// again if the error is [ErrFull]. A slot that is not used within a millisecond goes to
// the next waiter.
func (s *Sender[T]) Ready() <-chan struct{} {
	s.check("Ready")
	if s.closed.Load() {
		return closedChan()
	}
	return s.core.writable(&s.ready)
}
