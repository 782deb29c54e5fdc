package sema

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/park"
)

// MaxPermits is the largest number of permits that a [Semaphore] can have.
const MaxPermits int64 = math.MaxInt64 >> 3

// A Semaphore hands out up to a number of permits and lets those wait who ask
// for more than there are.
//
// Waiters are served strictly in the order of their arrival: a request that
// waits takes nothing yet, and nobody passes it, however small his own request.
// So a large request is not starved. A cancelled one leaves everything to
// the next. Goroutines that wait are durably blocked in the sense of
// [testing/synctest].
//
// The zero value has no permits; see [Semaphore.Add]. A Semaphore must not be
// copied after first use. All methods are safe for concurrent use. Releasing a
// permit synchronizes before the return of the Acquire that it made possible.
//
// After tokio::sync::Semaphore.
type Semaphore struct {
	_ noCopy

	// state is the number of free permits times permit, and the bits.
	state atomic.Int64
	queue park.Queue[int64] // waiters want a number of permits
}

const (
	semQueued = 1 << iota // the queue is not empty; changed under its lock
	semClosed
	semProxied // the semaphore is a proxy's
	permit

	inTakersWay = semQueued | semClosed | math.MinInt64 // negative: too many were released
)

// NewSemaphore returns a semaphore with n permits. It panics if n is negative
// or more than [MaxPermits].
func NewSemaphore(n int64) *Semaphore {
	s := new(Semaphore)
	s.add(n, "NewSemaphore")
	return s
}

// Acquire waits until n permits are free and it is the caller's turn, or until
// ctx is done or the semaphore closed. The error wraps [context.Cause] or is
// [ErrClosed]. A request for more than there will ever be waits until Add.
// It panics if n is negative or more than [MaxPermits].
//
// Acquiring free permits is one compare-and-swap and does not allocate.
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
	switch got, ok := s.settle(w); {
	case !ok:
		return interrupted(ctx, method)
	case got == refused:
		return methodError(method, ErrClosed)
	default:
		return nil
	}
}

// join returns a waiter for n permits that is queued or has been served, or nil if
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
	s.serve() // what was released before the bit was set
	return w
}

// settle takes a waiter out of the queue. It reports false if it was still there,
// and returns what it was served with if not.
func (s *Semaphore) settle(w *park.Waiter[int64]) (got int64, ok bool) {
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

// take takes n permits if nothing is in the way.
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

// serve gives the free permits to those at the front. The queue's lock is held,
// so that nobody else takes any once somebody waits.
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

// Add makes n permits more. It panics if n is negative or there would be more
// than [MaxPermits] free.
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

// releaseSlow serves those who wait for the n permits given back, or takes them
// back if there are too many.
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

// Forget takes up to n free permits away for good, and returns how many. It
// panics if n is negative.
func (s *Semaphore) Forget(n int64) int64 {
	checkPermits(min(n, MaxPermits), "Semaphore.Forget")
	s.queue.Lock()
	defer s.queue.Unlock()
	for {
		state := s.state.Load()
		gone := min(n, state/permit)
		if s.state.CompareAndSwap(state, state-gone*permit) {
			return gone
		}
	}
}

// Close wakes everybody who waits; they, and every Acquire after it, get
// [ErrClosed]. Permits that are held stay good. Further Closes have no effect.
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

// refused is what a waiter wants after its semaphore was closed.
const refused = -1

// IsClosed reports whether Close was called.
func (s *Semaphore) IsClosed() bool { return s.state.Load()&semClosed != 0 }

// Available returns the number of free permits.
func (s *Semaphore) Available() int64 { return s.state.Load() / permit }

// String returns the number of free permits.
func (s *Semaphore) String() string {
	if s.IsClosed() {
		return fmt.Sprintf("Semaphore(%d closed)", s.Available())
	}
	return fmt.Sprintf("Semaphore(%d)", s.Available())
}

func tooMany(method string, n int64) error {
	return fmt.Errorf("sema: %s: %d permits more would be more than MaxPermits", method, n)
}

func checkPermits(n int64, method string) {
	if n < 0 || n > MaxPermits {
		panic(fmt.Errorf("sema: %s: %d permits, want 0 to MaxPermits", method, n))
	}
}
