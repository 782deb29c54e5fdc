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

// shared is what all handles of one channel have in common.
type shared[T any] struct {
	core      core[T]
	senders   atomic.Int64 // 0 is final
	receivers atomic.Int64 // 0 is final
	weaks     atomic.Int64

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

// shutdown refuses all further sends.
func (s *shared[T]) shutdown() {
	s.core.shutdown()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done.closeAll()
}

// Sender is a handle to send messages into a channel made by [New] or
// [NewUnbounded]. After tokio::sync::mpsc::Sender.
//
// It is safe for concurrent use. Its owner ends it with Close; the Close of
// the last sender ends the stream after what is buffered and what permits
// still promise.
type Sender[T any] struct {
	_ noCopy

	core   core[T]
	queue  *queue[T] // core if it is one: calls of it are not by way of a table
	shared *shared[T]
	ready  readyPlace
	done   doneKey
	closed atomic.Bool
}

// Send sends v, waiting while the channel is full.
//
// If it returns nil, v was sent. Otherwise it was not, and v can be sent
// again: the error is [ErrClosed] or wraps the context's cause. Of a channel
// below 16 messages blocked senders are served in arrival order, of a larger
// one in no particular order; a canceled one only loses its place. It does not
// allocate in the steady state, unless hundreds wait at once.
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

// TrySend sends v if that needs no waiting. Otherwise its error is [ErrFull]
// or [ErrClosed].
//
//ferrous:transfers v on ok
func (s *Sender[T]) TrySend(v T) error {
	s.check("TrySend")
	if s.closed.Load() {
		return ErrClosed
	}
	return s.core.trySend(v)
}

// SendMany sends the messages in order, waiting while the channel is full, and
// returns how many were sent. If these are not all, the error says why, as
// for Send. Messages of other senders may come between them. It costs less
// than as many Sends and may be larger than the channel's capacity.
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

// Clone returns one more sender of the same channel. A clone of a closed
// handle is closed.
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

// sender makes one more sender unless the last one was closed.
func (s *shared[T]) sender() (*Sender[T], bool) {
	if !increment(&s.senders) {
		return nil, false
	}
	return &Sender[T]{core: s.core, queue: s.tx.queue, shared: s}, true
}

// increment counts one handle more unless there is none any more.
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

// Close ends this handle. The last one ends the stream: receivers get what is
// buffered and then [ErrClosed]. Sends that wait are refused then. Close is
// idempotent.
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

// Downgrade returns a weak sender, which does not keep the stream open. That of
// a closed handle is closed.
//
//ferrous:acquire
func (s *Sender[T]) Downgrade() *WeakSender[T] {
	s.check("Downgrade")
	return s.shared.weak(s.closed.Load())
}

// IsClosed reports whether a send through this handle would fail with
// [ErrClosed]: after its Close, a receiver's Shutdown and the last receiver's
// Close. So it is for the senders of all kinds of channels, but that [WatchSender]
// also stores what nobody receives.
func (s *Sender[T]) IsClosed() bool {
	s.check("IsClosed")
	return s.closed.Load() || s.core.isClosed()
}

// Done returns a channel that is closed when [Sender.IsClosed] is true.
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

// Free returns how many messages could be sent now without waiting: the
// capacity without what is buffered and reserved, 0 when closed.
func (s *Sender[T]) Free() int {
	s.check("Free")
	if s.closed.Load() {
		return 0
	}
	return s.core.free()
}

// SameChannel reports whether both send into the same channel.
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

// Ready returns a channel from which a receive returns once a send need not wait,
// because there is room or because the channel is closed. It is closed then. Those
// who wait for Ready are woken in turn with those who wait in Send. It may be closed
// too early, or another sender be faster: follow it with TrySend at once, and call
// Ready anew to wait again. A slot that is not used goes to the next after a
// millisecond.
func (s *Sender[T]) Ready() <-chan struct{} {
	s.check("Ready")
	if s.closed.Load() {
		return closedChan()
	}
	return s.core.writable(&s.ready)
}
