package stream

import "context"

// Collect returns all elements, and those before the error if there is one.
//
//ferrous:blocks
func Collect[T any](ctx context.Context, s Stream[T]) ([]T, error) {
	checkContext(ctx, "Collect")
	var vs []T
	err := s.start(ctx, func(v T) bool {
		vs = append(vs, v)
		return true
	})
	return vs, err
}

// ForEach calls f with each element, n at once, and waits for all. The first
// error ends the stream and the context of the others. With an n of 1 it calls f
// on its own goroutine, in order. It reads ahead as [MapUnordered] does. An n that is
// not positive and a nil f panic.
//
//ferrous:blocks
func ForEach[T any](ctx context.Context, s Stream[T], n int, f func(context.Context, T) error) error {
	return forEach(ctx, "ForEach", s, n, defaultAhead(n), f)
}

// ForEachAhead is [ForEach] that reads at most ahead elements beyond the n for which f
// runs, as [MapAhead] does: with an ahead of 0, it takes only what it can begin at once
// from a queue of jobs.
//
//ferrous:blocks
func ForEachAhead[T any](
	ctx context.Context, s Stream[T], n, ahead int, f func(context.Context, T) error,
) error {
	return forEach(ctx, "ForEachAhead", s, n, ahead, f)
}

func forEach[T any](
	ctx context.Context, name string, s Stream[T], n, ahead int, f func(context.Context, T) error,
) error {
	checkContext(ctx, name)
	checkFunc(name, f != nil)
	return mapWith(name, s, n, ahead, false, func(ctx context.Context, v T) (struct{}, error) {
		return struct{}{}, f(ctx, v)
	}).start(ctx, func(struct{}) bool { return true })
}

// Reduce returns what f makes of init and all elements, one after the other. An
// error of f ends the stream. With an error it returns what there was before.
//
//ferrous:blocks
func Reduce[T, A any](ctx context.Context, s Stream[T], init A, f func(A, T) (A, error)) (A, error) {
	checkContext(ctx, "Reduce")
	checkFunc("Reduce", f != nil)
	acc := init
	var failure error
	err := s.start(ctx, func(v T) bool {
		next, err := f(acc, v)
		if err != nil {
			failure = withCause(ctx, err)
			return false
		}
		acc = next
		return true
	})
	if failure != nil {
		return acc, failure
	}
	return acc, err
}

// First returns the first element, and whether there is one. The stream is left then.
//
//ferrous:blocks
func First[T any](ctx context.Context, s Stream[T]) (v T, ok bool, err error) {
	checkContext(ctx, "First")
	err = s.start(ctx, func(first T) bool {
		v, ok = first, true
		return false
	})
	return v, ok, err
}

// Any reports whether pred returns true for an element. The stream is left at the
// first one. A nil pred panics.
//
//ferrous:blocks
func Any[T any](ctx context.Context, s Stream[T], pred func(T) bool) (bool, error) {
	checkContext(ctx, "Any")
	checkFunc("Any", pred != nil)
	found := false
	err := s.start(ctx, func(v T) bool {
		found = pred(v)
		return !found
	})
	return found, err
}

// All reports whether pred returns true for all elements. The stream is left at the
// first one for which it does not. With an error it returns false. A nil pred panics.
// (To range over the elements, see [Stream.All].)
//
//ferrous:blocks
func All[T any](ctx context.Context, s Stream[T], pred func(T) bool) (bool, error) {
	checkContext(ctx, "All")
	checkFunc("All", pred != nil)
	other, err := Any(ctx, s, func(v T) bool { return !pred(v) })
	return !other && err == nil, err
}

// Count returns how many elements there are, and with an error, how many there were
// before.
//
//ferrous:blocks
func Count[T any](ctx context.Context, s Stream[T]) (int, error) {
	checkContext(ctx, "Count")
	n := 0
	err := s.start(ctx, func(T) bool {
		n++
		return true
	})
	return n, err
}
