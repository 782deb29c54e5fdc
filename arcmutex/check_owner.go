package arcmutex

// The checker records a hold with the goroutine that locked. The methods in this file
// change that record when a guard is passed to another goroutine. They have no other
// effect. If the checker is off, they only check that the guard is valid.

// Disown tells the checker of [Check] that the calling goroutine no longer owns g. Call
// it before passing g to another goroutine, which then calls [Guard.Adopt]. Locks that
// the caller acquires later are then not recorded as locked while g is held. Disown
// does not unlock. It panics with an error that is [ErrReleased] if g has ended.
func (g *Guard[T]) Disown() {
	const method = "Guard.Disown"
	g.check(method)
	g.lock.real().disown(exclusive, g.key, method)
}

// Adopt tells the checker of [Check] that the calling goroutine owns g from now on. It
// panics with an error that is [ErrReleased] if g has ended.
func (g *Guard[T]) Adopt() {
	const method = "Guard.Adopt"
	g.check(method)
	g.lock.real().adopt(exclusive, g.key, method)
}

// Disown tells the checker of [Check] that the calling goroutine no longer owns g; see
// [Guard.Disown].
func (g RGuard[T]) Disown() {
	const method = "RGuard.Disown"
	g.check(method, sharing)
	g.lock.real().disown(sharing, g.key, method)
}

// Adopt tells the checker of [Check] that the calling goroutine owns g from now on; see
// [Guard.Adopt].
func (g RGuard[T]) Adopt() {
	const method = "RGuard.Adopt"
	g.check(method, sharing)
	g.lock.real().adopt(sharing, g.key, method)
}

// Disown tells the checker of [Check] that the calling goroutine no longer owns g; see
// [Guard.Disown].
func (g UGuard[T]) Disown() {
	const method = "UGuard.Disown"
	g.check(method, upgrading)
	g.lock.real().disown(upgrading, g.key, method)
}

// Adopt tells the checker of [Check] that the calling goroutine owns g from now on; see
// [Guard.Adopt].
func (g UGuard[T]) Adopt() {
	const method = "UGuard.Adopt"
	g.check(method, upgrading)
	g.lock.real().adopt(upgrading, g.key, method)
}
