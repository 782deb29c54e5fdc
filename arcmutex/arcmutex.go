// Package arcmutex shares values among goroutines: counted handles, locks that own the
// value they guard, and values that are computed once.
//
// It follows Rust's std::sync and tokio::sync. A lock and its value are one object, so
// the value cannot be used without the lock:
//
//	stock := arcmutex.NewMutex(map[string]int{"apple": 3})
//
//	stock.With(func(m *map[string]int) { (*m)["apple"]-- })
//
//	g := stock.Lock()
//	g.Get()["pear"] = 5
//	g.Unlock()
//
// # Which type do I want?
//
//   - one goroutine at a time uses a value: [Mutex]
//   - many readers or one writer: [RWMutex]; a reader that may write later: [RWMutex.ULock]
//   - several locks at once: [LockAll]
//   - wait until a locked value changes: [Cond]
//   - compute a value on first use: [LazyLock]
//   - set a value once, from one of several places: [OnceLock]
//   - run a function once: [Once]
//   - clean up when the last of several owners is done: [Arc]
//   - several owners of a value that changes: Arc[Mutex[T]], made with
//     NewArc(Mutex[T]{}) or, with a first value, as Arc[*Mutex[T]]
//   - refer to such a value without owning it: [Weak]; a value that refers to itself or to
//     its owner: [NewArcCyclic]
//   - count owners by hand: [Count]
//   - find deadlocks: [Check]
//
// Semaphores, notifications and barriers are in package sema. For handles within one
// goroutine, package rc is faster than Arc. For a lock that guards no single value and
// never waits long, use [sync.Mutex].
//
// # Handles
//
// An [Arc] is a counted handle to a value with several owners. The destructor of the
// value runs when the last owner is dropped. A [Weak] refers to the value without
// owning it. The garbage collector frees the memory. These types determine when a value
// that holds more than memory is no longer used, and detect use of a handle after its
// end. An Arc that is never dropped is never destroyed: its destructor does not run.
// Package track finds such handles.
//
// # Locks
//
// With calls a function with the value of a lock and unlocks in any case. Lock returns a
// [Guard]. After Unlock, the methods of the guard and of all its copies panic. A panic
// while a guard is held does not poison the lock. LockContext stops waiting when its
// context is done, and fails at once if it was done before.
//
// If the function passed to With panics or exits its goroutine, it poisons the lock. A
// failed result.Check that leaves the function poisons the lock, too. A function that
// returns an error to WithErr, WithContext or TryWith does not.
//
// # Guards that travel
//
// A guard may be returned by the function that locked, stored in a struct, and sent on a
// channel. go vet accepts this, and any goroutine may unlock the guard:
//
//	func (s *Store) Index() arcmutex.RGuard[Index] { return s.index.RLock() }
//
// All copies of a guard end together. One goroutine at a time may use them. An [RGuard]
// or [UGuard] that travels allocates 24 bytes, a [Guard] nothing. If the deadlock
// checker, [Check], is on and a guard goes to another goroutine, call [Guard.Disown] before and [Guard.Adopt] there.
//
// # Waiting
//
// Waiters of these types and of package sema are woken in the order of their arrival.
// The methods with a context can be canceled. If the context is done before the call, they
// fail, even if they need not wait: also [LazyLock.GetContext] of a value that is there.
// Only [Cond.WaitWhileContext] first looks whether there is anything to wait for. If the
// context ends a wait, the error matches both ctx.Err() and [context.Cause] with
// [errors.Is], also if the context has a cause of its own.
//
// A goroutine that waits is durably blocked inside a testing/synctest bubble, where a
// goroutine that waits for a sync.Mutex is not. A goroutine that waits inside a bubble
// must be woken from inside the bubble, as with Go's channels.
package arcmutex

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
