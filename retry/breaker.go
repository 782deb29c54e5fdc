package retry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// ErrOpen means that a [Breaker] refused the call. It comes as an [*OpenError].
var ErrOpen = errors.New("retry: breaker is open")

// OpenError says until when a [Breaker] refuses calls. A retry waits at least
// until then. It wraps [ErrOpen].
type OpenError struct {
	// Until is when the breaker lets the next call through. It is in the past if a
	// half-open breaker waits for its probes. It is zero after [Breaker.ForceOpen].
	Until time.Time
}

// Error returns the message.
func (e *OpenError) Error() string {
	if e.Until.IsZero() {
		return ErrOpen.Error() + " until it is reset"
	}
	return ErrOpen.Error() + " until " + e.Until.Format(time.RFC3339Nano)
}

// Unwrap returns [ErrOpen].
func (e *OpenError) Unwrap() error { return ErrOpen }

// over reports whether the time of the refusal has passed.
func (e *OpenError) over() bool { return time.Until(e.Until) <= 0 && !e.Until.IsZero() }

// BreakerState is the state of a [Breaker].
type BreakerState uint8

// The states of a [Breaker].
const (
	// BreakerClosed lets all calls through and counts failures.
	BreakerClosed BreakerState = iota
	// BreakerOpen refuses all calls until [OpenError.Until].
	BreakerOpen
	// BreakerHalfOpen lets a few calls through, the probes, and closes if they succeed.
	BreakerHalfOpen
)

// String returns closed, open or half-open.
func (s BreakerState) String() string {
	return nameOf("BreakerState", uint8(s), "closed", "open", "half-open")
}

// GoString returns the same as String.
func (s BreakerState) GoString() string { return s.String() }

// LogValue returns the same as String.
func (s BreakerState) LogValue() slog.Value { return slog.StringValue(s.String()) }

// BreakerOptions are the options of a [Breaker]. Each zero field has the default that
// its comment names. The zero BreakerOptions open the breaker after 5 failures in a row,
// for 5 s; then one probe that succeeds closes it.
type BreakerOptions struct {
	// Failures is how many of the last Window calls must fail to open the breaker.
	// Window is at least Failures and at most 32. If Failures is zero, it is 5. If
	// Window is zero, it is as large as Failures: that many failures in a row open
	// the breaker.
	Failures, Window int
	// Ratio, from 0 to 1, is the share of failures among the calls of the last
	// Period that opens the breaker, in place of Failures and Window. Zero means
	// that Failures and Window decide.
	Ratio float64
	// MinCalls is how many calls there must be in the Period before their Ratio
	// counts. Zero means 20.
	MinCalls int
	// Period is how long a call counts for the Ratio. It moves in tenths: calls of the
	// last 9 to 10 tenths count. Zero means 10 s.
	Period time.Duration
	// Probes is how many calls a half-open breaker lets through, and how many of
	// them must succeed to close it; the first failure opens it again. At most
	// 65,535; zero means 1.
	Probes int
	// ProbeTimeout is how long a half-open breaker waits for a probe. After that the
	// probe counts as failed: the next call opens the breaker again. ProbeTimeout
	// should be longer than the slowest successful call. Zero means a minute.
	ProbeTimeout time.Duration
	// OpenFor is how long the breaker stays open. Zero means 5 s.
	OpenFor time.Duration
	// Ignore reports whether an error is neither a failure nor a success. A call with
	// such an error does not count. Nil means that there are no such errors.
	Ignore func(error) bool
	// IsFailure reports whether one of the other errors is a failure; otherwise the
	// call counts as a success. Nil means that all are failures.
	IsFailure func(error) bool
	// OnChange is called after each change of state, on the goroutine that
	// caused it. It may call the breaker. The calls for changes that follow each
	// other closely on different goroutines may overlap.
	OnChange func(from, to BreakerState)
}

// Breaker is a circuit breaker: it refuses calls to a service that keeps failing, for
// a time.
//
// A call through a closed breaker without recent failures costs a few loads of one
// word; with a Ratio it reads the clock and locks a mutex. A refusal reads the clock
// and does not allocate. A call that began before the last change of state does not
// count when it ends.
//
// If Ignore, IsFailure or OnChange panics or exits its goroutine, the breaker stays
// usable: the call does not count, and a change of state that OnChange was called for
// remains.
//
// A Breaker must be made by [NewBreaker] and not be copied; it is safe for
// concurrent use.
//
// After "Release It!", Nygard, 2007. The ratio in a rolling window of ten buckets
// with a minimum of calls is that of Hystrix (metrics.rollingStats,
// circuitBreaker.requestVolumeThreshold), resilience4j (TIME_BASED,
// minimumNumberOfCalls) and gobreaker (BucketPeriod); Ignore is resilience4j's
// ignoreExceptions and gobreaker's IsExcluded; ProbeTimeout is resilience4j's
// maxWaitDurationInHalfOpenState, for each probe.
type Breaker struct {
	_ noCopy
	// word is two bits of state, plus one so that a zero Breaker has none; above
	// them 32 bits, of which a closed breaker keeps one a call, 1 for a failure;
	// above them the generation, which counts the changes of state. All but the
	// 32 bits changes with mu held.
	word    atomic.Uint64
	refusal atomic.Pointer[OpenError] // written before word says open
	o       BreakerOptions
	window  uint64 // as many ones as the window has calls
	closed  uint64 // a closed breaker's 32 bits before its first call

	mu     sync.Mutex
	probes []probe // of a half-open breaker, on their way; the oldest first
	serial uint32  // of the last probe
	passed int     // probes that succeeded
	recent buckets // of a closed breaker with a Ratio
}

// probe is a call that a half-open breaker let through.
type probe struct {
	serial uint32
	until  time.Time // when it counts as failed
}

const (
	breakerBits = 2
	windowBits  = 32
	genShift    = breakerBits + windowBits
	breakerMask = 1<<breakerBits - 1
	windowMask  = 1<<windowBits - 1
	closedWord  = uint64(BreakerClosed) + 1
	probeWord   = uint64(BreakerHalfOpen) + 1
	maxProbes   = 1<<16 - 1
)

// NewBreaker returns a closed breaker. It panics when a number of o is negative
// or beyond what its comment names, and when o has a Ratio beside Failures or
// Window, or a MinCalls or Period without a Ratio.
func NewBreaker(o BreakerOptions) *Breaker {
	switch {
	case !(o.Ratio >= 0 && o.Ratio <= 1):
		misuse("NewBreaker", "Ratio %v is not 0 to 1", o.Ratio)
	case o.Ratio > 0 && (o.Failures != 0 || o.Window != 0):
		misuse("NewBreaker", "Ratio %v beside Failures %d, Window %d", o.Ratio, o.Failures, o.Window)
	case o.Ratio == 0 && (o.MinCalls != 0 || o.Period != 0):
		misuse("NewBreaker", "MinCalls %d, Period %v without a Ratio", o.MinCalls, o.Period)
	case o.MinCalls < 0 || o.Period < 0:
		misuse("NewBreaker", "negative MinCalls %d or Period %v", o.MinCalls, o.Period)
	}
	if o.Failures == 0 {
		o.Failures = 5
	}
	if o.Window == 0 {
		o.Window = o.Failures
	}
	if o.MinCalls == 0 {
		o.MinCalls = 20
	}
	if o.Period == 0 {
		o.Period = 10 * time.Second
	}
	if o.Probes == 0 {
		o.Probes = 1
	}
	if o.ProbeTimeout == 0 {
		o.ProbeTimeout = time.Minute
	}
	if o.OpenFor == 0 {
		o.OpenFor = 5 * time.Second
	}
	switch {
	case o.Failures < 0 || o.Window < o.Failures || o.Window > windowBits:
		misuse("NewBreaker", "Failures %d, Window %d: not 1 ≤ Failures ≤ Window ≤ 32", o.Failures, o.Window)
	case o.Probes < 0 || o.Probes > maxProbes:
		misuse("NewBreaker", "Probes %d is not 1 to 65535", o.Probes)
	case o.ProbeTimeout < 0:
		misuse("NewBreaker", "negative ProbeTimeout %v", o.ProbeTimeout)
	case o.OpenFor < 0:
		misuse("NewBreaker", "negative OpenFor %v", o.OpenFor)
	}
	b := &Breaker{o: o, window: 1<<o.Window - 1}
	if o.Ratio > 0 {
		b.recent = newBuckets(o.Period)
		b.closed = 1 // so that every call takes the slow path
	}
	b.word.Store(b.closed<<breakerBits | closedWord)
	return b
}

// State returns the state. An open breaker becomes half-open with the first
// call after its time, not before.
func (b *Breaker) State() BreakerState {
	b.made("Breaker.State")
	return b.state()
}

// state is State for a breaker that was made by NewBreaker.
func (b *Breaker) state() BreakerState { return BreakerState(b.word.Load()&breakerMask) - 1 }

// made panics if the breaker is a zero one, of which the word is 0.
func (b *Breaker) made(where string) {
	if b.word.Load() == 0 {
		misuse(where, "the Breaker was not made by NewBreaker")
	}
}

// String returns the state.
func (b *Breaker) String() string {
	if b.word.Load() == 0 {
		return "Breaker(not made by NewBreaker)"
	}
	return fmt.Sprintf("Breaker(%v)", b.State())
}

// GoString returns the same as String.
func (b *Breaker) GoString() string { return b.String() }

// LogValue returns the state.
func (b *Breaker) LogValue() slog.Value { return slog.StringValue(b.String()) }

// Permit is the permission to make one call. It must end with [Permit.Done] or
// [Permit.Release]: a half-open breaker waits for its probes, up to
// [BreakerOptions.ProbeTimeout]. It must not be copied. If copies are ended, a
// half-open breaker counts one end, and a closed breaker counts each.
type Permit struct {
	_    noCopy
	b    *Breaker // nil once ended
	word uint64   // of the breaker when it was given, with the probe's serial
}

// String returns whether the permit is that of a probe, and whether it has ended.
func (p *Permit) String() string {
	switch {
	case p.b == nil:
		return "Permit(ended)"
	case p.word&breakerMask == probeWord:
		return "Permit(probe)"
	}
	return "Permit(call)"
}

// GoString returns the same as String.
func (p *Permit) GoString() string { return p.String() }

// LogValue returns the same as String.
func (p *Permit) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Acquire returns the permission to make a call, or an [*OpenError]. It does not wait.
//
//ferrous:acquire
//ferrous:fallible
func (b *Breaker) Acquire() (Permit, error) {
	word := b.word.Load()
	if word&breakerMask == closedWord {
		return Permit{b: b, word: word}, nil
	}
	return b.acquireSlow()
}

func (b *Breaker) acquireSlow() (Permit, error) {
	b.made("Breaker.Acquire")
	if b.state() == BreakerOpen { // a refusal takes no lock
		if refusal := b.refusal.Load(); !refusal.over() {
			return Permit{}, refusal
		}
	}
	b.mu.Lock()
	from := b.state()
	switch from {
	case BreakerClosed:
		word := b.word.Load()
		b.mu.Unlock()
		return Permit{b: b, word: word}, nil
	case BreakerOpen:
		if refusal := b.refusal.Load(); !refusal.over() {
			b.mu.Unlock()
			return Permit{}, refusal
		}
		b.become(BreakerHalfOpen)
	case BreakerHalfOpen:
		now := time.Now()
		switch {
		case len(b.probes) > 0 && !now.Before(b.probes[0].until):
			b.open(now.Add(b.o.OpenFor))
			refusal := b.refusal.Load()
			b.mu.Unlock()
			b.changed(BreakerHalfOpen, BreakerOpen)
			return Permit{}, refusal
		case len(b.probes)+b.passed >= b.o.Probes:
			refusal := b.refusal.Load()
			b.mu.Unlock()
			return Permit{}, refusal
		}
	}
	b.serial++
	b.probes = append(b.probes, probe{b.serial, time.Now().Add(b.o.ProbeTimeout)})
	word := b.word.Load() | uint64(b.serial)<<breakerBits
	b.mu.Unlock()
	if from == BreakerOpen {
		b.halfOpened(word)
	}
	return Permit{b: b, word: word}, nil
}

// halfOpened tells of the change to half-open, and takes back the probe of word
// if its caller does not get it.
func (b *Breaker) halfOpened(word uint64) {
	told := false
	defer func() {
		if !told {
			b.ended(word, unknown)
		}
	}()
	b.changed(BreakerOpen, BreakerHalfOpen)
	told = true
}

// Done ends the permit with the outcome of its call: err is nil for a success.
// It panics when the permit has ended.
func (p *Permit) Done(err error) {
	b := p.b
	if b == nil {
		misuse("Permit.Done", "the permit has ended, or was not acquired")
	}
	p.b = nil
	if err == nil && fresh(p.word) && b.word.Load() == p.word {
		return // closed, and nothing to forget
	}
	if !b.ended(p.word, b.classify(p.word, err)) {
		misuse("Permit.Done", "a copy of the permit has ended")
	}
}

// Release ends the permit without an outcome, as if there had been no call. It
// does nothing when the permit has ended.
//
//ferrous:release
func (p *Permit) Release() {
	if b := p.b; b != nil {
		p.b = nil
		b.ended(p.word, unknown)
	}
}

// result is what a call says about what it called.
type result uint8

const (
	unknown result = iota
	success
	failure
)

// classify asks the options what err means. If they do not come back to say it, the
// call of the permit ends without an outcome.
func (b *Breaker) classify(word uint64, err error) (v result) {
	if err == nil {
		return success
	}
	classified := false
	defer func() {
		if !classified {
			b.ended(word, unknown)
		}
	}()
	switch {
	case b.o.Ignore != nil && b.o.Ignore(err):
		v = unknown
	case b.o.IsFailure == nil || b.o.IsFailure(err):
		v = failure
	default:
		v = success
	}
	classified = true
	return v
}

// ended records the outcome of a call that was let through when the breaker's
// word was at. It returns false if that was a probe that has ended before.
func (b *Breaker) ended(at uint64, v result) bool {
	switch {
	case at&breakerMask == probeWord:
		return b.probeEnded(at, v)
	case v == unknown:
	case b.o.Ratio > 0:
		b.count(at, v)
	default:
		b.shift(at, v)
	}
	return true
}

// probeEnded records the outcome of a probe.
func (b *Breaker) probeEnded(at uint64, v result) bool {
	b.mu.Lock()
	if generation(b.word.Load()) != generation(at) {
		b.mu.Unlock()
		return true
	}
	serial := uint32(at >> breakerBits & windowMask)
	i := slices.IndexFunc(b.probes, func(p probe) bool { return p.serial == serial })
	if i < 0 {
		b.mu.Unlock()
		return false
	}
	b.probes = slices.Delete(b.probes, i, i+1)
	switch v {
	case unknown:
	case success:
		if b.passed++; b.passed == b.o.Probes {
			b.become(BreakerClosed)
		}
	case failure:
		b.open(time.Now().Add(b.o.OpenFor))
	}
	to := b.state()
	b.mu.Unlock()
	b.changed(BreakerHalfOpen, to)
	return true
}

// shift records the outcome of a call in the window of a closed breaker.
func (b *Breaker) shift(at uint64, v result) {
	for {
		word := b.word.Load()
		if generation(word) != generation(at) {
			return
		}
		calls := word >> breakerBits & windowMask << 1 & b.window
		if v == failure {
			calls |= 1
		}
		if bits.OnesCount64(calls) >= b.o.Failures {
			b.mu.Lock()
			b.trip(at)
			return
		}
		if b.word.CompareAndSwap(word, generation(word)<<genShift|calls<<breakerBits|closedWord) {
			return
		}
	}
}

// count records the outcome of a call among the recent ones of a closed breaker.
func (b *Breaker) count(at uint64, v result) {
	b.mu.Lock()
	if generation(b.word.Load()) == generation(at) {
		calls, failures := b.recent.add(time.Now(), v == failure)
		if calls >= b.o.MinCalls && float64(failures) >= b.o.Ratio*float64(calls) {
			b.trip(at)
			return
		}
	}
	b.mu.Unlock()
}

// trip opens the breaker unless it has changed its state since its word was at.
// It unlocks mu.
func (b *Breaker) trip(at uint64) {
	if generation(b.word.Load()) != generation(at) {
		b.mu.Unlock()
		return
	}
	b.open(time.Now().Add(b.o.OpenFor))
	b.mu.Unlock()
	b.changed(BreakerClosed, BreakerOpen)
}

// Open opens the breaker for [BreakerOptions.OpenFor], as failures do.
func (b *Breaker) Open() {
	b.made("Breaker.Open")
	b.set(BreakerOpen, time.Now().Add(b.o.OpenFor))
}

// ForceOpen opens the breaker until [Breaker.Reset] or [Breaker.Open]. It is
// resilience4j's FORCED_OPEN and Polly's Isolate.
func (b *Breaker) ForceOpen() {
	b.made("Breaker.ForceOpen")
	b.set(BreakerOpen, time.Time{})
}

// Reset closes the breaker and forgets all calls.
func (b *Breaker) Reset() {
	b.made("Breaker.Reset")
	b.set(BreakerClosed, time.Time{})
}

// set changes the state by hand. Calls that are on their way no longer count.
func (b *Breaker) set(to BreakerState, until time.Time) {
	b.mu.Lock()
	from := b.state()
	if to == BreakerOpen {
		b.open(until)
	} else {
		b.become(to)
	}
	b.mu.Unlock()
	b.changed(from, to)
}

// open opens the breaker, with mu held.
func (b *Breaker) open(until time.Time) {
	b.refusal.Store(&OpenError{Until: until})
	b.become(BreakerOpen)
}

// become begins a new generation in the state, with mu held.
func (b *Breaker) become(s BreakerState) {
	b.probes, b.serial, b.passed = b.probes[:0], 0, 0
	b.recent.reset()
	next := (generation(b.word.Load())+1)<<genShift | (uint64(s) + 1)
	if s == BreakerClosed {
		next |= b.closed << breakerBits
	}
	b.word.Store(next)
}

// changed tells of a change of state, if it is one, without mu.
func (b *Breaker) changed(from, to BreakerState) {
	if from != to && b.o.OnChange != nil {
		b.o.OnChange(from, to)
	}
}

// fresh reports whether a word is of a closed breaker with nothing to forget.
func fresh(word uint64) bool {
	return word&(windowMask<<breakerBits|breakerMask) == closedWord
}

func generation(word uint64) uint64 { return word >> genShift }

// Guarded returns an operation that calls op if b allows it. A call that panics, or that
// fails after its context was canceled, does not count; a call that fails at a deadline
// does. If the context is already done, op is not called, and b is not asked. If
// [BreakerOptions.OnChange] panics, the caller gets that panic instead of the result of
// op. Guarded panics when b or op is nil, or b was not made by [NewBreaker].
func Guarded[T any](b *Breaker, op Op[T]) Op[T] {
	b.guards("Guarded", op == nil)
	return func(ctx context.Context) (T, error) {
		noContext("Guarded", ctx)
		if ctx.Err() != nil {
			var zero T
			return zero, ctxerr.Of(ctx)
		}
		word := b.word.Load()
		if word&breakerMask != closedWord {
			return guardSlow(ctx, b, op)
		}
		v, err := op(ctx) // nothing is to be taken back if op panics
		if err != nil || !fresh(word) || b.word.Load() != word {
			permit := Permit{b: b, word: word}
			permit.settle(ctx, err)
		}
		return v, err
	}
}

// guards panics if the breaker cannot guard an operation.
func (b *Breaker) guards(where string, opIsNil bool) {
	if b == nil {
		misuse(where, "the Breaker is nil")
	}
	b.made(where)
	if opIsNil {
		nilOp(where)
	}
}

// guardSlow calls op if a breaker that is not closed allows it.
func guardSlow[T any](ctx context.Context, b *Breaker, op Op[T]) (T, error) {
	permit, err := b.Acquire()
	if err != nil {
		var zero T
		return zero, err
	}
	defer permit.Release()
	v, err := op(ctx)
	permit.settle(ctx, err)
	return v, err
}

// settle ends the permit of a guarded call.
func (p *Permit) settle(ctx context.Context, err error) {
	if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		p.Done(err)
	}
}

// GuardedErr is [Guarded] for an operation without a value.
func GuardedErr(b *Breaker, op func(context.Context) error) func(context.Context) error {
	b.guards("GuardedErr", op == nil)
	return withoutValue(Guarded(b, withValue(op)))
}
