package stream

import "context"

// Collect returns all elements, and those before the error if there is one.
//
//ferrous:blocks
func Collect[T any](ctx context.Context, s Stream[T]) ([]T, error) {
	var vs []T
	err := s.start(ctx, func(v T) bool {
		vs = append(vs, v)
		return true
	})
	return vs, err
}

// ForEach calls f with each element, n at once, and waits for all. The first
// error ends the stream and the context of the others. With an n of 1 it calls f
// on its own goroutine, in order. An n that is not positive panics.
//
//ferrous:blocks
func ForEach[T any](ctx context.Context, s Stream[T], n int, f func(context.Context, T) error) error {
	given("ForEach", f != nil)
	positive("ForEach", n)
	return MapUnordered(s, n, func(ctx context.Context, v T) (struct{}, error) {
		return struct{}{}, f(ctx, v)
	}).start(ctx, func(struct{}) bool { return true })
}

// Reduce returns what f makes of init and all elements, one after the other. An
// error of f ends the stream. With an error it returns what there was before.
//
//ferrous:blocks
func Reduce[T, A any](ctx context.Context, s Stream[T], init A, f func(A, T) (A, error)) (A, error) {
	given("Reduce", f != nil)
	acc := init
	var failure error
	err := s.start(ctx, func(v T) bool {
		next, err := f(acc, v)
		if err != nil {
			failure = caused(ctx, err)
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
