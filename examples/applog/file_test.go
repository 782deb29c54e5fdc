//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestNoOldFileReplacesAnother(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.log")
	w, err := openLog(file, 1<<20, false)
	require.NoError(t, err)
	const pieces = 100
	synctest.Test(t, func(t *testing.T) { // writing takes no time
		for range pieces {
			_, err := w.Write(append(bytes.Repeat([]byte("x"), 100<<10-1), '\n'))
			require.NoError(t, err)
		}
	})
	require.NoError(t, w.Close())
	assert.Len(t, everything(t, file), pieces*100<<10)
	assert.Len(t, logs(t, file), pieces/10)
}

// limited runs the program with files of at most so many blocks of 512 bytes.
func limited(t *testing.T, file string, blocks int, args ...string) (code int, out string) {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	args = append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$@"`, blocks), "sh", binary, "-file", file}, args...)
	text, err := testkit.Command(t, "sh", args...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(text)
	}
	require.NoError(t, err)
	return 0, string(text)
}

func TestWhatAFullDiskLosesIsCounted(t *testing.T) {
	for _, accept := range []string{"queued", "written", "synced"} {
		file := filepath.Join(t.TempDir(), "app.log")
		code, out := limited(t, file, 20, "-lines=1000", "-accept="+accept)
		assert.Equal(t, 1, code, out)
		assert.Contains(t, out, "file too large")
		var accepted, dropped, written, lost int
		_, err := fmt.Sscanf(out[strings.Index(out, "accepted="):], "accepted=%d dropped=%d written=%d lost=%d",
			&accepted, &dropped, &written, &lost)
		require.NoError(t, err, out)
		text := everything(t, file)
		assert.Equal(t, written, strings.Count(text, "\n"), accept)
		assert.True(t, strings.HasSuffix(text, "\n"), "half a line is taken back")
		assert.Equal(t, accepted, written+lost, accept)
		if accept == "queued" {
			assert.Positive(t, lost)
			assert.Contains(t, out, fmt.Sprintf("%d accepted lines are lost: ", lost))
		} else {
			assert.Zero(t, lost, "what was accepted is there")
			assert.Less(t, accepted, 3002)
		}
	}
}

// narrow takes so many bytes a write, then fails.
type narrow struct {
	room int
	text strings.Builder
}

var errNoRoom = errors.New("no room")

func (n *narrow) Write(p []byte) (int, error) {
	if len(p) <= n.room {
		n.room -= len(p)
		return n.text.Write(p)
	}
	whole := bytes.LastIndexByte(p[:n.room], '\n') + 1
	_, _ = n.text.Write(p[:whole])
	n.room = 0
	return whole, errNoRoom
}

func TestLostLinesAreReportedInTheLogOnceItWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &narrow{room: 20}
		l := NewAsync(w, Wait)
		log := func(text string) {
			require.NoError(t, l.Log(Line{Level: Info, Text: text}))
			synctest.Wait() // a batch of its own
		}
		log("one") // 9 bytes
		log("two")
		log("three")
		log("four")
		w.room = 5 // not even for the report
		log("five")
		w.room = 1000
		log("six")
		log("seven")
		require.ErrorIs(t, l.Close(), errNoRoom)
		assert.EqualValues(t, 4, l.Written())
		assert.EqualValues(t, 3, l.Lost())
		lines := strings.Split(w.text.String(), "\n")
		require.Len(t, lines, 6)
		assert.Equal(t, []string{"INFO one", "INFO two"}, lines[:2])
		assert.Contains(t, lines[2], " WARN applog: 3 lines are lost here: no room")
		assert.Equal(t, []string{"INFO six", "INFO seven", ""}, lines[3:])
	})
}

func TestASyncLoggerReturnsTheErrorOfTheWrite(t *testing.T) {
	w := &narrow{room: 9}
	l := NewSync(w, Wait)
	require.NoError(t, l.Log(Line{Level: Info, Text: "one"}))
	require.ErrorIs(t, l.Log(Line{Level: Info, Text: "two"}), errNoRoom)
	w.room = 9
	require.NoError(t, l.Log(Line{Level: Info, Text: "two"}))
	require.ErrorIs(t, l.Close(), errNoRoom)
	assert.Equal(t, "INFO one\nINFO two\n", w.text.String())
	assert.EqualValues(t, 2, l.Written())
	assert.Zero(t, l.Lost(), "nobody was told otherwise")
	require.ErrorIs(t, l.Log(Line{}), ErrClosed)
}

func TestASecondProcessIsToldWhoHasTheFile(t *testing.T) {
	cmd, file, out := start(t, "-lines=0", "-services=1", "-accept=synced")
	for size(file) == 0 {
		runtime.Gosched()
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(file, link))
	for _, name := range []string{file, link} {
		code, text := limited(t, name, 1000, "-lines=1")
		assert.Equal(t, 1, code)
		assert.Contains(t, text, fmt.Sprintf("in use by process %d since ", cmd.Process.Pid))
		assert.Equal(t, 1, strings.Count(text, "\n"), text)
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), out.String())
	check(t, file, out.String())
}

func TestWhatIsNoLogFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	for path, text := range map[string]string{
		dir: "is a directory", fifo: "no such device or address", filepath.Join(plain, "app.log"): "not a directory",
	} {
		code, out := limited(t, path, 1000, "-lines=1")
		assert.Equal(t, 1, code, path)
		assert.Contains(t, out, text)
		assert.Equal(t, 1, strings.Count(out, "\n"), out)
	}
	for _, accept := range []string{"queued", "written"} {
		code, out := limited(t, "/dev/full", 1000, "-lines=10", "-accept="+accept)
		assert.Equal(t, 1, code)
		assert.Contains(t, out, "no space left on device")
		assert.Contains(t, out, "written=0")
	}
	_, err := openLog("/dev/full", 1<<20, true)
	require.ErrorContains(t, err, "cannot be synced")
}

func TestARenamedOrRemovedFileIsFollowedByANewOne(t *testing.T) {
	for _, take := range []func(file string) error{
		func(file string) error { return os.Rename(file, file+".1") },
		os.Remove,
		func(file string) error { return os.RemoveAll(filepath.Dir(file)) },
		func(file string) error { // another's file in its place
			return errors.Join(os.Remove(file), os.WriteFile(file, []byte("half a line"), 0o600))
		},
	} {
		file := filepath.Join(t.TempDir(), "logs", "app.log")
		w, err := openLog(file, 1<<20, true)
		require.NoError(t, err)
		l := NewSync(w, Wait)
		require.NoError(t, appLog(l, Info, "before"))
		require.NoError(t, take(file))
		require.NoError(t, appLog(l, Info, "after"))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Regexp(t, `(^|\n)\S+ INFO after\n$`, string(text))
		_, err = lockfile.TryLock(file + ".lock")
		require.ErrorIs(t, err, lockfile.ErrHeld)
		require.NoError(t, l.Close())
	}
}

func TestAFileHasOneLockWhateverLinkLeadsToIt(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "app.log"), filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("app.log", link))
	w, err := openLog(link, 1<<20, false) // the file is yet to be made
	require.NoError(t, err)
	for _, path := range []string{file, link} {
		_, err = openLog(path, 1<<20, false)
		require.ErrorIs(t, err, lockfile.ErrHeld, path)
	}
	require.NoError(t, w.Close())
}

func TestALockThatSomebodyRemovedIsTakenAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.log")
	w, err := openLog(file, 1<<20, false)
	require.NoError(t, err)
	require.NoError(t, os.Remove(file+".lock"))
	_, err = w.Write([]byte("one\n"))
	require.NoError(t, err)
	_, err = openLog(file, 1<<20, false)
	require.ErrorIs(t, err, lockfile.ErrHeld)

	require.NoError(t, os.Remove(file+".lock"))
	other, err := openLog(file, 1<<20, false)
	require.NoError(t, err)
	_, err = w.Write([]byte("two\n"))
	require.ErrorIs(t, err, lockfile.ErrHeld, "the file is another's now")
	require.NoError(t, other.Close())
	_, err = w.Write([]byte("three\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "one\nthree\n", string(text))
}

func TestARotationThatFailsLosesNothing(t *testing.T) {
	// A name of 250 bytes is too long for the name of an old file.
	file := filepath.Join(t.TempDir(), strings.Repeat("x", 240)+".log")
	w, err := openLog(file, 1<<20, false)
	require.NoError(t, err)
	l := NewAsync(w, Wait)
	for range 40 {
		require.NoError(t, appLog(l, Info, strings.Repeat("x", 60_000)))
	}
	require.ErrorContains(t, l.Close(), "cannot rotate")
	assert.EqualValues(t, 40, l.Written())
	assert.Equal(t, 40, strings.Count(everything(t, file), "\n"))
}

// acking makes the test binary log to the file that it names, and print the
// number of each line that was accepted.
const acking = "APPLOG_ACKING"

func acknowledge(file string) {
	w, err := openLog(file, 1<<20, os.Getenv("APPLOG_SYNC") != "")
	if err != nil {
		panic(err)
	}
	l := NewSync(w, Wait)
	for i := range 4 {
		go func() {
			for n := i; ; n += 4 {
				if l.Log(Line{Level: Info, Text: fmt.Sprint("line ", n)}) == nil {
					fmt.Println(n)
				}
			}
		}()
	}
	select {}
}

func TestWhatWasAcceptedAsWrittenOutlivesAKill(t *testing.T) {
	for _, sync := range []string{"", "1"} {
		for round := range 5 {
			file := filepath.Join(t.TempDir(), "app.log")
			cmd := testkit.Self(t)
			cmd.Env = append(os.Environ(), acking+"="+file, "APPLOG_SYNC="+sync)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			accepted := bufio.NewScanner(out)
			var numbers []string
			for accepted.Scan() {
				if numbers = append(numbers, accepted.Text()); len(numbers) == 50*(round+1) {
					require.NoError(t, cmd.Process.Kill())
				}
			}
			require.Error(t, cmd.Wait())
			text := everything(t, file)
			for _, n := range numbers {
				require.Contains(t, text, "INFO line "+n+"\n")
			}
			w, err := openLog(file, 1<<20, false)
			require.NoError(t, err, "a killed process leaves no lock")
			require.NoError(t, w.Close())
		}
	}
}

func TestHalfALineOfAKilledProcessStaysAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.log")
	require.NoError(t, os.WriteFile(file, []byte("whole\nhal"), 0o600))
	w, err := openLog(file, 1<<20, false)
	require.NoError(t, err)
	_, err = w.Write([]byte("next\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	assert.Equal(t, "whole\nhal\nnext\n", everything(t, file))
}

func TestCallersOfASyncLoggerShareAWrite(t *testing.T) {
	w := &blocked{gate: make(chan struct{})}
	l := NewSync(w, Wait)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { assert.NoError(t, appLog(l, Info, "x")) })
	}
	close(w.gate)
	wg.Wait()
	require.NoError(t, l.Close())
	assert.EqualValues(t, 100, l.Written())
}
