package lockdep

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/goid"
)

// A goroutine is the record of a goroutine.
type goroutine struct {
	id   uint64 // number in stack traces
	born uint64 // number of sweeps before the record was made; guarded by goroutines.mu
	wait atomic.Pointer[Wait]

	// live is the number of holds and waits that have not ended. It is gone, which is
	// negative, when a sweep has removed the record. Then the goroutine makes another
	// record.
	live atomic.Int64

	// holds are the holds that the goroutine has begun or adopted, oldest first. Some
	// may have ended or have another owner. Only the goroutine itself uses the list.
	holds []listed
	room  [2]listed // first memory of holds

	limits limits
}

const gone = -1 << 32

// A listed hold is an element of a list of holds. It is valid until the stamp of the hold
// changes.
type listed struct {
	hold  *hold
	stamp uint64
}

// stale reports whether the hold has ended or has been moved.
func (l listed) stale() bool { return l.hold.stamp.Load() != l.stamp }

// goroutines has the records of all goroutines. The key is a number that is unique among
// goroutines that are alive. The record of a goroutine that has ended is replaced when the
// runtime uses the number again, or is removed by a sweep.
type goroutines struct {
	known  index[goroutine]
	mu     sync.Mutex
	limit  int    // number of records at which the next sweep happens
	sweeps uint64 // number of sweeps so far
}

// enter returns the record of the calling goroutine, after counting one more hold or wait
// in it.
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

// add makes a record. It replaces a record with the same key.
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

// sweep removes the records of goroutines that neither hold nor wait. It keeps records that
// were made since the last sweep, because their goroutines are about to hold or wait.
func (gs *goroutines) sweep() {
	gs.known.all(func(key uint64, g *goroutine) {
		if g.born < gs.sweeps && g.live.CompareAndSwap(0, gone) {
			gs.known.remove(key)
		}
	})
	gs.sweeps++
	gs.limit = 2*gs.known.live + 256
}

// drop removes a record that a sweep has marked as gone.
func (gs *goroutines) drop(key uint64, g *goroutine) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.known.get(key) == g {
		gs.known.remove(key)
	}
}

// list adds a hold to the list. Only the goroutine itself may call it.
func (g *goroutine) list(h *hold, stamp uint64) listed {
	if len(g.holds) == cap(g.holds) {
		g.tidy()
	}
	l := listed{h, stamp}
	g.holds = append(g.holds, l)
	return l
}

// tidy removes the stale holds from the list. Only the goroutine itself may call it.
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

// follows reports whether the checker follows the goroutine, which has just acquired a
// lock. It does if the goroutine has another recorded hold, or else with a probability of
// one in n.
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
