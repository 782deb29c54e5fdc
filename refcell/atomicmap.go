package refcell

// MapAtomic narrows a shared borrow to a part of the value. It takes
// r over: r is released as far as its owner is concerned, and the borrow goes
// on until the result is. Should f panic, r stays as it is.
//
//ferrous:takes r
//ferrous:borrow shared
//ferrous:mustuse
func MapAtomic[T, U any](r *AtomicRef[T], f func(*T) *U) AtomicRef[U] {
	r.live("MapAtomic")
	m := f(r.value)
	return takeAtomic(r, m)
}

// FilterMapAtomic is [MapAtomic] for a part that may not be there. If it is not, r stays as
// it is.
//
//ferrous:takes r
//ferrous:borrow shared
func FilterMapAtomic[T, U any](r *AtomicRef[T], f func(*T) (*U, bool)) (AtomicRef[U], bool) {
	r.live("FilterMapAtomic")
	m, ok := f(r.value)
	if !ok {
		return AtomicRef[U]{}, false
	}
	return takeAtomic(r, m), true
}

// MapSplitAtomic divides a shared borrow into borrows of two parts, which may
// overlap. The value is borrowed until both are released.
//
//ferrous:takes r
//ferrous:borrow shared
//ferrous:mustuse
func MapSplitAtomic[T, U, V any](r *AtomicRef[T], f func(*T) (*U, *V)) (AtomicRef[U], AtomicRef[V]) {
	r.live("MapSplitAtomic")
	u, v := f(r.value)
	token := r.state.share("MapSplitAtomic")
	s := r.end()
	return AtomicRef[U]{state: s, value: u, token: r.token}, AtomicRef[V]{state: s, value: v, token: token}
}

// takeAtomic moves the borrow of r to a part.
func takeAtomic[T, U any](r *AtomicRef[T], part *U) AtomicRef[U] {
	return AtomicRef[U]{state: r.end(), value: part, token: r.token}
}

// MapMutAtomic narrows an exclusive borrow to a part of the value. It takes r over: r, and any copy of it, is stale, and the borrow
// goes on until the result is released. Should f panic, r stays as it is.
//
//ferrous:takes r
//ferrous:borrow mut
//ferrous:mustuse
func MapMutAtomic[T, U any](r *AtomicRefMut[T], f func(*T) *U) AtomicRefMut[U] {
	r.live("MapMutAtomic")
	m := f(r.value)
	return takeMutAtomic(r, m)
}

// FilterMapMutAtomic is [MapMutAtomic] for a part that may not be there. If it is not, r
// stays as it is.
//
//ferrous:takes r
//ferrous:borrow mut
func FilterMapMutAtomic[T, U any](r *AtomicRefMut[T], f func(*T) (*U, bool)) (AtomicRefMut[U], bool) {
	r.live("FilterMapMutAtomic")
	m, ok := f(r.value)
	if !ok {
		return AtomicRefMut[U]{}, false
	}
	return takeMutAtomic(r, m), true
}

// MapSplitMutAtomic divides an exclusive borrow into those of two parts, which must
// not overlap. The value is borrowed until both are released. It allocates
// once.
//
//ferrous:takes r
//ferrous:borrow mut
//ferrous:mustuse
func MapSplitMutAtomic[T, U, V any](r *AtomicRefMut[T], f func(*T) (*U, *V)) (AtomicRefMut[U], AtomicRefMut[V]) {
	r.live("MapSplitMutAtomic")
	u, v := f(r.value)
	whole := takeMutAtomic(r, u)
	p := whole.state.divide(whole.gen, whole.token)
	a, b := &p.halves[0], &p.halves[1]
	return AtomicRefMut[U]{state: a, value: u, token: a.holder.Load()}, AtomicRefMut[V]{state: b, value: v, token: b.holder.Load()}
}

// takeMutAtomic moves the borrow of r to a part, under a new generation.
func takeMutAtomic[T, U any](r *AtomicRefMut[T], part *U) AtomicRefMut[U] {
	s := r.end()
	return AtomicRefMut[U]{state: s, value: part, gen: r.gen + 1, token: r.token}
}
