// Package seq gives Go's iterators what Rust's have, after std::iter.
//
// Everything is a function over [iter.Seq], with the source first, so that a
// pipeline reads from the inside out:
//
//	evens := seq.Filter(slices.Values(numbers), isEven)
//	total := seq.Sum(seq.Map(evens, square))
//
// An adapter (Map, Filter, Zip, …) is lazy: it calls nothing until the sequence
// that it returns is ranged over, and asks its source for no more than it is
// asked for. Ranging over it again starts again, if the source can. A consumer
// (Sum, Find, Fold, …) ranges over its source at once and stops early when it
// can. What may find nothing returns an [option.Option].
//
// No function starts a goroutine. Breaking out of a range at any point, or a
// panic in a callback, ends the source too, so that its deferred functions run.
// A pipeline allocates a fixed number of times, and not at all where the
// compiler can inline it; consumers that build a slice say so. Zip, Cmp,
// PartialCmp, Eq and their like, and [Peekable] need [iter.Pull] for one of
// their sources, which costs some hundred nanoseconds an element; everything
// else costs a call or two.
//
// What slices and maps do already is not here: slices.Values, slices.Collect,
// slices.Sorted, slices.Chunk, maps.Keys and their like. docs/rust-to-go.md has
// the Go form of every method of Rust's Iterator.
//
// A sequence is as safe for concurrent use as its source and its callbacks.
// Counts and steps that make no sense panic with an [ArgumentError], and nil
// sequences and functions with another error, at once and not when the sequence is
// ranged over.
package seq

import "fmt"

// ArgumentError is what the functions of this package panic with when they are
// given a count or a step that makes no sense.
type ArgumentError struct {
	Func string // such as "StepBy"
	Arg  int
	Want string // such as "positive"
}

// Error says which function got what.
func (e *ArgumentError) Error() string {
	return fmt.Sprintf("seq: %s: %d is not %s", e.Func, e.Arg, e.Want)
}

func mustNotBeNegative(f string, n int) {
	if n < 0 {
		panic(&ArgumentError{f, n, "zero or positive"})
	}
}

// A nilError names the function that was given nil, and what is nil.
type nilError struct{ function, what string }

func (e *nilError) Error() string { return "seq: " + e.function + ": nil " + e.what }

// needFunc panics with the name of the function unless what it was given is there.
func needFunc(function string, there bool) {
	if !there {
		panic(&nilError{function, "function"})
	}
}
