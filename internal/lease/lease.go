// Package lease has the context of one attempt of a call. It can be ended alone,
// when the attempt failed, or kept, when the attempt succeeded: then it lives as
// long as its parent, so that what the attempt returned stays usable.
//
// It costs its parent nothing until somebody asks for Done or AfterFunc, and
// nothing after the last one who can still see its Done channel has gone. Err and
// Done know of an end of the parent at once. What waits for the channel, and a
// child, hear of it on a goroutine of its own, as with [context.AfterFunc].
package lease

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
	"weak"
)

// Context is the context of one attempt. It must be made by [New] or
// [WithTimeout], and end with [Context.Keep] or [Context.Cancel].
//
// The parent refers to entry alone, and entry to the Done channel weakly. While
// somebody can see the channel, entry stays in the parent. A cleanup of the
// channel takes it away.
type Context struct {
	parent   context.Context
	deadline time.Time    // zero if there is none
	expired  error        // the cause when the deadline passes
	limit    atomic.Int32 // limited, then kept or over; it changes once
	ended    atomic.Pointer[end]
	entry    atomic.Pointer[entry] // nil until Done or AfterFunc is called

	mu    sync.Mutex    // for changes of the fields above and below
	done  chan struct{} // made before entry is stored
	timer *time.Timer   // of the deadline, once there is an entry
}

// The values of Context.limit.
const (
	limited = iota // by the deadline, if there is one
	kept
	over // the deadline has passed
)

// end is how a context ended.
type end struct {
	err, cause error
	own        bool // before its parent
	once       sync.Once
	inner      context.Context // ended with the same cause
}

// Value finds a context of the standard library that ended with the cause. It is
// how package context asks for the cause.
func (e *end) Value(key any) any {
	e.once.Do(func() {
		inner, cancel := context.WithCancelCause(context.Background())
		cancel(e.cause)
		e.inner = inner
	})
	return e.inner.Value(key)
}

// New returns a context that ends with its parent.
func New(parent context.Context) *Context { return &Context{parent: parent} }

// WithTimeout returns a context that ends with its parent, and after d with the
// cause, unless it is kept before.
func WithTimeout(parent context.Context, d time.Duration, cause error) *Context {
	return &Context{parent: parent, deadline: time.Now().Add(d), expired: cause}
}

// End keeps it if its attempt succeeded, and cancels it otherwise.
func (c *Context) End(succeeded bool) {
	if succeeded {
		c.Keep()
	} else {
		c.Cancel(nil)
	}
}

// Keep makes it live as long as its parent. Its deadline is gone, unless it has
// passed before.
func (c *Context) Keep() {
	if c.limit.CompareAndSwap(limited, kept) && c.entry.Load() != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.keepEntry()
	}
}

// keepEntry is Keep for a context with an entry, with mu held.
func (c *Context) keepEntry() {
	c.stopTimer()
	c.entry.Load().release()
}

func (c *Context) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// Cancel ends it with the cause, also after [Context.Keep], unless it has ended.
func (c *Context) Cancel(cause error) {
	if c.ended.Load() == nil && c.notice() == nil {
		c.finish(context.Canceled, cause, true)
	}
}

// finish ends it unless it has ended before. It returns how it ended.
func (c *Context) finish(err, cause error, own bool) *end {
	c.mu.Lock()
	e := c.ended.Load()
	if e == nil {
		e = &end{err: err, cause: cause, own: own}
		c.ended.Store(e)
	}
	c.stopTimer()
	n := c.entry.Load()
	c.mu.Unlock()
	if n != nil {
		n.close()
	}
	return e
}

// expire ends it at its deadline, unless it is kept.
func (c *Context) expire() *end {
	if c.limit.CompareAndSwap(limited, over) || c.limit.Load() == over {
		return c.finish(context.DeadlineExceeded, c.expired, true)
	}
	return nil
}

// Deadline returns the earlier one of its own and its parent's.
func (c *Context) Deadline() (time.Time, bool) {
	d, has := c.parent.Deadline()
	if !c.deadline.IsZero() && c.limit.Load() != kept && (!has || c.deadline.Before(d)) {
		return c.deadline, true
	}
	return d, has
}

// Err notices by itself that its parent has ended or its deadline has passed.
func (c *Context) Err() error {
	e := c.ended.Load()
	if e == nil {
		if e = c.notice(); e == nil {
			return nil
		}
	}
	if c.entry.Load() != nil {
		<-c.done // as package context has it: an error means that Done is closed
	}
	return e.err
}

func (c *Context) notice() *end {
	if err := c.parent.Err(); err != nil {
		return c.finish(err, context.Cause(c.parent), false)
	}
	if c.deadline.IsZero() || c.limit.Load() == kept || time.Now().Before(c.deadline) {
		return nil
	}
	return c.expire()
}

// Value returns the parent's.
func (c *Context) Value(key any) any {
	if e := c.ended.Load(); e != nil && e.own {
		if v := e.Value(key); v != nil { // only package context gets one
			return v
		}
	}
	return c.parent.Value(key)
}

// String names the context as package context does.
func (c *Context) String() string {
	if s, ok := c.parent.(fmt.Stringer); ok {
		return s.String() + ".Attempt"
	}
	return fmt.Sprintf("%T.Attempt", c.parent)
}

// Done returns a channel that is closed when it ends. The first call registers
// it with its parent.
func (c *Context) Done() <-chan struct{} {
	c.enter()
	_ = c.Err() // so that the channel is closed if the parent has just ended
	return c.done
}

// AfterFunc has f called when it ends, on the goroutine that ends it. Package
// context calls it instead of starting a goroutine.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	return c.enter().add(f)
}

// enter registers it with its parent.
func (c *Context) enter() *entry {
	if n := c.entry.Load(); n != nil {
		return n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.entry.Load(); n != nil {
		return n
	}
	done := make(chan struct{})
	p := *(**byte)(unsafe.Pointer(&done)) // a channel is a pointer
	n := &entry{done: weak.Make(p)}
	if c.ended.Load() != nil {
		n.closed = true
		close(done)
	} else {
		if !inBubble() {
			runtime.AddCleanup(p, (*entry).gone, n)
		}
		n.enter(c)
		if !c.deadline.IsZero() {
			c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.expire() })
		}
	}
	c.done = done
	c.entry.Store(n)
	if c.limit.Load() == kept { // Keep may have found no entry
		c.keepEntry()
	}
	return n
}

// inBubble reports whether time is that of a bubble of testing/synctest, which
// has no monotonic clock. A cleanup runs outside the bubble and must not touch
// channels inside, so there an entry stays until the parent ends.
func inBubble() bool {
	now := time.Now()
	return now == now.Round(0) //nolint:staticcheck // Equal ignores that clock
}

// entry is what the parent knows of a context.
type entry struct {
	done weak.Pointer[byte] // the channel

	mu       sync.Mutex
	calls    map[*call]struct{} // that AfterFunc has added
	closed   bool
	released bool        // the context is kept
	unseen   bool        // nobody sees the channel any more
	stop     func() bool // takes the entry out of the parent; nil if it is not in
}

type call struct{ f func() }

// enter registers n with the parent of c.
func (n *entry) enter(c *Context) {
	parent := c.parent
	if parent.Done() == nil {
		return
	}
	w := weak.Make(c)
	stop := context.AfterFunc(parent, func() {
		if c := w.Value(); c != nil {
			c.finish(parent.Err(), context.Cause(parent), false)
			return
		}
		n.close()
	})
	n.mu.Lock()
	n.stop = stop
	n.mu.Unlock()
}

func (n *entry) add(f func()) (stop func() bool) {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		go f() // the caller may hold a lock that f needs
		return func() bool { return false }
	}
	k := &call{f}
	if n.calls == nil {
		n.calls = map[*call]struct{}{}
	}
	n.calls[k] = struct{}{}
	n.mu.Unlock()
	return func() bool {
		n.mu.Lock()
		_, was := n.calls[k]
		delete(n.calls, k)
		n.mu.Unlock()
		n.leave()
		return was
	}
}

// close closes the channel and calls what AfterFunc has added.
func (n *entry) close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	if p := n.done.Value(); p != nil {
		close(*(*chan struct{})(unsafe.Pointer(&p)))
	}
	calls, stop := n.calls, n.stop
	n.calls = nil
	n.mu.Unlock()
	if stop != nil {
		stop()
	}
	for k := range calls {
		k.f()
	}
}

// release says that nothing but the channel's being seen keeps n in the parent.
func (n *entry) release() {
	n.mu.Lock()
	n.released = true
	n.mu.Unlock()
	n.leave()
}

func (n *entry) gone() {
	n.mu.Lock()
	n.unseen = true
	n.mu.Unlock()
	n.leave()
}

// leave takes n out of the parent if nobody needs it there.
func (n *entry) leave() {
	n.mu.Lock()
	stop := n.stop
	needed := !n.released || !n.unseen || len(n.calls) > 0 || n.closed
	n.mu.Unlock()
	if !needed && stop != nil {
		stop()
	}
}
