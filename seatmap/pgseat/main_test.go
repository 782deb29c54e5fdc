package pgseat_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap/pgseat"
)

// TestMain waits a minute for goroutines that end by themselves, because a machine can be
// slow.
func TestMain(m *testing.M) {
	code := m.Run()
	if template != "" {
		_ = os.RemoveAll(template)
	}
	leaks := goleak.Find()
	for end := time.Now().Add(time.Minute); leaks != nil && time.Now().Before(end); leaks = goleak.Find() {
	}
	if leaks != nil && code == 0 {
		fmt.Fprintln(os.Stderr, leaks)
		code = 1
	}
	os.Exit(code)
}

// server is a PostgreSQL of one test, on a loopback port, with its data in a folder of its
// own.
type server struct {
	t         testing.TB
	bin, data string
	args      []string
	env       []string // nil for that of the test
	port      int
	process   *exec.Cmd
	log       *safeBuffer
	ended     chan struct{}
}

// safeBuffer is a buffer that is read while a process writes to it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// program returns the path of a program of the newest PostgreSQL, which Debian has not in
// the PATH.
func program(tb testing.TB, name string) string {
	tb.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	require.NoError(tb, err)
	if len(found) == 0 {
		return testkit.Program(tb, name)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })
}

// startServer starts a server that loses nothing that it has acknowledged, or skips the test
// if there is no PostgreSQL.
func startServer(tb testing.TB, args ...string) *server {
	tb.Helper()
	if testing.Short() {
		tb.Skip("starts PostgreSQL, which takes seconds")
	}
	s := &server{t: tb, bin: filepath.Dir(program(tb, "postgres")), args: args}
	if template == "" {
		dir := s.folder()
		s.data = filepath.Join(dir, "data")
		s.run("initdb", "-D", s.data, "-U", "seats", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
		template = dir
	}
	dir := s.folder()
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	s.data = filepath.Join(dir, "data")
	s.run("/bin/cp", "-a", filepath.Join(template, "data"), s.data)
	s.start()
	tb.Cleanup(s.kill)
	return s
}

// template is a folder with the data of a server that has not started yet.
var template string

// folder makes a folder that the server's user can enter, unlike those of the test.
func (s *server) folder() string {
	s.t.Helper()
	dir, err := os.MkdirTemp("", "pgseat")
	require.NoError(s.t, err)
	own(s.t, dir)
	return dir
}

func (s *server) run(name string, args ...string) {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	require.NoError(s.t, err, "%s", out)
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.bin, name)
	}
	c := testkit.Command(s.t, name, args...)
	c.Dir = filepath.Dir(s.data)
	runAsOwner(s.t, c)
	return c
}

// start starts the program on a free port, and waits until it answers. It tries again if
// another process has the port, or if those of a server that was killed have not ended.
func (s *server) start() {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if s.tryStart() {
			return
		}
	}
	require.Fail(s.t, "no server could start", "%s", s.log)
}

func (s *server) tryStart() bool {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.port = l.Addr().(*net.TCPAddr).Port
	require.NoError(s.t, l.Close())
	s.log, s.ended = &safeBuffer{}, make(chan struct{})
	s.process = s.command("postgres", append([]string{
		"-D", s.data, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=50",
		"-c", "fsync=off", // a process that is killed leaves what it has written to the system
	}, s.args...)...)
	s.process.Env = s.env
	s.process.Stdout, s.process.Stderr = s.log, s.log
	s.process.WaitDelay = time.Second // children of a killed server keep its output open for a while
	require.NoError(s.t, s.process.Start())
	go func(p *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = p.Wait()
	}(s.process, s.ended)
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if c, err := pgx.Connect(context.WithoutCancel(s.t.Context()), s.dsn()); err == nil {
			var data string
			err := c.QueryRow(context.WithoutCancel(s.t.Context()), "show data_directory").Scan(&data)
			_ = c.Close(context.WithoutCancel(s.t.Context()))
			if err == nil && data == s.data { // not another server that has its port
				return true
			}
		}
		select {
		case <-s.ended:
			return false
		case <-pause.C:
		}
	}
	s.kill()
	return false
}

// kill kills the server at once, as a loss of power does.
func (s *server) kill() {
	_ = s.process.Process.Kill() // it may have ended
	<-s.ended
}

func (s *server) address() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

func (s *server) dsn() string { return dsnOf(s.address()) }

func dsnOf(address string) string { return "postgres://seats@" + address + "/postgres?sslmode=disable" }

func (s *server) options() pgseat.Options { return optionsOf(s.t, s.address()) }

func optionsOf(tb testing.TB, address string) pgseat.Options {
	tb.Helper()
	config, err := pgxpool.ParseConfig(dsnOf(address))
	require.NoError(tb, err)
	return pgseat.Options{Pool: config, Poll: 5 * time.Millisecond, SweepEvery: 20 * time.Millisecond}
}

// open opens a client.
func open(tb testing.TB, o pgseat.Options) *pgseat.Store {
	tb.Helper()
	store, err := pgseat.Open(tb.Context(), o)
	require.NoError(tb, err)
	return store
}

// connect returns a connection without the store.
func (s *server) connect() *pgx.Conn {
	s.t.Helper()
	c, err := pgx.Connect(s.t.Context(), s.dsn())
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.Close(context.WithoutCancel(s.t.Context())) })
	return c
}

// exec runs a statement without the store.
func (s *server) exec(sql string) {
	s.t.Helper()
	c := s.connect()
	_, err := c.Exec(s.t.Context(), sql)
	require.NoError(s.t, err)
	require.NoError(s.t, c.Close(s.t.Context()))
}

// untilLocked waits until n sessions wait for a lock.
func (s *server) untilLocked(n int) {
	s.t.Helper()
	c := s.connect()
	require.Eventually(s.t, func() bool {
		var got int
		err := c.QueryRow(s.t.Context(), "select count(*) from pg_stat_activity where wait_event_type = 'Lock'").Scan(&got)
		return err == nil && got >= n
	}, time.Minute, 5*time.Millisecond)
}
