package interleave

// word is an atomic variable of a number.
type word[T int32 | int64 | uint32 | uint64] struct{ cell[T] }

type (
	// Int32 is sync/atomic's.
	Int32 = word[int32]
	// Int64 is sync/atomic's.
	Int64 = word[int64]
	// Uint32 is sync/atomic's.
	Uint32 = word[uint32]
	// Uint64 is sync/atomic's.
	Uint64 = word[uint64]
)

// Add adds delta and returns the sum.
func (w *word[T]) Add(delta T) T {
	change(&w.v)
	return w.set(w.v + delta)
}

// And keeps the bits of mask and returns the old value.
func (w *word[T]) And(mask T) (old T) {
	change(&w.v)
	old = w.v
	w.set(old & mask)
	return old
}

// Or adds the bits of mask and returns the old value.
func (w *word[T]) Or(mask T) (old T) {
	change(&w.v)
	old = w.v
	w.set(old | mask)
	return old
}

type (
	// Bool is sync/atomic's.
	Bool = cell[bool]
	// Pointer is sync/atomic's.
	Pointer[T any] = cell[*T]
)

// cell is an atomic variable.
type cell[T comparable] struct{ v T }

// Load returns the value.
func (c *cell[T]) Load() T {
	load(&c.v)
	return c.v
}

// Store sets the value.
func (c *cell[T]) Store(v T) {
	change(&c.v)
	c.set(v)
}

// Swap sets the value and returns the old one.
func (c *cell[T]) Swap(v T) (old T) {
	change(&c.v)
	old = c.v
	c.set(v)
	return old
}

// CompareAndSwap sets the value if it is old, and reports whether it did.
func (c *cell[T]) CompareAndSwap(old, v T) bool {
	compare(&c.v, old)
	if c.v != old {
		return false
	}
	c.set(v)
	return true
}

// set sets the value without a pause, and returns it.
func (c *cell[T]) set(v T) T {
	if c.v != v {
		changes++
		c.v = v
	}
	return v
}

// LoadUintptr is sync/atomic's. A number that is the address of something on a
// stack must not be used with it and its siblings: a stack can move in a pause.
func LoadUintptr(p *uintptr) uintptr {
	load(p)
	return *p
}

// StoreUintptr is sync/atomic's.
func StoreUintptr(p *uintptr, v uintptr) {
	change(p)
	changes++
	*p = v
}

// CompareAndSwapUintptr is sync/atomic's.
func CompareAndSwapUintptr(p *uintptr, old, v uintptr) bool {
	compare(p, old)
	if *p != old {
		return false
	}
	changes++
	*p = v
	return true
}

// Mutex is sync's.
type Mutex struct{ locked bool }

// Lock locks m when it is free.
func (m *Mutex) Lock() {
	Wait(func() bool { return !m.locked })
	m.turn(true)
}

// TryLock locks m if it is free, and reports whether it did.
func (m *Mutex) TryLock() bool {
	change(&m.locked)
	if m.locked {
		return false
	}
	m.turn(true)
	return true
}

// Unlock unlocks m, which must be locked.
func (m *Mutex) Unlock() {
	change(&m.locked)
	if !m.locked {
		panic("interleave: Mutex.Unlock: not locked")
	}
	m.turn(false)
}

func (m *Mutex) turn(locked bool) {
	m.locked = locked
	changes++
}

// RWMutex is sync's, without its precedence of writers.
type RWMutex struct {
	Mutex

	readers int
}

// Lock locks m when it is free.
func (m *RWMutex) Lock() {
	Wait(func() bool { return !m.locked && m.readers == 0 })
	m.turn(true)
}

// RLock locks m for reading.
func (m *RWMutex) RLock() {
	Wait(func() bool { return !m.locked })
	m.readers++
	changes++
}

// TryRLock locks m for reading if nobody has locked it, and reports whether it did.
func (m *RWMutex) TryRLock() bool {
	change(&m.locked)
	if m.locked {
		return false
	}
	m.readers++
	changes++
	return true
}

// RUnlock unlocks m for reading.
func (m *RWMutex) RUnlock() {
	change(&m.locked)
	m.readers--
	changes++
}

// Pool is sync's. It keeps nothing.
type Pool struct{ New func() any }

// Get makes a new one.
func (p *Pool) Get() any { return p.New() }

// Put drops it.
func (p *Pool) Put(any) {}
