//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/internal/testkit"
)

var bin string // holds the program

func TestMain(m *testing.M) {
	if file := os.Getenv(acking); file != "" {
		acknowledge(file)
		return
	}
	dir, err := os.MkdirTemp("", "applog")
	if err != nil {
		panic(err)
	}
	bin = dir
	checked.Main(m, func() { _ = os.RemoveAll(dir) })
}

var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(bin, "applog")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput() //nolint:forbidigo // it is for all tests
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// start runs the program for real, and returns the file that it logs to.
func start(t *testing.T, args ...string) (cmd *exec.Cmd, file string, out *bytes.Buffer) {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "logs", "app.log")
	out = new(bytes.Buffer)
	cmd = testkit.Command(t, binary, append([]string{"-file", file}, args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	return cmd, file, out
}

var (
	summary = regexp.MustCompile(`accepted=(\d+) dropped=(\d+) written=(\d+)`)
	logged  = regexp.MustCompile(`^\S+ INFO msg=request service=(\d+) line=(\d+)$`)
)

// logs returns the names of the log file and of older ones.
func logs(t *testing.T, file string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
	require.NoError(t, err)
	return names
}

// everything returns the text of all log files.
func everything(t *testing.T, file string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range logs(t, file) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

// size is that of a file, 0 if there is none.
func size(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// check compares the files with what the program says that it accepted, and
// returns the number of files and of lines.
func check(t *testing.T, file, out string) (files, lines int) {
	t.Helper()
	said := summary.FindStringSubmatch(out)
	require.NotNil(t, said, out)
	seen := map[string]bool{}
	for line := range strings.Lines(everything(t, file)) {
		require.True(t, strings.HasSuffix(line, "\n"), "torn line")
		lines++
		if m := logged.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			key := m[1] + " " + m[2]
			assert.False(t, seen[key], "twice: %s", line)
			seen[key] = true
		}
	}
	assert.Equal(t, said[1], fmt.Sprint(lines), "accepted and in the files")
	assert.Equal(t, said[1], said[3], "accepted and written")
	return len(logs(t, file)), lines
}

func TestEveryAcceptedLineIsInTheFiles(t *testing.T) {
	cmd, file, out := start(t, "-lines", "20000")
	require.NoError(t, cmd.Wait(), out.String())
	files, lines := check(t, file, out.String())
	assert.Equal(t, 3*20_000+2, lines, "waiting refuses none")
	assert.Greater(t, files, 2, "rotated by size")
	assert.Contains(t, out.String(), "Server started\nservice 0: 20000 lines\n")
}

func TestDroppedLinesAreCounted(t *testing.T) {
	cmd, file, out := start(t, "-lines", "20000", "-drop", "-services", "8")
	require.NoError(t, cmd.Wait(), out.String())
	_, lines := check(t, file, out.String())
	var accepted, dropped, written int
	_, err := fmt.Sscanf(summary.FindString(out.String()), "accepted=%d dropped=%d written=%d", &accepted, &dropped, &written)
	require.NoError(t, err)
	assert.Equal(t, 8*20_000+2, accepted+dropped)
	assert.Equal(t, accepted, lines)
}

func TestNoAcceptedLineIsLostOnASignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		for _, policy := range []string{"-drop=false", "-drop=true"} {
			cmd, file, out := start(t, "-lines", "0", policy)
			for size(file) < 200<<10 { // until it is in full swing
				runtime.Gosched()
			}
			require.NoError(t, cmd.Process.Signal(signal))
			require.NoError(t, cmd.Wait(), "%v: %s", signal, out)
			_, lines := check(t, file, out.String())
			assert.Greater(t, lines, 1000)
		}
	}
}

func TestNoLineIsLostWhenNobodyReadsStdout(t *testing.T) {
	binary, err := build()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "app.log")
	cmd := testkit.Command(t, binary, "-file", file, "-lines", "3000")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, out.Close())
	require.NoError(t, cmd.Wait())
	assert.Equal(t, 3*3000+2, strings.Count(everything(t, file), "\n"))
}

func TestNoAcceptedLineIsLostOnAPanic(t *testing.T) {
	cmd, file, out := start(t, "-lines", "0", "-panic", "5000")
	err := cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 2, exit.ExitCode(), "the panic goes on")
	assert.Contains(t, out.String(), "service 0 has a bug at line 5000")
	assert.Contains(t, out.String(), "main.service", "with the stack of the service")
	_, lines := check(t, file, out.String())
	assert.GreaterOrEqual(t, lines, 5000)
}

func TestASignalBeforeTheServicesIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "app.log")
	var out bytes.Buffer
	require.NoError(t, run(ctx, &out, options{file: file, megas: 1, services: 3}))
	_, lines := check(t, file, out.String())
	assert.Equal(t, 2, lines)
}

// blocked is a writer that waits before its first write.
type blocked struct {
	gate   chan struct{}
	text   strings.Builder
	fail   error // of Write, and of Close
	closed bool
}

func (b *blocked) Write(p []byte) (int, error) {
	<-b.gate
	if b.fail != nil {
		return 0, b.fail
	}
	return b.text.Write(p)
}

func (b *blocked) Close() error {
	b.closed = true
	return b.fail
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	w := &blocked{gate: make(chan struct{})}
	l := NewAsync(w, Drop)
	accepted := 0
	for range QueueSize + 100 {
		if err := appLog(l, Info, "x"); err == nil {
			accepted++
		} else {
			require.Equal(t, ErrDropped, err)
		}
	}
	assert.GreaterOrEqual(t, accepted, QueueSize)
	assert.EqualValues(t, QueueSize+100-accepted, l.Dropped())
	close(w.gate)
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	assert.Equal(t, accepted, strings.Count(w.text.String(), "\n"))
	assert.True(t, w.closed)
	require.Equal(t, ErrClosed, appLog(l, Info, "x"))
}

func TestAFullQueueWaits(t *testing.T) {
	w := &blocked{gate: make(chan struct{})}
	l := NewAsync(w, Wait)
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range QueueSize {
				if appLog(l, Info, "x") == nil {
					accepted.Add(1)
				}
			}
		})
	}
	close(w.gate)
	wg.Wait()
	require.NoError(t, l.Close())
	assert.EqualValues(t, 4*QueueSize, accepted.Load())
	assert.EqualValues(t, 4*QueueSize, l.Written())
}

func TestAnErrorOfTheWriterIsReported(t *testing.T) {
	full := errors.New("disk full")
	w := &blocked{gate: make(chan struct{}), fail: full}
	close(w.gate)
	l := NewAsync(w, Wait)
	require.NoError(t, appLog(l, Info, "x"))
	require.ErrorIs(t, l.Close(), full)
	assert.Zero(t, l.Written())
}
