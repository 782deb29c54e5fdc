// Package channel passes messages between goroutines, after tokio::sync and
// crossbeam-channel. Its channels take a context, move messages in batches, say how
// many messages were lost, and never panic because a channel was closed.
//
//   - [New] and [NewUnbounded]: each message goes to one of the receivers.
//   - [NewOneshot]: one message, once.
//   - [NewBroadcast]: each message goes to every receiver; a slow receiver lags.
//   - [NewWatch]: only the latest value is kept.
//   - [Select] waits for several of them, for native channels, contexts and timers.
//   - [Call] sends a request and waits for the answer.
//
// The Ready methods and [Receiver.Chan] are for Go's own select statement, and
// [FromChan] makes a receiver of a native channel.
//
// Every handle has one owner, which ends it with Close. Clone makes another handle of
// the same channel. Close is idempotent, and a closed handle returns [ErrClosed].
//
// Clone a sender for each goroutine that ends on its own: the stream ends with the
// last Close, so no goroutine needs to know which one is last. Goroutines that are
// waited for anyway, in a WaitGroup or a task scope, may share one sender. Its owner
// closes it after the wait. The consumers end only when it is closed, so they must not be
// in the same scope.
//
// # Shutdown
//
// A service that stops ends its producers first, and then its consumers:
//
//   - The producers send with the context that the signal ends. Their sends fail, and
//     they close their senders.
//   - The consumers receive with another context, such as context.Background(), or one
//     that is canceled some time after the signal. With the context of the signal, they
//     would stop at once and leave the messages that are buffered.
//   - The loop over [Receiver.All] ends by itself when all senders are closed and the
//     buffer is empty. If a producer may not end, call [Receiver.Shutdown].
//
// If the consumer is the goroutine that waits for the signal:
//
//	<-signaled.Done()
//	jobs.Shutdown() // sends fail; what is buffered can still be received
//	limit, done := context.WithTimeout(context.Background(), time.Minute)
//	defer done()
//	for job, err := range jobs.All(limit) { … }
//	jobs.Close()
//
// # Guarantees
//
// If a send returned nil, the message was received, is buffered, or was discarded by
// the Close of the last receiver. If it returned an error, the message was not sent.
// Messages of one sender arrive in the order in which they were sent.
//
// A context that is done is reported before anything else. The error matches both
// ctx.Err() and [context.Cause] with [errors.Is], also if the context has a cause of its
// own.
//
// The n'th send synchronizes before the completion of the n'th receive. A Close
// synchronizes before the return of a call that fails with ErrClosed because of it.
//
// Misuse panics: a capacity or number out of range, a nil function and a nil context,
// an operation on a zero handle. A panic names the method and the state.
//
// # Fairness
//
// Waiting calls get equal shares of the messages or slots, whether they wait in Recv or
// Send, in Select or for Ready. A channel of fewer than 16 messages serves Recv, Send
// and Select in the order of arrival. A larger channel serves waiters in no particular
// order, and the receivers of the other kinds serve their callers in random order.
// Goroutines that wait for Ready of one handle count as one waiter: Clone the handle for
// each consumer. On a channel of 16 messages or more, and with Ready, a new call may take
// the message that a waiter was woken for; the waiter then waits again.
//
// # Contexts
//
// A context type of your own, with its own Done method, works as any other. One without
// the method AfterFunc(func()) func() bool can cost one goroutine for each channel that
// waits with it often, until the context or the channel ends.
//
// # Tests with synctest
//
// A call that waits is durably blocked in a testing/synctest bubble. As with Go's own
// channels, a channel made in a bubble must be used only in that bubble. A channel made
// outside a bubble and once waited on inside can no longer be used outside, since it
// keeps what it made for waiting. So do not use a channel in a package variable from a
// bubble. The same is true of the context of a call.
//
// # Implementation
//
// A channel of fewer than 16 messages is full or empty most of the time, so the cost of
// blocking matters most. It is a circular buffer with a FIFO queue of senders and one of
// receivers under one lock, as Go's own channels are. A waiter that is woken finds its
// message sent or received.
//
// A larger or unbounded channel mostly moves messages, so senders and receivers should
// not write to the same cache line. Each side has a lock in the word that also holds its
// position, and reads the other side's word only when its cached limit is reached. A
// side yields a few times before it blocks. Blocked goroutines are woken one after the
// other by a token that each one passes on.
package channel

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

var (
	// ErrClosed means, for a send, that the channel or the handle was closed, and for a
	// receive that there are no messages and will be none.
	ErrClosed = errors.New("channel: closed")
	// ErrFull means that a send or a reservation would have to wait.
	ErrFull = errors.New("channel: full")
	// ErrEmpty means that a receive would have to wait.
	ErrEmpty = errors.New("channel: empty")
	// ErrCapacity means that more slots were asked for than the channel has.
	ErrCapacity = errors.New("channel: more than the capacity")
)

// maxCapacity keeps positions from overflowing, which share a word with a few bits.
const maxCapacity = 1 << 59

// queueCapacity is the first capacity that is served by a queue.
const queueCapacity = 16

// New returns the first sender and the first receiver of a channel that buffers up to
// capacity messages. The buffer is allocated at once.
//
// It panics unless capacity is between 1 and 2^59. A channel without a buffer is not
// supported, since a [Permit] is a slot in the buffer. As in a native channel, a T may
// have at most 64 KiB.
//
//ferrous:acquire
func New[T any](capacity int) (*Sender[T], *Receiver[T]) {
	checkCapacity[T](capacity, "New")
	if capacity < queueCapacity {
		return open(newRing[T](capacity))
	}
	return open(newBounded[T](capacity))
}

// NewUnbounded returns the first sender and the first receiver of a channel whose buffer
// grows as needed, so that sends never wait. Its memory is in proportion to the number
// of buffered messages, and shrinks with it.
//
//ferrous:acquire
func NewUnbounded[T any]() (*Sender[T], *Receiver[T]) { return open(newUnbounded[T]()) }

// Unbounded is the capacity of an unbounded channel.
const Unbounded = math.MaxInt

// core is a channel without its handles: a ring or a queue.
type core[T any] interface {
	send(ctx context.Context, v T) error
	trySend(v T) error
	sendMany(ctx context.Context, vs []T) (int, error) // ctx is not done

	reserve(ctx context.Context, n int) error // 0 < n <= cap, ctx was checked
	tryReserve(n int) error                   // 0 < n <= cap
	sendReserved(v T)
	unreserve(n int)

	recv(ctx context.Context) (T, error)
	tryRecv() (T, error)
	recvMany(ctx context.Context, buf []T) (int, error) // buf is not empty, ctx was checked

	// joinReceivers adds a Select to the waiters of recv. It returns a channel that is
	// received from when the Select is woken, and its place; a nil place means that recv
	// need not wait. A Select that was woken calls takeMessage, which also ends the
	// place. If that returns ErrEmpty, the Select joins anew. Otherwise it calls
	// leaveReceivers, with whether it was woken.
	joinReceivers() (woken <-chan struct{}, place any)
	takeMessage(place any) (T, error)
	leaveReceivers(place any, woken bool)

	// The same for the waiters of send. takeSlot takes a slot, as a reservation.
	joinSenders() (woken <-chan struct{}, place any)
	takeSlot(place any) error
	leaveSenders(place any, woken bool)

	shutdown() // refuses further sends
	discard()  // ends the receiving side: shuts down and drops what is buffered
	isClosed() bool
	len() int
	cap() int
	free() int

	readable(p *readyPlace) <-chan struct{} // closed when it is the turn of p to receive
	writable(p *readyPlace) <-chan struct{} // closed when it is the turn of p to send
	leaveReadable(p *readyPlace)            // also passes on the turn, if p has it
	leaveWritable(p *readyPlace)
}

// cause returns the error of a call whose context is done.
func cause(ctx context.Context) error {
	return fmt.Errorf("channel: %w", ctxerr.Of(ctx))
}

// closedError returns the error of a call on a closed handle.
func closedError(ctx context.Context) error {
	if ctx.Err() != nil {
		return cause(ctx)
	}
	return ErrClosed
}

// closedChan returns a channel that is closed.
func closedChan() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
