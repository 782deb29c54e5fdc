package arcmutex

import (
	"context"
	"errors"
	"time"

	"github.com/coderrange/ferrous/internal/park"
)

// A Cond lets goroutines wait until a condition on a locked value may have
// come true.
//
// The zero value is ready. A Cond must not be copied after first use. It does
// not belong to a mutex: it waits with whatever guard it is given, those of an
// [RWMutex]'s writers among them. All methods are safe for concurrent use.
//
// Waiters are notified in the order of their arrival. No wait ends without a
// notification, but others may hold the lock before the waiter has it again, so
// the condition must be looked at again: [Cond.WaitWhile] does. A cancelled
// waiter that had been notified already returns as notified, so that no
// notification is lost. Goroutines that wait are durably blocked in the sense of
// [testing/synctest].
//
// After std::sync::Condvar.
type Cond struct {
	_     noCopy
	queue park.Queue[struct{}]
}

// A Waitable is a guard that a [Cond] can unlock and lock again: a *[Guard].
// It goes on as the same guard; its copies end.
type Waitable interface {
	release(method string)
	relock() (refused error)
}

// Wait unlocks g, waits until it is notified or ctx is done, and locks g
// again before it returns, however long that takes. The error wraps
// [context.Cause]; a ctx that is done already is noticed without unlocking. It
// is [ErrPoisoned] or [ErrTaken] if the value was poisoned or taken meanwhile. In all cases g is locked.
//
// Unlocking and beginning to wait are one step to whoever notifies under the
// lock.
//
//ferrous:blocks
func (c *Cond) Wait(ctx context.Context, g Waitable) error {
	return c.wait(ctx, g, "Cond.Wait")
}

func (c *Cond) wait(ctx context.Context, g Waitable, method string) error {
	if ctx.Err() != nil {
		return interrupted(ctx, method)
	}
	w := park.NewWaiter(struct{}{})
	c.queue.Lock()
	c.queue.PushBack(w)
	c.queue.Unlock()
	released := false
	defer func() {
		if !released && !c.queue.Leave(w) { // g was stale; the notification is for the next
			c.NotifyOne()
		}
	}()
	g.release(method)
	released = true
	notified := c.queue.Await(ctx, w)
	switch refused := g.relock(); {
	case refused != nil:
		return methodError(method, refused)
	case !notified:
		return interrupted(ctx, method)
	default:
		return nil
	}
}

// WaitWhile waits as [Cond.Wait] does for as long as condition reports true. It
// calls condition with g locked, first before it waits: if it is false, a ctx
// that is done is no error. A condition that can fail keeps its error in a
// variable and reports false. If it panics, so by a failed result.Check, g is
// locked, and nobody's notification is lost.
//
//ferrous:blocks
func (c *Cond) WaitWhile(ctx context.Context, g Waitable, condition func() bool) error {
	return c.waitWhile(ctx, g, condition, "Cond.WaitWhile")
}

func (c *Cond) waitWhile(ctx context.Context, g Waitable, condition func() bool, method string) error {
	for condition() {
		if err := c.wait(ctx, g, method); err != nil {
			if errors.Is(err, ErrPoisoned) || errors.Is(err, ErrTaken) || condition() {
				return err
			}
			break // it came true in time
		}
	}
	return nil
}

// WaitTimeout is [Cond.Wait] for at most d. It reports true if it was notified
// and false if the time was over first; with d zero or less it is over at
// once. The error can only be [ErrPoisoned] or [ErrTaken].
//
//ferrous:blocks
func (c *Cond) WaitTimeout(g Waitable, d time.Duration) (notified bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return inTime(c.wait(ctx, g, "Cond.WaitTimeout"))
}

// WaitTimeoutWhile waits for at most d for as long as condition reports true.
// It reports whether condition is false at the end: a condition that is
// satisfied is never a timeout, not even when the time is over. The error can
// only be [ErrPoisoned] or [ErrTaken].
//
//ferrous:blocks
func (c *Cond) WaitTimeoutWhile(g Waitable, d time.Duration, condition func() bool) (satisfied bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return inTime(c.waitWhile(ctx, g, condition, "Cond.WaitTimeoutWhile"))
}

// inTime takes a timeout out of err.
func inTime(err error) (bool, error) {
	if errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// NotifyOne wakes the goroutine that has waited longest, if any, and reports
// whether there was one. The caller may hold the lock or not.
func (c *Cond) NotifyOne() bool {
	c.queue.Lock()
	defer c.queue.Unlock()
	w := c.queue.Front()
	if w != nil {
		c.queue.Grant(w)
	}
	return w != nil
}

// NotifyAll wakes all goroutines that wait, and reports how many.
func (c *Cond) NotifyAll() (n int) {
	c.queue.Lock()
	defer c.queue.Unlock()
	for w := c.queue.Front(); w != nil; w = c.queue.Front() {
		c.queue.Grant(w)
		n++
	}
	return n
}
