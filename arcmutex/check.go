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

// CheckOptions is what [CheckWith] is to do. All but Report may be zero.
type CheckOptions struct {
	// Report is called for what was found, on the goroutine that found it. It
	// may lock. If it panics it unwinds that goroutine: Lock has not locked then,
	// and Unlock has unlocked.
	Report func(*Deadlock)

	// After is how long a goroutine waits before it looks whether it waits in
	// vain, in a [DeadlockCycle] or [DeadlockRecursion]. One second is a good value.
	// Zero looks at once. A [DeadlockOrder] does not depend on After.
	After time.Duration

	// Limit is how long a lock may be held, or waited for, before that is
	// reported, as [DeadlockLongHold] or [DeadlockLongWait]. Zero is for ever.
	// With a limit each lock taken costs some 40 ns more, for the clock.
	Limit time.Duration

	// Sample is in how many goroutines that lock while they hold nothing one is
	// followed, until it holds nothing again. The locks of the others cost half,
	// and are not seen. Zero and one follow all.
	Sample int

	// MaxOrders is how many orders of two locks are kept. Others are not looked
	// at until some of these have gone with their locks. Zero is 262,144, which
	// takes some 60 MB.
	MaxOrders int
}

// CheckWith turns the deadlock checker on until stop is called. It reports each
//
//   - [DeadlockOrder]: goroutines have locked some locks in orders that form a cycle of
//     any length, whether or not they ever met. It is reported once, when the
//     step that closes the cycle is taken for the first time;
//   - [DeadlockRecursion]: a goroutine wants a lock that it holds. It is reported when
//     the goroutine has waited for After. If the wait ends earlier, or there is none,
//     it is reported when the same goroutine unlocks its first hold. That includes
//     two RLocks, which deadlock if a writer comes between, and an upgrade beside a
//     share of its own. It is reported once for two places;
//   - [DeadlockCycle]: goroutines wait for each other right now. It is looked for when
//     one has waited for After, and reported once;
//   - [DeadlockLongHold], [DeadlockLongWait]: a lock was held or waited for longer
//     than Limit. A hold is reported once, and a lock that is waited for once in
//     that time, whoever waits, with up to eight holders.
//
// Reports give the places where a lock was taken and where the next was wanted,
// without this package's own frames. A lock is called by its name, or by its type
// and the place where it was made; if it was made before the checker was on, or is
// the zero value, by the place where it was first seen.
//
// The checker follows [Mutex] and [RWMutex], by object and not by type, so that
// trees and lists of locks may be locked hand over hand. It follows all methods that
// lock: Lock, LockContext, With, WithErr, WithContext, RLock and so on. TryLock takes
// part as a holder only, and so does [LockAll] but for the lock that it waits for,
// while it holds none of the others. An upgrade adds nothing to the orders. Locks taken
// while the checker was off are not seen. What it knows of a lock is forgotten
// with the lock.
//
// A hold belongs to the goroutine that has locked. The guard may be unlocked by
// any other. Where one that holds locks further ones while another goroutine has
// its guard, say so with [Guard.Disown] and [Guard.Adopt], or orders may be
// reported that nobody takes.
//
// Not everything that is reported can deadlock. Two orders that contradict each
// other are safe if a third lock is held whenever either is taken (a gate), and
// hand over hand is safe in a list whose nodes have been turned round meanwhile,
// if the list was locked for that. [AllowOrder] takes such an order out. Orders
// that are known are better written down with [DeclareOrder]: then the first
// goroutine that goes against them is reported.
//
// Off, it costs one atomic load a lock. On, locking and unlocking takes some
// 100 ns, and waiting a timer and some 600 bytes. If several checkers are active,
// only the newest receives reports. stop does not wait for calls of Report that have
// begun, and may be called twice. It panics if Report is nil or a number is negative.
//
// The search for cycles of orders is that of Bender, Fineman, Gilbert and Tarjan,
// "A New Approach to Incremental Cycle Detection and Related Problems", 2016.
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

// checker knows who holds and who waits for which locks.
var checker = lockdep.Checker{Ours: []string{"github.com/coderrange/ferrous/arcmutex.", "github.com/coderrange/ferrous/internal/"}}

var (
	// watching is noted if the checker is on or holds are tracked, else 0.
	watching  atomic.Uint64
	switching sync.Mutex // guards who sets watching
)

// watch sets watching, after what it depends on has changed.
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

// dep returns what the checker knows of the lock, or nil for a nil *Mutex.
func (m *Mutex[T]) dep() *lockdep.Lock {
	if m == nil {
		return nil
	}
	return m.lock.dep("Mutex.")
}

// dep returns what the checker knows of the lock, or nil for a nil *RWMutex.
func (m *RWMutex[T]) dep() *lockdep.Lock {
	if m == nil {
		return nil
	}
	return m.lock.dep("RWMutex.")
}

// DeclareOrder tells the checker that each of the locks may be locked while those
// before it are held, as if the calling goroutine had done so. A declaration that
// contradicts known orders is reported as a [DeadlockOrder]. It counts also if the
// checker is turned on later. It panics if a lock follows itself.
func DeclareOrder(locks ...Checkable) {
	for i := 1; i < len(locks); i++ {
		outer, inner := two("DeclareOrder", locks[i-1], locks[i])
		checker.Declare(outer, inner)
	}
}

// AllowOrder tells the checker that inner may be locked while outer is held,
// whatever other orders there are: that order is part of no report. It panics if
// they are one lock.
func AllowOrder(outer, inner Checkable) { checker.Allow(two("AllowOrder", outer, inner)) }

// two returns what the checker knows of two locks, and panics in the name of the
// method if they are the same.
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

// made notes where a lock of the given type was made, if anybody is to know.
func (l *lock) made(kind string) {
	if checker.On() {
		l.info.Store(&info{ref: checker.Made(kind)})
	}
}

// dep returns what the checker knows of the lock, which a method is called on.
func (l *lock) dep(method string) *lockdep.Lock {
	if i := l.info.Load(); i != nil {
		return i.ref.Lock
	}
	return l.seen(method).ref.Lock
}

// seen returns the lock's info, which it makes if there is none.
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

// parked is a waiter as the checker sees it.
type parked struct {
	wait   lockdep.Wait
	lock   *lock
	waiter *park.Waiter[request]
	timer  *time.Timer // rings when the checker is to look again
	rung   atomic.Bool // the waiter was woken to let the checker look
}

// park tells the checker that the calling goroutine waits.
//
//go:noinline
func (l *lock) park(w *park.Waiter[request]) *parked {
	p := &parked{lock: l, waiter: w}
	p.timer = time.AfterFunc(checker.Wait(&p.wait, l.dep(""), lockdep.Mode(w.Want.mode), p), p.ring)
	return p
}

// ring wakes the waiter, if there is something to look at: so it waits for one
// channel, as it does when nobody looks.
func (p *parked) ring() {
	if checker.IsWorthALook(&p.wait) {
		p.rung.Store(true)
		p.waiter.Wake()
	}
}

// look lets the checker look whether the goroutine waits in vain, and reports
// whether it was woken for the lock, too. If a report panics it does not wait any
// more.
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

// end tells the checker that the goroutine does not wait any more.
func (p *parked) end() {
	p.timer.Stop()
	p.wait.End()
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

// Blockers returns in which modes the lock is held that keep the waiter, or one
// before it, out.
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
	if bits&held != 0 { // by a writer, who may have been an upgradable reader
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

// taken notes that the calling goroutine holds the lock in mode m with key k, if
// the checker is on, and returns the key then.
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

// left notes that the hold of mode m with key k comes to its end, if the checker
// knows it, in a lock of state s. It returns the key that the hold would have if the
// checker did not know it, and what is to be told.
func (l *lock) left(m mode, k, s uint64) (plain uint64, r *lockdep.Report) {
	switch {
	case m == upgraded: // it is given up, and the upgradable hold goes on
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

// isNotedShare reports whether k is the key of a share that the checker knows: in
// place of the turn it has a number by which the checker finds it.
func isNotedShare(m mode, k uint64) bool { return m == sharing && k&noted != 0 && k&readers != 0 }

// holds reports whether there is a hold of mode m with key k.
func (l *lock) holds(m mode, k uint64) bool {
	if isNotedShare(m, k) {
		return checker.Holds(l.dep(""), lockdep.Shared, k&turns/turn)
	}
	return valid(m, k, l.state.Load())
}

// move calls adopt or disown for the hold of mode m with key k, and panics in the
// name of the method if there is none.
func (l *lock) move(m mode, k uint64, method string, move func(*lockdep.Checker, *lockdep.Lock, lockdep.Mode, uint64)) {
	l.queue.Lock() // then it does not end meanwhile
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
