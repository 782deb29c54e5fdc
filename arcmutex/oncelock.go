package arcmutex

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/park"
	"github.com/coderrange/ferrous/internal/show"
)

// A OnceLock has a value that is set once, by the first caller. If one function always
// computes the value, use a [LazyLock].
//
// The zero value is not set, and ready. A OnceLock must not be copied after first use.
// All methods are safe for concurrent use. Setting the value synchronizes before the
// return of every method that returns the value. Goroutines that wait are durably
// blocked in the sense of [testing/synctest].
//
// After std::sync::OnceLock, with the cancellation of tokio's OnceCell.
type OnceLock[T any] struct {
	_     noCopy
	value atomic.Pointer[T] // nil if not set
	lock  lock              // held while the value is computed; never poisoned
	queue park.Queue[struct{}]
}

// OnceLockFrom returns a OnceLock whose value is set to v.
func OnceLockFrom[T any](v T) *OnceLock[T] {
	o := new(OnceLock[T])
	o.value.Store(&v)
	return o
}

// Get returns the value, and whether it is set. It does not wait, and is one atomic
// load.
func (o *OnceLock[T]) Get() (v T, ok bool) {
	if p := o.value.Load(); p != nil {
		return *p, true
	}
	return v, false
}

// Ptr returns a pointer to the value, and whether it is set. Synchronizing
// access to the value through the pointer is up to the caller.
//
//ferrous:lends
func (o *OnceLock[T]) Ptr() (v *T, ok bool) {
	v = o.value.Load()
	return v, v != nil
}

// Set sets the value if it is not set, and reports whether it did. If another goroutine
// is computing a value, Set waits for it first.
//
//ferrous:blocks
func (o *OnceLock[T]) Set(v T) bool {
	_, ok := o.TryInsert(v)
	return ok
}

// TryInsert is like [OnceLock.Set], but also returns the value that is set when it
// returns: v if ok is true, or else the value that was set before. Like Set, it waits for
// a function that computes the value.
//
//ferrous:blocks
func (o *OnceLock[T]) TryInsert(v T) (current T, ok bool) {
	p, _ := o.fill(context.Background(), "OnceLock.TryInsert", func() (*T, error) {
		ok = true
		return &v, nil
	})
	return *p, ok
}

// GetOrInit returns the value. If the value is not set, GetOrInit calls f and sets the
// value to the result. If another goroutine is computing a value, GetOrInit waits for
// it first. If f panics or calls [runtime.Goexit], the value stays unset and the next
// call may set it. f must not call a method that waits of the same OnceLock: it would
// deadlock. If the value is set, GetOrInit is one atomic load.
//
//ferrous:blocks
func (o *OnceLock[T]) GetOrInit(f func() T) T {
	if p := o.value.Load(); p != nil {
		return *p
	}
	return o.initialize(f)
}

func (o *OnceLock[T]) initialize(f func() T) T {
	const method = "OnceLock.GetOrInit"
	needFunc(method, f != nil)
	p, _ := o.fill(context.Background(), method, func() (*T, error) {
		v := f()
		return &v, nil
	})
	return *p
}

// GetOrTryInit is [OnceLock.GetOrInit] for a function that can fail. If f returns an
// error, GetOrTryInit returns that error and the value stays unset.
//
//ferrous:blocks
func (o *OnceLock[T]) GetOrTryInit(f func() (T, error)) (T, error) {
	return o.getOrTryInit(context.Background(), "OnceLock.GetOrTryInit", f)
}

// GetOrTryInitContext is like [OnceLock.GetOrTryInit], but stops waiting for the function of
// another goroutine when ctx is done. Then the error matches [context.Cause]. ctx does
// not interrupt f.
//
//ferrous:blocks
func (o *OnceLock[T]) GetOrTryInitContext(ctx context.Context, f func() (T, error)) (T, error) {
	return o.getOrTryInit(ctx, "OnceLock.GetOrTryInitContext", f)
}

func (o *OnceLock[T]) getOrTryInit(ctx context.Context, method string, f func() (T, error)) (v T, err error) {
	needFunc(method, f != nil)
	p, err := o.fill(ctx, method, func() (*T, error) {
		v, err := f()
		return &v, err
	})
	if err != nil {
		return v, err
	}
	return *p, nil
}

// fill returns a pointer to the value. If the value is not set, fill computes and sets
// it first.
func (o *OnceLock[T]) fill(ctx context.Context, method string, f func() (*T, error)) (*T, error) {
	if isDone(ctx, method) {
		return nil, interrupted(ctx, method)
	}
	if p := o.value.Load(); p != nil {
		return p, nil
	}
	h, err := o.lock.acquire(ctx, exclusive, method)
	if err != nil {
		return nil, err
	}
	defer h.finish() // also if f panics; the lock is never poisoned
	if p := o.value.Load(); p != nil {
		return p, nil
	}
	p, err := f()
	if err != nil {
		return nil, err
	}
	o.queue.Lock()
	defer o.queue.Unlock()
	o.value.Store(p)
	o.queue.GrantAll()
	return p, nil
}

// Wait waits until the value is set, and returns it.
//
//ferrous:blocks
func (o *OnceLock[T]) Wait() T {
	v, _ := o.WaitContext(context.Background())
	return v
}

// WaitContext is like [OnceLock.Wait], but stops waiting when ctx is done. Then the error
// matches [context.Cause].
//
//ferrous:blocks
func (o *OnceLock[T]) WaitContext(ctx context.Context) (v T, err error) {
	const method = "OnceLock.WaitContext"
	for !isDone(ctx, method) {
		o.queue.Lock()
		if p := o.value.Load(); p != nil {
			o.queue.Unlock()
			return *p, nil
		}
		o.queue.Join(ctx, struct{}{})
	}
	return v, interrupted(ctx, method)
}

// Take removes the value and returns it, and reports whether it was set. After that a
// value can be set again. It does not wait.
func (o *OnceLock[T]) Take() (v T, ok bool) {
	if p := o.value.Swap(nil); p != nil {
		return *p, true
	}
	return v, false
}

// Format prints the value, or <unset>. %+v and %#v also print the type, OnceLock.
func (o *OnceLock[T]) Format(s fmt.State, verb rune) {
	if p := o.value.Load(); p != nil {
		show.Value(s, verb, "OnceLock", p, "")
		return
	}
	show.Text(s, verb, "OnceLock", "<unset>", "")
}

// LogValue returns what %+v prints.
func (o *OnceLock[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", o)) }
