// Package seq adds the operations of Rust's iterators to Go's, after std::iter.
//
// Every operation is a function over [iter.Seq] with the source as its first argument,
// so a pipeline reads from the inside out:
//
//	evens := seq.Filter(slices.Values(numbers), isEven)
//	total := seq.Sum(seq.Map(evens, square))
//
// An adapter (Map, Filter, Zip, …) returns a lazy sequence. It calls nothing until that
// sequence is ranged over, and takes only as many elements from its source as it needs.
// Ranging over the sequence again starts again, if the source can. A consumer (Sum,
// Find, Fold, …) ranges over its source at once and stops as early as it can. A
// function that may find nothing returns an [option.Option].
//
// No function starts a goroutine. If a loop is left early or a callback panics, the
// source ends too, so its deferred functions run. A pipeline makes a fixed number of
// allocations, and none if the compiler can inline it. Consumers that build a slice
// also allocate that slice. Zip, Cmp, PartialCmp, Eq and their variants, and
// [Peekable], use [iter.Pull] for one of their sources, which costs hundreds of
// nanoseconds for each element. All other functions cost one or two calls for each
// element.
//
// Package seq has no function that packages slices and maps already have, such as
// slices.Values, slices.Collect, slices.Sorted, slices.Chunk and maps.Keys.
// docs/rust-to-go.md lists the Go form of every method of Rust's Iterator.
//
// A sequence is as safe for concurrent use as its source and its callbacks. A function
// panics when it is called, not when its result is ranged over, if an argument is
// wrong. The panic value is an [ArgumentError] for a count or step out of range, and
// another error for a nil sequence or function.
package seq

import "fmt"

// ArgumentError is the panic value of a function whose count or step is out of range.
type ArgumentError struct {
	Func string // such as "StepBy"
	Arg  int
	Want string // such as "positive"
}

// Error returns the name of the function, the argument and what it must be.
func (e *ArgumentError) Error() string {
	return fmt.Sprintf("seq: %s: %d is not %s", e.Func, e.Arg, e.Want)
}

func mustNotBeNegative(f string, n int) {
	if n < 0 {
		panic(&ArgumentError{f, n, "zero or positive"})
	}
}

// nilError names the function that got a nil argument, and what was nil.
type nilError struct{ function, what string }

func (e *nilError) Error() string { return "seq: " + e.function + ": nil " + e.what }

// needFunc panics with the name of the function, unless the argument is there.
func needFunc(function string, there bool) {
	if !there {
		panic(&nilError{function, "function"})
	}
}
