//go:build unix

package main

import (
	"bytes"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/natefinch/lumberjack.v2"
)

func TestNoOldFileReplacesAnother(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.log")
	w := &rotated{Logger: lumberjack.Logger{Filename: file, MaxSize: 1}}
	write := func(size int) {
		_, err := w.Write(bytes.Repeat([]byte("x"), size))
		require.NoError(t, err)
	}
	write(1) // starts lumberjack's goroutine, which never ends, outside the bubble
	const pieces = 100
	synctest.Test(t, func(*testing.T) { // writing takes no time
		for range pieces {
			write(100 << 10)
		}
	})
	require.NoError(t, w.Close())
	assert.Equal(t, 1+pieces*(100<<10), len(everything(t, file)))
	assert.Len(t, logs(t, file), pieces/10)
}
