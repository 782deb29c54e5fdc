package arcmutex

import (
	"context"
	"runtime"

	"github.com/coderrange/ferrous/internal/lockdep"
	"github.com/coderrange/ferrous/internal/park"
)

// Acquiring a lock takes these steps:
//
//	acquire
//	  wait               check ctx; report the wait to the checker
//	    await            try, yield, try again: [yields] times
//	      join           take the lock, or join the queue; both under the queue's lock
//	      Wait, resume   repeat until the lock was handed over or won, or ctx is done
//	  enter              check for poison, make the hold
//
// A woken writer competes with new writers, as in the normal mode of Go's
// sync.Mutex. It counts its losses; [lock.serve] hands the lock over after
// [patience] of them. See [lock] for the sources.

// tryAcquire is [lock.acquire] without waiting. It reports whether it acquired the
// lock.
func (l *lock) tryAcquire(m mode, method string) (h hold, ok bool, err error) {
	if !l.try(m) {
		return hold{l, none}, false, nil
	}
	h, err = l.enter(m, method)
	return h, err == nil, err
}

// acquire takes the lock in mode m. It returns an error, and has not taken the
// lock, if ctx is done, the lock is poisoned, or the value was taken.
func (l *lock) acquire(ctx context.Context, m mode, method string) (hold, error) {
	if err := l.wait(ctx, m, method); err != nil {
		return hold{l, none}, err
	}
	return l.enter(m, method)
}

// enter returns the hold of a lock that was just taken. If the lock is poisoned or
// its value was taken, enter ends the hold and returns an error.
func (l *lock) enter(m mode, method string) (hold, error) {
	h, refused := l.opened(m, method, 4) // skip enter, acquire, lockSlow and Lock
	if refused != nil {
		h.leave(m, losses[m])
		return hold{l, none}, methodError(method, refused)
	}
	return h, nil
}

// opened returns the hold of a lock that was just taken, and the error if the lock
// is poisoned or its value was taken. The stack recorded for the hold leaves out
// skip frames above opened.
func (l *lock) opened(m mode, method string, skip int) (h hold, refused error) {
	s := l.state.Load()
	h = hold{l, key(m, s)}
	if watching.Load() != 0 {
		h.key = l.taken(m, h.key, method)
		h.lock = l.tracked(m, h.key, method, skip+1)
	}
	return h, l.refusal(s)
}

// wait waits until it has taken the lock in mode m or ctx is done. It returns an
// error in the second case.
func (l *lock) wait(ctx context.Context, m mode, method string) error {
	if isDone(ctx, method) {
		return interrupted(ctx, method)
	}
	if checker.On() { // here and not in await, which uses little stack
		checker.Want(l.dep(method), lockdep.Mode(m))
	}
	if !l.await(ctx, m) {
		return interrupted(ctx, method)
	}
	return nil
}

// await waits until it has taken the lock in mode m, and returns true, or until ctx
// is done, and returns false. It uses little stack, with or without the checker, so
// that the stacks of thousands of waiters do not grow.
func (l *lock) await(ctx context.Context, m mode) (ok bool) {
	for range yields {
		if l.try(m) {
			return true
		}
		runtime.Gosched()
	}
	w, ok := l.join(m)
	if ok {
		return true
	}
	var p *parked // nil if the checker is off
	if checker.On() {
		p = l.park(w)
	}
	for woken := true; woken && !ok; {
		woken = w.Wait(ctx.Done())
		if p == nil || !woken || !p.rung.Load() || p.look() {
			ok = l.resume(w, woken)
		}
	}
	if p != nil {
		p.end()
	}
	return ok
}

// join takes the lock in mode m, and reports true, or returns a waiter that it has
// put into the queue.
func (l *lock) join(m mode) (w *park.Waiter[request], ok bool) {
	w = park.NewWaiter(request{mode: m})
	l.queue.Lock()
	defer l.queue.Unlock()
	for {
		s := l.state.Load()
		ok = admits(m, s, newcomer)
		next := s | queued
		if ok {
			next = plus(s, gains[m])
		}
		if !l.state.CompareAndSwap(s, next) {
			continue
		}
		switch {
		case ok:
		case m == upgraded: // first, because the other waiters wait for its hold
			l.queue.PushFront(w)
		default:
			l.queue.PushBack(w)
		}
		return w, ok
	}
}

// resume continues a waiter after it was woken, or canceled if woken is false, and
// reports whether the waiter has the lock. A canceled waiter that does not have the
// lock is no longer in the queue. If the waiter leaves or loses, resume serves the
// queue, so that a wake-up is not lost.
func (l *lock) resume(w *park.Waiter[request], woken bool) bool {
	l.queue.Lock()
	defer l.queue.Unlock()
	switch {
	case !w.Queued():
		return true // the lock was handed to it
	case !woken:
		l.queue.Remove(w)
		l.calm(w)
	case l.compete(w):
		return true
	}
	l.serve(sharing, 0, 0)
	return false
}

// calm clears the state bits that w had set and that no longer apply: woken if w
// owned it, and queued if the queue is empty. The queue's lock is held.
func (l *lock) calm(w *park.Waiter[request]) {
	var clear uint64
	if w.Want.woken {
		w.Want.woken = false
		clear = woken
	}
	if l.queue.Front() == nil {
		clear |= queued
	}
	l.state.And(^clear)
}

// compete takes the lock for w, which was woken, and reports true, or counts a loss.
// The queue's lock is held.
func (l *lock) compete(w *park.Waiter[request]) bool {
	for {
		s := l.state.Load()
		if !admits(w.Want.mode, s, fromWithin) {
			w.Want.losses++
			l.calm(w)
			return false
		}
		if l.state.CompareAndSwap(s, plus(s, gains[w.Want.mode])) {
			l.queue.Remove(w)
			l.calm(w)
			return true
		}
	}
}
