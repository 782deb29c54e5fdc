package arcmutex

import (
	"unsafe"

	"github.com/coderrange/ferrous/internal/track"
)

// holds is the tracking of those who hold locks.
var holds = track.Class{Path: "github.com/coderrange/ferrous/arcmutex", Profile: track.Locks}

// guards are what tracked holds of each mode are called.
var guards = [modes]string{
	exclusive: "arcmutex.Guard", sharing: "arcmutex.RGuard", upgrading: "arcmutex.UGuard", upgraded: "arcmutex.Guard",
}

// A proxy takes the place of the lock in a tracked guard. The guard and its copies
// are all that refers to it, so that the garbage collector finds its token when
// they are forgotten, even if the lock lives on. Guards that are not tracked have
// no field for a token and pay nothing.
//
// While the hold lasts, the state has the turn by which a Guard's methods know that
// the guard is good. It always has proxied and known, with which no fast path ends
// the hold: the slow paths pass the end on to the lock.
type proxy struct {
	lock  lock // first, for lock.proxy; only its state is used
	of    *lock
	token *track.Token
}

// tracked returns what the guard with key k has as its lock: a proxy if its turn to
// be tracked has come. The stack begins skip frames above tracked.
func (l *lock) tracked(m mode, k uint64, method string, skip int) *lock {
	if !holds.Sampled() {
		return l
	}
	p := &proxy{of: l, token: holds.Begin(guards[m], l.dep(method).Given(), skip)}
	p.begin(k)
	return &p.lock
}

// proxy returns the proxy that l belongs to, or nil.
func (l *lock) proxy() *proxy {
	if l.state.Load()&proxied != proxied {
		return nil
	}
	return (*proxy)(unsafe.Pointer(l))
}

// real returns the lock that l stands for, which is l unless it is a proxy's.
func (l *lock) real() *lock {
	if p := l.proxy(); p != nil {
		return p.of
	}
	return l
}

// begin makes the guards with key k good.
func (p *proxy) begin(k uint64) { p.lock.state.Store(k&turns | proxied | known) }

// end makes the guards with key k stale, and reports whether it was the first to
// do so.
func (p *proxy) end(k uint64) bool {
	p.lock.state.Store(^k&turns | proxied | known)
	return p.token.End()
}

// leave is that of the lock.
func (p *proxy) leave(m mode, k, delta uint64) bool { return p.end(k) && p.of.leave(m, k, delta) }

// runlock is that of the lock.
func (p *proxy) runlock(k uint64) {
	if k&readers != 0 && !p.end(k) {
		k = over // a copy of the guard was faster
	}
	p.of.runlock(k)
}
