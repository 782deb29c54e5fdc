package park

import "unsafe"

// maxIdle bounds the bytes of served waiters that a List keeps for the next
// ones.
const maxIdle = 1 << 14

// A Waiter is one goroutine that waits in a [List], with what it asks for or is
// given. Its channel is made with it: unless it is recycled, it belongs to the
// bubble of the goroutine that waits.
type Waiter[T any] struct {
	Want T // guarded by the list's lock while queued, the waiter's own once woken

	ready      chan struct{} // one slot, so that Wake never blocks
	list       *List[T]      // nil unless it is queued
	prev, next *Waiter[T]    // neighbours while queued; next also links idle and batched ones
}

// NewWaiter returns a waiter that is in no list.
func NewWaiter[T any](want T) *Waiter[T] {
	return &Waiter[T]{Want: want, ready: make(chan struct{}, 1)}
}

// Wake lets the waiter's Wait return. It never blocks; of several calls
// before a Wait all but the first have no effect.
func (w *Waiter[T]) Wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// Ready returns the channel on which Wake sends.
func (w *Waiter[T]) Ready() <-chan struct{} { return w.ready }

// Wait waits until the waiter is woken, and reports true, or until done is
// closed, and reports false. What happened before the Wake happened before the
// return. A nil done waits without end.
func (w *Waiter[T]) Wait(done <-chan struct{}) bool {
	if done == nil {
		<-w.ready
		return true
	}
	select {
	case <-w.ready:
		return true
	case <-done:
		return false
	}
}

// Next returns the waiter that is queued behind w, or nil. The list's lock must
// be held.
func (w *Waiter[T]) Next() *Waiter[T] { return w.next }

// Queued reports whether the waiter is in a list, whose lock must be held.
func (w *Waiter[T]) Queued() bool { return w.list != nil }

// A List is a line of waiters in the order in which they will be served. The
// zero List is empty. It has no lock of its own: the owner's lock guards every
// method. It must not be copied after first use.
type List[T any] struct {
	front, back *Waiter[T]
	idle        *Waiter[T]
	n, idleLen  int32 // waiters queued, and idle
}

// Len returns how many waiters are queued.
func (l *List[T]) Len() int { return int(l.n) }

// Front returns the waiter to be served next, or nil.
func (l *List[T]) Front() *Waiter[T] { return l.front }

// Back returns the waiter that was queued last, or nil.
func (l *List[T]) Back() *Waiter[T] { return l.back }

// Single reports whether exactly one waiter is queued.
func (l *List[T]) Single() bool { return l.front != nil && l.front == l.back }

// Push queues a waiter behind all others: one that was recycled, if there is
// one, or else a new one.
func (l *List[T]) Push(want T) *Waiter[T] {
	w := l.idle
	if w == nil {
		w = NewWaiter(want)
	} else {
		l.idle, w.next, w.Want = w.next, nil, want
		l.idleLen--
	}
	l.PushBack(w)
	return w
}

// PushBack puts a waiter that is in no list at the end.
func (l *List[T]) PushBack(w *Waiter[T]) { l.insert(w, l.back, nil) }

// PushFront puts a waiter that is in no list before all others.
func (l *List[T]) PushFront(w *Waiter[T]) { l.insert(w, nil, l.front) }

func (l *List[T]) insert(w, prev, next *Waiter[T]) {
	w.list, w.prev, w.next = l, prev, next
	l.n++
	if prev == nil {
		l.front = w
	} else {
		prev.next = w
	}
	if next == nil {
		l.back = w
	} else {
		next.prev = w
	}
}

// Remove takes w out and reports whether it was in this list.
func (l *List[T]) Remove(w *Waiter[T]) bool {
	if w.list != l {
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
	w.list, w.prev, w.next = nil, nil, nil
	l.n--
	return true
}

// Recycle gives back a waiter that is neither queued nor about to be woken, for
// a later Push: so that steady waiting does not allocate.
func (l *List[T]) Recycle(w *Waiter[T]) {
	var zero T
	w.Want = zero
	if (int(l.idleLen)+1)*int(unsafe.Sizeof(*w)) <= maxIdle {
		w.next, l.idle = l.idle, w
		l.idleLen++
	}
}

// Batch collects waiters taken off a list under its lock, to be woken after
// it was released. The zero Batch is empty.
type Batch[T any] struct{ first, last *Waiter[T] }

// Add appends w, which must be off its list.
func (b *Batch[T]) Add(w *Waiter[T]) {
	if b.last == nil {
		b.first = w
	} else {
		b.last.next = w
	}
	b.last = w
}

// Wake wakes all collected waiters in the order they were added.
func (b *Batch[T]) Wake() {
	for w := b.first; w != nil; {
		next := w.next
		w.next = nil // before Wake: then w is its owner's
		w.Wake()
		w = next
	}
	*b = Batch[T]{}
}
