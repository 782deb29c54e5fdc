package redisseat_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// node returns the id of a node of a cluster.
func (s *server) node() string { return strings.TrimSpace(s.do("CLUSTER", "MYID")) }

// TestAnEventIsWholeWhileItsSlotMoves moves one key of an event to another node of a cluster, which
// an administrator can do at any time. Each call is carried out or refused as a whole.
func TestAnEventIsWholeWhileItsSlotMoves(t *testing.T) {
	nodes := startCluster(t)
	from, to := nodes[0], nodes[1]
	store := open(t, from.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	var events []string
	for i := 0; len(events) < 8; i++ { // which are on the first node
		event := "e" + strconv.Itoa(i)
		slot, err := strconv.Atoi(from.do("CLUSTER", "KEYSLOT", base(event)))
		require.NoError(t, err)
		if slot < 5000 {
			events = append(events, event)
		}
	}
	host, port, err := net.SplitHostPort(to.address)
	require.NoError(t, err)
	backHost, backPort, err := net.SplitHostPort(from.address)
	require.NoError(t, err)
	calls := map[string]func(event string, h seatmap.Hold) error{
		"Release": func(_ string, h seatmap.Hold) error {
			_, err := store.Release(ctx, seatmap.ReleaseRequest{Token: h.Token})
			return err
		},
		"Release of a part": func(_ string, h seatmap.Hold) error {
			_, err := store.Release(ctx, seatmap.ReleaseRequest{Token: h.Token, Seats: []string{"1"}})
			return err
		},
		"Book": func(_ string, h seatmap.Hold) error {
			_, err := store.Book(ctx, seatmap.BookRequest{Token: h.Token})
			return err
		},
		"Extend": func(_ string, h seatmap.Hold) error {
			_, err := store.Extend(ctx, seatmap.ExtendRequest{Token: h.Token, TTL: 2 * time.Hour})
			return err
		},
		"Block": func(event string, _ seatmap.Hold) error {
			_, err := store.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"5"}, TTL: time.Hour})
			return err
		},
		"Remove": func(event string, _ seatmap.Hold) error {
			_, err := store.Remove(ctx, seatmap.RemoveRequest{Event: event})
			return err
		},
	}
	for i, kind := range []string{"e", "s", "r", "d", "u", "k", "w", "l"} {
		event := events[i]
		slot := from.do("CLUSTER", "KEYSLOT", base(event))
		for name, call := range calls {
			_, err := store.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 9}, Key: seatmap.NewKey(name)})
			require.NoError(t, err)
			h, err := store.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1", "2"}, TTL: time.Hour, Key: seatmap.NewKey("k")})
			require.NoError(t, err)
			_, err = store.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"3"}, TTL: time.Hour})
			require.NoError(t, err)
			require.Equal(t, "OK", to.do("CLUSTER", "SETSLOT", slot, "IMPORTING", from.node()))
			require.Equal(t, "OK", from.do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.node()))
			var moved []string
			for key := range from.dump() {
				if strings.HasPrefix(key, base(event)+kind+":") {
					require.Equal(t, "OK", from.do("MIGRATE", host, port, key, "0", "5000"))
					moved = append(moved, key)
				}
			}
			require.NotEmpty(t, moved, kind)
			before := from.dump()
			refused := call(event, h)
			if refused != nil {
				require.ErrorIs(t, refused, seatmap.ErrUnavailable, "%s %s", kind, name)
				require.Equal(t, before, from.dump(), "%s %s: %v", kind, name, refused)
			}
			require.Equal(t, "OK", from.do("CLUSTER", "SETSLOT", slot, "STABLE"))
			for _, key := range moved { // and back, as if the move was given up
				require.Equal(t, "OK", to.do("MIGRATE", backHost, backPort, key, "0", "5000", "REPLACE"))
			}
			require.Equal(t, "OK", to.do("CLUSTER", "SETSLOT", slot, "STABLE"))
			if refused == nil && name == "Remove" {
				continue
			}
			isWhole(t, store, event)
			_, err = store.Remove(ctx, seatmap.RemoveRequest{Event: event})
			require.NoError(t, err)
		}
	}
}

// isWhole checks that the counts of an event are those of its seats.
func isWhole(t *testing.T, store *redisseat.Store, event string) {
	t.Helper()
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: event})
	require.NoError(t, err)
	page, err := store.Seats(t.Context(), seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	var seen seatmap.Counts
	for _, seat := range page.Seats {
		switch seat.State {
		case seatmap.SeatAvailable:
			seen.Available++
		case seatmap.SeatBlocked:
			seen.Blocked++
		case seatmap.SeatBooked:
			seen.Booked++
		case seatmap.SeatClosed:
			seen.Closed++
		}
	}
	require.Equal(t, seen, counts, event)
}
