package refcell

import "github.com/coderrange/ferrous/internal/track"

// Map narrows a shared borrow to a part of the value, after Ref::map. It consumes r:
// the borrow moves to the result and ends when the result is released, and r and its
// copies are released guards. If f panics, r is unchanged.
//
//ferrous:transfers r
func Map[T, U any](r *Ref[T], f func(*T) *U) Ref[U] {
	mapArgs("Map", r != nil, f != nil)
	r.state.reading(r.key.n, "Map")
	u := f(r.value)
	s, n, token := r.pass("Map")
	return Ref[U]{state: s, value: u, key: key{n}, token: token}
}

// FilterMap is [Map] for a part that may not exist. If f returns false, r is
// unchanged.
//
//ferrous:transfers r on ok
func FilterMap[T, U any](r *Ref[T], f func(*T) (*U, bool)) (Ref[U], bool) {
	mapArgs("FilterMap", r != nil, f != nil)
	r.state.reading(r.key.n, "FilterMap")
	u, ok := f(r.value)
	if !ok {
		return Ref[U]{}, false
	}
	s, n, token := r.pass("FilterMap")
	return Ref[U]{state: s, value: u, key: key{n}, token: token}, true
}

// MapSplit divides a shared borrow into borrows of two parts, which may
// overlap. The value is borrowed until both are released.
//
//ferrous:transfers r
func MapSplit[T, U, V any](r *Ref[T], f func(*T) (*U, *V)) (Ref[U], Ref[V]) {
	mapArgs("MapSplit", r != nil, f != nil)
	r.state.reading(r.key.n, "MapSplit")
	u, v := f(r.value)
	s, n, token := r.pass("MapSplit")
	n2, token2 := s.share("MapSplit")
	return Ref[U]{state: s, value: u, key: key{n}, token: token}, Ref[V]{state: s, value: v, key: key{n2}, token: token2}
}

// pass ends r and returns its borrow, which goes on. op is the function that does it.
// The function that it called may have released r: then pass panics.
func (r *Ref[T]) pass(op string) (s *borrowState, n uint64, t *track.Token) {
	s = r.state
	s.reading(r.key.n, op)
	r.state = nil
	n, t = s.pass(r.key.n, r.token)
	return s, n, t
}

// MapMut narrows an exclusive borrow to a part of the value, after RefMut::map. It
// consumes r: the borrow moves to the result and ends when the result is released, and
// r and its copies are released guards. If f panics, r is unchanged.
//
//ferrous:transfers r
func MapMut[T, U any](r *RefMut[T], f func(*T) *U) RefMut[U] {
	mapArgs("MapMut", r != nil, f != nil)
	r.live("MapMut")
	u := f(r.value)
	return takeMut(r, u, "MapMut")
}

// FilterMapMut is [MapMut] for a part that may not exist. If f returns false, r is
// unchanged.
//
//ferrous:transfers r on ok
func FilterMapMut[T, U any](r *RefMut[T], f func(*T) (*U, bool)) (RefMut[U], bool) {
	mapArgs("FilterMapMut", r != nil, f != nil)
	r.live("FilterMapMut")
	u, ok := f(r.value)
	if !ok {
		return RefMut[U]{}, false
	}
	return takeMut(r, u, "FilterMapMut"), true
}

// MapSplitMut divides an exclusive borrow into those of two parts, which must
// not overlap. The value is borrowed until both are released. It allocates
// once.
//
//ferrous:transfers r
func MapSplitMut[T, U, V any](r *RefMut[T], f func(*T) (*U, *V)) (RefMut[U], RefMut[V]) {
	mapArgs("MapSplitMut", r != nil, f != nil)
	r.live("MapSplitMut")
	u, v := f(r.value)
	whole := takeMut(r, u, "MapSplitMut")
	p, token := whole.state.divide(whole.gen)
	return RefMut[U]{state: &p.halves[0], value: u, token: whole.token}, RefMut[V]{state: &p.halves[1], value: v, token: token}
}

// takeMut moves the borrow of r to a part, under a new generation. op is the function
// that does it. The function that it called may have released r: then takeMut panics.
func takeMut[T, U any](r *RefMut[T], part *U, op string) RefMut[U] {
	s := r.state
	if s == nil || !s.passMut(r.gen) {
		released(op)
	}
	r.state = nil
	return RefMut[U]{state: s, value: part, gen: r.gen + 1, token: r.token}
}
