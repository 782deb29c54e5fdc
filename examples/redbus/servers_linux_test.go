package main

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/internal/testkit"
)

// requireServer skips a test if a server's program is not installed.
func requireServer(t *testing.T, version string) {
	t.Helper()
	if testing.Short() {
		t.Skip("a server takes seconds to start")
	}
	if version == "redis" {
		testkit.Program(t, "redis-server")
		return
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) == 0 {
		testkit.Program(t, "postgres")
	}
}

// temporary makes a folder the only one for temporary files. The user as whom PostgreSQL
// runs can enter it, unlike those of the test.
func temporary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "redbus-test") //nolint:usetesting // that one has parents that are closed
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711)) //nolint:gosec // see above
	t.Setenv("TMPDIR", dir)
	return dir
}

// requireNothingLeft requires that no file is left, and that no process is that had one open.
func requireNothingLeft(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.False(t, anyIn(t, dir))
}

func TestTheUsersFightForSeatsOnAServer(t *testing.T) {
	for version := range servers {
		t.Run(version, func(t *testing.T) {
			requireServer(t, version)
			dir := temporary(t)
			o := simulated(t, "-version", version, "-users", "3000").Versions[0]
			assert.Empty(t, o.Problems)
			assert.Equal(t, 100, o.Blocked)
			assert.Equal(t, 2900, o.Refused)
			requireNothingLeft(t, dir)
			o = simulated(t, "-version", version, "-users", "300", "-seats", "5", "-hold", "1us", "-workers", "2").Versions[0]
			assert.Empty(t, o.Problems)
			assert.Positive(t, o.Rewon)
			requireNothingLeft(t, dir)
		})
	}
}

func TestAServerThatWasStartedEndsWithTheProgram(t *testing.T) {
	for _, when := range []struct{ version, file string }{
		{"redis", "appendonlydir/*"},
		{"postgres", "data"}, // of initdb
		{"postgres", "data/postmaster.pid"},
	} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
			t.Run(when.version+" "+filepath.Base(when.file)+" "+signal.String(), func(t *testing.T) {
				version := when.version
				requireServer(t, version)
				dir := temporary(t)
				cmd := testkit.Self(t, "-version", version, "-users", "100000000")
				cmd.Env = append(os.Environ(), asMain+"=right", "GORACE=atexit_sleep_ms=0")
				var out, errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errs
				require.NoError(t, cmd.Start())
				for end := time.Now().Add(time.Minute); ; {
					found, err := filepath.Glob(filepath.Join(dir, "redbus*", when.file))
					require.NoError(t, err)
					if len(found) > 0 {
						break
					}
					require.True(t, time.Now().Before(end))
					<-time.After(10 * time.Millisecond)
				}
				require.NoError(t, cmd.Process.Signal(signal))
				_ = cmd.Wait() // ProcessState says more
				if signal == syscall.SIGKILL {
					left, err := os.ReadDir(dir)
					require.NoError(t, err)
					require.Len(t, left, 1)
					// Its own processes end a moment later.
					for end := time.Now().Add(time.Minute); time.Now().Before(end) && anyIn(t, dir); {
						<-time.After(10 * time.Millisecond)
					}
					require.False(t, anyIn(t, dir))
					return
				}
				assert.Equal(t, program.Failed, cmd.ProcessState.ExitCode())
				assert.Empty(t, out.String())
				assert.Contains(t, errs.String(), "signal received")
				assert.Equal(t, 1, strings.Count(strings.ReplaceAll(errs.String(), "redbus: it is ending; a second signal ends it at once\n", ""), "\n"))
				requireNothingLeft(t, dir)
			})
		}
	}
}

// anyIn reports whether a process is in a folder.
func anyIn(t *testing.T, dir string) bool {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cwd")
	require.NoError(t, err)
	for _, p := range processes {
		if cwd, _ := os.Readlink(p); strings.HasPrefix(cwd, dir) { // the process may have ended
			return true
		}
	}
	return false
}

// A server that runs already is left without the event.
func TestTheUsersFightForSeatsOnAServerThatRuns(t *testing.T) {
	redis := startStorage(t, "redis")
	for range 2 {
		o := simulated(t, "-version", "redis", "-users", "3000", "-store", redis.url).Versions[0]
		assert.Empty(t, o.Problems)
		assert.Equal(t, 100, o.Blocked)
	}
	u, err := url.Parse(redis.url)
	require.NoError(t, err)
	password, _ := u.User.Password()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{u.Host}, Password: password, DisableCache: true, ForceSingleClient: true})
	require.NoError(t, err)
	defer client.Close()
	keys, err := client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	require.NoError(t, err)
	for _, key := range keys {
		if key == "{seatmap}secret" {
			continue
		}
		ttl, err := client.Do(t.Context(), client.B().Ttl().Key(key).Build()).AsInt64()
		require.NoError(t, err)
		assert.GreaterOrEqual(t, ttl, int64(0), "%s stays", key)
	}
}

func TestAServerThatCannotBeHad(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	code, stdout, stderr := redbus(t, "-version", "redis")
	assert.Equal(t, program.Failed, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "install redis-server (Debian: apt-get install redis-server), or name a server with -store redis://")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for version, url := range map[string]string{"redis": "redis://", "postgres": "postgres://u:secret@"} {
		code, _, stderr = redbus(t, "-version", version, "-store", url+l.Addr().String())
		assert.Equal(t, program.Failed, code)
		assert.Contains(t, stderr, "unavailable")
		assert.NotContains(t, stderr, "secret")
	}
}

func TestAServerThatEndsAtOnceSaysWhy(t *testing.T) {
	bin := t.TempDir()
	dir := temporary(t)
	t.Setenv("PATH", bin)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "redis-server"), []byte("#!/bin/sh\necho it is broken\n"), 0o700)) //nolint:gosec // it is a program
	code, _, stderr := redbus(t, "-version", "redis")
	assert.Equal(t, program.Failed, code)
	assert.Contains(t, stderr, "redis-server has ended: it is broken")
	requireNothingLeft(t, dir)
}
