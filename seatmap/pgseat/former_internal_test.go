package pgseat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

func TestTokensOfAnotherStoreAreReadAsTheyWereSealed(t *testing.T) {
	s := &Store{mac: remote.NewMAC([]byte("secret"))}
	key := port.Key{Tags: [16]byte{1}, Secrets: [16]byte{2}}
	proof := func(fence uint64, first uint32) port.Proof {
		return port.Proof{Fence: fence, First: first, Secret: port.SecretsOf(key)(fence, first)}
	}
	other := port.Proof{Fence: 5, First: 1, Secret: [16]byte{9}} // made by neither key
	f := newFormer([]port.Key{{Tags: [16]byte{7}}, key}, []port.Proof{proof(9, 2), other, proof(9, 2), proof(3, 4)})
	sealed := s.seal("e", f)
	read, err := s.unseal("e", sealed)
	require.NoError(t, err)
	require.Equal(t, f, read)
	require.Equal(t, []port.Proof{proof(3, 4), other, proof(9, 2)}, read.tokens)
	token := func(p port.Proof) seatmap.Token { return port.TokenOf("e", p).(seatmap.Token) }
	for _, p := range []port.Proof{proof(3, 4), other, proof(9, 2), proof(4, 1)} {
		require.EqualValues(t, p.Fence, read.recordOf(token(p)))
	}
	for _, p := range []port.Proof{proof(5, 1), {Fence: 4, First: 1}, {Fence: 9, First: 2}} {
		require.Zero(t, read.recordOf(token(p)))
	}
	require.Equal(t, token(other), s.tokenOf(&shape{former: read}, "e", 5, 5))
	require.Equal(t, s.token("e", 4, 6), s.tokenOf(&shape{former: read}, "e", 4, 6))

	for n := 1; n < len(sealed); n += 7 {
		_, err := s.unseal("e", sealed[:n])
		require.ErrorIs(t, err, ErrSchema)
	}
	_, err = s.unseal("f", sealed)
	require.ErrorIs(t, err, ErrSchema, "of another event")
	_, err = (&Store{mac: remote.NewMAC([]byte("other"))}).unseal("e", sealed)
	require.ErrorIs(t, err, ErrSchema)
	none, err := s.unseal("e", nil)
	require.NoError(t, err)
	require.Nil(t, none)
	require.Zero(t, none.recordOf(token(other)))
}
