package channel

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/park"
)

// oneshot is a channel for one message: one allocation and no lock. The two
// handles lie in it.
type oneshot[T any] struct {
	state   atomic.Uint32 // bits that are set and never cleared
	value   T             // the Send that set oneshotClaimed's until oneshotSent, then who sets oneshotTaken's
	arrived hub           // opened when the receiver need not wait
	refused park.Gate     // opened when there is nothing to be sent any more
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

// NewOneshot returns a channel for a single message. After
// tokio::sync::oneshot. It allocates once.
//
//ferrous:acquire
func NewOneshot[T any]() (*OneshotSender[T], *OneshotReceiver[T]) {
	c := new(oneshot[T])
	c.tx.c, c.rx.c = c, c
	return &c.tx, &c.rx
}

// OneshotSender sends the message of a channel made by [NewOneshot]. It is
// safe for concurrent use. Its owner ends it with Send or Close.
type OneshotSender[T any] struct {
	_ noCopy
	c *oneshot[T]
}

// Send sends v. It never waits. If it returns nil, v was received, can be, or
// was discarded by the receiver's Close. Otherwise nothing was sent: the error
// is [ErrClosed] after the receiver's end, after Close and after another Send.
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

// Close ends the sender without a message, unless one was sent. The receiver
// then gets [ErrClosed]. It is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (s *OneshotSender[T]) Close() {
	s.check("Close")
	s.c.state.Or(oneshotTxClosed)
	s.c.arrived.open()
	s.c.refused.Open()
}

// IsClosed reports whether a Send would fail.
func (s *OneshotSender[T]) IsClosed() bool { return s.use("IsClosed").isClosed() }

// Done returns a channel that is closed when a Send would fail, usually
// because the receiver is not interested any more.
func (s *OneshotSender[T]) Done() <-chan struct{} {
	s.check("Done")
	closed, _ := s.c.refused.Wait()
	if s.c.isClosed() {
		s.c.refused.Open()
	}
	return closed
}

// OneshotReceiver receives the message of a channel made by [NewOneshot]. It
// is safe for concurrent use; one call gets the message. Its owner ends it
// with Close.
type OneshotReceiver[T any] struct {
	_     noCopy
	c     *oneshot[T]
	turns turns
}

// Recv waits for the message and returns it, once. The error is [ErrClosed] if
// there will be none, because it was received before, the sender was closed
// without sending, or the receiver shut down before; or it wraps the context's
// cause, and then the message, if it comes, can still be received.
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

// TryRecv returns the message if it is there. Otherwise its error is
// [ErrEmpty] or [ErrClosed].
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

// Shutdown refuses the message, unless it was sent: then it can still be
// received. After tokio's Receiver::close.
func (r *OneshotReceiver[T]) Shutdown() {
	r.check("Shutdown")
	r.c.state.Or(oneshotRxClosed)
	r.c.arrived.open()
	r.c.refused.Open()
}

// Close ends the receiver and discards the message: if it has a method Drop()
// and was not received, it is dropped. Close is idempotent.
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

// IsClosed reports whether nothing more can be sent, also because the message
// was.
func (r *OneshotReceiver[T]) IsClosed() bool { return r.use("IsClosed").isClosed() }

// Len returns 1 while a message waits to be received, otherwise 0.
func (r *OneshotReceiver[T]) Len() int {
	r.check("Len")
	if r.c.state.Load()&(oneshotSent|oneshotTaken) == oneshotSent {
		return 1
	}
	return 0
}

// Ready returns a channel that is closed once Recv need not wait.
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

// over reports whether nothing more can be sent.
func (c *oneshot[T]) isClosed() bool {
	return c.state.Load()&(oneshotClaimed|oneshotTxClosed|oneshotRxClosed) != 0
}

// settled reports whether a receive need not wait.
func (c *oneshot[T]) isComplete() bool { return isComplete(c.state.Load()) }

// settled: a claimed message is on its way, also if one side closed meanwhile.
func isComplete(state uint32) bool {
	switch {
	case state&(oneshotSent|oneshotDropped) != 0:
		return true
	case state&oneshotClaimed != 0:
		return false
	}
	return state&(oneshotTxClosed|oneshotRxClosed) != 0
}

// deliver stores the message; the caller has set oneshotClaimed.
func (c *oneshot[T]) deliver(v T) {
	c.value = v
	before := c.state.Or(oneshotSent)
	c.arrived.open()
	c.refused.Open()
	if before&oneshotDropped != 0 {
		c.discard()
	}
}

// take returns the message; the caller has set oneshotTaken.
func (c *oneshot[T]) take() (v T) {
	v, c.value = c.value, v
	return v
}

// discard drops the message unless it was received.
func (c *oneshot[T]) discard() {
	if c.state.Or(oneshotTaken)&oneshotTaken == 0 {
		drop(c.take())
	}
}
