package channel

import (
	"context"
	"weak"

	"github.com/coderrange/ferrous/internal/park"
)

// small is the channel of small capacity: a ring, a line of senders and a line
// of receivers under one guard.
//
// A message goes straight to the receiver at the front of the line, if there
// is one, and whoever frees a slot fills it from the line of the senders. So
// who is woken has what it waited for, in the order of arrival, and nobody
// passes it. Native channels work like that; here the slots that permits hold
// are counted too, a sender can be refused, and nobody sends into a channel
// that was closed.
type small[T any] struct {
	guard guard // its position is the number of messages buffered
	buf   []T   // the ring
	first int   // the slot of the oldest message
	n     int   // messages buffered, as the guard's unlock will publish

	reserved  int                  // slots promised to permits
	gone      bool                 // there are no receivers any more
	promised  int                  // messages buffered that belong to a Select, which takes them or leaves them
	senders   park.List[offer[T]]  // not empty only while no slot is free
	receivers park.List[answer[T]] // not empty only while every message is promised, but there may be more
	sending   canceler             // of senders
	receiving canceler             // of receivers

	ready *smallReady // made when first needed
}

// smallReady is those who wait in Ready.
type smallReady struct {
	readers, writers readyLine

	// What is left to those who were woken, while others wait.
	messages, slots int
}

// offer is what a sender in line wants: its message sent or, if want is
// positive, that many slots, of which it still lacks some.
type offer[T any] struct {
	value      T
	want, lack int
	refused    bool
	reliance
}

// answer is what a receiver in line is given: a message, or the end. A Select is
// only promised a message, since it may have got something else meanwhile. The
// promise is for one of the messages, not for a certain one: whoever takes a
// message takes the oldest, so that a promise that is given up changes no order.
type answer[T any] struct {
	value    T
	ended    bool
	selects  bool // it is a Select
	promised bool
	reliance
}

func newSmall[T any](capacity int) *small[T] { return &small[T]{buf: make([]T, capacity)} }

// unlock releases the guard, which lock had found in the state w.
func (s *small[T]) unlock(w uint64) { s.guard.publish(s.n - int(w/step)) }

// The methods from here to settle need the guard held.

// free returns how many slots are neither filled nor promised.
func (s *small[T]) free() int { return len(s.buf) - s.n - s.reserved }

// ended reports whether there will be no message any more.
func (s *small[T]) ended() bool {
	return s.n == 0 && s.guard.isClosed() && (s.reserved == 0 || s.gone)
}

func (s *small[T]) push(v T) {
	i := s.first + s.n
	if i >= len(s.buf) {
		i -= len(s.buf)
	}
	s.buf[i] = v
	s.n++
}

func (s *small[T]) pop() (v T) {
	slot := &s.buf[s.first]
	v, *slot = *slot, v
	if s.first++; s.first == len(s.buf) {
		s.first = 0
	}
	s.n--
	return v
}

// accept takes a message for which there is a slot. It returns the receiver to
// wake that has it now, or nil if it is buffered.
func (s *small[T]) accept(v T) *park.Waiter[answer[T]] {
	r := s.receivers.Front()
	if s.ready != nil && s.wakeReader() || r == nil {
		s.push(v)
		return nil
	}
	s.receivers.Remove(r)
	if s.n == 0 && !r.Want.selects {
		r.Want.value = v
		return r
	}
	s.push(v)
	s.hand(r)
	return r
}

// hand gives the receiver r the oldest message, or promises it one.
func (s *small[T]) hand(r *park.Waiter[answer[T]]) {
	if r.Want.selects {
		r.Want.promised = true
		s.promised++
		return
	}
	r.Want.value = s.pop()
}

// wakeReader offers a message to those who wait in Ready, and reports whether
// one of them was woken by it. While others wait, the message is left to it.
func (s *small[T]) wakeReader() bool {
	l := &s.ready.readers
	taken, _ := l.offer(s.receivers.Len())
	if taken && (s.receivers.Front() != nil || l.any()) {
		s.ready.messages++
		l.wait()
	}
	return taken
}

// wakeWriter is the same for a slot.
func (s *small[T]) wakeWriter() bool {
	l := &s.ready.writers
	taken, _ := l.offer(s.senders.Len())
	if taken && (s.senders.Front() != nil || l.any()) {
		s.ready.slots++
		l.wait()
	}
	return taken
}

// lent returns how many messages and slots are left to those who were woken.
func (s *small[T]) lent() (messages, slots int) {
	if s.ready == nil {
		return 0, 0
	}
	return s.ready.messages, s.ready.slots
}

// took says that so many messages and slots were taken by who did not wait in line.
func (s *small[T]) took(messages, slots int) {
	if r := s.ready; r != nil {
		r.messages = max(0, r.messages-messages)
		r.slots = max(0, r.slots-slots)
	}
}

// endCourtesy gives what was left to those in line.
func (s *small[T]) endCourtesy() {
	w := s.guard.lock()
	s.took(len(s.buf), len(s.buf))
	s.settle(w)
}

// put accepts a message and releases the guard, if that is all that changes.
func (s *small[T]) put(w uint64, v T) {
	if s.ready == nil && s.receivers.Front() == nil {
		s.push(v)
		s.unlock(w)
		return
	}
	s.putSlow(w, v)
}

func (s *small[T]) putSlow(w uint64, v T) {
	r := s.accept(v)
	if s.ready != nil {
		s.took(0, 1)
		s.settle(w) // the slot is free if a receiver has got v
	} else {
		s.unlock(w)
	}
	if r != nil {
		r.Wake()
	}
}

// grant gives o slots, as far as there are any, and reports whether it has all
// that it wants.
func (s *small[T]) grant(o *offer[T], woken *park.Batch[answer[T]]) bool {
	_, lent := s.lent()
	free := s.free() - lent
	switch {
	case free <= 0:
		return false
	case o.want == 0:
		if r := s.accept(o.value); r != nil {
			woken.Add(r)
		}
		return true
	}
	free = min(free, o.lack)
	s.reserved += free
	o.lack -= free
	return o.lack == 0
}

// settle releases the guard after any change: it serves the line of the
// senders, or refuses them after the end, and tells the end to receivers.
func (s *small[T]) settle(w uint64) {
	var tx park.Batch[offer[T]]
	var rx park.Batch[answer[T]]
	s.serveReceivers(&rx)
	closed := s.guard.isClosed()
	for o := s.senders.Front(); closed && o != nil; o = s.senders.Front() {
		o.Want.refused = true
		s.reserved -= o.Want.want - o.Want.lack
		s.senders.Remove(o)
		tx.Add(o)
	}
	s.serveSenders(&tx, &rx)
	ended := s.ended()
	for r := s.receivers.Front(); r != nil && ended; r = s.receivers.Front() {
		r.Want.ended = true
		s.receivers.Remove(r)
		rx.Add(r)
	}
	ready := s.ready
	var sending, receiving *registration // that nobody needs any more
	if closed {
		sending = s.sending.replace(nil)
	}
	if ended {
		receiving = s.receiving.replace(nil)
	}
	s.unlock(w)
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

// serveReceivers gives messages that are nobody's to those who wait: a promise or
// a loan was not used.
func (s *small[T]) serveReceivers(rx *park.Batch[answer[T]]) {
	for {
		lent, _ := s.lent()
		switch r := s.receivers.Front(); {
		case s.n-s.promised <= lent, r == nil && s.ready == nil:
			return
		case s.ready != nil && s.wakeReader():
		case r == nil:
			return
		default:
			s.receivers.Remove(r)
			s.hand(r)
			rx.Add(r)
		}
	}
}

// serveSenders gives free slots to those who wait.
func (s *small[T]) serveSenders(tx *park.Batch[offer[T]], rx *park.Batch[answer[T]]) {
	for {
		_, lent := s.lent()
		switch o := s.senders.Front(); {
		case s.free() <= lent, o == nil && s.ready == nil:
			return
		case s.ready != nil && s.wakeWriter():
		case o == nil || !s.grant(&o.Want, rx):
			return
		default:
			s.senders.Remove(o)
			tx.Add(o)
		}
	}
}

func (s *small[T]) send(ctx context.Context, v T) error {
	if ctx.Err() != nil {
		return cause(ctx)
	}
	w := s.guard.lock()
	switch {
	case w&closedBit != 0:
		s.unlock(w)
		return ErrClosed
	case s.free() > 0:
		s.put(w, v)
		return nil
	default:
		return s.standInLine(ctx, w, offer[T]{value: v})
	}
}

func (s *small[T]) trySend(v T) error {
	w := s.guard.lock()
	switch {
	case w&closedBit != 0:
		s.unlock(w)
		return ErrClosed
	case s.free() == 0:
		s.unlock(w)
		return ErrFull
	default:
		s.put(w, v)
		return nil
	}
}

// standInLine releases the guard and waits until the offer is met, refused or
// canceled.
func (s *small[T]) standInLine(ctx context.Context, w uint64, o offer[T]) error {
	p := s.senders.Push(o)
	if p == s.senders.Front() {
		s.grant(&p.Want, nil) // of the slots that it wants, those that there are
	}
	done := ctx.Done()
	relies, register := s.sending.begin(done)
	p.Want.relies = relies
	s.unlock(w)
	if relies {
		done = nil
	}
	if register {
		s.register(ctx, &s.sending, (*small[T]).cancelSenders)
	}
	woken := p.Wait(done)
	w = s.guard.lock()
	s.sending.end(p.Want.reliance)
	if !woken {
		if s.senders.Remove(p) {
			s.reserved -= p.Want.want - p.Want.lack
			s.senders.Recycle(p)
			s.settle(w)
			return cause(ctx)
		}
		s.unlock(w)
		p.Wait(nil) // served before it could give up
		w = s.guard.lock()
	}
	refused, canceled := p.Want.refused, p.Want.canceled
	s.senders.Recycle(p)
	s.unlock(w)
	switch {
	case canceled:
		return cause(ctx)
	case refused:
		return ErrClosed
	}
	return nil
}

// register registers a line with ctx, if nobody relies on another registration.
func (s *small[T]) register(ctx context.Context, c *canceler, cancel func(*small[T], <-chan struct{})) {
	weakly, done := weak.Make(s), ctx.Done()
	r := &registration{done, context.AfterFunc(ctx, func() {
		if s := weakly.Value(); s != nil {
			cancel(s, done)
		}
	})}
	w := s.guard.lock()
	if !s.ended() && c.relying == 0 && ctx.Err() == nil {
		r = c.replace(r)
	}
	s.unlock(w)
	r.end()
}

func (s *small[T]) cancelSenders(done <-chan struct{}) {
	w := s.guard.lock()
	canceled := cancel(&s.sending, done, &s.senders, func(o *offer[T]) *reliance {
		if o.relies {
			s.reserved -= o.want - o.lack
		}
		return &o.reliance
	})
	s.settle(w)
	canceled.Wake()
}

func (s *small[T]) cancelReceivers(done <-chan struct{}) {
	w := s.guard.lock()
	canceled := cancel(&s.receiving, done, &s.receivers, func(a *answer[T]) *reliance { return &a.reliance })
	s.unlock(w)
	canceled.Wake()
}

func (s *small[T]) sendMany(ctx context.Context, vs []T) (sent int, err error) {
	for sent < len(vs) {
		if ctx.Err() != nil {
			return sent, cause(ctx)
		}
		w := s.guard.lock()
		if w&closedBit != 0 {
			s.unlock(w)
			return sent, ErrClosed
		}
		if s.free() == 0 {
			if err := s.standInLine(ctx, w, offer[T]{value: vs[sent]}); err != nil {
				return sent, err
			}
			sent++
			continue
		}
		var rx park.Batch[answer[T]]
		for sent < len(vs) && s.free() > 0 {
			if r := s.accept(vs[sent]); r != nil {
				rx.Add(r)
			}
			s.took(0, 1)
			sent++
		}
		s.settle(w)
		rx.Wake()
	}
	return sent, nil
}

func (s *small[T]) tryReserve(n int) error {
	w := s.guard.lock()
	defer s.unlock(w)
	switch {
	case w&closedBit != 0:
		return ErrClosed
	case s.free() < n:
		return ErrFull
	default:
		s.reserved += n
		s.took(0, n)
		return nil
	}
}

func (s *small[T]) reserve(ctx context.Context, n int) error {
	w := s.guard.lock()
	switch {
	case w&closedBit != 0:
		s.unlock(w)
		return ErrClosed
	case s.free() >= n:
		s.reserved += n
		s.took(0, n)
		s.unlock(w)
		return nil
	default:
		return s.standInLine(ctx, w, offer[T]{want: n, lack: n})
	}
}

func (s *small[T]) sendReserved(v T) {
	w := s.unpromise(1)
	if s.gone {
		s.settle(w)
		drop(v)
		return
	}
	r := s.accept(v)
	s.settle(w) // if it is not buffered the slot is free
	if r != nil {
		r.Wake()
	}
}

func (s *small[T]) unreserve(n int) { s.settle(s.unpromise(n)) }

// unpromise takes the guard and ends n reservations.
func (s *small[T]) unpromise(n int) (w uint64) {
	w = s.guard.lock()
	if s.reserved < n {
		s.unlock(w)
		panic(errCopied)
	}
	s.reserved -= n
	return w
}

func (s *small[T]) recv(ctx context.Context) (v T, err error) {
	if ctx.Err() != nil {
		return v, cause(ctx)
	}
	w := s.guard.lock()
	switch {
	case s.n > s.promised:
		return s.get(w), nil
	case s.ended():
		s.unlock(w)
		return v, ErrClosed
	}
	done := ctx.Done()
	relies, register := s.receiving.begin(done)
	p := s.receivers.Push(answer[T]{reliance: reliance{relies: relies}})
	s.unlock(w)
	if relies {
		done = nil
	}
	if register {
		s.register(ctx, &s.receiving, (*small[T]).cancelReceivers)
	}
	woken := p.Wait(done)
	w = s.guard.lock()
	s.receiving.end(p.Want.reliance)
	if !woken {
		if s.receivers.Remove(p) {
			s.receivers.Recycle(p)
			s.unlock(w)
			return v, cause(ctx)
		}
		s.unlock(w)
		p.Wait(nil) // given something before it could give up
		w = s.guard.lock()
	}
	a := p.Want
	s.receivers.Recycle(p)
	s.unlock(w)
	switch {
	case a.canceled:
		return v, cause(ctx)
	case a.ended:
		return v, ErrClosed
	}
	return a.value, nil
}

func (s *small[T]) tryRecv() (v T, err error) {
	w := s.guard.lock()
	switch {
	case s.n > s.promised:
		return s.get(w), nil
	case s.ended():
		err = ErrClosed
	default:
		err = ErrEmpty
	}
	s.unlock(w)
	return v, err
}

// get takes out the oldest message and releases the guard.
func (s *small[T]) get(w uint64) T {
	v := s.pop()
	if w&closedBit == 0 && s.senders.Front() == nil && s.ready == nil {
		s.unlock(w)
		return v
	}
	s.took(1, 0)
	s.settle(w)
	return v
}

func (s *small[T]) recvMany(ctx context.Context, buf []T) (n int, err error) {
	v, err := s.recv(ctx)
	if err != nil {
		return 0, err
	}
	buf[0], n = v, 1
	w := s.guard.lock()
	for ; n < len(buf) && s.n > s.promised; n++ {
		buf[n] = s.pop()
		s.took(1, 0)
	}
	s.settle(w)
	return n, nil
}

func (s *small[T]) standToRecv() (woken <-chan struct{}, place any) {
	w := s.guard.lock()
	defer s.unlock(w)
	if s.n > s.promised || s.ended() {
		return nil, nil
	}
	p := s.receivers.Push(answer[T]{selects: true})
	return p.Ready(), p
}

func (s *small[T]) takeMessage(place any) (v T, err error) {
	p := place.(*park.Waiter[answer[T]])
	w := s.guard.lock()
	if p.Want.promised {
		s.promised--
	}
	// After the last receiver's Close there may be nothing to keep a promise.
	if p.Want.ended || s.n == 0 {
		err = ErrClosed
	} else {
		v = s.pop()
	}
	s.receivers.Recycle(p)
	s.settle(w)
	return v, err
}

func (s *small[T]) leaveReceivers(place any, woken bool) {
	p := place.(*park.Waiter[answer[T]])
	w := s.guard.lock()
	if s.receivers.Remove(p) {
		s.receivers.Recycle(p)
		s.unlock(w)
		return
	}
	s.unlock(w)
	if !woken {
		p.Wait(nil)
	}
	w = s.guard.lock()
	if p.Want.promised {
		s.promised--
	}
	s.receivers.Recycle(p)
	s.settle(w) // what was promised is for the next in line
}

func (s *small[T]) standToSend() (woken <-chan struct{}, place any) {
	w := s.guard.lock()
	defer s.unlock(w)
	if w&closedBit != 0 || s.free() > 0 {
		return nil, nil
	}
	p := s.senders.Push(offer[T]{want: 1, lack: 1})
	return p.Ready(), p
}

func (s *small[T]) takeSlot(place any) error {
	p := place.(*park.Waiter[offer[T]])
	w := s.guard.lock()
	refused := p.Want.refused
	s.senders.Recycle(p)
	s.unlock(w)
	if refused {
		return ErrClosed
	}
	return nil
}

func (s *small[T]) leaveSenders(place any, woken bool) {
	p := place.(*park.Waiter[offer[T]])
	w := s.guard.lock()
	if s.senders.Remove(p) {
		s.senders.Recycle(p)
		s.unlock(w)
		return
	}
	s.unlock(w)
	if !woken {
		p.Wait(nil)
	}
	if s.takeSlot(p) == nil {
		s.unreserve(1)
	}
}

func (s *small[T]) shutdown() {
	w := s.guard.lock()
	s.guard.close()
	s.settle(w)
}

func (s *small[T]) discard() {
	w := s.guard.lock()
	s.guard.close()
	s.gone = true
	left := make([]T, 0, s.n)
	for s.n > 0 {
		left = append(left, s.pop())
	}
	s.settle(w)
	dropAll(func() (v T, ok bool) {
		if len(left) == 0 {
			return v, false
		}
		v, left = left[0], left[1:]
		return v, true
	})
}

func (s *small[T]) isClosed() bool { return s.guard.isClosed() }
func (s *small[T]) len() int       { return int(s.guard.position()) }
func (s *small[T]) cap() int       { return len(s.buf) }

func (s *small[T]) room() int {
	w := s.guard.lock()
	defer s.unlock(w)
	if w&closedBit != 0 {
		return 0
	}
	return s.free()
}

func (s *small[T]) readable(p *readyPlace) <-chan struct{} {
	w := s.guard.lock()
	defer s.unlock(w)
	if s.n > s.promised || s.ended() {
		return closedNow()
	}
	opened, _ := s.readyMade().readers.join(p)
	return opened
}

func (s *small[T]) writable(p *readyPlace) <-chan struct{} {
	w := s.guard.lock()
	defer s.unlock(w)
	if w&closedBit != 0 || s.free() > 0 {
		return closedNow()
	}
	opened, _ := s.readyMade().writers.join(p)
	return opened
}

func (s *small[T]) readyMade() *smallReady {
	if s.ready == nil {
		s.ready = new(smallReady)
		s.ready.readers.again, s.ready.writers.again = s.endCourtesy, s.endCourtesy
	}
	return s.ready
}

func (s *small[T]) leaveReadable(p *readyPlace) { s.leaveReady(p, false) }
func (s *small[T]) leaveWritable(p *readyPlace) { s.leaveReady(p, true) }

func (s *small[T]) leaveReady(p *readyPlace, writer bool) {
	w := s.guard.lock()
	switch r := s.ready; {
	case r == nil:
		s.unlock(w)
		return
	case writer:
		r.writers.leave(p)
		r.slots = 0
	default:
		r.readers.leave(p)
		r.messages = 0
	}
	s.settle(w)
}
