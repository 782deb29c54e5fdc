package retry

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// ExtendLease makes the lease of a job last until d from now. A lease that lasts longer
// is not changed. ctx is the context that the handler of a [Queue] got for the job, or
// one made from it.
//
// Use it for a job that takes longer than most; use [QueueOptions.Heartbeat] if any job
// may. The handler's context ends with the new lease, and its Deadline moves with it. A
// deadline that is not the lease's does not move: that of [Options.Timeout], or of a
// context that was made from the handler's.
//
// The error is that of ctx if the lease or the handler has ended; [ErrStale] if another
// queue has claimed the job, and then ctx has ended, too; or the store's, and then the
// lease is as before. ExtendLease panics when d is not positive or ctx is not that of a
// handler. After Amazon SQS's ChangeMessageVisibility.
//
//ferrous:blocks
func ExtendLease(ctx context.Context, d time.Duration) error {
	noContext("ExtendLease", ctx)
	l, ok := ctx.Value(claimKey{}).(*claim)
	switch {
	case !ok:
		misuse("ExtendLease", "the context is not that of a queue's handler")
	case d <= 0:
		misuse("ExtendLease", "%v is not positive", d)
	}
	for _, c := range [...]context.Context{ctx, l.handler} {
		if c.Err() != nil {
			return ctxerr.Of(c)
		}
	}
	return l.extend(ctx, d)
}

// claim is a job's claim while its handler runs.
type claim struct {
	ctx       context.Context         // ends with the lease, the handler and the session
	cancel    context.CancelCauseFunc // of ctx
	handler   context.Context         // made from ctx
	id, fence uint64
	store     func(context.Context, ExtendRequest) error // the store's Extend
	expiry    *time.Timer                                // cancels at until
	turn      chan struct{}                              // has a token while an extension is going on

	mu    sync.Mutex
	until time.Time // when the lease ends, as far as the store has answered
}

type claimKey struct{}

// leaseContext is the context of a handler. The methods that it does not have are
// those of a context that ends with the lease, the policy's timeout and the session.
type leaseContext struct {
	context.Context
	claim *claim
	beats bool // so that the lease has no end to speak of
}

// Deadline returns when the context ends as things are now.
func (c *leaseContext) Deadline() (time.Time, bool) {
	deadline, ok := c.Context.Deadline()
	if until := c.claim.end(); !c.beats && (!ok || until.Before(deadline)) {
		return until, true
	}
	return deadline, ok
}

// Err is [context.DeadlineExceeded] when the lease has ended.
func (c *leaseContext) Err() error {
	err := c.Context.Err()
	if err != nil && errors.Is(context.Cause(c.Context), ErrLease) {
		return context.DeadlineExceeded
	}
	return err
}

// Value finds the lease.
func (c *leaseContext) Value(key any) any {
	if key == (claimKey{}) {
		return c.claim
	}
	return c.Context.Value(key)
}

// lease returns the context of a handler, and what to call after it.
func (s *session[T]) lease(job *Job[T]) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	l := &claim{
		ctx: ctx, cancel: cancel, id: job.ID, fence: job.Fence, store: s.o.Store.Extend,
		turn: make(chan struct{}, 1), until: job.Due,
	}
	l.expiry = time.AfterFunc(time.Until(job.Due), func() { cancel(ErrLease) })
	stop := func() {}
	if timeout := s.o.Policy.o.Timeout; timeout > 0 {
		ctx, stop = context.WithTimeoutCause(ctx, timeout, ErrTimeout)
	}
	l.handler = &leaseContext{ctx, l, s.o.Heartbeat > 0}
	if s.o.Heartbeat > 0 {
		s.work.Go(func() { s.beat(l) })
	}
	return l.handler, func() {
		stop()
		l.expiry.Stop()
		cancel(nil)
	}
}

// beat extends the lease of a job until its context ends. The expiry ends the
// context if an extension comes too late.
func (s *session[T]) beat(l *claim) {
	ticker := time.NewTicker(s.o.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-l.ctx.Done():
			return
		}
		err := await(func() error { return l.extend(l.ctx, s.o.Lease) }).failure()
		switch {
		case l.ctx.Err() != nil:
			return
		case err != nil:
			s.fail(l.ctx, "extend", err)
			return
		}
	}
}

// end returns when the lease ends.
func (l *claim) end() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// extend moves the end of the lease to d from now, if that is later. Extensions
// take turns, so that none undoes another.
func (l *claim) extend(ctx context.Context, d time.Duration) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctxerr.Of(ctx)
	}
	defer func() { <-l.turn }()
	now := time.Now()
	r := ExtendRequest{ID: l.id, Fence: l.fence, Until: now.Add(d), Now: now}
	if !r.Until.After(l.end()) {
		return nil
	}
	switch err := l.store(ctx, r); {
	case l.ctx.Err() != nil: // too late
		return ctxerr.Of(l.handler)
	case errors.Is(err, ErrStale):
		l.cancel(errReclaimed)
		return ctxerr.Of(l.handler)
	case err != nil:
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = r.Until
	l.expiry.Reset(time.Until(r.Until))
	return nil
}
