package arcmutex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
)

// A LazyLock computes a value when it is first asked for it.
//
// If the function panics or exits its goroutine the LazyLock is poisoned for
// good. It must be made by [NewLazyLock] and not be copied after first use. All
// methods are safe for concurrent use; the function's return synchronizes
// before every method that returns the value. Goroutines that wait are durably
// blocked in the sense of [testing/synctest]. A function that asks for the
// value it computes waits for itself.
//
// After std::sync::LazyLock.
type LazyLock[T any] struct {
	once  Once
	f     func() T // nil once it has returned
	value T
}

// NewLazyLock returns a LazyLock that will compute its value with f. It panics
// if f is nil.
func NewLazyLock[T any](f func() T) *LazyLock[T] {
	needFunc("NewLazyLock", f != nil)
	return &LazyLock[T]{f: f}
}

// Get returns the value, which it computes, or waits for, if it must. It
// panics with an error that is [ErrPoisoned] if the function has not
// returned. It is one atomic load once the value is there.
//
//ferrous:blocks
func (l *LazyLock[T]) Get() T { return *l.ptr("LazyLock.Get") }

// Ptr is [LazyLock.Get] that returns a pointer to the value. What is done with
// it by several goroutines is their matter.
//
//ferrous:lends
//ferrous:blocks
func (l *LazyLock[T]) Ptr() *T { return l.ptr("LazyLock.Ptr") }

func (l *LazyLock[T]) ptr(method string) *T {
	if !l.once.done.Load() {
		must(0, l.force(context.Background(), method))
	}
	return &l.value
}

// GetContext is [LazyLock.Get] that waits for another goroutine's computation
// until ctx is done at most. The error wraps [context.Cause], or is
// [ErrPoisoned].
//
//ferrous:blocks
func (l *LazyLock[T]) GetContext(ctx context.Context) (v T, err error) {
	if err := l.force(ctx, "LazyLock.GetContext"); err != nil {
		return v, err
	}
	return l.value, nil
}

// TryGet returns the value, and whether it was computed already. It computes
// nothing.
func (l *LazyLock[T]) TryGet() (v T, ok bool) {
	if l.once.IsDone() {
		return l.value, true
	}
	return v, false
}

// force computes the value unless it is there.
func (l *LazyLock[T]) force(ctx context.Context, method string) error {
	err := l.once.doSlow(ctx, method, l.compute)
	if errors.Is(err, ErrNoInit) {
		panic(methodError(method, ErrNoInit))
	}
	return err
}

// compute runs under the lock of the Once.
func (l *LazyLock[T]) compute() error {
	if l.f == nil {
		return ErrNoInit
	}
	l.value = l.f()
	l.f = nil
	return nil
}

// IsPoisoned reports whether the function has not returned.
func (l *LazyLock[T]) IsPoisoned() bool { return l.once.IsPoisoned() }

// Format prints the value, or <uninit> or <poisoned>, and with %+v and %#v
// that it is a LazyLock's. It computes nothing.
func (l *LazyLock[T]) Format(s fmt.State, verb rune) {
	v, ok := l.TryGet()
	switch {
	case ok:
		show.Value(s, verb, "LazyLock", v, "")
	case l.IsPoisoned():
		show.Text(s, verb, "LazyLock", "<poisoned>", "")
	default:
		show.Text(s, verb, "LazyLock", "<uninit>", "")
	}
}

// LogValue returns what %+v prints.
func (l *LazyLock[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", l)) }
