package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// A redisServer is a Redis server that keeps its data in a folder that others can copy.
type redisServer struct {
	t       *testing.T
	dir     string
	args    []string
	port    string
	process *exec.Cmd
	ended   chan struct{}
	client  rueidis.Client
}

// startRedis starts a server with the files of a folder.
func startRedis(t *testing.T, dir string, args ...string) *redisServer {
	t.Helper()
	s := &redisServer{t: t, dir: dir, args: args}
	for range 10 { // another process may take the port first
		var err error
		s.port, err = freePort(t.Context())
		require.NoError(t, err)
		if s.start() {
			return s
		}
	}
	require.Fail(t, "no server could start")
	return nil
}

func (s *redisServer) address() string { return "127.0.0.1:" + s.port }
func (s *redisServer) url() string     { return "redis://" + s.address() }

// start starts the server on its port and waits until it has loaded its data. It returns
// false if it ends.
func (s *redisServer) start() bool {
	s.t.Helper()
	var said bytes.Buffer
	s.process = testkit.Command(s.t, testkit.Program(s.t, "redis-server"), append([]string{
		"--bind", "127.0.0.1", "--port", s.port, "--dir", s.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always",
	}, s.args...)...)
	s.process.Stdout = &said
	require.NoError(s.t, s.process.Start())
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	go func() {
		defer close(ended)
		_ = process.Wait() // it may be killed
	}()
	s.t.Cleanup(func() {
		_ = process.Process.Kill() // it may have ended
		<-ended
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		select {
		case <-ended:
			return false
		case <-time.After(5 * time.Millisecond):
		}
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.address()}, DisableCache: true, DisableRetry: true, ForceSingleClient: true})
		if err == nil && client.Do(s.t.Context(), client.B().Ping().Build()).Error() == nil {
			s.client = client
			s.t.Cleanup(client.Close)
			return true
		}
		if err == nil {
			client.Close()
		}
	}
	require.Fail(s.t, "the server does not answer", "%s", said.String())
	return false
}

// kill kills the server at once, as a loss of power does.
func (s *redisServer) kill() {
	s.t.Helper()
	s.client.Close()
	require.NoError(s.t, s.process.Process.Kill())
	<-s.ended
}

// problemOf sends a request and returns the problem, or nothing if it succeeds.
func problemOf(ctx context.Context, url, key, body string) string {
	_, err := send(ctx, http.DefaultClient, url, "alice", key, body)
	if err == nil {
		return ""
	}
	return err.Error()
}

// With -replicas, a change is acknowledged when a replica has it: what was acknowledged is
// there after the master is lost. While no replica has it, the client is told so, and its
// repetition succeeds when the replica is back.
func TestWithReplicasNothingAcknowledgedIsLostWithTheMaster(t *testing.T) {
	if testing.Short() {
		t.Skip("servers take seconds to start")
	}
	master := startRedis(t, t.TempDir())
	replica := startRedis(t, t.TempDir(), "--replicaof", "127.0.0.1", master.port)
	first := startServing(t, "-store", master.url(), "-seats", "100")
	assert.Zero(t, first.end(t, syscall.SIGTERM), first.stderr.String())
	s := startServing(t, "-store", master.url(), "-replicas", "1")
	block := s.url + "/v1/events/bus/block"
	require.Eventually(t, func() bool { return problemOf(t.Context(), block, "first", `{"seats":["1"],"ttl_ms":600000}`) == "" }, time.Minute, time.Millisecond)

	replica.kill()
	assert.Contains(t, problemOf(t.Context(), block, "second", `{"seats":["2"],"ttl_ms":600000}`), "outcome-unknown")
	require.True(t, replica.start())
	require.Eventually(t, func() bool { return problemOf(t.Context(), block, "second", `{"seats":["2"],"ttl_ms":600000}`) == "" }, time.Minute, time.Millisecond)

	master.kill()
	http.DefaultClient.CloseIdleConnections()
	assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
	require.NoError(t, replica.client.Do(t.Context(), replica.client.B().Replicaof().No().One().Build()).Error())
	s = startServing(t, "-store", replica.url())
	for _, seat := range []string{"1", "2"} {
		_, body := getAs(t, s.url+"/v1/events/bus/seats/"+seat, "alice")
		assert.Contains(t, body, `"state":"blocked"`)
	}
	http.DefaultClient.CloseIdleConnections()
	assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
}

// What docs/operations.md says of backups of Redis: the RDB file that BGSAVE writes, and the
// folder of the AOF, are copied while requests are served; a new server that is started from
// the copy has all that was acknowledged before, and its tokens are valid.
func TestABackupOfRedisIsRestored(t *testing.T) {
	if testing.Short() {
		t.Skip("servers take seconds to start")
	}
	for _, kind := range []string{"RDB", "AOF"} {
		t.Run(kind, func(t *testing.T) {
			redis := startRedis(t, t.TempDir(), "--auto-aof-rewrite-percentage", "0")
			client := redis.client
			s := startServing(t, "-store", redis.url(), "-seats", "100")
			event := s.url + "/v1/events/bus"
			hold, err := post(t.Context(), event+"/block", "alice", "hold", `{"seats":["1"],"ttl_ms":600000}`)
			require.NoError(t, err)
			booking, err := post(t.Context(), event+"/book", "alice", "book", fmt.Sprintf(`{"token":%q}`, hold["token"]))
			require.NoError(t, err)
			held, err := post(t.Context(), event+"/block", "bob", "hold", `{"seats":["2"],"ttl_ms":600000}`)
			require.NoError(t, err)
			copied := t.TempDir()
			switch kind {
			case "RDB":
				saved := func() int64 {
					n, err := client.Do(t.Context(), client.B().Lastsave().Build()).AsInt64()
					require.NoError(t, err)
					return n
				}
				before := saved()
				require.Eventually(t, func() bool { // its time has seconds
					if err := client.Do(t.Context(), client.B().Bgsave().Build()).Error(); err != nil {
						assert.ErrorContains(t, err, "in progress")
					}
					return saved() > before
				}, time.Minute, 100*time.Millisecond)
				text, err := os.ReadFile(filepath.Join(redis.dir, "dump.rdb"))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(copied, "dump.rdb"), text, 0o600))
			case "AOF":
				require.NoError(t, os.CopyFS(filepath.Join(copied, "appendonlydir"), os.DirFS(filepath.Join(redis.dir, "appendonlydir"))))
			}
			_, err = post(t.Context(), event+"/block", "carol", "later", `{"seats":["3"],"ttl_ms":600000}`)
			require.NoError(t, err)
			http.DefaultClient.CloseIdleConnections()
			assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
			redis.kill()

			var restored *redisServer
			if kind == "AOF" {
				restored = startRedis(t, copied)
			} else { // once without the AOF, which is on again before anything changes
				restored = startRedis(t, copied, "--appendonly", "no")
				other := restored.client
				require.NoError(t, other.Do(t.Context(), other.B().ConfigSet().ParameterValue().ParameterValue("appendonly", "yes").Build()).Error())
			}
			s = startServing(t, "-store", restored.url())
			event = s.url + "/v1/events/bus"
			_, body := getAs(t, event, "alice")
			assert.JSONEq(t, `{"event":"bus","available":98,"blocked":1,"booked":1,"closed":0}`, body, "what came later is lost")
			_, err = post(t.Context(), event+"/book", "bob", "book", fmt.Sprintf(`{"token":%q}`, held["token"]))
			require.NoError(t, err, "a token is valid")
			again, err := post(t.Context(), event+"/book", "alice", "book", fmt.Sprintf(`{"token":%q}`, hold["token"]))
			require.NoError(t, err, "a key is known")
			assert.Equal(t, booking["token"], again["token"])
			http.DefaultClient.CloseIdleConnections()
			assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
		})
	}
}
