package main

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Handler is a [slog.Handler] that sends records to a [Logger], so that code
// which logs with log/slog writes to the same file.
type Handler struct {
	logger Logger
	level  slog.Leveler
	with   []func(slog.Handler) slog.Handler // the calls of WithAttrs and WithGroup
}

var _ slog.Handler = (*Handler)(nil)

// NewHandler returns a handler for records of the given level and above.
func NewHandler(l Logger, level slog.Leveler) *Handler {
	return &Handler{logger: l, level: level}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// Handle implements [slog.Handler]. It holds no lock, since the values that it
// resolves may log themselves.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	line := Line{Time: r.Time, Level: levelOf(r.Level)}
	var buffer bytes.Buffer
	var text slog.Handler = slog.NewTextHandler(&buffer, nil)
	for _, with := range h.with {
		text = with(text)
	}
	r.Time = time.Time{} // the line has it already; it is then left out
	if err := text.Handle(ctx, r); err != nil {
		return err
	}
	line.Text = strings.TrimSuffix(buffer.String(), "\n")
	line.Text = strings.TrimPrefix(line.Text, "level="+r.Level.String()+" ")
	return h.logger.Log(line)
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.and(func(text slog.Handler) slog.Handler { return text.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	return h.and(func(text slog.Handler) slog.Handler { return text.WithGroup(name) })
}

func (h *Handler) and(with func(slog.Handler) slog.Handler) *Handler {
	return &Handler{h.logger, h.level, append(slices.Clip(h.with), with)}
}

func levelOf(l slog.Level) Level {
	switch {
	case l < slog.LevelInfo:
		return Debug
	case l < slog.LevelWarn:
		return Info
	case l < slog.LevelError:
		return Warn
	default:
		return Error
	}
}
