package retry

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Retries is one call under a [Policy] whose caller waits between the attempts
// itself, as in a select over the result, the time for it, the next attempt and the
// end of the service. [Policy.Start] makes it:
//
//	retries := policy.Start(ctx)
//	…
//	delay, err := retries.Next(failure) // of the attempt that just ended
//	if err != nil {
//		return err
//	}
//	again := channel.OnAfter(delay, …) // a case of the next select
//
// The caller also bounds the time of an attempt: [Options.Timeout] does not apply.
// Retries is for one goroutine at a time, and must not be copied after first use.
type Retries struct {
	_       noCopy
	loop    loop
	pending bool // a retry was granted, and has not ended
}

// Start begins a call of which the caller makes the attempts; see [Retries]. A nil p
// is the zero [Policy]. It does not allocate or look at ctx, which is the one that
// [Retries.Next] listens to.
func (p *Policy) Start(ctx context.Context) Retries {
	if p == nil {
		p = &zeroPolicy
	}
	noContext("Policy.Start", ctx)
	return Retries{loop: loop{ctx: ctx, p: p}}
}

// Next takes the error of an attempt. It returns how long to wait before the next
// one, or an [*Error] that says why there is none, as [Do] does. It does not wait.
// [Options.OnRetry] is called before it returns, and [Options.OnGiveUp] if there is
// none. It panics when err is nil, and for Retries that [Policy.Start] did not make.
func (r *Retries) Next(err error) (time.Duration, error) {
	r.made("Next")
	if err == nil {
		misuse("Retries.Next", "the attempt has no error: call Succeeded")
	}
	r.pending = false
	retry, e := r.loop.plan(err)
	if e != nil {
		return 0, e
	}
	over := false
	defer func() {
		if !over { // the hook panics or exits: there is no retry
			r.loop.refund()
		}
	}()
	if r.loop.p.o.OnRetry != nil {
		r.loop.p.o.OnRetry(r.loop.ctx, retry)
	}
	over, r.pending = true, true
	return retry.Delay, nil
}

// Succeeded says that an attempt succeeded: the [Budget] earns its share. If it was
// one before the retry that [Retries.Next] granted last, and that retry is not made,
// call [Retries.Cancel] too.
func (r *Retries) Succeeded() {
	r.made("Succeeded")
	r.loop.p.succeeded()
}

// Cancel says that the retry that [Retries.Next] granted last is not made, because a
// late answer came first or the service ends: the [Budget] gets it back. It does
// nothing if none was granted since the last Next or Cancel.
func (r *Retries) Cancel() {
	r.made("Cancel")
	if r.pending {
		r.pending = false
		r.loop.refund()
	}
}

// made panics if r is a zero one.
func (r *Retries) made(method string) {
	if r.loop.p == nil {
		misuse("Retries."+method, "the Retries was not made by Policy.Start")
	}
}

// String returns how many attempts have ended.
func (r *Retries) String() string { return fmt.Sprintf("Retries(attempts=%d)", r.loop.attempts) }

// GoString returns the same as String.
func (r *Retries) GoString() string { return r.String() }

// LogValue returns the same as String.
func (r *Retries) LogValue() slog.Value { return slog.StringValue(r.String()) }
