package retry

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
)

// PanicError is a panic of an operation or callback that ran on another goroutine.
// [Detached], [Hedged] and [Queue.Run] panic with it in the caller. It wraps Value if
// that is an error.
type PanicError struct {
	// Value is what the callback panicked with.
	Value any
	// Stack is the stack of the callback's goroutine at the panic, as text.
	Stack string
}

// Error returns the value and the stack, so that a process that the panic ends
// shows where it began.
func (e *PanicError) Error() string {
	return fmt.Sprintf("retry: panic: %v\n\n[stack of the callback]\n%s", e.Value, e.Stack)
}

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// LogValue shows value and stack apart.
func (e *PanicError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", fmt.Sprint(e.Value)), slog.String("stack", e.Stack))
}

// outcome is how a call on another goroutine ended.
type outcome[T any] struct {
	value  T
	err    error
	panic  *PanicError
	exited bool // by runtime.Goexit
}

// succeeded reports whether the call returned a value.
func (o outcome[T]) succeeded() bool { return o.panic == nil && !o.exited && o.err == nil }

// resume returns what the call returned, panics as it did, or exits as it did.
func (o outcome[T]) resume() (T, error) {
	if o.panic != nil {
		panic(o.panic)
	}
	if o.exited {
		runtime.Goexit()
	}
	return o.value, o.err
}

// collect calls op and hands how it ended to done, which is called even when
// op panics or exits its goroutine.
func collect[T any](ctx context.Context, op Op[T], done func(outcome[T])) {
	o := outcome[T]{exited: true}
	defer func() {
		if o.exited {
			if v := recover(); v != nil {
				o.exited = false
				if o.panic, _ = v.(*PanicError); o.panic == nil { // keep the innermost stack
					o.panic = &PanicError{Value: v, Stack: string(debug.Stack())}
				}
			}
		}
		done(o)
	}()
	o.value, o.err = op(ctx)
	o.exited = false
}
