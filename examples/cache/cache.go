package main

import (
	"container/list"
	"context"
	"errors"
	"sync/atomic"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/task"
)

// A Cache loads values by key and keeps those that were asked for last. It is safe for
// concurrent use. Its owner ends it with Close.
//
// A value has an owner for each reader and one more while the cache keeps it. What the
// value holds is given back when its last owner is gone: an eviction takes nothing away
// from a reader. While a reader has the value, the cache finds it again, by a Weak,
// without a load.
type Cache[V any] struct {
	load    func(ctx context.Context, key string) (V, error)
	release func(V)
	keep    int
	known   *arcmutex.Mutex[known[V]]
	flight  task.Flight[string, struct{}] // callers that miss the same key share one load
	stats   Stats
}

// Stats counts what a Cache did.
type Stats struct {
	Found   atomic.Int64 // without a load
	Missed  atomic.Int64 // asked for a load, or for that of another caller
	Loaded  atomic.Int64
	Evicted atomic.Int64
}

// known is what the lock guards: the values that somebody has.
type known[V any] struct {
	entries map[string]*entry[V]
	kept    list.List // of *entry[V], the one that was asked for last at the front
	closed  bool
}

// An entry finds a value. It keeps the value only while it is in the list.
type entry[V any] struct {
	key   string
	value *arcmutex.Weak[V]
	kept  *arcmutex.Arc[V] // nil unless it is in the list
	place *list.Element
}

// ErrClosed says that the cache was closed.
var ErrClosed = errors.New("cache: closed")

// NewCache returns an empty cache that keeps at most keep values. release is called
// for each value, once nobody has it any more.
func NewCache[V any](keep int, load func(ctx context.Context, key string) (V, error), release func(V)) *Cache[V] {
	return &Cache[V]{
		load: load, release: release, keep: keep,
		known: arcmutex.NewMutex(known[V]{entries: map[string]*entry[V]{}}).WithName("cache"),
	}
}

// Get returns the value of the key, which the caller must Drop. If nobody has it, Get
// loads it, or waits for another caller who does. A caller whose ctx ends gives up; the
// load ends when all its callers have.
func (c *Cache[V]) Get(ctx context.Context, key string) (*arcmutex.Arc[V], error) {
	for first := true; ; first = false {
		a, err := c.find(key)
		if a != nil || err != nil {
			if first {
				c.stats.Found.Add(1)
			}
			return a, err
		}
		c.stats.Missed.Add(1)
		if err := c.flight.DoErr(ctx, key, func(ctx context.Context) error { return c.fetch(ctx, key) }); err != nil {
			return nil, err
		}
		// The value may be gone again if the cache is small and busy: then once more.
	}
}

// find returns the value of the key, with one more owner, or nil if nobody has it.
func (c *Cache[V]) find(key string) (a *arcmutex.Arc[V], err error) {
	var evicted []*arcmutex.Arc[V]
	c.known.With(func(k *known[V]) {
		if k.closed {
			err = ErrClosed
			return
		}
		e := k.entries[key]
		if e != nil {
			a, _ = e.value.Upgrade() // nil if its destructor is about to forget it
		}
		switch {
		case a == nil:
		case e.kept != nil:
			k.kept.MoveToFront(e.place)
		default:
			evicted = c.admit(k, e, a.Clone())
		}
	})
	dropAll(evicted)
	return a, err
}

// fetch loads the value of the key. It runs once at a time for each key.
func (c *Cache[V]) fetch(ctx context.Context, key string) error {
	v, err := c.load(ctx, key)
	if err != nil {
		return err
	}
	c.stats.Loaded.Add(1)
	e := &entry[V]{key: key}
	a := arcmutex.NewArcDrop(v, func(v *V) { // on the goroutine of the last owner
		c.forget(e)
		c.release(*v)
	})
	e.value = a.Downgrade()
	var dropped []*arcmutex.Arc[V]
	c.known.With(func(k *known[V]) {
		if k.closed {
			dropped, err = []*arcmutex.Arc[V]{a}, ErrClosed
			return
		}
		k.entries[key] = e
		dropped = c.admit(k, e, a)
	})
	dropAll(dropped)
	return err
}

// admit keeps the value of e and returns what the cache no longer keeps for it. The
// caller drops that without the lock, which destructors take.
func (c *Cache[V]) admit(k *known[V], e *entry[V], a *arcmutex.Arc[V]) (evicted []*arcmutex.Arc[V]) {
	e.kept, e.place = a, k.kept.PushFront(e)
	evicted = k.evict(c.keep)
	c.stats.Evicted.Add(int64(len(evicted)))
	return evicted
}

// evict takes values out of the list until it has no more than keep.
func (k *known[V]) evict(keep int) (evicted []*arcmutex.Arc[V]) {
	for k.kept.Len() > keep {
		e := k.kept.Remove(k.kept.Back()).(*entry[V])
		evicted = append(evicted, e.kept)
		e.kept, e.place = nil, nil
	}
	return evicted
}

// forget takes the entry of a value that is gone out of the cache, unless the key was
// loaded again.
func (c *Cache[V]) forget(e *entry[V]) {
	c.known.With(func(k *known[V]) {
		if k.entries[e.key] == e {
			delete(k.entries, e.key)
		}
	})
	e.value.Drop()
}

func dropAll[V any](values []*arcmutex.Arc[V]) {
	for _, a := range values {
		a.Drop()
	}
}

// Close ends the loads that run, waits for them, and drops what the cache keeps.
// Readers may still have values, and drop them later.
func (c *Cache[V]) Close() {
	var kept []*arcmutex.Arc[V]
	c.known.With(func(k *known[V]) {
		k.closed = true
		kept = k.evict(0)
	})
	dropAll(kept)
	c.flight.Abort(ErrClosed)
	_ = c.flight.Wait(context.Background()) // it cannot be given up
}
