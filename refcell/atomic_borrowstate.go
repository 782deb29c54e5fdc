package refcell

import (
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/track"
)

// An atomicBorrowState says how the value of an AtomicRefCell is borrowed.
//
// A reader adds one to the word and looks at the result, as in the crate
// atomic_refcell: with neither seized nor gone set it is a reader now. If one of them
// is set, the reader is refused, and leaves the one behind. The writer overwrites it at
// its end. So a reader needs one addition, and a refused one disturbs no other borrow.
//
// The rest is ours. The invariants: while seized and gone are not set, the lowest bits
// are the number of readers. The turn is the number of exclusive borrows that have
// ended, modulo 2^22, so that a copy of a guard is known as stale after the next
// exclusive borrow. seized is set by one writer at a time, which alone clears it. gone
// is never cleared.
type atomicBorrowState struct {
	word    atomic.Uint64 // from below: 40 bits of readers, 22 of the turn, gone, seized
	gen     atomic.Uint64 // number of exclusive borrows that ended or were mapped
	holders track.Holders // the tracked borrows
	split   *atomicSplit  // the split that the state is a half of, or nil
}

const (
	turn   = 1 << 40     // one turn
	shares = turn - 1    // the bits of the number of readers
	turns  = gone - turn // the bits of the turn
	gone   = 1 << 62     // the cell has ended
	seized = 1 << 63     // there is a writer
)

// isFree reports whether w has neither a writer nor an end.
func isFree(w uint64) bool { return w&(seized|gone) == 0 }

// refusal returns the error for a borrow that found the word w.
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

// unshare ends a shared borrow of the turn own. If the borrow is known to have ended,
// by the token, by the turn or because there is no reader, it panics and changes
// nothing: so it does not subtract blindly. s may be nil.
//
//go:noinline
func (s *atomicBorrowState) unshare(own uint64, t *track.Token) {
	if s == nil || t != nil && !s.holders.End(t) {
		released("AtomicRef.Release")
	}
	for {
		w := s.word.Load()
		if !isShared(w, own) {
			released("AtomicRef.Release")
		}
		if s.word.CompareAndSwap(w, w-1) {
			return
		}
	}
}

// isShared reports whether there are readers of the turn own in the word w, and nothing
// else.
func isShared(w, own uint64) bool { return w-own-1 < shares }

// over reports whether the shared borrow is known to have ended. s may be nil.
func (s *atomicBorrowState) over(own uint64, t *track.Token) bool {
	return s == nil || t.Ended() || !isShared(s.word.Load(), own)
}

// reading panics if the shared borrow is known to have ended. It is the slow path of
// the methods of AtomicRef: s may be nil.
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
		if s.word.CompareAndSwap(w, w|seized) {
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
func (s *atomicBorrowState) retire(gen uint64) { s.end(gen, nil, gone) }

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

// pass gives a shared borrow a new token, so that tracked copies of its guard are
// stale.
func (s *atomicBorrowState) pass(own uint64, t *track.Token) (uint64, *track.Token) {
	return own, t.Pass()
}

// passMut moves an exclusive borrow from the generation gen to the next one, so that
// its guards are stale. It reports false if gen was not the generation.
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

// An atomicSplit is an exclusive borrow that was divided in two; see split.
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
