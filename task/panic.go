package task

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// PanicError is a panic of a task. Join panics with it, and Result returns it.
type PanicError struct {
	// Value is what the task panicked with.
	Value any
	// Stack is the stack of the task's goroutine at the panic, as text.
	Stack string
}

// Error returns the value and the stack, so that a crash shows where the panic began.
func (e *PanicError) Error() string {
	return fmt.Sprintf("task: panic: %v\n\n[stack of the task]\n%s", e.Value, e.Stack)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// LogValue returns the value and the stack as a group.
func (e *PanicError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", fmt.Sprint(e.Value)), slog.String("stack", e.Stack))
}

// A failure is the error of a task. It must not refer to the task: it is the argument of a
// cleanup that runs when the handle of the task has been collected.
type failure struct {
	err      error
	panicked bool        // err is a *PanicError of the task itself
	seen     atomic.Bool // a caller has joined, or the owner has reported it

	// dropped counts the failures that the owner does not keep and that were not seen, this
	// one among them. It is nil if the owner keeps this one.
	dropped *atomic.Int64
}

// see marks the failure as seen.
func (f *failure) see() {
	if !f.seen.Swap(true) && f.dropped != nil {
		f.dropped.Add(-1)
	}
}

// failureOf returns the failure of a task that did not return. value is the result of recover.
func failureOf(value any) *failure {
	if value == nil {
		return &failure{err: ErrGoexit}
	}
	return &failure{err: &PanicError{Value: value, Stack: string(debug.Stack())}, panicked: true}
}

// takeUnseen returns the panics and the other errors that were not seen, and marks them as
// seen.
func takeUnseen(failures []*failure) (panics, errs []error) {
	for _, f := range failures {
		switch {
		case f.seen.Swap(true):
		case f.panicked:
			panics = append(panics, f.err)
		default:
			errs = append(errs, f.err)
		}
	}
	return panics, errs
}

// resurface panics with the given panics of tasks if there are any.
func resurface(panics []error) {
	switch len(panics) {
	case 0:
	case 1:
		panic(panics[0])
	default:
		panic(errors.Join(panics...))
	}
}

// crashUnjoined arranges that a panic of the task ends the process when the handle is
// collected and the task was not joined.
func (t *taskState) crashUnjoined() {
	if f := t.failure; f != nil && f.panicked {
		runtime.AddCleanup(t, (*failure).crash, f)
	}
}

// crash panics on a new goroutine, where no function can recover, unless f was seen.
func (f *failure) crash() {
	if !f.seen.Swap(true) {
		go panic(f.err)
	}
}
