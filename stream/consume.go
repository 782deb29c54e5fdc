package stream

import "context"

// Collect returns all elements. If the stream ends with an error, it returns the elements before
// the error, and the error.
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

// ForEach calls f with each element, up to n calls at once, and waits for all calls. The first error
// ends the stream and cancels the contexts of the other calls. If n is 1, f is called in order on
// the goroutine of the caller. ForEach reads ahead as [MapUnordered] does. It panics if n is not
// positive.
//
//ferrous:blocks
func ForEach[T any](ctx context.Context, s Stream[T], n int, f func(context.Context, T) error) error {
	return forEach(ctx, "ForEach", s, n, defaultAhead(n), f)
}

// ForEachAhead is [ForEach] with at most ahead elements read beyond the n for which f runs, as in
// [MapAhead]. If ahead is 0, an element is read only when f can be called with it at once, as is
// right for a queue of jobs.
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

// Reduce calls f with the result so far, at first init, and each element, and returns the last
// result. An error of f ends the stream. If there is an error, Reduce returns the result before it.
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

// First returns the first element and ends the stream. ok is false if there are no elements.
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

// Any reports whether pred returns true for at least one element. The first such element ends the
// stream.
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

// All reports whether pred returns true for all elements. The first element for which it returns
// false ends the stream. If there is an error, All returns false. (To range over the elements, use
// the method [Stream.All].)
//
//ferrous:blocks
func All[T any](ctx context.Context, s Stream[T], pred func(T) bool) (bool, error) {
	checkContext(ctx, "All")
	checkFunc("All", pred != nil)
	other, err := Any(ctx, s, func(v T) bool { return !pred(v) })
	return !other && err == nil, err
}

// Count returns the number of elements. If there is an error, it returns the number of elements
// before it.
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
