package retry

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// QueueOptions are the options of a [Queue].
type QueueOptions[T any] struct {
	// Store keeps the jobs. The queue does not close it.
	Store Store[T]
	// Handle does the work of a job. It may run twice for one job, even at the same
	// time if it runs longer than its lease. So it should pass the job's Key or Fence
	// on to the services that it calls.
	Handle func(context.Context, Job[T]) error
	// Policy says when to try again and when to bury the job. Its Attempts,
	// Backoff, MaxDelay, Retryable, Seed and Timeout apply. Nil is the zero
	// [Policy].
	Policy *Policy
	// Workers is how many jobs are handled at once. Zero means 16.
	Workers int
	// Lease is how long a claim lasts. When it ends, the handler's context ends with
	// the cause [ErrLease], and the job can be claimed again. Zero means a minute. A
	// handler that needs longer calls [ExtendLease].
	Lease time.Duration
	// Heartbeat is how often the lease of a running handler is extended to a full
	// Lease. Then a handler may run longer than Lease, and [Options.Timeout] limits it;
	// Lease only says how soon the job of a dead process is claimed again. The
	// handler's context still ends if an extension fails or is late. Heartbeat must be
	// shorter than Lease. Zero means that leases are not extended.
	Heartbeat time.Duration
	// OnEvent is called with each event, in order and at least once: it is called again
	// if it returned an error, or if the process ended before its success was stored.
	// Nil means that events are dropped. Each queue of a shared store delivers the
	// events of all of them, so they should have the same OnEvent.
	OnEvent func(context.Context, Event[T]) error
	// OnSuccess is called after the store has removed a job whose handler succeeded. It
	// is not called if the process ends in between.
	OnSuccess func(context.Context, Job[T])
	// OnRetry is called after the store has stored that a job failed and waits for its
	// next attempt, which may begin before OnRetry returns. It is not called if the
	// process ends in between. Hooks of several jobs run at the same time.
	OnRetry func(context.Context, JobRetry[T])
	// CrashOnPanic makes [Queue.Run] end and panic with a [*PanicError] if Handle or a
	// hook panics. Otherwise the panic is logged and the queue goes on: a panic of
	// Handle is a failed attempt.
	CrashOnPanic bool
	// Logger logs panics. Nil means [slog.Default].
	Logger *slog.Logger
}

// JobRetry describes a retry for [QueueOptions.OnRetry].
type JobRetry[T any] struct {
	Job   Job[T] // as it was claimed
	Err   error  // of the attempt, a [*PanicError] if it panicked
	Delay time.Duration
	Due   time.Time // of the next attempt
}

// LogValue returns the fields, with the job as [Job.LogValue] shows it.
func (r JobRetry[T]) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("job", r.Job), slog.Any("err", r.Err),
		slog.Duration("delay", r.Delay), slog.Time("due", r.Due))
}

// Queue handles jobs, and retries later those that fail: a job that was accepted is
// handled until its handler succeeds or the job becomes a dead letter. It must be made
// by [NewQueue] and not be copied; it is safe for concurrent use.
//
// A job is handled at least once. Each claim of a job has a lease and a fence: when the
// lease has ended and the job was claimed again, the older claim can neither settle nor
// extend it. An attempt that a crash interrupted counts; an attempt that a shutdown
// interrupted does not.
//
// Panics and [runtime.Goexit] in callbacks are logged, and the queue goes on: in Handle
// they are a failed attempt; in OnEvent, a delivery that is tried again; in Retryable
// or Backoff, a retry with the default delay; in OnSuccess or OnRetry, nothing more.
//
// # The end
//
// A queue ends in one of these ways, as net/http's Server does. Jobs that wait always
// stay in the store.
//
//	            running handlers               new jobs     returns
//	ctx of Run  contexts end, Run waits        accepted     Run may be called again
//	Shutdown    finish; ctx ends the rest      ErrClosed    when they ended, or with ctx
//	Close       contexts end                   ErrClosed    when they ended
//	Abort       contexts end                   ErrClosed    at once
//
// The contexts of interrupted handlers end with a cause that matches [ErrShutdown]. A
// call of Enqueue at the same time is refused, or its job is in the store before
// Shutdown or Close returns nil. If the store is in memory, Shutdown and Close return a
// [*ShutdownError] that counts the jobs in it. [Queue.Wait] does not end the queue: it
// waits until the queue is empty. A callback must not call Close, or Shutdown with a
// context that does not end: it would wait for itself.
type Queue[T any] struct {
	_       noCopy
	o       QueueOptions[T]
	added   chan struct{}                 // has a token when there may be something to claim
	event   chan struct{}                 // has a token when there may be an event
	changed atomic.Pointer[chan struct{}] // closed at the next change, if somebody waits for one
	calls   atomic.Int64                  // of Enqueue that are going on, plus queueClosed
	alone   bool                          // the store does not notify: the queue wakes itself

	mu      sync.Mutex
	session *session[T] // of the Run that is going on, or nil
}

const (
	eventPage   = 256
	queueClosed = 1 << 62 // in Queue.calls
)

// NewQueue returns a queue. It panics when o has no Store or Handle, a negative
// number, a Heartbeat that is not shorter than Lease, or a Policy with an option
// that a queue cannot honour: Budget, MaxElapsed, OnGiveUp or OnRetry.
//
//ferrous:acquire
func NewQueue[T any](o QueueOptions[T]) *Queue[T] {
	switch {
	case o.Store == nil:
		misuse("NewQueue", "Store is nil")
	case o.Handle == nil:
		misuse("NewQueue", "Handle is nil")
	case o.Workers < 0 || o.Lease < 0 || o.Heartbeat < 0:
		misuse("NewQueue", "negative Workers %d, Lease %v or Heartbeat %v", o.Workers, o.Lease, o.Heartbeat)
	}
	if o.Policy == nil {
		o.Policy = &zeroPolicy
	}
	if name := notForQueues(&o.Policy.o); name != "" {
		misuse("NewQueue", "a queue does not honour Policy's %s", name)
	}
	if o.Workers == 0 {
		o.Workers = 16
	}
	if o.Lease == 0 {
		o.Lease = time.Minute
	}
	if o.Heartbeat >= o.Lease {
		misuse("NewQueue", "Heartbeat %v is not shorter than Lease %v", o.Heartbeat, o.Lease)
	}
	_, notifies := o.Store.(Notifier)
	return &Queue[T]{o: o, added: make(chan struct{}, 1), event: make(chan struct{}, 1), alone: !notifies}
}

// notForQueues names a set option that means nothing to a queue, or returns "".
func notForQueues(o *Options) string {
	switch {
	case o.Budget != nil:
		return "Budget"
	case o.MaxElapsed != 0:
		return "MaxElapsed"
	case o.OnGiveUp != nil:
		return "OnGiveUp (see QueueOptions.OnEvent)"
	case o.OnRetry != nil:
		return "OnRetry (see QueueOptions.OnRetry)"
	}
	return ""
}

// store returns the store, or panics if the queue is a zero one.
func (q *Queue[T]) store(method string) Store[T] {
	if q.o.Store == nil {
		misuse("Queue."+method, "the Queue was not made by NewQueue")
	}
	return q.o.Store
}

// storeFor is store for a method with a context.
func (q *Queue[T]) storeFor(ctx context.Context, method string) Store[T] {
	store := q.store(method)
	noContext("Queue."+method, ctx)
	return store
}

// Enqueue accepts a job that is due after the delay. It reports false if there already
// is a job of that key, waiting, claimed or dead; that job is not changed. A job that
// was accepted is lost only with the store. The error is [ErrClosed], [ErrInvalidKey],
// that of ctx, or the store's.
//
// If the value changes after Enqueue, it depends on the store which value is handled:
// [Memory] keeps the value itself; a store in a file keeps what Enqueue has encoded.
func (q *Queue[T]) Enqueue(ctx context.Context, key string, value T, delay time.Duration) (added bool, err error) {
	store := q.storeFor(ctx, "Enqueue")
	defer q.leave()
	if q.calls.Add(1) > queueClosed {
		return false, ErrClosed
	}
	now := time.Now()
	due := now.Add(max(delay, 0))
	added, err = store.Enqueue(ctx, EnqueueRequest[T]{Key: key, Value: value, Due: due, Now: now})
	if added {
		q.wake(q.added)
	}
	return added, err
}

// leave ends a call of Enqueue. An end of the queue waits for the last one.
func (q *Queue[T]) leave() {
	if q.calls.Add(-1) == queueClosed {
		q.change()
	}
}

// closed reports whether the queue was ended.
func (q *Queue[T]) closed() bool { return q.calls.Load() >= queueClosed }

// wake leaves a token in one of the queue's channels, unless the store does.
func (q *Queue[T]) wake(c chan struct{}) {
	if q.alone {
		signal(c)
	}
}

// Dead returns the dead letters by ID. An error ends the list; if ctx is done, it is
// the error of ctx.
func (q *Queue[T]) Dead(ctx context.Context) iter.Seq2[Job[T], error] {
	store := q.storeFor(ctx, "Dead")
	return func(yield func(Job[T], error) bool) {
		r := PageRequest{Max: eventPage}
		for {
			page, err := store.Dead(ctx, r)
			if err != nil {
				yield(Job[T]{}, err)
				return
			}
			for _, job := range page {
				if ctx.Err() != nil {
					yield(Job[T]{}, ctxerr.Of(ctx))
					return
				}
				if r.After = job.ID; !yield(job, nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

// Replay makes a dead letter wait again, with its key, due at once and with all its
// attempts left. The error is [ErrUnknownJob] or the store's.
func (q *Queue[T]) Replay(ctx context.Context, id uint64) error {
	err := q.storeFor(ctx, "Replay").Replay(ctx, ReplayRequest{ID: id, Now: time.Now()})
	if err == nil {
		q.wake(q.added)
		q.wake(q.event)
	}
	return err
}

// Discard removes a dead letter. The error is [ErrUnknownJob] or the store's.
func (q *Queue[T]) Discard(ctx context.Context, id uint64) error {
	err := q.storeFor(ctx, "Discard").Discard(ctx, DiscardRequest{ID: id, Now: time.Now()})
	if err == nil {
		q.wake(q.event)
	}
	return err
}

// Stats counts jobs and events.
func (q *Queue[T]) Stats(ctx context.Context) (QueueStats, error) {
	return q.storeFor(ctx, "Stats").Stats(ctx)
}

// String returns the bounds of the queue.
func (q *Queue[T]) String() string {
	return fmt.Sprintf("Queue(workers=%d lease=%v running=%v)", q.o.Workers, q.o.Lease, q.current() != nil)
}

// GoString returns the same as String.
func (q *Queue[T]) GoString() string { return q.String() }

// LogValue returns the bounds of the queue.
func (q *Queue[T]) LogValue() slog.Value { return slog.StringValue(q.String()) }

// signal leaves a token in c unless there is one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// snoozeError asks for a later attempt that does not count this one.
type snoozeError struct{ delay time.Duration }

func (e *snoozeError) Error() string { return fmt.Sprintf("retry: snooze for %v", e.delay) }

// Snooze returns an error with which the handler of a [Queue] puts its job off: the job
// waits for d, and the attempt does not count. A negative d means 0. The error may be
// wrapped. Elsewhere, in [Do] for example, it is an error like any other. After River's
// JobSnooze.
func Snooze(d time.Duration) error { return &snoozeError{max(d, 0)} }
