package track

import (
	"sync"
	"sync/atomic"
)

// table holds the records of all classes. Its shards are maps of the language under
// a mutex. The map of xsync would not do: it resizes with a sync.Cond, which the
// bubbles of testing/synctest must not share.
var table sharded

type sharded struct {
	serial atomic.Uint64
	shards [64]shard
}

// A shard holds the records whose serial number modulo 64 is its index.
type shard struct {
	sync.Mutex
	records map[*record]struct{}
	_       [48]byte // puts each shard on a cache line of its own
}

// lock returns the locked shard of r.
func (s *sharded) lock(r *record) *shard {
	shard := &s.shards[r.serial%uint64(len(s.shards))]
	shard.Lock()
	return shard
}

// insert gives r its serial number and adds it to the table.
func (s *sharded) insert(r *record) {
	r.serial = s.serial.Add(1)
	shard := s.lock(r)
	defer shard.Unlock()
	if shard.records == nil {
		shard.records = map[*record]struct{}{}
	}
	shard.records[r] = struct{}{}
}

// remove removes r from the table and reports whether the table had it.
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

// each calls f for each record, with its shard locked.
func (s *sharded) each(f func(r *record)) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		for r := range shard.records {
			f(r)
		}
		shard.Unlock()
	}
}
