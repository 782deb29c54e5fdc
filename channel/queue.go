package channel

import (
	"context"

	"github.com/coderrange/ferrous/internal/park"
)

// queue is the channel of large or no bound.
//
// Messages lie in segments: one that is its own successor if the channel is
// bounded, otherwise a chain that senders lengthen and receivers shorten. The
// tail is the senders' side and the head the receivers'. Each is a guard whose
// word holds the number of messages sent or received so far, with what is only
// used under it on the same cache line. Lock order: head, tail.
type queue[T any] struct {
	// The senders' cache line.
	tail struct {
		guard
		patience
		place[T]

		limit uint64 // the position up to which there is known to be room: head + cap - reserved
		_     [8]byte
	}

	// Written only to park, read by everyone.
	items bell // rung when there is a message or the end
	slots bell // rung when there is room or no more sending

	// The receivers' cache line.
	head struct {
		guard
		patience
		place[T]

		seen uint64 // the position up to which there are known to be messages
		_    [8]byte
	}

	spare    spare[T] // of an unbounded channel
	capacity int

	// Under the tail's guard.
	reserved  int // slots promised to permits
	gatherers park.List[struct{}]
	gathering bool // a reserve of several slots is under way
	gone      bool // there are no receivers any more
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
	q.tail.limit = uint64(capacity)
	return q
}

func (q *queue[T]) trySend(v T) error {
	w := q.tail.lock()
	if w&closedBit != 0 {
		q.tail.unlock()
		return ErrClosed
	}
	if i := w / step; i == q.tail.limit && q.look(i) == 0 {
		q.tail.unlock()
		return ErrFull
	}
	if q.tail.atEnd() {
		q.nextTail()
	}
	q.tail.store(v)
	q.tail.publish(1)
	q.items.ring()
	q.slots.goOn(q.hasRoom)
	return nil
}

// look brings limit up to date and returns how much room there is at
// position i. The caller holds the tail.
func (q *queue[T]) look(i uint64) uint64 {
	q.tail.limit = q.head.position() + uint64(q.capacity-q.reserved)
	return q.tail.limit - i
}

// nextTail goes on to the next segment. The caller holds the tail.
func (q *queue[T]) nextTail() {
	s := q.tail.seg
	if s.next == nil {
		s.next = q.spare.extend(s)
	}
	q.tail.place = place[T]{seg: s.next}
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
	if w/step == q.tail.limit {
		q.tail.unlock()
		return q.sendSlow(ctx, v)
	}
	if q.tail.atEnd() {
		q.nextTail()
	}
	q.tail.store(v)
	q.tail.publish(1)
	q.items.ring()
	return nil
}

func (q *queue[T]) sendSlow(ctx context.Context, v T) error {
	var rung bool
	for {
		q.restSender()
		err := q.trySend(v)
		if rung {
			q.slots.pass(q.hasRoom)
		}
		if err != ErrFull { //nolint:errorlint // never wrapped
			return err
		}
		if rung, err = q.awaitRoom(ctx); err != nil {
			return err
		}
	}
}

func (q *queue[T]) sendMany(ctx context.Context, vs []T) (sent int, err error) {
	var rung bool
	for {
		var n int
		n, err = q.trySendMany(vs[sent:])
		if sent += n; rung {
			q.slots.pass(q.hasRoom)
		}
		if err != nil || sent == len(vs) {
			return sent, err
		}
		if rung, err = q.awaitRoom(ctx); err != nil {
			return sent, err
		}
	}
}

// trySendMany sends as many of vs as there is room for.
func (q *queue[T]) trySendMany(vs []T) (int, error) {
	w := q.tail.lock()
	if w&closedBit != 0 {
		q.tail.unlock()
		return 0, ErrClosed
	}
	i := w / step
	room := q.tail.limit - i
	if room < uint64(len(vs)) {
		room = q.look(i)
	}
	vs = vs[:min(uint64(len(vs)), room)]
	for n := 0; n < len(vs); {
		if q.tail.atEnd() {
			q.nextTail()
		}
		k := copy(q.tail.run(), vs[n:])
		q.tail.pos += k
		n += k
	}
	q.tail.publish(len(vs))
	q.items.ring()
	return len(vs), nil
}

func (q *queue[T]) tryReserve(n int) error {
	w := q.tail.lock()
	defer q.tail.unlock()
	if w&closedBit != 0 {
		return ErrClosed
	}
	if got := q.promise(w/step, n); got < n {
		q.unpromise(got)
		return ErrFull
	}
	return nil
}

// promise reserves up to n slots. The caller holds the tail.
func (q *queue[T]) promise(i uint64, n int) int {
	room := q.tail.limit - i
	if room < uint64(n) {
		room = q.look(i)
	}
	n = int(min(room, uint64(n)))
	q.reserved += n
	q.tail.limit -= uint64(n)
	return n
}

// unpromise ends n reservations. The caller holds the tail.
func (q *queue[T]) unpromise(n int) {
	if q.reserved < n {
		q.tail.unlock()
		panic(errCopied)
	}
	q.reserved -= n
	q.tail.limit += uint64(n)
}

// reserve gathers slots. Only one call at a time gathers several, the others
// stand in line, for two that each hold half of what they need would wait for
// each other.
func (q *queue[T]) reserve(ctx context.Context, n int) error {
	if n > 1 {
		if err := q.beginGathering(ctx); err != nil {
			return err
		}
		defer q.endGathering()
	}
	var got int
	var rung bool
	for {
		w := q.tail.lock()
		closed := w&closedBit != 0
		if !closed {
			got += q.promise(w/step, n-got)
		}
		q.tail.unlock()
		if rung {
			q.slots.pass(q.hasRoom)
		}
		var err error
		switch {
		case got == n:
			return nil
		case closed:
			err = ErrClosed
		default:
			rung, err = q.awaitRoom(ctx)
		}
		if err != nil {
			q.unreserve(got)
			return err
		}
	}
}

func (q *queue[T]) beginGathering(ctx context.Context) error {
	q.tail.lock()
	if !q.gathering {
		q.gathering = true
		q.tail.unlock()
		return nil
	}
	w := q.gatherers.Push(struct{}{})
	q.tail.unlock()
	woken := w.Wait(ctx.Done())
	q.tail.lock()
	mine := !q.gatherers.Remove(w)
	q.tail.unlock()
	if woken {
		return nil
	}
	if mine { // its turn came as it gave up
		w.Wait(nil)
		q.endGathering()
	}
	return cause(ctx)
}

func (q *queue[T]) endGathering() {
	q.tail.lock()
	next := q.gatherers.Front()
	if next != nil {
		q.gatherers.Remove(next)
	}
	q.gathering = next != nil
	q.tail.unlock()
	if next != nil {
		next.Wake()
	}
}

func (q *queue[T]) sendReserved(v T) {
	q.tail.lock()
	q.unpromise(1)
	if q.gone {
		q.tail.unlock()
		drop(v)
		return
	}
	if q.tail.atEnd() {
		q.nextTail()
	}
	q.tail.store(v)
	q.tail.publish(1)
	q.items.ring()
}

func (q *queue[T]) unreserve(n int) {
	w := q.tail.lock()
	q.unpromise(n)
	isEnd := w&closedBit != 0 && q.reserved == 0
	q.tail.unlock()
	if n > 0 {
		q.slots.ring()
	}
	if isEnd {
		q.items.ring()
	}
}

func (q *queue[T]) tryRecv() (v T, err error) {
	w := q.head.lock()
	if i := w / step; i == q.head.seen && q.lookForItems(i) == 0 {
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
	q.slots.ring()
	q.items.goOn(q.hasItems)
	return v, nil
}

// lookForItems brings seen up to date and returns how many messages there are
// at position i. The caller holds the head.
func (q *queue[T]) lookForItems(i uint64) uint64 {
	q.head.seen = q.tail.position()
	return q.head.seen - i
}

// ended reports whether position i will never hold a message.
func (q *queue[T]) ended(i uint64) bool {
	if !q.tail.isClosed() {
		return false
	}
	w := q.tail.lock()
	ended := w/step == i && (q.reserved == 0 || q.gone)
	q.tail.unlock()
	return ended
}

// nextHead goes on to the next segment. The caller holds the head.
func (q *queue[T]) nextHead() {
	s := q.head.seg
	q.head.place = place[T]{seg: s.next}
	if s != s.next {
		q.spare.keep(s)
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
	if w/step == q.head.seen {
		q.head.unlock()
		return q.recvSlow(ctx)
	}
	if q.head.atEnd() {
		q.nextHead()
	}
	v = q.head.load()
	q.head.publish(1)
	q.slots.ring()
	return v, nil
}

func (q *queue[T]) recvSlow(ctx context.Context) (v T, err error) {
	var rung bool
	for {
		q.restReceiver()
		v, err = q.tryRecv()
		if rung {
			q.items.pass(q.hasItems)
		}
		if err != ErrEmpty { //nolint:errorlint // never wrapped
			return v, err
		}
		if rung, err = q.awaitItems(ctx); err != nil {
			return v, err
		}
	}
}

func (q *queue[T]) recvMany(ctx context.Context, buf []T) (n int, err error) {
	var rung bool
	for {
		n, err = q.tryRecvMany(buf)
		if rung {
			q.items.pass(q.hasItems)
		}
		if err != ErrEmpty { //nolint:errorlint // never wrapped
			return n, err
		}
		if rung, err = q.awaitItems(ctx); err != nil {
			return 0, err
		}
	}
}

func (q *queue[T]) tryRecvMany(buf []T) (int, error) {
	w := q.head.lock()
	i := w / step
	items := q.head.seen - i
	if items < uint64(len(buf)) {
		items = q.lookForItems(i)
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
	q.slots.ring()
	return len(buf), nil
}

func (q *queue[T]) shutdown() {
	q.tail.lock()
	q.tail.close()
	isEnd := q.reserved == 0
	q.tail.unlock()
	q.slots.ring()
	if isEnd {
		q.items.ring()
	}
}

func (q *queue[T]) discard() {
	q.tail.lock()
	q.tail.close()
	q.gone = true
	q.tail.unlock()
	q.slots.ring()
	q.items.ring()
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

func (q *queue[T]) room() int {
	w := q.tail.lock()
	defer q.tail.unlock()
	if w&closedBit != 0 {
		return 0
	}
	return int(q.look(w / step))
}

func (q *queue[T]) hasRoom() bool { return q.tail.isClosed() || q.room() > 0 }

func (q *queue[T]) hasItems() bool {
	i := q.head.position()
	return q.tail.position() != i || q.ended(i)
}

func (q *queue[T]) readable(p *readyPlace) <-chan struct{} { return q.items.join(p, q.availableItems) }

func (q *queue[T]) writable(p *readyPlace) <-chan struct{} { return q.slots.join(p, q.availableRoom) }

func (q *queue[T]) leaveReadable(p *readyPlace) {
	q.items.quit(p)
	q.items.goOn(q.hasItems)
}

func (q *queue[T]) leaveWritable(p *readyPlace) {
	q.slots.quit(p)
	q.slots.goOn(q.hasRoom)
}

// availableItems returns how many messages there are, or that there will be none.
func (q *queue[T]) availableItems() (n int, ended bool) {
	if n = q.len(); n > 0 {
		return n, false
	}
	return 0, q.hasItems()
}

// availableRoom returns how many slots are free, or that none is needed any more.
func (q *queue[T]) availableRoom() (n int, ended bool) {
	return q.room(), q.tail.isClosed()
}

func (q *queue[T]) standToRecv() (woken <-chan struct{}, place any) {
	return q.items.stand(q.hasItems)
}

func (q *queue[T]) takeMessage(any) (v T, err error) {
	v, err = q.tryRecv()
	q.items.pass(q.hasItems)
	return v, err
}

func (q *queue[T]) leaveReceivers(_ any, woken bool) {
	if woken {
		q.items.pass(q.hasItems)
	} else {
		q.items.leave()
	}
}

func (q *queue[T]) standToSend() (woken <-chan struct{}, place any) {
	return q.slots.stand(q.hasRoom)
}

func (q *queue[T]) takeSlot(any) error {
	err := q.tryReserve(1)
	q.slots.pass(q.hasRoom)
	return err
}

func (q *queue[T]) leaveSenders(_ any, woken bool) {
	if woken {
		q.slots.pass(q.hasRoom)
	} else {
		q.slots.leave()
	}
}

// awaitRoom parks until there is room or no more sending. If rung, the caller
// tries its operation and then calls slots.pass.
func (q *queue[T]) awaitRoom(ctx context.Context) (rung bool, err error) {
	return q.slots.wait(ctx, q.hasRoom)
}

// awaitItems is the same for messages.
func (q *queue[T]) awaitItems(ctx context.Context) (rung bool, err error) {
	return q.items.wait(ctx, q.hasItems)
}

func (q *queue[T]) enoughRoom() int  { return min(512, q.capacity/2) }
func (q *queue[T]) enoughItems() int { return min(64, q.capacity/2) }

// restSender lets receivers run for a moment if there is little room.
func (q *queue[T]) restSender() {
	if q.roughRoom() < q.enoughRoom() && !q.tail.impatient() {
		q.tail.rest(q.enoughRoom(), q.roughRoom)
	}
}

// restReceiver lets senders run for a moment if there are few messages.
func (q *queue[T]) restReceiver() {
	if q.len() < q.enoughItems() && !q.head.impatient() {
		q.head.rest(q.enoughItems(), q.len)
	}
}

// roughRoom is room without the lock, and without the slots reserved.
func (q *queue[T]) roughRoom() int { return q.capacity - q.len() }
