//go:build unix

package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The binary starts a process that holds the named pipe open. The pipe ends when that
// process is gone.
func TestARunLeavesNoProcessesBehind(t *testing.T) {
	for name, tt := range map[string]struct {
		last string // what the binary does at last
		want end
	}{
		"it passes":    {"exit 0", lives},
		"it fails":     {"exit 1", fails},
		"it is killed": {"wait", hangs},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			pipe, binary := filepath.Join(dir, "pipe"), filepath.Join(dir, "binary")
			require.NoError(t, syscall.Mkfifo(pipe, 0o600))
			script := "#!/bin/sh\n(echo started; sleep 60; echo left) >pipe 2>&1 &\n" + tt.last + "\n"
			require.NoError(t, os.WriteFile(binary, []byte(script), 0o700)) //nolint:gosec // it is run
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan end, 1)
			// The pipe is open for writing, too, so that a process that is killed early
			// leaves nobody waiting for it.
			f, err := os.OpenFile(pipe, os.O_RDWR, 0)
			require.NoError(t, err)
			r, err := os.Open(pipe)
			require.NoError(t, err)
			defer func() { assert.NoError(t, r.Close()) }()
			go func() {
				end, _ := test{dir: dir, binary: binary, limit: time.Hour}.try(ctx, mutant{})
				ended <- end
			}()
			lines := bufio.NewReader(r)
			if tt.want == hangs {
				line, err := lines.ReadString('\n')
				require.NoError(t, err)
				require.Equal(t, "started\n", line)
				cancel()
			}
			assert.Equal(t, tt.want, <-ended)
			require.NoError(t, f.Close())
			rest, err := io.ReadAll(lines)
			require.NoError(t, err)
			assert.NotContains(t, string(rest), "left")
		})
	}
}
