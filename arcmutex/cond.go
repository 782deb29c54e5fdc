package arcmutex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/park"
)

// A Cond lets goroutines wait until a condition on a locked value may have
// become true.
//
// The zero value is ready. A Cond must not be copied after first use. All methods
// are safe for concurrent use. A Cond is not tied to a lock: each wait uses the
// [Guard] that it is given, of a [Mutex] or of the writer of an [RWMutex].
//
// Waiters are notified in the order of their arrival. A wait does not end without a
// notification, but another goroutine may lock the lock before the waiter does.
// Therefore the condition must be checked again, as [Cond.WaitWhile] does. A canceled
// waiter that was notified before returns as notified, so that no notification is
// lost. Goroutines that wait are durably blocked in the sense of [testing/synctest].
//
// After std::sync::Condvar.
type Cond struct {
	_     noCopy
	queue park.Queue[struct{}]
}

// A Waitable is a guard that a [Cond] can unlock and lock again: a *[Guard] of any
// type. The guard stays valid after the wait; its copies end.
type Waitable interface {
	release(method string)
	relock() (refused error)
}

// Wait unlocks g, waits for a notification, and then waits until it has locked g
// again. It panics with an error that is [ErrPoisoned] or [ErrTaken] if the lock was
// poisoned or its value taken while g was unlocked. In all cases g is locked when
// Wait returns or panics. If g has ended, Wait panics with an error that is
// [ErrReleased].
//
// The wait begins before g is unlocked, so a goroutine that changes the value under
// the lock and then notifies does not miss the waiter.
//
//ferrous:blocks
func (c *Cond) Wait(g Waitable) { must(0, c.wait(context.Background(), g, "Cond.Wait")) }

// WaitContext is like [Cond.Wait], but stops waiting for a notification when ctx is done.
// The error matches [context.Cause], or is [ErrPoisoned] or [ErrTaken]. In all cases g
// is locked when WaitContext returns: locking it again does not depend on ctx. If ctx
// is done before the call, g is not unlocked at all.
//
//ferrous:blocks
func (c *Cond) WaitContext(ctx context.Context, g Waitable) error {
	return c.wait(ctx, g, "Cond.WaitContext")
}

func (c *Cond) wait(ctx context.Context, g Waitable, method string) error {
	if isDone(ctx, method) {
		return interrupted(ctx, method)
	}
	if g == nil {
		panic(methodError(method, errNilGuard))
	}
	w := park.NewWaiter(struct{}{})
	c.queue.Lock()
	c.queue.PushBack(w)
	c.queue.Unlock()
	released := false
	defer func() {
		if !released && !c.queue.Leave(w) { // g has ended; pass the notification on
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

// WaitWhile calls condition with g locked, and waits as [Cond.Wait] does until
// condition returns false. If condition returns false at once, WaitWhile does not wait.
// If condition panics, for example in result.Check, g is locked and no notification is
// lost.
//
//ferrous:blocks
func (c *Cond) WaitWhile(g Waitable, condition func() bool) {
	must(0, c.waitWhile(context.Background(), g, condition, "Cond.WaitWhile"))
}

// WaitWhileContext is like [Cond.WaitWhile], but stops waiting when ctx is done. It returns
// nil if the last call of condition returned false, even if ctx is done. Otherwise the
// error is that of [Cond.WaitContext]. A condition that can fail should store its error
// in a variable and return false.
//
//ferrous:blocks
func (c *Cond) WaitWhileContext(ctx context.Context, g Waitable, condition func() bool) error {
	return c.waitWhile(ctx, g, condition, "Cond.WaitWhileContext")
}

func (c *Cond) waitWhile(ctx context.Context, g Waitable, condition func() bool, method string) error {
	needFunc(method, condition != nil)
	for condition() {
		if err := c.wait(ctx, g, method); err != nil {
			if errors.Is(err, ErrPoisoned) || errors.Is(err, ErrTaken) || condition() {
				return err
			}
			break // condition has returned false
		}
	}
	return nil
}

// NotifyOne wakes the goroutine that has waited longest, and reports whether there was
// one. It does not wait. The caller may hold the lock, but need not.
func (c *Cond) NotifyOne() bool {
	c.queue.Lock()
	defer c.queue.Unlock()
	w := c.queue.Front()
	if w != nil {
		c.queue.Grant(w)
	}
	return w != nil
}

// NotifyAll wakes all goroutines that wait, in the order of their arrival, and returns
// their number. It does not wait. The caller may hold the lock, but need not.
func (c *Cond) NotifyAll() (n int) {
	c.queue.Lock()
	defer c.queue.Unlock()
	for w := c.queue.Front(); w != nil; w = c.queue.Front() {
		c.queue.Grant(w)
		n++
	}
	return n
}

// waiting returns how many goroutines wait.
func (c *Cond) waiting() int {
	c.queue.Lock()
	defer c.queue.Unlock()
	return c.queue.Len()
}

// String returns how many goroutines wait, as Cond(2 waiting).
func (c *Cond) String() string { return fmt.Sprintf("Cond(%d waiting)", c.waiting()) }

// GoString returns the same as String.
func (c *Cond) GoString() string { return c.String() }

// LogValue logs what String returns.
func (c *Cond) LogValue() slog.Value { return slog.StringValue(c.String()) }
