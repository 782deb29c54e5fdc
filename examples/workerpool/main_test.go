package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTwentyJobs(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "workerpool")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(built))
	out, err := exec.CommandContext(t.Context(), binary).CombinedOutput()
	require.NoError(t, err, string(out))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, lines, 21)
	assert.Equal(t, "job  1: the squares up to it make 1", lines[0])
	assert.Equal(t, "job 20: the squares up to it make 2870", lines[19])
	assert.Equal(t, "all senders are gone: 20 jobs done, the pool is closed", lines[20])
	err = exec.CommandContext(t.Context(), binary, "-workers", "0").Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 2, exit.ExitCode())
}

func TestNoJobsAndACancelledContext(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, 0, 1))
	assert.Equal(t, "all senders are gone: 0 jobs done, the pool is closed\n", out.String())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, &out, 5, 1), context.Canceled)
}
