package pgseat

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

func TestChangesAreReadAsTheyWerePacked(t *testing.T) {
	list := []change{
		{revision: math.MaxInt64, previous: 7, kind: seatmap.ChangeBooked, owner: "ann", seats: []int32{0, 8}, fence: 9, at: 10, until: 11, reference: "order 1", paying: 12, by: doing{"op", "why"}, quota: "club", from: []int32{3}, fromFence: 4},
		{revision: 1, kind: seatmap.ChangeExpired, seats: []int32{}},
	}
	packed := packChanges(list)
	read, err := unpackChanges(packed, 9)
	require.NoError(t, err)
	require.Equal(t, list, read)
	_, err = unpackChanges(packed, 8)
	require.ErrorIs(t, err, ErrSchema, "a seat that there is not")
	whole := len(packChanges(list[:1]))
	for n := range packed {
		if _, err := unpackChanges(packed[:n], 9); n != 0 && n != whole {
			require.ErrorIs(t, err, ErrSchema, "the first %d bytes", n)
		}
	}
	_, err = unpackChanges(append(packed[:len(packed)-1:len(packed)-1], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), 9)
	require.ErrorIs(t, err, ErrSchema, "a length beyond the end")
}

func TestARecordIsFoundByItsToken(t *testing.T) {
	s := &Store{mac: remote.NewMAC([]byte("secret"))}
	for _, c := range []struct{ id, fence int64 }{{1, 1}, {1, 1 << distance}, {1 << 60, 1<<60 + 12345}} {
		require.True(t, fits(c.id, c.fence))
		token := s.token("e", c.id, c.fence)
		require.Equal(t, c.id, s.recordOf(token))
		token.Fence++
		require.Zero(t, s.recordOf(token))
		require.Zero(t, (&Store{mac: remote.NewMAC([]byte("other"))}).recordOf(s.token("e", c.id, c.fence)))
		token = s.token("f", c.id, c.fence)
		token.Event = "e"
		require.Zero(t, s.recordOf(token))
	}
	require.False(t, fits(1, 1<<distance+1))
	require.Zero(t, s.recordOf(seatmap.Token{}))
}
