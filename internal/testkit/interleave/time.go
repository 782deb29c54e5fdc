package interleave

import (
	"context"
	"slices"
	"time"
)

// Time is fake: it goes on when no thread can.
var (
	now    time.Duration // since the beginning of the run
	timers []*Timer      // that are armed
)

// Duration is time's.
type Duration = time.Duration

// Millisecond is time's.
const Millisecond = time.Millisecond

// Timer is time's, made by AfterFunc.
type Timer struct {
	f  func()
	at time.Duration
}

// AfterFunc is time's. f runs in a thread of its own, when no other thread can go on.
func AfterFunc(d time.Duration, f func()) *Timer {
	t := &Timer{f: f}
	t.Reset(d)
	return t
}

// Reset is time's.
func (t *Timer) Reset(d time.Duration) (active bool) {
	active = t.Stop()
	t.at = now + d
	timers = append(timers, t)
	changes++
	return active
}

// Stop is time's.
func (t *Timer) Stop() (active bool) {
	n := len(timers)
	timers = slices.DeleteFunc(timers, func(other *Timer) bool { return t == other })
	changes++
	return len(timers) < n
}

// fire lets time go on to the next timer, and starts its thread. It reports whether
// there is one.
func fire() bool {
	if len(timers) == 0 {
		return false
	}
	t := slices.MinFunc(timers, func(a, b *Timer) int { return int(a.at - b.at) })
	t.Stop()
	now = max(now, t.at)
	begin(t.f)
	return true
}

// Context is a context that a thread cancels.
type Context struct {
	context.Context //nolint:containedctx // it is one

	done     chan struct{}
	canceled Bool
	after    []*func()
}

// NewContext returns a context that is not done.
func NewContext() *Context {
	return &Context{Context: context.Background(), done: make(chan struct{})}
}

// Done is context.Context's.
func (c *Context) Done() <-chan struct{} { return c.done }

// Err is context.Context's.
func (c *Context) Err() error {
	if c.canceled.Load() {
		return context.Canceled
	}
	return nil
}

// Cancel cancels the context, and runs what [ContextAfterFunc] has registered. Only
// the first call has an effect.
func (c *Context) Cancel() {
	if c.canceled.Swap(true) {
		return
	}
	Close(c.done)
	for len(c.after) > 0 {
		f := c.after[0]
		c.after = c.after[1:]
		(*f)()
	}
}

// ContextAfterFunc is context.AfterFunc for a [Context]. If the context is done already,
// f runs at once.
func ContextAfterFunc(ctx context.Context, f func()) (stop func() bool) {
	c := ctx.(*Context)
	if c.canceled.Load() {
		f()
		return func() bool { return false }
	}
	c.after = append(c.after, &f)
	return func() bool {
		c.canceled.Load() // a pause
		n := len(c.after)
		c.after = slices.DeleteFunc(c.after, func(other *func()) bool { return other == &f })
		return len(c.after) < n
	}
}
