package seatmap

import "github.com/stretchr/testify/require"

// TokenBits is how many bits Damaged can flip: of fence, seat and tag.
const TokenBits = 64 + 32 + 128

// Damaged returns the token with one bit flipped.
func Damaged(t Token, bit int) Token {
	switch {
	case bit < 64:
		t.Fence ^= 1 << bit
	case bit < 96:
		t.seat ^= 1 << (bit - 64)
	case bit < 160:
		t.tag[0] ^= 1 << (bit - 96)
	default:
		t.tag[1] ^= 1 << (bit - 160)
	}
	return t
}

// CursorOf makes a cursor.
func CursorOf(life, revision uint64) Cursor { return Cursor{life, revision} }

// Life returns which life of an event a cursor is of.
func (c Cursor) Life() uint64 { return c.life }

// CheckSweeper fails if something is over before the sweeper comes.
func CheckSweeper(tb require.TestingT, m *Map) { checkSweeper(tb, m) }

// Watchers returns how many watch an event.
func Watchers(m *Map, event string) int {
	e, err := m.find(event)
	if err != nil {
		return 0
	}
	e.plan.mu.Lock()
	defer e.plan.mu.Unlock()
	return e.log.watchers
}
