package redisseat_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// TestSweepsOfSeveralClientsEndEachHoldOnce has more events in a bucket, and more holds in an
// event, than one script takes.
func TestSweepsOfSeveralClientsEndEachHoldOnce(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	o := s.options()
	o.Buckets = 3
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	const events, most = 350, 230
	holds := 0
	for i := range events {
		event := strconv.Itoa(i)
		_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: most}})
		require.NoError(t, err)
		each := 1
		if i == 0 {
			each = most
		}
		for seat := range each {
			_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{strconv.Itoa(seat + 1)}, TTL: time.Hour})
			require.NoError(t, err)
			holds++
		}
	}
	ended, err := store.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, ended, "holds ended before their time")
	for i := range events { // all holds are due
		s.overdue(strconv.Itoa(i), o.Buckets)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 3 {
		other := open(t, o)
		all.Go(func() {
			n, err := other.Sweep(t.Context())
			assert.NoError(t, err)
			assert.NoError(t, other.Close())
			mu.Lock()
			defer mu.Unlock()
			ended += n
		})
	}
	all.Wait()
	require.Equal(t, holds, ended)
	for bucket := range o.Buckets {
		require.Equal(t, "0", s.do("EXISTS", fmt.Sprintf("{seatmap:%d}due", bucket)))
	}
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "0"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: most}, counts)
}

// overdue has all holds of an event end long ago, and says so in the index.
func (s *server) overdue(event string, buckets int) {
	s.t.Helper()
	base := baseOf(event, buckets)
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.address}, DisableCache: true, ForceSingleClient: true})
	require.NoError(s.t, err)
	defer client.Close()
	fences, err := client.Do(s.t.Context(), client.B().Zrange().Key(base+"d:"+event).Min("0").Max("-1").Build()).AsStrSlice()
	require.NoError(s.t, err)
	words := []string{"ZADD", base + "d:" + event}
	for _, fence := range fences {
		words = append(words, "1", fence)
	}
	for _, command := range [][]string{words, {"ZADD", base + "due", "1", event}} {
		require.NoError(s.t, client.Do(s.t.Context(), client.B().Arbitrary(command...).Build()).Error())
	}
}

// TestTheIndexKnowsOfEachHold compares the index with the holds after each of many changes.
func TestTheIndexKnowsOfEachHold(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	b := base("e")
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	create := func() {
		_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 20}})
		require.NoError(t, err)
	}
	create()
	held := map[string]seatmap.Token{}
	for range 600 {
		seat := strconv.Itoa(random.IntN(20) + 1)
		ttl := time.Duration(1+random.IntN(100)) * time.Minute
		switch random.IntN(8) {
		case 0, 1, 2:
			if random.IntN(3) == 0 {
				ttl = time.Microsecond
			}
			if h, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{seat}, TTL: ttl}); err == nil {
				held[seat] = h.Token
			}
		case 3:
			_, _ = store.Release(ctx, seatmap.ReleaseRequest{Token: held[seat]})
		case 4:
			_, _ = store.Extend(ctx, seatmap.ExtendRequest{Token: held[seat], TTL: ttl})
		case 5:
			if booked, err := store.Book(ctx, seatmap.BookRequest{Token: held[seat]}); err == nil {
				_, err := store.Cancel(ctx, seatmap.CancelRequest{Token: booked.Token})
				require.NoError(t, err)
			}
		case 6:
			if random.IntN(4) == 0 {
				_, err := store.Remove(ctx, seatmap.RemoveRequest{Event: "e"})
				require.NoError(t, err)
				require.Equal(t, "0", s.do("EXISTS", b+"due"))
				create()
			}
		default:
			before := strconv.FormatInt(time.Now().UnixMicro(), 10) // by the clock of the server, which is here
			_, err := store.Sweep(ctx)
			require.NoError(t, err)
			for _, key := range []string{b + "d:e", b + "due"} {
				if first := s.first(key); first != "" {
					require.Greater(t, first, before, "after a sweep")
				}
			}
		}
		if first := s.first(b + "d:e"); first != "" {
			require.NotEmpty(t, s.first(b+"due"))
			require.LessOrEqual(t, s.first(b+"due"), first) // both have 16 digits
		}
	}
}

// TestAnEventOfTheVersionBeforeIsInTheIndexAfterItsNextChange has no entry in its state.
func TestAnEventOfTheVersionBeforeIsInTheIndexAfterItsNextChange(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	b := base("e")
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	seats := 0
	block := func(ttl time.Duration) seatmap.Token {
		seats++
		h, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{strconv.Itoa(seats)}, TTL: ttl})
		require.NoError(t, err)
		return h.Token
	}
	block(time.Hour)
	later := block(2 * time.Hour)
	changes := map[string]func() error{
		"Block": func() error { block(3 * time.Hour); return nil },
		"Extend": func() error {
			_, err := store.Extend(ctx, seatmap.ExtendRequest{Token: later, TTL: 4 * time.Hour})
			return err
		},
		"Release": func() error {
			_, err := store.Release(ctx, seatmap.ReleaseRequest{Token: later})
			return err
		},
	}
	for _, name := range []string{"Block", "Extend", "Release"} {
		s.do("HSET", b+"e:e", "state", s.do("HGET", b+"e:e", "state")[:24])
		s.do("DEL", b+"due")
		ended, err := store.Sweep(ctx)
		require.NoError(t, err)
		require.Zero(t, ended)
		require.NoError(t, changes[name](), name)
		require.NotEmpty(t, s.first(b+"due"), name)
		require.Equal(t, s.first(b+"d:e"), s.first(b+"due"), name)
	}
}

// first returns the lowest score of a sorted set, or nothing.
func (s *server) first(key string) string {
	return s.do("EVAL", "return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or ''", "1", key)
}

// TestASweepPassesByWhatItCannotSweep has events of another format, some that are not there, and
// one whose hold is due.
func TestASweepPassesByWhatItCannotSweep(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	o := s.options()
	o.Buckets = 1
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	for _, event := range []string{"damaged", "good"} {
		_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 9}})
		require.NoError(t, err)
		_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: time.Hour})
		require.NoError(t, err)
		s.overdue(event, 1)
	}
	s.do("HSET", "{seatmap:0}e:damaged", "version", "1")
	for i := range 200 {
		s.do("ZADD", "{seatmap:0}due", "0", "gone"+strconv.Itoa(i))
	}
	const others = 120 // more than one script takes
	for i := range others {
		event := "other" + strconv.Itoa(i)
		s.do("HSET", "{seatmap:0}e:"+event, "version", "1", "life", "x")
		s.do("ZADD", "{seatmap:0}due", "0", event)
	}
	ended, err := store.Sweep(t.Context())
	require.ErrorIs(t, err, redisseat.ErrFormat)
	require.Equal(t, 1, ended)
	require.Equal(t, strconv.Itoa(1+others), s.do("ZCARD", "{seatmap:0}due"))
	s.do("SET", "{seatmap:0}due", "x") // then nothing but Sweep is wrong
	_, err = store.Sweep(t.Context())
	require.ErrorIs(t, err, redisseat.ErrFormat)
	_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "good", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
}

func TestAnImportedHoldIsSwept(t *testing.T) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer func() { require.NoError(t, m.Close()) }()
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	_, err = m.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
	var export bytes.Buffer
	_, err = m.Export(t.Context(), seatmap.ExportRequest{Event: "e"}, &export)
	require.NoError(t, err)
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	_, err = store.Import(t.Context(), seatmap.ImportRequest{}, &export)
	require.NoError(t, err)
	require.NotEmpty(t, s.first(base("e")+"due"))
	require.Equal(t, s.first(base("e")+"d:e"), s.first(base("e")+"due"))
	s.overdue("e", 256)
	ended, err := store.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, ended)
}

// TestAClientSweepsByItself calls no method that would end the hold.
func TestAClientSweepsByItself(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store, other := open(t, sweeping(s.options())), open(t, sweeping(s.options()))
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Microsecond})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	s.until("0", "EXISTS", base("e")+"d:e")
	require.NoError(t, other.Close())
	_, err = other.Sweep(t.Context())
	require.ErrorIs(t, err, seatmap.ErrClosed)
	var zero redisseat.Store
	require.PanicsWithError(t, "redisseat: Store.Sweep: not made by Open", func() { _, _ = zero.Sweep(t.Context()) })
}

func TestASweepWhoseContextEndsSaysSo(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Sweep(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
