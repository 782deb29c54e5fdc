package pgseat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/coderrange/ferrous/seatmap"
)

// failure says what the error of a transaction means for its caller. committing says that
// COMMIT was sent.
//
// A transaction whose COMMIT was not sent is rolled back, at the latest when its connection
// ends. So nothing has changed, whatever the error is.
//
// If COMMIT was sent, only two answers say that nothing has changed: an ERROR, and the
// command tag ROLLBACK. A FATAL can come after the commit is on disk.
func failure(err error, committing bool) error {
	kind := seatmap.ErrUnavailable
	if committing && !rolledBack(err) {
		kind = seatmap.ErrOutcomeUnknown
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok && slices.Contains(foreign, answer.Code) {
		return fmt.Errorf("%w: %w: %w", kind, ErrSchema, err)
	}
	// The error may be that of a context of the store, which the caller does not know.
	if errors.Is(err, ErrSchema) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return fmt.Errorf("%w: %v", kind, err) //nolint:errorlint // see above
}

// foreign are the codes of errors by tables that are not as this package has made them:
// no such schema, table, column or type, or a value that does not fit.
var foreign = []string{"3F000", "42P01", "42703", "42704", "42804", "42883"}

// rolledBack reports whether the error of a transaction whose COMMIT was sent proves that it
// changed nothing.
func rolledBack(err error) bool {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		// SeverityUnlocalized is not translated; servers before 9.6 do not send it.
		return answer.SeverityUnlocalized == "ERROR"
	}
	return errors.Is(err, pgx.ErrTxCommitRollback) || pgconn.SafeToRetry(err)
}
