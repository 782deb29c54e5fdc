//go:build unix

package stream_test

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/stream"
)

// namedPipe makes a pipe with a name.
func namedPipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	return name
}

func TestTheContextEndsTheOpenOfAPipe(t *testing.T) {
	if runtime.GOOS == "linux" {
		noLeak(t)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errBoom)
	defer cancel()
	name := namedPipe(t)
	_, err := stream.Collect(ctx, stream.Lines(stream.File(name), 100))
	require.ErrorIs(t, err, errBoom)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	// What was left behind, if it was, ends with a writer.
	w, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func TestAPipeIsReadUntilItsWritersHaveClosed(t *testing.T) {
	noLeak(t)
	name := namedPipe(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next, stop := iter.Pull2(stream.Lines(stream.File(name), 100).All(ctx))
	defer stop()
	go func() {
		w, err := os.OpenFile(name, os.O_WRONLY, 0) // returns when there is a reader
		if assert.NoError(t, err) {
			_, _ = io.WriteString(w, "one\ntwo\n")
			_ = w.Close()
		}
	}()
	for _, want := range []string{"one", "two"} {
		line, err, ok := next()
		require.True(t, ok)
		require.NoError(t, err)
		assert.Equal(t, want, line)
	}
	_, _, ok := next()
	assert.False(t, ok)
}

// TestAWriterThatWritesNothingEndsAPipe has a writer that closes at once: it was
// there, so the stream ends instead of waiting for another one.
func TestAWriterThatWritesNothingEndsAPipe(t *testing.T) {
	noLeak(t)
	for range 100 {
		name := namedPipe(t)
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			w, err := os.OpenFile(name, os.O_WRONLY, 0)
			if assert.NoError(t, err) {
				_ = w.Close()
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		got, err := stream.Collect(ctx, stream.Lines(stream.File(name), 100))
		require.NoError(t, err)
		assert.Empty(t, got)
		<-wrote
		cancel()
	}
}

func TestTheContextEndsAReadOfAPipeWithAName(t *testing.T) {
	noLeak(t)
	name := namedPipe(t)
	w, err := os.OpenFile(name, os.O_RDWR, 0) // which does not wait
	require.NoError(t, err)
	defer func() { _ = w.Close() }()
	_, err = io.WriteString(w, "first\n")
	require.NoError(t, err)
	endsWithItsContext(t, stream.File(name))
}

func TestADeviceIsRead(t *testing.T) {
	noLeak(t)
	got, err := stream.Collect(t.Context(), stream.Lines(stream.File(os.DevNull), 100))
	require.NoError(t, err)
	assert.Empty(t, got)
}
