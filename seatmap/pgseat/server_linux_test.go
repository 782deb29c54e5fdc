package pgseat

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// server is a PostgreSQL of one test, on a loopback port, with its data in a temporary
// folder and fsync on.
type server struct {
	bin, data string
	port      int
	who       *syscall.Credential // nil: the user of the test
	process   *exec.Cmd
	log       *bytes.Buffer
	ended     chan struct{}
}

// startServer skips the test if PostgreSQL is not installed, or fails it if
// FERROUS_REQUIRE_SERVERS is 1.
func startServer(t *testing.T) *server {
	t.Helper()
	missing := func(what string) {
		if os.Getenv("FERROUS_REQUIRE_SERVERS") == "1" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	if testing.Short() {
		t.Skip("starts PostgreSQL, which takes seconds")
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	require.NoError(t, err)
	if len(found) == 0 {
		missing("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/postgres")
	}
	dir, err := os.MkdirTemp("", "pgseat") //nolint:usetesting // the user postgres cannot reach a folder inside one of root that is closed
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	s := &server{bin: filepath.Dir(slices.Max(found)), data: filepath.Join(dir, "data")}
	if os.Getuid() == 0 { // which PostgreSQL refuses
		u, err := user.Lookup("postgres")
		if err != nil {
			missing("PostgreSQL does not run as root, and there is no user postgres")
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		require.NoError(t, err)
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		require.NoError(t, err)
		s.who = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		require.NoError(t, os.Chown(dir, int(uid), int(gid)))
	}
	out, err := s.command(t, "initdb", "-D", s.data, "-U", "seats", "-A", "trust", "-E", "UTF8", "--locale=C").CombinedOutput()
	require.NoError(t, err, string(out))
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

func (s *server) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := testkit.Command(t, filepath.Join(s.bin, name), args...)
	c.Dir = filepath.Dir(s.data)
	c.SysProcAttr.Credential = s.who
	return c
}

// start starts the server and returns when it answers. It tries again if the port is
// taken, or if processes of a killed server are still there. A restart keeps the port.
func (s *server) start(t *testing.T) {
	t.Helper()
	fixed := s.port != 0
	for t.Context().Err() == nil {
		if !fixed {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			s.port = l.Addr().(*net.TCPAddr).Port
			require.NoError(t, l.Close())
		}
		s.log, s.ended = &bytes.Buffer{}, make(chan struct{})
		s.process = s.command(t, "postgres", "-D", s.data, "-p", strconv.Itoa(s.port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=on")
		s.process.Stdout, s.process.Stderr = s.log, s.log
		s.process.WaitDelay = time.Second // children of a killed server keep its output open for a while
		require.NoError(t, s.process.Start())
		go func(p *exec.Cmd, ended chan struct{}) {
			defer close(ended)
			_ = p.Wait()
		}(s.process, s.ended)
		if s.answers(t.Context()) {
			return
		}
	}
	t.Fatal("PostgreSQL did not start: " + s.log.String())
}

// answers waits until the server answers, or has ended.
func (s *server) answers(ctx context.Context) bool {
	for {
		if c, err := pgx.Connect(ctx, s.dsn()); err == nil {
			return c.Close(ctx) == nil
		}
		select {
		case <-s.ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends the server as kill -9 does.
func (s *server) kill(t *testing.T) {
	t.Helper()
	_ = s.process.Process.Kill() // it may have ended
	<-s.ended
}

func (s *server) dsn() string {
	return fmt.Sprintf("postgres://seats@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

func (s *server) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.dsn())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}
