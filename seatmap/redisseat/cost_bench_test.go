package redisseat_test

import (
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// processor reports the server's processor time of one of b.N calls, from now to the call
// of the function that it returns. Unlike the time of a call, it says little about what
// else the machine does.
func processor(b *testing.B, s *server) (report func()) {
	b.Helper()
	before := processorTime(b, s)
	return func() { b.ReportMetric((processorTime(b, s)-before)*1e6/float64(b.N), "server-µs/op") }
}

// processorTime returns the processor time that the server has used, in seconds.
func processorTime(b *testing.B, s *server) (sum float64) {
	b.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.address}, DisableCache: true})
	require.NoError(b, err)
	defer client.Close()
	info, err := client.Do(b.Context(), client.B().Info().Section("cpu").Build()).ToString()
	require.NoError(b, err)
	for _, found := range regexp.MustCompile(`used_cpu_(?:sys|user):([0-9.]+)`).FindAllStringSubmatch(info, -1) {
		seconds, err := strconv.ParseFloat(found[1], 64)
		require.NoError(b, err)
		sum += seconds
	}
	return sum
}

// BenchmarkRefusals is what 256 callers get who ask for a seat that is taken, and for one
// of a sold-out event, and what Counts costs, which tells a gate that an event is sold out.
func BenchmarkRefusals(b *testing.B) {
	s := startServer(b, "--appendonly", "no")
	store := open(b, s.options())
	defer func() { require.NoError(b, store.Close()) }()
	for event, free := range map[string]int{"taken": 1, "soldout": 0} {
		_, err := store.Create(b.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 1000}})
		require.NoError(b, err)
		_, err = store.BlockAny(b.Context(), seatmap.BlockAnyRequest{Event: event, User: "ann", N: 1000 - free, TTL: time.Hour})
		require.NoError(b, err)
	}
	for _, event := range []string{"taken", "soldout"} {
		b.Run("event="+event, func(b *testing.B) {
			r := seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"1"}, TTL: time.Hour}
			defer processor(b, s)()
			calls256(b, func(int64) error {
				if _, err := store.Block(b.Context(), r); err == nil {
					b.Error("a taken seat was blocked")
				}
				return nil
			})
		})
	}
	b.Run("op=counts", func(b *testing.B) {
		defer processor(b, s)()
		calls256(b, func(int64) error {
			_, err := store.Counts(b.Context(), seatmap.CountsRequest{Event: "taken"})
			return err
		})
	})
}

// BenchmarkWatch blocks seats while so many watchers of the event take all changes, until
// the last one has taken the last one.
func BenchmarkWatch(b *testing.B) {
	for _, watchers := range []int{0, 1, 8} {
		b.Run("watchers="+strconv.Itoa(watchers), func(b *testing.B) {
			s := startServer(b, "--appendonly", "no")
			store := open(b, s.options())
			defer func() { require.NoError(b, store.Close()) }()
			_, err := store.Create(b.Context(), seatmap.CreateRequest{Event: "hot", Layout: seatmap.Layout{Count: max(b.N, 1)}})
			require.NoError(b, err)
			var all, ready sync.WaitGroup
			for range watchers {
				ready.Add(1)
				all.Go(func() {
					last := 0 // a slow watcher gets a snapshot instead of what it missed
					for change, err := range store.Watch(b.Context(), seatmap.WatchRequest{Event: "hot"}) {
						if err != nil {
							b.Error(err)
							return
						}
						if change.Kind == seatmap.ChangeSnapshot && last == 0 {
							ready.Done()
						}
						last++
						for _, seat := range change.Snapshot {
							if seat.Seat == strconv.Itoa(b.N) && seat.State != seatmap.SeatAvailable {
								return
							}
						}
						if len(change.Seats) == 1 && change.Seats[0] == strconv.Itoa(b.N) {
							return
						}
					}
				})
			}
			ready.Wait()
			defer processor(b, s)()
			calls256(b, func(i int64) error {
				if int(i) == b.N-1 {
					return nil // the last one comes at last
				}
				_, err := store.Block(b.Context(), seatmap.BlockRequest{
					Event: "hot", User: strconv.FormatInt(i, 10), Seats: []string{strconv.FormatInt(i+1, 10)}, TTL: time.Hour,
				})
				return err
			})
			_, err = store.Block(b.Context(), seatmap.BlockRequest{
				Event: "hot", User: "bob", Seats: []string{strconv.Itoa(b.N)}, TTL: time.Hour,
			})
			require.NoError(b, err)
			all.Wait()
		})
	}
}
