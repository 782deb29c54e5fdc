package arcmutex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

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
// the condition must be looked at again: [Cond.WaitWhile] does. A canceled
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

// Wait unlocks g, waits until it is notified, and locks g again before it
// returns, however long that takes. It panics with an error that is
// [ErrPoisoned] or [ErrTaken] if the value was poisoned or taken while g was
// unlocked. In all cases g is locked.
//
// A goroutine that notifies while it holds the lock notifies either before g is
// unlocked or after the wait has begun: no notification falls in between.
//
//ferrous:blocks
func (c *Cond) Wait(g Waitable) { must(0, c.wait(context.Background(), g, "Cond.Wait")) }

// WaitContext is [Cond.Wait] that waits until ctx is done at most. The error
// wraps [context.Cause], or is [ErrPoisoned] or [ErrTaken]. In all cases g is
// locked; if ctx is done already, g is not unlocked at all.
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
		if !released && !c.queue.Leave(w) { // g has ended; the notification is for the next
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
// calls condition with g locked, first before it waits. If condition panics, so
// by a failed result.Check, g is locked, and no notification is lost.
//
//ferrous:blocks
func (c *Cond) WaitWhile(g Waitable, condition func() bool) {
	must(0, c.waitWhile(context.Background(), g, condition, "Cond.WaitWhile"))
}

// WaitWhileContext is [Cond.WaitWhile] that waits until ctx is done at most. The
// error is that of [Cond.WaitContext], and nil whenever condition reports false
// at the end, also if ctx is done. A condition that can fail keeps its error in
// a variable and reports false.
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
			break // it came true in time
		}
	}
	return nil
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

// waiting returns how many goroutines wait.
func (c *Cond) waiting() int {
	c.queue.Lock()
	defer c.queue.Unlock()
	return c.queue.Len()
}

// String returns how many goroutines wait.
func (c *Cond) String() string { return fmt.Sprintf("Cond(%d waiting)", c.waiting()) }

// GoString returns what String does.
func (c *Cond) GoString() string { return c.String() }

// LogValue logs what String returns.
func (c *Cond) LogValue() slog.Value { return slog.StringValue(c.String()) }
