//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestASignalLeavesNoFiles(t *testing.T) {
	binary := checked.Build(t)
	for _, endless := range []string{"-lines=1000000000", "-rows=1000000000", "-events=1000000000"} {
		dir := t.TempDir()
		cmd := testkit.Command(t, binary, "-lines=1", "-events=1", "-rows=1", endless)
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		require.NoError(t, cmd.Start())
		made := func() []string {
			files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
			require.NoError(t, err)
			return files
		}
		for len(made()) == 0 {
			runtime.Gosched()
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.Error(t, cmd.Wait())
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, left, endless)
	}
}

func TestWritingTheFileEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, writeFile(ctx, filepath.Join(t.TempDir(), "lines"), 1_000_000), context.Canceled)
}
