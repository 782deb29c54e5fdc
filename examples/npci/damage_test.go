//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// until waits until the process has done something.
func until(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}

// size is that of a file, 0 if there is none.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// underWay starts a run that takes minutes and returns when its ledger grows.
func underWay(t *testing.T, args ...string) (cmd *exec.Cmd, dir string, output *screen) {
	t.Helper()
	dir = t.TempDir()
	cmd, output = process(t, append([]string{"-dir=" + dir, "-transactions=3000", "-rate=50"}, args...)...)
	require.NoError(t, cmd.Start())
	until(func() bool { return size(filepath.Join(dir, "ledger")) > 0 })
	return cmd, dir, output
}

// requireFailure waits for a process that must end with 1.
func requireFailure(t *testing.T, cmd *exec.Cmd, output *screen, text string) {
	t.Helper()
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit, output.String())
	assert.Equal(t, 1, exit.ExitCode(), output.String())
	assert.Contains(t, output.String(), text)
	assert.NotContains(t, output.String(), "the books balance")
}

// finish runs the rest, as fast as it goes.
func finish(t *testing.T, dir string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), append([]string{"-dir=" + dir, "-transactions=3000"}, args...), &out), out.String())
	assert.Contains(t, out.String(), "the books balance\n")
}

func TestASecondProcessIsToldWhoHasTheDirectory(t *testing.T) {
	cmd, dir, output := underWay(t, nasty...)
	for range 3 {
		before := size(filepath.Join(dir, "ledger"))
		second, told := process(t, "-dir="+dir, "-transactions=3000")
		require.NoError(t, second.Start())
		requireFailure(t, second, told, fmt.Sprintf("npci: %s: in use by process %d since ", dir, cmd.Process.Pid))
		assert.Equal(t, 1, strings.Count(told.String(), "\n"), "one line")
		assert.GreaterOrEqual(t, size(filepath.Join(dir, "ledger")), before, "nothing is cut off")
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	requireFailure(t, cmd, output, "retry: shutdown")
	finish(t, dir, nasty...)
}

func TestAFileRemovedUnderWayIsNoticed(t *testing.T) {
	for _, name := range []string{"ledger", "run", "queue", "lock", "."} {
		cmd, dir, output := underWay(t)
		if name == "." {
			require.NoError(t, os.RemoveAll(dir))
		} else {
			require.NoError(t, os.Rename(filepath.Join(dir, name), filepath.Join(dir, "elsewhere")))
		}
		requireFailure(t, cmd, output, "was removed or replaced meanwhile")
	}
}

func TestARemovedBankBalancesNothing(t *testing.T) {
	for rate := 600; ; rate /= 4 {
		dir := t.TempDir()
		bank := filepath.Join(dir, "bank")
		cmd, output := process(t, "-dir="+dir, "-transactions=300", fmt.Sprint("-rate=", rate))
		require.NoError(t, cmd.Start())
		until(func() bool { return size(bank) > 0 })
		require.NoError(t, os.Remove(bank))
		err := cmd.Wait()
		if err == nil && rate > 3 {
			continue // this machine is so busy that the run was over before
		}
		requireFailureOf(t, err, output, "a removed bank")
		assert.Contains(t, output.String(), "bank was removed or replaced meanwhile")
		require.ErrorContains(t, run(t.Context(), []string{"-dir=" + dir, "-transactions=300"}, io.Discard), "the books do not balance: ",
			"the bank knows nothing of what was settled")
		return
	}
}

func TestWhatIsMissingAtTheBeginningIsNoticed(t *testing.T) {
	for name, text := range map[string]string{
		"ledger": "500 of 500 records are missing",
		"run":    "run: damaged: it is missing, although there is",
		"bank":   "ledger says 1, bank says 0",
		"queue":  "dead letters, ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := []string{"-dir=" + dir, "-transactions=500", "-poison=0.01", "-delay=20ms"}
			require.NoError(t, run(t.Context(), args, io.Discard))
			require.NoError(t, os.Remove(filepath.Join(dir, name)))
			err := run(t.Context(), args, io.Discard)
			require.ErrorIs(t, err, errDamaged)
			require.ErrorContains(t, err, text)
		})
	}
}

func TestADamagedBankIsNoticed(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-dir=" + dir, "-transactions=500", "-decline=0.1"}
	require.NoError(t, run(t.Context(), args, io.Discard))
	path := filepath.Join(dir, "bank")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, damaged := range map[string][]byte{
		"one is missing":      append(bytes.Clone(data[:bankRecord]), data[2*bankRecord:]...),
		"a bit is changed":    append([]byte{data[0] ^ 1}, data[1:]...),
		"the last is missing": data[:len(data)-bankRecord],
	} {
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		require.ErrorIs(t, run(t.Context(), args, io.Discard), errDamaged, name)
	}
}

func TestADirectoryIsOfOneRun(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, run(t.Context(), []string{"-dir=" + dir, "-transactions=50"}, io.Discard))
	for _, other := range []string{"-transactions=51", "-seed=2"} {
		err := run(t.Context(), []string{"-dir=" + dir, "-transactions=50", other}, io.Discard)
		require.ErrorContains(t, err, "is of another run, with -seed 1 -transactions 50", other)
	}
	name := filepath.Join(dir, "run")
	for _, text := range []string{"", "x", fmt.Sprintf(runLine, 1, 50, 50) + "x", strings.Repeat("9", 5000)} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		require.ErrorContains(t, run(t.Context(), []string{"-dir=" + dir, "-transactions=50"}, io.Discard), "run: damaged: ")
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, run(t.Context(), []string{"-dir=" + file}, io.Discard), "a file is no directory")
}

// TestAFullDiskEndsItAndTheRestIsDoneLater lets the process write so many
// kilobytes a file, which is the size at which the first of them is full.
func TestAFullDiskEndsItAndTheRestIsDoneLater(t *testing.T) {
	path, err := os.Executable()
	require.NoError(t, err)
	for _, blocks := range []int{1, 8, 17, 30, 40, 64, 70} { // of 512 bytes
		t.Run(fmt.Sprintf("%d blocks", blocks), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := append([]string{"-transactions=2200"}, nasty...) // whose ledger has 74 blocks
			shell := append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$@"`, blocks), "sh", path, "-dir=" + dir}, args...)
			cmd := testkit.Command(t, "sh", shell...)
			cmd.Env = append(os.Environ(), child+"=1")
			output := new(screen)
			cmd.Stdout, cmd.Stderr = output, output
			require.NoError(t, cmd.Start())
			requireFailure(t, cmd, output, "file too large")
			finish(t, dir, args...)
		})
	}
}

// TestAFullDiskOfItsOwn is the same on a disk that is really full.
func TestAFullDiskOfItsOwn(t *testing.T) {
	dir, inside := testkit.OwnDisk(t, 300<<10)
	if !inside {
		return
	}
	args := append([]string{"-dir=" + dir, "-transactions=3000"}, nasty...)
	cmd, output := process(t, args...)
	require.NoError(t, cmd.Start())
	requireFailure(t, cmd, output, "no space left on device")
	testkit.ResizeDisk(t, dir, 100<<20)
	finish(t, dir, nasty...)
}

func TestTheFirstSignalEndsItInOrderTheSecondAtOnce(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		cmd, _, output := underWay(t)
		require.NoError(t, cmd.Process.Signal(s))
		requireFailure(t, cmd, output, "of 3000 payments had an outcome: retry: shutdown")
	}
	// An alert that nobody takes keeps it for some seconds.
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, listener.Close()) }()
	cmd, dir, output := underWay(t, "-rate=1000", "-outage=500", "-webhook=http://"+listener.Addr().String())
	conn, err := listener.Accept()
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	until(func() bool { return strings.Contains(output.String(), "a second signal ends it at once") })
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, syscall.SIGTERM, exit.Sys().(syscall.WaitStatus).Signal())
	finish(t, dir)
}

func TestARestoredLedgerTakesUpTheDeadLetters(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-dir=" + dir, "-transactions=200", "-poison=0.5", "-delay=20ms"}
	ledger, mark := filepath.Join(dir, "ledger"), filepath.Join(dir, "run")
	require.NoError(t, run(t.Context(), args, io.Discard))
	data, err := os.ReadFile(ledger)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(ledger, data[:20*ledgerRecord], 0o600))
	require.NoError(t, os.WriteFile(mark, fmt.Appendf(nil, runLine, 1, 200, 20), 0o600))
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, &out), "it does not wait for letters that came already")
	assert.Contains(t, out.String(), "the books balance\n")
}

func TestTheRateIsKept(t *testing.T) {
	for _, rate := range []int{1, 3, 50, 399, 400, 1000, 123_456} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			p := newPace(rate, 4)
			defer p.stop()
			n := 3 * max(rate/4, 1)
			for range n {
				p.wait(t.Context())
			}
			want := float64(n) * 4 / float64(rate)
			assert.InEpsilon(t, want, time.Since(begin).Seconds(), 0.05, "%d a second", rate)
		})
	}
}

func TestAnalyticsSurvivesARemovedFileAndReportsAFullDisk(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "failures-0002.ndjson"), nil, 0o600))
	a, err := newAnalytics(dir, 1)
	require.NoError(t, err)
	a.number = 1
	a.add(failure{Payment: 7})
	require.NoError(t, a.close())
	assert.NotZero(t, size(filepath.Join(dir, "failures-0003.ndjson")), "a number that is taken is left alone")

	a, err = newAnalytics(dir, 1<<20)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	a.add(failure{Payment: 7})
	require.ErrorContains(t, a.close(), "1 failures are not in analytics: ")
}
