package lockdep

import (
	"math/bits"
	"sync/atomic"
)

// An index is a hash table with numbers as keys. get takes no lock; all other methods need
// the lock of the owner. The zero value is empty. Zero is not a valid key.
//
// It uses linear probing with Fibonacci hashing. A removed key keeps its slot, without a
// value, until the table is rebuilt, so that a reader does not stop before the keys that
// follow it.
type index[V any] struct {
	table atomic.Pointer[table[V]]
	live  int // number of values
	taken int // number of slots with a key
}

type table[V any] struct {
	shift uint // the number of a slot is the hash shifted right by this
	slots []slot[V]
}

type slot[V any] struct {
	key   atomic.Uint64 // zero if the slot is free; never changes otherwise
	value atomic.Pointer[V]
}

// golden is 2^64 divided by the golden ratio.
const golden = 0x9E3779B97F4A7C15

// at returns the slot of the key, or the free slot where the key would be put. The caller
// holds the lock.
func (t *table[V]) at(key uint64) *slot[V] {
	for i := key * golden >> t.shift; ; i++ {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		if k := s.key.Load(); k == key || k == 0 {
			return s
		}
	}
}

// get returns the value of the key, or nil.
func (x *index[V]) get(key uint64) *V {
	t := x.table.Load()
	if t == nil {
		return nil
	}
	for i := key * golden >> t.shift; ; i++ {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		switch s.key.Load() {
		case key:
			return s.value.Load()
		case 0: // do not load the value: another key may be put here
			return nil
		}
	}
}

// put sets the value of the key.
func (x *index[V]) put(key uint64, v *V) {
	t := x.table.Load()
	if t == nil || 4*x.taken >= 3*len(t.slots) {
		t = x.grow()
	}
	s := t.at(key)
	if s.value.Load() == nil {
		x.live++
	}
	s.value.Store(v)
	if s.key.Load() == 0 {
		x.taken++
		s.key.Store(key) // after the value, so that a reader that sees the key sees the value
	}
}

// grow rebuilds the table, with more than twice as many slots as values.
func (x *index[V]) grow() *table[V] {
	size := 4
	for size <= 2*x.live {
		size *= 2
	}
	next := &table[V]{uint(64 - bits.TrailingZeros(uint(size))), make([]slot[V], size)}
	if old := x.table.Load(); old != nil {
		for i := range old.slots {
			if v := old.slots[i].value.Load(); v != nil {
				s := next.at(old.slots[i].key.Load())
				s.value.Store(v)
				s.key.Store(old.slots[i].key.Load())
			}
		}
	}
	x.taken = x.live
	x.table.Store(next)
	return next
}

// remove removes the value of the key.
func (x *index[V]) remove(key uint64) {
	if t := x.table.Load(); t != nil && t.at(key).value.Swap(nil) != nil {
		x.live--
	}
}

// all calls f for each value. f may remove that value.
func (x *index[V]) all(f func(key uint64, v *V)) {
	t := x.table.Load()
	if t == nil {
		return
	}
	for i := range t.slots {
		if v := t.slots[i].value.Load(); v != nil {
			f(t.slots[i].key.Load(), v)
		}
	}
}

// clear removes all values.
func (x *index[V]) clear() {
	x.table.Store(nil)
	x.live, x.taken = 0, 0
}
