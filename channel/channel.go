// Package channel passes messages between goroutines, after tokio::sync and
// crossbeam-channel: channels that never panic on close, take a context, move
// messages in batches and say honestly what was lost.
//
//   - [New] and [NewUnbounded]: each message goes to one of the receivers.
//   - [NewOneshot]: one message, once.
//   - [NewBroadcast]: each message goes to every receiver; slow ones lag.
//   - [NewWatch]: the latest value only.
//   - [Select] waits for several of them, for native channels, contexts and
//     timers. Ready and [Receiver.Chan] lead to Go's own select, [FromChan]
//     leads back, [Call] asks and awaits an answer.
//
// Every handle has one owner that ends it with Close; Clone makes one more.
// Close is idempotent, and a closed handle answers [ErrClosed].
//
// # What is promised
//
// A send that returned nil is received, still buffered, or was discarded by
// the Close of the last receiver. A send that returned an error was not sent.
// Messages of one sender arrive in the order sent. A context that is already
// done is noticed first, and its error matches both its
// Err and its [context.Cause]. The n'th send
// synchronizes before the completion of the n'th receive, and every Close
// before the return of a call that it made fail with ErrClosed.
//
// All that waits is durably blocked in a testing/synctest bubble. A channel
// made inside a bubble must be used there only, as with Go's own; and one made
// outside, on which somebody has waited in a bubble, too, since it keeps what it
// has made for waiting: a channel in a package variable is not for bubbles. The
// same holds for the context of a call in a bubble.
//
// # Who is served
//
// Those who wait are served alike, whether they wait in Recv or Send, in [Select]
// or for Ready: each gets its share of the messages or slots. A small channel serves
// Recv, Send and Select in the order of arrival; otherwise the next one is drawn by
// lot or as the runtime has it. Those who wait for Ready of one handle count as one:
// Clone for each consumer. A call that does not have to wait may be faster than one
// that was woken for Ready or by a channel of 32 messages and more.
//
// # How it works
//
// A small channel (under 16 messages) is mostly full or empty, so what counts
// is the price of parking: it is a ring with a line of senders and one of
// receivers under one guard. Who is blocked is served in arrival order by
// whoever makes it possible, and finds its message sent or received when it
// wakes. See small.go and canceler.go.
//
// A larger or unbounded channel mostly moves messages, so what counts is that
// senders and receivers do not write the same cache line: each side has a lock
// in the word that also holds its position, and looks at the other side's word
// only when what it knew has run out. A blocked side lets the other one run
// for a moment before it parks, and is woken by one token that its holder
// passes on. Blocked senders are served in no particular order. See queue.go.
package channel

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

var (
	// ErrClosed says that the channel takes no more messages, or, to a
	// receiver, that there will be none.
	ErrClosed = errors.New("channel: closed")
	// ErrFull says that a send would have had to wait.
	ErrFull = errors.New("channel: full")
	// ErrEmpty says that a receive would have had to wait.
	ErrEmpty = errors.New("channel: empty")
	// ErrCapacity says that more was reserved than the channel can ever hold.
	ErrCapacity = errors.New("channel: more than the capacity")
)

// maxCapacity keeps positions, which share a word with a few bits, from
// overflowing.
const maxCapacity = 1 << 59

// queueCapacity is the first capacity that is served by a queue.
const queueCapacity = 16

// New returns a channel that buffers up to capacity messages.
//
// It panics unless capacity is positive, since a channel without a buffer could
// honour no [Permit], and at most 2^59. As in a native channel, T may have up to
// 64 KiB.
//
//ferrous:acquire
func New[T any](capacity int) (*Sender[T], *Receiver[T]) {
	switch {
	case capacity <= 0:
		panic(fmt.Errorf("channel: New: capacity %d is not positive", capacity))
	case uint64(capacity) > maxCapacity:
		panic(fmt.Errorf("channel: New: capacity %d is more than 2^59", capacity))
	case capacity < queueCapacity:
		return open(newSmall[T](capacity))
	default:
		return open(newBounded[T](capacity))
	}
}

// NewUnbounded returns a channel whose buffer grows as needed, so that sends
// never wait. Its memory follows the messages buffered, up and down.
//
//ferrous:acquire
func NewUnbounded[T any]() (*Sender[T], *Receiver[T]) { return open(newUnbounded[T]()) }

// Unbounded is the capacity of an unbounded channel.
const Unbounded = math.MaxInt

// core is a channel without its handles. There are two: small and queue.
type core[T any] interface {
	send(ctx context.Context, v T) error
	trySend(v T) error
	sendMany(ctx context.Context, vs []T) (int, error) // ctx was looked at

	reserve(ctx context.Context, n int) error // 0 < n <= cap, ctx was looked at
	tryReserve(n int) error                   // 0 < n <= cap
	sendReserved(v T)
	unreserve(n int)

	recv(ctx context.Context) (T, error)
	tryRecv() (T, error)
	recvMany(ctx context.Context, buf []T) (int, error) // buf is not empty, ctx was looked at

	// A Select stands in line among those that wait in recv. A nil place says that
	// it need not wait. Once woken it takes a message, or leaves its place. If the
	// error is ErrEmpty, it stands in line again.
	standToRecv() (woken <-chan struct{}, place any)
	takeMessage(place any) (T, error)
	leaveReceivers(place any, woken bool)

	// The same for those that wait in send. What it takes is a slot, reserved.
	standToSend() (woken <-chan struct{}, place any)
	takeSlot(place any) error
	leaveSenders(place any, woken bool)

	shutdown() // no more sends
	discard()  // no more receivers: shuts down, drops what is buffered
	isClosed() bool
	len() int
	cap() int
	room() int

	readable(p *readyPlace) <-chan struct{} // closed when it is the turn of p to receive
	writable(p *readyPlace) <-chan struct{} // closed when it is the turn of p to send
	leaveReadable(p *readyPlace)            // also passes on a turn that p has got
	leaveWritable(p *readyPlace)
}

// cause returns the error of a call whose context is done.
func cause(ctx context.Context) error {
	return fmt.Errorf("channel: %w", ctxerr.Of(ctx))
}

// closedOr returns the error of a call on a closed handle.
func closedOr(ctx context.Context) error {
	if ctx.Err() != nil {
		return cause(ctx)
	}
	return ErrClosed
}

// closedNow returns a channel that is closed.
func closedNow() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
