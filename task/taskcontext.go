package task

import (
	"context"
	"time"
)

// A taskContext is a task as its context. It becomes a context of the standard library
// when somebody asks for more than Err and Deadline: most tasks never do, and
// pay neither for its allocation nor for its entry in the parent's list.
type taskContext taskState

type stdContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

var _ context.Context = (*taskContext)(nil)

func (c *taskContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }
func (c *taskContext) Done() <-chan struct{}       { return c.withCancel().Done() }

// Err becomes that of full once there is one, which does not change any more.
func (c *taskContext) Err() error {
	if c.std.Load() == nil && !c.returned.Load() && c.parent.Err() == nil {
		return nil
	}
	return c.withCancel().Err()
}

// Value answers the package's own questions: which task a context belongs to,
// and which task of a crew it belongs to. A scope, a set or a task that was made
// with the context of a task acts for that task, so the second question goes on
// to the parents.
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
	taskKey   struct{}                   // asks for the *taskState of the nearest task
	memberKey struct{ workers *workers } // asks for the nearest task of the crew
)

// valuesOf has the values of a context and nothing else: neither its end nor the task
// that it belongs to.
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

// taskOf returns the task to which ctx belongs, or nil if that has ended or there
// is none.
func taskOf(ctx context.Context) *taskState {
	t, _ := ctx.Value(taskKey{}).(*taskState)
	if t == nil || t.returned.Load() {
		return nil
	}
	return t
}

// memberOf returns the task of c for which ctx acts, or nil.
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
	if c.returned.Load() { // after the store: end may not have seen it
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
