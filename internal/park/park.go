// Package park implements waiting for the blocking types of this module.
//
// A type takes what is available at once by an atomic operation on its own state, and does
// not use this package for that. To wait, it uses one of these:
//
//   - A [List] is a list of waiters, each with its own channel. The owner of the list
//     decides in which order they are woken. A lock hands itself to the waiter at the
//     front; a small channel hands a value to it.
//   - A [Queue] is a List with the mutex that guards it.
//   - A [Gate] is an event that wakes all goroutines that wait. Without waiters it costs
//     one atomic load.
//   - A [Relay] is a Gate whose Open takes the same time for any number of waiters.
//
// Waiting in a Queue, and canceling the wait:
//
//	waiter                                  goroutine that grants
//	------                                  ---------------------
//	lock queue; PushBack(w); unlock
//	receive from w.ready, or ctx is done    lock queue; Remove(w)
//	                                        send to w.ready; unlock
//	if ctx is done:
//	  lock queue
//	  w in the queue?  yes: Remove(w); the wait is canceled
//	                   no:  it was granted before; use the grant
//	  unlock
//
// Being in the queue decides under the queue's lock whether w was granted or canceled, so
// no grant is lost.
//
// All waiters receive from channels that were made when the wait began, or kept from an
// earlier wait. So a goroutine that waits is durably blocked inside a testing/synctest
// bubble. It would not be in sync.Mutex.Lock.
package park
