package task

import (
	"context"
	"sync"
)

// WithGroup is [WithScope] for tasks that succeed or fail together, at most limit of
// which are at work; the package comment says what that counts. [Unlimited] is no
// limit. The context of f and of the tasks ends when WithGroup returns. After x/sync's
// errgroup.
//
// The first error ends the context of all others, with that error as its cause. So
// does a panic, with its [*PanicError], and [runtime.Goexit] with [ErrGoexit]: the
// [context.Cause] of [Scope.Context] tells what happened at once, also while a task
// that does not heed its context goes on. Tasks that have not begun are not called.
//
// WithGroup waits for f and all tasks. It returns the first error, whether it was that
// of f or of a task, and whether somebody joined that task or not. If tasks panicked
// and nobody joined them, it panics with their [*PanicError].
//
// A limit that is not positive and a nil f panic.
//
//ferrous:blocks
func WithGroup(ctx context.Context, limit int, f func(*Scope) error) error {
	checkContext(ctx, "WithGroup")
	checkFunc(f != nil, "WithGroup")
	if limit <= 0 {
		panic(bug("WithGroup: limit %d is not positive", limit))
	}
	g := &group{}
	if limit < Unlimited {
		g.scope = newLimitedScope(ctx, limit)
	} else {
		g.scope = newScope(ctx)
	}
	g.scope.onEnd = g.taskEnded
	_ = g.scope.run(ctx, func(s *Scope) error {
		err := f(s)
		g.fail(err)
		return err
	})
	panics, _ := takeUnseen(g.scope.failures)
	resurface(panics)
	return g.first
}

// A group is a scope that the first failure ends.
type group struct {
	scope *Scope

	mu    sync.Mutex
	first error
}

func (g *group) taskEnded(t *taskState) error {
	if t.failure != nil {
		g.fail(t.failure.err)
	}
	return nil
}

// fail ends the context with err, if that is the first failure. The lock makes the
// first error the cause.
func (g *group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil || g.first != nil {
		return
	}
	g.first = err
	g.scope.cancel(err)
}
