// Package park is the way in which the blocking types of this module wait.
//
// What can be had at once is taken by a compare-and-swap on a word of the
// type's own, and nobody comes here. A [List] is a line of waiters, each with a
// channel of its own, served in the order that its owner decides and able to give
// up: a lock hands itself, a small channel hands a value, to the waiter at the
// front. A [Queue] is a List with the lock that guards it. A [Gate] is an event
// that any number of goroutines await at once and that costs nothing while
// nobody does. A [Relay] is a Gate for writers that must not pay for each waiter.
//
// All wait on channels made at wait time, or kept from an earlier wait, so that
// whoever waits is durably blocked inside a testing/synctest bubble, as it would
// not be in sync.Mutex.Lock.
//
// A waiter whose context ends looks, under the list's lock, whether it is still
// in the list. If it is, it leaves, and its owner serves the next; if it is not,
// it has been granted its wish, and takes it: so that no grant is lost.
package park
