package channel

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/park"
)

// small is the channel of small capacity: a native channel, of which every
// slot is counted before it is used.
//
// Whoever has counted a slot as taken may send into the native channel without
// waiting; whoever received from it counts one less. So a permit is a counted
// slot, receivers park in the native channel, and the native channel is closed
// when the channel is closed and the count is zero: then nobody can be about
// to send. Senders that find no slot stand in line, and whoever frees a slot
// while there is a line serves it under the line's guard: it sends the message
// of the first in its stead.
type small[T any] struct {
	ch       chan T
	state    atomic.Int64 // slots taken*slot | lineBit | endBit
	promised atomic.Int64 // of the slots taken, those of permits
	gone     atomic.Bool  // there are no receivers any more

	guard      guard // of the line and the setting of the bits
	line       park.List[offer[T]]
	readableOn park.Gate
	writableOn park.Gate
}

const (
	endBit  = 1 << iota // closed
	lineBit             // senders stand in line: only the guard's holder takes slots
	slot
)

// offer is what a sender in line wants: its message sent or, if want is
// positive, that many slots, of which it still lacks some.
type offer[T any] struct {
	value      T
	want, lack int
	refused    bool
}

func newSmall[T any](capacity int) *small[T] { return &small[T]{ch: make(chan T, capacity)} }

// take counts n slots as taken unless that needs waiting.
func (s *small[T]) take(n int) error {
	for {
		state := s.state.Load()
		switch {
		case state&endBit != 0:
			return ErrClosed
		case state&lineBit != 0 || int(state/slot)+n > cap(s.ch):
			return ErrFull
		case s.state.CompareAndSwap(state, state+int64(n)*slot):
			return nil
		}
	}
}

// tryTake is take, but does not take a slot in passing for one in use.
func (s *small[T]) tryTake(n int) error {
	for {
		err := s.take(n)
		if err != ErrFull || len(s.ch)+int(s.promised.Load())+n > cap(s.ch) { //nolint:errorlint // never wrapped
			return err
		}
		runtime.Gosched()
	}
}

// put sends v into a slot that was taken.
func (s *small[T]) put(v T) {
	s.ch <- v
	if s.gone.Load() {
		s.drain()
		return
	}
	s.readableOn.Open()
}

// free counts n slots as free again.
func (s *small[T]) free(n int) {
	if state := s.state.Add(-int64(n) * slot); state&(endBit|lineBit) != 0 {
		s.freeSlow(state)
	}
	s.writableOn.Open()
}

func (s *small[T]) freeSlow(state int64) {
	if state&endBit != 0 && state/slot == 0 {
		s.end()
	}
	if state&lineBit != 0 {
		s.guard.lock()
		s.serve()
	}
}

// end closes the native channel: nobody holds a slot, nor will anybody.
func (s *small[T]) end() {
	close(s.ch)
	s.readableOn.Open()
}

// serve gives the senders in line what there is, and releases the guard.
func (s *small[T]) serve() {
	var served park.Batch[offer[T]]
	closed := s.state.Load()&endBit != 0
	returned := 0
	for w := s.line.Front(); w != nil; w = s.line.Front() {
		o := &w.Want
		if closed {
			o.refused = true
			returned += o.want - o.lack
		} else if !s.grant(o) {
			break
		}
		s.line.Remove(w)
		served.Add(w)
	}
	if s.line.Front() == nil {
		s.state.And(^lineBit)
	}
	s.guard.unlock()
	served.Wake()
	s.giveBack(returned)
}

// giveBack returns what offers that were not met had been granted.
func (s *small[T]) giveBack(n int) {
	if n > 0 { // for free tells the end by the count becoming zero
		s.promised.Add(-int64(n))
		s.free(n)
	}
}

// grant takes slots for o, as far as there are any, and reports whether o has
// got all that it wants. The caller holds the guard, with the line bit set.
func (s *small[T]) grant(o *offer[T]) bool {
	n := cap(s.ch) - int(s.state.Load()/slot)
	switch {
	case n == 0:
		return false
	case o.want == 0:
		s.state.Add(slot)
		s.put(o.value)
		return true
	}
	n = min(n, o.lack)
	s.promised.Add(int64(n))
	s.state.Add(int64(n) * slot)
	o.lack -= n
	return o.lack == 0
}

// standInLine waits until the offer is met, refused or canceled.
func (s *small[T]) standInLine(ctx context.Context, o offer[T]) error {
	s.guard.lock()
	s.state.Or(lineBit)
	w := s.line.Push(o)
	s.serve() // a slot may have come free before the bit was seen
	woken := w.Wait(ctx.Done())
	s.guard.lock()
	if !woken {
		if s.line.Remove(w) {
			returned := w.Want.want - w.Want.lack
			s.line.Recycle(w)
			s.serve()
			s.giveBack(returned)
			return cause(ctx)
		}
		s.guard.unlock()
		w.Wait(nil) // served before it could give up
		s.guard.lock()
	}
	refused := w.Want.refused
	s.line.Recycle(w)
	s.guard.unlock()
	if refused {
		return ErrClosed
	}
	return nil
}

func (s *small[T]) send(ctx context.Context, v T) error {
	if ctx.Err() != nil {
		return cause(ctx)
	}
	err := s.take(1)
	if err == nil {
		s.put(v)
		return nil
	}
	if err != ErrFull { //nolint:errorlint // never wrapped
		return err
	}
	return s.standInLine(ctx, offer[T]{value: v})
}

func (s *small[T]) trySend(v T) error {
	err := s.tryTake(1)
	if err == nil {
		s.put(v)
	}
	return err
}

func (s *small[T]) sendMany(ctx context.Context, vs []T) (int, error) {
	for n, v := range vs {
		if err := s.send(ctx, v); err != nil {
			return n, err
		}
	}
	return len(vs), nil
}

func (s *small[T]) reserve(ctx context.Context, n int) error {
	if err := s.tryReserve(n); err != ErrFull { //nolint:errorlint // never wrapped
		return err
	}
	return s.standInLine(ctx, offer[T]{want: n, lack: n})
}

func (s *small[T]) tryReserve(n int) error {
	err := s.tryTake(n)
	if err == nil {
		s.promised.Add(int64(n))
	}
	return err
}

func (s *small[T]) sendReserved(v T) {
	s.unpromise(1)
	s.put(v)
}

func (s *small[T]) unreserve(n int) {
	s.unpromise(n)
	s.free(n)
}

func (s *small[T]) unpromise(n int) {
	if s.promised.Add(-int64(n)) < 0 {
		s.promised.Add(int64(n))
		panic(errCopied)
	}
}

func (s *small[T]) recv(ctx context.Context) (v T, err error) {
	if ctx.Err() != nil {
		return v, cause(ctx)
	}
	var open bool
	if done := ctx.Done(); done == nil {
		v, open = <-s.ch
	} else {
		select {
		case v, open = <-s.ch:
		default:
			select {
			case v, open = <-s.ch:
			case <-done:
				return v, cause(ctx)
			}
		}
	}
	if !open {
		return v, ErrClosed
	}
	s.free(1)
	return v, nil
}

func (s *small[T]) tryRecv() (v T, err error) {
	for {
		select {
		case v, open := <-s.ch:
			if !open {
				return v, ErrClosed
			}
			s.free(1)
			return v, nil
		default:
		}
		if s.state.Load()&endBit == 0 || s.promised.Load() > 0 {
			return v, ErrEmpty
		}
		runtime.Gosched() // the last slots are in passing, or the end is
	}
}

func (s *small[T]) recvMany(ctx context.Context, buf []T) (n int, err error) {
	v, err := s.recv(ctx)
	if err != nil {
		return 0, err
	}
	buf[0], n = v, 1
more:
	for n < len(buf) {
		select {
		case v, open := <-s.ch:
			if !open {
				break more
			}
			buf[n] = v
			n++
		default:
			break more
		}
	}
	if n > 1 {
		s.free(n - 1)
	}
	return n, nil
}

func (s *small[T]) shutdown() {
	s.guard.lock()
	s.close()
}

// close refuses all sends, and releases the guard.
func (s *small[T]) close() {
	before := s.state.Or(endBit)
	s.serve()
	if before&endBit == 0 && before/slot == 0 {
		s.end()
	}
	s.writableOn.Open()
}

func (s *small[T]) discard() {
	s.guard.lock()
	s.gone.Store(true) // under the guard: who serves the line must not drain
	s.close()
	s.drain()
}

func (s *small[T]) drain() {
	dropAll(func() (T, bool) {
		v, err := s.tryRecv()
		return v, err == nil
	})
}

func (s *small[T]) isClosed() bool { return s.state.Load()&endBit != 0 }
func (s *small[T]) len() int       { return len(s.ch) }
func (s *small[T]) cap() int       { return cap(s.ch) }

func (s *small[T]) room() int {
	state := s.state.Load()
	if state&endBit != 0 {
		return 0
	}
	return cap(s.ch) - int(state/slot)
}

func (s *small[T]) readable() <-chan struct{} {
	opened, _ := s.readableOn.Wait()
	if len(s.ch) > 0 || s.state.Load()&^lineBit == endBit {
		s.readableOn.Open()
	}
	return opened
}

func (s *small[T]) writable() <-chan struct{} {
	opened, _ := s.writableOn.Wait()
	if s.isClosed() || s.room() > 0 {
		s.writableOn.Open()
	}
	return opened
}
