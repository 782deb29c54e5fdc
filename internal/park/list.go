package park

import "context"

// maxIdle bounds how many served waiters a List keeps for the next ones.
const maxIdle = 128

// Waiter is one parked goroutine in a [List], with what it asks for or is
// given.
type Waiter[V any] struct {
	Value V // guarded by the list's lock while queued, the waiter's own once woken

	woken      chan struct{} // one slot, so that Wake never blocks
	prev, next *Waiter[V]    // neighbours while queued; next also links idle and batched ones
	queued     bool
}

// Wake lets the waiter return from Wait. It never blocks. It is called once,
// by whoever took the waiter off its list.
func (w *Waiter[V]) Wake() { w.woken <- struct{}{} }

// Wait blocks until Wake or the end of ctx, whichever comes first, and returns
// the context's cause in the second case. The caller then takes the list's
// lock and calls [List.Remove]: if that reports false, a Wake has been decided
// already, and the waiter must Wait again, without a context.
func (w *Waiter[V]) Wait(ctx context.Context) error {
	done := ctx.Done()
	if done == nil {
		<-w.woken
		return nil
	}
	select {
	case <-w.woken:
		return nil
	case <-done:
		return context.Cause(ctx)
	}
}

// List is a queue of waiters in arrival order.
//
// The zero List is empty and ready. It has no lock of its own: the owner's
// lock guards every method. A waiter allocates itself and its channel; served
// ones are kept, up to a bound, and used again, so that steady waiting does
// not allocate.
type List[V any] struct {
	front, back *Waiter[V]
	idle        *Waiter[V]
	idleLen     int
}

// Front returns the waiter that has waited longest, or nil.
func (l *List[V]) Front() *Waiter[V] { return l.front }

// Push queues a waiter with the given value behind all others.
func (l *List[V]) Push(value V) *Waiter[V] {
	w := l.idle
	if w != nil {
		l.idle = w.next
		l.idleLen--
		w.next = nil
	} else {
		w = &Waiter[V]{woken: make(chan struct{}, 1)}
	}
	w.Value, w.queued, w.prev = value, true, l.back
	if l.back == nil {
		l.front = w
	} else {
		l.back.next = w
	}
	l.back = w
	return w
}

// Remove takes w off the list and reports whether it was still queued.
func (l *List[V]) Remove(w *Waiter[V]) bool {
	if !w.queued {
		return false
	}
	if w.prev == nil {
		l.front = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.back = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
	return true
}

// Recycle gives back a waiter that is neither queued nor about to be woken.
func (l *List[V]) Recycle(w *Waiter[V]) {
	var zero V
	w.Value = zero
	if l.idleLen < maxIdle {
		w.next, l.idle = l.idle, w
		l.idleLen++
	}
}

// Batch collects waiters taken off a list under its lock, to be woken after
// it was released. The zero Batch is empty.
type Batch[V any] struct{ first, last *Waiter[V] }

// Add appends w, which must be off its list.
func (b *Batch[V]) Add(w *Waiter[V]) {
	if b.last == nil {
		b.first = w
	} else {
		b.last.next = w
	}
	b.last = w
}

// Wake wakes all collected waiters in the order they were added.
func (b *Batch[V]) Wake() {
	for w := b.first; w != nil; {
		next := w.next
		w.next = nil // before Wake: then w is its owner's
		w.Wake()
		w = next
	}
	*b = Batch[V]{}
}
