package arcmutex

import (
	"errors"
	"fmt"
)

// A Permit is a number of permits of a [Semaphore]. It must be released, and
// must not be copied: a copy that is released too makes permits out of
// nothing, and go vet reports the copy. Release through the same variable twice
// panics with an error that is [ErrStale]. The zero Permit is one that was
// released. A Permit is for one goroutine at a time.
type Permit struct {
	_   noCopy
	sem *Semaphore // nil at the end
	n   int64
}

// Release gives the permits back. It is one atomic add if nobody waits.
//
//ferrous:release
func (p *Permit) Release() {
	if p.sem == nil {
		stale("Permit.Release")
	}
	s := p.sem
	p.sem = nil
	s.release(p.n)
}

// Forget ends the permit without giving anything back: the semaphore has that
// many permits less from then on.
//
//ferrous:release
func (p *Permit) Forget() {
	if p.sem == nil {
		stale("Permit.Forget")
	}
	p.sem = nil
}

// N returns the number of permits, zero after the end.
func (p *Permit) N() int64 {
	if p.sem == nil {
		return 0
	}
	return p.n
}

// Split takes n permits out of p and returns them as a permit of their own. It
// reports false, and changes nothing, if p has not as many. It panics if n is
// negative.
//
//ferrous:acquire
func (p *Permit) Split(n int64) (Permit, bool) {
	switch {
	case p.sem == nil:
		stale("Permit.Split")
	case n < 0:
		panic(fmt.Errorf("arcmutex: Permit.Split: %d permits", n))
	case n > p.n:
		return Permit{}, false
	}
	p.n -= n
	return Permit{sem: p.sem, n: n}, true
}

// Merge moves the permits of other into p, and ends other. It panics if they
// are not of the same semaphore, or the same permit.
//
//ferrous:takes other
func (p *Permit) Merge(other *Permit) {
	switch {
	case p.sem == nil || other.sem == nil:
		stale("Permit.Merge")
	case p.sem != other.sem:
		panic(methodError("Permit.Merge", errors.New("permits of different semaphores")))
	case p == other:
		panic(methodError("Permit.Merge", errors.New("a permit with itself")))
	}
	p.n += other.n
	other.sem = nil
}

// String returns the number of permits.
func (p *Permit) String() string { return fmt.Sprintf("Permit(%d)", p.N()) }
