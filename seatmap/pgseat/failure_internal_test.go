package pgseat

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

func TestOnlyAnAnswerToCommitTellsItsOutcome(t *testing.T) {
	answer := func(severity string) error { return &pgconn.PgError{SeverityUnlocalized: severity, Code: "57P01"} }
	for _, c := range []struct {
		name       string
		err        error
		committing bool
		want       error
	}{
		{"cut before commit", io.ErrUnexpectedEOF, false, seatmap.ErrUnavailable},
		{"shutdown before commit", answer("FATAL"), false, seatmap.ErrUnavailable},
		{"cut in commit", io.ErrUnexpectedEOF, true, seatmap.ErrOutcomeUnknown},
		{"shutdown in commit", answer("FATAL"), true, seatmap.ErrOutcomeUnknown},
		{"panic in commit", answer("PANIC"), true, seatmap.ErrOutcomeUnknown},
		{"old server in commit", answer(""), true, seatmap.ErrOutcomeUnknown},
		{"commit refused", answer("ERROR"), true, seatmap.ErrUnavailable},
		{"commit rolls back", pgx.ErrTxCommitRollback, true, seatmap.ErrUnavailable},
		{"timeout of the store", context.DeadlineExceeded, true, seatmap.ErrOutcomeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := failure(c.err, c.committing)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.err.Error())
			require.NotEqual(t, errors.Is(err, seatmap.ErrUnavailable), errors.Is(err, seatmap.ErrOutcomeUnknown))
			require.NotErrorIs(t, err, context.DeadlineExceeded, "it is not the caller's")
		})
	}
}

func TestEveryMigrationIsCounted(t *testing.T) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	require.NoError(t, err)
	require.Len(t, files, version)
}
