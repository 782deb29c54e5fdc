package refcell

import "github.com/coderrange/ferrous/internal/track"

// state is how a value is borrowed: the flag of a RefCell. Its methods are the
// parts of the fast paths that do not depend on the type of the value.
type state struct {
	flag int // number of readers, or one of the values below

	// gen is the number of exclusive borrows that ended. An exclusive guard
	// knows the number it was made under, so that after its Release every
	// copy of it is known to be stale.
	gen uint64

	holder *track.Token // of a borrow that goes on, if there is a tracked one
	split  *split       // what the state is part of, if flag is part
}

const (
	exclusive = -1 // one writer
	part      = -2 // one writer of a part, see split
	taken     = -3 // the cell has ended
)

// refuseShare returns the error for a shared borrow that is not possible.
func (s *state) refuseShare(op string) error {
	if s.flag >= 0 {
		return nil
	}
	return s.refusal(op)
}

// refuseSeize returns the error for an exclusive borrow that is not possible.
func (s *state) refuseSeize(op string) error {
	if s.flag == 0 {
		return nil
	}
	return s.refusal(op)
}

func (s *state) refusal(op string) error {
	switch {
	case s.flag > 0:
		return refuse(op, ErrBorrowed, s.flag, s.holder)
	case s.flag == taken:
		return refuse(op, ErrTaken, 0, nil)
	default:
		return refuse(op, ErrMutBorrowed, 0, s.holder)
	}
}

// share borrows for reading, or panics.
//
//go:noinline
func (s *state) share(op string) *track.Token {
	if s.flag < 0 {
		panic(s.refusal(op))
	}
	s.flag++
	if class.On() {
		return s.track("refcell.Ref")
	}
	return nil
}

// unshare ends a shared borrow.
//
//go:noinline
func (s *state) unshare(t *track.Token) {
	if s.flag <= 0 || t != nil && !s.forget(t) {
		released("Ref.Release")
	}
	s.flag--
}

// seize borrows for writing, or panics.
//
//go:noinline
func (s *state) seize(op string) *track.Token {
	if s.flag != 0 {
		panic(s.refusal(op))
	}
	s.flag = exclusive
	if class.On() {
		return s.track("refcell.RefMut")
	}
	return nil
}

// unseize ends the exclusive borrow that was made under gen.
//
//go:noinline
func (s *state) unseize(gen uint64, t *track.Token) {
	if s.gen != gen {
		released("RefMut.Release")
	}
	if t != nil {
		s.forget(t)
	}
	s.gen++
	if s.flag == part {
		s.split.end()
		return
	}
	s.flag = 0
}

// track gives a new borrow a token, if its turn has come.
func (s *state) track(what string) *track.Token {
	if !class.Sampled() {
		return nil
	}
	t := class.Begin(what, "", 2)
	if s.holder == nil {
		s.holder = t
	}
	return t
}

// forget ends a token and reports whether it was there.
func (s *state) forget(t *track.Token) bool {
	if s.holder == t {
		s.holder = nil
	}
	return t.End()
}

// A split is an exclusive borrow that was divided. Each half is a state of its
// own, whose guard goes stale on its own; the whole is borrowed until both
// have ended.
type split struct {
	halves [2]state
	left   int
	whole  *state
	gen    uint64
	token  *track.Token
}

// divide makes two halves of the exclusive borrow of s.
func (s *state) divide(gen uint64, t *track.Token) *split {
	p := &split{left: 2, whole: s, gen: gen, token: t}
	for i := range p.halves {
		p.halves[i] = state{flag: part, split: p}
		if class.On() {
			p.halves[i].track("refcell.RefMut")
		}
	}
	return p
}

// end ends one of the halves.
func (p *split) end() {
	if p.left--; p.left == 0 {
		p.whole.unseize(p.gen, p.token)
	}
}
