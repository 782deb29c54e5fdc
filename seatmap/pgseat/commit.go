package pgseat

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// commit sends what a transaction writes, and commits. An error can come after COMMIT was sent.
func commit(ctx context.Context, conn *pgx.Conn, b *pgx.Batch) error {
	delete(conn.PgConn().CustomData(), local)
	committed := pgconn.CommandTag{}
	b.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		committed = tag
		return nil
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if committed.String() != "COMMIT" {
		return pgx.ErrTxCommitRollback
	}
	if _, ok := conn.PgConn().CustomData()[local]; ok {
		return errLocal
	}
	return nil
}

// errLocal is the error of a commit that a failover can lose, although the replica is synchronous.
var errLocal = errors.New("pgseat: the wait for the replica was canceled")

// local is the name of what a connection keeps if its commit did not wait for a replica.
const local = "ferrous.local"

// noticeLocal notes on a connection that an administrator has canceled, by pg_cancel_backend, the
// wait of its commit for a synchronous replica. The server warns and then says that it has
// committed. The name of its function is not translated, unlike the warning.
func noticeLocal(next pgconn.NoticeHandler) pgconn.NoticeHandler {
	return func(c *pgconn.PgConn, n *pgconn.Notice) {
		if n.Routine == "SyncRepWaitForLSN" {
			c.CustomData()[local] = struct{}{}
		}
		if next != nil {
			next(c, n)
		}
	}
}
