package arcmutex

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/lockdep"
	"github.com/coderrange/ferrous/internal/park"
)

// A lock implements [Mutex] and [RWMutex]: an atomic state word and a FIFO queue
// of waiters.
//
// The bits of the state word:
//
//	    0  held        a writer holds the lock
//	    1  queued      the queue is not empty
//	    2  woken       a queued writer was woken and has not run yet
//	    3  poisoned    a function under With did not return
//	    4  upgradable  an upgradable reader holds the lock
//	    5  known       the checker has a record of a holder
//	    6  taken       IntoInner has taken the value
//	 7-43  turn        number of writers that have left, modulo 2^37
//	44-63  readers     number of readers
//
// Invariants:
//
//   - held and upgradable are not both set. (The state of a [proxy] has both, but
//     a proxy's state is not used as a lock.)
//   - queued is set exactly while the queue is not empty, and woken exactly while
//     one waiter of the queue owns it. Both change only under the queue's lock.
//   - A writer gets the lock only when held, upgradable and the reader count are
//     all zero, in one compare-and-swap. An upgrade swaps upgradable for held when
//     the reader count is zero.
//   - The turn changes when a writer leaves or becomes a reader, and only then. A
//     guard remembers its turn, so a guard of an earlier turn is not valid.
//   - The reader count is at least the number of readers that hold the lock, except
//     while an Unlock that was not valid puts back what it has subtracted. It is
//     more while readers arrive that have to wait.
//
// Readers. A reader first adds itself to the count and then checks the state, as
// in sync.RWMutex. If it has to wait, it subtracts itself again, wakes any waiter
// that its short stay has blocked, and joins the queue. The reason for the
// addition is in docs/adr/0003: a compare-and-swap fails whenever another reader
// comes or goes.
//
// Waiters. The queue is separate from the state word, as in parking_lot. If there
// are waiters, the goroutine that unlocks also serves the front of the queue,
// holding the queue's lock. Readers, upgradable readers and upgraders at the front
// get the lock directly. A writer at the front is only woken, and competes with
// newly arrived writers, as in the normal mode of sync.Mutex. Handing the lock to a
// goroutine that does not run yet would leave the lock unused until it runs. After
// [patience] losses the writer gets the lock directly too, in the same
// compare-and-swap that ends the old hold. This replaces the starvation mode of
// sync.Mutex and the eventual fairness of parking_lot, which both go by time. No
// waiter starves. Readers never overtake a waiter.
type lock struct {
	state atomic.Uint64 // the bits above
	queue park.Queue[request]
	info  atomic.Pointer[info] // nil unless needed
}

// An info has what most locks do not need. It is made when the checker first
// records the lock, when the lock is poisoned, and when it is given a name.
type info struct {
	ref     *lockdep.Ref // what the checker knows of the lock
	poison  atomic.Pointer[PoisonedError]
	isClean atomic.Bool // set by WithoutPoison
}

// The bits of a lock's state. The reader count is at the top of the word, so that
// subtracting one too many does not borrow from another field.
const (
	held       = 1 << iota // a writer holds the lock
	queued                 // the queue is not empty; changes under the queue's lock
	woken                  // a queued writer was woken and will compete; changes under the queue's lock
	poisoned               // a function under With did not return
	upgradable             // an upgradable reader holds the lock
	known                  // the checker has a record of a holder
	noted                  // only in a key: the checker has a record of this share
	turn                   // one turn: the unit of the number of writers that have left

	reader     = turn << 37 // one reader: the unit of the reader count
	maxReaders = 1 << 19    // half of the count's range; the rest is for readers that will subtract themselves
	full       = reader * maxReaders

	taken   = noted             // in the state: the value was taken
	proxied = held | upgradable // in the state: the lock is that of a [proxy]
	turns   = reader - turn     // mask of the turn
	readers = 1<<64 - reader    // mask of the reader count; as an addend, minus one reader
)

// patience is how often a woken writer may lose the lock to another writer. After
// that the lock is handed to it.
const patience = 4

// yields is how often a goroutine calls [runtime.Gosched] and tries again before it
// joins the queue. The holder may be one of the goroutines that run in between.
const yields = 4

// A mode is the way in which a lock is held or wanted.
type mode uint8

const (
	exclusive mode = iota
	sharing
	upgrading  // shared, and the only one that may become exclusive
	upgraded   // exclusive, wanted by the upgradable reader
	modes      = 4
	newcomer   = true  // for admits: a goroutine that is not in the queue
	fromWithin = false // for admits: a waiter of the queue
)

// obstacles are the bits of the state that exclude each mode.
var obstacles = [modes]uint64{
	exclusive: held | upgradable | readers,
	sharing:   held,
	upgrading: held | upgradable,
	upgraded:  held | readers,
}

// gains are what the beginning of a hold of each mode adds to the state, by [plus].
var gains = [modes]uint64{
	exclusive: held,
	sharing:   reader,
	upgrading: upgradable,
	upgraded:  reader - upgradable + held,
}

// losses are what the end of a hold of each mode adds to the state, by [plus].
var losses = [modes]uint64{
	exclusive: turn - held,
	sharing:   readers,
	upgrading: reader - upgradable,
	upgraded:  turn - held,
}

// plus adds change to the state s. The reader count and the other bits are added
// separately, so that no carry crosses from one to the other.
func plus(s, change uint64) uint64 {
	return (s&readers + change&readers) | (s+change)&(reader-1)
}

// A hold is a hold of a lock, in any mode.
type hold struct {
	lock *lock  // the lock, or the lock field of a [proxy]
	key  uint64 // see [key]
}

// A request is what a waiter wants of a lock. It is guarded by the queue's lock.
type request struct {
	mode   mode
	woken  bool // this waiter owns the woken bit of the state
	losses int  // how often it was woken and did not get the lock
}

// admits reports whether a hold of mode m may begin in state s. A newcomer may
// overtake the waiters only if it is a writer or an upgrader.
func admits(m mode, s uint64, isNewcomer bool) bool {
	if s&obstacles[m] != 0 || m == sharing && s&full != 0 {
		return false
	}
	return !isNewcomer || s&queued == 0 || m == exclusive || m == upgraded
}

// key returns what a guard of mode m remembers of the state s in which the guard
// was made. A method of the guard compares the key with the state to find out
// whether the guard is still valid. The key of a Guard or UGuard is the turn and
// the bit of its mode. The key of an RGuard is the turn and all of [readers], which
// is also what its Unlock adds to the state.
func key(m mode, s uint64) uint64 { return s&(turns|marks[m]) | heads[m] }

// marks are the bits of the state that are compared with the key, besides the turn.
// heads are bits that every key of the mode has and that are not compared.
var (
	marks = [modes]uint64{exclusive: held, sharing: held, upgrading: held | upgradable, upgraded: held}
	heads = [modes]uint64{sharing: readers}
)

// The keys of guards that hold nothing.
const (
	over  = noted          // ended by Unlock
	moved = noted | woken  // replaced by another guard: mapped, upgraded or downgraded
	none  = noted | queued // the lock was not acquired
)

// valid reports whether a guard of mode m with key k holds a lock in state s.
func valid(m mode, k, s uint64) bool {
	return k != over && k != 0 && key(m, s) == k&^noted && (m != sharing || s&readers != 0)
}

// fastLock takes the lock exclusively if it is free, even if there are waiters.
func (l *lock) fastLock() (k uint64, ok bool) {
	s := l.state.Load()
	if s&inWritersWay|watching.Load() == 0 {
		return s&turns | held, l.state.CompareAndSwap(s, s|held)
	}
	return 0, false
}

// inWritersWay are the bits that send a writer to the slow path.
const inWritersWay = held | upgradable | poisoned | taken | readers

// lock takes the lock exclusively. It panics if it is poisoned or the value was
// taken.
func (l *lock) lock(method string) hold {
	k, ok := l.fastLock()
	if !ok {
		return l.lockSlow(method)
	}
	return hold{l, k}
}

func (l *lock) lockSlow(method string) hold {
	return must(l.acquire(context.Background(), exclusive, method))
}

// lockContext is lock that gives up when ctx is done.
func (l *lock) lockContext(ctx context.Context, method string) (hold, error) {
	if ctx == nil {
		nilContext(method)
	}
	if ctx.Err() == nil {
		if k, ok := l.fastLock(); ok {
			return hold{l, k}, nil
		}
	}
	return l.acquire(ctx, exclusive, method)
}

// fastUnlock ends an exclusive hold if no other bit of the state is set. In
// particular there are no waiters.
func (l *lock) fastUnlock(k uint64) bool {
	return l.state.CompareAndSwap(k, (k+(turn-held))&(reader-1))
}

// rlock takes the lock for reading. It panics as lock does.
func (l *lock) rlock(method string) hold {
	s := l.state.Add(reader)
	if s&inReadersWay|watching.Load() != 0 {
		return l.rlockSlow(method)
	}
	return hold{l, s&turns | readers}
}

// inReadersWay are the bits that send a reader to the slow path.
const inReadersWay = held | queued | woken | poisoned | taken | known | full

// rlockSlow is rlock for a reader that has added itself to the count and may have
// to wait.
func (l *lock) rlockSlow(method string) hold {
	l.makeWay(l.state.Add(readers))
	return must(l.acquire(context.Background(), sharing, method))
}

// rlockContext is rlock that gives up when ctx is done.
func (l *lock) rlockContext(ctx context.Context) (hold, error) {
	const method = "RWMutex.RLockContext"
	if !isDone(ctx, method) {
		s := l.state.Add(reader)
		if s&inReadersWay|watching.Load() == 0 {
			return hold{l, s&turns | readers}, nil
		}
		l.makeWay(l.state.Add(readers))
	}
	return l.acquire(ctx, sharing, method)
}

// tryRLock is rlock without waiting.
func (l *lock) tryRLock() (h hold, ok bool) {
	h, ok, err := l.tryAcquire(sharing, "RWMutex.TryRLock")
	return must(h, err), ok
}

// ulock takes the lock as the upgradable reader. It panics as lock does.
func (l *lock) ulock() hold {
	return must(l.acquire(context.Background(), upgrading, "RWMutex.ULock"))
}

// ulockContext is ulock that gives up when ctx is done.
func (l *lock) ulockContext(ctx context.Context) (hold, error) {
	const method = "RWMutex.ULockContext"
	if !isDone(ctx, method) && watching.Load() == 0 && l.try(upgrading) {
		return l.enter(upgrading, method)
	}
	return l.acquire(ctx, upgrading, method)
}

// tryULock is ulock without waiting.
func (l *lock) tryULock() (h hold, ok bool) {
	h, ok, err := l.tryAcquire(upgrading, "RWMutex.TryULock")
	return must(h, err), ok
}

// runlock ends the share that has key k. If there is no such share, it panics and
// leaves the state as it was.
func (l *lock) runlock(k uint64) {
	if s := l.state.Add(k & readers); s&(turns|held|queued|known|full)+readers != k {
		l.runlockSlow(k, s)
	}
}

func (l *lock) runlockSlow(k, s uint64) {
	if p := l.proxy(); p != nil {
		p.runlock(k)
		return
	}
	var report *lockdep.Report
	ok := s&(turns|held)|readers == k && s&readers != readers
	if isNotedShare(sharing, k) {
		report, ok = checker.End(l.dep(""), lockdep.Shared, k&turns/turn)
	}
	if !ok {
		if k&readers != 0 { // a copy of the guard was unlocked at the same time
			l.makeWay(l.state.Add(reader))
			k = over
		}
		staleGuard("RGuard.Unlock", k)
	}
	if s&known != 0 {
		l.settle()
	}
	l.makeWay(s)
	checker.Tell(report)
}

// try takes the lock in mode m if it is available now, and reports whether it did.
func (l *lock) try(m mode) bool {
	for {
		s := l.state.Load()
		if !admits(m, s, newcomer) {
			return false
		}
		if l.state.CompareAndSwap(s, plus(s, gains[m])) {
			return true
		}
	}
}
