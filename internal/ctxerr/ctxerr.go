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

// ended is the end of a context whose cause is not its Err.
type ended struct{ err, cause error }

func (e *ended) Error() string   { return e.cause.Error() }
func (e *ended) Unwrap() []error { return []error{e.cause, e.err} }
