package task

import (
	"context"
	"sync"
)

// WithGroup is [WithScope] for tasks that succeed or fail together. It runs at most limit
// tasks at once; the section Limits of the package comment says what the limit counts.
// [Unlimited] means no limit. f runs on the goroutine of the caller and takes no slot of the
// group: with a limit of 1, f can spawn a task and join it. After x/sync's errgroup.
//
// The first error cancels the context of the group with that error as its cause. So do a
// panic, with its [*PanicError], and [runtime.Goexit], with [ErrGoexit]. The [context.Cause]
// of [Scope.Context] reports the failure at once, also while other tasks continue. Tasks that
// have not started are not called.
//
// A task that [Scope.Abort] or [Handle.Abort] kept from starting has failed, too: its work is
// not done. Its error matches the cause given to Abort. So if f aborts its background tasks at
// the end, it may get that cause as the error of the group.
//
// To stop spawning after a failure, look at the Err of [Scope.Context], and return its
// [context.Cause]: if the caller's ctx has ended and no task has failed, a nil error would
// mean that all was done. A ctx that is done before does not keep WithGroup from calling f.
//
// WithGroup returns when f and all tasks have ended. It returns the first error of f or of a
// task, whether that task was joined or not. If tasks panicked and were not joined, WithGroup
// panics with their [*PanicError].
//
// WithGroup panics if limit is not positive.
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

// A group is a scope whose context is canceled by the first failure.
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

// fail cancels the context with err if err is the first failure. The lock makes the error
// that is returned the cause of the context.
func (g *group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil || g.first != nil {
		return
	}
	g.first = err
	g.scope.cancel(err)
}
