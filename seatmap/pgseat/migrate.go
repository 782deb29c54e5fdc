package pgseat

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

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

// migrate brings the tables to the version of this package, and returns the secret of the store.
// Several clients may do it at the same time: one does it and the others wait. It uses one
// transaction and no state of the session, so it works through PgBouncer.
// Its statements take the timeout at most, and not what the database allows others.
func migrate(ctx context.Context, conn *pgx.Conn, timeout time.Duration) (secret []byte, err error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: fmt.Sprintf(`%s;
		set local idle_in_transaction_session_timeout = %[2]d; set local lock_timeout = %[2]d; set local bytea_output = hex`,
		begin, milliseconds(timeout))})
	if err != nil {
		return nil, err
	}
	if secret, err = migrateIn(ctx, tx); err != nil {
		// The transaction ends with its connection if it cannot be rolled back.
		_ = tx.Rollback(context.WithoutCancel(ctx))
		return nil, err
	}
	return secret, tx.Commit(ctx)
}

func migrateIn(ctx context.Context, tx pgx.Tx) (secret []byte, err error) {
	run := func(sql string) error {
		_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll() // the simple protocol, which prepares nothing
		return err
	}
	var there, readOnly bool
	err = tx.QueryRow(ctx, "select to_regclass('pgseat.version') is not null, current_setting('transaction_read_only')::boolean").Scan(&there, &readOnly)
	switch {
	case err != nil:
		return nil, err
	case readOnly:
		return nil, errors.New("pgseat: the server or its default only allows to read")
	}
	found := -1
	if there { // so a user that may make no tables can open what another one has made
		if found, err = foundVersion(ctx, tx); err != nil {
			return nil, err
		}
	}
	if found != version {
		err := run(fmt.Sprintf(`select pg_advisory_xact_lock(%d);
			create schema if not exists pgseat;
			create table if not exists pgseat.version (version int not null);
			insert into pgseat.version select 0 where not exists (select from pgseat.version)`, migrationLock))
		if err != nil {
			return nil, err
		}
		if found, err = foundVersion(ctx, tx); err != nil {
			return nil, err
		}
		for n := found + 1; n <= version; n++ {
			sql, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", n))
			if err != nil {
				return nil, err
			}
			if err := run(string(sql)); err != nil {
				return nil, err
			}
		}
		if err := run(fmt.Sprintf("update pgseat.version set version = %d where version < %d", version, version)); err != nil {
			return nil, err
		}
	}
	err = tx.QueryRow(ctx, "select secret from pgseat.store").Scan(&secret)
	return secret, err
}

// foundVersion returns the version of the tables, or 0 if none are made yet.
func foundVersion(ctx context.Context, tx pgx.Tx) (found int, err error) {
	err = tx.QueryRow(ctx, "select coalesce(max(version), 0) from pgseat.version").Scan(&found)
	if err == nil && found > version {
		err = fmt.Errorf("%w: the database has %d, this package knows %d", ErrSchema, found, version)
	}
	return found, err
}
