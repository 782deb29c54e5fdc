package arcmutex

import (
	"context"
	"runtime"

	"github.com/coderrange/ferrous/internal/lockdep"
	"github.com/coderrange/ferrous/internal/park"
)

// tryAcquire is [lock.acquire] without waiting. It reports whether it has the
// lock.
func (l *lock) tryAcquire(m mode, method string) (h hold, ok bool, err error) {
	if !l.try(m) {
		return hold{l, none}, false, nil
	}
	h, err = l.enter(m, method)
	return h, err == nil, err
}

// acquire takes the lock in mode m, or returns the error of ctx, or that of a
// lock that lends its value to nobody, without having taken it.
func (l *lock) acquire(ctx context.Context, m mode, method string) (hold, error) {
	if err := l.wait(ctx, m, method); err != nil {
		return hold{l, none}, err
	}
	return l.enter(m, method)
}

// enter returns the hold of a lock that was just taken, unless it lends its
// value to nobody.
func (l *lock) enter(m mode, method string) (hold, error) {
	h, refused := l.opened(m, method, 4) // opened by enter, acquire and lockSlow, for Lock
	if refused != nil {
		h.leave(m, losses[m])
		return hold{l, none}, methodError(method, refused)
	}
	return h, nil
}

// opened returns the hold of a lock that was just taken, and why the value may
// not be used, if so. A method takes it, skip frames above opened.
func (l *lock) opened(m mode, method string, skip int) (h hold, refused error) {
	s := l.state.Load()
	h = hold{l, key(m, s)}
	if watching.Load() != 0 {
		h.key = l.taken(m, h.key, method)
		h.lock = l.tracked(m, h.key, method, skip+1)
	}
	return h, l.refusal(s)
}

// wait waits until the lock was taken in mode m or ctx is done.
func (l *lock) wait(ctx context.Context, m mode, method string) error {
	if isDone(ctx, method) {
		return interrupted(ctx, method)
	}
	if checker.On() { // here, where the stack is less deep than in await
		checker.Want(l.dep(method), lockdep.Mode(m))
	}
	if !l.await(ctx, m) {
		return interrupted(ctx, method)
	}
	return nil
}

// await waits until the lock was taken in mode m, and reports true, or ctx is done.
// It needs little of the stack, checked or not, so that those of thousands of
// waiters do not grow.
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
	var p *parked // nil unless the checker looks on
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

// join takes the lock in mode m or returns a waiter that is queued for it.
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
		case m == upgraded: // who holds a share others wait for
			l.queue.PushFront(w)
		default:
			l.queue.PushBack(w)
		}
		return w, ok
	}
}

// resume goes on with a waiter that was woken or, if not, canceled, and
// reports whether it has the lock. A waiter that was canceled has left the
// queue if it has not.
func (l *lock) resume(w *park.Waiter[request], woken bool) bool {
	l.queue.Lock()
	defer l.queue.Unlock()
	switch {
	case !w.Queued():
		return true // it was handed the lock
	case !woken:
		l.queue.Remove(w)
		l.calm(w)
	case l.compete(w):
		return true
	}
	l.serve(sharing, 0, 0)
	return false
}

// calm takes back the bits that w does not stand for any more. The queue's
// lock is held.
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

// compete takes the lock for w, which was woken, or counts a loss. The queue's
// lock is held.
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
