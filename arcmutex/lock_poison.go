package arcmutex

import (
	"fmt"
	"runtime"
	"strings"
)

// A PoisonedError says which function has poisoned a lock. It is [ErrPoisoned].
type PoisonedError struct {
	Lock  string // the name that WithName has given the lock, or empty
	Value any    // what the function panicked with, or nil if it exited its goroutine
	Place string // where it panicked or exited: the function, its file and line
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

// Unwrap returns [ErrPoisoned], and not the value: the error of a function that
// has failed earlier must not pass for the error of this call.
func (e *PoisonedError) Unwrap() error { return ErrPoisoned }

// fail ends the exclusive hold of a function that has not returned, poisons the
// lock, and goes on with the panic, if v is not nil. It is called with what the
// deferred function has recovered, while the stack of f is still there: for that
// reason a crash shows it, too.
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

// poison returns the error of a poisoned lock.
func (l *lock) poison() error {
	if i := l.info.Load(); i != nil {
		if e := i.poison.Load(); e != nil {
			return e
		}
	}
	return ErrPoisoned // another goroutine is just clearing it
}

func (l *lock) clearPoison() {
	i := l.info.Load()
	if i == nil {
		return // it has never been poisoned
	}
	e := i.poison.Load()
	l.state.And(^uint64(poisoned))
	i.poison.CompareAndSwap(e, nil) // unless another function has poisoned it since
}

// neverPoison makes the lock one that is never poisoned.
func (l *lock) neverPoison(method string) {
	l.seen(method).isClean.Store(true)
	l.clearPoison()
}

// unwoundAt returns where the function panicked, or exited its goroutine, that is
// just being unwound. Between there and here, the stack has frames of the runtime
// and of this module only: those of deferred functions that go on with the panic, of
// methods that panic, and of result.Check.
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

func isOurs(function string) bool {
	const module = "github.com/coderrange/ferrous/"
	for _, prefix := range []string{"runtime.", module + "arcmutex.", module + "result.", module + "internal/"} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
