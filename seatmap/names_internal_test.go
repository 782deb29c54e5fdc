package seatmap

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// isPlain agrees with its definition for texts of all lengths.
func TestPlainTextsAreFromSpaceToTilde(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				text := []byte("abcdefghijklmnopqrst")[:n]
				text[at] = byte(c)
				require.Equal(t, c >= 0x20 && c <= 0x7E, isPlain(string(text)), "%q", text)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0x1F, 0x20, 0x21, 0x7E, 0x7F, 0x80, 0xFF}), 1, 30).Draw(t, "text")
		want := true
		for _, c := range text {
			want = want && c >= 0x20 && c <= 0x7E
		}
		require.Equal(t, want, isPlain(string(text)))
	})
}

// A plan that is restored without its last grants still knows their tokens.
func TestATokenWhoseGrantWasLostIsExpired(t *testing.T) {
	key := randomKey()
	restored := func(fence uint64) *Plan {
		p := newPlan("concert", &labels{count: 3}, nil, NewClock(), key)
		p.fence = fence
		return p
	}
	lost := restored(0)
	first, err := lost.Block(1, time.Hour, 0)
	require.NoError(t, err)
	second, err := lost.Block(1, time.Hour, 1)
	require.NoError(t, err)
	booking, err := lost.Book(second)
	require.NoError(t, err)
	p := restored(lost.fence) // a fence is never used again
	next, err := p.Block(2, time.Hour, 0)
	require.NoError(t, err)
	require.Greater(t, next.Fence, booking.Fence)
	for _, token := range []Token{first, second, booking} {
		_, err := p.Book(token)
		require.ErrorIs(t, err, ErrExpired)
		require.ErrorIs(t, p.Release(token), ErrExpired)
		require.ErrorIs(t, p.Cancel(token), ErrExpired)
		_, err = p.Extend(token, time.Hour)
		require.ErrorIs(t, err, ErrExpired)
		require.False(t, errors.Is(err, ErrToken))
		require.ErrorIs(t, p.Release(Damaged(token, 70)), ErrToken)
	}
	_, err = p.Book(next)
	require.NoError(t, err)
	_, err = restored(0).Book(next) // of a fence that this plan has not reached
	require.ErrorIs(t, err, ErrExpired)
}
