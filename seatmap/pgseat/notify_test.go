package pgseat_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/pgseat"
)

// listening returns options of a client that hears of changes at that address.
func listening(tb testing.TB, o pgseat.Options, address string) pgseat.Options {
	tb.Helper()
	config, err := pgx.ParseConfig(dsnOf(address))
	require.NoError(tb, err)
	o.Listen = config
	return quiet(o)
}

// untilListens waits until one client listens.
func (s *server) untilListens() {
	s.t.Helper()
	c := s.connect()
	require.Eventually(s.t, func() bool {
		var n int
		err := c.QueryRow(s.t.Context(),
			"select count(*) from pg_stat_activity where query = 'listen pgseat' and state = 'idle'").Scan(&n)
		return err == nil && n == 1
	}, time.Minute, time.Millisecond)
	require.NoError(s.t, c.Close(s.t.Context()))
}

// TestAWatchHearsOfTheChangesOfAnotherClient has watches that do not poll before the test has
// ended. The connection that listens is ended once.
func TestAWatchHearsOfTheChangesOfAnotherClient(t *testing.T) {
	s := startServer(t)
	for name, address := range map[string]string{"direct": s.address(), "through PgBouncer": startBouncer(t, s)} {
		o := listening(t, optionsOf(t, address), s.address())
		other := open(t, o)
		o.Poll = 1000 * time.Hour
		store := open(t, o)
		_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: name, Layout: seatmap.Layout{Count: 9}})
		require.NoError(t, err)
		block := func(seat string) {
			_, err := other.Block(t.Context(), seatmap.BlockRequest{Event: name, User: "ann", Seats: []string{seat}, TTL: time.Hour})
			require.NoError(t, err)
		}
		var kinds []seatmap.ChangeKind
		for change, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: name}) {
			if len(kinds) == 3 {
				require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
				break
			}
			require.NoError(t, err)
			switch kinds = append(kinds, change.Kind); len(kinds) {
			case 1: // the snapshot
				s.untilListens()
				block("1")
			case 2:
				s.exec("select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen pgseat'")
				s.untilListens()
				block("2")
			case 3:
				_, err := other.Remove(t.Context(), seatmap.RemoveRequest{Event: name})
				require.NoError(t, err)
			}
		}
		require.Equal(t, []seatmap.ChangeKind{seatmap.ChangeSnapshot, seatmap.ChangeBlocked, seatmap.ChangeBlocked}, kinds, name)
		require.NoError(t, store.Close())
		require.NoError(t, other.Close())
	}
}

// TestAWatchPollsForWhatItDoesNotHear has a client that does not notify.
func TestAWatchPollsForWhatItDoesNotHear(t *testing.T) {
	s := startServer(t)
	store, silent := open(t, listening(t, s.options(), s.address())), open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	defer func() { require.NoError(t, silent.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	s.exec("select pg_notify('pgseat', 'not ours,')")
	for change, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		if change.Kind == seatmap.ChangeBlocked {
			break
		}
		s.untilListens()
		_, err := silent.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
		require.NoError(t, err)
	}
}
