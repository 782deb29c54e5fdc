package lockdep

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/goid"
)

// A goroutine is what is known of one.
type goroutine struct {
	id   uint64 // its number in stack traces
	born uint64 // how many sweeps there had been; guarded by goroutines
	wait atomic.Pointer[Wait]

	// live counts its holds and waits that have not ended. It is gone, which is
	// negative, once the record was thrown out: then its goroutine makes another.
	live atomic.Int64

	// holds are those that it has begun or adopted, in that order, and some that
	// have ended or were moved since. Only the goroutine itself reads and writes
	// them.
	holds []listed
	room  [2]listed

	limits limits
}

const gone = -1 << 32

// A listed hold is one in a goroutine's list. It belongs there until the stamp of
// the hold changes.
type listed struct {
	hold  *hold
	stamp uint64
}

func (l listed) stale() bool { return l.hold.stamp.Load() != l.stamp }

// goroutines has what is known of all goroutines, by the number that tells those
// that live apart. The record of one that ended is replaced when the runtime uses
// the number again, or thrown out when there are too many.
type goroutines struct {
	known  index[goroutine]
	mu     sync.Mutex
	limit  int    // when those without holds and waits are thrown out
	sweeps uint64 // how often that was done
}

// enter returns the record of the calling goroutine, with one more live hold or
// wait.
func (gs *goroutines) enter() *goroutine {
	for {
		g := gs.me()
		if g == nil {
			g = gs.add(uint64(goid.Live()), goid.Get())
		}
		if g.live.Add(1) > 0 {
			return g
		}
		gs.drop(uint64(goid.Live()), g)
	}
}

// me returns the record of the calling goroutine, or nil.
func (gs *goroutines) me() *goroutine {
	if g := gs.known.get(uint64(goid.Live())); g != nil && g.id == goid.Get() {
		return g
	}
	return nil
}

// add makes a record, in place of one with the same key.
//
//go:noinline
func (gs *goroutines) add(key, id uint64) *goroutine {
	g := &goroutine{id: id}
	g.holds = g.room[:0]
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.known.live >= gs.limit {
		gs.sweep()
	}
	g.born = gs.sweeps
	gs.known.put(key, g)
	return g
}

// sweep throws out the records of goroutines that neither hold nor wait, unless
// they are new, and about to.
func (gs *goroutines) sweep() {
	gs.known.all(func(key uint64, g *goroutine) {
		if g.born < gs.sweeps && g.live.CompareAndSwap(0, gone) {
			gs.known.remove(key)
		}
	})
	gs.sweeps++
	gs.limit = 2*gs.known.live + 256
}

// drop takes a record out that was thrown out while its goroutine came back.
func (gs *goroutines) drop(key uint64, g *goroutine) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.known.get(key) == g {
		gs.known.remove(key)
	}
}

// list adds a hold. Only the goroutine itself may call it.
func (g *goroutine) list(h *hold, stamp uint64) listed {
	if len(g.holds) == cap(g.holds) {
		g.tidy()
	}
	l := listed{h, stamp}
	g.holds = append(g.holds, l)
	return l
}

// tidy drops all holds that have ended. Only the goroutine itself may call it.
func (g *goroutine) tidy() {
	n := 0
	for i, l := range g.holds {
		if l.stale() {
			continue
		}
		if i > n {
			g.holds[n] = l
		}
		n++
	}
	g.holds = g.holds[:n]
}

// follows reports whether the goroutine, which has just taken a lock, is to be
// followed: it is if it holds another one that is known, and one in n times if
// not.
func (g *goroutine) follows(n int) bool {
	if n < 2 {
		return true
	}
	if g != nil {
		if g.tidy(); len(g.holds) > 0 {
			return true
		}
	}
	return rand.IntN(n) == 0
}
