//go:build unix

package boltqueue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/boltqueue"
)

// process runs the test of this name in a process of its own, which finds the
// path in its environment.
func process(t *testing.T, name, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$")
	cmd.Env = append(os.Environ(), child+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestASecondProcessIsToldAtOnceWhoHoldsTheFile(t *testing.T) {
	if path := os.Getenv(child); path != "" {
		s, err := boltqueue.Open(path, boltqueue.Options[string]{})
		if err == nil {
			_ = add(t, s, "a", "value")
			claimAll(t, s)
		}
		fmt.Println("open", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	path := newPath(t)
	cmd := process(t, t.Name(), path)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Equal(t, "open <nil>", lines.Text())
	link := path + ".link"
	require.NoError(t, os.Symlink(path, link))
	for _, name := range []string{path, link} {
		_, err = boltqueue.Open(name, boltqueue.Options[string]{})
		require.ErrorIs(t, err, boltqueue.ErrHeld)
		held, ok := errors.AsType[*boltqueue.HeldError](err)
		require.True(t, ok)
		host, err := os.Hostname()
		require.NoError(t, err)
		assert.Equal(t, cmd.Process.Pid, held.Owner.PID)
		assert.Equal(t, host, held.Owner.Host)
		assert.ErrorContains(t, held, fmt.Sprintf("boltqueue: %s is held by process %d (", name, cmd.Process.Pid))
	}
	// A process that waits gets the file as soon as the first is dead, claims
	// and all.
	time.AfterFunc(20*time.Millisecond, func() { _ = cmd.Process.Kill() })
	s, err := boltqueue.Open(path, boltqueue.Options[string]{Timeout: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, "value", claimAll(t, s)["a"].Value)
	_, err = boltqueue.Open(path, boltqueue.Options[string]{})
	require.ErrorContains(t, err, fmt.Sprintf("is held by process %d (", os.Getpid()))
	require.NoError(t, s.Close())
	require.NoFileExists(t, path+".owner")
	_ = in.Close()
	_ = cmd.Wait()
}

// TestAFullDiskIsAnError limits the size of files in a process of its own.
func TestAFullDiskIsAnError(t *testing.T) {
	if path := os.Getenv(child); path != "" {
		fill(path)
		return
	}
	path := newPath(t)
	require.NoError(t, open(t, path).Close())
	out, err := process(t, t.Name(), path).Output()
	require.NoError(t, err, "%s", out)
	var added int
	var text string
	for line := range strings.Lines(string(out)) {
		if n, found := strings.CutPrefix(line, "added "); found {
			added, _ = strconv.Atoi(strings.TrimSpace(n))
		} else if strings.HasPrefix(line, "error ") {
			text = line
		}
	}
	assert.NotZero(t, added)
	assert.Contains(t, text, "boltqueue: "+path+": write: ")
	assert.Contains(t, text, "file too large")
	s := open(t, path) // there is room again
	defer func() { require.NoError(t, s.Close()) }()
	stats, err := s.Stats(t.Context())
	require.NoError(t, err)
	assert.Equal(t, retry.Stats{Waiting: added}, stats, "what was answered")
	require.NoError(t, add(t, s, "more", "value"))
}

func fill(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	s, err := boltqueue.Open(path, boltqueue.Options[string]{})
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		if _, err := enqueue(s, strconv.Itoa(i), strings.Repeat("v", 5000)); err != nil {
			fmt.Println("error", err)
			_, err2 := enqueue(s, "more", "value")
			_, err3 := s.Stats(context.Background())
			fmt.Println("then", err2.Error() == err.Error(), err3.Error() == err.Error(), s.Close())
			os.Exit(0)
		}
		fmt.Println("added", i+1)
	}
}
