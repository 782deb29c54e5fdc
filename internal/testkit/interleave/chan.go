package interleave

import "unsafe"

// The functions of this file stand for the statements with channels. Rerun puts them
// there: a program need not call them.

// A Comm is one communication of a select statement.
type Comm struct {
	c     unsafe.Pointer // the channel; nil is never ready
	ready func() bool
	sends bool
}

// id returns what a channel is a pointer to.
func id[C any](c C) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&c)) }

// CanRecv is a receive from c.
func CanRecv[T any](c <-chan T) Comm {
	return Comm{c: id(c), ready: func() bool { return len(c) > 0 || isClosed(c) }}
}

// CanSend is a send to c. If c has no buffer, it is ready when a thread waits for a
// receive from c.
func CanSend[T any](c chan<- T) Comm {
	return Comm{c: id(c), sends: true, ready: func() bool { return len(c) < cap(c) || receiverOf(id(c)) != nil }}
}

// isClosed reports whether c, which holds nothing, is closed. No thread ever blocks in
// a send, so that a receive has no effect otherwise.
func isClosed[T any](c <-chan T) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// receiverOf returns a thread that waits for a receive from c and was not handed
// anything yet.
func receiverOf(c unsafe.Pointer) *thread {
	for _, th := range threads {
		if th.handed != nil {
			continue
		}
		for _, other := range th.comms {
			if other.c == c && !other.sends {
				return th
			}
		}
	}
	return nil
}

func (c Comm) able() bool {
	return c.c != nil && (c.ready() || !c.sends && running != nil && running.handed == c.c)
}

// Select waits until one of the communications is ready and returns its index. Of
// several that are ready it returns each in turn. If hasDefault is true, it does not
// wait, and returns -1 if none is ready. The caller then calls Take or Put.
func Select(hasDefault bool, comms ...Comm) int {
	th := running
	if th == nil {
		return choose(comms, hasDefault)
	}
	var next operation
	if len(comms) == 1 && comms[0].c != nil && !comms[0].sends {
		next.variable = comms[0].c
	}
	if hasDefault {
		th.pause(next, nil)
		return choose(comms, true)
	}
	th.comms = comms
	th.pause(next, func() bool {
		if th.handed != nil {
			return true
		}
		for _, c := range comms {
			if c.c != nil && c.ready() {
				return true
			}
		}
		return false
	})
	th.comms = nil
	return choose(comms, false)
}

// choose returns the index of a communication that is ready.
func choose(comms []Comm, hasDefault bool) int {
	var able []int
	for i, c := range comms {
		switch {
		case running != nil && running.handed != nil && running.handed == c.c && !c.sends:
			return i
		case c.able():
			able = append(able, i)
		}
	}
	switch {
	case len(able) > 0:
		return able[IntN(len(able))]
	case !hasDefault:
		panic("interleave: a channel that nobody uses any more")
	}
	return -1
}

// Take receives what Select found.
func Take[T any](c <-chan T) T {
	v, _ := Take2(c)
	return v
}

// Take2 is Take with whether c was open.
func Take2[T any](c <-chan T) (v T, ok bool) {
	changes++
	if th := running; th != nil && th.handed == id(c) {
		th.handed = nil
		return v, true
	}
	v, ok = <-c
	return v, ok
}

// Put sends what Select found room for. What is sent without a buffer is not passed on:
// the receiver gets the zero value.
func Put[T any](c chan<- T, v T) {
	changes++
	if len(c) == cap(c) {
		if th := receiverOf(id(c)); th != nil {
			th.handed = id(c)
			return
		}
	}
	c <- v
}

// Recv is <-c.
func Recv[T any](c <-chan T) T {
	Select(false, CanRecv(c))
	return Take(c)
}

// Recv2 is v, ok := <-c.
func Recv2[T any](c <-chan T) (v T, ok bool) {
	Select(false, CanRecv(c))
	return Take2(c)
}

// Send is c <- v.
func Send[T any](c chan<- T, v T) {
	Select(false, CanSend(c))
	Put(c, v)
}

// Close is close(c).
func Close[T any](c chan<- T) {
	step(operation{variable: id(c)})
	changes++
	close(c)
}
