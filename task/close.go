package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// EndError is what Close and Shutdown of a [Set] or [Pool] report because nobody
// else did. Each error, panic and aborted task is reported once.
//
// It unwraps to Errs and Cause.
type EndError struct {
	// Errs holds the errors of tasks that nobody joined, a [*PanicError] for a
	// panic, in the order in which the tasks ended; at most 16 errors and 16 panics.
	// An error with which a task obeyed the end of its context is not among them.
	Errs []error
	// More is how many such errors and panics there were beyond Errs.
	More int
	// Aborted is how many accepted tasks had not ended when Close or Shutdown
	// ended their contexts.
	Aborted int
	// Cause is why they were aborted: [ErrClosed], or for Shutdown an error that
	// wraps those of its context. It is nil if Aborted is 0.
	Cause error
}

// Error returns all that the end reports.
func (e *EndError) Error() string {
	var parts []string
	switch {
	case e.Aborted > 0 && e.Cause != nil:
		parts = append(parts, fmt.Sprintf("%d aborted (%s)", e.Aborted, trim(e.Cause)))
	case e.Aborted > 0:
		parts = append(parts, fmt.Sprintf("%d aborted", e.Aborted))
	}
	for _, err := range e.Errs {
		parts = append(parts, trim(err))
	}
	if e.More > 0 {
		parts = append(parts, fmt.Sprintf("%d more errors", e.More))
	}
	return "task: tasks that nobody joined: " + strings.Join(parts, "; ")
}

// Unwrap returns the errors and the cause.
func (e *EndError) Unwrap() []error {
	if e.Cause == nil {
		return e.Errs
	}
	return append(slices.Clip(e.Errs), e.Cause)
}

// LogValue shows the parts apart.
func (e *EndError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("aborted", e.Aborted), slog.Any("cause", e.Cause),
		slog.Any("errs", e.Errs), slog.Int("more", e.More),
	)
}

// keptFailures is how many errors that nobody joined a crew keeps, and how many
// panics.
const keptFailures = 16

// endReport is what the end of workers has to report. Guarded by crew.mu.
type endReport struct {
	unseen  *unseenFailures // nil for none
	aborted int             // tasks that had not ended when Close or Shutdown aborted them
	cause   error           // of that abort
	err     error           // by which it is reported
}

// unseenFailures is the failures that nobody has seen.
type unseenFailures struct {
	failures []*failure   // the first keptFailures of each kind; those seen may be missing
	dropped  atomic.Int64 // of the others, those that nobody has seen
}

// recordFailure notes the failure of a task.
func (ws *workers) recordFailure(f *failure) {
	if f.panicked {
		ws.panicked++
	} else {
		ws.failed++
	}
	if ws.scope != nil || f.seen.Load() || ws.end.obeyed(f) {
		return
	}
	if ws.end.unseen == nil {
		ws.end.unseen = new(unseenFailures)
		runtime.AddCleanup(ws, (*unseenFailures).crash, ws.end.unseen)
	}
	ws.end.unseen.note(f)
}

// obeyed reports whether f is the error of a task that obeyed the abort.
func (e *endReport) obeyed(f *failure) bool {
	return e.cause != nil && !f.panicked && (errors.Is(f.err, e.cause) || errors.Is(f.err, context.Canceled))
}

// note keeps a failure, or counts it.
func (l *unseenFailures) note(f *failure) {
	if l.isFull(f) {
		l.failures = slices.DeleteFunc(l.failures, func(f *failure) bool { return f.seen.Load() })
	}
	if l.isFull(f) {
		f.dropped = &l.dropped
		l.dropped.Add(1)
		return
	}
	l.failures = append(l.failures, f)
}

// isFull reports whether no more failures of f's kind are kept.
func (l *unseenFailures) isFull(f *failure) bool {
	n := 0
	for _, g := range l.failures {
		if g.panicked == f.panicked {
			n++
		}
	}
	return n >= keptFailures
}

// crash ends the process if there is a panic that nobody has seen. It is called if
// the Set or Pool was never closed and nobody holds it or one of its handles.
func (l *unseenFailures) crash() {
	for _, f := range l.failures {
		if f.panicked {
			f.crash()
		}
	}
}

// report returns an [*EndError], or nil, and forgets what is in it.
func (ws *workers) report() error {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	e := &EndError{Aborted: ws.end.aborted}
	if l := ws.end.unseen; l != nil {
		for _, f := range l.failures {
			if !f.seen.Swap(true) {
				e.Errs = append(e.Errs, f.err)
			}
		}
		e.More = int(l.dropped.Load())
		l.failures = nil // for the cleanup
	}
	if e.Aborted > 0 {
		e.Cause = ws.end.err
	}
	ws.end.unseen, ws.end.aborted = nil, 0
	if e.Aborted == 0 && len(e.Errs) == 0 && e.More == 0 {
		return nil
	}
	return e
}

// refuseNew lets no more tasks in, and returns a channel that is closed when those
// inside have ended. It may be called again.
func (ws *workers) refuseNew() <-chan struct{} {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.allStopped != nil {
		return ws.allStopped
	}
	ws.allStopped = make(chan struct{})
	for ws.submitters.n > 0 {
		if w, _ := ws.submitters.pop(); w.state == waiting {
			w.state = refused
			w.h.base().begin() // it never will
			close(w.ready)
		}
	}
	ws.canceled = 0
	ws.stopIdle(0)
	if ws.goroutines == 0 {
		close(ws.allStopped)
	}
	return ws.allStopped
}

// closed reports whether the crew takes no more tasks. The caller holds mu.
func (ws *workers) closed() bool { return ws.allStopped != nil }

// close is Close.
func (ws *workers) close() error {
	ws.panicInside(context.Background(), "Close")
	quiet := ws.refuseNew()
	ws.abortAtEnd(ErrClosed, ErrClosed)
	_ = ws.await(ws.parent, nil, quiet) // there is no limit
	return ws.report()
}

// shutdown is Shutdown.
func (ws *workers) shutdown(ctx context.Context) error {
	ws.panicInside(ctx, "Shutdown")
	quiet := ws.refuseNew()
	if err := ws.await(ctx, ctx, quiet); err != nil {
		ws.abortAtEnd(context.Cause(ctx), err)
	} else {
		ws.abort(ErrClosed) // nothing is left: it releases the context
	}
	return ws.report()
}

// wait is Wait.
func (ws *workers) wait(ctx context.Context) error {
	ws.panicInside(ctx, "Wait")
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	ws.mu.Lock()
	if ws.unended() == 0 {
		ws.mu.Unlock()
		return nil
	}
	if ws.allEnded == nil {
		ws.allEnded = make(chan struct{})
	}
	empty := ws.allEnded
	ws.mu.Unlock()
	return ws.await(ctx, ctx, empty)
}

// await waits for ready, the end of all tasks of the crew, on behalf of the task
// of ctx, or until limit is done, unless it is nil.
func (ws *workers) await(ctx, limit context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	default:
	}
	if limit == nil {
		limit = context.Background()
	}
	x, own := waiterOf(ctx)
	if x == nil {
		return wait(limit, ready)
	}
	e := &edge{ctx: limit, ownGoroutine: own}
	err := e.connect(x, ws)
	defer e.end(ctx)
	if err != nil {
		panic(err)
	}
	return e.wait(ready)
}

// abortAtEnd is abort for Close and Shutdown, which report it as err.
func (ws *workers) abortAtEnd(cause, err error) {
	ws.mu.Lock()
	if ws.end.cause == nil {
		ws.end.aborted, ws.end.cause, ws.end.err = ws.unended()-ws.replaced, cause, err
	}
	ws.mu.Unlock()
	ws.abort(cause)
}

// abort ends the context of all accepted tasks and does not wait. Tasks that have
// not begun end at once. Tasks accepted later get a new context.
func (ws *workers) abort(cause error) {
	ws.mu.Lock()
	cancel := ws.cancel
	if !ws.closed() {
		ws.ctx, ws.cancel = context.WithCancelCause(ws.parent)
	}
	var refused []anyHandle
	for ws.queue.n > 0 {
		h, _ := ws.queue.pop()
		if h.base().begun {
			ws.queuedBegun--
			continue
		}
		h.base().begin()
		h.refuse(ctxerr.Canceled(cause))
		refused = append(refused, h)
	}
	for _, h := range refused {
		ws.publish(h, h.base())
	}
	ws.admitSubmitters()
	ws.startQueued()
	ws.mu.Unlock()
	cancel(cause)
	for _, h := range refused {
		h.base().wake()
	}
}

// panicInside panics if a task of the crew would wait for itself.
func (ws *workers) panicInside(ctx context.Context, method string) {
	x := memberOf(ctx, ws)
	if x == nil {
		x = current()
	}
	if x != nil && x.workers() == ws {
		panic(bug("%s.%s: %s waits for its own end", ws.kind, method, x.name()))
	}
}
