package refcell

import "github.com/coderrange/ferrous/internal/track"

// A borrowState is how the value of a RefCell is borrowed. Its methods are the
// parts of the fast paths that do not depend on the type of the value.
//
// Each borrow has a key, which its guard holds too. The state forgets the key when the
// borrow ends, so every copy of the guard is known as stale. The key of a borrow that
// began alone is the generation; its end and a Map begin the next generation. A reader
// that comes while there are others gets a place in the crowd, and a key with that place
// and a serial number. The scheme is ours; std::cell needs none, since its guards cannot
// be copied.
type borrowState struct {
	flag int    // number of readers, or one of the values below
	gen  uint64 // the key of the borrow that began alone, or of the next that will

	crowd *crowd // nil until there are several readers or a tracked borrow
	split *split // the split that the state is a half of, if flag is part
}

const (
	exclusive = -1 // one writer
	part      = -2 // one writer, of a half of a split
	taken     = -3 // the cell has ended
)

// refusal returns the error for a borrow that is not possible now.
func (s *borrowState) refusal(op string) error {
	switch {
	case s.flag > 0:
		return refuse(op, ErrBorrowed, s.flag, s.holders())
	case s.flag == taken:
		return refuse(op, ErrTaken, 0, nil)
	default:
		return refuse(op, ErrMutBorrowed, 0, s.holders())
	}
}

// share borrows for reading, or panics.
//
//go:noinline
func (s *borrowState) share(op string) (key uint64, t *track.Token) {
	if s.flag != 0 || class.On() {
		return s.shareSlow(op)
	}
	s.flag = 1
	return s.gen, nil
}

// shareSlow is share beside other borrows, or with tracking on.
func (s *borrowState) shareSlow(op string) (key uint64, t *track.Token) {
	if s.flag < 0 {
		panic(s.refusal(op))
	}
	if key = s.gen; s.flag > 0 {
		key = s.several().enter()
	}
	s.flag++
	return key, s.track("refcell.Ref", 3)
}

// tryShare is share that returns an error instead of panicking.
func (s *borrowState) tryShare(op string) (key uint64, t *track.Token, err error) {
	if s.flag < 0 {
		return 0, nil, s.refusal(op)
	}
	if key = s.gen; s.flag > 0 {
		key = s.several().enter()
	}
	s.flag++
	if class.On() {
		t = s.track("refcell.Ref", 2)
	}
	return key, t, nil
}

// unshare ends the shared borrow that has the key. S may be nil.
//
//go:noinline
func (s *borrowState) unshare(key uint64, t *track.Token) {
	if s == nil || s.gen != key || t != nil {
		s.unshareSlow(key, t)
		return
	}
	s.gen++
	s.flag--
}

// unshareSlow is unshare for one of several, with a token, or for a guard that
// has ended.
func (s *borrowState) unshareSlow(key uint64, t *track.Token) {
	switch {
	case s == nil:
		released("Ref.Release")
	case s.gen == key:
		s.gen++
	case !s.crowd.leave(key):
		released("Ref.Release")
	}
	s.flag--
	if t != nil {
		s.forget(t)
	}
}

// shares reports whether a shared borrow has the key.
func (s *borrowState) shares(key uint64) bool { return s.gen == key || s.crowd.has(key) }

// reading panics unless a shared borrow has the key. It is the slow path of the
// methods of Ref: s may be nil.
//
//go:noinline
func (s *borrowState) reading(key uint64, op string) {
	if s == nil || !s.shares(key) {
		released(op)
	}
}

// over reports whether the shared borrow that has the key has ended. s may be
// nil.
func (s *borrowState) over(key uint64, _ *track.Token) bool { return s == nil || !s.shares(key) }

// readingForGet is reading for Ref.Get, which inlines only if it passes one argument
// less.
//
//go:noinline
func (s *borrowState) readingForGet(key uint64) { s.reading(key, "Ref.Get") }

// pass gives a shared borrow a new key and token, so that copies of its guard are
// stale.
func (s *borrowState) pass(key uint64, t *track.Token) (uint64, *track.Token) {
	if s.gen == key {
		s.gen++
		return s.gen, t.Pass()
	}
	s.crowd.leave(key)
	return s.crowd.enter(), t.Pass()
}

// exclude is seize for the time between two statements, in which no function of
// the user runs. It returns what admit and retire take.
func (s *borrowState) exclude(op string) (gen uint64) {
	if s.flag != 0 {
		panic(s.refusal(op))
	}
	return s.gen
}

// admit ends what exclude began.
func (s *borrowState) admit(uint64) {}

// retire ends what exclude began, and the cell.
func (s *borrowState) retire(uint64) { s.flag = taken }

// seize borrows for writing, or panics.
//
//go:noinline
func (s *borrowState) seize(op string) (gen uint64, t *track.Token) {
	if s.flag != 0 {
		panic(s.refusal(op))
	}
	s.flag = exclusive
	if class.On() {
		return s.gen, s.track("refcell.RefMut", 2)
	}
	return s.gen, nil
}

// trySeize is seize that returns an error instead of panicking.
func (s *borrowState) trySeize(op string) (gen uint64, t *track.Token, err error) {
	if s.flag != 0 {
		return 0, nil, s.refusal(op)
	}
	s.flag = exclusive
	if class.On() {
		t = s.track("refcell.RefMut", 2)
	}
	return s.gen, t, nil
}

// unseize ends the exclusive borrow that was made under gen.
//
//go:noinline
func (s *borrowState) unseize(gen uint64, t *track.Token) {
	if s.gen != gen {
		released("RefMut.Release")
	}
	if t != nil {
		s.root().forget(t)
	}
	s.gen++
	if s.flag == part {
		s.split.end()
		return
	}
	s.flag = 0
}

// passMut moves an exclusive borrow from the generation gen to the next one, so that
// its guards are stale. It reports false if gen was not the generation.
func (s *borrowState) passMut(gen uint64) bool {
	if s.gen != gen {
		return false
	}
	s.gen++
	return true
}

// borrows returns how many readers borrow the value, and whether a writer does.
func (s *borrowState) borrows() (readers int, writing bool) {
	return max(s.flag, 0), s.flag == exclusive || s.flag == part
}

// track gives a new borrow a token, if it is one that is sampled. Its stack
// begins skip frames above track.
func (s *borrowState) track(what string, skip int) *track.Token {
	if !class.Sampled() {
		return nil
	}
	t := class.Begin(what, "", skip)
	s.several().holders.Add(t)
	return t
}

// forget ends a token.
func (s *borrowState) forget(t *track.Token) { s.crowd.holders.End(t) }

// holders returns the tracked borrows, or nil if there never was one.
func (s *borrowState) holders() *track.Holders {
	if s.crowd == nil {
		return nil
	}
	return &s.crowd.holders
}

// several returns the crowd, which it makes first if there is none.
func (s *borrowState) several() *crowd {
	if s.crowd == nil {
		s.crowd = new(crowd)
	}
	return s.crowd
}

// A crowd has the readers beside the first one, and the tracked borrows. A nil crowd is
// empty.
type crowd struct {
	holders track.Holders
	places  []uint64 // by place: the key of its reader, or the number of the next free place
	free    uint64   // number of the first free place, from 1 on; 0 if none is free
	serial  uint64   // serial number of the last reader that came
}

// The key of a place has the number of the place, so that the place is found at once,
// and a serial number, so that the next reader in the same place has another key.
const (
	placed     = 1 << 63 // set in every key of a place, and in no generation
	placeShift = 36
	serials    = 1<<placeShift - 1
)

// place returns the index of the place that a key belongs to.
func place(key uint64) uint64 { return key&^placed>>placeShift - 1 }

// enter gives a reader a place.
func (c *crowd) enter() (key uint64) {
	c.serial++
	number := c.free
	if number == 0 {
		c.places = append(c.places, 0)
		number = uint64(len(c.places))
	}
	key = placed | number<<placeShift | c.serial&serials
	c.free, c.places[number-1] = c.places[number-1], key
	return key
}

// leave frees the place of a reader, and reports whether it was there.
func (c *crowd) leave(key uint64) bool {
	if !c.has(key) {
		return false
	}
	i := place(key)
	c.places[i], c.free = c.free, i+1
	return true
}

// has reports whether a reader with the key is there.
func (c *crowd) has(key uint64) bool {
	return c != nil && place(key) < uint64(len(c.places)) && c.places[place(key)] == key
}

// A split is an exclusive borrow that was divided in two. Each half has a state of its
// own, so its guards become stale on their own. The whole is borrowed until both halves
// have ended.
type split struct {
	halves [2]borrowState
	left   int // number of halves that have not ended
	whole  *borrowState
	gen    uint64
}

// divide makes two halves of the exclusive borrow of s, and a token for the
// second. The first keeps the token of the whole.
func (s *borrowState) divide(gen uint64) (*split, *track.Token) {
	p := &split{left: 2, whole: s, gen: gen}
	for i := range p.halves {
		p.halves[i] = borrowState{flag: part, split: p}
	}
	if class.On() {
		return p, s.root().track("refcell.RefMut", 2)
	}
	return p, nil
}

// root returns the state of the cell that s is, or is a part of.
func (s *borrowState) root() *borrowState {
	for s.split != nil {
		s = s.split.whole
	}
	return s
}

// end ends one of the halves.
func (p *split) end() {
	if p.left--; p.left == 0 {
		p.whole.unseize(p.gen, nil)
	}
}
