package task

import (
	"context"
	"time"
)

// A taskContext is the context of a task. It is the task itself, and makes a context of the
// standard library only when more than Err and Deadline is asked for. Most tasks never ask, and
// save its allocation and its entry in the list of the parent. The
// design is ours.
type taskContext taskState

type stdContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

var _ context.Context = (*taskContext)(nil)

func (c *taskContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }
func (c *taskContext) Done() <-chan struct{}       { return c.withCancel().Done() }

// Err returns the error of std once that is made, since it cannot change then.
func (c *taskContext) Err() error {
	if c.std.Load() == nil && !c.returned.Load() && c.parent.Err() == nil {
		return nil
	}
	return c.withCancel().Err()
}

// Value answers two keys of this package. taskKey asks for the task of a context. memberKey
// asks for the task of certain workers; it is passed on to the parents, because a scope, a set
// or a task that was made with the context of a task acts for that task.
func (c *taskContext) Value(key any) any {
	t := (*taskState)(c)
	switch k := key.(type) {
	case taskKey:
		return t
	case memberKey:
		if t.workers() == k.workers {
			return t
		}
		return c.parent.Value(key)
	}
	return c.withCancel().Value(key)
}

type (
	taskKey   struct{}                   // asks for the nearest task
	memberKey struct{ workers *workers } // asks for the nearest task of these workers
)

// valuesOf is a context with the values of another, but without its end and its task.
type valuesOf struct{ context.Context }

func (valuesOf) Deadline() (deadline time.Time, ok bool) { return deadline, false }
func (valuesOf) Done() <-chan struct{}                   { return nil }
func (valuesOf) Err() error                              { return nil }

func (c valuesOf) Value(key any) any {
	switch key.(type) {
	case taskKey, memberKey:
		return nil
	}
	return c.Context.Value(key)
}

// taskOf returns the task of ctx, or nil if there is none or it has returned.
func taskOf(ctx context.Context) *taskState {
	t, _ := ctx.Value(taskKey{}).(*taskState)
	if t == nil || t.returned.Load() {
		return nil
	}
	return t
}

// memberOf returns the task of ws for which ctx acts, or nil if there is none or it has
// returned.
func memberOf(ctx context.Context, ws *workers) *taskState {
	m, _ := ctx.Value(memberKey{ws}).(*taskState)
	if m == nil || m.returned.Load() {
		return nil
	}
	return m
}

func (c *taskContext) withCancel() *stdContext {
	if f := c.std.Load(); f != nil {
		return f
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.std.Load(); f != nil {
		return f
	}
	f := new(stdContext)
	f.Context, f.cancel = context.WithCancelCause(c.parent)
	c.std.Store(f)
	if c.returned.Load() { // end may have run before the store
		f.cancel(nil)
	}
	return f
}

// end ends the context.
func (c *taskContext) end() {
	c.returned.Store(true)
	if f := c.std.Load(); f != nil {
		f.cancel(nil)
	}
}
