package arcmutex

import (
	"fmt"
	"runtime"
	"strings"
)

// A PoisonedError describes the function that poisoned a lock. It is [ErrPoisoned].
type PoisonedError struct {
	Lock  string // name of the lock from WithName, or empty
	Value any    // value of the panic, or nil if the function called runtime.Goexit
	Place string // where it panicked or exited: function, file and line
}

// Error returns the lock's name, the value and the place.
func (e *PoisonedError) Error() string {
	name, how := "", "runtime.Goexit"
	if e.Lock != "" {
		name = e.Lock + ": "
	}
	if e.Value != nil {
		how = fmt.Sprintf("panic: %v", e.Value)
	}
	return "arcmutex: " + name + poisonedText + " (" + how + " at " + e.Place + ")"
}

// Unwrap returns [ErrPoisoned]. It does not return Value, even if Value is an error,
// because that error is of an earlier call and not of the call that returned e.
func (e *PoisonedError) Unwrap() error { return ErrPoisoned }

// fail is called when a function under the lock did not return. It poisons the lock and
// ends the exclusive hold. v is the recovered value; if it is not nil, fail panics
// again with it. fail runs in a deferred call, while the frames of the function are
// still on the stack, so the stack trace of a crash shows them.
func (h *hold) fail(v any) {
	h.lock.real().setPoison(v)
	h.finish()
	if v != nil {
		panic(v)
	}
}

// setPoison poisons the lock, which the caller holds exclusively.
func (l *lock) setPoison(v any) {
	i := l.seen("")
	if i.isClean.Load() {
		return
	}
	i.poison.Store(&PoisonedError{Lock: i.ref.Given(), Value: v, Place: unwoundAt()})
	l.state.Or(poisoned)
}

// poison returns the error for a poisoned lock.
func (l *lock) poison() error {
	if i := l.info.Load(); i != nil {
		if e := i.poison.Load(); e != nil {
			return e
		}
	}
	return ErrPoisoned // another goroutine is clearing the poison
}

// clearPoison ends the poison of the lock.
func (l *lock) clearPoison() {
	i := l.info.Load()
	if i == nil {
		return // the lock was never poisoned
	}
	e := i.poison.Load()
	l.state.And(^uint64(poisoned))
	i.poison.CompareAndSwap(e, nil) // fails if another function has poisoned the lock since
}

// neverPoison turns poisoning of the lock off, and clears the poison.
func (l *lock) neverPoison(method string) {
	l.seen(method).isClean.Store(true)
	l.clearPoison()
}

// unwoundAt is called while a function is being unwound, and returns where it panicked
// or exited. Between that frame and the frame of unwoundAt there are only frames of the
// runtime and of this module: deferred functions that panic again, methods that panic,
// and result.Check.
func unwoundAt() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !more || !isOurs(f.Function) {
			return fmt.Sprintf("%s (%s:%d)", f.Function, f.File, f.Line)
		}
	}
}

// isOurs reports whether unwoundAt skips the function.
func isOurs(function string) bool {
	const module = "github.com/coderrange/ferrous/"
	for _, prefix := range []string{"runtime.", module + "arcmutex.", module + "result.", module + "internal/"} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
