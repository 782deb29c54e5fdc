package sema

import (
	"context"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/park"
	"github.com/coderrange/ferrous/internal/track"
)

// A Notify wakes one goroutine, or all that wait, when something has happened.
//
// NotifyOne wakes the goroutine that has waited longest. If no goroutine waits, the
// notification is stored for the next Wait; at most one is stored. So a goroutine
// that looks for work, finds none and then waits does not miss work that arrived in
// between. NotifyWaiters wakes the goroutines that wait at that moment and stores
// nothing. To miss none of its notifications, call [Notify.Listen] before looking.
//
// The zero value is ready to use. A Notify must not be copied after first use. All
// methods are safe for concurrent use. A notification synchronizes before the return
// of the wait that it ends. A goroutine that waits is durably blocked in the sense of
// [testing/synctest].
//
// After tokio::sync::Notify.
type Notify struct {
	_      noCopy
	stored bool // guarded by the queue's lock
	queue  park.Queue[notice]
}

// A notice says how a waiter was notified.
type notice uint8

const (
	fromFront notice = iota // by NotifyOne, unless another is set
	fromBack                // by NotifyLast
	withAll                 // by NotifyWaiters
)

// NotifyOne wakes the goroutine that has waited longest. If no goroutine waits, it
// stores the notification.
func (n *Notify) NotifyOne() { n.notify(fromFront) }

// NotifyLast wakes the goroutine that began to wait last. If no goroutine waits, it
// stores the notification.
func (n *Notify) NotifyLast() { n.notify(fromBack) }

// NotifyWaiters wakes all goroutines that wait, and stores nothing. It is atomic: a
// Wait or Listen comes either before or after it, never in between.
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

// Wait takes the stored notification, or waits for one until ctx is done. If ctx is done
// before the call, it fails and leaves the stored notification. The error matches
// [context.Cause].
//
// Cancellation: a canceled goroutine loses its place. If it was notified before it
// left the queue, it returns nil: no notification is lost.
//
//ferrous:blocks
func (n *Notify) Wait(ctx context.Context) error {
	const method = "Notify.Wait"
	if isDone(ctx, method) {
		return interrupted(ctx, method)
	}
	if n.takeStored() {
		return nil
	}
	l := n.listen()
	defer l.close()
	return l.wait(ctx, method)
}

func (n *Notify) takeStored() bool {
	n.queue.Lock()
	defer n.queue.Unlock()
	stored := n.stored
	n.stored = false
	return stored
}

// Listen takes the stored notification, or joins the queue without blocking: the
// listener receives notifications sent from now on. The listener must be closed.
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

// A Listener is a place in the queue of a [Notify]. It may be used by one goroutine
// at a time. A copy of it is the same place. The zero Listener is closed.
type Listener struct{ *place }

// A place is what all copies of a Listener share.
type place struct {
	notify   *Notify
	waiter   *park.Waiter[notice]
	received bool // a Wait has received the notification
	closed   bool
	token    *track.Token // nil unless the listener is tracked
}

// Wait waits until the listener is notified or ctx is done. If both are so, it
// returns nil. Once the listener was notified, every further Wait returns nil at
// once. The error matches [context.Cause]; the listener then keeps its place. After
// Close, Wait panics with an error that is [ErrReleased].
//
//ferrous:blocks
func (l *Listener) Wait(ctx context.Context) error {
	const method = "Listener.Wait"
	if l.place == nil || l.closed {
		panic(methodError(method, operr.As(ErrReleased, "listener was closed")))
	}
	isDone(ctx, method) // it must not be nil; a notification comes before its end
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

// notified reports whether the listener was notified. It takes the queue's lock, so
// that a NotifyWaiters is seen either by all listeners or by none.
func (l *place) notified() bool {
	l.notify.queue.Lock()
	defer l.notify.queue.Unlock()
	return !l.waiter.Queued()
}

// Close ends the listener. If the listener was notified and no Wait has received
// that, the notification goes to the next goroutine, unless NotifyWaiters sent it.
// Further calls have no effect.
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
