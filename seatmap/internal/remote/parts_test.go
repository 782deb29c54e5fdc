package remote_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// exported returns an export of an event, all of whose seats are held, each with a key.
func exported(t *testing.T, seats int) []byte {
	t.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{Manual: true})
	defer func() { require.NoError(t, m.Close()) }()
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}, Key: seatmap.NewKey("create")})
	require.NoError(t, err)
	for i := range seats {
		seat := strconv.Itoa(i + 1)
		_, err := m.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "user " + seat, Key: seatmap.NewKey(seat), Seats: []string{seat}, TTL: time.Hour})
		require.NoError(t, err)
	}
	var b bytes.Buffer
	_, err = m.Export(t.Context(), seatmap.ExportRequest{Event: "e"}, &b)
	require.NoError(t, err)
	return b.Bytes()
}

func TestPartsComeInOrderWithTheirAnswers(t *testing.T) {
	const seats = 2500
	next, parts := uint32(0), 0
	e, err := remote.ReadParts(t.Context(), bytes.NewReader(exported(t, seats)), func(e *port.Event, p *port.Part) (*port.Part, error) {
		require.Equal(t, "e", e.Name)
		require.Equal(t, seats, e.Count)
		require.Len(t, e.Keys, 1)
		require.GreaterOrEqual(t, e.Fence, p.Grants[len(p.Grants)-1].Fence)
		return p, nil
	}, func(p *port.Part) error {
		parts++
		require.Len(t, p.Answers, len(p.Grants))
		for i, g := range p.Grants {
			require.Equal(t, []uint32{next}, g.Seats)
			next++
			a := p.Answers[i]
			require.Equal(t, i, a.Of)
			require.Equal(t, [2]string{"user " + strconv.Itoa(int(next)), strconv.Itoa(int(next))}, [2]string{a.User, a.Key})
			require.Equal(t, g.Proof, a.Proof)
		}
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, seats, next)
	require.Greater(t, parts, 1)
	require.Equal(t, "create", e.CreateKey)
	require.Equal(t, seatmap.Layout{Count: seats}, e.Layout)
}

// TestAnErrorEndsReadingAndLoading also reads an export that does not end before its reader is told
// to: of an import that cannot succeed, the exporting store hears while it still has the event.
func TestAnErrorEndsReadingAndLoading(t *testing.T) {
	export := exported(t, 10_000)
	mine := errors.New("mine")
	loaded := atomic.Int32{}
	keep := func(_ *port.Event, p *port.Part) (*port.Part, error) { return p, nil }
	load := func(*port.Part) error { //nolint:unparam // its type
		loaded.Add(1)
		return nil
	}

	in, out := io.Pipe()
	go func() { _, _ = out.Write(export[:len(export)-1]) }()
	_, err := remote.ReadParts(t.Context(), in, keep, func(*port.Part) error { return mine })
	require.ErrorIs(t, err, mine)
	require.NoError(t, in.Close())

	_, err = remote.ReadParts(t.Context(), bytes.NewReader(export), func(*port.Event, *port.Part) (*port.Part, error) { return nil, mine }, load)
	require.ErrorIs(t, err, mine)
	require.Zero(t, loaded.Load())

	_, err = remote.ReadParts(t.Context(), bytes.NewReader(export[:len(export)/2]), keep, load)
	require.ErrorIs(t, err, seatmap.ErrInvalidExport)
	before := loaded.Load()
	require.Positive(t, before)

	require.PanicsWithValue(t, "reader", func() {
		_, _ = remote.ReadParts(t.Context(), io.MultiReader(bytes.NewReader(export[:len(export)/2]), panics{}), keep, load)
	})
	require.Greater(t, loaded.Load(), before, "what was read is loaded, and nothing runs any more")

	_, err = remote.ReadParts(t.Context(), bytes.NewReader(exported(t, 1)), keep, func(*port.Part) error { return mine })
	require.ErrorIs(t, err, mine, "of the last part, after all was read")
}

type panics struct{}

func (panics) Read([]byte) (int, error) { panic("reader") }
