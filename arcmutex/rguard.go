package arcmutex

import "fmt"

// An RGuard is the right to read a value that an [RWMutex] owns, or with [Map]
// a part of it, beside other readers.
//
// It is a small value that may be copied. It, and every copy of it, ends with
// the first Unlock of any, and then panics with an error that is [ErrStale]
// before it touches anything; so does the zero RGuard. An RGuard may be used
// and unlocked by another goroutine than the one that locked, one at a time.
//
// An RGuard that stays in the function that has locked, or goes to functions
// that only use it, does not allocate. One that is returned or stored
// allocates some 24 bytes.
type RGuard[T any] struct{ *grip[T] }

// A grip is what all copies of a guard that does not hold alone have in common.
// It lives on the stack of whoever has locked, if nothing stores the guard:
// the methods that return a new grip are small enough to inline for that.
type grip[T any] struct {
	value *T
	lock  *lock
	key   uint64 // of the share or of the upgradable hold
}

// Unlock ends the guard and all its copies. It is one atomic addition if
// nobody waits, and never blocks.
//
//ferrous:release
func (g *RGuard[T]) Unlock() {
	var l *lock
	k := uint64(0)
	if g.grip != nil {
		l, k = g.lock, g.key
		g.key = over
	}
	l.runlock(k)
}

// Ptr returns a pointer to the value, which must not be changed, nor read
// after Unlock.
//
//ferrous:borrow shared
func (g *RGuard[T]) Ptr() *T { return g.live("RGuard.Ptr").value }

// Get returns the value.
func (g *RGuard[T]) Get() T { return *g.live("RGuard.Get").value }

// live returns what g holds. It panics if g has ended.
func (g *RGuard[T]) live(method string) *grip[T] {
	if g.grip == nil || g.key&readers == 0 {
		g.stale(method)
	}
	return g.grip
}

// Format prints the value, and with %+v and %#v that it is an RGuard's.
func (g *RGuard[T]) Format(s fmt.State, verb rune) { g.format(s, verb, "RGuard", sharing) }

// Map returns a guard of a part of what g guards, which f picks. The part has
// g's place: g and its copies end, and the part's Unlock unlocks the whole. If f
// panics, g stays as it is.
//
//ferrous:takes g
func Map[T, U any](g *RGuard[T], f func(*T) *U) RGuard[U] {
	part := f(g.live("Map").value)
	l, k := g.live("Map").move()
	return RGuard[U]{&grip[U]{part, l, k}}
}

// FilterMap is [Map] for a part that may not be there. If it is not, g stays as
// it is.
//
//ferrous:takes g
func FilterMap[T, U any](g *RGuard[T], f func(*T) (*U, bool)) (RGuard[U], bool) {
	part, ok := f(g.live("FilterMap").value)
	if !ok {
		return RGuard[U]{}, false
	}
	l, k := g.live("FilterMap").move()
	return RGuard[U]{&grip[U]{part, l, k}}, true
}

// move ends a guard whose place another guard takes.
func (g *grip[T]) move() (*lock, uint64) {
	k := g.key
	g.key = moved
	return g.lock, k
}

// stale panics in the name of a method of a guard that has ended.
func (g *grip[T]) stale(method string) {
	k := uint64(0)
	if g != nil {
		k = g.key
	}
	staleGuard(method, k)
}

func (g *grip[T]) format(s fmt.State, verb rune, name string, m mode) {
	if g == nil {
		g = new(grip[T])
	}
	formatGuard(s, verb, name, g.value, g.lock, m, g.key)
}
