// Package option_test takes option through real encoders and a real database.
package option_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver

	"github.com/coderrange/ferrous/option"
)

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

type row struct {
	ID     int64
	Name   option.Option[string]
	Age    option.Option[int]
	Score  option.Option[float64]
	Paid   option.Option[bool]
	Photo  option.Option[[]byte]
	Joined option.Option[time.Time]
	Level  option.Option[level]
}

type level uint8

func TestSQLiteRoundTrip(t *testing.T) {
	db := open(t)
	_, err := db.ExecContext(t.Context(), `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INTEGER,
		score REAL, paid BOOLEAN, photo BLOB, joined TIMESTAMP, level INTEGER)`)
	require.NoError(t, err)

	rows := []row{
		{ID: 1},
		{
			ID: 2, Name: option.Some(""), Age: option.Some(0), Score: option.Some(0.0),
			Paid: option.Some(false), Photo: option.Some([]byte{0}), Level: option.Some[level](0),
		},
		{
			ID: 3, Name: option.Some("Ada"), Age: option.Some(36), Score: option.Some(1.5), Paid: option.Some(true),
			Photo:  option.Some([]byte{1, 0, 2}),
			Joined: option.Some(time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)), Level: option.Some[level](255),
		},
	}
	for _, r := range rows {
		_, err := db.ExecContext(t.Context(), `INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ID, r.Name, r.Age, r.Score, r.Paid, r.Photo, r.Joined, r.Level)
		require.NoError(t, err)
	}
	for _, want := range rows {
		var got row
		err := db.QueryRowContext(t.Context(), `SELECT * FROM users WHERE id = ?`, want.ID).Scan(
			&got.ID, &got.Name, &got.Age, &got.Score, &got.Paid, &got.Photo, &got.Joined, &got.Level)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}

	var nulls int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM users WHERE age IS NULL`).Scan(&nulls))
	assert.Equal(t, 1, nulls, "Some(0) is no NULL")
}

func TestSQLiteBadColumnChangesNothing(t *testing.T) {
	db := open(t)
	age := option.Some(1)
	err := db.QueryRowContext(t.Context(), `SELECT 'x'`).Scan(&age)
	require.ErrorContains(t, err, `sql: Scan error on column index 0, name "'x'"`)
	assert.Equal(t, option.Some(1), age)

	small := option.Some[level](1)
	require.Error(t, db.QueryRowContext(t.Context(), `SELECT 256`).Scan(&small))
	assert.Equal(t, option.Some[level](1), small)

	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT NULL`).Scan(&age))
	assert.True(t, age.IsNone())
}
