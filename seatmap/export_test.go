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

// CheckSweeper fails if something is over before the sweeper comes.
func CheckSweeper(tb require.TestingT, m *Map) { checkSweeper(tb, m) }

// errOf returns the error of a call that also returns something else.
func errOf[T any](_ T, err error) error { return err }

// Watchers returns how many watch an event.
func Watchers(m *Map, event string) int {
	e := m.event(event)
	if e == nil {
		return 0
	}
	e.plan.mu.Lock()
	defer e.plan.mu.Unlock()
	return e.log.watchers
}

// References returns how many holds and bookings of an event have a reference.
func References(m *Map, event string) int {
	p := m.event(event).plan
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.event.refs.byFence)
}

// CheckReferences checks that the references of each event are those of holds and bookings.
func CheckReferences(tb require.TestingT, m *Map) { checkReferences(tb, m) }
