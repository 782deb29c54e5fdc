package task

// fifo is a first-in first-out queue in a ring that grows and shrinks with
// what it holds. The zero value is empty.
type fifo[T any] struct {
	ring []T // its length is zero or a power of two
	head int
	n    int
}

const smallestRing = 16

func (q *fifo[T]) push(v T) {
	if q.n == len(q.ring) {
		q.resize(max(smallestRing, 2*q.n))
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = v
	q.n++
}

func (q *fifo[T]) pop() (v T, ok bool) {
	if q.n == 0 {
		return v, false
	}
	var zero T
	v, q.ring[q.head] = q.ring[q.head], zero
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	if len(q.ring) > smallestRing && q.n <= len(q.ring)/8 {
		q.resize(len(q.ring) / 4)
	}
	return v, true
}

func (q *fifo[T]) at(i int) T { return q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *fifo[T]) resize(size int) {
	ring := make([]T, max(size, smallestRing))
	for i := range q.n {
		ring[i] = q.at(i)
	}
	q.ring, q.head = ring, 0
}
