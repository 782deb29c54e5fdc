package channel

import (
	"runtime"
	"sync/atomic"
)

// guard is one side's lock, mark of closing and position, in one word, so that
// the unlock publishes the position. Its critical sections are a few loads and
// stores and never wait. A contender lets others run a few times and then
// parks, for the holder's thread may have been taken off its processor.
type guard struct {
	word  atomic.Uint64                 // position*step | closedBit | parkedBit | lockedBit
	token atomic.Pointer[chan struct{}] // one slot, made when first needed
}

const (
	lockedBit = 1 << iota
	parkedBit // the unlock must send the token
	closedBit
	step

	lockYields = 4
)

// lock returns the word as it was before.
func (g *guard) lock() uint64 {
	w, locked := g.tryLock()
	if !locked {
		w = g.lockSlow()
	}
	return w
}

// tryLock is the part of lock that is inlined.
func (g *guard) tryLock() (uint64, bool) {
	w := g.word.Load() &^ lockedBit // if it is locked, the swap fails
	return w, g.word.CompareAndSwap(w, w|lockedBit)
}

func (g *guard) lockSlow() uint64 {
	for range lockYields {
		runtime.Gosched()
		if w, locked := g.tryLock(); locked {
			return w
		}
	}
	token := tokenOf(&g.token)
	for {
		// Once parked, it leaves the bit set even when it gets the lock: others
		// may be parked as well, and there is one token for all.
		w := g.word.Load()
		switch {
		case w&lockedBit == 0:
			if g.word.CompareAndSwap(w, w|lockedBit|parkedBit) {
				return w
			}
		case w&parkedBit != 0 || g.word.CompareAndSwap(w, w|parkedBit):
			<-token
		}
	}
}

func (g *guard) unlock() { g.publish(0) }

// publish unlocks, n positions further.
func (g *guard) publish(n int) {
	if w := g.word.Add(uint64(n)*step - lockedBit); w&parkedBit != 0 {
		g.wake()
	}
}

func (g *guard) wake() {
	g.word.And(^uint64(parkedBit))
	select {
	case *g.token.Load() <- struct{}{}:
	default: // one is on its way
	}
}

// close sets the mark; the caller holds the lock.
func (g *guard) close() { g.word.Or(closedBit) }

func (g *guard) isClosed() bool { return g.word.Load()&closedBit != 0 }

func (g *guard) position() uint64 { return g.word.Load() / step }

// tokenOf returns the channel with one slot at p, which it makes if need be.
func tokenOf(p *atomic.Pointer[chan struct{}]) chan struct{} {
	if c := p.Load(); c != nil {
		return *c
	}
	c := make(chan struct{}, 1)
	p.CompareAndSwap(nil, &c)
	return *p.Load()
}
