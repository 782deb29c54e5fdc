package channel

import (
	"context"
	"weak"

	"github.com/coderrange/ferrous/internal/park"
)

// ring is the channel of fewer than queueCapacity messages: a circular buffer, a FIFO
// queue of blocked senders and one of blocked receivers, under one lock. It follows
// Go's own channel (runtime/chan.go), with permits, a close that senders may race
// with, and contexts.
//
// A sender hands its message to the first blocked receiver, and the call that frees a
// slot fills it from the first blocked sender. So a waiter that is woken has what it
// waited for, waiters are served in the order of arrival, and no call overtakes them.
//
// Invariants, whenever the lock is free:
//   - n + reserved <= len(buf).
//   - senders is not empty only if every free slot is set aside; after a close it is empty.
//   - receivers is not empty only if every message is promised or set aside.
type ring[T any] struct {
	mu    lockWord // guards all fields; its position is n
	buf   []T
	first int // the index of the oldest message in buf
	n     int // messages in buf; unlock publishes it

	reserved    int  // slots that permits and waiting reservations hold
	noReceivers bool // the last receiver was closed
	promised    int  // messages in buf that were promised to a Select
	senders     park.List[sendWaiter[T]]
	receivers   park.List[recvWaiter[T]]
	sending     canceler // of senders
	receiving   canceler // of receivers

	ready *ringReady // made when first needed
}

// ringReady is the two queues of handles on which goroutines wait for Ready.
type ringReady struct {
	readers, writers readyLine

	messages, slots int // set aside for goroutines that were woken by Ready
}

// sendWaiter is a blocked sender. It waits to send value or, if want is positive, to
// reserve that many slots.
type sendWaiter[T any] struct {
	value      T
	want, lack int  // slots to reserve, and how many of them are missing
	refused    bool // the channel was closed
	cancelState
}

// recvWaiter is a blocked receiver. It is handed a message or the end.
//
// A Select is only promised a message, since another of its cases may go on at the
// same time. The promise is for any one message: the Select takes the oldest. So a
// promise that is given back does not change the order of messages.
type recvWaiter[T any] struct {
	value    T
	ended    bool // there are no more messages
	selects  bool // the waiter is a Select
	promised bool // a message was promised to the Select
	cancelState
}

func newRing[T any](capacity int) *ring[T] { return &ring[T]{buf: make([]T, capacity)} }

// unlock publishes n and releases the lock. w is what lock returned.
func (c *ring[T]) unlock(w uint64) { c.mu.publish(c.n - int(w/step)) }

// For the methods from here to serveAndUnlock the caller holds the lock.

// freeSlots returns how many slots are neither filled nor reserved.
func (c *ring[T]) freeSlots() int { return len(c.buf) - c.n - c.reserved }

// ended reports whether there are no messages and will be none.
func (c *ring[T]) ended() bool {
	return c.n == 0 && c.mu.isClosed() && (c.reserved == 0 || c.noReceivers)
}

func (c *ring[T]) push(v T) {
	i := c.first + c.n
	if i >= len(c.buf) {
		i -= len(c.buf)
	}
	c.buf[i] = v
	c.n++
}

func (c *ring[T]) pop() (v T) {
	slot := &c.buf[c.first]
	v, *slot = *slot, v
	if c.first++; c.first == len(c.buf) {
		c.first = 0
	}
	c.n--
	return v
}

// accept takes v, for which there is a slot. It buffers v and returns nil, or hands a
// message to a receiver and returns that receiver, for the caller to wake.
func (c *ring[T]) accept(v T) *park.Waiter[recvWaiter[T]] {
	r := c.receivers.Front()
	if c.ready != nil && c.wakeReader() || r == nil {
		c.push(v)
		return nil
	}
	c.receivers.Remove(r)
	if c.n == 0 && !r.Want.selects {
		r.Want.value = v
		return r
	}
	c.push(v)
	c.hand(r)
	return r
}

// hand hands the oldest message to r, or promises a message if r is a Select.
func (c *ring[T]) hand(r *park.Waiter[recvWaiter[T]]) {
	if r.Want.selects {
		r.Want.promised = true
		c.promised++
		return
	}
	r.Want.value = c.pop()
}

// wakeReader offers a message to the goroutines that wait for Ready, and reports
// whether one was woken. If there are other waiters, the message is set aside for it.
func (c *ring[T]) wakeReader() bool {
	l := &c.ready.readers
	taken, _ := l.offer(c.receivers.Len())
	if taken && (c.receivers.Front() != nil || l.any()) {
		c.ready.messages++
		l.wait()
	}
	return taken
}

// wakeWriter is wakeReader for a slot.
func (c *ring[T]) wakeWriter() bool {
	l := &c.ready.writers
	taken, _ := l.offer(c.senders.Len())
	if taken && (c.senders.Front() != nil || l.any()) {
		c.ready.slots++
		l.wait()
	}
	return taken
}

// setAside returns how many messages and slots are set aside.
func (c *ring[T]) setAside() (messages, slots int) {
	if c.ready == nil {
		return 0, 0
	}
	return c.ready.messages, c.ready.slots
}

// takeSetAside is called when a call that did not wait took messages or slots: they
// count as the ones that were set aside.
func (c *ring[T]) takeSetAside(messages, slots int) {
	if r := c.ready; r != nil {
		r.messages = max(0, r.messages-messages)
		r.slots = max(0, r.slots-slots)
	}
}

// endGrace gives what was set aside to the waiters.
func (c *ring[T]) endGrace() {
	w := c.mu.lock()
	c.takeSetAside(len(c.buf), len(c.buf))
	c.serveAndUnlock(w)
}

// put accepts v and releases the lock.
func (c *ring[T]) put(w uint64, v T) {
	if c.ready == nil && c.receivers.Front() == nil {
		c.push(v)
		c.unlock(w)
		return
	}
	c.putSlow(w, v)
}

func (c *ring[T]) putSlow(w uint64, v T) {
	r := c.accept(v)
	if c.ready != nil {
		c.takeSetAside(0, 1)
		c.serveAndUnlock(w) // the slot is free again if a receiver got v
	} else {
		c.unlock(w)
	}
	if r != nil {
		r.Wake()
	}
}

// grant gives free slots to o, and reports whether o has all that it wants. Receivers
// that got its message are added to woken.
func (c *ring[T]) grant(o *sendWaiter[T], woken *park.Batch[recvWaiter[T]]) bool {
	_, setAside := c.setAside()
	freeSlots := c.freeSlots() - setAside
	switch {
	case freeSlots <= 0:
		return false
	case o.want == 0:
		if r := c.accept(o.value); r != nil {
			woken.Add(r)
		}
		return true
	}
	freeSlots = min(freeSlots, o.lack)
	c.reserved += freeSlots
	o.lack -= freeSlots
	return o.lack == 0
}

// serveAndUnlock restores the invariants after any change, releases the lock and wakes
// the waiters that were served: receivers get messages, senders get slots or, after a
// close, are refused, and receivers get the end.
func (c *ring[T]) serveAndUnlock(w uint64) {
	var tx park.Batch[sendWaiter[T]]
	var rx park.Batch[recvWaiter[T]]
	c.serveReceivers(&rx)
	closed := c.mu.isClosed()
	for o := c.senders.Front(); closed && o != nil; o = c.senders.Front() {
		o.Want.refused = true
		c.reserved -= o.Want.want - o.Want.lack
		c.senders.Remove(o)
		tx.Add(o)
	}
	c.serveSenders(&tx, &rx)
	ended := c.ended()
	for r := c.receivers.Front(); r != nil && ended; r = c.receivers.Front() {
		r.Want.ended = true
		c.receivers.Remove(r)
		rx.Add(r)
	}
	ready := c.ready
	var sending, receiving *registration // not needed any more
	if closed {
		sending = c.sending.replace(nil)
	}
	if ended {
		receiving = c.receiving.replace(nil)
	}
	c.unlock(w)
	tx.Wake()
	rx.Wake()
	sending.end()
	receiving.end()
	if ready != nil && ended {
		ready.readers.openAll()
	}
	if ready != nil && closed {
		ready.writers.openAll()
	}
}

// serveReceivers hands messages to waiters. There are some if a promise was given back
// or a message is not set aside any more.
func (c *ring[T]) serveReceivers(rx *park.Batch[recvWaiter[T]]) {
	for {
		setAside, _ := c.setAside()
		switch r := c.receivers.Front(); {
		case c.n-c.promised <= setAside, r == nil && c.ready == nil:
			return
		case c.ready != nil && c.wakeReader():
		case r == nil:
			return
		default:
			c.receivers.Remove(r)
			c.hand(r)
			rx.Add(r)
		}
	}
}

// serveSenders gives free slots to waiters.
func (c *ring[T]) serveSenders(tx *park.Batch[sendWaiter[T]], rx *park.Batch[recvWaiter[T]]) {
	for {
		_, setAside := c.setAside()
		switch o := c.senders.Front(); {
		case c.freeSlots() <= setAside, o == nil && c.ready == nil:
			return
		case c.ready != nil && c.wakeWriter():
		case o == nil || !c.grant(&o.Want, rx):
			return
		default:
			c.senders.Remove(o)
			tx.Add(o)
		}
	}
}

func (c *ring[T]) send(ctx context.Context, v T) error {
	if ctx.Err() != nil {
		return cause(ctx)
	}
	w := c.mu.lock()
	switch {
	case w&closedBit != 0:
		c.unlock(w)
		return ErrClosed
	case c.freeSlots() > 0:
		c.put(w, v)
		return nil
	default:
		return c.waitToSend(ctx, w, sendWaiter[T]{value: v})
	}
}

func (c *ring[T]) trySend(v T) error {
	w := c.mu.lock()
	switch {
	case w&closedBit != 0:
		c.unlock(w)
		return ErrClosed
	case c.freeSlots() == 0:
		c.unlock(w)
		return ErrFull
	default:
		c.put(w, v)
		return nil
	}
}

// waitToSend releases the lock and waits until o is served, refused or canceled.
func (c *ring[T]) waitToSend(ctx context.Context, w uint64, o sendWaiter[T]) error {
	p := c.senders.Push(o)
	if p == c.senders.Front() {
		c.grant(&p.Want, nil) // reserves the slots that are free, if they are not enough
	}
	done := ctx.Done()
	relies, register := c.sending.begin(done)
	p.Want.relies = relies
	c.unlock(w)
	if relies {
		done = nil
	}
	if register {
		c.register(ctx, &c.sending, (*ring[T]).cancelSenders)
	}
	woken := p.Wait(done)
	w = c.mu.lock()
	c.sending.end(p.Want.cancelState)
	if !woken {
		if c.senders.Remove(p) {
			c.reserved -= p.Want.want - p.Want.lack
			c.senders.Recycle(p)
			c.serveAndUnlock(w)
			return cause(ctx)
		}
		c.unlock(w)
		p.Wait(nil) // it was served before it could leave
		w = c.mu.lock()
	}
	refused, canceled := p.Want.refused, p.Want.canceled
	c.senders.Recycle(p)
	c.unlock(w)
	switch {
	case canceled:
		return cause(ctx)
	case refused:
		return ErrClosed
	}
	return nil
}

// register registers one side with ctx, if no waiter relies on another registration.
func (c *ring[T]) register(ctx context.Context, side *canceler, cancel func(*ring[T], <-chan struct{})) {
	weakly, done := weak.Make(c), ctx.Done()
	r := &registration{done, context.AfterFunc(ctx, func() {
		if c := weakly.Value(); c != nil {
			cancel(c, done)
		}
	})}
	w := c.mu.lock()
	if !c.ended() && side.relying == 0 && ctx.Err() == nil {
		r = side.replace(r)
	}
	c.unlock(w)
	r.end()
}

func (c *ring[T]) cancelSenders(done <-chan struct{}) {
	w := c.mu.lock()
	canceled := cancel(&c.sending, done, &c.senders, func(o *sendWaiter[T]) *cancelState {
		if o.relies {
			c.reserved -= o.want - o.lack
		}
		return &o.cancelState
	})
	c.serveAndUnlock(w)
	canceled.Wake()
}

func (c *ring[T]) cancelReceivers(done <-chan struct{}) {
	w := c.mu.lock()
	canceled := cancel(&c.receiving, done, &c.receivers, func(a *recvWaiter[T]) *cancelState { return &a.cancelState })
	c.unlock(w)
	canceled.Wake()
}

func (c *ring[T]) sendMany(ctx context.Context, vs []T) (sent int, err error) {
	for sent < len(vs) {
		if ctx.Err() != nil {
			return sent, cause(ctx)
		}
		w := c.mu.lock()
		if w&closedBit != 0 {
			c.unlock(w)
			return sent, ErrClosed
		}
		if c.freeSlots() == 0 {
			if err := c.waitToSend(ctx, w, sendWaiter[T]{value: vs[sent]}); err != nil {
				return sent, err
			}
			sent++
			continue
		}
		var rx park.Batch[recvWaiter[T]]
		for sent < len(vs) && c.freeSlots() > 0 {
			if r := c.accept(vs[sent]); r != nil {
				rx.Add(r)
			}
			c.takeSetAside(0, 1)
			sent++
		}
		c.serveAndUnlock(w)
		rx.Wake()
	}
	return sent, nil
}

func (c *ring[T]) tryReserve(n int) error {
	w := c.mu.lock()
	defer c.unlock(w)
	switch {
	case w&closedBit != 0:
		return ErrClosed
	case c.freeSlots() < n:
		return ErrFull
	default:
		c.reserved += n
		c.takeSetAside(0, n)
		return nil
	}
}

func (c *ring[T]) reserve(ctx context.Context, n int) error {
	w := c.mu.lock()
	switch {
	case w&closedBit != 0:
		c.unlock(w)
		return ErrClosed
	case c.freeSlots() >= n:
		c.reserved += n
		c.takeSetAside(0, n)
		c.unlock(w)
		return nil
	default:
		return c.waitToSend(ctx, w, sendWaiter[T]{want: n, lack: n})
	}
}

func (c *ring[T]) sendReserved(v T) {
	w := c.unclaim(1)
	if c.noReceivers {
		c.serveAndUnlock(w)
		drop(v)
		return
	}
	r := c.accept(v)
	c.serveAndUnlock(w) // the slot is free if v was handed over
	if r != nil {
		r.Wake()
	}
}

func (c *ring[T]) unreserve(n int) { c.serveAndUnlock(c.unclaim(n)) }

// unclaim takes the lock and ends n reservations.
func (c *ring[T]) unclaim(n int) (w uint64) {
	w = c.mu.lock()
	if c.reserved < n {
		c.unlock(w)
		panic(errCopied)
	}
	c.reserved -= n
	return w
}

func (c *ring[T]) recv(ctx context.Context) (v T, err error) {
	if ctx.Err() != nil {
		return v, cause(ctx)
	}
	w := c.mu.lock()
	switch {
	case c.n > c.promised:
		return c.get(w), nil
	case c.ended():
		c.unlock(w)
		return v, ErrClosed
	}
	done := ctx.Done()
	relies, register := c.receiving.begin(done)
	p := c.receivers.Push(recvWaiter[T]{cancelState: cancelState{relies: relies}})
	c.unlock(w)
	if relies {
		done = nil
	}
	if register {
		c.register(ctx, &c.receiving, (*ring[T]).cancelReceivers)
	}
	woken := p.Wait(done)
	w = c.mu.lock()
	c.receiving.end(p.Want.cancelState)
	if !woken {
		if c.receivers.Remove(p) {
			c.receivers.Recycle(p)
			c.unlock(w)
			return v, cause(ctx)
		}
		c.unlock(w)
		p.Wait(nil) // it was served before it could leave
		w = c.mu.lock()
	}
	a := p.Want
	c.receivers.Recycle(p)
	c.unlock(w)
	switch {
	case a.canceled:
		return v, cause(ctx)
	case a.ended:
		return v, ErrClosed
	}
	return a.value, nil
}

func (c *ring[T]) tryRecv() (v T, err error) {
	w := c.mu.lock()
	switch {
	case c.n > c.promised:
		return c.get(w), nil
	case c.ended():
		err = ErrClosed
	default:
		err = ErrEmpty
	}
	c.unlock(w)
	return v, err
}

// get removes the oldest message and releases the lock.
func (c *ring[T]) get(w uint64) T {
	v := c.pop()
	if w&closedBit == 0 && c.senders.Front() == nil && c.ready == nil {
		c.unlock(w)
		return v
	}
	c.takeSetAside(1, 0)
	c.serveAndUnlock(w)
	return v
}

func (c *ring[T]) recvMany(ctx context.Context, buf []T) (n int, err error) {
	v, err := c.recv(ctx)
	if err != nil {
		return 0, err
	}
	buf[0], n = v, 1
	w := c.mu.lock()
	for ; n < len(buf) && c.n > c.promised; n++ {
		buf[n] = c.pop()
		c.takeSetAside(1, 0)
	}
	c.serveAndUnlock(w)
	return n, nil
}

func (c *ring[T]) joinReceivers() (woken <-chan struct{}, place any) {
	w := c.mu.lock()
	defer c.unlock(w)
	if c.n > c.promised || c.ended() {
		return nil, nil
	}
	p := c.receivers.Push(recvWaiter[T]{selects: true})
	return p.Ready(), p
}

func (c *ring[T]) takeMessage(place any) (v T, err error) {
	p := place.(*park.Waiter[recvWaiter[T]])
	w := c.mu.lock()
	if p.Want.promised {
		c.promised--
	}
	// After the last receiver's Close a message that was promised may be gone.
	if p.Want.ended || c.n == 0 {
		err = ErrClosed
	} else {
		v = c.pop()
	}
	c.receivers.Recycle(p)
	c.serveAndUnlock(w)
	return v, err
}

func (c *ring[T]) leaveReceivers(place any, woken bool) {
	p := place.(*park.Waiter[recvWaiter[T]])
	w := c.mu.lock()
	if c.receivers.Remove(p) {
		c.receivers.Recycle(p)
		c.unlock(w)
		return
	}
	c.unlock(w)
	if !woken {
		p.Wait(nil)
	}
	w = c.mu.lock()
	if p.Want.promised {
		c.promised--
	}
	c.receivers.Recycle(p)
	c.serveAndUnlock(w) // a promise passes to the next waiter
}

func (c *ring[T]) joinSenders() (woken <-chan struct{}, place any) {
	w := c.mu.lock()
	defer c.unlock(w)
	if w&closedBit != 0 || c.freeSlots() > 0 {
		return nil, nil
	}
	p := c.senders.Push(sendWaiter[T]{want: 1, lack: 1})
	return p.Ready(), p
}

func (c *ring[T]) takeSlot(place any) error {
	p := place.(*park.Waiter[sendWaiter[T]])
	w := c.mu.lock()
	refused := p.Want.refused
	c.senders.Recycle(p)
	c.unlock(w)
	if refused {
		return ErrClosed
	}
	return nil
}

func (c *ring[T]) leaveSenders(place any, woken bool) {
	p := place.(*park.Waiter[sendWaiter[T]])
	w := c.mu.lock()
	if c.senders.Remove(p) {
		c.senders.Recycle(p)
		c.unlock(w)
		return
	}
	c.unlock(w)
	if !woken {
		p.Wait(nil)
	}
	if c.takeSlot(p) == nil {
		c.unreserve(1)
	}
}

func (c *ring[T]) shutdown() {
	w := c.mu.lock()
	c.mu.close()
	c.serveAndUnlock(w)
}

func (c *ring[T]) discard() {
	w := c.mu.lock()
	c.mu.close()
	c.noReceivers = true
	left := make([]T, 0, c.n)
	for c.n > 0 {
		left = append(left, c.pop())
	}
	c.serveAndUnlock(w)
	dropAll(func() (v T, ok bool) {
		if len(left) == 0 {
			return v, false
		}
		v, left = left[0], left[1:]
		return v, true
	})
}

func (c *ring[T]) isClosed() bool { return c.mu.isClosed() }
func (c *ring[T]) len() int       { return int(c.mu.position()) }
func (c *ring[T]) cap() int       { return len(c.buf) }

func (c *ring[T]) free() int {
	w := c.mu.lock()
	defer c.unlock(w)
	if w&closedBit != 0 {
		return 0
	}
	return c.freeSlots()
}

func (c *ring[T]) readable(p *readyPlace) <-chan struct{} {
	w := c.mu.lock()
	defer c.unlock(w)
	if c.n > c.promised || c.ended() {
		return closedChan()
	}
	opened, _ := c.makeReady().readers.join(p)
	return opened
}

func (c *ring[T]) writable(p *readyPlace) <-chan struct{} {
	w := c.mu.lock()
	defer c.unlock(w)
	if w&closedBit != 0 || c.freeSlots() > 0 {
		return closedChan()
	}
	opened, _ := c.makeReady().writers.join(p)
	return opened
}

func (c *ring[T]) makeReady() *ringReady {
	if c.ready == nil {
		c.ready = new(ringReady)
		c.ready.readers.again, c.ready.writers.again = c.endGrace, c.endGrace
	}
	return c.ready
}

func (c *ring[T]) leaveReadable(p *readyPlace) { c.leaveReady(p, false) }
func (c *ring[T]) leaveWritable(p *readyPlace) { c.leaveReady(p, true) }

func (c *ring[T]) leaveReady(p *readyPlace, writer bool) {
	w := c.mu.lock()
	switch r := c.ready; {
	case r == nil:
		c.unlock(w)
		return
	case writer:
		r.writers.leave(p)
		r.slots = 0
	default:
		r.readers.leave(p)
		r.messages = 0
	}
	c.serveAndUnlock(w)
}
