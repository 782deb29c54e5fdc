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
// end. For one goroutine there is package rc, which is faster.
//
// A [Mutex] or [RWMutex] owns the value that it guards. [Cond], [Semaphore],
// [Barrier] and [Notify] make goroutines wait for each other, [Once], [OnceLock]
// and [LazyLock] compute something once. All of them wait in one way: on a
// channel made when there is need to wait, in the order of arrival, until their
// context ends; so they work in a testing/synctest bubble, where sync.Mutex
// hangs. [Check] finds deadlocks, and orders of locking that can lead to one.
package arcmutex

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
