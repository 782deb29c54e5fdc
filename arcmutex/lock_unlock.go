package arcmutex

import "github.com/coderrange/ferrous/internal/lockdep"

// Ending a hold is one compare-and-swap if there are no waiters. Otherwise
// [lock.serve] ends the hold and grants the lock to the waiters at the front in the
// same compare-and-swap, under the queue's lock: the direct hand-off of the fair
// unlock of parking_lot and of the starvation mode of Go's sync.Mutex. A writer at
// the front that has lost fewer than [patience] times is only woken.
//
// If the woken bit is set, a writer is about to compete, and the goroutine that
// unlocks leaves the queue alone. sync.Mutex does the same.

// leave adds delta, which ends the hold of mode m or changes its mode, to the state,
// and serves the waiters. If the hold has ended already, leave does nothing and
// reports false.
func (h *hold) leave(m mode, delta uint64) bool { return h.lock.leave(m, h.key, delta) }

// leave is [hold.leave] for the hold of mode m with key k.
func (l *lock) leave(m mode, k, delta uint64) bool {
	for {
		s := l.state.Load()
		if !valid(m, k, s) || s&known != 0 || s&(queued|woken) == queued {
			return l.leaveSlow(m, k, delta)
		}
		if l.state.CompareAndSwap(s, settled(plus(s, delta))) {
			return true
		}
	}
}

func (l *lock) leaveSlow(m mode, k, delta uint64) bool {
	if p := l.proxy(); p != nil {
		return p.leave(m, k, delta)
	}
	var report *lockdep.Report
	l.queue.Lock()
	if s := l.state.Load(); s&known != 0 { // before the next hold begins
		k, report = l.left(m, k, s)
	}
	ok := l.serve(m, k, delta)
	l.queue.Unlock()
	checker.Tell(report)
	return ok
}

// settled returns s without the known bit if the lock is free in s.
func settled(s uint64) uint64 {
	if s&(held|upgradable|readers) == 0 {
		s &^= known
	}
	return s
}

// settle replaces the state by its settled form.
func (l *lock) settle() {
	for {
		s := l.state.Load()
		if next := settled(s); next == s || l.state.CompareAndSwap(s, next) {
			return
		}
	}
}

// makeWay serves the waiters that a departing reader blocked. s is the state after
// the reader has subtracted itself.
func (l *lock) makeWay(s uint64) {
	if s&(queued|woken) == queued {
		l.queue.Lock()
		defer l.queue.Unlock()
		l.serve(sharing, 0, 0)
	}
}

// serve is [lock.leave] under the queue's lock, which the caller holds. It grants
// the lock to all waiters at the front that the new state admits, or wakes a writer
// there. If delta is zero it ends no hold and only serves.
func (l *lock) serve(m mode, k, delta uint64) bool {
	for {
		s := l.state.Load()
		if delta != 0 && !valid(m, k, s) {
			return false
		}
		next := settled(plus(s, delta))
		front := l.queue.Front()
		grant, wake := false, false
		if front != nil && admits(front.Want.mode, next, fromWithin) {
			if front.Want.mode == exclusive && front.Want.losses < patience {
				if wake = next&woken == 0; wake {
					next |= woken
				}
			} else {
				grant = true
				next = plus(next, gains[front.Want.mode])
				if l.queue.Single() {
					next &^= queued
				}
			}
		}
		if !l.state.CompareAndSwap(s, next) {
			continue
		}
		delta = 0
		switch {
		case grant:
			l.queue.Grant(front) // then see whether the next waiter is admitted too
		case wake:
			front.Want.woken = true
			front.Wake()
			return true
		default:
			return true
		}
	}
}
