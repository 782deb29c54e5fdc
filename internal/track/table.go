package track

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// An origin is where a handle comes from.
type origin struct {
	class *Class
	what  string
	name  string
	pcs   [16]uintptr // the innermost callers, zero beyond the last
}

// A record is what is known of a tracked handle.
type record struct {
	origin
	serial  uint64 // of all records, in the order of their making
	cleanup runtime.Cleanup
}

// table holds the records of all classes. Its shards are plain maps under
// plain mutexes: a map that resizes with the help of a sync.Cond must not be
// shared between the bubbles of testing/synctest.
var table sharded

type sharded struct {
	serial atomic.Uint64
	shards [64]shard
}

type shard struct {
	sync.Mutex
	records map[*record]struct{}
	_       [48]byte // keeps shards on cache lines of their own
}

// lock returns the locked shard of r.
func (s *sharded) lock(r *record) *shard {
	shard := &s.shards[r.serial%64]
	shard.Lock()
	return shard
}

// insert numbers r and puts it into the table.
func (s *sharded) insert(r *record) {
	r.serial = s.serial.Add(1)
	shard := s.lock(r)
	defer shard.Unlock()
	if shard.records == nil {
		shard.records = map[*record]struct{}{}
	}
	shard.records[r] = struct{}{}
}

// remove takes r out of the table and reports whether it was there.
func (s *sharded) remove(r *record) bool {
	shard := s.lock(r)
	defer shard.Unlock()
	_, ok := shard.records[r]
	delete(shard.records, r)
	return ok
}

// rename gives r a name.
func (s *sharded) rename(r *record, name string) {
	shard := s.lock(r)
	defer shard.Unlock()
	r.name = name
}

// count adds the origins of the class's records made after the given serial
// number to the counts.
func (s *sharded) count(c *Class, after uint64, counts map[origin]int) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		for r := range shard.records {
			if r.class == c && r.serial > after {
				counts[r.origin]++
			}
		}
		shard.Unlock()
	}
}
