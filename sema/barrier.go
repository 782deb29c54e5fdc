package sema

import (
	"context"
	"fmt"

	"github.com/coderrange/ferrous/internal/park"
)

// A Barrier lets n goroutines wait for each other: the n'th Wait wakes the others,
// and the barrier can be used again.
//
// At the zero value, as at a barrier for one, no goroutine waits. A Barrier must not
// be copied after first use. All methods are safe for concurrent use. What each
// goroutine did before its Wait happened before the return of every Wait of the same
// round. A goroutine that waits is durably blocked in the sense of
// [testing/synctest].
//
// After std::sync::Barrier.
type Barrier struct {
	_       noCopy
	parties int                  // goroutines of a round; does not change
	arrived int                  // goroutines that wait; guarded by the queue's lock
	queue   park.Queue[struct{}] // the goroutines that wait
}

// NewBarrier returns a barrier for n goroutines. Zero means one. It panics if n is
// negative.
func NewBarrier(n int) *Barrier {
	if n < 0 {
		panic(methodError("NewBarrier", fmt.Errorf("%d goroutines", n)))
	}
	return &Barrier{parties: n}
}

// Wait waits until n goroutines wait, this one included, or until ctx is done. Of a
// round, exactly one goroutine is the leader: the one that came last.
//
// Cancellation: a canceled goroutine has not arrived; the round needs another one in
// its place. The error matches [context.Cause].
//
//ferrous:blocks
func (b *Barrier) Wait(ctx context.Context) (isLeader bool, err error) {
	const method = "Barrier.Wait"
	if isDone(ctx, method) {
		return false, interrupted(ctx, method)
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
		return false, interrupted(ctx, method)
	}
	return false, nil // the round was complete before ctx was done
}

// Waiting returns how many goroutines wait at the moment.
func (b *Barrier) Waiting() int {
	b.queue.Lock()
	defer b.queue.Unlock()
	return b.arrived
}
