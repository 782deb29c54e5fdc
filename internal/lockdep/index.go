package lockdep

import (
	"math/bits"
	"sync/atomic"
)

// An index finds values by number. Reading takes no lock; whoever changes it
// holds the lock of its owner. The zero value is empty. Zero is no key.
//
// It is a hash table with linear probing. A removed key keeps its slot, without a
// value, until the table is built anew, so that no reader misses what comes after
// it.
type index[V any] struct {
	table atomic.Pointer[table[V]]
	live  int // values
	taken int // slots with a key
}

type table[V any] struct {
	shift uint // what is left of a hash is the number of a slot
	slots []slot[V]
}

type slot[V any] struct {
	key   atomic.Uint64 // zero if the slot is free; never changes otherwise
	value atomic.Pointer[V]
}

// golden is 2^64 divided by the golden ratio.
const golden = 0x9E3779B97F4A7C15

// at returns the slot of the key, or the free one where it would be. The caller
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
		case 0: // its value may be that of another key in a moment
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
		s.key.Store(key) // after the value: then a reader sees both
	}
}

// grow builds the table anew, with room for as many values again.
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

// remove takes the value of the key away.
func (x *index[V]) remove(key uint64) {
	if t := x.table.Load(); t != nil && t.at(key).value.Swap(nil) != nil {
		x.live--
	}
}

// all calls f for each value. The function may remove it.
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

// clear takes all values away.
func (x *index[V]) clear() {
	x.table.Store(nil)
	x.live, x.taken = 0, 0
}
