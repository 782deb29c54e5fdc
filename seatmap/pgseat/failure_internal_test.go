package pgseat

import (
	"context"
	"errors"
	"io"
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
	} {
		t.Run(c.name, func(t *testing.T) {
			err := failure(t.Context(), c.err, c.committing)
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, err, c.err)
			require.NotEqual(t, errors.Is(err, seatmap.ErrUnavailable), errors.Is(err, seatmap.ErrOutcomeUnknown))
		})
	}
}

func TestAContextThatEndsInCommitLeavesTheOutcomeUnknown(t *testing.T) {
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, committing := range []bool{false, true} {
		err := failure(ctx, io.ErrUnexpectedEOF, committing)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.Equal(t, committing, errors.Is(err, seatmap.ErrOutcomeUnknown))
		require.NotErrorIs(t, err, seatmap.ErrUnavailable)
	}
}
