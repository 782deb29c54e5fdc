package refcell

import "github.com/coderrange/ferrous/internal/track"

// MapAtomic narrows a shared borrow to a part of the value. It takes r over: r
// is stale, and the borrow goes on until the result is released. Should f panic,
// r stays as it is. [AtomicRef] says what a copy of r knows of that.
//
//ferrous:transfers r
func MapAtomic[T, U any](r *AtomicRef[T], f func(*T) *U) AtomicRef[U] {
	r.state.reading(r.turn.n, r.token, "MapAtomic")
	u := f(r.value)
	s, turn, token := r.pass("MapAtomic")
	return AtomicRef[U]{state: s, value: u, turn: key{turn}, token: token}
}

// FilterMapAtomic is [MapAtomic] for a part that may not be there. If it is not,
// r stays as it is.
//
//ferrous:transfers r on ok
func FilterMapAtomic[T, U any](r *AtomicRef[T], f func(*T) (*U, bool)) (AtomicRef[U], bool) {
	r.state.reading(r.turn.n, r.token, "FilterMapAtomic")
	u, ok := f(r.value)
	if !ok {
		return AtomicRef[U]{}, false
	}
	s, turn, token := r.pass("FilterMapAtomic")
	return AtomicRef[U]{state: s, value: u, turn: key{turn}, token: token}, true
}

// MapSplitAtomic divides a shared borrow into borrows of two parts, which may
// overlap. The value is borrowed until both are released.
//
//ferrous:transfers r
func MapSplitAtomic[T, U, V any](r *AtomicRef[T], f func(*T) (*U, *V)) (AtomicRef[U], AtomicRef[V]) {
	r.state.reading(r.turn.n, r.token, "MapSplitAtomic")
	u, v := f(r.value)
	s, turn, token := r.pass("MapSplitAtomic")
	turn2, token2 := s.share("MapSplitAtomic")
	return AtomicRef[U]{state: s, value: u, turn: key{turn}, token: token}, AtomicRef[V]{state: s, value: v, turn: key{turn2}, token: token2}
}

// pass makes r stale and returns its borrow, in the name of op, whose function
// may have released r.
func (r *AtomicRef[T]) pass(op string) (s *atomicState, turn uint64, t *track.Token) {
	s = r.state
	s.reading(r.turn.n, r.token, op)
	r.state = nil
	return s, r.turn.n, r.token.Pass()
}

// MapMutAtomic narrows an exclusive borrow to a part of the value. It takes r
// over: r, and any copy of it, is stale, and the borrow goes on until the result
// is released. Should f panic, r stays as it is.
//
//ferrous:transfers r
func MapMutAtomic[T, U any](r *AtomicRefMut[T], f func(*T) *U) AtomicRefMut[U] {
	r.live("MapMutAtomic")
	u := f(r.value)
	return takeMutAtomic(r, u, "MapMutAtomic")
}

// FilterMapMutAtomic is [MapMutAtomic] for a part that may not be there. If it is
// not, r stays as it is.
//
//ferrous:transfers r on ok
func FilterMapMutAtomic[T, U any](r *AtomicRefMut[T], f func(*T) (*U, bool)) (AtomicRefMut[U], bool) {
	r.live("FilterMapMutAtomic")
	u, ok := f(r.value)
	if !ok {
		return AtomicRefMut[U]{}, false
	}
	return takeMutAtomic(r, u, "FilterMapMutAtomic"), true
}

// MapSplitMutAtomic divides an exclusive borrow into those of two parts, which
// must not overlap. The value is borrowed until both are released. It allocates
// once.
//
//ferrous:transfers r
func MapSplitMutAtomic[T, U, V any](r *AtomicRefMut[T], f func(*T) (*U, *V)) (AtomicRefMut[U], AtomicRefMut[V]) {
	r.live("MapSplitMutAtomic")
	u, v := f(r.value)
	whole := takeMutAtomic(r, u, "MapSplitMutAtomic")
	p, token := whole.state.divide(whole.gen)
	return AtomicRefMut[U]{state: &p.halves[0], value: u, token: whole.token}, AtomicRefMut[V]{state: &p.halves[1], value: v, token: token}
}

// takeMutAtomic moves the borrow of r to a part, under a new generation, in the
// name of op, whose function may have released r.
func takeMutAtomic[T, U any](r *AtomicRefMut[T], part *U, op string) AtomicRefMut[U] {
	s := r.state
	if s == nil || !s.pass(r.gen) {
		released(op)
	}
	r.state = nil
	return AtomicRefMut[U]{state: s, value: part, gen: r.gen + 1, token: r.token}
}
