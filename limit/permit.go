package limit

import (
	"time"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/track"
)

// A Permit allows one piece of work. It must be released.
//
// A Permit is a small value that may be copied. All copies stand for the same permit and
// end with the first Release of any copy. After that, Release panics with an error that
// is [ErrReleased]. The zero Permit is a released one. A Permit may be used by one
// goroutine at a time.
//
// A Permit that stays in the function that acquired it does not allocate.
type Permit struct{ *permit }

// permit is what all copies of a Permit share.
type permit struct {
	of       *Concurrency // nil after the end, and if it was not acquired
	begin    time.Duration
	token    *track.Token // nil unless the permit is tracked
	released bool
}

// permit returns a permit that was counted already.
func (c *Concurrency) permit() permit {
	p := permit{of: c, begin: c.time()}
	if class.Sampled() {
		p.token = class.Begin("limit.Permit", "", 2)
	}
	return p
}

// Release ends the permit: the next caller that waits may begin. For an adapting limit,
// the time since the permit was acquired is how long the work took.
//
//ferrous:release
func (p Permit) Release() {
	if p.permit == nil || p.of == nil {
		panic(p.stale())
	}
	of := p.of
	p.of, p.released = nil, true
	p.token.End()
	of.leave(p.begin, false)
}

// stale returns the error that Release panics with.
//
//go:noinline
func (p Permit) stale() error {
	return methodError("Permit.Release", operr.As(ErrReleased, "permit was "+p.end()))
}

// end returns how a permit that is not held has ended.
func (p Permit) end() string {
	if p.permit == nil || p.released {
		return "released"
	}
	return "not acquired"
}
