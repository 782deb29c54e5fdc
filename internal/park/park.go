// Package park holds the two ways in which this library's types wait.
//
// A [List] is a queue of waiters, each with a channel of its own, served in
// arrival order and able to give up: a lock hands itself, a small channel
// hands a value, to the waiter at the front. A [Gate] is an event that any
// number of goroutines await at once and that costs nothing while nobody does.
//
// Both wait on channels made at wait time, so that whoever waits is durably
// blocked inside a testing/synctest bubble.
package park
