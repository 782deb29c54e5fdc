package sema

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/operr"
)

// A Permit is a number of permits of a [Semaphore]. It must be released.
//
// It is a small value that may be copied: all its copies are the same permits,
// and end with the first Release of any. After that they panic with an error
// that is [ErrReleased]. The zero Permit is one that was released. A Permit is for
// one goroutine at a time.
//
// A Permit that stays in the function that has acquired it does not allocate.
// One that is returned or stored allocates 16 bytes, the place by which its
// copies know of the end.
type Permit struct{ *permits }

// permits is what all copies of a Permit have in common.
type permits struct {
	sem *Semaphore // to release them, or that of a proxy; nil at the end
	n   int64      // permits; at the end what the end was
}

// The ends of a Permit. Without one of them a Permit that has no semaphore was
// refused, and has the number that was asked for.
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

// stale returns what a method of a permit that has ended panics with.
//
//go:noinline
func (p Permit) stale(method string) error {
	how := ends[released] // as the zero Permit is
	if p.permits != nil {
		how = cmp.Or(ends[p.n], "permit was not acquired")
	}
	return methodError(method, operr.As(ErrReleased, how))
}

// end ends the permits and returns what they were.
func (p *permits) end(how int64) (s *Semaphore, n int64) {
	s, n = p.sem, p.n
	p.sem, p.n = nil, how
	return s, n
}

// Release gives the permits back. It is one atomic add if nobody waits.
//
//ferrous:release
func (p Permit) Release() {
	s, n := p.live("Permit.Release").end(released)
	s.release(n)
}

// Forget ends the permit without giving anything back: the semaphore has that
// many permits less from then on.
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

// Split takes n permits out of p and returns them as a permit of their own, which
// is tracked if p is. It
// reports false, and changes nothing, if p has not as many. It panics if n is
// negative.
//
//ferrous:acquire
//ferrous:fallible
func (p Permit) Split(n int64) (Permit, bool) {
	from := p.split(n)
	return Permit{&permits{from, n}}, from != nil
}

// split takes n permits out of p and returns where to release them, or nil if p
// has not as many.
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

// Merge moves the permits of other into p, and ends other. It panics if they
// are not of the same semaphore, or the same permit.
//
//ferrous:transfers other
func (p Permit) Merge(other *Permit) {
	const method = "Permit.Merge"
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

// String returns the number of permits.
func (p Permit) String() string { return fmt.Sprintf("Permit(%d)", p.Len()) }
