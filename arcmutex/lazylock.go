package arcmutex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
)

// A LazyLock computes its value with a function when the value is first used.
//
// If the function panics or calls [runtime.Goexit], the LazyLock is poisoned
// permanently. A LazyLock must be made by [NewLazyLock] and must not be copied after
// first use. All methods are safe for concurrent use. The return of the function
// synchronizes before the return of every method that returns the value. Goroutines
// that wait are durably blocked in the sense of [testing/synctest]. The function must
// not use the value of the same LazyLock: it would deadlock.
//
// After std::sync::LazyLock.
type LazyLock[T any] struct {
	once  Once
	f     func() T // nil after it has returned
	value T
}

// NewLazyLock returns a LazyLock that computes its value with f. It panics if f is
// nil.
func NewLazyLock[T any](f func() T) *LazyLock[T] {
	needFunc("NewLazyLock", f != nil)
	return &LazyLock[T]{f: f}
}

// Get returns the value. On first use it computes the value; if another goroutine is
// computing it, Get waits. It panics with an error that is [ErrPoisoned] if the
// function did not return, or [ErrNoInit] if l is the zero value. When the value is
// computed, Get is one atomic load.
//
//ferrous:blocks
func (l *LazyLock[T]) Get() T { return *l.ptr("LazyLock.Get") }

// Ptr is like [LazyLock.Get], but returns a pointer to the value. Synchronizing access to
// the value through the pointer is up to the caller.
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

// GetContext is like [LazyLock.Get], but stops waiting for the function of another goroutine
// when ctx is done. The error matches [context.Cause], or is [ErrPoisoned]. ctx does not
// interrupt the function. It panics with an error that is [ErrNoInit] if l is the zero
// value.
//
//ferrous:blocks
func (l *LazyLock[T]) GetContext(ctx context.Context) (v T, err error) {
	if err := l.force(ctx, "LazyLock.GetContext"); err != nil {
		return v, err
	}
	return l.value, nil
}

// TryGet returns the value, and whether it has been computed. It does not compute the
// value and does not wait.
func (l *LazyLock[T]) TryGet() (v T, ok bool) {
	if l.once.IsDone() {
		return l.value, true
	}
	return v, false
}

// force computes the value if it has not been computed.
func (l *LazyLock[T]) force(ctx context.Context, method string) error {
	err := l.once.doSlow(ctx, method, l.compute)
	if errors.Is(err, ErrNoInit) {
		panic(methodError(method, ErrNoInit))
	}
	return err
}

// compute is the function of the Once: it computes the value.
func (l *LazyLock[T]) compute() error {
	if l.f == nil {
		return ErrNoInit
	}
	l.value = l.f()
	l.f = nil
	return nil
}

// IsPoisoned reports whether l is poisoned: the function panicked or called
// [runtime.Goexit].
func (l *LazyLock[T]) IsPoisoned() bool { return l.once.IsPoisoned() }

// Format prints the value, or <uninit> or <poisoned>. %+v and %#v also print the type,
// LazyLock. It does not compute the value.
func (l *LazyLock[T]) Format(s fmt.State, verb rune) {
	switch {
	case l.once.IsDone():
		show.Value(s, verb, "LazyLock", &l.value, "")
	case l.IsPoisoned():
		show.Text(s, verb, "LazyLock", "<poisoned>", "")
	default:
		show.Text(s, verb, "LazyLock", "<uninit>", "")
	}
}

// LogValue returns what %+v prints.
func (l *LazyLock[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", l)) }
