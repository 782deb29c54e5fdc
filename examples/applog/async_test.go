//go:build unix

package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALineThatIsTooLongIsRefusedAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.log")
	w, err := openLog(file, 1<<20, false)
	require.NoError(t, err)
	l := NewAsync(w, Wait)
	require.NoError(t, appLog(l, Info, "before"))
	assert.Equal(t, ErrTooLong, appLog(l, Info, strings.Repeat("x", 2<<20)))
	for range 50 { // the longest, of which every byte is escaped
		require.NoError(t, appLog(l, Info, strings.Repeat("\n", MaxLine)))
	}
	assert.Equal(t, ErrTooLong, appLog(l, Info, strings.Repeat("x", MaxLine+1)))
	require.NoError(t, l.Close())
	assert.EqualValues(t, 51, l.Written())
	assert.Equal(t, 51, strings.Count(everything(t, file), "\n"))
}

type broken struct{}

func (broken) Write([]byte) (int, error) { panic("the writer has a bug") }

func TestAWriterThatPanicsClosesTheLog(t *testing.T) {
	for _, policy := range []Policy{Wait, Drop} {
		l := NewAsync(broken{}, policy)
		for !errors.Is(appLog(l, Info, "x"), ErrClosed) {
		}
		assert.Equal(t, ErrClosed, appLog(l, Info, "x"), "from then on")
		assert.Panics(t, func() { _ = l.Close() })
		l = NewSync(broken{}, policy)
		assert.Equal(t, ErrClosed, appLog(l, Info, "x"), "nobody waits for an answer that does not come")
		assert.Panics(t, func() { _ = l.Close() })
	}
}
