package task

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A lazy is the context of a task. It becomes a context of the standard library
// when somebody asks for more than Err and Deadline: most tasks never do, and
// pay neither for its allocation nor for its entry in the parent's list.
type lazy struct {
	parent context.Context
	crew   *crew // whose worker runs the task, if any

	mu    sync.Mutex // guards the making of full and core.done
	full  atomic.Pointer[full]
	ended atomic.Bool // the function has returned
	waits int32       // goroutines of the task that wait; guarded by crew.mu
}

type full struct {
	context.Context
	cancel context.CancelCauseFunc
}

var _ context.Context = (*lazy)(nil)

func (l *lazy) Deadline() (time.Time, bool) { return l.parent.Deadline() }
func (l *lazy) Done() <-chan struct{}       { return l.whole().Done() }

// Err becomes that of full once there is one, which does not change any more.
func (l *lazy) Err() error {
	if l.full.Load() == nil && !l.ended.Load() && l.parent.Err() == nil {
		return nil
	}
	return l.whole().Err()
}

// Value answers the package's own question, which must not be passed on: the
// parent's crew does not run this task.
func (l *lazy) Value(key any) any {
	if key == (crewKey{}) {
		if l.crew == nil {
			return nil
		}
		return l
	}
	return l.whole().Value(key)
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
	if l.ended.Load() { // after the store: end may not have seen it
		f.cancel(nil)
	}
	return f
}

// end ends the context.
func (l *lazy) end() {
	l.ended.Store(true)
	if f := l.full.Load(); f != nil {
		f.cancel(nil)
	}
}
