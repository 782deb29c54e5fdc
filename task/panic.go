package task

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// PanicError is a panic of a task, as joiners get it.
type PanicError struct {
	// Value is what the task panicked with.
	Value any
	// Stack is the stack of the task's goroutine at the panic, as text.
	Stack string
}

// Error returns the value and the stack, so that a process that the panic ends
// shows where it began.
func (e *PanicError) Error() string {
	return fmt.Sprintf("task: panic: %v\n\n[stack of the task]\n%s", e.Value, e.Stack)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// LogValue shows value and stack apart.
func (e *PanicError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", fmt.Sprint(e.Value)), slog.String("stack", e.Stack))
}

// A failure is how a task ended that did not succeed. It holds nothing of the
// task's own, so that it can wait for the task's handle to be collected.
type failure struct {
	err      error
	panicked bool        // err is a *PanicError of the task itself
	seen     atomic.Bool // somebody joined

	// The owner's number of those that it does not keep and nobody has seen, with
	// this one in it, or nil.
	dropped *atomic.Int64
}

// see notes that somebody joined.
func (f *failure) see() {
	if !f.seen.Swap(true) && f.dropped != nil {
		f.dropped.Add(-1)
	}
}

// failureOf returns the failure of a task that did not return; value is what
// recover gave in its deferred function.
func failureOf(value any) *failure {
	if value == nil {
		return &failure{err: ErrGoexit}
	}
	return &failure{err: &PanicError{Value: value, Stack: string(debug.Stack())}, panicked: true}
}

// takeUnseen returns the panics, and the other errors, that nobody has seen, and
// marks them as seen.
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

// resurface panics with the given panics of tasks, if there are any.
func resurface(panics []error) {
	switch len(panics) {
	case 0:
	case 1:
		panic(panics[0])
	default:
		panic(errors.Join(panics...))
	}
}

// crashUnjoined ends the process if the task panicked and can no longer be
// joined because its handle was collected.
func (t *taskState) crashUnjoined() {
	if f := t.failure; f != nil && f.panicked {
		runtime.AddCleanup(t, (*failure).crash, f)
	}
}

// crash panics where nobody can recover, unless somebody joined.
func (f *failure) crash() {
	if !f.seen.Swap(true) {
		go panic(f.err)
	}
}
