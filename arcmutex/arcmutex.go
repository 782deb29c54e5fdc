// Package arcmutex shares values among goroutines.
//
// It follows Rust's std::sync. An [Arc] is a counted handle to a value that
// several goroutines own; the value's destructor runs when the last owner is
// dropped. A [Weak] refers to it without owning it. A [Count] is the bare
// counter, for code that counts by hand.
//
// In Go the garbage collector frees the memory. What these types give is the
// point in time at which a value is no longer wanted, for values that hold
// more than memory, and handles that say so when they are used after their
// end. For one goroutine there is package rc, which is faster.
package arcmutex

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
