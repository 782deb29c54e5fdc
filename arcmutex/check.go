package arcmutex

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/lockdep"
	"github.com/coderrange/ferrous/internal/park"
)

// Check turns the deadlock checker on until stop is called. It calls report for
// each deadlock, or order of locks that can lead to one. It is [CheckWith] with only
// [CheckOptions.After] and [CheckOptions.Report], so it reports no long holds and
// waits. It panics if report is nil or after is negative.
//
// One second is a good value of after. Zero looks for a cycle as soon as a goroutine
// waits, which finds the same deadlocks and costs a search for each wait.
//
// stop does not wait: calls of report that have begun may go on after it. A second
// call of stop does nothing.
//
// The String of a report names the locks and the places:
//
//	arcmutex: deadlock: lock order
//	goroutine 18 holds accounts and wants journal:
//		main.transfer
//			/app/bank.go:32
//	accounts was locked by
//		main.transfer
//			/app/bank.go:30
//
//	goroutine 19 holds journal and wants accounts:
//		main.audit
//			/app/audit.go:51
//	journal was locked by
//		main.audit
//			/app/audit.go:48
func Check(after time.Duration, report func(*Deadlock)) (stop func()) {
	return check(CheckOptions{After: after, Report: report}, "Check")
}

// CheckOptions are the options of [CheckWith]. All but Report may be zero.
type CheckOptions struct {
	// Report is called with each report, on the goroutine that found the deadlock: one
	// that locks, unlocks or waits, or a timer's. That goroutine continues when Report
	// returns, so Report should not wait for long. It may lock. If it panics, the panic propagates from the method that found the
	// deadlock: then Lock has not locked, and Unlock has unlocked.
	Report func(*Deadlock)

	// After is how long a goroutine waits before the checker searches for a
	// [DeadlockCycle] or [DeadlockRecursion] that it is part of. One second is a good
	// value. Zero searches at once. A [DeadlockOrder] does not depend on After.
	After time.Duration

	// Limit is how long a lock may be held or waited for. Longer holds and waits are
	// reported as [DeadlockLongHold] and [DeadlockLongWait]. Zero is no limit. A limit
	// costs about 40 ns more for each acquire, to read the clock.
	Limit time.Duration

	// Sample reduces the cost of the checker. Each time a goroutine that holds no lock
	// acquires one, the checker decides with a probability of one in Sample to follow
	// the goroutine until it holds no lock again. Other acquires cost half and are not
	// recorded. Zero and one follow all goroutines.
	Sample int

	// MaxOrders is how many orders of two locks are kept. When there are that many,
	// new orders are ignored until the garbage collector has freed some of the locks.
	// Zero means 262,144, which takes about 60 MB.
	MaxOrders int
}

// CheckWith turns the deadlock checker on until stop is called. It reports:
//
//   - [DeadlockOrder]: goroutines have acquired locks in orders that form a cycle of any
//     length, even if the goroutines never ran at the same time. It is reported once,
//     when a goroutine first wants the lock that closes the cycle.
//   - [DeadlockRecursion]: a goroutine wants a lock that it holds. It is reported when
//     the goroutine has waited for After. If it need not wait so long, as with most second
//     RLocks, it is reported when the same goroutine unlocks its first hold. Two RLocks
//     deadlock if a writer arrives in between, and so does an upgrade by a goroutine that
//     also holds a read lock. It is reported once for each pair of places.
//   - [DeadlockCycle]: goroutines wait for each other. It is searched for when a
//     goroutine has waited for After, and reported once, also if its order was reported
//     before. The checker does not end it: the goroutines continue to wait, unless
//     Report ends the process.
//   - [DeadlockLongHold], [DeadlockLongWait]: a lock was held or waited for longer
//     than Limit. Each hold is reported once. Waits for the same lock are reported at
//     most once in each period of Limit, with up to eight holders.
//
// Reports have the stacks at which a lock was acquired and the next one was wanted,
// without the frames of this package. A lock is identified by its name, or by its type
// and the place where it was made. If the lock was made before the checker was on, or is
// the zero value, it is the place where the checker first saw it.
//
// The checker follows each [Mutex] and [RWMutex] by object and not by type, so trees and
// lists of locks may be locked hand over hand. It follows all methods that lock: Lock,
// LockContext, With, WithErr, WithContext, RLock and so on. A lock acquired by TryLock is
// recorded as held but adds no order. The same holds for [LockAll], except for the one
// lock that it waits for; at that point it holds none of the others. An upgrade adds no
// order. Locks acquired while the checker is off are not recorded. The records of a lock
// are removed when the garbage collector frees the lock.
//
// A lock counts as held by the goroutine that acquired it, even if its guard was passed
// to another goroutine. Any goroutine may unlock the guard. If a goroutine passes its
// guard on and then locks other locks, call [Guard.Disown] and [Guard.Adopt]. Otherwise
// orders may be reported that no goroutine follows.
//
// Not every report can become a deadlock. Two contradicting orders are safe if a third
// lock, a gate, is always held with them. Locking hand over hand is safe in a list whose
// nodes were reordered, if the whole list was locked for that. [AllowOrder] excludes such
// an order. If the intended order is known, state it with [DeclareOrder]: then the first
// goroutine that violates it is reported.
//
// When the checker is off, it costs one atomic load for each acquire. When it is on,
// locking and unlocking takes about 100 ns, and each wait a timer and about 600 bytes. If
// several checkers are active, only the newest receives reports. stop does not wait for
// calls of Report that have begun, and may be called twice. CheckWith panics if Report is
// nil or a number is negative. It is safe for concurrent use.
//
// The search for cycles of orders follows Bender, Fineman, Gilbert and Tarjan, "A New
// Approach to Incremental Cycle Detection and Related Problems", 2016.
func CheckWith(options CheckOptions) (stop func()) { return check(options, "CheckWith") }

func check(o CheckOptions, method string) (stop func()) {
	switch {
	case o.Report == nil:
		panic(methodError(method, errors.New("nil report")))
	case o.After < 0 || o.Limit < 0 || o.Sample < 0 || o.MaxOrders < 0:
		panic(methodError(method, errors.New("negative After, Limit, Sample or MaxOrders")))
	}
	end := checker.Listen(lockdep.Options{
		After: o.After, Limit: o.Limit, Sample: o.Sample, Orders: o.MaxOrders,
		Report: func(r *lockdep.Report) { o.Report(deadlock(r)) },
	})
	watch()
	return func() {
		end()
		watch()
	}
}

// checker records which goroutines hold and wait for which locks.
var checker = lockdep.Checker{Ours: []string{"github.com/coderrange/ferrous/arcmutex.", "github.com/coderrange/ferrous/internal/"}}

var (
	// watching is noted if the checker is on or holds are tracked, or else 0.
	watching  atomic.Uint64
	switching sync.Mutex // held while watching is set
)

// watch sets watching. It is called after the checker or the tracking was turned on or
// off.
func watch() {
	switching.Lock()
	defer switching.Unlock()
	if checker.On() || holds.On() {
		watching.Store(noted)
	} else {
		watching.Store(0)
	}
}

// A Checkable is a *[Mutex] or *[RWMutex] of any type.
type Checkable interface{ dep() *lockdep.Lock }

// dep returns the checker's record of the lock, or nil for a nil *Mutex.
func (m *Mutex[T]) dep() *lockdep.Lock {
	if m == nil {
		return nil
	}
	return m.lock.dep("Mutex.")
}

// dep returns the checker's record of the lock, or nil for a nil *RWMutex.
func (m *RWMutex[T]) dep() *lockdep.Lock {
	if m == nil {
		return nil
	}
	return m.lock.dep("RWMutex.")
}

// DeclareOrder declares that each of the locks may be locked while the locks before it
// are held. It has the same effect as if the calling goroutine had locked them in that
// order, also if the checker is turned on later. If the checker is on and the declaration
// contradicts a known order, it is reported as a [DeadlockOrder]. DeclareOrder panics if
// a lock is nil or follows itself.
func DeclareOrder(locks ...Checkable) {
	for i := 1; i < len(locks); i++ {
		outer, inner := two("DeclareOrder", locks[i-1], locks[i])
		checker.Declare(outer, inner)
	}
}

// AllowOrder declares that inner may be locked while outer is held, whatever the other
// orders are. That order is then part of no report of kind [DeadlockOrder]. AllowOrder
// panics if a lock is nil or both are the same.
func AllowOrder(outer, inner Checkable) { checker.Allow(two("AllowOrder", outer, inner)) }

// two returns the checker's records of two locks. It panics in the name of the method if
// a lock is nil or both are the same.
func two(method string, outer, inner Checkable) (first, then *lockdep.Lock) {
	if outer != nil && inner != nil {
		first, then = outer.dep(), inner.dep()
	}
	switch {
	case first == nil || then == nil:
		panic(methodError(method, errNilLock))
	case first == then:
		panic(methodError(method, errSameLock))
	}
	return first, then
}

// made records where a lock of the given type was made, if the checker is on.
func (l *lock) made(kind string) {
	if checker.On() {
		l.info.Store(&info{ref: checker.Made(kind)})
	}
}

// dep returns the checker's record of the lock, and makes the record if there is none.
// method is the method that was called, which has the name of the type.
func (l *lock) dep(method string) *lockdep.Lock {
	if i := l.info.Load(); i != nil {
		return i.ref.Lock
	}
	return l.seen(method).ref.Lock
}

// seen returns the info of the lock, and makes the info if there is none.
//
//go:noinline
func (l *lock) seen(method string) *info {
	if i := l.info.Load(); i != nil {
		return i
	}
	kind := "arcmutex.RWMutex"
	switch owner, _, _ := strings.Cut(method, "."); owner {
	case "Mutex":
		kind = "arcmutex.Mutex"
	case "", "LockAll", "LockAllContext":
		kind = "arcmutex lock"
	}
	l.info.CompareAndSwap(nil, &info{ref: checker.Seen(kind)})
	return l.info.Load()
}

func (l *lock) rename(method, name string) { l.dep(method).Name(name) }

// parked is a waiter that the checker follows.
type parked struct {
	wait   lockdep.Wait
	lock   *lock
	waiter *park.Waiter[request]
	timer  *time.Timer // calls ring at the time of the next look
	rung   atomic.Bool // the waiter was woken for a look
}

// park records with the checker that the calling goroutine waits.
//
//go:noinline
func (l *lock) park(w *park.Waiter[request]) *parked {
	p := &parked{lock: l, waiter: w}
	p.timer = time.AfterFunc(checker.Wait(&p.wait, l.dep(""), lockdep.Mode(w.Want.mode), p), p.ring)
	return p
}

// ring wakes the waiter if there may be something to report. The waiter then calls look.
// So a waiter receives from one channel only, whether or not the checker is on.
func (p *parked) ring() {
	if checker.IsWorthALook(&p.wait) {
		p.rung.Store(true)
		p.waiter.Wake()
	}
}

// look lets the checker search for deadlocks, and reports whether the waiter was also
// woken for the lock. If a report panics, the waiter leaves the queue.
func (p *parked) look() (isServed bool) {
	p.rung.Store(false)
	returned := false
	defer func() {
		if !returned {
			p.end()
			p.lock.giveUp(p.waiter)
		}
	}()
	if next := checker.Look(&p.wait); next >= 0 {
		p.timer.Reset(next)
	}
	returned = true
	p.lock.queue.Lock()
	defer p.lock.queue.Unlock()
	return !p.waiter.Queued() || p.waiter.Want.woken
}

// end records with the checker that the goroutine no longer waits.
func (p *parked) end() {
	p.timer.Stop()
	p.wait.End()
}

// giveUp removes a waiter from the queue, or unlocks the lock if it was handed to the
// waiter.
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

// Blockers returns the modes of the current holds that block the waiter or a waiter
// before it in the queue.
func (p *parked) Blockers() (modes lockdep.Modes) {
	l := p.lock
	l.queue.Lock()
	defer l.queue.Unlock()
	if !p.waiter.Queued() {
		return 0
	}
	bits := uint64(0)
	for w := l.queue.Front(); ; w = w.Next() {
		bits |= obstacles[w.Want.mode]
		if w == p.waiter || bits == obstacles[exclusive] {
			break
		}
	}
	bits &= l.state.Load()
	if bits&held != 0 { // the writer may have been an upgradable reader
		modes |= lockdep.Of(lockdep.Exclusive, lockdep.Upgradable)
	}
	if bits&upgradable != 0 {
		modes |= lockdep.Of(lockdep.Upgradable)
	}
	if bits&readers != 0 {
		modes |= lockdep.Of(lockdep.Shared)
	}
	return modes
}

// taken records, if the checker is on, that the calling goroutine holds the lock in mode
// m. It returns the key of the guard: k, or for a recorded share a key with which the
// checker finds the record.
func (l *lock) taken(m mode, k uint64, method string) uint64 {
	if !checker.On() {
		return k
	}
	share, ok := checker.Begin(l.dep(method), lockdep.Mode(m))
	if !ok {
		return k
	}
	l.state.Or(known)
	if m == sharing {
		k = readers | share*turn | noted
	}
	return k
}

// left records the end of the hold of mode m with key k, if the checker has a record of
// it. s is the state of the lock. left returns the key that the hold would have without
// a record, and a report or nil.
func (l *lock) left(m mode, k, s uint64) (plain uint64, r *lockdep.Report) {
	switch {
	case m == upgraded: // the upgrade is given up, and the upgradable hold stays
	case isNotedShare(m, k):
		var ok bool
		if r, ok = checker.End(l.dep(""), lockdep.Shared, k&turns/turn); ok {
			k = key(sharing, s)
		}
	case m != sharing && valid(m, k, s):
		r, _ = checker.End(l.dep(""), lockdep.Mode(m), 0)
	}
	return k, r
}

// isNotedShare reports whether k is the key of a share of which the checker has a record.
// Such a key has the number of the record in place of the turn.
func isNotedShare(m mode, k uint64) bool { return m == sharing && k&noted != 0 && k&readers != 0 }

// holds reports whether there is a hold of mode m with key k.
func (l *lock) holds(m mode, k uint64) bool {
	if isNotedShare(m, k) {
		return checker.Holds(l.dep(""), lockdep.Shared, k&turns/turn)
	}
	return valid(m, k, l.state.Load())
}

// move calls move, which adopts or disowns, for the hold of mode m with key k. It panics
// in the name of the method if there is no such hold.
func (l *lock) move(m mode, k uint64, method string, move func(*lockdep.Checker, *lockdep.Lock, lockdep.Mode, uint64)) {
	l.queue.Lock() // the hold cannot end while this is locked
	defer l.queue.Unlock()
	switch {
	case !l.holds(m, k):
		staleGuard(method, k)
	case l.state.Load()&known != 0:
		move(&checker, l.dep(""), lockdep.Mode(m), k&turns/turn)
	}
}

func (l *lock) adopt(m mode, k uint64, method string) { l.move(m, k, method, (*lockdep.Checker).Adopt) }

func (l *lock) disown(m mode, k uint64, method string) {
	l.move(m, k, method, (*lockdep.Checker).Disown)
}
