package sema

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/operr"
)

// A Permit holds a number of permits of a [Semaphore]. It must be released.
//
// A Permit is a small value that may be copied. All copies stand for the same permits
// and end with the first Release of any copy. After that, all methods but those that
// print panic with an error that is [ErrReleased]. The zero Permit is a released one. A
// Permit may be used by one goroutine at a time.
//
// A Permit that stays in the function that acquired it does not allocate. One that is
// returned or stored allocates 16 bytes, which its copies share.
type Permit struct{ *permits }

// permits is what all copies of a Permit share.
type permits struct {
	sem *Semaphore // where to release them, maybe a proxy's; nil after the end
	n   int64      // number of permits; after the end, which end it was
}

// The ends of a Permit. A Permit without a semaphore whose n is none of them was
// refused, and n is the number that was asked for.
const (
	released int64 = -1 - iota
	forgotten
	merged
)

var ends = map[int64]string{
	released: "permit was released", forgotten: "permit was forgotten", merged: "permit was merged",
}

// live returns p's permits. It panics if they have ended.
func (p Permit) live(method string) *permits {
	if p.permits == nil || p.sem == nil {
		panic(p.stale(method))
	}
	return p.permits
}

// stale returns the error that a method of an ended permit panics with.
//
//go:noinline
func (p Permit) stale(method string) error {
	how := ends[released] // for the zero Permit
	if p.permits != nil {
		how = cmp.Or(ends[p.n], "permit was not acquired")
	}
	return methodError(method, operr.As(ErrReleased, how))
}

// end ends the permits and returns the semaphore and the number.
func (p *permits) end(how int64) (s *Semaphore, n int64) {
	s, n = p.sem, p.n
	p.sem, p.n = nil, how
	return s, n
}

// Release gives the permits back. It is one atomic add if no goroutine waits.
//
//ferrous:release
func (p Permit) Release() {
	s, n := p.live("Permit.Release").end(released)
	s.release(n)
}

// Forget ends the permit without giving the permits back: the semaphore has
// permanently lost them.
//
//ferrous:release
func (p Permit) Forget() {
	s, _ := p.live("Permit.Forget").end(forgotten)
	s.untrack()
}

// Len returns the number of permits, zero after the end.
func (p Permit) Len() int64 {
	if p.permits == nil || p.sem == nil {
		return 0
	}
	return p.n
}

// Split moves n permits out of p into a new Permit, which is tracked if p is. If p
// has fewer than n, it reports false and changes nothing. It panics if n is negative.
//
//ferrous:acquire
//ferrous:fallible
func (p Permit) Split(n int64) (Permit, bool) {
	from := p.split(n)
	return Permit{&permits{from, n}}, from != nil
}

// split takes n permits out of p and returns where to release them, or nil if p has
// fewer than n.
func (p Permit) split(n int64) *Semaphore {
	held := p.live("Permit.Split")
	if uint64(n) > uint64(held.n) { // a negative n is a large one
		if n < 0 {
			panic(methodError("Permit.Split", fmt.Errorf("%d permits", n)))
		}
		return nil
	}
	held.n -= n
	if held.sem.isProxied() {
		return held.sem.proxy().again()
	}
	return held.sem
}

// Merge moves the permits of other into p and ends other. It panics if other is nil,
// is p, or has permits of another semaphore.
//
//ferrous:transfers other
func (p Permit) Merge(other *Permit) {
	const method = "Permit.Merge"
	if other == nil {
		panic(methodError(method, errors.New("nil permit")))
	}
	held, more := p.live(method), other.live(method)
	switch {
	case held.sem != more.sem:
		if held.sem.real() != more.sem.real() {
			panic(methodError(method, errors.New("permits of different semaphores")))
		}
		more.sem.untrack()
	case held == more:
		panic(methodError(method, errors.New("a permit with itself")))
	}
	_, n := more.end(merged)
	held.n += n
}
