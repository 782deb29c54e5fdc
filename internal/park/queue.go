package park

import (
	"context"
	"sync"
)

// A Queue is a [List] with the lock that guards it, and what its owner keeps
// beside it. The lock is held for a few instructions and never across a wait; all
// methods that do not say otherwise need it held. The zero Queue is empty. It
// must not be copied after first use.
type Queue[T any] struct {
	sync.Mutex
	List[T]
}

// Grant takes w out and wakes it.
func (q *Queue[T]) Grant(w *Waiter[T]) {
	q.Remove(w)
	w.Wake()
}

// GrantAll takes all waiters out and wakes them in order.
func (q *Queue[T]) GrantAll() {
	for w := q.Front(); w != nil; w = q.Front() {
		q.Grant(w)
	}
}

// Join queues a new waiter and waits until it is granted or ctx is done, for
// types whose waiters have nothing to try themselves. The queue's lock is not
// held when Join returns. It reports whether the waiter was granted; if not, the
// waiter has left, and the caller serves the next.
func (q *Queue[T]) Join(ctx context.Context, want T) bool {
	w := NewWaiter(want)
	q.PushBack(w)
	q.Unlock()
	return q.Await(ctx, w)
}

// Await is [Queue.Join] for a waiter that is queued already; the lock must not
// be held.
func (q *Queue[T]) Await(ctx context.Context, w *Waiter[T]) bool {
	return w.Wait(ctx.Done()) || !q.Leave(w)
}

// Leave takes the lock and w out of the queue, and reports whether it was
// still there.
func (q *Queue[T]) Leave(w *Waiter[T]) bool {
	q.Lock()
	defer q.Unlock()
	return q.Remove(w)
}
