package redisseat_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a Redis server of one test.
type server struct {
	t       *testing.T
	program string
	dir     string
	address string
	process *exec.Cmd
	ended   chan struct{}
}

// startServer starts a server that keeps its data in a folder of the test, or skips the
// test if the program is not installed.
func startServer(t *testing.T) *server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("FERROUS_REQUIRE_SERVERS") != "" {
			t.Fatal("redis-server is not installed, and FERROUS_REQUIRE_SERVERS says that it must be")
		}
		t.Skip("redis-server is not installed")
	}
	s := &server{t: t, program: program, dir: t.TempDir()}
	for tries := 0; s.process == nil; tries++ { // another process may take the port first
		require.Less(t, tries, 10, "no server could start")
		s.address = freeAddress(t)
		s.start()
	}
	t.Cleanup(s.kill)
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// start starts the program and waits until it answers. It leaves no process if the program
// ends before.
func (s *server) start() {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(s.t, err)
	process := testkit.Command(s.t, s.program, "--bind", "127.0.0.1", "--port", port, "--dir", s.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no",
		"--logfile", filepath.Join(s.dir, "log"))
	require.NoError(s.t, process.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = process.Wait()
	}()
	for {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.address}, DisableCache: true, DisableRetry: true})
		if err == nil {
			err = client.Do(s.t.Context(), client.B().Ping().Build()).Error()
			client.Close()
		}
		if err == nil {
			s.process, s.ended = process, ended
			return
		}
		select {
		case <-ended:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// kill kills the server at once, as a loss of power does.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	<-s.ended
}

func (s *server) options() redisseat.Options {
	return redisseat.Options{Client: rueidis.ClientOption{InitAddress: []string{s.address}}}
}

// open opens a client that the test closes.
func (s *server) open() *redisseat.Store {
	s.t.Helper()
	store, err := redisseat.Open(s.t.Context(), s.options())
	require.NoError(s.t, err, fmt.Sprintf("server %s", s.address))
	return store
}
