package pgseat

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/seatmap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryMigrationIsCounted(t *testing.T) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	require.NoError(t, err)
	require.Len(t, files, version)
}

func TestManyClientsMigrateAtOnce(t *testing.T) {
	s := startServer(t)
	const clients = 8
	errs := make(chan error, clients)
	for range clients {
		c := s.connect(t)
		go func() { errs <- migrate(t.Context(), c) }()
	}
	for range clients {
		require.NoError(t, <-errs)
	}
	var rows, got int
	require.NoError(t, s.connect(t).QueryRow(t.Context(), "select count(*), max(version) from pgseat.version").Scan(&rows, &got))
	require.Equal(t, 1, rows)
	require.Equal(t, version, got)
}

func TestANewerSchemaIsNamedAndLeftAlone(t *testing.T) {
	c := startServer(t).connect(t)
	require.NoError(t, migrate(t.Context(), c))
	_, err := c.Exec(t.Context(), "update pgseat.version set version = 1000")
	require.NoError(t, err)
	require.ErrorIs(t, migrate(t.Context(), c), ErrSchema)
	var got int
	require.NoError(t, c.QueryRow(t.Context(), "select version from pgseat.version").Scan(&got))
	require.Equal(t, 1000, got)
}

func TestWhatWasCommittedSurvivesAKill(t *testing.T) {
	s := startServer(t)
	c := s.connect(t)
	require.NoError(t, migrate(t.Context(), c))
	const insert = "insert into pgseat.name values ($1, 7, 9)"
	_, err := c.Exec(t.Context(), insert, []byte("committed"))
	require.NoError(t, err)
	tx, err := c.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), insert, []byte("open"))
	require.NoError(t, err)

	s.kill(t)
	s.start(t)

	// Whether COMMIT left the client before it saw the end of the connection is left open.
	err = tx.Commit(t.Context())
	require.Error(t, err)
	err = failure(t.Context(), err, true)
	require.True(t, errors.Is(err, seatmap.ErrOutcomeUnknown) || errors.Is(err, seatmap.ErrUnavailable), err)
	var name []byte
	require.NoError(t, s.connect(t).QueryRow(t.Context(), "select name from pgseat.name").Scan(&name))
	require.Equal(t, "committed", string(name))
}
