package arcmutex

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/goid"
	"github.com/coderrange/ferrous/internal/park"
	"github.com/coderrange/ferrous/internal/track"
)

// Check turns the deadlock checker on until stop is called. It calls report,
// on the goroutine that found it, for each
//
//   - [Order]: goroutines have locked some locks in orders that form a cycle of
//     any length, whether or not they ever met; each cycle is reported once,
//     when the step that closes it is taken for the first time;
//   - [Recursion]: a goroutine is about to wait for a lock that it holds, also
//     where only a writer who comes between two RLocks would make it deadlock,
//     and to upgrade beside a share of its own;
//   - [Cycle]: goroutines wait for each other right now, which is looked for
//     when one has waited for the given time; each cycle is reported once.
//
// The checker follows [Mutex] and [RWMutex], by object and not by type, so that
// trees and lists of locks may be locked hand over hand. TryLock takes part as a
// holder only, and so does [LockAll] but for the lock that it waits for, while it
// holds none of the others. An upgrade adds nothing to the orders. Who holds what
// is told by the goroutine that has locked: a guard that is handed to another
// goroutine counts as the first one's. Locks taken while the checker was off are
// not seen. What it knows of a lock is forgotten with the lock.
//
// Off, it costs one atomic load a lock. On, locking and unlocking takes some
// 100 ns, and waiting a timer. Of several checkers that are on the last one is
// told. A report that panics unwinds the goroutine that has called it, which then
// has not locked. It panics if report is nil.
func Check(after time.Duration, report func(*Deadlock)) (stop func()) {
	if report == nil {
		panic(methodError("Check", errors.New("nil report")))
	}
	own := &audience{after: max(after, 0), report: report}
	switching.Lock()
	defer switching.Unlock()
	audiences = append(audiences, own)
	watch()
	return func() {
		switching.Lock()
		defer switching.Unlock()
		audiences = slices.DeleteFunc(audiences, func(a *audience) bool { return a == own })
		watch()
	}
}

// An audience is who called Check.
type audience struct {
	after  time.Duration
	report func(*Deadlock)
}

var (
	// watching is noted if there is an audience or holds are tracked, else 0.
	watching  atomic.Uint64
	switching sync.Mutex  // guards audiences, and who sets the others
	audiences []*audience // in the order of their coming
	listening atomic.Pointer[audience]
)

// holds is the tracking of those who hold locks.
var holds = track.Class{Path: "github.com/coderrange/ferrous/arcmutex", Profile: track.Locks}

// watch sets listening and watching, after what they depend on has changed.
// Switching is held.
func watch() {
	var last *audience
	if n := len(audiences); n > 0 {
		last = audiences[n-1]
	}
	listening.Store(last)
	if last != nil || holds.On() {
		watching.Store(noted)
	} else {
		watching.Store(0)
	}
}

// tell reports each of what was found, if anybody still listens. No lock of the
// checker may be held.
func tell(found ...*Deadlock) {
	for _, d := range found {
		if to := listening.Load(); to != nil {
			to.report(d)
		}
	}
}

// waitChecked is wait with the checker on.
func (l *lock) waitChecked(ctx context.Context, m mode, method string) error {
	me := goid.Get()
	tell(orders(me, l.vertex(), m)...)
	for range yields {
		if l.try(m) {
			return nil
		}
		runtime.Gosched()
	}
	w, ok := l.join(m)
	if ok {
		return nil
	}
	wish := parties.wait(me, l.vertex(), m, func() uint64 { return l.inTheWayOf(w) })
	defer parties.endWait(wish)
	returned := false
	defer func() {
		if !returned { // report has panicked
			l.giveUp(w)
		}
	}()
	long := time.NewTimer(patienceOfChecker())
	defer long.Stop()
	for {
		woken := false
		select {
		case <-w.Ready():
			woken = true
		case <-ctx.Done():
		case <-long.C:
			tell(cycle(wish)...)
			continue
		}
		if l.resume(w, woken) {
			returned = true
			return nil
		} else if !woken {
			returned = true
			return interrupted(ctx, method)
		}
	}
}

// giveUp takes a waiter out of the queue, or takes back what it was handed.
func (l *lock) giveUp(w *park.Waiter[request]) {
	if !l.resume(w, false) {
		return
	}
	m := w.Want.mode
	delta := losses[m]
	if m == upgraded {
		delta = upgradable - held
	}
	l.leave(m, key(m, l.state.Load()), delta)
}

// inTheWayOf returns the bits of the state that w waits for: those that keep
// it out or one that is before it; none if it does not wait.
func (l *lock) inTheWayOf(w *park.Waiter[request]) (bits uint64) {
	l.queue.Lock()
	defer l.queue.Unlock()
	if !w.Queued() {
		return 0
	}
	for first := l.queue.Front(); ; first = first.Next() {
		bits |= obstacles[first.Want.mode]
		if first == w {
			return bits
		}
	}
}

// patienceOfChecker is how long a goroutine waits before a cycle is looked for.
func patienceOfChecker() time.Duration {
	if to := listening.Load(); to != nil {
		return to.after
	}
	return time.Hour // it has just been turned off
}

// taken notes that the calling goroutine holds the lock, if anybody is to know,
// and reports whether it has. Who takes it begins skip frames above taken.
func (l *lock) taken(m mode, skip int) bool {
	var token *track.Token
	if holds.Sampled() {
		token = holds.Begin(guards[m], l.vertex().given(), skip)
	}
	if token == nil && listening.Load() == nil {
		return false
	}
	parties.hold(goid.Get(), l.vertex(), m, token)
	l.state.Or(known)
	return true
}

// guards are what tracked holds of each mode are called.
var guards = [modes]string{
	exclusive: "arcmutex.Guard", sharing: "arcmutex.RGuard", upgrading: "arcmutex.UGuard", upgraded: "arcmutex.Guard",
}

// left notes that a hold of the lock has come to its end.
func (l *lock) left() { parties.release(goid.Get(), l.vertex()) }
