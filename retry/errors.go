package retry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

var (
	// ErrShutdown is the cause with which a service that stops cancels the contexts
	// of its calls.
	ErrShutdown = errors.New("retry: shutdown")
	// ErrTimeout is the cause with which the context of an attempt ends after
	// [Options.Timeout].
	ErrTimeout = fmt.Errorf("retry: attempt timed out: %w", context.DeadlineExceeded)
)

// Reason says why there is no further attempt.
type Reason uint8

// The reasons, in the order in which they are considered.
const (
	// ReasonCanceled means that the context was canceled.
	ReasonCanceled Reason = iota + 1
	// ReasonDeadline means that the context's deadline passed, or would have passed
	// before the next attempt.
	ReasonDeadline
	// ReasonShutdown means that the context was canceled with [ErrShutdown].
	ReasonShutdown
	// ReasonNotRetryable means that the error was [Permanent], or that
	// [Options.Retryable] returned false for it.
	ReasonNotRetryable
	// ReasonExhausted means that all attempts were made.
	ReasonExhausted
	// ReasonTooLong means that the next attempt would have begun after
	// [Options.MaxElapsed].
	ReasonTooLong
	// ReasonOverBudget means that the [Budget] had no retry left.
	ReasonOverBudget
)

// String returns the reason as messages show it.
func (r Reason) String() string {
	return nameOf("Reason", uint8(r), "none", "canceled", "deadline", "shutdown", "not retryable",
		"attempts exhausted", "maximum time exceeded", "budget exhausted")
}

// GoString returns the same as String.
func (r Reason) GoString() string { return r.String() }

// LogValue returns the same as String.
func (r Reason) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Error says why there is no further attempt. It wraps Last, Earlier and Cause. If the
// context ended, it also matches [context.Canceled] or [context.DeadlineExceeded],
// whatever the cause.
type Error struct {
	Reason Reason
	// Last is the error of the last attempt. Nil if there was no attempt.
	Last error
	// Earlier is set if a [Breaker] refused the last attempt: it is the error of the
	// last attempt that was not refused. Nil if all were refused.
	Earlier error
	// Cause is the cause of the context's end. If the deadline left no time for
	// another attempt, Cause matches [context.DeadlineExceeded], and also the
	// context's cause as soon as the context has ended; it keeps the context until
	// then. Nil unless the reason is [ReasonCanceled], [ReasonDeadline] or
	// [ReasonShutdown].
	Cause error
	// Attempts is how many attempts were made. An attempt that a shutdown
	// interrupted does not count.
	Attempts int
	// Elapsed is the time since the first failure. It is 0 if no delay and no option
	// needed the clock.
	Elapsed time.Duration
}

// Error returns the message.
func (e *Error) Error() string {
	text := fmt.Sprintf("retry: %v after %d attempts in %v", e.Reason, e.Attempts, e.Elapsed)
	if e.Attempts == 1 {
		text = fmt.Sprintf("retry: %v after 1 attempt", e.Reason)
	}
	last := fmt.Sprint(e.Last) // prints a typed nil, its Error method may not
	if cause := fmt.Sprint(e.Cause); e.Cause != nil && (e.Last == nil || !strings.Contains(last, cause)) {
		text += ": " + cause
	}
	if e.Last != nil {
		text += ": " + last
	}
	if e.Earlier != nil {
		text += fmt.Sprintf(": after %v", e.Earlier)
	}
	return text
}

// Unwrap returns Last, Earlier and Cause, as far as there are any, and the error
// of the context that ended.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range [...]error{e.Last, e.Earlier, e.Cause, e.Reason.contextError()} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// LogValue returns the fields.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("reason", e.Reason.String()),
		slog.Int("attempts", e.Attempts),
		slog.Duration("elapsed", e.Elapsed),
		slog.Any("last", e.Last),
		slog.Any("earlier", e.Earlier),
		slog.Any("cause", e.Cause),
	)
}

// contextError returns the error of a context that ended for this reason.
func (r Reason) contextError() error {
	switch r {
	case ReasonCanceled, ReasonShutdown:
		return context.Canceled
	case ReasonDeadline:
		return context.DeadlineExceeded
	case ReasonNotRetryable, ReasonExhausted, ReasonTooLong, ReasonOverBudget:
	}
	return nil
}

// endOf returns the reason and the cause of the end of ctx, which is done.
func endOf(ctx context.Context) (reason Reason, cause error) {
	cause = context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrShutdown):
		reason = ReasonShutdown
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		reason = ReasonDeadline
	default:
		reason = ReasonCanceled
	}
	if !errors.Is(reason.contextError(), ctx.Err()) { // the reason alone would not say it
		cause = ctxerr.Of(ctx)
	}
	return reason, cause
}
