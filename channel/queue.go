package channel

import (
	"context"

	"github.com/coderrange/ferrous/internal/park"
)

// queue is the channel of queueCapacity messages and more, or without a bound. It is
// the two-lock queue of Michael and Scott (PODC 1996) over segments of slots instead
// of nodes, with a bound, permits and batches.
//
// Messages are stored in segments: one, which is its own successor, if the channel is
// bounded; otherwise a chain that senders lengthen and receivers shorten. Senders use
// the tail and receivers the head. Each side has a lock word, whose position is the
// number of messages sent or received so far, and on the same cache line the fields
// that the lock guards. A side reads the other side's word only when its cached limit,
// slotsEnd or itemsEnd, is reached.
//
// Invariants:
//   - head <= itemsEnd <= tail <= slotsEnd, as positions.
//   - slotsEnd + reserved <= head + capacity. It is less while slotsEnd is out of date.
//   - Lock order: head, tail.
type queue[T any] struct {
	// The senders' cache line.
	tail struct {
		lockWord
		backoff
		cursor[T]

		slotsEnd uint64 // the position up to which slots are known to be free: head + capacity - reserved
		_        [8]byte
	}

	// Read by every call, written only by calls that block.
	items notifier // notified when there is a message, and at the end
	slots notifier // notified when there is a free slot, and when the channel is closed

	// The receivers' cache line.
	head struct {
		lockWord
		backoff
		cursor[T]

		itemsEnd uint64 // the position up to which messages are known to be published
		_        [8]byte
	}

	cache    segmentCache[T] // of an unbounded channel
	capacity int

	// Guarded by the tail's lock.
	reserved    int // slots that permits and waiting reservations hold
	collectors  park.List[struct{}]
	collecting  bool // a reserve of several slots is collecting
	noReceivers bool // the last receiver was closed
}

func newBounded[T any](capacity int) *queue[T] {
	s := newSegment[T](capacity)
	s.next = s
	return newQueue(capacity, s)
}

func newUnbounded[T any]() *queue[T] {
	return newQueue(Unbounded, newSegment[T](firstSegment))
}

func newQueue[T any](capacity int, s *segment[T]) *queue[T] {
	q := &queue[T]{capacity: capacity}
	q.tail.seg, q.head.seg = s, s
	q.tail.slotsEnd = uint64(capacity)
	return q
}

func (q *queue[T]) trySend(v T) error {
	w := q.tail.lock()
	if w&closedBit != 0 {
		q.tail.unlock()
		return ErrClosed
	}
	if i := w / step; i == q.tail.slotsEnd && q.refreshSlots(i) == 0 {
		q.tail.unlock()
		return ErrFull
	}
	if q.tail.atEnd() {
		q.nextTail()
	}
	q.tail.store(v)
	q.tail.publish(1)
	q.items.notify()
	q.slots.notifyNext(q.hasSlots)
	return nil
}

// refreshSlots updates slotsEnd and returns how many slots are free at position i. The
// caller holds the tail.
func (q *queue[T]) refreshSlots(i uint64) uint64 {
	q.tail.slotsEnd = q.head.position() + uint64(q.capacity-q.reserved)
	return q.tail.slotsEnd - i
}

// nextTail moves the tail to the next segment. The caller holds the tail.
func (q *queue[T]) nextTail() {
	s := q.tail.seg
	if s.next == nil {
		s.next = q.cache.extend(s)
	}
	q.tail.cursor = cursor[T]{seg: s.next}
}

func (q *queue[T]) send(ctx context.Context, v T) error {
	if ctx.Err() != nil {
		return cause(ctx)
	}
	w, locked := q.tail.tryLock()
	if !locked {
		w = q.tail.lockSlow()
	}
	if w&closedBit != 0 {
		q.tail.unlock()
		return ErrClosed
	}
	if w/step == q.tail.slotsEnd {
		q.tail.unlock()
		return q.sendSlow(ctx, v)
	}
	if q.tail.atEnd() {
		q.nextTail()
	}
	q.tail.store(v)
	q.tail.publish(1)
	q.items.notify()
	return nil
}

func (q *queue[T]) sendSlow(ctx context.Context, v T) error {
	var notified bool
	for {
		q.yieldToReceivers()
		err := q.trySend(v)
		if notified {
			q.slots.forward(q.hasSlots)
		}
		if err != ErrFull { //nolint:errorlint // never wrapped
			return err
		}
		if notified, err = q.awaitSlots(ctx); err != nil {
			return err
		}
	}
}

func (q *queue[T]) sendMany(ctx context.Context, vs []T) (sent int, err error) {
	var notified bool
	for {
		var n int
		n, err = q.trySendMany(vs[sent:])
		if sent += n; notified {
			q.slots.forward(q.hasSlots)
		}
		if err != nil || sent == len(vs) {
			return sent, err
		}
		if notified, err = q.awaitSlots(ctx); err != nil {
			return sent, err
		}
	}
}

// trySendMany sends as many of vs as there are free slots.
func (q *queue[T]) trySendMany(vs []T) (int, error) {
	w := q.tail.lock()
	if w&closedBit != 0 {
		q.tail.unlock()
		return 0, ErrClosed
	}
	i := w / step
	free := q.tail.slotsEnd - i
	if free < uint64(len(vs)) {
		free = q.refreshSlots(i)
	}
	vs = vs[:min(uint64(len(vs)), free)]
	for n := 0; n < len(vs); {
		if q.tail.atEnd() {
			q.nextTail()
		}
		k := copy(q.tail.run(), vs[n:])
		q.tail.pos += k
		n += k
	}
	q.tail.publish(len(vs))
	q.items.notify()
	return len(vs), nil
}

func (q *queue[T]) tryReserve(n int) error {
	w := q.tail.lock()
	defer q.tail.unlock()
	if w&closedBit != 0 {
		return ErrClosed
	}
	if got := q.claim(w/step, n); got < n {
		q.unclaim(got)
		return ErrFull
	}
	return nil
}

// claim reserves up to n slots and returns how many. The caller holds the tail.
func (q *queue[T]) claim(i uint64, n int) int {
	free := q.tail.slotsEnd - i
	if free < uint64(n) {
		free = q.refreshSlots(i)
	}
	n = int(min(free, uint64(n)))
	q.reserved += n
	q.tail.slotsEnd -= uint64(n)
	return n
}

// unclaim ends n reservations. The caller holds the tail. If there are fewer, it
// releases the tail and panics.
func (q *queue[T]) unclaim(n int) {
	if q.reserved < n {
		q.tail.unlock()
		panic(errCopied)
	}
	q.reserved -= n
	q.tail.slotsEnd += uint64(n)
}

// reserve collects n slots. Only one call at a time collects several slots, and the
// others wait in FIFO order. Otherwise two calls could each hold half of what they
// need and deadlock.
func (q *queue[T]) reserve(ctx context.Context, n int) error {
	if n > 1 {
		if err := q.beginCollecting(ctx); err != nil {
			return err
		}
		defer q.endCollecting()
	}
	var got int
	var notified bool
	for {
		w := q.tail.lock()
		closed := w&closedBit != 0
		if !closed {
			got += q.claim(w/step, n-got)
		}
		q.tail.unlock()
		if notified {
			q.slots.forward(q.hasSlots)
		}
		var err error
		switch {
		case got == n:
			return nil
		case closed:
			err = ErrClosed
		default:
			notified, err = q.awaitSlots(ctx)
		}
		if err != nil {
			q.unreserve(got)
			return err
		}
	}
}

func (q *queue[T]) beginCollecting(ctx context.Context) error {
	q.tail.lock()
	if !q.collecting {
		q.collecting = true
		q.tail.unlock()
		return nil
	}
	w := q.collectors.Push(struct{}{})
	q.tail.unlock()
	woken := w.Wait(ctx.Done())
	q.tail.lock()
	mine := !q.collectors.Remove(w)
	q.tail.unlock()
	if woken {
		return nil
	}
	if mine { // the turn came while this call left
		w.Wait(nil)
		q.endCollecting()
	}
	return cause(ctx)
}

func (q *queue[T]) endCollecting() {
	q.tail.lock()
	next := q.collectors.Front()
	if next != nil {
		q.collectors.Remove(next)
	}
	q.collecting = next != nil
	q.tail.unlock()
	if next != nil {
		next.Wake()
	}
}

func (q *queue[T]) sendReserved(v T) {
	q.tail.lock()
	q.unclaim(1)
	if q.noReceivers {
		q.tail.unlock()
		drop(v)
		return
	}
	if q.tail.atEnd() {
		q.nextTail()
	}
	q.tail.store(v)
	q.tail.publish(1)
	q.items.notify()
}

func (q *queue[T]) unreserve(n int) {
	w := q.tail.lock()
	q.unclaim(n)
	isEnd := w&closedBit != 0 && q.reserved == 0
	q.tail.unlock()
	if n > 0 {
		q.slots.notify()
	}
	if isEnd {
		q.items.notify()
	}
}

func (q *queue[T]) tryRecv() (v T, err error) {
	w := q.head.lock()
	if i := w / step; i == q.head.itemsEnd && q.refreshItems(i) == 0 {
		err = ErrEmpty
		if q.ended(i) {
			err = ErrClosed
		}
		q.head.unlock()
		return v, err
	}
	if q.head.atEnd() {
		q.nextHead()
	}
	v = q.head.load()
	q.head.publish(1)
	q.slots.notify()
	q.items.notifyNext(q.hasItems)
	return v, nil
}

// refreshItems updates itemsEnd and returns how many messages there are from position
// i on. The caller holds the head.
func (q *queue[T]) refreshItems(i uint64) uint64 {
	q.head.itemsEnd = q.tail.position()
	return q.head.itemsEnd - i
}

// ended reports whether position i will never hold a message.
func (q *queue[T]) ended(i uint64) bool {
	if !q.tail.isClosed() {
		return false
	}
	w := q.tail.lock()
	ended := w/step == i && (q.reserved == 0 || q.noReceivers)
	q.tail.unlock()
	return ended
}

// nextHead moves the head to the next segment. The caller holds the head.
func (q *queue[T]) nextHead() {
	s := q.head.seg
	q.head.cursor = cursor[T]{seg: s.next}
	if s != s.next {
		q.cache.keep(s)
	}
}

func (q *queue[T]) recv(ctx context.Context) (v T, err error) {
	if ctx.Err() != nil {
		return v, cause(ctx)
	}
	w, locked := q.head.tryLock()
	if !locked {
		w = q.head.lockSlow()
	}
	if w/step == q.head.itemsEnd {
		q.head.unlock()
		return q.recvSlow(ctx)
	}
	if q.head.atEnd() {
		q.nextHead()
	}
	v = q.head.load()
	q.head.publish(1)
	q.slots.notify()
	return v, nil
}

func (q *queue[T]) recvSlow(ctx context.Context) (v T, err error) {
	var notified bool
	for {
		q.yieldToSenders()
		v, err = q.tryRecv()
		if notified {
			q.items.forward(q.hasItems)
		}
		if err != ErrEmpty { //nolint:errorlint // never wrapped
			return v, err
		}
		if notified, err = q.awaitItems(ctx); err != nil {
			return v, err
		}
	}
}

func (q *queue[T]) recvMany(ctx context.Context, buf []T) (n int, err error) {
	var notified bool
	for {
		n, err = q.tryRecvMany(buf)
		if notified {
			q.items.forward(q.hasItems)
		}
		if err != ErrEmpty { //nolint:errorlint // never wrapped
			return n, err
		}
		if notified, err = q.awaitItems(ctx); err != nil {
			return 0, err
		}
	}
}

func (q *queue[T]) tryRecvMany(buf []T) (int, error) {
	w := q.head.lock()
	i := w / step
	items := q.head.itemsEnd - i
	if items < uint64(len(buf)) {
		items = q.refreshItems(i)
	}
	if items == 0 {
		err := ErrEmpty
		if q.ended(i) {
			err = ErrClosed
		}
		q.head.unlock()
		return 0, err
	}
	buf = buf[:min(uint64(len(buf)), items)]
	for n := 0; n < len(buf); {
		if q.head.atEnd() {
			q.nextHead()
		}
		k := copy(buf[n:], q.head.run())
		clear(q.head.run()[:k])
		q.head.pos += k
		n += k
	}
	q.head.publish(len(buf))
	q.slots.notify()
	return len(buf), nil
}

func (q *queue[T]) shutdown() {
	q.tail.lock()
	q.tail.close()
	isEnd := q.reserved == 0
	q.tail.unlock()
	q.slots.notify()
	if isEnd {
		q.items.notify()
	}
}

func (q *queue[T]) discard() {
	q.tail.lock()
	q.tail.close()
	q.noReceivers = true
	q.tail.unlock()
	q.slots.notify()
	q.items.notify()
	dropAll(func() (T, bool) {
		v, err := q.tryRecv()
		return v, err == nil
	})
}

func (q *queue[T]) isClosed() bool { return q.tail.isClosed() }

func (q *queue[T]) len() int {
	for {
		head := q.head.position()
		tail := q.tail.position()
		if q.head.position() == head {
			return int(tail - head)
		}
	}
}

func (q *queue[T]) cap() int { return q.capacity }

func (q *queue[T]) free() int {
	w := q.tail.lock()
	defer q.tail.unlock()
	if w&closedBit != 0 {
		return 0
	}
	return int(q.refreshSlots(w / step))
}

func (q *queue[T]) hasSlots() bool { return q.tail.isClosed() || q.free() > 0 }

func (q *queue[T]) hasItems() bool {
	i := q.head.position()
	return q.tail.position() != i || q.ended(i)
}

func (q *queue[T]) readable(p *readyPlace) <-chan struct{} {
	return q.items.joinReady(p, q.availableItems)
}

func (q *queue[T]) writable(p *readyPlace) <-chan struct{} {
	return q.slots.joinReady(p, q.availableSlots)
}

func (q *queue[T]) leaveReadable(p *readyPlace) {
	q.items.leaveReady(p)
	q.items.notifyNext(q.hasItems)
}

func (q *queue[T]) leaveWritable(p *readyPlace) {
	q.slots.leaveReady(p)
	q.slots.notifyNext(q.hasSlots)
}

// availableItems returns how many messages there are, or that the channel has ended.
func (q *queue[T]) availableItems() (n int, ended bool) {
	if n = q.len(); n > 0 {
		return n, false
	}
	return 0, q.hasItems()
}

// availableSlots returns how many slots are free, or that the channel was closed.
func (q *queue[T]) availableSlots() (n int, ended bool) {
	return q.free(), q.tail.isClosed()
}

func (q *queue[T]) joinReceivers() (woken <-chan struct{}, cursor any) {
	return q.items.join(q.hasItems)
}

func (q *queue[T]) takeMessage(any) (v T, err error) {
	v, err = q.tryRecv()
	q.items.forward(q.hasItems)
	return v, err
}

func (q *queue[T]) leaveReceivers(_ any, woken bool) {
	if woken {
		q.items.forward(q.hasItems)
	} else {
		q.items.leave()
	}
}

func (q *queue[T]) joinSenders() (woken <-chan struct{}, cursor any) {
	return q.slots.join(q.hasSlots)
}

func (q *queue[T]) takeSlot(any) error {
	err := q.tryReserve(1)
	q.slots.forward(q.hasSlots)
	return err
}

func (q *queue[T]) leaveSenders(_ any, woken bool) {
	if woken {
		q.slots.forward(q.hasSlots)
	} else {
		q.slots.leave()
	}
}

// awaitSlots blocks until there is a free slot or the channel is closed. If notified,
// the caller tries its operation and then calls slots.forward.
func (q *queue[T]) awaitSlots(ctx context.Context) (notified bool, err error) {
	return q.slots.wait(ctx, q.hasSlots)
}

// awaitItems blocks until there is a message or the end. If notified, the caller tries
// its operation and then calls items.forward.
func (q *queue[T]) awaitItems(ctx context.Context) (notified bool, err error) {
	return q.items.wait(ctx, q.hasItems)
}

func (q *queue[T]) enoughSlots() int { return min(512, q.capacity/2) }
func (q *queue[T]) enoughItems() int { return min(64, q.capacity/2) }

// yieldToReceivers yields if there are few free slots.
func (q *queue[T]) yieldToReceivers() {
	if q.approxFree() < q.enoughSlots() && !q.tail.skip() {
		q.tail.yield(q.enoughSlots(), q.approxFree)
	}
}

// yieldToSenders yields if there are few messages.
func (q *queue[T]) yieldToSenders() {
	if q.len() < q.enoughItems() && !q.head.skip() {
		q.head.yield(q.enoughItems(), q.len)
	}
}

// approxFree is free without the lock: it counts reserved slots as free.
func (q *queue[T]) approxFree() int { return q.capacity - q.len() }
