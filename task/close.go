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

// EndError is the error of Close and Shutdown of a [Set], [JoinMap] or [Pool]. It holds the
// errors and panics of tasks that were not joined, and the number of aborted tasks. Each is
// reported once, also if Close is called again. An EndError unwraps to Errs and Cause.
type EndError struct {
	// Errs holds the errors of tasks that were not joined, in the order in which the tasks
	// ended; a panic is a [*PanicError]. It holds at most 16 errors and 16 panics. Errors of
	// tasks that stopped because they were aborted are left out.
	Errs []error
	// More is the number of further errors and panics.
	More int
	// Aborted is the number of accepted tasks that had not ended when Close or Shutdown
	// aborted them.
	Aborted int
	// Cause is why they were aborted: [ErrClosed], or for Shutdown an error that matches the
	// error and the cause of its context. It is nil if Aborted is 0.
	Cause error
}

// Error returns the number of aborted tasks and the errors in one line.
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
	return "task: tasks that were not joined: " + strings.Join(parts, "; ")
}

// Unwrap returns the errors and the cause.
func (e *EndError) Unwrap() []error {
	if e.Cause == nil {
		return e.Errs
	}
	return append(slices.Clip(e.Errs), e.Cause)
}

// LogValue returns the fields as a group.
func (e *EndError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("aborted", e.Aborted), slog.Any("cause", e.Cause),
		slog.Any("errs", e.Errs), slog.Int("more", e.More),
	)
}

// keptFailures is how many errors of tasks that were not joined are kept, and how many
// panics.
const keptFailures = 16

// endReport is what Close and Shutdown report. It is guarded by workers.mu.
type endReport struct {
	unseen  *unseenFailures // nil for none
	aborted int             // tasks that had not ended when Close or Shutdown aborted them
	cause   error           // of that abort
	err     error           // by which it is reported
}

// unseenFailures are the failures that were not seen. It is apart from workers because it is
// the argument of a cleanup of them.
type unseenFailures struct {
	failures []*failure   // the first keptFailures of each kind; those that were seen may be missing
	dropped  atomic.Int64 // the number of others that were not seen
}

// recordFailure counts the failure of a task and keeps it for the report.
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

// obeyed reports whether f is the error of a task that stopped because of the abort.
func (e *endReport) obeyed(f *failure) bool {
	return e.cause != nil && !f.panicked && (errors.Is(f.err, e.cause) || errors.Is(f.err, context.Canceled))
}

// note keeps a failure, or counts it if enough are kept.
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

// isFull reports whether keptFailures failures of f's kind are kept.
func (l *unseenFailures) isFull(f *failure) bool {
	n := 0
	for _, g := range l.failures {
		if g.panicked == f.panicked {
			n++
		}
	}
	return n >= keptFailures
}

// crash ends the process if there is a panic that was not seen. It is the cleanup of a Set or
// Pool that was never closed and has become unreachable, with all its handles.
func (l *unseenFailures) crash() {
	for _, f := range l.failures {
		if f.panicked {
			f.crash()
		}
	}
}

// report returns an [*EndError], or nil, and forgets what it has returned.
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

// refuseNew closes ws to new tasks, and returns a channel that is closed when all workers have
// ended. It may be called again.
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
			w.h.base().begin() // it will not start
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

// closed reports whether ws refuses new tasks. The caller holds mu.
func (ws *workers) closed() bool { return ws.allStopped != nil }

// close implements Close.
func (ws *workers) close() error {
	ws.panicInside(context.Background(), "Close")
	quiet := ws.refuseNew()
	ws.abortAtEnd(ErrClosed, ErrClosed)
	_ = ws.await(ws.parent, nil, quiet) // there is no limit
	return ws.report()
}

// shutdown implements Shutdown.
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

// wait implements Wait.
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

// await waits for ready, the end of all tasks of ws, on behalf of the task
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

// abortAtEnd is abort for Close and Shutdown. err is the Cause that they report.
func (ws *workers) abortAtEnd(cause, err error) {
	ws.mu.Lock()
	if ws.end.cause == nil {
		ws.end.aborted, ws.end.cause, ws.end.err = ws.unended()-ws.replaced, cause, err
	}
	ws.mu.Unlock()
	ws.abort(cause)
}

// abort cancels the contexts of all accepted tasks and does not wait. Queued tasks end at once.
// Tasks that are accepted later get a new context.
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

// panicInside panics if a task of ws calls the method, which would wait for that task.
func (ws *workers) panicInside(ctx context.Context, method string) {
	x := memberOf(ctx, ws)
	if x == nil {
		x = current()
	}
	if x != nil && x.workers() == ws {
		panic(bug("%s.%s: %s waits for its own end", ws.kind, method, x.name()))
	}
}
