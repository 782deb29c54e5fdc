package sema

import (
	"unsafe"

	"github.com/coderrange/ferrous/internal/track"
)

// A proxy takes the place of the semaphore in a tracked permit. Only copies of the
// permit refer to the proxy, so that the garbage collector frees its token when the
// permit is forgotten, even if the semaphore is still in use. A permit that is not
// tracked needs no field for a token.
type proxy struct {
	sem   Semaphore // first, for Semaphore.proxy; its state is semProxied
	of    *Semaphore
	token *track.Token
}

// tracked returns the semaphore for a new permit: a proxy if the permit is sampled,
// else s. The recorded stack begins skip frames above tracked.
func (s *Semaphore) tracked(skip int) *Semaphore {
	if !class.Sampled() {
		return s
	}
	return s.newProxy(skip + 1)
}

// again returns a proxy for a part that is split off the permit of p.
func (p *proxy) again() *Semaphore { return p.of.newProxy(3) }

func (s *Semaphore) newProxy(skip int) *Semaphore {
	p := &proxy{of: s, token: class.Begin("sema.Permit", "", skip)}
	p.sem.state.Store(semProxied)
	return &p.sem
}

func (s *Semaphore) isProxied() bool { return s.state.Load()&semProxied != 0 }

// proxy returns the proxy that s is part of, or nil.
func (s *Semaphore) proxy() *proxy {
	if !s.isProxied() {
		return nil
	}
	return (*proxy)(unsafe.Pointer(s))
}

// real returns the semaphore behind a proxy, or s itself.
func (s *Semaphore) real() *Semaphore {
	if p := s.proxy(); p != nil {
		return p.of
	}
	return s
}

// untrack ends the tracking of a permit, if it is tracked.
func (s *Semaphore) untrack() {
	if p := s.proxy(); p != nil {
		p.token.End()
	}
}
