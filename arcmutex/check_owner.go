package arcmutex

// A hold belongs to the goroutine that has locked, as far as [Check] knows. These
// methods tell it that the guard goes to another goroutine. Nothing else depends on
// them, and while the checker is off they do nothing but look whether the guard is
// good.

// Disown tells [Check] that no goroutine owns g from now on, until [Guard.Adopt]: call
// it before g is handed to another goroutine. What the caller locks later is then not
// taken for locked while g is held.
func (g *Guard[T]) Disown() {
	const method = "Guard.Disown"
	g.check(method)
	g.lock.real().disown(exclusive, g.key, method)
}

// Adopt tells [Check] that the calling goroutine owns g from now on.
func (g *Guard[T]) Adopt() {
	const method = "Guard.Adopt"
	g.check(method)
	g.lock.real().adopt(exclusive, g.key, method)
}

// Disown tells [Check] that no goroutine owns g from now on; see [Guard.Disown].
func (g RGuard[T]) Disown() {
	const method = "RGuard.Disown"
	g.check(method, sharing)
	g.lock.real().disown(sharing, g.key, method)
}

// Adopt tells [Check] that the calling goroutine owns g from now on.
func (g RGuard[T]) Adopt() {
	const method = "RGuard.Adopt"
	g.check(method, sharing)
	g.lock.real().adopt(sharing, g.key, method)
}

// Disown tells [Check] that no goroutine owns g from now on; see [Guard.Disown].
func (g UGuard[T]) Disown() {
	const method = "UGuard.Disown"
	g.check(method, upgrading)
	g.lock.real().disown(upgrading, g.key, method)
}

// Adopt tells [Check] that the calling goroutine owns g from now on.
func (g UGuard[T]) Adopt() {
	const method = "UGuard.Adopt"
	g.check(method, upgrading)
	g.lock.real().adopt(upgrading, g.key, method)
}
