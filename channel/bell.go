package channel

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/park"
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
	waiting atomic.Int64 // parked or about to park, and 1 while the gate is waited for
	rung    atomic.Bool
	token   atomic.Pointer[chan struct{}] // one slot, made when first needed
	gate    park.Gate                     // for Ready and Select
}

// ring wakes one waiter, if there is any, and everyone at the gate.
func (b *bell) ring() {
	if b.waiting.Load() != 0 {
		b.ringSlow()
	}
}

func (b *bell) ringSlow() {
	if b.gate.Open() {
		b.waiting.Add(-1)
	}
	if !b.rung.Load() && b.waiting.Load() > 0 && b.rung.CompareAndSwap(false, true) {
		tokenOf(&b.token) <- struct{}{}
	}
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
		b.waiting.Add(-1)
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

func (b *bell) leave() { b.waiting.Add(-1) }

// pass gives the token back, or on to the next waiter if the side is ready.
func (b *bell) pass(ready func() bool) {
	b.waiting.Add(-1)
	b.rung.Store(false)
	if b.waiting.Load() > 0 && ready() {
		b.ringSlow()
	}
}

// watch returns a channel that is closed once ready.
func (b *bell) watch(ready func() bool) <-chan struct{} {
	opened, made := b.gate.Wait()
	if made {
		b.waiting.Add(1)
	}
	if ready() {
		b.ringSlow()
	}
	return opened
}
