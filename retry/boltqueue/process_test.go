//go:build unix

package boltqueue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/boltqueue"
)

func TestASecondProcessIsToldAtOnceWhoHoldsTheFile(t *testing.T) {
	if path, inside := testkit.InChild(); inside {
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
	c := testkit.StartChild(t, path)
	require.Equal(t, "open <nil>", c.Line())
	link := path + ".link"
	require.NoError(t, os.Symlink(path, link))
	for _, name := range []string{path, link} {
		_, err := boltqueue.Open(name, boltqueue.Options[string]{})
		require.ErrorIs(t, err, boltqueue.ErrHeld)
		held, ok := errors.AsType[*boltqueue.HeldError](err)
		require.True(t, ok)
		host, err := os.Hostname()
		require.NoError(t, err)
		assert.Equal(t, c.Process.Pid, held.Owner.PID)
		assert.Equal(t, host, held.Owner.Host)
		assert.Equal(t, filepath.Base(os.Args[0]), held.Owner.Program)
		assert.ErrorContains(t, held, fmt.Sprintf("boltqueue: %s is held by process %d (", name, c.Process.Pid))
	}
	// A process that waits gets the file as soon as the first is dead, claims
	// and all.
	time.AfterFunc(20*time.Millisecond, func() { _ = c.Process.Kill() })
	s, err := boltqueue.Open(path, boltqueue.Options[string]{Timeout: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, "value", claimAll(t, s)["a"].Value)
	_, err = boltqueue.Open(path, boltqueue.Options[string]{})
	require.ErrorContains(t, err, fmt.Sprintf("is held by process %d (", os.Getpid()))
	require.NoError(t, s.Close())
	require.NoFileExists(t, path+".owner")
	_ = c.In.Close()
	_ = c.Wait()
}

const killedWorkers = 4

// TestAQueueThatIsKilledLosesNothing has processes add jobs and handle them, and
// kills each of them. The parent is the service that the handlers call: it knows
// each call with its fence.
func TestAQueueThatIsKilledLosesNothing(t *testing.T) {
	if path, inside := testkit.InChild(); inside {
		workUntilKilled(path)
		return
	}
	path := newPath(t)
	kills := max(rounds(8), 3)
	type call struct{ fence, attempts int }
	var (
		added    = map[string]bool{}
		last     = map[string]call{} // by key
		ok       = map[string]int{}  // handlers that succeeded
		done     = map[string]bool{} // the store said so
		fences   = map[int]bool{}
		highest  int // of the processes before
		reached  int // of this one
		repeated int
	)
	hear := func(line string) {
		var word, key string
		var c call
		_, _ = fmt.Sscan(line, &word, &key, &c.fence, &c.attempts)
		switch word {
		case "added":
			added[key] = true
		case "run":
			require.False(t, done[key], "%s is handled after the store was told that it is done", key)
			require.False(t, fences[c.fence], "fence %d is given out twice", c.fence)
			require.Greater(t, c.fence, highest, "a fence from before the crash")
			require.Greater(t, c.fence, last[key].fence, key)
			require.Greater(t, c.attempts, last[key].attempts, "%s: a lost attempt counts", key)
			fences[c.fence], last[key], reached = true, c, max(reached, c.fence)
		case "ok":
			if ok[key]++; ok[key] > 1 {
				repeated++
			}
		case "done":
			done[key] = true
		}
	}
	for range kills {
		c := testkit.StartChild(t, path)
		most := len(added) + 10 + rand.IntN(100)
		for len(added) < most {
			hear(c.Line())
		}
		c.Kill(hear)
		highest = reached
	}
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	heard := make(chan string, 1<<16)
	q := worker(s, func(format string, args ...any) { heard <- fmt.Sprintf(format, args...) })
	ran := make(chan error, 1)
	go func() { ran <- q.Run(context.Background()) }()
	require.NoError(t, q.Wait(t.Context()))
	require.NoError(t, q.Shutdown(t.Context()))
	require.NoError(t, <-ran)
	close(heard)
	for line := range heard {
		hear(line)
	}
	for key := range added {
		require.NotZero(t, ok[key], "%s was accepted", key)
	}
	assert.LessOrEqual(t, repeated, kills*killedWorkers, "only what was in work may come again")
	t.Logf("%d jobs, %d handled again after %d kills", len(added), repeated, kills)
}

// worker returns a queue whose handlers fail sometimes and say what they do.
func worker(s retry.Store[string], say func(format string, args ...any)) *retry.Queue[string] {
	return retry.NewQueue(retry.QueueOptions[string]{
		Store: s, Workers: killedWorkers, Lease: time.Hour,
		Policy: retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(0)}),
		Handle: func(_ context.Context, j retry.Job[string]) error {
			say("run %s %d %d\n", j.Key, j.Fence, j.Attempts)
			if rand.IntN(4) == 0 {
				return errCodec
			}
			say("ok %s\n", j.Key)
			return nil
		},
		OnSuccess: func(_ context.Context, j retry.Job[string]) { say("done %s\n", j.Key) },
	})
}

func workUntilKilled(path string) {
	s, err := boltqueue.Open(path, boltqueue.Options[string]{Timeout: time.Minute})
	if err != nil {
		panic(err)
	}
	q := worker(s, func(format string, args ...any) { fmt.Printf(format, args...) })
	begin := time.Now().UnixNano()
	go func() {
		for i := 0; ; i++ {
			key := fmt.Sprintf("%d-%d", begin, i)
			if _, err := q.Enqueue(context.Background(), key, "value", 0); err != nil {
				panic(err)
			}
			fmt.Printf("added %s\n", key)
		}
	}()
	panic(q.Run(context.Background()))
}

// TestAFullDiskIsAnError limits the size of files in a process of its own.
func TestAFullDiskIsAnError(t *testing.T) {
	if path, inside := testkit.InChild(); inside {
		fill(path)
		return
	}
	path := newPath(t)
	require.NoError(t, open(t, path).Close())
	out, err := testkit.NewChild(t, path).Output()
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
	assert.Equal(t, retry.QueueStats{Waiting: added}, stats, "what was answered")
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
