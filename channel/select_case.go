package channel

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"
)

// Case is an operation that [Select] waits for, and a function to call when the
// operation was done. The zero Case is never chosen: it stands for a case that is
// switched off. A Case can be used again, also by several goroutines at once.
type Case struct{ op operation }

// operation is what a case does.
type operation interface {
	// name returns the function that made the case, with its type.
	name() string
	// try does the operation if that needs no waiting: then it calls r.leave and the
	// function, and reports true.
	try(r *waitSet) bool
	// join joins the queue as case i of r. It reports false if try is worth trying
	// instead.
	join(r *waitSet, i int) bool
	// finish does the operation after s was woken: it ends the place of s, calls
	// r.leave and then the function. If another call was faster, it reports false,
	// and s has a new place in the queue.
	finish(r *waitSet, s *waitingCase) bool
	// leave gives up a place that was not finished. If woken, the channel of the place
	// was received from. A claim that the place has is passed on.
	leave(place any, woken bool)
}

// native is a case of a native channel. A native receive or send cannot be undone, so
// the function is called as soon as the case is chosen.
type native interface {
	// park is waitSet.park with this case.
	park(r *waitSet, done <-chan struct{}) (k int, canceled bool)
	// reflected returns the case for reflect.Select.
	reflected() reflect.SelectCase
	// chosen calls the function with what reflect.Select received.
	chosen(r *waitSet, v reflect.Value, ok bool)
}

func (c Case) try(r *waitSet) bool { return c.op != nil && c.op.try(r) }

// recvCase is the case of a Receiver.
type recvCase[T any] struct {
	r *Receiver[T]
	f func(T, error)
}

// OnRecv returns a case that receives from r. f is called with the results of Recv.
func (r *Receiver[T]) OnRecv(f func(T, error)) Case {
	r.check("OnRecv")
	checkFunc(f != nil, "Receiver.OnRecv")
	return Case{&recvCase[T]{r, f}}
}

func (c *recvCase[T]) name() string { return "Receiver.OnRecv" }

func (c *recvCase[T]) try(r *waitSet) bool {
	v, err := c.r.TryRecv()
	return c.got(r, v, err)
}

func (c *recvCase[T]) got(r *waitSet, v T, err error) bool {
	if err == ErrEmpty { //nolint:errorlint // never wrapped
		return false
	}
	r.leave()
	c.f(v, err)
	return true
}

func (c *recvCase[T]) join(r *waitSet, i int) bool {
	if c.r.closed.Load() {
		return false
	}
	woken, place := c.r.core.joinReceivers()
	return place != nil && r.add(waitingCase{op: c, i: i, place: place, woken: woken})
}

func (c *recvCase[T]) finish(r *waitSet, s *waitingCase) bool {
	v, err := c.r.core.takeMessage(s.take())
	if c.got(r, v, err) {
		return true
	}
	for {
		if s.woken, s.place = c.r.core.joinReceivers(); s.place != nil {
			return false
		}
		if c.try(r) {
			return true
		}
	}
}

func (c *recvCase[T]) leave(place any, woken bool) { c.r.core.leaveReceivers(place, woken) }

// slotCase is a case that takes a slot of s: it sends a message or reserves.
type slotCase[T any] struct {
	s   *Sender[T]
	v   T
	f   func(error)             // of a send
	got func(*Permit[T], error) // of a reservation
}

// OnSend returns a case that sends v to s. f is called with the result of Send.
//
//ferrous:transfers v
func (s *Sender[T]) OnSend(v T, f func(error)) Case {
	s.check("OnSend")
	checkFunc(f != nil, "Sender.OnSend")
	return Case{&slotCase[T]{s: s, v: v, f: f}}
}

// OnReserve returns a case that reserves a slot of s. f is called with the results of
// Reserve, and owns the permit. So f can make the message when there is a free slot
// for it.
func (s *Sender[T]) OnReserve(f func(*Permit[T], error)) Case {
	s.check("OnReserve")
	checkFunc(f != nil, "Sender.OnReserve")
	return Case{&slotCase[T]{s: s, got: f}}
}

func (c *slotCase[T]) name() string {
	if c.f != nil {
		return "Sender.OnSend"
	}
	return "Sender.OnReserve"
}

func (c *slotCase[T]) try(r *waitSet) bool {
	var err error
	switch {
	case c.f != nil:
		err = c.s.TrySend(c.v)
	case c.s.IsClosed():
		err = ErrClosed
	default:
		err = c.s.core.tryReserve(1)
	}
	if err == ErrFull { //nolint:errorlint // never wrapped
		return false
	}
	c.done(r, err)
	return true
}

// done calls the function. If err is nil, a slot was taken.
func (c *slotCase[T]) done(r *waitSet, err error) {
	r.leave()
	switch {
	case c.f != nil:
		c.f(err)
	case err != nil:
		c.got(&Permit[T]{}, err)
	default:
		c.got(&Permit[T]{core: c.s.core, left: 1}, nil)
	}
}

func (c *slotCase[T]) join(r *waitSet, i int) bool {
	if c.s.closed.Load() {
		return false
	}
	woken, place := c.s.core.joinSenders()
	return place != nil && r.add(waitingCase{op: c, i: i, place: place, woken: woken})
}

func (c *slotCase[T]) finish(r *waitSet, s *waitingCase) bool {
	err := c.s.core.takeSlot(s.take())
	if err != ErrFull { //nolint:errorlint // never wrapped
		if err == nil && c.f != nil {
			c.s.core.sendReserved(c.v)
		}
		c.done(r, err)
		return true
	}
	for {
		if s.woken, s.place = c.s.core.joinSenders(); s.place != nil {
			return false
		}
		if c.try(r) {
			return true
		}
	}
}

func (c *slotCase[T]) leave(place any, woken bool) { c.s.core.leaveSenders(place, woken) }

// turnCase is the case of a receiver of a oneshot, broadcast or watch.
type turnCase[T any] struct {
	r interface {
		awaited
		tryRecv() (T, error)
	}
	f func(T, error)
	n string // the name
}

// OnRecv returns a case that receives from r. f is called with the results of Recv.
func (r *OneshotReceiver[T]) OnRecv(f func(T, error)) Case {
	r.check("OnRecv")
	checkFunc(f != nil, "OneshotReceiver.OnRecv")
	return Case{&turnCase[T]{r, f, "OneshotReceiver.OnRecv"}}
}

// OnRecv returns a case that receives from r. f is called with the results of Recv.
func (r *BroadcastReceiver[T]) OnRecv(f func(T, error)) Case {
	r.check("OnRecv")
	checkFunc(f != nil, "BroadcastReceiver.OnRecv")
	return Case{&turnCase[T]{r, f, "BroadcastReceiver.OnRecv"}}
}

// OnChanged returns a case that waits for a change. f is called with the result of
// Changed.
func (r *WatchReceiver[T]) OnChanged(f func(error)) Case {
	r.check("OnChanged")
	checkFunc(f != nil, "WatchReceiver.OnChanged")
	return Case{&turnCase[struct{}]{changes[T]{r}, func(_ struct{}, err error) { f(err) }, "WatchReceiver.OnChanged"}}
}

// changes is a watch as turnCase needs it: what is received is a change.
type changes[T any] struct{ *WatchReceiver[T] }

func (c changes[T]) tryRecv() (struct{}, error) { return struct{}{}, c.tryChanged() }

func (c *turnCase[T]) name() string { return c.n }

func (c *turnCase[T]) try(r *waitSet) bool {
	v, err := c.r.tryRecv()
	return c.got(r, v, err)
}

func (c *turnCase[T]) got(r *waitSet, v T, err error) bool {
	if err == ErrEmpty { //nolint:errorlint // never wrapped
		return false
	}
	r.leave()
	c.f(v, err)
	return true
}

func (c *turnCase[T]) join(r *waitSet, i int) bool {
	turns := c.r.turnsOf()
	id := turns.join(c.r)
	opened, _ := c.r.hub().gate.Wait()
	if turns.may(c.r, id) {
		turns.leave(c.r, id)
		return false
	}
	return r.add(waitingCase{op: c, i: i, place: id, woken: opened})
}

func (c *turnCase[T]) finish(r *waitSet, s *waitingCase) bool {
	id := s.place.(turn)
	s.woken, _ = c.r.hub().gate.Wait()
	if !c.r.turnsOf().may(c.r, id) {
		return false
	}
	v, err := c.r.tryRecv()
	return c.got(r, v, err) // leaves the turn, too
}

func (c *turnCase[T]) leave(place any, _ bool) { c.r.turnsOf().leave(c.r, place.(turn)) }

// endCase is the case of a native channel that is closed and carries no messages.
type endCase struct {
	end func() <-chan struct{}
	f   func()
	n   string // the name
}

// OnDone returns a case that waits for [Sender.Done].
func (s *Sender[T]) OnDone(f func()) Case {
	s.check("OnDone")
	checkFunc(f != nil, "Sender.OnDone")
	return Case{&endCase{s.Done, f, "Sender.OnDone"}}
}

// OnDone returns a case that waits for [OneshotSender.Done].
func (s *OneshotSender[T]) OnDone(f func()) Case {
	s.check("OnDone")
	checkFunc(f != nil, "OneshotSender.OnDone")
	return Case{&endCase{s.Done, f, "OneshotSender.OnDone"}}
}

// OnDone returns a case that waits for [BroadcastSender.Done].
func (s *BroadcastSender[T]) OnDone(f func()) Case {
	s.check("OnDone")
	checkFunc(f != nil, "BroadcastSender.OnDone")
	return Case{&endCase{s.Done, f, "BroadcastSender.OnDone"}}
}

// OnDone returns a case that waits for [WatchSender.Done].
func (s *WatchSender[T]) OnDone(f func()) Case {
	s.check("OnDone")
	checkFunc(f != nil, "WatchSender.OnDone")
	return Case{&endCase{s.Done, f, "WatchSender.OnDone"}}
}

// OnDone returns a case that waits until ctx is done. f is called with an error that
// matches the context's Err and its cause.
func OnDone(ctx context.Context, f func(error)) Case {
	checkContext(ctx, "OnDone")
	checkFunc(f != nil, "OnDone")
	return Case{&endCase{ctx.Done, func() { f(cause(ctx)) }, "OnDone"}}
}

func (c *endCase) name() string { return c.n }

func (c *endCase) try(r *waitSet) bool {
	select {
	case <-c.end():
		return c.done(r)
	default:
		return false
	}
}

func (c *endCase) join(r *waitSet, i int) bool {
	return r.add(waitingCase{op: c, i: i, woken: c.end()})
}

func (c *endCase) finish(r *waitSet, _ *waitingCase) bool { return c.done(r) }

func (c *endCase) done(r *waitSet) bool {
	r.leave()
	c.f()
	return true
}

func (c *endCase) leave(any, bool) {}

// afterCase is the case of a timer.
type afterCase struct {
	d     time.Duration
	f     func()
	spare atomic.Pointer[time.Timer] // a stopped timer for the next Select
}

// OnAfter returns a case that goes on when d has passed since the Select began to
// wait: a timeout. If d is 0 or negative, the case is ready at once. In [TrySelect] a
// positive d never passes.
func OnAfter(d time.Duration, f func()) Case {
	checkFunc(f != nil, "OnAfter")
	return Case{&afterCase{d: d, f: f}}
}

func (c *afterCase) name() string { return "OnAfter" }

func (c *afterCase) try(r *waitSet) bool { return c.left(r) <= 0 && c.done(r) }

// left returns how much of d is left.
func (c *afterCase) left(r *waitSet) time.Duration {
	if r == nil || r.began.IsZero() {
		return c.d
	}
	return c.d - time.Since(r.began)
}

func (c *afterCase) join(r *waitSet, i int) bool {
	if r.began.IsZero() {
		r.began = time.Now()
	}
	left := c.left(r)
	if left <= 0 {
		return false
	}
	t := c.spare.Swap(nil)
	if t == nil {
		t = time.NewTimer(left)
	} else {
		t.Reset(left)
	}
	return r.add(waitingCase{op: c, i: i, place: t, timer: t.C})
}

func (c *afterCase) finish(r *waitSet, _ *waitingCase) bool { return c.done(r) }

func (c *afterCase) done(r *waitSet) bool {
	r.leave()
	c.f()
	return true
}

func (c *afterCase) leave(place any, _ bool) {
	t := place.(*time.Timer)
	t.Stop()
	c.spare.Store(t)
}

// tickCase is the case of a ticker.
type tickCase struct {
	t *time.Ticker
	f func(time.Time)
}

// OnTick makes a [time.Ticker] that ticks every d from now on, and returns a case that
// waits for its ticks. f is called with the time of the tick. As with any ticker, a
// tick is dropped if the one before was not received. When the Case becomes
// unreachable, the ticker ends. OnTick panics if d is 0 or negative.
func OnTick(d time.Duration, f func(time.Time)) Case {
	if d <= 0 {
		panic(bug("OnTick: interval %v is not positive", d))
	}
	checkFunc(f != nil, "OnTick")
	return Case{&tickCase{time.NewTicker(d), f}}
}

func (c *tickCase) name() string { return "OnTick" }

func (c *tickCase) try(r *waitSet) bool {
	select {
	case now := <-c.t.C:
		return c.done(r, now)
	default:
		return false
	}
}

func (c *tickCase) done(r *waitSet, now time.Time) bool {
	r.leave()
	c.f(now)
	return true
}

func (c *tickCase) join(r *waitSet, i int) bool            { return r.add(waitingCase{op: c, i: i, timer: c.t.C}) }
func (c *tickCase) finish(r *waitSet, _ *waitingCase) bool { return c.done(r, r.now) }
func (c *tickCase) leave(any, bool)                        {}

// chanRecv is the case of a receive from a native channel.
type chanRecv[T any] struct {
	c <-chan T
	f func(v T, ok bool)
}

// OnChanRecv returns a case that receives from the native channel c. f is called with
// the results of v, ok := <-c. A nil channel is never ready.
func OnChanRecv[T any](c <-chan T, f func(v T, ok bool)) Case {
	checkFunc(f != nil, "OnChanRecv")
	return Case{&chanRecv[T]{c, f}}
}

func (c *chanRecv[T]) name() string { return "OnChanRecv" }

func (c *chanRecv[T]) try(r *waitSet) bool {
	select {
	case v, ok := <-c.c:
		return c.done(r, v, ok)
	default:
		return false
	}
}

func (c *chanRecv[T]) done(r *waitSet, v T, ok bool) bool {
	r.leave()
	c.f(v, ok)
	return true
}

func (c *chanRecv[T]) join(r *waitSet, i int) bool        { return r.add(waitingCase{op: c, i: i, native: c}) }
func (c *chanRecv[T]) finish(*waitSet, *waitingCase) bool { return true } // park has done it
func (c *chanRecv[T]) leave(any, bool)                    {}

func (c *chanRecv[T]) park(r *waitSet, done <-chan struct{}) (k int, canceled bool) {
	var zero T
	k, v, ok := parkBeside(r, done, c.c, nil, zero)
	if k == r.native {
		c.done(r, v, ok)
	}
	return k, k < 0
}

func (c *chanRecv[T]) reflected() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c.c)}
}

func (c *chanRecv[T]) chosen(r *waitSet, v reflect.Value, ok bool) {
	got, _ := reflect.TypeAssert[T](v) // a nil interface value is no T
	c.done(r, got, ok)
}

// chanSend is the case of a send to a native channel.
type chanSend[T any] struct {
	c chan<- T
	v T
	f func()
}

// OnChanSend returns a case that sends v to the native channel c. As c <- v does, the
// Select panics if c is closed. A nil channel is never ready.
func OnChanSend[T any](c chan<- T, v T, f func()) Case {
	checkFunc(f != nil, "OnChanSend")
	return Case{&chanSend[T]{c, v, f}}
}

func (c *chanSend[T]) name() string { return "OnChanSend" }

func (c *chanSend[T]) try(r *waitSet) bool {
	select {
	case c.c <- c.v:
		return c.done(r)
	default:
		return false
	}
}

func (c *chanSend[T]) done(r *waitSet) bool {
	r.leave()
	c.f()
	return true
}

func (c *chanSend[T]) join(r *waitSet, i int) bool        { return r.add(waitingCase{op: c, i: i, native: c}) }
func (c *chanSend[T]) finish(*waitSet, *waitingCase) bool { return true } // park has done it
func (c *chanSend[T]) leave(any, bool)                    {}

func (c *chanSend[T]) park(r *waitSet, done <-chan struct{}) (k int, canceled bool) {
	if k, _, _ = parkBeside(r, done, nil, c.c, c.v); k == r.native {
		c.done(r)
	}
	return k, k < 0
}

func (c *chanSend[T]) reflected() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectSend, Chan: reflect.ValueOf(c.c), Send: reflect.ValueOf(&c.v).Elem()}
}

func (c *chanSend[T]) chosen(r *waitSet, _ reflect.Value, _ bool) { c.done(r) }
