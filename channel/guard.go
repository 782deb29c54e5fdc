package channel

import (
	"runtime"
	"sync/atomic"
)

// guard is one side's lock, mark of closing and position, in one word, so that
// the position is published by the unlock. Its critical sections are a few
// loads and stores and never wait, so a contender just lets others run.
type guard struct {
	word atomic.Uint64 // position*step | closedBit | lockedBit
}

const (
	lockedBit = 1 << iota
	closedBit
	step
)

// lock returns the word as it was before.
func (g *guard) lock() uint64 {
	w := g.word.Load()
	if w&lockedBit == 0 && g.word.CompareAndSwap(w, w|lockedBit) {
		return w
	}
	return g.lockSlow()
}

func (g *guard) lockSlow() uint64 {
	for {
		runtime.Gosched()
		w := g.word.Load()
		if w&lockedBit == 0 && g.word.CompareAndSwap(w, w|lockedBit) {
			return w
		}
	}
}

func (g *guard) unlock() { g.word.Add(^uint64(lockedBit - 1)) }

// publish unlocks, n positions further.
func (g *guard) publish(n int) { g.word.Add(uint64(n)*step - lockedBit) }

// close sets the mark; the caller holds the lock.
func (g *guard) close() { g.word.Or(closedBit) }

func (g *guard) isClosed() bool { return g.word.Load()&closedBit != 0 }

func (g *guard) position() uint64 { return g.word.Load() / step }
