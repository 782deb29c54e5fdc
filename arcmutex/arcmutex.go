// Package arcmutex shares values among goroutines.
//
// It follows Rust's std::sync and tokio::sync. An [Arc] is a counted handle to a value that
// several goroutines own; the value's destructor runs when the last owner is
// dropped. A [Weak] refers to it without owning it. A [Count] is the bare
// counter, for code that counts by hand.
//
// In Go the garbage collector frees the memory. What these types give is the
// point in time at which a value is no longer wanted, for values that hold
// more than memory, and handles that say so when they are used after their
// end. An Arc that is never dropped is never destroyed: its destructor does not
// run. Package track finds such handles. For one goroutine there is package rc,
// which is faster.
//
// # Locks
//
// A [Mutex] or [RWMutex] owns the value that it guards. With lends it to a
// function and unlocks whatever happens. Lock returns a [Guard]; after its Unlock
// the guard and all its copies are stale. LockContext gives up when its context
// ends.
//
// If the function passed to With panics or exits its goroutine, it poisons the
// value. A failed result.Check that leaves the function poisons the value, too. A
// function that returns an error to WithErr, WithContext or TryWith does not.
//
// [LockAll] locks several without deadlock, [Cond] waits for a condition, [Once],
// [OnceLock] and [LazyLock] compute once. Semaphores, notifications and barriers are
// in package sema. All of them wait in the order of arrival, can be
// canceled, and are durably blocked inside a testing/synctest bubble, where a
// goroutine that waits for a sync.Mutex is not. What is waited for inside a bubble
// must be given inside it, as with Go's channels. [Check] finds deadlocks.
//
// If the context ends a wait, the error matches both ctx.Err() and
// [context.Cause] with [errors.Is], also if the context has a cause of its own.
//
// Use sync.Mutex for a lock that guards no single value and never waits long.
package arcmutex

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
