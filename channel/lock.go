package channel

import (
	"runtime"
	"sync/atomic"
)

// lockWord is a lock, a closed mark and a position in one word, so that one addition
// both unlocks and publishes the position. A queue has one for each side, a ring
// has one for all. Critical sections are a few loads and stores and never block. A
// goroutine that finds the lock held yields a few times and then blocks, since the
// thread of the holder may have been preempted. It is ours; the mark beside the
// position is as in crossbeam's array channel.
type lockWord struct {
	bits  atomic.Uint64                 // position*step + (closedBit | parkedBit | lockedBit)
	token atomic.Pointer[chan struct{}] // has one slot, and is made when first needed
}

const (
	lockedBit = 1 << iota
	parkedBit // goroutines may be blocked: the unlock must send the token
	closedBit // the channel was closed; never cleared
	step      // of the position

	lockYields = 4
)

// lock returns the word without lockedBit.
func (g *lockWord) lock() uint64 {
	w, locked := g.tryLock()
	if !locked {
		w = g.lockSlow()
	}
	return w
}

// tryLock is the part of lock that is inlined: it tries once.
func (g *lockWord) tryLock() (uint64, bool) {
	w := g.bits.Load() &^ lockedBit // if it is locked, the swap fails
	return w, g.bits.CompareAndSwap(w, w|lockedBit)
}

func (g *lockWord) lockSlow() uint64 {
	for range lockYields {
		runtime.Gosched()
		if w, locked := g.tryLock(); locked {
			return w
		}
	}
	token := tokenOf(&g.token)
	for {
		// A goroutine that has blocked leaves the bit set when it gets the lock: other
		// goroutines may be blocked too, and there is one token for all.
		w := g.bits.Load()
		switch {
		case w&lockedBit == 0:
			if g.bits.CompareAndSwap(w, w|lockedBit|parkedBit) {
				return w
			}
		case w&parkedBit != 0 || g.bits.CompareAndSwap(w, w|parkedBit):
			<-token
		}
	}
}

func (g *lockWord) unlock() { g.publish(0) }

// publish adds n to the position and unlocks. n may be negative.
func (g *lockWord) publish(n int) {
	if w := g.bits.Add(uint64(n)*step - lockedBit); w&parkedBit != 0 {
		g.wake()
	}
}

func (g *lockWord) wake() {
	g.bits.And(^uint64(parkedBit))
	select {
	case *g.token.Load() <- struct{}{}:
	default: // there is one already
	}
}

// close sets the closed mark. The caller holds the lock.
func (g *lockWord) close() { g.bits.Or(closedBit) }

func (g *lockWord) isClosed() bool { return g.bits.Load()&closedBit != 0 }

func (g *lockWord) position() uint64 { return g.bits.Load() / step }

// tokenOf returns the channel at p, which has one slot. It makes it if there is none.
func tokenOf(p *atomic.Pointer[chan struct{}]) chan struct{} {
	if c := p.Load(); c != nil {
		return *c
	}
	c := make(chan struct{}, 1)
	p.CompareAndSwap(nil, &c)
	return *p.Load()
}
