package refcell

import (
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/track"
)

// atomicState is how the value of an AtomicRefCell is borrowed.
type atomicState struct {
	// word is the number of readers, or, below zero, seized or gone plus the
	// number of readers who were refused meanwhile: these leave their one
	// behind, and the writer wipes it away. So a reader needs one add, and
	// cannot disturb another borrow by one that fails.
	word atomic.Int64

	gen    atomic.Uint64 // see state
	holder atomic.Pointer[track.Token]
	split  *atomicSplit // what the state is part of, or nil
}

const (
	seized = -1 << 62 // one writer
	gone   = -1 << 60 // the cell has ended
)

// isGone reports whether n, below zero, is gone plus some readers.
func isGone(n int64) bool { return n < 0 && n > -1<<61 }

// refusal returns the error for a borrow that found n.
func (s *atomicState) refusal(op string, n int64) error {
	switch {
	case n > 0:
		return refuse(op, ErrBorrowed, int(n), s.holder.Load())
	case isGone(n):
		return refuse(op, ErrTaken, 0, nil)
	default:
		return refuse(op, ErrMutBorrowed, 0, s.holder.Load())
	}
}

// tryShare borrows for reading, or returns an error.
func (s *atomicState) tryShare(op string) (*track.Token, error) {
	if n := s.word.Add(1); n <= 0 {
		return nil, s.refusal(op, n)
	}
	if class.On() {
		return s.track("refcell.AtomicRef"), nil
	}
	return nil, nil
}

// share borrows for reading, or panics.
//
//go:noinline
func (s *atomicState) share(op string) *track.Token {
	on := class.On() // before the add, behind which a load would have to wait
	if n := s.word.Add(1); n <= 0 {
		panic(s.refusal(op, n))
	}
	if on {
		return s.track("refcell.AtomicRef")
	}
	return nil
}

// unshare ends a shared borrow.
//
//go:noinline
func (s *atomicState) unshare(t *track.Token) {
	if t != nil && !s.forget(t) {
		released("AtomicRef.Release")
	}
	if s.word.Add(-1) < 0 {
		s.word.Add(1)
		released("AtomicRef.Release")
	}
}

// trySeize borrows for writing, or returns an error.
func (s *atomicState) trySeize(op string) (*track.Token, error) {
	for !s.word.CompareAndSwap(0, seized) {
		// Nobody may be left by now, and then it is tried again.
		if n := s.word.Load(); n != 0 {
			return nil, s.refusal(op, n)
		}
	}
	if class.On() {
		return s.track("refcell.AtomicRefMut"), nil
	}
	return nil, nil
}

// seize borrows for writing and returns the generation too, or panics.
//
//go:noinline
func (s *atomicState) seize(op string) (*track.Token, uint64) {
	t, err := s.trySeize(op)
	if err != nil {
		panic(err)
	}
	return t, s.gen.Load()
}

// stale reports whether the exclusive borrow that was made under gen has ended.
func (s *atomicState) stale(gen uint64) bool { return s.gen.Load() != gen }

// unseize ends the exclusive borrow that was made under gen.
//
//go:noinline
func (s *atomicState) unseize(gen uint64, t *track.Token) { s.end(gen, t, 0) }

// end is unseize that leaves the given word.
func (s *atomicState) end(gen uint64, t *track.Token, word int64) {
	if !s.gen.CompareAndSwap(gen, gen+1) {
		released("AtomicRefMut.Release")
	}
	if t != nil {
		s.forget(t)
	}
	if s.split != nil {
		s.split.end()
		return
	}
	s.word.Store(word)
}

// track gives a new borrow a token, if its turn has come.
func (s *atomicState) track(what string) *track.Token {
	if !class.Sampled() {
		return nil
	}
	t := class.Begin(what, "", 2)
	s.holder.CompareAndSwap(nil, t)
	return t
}

// forget ends a token and reports whether it was there.
func (s *atomicState) forget(t *track.Token) bool {
	s.holder.CompareAndSwap(t, nil)
	return t.End()
}

// An atomicSplit is an exclusive borrow that was divided, see split.
type atomicSplit struct {
	halves [2]atomicState
	left   atomic.Int64
	whole  *atomicState
	gen    uint64
	token  *track.Token
}

// divide makes two halves of the exclusive borrow of s.
func (s *atomicState) divide(gen uint64, t *track.Token) *atomicSplit {
	p := &atomicSplit{whole: s, gen: gen, token: t}
	p.left.Store(2)
	for i := range p.halves {
		p.halves[i].split = p
		if class.On() {
			p.halves[i].track("refcell.AtomicRefMut")
		}
	}
	return p
}

// end ends one of the halves.
func (p *atomicSplit) end() {
	if p.left.Add(-1) == 0 {
		p.whole.unseize(p.gen, p.token)
	}
}
