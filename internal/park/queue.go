package park

import (
	"context"
	"sync"
)

// A Queue is a [List] with the lock that guards it. The owner may guard fields of its own
// with the same lock. The lock is held for a few instructions, and never during a wait. The
// caller of a method must hold the lock unless the method says otherwise. The zero Queue is
// empty. It must not be copied after first use.
type Queue[T any] struct {
	sync.Mutex
	List[T]
}

// Grant removes w and wakes it.
func (q *Queue[T]) Grant(w *Waiter[T]) {
	q.Remove(w)
	w.Wake()
}

// GrantAll removes all waiters and wakes them in order.
func (q *Queue[T]) GrantAll() {
	for w := q.Front(); w != nil; w = q.Front() {
		q.Grant(w)
	}
}

// Join queues a new waiter, unlocks the queue, and waits until the waiter is granted or ctx
// is done. It reports whether the waiter was granted. If not, the waiter is no longer
// queued, and the caller wakes the next one if necessary. Join is for types whose waiters do
// not try again themselves.
func (q *Queue[T]) Join(ctx context.Context, want T) bool {
	w := NewWaiter(want)
	q.PushBack(w)
	q.Unlock()
	return q.Await(ctx, w)
}

// Await is [Queue.Join] for a waiter that is queued already. The lock must not be held.
func (q *Queue[T]) Await(ctx context.Context, w *Waiter[T]) bool {
	return w.Wait(ctx.Done()) || !q.Leave(w)
}

// Leave locks the queue, removes w, unlocks the queue, and reports whether w was still
// queued. The lock must not be held.
func (q *Queue[T]) Leave(w *Waiter[T]) bool {
	q.Lock()
	defer q.Unlock()
	return q.Remove(w)
}
