package sema

import (
	"context"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/park"
	"github.com/coderrange/ferrous/internal/track"
)

// A Notify tells one goroutine, or all that wait, that something has happened.
//
// NotifyOne wakes one goroutine, or if nobody waits is stored for the next who
// comes; one notification is stored at most. So a goroutine that looks for
// work, finds none and waits does not miss the work that came between.
// NotifyWaiters wakes those who wait at the moment and stores nothing; to
// miss none of these either, [Notify.Listen] before looking.
//
// The zero value is ready. A Notify must not be copied after first use. All
// methods are safe for concurrent use. A notification synchronizes before the
// return of the wait that it ends. Goroutines that wait are durably blocked in
// the sense of [testing/synctest].
//
// After tokio::sync::Notify.
type Notify struct {
	_      noCopy
	stored bool // guarded by the queue's lock
	queue  park.Queue[notice]
}

// A notice is how a waiter was notified.
type notice uint8

const (
	fromFront notice = iota // by NotifyOne, unless another is set
	fromBack                // by NotifyLast
	withAll                 // by NotifyWaiters
)

// NotifyOne notifies the goroutine that has waited longest, or stores the
// notification.
func (n *Notify) NotifyOne() { n.notify(fromFront) }

// NotifyLast notifies the goroutine that has waited shortest, or stores the
// notification.
func (n *Notify) NotifyLast() { n.notify(fromBack) }

// NotifyWaiters notifies all goroutines that wait, in one step, and stores
// nothing.
func (n *Notify) NotifyWaiters() {
	n.queue.Lock()
	defer n.queue.Unlock()
	for w := n.queue.Front(); w != nil; w = n.queue.Front() {
		w.Want = withAll
		n.queue.Grant(w)
	}
}

func (n *Notify) notify(how notice) {
	n.queue.Lock()
	defer n.queue.Unlock()
	w := n.queue.Front()
	if how == fromBack {
		w = n.queue.Back()
	}
	if w == nil {
		n.stored = true
		return
	}
	w.Want = how
	n.queue.Grant(w)
}

// Wait takes the stored notification, or waits for one until ctx is done. The
// error wraps [context.Cause].
//
// Cancellation: a cancelled goroutine loses its place. If it was notified
// meanwhile, it returns nil.
//
//ferrous:blocks
func (n *Notify) Wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return interrupted(ctx, "Notify.Wait")
	}
	if n.takeStored() {
		return nil
	}
	l := n.listen()
	defer l.close()
	return l.wait(ctx, "Notify.Wait")
}

func (n *Notify) takeStored() bool {
	n.queue.Lock()
	defer n.queue.Unlock()
	stored := n.stored
	n.stored = false
	return stored
}

// Listen takes the stored notification, or begins to wait for one without
// blocking: what is notified from now on reaches the listener. It must be
// closed.
//
//ferrous:acquire
func (n *Notify) Listen() *Listener {
	l := n.listen()
	if class.Sampled() {
		l.token = class.Begin("sema.Listener", "", 0)
	}
	return &Listener{l}
}

func (n *Notify) listen() *place {
	w := park.NewWaiter(fromFront)
	n.queue.Lock()
	defer n.queue.Unlock()
	if n.stored {
		n.stored = false
		w.Wake()
	} else {
		n.queue.PushBack(w)
	}
	return &place{notify: n, waiter: w}
}

// A Listener is a place in the queue of a [Notify]. It is for one goroutine. A
// copy of it is the same place. The zero Listener is one that was closed.
type Listener struct{ *place }

type place struct {
	notify   *Notify
	waiter   *park.Waiter[notice]
	received bool
	closed   bool
	token    *track.Token
}

// Wait waits until the listener is notified or ctx is done; a notification that
// has arrived comes before a done ctx. The error wraps [context.Cause]; the
// listener keeps its place. Once it was notified, Wait returns nil at once.
// After Close it panics with an error that is [ErrReleased].
//
//ferrous:blocks
func (l *Listener) Wait(ctx context.Context) error {
	const method = "Listener.Wait"
	if l.place == nil || l.closed {
		panic(methodError(method, operr.As(ErrReleased, "listener was closed")))
	}
	return l.wait(ctx, method)
}

func (l *place) wait(ctx context.Context, method string) error {
	select {
	case <-l.waiter.Ready():
		l.received = true
	default:
		l.received = l.received || l.waiter.Wait(ctx.Done()) || l.notified()
	}
	if !l.received {
		return interrupted(ctx, method)
	}
	return nil
}

// notified reports whether the listener was notified. To all listeners a
// NotifyWaiters is over or has not begun, also while it is waking them.
func (l *place) notified() bool {
	l.notify.queue.Lock()
	defer l.notify.queue.Unlock()
	return !l.waiter.Queued()
}

// Close ends the listener. A notification that it was sent and that no Wait
// has received goes to the next, unless it was sent to all. Further Closes have
// no effect.
//
//ferrous:release
func (l *Listener) Close() {
	if l.place != nil && !l.closed {
		l.close()
	}
}

func (l *place) close() {
	l.closed = true
	l.token.End()
	if !l.notify.queue.Leave(l.waiter) && !l.received && l.waiter.Want != withAll {
		l.notify.notify(l.waiter.Want)
	}
}
