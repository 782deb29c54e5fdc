package sema

import (
	"context"
	"fmt"

	"github.com/coderrange/ferrous/internal/park"
)

// A Barrier lets a number of goroutines wait for each other, and then again.
//
// The zero value, like a barrier for one, stops nobody. A Barrier must not be
// copied after first use. All methods are safe for concurrent use. What each
// goroutine did before its Wait happened before all their returns. Goroutines
// that wait are durably blocked in the sense of [testing/synctest].
//
// After std::sync::Barrier.
type Barrier struct {
	_       noCopy
	parties int
	arrived int // guarded by the queue's lock
	queue   park.Queue[struct{}]
}

// NewBarrier returns a barrier for n goroutines. Zero is as good as one; it
// panics if n is negative.
func NewBarrier(n int) *Barrier {
	if n < 0 {
		panic(fmt.Errorf("sema: NewBarrier: %d goroutines", n))
	}
	return &Barrier{parties: n}
}

// Wait waits until as many goroutines wait as the barrier is for, or ctx is
// done. Of those that pass together exactly one, the last to come, is the
// leader.
//
// Cancellation: a cancelled goroutine has not arrived; the others wait for
// another in its place. The error wraps [context.Cause].
//
//ferrous:blocks
func (b *Barrier) Wait(ctx context.Context) (isLeader bool, err error) {
	if ctx.Err() != nil {
		return false, interrupted(ctx, "Barrier.Wait")
	}
	b.queue.Lock()
	if b.arrived+1 >= b.parties {
		b.arrived = 0
		b.queue.GrantAll()
		b.queue.Unlock()
		return true, nil
	}
	b.arrived++
	w := park.NewWaiter(struct{}{})
	b.queue.PushBack(w)
	b.queue.Unlock()
	if w.Wait(ctx.Done()) {
		return false, nil
	}
	b.queue.Lock()
	defer b.queue.Unlock()
	if b.queue.Remove(w) {
		b.arrived--
		return false, interrupted(ctx, "Barrier.Wait")
	}
	return false, nil
}

// Waiting returns how many goroutines wait at the moment.
func (b *Barrier) Waiting() int {
	b.queue.Lock()
	defer b.queue.Unlock()
	return b.arrived
}

// String returns how many wait, and for how many.
func (b *Barrier) String() string { return fmt.Sprintf("Barrier(%d of %d)", b.Waiting(), b.parties) }
