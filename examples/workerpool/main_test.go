package main

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMain(m *testing.M) { checked.Main(m) }

func TestTwentyJobs(t *testing.T) {
	binary := checked.Build(t)
	out, err := testkit.Command(t, binary).CombinedOutput()
	require.NoError(t, err, string(out))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, lines, 21)
	assert.Equal(t, "job  1: the squares up to it make 1", lines[0])
	assert.Equal(t, "job 20: the squares up to it make 2870", lines[19])
	assert.Equal(t, "all senders are gone: 20 jobs done, the pool is closed", lines[20])
	for _, bad := range []string{"-workers=0", "-jobs=-1", "stray"} {
		var exit *exec.ExitError
		if assert.ErrorAs(t, testkit.Command(t, binary, bad).Run(), &exit, bad) {
			assert.Equal(t, 2, exit.ExitCode(), bad)
		}
	}
}

func TestNoJobsAndACanceledContext(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, 0, 1))
	assert.Equal(t, "all senders are gone: 0 jobs done, the pool is closed\n", out.String())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, &out, 5, 1), context.Canceled)
}

func TestBothVersionsDoTheSame(t *testing.T) {
	for _, jobs := range []int{0, 1, 20, 1000} {
		var one, two strings.Builder
		require.NoError(t, run(t.Context(), &one, jobs, 4))
		require.NoError(t, runPool(t.Context(), &two, jobs, 4))
		assert.Equal(t, strings.ReplaceAll(one.String(), "all senders are gone", "all jobs are joined"), two.String())
	}
}

func TestThePoolEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, runPool(ctx, io.Discard, 5, 1), context.Canceled)
}

// canceling cancels at the first write, and lasts until all else waits.
type canceling struct {
	cancel       func()
	writing      atomic.Bool
	isOverlapped atomic.Bool
}

func (w *canceling) Write(p []byte) (int, error) {
	if w.writing.Swap(true) {
		w.isOverlapped.Store(true)
		return len(p), nil
	}
	defer w.writing.Store(false)
	w.cancel()
	synctest.Wait()
	return len(p), nil
}

func TestOneAtATimePrintsWhenCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		out := &canceling{cancel: cancel}
		require.ErrorIs(t, run(ctx, out, 20, 4), context.Canceled)
		assert.False(t, out.isOverlapped.Load())
	})
}
