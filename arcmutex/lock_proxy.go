package arcmutex

import (
	"unsafe"

	"github.com/coderrange/ferrous/internal/track"
)

// holds tracks the holds of locks.
var holds = track.Class{Path: "github.com/coderrange/ferrous/arcmutex", Profile: track.Locks}

// guards are the names of tracked holds, by mode.
var guards = [modes]string{
	exclusive: "arcmutex.Guard", sharing: "arcmutex.RGuard", upgrading: "arcmutex.UGuard", upgraded: "arcmutex.Guard",
}

// A proxy replaces the lock in a tracked guard. Only the guard and its copies refer to
// the proxy. So the garbage collector reports the token when all of them are
// unreachable, even if the lock is still in use. A guard that is not tracked needs no
// field for a token.
//
// While the guard is valid, the state of the proxy has the turn of the guard, which the
// methods of the guard check. The state always has proxied and known set, so no fast
// path ends the hold. The slow paths pass the end on to the real lock.
type proxy struct {
	lock  lock  // first, for lock.proxy; only its state is used
	of    *lock // the real lock
	token *track.Token
}

// tracked returns the lock field for the guard with key k: that of a proxy if the hold
// is sampled, or else l. The recorded stack leaves out skip frames above tracked.
func (l *lock) tracked(m mode, k uint64, method string, skip int) *lock {
	if !holds.Sampled() {
		return l
	}
	p := &proxy{of: l, token: holds.Begin(guards[m], l.dep(method).Given(), skip)}
	p.begin(k)
	return &p.lock
}

// proxy returns the proxy whose lock field is l, or nil.
func (l *lock) proxy() *proxy {
	if l.state.Load()&proxied != proxied {
		return nil
	}
	return (*proxy)(unsafe.Pointer(l))
}

// real returns the real lock: that of the proxy if l is the lock field of one, or else
// l.
func (l *lock) real() *lock {
	if p := l.proxy(); p != nil {
		return p.of
	}
	return l
}

// begin makes the guards with key k valid.
func (p *proxy) begin(k uint64) { p.lock.state.Store(k&turns | proxied | known) }

// end makes the guards with key k invalid, and reports whether this was the first call.
func (p *proxy) end(k uint64) bool {
	p.lock.state.Store(^k&turns | proxied | known)
	return p.token.End()
}

// leave is [lock.leave] of the real lock.
func (p *proxy) leave(m mode, k, delta uint64) bool { return p.end(k) && p.of.leave(m, k, delta) }

// runlock is [lock.runlock] of the real lock.
func (p *proxy) runlock(k uint64) {
	if k&readers != 0 && !p.end(k) {
		k = over // a copy of the guard was unlocked first
	}
	p.of.runlock(k)
}
