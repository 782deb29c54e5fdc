package arcmutex

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/lockdep"
	"github.com/coderrange/ferrous/internal/park"
)

// A lock is what [Mutex] and [RWMutex] are made of: one word that says who
// holds it, and a queue of those who wait.
//
// A writer takes a free lock, and leaves it, by one compare-and-swap. A reader
// adds himself to the word, whatever it says, and looks afterwards: if he was
// not to come in he takes himself out again, as if he had come and gone. So for
// a moment the word may count readers who are none; what they kept out in that
// moment they let in when they go.
//
// When somebody waits, who leaves serves the front of the queue under the
// queue's lock. Readers and upgraders are granted their wish where they stand,
// all those at the front together. A writer at the front is only woken, and
// competes with writers that come along, because a lock that is handed to a
// goroutine still asleep stands idle until it runs; but after it has lost
// [patience] times it is handed the lock too, in the same step in which the
// holder leaves. So nobody is passed without end. Readers never pass a waiter.
type lock struct {
	state atomic.Uint64
	queue park.Queue[request]
	info  atomic.Pointer[info] // nil while there is nothing to know
}

// An info is what few locks need: it is made when the checker is to know of the
// lock, when the lock is poisoned, and when it is given a name.
type info struct {
	ref     *lockdep.Ref // what the checker knows of the lock
	poison  atomic.Pointer[PoisonedError]
	isClean atomic.Bool // a function that does not return poisons nothing
}

// The bits of a lock's state. The readers stand at the top, where one too many
// taken away does not borrow from anything.
const (
	held       = 1 << iota // by a writer
	queued                 // the queue is not empty; changed under its lock
	woken                  // a writer in the queue was woken and will compete; so is this
	poisoned               // a writer's With did not return
	upgradable             // held by an upgradable reader
	known                  // the checker knows of a holder
	noted                  // in a key: the checker knows of this very share; in the state it is taken
	turn                   // times the writers that have left, modulo 2^37

	reader     = turn << 37 // times the readers
	maxReaders = 1 << 19    // half of what there is room for: the rest is for those who go again
	full       = reader * maxReaders

	taken   = noted             // in the state: the value was taken
	proxied = held | upgradable // in the state: the lock is a [proxy]'s; no other is held in both ways
	turns   = reader - turn
	readers = 1<<64 - reader
)

// patience is how often a woken writer may find the lock taken by another
// before it is handed to it.
const patience = 4

// yields is how often the processor is offered to others, the holder maybe
// among them, before a goroutine parks.
const yields = 4

// A mode is the way in which a lock is held or wanted.
type mode uint8

const (
	exclusive mode = iota
	sharing
	upgrading  // shared, and the only one that may become exclusive
	upgraded   // exclusive, wanted by the holder of upgrading
	modes      = 4
	newcomer   = true
	fromWithin = false
)

// obstacles are the bits that keep each mode out.
var obstacles = [modes]uint64{
	exclusive: held | upgradable | readers,
	sharing:   held,
	upgrading: held | upgradable,
	upgraded:  held | readers,
}

// gains are what each mode adds to the state.
var gains = [modes]uint64{
	exclusive: held,
	sharing:   reader,
	upgrading: upgradable,
	upgraded:  reader - upgradable + held,
}

// losses are what the end of a hold of each mode adds to the state.
var losses = [modes]uint64{
	exclusive: turn - held,
	sharing:   readers,
	upgrading: reader - upgradable,
	upgraded:  turn - held,
}

// plus adds what is gained or lost to the state: the readers apart from the
// rest, so that no carry of one changes the other.
func plus(s, change uint64) uint64 {
	return (s&readers + change&readers) | (s+change)&(reader-1)
}

// A hold is a hold of a lock, in any mode.
type hold struct {
	lock *lock  // or that of a [proxy]
	key  uint64 // what a guard remembers; see [key]
}

// A request is what a waiter wants of a lock. Guarded by the queue's lock.
type request struct {
	mode   mode
	woken  bool // it owns the bit of that name
	losses int  // how often it was woken in vain
}

// admits reports whether state s lets a hold of mode m in. A newcomer that is
// no writer does not pass those who wait.
func admits(m mode, s uint64, isNewcomer bool) bool {
	if s&obstacles[m] != 0 || m == sharing && s&full != 0 {
		return false
	}
	return !isNewcomer || s&queued == 0 || m == exclusive || m == upgraded
}

// key returns what a guard of mode m remembers of the state s in which it was
// made, to know later whether it is still good. Of the others it has the turn
// and the mark of their mode; a reader's has the top bits set, which are also
// what his leaving adds to the state.
func key(m mode, s uint64) uint64 { return s&(turns|marks[m]) | heads[m] }

// marks are the bits that, together with the turn, tell whether a guard is
// still good, and heads those that its key has besides.
var (
	marks = [modes]uint64{exclusive: held, sharing: held, upgrading: held | upgradable, upgraded: held}
	heads = [modes]uint64{sharing: readers}
)

// The keys of guards that hold nothing: that have ended by Unlock, or because
// another guard has their place, or that have not got the lock.
const (
	over  = noted
	moved = noted | woken
	none  = noted | queued
)

// valid reports whether a guard of mode m with key k holds a lock in state s.
func valid(m mode, k, s uint64) bool {
	return k != over && k != 0 && key(m, s) == k&^noted && (m != sharing || s&readers != 0)
}

// fastLock takes a lock that nobody holds, also when others wait for it.
func (l *lock) fastLock() (k uint64, ok bool) {
	s := l.state.Load()
	if s&inWritersWay|watching.Load() == 0 {
		return s&turns | held, l.state.CompareAndSwap(s, s|held)
	}
	return 0, false
}

// inWritersWay are the bits that a writer's fast path does not know about.
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

// lockContext is lock until ctx is done.
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

// fastUnlock ends an exclusive hold if nobody waits.
func (l *lock) fastUnlock(k uint64) bool {
	return l.state.CompareAndSwap(k, (k+(turn-held))&(reader-1))
}

// rlock takes a share in the lock. It panics if it is poisoned.
func (l *lock) rlock(method string) hold {
	s := l.state.Add(reader)
	if s&inReadersWay|watching.Load() != 0 {
		return l.rlockSlow(method)
	}
	return hold{l, s&turns | readers}
}

// inReadersWay are the bits that a reader's fast path does not know about.
const inReadersWay = held | queued | woken | poisoned | taken | known | full

// rlockSlow is rlock for a reader who has come in already, and maybe must not.
func (l *lock) rlockSlow(method string) hold {
	l.makeWay(l.state.Add(readers))
	return must(l.acquire(context.Background(), sharing, method))
}

// rlockContext is rlock until ctx is done.
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

// ulock takes the lock as its upgradable reader. It panics as lock does.
func (l *lock) ulock() hold {
	return must(l.acquire(context.Background(), upgrading, "RWMutex.ULock"))
}

// ulockContext is ulock until ctx is done.
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

// runlock gives back the share that has key k. It panics, and changes nothing,
// if there is none.
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
		if k&readers != 0 { // a copy of the guard was faster
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

// try takes the lock in mode m if it can be had now.
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
