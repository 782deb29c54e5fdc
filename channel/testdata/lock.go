package channel

import "github.com/coderrange/ferrous/internal/testkit/interleave"

// lockWord stands for the real one when the explorer runs the rest of the package: to
// lock and all that is done until the unlock is one step, and so is a look at the word.
// So threads have few steps. As the unlock is no step, ExploreBounded has to be used.
type lockWord struct {
	word uint64
	look interleave.Bool // a step, and nothing else
}

const (
	lockedBit = 1 << iota
	parkedBit // not used
	closedBit
	step
)

func (g *lockWord) lock() uint64 {
	interleave.Wait(func() bool { return g.word&lockedBit == 0 })
	w := g.word
	g.word |= lockedBit
	return w
}

func (g *lockWord) tryLock() (uint64, bool) { return g.lock(), true }
func (g *lockWord) lockSlow() uint64        { return g.lock() }
func (g *lockWord) unlock()                 { g.publish(0) }
func (g *lockWord) publish(n int)           { g.word += uint64(n)*step - lockedBit }
func (g *lockWord) close()                  { g.word |= closedBit }

func (g *lockWord) isClosed() bool {
	g.look.Load()
	return g.word&closedBit != 0
}

func (g *lockWord) position() uint64 {
	g.look.Load()
	return g.word / step
}

// tokenOf is that of the real file.
func tokenOf(p *interleave.Pointer[chan struct{}]) chan struct{} {
	if c := p.Load(); c != nil {
		return *c
	}
	c := make(chan struct{}, 1)
	p.CompareAndSwap(nil, &c)
	return *p.Load()
}
