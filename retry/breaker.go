package retry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// ErrOpen says that a [Breaker] refused the call. It is always wrapped in an
// [*OpenError].
var ErrOpen = errors.New("retry: breaker is open")

// OpenError says until when a [Breaker] refuses calls, for which a retry waits
// as for [After]. It wraps [ErrOpen].
type OpenError struct {
	Until time.Time
}

// Error returns the message.
func (e *OpenError) Error() string {
	return ErrOpen.Error() + " until " + e.Until.Format(time.RFC3339Nano)
}

// Unwrap returns [ErrOpen].
func (e *OpenError) Unwrap() error { return ErrOpen }

// BreakerState is the state of a [Breaker].
type BreakerState uint8

// The states of a [Breaker].
const (
	// Closed lets all calls through and watches how they end.
	Closed BreakerState = iota
	// Open refuses all calls until its time is over.
	Open
	// HalfOpen lets a few calls through, to see whether it can close.
	HalfOpen
)

// String returns closed, open or half-open.
func (s BreakerState) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// BreakerOptions says what a [Breaker] is like.
type BreakerOptions struct {
	// Failures among the last Window calls, 1 to 32, open the breaker. Zero
	// means 5 failures, and a window of as many calls as Failures: 5 in a row.
	Failures, Window int
	// Probes is how many calls a half-open breaker lets through, and how many of
	// them must succeed to close it; the first failure opens it again. At most
	// 65,535; zero means 1.
	Probes int
	// OpenFor is how long it stays open. Zero means 5 s.
	OpenFor time.Duration
	// IsFailure says which errors count. Nil means all.
	IsFailure func(error) bool
	// OnChange is called after each change of state, on the goroutine that
	// caused it.
	OnChange func(from, to BreakerState)
}

// Breaker refuses calls to what keeps failing, for a while.
//
// A call that finds it closed, after a window without failures, costs a few
// loads of one word. A refusal reads the clock and does not allocate. How a
// call ends that was let through before the breaker last changed its state no
// longer counts. A Breaker must be made by [NewBreaker] and not be copied; it
// is safe for concurrent use.
//
// After "Release It!", Nygard, 2007.
type Breaker struct {
	_ noCopy
	// word is the whole state but the time: two bits of state; above them 32
	// bits, of which a closed breaker keeps one a call, 1 for a failure, and a
	// half-open one 16 for its probes in flight and 16 for those that succeeded;
	// above them the generation, which counts the changes of state.
	word    atomic.Uint64
	refusal atomic.Pointer[OpenError] // written before word says open
	opening sync.Mutex                // guards the change to open
	o       BreakerOptions
	window  uint64 // as many ones as the window has calls
}

const (
	breakerBits  = 2
	windowBits   = 32
	genShift     = breakerBits + windowBits
	flightOne    = 1 << breakerBits
	passedOne    = 1 << (breakerBits + 16)
	breakerMask  = 1<<breakerBits - 1
	windowMask   = 1<<windowBits - 1
	halfBitsMask = 1<<16 - 1
)

// NewBreaker returns a closed breaker. It panics when a number of o is negative
// or beyond what its comment names.
func NewBreaker(o BreakerOptions) *Breaker {
	if o.Failures == 0 {
		o.Failures = 5
	}
	if o.Window == 0 {
		o.Window = o.Failures
	}
	if o.Probes == 0 {
		o.Probes = 1
	}
	if o.OpenFor == 0 {
		o.OpenFor = 5 * time.Second
	}
	switch {
	case o.Failures < 0 || o.Window < o.Failures || o.Window > windowBits:
		misuse("NewBreaker", "Failures %d, Window %d: not 1 ≤ Failures ≤ Window ≤ 32", o.Failures, o.Window)
	case o.Probes < 0 || o.Probes > halfBitsMask:
		misuse("NewBreaker", "Probes %d is not 1 to 65535", o.Probes)
	case o.OpenFor < 0:
		misuse("NewBreaker", "negative OpenFor %v", o.OpenFor)
	}
	return &Breaker{o: o, window: 1<<o.Window - 1}
}

// State returns the state. An open breaker becomes half-open with the first
// call after its time, not before.
func (b *Breaker) State() BreakerState { return BreakerState(b.word.Load() & breakerMask) }

// String returns the state.
func (b *Breaker) String() string { return fmt.Sprintf("Breaker(%v)", b.State()) }

// GoString returns the same as String.
func (b *Breaker) GoString() string { return b.String() }

// LogValue returns the state.
func (b *Breaker) LogValue() slog.Value { return slog.StringValue(b.String()) }

// Permit is the leave to make one call. It must end with [Permit.Done] or
// [Permit.Release]: a half-open breaker waits for that of each of its probes.
type Permit struct {
	b    *Breaker // nil once ended
	word uint64   // of the breaker when it was given
}

// Acquire returns the leave to make a call, or an [*OpenError].
//
//ferrous:acquire
func (b *Breaker) Acquire() (Permit, error) {
	word := b.word.Load()
	if word&breakerMask == uint64(Closed) {
		return Permit{b, word}, nil
	}
	return b.acquireSlow()
}

func (b *Breaker) acquireSlow() (Permit, error) {
	for {
		word := b.word.Load()
		next := word + flightOne
		state := BreakerState(word & breakerMask)
		switch state {
		case Closed:
			return Permit{b, word}, nil
		case Open:
			refusal := b.refusal.Load()
			if time.Until(refusal.Until) > 0 {
				return Permit{}, refusal
			}
			next = generation(word)<<genShift | flightOne | uint64(HalfOpen)
		case HalfOpen:
			if flight(word)+passed(word) >= b.o.Probes {
				return Permit{}, b.refusal.Load()
			}
		}
		if b.word.CompareAndSwap(word, next) {
			b.changed(state, HalfOpen)
			return Permit{b, next}, nil
		}
	}
}

// Done ends the permit with the outcome of its call: err is nil for a success.
// It panics when the permit has ended.
func (p *Permit) Done(err error) {
	b := p.b
	if b == nil {
		misuse("Permit.Done", "already ended")
	}
	p.b = nil
	failed := err != nil && (b.o.IsFailure == nil || b.o.IsFailure(err))
	if !failed && p.word&(windowMask<<breakerBits|breakerMask) == 0 && b.word.Load() == p.word {
		return // closed, and nothing to forget
	}
	b.ended(p.word, failed)
}

// Release ends the permit without an outcome, as if there had been no call. It
// does nothing when the permit has ended.
//
//ferrous:release
func (p *Permit) Release() {
	b := p.b
	if b == nil {
		return
	}
	p.b = nil
	for {
		word := b.word.Load()
		if generation(word) != generation(p.word) || word&breakerMask != uint64(HalfOpen) ||
			b.word.CompareAndSwap(word, word-flightOne) {
			return
		}
	}
}

// ended records the outcome of a call that was let through when the breaker's
// word was at.
func (b *Breaker) ended(at uint64, failed bool) {
	for {
		word := b.word.Load()
		if generation(word) != generation(at) {
			return
		}
		next := word
		state := BreakerState(word & breakerMask)
		switch state {
		case Open: // of the same generation: no permit is given
			return
		case Closed:
			calls := word >> breakerBits & windowMask << 1 & b.window
			if failed {
				calls |= 1
			}
			if bits.OnesCount64(calls) >= b.o.Failures {
				b.open(word)
				return
			}
			next = generation(word)<<genShift | calls<<breakerBits
		case HalfOpen:
			if failed {
				b.open(word)
				return
			}
			next += passedOne - flightOne
			if passed(next) >= b.o.Probes {
				next = (generation(word) + 1) << genShift
			}
		}
		if b.word.CompareAndSwap(word, next) {
			b.changed(state, BreakerState(next&breakerMask))
			return
		}
	}
}

// open opens the breaker, unless it has changed its state since its word was at.
func (b *Breaker) open(at uint64) {
	b.opening.Lock()
	for {
		word := b.word.Load()
		if generation(word) != generation(at) || word&breakerMask != at&breakerMask {
			b.opening.Unlock()
			return
		}
		b.refusal.Store(&OpenError{Until: time.Now().Add(b.o.OpenFor)})
		if b.word.CompareAndSwap(word, (generation(word)+1)<<genShift|uint64(Open)) {
			b.opening.Unlock()
			b.changed(BreakerState(at&breakerMask), Open)
			return
		}
	}
}

func (b *Breaker) changed(from, to BreakerState) {
	if from != to && b.o.OnChange != nil {
		b.o.OnChange(from, to)
	}
}

func generation(word uint64) uint64 { return word >> genShift }
func flight(word uint64) int        { return int(word >> breakerBits & halfBitsMask) }
func passed(word uint64) int        { return int(word >> (breakerBits + 16) & halfBitsMask) }

// Guarded returns an op that calls op if b allows it. A call that panics or
// whose context was cancelled has no outcome; one whose context ended at a
// deadline or timeout has.
func Guarded[T any](b *Breaker, op Op[T]) Op[T] {
	return func(ctx context.Context) (T, error) {
		permit, err := b.Acquire()
		if err != nil {
			var zero T
			return zero, err
		}
		defer permit.Release()
		v, err := op(ctx)
		if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
			permit.Done(err)
		}
		return v, err
	}
}
