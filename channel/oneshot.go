package channel

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/park"
)

// oneshot is a channel for one message. It has no lock, and its two handles are fields,
// so that a channel is one allocation.
type oneshot[T any] struct {
	state   atomic.Uint32 // bits that are set and never cleared
	value   T             // owned by the Send that set oneshotClaimed; after oneshotSent, by the call that sets oneshotTaken
	arrived hub           // opened when the receiver need not wait
	refused park.Gate     // opened when a Send would fail
	tx      OneshotSender[T]
	rx      OneshotReceiver[T]
}

const (
	oneshotClaimed  = 1 << iota // a Send is storing its message
	oneshotSent                 // the message is there
	oneshotTaken                // the message was received or discarded
	oneshotTxClosed             // the sender was closed
	oneshotRxClosed             // the receiver shut down or was closed
	oneshotDropped              // the receiver was closed
)

// NewOneshot returns the sender and the receiver of a channel for a single message. It
// allocates once. After tokio::sync::oneshot.
//
//ferrous:acquire
func NewOneshot[T any]() (*OneshotSender[T], *OneshotReceiver[T]) {
	c := new(oneshot[T])
	c.tx.c, c.rx.c = c, c
	return &c.tx, &c.rx
}

// OneshotSender sends the message of a channel made by [NewOneshot]. It is safe for
// concurrent use and must not be copied. Its owner ends it with Send or Close.
type OneshotSender[T any] struct {
	_ noCopy
	c *oneshot[T]
}

// Send sends v. It never waits.
//
// If Send returns nil, v was received, can be received, or was discarded by the
// receiver's Close. Otherwise v was not sent, and the error is [ErrClosed]: another
// Send was first, the sender was closed, or the receiver was closed or shut down.
//
//ferrous:transfers v on ok
func (s *OneshotSender[T]) Send(v T) error {
	s.check("Send")
	c := s.c
	for {
		state := c.state.Load()
		if state&(oneshotClaimed|oneshotTxClosed|oneshotRxClosed) != 0 {
			return ErrClosed
		}
		if c.state.CompareAndSwap(state, state|oneshotClaimed) {
			break
		}
	}
	c.deliver(v)
	return nil
}

// Close ends the sender. If no message was sent, the receiver gets [ErrClosed]. A
// message that was sent can still be received. Close is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (s *OneshotSender[T]) Close() {
	s.check("Close")
	s.c.state.Or(oneshotTxClosed)
	s.c.arrived.open()
	s.c.refused.Open()
}

// IsClosed reports whether a Send would fail. It is also true after a Send.
func (s *OneshotSender[T]) IsClosed() bool { return s.use("IsClosed").isClosed() }

// Done returns a channel that is closed when [OneshotSender.IsClosed] becomes true. A
// goroutine that computes the message can stop then: usually the receiver was closed.
func (s *OneshotSender[T]) Done() <-chan struct{} {
	s.check("Done")
	closed, _ := s.c.refused.Wait()
	if s.c.isClosed() {
		s.c.refused.Open()
	}
	return closed
}

// OneshotReceiver receives the message of a channel made by [NewOneshot]. It is safe
// for concurrent use and must not be copied. If several calls wait, one of them gets
// the message. Its owner ends it with Close.
type OneshotReceiver[T any] struct {
	_     noCopy
	c     *oneshot[T]
	turns turns
}

// Recv waits for the message and returns it. Only one call gets it.
//
// The error is [ErrClosed] if no message will come: it was received before, the sender
// was closed without sending, or the receiver was closed or shut down first. Otherwise
// the error matches the context's cause; the message can then still be received.
//
//ferrous:blocks
func (r *OneshotReceiver[T]) Recv(ctx context.Context) (v T, err error) {
	checkContext(ctx, "OneshotReceiver.Recv")
	r.check("Recv")
	if ctx.Err() != nil {
		return v, cause(ctx)
	}
	if v, err = r.tryRecv(); err == ErrEmpty { //nolint:errorlint // never wrapped
		return r.recvSlow(ctx)
	}
	return v, err
}

func (r *OneshotReceiver[T]) recvSlow(ctx context.Context) (v T, err error) {
	err = r.turns.wait(ctx, r, func() (err error) {
		v, err = r.tryRecv()
		return err
	})
	return v, err
}

// TryRecv returns the message if it need not wait. Otherwise the error is [ErrEmpty] or
// [ErrClosed].
func (r *OneshotReceiver[T]) TryRecv() (v T, err error) {
	r.check("TryRecv")
	if v, err = r.tryRecv(); err != ErrEmpty { //nolint:errorlint // never wrapped
		r.turns.tried(r)
	}
	return v, err
}

func (r *OneshotReceiver[T]) tryRecv() (v T, err error) {
	c := r.c
	state := c.state.Load()
	switch {
	case state&(oneshotSent|oneshotTaken) == oneshotSent && c.state.Or(oneshotTaken)&oneshotTaken == 0:
		return c.take(), nil
	case !isComplete(state):
		return v, ErrEmpty
	}
	return v, ErrClosed
}

// Shutdown makes a later Send fail with [ErrClosed]. A message that was already sent
// can still be received. After tokio's Receiver::close.
func (r *OneshotReceiver[T]) Shutdown() {
	r.check("Shutdown")
	r.c.state.Or(oneshotRxClosed)
	r.c.arrived.open()
	r.c.refused.Open()
}

// Close ends the receiver. A message that was not received is discarded: if it has a
// method Drop(), it is called. Close is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (r *OneshotReceiver[T]) Close() {
	r.check("Close")
	before := r.c.state.Or(oneshotRxClosed | oneshotDropped)
	r.c.arrived.open()
	r.c.refused.Open()
	if before&oneshotSent != 0 {
		r.c.discard()
	}
}

// IsClosed reports whether a Send would fail. It is also true after a Send, even while
// the message waits to be received.
func (r *OneshotReceiver[T]) IsClosed() bool { return r.use("IsClosed").isClosed() }

// Len returns 1 while a message waits to be received, and 0 otherwise.
func (r *OneshotReceiver[T]) Len() int {
	r.check("Len")
	if r.c.state.Load()&(oneshotSent|oneshotTaken) == oneshotSent {
		return 1
	}
	return 0
}

// Ready returns a channel that is closed when Recv need not wait. Another call may take
// the message first: follow it with TryRecv.
func (r *OneshotReceiver[T]) Ready() <-chan struct{} {
	r.check("Ready")
	return r.turns.ready(r)
}

func (r *OneshotReceiver[T]) hub() *hub       { return &r.c.arrived }
func (r *OneshotReceiver[T]) turnsOf() *turns { return &r.turns }

func (r *OneshotReceiver[T]) available() (n int, ended bool) {
	if n = r.Len(); n > 0 {
		return n, false
	}
	return 0, r.c.isComplete()
}

// isClosed reports whether a Send would fail.
func (c *oneshot[T]) isClosed() bool {
	return c.state.Load()&(oneshotClaimed|oneshotTxClosed|oneshotRxClosed) != 0
}

// isComplete reports whether a receive need not wait.
func (c *oneshot[T]) isComplete() bool { return isComplete(c.state.Load()) }

// isComplete reports whether a receive need not wait. While a Send stores its message,
// the receive waits for it, even if one side was closed.
func isComplete(state uint32) bool {
	switch {
	case state&(oneshotSent|oneshotDropped) != 0:
		return true
	case state&oneshotClaimed != 0:
		return false
	}
	return state&(oneshotTxClosed|oneshotRxClosed) != 0
}

// deliver stores the message. The caller has set oneshotClaimed.
func (c *oneshot[T]) deliver(v T) {
	c.value = v
	before := c.state.Or(oneshotSent)
	c.arrived.open()
	c.refused.Open()
	if before&oneshotDropped != 0 {
		c.discard()
	}
}

// take returns the message. The caller has set oneshotTaken.
func (c *oneshot[T]) take() (v T) {
	v, c.value = c.value, v
	return v
}

// discard drops the message, unless it was received.
func (c *oneshot[T]) discard() {
	if c.state.Or(oneshotTaken)&oneshotTaken == 0 {
		drop(c.take())
	}
}
