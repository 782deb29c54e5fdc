package redisseat_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// TestMain waits a minute for goroutines that end by themselves, because a machine can be
// slow.
func TestMain(m *testing.M) {
	code := m.Run()
	leaks := goleak.Find()
	for end := time.Now().Add(time.Minute); leaks != nil && time.Now().Before(end); leaks = goleak.Find() {
	}
	if leaks != nil && code == 0 {
		fmt.Fprintln(os.Stderr, leaks)
		code = 1
	}
	os.Exit(code)
}

// server is a Redis server of one test.
type server struct {
	t       testing.TB
	program string
	dir     string
	args    []string
	env     []string // nil for that of the test
	address string
	process *exec.Cmd
	ended   chan struct{}
}

// startServer starts a server that keeps its data in a folder of the test, or skips the
// test if the program is not installed. Without arguments, the server loses nothing that
// it has acknowledged.
func startServer(tb testing.TB, args ...string) *server {
	tb.Helper()
	if len(args) == 0 {
		args = []string{"--appendonly", "yes", "--appendfsync", "always"}
	}
	s := &server{t: tb, program: testkit.Program(tb, "redis-server"), dir: tb.TempDir(), args: args}
	s.start()
	tb.Cleanup(s.kill)
	return s
}

// freePort returns a port that nobody listens on. It is below those that systems give to
// outgoing connections.
func freePort(tb testing.TB) int {
	tb.Helper()
	for {
		port := 10_000 + rand.IntN(12_000)
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		require.NoError(tb, l.Close())
		if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+10_000)); err != nil { // of the cluster's bus
			continue
		}
		require.NoError(tb, l.Close())
		return port
	}
}

// start starts the program on a free port, and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	for range 10 { // another process may take the port first
		if s.tryStart() {
			return
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	require.Fail(s.t, "no server could start", "%s", log)
}

func (s *server) tryStart() bool {
	s.t.Helper()
	port := strconv.Itoa(freePort(s.t))
	s.address = "127.0.0.1:" + port
	process := testkit.Command(s.t, s.program, append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", s.dir, "--save", "", "--daemonize", "no",
		"--repl-diskless-sync-delay", "0",
		"--logfile", filepath.Join(s.dir, "log"),
	}, s.args...)...)
	process.Env = s.env
	require.NoError(s.t, process.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = process.Wait()
	}()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for !s.answers(ctx, process.Process.Pid) {
		select {
		case <-ended:
			return false
		case <-ctx.Done():
			_ = process.Process.Kill()
			<-ended
			return false
		case <-pause.C:
		}
	}
	s.process, s.ended = process, ended
	return true
}

// answers reports whether this process answers, and not another one that has its port.
func (s *server) answers(ctx context.Context, pid int) bool {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.address}, DisableCache: true, DisableRetry: true, ForceSingleClient: true,
	})
	if err != nil {
		return false
	}
	defer client.Close()
	info, err := client.Do(ctx, client.B().Info().Section("server").Build()).ToString()
	return err == nil && strings.Contains(info, "process_id:"+strconv.Itoa(pid)+"\r") &&
		client.Do(ctx, client.B().Ping().Build()).Error() == nil // it is not loading its data any more
}

// kill kills the server at once, as a loss of power does.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	<-s.ended
}

// flush removes all data but the secret of the store.
func (s *server) flush() {
	s.t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.address}, DisableCache: true, DisableRetry: true, ForceSingleClient: true,
	})
	require.NoError(s.t, err)
	defer client.Close()
	keys, err := client.Do(s.t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	require.NoError(s.t, err)
	for _, key := range keys {
		if !strings.HasSuffix(key, "}secret") {
			require.NoError(s.t, client.Do(s.t.Context(), client.B().Del().Key(key).Build()).Error())
		}
	}
}

// options returns those of a client that sweeps only when it is told to.
func (s *server) options() redisseat.Options {
	return redisseat.Options{Client: rueidis.ClientOption{InitAddress: []string{s.address}}, SweepEvery: -1}
}

// sweeping returns options of a client that sweeps by itself.
func sweeping(o redisseat.Options) redisseat.Options {
	o.SweepEvery = 20 * time.Millisecond
	return o
}

// open opens a client.
func open(tb testing.TB, o redisseat.Options) *redisseat.Store {
	tb.Helper()
	store, err := redisseat.Open(tb.Context(), o)
	require.NoError(tb, err)
	return store
}
