package pgseat

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/coderrange/ferrous/seatmap"
)

// failure says what the error of a transaction means for its caller. committing says that
// the error is that of COMMIT.
//
// A transaction whose COMMIT was not sent is rolled back, at the latest when its connection
// ends. So nothing has changed, whatever the error is.
//
// If COMMIT was sent, only two answers say that nothing has changed: an ERROR, and the
// command tag ROLLBACK. A FATAL can come after the commit is on disk.
func failure(ctx context.Context, err error, committing bool) error {
	kind := seatmap.ErrUnavailable
	if committing && !rolledBack(err) {
		kind = seatmap.ErrOutcomeUnknown
	}
	switch {
	case ctx.Err() == nil:
		return fmt.Errorf("%w: %w", kind, err)
	case errors.Is(kind, seatmap.ErrOutcomeUnknown):
		return fmt.Errorf("%w: %w: %w", kind, ctx.Err(), context.Cause(ctx))
	}
	return fmt.Errorf("pgseat: %w: %w", ctx.Err(), context.Cause(ctx))
}

// rolledBack reports whether the error of a COMMIT proves that it changed nothing.
func rolledBack(err error) bool {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		// SeverityUnlocalized is not translated; servers before 9.6 do not send it.
		return answer.SeverityUnlocalized == "ERROR"
	}
	return errors.Is(err, pgx.ErrTxCommitRollback) || pgconn.SafeToRetry(err)
}
