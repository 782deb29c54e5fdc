package remote_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

func TestAPrintNamesWhatDiffers(t *testing.T) {
	secret := [16]byte{15: 7}
	r := seatmap.BookRequest{Token: seatmap.NewToken("e", 5, secret), Seats: []string{"1"}}
	p := remote.PrintOf(r)
	require.Empty(t, p.Differs(p.Text()))
	other := r
	other.Token, other.Seats = seatmap.NewToken("e", 5, [16]byte{15: 8}), nil
	require.Equal(t, []string{"Token", "Seats"}, p.Differs(remote.PrintOf(other).Text()))
	require.Equal(t, []string{"method"}, p.Differs(remote.PrintOf(seatmap.RemoveRequest{}).Text()))
	other.Token, other.Seats = r.Token, []string{}
	require.Equal(t, []string{"Seats"}, remote.PrintOf(other).Differs(remote.PrintOf(seatmap.BookRequest{Token: r.Token}).Text()))
	require.NotContains(t, p.Text(), string(secret[:]))
}

func TestRepeatTriesAgainOnlyWhatMayBeRepeated(t *testing.T) {
	policy := retry.New(retry.Options{Attempts: 3, Backoff: retry.Constant(0)})
	for _, c := range []struct {
		name  string
		keyed bool
		errs  []error
		want  error
		calls int
	}{
		{"unavailable", false, []error{seatmap.ErrUnavailable, nil}, nil, 2},
		{"unavailable to the end", false, []error{seatmap.ErrUnavailable, seatmap.ErrUnavailable, seatmap.ErrUnavailable}, seatmap.ErrUnavailable, 3},
		{"unknown, with a key", true, []error{seatmap.ErrOutcomeUnknown, nil}, nil, 2},
		{"unknown, without", false, []error{seatmap.ErrOutcomeUnknown}, seatmap.ErrOutcomeUnknown, 1},
		{"unknown, then unavailable", true, []error{seatmap.ErrOutcomeUnknown, seatmap.ErrUnavailable, seatmap.ErrUnavailable}, seatmap.ErrOutcomeUnknown, 3},
		{"a refusal", true, []error{seatmap.ErrTaken}, seatmap.ErrTaken, 1},
	} {
		calls := 0
		_, err := remote.Repeat(t.Context(), policy, c.keyed, func(context.Context) (int, error) {
			calls++
			return 0, c.errs[calls-1]
		})
		require.ErrorIs(t, err, c.want, c.name)
		require.False(t, errors.Is(err, seatmap.ErrUnavailable) && errors.Is(err, seatmap.ErrOutcomeUnknown), c.name)
		require.Equal(t, c.calls, calls, c.name)
	}
}

func TestAChooserPassesByWhatIsTaken(t *testing.T) {
	sh, closed, err := remote.NewShape(7, seatmap.Layout{Count: 4, Closed: []string{"1"}})
	require.NoError(t, err)
	require.Equal(t, []int{0}, closed)
	c, err := sh.NewChooser(t.Context(), "e", func(seat int) bool { return seat < 2 })
	require.NoError(t, err)
	defer c.Close()
	r := seatmap.BlockAnyRequest{User: "ann", N: 1, TTL: time.Hour}
	for _, want := range []int32{2, 3} { // what was chosen is taken
		list, err := c.Choose(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, []int32{want}, list)
	}
	_, err = c.Choose(t.Context(), r)
	require.ErrorIs(t, err, seatmap.ErrSoldOut)
	_, err = sh.Indices([]string{"1", "5"}, nil)
	require.ErrorIs(t, err, seatmap.ErrUnknownSeat)
	_, err = sh.Indices(nil, map[string]int{"floor": 1})
	require.ErrorIs(t, err, seatmap.ErrUnknownSeat)
}

func TestNoHoldEndsEarlyByRounding(t *testing.T) {
	require.EqualValues(t, 1, remote.Microseconds(1))
	require.EqualValues(t, 2, remote.Microseconds(1001))
	require.True(t, remote.Moment(0).IsZero())
}

func TestATokenHasTheSecretOfWhichItWasMade(t *testing.T) {
	secret := [16]byte{0: 1, 7: 2, 15: 3}
	token := seatmap.NewToken("e", 1<<63, secret)
	require.Equal(t, secret, remote.SecretOf(token))
	read, err := seatmap.ParseToken(token.Reveal())
	require.NoError(t, err)
	require.Equal(t, secret, remote.SecretOf(read))
	require.Zero(t, remote.SecretOf(seatmap.Token{}))
}
