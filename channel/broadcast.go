package channel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
)

// ErrLagged is wrapped by every [LaggedError].
var ErrLagged = errors.New("channel: lagged")

// LaggedError reports that a receiver of a broadcast was too slow and that messages
// were overwritten before it received them. The next receive returns the oldest message
// that is still kept.
type LaggedError struct {
	Missed uint64 // how many messages were overwritten before they were received
}

// Error returns a text with the number of missed messages.
func (e *LaggedError) Error() string { return fmt.Sprintf("channel: lagged by %d messages", e.Missed) }

// Unwrap returns [ErrLagged].
func (e *LaggedError) Unwrap() error { return ErrLagged }

// broadcast is a ring of the latest messages. Senders store under a lock. Receivers
// take no lock: each message is stored with its number in an entry that is never
// written again. A receiver that finds another number than the expected one knows that
// its message was overwritten.
type broadcast[T any] struct {
	mu    sync.Mutex // held by a Send for a few stores
	chunk []entry[T] // allocated entries that are not used yet

	ring      []atomic.Pointer[entry[T]] // message i is in ring[i%len(ring)]
	tail      atomic.Uint64              // the number of the next message
	senders   atomic.Int64               // once 0, it stays 0
	receivers atomic.Int64
	changed   hub                     // opened by every message and by the end
	done      doneChans               // under mu
	open      []*BroadcastReceiver[T] // the open receivers, in any order, under mu
}

type entry[T any] struct {
	number uint64
	value  T
}

// maxChunk is how many entries are allocated at once.
const maxChunk = 64

// NewBroadcast returns the first sender and the first receiver of a channel that sends
// every message to every receiver. For slow receivers it keeps the latest capacity
// messages. It keeps them even after all receivers have received them. After
// tokio::sync::broadcast.
//
// It panics if capacity is not positive, or is more than memory can hold.
//
//ferrous:acquire
func NewBroadcast[T any](capacity int) (*BroadcastSender[T], *BroadcastReceiver[T]) {
	checkCapacity[*T](capacity, "NewBroadcast")
	b := &broadcast[T]{ring: make([]atomic.Pointer[entry[T]], capacity)}
	b.senders.Store(1)
	return &BroadcastSender[T]{b: b}, b.subscribe(0) // without the lock: no other goroutine has b yet
}

// BroadcastSender sends to all receivers of a broadcast. It is safe for concurrent use
// and must not be copied. Its owner ends it with Close.
type BroadcastSender[T any] struct {
	_      noCopy
	b      *broadcast[T]
	done   doneKey
	closed atomic.Bool
}

// Send sends v to all receivers and returns their number. It never waits. If the buffer
// is full, Send overwrites the oldest message; a receiver that has not received that
// message gets a [*LaggedError]. If there is no receiver, nothing is sent and the error
// is [ErrClosed]; after a Subscribe, Send works again.
//
// All receivers get the same v, so do not write to what v points to afterwards. The
// time does not depend on the number of receivers, apart from waking those that wait.
// Memory is allocated for up to 64 messages at a time.
//
//ferrous:transfers v on ok
func (s *BroadcastSender[T]) Send(v T) (receivers int, err error) {
	s.check("Send")
	b := s.b
	b.mu.Lock()
	n := int(b.receivers.Load())
	if n == 0 || s.closed.Load() {
		b.mu.Unlock()
		return 0, ErrClosed
	}
	if len(b.chunk) == 0 {
		b.chunk = make([]entry[T], min(maxChunk, len(b.ring)))
	}
	e := &b.chunk[0]
	b.chunk = b.chunk[1:]
	i := b.tail.Load()
	*e = entry[T]{i, v}
	b.ring[i%uint64(len(b.ring))].Store(e)
	b.tail.Store(i + 1)
	b.mu.Unlock()
	b.changed.open()
	return n, nil
}

// Subscribe returns a new receiver, which gets the messages sent from now on. If s is
// closed, so is the receiver.
//
//ferrous:acquire
func (s *BroadcastSender[T]) Subscribe() *BroadcastReceiver[T] {
	s.check("Subscribe")
	return s.b.newReceiver(&s.closed, &s.b.tail)
}

// Clone returns another sender of the same broadcast, which its owner must close too. A
// clone of a closed handle is closed.
//
//ferrous:acquire
func (s *BroadcastSender[T]) Clone() *BroadcastSender[T] {
	s.check("Clone")
	c := &BroadcastSender[T]{b: s.b}
	if s.closed.Load() || !increment(&s.b.senders) {
		c.closed.Store(true)
	}
	return c
}

// Close ends this handle. After the Close of the last sender, receivers get the
// messages that are kept and then [ErrClosed]. Close is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (s *BroadcastSender[T]) Close() {
	s.check("Close")
	if s.closed.Swap(true) {
		return
	}
	s.b.mu.Lock() // a Send in progress finishes first
	last := s.b.senders.Add(-1) == 0
	s.b.done.close(&s.done)
	s.b.mu.Unlock()
	if last {
		s.b.changed.open()
	}
}

// ReceiverCount returns how many receivers are open.
func (s *BroadcastSender[T]) ReceiverCount() int { return int(s.use("ReceiverCount").receivers.Load()) }

// SenderCount returns how many senders are open.
func (s *BroadcastSender[T]) SenderCount() int { return int(s.use("SenderCount").senders.Load()) }

// Len returns how many of the messages that are kept the slowest receiver has not
// received. It is at most Cap, and 0 if there is no receiver. Its time is proportional
// to the number of receivers.
func (s *BroadcastSender[T]) Len() int {
	s.check("Len")
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.open {
		n = max(n, r.Len())
	}
	return min(n, len(b.ring))
}

// Cap returns how many messages the broadcast keeps.
func (s *BroadcastSender[T]) Cap() int { return len(s.use("Cap").ring) }

// IsClosed reports whether a Send through this handle would fail: after the Close of
// the handle, or while there is no receiver. After a Subscribe, the second case no
// longer holds.
func (s *BroadcastSender[T]) IsClosed() bool {
	s.check("IsClosed")
	return s.closed.Load() || s.b.receivers.Load() == 0
}

// Done returns a channel that is closed when [BroadcastSender.IsClosed] becomes true.
// It stays closed: after a Subscribe, call Done again.
func (s *BroadcastSender[T]) Done() <-chan struct{} {
	s.check("Done")
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.IsClosed() {
		return closedChan()
	}
	return s.b.done.of(&s.done)
}

// SameChannel reports whether s and other send to the same broadcast. It panics if
// other is nil.
func (s *BroadcastSender[T]) SameChannel(other *BroadcastSender[T]) bool {
	s.check("SameChannel")
	checkOther(other != nil, "BroadcastSender.SameChannel")
	return s.b == other.b
}

// BroadcastReceiver gets every message of a broadcast. It is safe for concurrent use,
// but if several goroutines share it, each message goes to one of them. Use Clone or
// Subscribe to make a receiver for each consumer. It must not be copied. Its owner ends
// it with Close.
type BroadcastReceiver[T any] struct {
	_      noCopy
	b      *broadcast[T]
	next   atomic.Uint64 // the number of the message that is received next
	turns  turns
	index  int // of the receiver in b.open, under b.mu
	closed atomic.Bool
}

// subscribe returns a new receiver. The caller holds b.mu.
func (b *broadcast[T]) subscribe(next uint64) *BroadcastReceiver[T] {
	b.receivers.Add(1)
	r := &BroadcastReceiver[T]{b: b, index: len(b.open)}
	r.next.Store(next)
	b.open = append(b.open, r)
	return r
}

// unsubscribe removes a receiver and reports whether it was the last one. The caller
// holds b.mu.
func (b *broadcast[T]) unsubscribe(r *BroadcastReceiver[T]) (last bool) {
	n := len(b.open) - 1
	b.open[r.index] = b.open[n]
	b.open[r.index].index = r.index
	b.open[n] = nil
	b.open = b.open[:n]
	return b.receivers.Add(-1) == 0
}

// Recv returns the next message. It waits while there is none.
//
// If messages were overwritten before r received them, Recv returns a [*LaggedError]
// once; the next call returns the oldest message that is kept. The error is [ErrClosed]
// if r is closed, or once all senders are closed and r has received everything.
// Otherwise it matches the context's cause. Recv does not allocate when a message is
// there.
//
//ferrous:blocks
func (r *BroadcastReceiver[T]) Recv(ctx context.Context) (v T, err error) {
	checkContext(ctx, "BroadcastReceiver.Recv")
	r.check("Recv")
	if ctx.Err() != nil {
		return v, cause(ctx)
	}
	if v, err = r.tryRecv(); err == ErrEmpty { //nolint:errorlint // never wrapped
		return r.recvSlow(ctx)
	}
	return v, err
}

func (r *BroadcastReceiver[T]) recvSlow(ctx context.Context) (v T, err error) {
	err = r.turns.wait(ctx, r, func() (err error) {
		v, err = r.tryRecv()
		return err
	})
	return v, err
}

// TryRecv is Recv without waiting. If there is no message, the error is [ErrEmpty].
func (r *BroadcastReceiver[T]) TryRecv() (v T, err error) {
	r.check("TryRecv")
	if v, err = r.tryRecv(); err != ErrEmpty { //nolint:errorlint // never wrapped
		r.turns.tried(r)
	}
	return v, err
}

func (r *BroadcastReceiver[T]) tryRecv() (v T, err error) {
	if r.closed.Load() {
		return v, ErrClosed
	}
	b := r.b
	for {
		next := r.next.Load()
		ended := b.senders.Load() == 0 // read before the tail: if ended, tail is final
		tail := b.tail.Load()
		if next == tail {
			if ended {
				return v, ErrClosed
			}
			return v, ErrEmpty
		}
		kept := uint64(len(b.ring))
		e := b.ring[next%kept].Load()
		if e == nil { // cleared by Close of the last receiver
			return v, ErrClosed
		}
		if tail = max(tail, e.number+1); tail-next > kept {
			if r.next.CompareAndSwap(next, tail-kept) {
				return v, &LaggedError{Missed: tail - kept - next}
			}
			continue
		}
		if r.next.CompareAndSwap(next, next+1) {
			return e.value, nil
		}
	}
}

// All yields the messages until all senders are closed. The end is not an error. Where
// messages were missed, All yields a [*LaggedError] and goes on. If ctx is done before
// the end, All yields the zero T with the error of ctx and ends. Leaving the loop does
// not close the receiver.
//
//ferrous:blocks
func (r *BroadcastReceiver[T]) All(ctx context.Context) iter.Seq2[T, error] {
	checkContext(ctx, "BroadcastReceiver.All")
	r.check("All")
	return func(yield func(T, error) bool) {
		for {
			v, err := r.Recv(ctx)
			_, lagged := err.(*LaggedError)                                  //nolint:errorlint // a cause may wrap one
			if err == ErrClosed || !yield(v, err) || err != nil && !lagged { //nolint:errorlint // the same
				return
			}
		}
	}
}

// Resubscribe returns a new receiver, which gets the messages sent from now on. If r is
// closed, so is the new one.
//
//ferrous:acquire
func (r *BroadcastReceiver[T]) Resubscribe() *BroadcastReceiver[T] {
	r.check("Resubscribe")
	return r.b.newReceiver(&r.closed, &r.b.tail)
}

// Clone returns a new receiver, which gets the same messages that r has yet to receive.
// A clone of a closed handle is closed.
//
//ferrous:acquire
func (r *BroadcastReceiver[T]) Clone() *BroadcastReceiver[T] {
	r.check("Clone")
	return r.b.newReceiver(&r.closed, &r.next)
}

// newReceiver returns a new receiver. It is closed if the handle that makes it is
// closed.
func (b *broadcast[T]) newReceiver(closed *atomic.Bool, next *atomic.Uint64) *BroadcastReceiver[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if closed.Load() {
		c := &BroadcastReceiver[T]{b: b}
		c.closed.Store(true)
		return c
	}
	return b.subscribe(next.Load())
}

// Close ends this handle; a Recv that waits through it returns [ErrClosed]. The Close
// of the last receiver removes the messages that are kept, without calling a method
// Drop() of theirs. Close is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (r *BroadcastReceiver[T]) Close() {
	r.check("Close")
	if r.closed.Swap(true) {
		return
	}
	b := r.b
	b.mu.Lock()
	if b.unsubscribe(r) {
		for i := range b.ring {
			b.ring[i].Store(nil)
		}
		b.chunk = nil
		b.done.closeAll() // under the lock: a later Subscribe and Done make a new channel
	}
	b.mu.Unlock()
	b.changed.open()
}

// Len returns how many messages were sent since the last one that r received. It
// includes those that were overwritten.
func (r *BroadcastReceiver[T]) Len() int {
	r.check("Len")
	next := r.next.Load()
	return int(r.b.tail.Load() - next)
}

// Cap returns how many messages the broadcast keeps.
func (r *BroadcastReceiver[T]) Cap() int { return len(r.use("Cap").ring) }

// IsClosed reports whether this handle or all senders are closed. In the second case,
// messages may still be kept.
func (r *BroadcastReceiver[T]) IsClosed() bool {
	r.check("IsClosed")
	return r.closed.Load() || r.b.senders.Load() == 0
}

// SenderCount returns how many senders are open.
func (r *BroadcastReceiver[T]) SenderCount() int { return int(r.use("SenderCount").senders.Load()) }

// ReceiverCount returns how many receivers are open.
func (r *BroadcastReceiver[T]) ReceiverCount() int {
	return int(r.use("ReceiverCount").receivers.Load())
}

// SameChannel reports whether r and other receive from the same broadcast. It panics if
// other is nil.
func (r *BroadcastReceiver[T]) SameChannel(other *BroadcastReceiver[T]) bool {
	r.check("SameChannel")
	checkOther(other != nil, "BroadcastReceiver.SameChannel")
	return r.b == other.b
}

// Ready returns a channel that is closed when Recv need not wait. It may be closed too
// early. So call TryRecv, and call Ready again if the error is [ErrEmpty].
func (r *BroadcastReceiver[T]) Ready() <-chan struct{} {
	r.check("Ready")
	return r.turns.ready(r)
}

func (r *BroadcastReceiver[T]) hub() *hub       { return &r.b.changed }
func (r *BroadcastReceiver[T]) turnsOf() *turns { return &r.turns }

func (r *BroadcastReceiver[T]) available() (n int, ended bool) {
	if r.closed.Load() {
		return 0, true
	}
	ended = r.b.senders.Load() == 0 // read before the tail: if ended, the tail is final
	if n = r.Len(); n > 0 {
		return n, false
	}
	return 0, ended
}
