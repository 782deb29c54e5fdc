package redisseat_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// TestAServerWithoutMemoryTakesSeatsBack has a server refuse whatever needs memory. What frees some
// goes on, and what is refused has changed nothing.
func TestAServerWithoutMemoryTakesSeatsBack(t *testing.T) {
	s := startServer(t, "--appendonly", "no", "--maxmemory-policy", "noeviction")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	block := func(event, seat string, ttl time.Duration) (seatmap.Hold, error) {
		return store.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{seat}, TTL: ttl, Key: seatmap.NewKey(seat)})
	}
	var holds []seatmap.Hold
	for _, event := range []string{"a", "sold", "empty"} {
		_, err := store.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 9}})
		require.NoError(t, err)
	}
	for i := range 3 {
		h, err := block("a", strconv.Itoa(i+1), time.Hour)
		require.NoError(t, err)
		holds = append(holds, h)
	}
	b, err := store.Book(ctx, seatmap.BookRequest{Token: holds[0].Token})
	require.NoError(t, err)
	_, err = block("a", "8", time.Millisecond)
	require.NoError(t, err)
	_, err = block("sold", "1", time.Hour)
	require.NoError(t, err)

	s.do("CONFIG", "SET", "maxmemory", "1")
	before := s.dump()
	big := exportOf(t, 2000, 4)
	for name, call := range map[string]func() error{
		"Block": func() error { _, err := block("sold", "2", time.Hour); return err },
		"Create": func() error {
			_, err := store.Create(ctx, seatmap.CreateRequest{Event: "new", Layout: seatmap.Layout{Count: 9}})
			return err
		},
		"Import": func() error {
			_, err := store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(big))
			return err
		},
	} {
		require.ErrorIs(t, call(), seatmap.ErrUnavailable, name)
		require.Equal(t, before, s.dump(), name)
	}
	require.NoError(t, open(t, s.options()).Close(), "a service that starts now")
	seat, err := store.Seat(ctx, seatmap.SeatRequest{Event: "a", Seat: "8"})
	require.NoError(t, err)
	require.Equal(t, seatmap.SeatAvailable, seat.State, "its hold has ended")
	_, err = store.Release(ctx, seatmap.ReleaseRequest{Token: holds[1].Token, User: "ann", Key: seatmap.NewKey("r")})
	require.NoError(t, err)
	_, err = store.Cancel(ctx, seatmap.CancelRequest{Token: b.Token})
	require.NoError(t, err)
	isWhole(t, store, "a")
	for _, event := range []string{"sold", "empty"} {
		_, err = store.Remove(ctx, seatmap.RemoveRequest{Event: event})
		require.NoError(t, err)
	}
	s.do("CONFIG", "SET", "maxmemory", "0")
	_, err = block("a", "2", time.Hour)
	require.NoError(t, err)
	isWhole(t, store, "a")
}

// rights are those of a user of a server as docs/operations.md says.
var rights = []string{"+@read", "+@write", "+@scripting", "+@connection", "-@dangerous", "+time", "+wait"}

// TestAUserWithTooFewRightsCannotOpen takes the rights of a user one after the other. Else a script
// would be refused in the middle.
func TestAUserWithTooFewRightsCannotOpen(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	o := s.options()
	o.Client.Username, o.Client.Password = "seats", "secret"
	o.Replicas = 1
	o.ReplicaTimeout = 1 // nanosecond: there is none
	allow := func(more ...string) {
		t.Helper()
		s.do(append([]string{"ACL", "SETUSER", "seats", "reset", "on", ">secret", "resetkeys", "~{seatmap}secret"}, more...)...)
	}
	allow(slices.Concat(rights, []string{"~{seatmap*"})...)
	store := open(t, o)
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "0 of 1 replicas", "it has not waited for longer")
	_, err = store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.NoError(t, store.Close())

	used := map[string]bool{}
	files, err := filepath.Glob("*.lua")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`call\('([A-Z]+)'`).FindAllSubmatch(text, -1) {
			used[string(found[1])] = true
		}
	}
	used["XREAD"], used["EVALSHA"] = true, true
	require.Greater(t, len(used), 20)
	for command := range used {
		allow(slices.Concat(rights, []string{"~{seatmap*", "-" + command})...)
		_, err := redisseat.Open(t.Context(), o)
		require.ErrorIs(t, err, seatmap.ErrUnavailable, command)
		require.NotErrorIs(t, err, seatmap.ErrOutcomeUnknown, command)
		require.ErrorContains(t, err, "NOPERM", command)
	}
	keys := []string{"{seatmap:*}due", "{seatmap}sweeping"}
	for _, kind := range []string{"e", "s", "r", "d", "u", "k", "w", "l", "g", "tl", "ts", "tr", "td", "tu"} {
		keys = append(keys, "{seatmap:*}"+kind+":*")
	}
	for _, without := range keys {
		with := slices.Clone(rights)
		for _, key := range keys {
			if key != without {
				with = append(with, "~"+key)
			}
		}
		allow(with...)
		_, err := redisseat.Open(t.Context(), o)
		require.ErrorIs(t, err, seatmap.ErrUnavailable, without)
		require.ErrorContains(t, err, "NOPERM", without)
	}
}

func TestOptionsOutOfRangePanic(t *testing.T) {
	for name, o := range map[string]redisseat.Options{
		"Prefix is \"{\"":           {Prefix: "{"},
		"Buckets is -1":             {Buckets: -1},
		"Buckets is 16385":          {Buckets: 1<<14 + 1},
		"Ring is -1":                {Ring: -1},
		"Ring is 1048577":           {Ring: 1<<20 + 1},
		"Replicas is -1":            {Replicas: -1},
		"ReplicaTimeout is -1ns, w": {ReplicaTimeout: -1},
	} {
		func() {
			defer func() { require.ErrorContains(t, recover().(error), name) }()
			_, _ = redisseat.Open(t.Context(), o)
		}()
	}
}

// TestOptionsAtTheirEndsWork has the largest that are accepted.
func TestOptionsAtTheirEndsWork(t *testing.T) {
	s := startServer(t)
	o := s.options()
	o.Buckets, o.Ring, o.ReplicaTimeout, o.Prefix = 1<<14, 1<<20, math.MaxInt64, strings.Repeat("\x00\n é", 100)
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	for _, event := range []string{"e", strings.Repeat("é", 127)} {
		_, err := store.Create(t.Context(), seatmap.CreateRequest{
			Event: event, Layout: seatmap.Layout{Count: 3}, Limits: seatmap.Limits{Seats: math.MaxInt, Holds: math.MaxInt, Lifetime: math.MaxInt64},
		})
		require.NoError(t, err, "%q", event)
		h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: event, User: event, Seats: []string{"1"}, TTL: seatmap.MaxTTL})
		require.NoError(t, err)
		_, err = store.Extend(t.Context(), seatmap.ExtendRequest{Token: h.Token, TTL: seatmap.MaxTTL})
		require.NoError(t, err)
		holds, err := store.Holds(t.Context(), seatmap.HoldsRequest{Event: event, User: event})
		require.NoError(t, err)
		require.Len(t, holds, 1)
		isWhole(t, store, event)
		_, err = store.Remove(t.Context(), seatmap.RemoveRequest{Event: event})
		require.NoError(t, err)
	}
}

// TestAWatchNeedsLittleMemory has many watches, each of which has a connection.
func TestAWatchNeedsLittleMemory(t *testing.T) {
	const watches = 40
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	ctx, cancel := context.WithCancel(t.Context())
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var all, told sync.WaitGroup
	told.Add(watches)
	for range watches {
		all.Go(func() {
			for change, err := range store.Watch(ctx, seatmap.WatchRequest{Event: "e"}) {
				if err != nil {
					assert.ErrorIs(t, err, context.Canceled)
					return
				}
				if change.Kind == seatmap.ChangeBlocked { // it has waited for it on its connection
					told.Done()
				}
			}
		})
	}
	s.until("blocked_clients:"+strconv.Itoa(watches)+"\r", "INFO", "clients")
	_, err = store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
	told.Wait()
	require.Less(t, heap()-before, uint64(watches*700<<10))
	cancel()
	all.Wait()
	require.NoError(t, store.Close())
}
