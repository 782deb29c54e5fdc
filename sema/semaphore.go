package sema

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/park"
)

// MaxPermits is the largest number of permits that a [Semaphore] can have.
const MaxPermits int64 = math.MaxInt64 >> 3

// A Semaphore has a number of permits, hands them out, and makes callers wait that
// ask for more than are free.
//
// Requests are served strictly in arrival order. A waiting request holds no permits.
// Later requests wait behind it, even if they are smaller, so that large requests do
// not starve. A canceled request leaves the free permits to the next one. A goroutine
// that waits is durably blocked in the sense of [testing/synctest].
//
// The zero value has no permits; see [Semaphore.Add]. A Semaphore must not be
// copied after first use. All methods are safe for concurrent use. Releasing a
// permit synchronizes before the return of the Acquire that it made possible.
//
// After tokio::sync::Semaphore. Unlike tokio's, a waiting request does not collect
// permits one by one: it is granted all of its permits in one step.
type Semaphore struct {
	_ noCopy

	// state is the number of free permits times permit, plus the bits. Invariant:
	// while semQueued is set, only the holder of the queue's lock takes permits,
	// and the request at the front wants more than are free, once that lock is free.
	state atomic.Int64
	queue park.Queue[int64] // the requests that wait; each wants a number of permits
}

// The bits of a semaphore's state, and masks of them.
const (
	semQueued  = 1 << iota // the queue is not empty; changed under its lock
	semClosed              // Close was called; never taken back
	semProxied             // the semaphore is part of a [proxy]; never taken back
	permit                 // one free permit

	inTakersWay = semQueued | semClosed | math.MinInt64 // negative: too many were released
)

// NewSemaphore returns a semaphore with n permits. It panics if n is negative
// or more than [MaxPermits].
func NewSemaphore(n int64) *Semaphore {
	s := new(Semaphore)
	s.add(n, "NewSemaphore")
	return s
}

// Acquire takes n permits. It waits until they are free and no earlier request waits,
// until ctx is done, or until the semaphore is closed. The error matches [context.Cause]
// or is [ErrClosed]. If n exceeds the number of permits there are, Acquire waits until
// Add raises it. It panics if n is negative or more than [MaxPermits].
//
// Cancellation: a canceled caller loses its place and owns nothing.
//
// Taking free permits is one compare-and-swap and does not allocate.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (s *Semaphore) Acquire(ctx context.Context, n int64) (Permit, error) {
	from, err := s.acquire(ctx, n)
	return Permit{&permits{from, n}}, err
}

// acquire returns where to release the permits, or nil with an error.
func (s *Semaphore) acquire(ctx context.Context, n int64) (*Semaphore, error) {
	if ctx == nil {
		operr.PanicNilContext("sema", "Semaphore.Acquire")
	}
	if ctx.Err() != nil || !s.take(n) {
		if err := s.acquireSlow(ctx, n); err != nil {
			return nil, err
		}
	}
	if class.On() {
		return s.tracked(2), nil
	}
	return s, nil
}

func (s *Semaphore) acquireSlow(ctx context.Context, n int64) error {
	const method = "Semaphore.Acquire"
	checkPermits(n, method)
	if ctx.Err() != nil {
		return interrupted(ctx, method)
	}
	w := s.join(n)
	if w == nil {
		return methodError(method, ErrClosed)
	}
	w.Wait(ctx.Done())
	switch got, ok := s.leave(w); {
	case !ok:
		return interrupted(ctx, method)
	case got == refused:
		return methodError(method, ErrClosed)
	default:
		return nil
	}
}

// join returns a waiter for n permits that is queued or was granted them, or nil if
// the semaphore is closed.
func (s *Semaphore) join(n int64) *park.Waiter[int64] {
	w := park.NewWaiter(n)
	s.queue.Lock()
	defer s.queue.Unlock()
	if s.state.Load()&semClosed != 0 {
		return nil
	}
	s.queue.PushBack(w)
	s.state.Or(semQueued)
	s.serve() // permits may have been released before the bit was set
	return w
}

// leave takes a waiter out of the queue that has stopped waiting. If the waiter is
// still in the queue, it reports false. Otherwise it returns what the waiter was
// granted: its permits, or refused.
func (s *Semaphore) leave(w *park.Waiter[int64]) (got int64, ok bool) {
	s.queue.Lock()
	defer s.queue.Unlock()
	if s.queue.Remove(w) {
		s.serve()
		return 0, false
	}
	return w.Want, true
}

// TryAcquire takes n permits if they are free and no goroutine waits. Otherwise
// the error is [ErrNoPermits], or [ErrClosed] if the semaphore is closed. It
// panics if n is negative or more than [MaxPermits].
//
//ferrous:acquire
//ferrous:fallible
func (s *Semaphore) TryAcquire(n int64) (Permit, error) {
	from, err := s.tryAcquire(n)
	return Permit{&permits{from, n}}, err
}

// tryAcquire returns where to release the permits, or nil with an error.
func (s *Semaphore) tryAcquire(n int64) (*Semaphore, error) {
	if !s.take(n) {
		return nil, s.refuse(n)
	}
	if class.On() {
		return s.tracked(2), nil
	}
	return s, nil
}

// refuse returns why TryAcquire has not taken n permits.
func (s *Semaphore) refuse(n int64) error {
	checkPermits(n, "Semaphore.TryAcquire")
	if s.IsClosed() {
		return errTryClosed
	}
	return errTryNoPermits
}

// What TryAcquire returns is made beforehand: a program that polls does not
// allocate.
var (
	errTryClosed    = methodError("Semaphore.TryAcquire", ErrClosed)
	errTryNoPermits = methodError("Semaphore.TryAcquire", ErrNoPermits)
)

// take takes n permits if they are free, no goroutine waits, and s is not closed.
func (s *Semaphore) take(n int64) bool {
	for {
		state := s.state.Load()
		if state&inTakersWay != 0 || uint64(n) > uint64(state)/permit { // a negative n is a large one
			return false
		}
		if s.state.CompareAndSwap(state, state-n*permit) {
			return true
		}
	}
}

// serve grants requests from the front of the queue for as long as their permits are
// free. The queue's lock is held. While the queue is not empty, semQueued keeps take
// from taking permits, so that the number of free ones can only grow meanwhile.
func (s *Semaphore) serve() {
	for w := s.queue.Front(); w != nil; w = s.queue.Front() {
		n := w.Want
		if s.state.Load()/permit < n {
			return
		}
		s.state.Add(-n * permit)
		s.queue.Grant(w)
	}
	s.state.And(^semQueued)
}

// Add adds n permits. It panics if n is negative or if more than [MaxPermits] would
// be free.
func (s *Semaphore) Add(n int64) { s.add(n, "Semaphore.Add") }

func (s *Semaphore) add(n int64, method string) {
	checkPermits(n, method)
	for {
		state := s.state.Load()
		if state/permit > MaxPermits-n {
			panic(tooMany(method, n))
		}
		if s.state.CompareAndSwap(state, state+n*permit) {
			break
		}
	}
	s.lockAndServe()
}

// release gives n permits back.
func (s *Semaphore) release(n int64) {
	if s.state.Add(n*permit)&(semQueued|semProxied|math.MinInt64) != 0 {
		s.releaseSlow(n)
	}
}

// releaseSlow passes n permits that were given back to a proxy on to its semaphore,
// serves the requests that wait, or takes the permits back and panics if more than
// MaxPermits would be free.
func (s *Semaphore) releaseSlow(n int64) {
	if p := s.proxy(); p != nil {
		p.token.End()
		p.of.release(n)
		return
	}
	if s.state.Load() < 0 {
		s.state.Add(-n * permit)
		panic(tooMany("Permit.Release", n))
	}
	s.lockAndServe()
}

func (s *Semaphore) lockAndServe() {
	s.queue.Lock()
	defer s.queue.Unlock()
	s.serve()
}

// Forget permanently removes up to n free permits and returns how many. It panics if
// n is negative.
func (s *Semaphore) Forget(n int64) int64 {
	checkPermits(min(n, MaxPermits), "Semaphore.Forget")
	s.queue.Lock()
	defer s.queue.Unlock()
	for {
		state := s.state.Load()
		removed := min(n, state/permit)
		if s.state.CompareAndSwap(state, state-removed*permit) {
			return removed
		}
	}
}

// Close makes all requests that wait, and all later ones, fail with [ErrClosed].
// Permits that are held stay valid and must still be released. Further calls have no
// effect.
func (s *Semaphore) Close() {
	s.queue.Lock()
	defer s.queue.Unlock()
	s.state.Or(semClosed)
	s.state.And(^semQueued)
	for w := s.queue.Front(); w != nil; w = s.queue.Front() {
		w.Want = refused
		s.queue.Grant(w)
	}
}

// refused is what Close sets the Want of a waiter to.
const refused = -1

// IsClosed reports whether Close was called.
func (s *Semaphore) IsClosed() bool { return s.state.Load()&semClosed != 0 }

// Available returns the number of free permits.
func (s *Semaphore) Available() int64 { return s.state.Load() / permit }

func tooMany(method string, n int64) error {
	return methodError(method, fmt.Errorf("%d permits more would be more than MaxPermits", n))
}

func checkPermits(n int64, method string) {
	if n < 0 || n > MaxPermits {
		panic(methodError(method, fmt.Errorf("%d permits, want 0 to MaxPermits", n)))
	}
}
