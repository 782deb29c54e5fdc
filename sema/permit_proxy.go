package sema

import (
	"unsafe"

	"github.com/coderrange/ferrous/internal/track"
)

// A proxy takes the place of the semaphore in a tracked permit. The permit's
// copies are all that leads to it, so that the garbage collector finds its token
// when they are forgotten, even if the semaphore lives on. Permits that are not
// tracked have no field for a token and pay nothing.
type proxy struct {
	sem   Semaphore // first, for Semaphore.proxy; its state is semProxied
	of    *Semaphore
	token *track.Token
}

// tracked returns what a permit has as its semaphore: a proxy if its turn to be
// tracked has come. The stack begins skip frames above tracked.
func (s *Semaphore) tracked(skip int) *Semaphore {
	if !class.Sampled() {
		return s
	}
	return s.newProxy(skip + 1)
}

// again returns a proxy for a part of the permit that p is of.
func (p *proxy) again() *Semaphore { return p.of.newProxy(3) }

func (s *Semaphore) newProxy(skip int) *Semaphore {
	p := &proxy{of: s, token: class.Begin("sema.Permit", "", skip)}
	p.sem.state.Store(semProxied)
	return &p.sem
}

func (s *Semaphore) isProxied() bool { return s.state.Load()&semProxied != 0 }

// proxy returns the proxy that s belongs to, or nil.
func (s *Semaphore) proxy() *proxy {
	if !s.isProxied() {
		return nil
	}
	return (*proxy)(unsafe.Pointer(s))
}

// real returns the semaphore that s stands for, which is s unless it is a proxy's.
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
