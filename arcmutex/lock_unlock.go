package arcmutex

import "github.com/coderrange/ferrous/internal/lockdep"

// leave ends, or changes by delta, the hold of mode m, and serves those who wait.
// It reports false, and has done nothing, if the hold has ended.
func (h *hold) leave(m mode, delta uint64) bool { return h.lock.leave(m, h.key, delta) }

// leave ends, or changes by delta, the hold of mode m with key k, and serves
// those who wait. It reports false, and has done nothing, if there is no such
// hold.
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
	if s := l.state.Load(); s&known != 0 { // before the next one comes
		k, report = l.left(m, k, s)
	}
	ok := l.serve(m, k, delta)
	l.queue.Unlock()
	checker.Tell(report)
	return ok
}

// settled returns s without what no longer applies when nobody holds the lock.
func settled(s uint64) uint64 {
	if s&(held|upgradable|readers) == 0 {
		s &^= known
	}
	return s
}

// settle is settled of the state.
func (l *lock) settle() {
	for {
		s := l.state.Load()
		if next := settled(s); next == s || l.state.CompareAndSwap(s, next) {
			return
		}
	}
}

// makeWay serves those whom a reader has kept out who has gone by an addition,
// which has made the state s.
func (l *lock) makeWay(s uint64) {
	if s&(queued|woken) == queued {
		l.queue.Lock()
		defer l.queue.Unlock()
		l.serve(sharing, 0, 0)
	}
}

// serve is leave under the queue's lock. If delta is zero it only serves.
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
			l.queue.Grant(front) // and see whether the next may come too
		case wake:
			front.Want.woken = true
			front.Wake()
			return true
		default:
			return true
		}
	}
}
