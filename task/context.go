package task

import (
	"context"
	"time"
)

// A lazy is a task as its context. It becomes a context of the standard library
// when somebody asks for more than Err and Deadline: most tasks never do, and
// pay neither for its allocation nor for its entry in the parent's list.
type lazy core

type full struct {
	context.Context
	cancel context.CancelCauseFunc
}

var _ context.Context = (*lazy)(nil)

func (l *lazy) Deadline() (time.Time, bool) { return l.parent.Deadline() }
func (l *lazy) Done() <-chan struct{}       { return l.whole().Done() }

// Err becomes that of full once there is one, which does not change any more.
func (l *lazy) Err() error {
	if l.full.Load() == nil && !l.returned.Load() && l.parent.Err() == nil {
		return nil
	}
	return l.whole().Err()
}

// Value answers the package's own questions: which task a context belongs to,
// and which task of a crew it belongs to. A scope, a set or a task that was made
// with the context of a task acts for that task, so the second question goes on
// to the parents.
func (l *lazy) Value(key any) any {
	c := (*core)(l)
	switch k := key.(type) {
	case taskKey:
		return c
	case memberKey:
		if c.crew() == k.crew {
			return c
		}
		return l.parent.Value(key)
	}
	return l.whole().Value(key)
}

type (
	taskKey   struct{}             // asks for the *core of the nearest task
	memberKey struct{ crew *crew } // asks for the nearest task of the crew
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
func taskOf(ctx context.Context) *core {
	c, _ := ctx.Value(taskKey{}).(*core)
	if c == nil || c.returned.Load() {
		return nil
	}
	return c
}

// memberOf returns the task of c for which ctx acts, or nil.
func memberOf(ctx context.Context, c *crew) *core {
	m, _ := ctx.Value(memberKey{c}).(*core)
	if m == nil || m.returned.Load() {
		return nil
	}
	return m
}

func (l *lazy) whole() *full {
	if f := l.full.Load(); f != nil {
		return f
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.full.Load(); f != nil {
		return f
	}
	f := new(full)
	f.Context, f.cancel = context.WithCancelCause(l.parent)
	l.full.Store(f)
	if l.returned.Load() { // after the store: end may not have seen it
		f.cancel(nil)
	}
	return f
}

// end ends the context.
func (l *lazy) end() {
	l.returned.Store(true)
	if f := l.full.Load(); f != nil {
		f.cancel(nil)
	}
}
