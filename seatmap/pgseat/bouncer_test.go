package pgseat_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// startBouncer starts a PgBouncer in front of a server, which gives each transaction another
// connection, and returns its address.
func startBouncer(t *testing.T, s *server) string {
	t.Helper()
	program := bouncer(t)
	dir := s.folder()
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	for end := time.Now().Add(time.Minute); time.Now().Before(end); { // another process may take the port first
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port := l.Addr().(*net.TCPAddr).Port
		require.NoError(t, l.Close())
		config := filepath.Join(dir, "pgbouncer.ini")
		require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `[databases]
postgres = host=127.0.0.1 port=%d user=seats
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
`, s.port, port), 0o644))
		c := s.command(program, config)
		log := &safeBuffer{}
		c.Stdout, c.Stderr = log, log
		require.NoError(t, c.Start())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = c.Wait()
		}()
		stop := func() {
			_ = c.Process.Kill()
			<-ended
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if bounces(t, address, ended) {
			t.Cleanup(stop)
			return address
		}
		stop()
		t.Log(log.String())
	}
	require.Fail(t, "PgBouncer does not start")
	return ""
}

// bounces waits until the address answers, or its process has ended.
func bounces(t *testing.T, address string, ended <-chan struct{}) bool {
	t.Helper()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		config, err := pgx.ParseConfig(dsnOf(address))
		require.NoError(t, err)
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
		if c, err := pgx.ConnectConfig(t.Context(), config); err == nil {
			_, err := c.Exec(t.Context(), "select 1")
			_ = c.Close(context.WithoutCancel(t.Context()))
			if err == nil {
				return true
			}
		}
		select {
		case <-ended:
			return false
		case <-pause.C:
		}
	}
	return false
}

func bouncer(t *testing.T) string {
	t.Helper()
	const debian = "/usr/sbin/pgbouncer"
	if _, err := os.Stat(debian); err == nil {
		return debian
	}
	return testkit.Program(t, "pgbouncer")
}
