package park

import "unsafe"

// maxIdle is the maximum number of bytes of recycled waiters that a List keeps.
const maxIdle = 1 << 14

// A Waiter is a goroutine that waits in a [List], with what it asks for or receives. The
// channel is made together with the Waiter. So a Waiter that was not recycled belongs to
// the synctest bubble of the goroutine that waits.
type Waiter[T any] struct {
	// Want is guarded by the lock of the list while the waiter is queued. After the
	// waiter was woken, it belongs to the goroutine that waited.
	Want T

	ready      chan struct{} // one slot, so that Wake never blocks
	list       *List[T]      // nil if the waiter is not queued
	prev, next *Waiter[T]    // neighbors while queued; next also links idle and batched waiters
}

// NewWaiter returns a waiter that is in no list.
func NewWaiter[T any](want T) *Waiter[T] {
	return &Waiter[T]{Want: want, ready: make(chan struct{}, 1)}
}

// Wake makes Wait return. It never blocks. If it is called several times before Wait, only
// the first call has an effect.
func (w *Waiter[T]) Wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// Ready returns the channel on which Wake sends.
func (w *Waiter[T]) Ready() <-chan struct{} { return w.ready }

// Wait waits until the waiter is woken, and returns true, or until done is closed, and
// returns false. done may be nil. Wake synchronizes before the return of Wait.
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

// Next returns the waiter that is queued after w, or nil. The lock of the list must be
// held.
func (w *Waiter[T]) Next() *Waiter[T] { return w.next }

// Queued reports whether the waiter is in a list. The lock of the list must be held.
func (w *Waiter[T]) Queued() bool { return w.list != nil }

// A List is a list of waiters in the order in which they will be woken. The zero List is
// empty. It has no lock of its own: the caller of every method must hold the lock of the
// owner. It must not be copied after first use.
type List[T any] struct {
	front, back *Waiter[T]
	idle        *Waiter[T] // recycled waiters
	n, idleLen  int32      // number of queued and of recycled waiters
}

// Len returns how many waiters are queued.
func (l *List[T]) Len() int { return int(l.n) }

// Front returns the first waiter, or nil.
func (l *List[T]) Front() *Waiter[T] { return l.front }

// Back returns the last waiter, or nil.
func (l *List[T]) Back() *Waiter[T] { return l.back }

// Single reports whether exactly one waiter is queued.
func (l *List[T]) Single() bool { return l.front != nil && l.front == l.back }

// Push puts a waiter at the end: a recycled one if there is one, or else a new one.
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

// PushFront puts a waiter that is in no list at the front.
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

// Remove removes w, and reports whether w was in this list.
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

// Recycle keeps w for a later Push, so that repeated waiting does not allocate. w must
// neither be queued nor be about to be woken.
func (l *List[T]) Recycle(w *Waiter[T]) {
	var zero T
	w.Want = zero
	if (int(l.idleLen)+1)*int(unsafe.Sizeof(*w)) <= maxIdle {
		w.next, l.idle = l.idle, w
		l.idleLen++
	}
}

// Batch collects waiters that were removed from a list under its lock, to wake them after
// the lock is released. The zero Batch is empty.
type Batch[T any] struct{ first, last *Waiter[T] }

// Add appends w, which must be in no list.
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
		w.next = nil // before Wake, after which w belongs to its goroutine
		w.Wake()
		w = next
	}
	*b = Batch[T]{}
}
