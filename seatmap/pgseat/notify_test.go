package pgseat_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
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

// clock returns the server's time.
func (s *server) clock() (now time.Time) {
	s.t.Helper()
	c := s.connect()
	require.NoError(s.t, c.QueryRow(s.t.Context(), "select clock_timestamp()").Scan(&now))
	require.NoError(s.t, c.Close(s.t.Context()))
	return now
}

// untilRead waits until a client has read something that began after that moment.
func (s *server) untilRead(after time.Time) {
	c, err := pgx.Connect(s.t.Context(), s.dsn())
	if !assert.NoError(s.t, err) {
		return
	}
	assert.Eventually(s.t, func() bool {
		var n int
		err := c.QueryRow(s.t.Context(),
			"select count(*) from pg_stat_activity where query = 'commit' and state = 'idle' and query_start > $1", after).Scan(&n)
		return err == nil && n > 0
	}, time.Minute, time.Millisecond)
	assert.NoError(s.t, c.Close(s.t.Context()))
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
		block := func(seat string) func() {
			return func() {
				_, err := other.Block(t.Context(), seatmap.BlockRequest{Event: name, User: "ann", Seats: []string{seat}, TTL: time.Hour})
				assert.NoError(t, err)
			}
		}
		steps := []func(){ // after each of them the watch yields
			block("1"), block("2"),
			func() {
				s.exec("select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen pgseat'")
				s.untilListens()
				block("3")()
			},
			func() {
				_, err := other.Remove(t.Context(), seatmap.RemoveRequest{Event: name})
				assert.NoError(t, err)
			},
		}
		seen := 0
		var all sync.WaitGroup
		for _, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: name}) {
			if seen == len(steps) {
				require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
				break
			}
			require.NoError(t, err)
			if seen == 0 {
				s.untilListens()
			}
			step, now := steps[seen], s.clock()
			seen++
			all.Go(func() {
				s.untilRead(now) // then only a notification makes the watch look again
				step()
			})
		}
		all.Wait()
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

// BenchmarkWatch says how long after a call of another client a watch yields its change. The
// calls come at random moments.
func BenchmarkWatch(b *testing.B) {
	for _, listen := range []bool{false, true} {
		b.Run(fmt.Sprint("listen=", listen), func(b *testing.B) {
			s := startServer(b, "-c", "fsync=on")
			o := quiet(s.options())
			o.Poll = 0
			if listen {
				o = listening(b, o, s.address())
			}
			store, other := open(b, o), open(b, o)
			defer func() { require.NoError(b, other.Close()) }()
			_, err := store.Create(b.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: b.N}})
			require.NoError(b, err)
			began, seen := make(chan struct{}), make(chan time.Time)
			go func() {
				for change, err := range store.Watch(b.Context(), seatmap.WatchRequest{Event: "e"}) {
					switch {
					case err != nil: // the store is closed
						return
					case change.Kind == seatmap.ChangeSnapshot:
						close(began)
					default:
						seen <- time.Now()
					}
				}
			}()
			<-began
			if listen {
				s.untilListens()
			}
			took := make([]time.Duration, 0, b.N)
			for i := range b.N {
				<-time.After(rand.N(100 * time.Millisecond))
				_, err := other.Block(b.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{strconv.Itoa(i + 1)}, TTL: time.Hour})
				end := time.Now()
				require.NoError(b, err)
				took = append(took, (<-seen).Sub(end))
			}
			require.NoError(b, store.Close())
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(took[len(took)*9/10].Microseconds())/1000, "ms/p90")
		})
	}
}
