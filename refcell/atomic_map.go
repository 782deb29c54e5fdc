// Code generated from map.go by go test ./refcell/internal/generate -update; DO NOT EDIT.

package refcell

import "github.com/coderrange/ferrous/internal/track"

// MapAtomic is [Map] for an [AtomicRef], which says when a copy of r learns that it
// ended.
//
//ferrous:transfers r
func MapAtomic[T, U any](r *AtomicRef[T], f func(*T) *U) AtomicRef[U] {
	mapArgs("MapAtomic", r != nil, f != nil)
	r.state.reading(r.key.n, r.token, "MapAtomic")
	u := f(r.value)
	s, n, token := r.pass("MapAtomic")
	return AtomicRef[U]{state: s, value: u, key: key{n}, token: token}
}

// FilterMapAtomic is [MapAtomic] for a part that may not exist. If f returns false,
// r is unchanged.
//
//ferrous:transfers r on ok
func FilterMapAtomic[T, U any](r *AtomicRef[T], f func(*T) (*U, bool)) (AtomicRef[U], bool) {
	mapArgs("FilterMapAtomic", r != nil, f != nil)
	r.state.reading(r.key.n, r.token, "FilterMapAtomic")
	u, ok := f(r.value)
	if !ok {
		return AtomicRef[U]{}, false
	}
	s, n, token := r.pass("FilterMapAtomic")
	return AtomicRef[U]{state: s, value: u, key: key{n}, token: token}, true
}

// MapSplitAtomic divides a shared borrow into borrows of two parts, which may
// overlap. The value is borrowed until both are released.
//
//ferrous:transfers r
func MapSplitAtomic[T, U, V any](r *AtomicRef[T], f func(*T) (*U, *V)) (AtomicRef[U], AtomicRef[V]) {
	mapArgs("MapSplitAtomic", r != nil, f != nil)
	r.state.reading(r.key.n, r.token, "MapSplitAtomic")
	u, v := f(r.value)
	s, n, token := r.pass("MapSplitAtomic")
	n2, token2 := s.share("MapSplitAtomic")
	return AtomicRef[U]{state: s, value: u, key: key{n}, token: token}, AtomicRef[V]{state: s, value: v, key: key{n2}, token: token2}
}

// pass ends r and returns its borrow, which goes on. op is the function that does
// it. The function that it called may have released r: then pass panics.
func (r *AtomicRef[T]) pass(op string) (s *atomicBorrowState, n uint64, t *track.Token) {
	s = r.state
	s.reading(r.key.n, r.token, op)
	r.state = nil
	n, t = s.pass(r.key.n, r.token)
	return s, n, t
}

// MapMutAtomic is [MapMut] for an [AtomicRefMut].
//
//ferrous:transfers r
func MapMutAtomic[T, U any](r *AtomicRefMut[T], f func(*T) *U) AtomicRefMut[U] {
	mapArgs("MapMutAtomic", r != nil, f != nil)
	r.live("MapMutAtomic")
	u := f(r.value)
	return takeMutAtomic(r, u, "MapMutAtomic")
}

// FilterMapMutAtomic is [MapMutAtomic] for a part that may not exist. If f returns
// false, r is unchanged.
//
//ferrous:transfers r on ok
func FilterMapMutAtomic[T, U any](r *AtomicRefMut[T], f func(*T) (*U, bool)) (AtomicRefMut[U], bool) {
	mapArgs("FilterMapMutAtomic", r != nil, f != nil)
	r.live("FilterMapMutAtomic")
	u, ok := f(r.value)
	if !ok {
		return AtomicRefMut[U]{}, false
	}
	return takeMutAtomic(r, u, "FilterMapMutAtomic"), true
}

// MapSplitMutAtomic divides an exclusive borrow into those of two parts, which must
// not overlap. The value is borrowed until both are released. It allocates once.
//
//ferrous:transfers r
func MapSplitMutAtomic[T, U, V any](r *AtomicRefMut[T], f func(*T) (*U, *V)) (AtomicRefMut[U], AtomicRefMut[V]) {
	mapArgs("MapSplitMutAtomic", r != nil, f != nil)
	r.live("MapSplitMutAtomic")
	u, v := f(r.value)
	whole := takeMutAtomic(r, u, "MapSplitMutAtomic")
	p, token := whole.state.divide(whole.gen)
	return AtomicRefMut[U]{state: &p.halves[0], value: u, token: whole.token}, AtomicRefMut[V]{state: &p.halves[1], value: v, token: token}
}

// takeMutAtomic moves the borrow of r to a part, under a new generation. op is the
// function that does it. The function that it called may have released r: then
// takeMutAtomic panics.
func takeMutAtomic[T, U any](r *AtomicRefMut[T], part *U, op string) AtomicRefMut[U] {
	s := r.state
	if s == nil || !s.passMut(r.gen) {
		released(op)
	}
	r.state = nil
	return AtomicRefMut[U]{state: s, value: part, gen: r.gen + 1, token: r.token}
}
