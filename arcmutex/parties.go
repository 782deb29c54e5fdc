package arcmutex

import (
	"runtime"
	"slices"
	"sync"

	"github.com/coderrange/ferrous/internal/track"
)

// A stack is the innermost callers of something, zero beyond the last.
type stack [12]uintptr

// callers returns the stack of the caller's caller.
func callers() (s stack) {
	runtime.Callers(3, s[:])
	return s
}

// A holding is one hold of one lock.
type holding struct {
	serial uint64 // no other holding has the same
	vertex *vertex
	mode   mode
	token  *track.Token // nil unless the hold is tracked
}

// A wish is a lock that a goroutine waits for.
type wish struct {
	goroutine uint64
	vertex    *vertex
	mode      mode
	stack     stack
	inTheWay  func() uint64 // bits of the lock's state that it waits for, none if it does not wait
	reported  bool          // as part of a cycle; guarded by cycles
	outer     *wish         // of the same goroutine, which waits within a report
}

// A party is what the checker knows of a goroutine. Guarded by its shard.
type party struct {
	held []holding
	wish *wish // nil unless it waits
}

// parties holds what the checker knows of all goroutines.
var parties sharded

type sharded [64]shard

type shard struct {
	sync.Mutex
	parties map[uint64]*party
	limit   int // when parties that hold nothing are thrown out
	serial  uint64
	_       [32]byte // keeps shards apart
}

// lock locks and returns the shard of a goroutine, and what is known of it.
func (s *sharded) lock(goroutine uint64) (*shard, *party) {
	own := &s[goroutine%uint64(len(s))]
	own.Lock()
	return own, own.parties[goroutine]
}

// make is lock that makes what is not there.
func (s *sharded) make(goroutine uint64) (*shard, *party) {
	own, p := s.lock(goroutine)
	if p == nil {
		own.sweep()
		p = new(party)
		own.parties[goroutine] = p
	}
	return own, p
}

// sweep makes place for another party. Goroutines that hold nothing are kept
// for a while, since they are likely to come again, or may be gone.
func (s *shard) sweep() {
	if s.parties == nil {
		s.parties = map[uint64]*party{}
	}
	if len(s.parties) < s.limit {
		return
	}
	for goroutine, p := range s.parties {
		if len(p.held) == 0 && p.wish == nil {
			delete(s.parties, goroutine)
		}
	}
	s.limit = 2*len(s.parties) + 8
}

func (s *sharded) hold(goroutine uint64, v *vertex, m mode, token *track.Token) {
	own, p := s.make(goroutine)
	own.serial++
	p.held = append(p.held, holding{own.serial*uint64(len(s)) + goroutine%uint64(len(s)), v, m, token})
	own.Unlock()
}

// release forgets a hold of v, the goroutine's own if it has one.
func (s *sharded) release(goroutine uint64, v *vertex) {
	own, p := s.lock(goroutine)
	ok := p.release(v, (*track.Token).End)
	own.Unlock()
	for i := range s {
		if ok {
			return
		}
		other := &s[i]
		other.Lock()
		for _, p := range other.parties {
			if ok = p.release(v, (*track.Token).End); ok {
				break
			}
		}
		other.Unlock()
	}
}

// release forgets the last hold of v, whose token it ends as told, and reports
// whether there was one.
func (p *party) release(v *vertex, end func(*track.Token) bool) bool {
	if p == nil {
		return false
	}
	for i, h := range slices.Backward(p.held) {
		if h.vertex == v {
			end(h.token)
			p.held = slices.Delete(p.held, i, i+1)
			return true
		}
	}
	return false
}

// held appends what the goroutine holds.
func (s *sharded) held(goroutine uint64, to []holding) []holding {
	own, p := s.lock(goroutine)
	if p != nil {
		to = append(to, p.held...)
	}
	own.Unlock()
	return to
}

func (s *sharded) wait(goroutine uint64, v *vertex, m mode, inTheWay func() uint64) *wish {
	w := &wish{goroutine: goroutine, vertex: v, mode: m, stack: callers(), inTheWay: inTheWay}
	own, p := s.make(goroutine)
	p.wish, w.outer = w, p.wish
	own.Unlock()
	return w
}

func (s *sharded) endWait(w *wish) {
	own, p := s.lock(w.goroutine)
	p.wish = w.outer
	own.Unlock()
}

// forget ends all holds of v, which is garbage: nobody can unlock it any more.
func (s *sharded) forget(v *vertex) {
	for i := range s {
		own := &s[i]
		own.Lock()
		for _, p := range own.parties {
			for p.release(v, (*track.Token).Lose) {
			}
		}
		own.Unlock()
	}
}

// A holder is a goroutine that holds a lock.
type holder struct {
	goroutine uint64
	holding
	wish *wish // what it waits for, or nil
}

// snapshot returns who holds each lock that is held.
func (s *sharded) snapshot() map[*vertex][]holder {
	all := map[*vertex][]holder{}
	for i := range s {
		own := &s[i]
		own.Lock()
		for goroutine, p := range own.parties {
			for _, h := range p.held {
				all[h.vertex] = append(all[h.vertex], holder{goroutine, h, p.wish})
			}
		}
		own.Unlock()
	}
	return all
}
