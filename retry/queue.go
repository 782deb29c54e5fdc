package retry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// ErrLease is the cause with which the context of a handler ends when the lease
// of its claim does.
var ErrLease = fmt.Errorf("retry: lease is over: %w", context.DeadlineExceeded)

var errExited = errors.New("callback exited its goroutine")

// QueueOptions says what a [Queue] is like.
type QueueOptions[T any] struct {
	// Store keeps the jobs. It stays the caller's to close.
	Store Store[T]
	// Handle does a job's work. It may run twice for one job, even at once when
	// it goes on beyond its lease: it should pass the job's Key or Fence on.
	Handle func(context.Context, Job[T]) error
	// Policy says when to try again and when to bury the job. Its Attempts,
	// Backoff, MaxDelay, Retryable and Seed apply. Nil is the zero [Policy].
	Policy *Policy
	// Workers is how many jobs are handled at once. Zero means 16.
	Workers int
	// Lease is how long a claim lasts: the handler's context ends with it, and
	// after a crash the job is claimed again then. Zero means a minute.
	Lease time.Duration
	// OnEvent is told of each event, in order and at least once: again when it
	// failed, or when the process ended before its success was written down.
	// Nil means that nobody wants to know.
	OnEvent func(context.Context, Event[T]) error
}

// Queue retries work later: a job that was accepted is handled until its
// handler succeeds, or it becomes a dead letter. It must be made by [NewQueue]
// and not be copied; it is safe for concurrent use.
//
// Each attempt is at least once: the claim of a job has a lease and a fence. A
// claim that outlived its lease can no longer settle its job once that was
// claimed again. An attempt that a crash cut short counts, one that
// a shutdown interrupted does not.
type Queue[T any] struct {
	_       noCopy
	o       QueueOptions[T]
	running atomic.Bool
	added   chan struct{} // has a token when there may be something to claim
	event   chan struct{} // has a token when there may be an event
}

const eventPage = 256

// NewQueue returns a queue. It panics when o has no Store or Handle, or a
// negative number.
func NewQueue[T any](o QueueOptions[T]) *Queue[T] {
	switch {
	case o.Store == nil:
		misuse("NewQueue", "Store is nil")
	case o.Handle == nil:
		misuse("NewQueue", "Handle is nil")
	case o.Workers < 0 || o.Lease < 0:
		misuse("NewQueue", "negative Workers %d or Lease %v", o.Workers, o.Lease)
	}
	if o.Policy == nil {
		o.Policy = &zeroPolicy
	}
	if o.Workers == 0 {
		o.Workers = 16
	}
	if o.Lease == 0 {
		o.Lease = time.Minute
	}
	return &Queue[T]{o: o, added: make(chan struct{}, 1), event: make(chan struct{}, 1)}
}

// Enqueue accepts a job that is due after the delay. It reports false when
// there is one of that key already, waiting, claimed or dead, which it leaves as
// it is. What was accepted is lost only with the store.
func (q *Queue[T]) Enqueue(ctx context.Context, key string, value T, delay time.Duration) (added bool, err error) {
	now := time.Now()
	due := now.Add(max(delay, 0))
	added, err = q.o.Store.Enqueue(ctx, EnqueueRequest[T]{Key: key, Value: value, Due: due, Now: now})
	if added {
		signal(q.added)
	}
	return added, err
}

// Dead lists the dead letters by ID. An error ends the list.
func (q *Queue[T]) Dead(ctx context.Context) iter.Seq2[Job[T], error] {
	return func(yield func(Job[T], error) bool) {
		r := PageRequest{Max: eventPage}
		for {
			page, err := q.o.Store.Dead(ctx, r)
			if err != nil {
				yield(Job[T]{}, err)
				return
			}
			for _, job := range page {
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
	err := q.o.Store.Replay(ctx, ReplayRequest{ID: id, Now: time.Now()})
	if err == nil {
		signal(q.added)
		signal(q.event)
	}
	return err
}

// Discard removes a dead letter. The error is [ErrUnknownJob] or the store's.
func (q *Queue[T]) Discard(ctx context.Context, id uint64) error {
	err := q.o.Store.Discard(ctx, DiscardRequest{ID: id, Now: time.Now()})
	if err == nil {
		signal(q.event)
	}
	return err
}

// Stats counts jobs and events.
func (q *Queue[T]) Stats(ctx context.Context) (Stats, error) { return q.o.Store.Stats(ctx) }

// String returns the bounds of the queue.
func (q *Queue[T]) String() string {
	return fmt.Sprintf("Queue(workers=%d lease=%v running=%v)", q.o.Workers, q.o.Lease, q.running.Load())
}

// GoString returns the same as String.
func (q *Queue[T]) GoString() string { return q.String() }

// LogValue returns the bounds of the queue.
func (q *Queue[T]) LogValue() slog.Value { return slog.StringValue(q.String()) }

// Run handles jobs and delivers events until ctx is done, and then waits for
// the handlers, whose contexts end with the cause [ErrShutdown]: a success is
// still a success, a failure does not count as an attempt.
//
// It returns nil, or the store's error that ended it. A panic of a handler
// counts as a failed attempt, ends Run like a shutdown, and goes on in Run's
// caller as a [*PanicError]. Run panics when the queue is already running.
//
//ferrous:blocks
func (q *Queue[T]) Run(ctx context.Context) error {
	if !q.running.CompareAndSwap(false, true) {
		misuse("Queue.Run", "already running")
	}
	defer q.running.Store(false)
	s := session[T]{Queue: q, freed: make(chan struct{}, q.o.Workers)}
	// What handlers see ends with ctx, but with a cause that says shutdown.
	s.ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	defer s.stop(nil)
	defer context.AfterFunc(ctx, func() {
		s.stop(fmt.Errorf("%w: %w", ErrShutdown, context.Cause(ctx)))
	})()
	if ctx.Err() == nil {
		s.work.Go(s.deliver)
		s.dispatch()
	}
	s.work.Wait()
	if p := s.panic.Load(); p != nil {
		panic(p)
	}
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

// signal leaves a token in c unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// session is one Run of a queue.
type session[T any] struct {
	*Queue[T]
	ctx   context.Context // the session's own
	stop  context.CancelCauseFunc
	work  sync.WaitGroup
	freed chan struct{}              // has a token for each worker that finished
	panic atomic.Pointer[PanicError] // the first of a handler
	err   atomic.Pointer[error]      // the first of the store
}

// dispatch claims jobs for free workers until the session ends.
func (s *session[T]) dispatch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	free := s.o.Workers
	for s.ctx.Err() == nil {
		for more := true; more && free < s.o.Workers; {
			select {
			case <-s.freed:
				free++
			default:
				more = false
			}
		}
		if free == 0 {
			select {
			case <-s.freed:
				free++
			case <-s.ctx.Done():
			}
			continue
		}
		now := time.Now()
		claims, err := s.o.Store.Claim(s.ctx, ClaimRequest{Now: now, Until: now.Add(s.o.Lease), Max: free})
		if err != nil {
			s.fail("claim", err)
			return
		}
		for _, job := range claims.Jobs {
			s.work.Go(func() { s.handle(job) })
		}
		full := len(claims.Jobs) == free
		free -= len(claims.Jobs)
		if full {
			continue
		}
		var due <-chan time.Time
		if !claims.Next.IsZero() {
			timer.Reset(time.Until(claims.Next))
			due = timer.C
		}
		free += s.idle(due)
	}
}

// idle waits until there may be something to claim, and returns how many
// workers became free meanwhile.
func (s *session[T]) idle(due <-chan time.Time) (freed int) {
	for {
		select {
		case <-s.freed:
			freed++
		case <-due:
			return freed
		case <-s.added:
			return freed
		case <-s.ctx.Done():
			return freed
		}
	}
}

// fail ends the session with a store's error, unless it is the session's end
// that made the store fail.
func (s *session[T]) fail(what string, err error) {
	if s.ctx.Err() != nil && errors.Is(err, context.Cause(s.ctx)) {
		return
	}
	err = fmt.Errorf("retry: Queue.Run: %s: %w", what, err)
	s.err.CompareAndSwap(nil, &err)
	s.stop(ErrShutdown)
}

// handle calls the handler and settles its claim.
func (s *session[T]) handle(job Job[T]) {
	defer func() { s.freed <- struct{}{} }()
	if job.Attempts > s.o.Policy.attempts() {
		// The last claim that it was entitled to ended with a crash or its lease.
		reason := ErrLease.Error()
		if job.Reason != "" {
			reason += "; before: " + job.Reason
		}
		s.settle(job, SettleRequest{Verdict: Bury, Reason: reason})
		return
	}
	ctx, cancel := context.WithDeadlineCause(s.ctx, job.Due, ErrLease)
	defer cancel()
	collect(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.o.Handle(ctx, job)
	}, func(o outcome[struct{}]) {
		switch {
		case o.panic != nil:
			s.settle(job, s.judge(job, fmt.Errorf("panic: %v", o.panic.Value)))
			_ = s.panicked(o.panic)
		case o.exited:
			s.settle(job, s.judge(job, errExited))
		default:
			s.settle(job, s.judge(job, o.err))
		}
	})
}

// judge decides what becomes of a job whose handler returned err.
func (s *session[T]) judge(job Job[T], err error) SettleRequest {
	switch {
	case err == nil:
		return SettleRequest{Verdict: Done}
	case s.ctx.Err() != nil:
		return SettleRequest{Verdict: Unclaim}
	}
	var m marks
	m.read(err)
	reason := fmt.Sprintf("%v", err)
	if s.o.Policy.refused(err, m) || job.Attempts >= s.o.Policy.attempts() {
		return SettleRequest{Verdict: Bury, Reason: reason}
	}
	delay := s.o.Policy.delay(job.Attempts, 0, m)
	return SettleRequest{Verdict: Again, Reason: reason, Due: time.Now().Add(delay)}
}

// settle ends the claim of a job, also when the session has ended.
func (s *session[T]) settle(job Job[T], r SettleRequest) {
	r.ID, r.Fence, r.Now = job.ID, job.Fence, time.Now()
	err := s.o.Store.Settle(context.WithoutCancel(s.ctx), r)
	switch {
	case errors.Is(err, ErrStale): // another claim decides
	case err != nil:
		s.fail("settle", err)
	case r.Verdict == Again:
		signal(s.added)
	case r.Verdict == Bury:
		signal(s.event)
	}
}

// deliver hands events to OnEvent until the session ends.
func (s *session[T]) deliver() {
	failures := 0
	for {
		err := s.deliverAll()
		if s.ctx.Err() != nil {
			return
		}
		if err == nil {
			failures = 0
			select {
			case <-s.event:
			case <-s.ctx.Done():
				return
			}
			continue
		}
		failures++
		var m marks
		m.read(err)
		timer := time.NewTimer(s.o.Policy.delay(failures, 0, m))
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// deliverAll delivers what events there are. It returns the error of OnEvent;
// one of the store ends the session.
func (s *session[T]) deliverAll() error {
	for {
		page, err := s.o.Store.Events(s.ctx, PageRequest{Max: eventPage})
		if err != nil {
			s.fail("events", err)
			return nil
		}
		if len(page) == 0 {
			return nil
		}
		delivered, err := s.deliverPage(page)
		if delivered > 0 {
			if err := s.o.Store.Trim(context.WithoutCancel(s.ctx), page[delivered-1].Seq); err != nil {
				s.fail("trim", err)
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// deliverPage returns how many events were delivered, and why not all.
func (s *session[T]) deliverPage(page []Event[T]) (int, error) {
	if s.o.OnEvent == nil {
		return len(page), nil
	}
	for i, e := range page {
		err := s.ctx.Err()
		if err == nil {
			err = s.deliverOne(e)
		}
		if err != nil {
			return i, err
		}
	}
	return len(page), nil
}

func (s *session[T]) deliverOne(e Event[T]) (err error) {
	collect(s.ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.o.OnEvent(ctx, e)
	}, func(o outcome[struct{}]) {
		switch err = o.err; {
		case o.panic != nil:
			err = s.panicked(o.panic)
		case o.exited:
			err = errExited
		}
	})
	return err
}

// panicked ends the session with a panic of a callback.
func (s *session[T]) panicked(p *PanicError) error {
	s.panic.CompareAndSwap(nil, p)
	s.stop(ErrShutdown)
	return p
}
