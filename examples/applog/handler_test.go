package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linesOf returns the lines that f logs.
func linesOf(t *testing.T, f func(l Logger, log *slog.Logger)) []string {
	t.Helper()
	var text bytes.Buffer
	l := NewAsync(&text, Wait)
	f(l, slog.New(NewHandler(l, slog.LevelInfo)))
	require.NoError(t, l.Close())
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
}

func TestTheHandlerKeepsAttributesAndGroups(t *testing.T) {
	lines := linesOf(t, func(l Logger, log *slog.Logger) {
		log = log.With("service", 3)
		log.Debug("not enabled")
		log.Warn("two\nlines", "n", 1)
		g := log.WithGroup("g")
		g.With("a", 1).Error("bad", "err", "x")
		g.With("b", 2).Log(t.Context(), slog.LevelInfo+1, "good")
		require.NoError(t, appLog(l, Debug, "a\r\nb"))
	})
	require.Len(t, lines, 4)
	assert.Contains(t, lines[0], ` WARN msg="two\nlines" service=3 n=1`)
	assert.Contains(t, lines[1], ` ERROR msg=bad service=3 g.a=1 g.err=x`)
	assert.Contains(t, lines[2], ` INFO msg=good service=3 g.b=2`)
	assert.Contains(t, lines[3], ` DEBUG a\r\nb`)
	assert.Equal(t, "UNKNOWN", Level(9).String())
}

func TestTheHandlerKeepsAttributesNamedLikeItsOwn(t *testing.T) {
	lines := linesOf(t, func(_ Logger, log *slog.Logger) {
		log.With("time", "12:00").Info("lift", "level", slog.LevelInfo)
	})
	require.Len(t, lines, 1)
	assert.True(t, strings.HasSuffix(lines[0], ` INFO msg=lift time=12:00 level=INFO`), lines[0])
}

func TestTheHandlerLeavesOutATimeThatIsZero(t *testing.T) {
	lines := linesOf(t, func(_ Logger, log *slog.Logger) {
		require.NoError(t, log.Handler().Handle(t.Context(), slog.NewRecord(time.Time{}, slog.LevelInfo, "x", 0)))
	})
	assert.Equal(t, []string{"INFO msg=x"}, lines)
}

// logging is a value that logs.
type logging struct{ log *slog.Logger }

func (v logging) LogValue() slog.Value {
	v.log.Info("inner")
	return slog.StringValue("v")
}

func TestAValueMayLog(t *testing.T) {
	lines := linesOf(t, func(_ Logger, log *slog.Logger) { log.Info("outer", "value", logging{log}) })
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], "msg=inner")
	assert.Contains(t, lines[1], "msg=outer value=v")
}
