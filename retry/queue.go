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

// QueueOptions says what a [Queue] is like.
type QueueOptions[T any] struct {
	// Store keeps the jobs. It stays the caller's to close.
	Store Store[T]
	// Handle does a job's work. It may run twice for one job, even at once when
	// it goes on beyond its lease: it should pass the job's Key or Fence on.
	Handle func(context.Context, Job[T]) error
	// Policy says when to try again and when to bury the job. Its Attempts,
	// Backoff, MaxDelay, Retryable, Seed and Timeout apply. Nil is the zero
	// [Policy].
	Policy *Policy
	// Workers is how many jobs are handled at once. Zero means 16.
	Workers int
	// Lease is how long a claim lasts: the handler's context ends with it, with
	// the cause [ErrLease], and the job can be claimed again. Zero means a
	// minute. See [ExtendLease] for a handler that needs longer.
	Lease time.Duration
	// Heartbeat is how often the lease of a running handler is extended to a
	// full Lease. Then a handler may run longer than Lease, which only says how
	// soon the job of a dead process is claimed again; [Options.Timeout] limits
	// the handler. The handler's context still ends when an extension fails or
	// comes too late. It must be shorter than Lease. Zero means that a lease is
	// never extended.
	Heartbeat time.Duration
	// OnEvent is told of each event, in order and at least once: again when it
	// failed, or when the process ended before its success was written down.
	// Nil means that nobody wants to know. Each queue of a shared store delivers
	// the events of all: they should have the same OnEvent.
	OnEvent func(context.Context, Event[T]) error
	// OnSuccess is called after the store has removed a job whose handler
	// succeeded. If the process ends in between, nobody is told.
	OnSuccess func(context.Context, Job[T])
	// OnRetry is called after the store has written down that a job failed and
	// waits for its next attempt, which may begin meanwhile. If the process ends
	// in between, nobody is told. Hooks of several jobs run at once.
	OnRetry func(context.Context, JobRetry[T])
	// CrashOnPanic makes a panic of Handle or of a hook end [Queue.Run], which
	// then panics with the [*PanicError]. Without it the panic is logged and the
	// queue goes on: a panic of Handle is a failed attempt.
	CrashOnPanic bool
	// Logger is told of panics. Nil means [slog.Default].
	Logger *slog.Logger
}

// JobRetry is what [QueueOptions.OnRetry] is told.
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

// Queue retries work later: a job that was accepted is handled until its
// handler succeeds, or it becomes a dead letter. It must be made by [NewQueue]
// and not be copied; it is safe for concurrent use.
//
// Each attempt is at least once: the claim of a job has a lease and a fence. A
// claim that outlived its lease can neither settle nor extend its job once the
// job was claimed again. An attempt that a crash cut short counts, an attempt
// that a shutdown interrupted does not.
//
// No callback can end the queue: a panic or [runtime.Goexit] of Handle is a
// failed attempt; of OnEvent, a delivery that is tried again; of Retryable or
// Backoff, a retry with the default delay; of OnSuccess or OnRetry, nothing. All
// of them are logged.
//
// # The end
//
// A queue ends in one of these ways. Jobs that wait always stay in the store.
//
//	            running handlers               new jobs     returns
//	ctx of Run  contexts end, Run waits        accepted     Run may be called again
//	Shutdown    finish; ctx ends the rest      ErrClosed    when they ended, or with ctx
//	Close       contexts end                   ErrClosed    when they ended
//	Abort       contexts end                   ErrClosed    at once
//
// The contexts of interrupted handlers end with a cause that matches
// [ErrShutdown]. A call of Enqueue that meets an end is refused, or its job is in
// the store before Shutdown or Close returns nil. If the store is in memory, they
// return a [*ShutdownError] that counts the jobs in it. [Queue.Wait] ends
// nothing: it waits for the queue to be empty. No callback may call Close, nor
// Shutdown with a context that does not end: they would wait for each other.
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

// Enqueue accepts a job that is due after the delay. It reports false when
// there is one of that key already, waiting, claimed or dead, which it leaves as
// it is. What was accepted is lost only with the store. The error is
// [ErrClosed], [ErrInvalidKey], that of ctx, or the store's.
//
// What becomes of a value that changes later is the store's rule: [Memory] keeps
// the value itself, a store in a file what was encoded here.
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

// Dead lists the dead letters by ID. An error ends the list; if ctx is done, it
// is the context's.
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

// Replay lets a dead letter wait again, with its key, due at once and with all
// its attempts. The error is [ErrUnknownJob] or the store's.
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

// Snooze is an error with which the handler of a [Queue] puts its job off: the
// job waits for d, and the attempt does not count. A negative d means none. It
// is found through wrapping. Elsewhere, in [Do] for example, it is an error like
// any other. After River's JobSnooze.
func Snooze(d time.Duration) error { return &snoozeError{max(d, 0)} }
