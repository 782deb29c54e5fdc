package channel

import (
	"context"
	"sync/atomic"
)

// bell wakes the parked goroutines of one side of a queue one after the other.
//
// There is at most one token. It is on its way from the moment rung is set
// until the goroutine that took it clears rung, after it has done what it woke
// for. A change that comes in between rings in vain; therefore the clearer
// looks for waiters and for the state once more, after the clearing, and
// rings again for the next. So each wake-up carries on as far as the state
// allows, a token left by a canceled waiter wakes the next one, and a burst of
// messages costs one wake-up.
//
// A waiter counts itself, looks at the state and then parks; a signaller
// changes the state and then looks at the count: one of them sees the other.
type bell struct {
	waiting atomic.Int64 // parked or about to park, and the places in ready times inReady
	rung    atomic.Bool
	token   atomic.Pointer[chan struct{}] // one slot, made when first needed
	ready   atomic.Pointer[bellReady]     // made when first needed
}

const inReady = 1 << 32

// bellReady is those who wait in Ready.
type bellReady struct {
	readyLine

	// available says how much there is to take, or that nothing will come.
	available func() (n int, ended bool)
}

// ring wakes one waiter, if there is any.
func (b *bell) ring() {
	if b.waiting.Load() != 0 {
		b.ringSlow()
	}
}

func (b *bell) ringSlow() {
	waiting := b.waiting.Load()
	others := waiting % inReady
	if waiting != others && b.ringReady(b.ready.Load(), int(others)) {
		return
	}
	if !b.rung.Load() && others > 0 && b.rung.CompareAndSwap(false, true) {
		tokenOf(&b.token) <- struct{}{}
		b.takeBack(b.waiting.Load())
	}
}

// takeBack takes a token back that nobody waits for any more, and offers what
// there is to those who wait in Ready. Without them the next waiter finds it.
func (b *bell) takeBack(waiting int64) {
	if waiting == 0 || waiting%inReady != 0 {
		return
	}
	select {
	case <-tokenOf(&b.token):
		b.rung.Store(false)
		b.ringSlow()
	default:
	}
}

// ringReady offers what is available to those who wait in Ready, beside others
// who wait for the token. It reports whether nothing is left for the others.
func (b *bell) ringReady(r *bellReady, others int) bool {
	n, ended := r.available()
	if ended {
		b.waiting.Add(-int64(r.openAll()) * inReady)
		return false
	}
	rivals := others
	if b.rung.Load() {
		rivals = 0 // they have got the token
	}
	woken := false
	for n > 0 && r.any() {
		taken, opened := r.offer(rivals)
		b.waiting.Add(-int64(opened) * inReady)
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

// wait parks until the token comes, unless ready reports true by then. After a
// nil error with rung, the caller tries its operation and then calls pass.
func (b *bell) wait(ctx context.Context, ready func() bool) (rung bool, err error) {
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

// stand counts a waiter that will park by itself, and returns the channel on
// which the token comes and b as its place, unless ready reports true. When it
// got the token, it tries its operation and then calls pass; when it goes
// without the token, it calls leave.
func (b *bell) stand(ready func() bool) (token <-chan struct{}, place any) {
	token = tokenOf(&b.token)
	b.waiting.Add(1)
	if ready() {
		b.leave()
		return nil, nil
	}
	return token, b
}

func (b *bell) leave() { b.takeBack(b.waiting.Add(-1)) }

// pass gives the token back, or on to the next waiter if the side is ready.
func (b *bell) pass(ready func() bool) {
	b.waiting.Add(-1)
	b.rung.Store(false)
	if b.waiting.Load() > 0 && ready() {
		b.ringSlow()
	}
}

// goOn is called by who has done something without the token. It may have been
// woken in Ready, and then it wakes the next waiter if the side is ready.
func (b *bell) goOn(ready func() bool) {
	if b.ready.Load() != nil && b.waiting.Load() > 0 && ready() {
		b.ringSlow()
	}
}

// join takes a place in ready and returns a channel that is closed when its turn
// has come. It is closed already if something is available.
func (b *bell) join(p *readyPlace, available func() (int, bool)) <-chan struct{} {
	r := b.ready.Load()
	if r == nil {
		r = &bellReady{available: available}
		r.again = b.ringSlow
		b.ready.CompareAndSwap(nil, r)
		r = b.ready.Load()
	}
	b.waiting.Add(inReady)
	opened, joined := r.join(p)
	if !joined {
		b.waiting.Add(-inReady)
	}
	if n, ended := available(); n > 0 || ended {
		b.quit(p)
	}
	return opened
}

// quit opens p and takes it out of ready.
func (b *bell) quit(p *readyPlace) {
	if r := b.ready.Load(); r != nil && r.leave(p) {
		b.waiting.Add(-inReady)
	}
}
