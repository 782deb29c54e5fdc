package redisseat_test

import (
	"context"
	"hash/fnv"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// base is what the names of all keys of an event begin with.
func base(event string) string { return baseOf(event, 256) }

func baseOf(event string, buckets int) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(event))
	return "{seatmap:" + strconv.Itoa(int(h.Sum32()%uint32(buckets))) + "}"
}

// TestAnEventOfAnotherFormatIsNamedAndNotChanged damages one key after the other.
func TestAnEventOfAnotherFormatIsNamedAndNotChanged(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	b := base("e")
	damages := map[string][][]string{
		"version": {{"HSET", b + "e:e", "version", "1"}},
		"event":   {{"SET", b + "e:e", "x"}},
		"length":  {{"APPEND", b + "s:e", "x"}},
		"seats":   {{"DEL", b + "s:e"}, {"LPUSH", b + "s:e", "x"}},
		"records": {{"SET", b + "r:e", "x"}},
		"users":   {{"SET", b + "u:e", "x"}},
		"due":     {{"SET", b + "d:e", "x"}},
		"stream":  {{"SET", "stream", "x"}},
	}
	for name, commands := range damages {
		s.flush()
		_, err := store.Create(ctx, seatmap.CreateRequest{
			Event: "e", Layout: seatmap.Layout{Count: 9}, Limits: seatmap.Limits{Seats: 5},
		})
		require.NoError(t, err)
		h := outage.Hold(t, store)
		booked, err := store.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: []string{"2"}})
		require.NoError(t, err)
		life := s.do("HGET", b+"e:e", "life")
		for _, words := range commands {
			if words[1] == "stream" {
				words[1] = b + "w:" + life + ":e"
			}
			s.do(words...)
		}
		before := s.dump()
		for method, call := range map[string]func() error{
			"Block": func() error {
				_, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"5"}, TTL: time.Hour})
				return err
			},
			"BlockAny": func() error {
				_, err := store.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "e", User: "ann", N: 1, TTL: time.Hour})
				return err
			},
			"Book":    func() error { _, err := store.Book(ctx, seatmap.BookRequest{Token: h.Token}); return err },
			"Release": func() error { _, err := store.Release(ctx, seatmap.ReleaseRequest{Token: h.Token}); return err },
			"Extend": func() error {
				_, err := store.Extend(ctx, seatmap.ExtendRequest{Token: h.Token, TTL: 2 * time.Hour})
				return err
			},
			"Cancel": func() error { _, err := store.Cancel(ctx, seatmap.CancelRequest{Token: booked.Token}); return err },
			"Counts": func() error { _, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"}); return err },
			"Seats":  func() error { _, err := store.Seats(ctx, seatmap.SeatsRequest{Event: "e"}); return err },
			"Holds":  func() error { _, err := store.Holds(ctx, seatmap.HoldsRequest{Event: "e", User: "bob"}); return err },
		} {
			err := call()
			require.ErrorIs(t, err, redisseat.ErrFormat, "%s: %s", name, method)
			require.ErrorIs(t, err, seatmap.ErrUnavailable)
			require.NotErrorIs(t, err, seatmap.ErrOutcomeUnknown)
		}
		require.Equal(t, before, s.dump(), name)
	}
}

// dump returns all keys and what they have.
func (s *server) dump() map[string]string {
	s.t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.address}, DisableCache: true, ForceSingleClient: true})
	require.NoError(s.t, err)
	defer client.Close()
	keys, err := client.Do(s.t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	require.NoError(s.t, err)
	all := map[string]string{}
	for _, key := range keys {
		text, err := client.Do(s.t.Context(), client.B().Dump().Key(key).Build()).ToString()
		if rueidis.IsRedisNil(err) { // it has ended since
			continue
		}
		require.NoError(s.t, err)
		all[key] = text
	}
	return all
}

// TestNoSecretIsInTheLogOfSlowQueries logs every query.
func TestNoSecretIsInTheLogOfSlowQueries(t *testing.T) {
	s := startServer(t, "--appendonly", "no", "--slowlog-log-slower-than", "0", "--slowlog-max-len", "10000")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	key := func(method string) seatmap.Key { return seatmap.NewKey("key-of-" + method) }
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}, Key: key("create")})
	require.NoError(t, err)
	var secrets []string
	block := func(seat string) seatmap.Token {
		h, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{seat}, TTL: time.Hour, Key: key("block" + seat)})
		require.NoError(t, err)
		secrets = append(secrets, h.Token.Reveal())
		return h.Token
	}
	h, released := block("1"), block("2")
	anyone, err := store.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "e", User: "bob", N: 2, TTL: time.Hour, Key: key("blockany")})
	require.NoError(t, err)
	_, err = store.Extend(ctx, seatmap.ExtendRequest{Token: h, TTL: 2 * time.Hour, Key: key("extend"), User: "ann"})
	require.NoError(t, err)
	_, err = store.Release(ctx, seatmap.ReleaseRequest{Token: released, Key: key("release"), User: "ann"})
	require.NoError(t, err)
	b, err := store.Book(ctx, seatmap.BookRequest{Token: h, User: "ann", Key: key("book")})
	require.NoError(t, err)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: released, User: "ann"})
	require.ErrorIs(t, err, seatmap.ErrExpired)
	_, err = store.Seat(ctx, seatmap.SeatRequest{Event: "e", Seat: "1"})
	require.NoError(t, err)
	_, err = store.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	_, err = store.Layout(ctx, seatmap.LayoutRequest{Event: "e"})
	require.NoError(t, err)
	_, err = store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	_, err = store.Holds(ctx, seatmap.HoldsRequest{Event: "e", User: "bob"})
	require.NoError(t, err)
	for change, err := range store.Watch(ctx, seatmap.WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		require.Equal(t, seatmap.ChangeSnapshot, change.Kind)
		break
	}
	_, err = store.Cancel(ctx, seatmap.CancelRequest{Token: b.Token, Key: key("cancel"), User: "ann"})
	require.NoError(t, err)
	_, err = store.Remove(ctx, seatmap.RemoveRequest{Event: "e", Key: key("remove")})
	require.NoError(t, err)
	secrets = append(secrets, "key-of-", anyone.Token.Reveal(), b.Token.Reveal(), s.do("GET", "{seatmap}secret")[128:])
	s.hides(t, secrets)
}

// hides checks that the log of slow queries, which has every query, has none of the secrets.
func (s *server) hides(t *testing.T, secrets []string) {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.address}, DisableCache: true, ForceSingleClient: true})
	require.NoError(t, err)
	defer client.Close()
	log, err := client.Do(t.Context(), client.B().SlowlogGet().Count(-1).Build()).ToArray()
	require.NoError(t, err)
	scripts := 0
	for _, entry := range log {
		fields, err := entry.ToArray()
		require.NoError(t, err)
		words, err := fields[3].AsStrSlice()
		require.NoError(t, err)
		if strings.HasPrefix(strings.ToUpper(words[0]), "EVAL") {
			scripts++
		}
		for _, secret := range secrets {
			require.NotContains(t, strings.Join(words, "\n"), secret)
		}
	}
	require.Greater(t, scripts, 5)
}

// TestALargeEventIsCreatedFilledWatchedAndRemoved logs how long the slowest script took.
func TestALargeEventIsCreatedFilledWatchedAndRemoved(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	seats, each := 1_000_000, 500
	if testkit.RaceEnabled {
		seats = 100_000
	}
	s := startServer(t, "--appendonly", "no", "--slowlog-log-slower-than", "10000", "--slowlog-max-len", "10000")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	labels := make([]string, seats)
	for i := range labels {
		labels[i] = "row" + strconv.Itoa(i/100) + "-" + strconv.Itoa(i%100)
	}
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Seats: labels}})
	require.NoError(t, err)
	var last uint64
	for change, err := range store.Watch(ctx, seatmap.WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		if change.Kind == seatmap.ChangeSnapshot {
			require.Len(t, change.Snapshot, seats)
			break
		}
	}
	for i := 0; i < seats; i += each {
		h, err := store.Block(ctx, seatmap.BlockRequest{
			Event: "e", User: "ann", Seats: labels[i : i+each], TTL: time.Hour, Key: seatmap.NewKey(strconv.Itoa(i)),
		})
		require.NoError(t, err)
		last = h.Token.Fence
	}
	all, err := store.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	require.Len(t, all.Seats, seats)
	require.Equal(t, last, all.Seats[seats-1].Fence)
	for i, seat := range all.Seats {
		if seat.State != seatmap.SeatBlocked || seat.User != "ann" || seat.Seat != labels[i] || seat.Left <= 0 {
			t.Fatal(seat)
		}
	}
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Blocked: seats}, counts)
	_, err = store.Remove(ctx, seatmap.RemoveRequest{Event: "e"})
	require.NoError(t, err)
	for key := range s.dump() { // all else ends by itself, or is the secret
		if !strings.HasSuffix(key, "}secret") {
			require.NotEqual(t, "-1", s.do("PTTL", key), key)
		}
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.address}, DisableCache: true, ForceSingleClient: true})
	require.NoError(t, err)
	defer client.Close()
	log, err := client.Do(ctx, client.B().SlowlogGet().Count(-1).Build()).ToArray()
	require.NoError(t, err)
	var longest int64
	for _, entry := range log {
		fields, err := entry.ToArray()
		require.NoError(t, err)
		micros, err := fields[2].AsInt64()
		require.NoError(t, err)
		longest = max(longest, micros)
	}
	t.Logf("%d queries took more than 10 ms, and the longest %d ms", len(log), longest/1000)
}

// TestAPageOfManySeatsShowsOneMoment reads an event of which two seats change together,
// and of two such pairs one is always blocked.
func TestAPageOfManySeatsShowsOneMoment(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	const seats = 5000
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}})
	require.NoError(t, err)
	pairs := [][]string{{"1", strconv.Itoa(seats)}, {"2", strconv.Itoa(seats - 1)}}
	before, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: pairs[1], TTL: time.Hour})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		for i := range 200 {
			h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: pairs[i%2], TTL: time.Hour})
			if err == nil {
				_, err = store.Extend(t.Context(), seatmap.ExtendRequest{Token: h.Token, TTL: 2 * time.Hour})
			}
			if err == nil {
				_, err = store.Release(t.Context(), seatmap.ReleaseRequest{Token: before.Token})
				before = h
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		all, err := store.Seats(t.Context(), seatmap.SeatsRequest{Event: "e"})
		require.NoError(t, err)
		blocked := 0
		for i := range 2 {
			first, last := all.Seats[i], all.Seats[seats-1-i]
			first.Seat, first.Left, last.Seat, last.Left = "", 0, "", 0
			require.Equal(t, first, last)
			if first.State == seatmap.SeatBlocked {
				blocked++
			}
		}
		require.Positive(t, blocked)
		select {
		case err := <-done:
			require.NoError(t, err)
			return
		default:
		}
	}
}
