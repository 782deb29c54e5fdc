package channel

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
)

// Case is one thing that [Select] waits for, and the function to call when it
// was done. The zero Case never goes on. A Case can be used again and again,
// also by several goroutines at once.
type Case struct{ way way }

// way is how a case goes on.
type way interface {
	// try does it, unless that needs waiting: it calls r.leave and then the function.
	try(r *round) bool
	// stand gets in line as case i of r, or reports false if try is worth trying.
	stand(r *round, i int) bool
	// finish does it after the place in line was woken: it ends the place, calls
	// r.leave and then the function. If somebody else was faster, it reports
	// false, and s is a place in line again.
	finish(r *round, s *stood) bool
	// leave gives up a place that was not finished. It was woken if its channel was
	// received from: what was promised is passed on.
	leave(place any, woken bool)
}

// native is a case of a native channel. What it received or sent cannot be
// undone, so it is done as soon as it is chosen.
type native interface {
	// park is [round.park] with this case.
	park(r *round, done <-chan struct{}) (k int, canceled bool)
	// reflected is the case for reflect.Select.
	reflected() reflect.SelectCase
	// chosen calls the function with what reflect.Select returned.
	chosen(r *round, v reflect.Value, ok bool)
}

func (c Case) try(r *round) bool { return c.way != nil && c.way.try(r) }

// recvCase is the case of a Receiver.
type recvCase[T any] struct {
	r *Receiver[T]
	f func(T, error)
}

// OnRecv is the case that r receives: f gets what Recv would have returned.
func (r *Receiver[T]) OnRecv(f func(T, error)) Case { return Case{&recvCase[T]{r, f}} }

func (c *recvCase[T]) try(r *round) bool {
	v, err := c.r.TryRecv()
	return c.got(r, v, err)
}

func (c *recvCase[T]) got(r *round, v T, err error) bool {
	if err == ErrEmpty { //nolint:errorlint // never wrapped
		return false
	}
	r.leave()
	c.f(v, err)
	return true
}

func (c *recvCase[T]) stand(r *round, i int) bool {
	if c.r.closed.Load() {
		return false
	}
	woken, place := c.r.core.standToRecv()
	return place != nil && r.add(stood{way: c, i: i, place: place, woken: woken})
}

func (c *recvCase[T]) finish(r *round, s *stood) bool {
	for {
		v, err := c.r.core.takeMessage(s.take())
		if c.got(r, v, err) {
			return true
		}
		if s.woken, s.place = c.r.core.standToRecv(); s.place != nil {
			return false
		}
		if c.try(r) {
			return true
		}
	}
}

func (c *recvCase[T]) leave(place any, woken bool) { c.r.core.leaveReceivers(place, woken) }

// slotCase is a case that needs a slot of s: it sends a message or reserves.
type slotCase[T any] struct {
	s   *Sender[T]
	v   T
	f   func(error)             // of a send
	got func(*Permit[T], error) // of a reservation
}

// OnSend is the case that s sends v: f gets what Send would have returned.
//
//ferrous:transfers v
func (s *Sender[T]) OnSend(v T, f func(error)) Case { return Case{&slotCase[T]{s: s, v: v, f: f}} }

// OnReserve is the case that s reserves a slot: f gets what Reserve would have
// returned, and ends the permit. It makes the message only when there is room
// for it.
func (s *Sender[T]) OnReserve(f func(*Permit[T], error)) Case {
	return Case{&slotCase[T]{s: s, got: f}}
}

func (c *slotCase[T]) try(r *round) bool {
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

// done calls the function. A slot was taken if err is nil.
func (c *slotCase[T]) done(r *round, err error) {
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

func (c *slotCase[T]) stand(r *round, i int) bool {
	if c.s.closed.Load() {
		return false
	}
	woken, place := c.s.core.standToSend()
	return place != nil && r.add(stood{way: c, i: i, place: place, woken: woken})
}

func (c *slotCase[T]) finish(r *round, s *stood) bool {
	for {
		err := c.s.core.takeSlot(s.take())
		if err != ErrFull { //nolint:errorlint // never wrapped
			if err == nil && c.f != nil {
				c.s.core.sendReserved(c.v)
			}
			c.done(r, err)
			return true
		}
		if s.woken, s.place = c.s.core.standToSend(); s.place != nil {
			return false
		}
		if c.try(r) {
			return true
		}
	}
}

func (c *slotCase[T]) leave(place any, woken bool) { c.s.core.leaveSenders(place, woken) }

// turnCase is the case of a receiver on which calls take turns.
type turnCase[T any] struct {
	r interface {
		awaited
		tryRecv() (T, error)
	}
	f func(T, error)
}

// OnRecv is the case that r receives: f gets what Recv would have returned.
func (r *OneshotReceiver[T]) OnRecv(f func(T, error)) Case { return Case{&turnCase[T]{r, f}} }

// OnRecv is the case that r receives: f gets what Recv would have returned.
func (r *BroadcastReceiver[T]) OnRecv(f func(T, error)) Case { return Case{&turnCase[T]{r, f}} }

// OnChanged is the case that r sees a change: f gets what Changed would have
// returned.
func (r *WatchReceiver[T]) OnChanged(f func(error)) Case {
	return Case{&turnCase[struct{}]{changes[T]{r}, func(_ struct{}, err error) { f(err) }}}
}

// changes receives the changes of a watch.
type changes[T any] struct{ *WatchReceiver[T] }

func (c changes[T]) tryRecv() (struct{}, error) { return struct{}{}, c.tryChanged() }

func (c *turnCase[T]) try(r *round) bool {
	v, err := c.r.tryRecv()
	return c.got(r, v, err)
}

func (c *turnCase[T]) got(r *round, v T, err error) bool {
	if err == ErrEmpty { //nolint:errorlint // never wrapped
		return false
	}
	r.leave()
	c.f(v, err)
	return true
}

func (c *turnCase[T]) stand(r *round, i int) bool {
	turns := c.r.turnsOf()
	id := turns.join(c.r)
	opened, _ := c.r.hub().gate.Wait()
	if turns.may(c.r, id) {
		turns.leave(c.r, id)
		return false
	}
	return r.add(stood{way: c, i: i, place: id, woken: opened})
}

func (c *turnCase[T]) finish(r *round, s *stood) bool {
	id := s.place.(turn)
	s.woken, _ = c.r.hub().gate.Wait()
	if !c.r.turnsOf().may(c.r, id) {
		return false
	}
	v, err := c.r.tryRecv()
	return c.got(r, v, err) // which leaves its turn, too
}

func (c *turnCase[T]) leave(place any, _ bool) { c.r.turnsOf().leave(c.r, place.(turn)) }

// endCase is the case of a channel that is closed and sends nothing.
type endCase struct {
	end func() <-chan struct{}
	f   func()
}

// OnDone is the case that the channel of [Sender.Done] is closed.
func (s *Sender[T]) OnDone(f func()) Case { return Case{&endCase{s.Done, f}} }

// OnDone is the case that the channel of [OneshotSender.Done] is closed.
func (s *OneshotSender[T]) OnDone(f func()) Case { return Case{&endCase{s.Done, f}} }

// OnDone is the case that the channel of [BroadcastSender.Done] is closed.
func (s *BroadcastSender[T]) OnDone(f func()) Case { return Case{&endCase{s.Done, f}} }

// OnDone is the case that the channel of [WatchSender.Done] is closed.
func (s *WatchSender[T]) OnDone(f func()) Case { return Case{&endCase{s.Done, f}} }

// OnDone is the case that ctx is done: f gets its error, which wraps the
// context's cause.
func OnDone(ctx context.Context, f func(error)) Case {
	return Case{&endCase{ctx.Done, func() { f(cause(ctx)) }}}
}

func (c *endCase) try(r *round) bool {
	select {
	case <-c.end():
		return c.done(r)
	default:
		return false
	}
}

func (c *endCase) stand(r *round, i int) bool { return r.add(stood{way: c, i: i, woken: c.end()}) }

func (c *endCase) finish(r *round, _ *stood) bool { return c.done(r) }

func (c *endCase) done(r *round) bool {
	r.leave()
	c.f()
	return true
}

func (c *endCase) leave(any, bool) {}

// afterCase is the case that some time passes.
type afterCase struct {
	d     time.Duration
	f     func()
	spare atomic.Pointer[time.Timer] // stopped, for the next
}

// OnAfter is the case that d passes from the beginning of the Select. A d that is
// not positive has passed at once. [TrySelect] does not wait for a d that is
// positive.
func OnAfter(d time.Duration, f func()) Case { return Case{&afterCase{d: d, f: f}} }

func (c *afterCase) try(r *round) bool { return c.left(r) <= 0 && c.done(r) }

// left returns how much of d has not passed.
func (c *afterCase) left(r *round) time.Duration {
	if r == nil || r.began.IsZero() {
		return c.d
	}
	return c.d - time.Since(r.began)
}

func (c *afterCase) stand(r *round, i int) bool {
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
	return r.add(stood{way: c, i: i, place: t, timer: t.C})
}

func (c *afterCase) finish(r *round, _ *stood) bool { return c.done(r) }

func (c *afterCase) done(r *round) bool {
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

// OnTick is the case that the ticker that it makes ticks, every d from now on:
// f gets the time of the tick. A tick that is not received in time is left out.
// The ticker ends with the Case: it needs no stopping. OnTick panics unless d
// is positive.
func OnTick(d time.Duration, f func(time.Time)) Case {
	if d <= 0 {
		panic(fmt.Errorf("channel: OnTick: interval %v is not positive", d))
	}
	return Case{&tickCase{time.NewTicker(d), f}}
}

func (c *tickCase) try(r *round) bool {
	select {
	case now := <-c.t.C:
		return c.done(r, now)
	default:
		return false
	}
}

func (c *tickCase) done(r *round, now time.Time) bool {
	r.leave()
	c.f(now)
	return true
}

func (c *tickCase) stand(r *round, i int) bool     { return r.add(stood{way: c, i: i, timer: c.t.C}) }
func (c *tickCase) finish(r *round, _ *stood) bool { return c.done(r, r.now) }
func (c *tickCase) leave(any, bool)                {}

// chanRecv is the case of a receive from a native channel.
type chanRecv[T any] struct {
	c <-chan T
	f func(v T, ok bool)
}

// OnChanRecv is the case that a message comes from the native channel c, or that c
// is closed: f gets what v, ok := <-c would give.
func OnChanRecv[T any](c <-chan T, f func(v T, ok bool)) Case { return Case{&chanRecv[T]{c, f}} }

func (c *chanRecv[T]) try(r *round) bool {
	select {
	case v, ok := <-c.c:
		return c.done(r, v, ok)
	default:
		return false
	}
}

func (c *chanRecv[T]) done(r *round, v T, ok bool) bool {
	r.leave()
	c.f(v, ok)
	return true
}

func (c *chanRecv[T]) stand(r *round, i int) bool { return r.add(stood{way: c, i: i, native: c}) }
func (c *chanRecv[T]) finish(*round, *stood) bool { return true } // park has done it
func (c *chanRecv[T]) leave(any, bool)            {}

func (c *chanRecv[T]) park(r *round, done <-chan struct{}) (k int, canceled bool) {
	a, t := &r.woken, &r.timers
	select {
	case v, ok := <-c.c:
		k = r.choose(r.native)
		c.done(r, v, ok)
		return k, false
	case <-a[0].c:
		return a[0].k, false
	case <-a[1].c:
		return a[1].k, false
	case <-a[2].c:
		return a[2].k, false
	case <-a[3].c:
		return a[3].k, false
	case <-a[4].c:
		return a[4].k, false
	case <-a[5].c:
		return a[5].k, false
	case <-a[6].c:
		return a[6].k, false
	case <-a[7].c:
		return a[7].k, false
	case r.now = <-t[0].c:
		return t[0].k, false
	case r.now = <-t[1].c:
		return t[1].k, false
	case <-done:
		return -1, true
	}
}

func (c *chanRecv[T]) reflected() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c.c)}
}

func (c *chanRecv[T]) chosen(r *round, v reflect.Value, ok bool) {
	got, _ := reflect.TypeAssert[T](v) // of an interface type, nil is no T
	c.done(r, got, ok)
}

// chanSend is the case of a send to a native channel.
type chanSend[T any] struct {
	c chan<- T
	v T
	f func()
}

// OnChanSend is the case that v is sent to the native channel c. As with c <- v,
// it panics if c is closed.
func OnChanSend[T any](c chan<- T, v T, f func()) Case { return Case{&chanSend[T]{c, v, f}} }

func (c *chanSend[T]) try(r *round) bool {
	select {
	case c.c <- c.v:
		return c.done(r)
	default:
		return false
	}
}

func (c *chanSend[T]) done(r *round) bool {
	r.leave()
	c.f()
	return true
}

func (c *chanSend[T]) stand(r *round, i int) bool { return r.add(stood{way: c, i: i, native: c}) }
func (c *chanSend[T]) finish(*round, *stood) bool { return true } // park has done it
func (c *chanSend[T]) leave(any, bool)            {}

func (c *chanSend[T]) park(r *round, done <-chan struct{}) (k int, canceled bool) {
	a, t := &r.woken, &r.timers
	select {
	case c.c <- c.v:
		k = r.choose(r.native)
		c.done(r)
		return k, false
	case <-a[0].c:
		return a[0].k, false
	case <-a[1].c:
		return a[1].k, false
	case <-a[2].c:
		return a[2].k, false
	case <-a[3].c:
		return a[3].k, false
	case <-a[4].c:
		return a[4].k, false
	case <-a[5].c:
		return a[5].k, false
	case <-a[6].c:
		return a[6].k, false
	case <-a[7].c:
		return a[7].k, false
	case r.now = <-t[0].c:
		return t[0].k, false
	case r.now = <-t[1].c:
		return t[1].k, false
	case <-done:
		return -1, true
	}
}

func (c *chanSend[T]) reflected() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectSend, Chan: reflect.ValueOf(c.c), Send: reflect.ValueOf(&c.v).Elem()}
}

func (c *chanSend[T]) chosen(r *round, _ reflect.Value, _ bool) { c.done(r) }
