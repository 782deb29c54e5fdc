package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// A Rate allows events at a rate, with bursts: a bucket that holds Burst events, is full
// at first, and is filled again by Events in each Per. In any stretch of time, it allows
// at most Burst events and those that the rate allows in that time.
//
// Allow and AllowN do not wait. Reserve takes events that are allowed later and says
// when. Wait and WaitN wait until then. Reservations are served in the order in which
// they are made, since each one begins where the one before ended: no goroutine that
// waits can be overtaken, so none starves. While there are reservations for later, Allow
// refuses.
//
// The whole state is one atomic word. A call reads the clock and makes one
// compare-and-swap, and allocates nothing if it neither waits nor reserves.
//
// A Rate must be made by [NewRate] and not be copied. It is safe for concurrent use. It
// can be made outside a [testing/synctest] bubble and used inside: it begins again, full,
// when it meets a clock that is behind the one it was made with.
//
// The algorithm is the generic cell rate algorithm (GCRA) of the ATM Forum and ITU-T
// I.371, as in the governor crate. It allows exactly what a token bucket does.
type Rate struct {
	_      noCopy
	bucket atomic.Pointer[bucket]
	mu     sync.Mutex // held while the bucket is replaced
}

// A bucket is a quota with its state. It does not change, apart from the word, which
// becomes frozen when another bucket is about to take its place.
type bucket struct {
	quota
	base time.Time // what times in units count from
	_    [64]byte  // keeps the word out of the cache line of what all goroutines read
	word atomic.Int64
	_    [56]byte
}

// NewRate returns a full bucket. It panics if the options are out of range.
func NewRate(o RateOptions) *Rate {
	r := new(Rate)
	r.bucket.Store(&bucket{quota: quotaOf(o, "NewRate"), base: time.Now()})
	return r
}

// Allow reports whether an event may happen now, and takes it from the bucket if so.
func (r *Rate) Allow() bool {
	b := r.bucket.Load()
	if b != nil {
		if now := int64(time.Since(b.base)); uint64(now) <= uint64(b.maxTime) {
			why, ok := take(&b.word, now*b.mul>>b.shift, b.interval, b.depth)
			if ok || why != frozen {
				return ok
			}
		}
	}
	_, _, ok := r.take("Rate.Allow", 1, func(*quota) int64 { return 0 })
	return ok
}

// AllowN reports whether n events may happen now, and takes them from the bucket if so.
// It takes all of them or none. More than Burst are never allowed, and none always are.
// It panics if n is negative.
func (r *Rate) AllowN(n int) bool {
	const method = "Rate.AllowN"
	checkEvents(n, method)
	_, _, ok := r.take(method, n, func(*quota) int64 { return 0 })
	return ok
}

// take takes n events that are allowed at most so many units from now. It returns the
// bucket that it took them from, when that will be full, and the time now. A bucket
// that was replaced meanwhile is left for its successor.
func (r *Rate) take(method string, n int, ahead func(q *quota) int64) (b *bucket, t taken, ok bool) {
	for {
		b, t.now = r.current(method)
		if n > b.options.Burst {
			return b, t, false
		}
		if t.cost = b.cost(n); n == 0 {
			t.full = t.now
			return b, t, true
		}
		t.full, ok = take(&b.word, t.now, t.cost, b.depth+ahead(&b.quota))
		if ok || t.full != frozen {
			return b, t, ok
		}
	}
}

// taken are events that were taken from a bucket, in its units.
type taken struct{ now, cost, full int64 }

// delay returns how long after t.now the events are allowed.
func (t taken) delay(q *quota) time.Duration { return q.duration(t.full - q.depth - t.now) }

// current returns a bucket that is not frozen and the time in its units. It makes a new
// bucket if the time does not fit.
func (r *Rate) current(method string) (b *bucket, now int64) {
	for {
		b = r.bucket.Load()
		if b == nil {
			panic(methodError(method, errNotMade))
		}
		since := time.Since(b.base)
		fits := since >= 0 && int64(since) <= b.maxTime
		if fits && b.word.Load() != frozen {
			return b, b.units(since)
		}
		r.mu.Lock() // waits for a Set
		if !fits && r.bucket.Load() == b {
			r.replace(b.quota)
		}
		r.mu.Unlock()
	}
}

// replace makes a bucket with the quota that allows as many events now as the present
// one. The lock is held.
func (r *Rate) replace(q quota) {
	old := r.bucket.Load()
	next := &bucket{quota: q, base: time.Now()}
	full := old.word.Swap(frozen)
	since := next.base.Sub(old.base)
	if since >= 0 { // otherwise another clock counts
		now := old.units(min(since, time.Duration(old.maxTime)))
		left := old.depth - max(full-now, 0) // negative if events are reserved for later
		var debt int64
		if left >= 0 {
			debt = q.depth - int64(mulDiv(uint64(left), uint64(q.interval), uint64(old.interval), false))
		} else {
			debt = q.depth + int64(min(mulDiv(uint64(-left), uint64(q.interval), uint64(old.interval), true), maxAhead))
		}
		next.word.Store(max(debt, 0))
	}
	r.bucket.Store(next)
}

// Set changes the rate and the burst. The bucket keeps the events that it has, up to the
// new burst. Reservations keep their times, and can no longer be canceled with effect.
// It panics if the options are out of range.
func (r *Rate) Set(o RateOptions) {
	const method = "Rate.Set"
	q := quotaOf(o, method)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bucket.Load() == nil {
		panic(methodError(method, errNotMade))
	}
	r.replace(q)
}

// Options returns the rate and the burst, with defaults filled in.
func (r *Rate) Options() RateOptions {
	b, _ := r.current("Rate.Options")
	return b.options
}

// Available returns how many events are allowed at the moment.
func (r *Rate) Available() int {
	b, now := r.current("Rate.Available")
	return b.available(b.word.Load(), now)
}

// Delay returns how long it takes until n events are allowed, if none are taken
// meanwhile: zero if they are allowed now. It takes none. If n is more than Burst, the
// error is [ErrNever]. It panics if n is negative.
func (r *Rate) Delay(n int) (time.Duration, error) {
	const method = "Rate.Delay"
	checkEvents(n, method)
	b, now := r.current(method)
	if n > b.options.Burst {
		return 0, methodError(method, ErrNever)
	}
	return b.until(b.word.Load(), now, n), nil
}

// Wait waits until an event is allowed or ctx is done. See [Rate.WaitN].
//
//ferrous:blocks
func (r *Rate) Wait(ctx context.Context) error { return r.wait(ctx, 1, "Rate.Wait") }

// WaitN takes n events and waits until they are allowed, or until ctx is done. If they
// will be allowed only after the deadline of ctx, WaitN does not wait and takes nothing:
// the error matches [context.DeadlineExceeded]. If n is more than Burst, the error is
// [ErrNever]. Otherwise it matches [context.Cause]. It panics if n is negative.
//
// Goroutines are served in the order of their calls.
//
// Cancellation: a canceled caller has taken nothing if no other has taken events since.
// Otherwise its events are lost, since those that wait behind it have their times
// already.
//
//ferrous:blocks
func (r *Rate) WaitN(ctx context.Context, n int) error { return r.wait(ctx, n, "Rate.WaitN") }

func (r *Rate) wait(ctx context.Context, n int, method string) error {
	done := isDone(ctx, method)
	checkEvents(n, method)
	if done {
		return interrupted(ctx, method)
	}
	deadline, bounded := ctx.Deadline()
	b, t, ok := r.take(method, n, func(q *quota) int64 { return aheadOf(q, deadline, bounded) })
	switch {
	case ok:
		return sleep(ctx, &b.word, t, t.delay(&b.quota), method)
	case n <= b.options.Burst && bounded:
		return methodError(method, ctxerr.Early(ctx))
	default:
		return methodError(method, ErrNever)
	}
}

// aheadOf returns how many units ahead events may be allowed that are waited for.
func aheadOf(q *quota, deadline time.Time, bounded bool) int64 {
	if !bounded {
		return maxAhead
	}
	return q.ahead(time.Until(deadline))
}

// sleep waits until events are allowed that were taken from the word. If ctx is done
// before, it gives them back.
func sleep(ctx context.Context, word *atomic.Int64, t taken, d time.Duration, method string) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		word.CompareAndSwap(t.full, t.full-t.cost)
		return interrupted(ctx, method)
	}
}

// Reserve takes n events, which are allowed after [Reservation.Delay]. If n is more than
// Burst, or if they are allowed only after years, the error is [ErrNever]. It panics if n
// is negative. It allocates the Reservation.
func (r *Rate) Reserve(n int) (*Reservation, error) {
	const method = "Rate.Reserve"
	checkEvents(n, method)
	b, t, ok := r.take(method, n, func(*quota) int64 { return maxAhead })
	if !ok {
		return nil, methodError(method, ErrNever)
	}
	return &Reservation{word: &b.word, taken: t, events: n, at: b.base.Add(b.duration(t.full - b.depth))}, nil
}

// A Reservation is a number of events that are allowed at a time to come. Its methods are
// safe for concurrent use. The zero Reservation has no events and is over.
type Reservation struct {
	_ noCopy
	taken
	word     *atomic.Int64
	events   int
	at       time.Time
	canceled atomic.Bool
}

// Len returns the number of events.
func (v *Reservation) Len() int { return v.events }

// At returns when the events are allowed. That is in the past if they were allowed at
// once.
func (v *Reservation) At() time.Time { return v.at }

// Delay returns how long it takes until the events are allowed, and zero if they are.
func (v *Reservation) Delay() time.Duration { return max(time.Until(v.at), 0) }

// Cancel says that the events will not happen. It reports whether they went back into the
// bucket, which they do if no other events were taken since: those would otherwise come
// closer together than the rate allows. Further calls have no effect and return false.
func (v *Reservation) Cancel() bool {
	return v.word != nil && v.canceled.CompareAndSwap(false, true) &&
		v.cost > 0 && v.word.CompareAndSwap(v.full, v.full-v.cost)
}

// checkEvents panics in the name of the method if n is negative.
func checkEvents(n int, method string) {
	if n < 0 {
		panic(methodError(method, fmt.Errorf("%d events", n)))
	}
}
