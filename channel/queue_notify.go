package channel

import (
	"context"
	"sync/atomic"
)

// notifier wakes the blocked goroutines of one side of a queue, one after the
// other. The algorithm is ours.
//
// There is at most one token. It is in flight from the moment notified is set until
// the waiter that received it clears notified, after that waiter has tried its
// operation. A notification that is sent in between has no effect. So the waiter
// that clears the flag checks the state again and notifies the next waiter if there
// is more to do. A burst of messages therefore costs one wake-up, and a token that
// a canceled waiter leaves behind wakes the next waiter.
//
// No wake-up is lost: a waiter counts itself, checks the state and then blocks; the
// other side changes the state and then reads the count. One of the two sees what
// the other did. Both steps are sequentially consistent atomic operations.
type notifier struct {
	waiting  atomic.Int64 // waiters that block or are about to, plus readyUnit for each place in ready
	notified atomic.Bool
	token    atomic.Pointer[chan struct{}] // one slot, made when first needed
	ready    atomic.Pointer[notifierReady] // made when first needed
}

// readyUnit is what a place in ready adds to waiting.
const readyUnit = 1 << 32

// notifierReady is the queue of handles on which goroutines wait for Ready.
type notifierReady struct {
	readyLine

	// available returns how many messages or slots there are, or that the channel has
	// ended, so that no operation waits any more.
	available func() (n int, ended bool)
}

// notify wakes one waiter, if there is any.
func (b *notifier) notify() {
	if b.waiting.Load() != 0 {
		b.notifySlow()
	}
}

func (b *notifier) notifySlow() {
	waiting := b.waiting.Load()
	others := waiting % readyUnit
	if waiting != others && b.notifyReady(b.ready.Load(), int(others)) {
		return
	}
	if !b.notified.Load() && others > 0 && b.notified.CompareAndSwap(false, true) {
		tokenOf(&b.token) <- struct{}{}
		b.retract(b.waiting.Load())
	}
}

// retract takes back the token if only goroutines that wait for Ready are left, and
// offers them what there is. If no goroutine is left, the token stays for the next
// waiter.
func (b *notifier) retract(waiting int64) {
	if waiting == 0 || waiting%readyUnit != 0 {
		return
	}
	select {
	case <-tokenOf(&b.token):
		b.notified.Store(false)
		b.notifySlow()
	default:
	}
}

// notifyReady offers what is available to the goroutines that wait for Ready. They
// compete with others waiters for the token. It reports whether nothing is left for
// these others.
func (b *notifier) notifyReady(r *notifierReady, others int) bool {
	n, ended := r.available()
	if ended {
		b.waiting.Add(-int64(r.openAll()) * readyUnit)
		return false
	}
	rivals := others
	if b.notified.Load() {
		rivals = 0 // one of them has the token already
	}
	woken := false
	for n > 0 && r.any() {
		taken, opened := r.offer(rivals)
		b.waiting.Add(-int64(opened) * readyUnit)
		if !taken {
			break
		}
		woken = true
		n--
	}
	if woken && (others > 0 || r.any()) {
		r.wait()
	}
	return n == 0
}

// wait blocks until the token arrives, unless ready reports true before. If notified
// is true and the error nil, the caller tries its operation and then calls forward.
func (b *notifier) wait(ctx context.Context, ready func() bool) (notified bool, err error) {
	token, done := tokenOf(&b.token), ctx.Done()
	b.waiting.Add(1)
	if ready() {
		b.waiting.Add(-1)
		return false, nil
	}
	if done == nil {
		<-token
		return true, nil
	}
	select {
	case <-token:
		return true, nil
	case <-done:
		b.leave()
		return false, cause(ctx)
	}
}

// join counts a waiter that blocks by itself, in a Select. It returns the channel on
// which the token arrives, and b as the waiter's place; or nil if ready reports true.
// A waiter that received the token tries its operation and then calls forward. A
// waiter that gives up without the token calls leave.
func (b *notifier) join(ready func() bool) (token <-chan struct{}, place any) {
	token = tokenOf(&b.token)
	b.waiting.Add(1)
	if ready() {
		b.leave()
		return nil, nil
	}
	return token, b
}

func (b *notifier) leave() { b.retract(b.waiting.Add(-1)) }

// forward ends a wait with the token: it passes the token to the next waiter if
// ready reports true, and returns it otherwise.
func (b *notifier) forward(ready func() bool) {
	b.waiting.Add(-1)
	b.notified.Store(false)
	if b.waiting.Load() > 0 && ready() {
		b.notifySlow()
	}
}

// notifyNext is called after an operation without the token. Its goroutine may have
// been woken by Ready; then the next waiter is notified if ready reports true.
func (b *notifier) notifyNext(ready func() bool) {
	if b.ready.Load() != nil && b.waiting.Load() > 0 && ready() {
		b.notifySlow()
	}
}

// joinReady adds p to ready and returns a channel that is closed when it is the turn
// of p, which is at once if something is available.
func (b *notifier) joinReady(p *readyPlace, available func() (int, bool)) <-chan struct{} {
	r := b.ready.Load()
	if r == nil {
		r = &notifierReady{available: available}
		r.again = b.notifySlow
		b.ready.CompareAndSwap(nil, r)
		r = b.ready.Load()
	}
	b.waiting.Add(readyUnit)
	opened, joined := r.join(p)
	if !joined {
		b.waiting.Add(-readyUnit)
	}
	if n, ended := available(); n > 0 || ended {
		b.leaveReady(p)
	}
	return opened
}

// leaveReady opens p and removes it from ready.
func (b *notifier) leaveReady(p *readyPlace) {
	if r := b.ready.Load(); r != nil && r.leave(p) {
		b.waiting.Add(-readyUnit)
	}
}
