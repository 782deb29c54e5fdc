package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// Handler is a [slog.Handler] that sends records to a [Logger], so that code
// which logs with log/slog writes to the same file.
type Handler struct {
	logger Logger
	state  *handlerState
	text   slog.Handler // writes the message and attributes to state.buffer
}

type handlerState struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

var _ slog.Handler = (*Handler)(nil)

// NewHandler returns a handler for records of the given level and above.
func NewHandler(l Logger, level slog.Leveler) *Handler {
	state := new(handlerState)
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTimeAndLevel}
	return &Handler{l, state, slog.NewTextHandler(&state.buffer, options)}
}

// withoutTimeAndLevel drops what the line has already.
func withoutTimeAndLevel(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.text.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	h.state.mu.Lock()
	h.state.buffer.Reset()
	err := h.text.Handle(ctx, r)
	text := strings.TrimSuffix(h.state.buffer.String(), "\n")
	h.state.mu.Unlock()
	if err != nil {
		return err
	}
	return h.logger.Log(Line{Time: r.Time, Level: levelOf(r.Level), Text: text})
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{h.logger, h.state, h.text.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.logger, h.state, h.text.WithGroup(name)}
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
