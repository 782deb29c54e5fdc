// Package ctxerr makes the error of a call that was ended by its context.
package ctxerr

import (
	"context"
	"errors"
)

// Of returns the error of ctx, which is done. Its text is the text of the cause.
// It matches ctx.Err and [context.Cause], with errors.Is and with errors.As.
func Of(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return &ended{err, cause}
}

// Canceled is [Of] for a context that is about to be canceled with the given cause.
func Canceled(cause error) error {
	if errors.Is(cause, context.Canceled) {
		return cause
	}
	return &ended{context.Canceled, cause}
}

// ended is the end of a context whose cause is not its Err.
type ended struct{ err, cause error }

func (e *ended) Error() string   { return e.cause.Error() }
func (e *ended) Unwrap() []error { return []error{e.cause, e.err} }

// Early returns the error of a call that does not wait for the deadline of ctx
// because too little time is left. It matches [context.DeadlineExceeded] at once. The
// cause of a context is not known before the context ends: from then on the error
// matches ctx.Err and [context.Cause], too.
func Early(ctx context.Context) error { return &early{ctx} }

// early is an end of a context that is to come. It keeps the context.
type early struct{ ctx context.Context }

func (e *early) Error() string { return context.DeadlineExceeded.Error() }

func (e *early) Unwrap() []error {
	if e.ctx.Err() == nil {
		return []error{context.DeadlineExceeded}
	}
	return []error{Of(e.ctx), context.DeadlineExceeded}
}
