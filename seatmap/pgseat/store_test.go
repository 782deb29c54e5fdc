package pgseat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/pgseat"
)

func TestManyClientsOpenAtOnce(t *testing.T) {
	s := startServer(t)
	var all sync.WaitGroup
	tokens := make([]seatmap.Token, 6)
	for i := range tokens {
		all.Go(func() {
			store, err := pgseat.Open(t.Context(), s.options())
			if !assert.NoError(t, err) {
				return
			}
			_, err = store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 10}})
			if !errors.Is(err, seatmap.ErrExists) {
				assert.NoError(t, err)
			}
			h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{strconv.Itoa(i + 1)}, TTL: time.Hour})
			assert.NoError(t, err)
			tokens[i] = h.Token
			assert.NoError(t, store.Close())
		})
	}
	all.Wait()
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	for _, token := range tokens { // all have the same secret
		_, err := store.Book(t.Context(), seatmap.BookRequest{Token: token})
		require.NoError(t, err)
	}
}

func TestTablesThatAreNotOursAreNamedAndLeftAlone(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 10}})
	require.NoError(t, err)
	block := func() error {
		_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
		return err
	}
	for _, c := range []struct{ harm, mend string }{
		{"alter table pgseat.seat rename to other", "alter table pgseat.other rename to seat"},
		{"alter table pgseat.record rename column owner to other", "alter table pgseat.record rename column other to owner"},
		{"alter schema pgseat rename to other", "alter schema other rename to pgseat"},
	} {
		s.exec(c.harm)
		err := block()
		require.ErrorIs(t, err, pgseat.ErrSchema, c.harm)
		require.ErrorIs(t, err, seatmap.ErrUnavailable)
		s.exec(c.mend)
	}
	s.exec("update pgseat.version set version = 1000")
	_, err = pgseat.Open(t.Context(), s.options())
	require.ErrorIs(t, err, pgseat.ErrSchema)
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
	require.NoError(t, block(), "a client that is older than the tables goes on")
	h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "bob", Seats: []string{"2"}, TTL: time.Hour})
	require.NoError(t, err)
	s.exec(`update pgseat.record set seats = '\xffffffff'; update pgseat.change set packed = '\xff'`) // damage
	_, err = store.Holds(t.Context(), seatmap.HoldsRequest{Event: "e", User: "bob"})
	require.ErrorIs(t, err, pgseat.ErrSchema)
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: h.Token})
	require.ErrorIs(t, err, pgseat.ErrSchema)
	s.exec("update pgseat.event set free = 0; delete from pgseat.record")
	_, err = store.Seats(t.Context(), seatmap.SeatsRequest{Event: "e"})
	require.ErrorIs(t, err, pgseat.ErrSchema)
}

// TestWhatWasAcknowledgedIsThereAfterAKillUnderLoad kills the server while clients book.
// They repeat by their keys. Each acknowledged booking is there, once.
func TestWhatWasAcknowledgedIsThereAfterAKillUnderLoad(t *testing.T) {
	s := startServer(t, "-c", "fsync=on", "-c", "synchronous_commit=off") // which the store does not accept
	p := startProxy(t, s.address())
	o := p.options(t)
	o.Retry = retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(5 * time.Millisecond)})
	const clients, seats = 8, 25
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: clients * seats}})
	require.NoError(t, err)
	progress := make(chan struct{}, clients*seats)
	var all sync.WaitGroup
	tokens := make([]seatmap.Token, clients*seats)
	for c := range clients {
		all.Go(func() {
			user := fmt.Sprint("user", c)
			for i := range seats {
				seat := c*seats + i
				key := func(what string) seatmap.Key { return seatmap.NewKey(fmt.Sprint(what, seat)) }
				h, err := store.Block(t.Context(), seatmap.BlockRequest{
					Event: "e", User: user, Seats: []string{strconv.Itoa(seat + 1)}, TTL: time.Hour, Key: key("hold"),
				})
				if !assert.NoError(t, err) {
					return
				}
				b, err := store.Book(t.Context(), seatmap.BookRequest{Token: h.Token, User: user, Key: key("book")})
				if !assert.NoError(t, err) {
					return
				}
				tokens[seat] = b.Token
				progress <- struct{}{}
			}
		})
	}
	for range 3 {
		for range clients * seats / 5 {
			<-progress
		}
		s.kill()
		s.start()
		p.forwardTo(s.address())
	}
	all.Wait()
	shot, err := store.Seats(t.Context(), seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	for i, seat := range shot.Seats {
		require.Equal(t, seatmap.SeatBooked, seat.State, seat.Seat)
		require.Equal(t, tokens[i].Fence, seat.Fence)
		require.Equal(t, fmt.Sprint("user", i/seats), seat.User)
	}
}

// TestNoSecretIsInTheServersLog has the server log each statement with its values.
func TestNoSecretIsInTheServersLog(t *testing.T) {
	s := startServer(t, "-c", "log_min_duration_statement=0", "-c", "log_statement=all", "-c", "log_parameter_max_length=-1", "-c", "log_error_verbosity=verbose")
	store := open(t, quiet(s.options()))
	key := seatmap.NewKey("a key that nobody must see")
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 10}, Key: key})
	require.NoError(t, err)
	h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Key: key, Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
	_, err = store.Extend(t.Context(), seatmap.ExtendRequest{Token: h.Token, User: "ann", Key: key, TTL: 2 * time.Hour})
	require.ErrorIs(t, err, seatmap.ErrKeyReused)
	b, err := store.Book(t.Context(), seatmap.BookRequest{Token: h.Token})
	require.NoError(t, err)
	tokens := everyMethod(t, store, key)
	m := newMap(t)
	_, err = m.Create(t.Context(), seatmap.CreateRequest{Event: "m", Layout: seatmap.Layout{Count: 10}, Key: key})
	require.NoError(t, err)
	moved, err := m.Block(t.Context(), seatmap.BlockRequest{Event: "m", User: "ann", Key: key, Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
	export := exported(t, m, "m")
	made := regexp.MustCompile(`"keys":\["([0-9a-f]{32})","([0-9a-f]{32})"`).FindSubmatch(export)
	require.NotNil(t, made)
	proof := regexp.MustCompile(`"secret":"([^"]+)"`).FindSubmatch(export)
	require.NotNil(t, proof)
	_, err = store.Import(t.Context(), seatmap.ImportRequest{}, bytes.NewReader(export))
	require.NoError(t, err)
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: moved.Token, User: "ann", Key: seatmap.NewKey(key.Reveal() + " 2")})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	var secret []byte
	c := s.connect()
	require.NoError(t, c.QueryRow(t.Context(), "select secret from pgseat.store").Scan(&secret))
	_, err = c.Exec(t.Context(), "select 'the end'")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(s.log.String(), "the end") }, time.Minute, time.Millisecond)
	log := s.log.String()
	require.Contains(t, log, "pgseat.add_records")
	for _, text := range append(tokens,
		key.Reveal(), fmt.Sprintf("%x", key.Reveal()), h.Token.Reveal(), b.Token.Reveal(), string(secret), fmt.Sprintf("%x", secret),
		moved.Token.Reveal(), string(made[1]), string(made[2]), string(proof[1]),
	) {
		require.NotContains(t, log, text)
	}
}

// everyMethod calls the methods that change an event, or have a token, with keys that begin
// with key, and returns the tokens.
func everyMethod(t *testing.T, store *pgseat.Store, key seatmap.Key) (tokens []string) {
	t.Helper()
	ctx, n := t.Context(), 0
	next := func() seatmap.Key {
		n++
		return seatmap.NewKey(fmt.Sprint(key.Reveal(), n))
	}
	done := func(_ seatmap.Receipt, err error) { require.NoError(t, err) }
	given := func(h seatmap.Hold, err error) seatmap.Token {
		require.NoError(t, err)
		tokens = append(tokens, h.Token.Reveal())
		return h.Token
	}
	const event, user, op = "every", "ann", "op"
	done(store.Create(ctx, seatmap.CreateRequest{
		Event: event, Layout: seatmap.Layout{Count: 10}, Limits: seatmap.Limits{Payment: time.Hour}, Key: next(),
	}))
	one := given(store.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: user, N: 2, TTL: time.Hour, Key: next()}))
	given(store.Extend(ctx, seatmap.ExtendRequest{Token: one, User: user, TTL: 2 * time.Hour, Key: next()}))
	given(store.BeginPayment(ctx, seatmap.PaymentRequest{Token: one, User: user, TTL: time.Hour, Key: next()}))
	given(store.EndPayment(ctx, seatmap.EndPaymentRequest{Token: one, User: user, Key: next()}))
	two := given(store.Reissue(ctx, seatmap.ReissueRequest{Event: event, Fence: one.Fence, Actor: op, Key: next()}))
	three := given(store.Move(ctx, seatmap.MoveRequest{Event: event, Fence: two.Fence, To: []string{"7", "8"}, Actor: op, Key: next()}))
	done(store.Release(ctx, seatmap.ReleaseRequest{Token: three, User: user, Seats: []string{"7"}, Key: next()}))
	booked, err := store.Book(ctx, seatmap.BookRequest{Token: three, User: user, Key: next()})
	require.NoError(t, err)
	tokens = append(tokens, booked.Token.Reveal())
	done(store.Cancel(ctx, seatmap.CancelRequest{Token: booked.Token, User: user, Key: next()}))
	house := given(store.Reserve(ctx, seatmap.ReserveRequest{Event: event, User: user, Seats: []string{"1"}, Actor: op, Key: next()}))
	given(store.ReserveAny(ctx, seatmap.ReserveAnyRequest{Event: event, User: user, N: 1, Actor: op, Key: next()}))
	done(store.Revoke(ctx, seatmap.RevokeRequest{Event: event, Fence: house.Fence, Actor: op, Key: next()}))
	done(store.CloseSeats(ctx, seatmap.CloseSeatsRequest{Event: event, Seats: []string{"9"}, Actor: op, Key: next()}))
	done(store.OpenSeats(ctx, seatmap.OpenSeatsRequest{Event: event, Seats: []string{"9"}, Actor: op, Key: next()}))
	done(store.SetQuota(ctx, seatmap.SetQuotaRequest{Event: event, Seats: []string{"9"}, Quota: "club", Actor: op, Key: next()}))
	done(store.Remove(ctx, seatmap.RemoveRequest{Event: event, Key: next()}))
	return tokens
}

// TestAClientThatVanishesLocksNothing leaves a transaction open in which an event is locked.
func TestAClientThatVanishesLocksNothing(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.address())
	o := quiet(p.options(t))
	o.Timeout = 2 * time.Second
	lost, store := open(t, o), open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 10}})
	require.NoError(t, err)
	outage.UntilDone(t, func() (bool, error) {
		_, err := lost.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
		return false, err
	})
	p.cutAt(atCommit, swallowsCall)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-p.reached
		cancel()
	}()
	_, err = lost.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
	require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "bob", Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err, "the server has ended the other transaction")
	p.disconnect()
	require.NoError(t, lost.Close())
}

// TestALargeEventIsCreatedSoldWatchedAndRemoved has a million seats.
func TestALargeEventIsCreatedSoldWatchedAndRemoved(t *testing.T) {
	const count = 1_000_000
	s := startServer(t)
	o := quiet(s.options())
	o.Timeout = time.Minute
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: count}})
	require.NoError(t, err)
	var from seatmap.Cursor
	for change, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		require.Len(t, change.Snapshot, count)
		from = change.Cursor
		break
	}
	const part, parts = 5000, 2 // more takes a slow machine minutes
	labels := make([]string, 0, part)
	var fences []uint64
	for i := range part * parts {
		if labels = append(labels, strconv.Itoa(i+1)); len(labels) == cap(labels) {
			h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: labels, TTL: time.Hour})
			require.NoError(t, err)
			b, err := store.Book(t.Context(), seatmap.BookRequest{Token: h.Token})
			require.NoError(t, err)
			fences = append(fences, b.Token.Fence)
			labels = labels[:0]
		}
	}
	h, err := store.BlockAny(t.Context(), seatmap.BlockAnyRequest{Event: "e", User: "bob", N: 2, TTL: time.Hour})
	require.NoError(t, err)
	require.Equal(t, []string{strconv.Itoa(part*parts + 1), strconv.Itoa(part*parts + 2)}, h.Seats)
	for change, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "e", From: from}) {
		require.NoError(t, err)
		if change.Kind == seatmap.ChangeBooked {
			require.Len(t, change.Seats, part)
			require.Equal(t, fences[0], change.Fence)
			fences = fences[1:]
		}
		if len(fences) == 0 {
			break
		}
	}
	_, err = store.Remove(t.Context(), seatmap.RemoveRequest{Event: "e"})
	require.NoError(t, err)
	_, err = store.Sweep(t.Context())
	require.NoError(t, err)
	var left int
	c := s.connect()
	for _, table := range []string{"event", "layout", "seat", "record", "due", "change", "answer", "garbage"} {
		require.NoError(t, c.QueryRow(t.Context(), "select count(*) from pgseat."+table).Scan(&left))
		require.Zero(t, left, table)
	}
}

func TestASweepEndsTheHoldsOfAllEvents(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	for i := range 3 {
		event := fmt.Sprint("e", i)
		_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 10}})
		require.NoError(t, err)
		_, err = store.Block(t.Context(), seatmap.BlockRequest{
			Event: event, User: "ann", Seats: []string{"1", "2"}, TTL: time.Microsecond, Key: seatmap.NewKey("k"),
		})
		require.NoError(t, err)
	}
	ended := 0
	for ended < 3 { // the clock has gone on by a microsecond
		n, err := store.Sweep(t.Context())
		require.NoError(t, err)
		ended += n
	}
	require.Equal(t, 3, ended)
	var left int
	require.NoError(t, s.connect().QueryRow(t.Context(), "select count(*) from pgseat.record").Scan(&left))
	require.Zero(t, left)
	s.exec("update pgseat.due set at = 1") // long ago
	_, err := store.Sweep(t.Context())
	require.NoError(t, err)
	for _, table := range []string{"answer", "due"} {
		require.NoError(t, s.connect().QueryRow(t.Context(), "select count(*) from pgseat."+table).Scan(&left))
		require.Zero(t, left, table)
	}
}

func TestOptionsOutOfRangePanic(t *testing.T) {
	for name, o := range map[string]pgseat.Options{
		"Pool is nil":             {},
		"Timeout is -1ns":         {Pool: optionsOf(t, "127.0.0.1:1").Pool, Timeout: -1},
		"Ring is -1":              {Pool: optionsOf(t, "127.0.0.1:1").Pool, Ring: -1},
		"Ring is 1048577":         {Pool: optionsOf(t, "127.0.0.1:1").Pool, Ring: 1<<20 + 1},
		"Poll is -1ns, which is ": {Pool: optionsOf(t, "127.0.0.1:1").Pool, Poll: -1},
	} {
		func() {
			defer func() { require.ErrorContains(t, recover().(error), name) }()
			_, _ = pgseat.Open(t.Context(), o)
		}()
	}
	var zero pgseat.Store
	require.PanicsWithError(t, "pgseat: Store.Sweep: not made by Open", func() { _, _ = zero.Sweep(t.Context()) })
	require.Equal(t, "pgseat.Store(not made by Open)", fmt.Sprint(&zero))
}

// TestAClientThatKnowsASmallerEventSeesTheLargerOne has another client make the event anew.
func TestAClientThatKnowsASmallerEventSeesTheLargerOne(t *testing.T) {
	s := startServer(t)
	store, other := open(t, quiet(s.options())), open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	defer func() { require.NoError(t, other.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 1}})
	require.NoError(t, err)
	warm(t, store)
	_, err = other.Remove(t.Context(), seatmap.RemoveRequest{Event: "e"})
	require.NoError(t, err)
	_, err = other.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	_, err = other.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"8", "9"}, TTL: time.Hour})
	require.NoError(t, err)
	holds, err := store.Holds(t.Context(), seatmap.HoldsRequest{Event: "e", User: "ann"})
	require.NoError(t, err)
	require.Len(t, holds, 1)
	require.Equal(t, []string{"8", "9"}, holds[0].Seats)
	_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "bob", Seats: []string{"9"}, TTL: time.Hour})
	require.ErrorIs(t, err, seatmap.ErrTaken)
}

// TestADumpIsABackup restores what pg_dump wrote into another server, as docs/operations.md
// says.
func TestADumpIsABackup(t *testing.T) {
	first, second := startServer(t), startServer(t)
	store := open(t, quiet(first.options()))
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1", "2"}, TTL: time.Hour})
	require.NoError(t, err)
	b, err := store.Book(t.Context(), seatmap.BookRequest{Token: h.Token, Seats: []string{"1"}})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	dump := filepath.Join(filepath.Dir(first.data), "dump.sql")
	first.run("pg_dump", "--schema=pgseat", "--file="+dump, first.dsn())
	first.run("psql", "--quiet", "--set=ON_ERROR_STOP=1", "--file="+dump, second.dsn())

	store = open(t, quiet(second.options()))
	defer func() { require.NoError(t, store.Close()) }()
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 7, Blocked: 1, Booked: 1}, counts)
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: h.Token})
	require.NoError(t, err)
	_, err = store.Cancel(t.Context(), seatmap.CancelRequest{Token: b.Token})
	require.NoError(t, err)
}

func TestAWatchThatEndsLeavesNothing(t *testing.T) {
	s := startServer(t)
	store, other := open(t, quiet(s.options())), open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	defer func() { require.NoError(t, other.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	for _, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		for change, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "e"}) {
			require.NoError(t, err)
			if change.Kind == seatmap.ChangeBlocked {
				break
			}
			_, err := other.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
			require.NoError(t, err)
		}
		require.Equal(t, 1, store.Watched())
		break
	}
	require.Zero(t, store.Watched())
}

func TestTheClockOfTheServerIsSet(t *testing.T) {
	s := startServer(t)
	c := outage.NewClock(t, filepath.Dir(s.data))
	s.kill()
	s.env = c.Environment()
	s.start()
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	outage.ClockSteps(t, store, c)
}
