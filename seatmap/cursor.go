package seatmap

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// Cursor is a position in the history of an event: after the change that carries
// it. The zero Cursor is the position before everything.
//
// A cursor names the life of the event: the incarnation of its history. If an event
// is removed and created again, or if a store may have lost changes by a restart or
// failover, a new life begins. An event of another name or in another store has
// another life, too. So a cursor never continues in a history that is not its own:
// a watcher that comes with a cursor of another life gets a gap and a snapshot.
type Cursor struct {
	life     uint64
	revision uint64
}

// NewCursor returns the cursor after the change with that revision. It is for
// implementations of [Store]; life is a number that the store has drawn at random
// for this life of the event, and not 0.
func NewCursor(life, revision uint64) Cursor { return Cursor{life, revision} }

// Life returns the number of the life of the event. It is for implementations of
// [Store].
func (c Cursor) Life() uint64 { return c.life }

// Revision returns the revision of the change that carries the cursor. It is for
// implementations of [Store].
func (c Cursor) Revision() uint64 { return c.revision }

// IsZero reports whether c is the position before everything.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// String returns the text of the cursor; empty for the zero Cursor.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return fmt.Sprintf("%016x-%d", c.life, c.revision)
}

// GoString returns the cursor in the form `Cursor(00c0ffee00c0ffee-7)`.
func (c Cursor) GoString() string { return "Cursor(" + c.String() + ")" }

// LogValue returns [Cursor.String].
func (c Cursor) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns [Cursor.String].
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is [ParseCursor]. If it fails, c is unchanged.
func (c *Cursor) UnmarshalText(text []byte) error {
	parsed, err := ParseCursor(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}

// ParseCursor parses what [Cursor.String] returned. The error is
// [ErrInvalidCursor].
func ParseCursor(text string) (c Cursor, err error) {
	life, revision, _ := strings.Cut(text, "-")
	if text != "" {
		c.life, err = strconv.ParseUint(life, 16, 64)
		if err == nil {
			c.revision, err = strconv.ParseUint(revision, 10, 64)
		}
	}
	if err != nil || c.String() != text { // the one form that String writes
		// The text may be a token by mistake, so the error does not repeat it.
		return Cursor{}, fmt.Errorf("%w: %d bytes that are not its text", ErrInvalidCursor, len(text))
	}
	return c, nil
}
