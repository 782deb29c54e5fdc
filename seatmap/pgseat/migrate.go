package pgseat

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrSchema is the error if the tables in the database are not those of this package, or of
// a newer version than it knows. It comes with [seatmap.ErrUnavailable].
var ErrSchema = errors.New("pgseat: schema is of another version")

//go:embed migrations/*.sql
var migrations embed.FS

// version is the number of the last file in migrations.
const version = 1

// migrationLock is the advisory lock that is held while the tables change.
const migrationLock int64 = 0x7067_7365_6174

// migrate brings the tables to the version of this package. Several clients may do it at
// the same time: one does it and the others wait. It uses one transaction and no state of
// the session, so it works through PgBouncer.
func migrate(ctx context.Context, conn *pgx.Conn) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if err := migrateIn(ctx, tx); err != nil {
		// The transaction ends with its connection if it cannot be rolled back.
		_ = tx.Rollback(context.WithoutCancel(ctx))
		return err
	}
	return tx.Commit(ctx)
}

func migrateIn(ctx context.Context, tx pgx.Tx) error {
	run := func(sql string) error {
		_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll() // the simple protocol, which prepares nothing
		return err
	}
	err := run(fmt.Sprintf(`select pg_advisory_xact_lock(%d);
		create schema if not exists pgseat;
		create table if not exists pgseat.version (version int not null);
		insert into pgseat.version select 0 where not exists (select from pgseat.version)`, migrationLock))
	if err != nil {
		return err
	}
	var found int
	err = tx.QueryRow(ctx, "select version from pgseat.version", pgx.QueryExecModeSimpleProtocol).Scan(&found)
	switch {
	case err != nil:
		return err
	case found > version:
		return fmt.Errorf("%w: the database has %d, this package knows %d", ErrSchema, found, version)
	}
	for n := found + 1; n <= version; n++ {
		sql, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", n))
		if err != nil {
			return err
		}
		if err := run(string(sql)); err != nil {
			return err
		}
	}
	return run(fmt.Sprintf("update pgseat.version set version = %d where version < %d", version, version))
}
