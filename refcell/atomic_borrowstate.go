package refcell

import (
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/track"
)

// An atomicBorrowState is how the value of an AtomicRefCell is borrowed.
type atomicBorrowState struct {
	// word has, from below, the number of readers, the turn, and a bit for a
	// cell that has ended and for one with a writer. With one of these bits it
	// has, instead of the number of readers, noise plus the number of readers
	// that were refused meanwhile: these leave their one behind, and the writer
	// wipes it away. So a reader needs one add, and cannot disturb another
	// borrow by one that fails.
	word atomic.Uint64

	gen     atomic.Uint64 // number of exclusive borrows that ended; the turn is what word has place for of it
	holders track.Holders
	split   *atomicSplit // what the state is part of, or nil
}

const (
	turn   = 1 << 40
	shares = turn - 1 // the number of readers
	gone   = 1 << 62
	seized = 1 << 63
	turns  = gone - turn

	// noise is high enough that shares that end although they have ended
	// before, see unshare, cannot take the turn with them.
	noise = turn / 2
)

// isFree reports whether w has neither writer nor end.
func isFree(w uint64) bool { return w&(seized|gone) == 0 }

// refusal returns the error for a borrow that found w.
func (s *atomicBorrowState) refusal(op string, w uint64) error {
	switch {
	case isFree(w):
		return refuse(op, ErrBorrowed, int(w&shares), &s.holders)
	case w&gone != 0:
		return refuse(op, ErrTaken, 0, nil)
	default:
		return refuse(op, ErrMutBorrowed, 0, &s.holders)
	}
}

// tryShare borrows for reading and returns the turn, or an error.
func (s *atomicBorrowState) tryShare(op string) (uint64, *track.Token, error) {
	w := s.word.Add(1)
	if !isFree(w) {
		return 0, nil, s.refusal(op, w)
	}
	if class.On() {
		return w & turns, s.track("refcell.AtomicRef"), nil
	}
	return w & turns, nil, nil
}

// share borrows for reading and returns the turn, or panics.
//
//go:noinline
func (s *atomicBorrowState) share(op string) (uint64, *track.Token) {
	on := class.On() // before the add, behind which a load would have to wait
	w := s.word.Add(1)
	if !isFree(w) {
		panic(s.refusal(op, w))
	}
	if on {
		return w & turns, s.track("refcell.AtomicRef")
	}
	return w & turns, nil
}

// unshare ends a shared borrow of the given turn. It panics, and leaves all as
// it was, if it knows that the borrow has ended: by the token, by the turn, or
// because there is no reader at all. S may be nil.
//
//go:noinline
func (s *atomicBorrowState) unshare(own uint64, t *track.Token) {
	if s == nil || t != nil && !s.holders.End(t) || !s.shared(own) {
		released("AtomicRef.Release")
	}
	if w := s.word.Add(^uint64(0)); w&^shares != own {
		s.unshared(w)
	}
}

// unshared is for the second of two copies that are released at the same time,
// which has found w.
func (s *atomicBorrowState) unshared(w uint64) {
	if w&shares == shares {
		s.word.Add(1)
	} // else there is a writer or the end, and it is a part of the noise now
	released("AtomicRef.Release")
}

// shared reports whether there may be a shared borrow of the given turn.
func (s *atomicBorrowState) shared(own uint64) bool {
	return s.word.Load()-own-1 < shares // from one reader on, and nothing else
}

// over reports whether the shared borrow is known to have ended. s may be nil.
func (s *atomicBorrowState) over(own uint64, t *track.Token) bool {
	return s == nil || t.Ended() || !s.shared(own)
}

// reading panics if the shared borrow is known to have ended. It is the slow
// half of the methods of AtomicRef: s may be nil.
//
//go:noinline
func (s *atomicBorrowState) reading(own uint64, t *track.Token, op string) {
	if s.over(own, t) {
		released(op)
	}
}

// tryExclude borrows for writing and returns the generation, or an error.
func (s *atomicBorrowState) tryExclude(op string) (gen uint64, err error) {
	for {
		w := s.word.Load()
		if w&^turns != 0 {
			return 0, s.refusal(op, w)
		}
		if s.word.CompareAndSwap(w, w|seized|noise) {
			return s.gen.Load(), nil
		}
	}
}

// exclude is seize for the time between two statements, in which no function of
// the user runs. It returns what admit and retire take.
func (s *atomicBorrowState) exclude(op string) (gen uint64) {
	gen, err := s.tryExclude(op)
	if err != nil {
		panic(err)
	}
	return gen
}

// admit ends what exclude began.
func (s *atomicBorrowState) admit(gen uint64) { s.end(gen, nil, 0) }

// retire ends what exclude began, and the cell.
func (s *atomicBorrowState) retire(gen uint64) { s.end(gen, nil, gone|noise) }

// trySeize is seize that returns an error instead of panicking.
func (s *atomicBorrowState) trySeize(op string) (uint64, *track.Token, error) {
	gen, err := s.tryExclude(op)
	if err != nil || !class.On() {
		return gen, nil, err
	}
	return gen, s.track("refcell.AtomicRefMut"), nil
}

// seize borrows for writing and returns the generation, or panics.
//
//go:noinline
func (s *atomicBorrowState) seize(op string) (uint64, *track.Token) {
	gen, err := s.tryExclude(op)
	if err != nil {
		panic(err)
	}
	if class.On() {
		return gen, s.track("refcell.AtomicRefMut")
	}
	return gen, nil
}

// unseize ends the exclusive borrow that was made under gen.
//
//go:noinline
func (s *atomicBorrowState) unseize(gen uint64, t *track.Token) {
	s.end(gen, t, 0)
}

// end is unseize that leaves the given bits besides the turn.
func (s *atomicBorrowState) end(gen uint64, t *track.Token, bits uint64) {
	if !s.gen.CompareAndSwap(gen, gen+1) {
		released("AtomicRefMut.Release")
	}
	if t != nil {
		s.root().holders.End(t)
	}
	if s.split != nil {
		s.split.end()
		return
	}
	s.word.Store((gen+1)*turn&turns | bits)
}

// pass gives a shared borrow that goes on a new token, so that tracked copies of
// its guard are stale.
func (s *atomicBorrowState) pass(own uint64, t *track.Token) (uint64, *track.Token) {
	return own, t.Pass()
}

// passMut gives an exclusive borrow that goes on the next generation, so that all
// guards of this one are stale, and reports whether it was this one.
func (s *atomicBorrowState) passMut(gen uint64) bool { return s.gen.CompareAndSwap(gen, gen+1) }

// borrows returns how many readers borrow the value, and whether a writer does.
func (s *atomicBorrowState) borrows() (readers int, writing bool) {
	w := s.word.Load()
	if isFree(w) {
		return int(w & shares), false
	}
	return 0, w&seized != 0
}

// track gives a new borrow a token, if it is one that is sampled.
func (s *atomicBorrowState) track(what string) *track.Token {
	if !class.Sampled() {
		return nil
	}
	t := class.Begin(what, "", 2)
	s.holders.Add(t)
	return t
}

// An atomicSplit is an exclusive borrow that was divided, see split.
type atomicSplit struct {
	halves [2]atomicBorrowState
	left   atomic.Int64
	whole  *atomicBorrowState
	gen    uint64
}

// divide makes two halves of the exclusive borrow of s, and a token for the
// second. The first keeps the token of the whole.
func (s *atomicBorrowState) divide(gen uint64) (*atomicSplit, *track.Token) {
	p := &atomicSplit{whole: s, gen: gen}
	p.left.Store(2)
	for i := range p.halves {
		p.halves[i].split = p
	}
	if class.On() {
		return p, s.root().track("refcell.AtomicRefMut")
	}
	return p, nil
}

// root returns the state of the cell that s is, or is a part of.
func (s *atomicBorrowState) root() *atomicBorrowState {
	for s.split != nil {
		s = s.split.whole
	}
	return s
}

// end ends one of the halves.
func (p *atomicSplit) end() {
	if p.left.Add(-1) == 0 {
		p.whole.unseize(p.gen, nil)
	}
}
