package retry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	uatomic "go.uber.org/atomic"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// ErrLease is the cause with which the context of a handler ends when its lease ends.
// The Err of that context is [context.DeadlineExceeded]; the Err of contexts made from
// it is [context.Canceled].
var ErrLease = fmt.Errorf("retry: lease has ended: %w", context.DeadlineExceeded)

// errReclaimed is [ErrLease] if another queue has claimed the job.
var errReclaimed = fmt.Errorf("%w: %w", ErrLease, ErrStale)

// errExited is how a callback failed that called runtime.Goexit.
var errExited = errors.New("retry: callback exited its goroutine")

// maxReason bounds what [Job.Reason] says of one failure; it is written down
// with each change of the job. It has room for the stack of a panic.
const maxReason = 4 << 10

// Run handles jobs and delivers events until ctx is done or the queue is ended by
// [Queue.Shutdown], [Queue.Close] or [Queue.Abort]. It returns when all handlers have
// returned. When ctx is done, the contexts of the handlers end with a cause that
// matches [ErrShutdown]; a handler that succeeds all the same has succeeded, and a
// failure does not count as an attempt.
//
// Run returns nil, the error of the store that ended it, or [ErrClosed] if the queue
// had ended before. It panics when the queue is already running, and with a
// [*PanicError] as [QueueOptions.CrashOnPanic] says.
//
//ferrous:blocks
func (q *Queue[T]) Run(ctx context.Context) error {
	s, err := q.begin(ctx)
	if err != nil {
		return err
	}
	defer q.finish(s)
	defer context.AfterFunc(ctx, func() {
		s.stop(fmt.Errorf("%w: %w", ErrShutdown, ctxerr.Of(ctx)))
	})()
	if ctx.Err() == nil {
		var delivery sync.WaitGroup
		delivery.Go(s.deliver)
		// The store may panic or exit the goroutine, like any code of others.
		if err := await(func() error { s.dispatch(); return nil }).failure(); err != nil {
			s.fail(s.ctx, "claim", err)
		}
		s.work.Wait()
		close(s.settled)
		delivery.Wait()
	}
	if p := s.panic.Load(); p != nil {
		panic(p)
	}
	return s.err.Load()
}

// session is one Run of a queue. Two contexts end it in two steps.
type session[T any] struct {
	*Queue[T]
	taking      context.Context // while jobs are claimed
	drain       context.CancelCauseFunc
	ctx         context.Context // while handlers run; ends taking too
	stop        context.CancelCauseFunc
	silence     func()                     // ends the store's notifications, or nil
	work        sync.WaitGroup             // handlers and heartbeats
	freed       chan struct{}              // has a token for each worker that finished
	settled     chan struct{}              // closed when no handler is left
	over        atomic.Bool                // Run is about to return
	running     atomic.Int64               // handlers
	interrupted atomic.Int64               // handlers whose failure did not count
	panic       atomic.Pointer[PanicError] // the first, if it is to crash
	err         uatomic.Error              // the first of the store
}

func (q *Queue[T]) begin(ctx context.Context) (*session[T], error) {
	q.storeFor(ctx, "Run")
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.session != nil:
		misuse("Queue.Run", "already running")
	case q.closed():
		return nil, ErrClosed
	}
	s := &session[T]{
		Queue: q, freed: make(chan struct{}, q.o.Workers),
		settled: make(chan struct{}),
	}
	// What handlers see ends with ctx, but with a cause that says shutdown.
	s.ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	s.taking, s.drain = context.WithCancelCause(s.ctx)
	if n, ok := q.o.Store.(Notifier); ok {
		s.silence = n.Notify(q.added, q.event)
	}
	q.session = s
	return s, nil
}

func (q *Queue[T]) finish(s *session[T]) {
	s.stop(nil)
	if s.silence != nil {
		s.silence()
	}
	q.mu.Lock()
	q.session = nil
	q.mu.Unlock()
	s.over.Store(true)
	q.change()
}

// await calls f on a goroutine of its own, which f may exit, and returns how
// that ended.
func await(f func() error) outcome[struct{}] {
	done := make(chan outcome[struct{}], 1)
	go collect(context.Background(), func(context.Context) (struct{}, error) {
		return struct{}{}, f()
	}, func(o outcome[struct{}]) { done <- o })
	return <-done
}

// failure returns how a call failed: the error that it returned, a
// [*PanicError] or errExited; nil if it did not fail.
func (o outcome[T]) failure() error {
	switch {
	case o.panic != nil:
		return o.panic
	case o.exited:
		return errExited
	}
	return o.err
}

// dispatch claims jobs for free workers until the session takes no more.
func (s *session[T]) dispatch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	free := s.o.Workers
	for s.taking.Err() == nil {
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
			case <-s.taking.Done():
			}
			continue
		}
		now := time.Now()
		claims, err := s.o.Store.Claim(s.taking, ClaimRequest{Now: now, Until: now.Add(s.o.Lease), Max: free})
		if err != nil {
			s.fail(s.taking, "claim", err)
			return
		}
		if n := len(claims.Jobs); n > free {
			s.fail(s.ctx, "claim", fmt.Errorf("the store gave out %d jobs, %d were asked for", n, free))
			return
		}
		for i := range claims.Jobs {
			job := &claims.Jobs[i] // too large to be captured by value
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
		case <-s.taking.Done():
			return freed
		}
	}
}

// fail ends the session with a store's error, unless it is the end of ctx that
// made the store fail.
func (s *session[T]) fail(ctx context.Context, what string, err error) {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return
	}
	s.err.CompareAndSwap(nil, fmt.Errorf("retry: Queue.Run: %s: %w", what, err))
	s.stop(ErrShutdown)
}

// handle calls the handler and settles its claim.
func (s *session[T]) handle(job *Job[T]) {
	if r, over := s.settledBefore(job); over {
		defer s.free()
		s.release(job, r)
		return
	}
	ctx, end := s.lease(job)
	s.running.Add(1)
	collect(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.o.Handle(ctx, *job)
	}, func(o outcome[struct{}]) {
		end()
		s.running.Add(-1)
		if o.exited { // this goroutine ends here
			s.work.Go(func() { s.handled(job, o) })
			return
		}
		s.handled(job, o)
	})
}

// settledBefore reports whether a claimed job is not for the handler, and what
// becomes of it.
func (s *session[T]) settledBefore(job *Job[T]) (SettleRequest, bool) {
	switch {
	case s.taking.Err() != nil: // since the claim
		return SettleRequest{Verdict: VerdictUnclaim, Due: time.Now()}, true
	case job.Err != nil:
		return SettleRequest{Verdict: VerdictBury, Reason: reason(job.Err)}, true
	case job.Attempts > s.o.Policy.attempts():
		// The last claim that it was entitled to ended with a crash or its lease.
		why := ErrLease.Error()
		if job.Reason != "" {
			why += "; before: " + job.Reason
		}
		return SettleRequest{Verdict: VerdictBury, Reason: shorten(why)}, true
	}
	return SettleRequest{}, false
}

// handled settles the claim of a job whose handler has ended, and tells the
// hooks.
func (s *session[T]) handled(job *Job[T], o outcome[struct{}]) {
	defer s.free()
	if o.succeeded() { // no callback can harm what follows
		if s.release(job, SettleRequest{Verdict: VerdictDone}) && s.o.OnSuccess != nil {
			s.tell("OnSuccess", job, func() { s.o.OnSuccess(s.ctx, *job) })
		}
		return
	}
	defer s.crashed("Handle", job, o) // afterwards: it may end the session
	var r SettleRequest
	// Retryable, Backoff and the methods of the error are code of others.
	if decided := await(func() error { r = s.decide(job, o); return nil }); !decided.succeeded() {
		s.crashed("Policy", job, decided)
		r = s.decideDefault(job, o, decided)
	}
	if s.release(job, r) && r.Verdict == VerdictRetry && s.o.OnRetry != nil {
		retry := JobRetry[T]{Job: *job, Err: o.failure(), Delay: r.Delay, Due: r.Due}
		s.tell("OnRetry", job, func() { s.o.OnRetry(s.ctx, retry) })
	}
}

// decide returns what becomes of a job whose handler failed.
func (s *session[T]) decide(job *Job[T], o outcome[struct{}]) SettleRequest {
	err := o.failure()
	var snooze *snoozeError
	switch {
	case o.panic == nil && errors.As(err, &snooze):
		return SettleRequest{Verdict: VerdictUnclaim, Due: time.Now().Add(snooze.delay)}
	case s.ctx.Err() != nil:
		s.interrupted.Add(1)
		return SettleRequest{Verdict: VerdictUnclaim, Due: time.Now()}
	}
	var m marks
	m.read(err)
	if s.o.Policy.refused(err, m) || job.Attempts >= s.o.Policy.attempts() {
		return SettleRequest{Verdict: VerdictBury, Reason: reason(err)}
	}
	delay := s.o.Policy.delay(job.Attempts, job.Delay, m)
	return SettleRequest{Verdict: VerdictRetry, Reason: reason(err), Delay: delay, Due: time.Now().Add(delay)}
}

// decideDefault is for a job whose handler failed, and after it the policy: it is
// retried with the default delay, and both failures are kept.
func (s *session[T]) decideDefault(job *Job[T], handler, policy outcome[struct{}]) SettleRequest {
	r := SettleRequest{Verdict: VerdictBury, Reason: reason(policy.failure())}
	// An Error method that exits its goroutine has no text.
	_ = await(func() error {
		r.Reason = reason(handler.failure()) + "; then the policy failed: " + r.Reason
		return nil
	})
	if job.Attempts < s.o.Policy.attempts() {
		r.Verdict, r.Delay = VerdictRetry, s.defaultDelay(job.Attempts)
		r.Due = time.Now().Add(r.Delay)
	}
	return r
}

// reason returns what a store keeps of an error.
func reason(err error) string {
	text := fmt.Sprintf("%v", err)      // it survives an Error method that panics
	if p, ok := err.(*PanicError); ok { //nolint:errorlint // the handler's own panic
		text = fmt.Sprintf("panic: %v\n\n%s", p.Value, p.Stack)
	}
	return shorten(text)
}

// shorten bounds the reason for one failure.
func shorten(text string) string {
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}

// free tells that a worker is done with a job.
func (s *session[T]) free() {
	s.freed <- struct{}{}
	s.change()
}

// release settles the claim of a job, also when the session has ended. It
// reports whether the claim was still good. A store that panics or exits the
// goroutine ends the session.
func (s *session[T]) release(job *Job[T], r SettleRequest) (ok bool) {
	r.ID, r.Fence, r.Now = job.ID, job.Fence, time.Now()
	returned := false
	defer func() {
		if v := recover(); v != nil {
			s.fail(s.ctx, "settle", fmt.Errorf("panic: %v", v))
		} else if !returned {
			s.fail(s.ctx, "settle", errExited)
		}
	}()
	err := s.o.Store.Settle(context.WithoutCancel(s.ctx), r)
	returned = true
	switch {
	case errors.Is(err, ErrStale): // another claim decides
	case err != nil:
		s.fail(s.ctx, "settle", err)
	default:
		ok = true
		switch r.Verdict {
		case VerdictRetry, VerdictUnclaim:
			s.wake(s.added)
		case VerdictBury:
			s.wake(s.event)
		case VerdictDone:
		}
	}
	return ok
}

// tell calls a hook that is not asked for anything.
func (s *session[T]) tell(hook string, job *Job[T], f func()) {
	s.crashed(hook, job, await(func() error { f(); return nil }))
}

// crashed logs a panic or the exit of a callback, and ends the session if that
// is wanted. An error that the callback returned, even a [*PanicError], is none
// of its business.
func (s *session[T]) crashed(callback string, job *Job[T], o outcome[struct{}]) {
	if o.panic == nil && !o.exited {
		return
	}
	logger := s.o.Logger
	if logger == nil {
		logger = slog.Default()
	}
	_ = await(func() error { // the logger may panic too
		attrs := []slog.Attr{slog.String("callback", callback), slog.Any("job", *job)}
		if o.panic != nil {
			attrs = append(attrs, slog.String("panic", fmt.Sprint(o.panic.Value)), slog.String("stack", o.panic.Stack))
		}
		logger.LogAttrs(s.ctx, slog.LevelError, "retry: callback of a queue panicked or exited", attrs...)
		return nil
	})
	if o.panic != nil && s.o.CrashOnPanic {
		s.panic.CompareAndSwap(nil, o.panic)
		s.stop(ErrShutdown)
	}
}

// deliver hands events to OnEvent until the session ends; after a shutdown it
// makes one more attempt when all handlers have ended.
func (s *session[T]) deliver() {
	failures, previous := 0, time.Duration(0)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		err := s.deliverAll()
		event, again := s.event, (<-chan time.Time)(nil)
		if err == nil {
			failures, previous = 0, 0
		} else {
			failures++
			previous = s.deliveryDelay(failures, previous, err)
			timer.Reset(previous)
			event, again = nil, timer.C // later events wait too
		}
		select {
		case <-event:
		case <-again:
		case <-s.settled:
			_ = s.deliverAll()
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// deliveryDelay returns how long to wait after OnEvent failed.
func (s *session[T]) deliveryDelay(failures int, previous time.Duration, err error) (delay time.Duration) {
	o := await(func() error {
		var m marks
		m.read(err)
		delay = s.o.Policy.delay(failures, previous, m)
		return nil
	})
	if !o.succeeded() {
		s.crashed("Policy", &Job[T]{}, o)
		delay = s.defaultDelay(failures)
	}
	return delay
}

// defaultDelay is for a policy whose own functions fail.
func (s *session[T]) defaultDelay(failures int) time.Duration {
	return min(zeroPolicy.delay(failures, 0, marks{}), s.o.Policy.maxDelay())
}

// deliverAll delivers what events there are. It returns the error of OnEvent;
// one of the store ends the session.
func (s *session[T]) deliverAll() error {
	for {
		var page []Event[T]
		err := await(func() (err error) {
			page, err = s.o.Store.Events(s.ctx, PageRequest{Max: eventPage})
			return err
		}).failure()
		if err != nil {
			s.fail(s.ctx, "events", err)
			return nil
		}
		if len(page) == 0 {
			return nil
		}
		delivered, err := s.deliverPage(page)
		if delivered > 0 {
			seq := page[delivered-1].Seq
			if err := await(func() error { return s.o.Store.Trim(context.WithoutCancel(s.ctx), seq) }).failure(); err != nil {
				s.fail(s.ctx, "trim", err)
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
			o := await(func() error { return s.o.OnEvent(s.ctx, e) })
			s.crashed("OnEvent", &e.Job, o)
			err = o.failure()
		}
		if err != nil {
			return i, err
		}
	}
	return len(page), nil
}
