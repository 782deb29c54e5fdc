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
func (g RGuard[T]) Disown() { g.disown("RGuard.Disown", sharing) }

// Adopt tells the checker of [Check] that the calling goroutine owns g from now on; see
// [Guard.Adopt].
func (g RGuard[T]) Adopt() { g.adopt("RGuard.Adopt", sharing) }

// Disown tells the checker of [Check] that the calling goroutine no longer owns g; see
// [Guard.Disown].
func (g UGuard[T]) Disown() { g.disown("UGuard.Disown", upgrading) }

// Adopt tells the checker of [Check] that the calling goroutine owns g from now on; see
// [Guard.Adopt].
func (g UGuard[T]) Adopt() { g.adopt("UGuard.Adopt", upgrading) }

func (g *grip[T]) disown(method string, m mode) {
	g.check(method, m)
	g.lock.real().disown(m, g.key, method)
}

func (g *grip[T]) adopt(method string, m mode) {
	g.check(method, m)
	g.lock.real().adopt(m, g.key, method)
}
