package arcmutex

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/park"
)

// A lock is what [Mutex] and [RWMutex] are made of: one word that says who
// holds it, and a queue of those who wait.
//
// A free lock is taken, and a held one left, by one compare-and-swap. When
// somebody waits, who leaves serves the front of the queue under the queue's
// lock. Readers and upgraders are granted their wish where they stand, all
// those at the front together. A writer at the front is only woken, and
// competes with writers that come along, because a lock that is handed to a
// goroutine still asleep stands idle until it runs; but after it has lost
// [patience] times it is handed the lock too, in the same step in which the
// holder leaves. So nobody is passed without end. Readers never pass a waiter.
type lock struct {
	state atomic.Uint64
	queue park.Queue[request]
	label atomic.Pointer[label]
}

// The bits of a lock's state.
const (
	held       = 1 << iota // by a writer
	queued                 // the queue is not empty; changed under its lock
	woken                  // a writer in the queue was woken and will compete; so is this
	poisoned               // a writer's With did not return
	upgradable             // held by an upgradable reader
	known                  // the checker knows of a holder
	reader                 // times the readers, who are up to maxReaders

	maxReaders = 1<<20 - 1
	turn       = reader << 20 // times the writers that have left, modulo 2^38

	readers = maxReaders * reader
	flags   = turn - 1
	turns   = ^uint64(flags)
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
	upgraded:  minus(upgradable - held),
}

// losses are what the end of a hold of each mode adds to the state.
var losses = [modes]uint64{
	exclusive: turn - held,
	sharing:   minus(reader),
	upgrading: minus(upgradable),
	upgraded:  turn - held,
}

// minus returns what takes n away when it is added.
func minus(n uint64) uint64 { return -n }

// A request is what a waiter wants of a lock. Guarded by the queue's lock.
type request struct {
	mode   mode
	woken  bool // it owns the bit of that name
	losses int  // how often it was woken in vain
}

// admits reports whether state s lets a hold of mode m in. A newcomer that is
// no writer does not pass those who wait.
func admits(m mode, s uint64, isNewcomer bool) bool {
	if s&obstacles[m] != 0 || m == sharing && s&readers == readers {
		return false
	}
	return !isNewcomer || s&queued == 0 || m == exclusive || m == upgraded
}

// key returns what a guard of mode m remembers of the state s in which it was
// made, to know later whether it is still good.
func key(m mode, s uint64) uint64 { return s & (turns | marks[m]) }

// marks are the bits that, together with the turn, tell whether a guard is
// still good.
var marks = [modes]uint64{exclusive: held, sharing: held, upgrading: held | upgradable, upgraded: held}

// valid reports whether a guard of mode m with key k holds a lock in state s.
func valid(m mode, k, s uint64) bool {
	return s&(turns|marks[m]) == k && (m != sharing || s&readers != 0)
}

// fastLock takes a lock that has no flag set.
func (l *lock) fastLock() (k uint64, ok bool) {
	s := l.state.Load()
	return s | held, s&flags == 0 && !checking.Load() && l.state.CompareAndSwap(s, s|held)
}

// lock takes the lock exclusively. It panics if it is poisoned.
func (l *lock) lock(method string) (k uint64) {
	k, ok := l.fastLock()
	if !ok {
		k = must(l.acquire(context.Background(), exclusive, method))
	}
	return k
}

// lockContext is lock until ctx is done.
func (l *lock) lockContext(ctx context.Context, method string) (k uint64, err error) {
	if ctx.Err() == nil {
		if k, ok := l.fastLock(); ok {
			return k, nil
		}
	}
	return l.acquire(ctx, exclusive, method)
}

// rlock takes a share in the lock. It panics if it is poisoned.
func (l *lock) rlock(method string) (k uint64) {
	k, ok := l.fastRLock()
	if !ok {
		k = must(l.acquire(context.Background(), sharing, method))
	}
	return k
}

// fastUnlock ends an exclusive hold if nobody waits.
func (l *lock) fastUnlock(k uint64) bool { return l.state.CompareAndSwap(k, k+(turn-held)) }

// fastRLock takes a share in a lock that nobody wants for himself, and that
// has less than half the possible readers. Other readers may come between.
func (l *lock) fastRLock() (k uint64, ok bool) {
	for {
		s := l.state.Load()
		if s&inReadersWay != 0 || checking.Load() {
			return 0, false
		}
		if l.state.CompareAndSwap(s, s+reader) {
			return s & turns, true
		}
	}
}

// inReadersWay are the bits that a reader's fast path does not know about.
const inReadersWay = held | queued | woken | poisoned | known | (maxReaders+1)/2*reader

// fastRUnlock gives a share back if nobody waits. A turn that is not k's is
// refused, and so are no readers, which would borrow from the turn.
func (l *lock) fastRUnlock(k uint64) bool {
	for {
		next := l.state.Load() - reader
		if next&(turns|held|queued|known) != k {
			return false
		}
		if l.state.CompareAndSwap(next+reader, next) {
			return true
		}
	}
}

// try takes the lock in mode m if it can be had now.
func (l *lock) try(m mode) bool {
	for {
		s := l.state.Load()
		if !admits(m, s, newcomer) {
			return false
		}
		if l.state.CompareAndSwap(s, s+gains[m]) {
			return true
		}
	}
}
