package seatmap

import (
	"fmt"
	"strconv"
	"strings"
)

// Cursor is a place between two changes of an event: after the one that carries
// it. The zero Cursor is before everything.
//
// It names the life of the event that it is of. An event that was removed and
// made again, one of another name and one in another store have other lives, so
// that a cursor never goes on in a history that is not its own.
type Cursor struct {
	life     uint64
	revision uint64
}

// IsZero says whether the cursor is before everything.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// String returns the text of the cursor; empty for the zero Cursor.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return fmt.Sprintf("%016x-%d", c.life, c.revision)
}

// MarshalText returns [Cursor.String].
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is [ParseCursor]. On error it leaves c unchanged.
func (c *Cursor) UnmarshalText(text []byte) error {
	parsed, err := ParseCursor(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}

// ParseCursor reads what [Cursor.String] wrote. The error is [ErrInvalidCursor].
func ParseCursor(text string) (c Cursor, err error) {
	life, revision, _ := strings.Cut(text, "-")
	if text != "" {
		c.life, err = strconv.ParseUint(life, 16, 64)
		if err == nil {
			c.revision, err = strconv.ParseUint(revision, 10, 64)
		}
	}
	if err != nil || c.String() != text { // the one form that String writes
		// It may be a token by mistake, so the text is not repeated.
		return Cursor{}, fmt.Errorf("%w: %d bytes that are not its text", ErrInvalidCursor, len(text))
	}
	return c, nil
}
