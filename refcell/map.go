package refcell

// Map narrows a shared borrow to a part of the value, after Ref::map. It takes
// r over: r is released as far as its owner is concerned, and the borrow goes
// on until the result is. Should f panic, r stays as it is.
//
//ferrous:takes r
//ferrous:borrow shared
//ferrous:mustuse
func Map[T, U any](r *Ref[T], f func(*T) *U) Ref[U] {
	r.live("Map")
	m := f(r.value)
	return take(r, m)
}

// FilterMap is [Map] for a part that may not be there. If it is not, r stays as
// it is.
//
//ferrous:takes r
//ferrous:borrow shared
func FilterMap[T, U any](r *Ref[T], f func(*T) (*U, bool)) (Ref[U], bool) {
	r.live("FilterMap")
	m, ok := f(r.value)
	if !ok {
		return Ref[U]{}, false
	}
	return take(r, m), true
}

// MapSplit divides a shared borrow into borrows of two parts, which may
// overlap. The value is borrowed until both are released.
//
//ferrous:takes r
//ferrous:borrow shared
//ferrous:mustuse
func MapSplit[T, U, V any](r *Ref[T], f func(*T) (*U, *V)) (Ref[U], Ref[V]) {
	r.live("MapSplit")
	u, v := f(r.value)
	token := r.state.share("MapSplit")
	s := r.end()
	return Ref[U]{state: s, value: u, token: r.token}, Ref[V]{state: s, value: v, token: token}
}

// take moves the borrow of r to a part.
func take[T, U any](r *Ref[T], part *U) Ref[U] {
	return Ref[U]{state: r.end(), value: part, token: r.token}
}

// MapMut narrows an exclusive borrow to a part of the value, after
// RefMut::map. It takes r over: r, and any copy of it, is stale, and the borrow
// goes on until the result is released. Should f panic, r stays as it is.
//
//ferrous:takes r
//ferrous:borrow mut
//ferrous:mustuse
func MapMut[T, U any](r *RefMut[T], f func(*T) *U) RefMut[U] {
	r.live("MapMut")
	m := f(r.value)
	return takeMut(r, m)
}

// FilterMapMut is [MapMut] for a part that may not be there. If it is not, r
// stays as it is.
//
//ferrous:takes r
//ferrous:borrow mut
func FilterMapMut[T, U any](r *RefMut[T], f func(*T) (*U, bool)) (RefMut[U], bool) {
	r.live("FilterMapMut")
	m, ok := f(r.value)
	if !ok {
		return RefMut[U]{}, false
	}
	return takeMut(r, m), true
}

// MapSplitMut divides an exclusive borrow into those of two parts, which must
// not overlap. The value is borrowed until both are released. It allocates
// once.
//
//ferrous:takes r
//ferrous:borrow mut
//ferrous:mustuse
func MapSplitMut[T, U, V any](r *RefMut[T], f func(*T) (*U, *V)) (RefMut[U], RefMut[V]) {
	r.live("MapSplitMut")
	u, v := f(r.value)
	whole := takeMut(r, u)
	p := whole.state.divide(whole.gen, whole.token)
	a, b := &p.halves[0], &p.halves[1]
	return RefMut[U]{state: a, value: u, token: a.holder}, RefMut[V]{state: b, value: v, token: b.holder}
}

// takeMut moves the borrow of r to a part, under a new generation.
func takeMut[T, U any](r *RefMut[T], part *U) RefMut[U] {
	s := r.end()
	return RefMut[U]{state: s, value: part, gen: r.gen + 1, token: r.token}
}
