package redisseat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
)

// former is a store that exports.
type former interface {
	seatmap.Store
	seatmap.Porter
}

// formers are the stores that an event is moved from.
func formers(t *testing.T) map[string]former {
	t.Helper()
	j, err := journal.Open(t.TempDir(), journal.Options{Holds: true})
	require.NoError(t, err)
	all := map[string]former{"Map": seatmap.NewMap(seatmap.MapOptions{}), "journal": j}
	t.Cleanup(func() {
		for _, one := range all {
			require.NoError(t, one.Close())
		}
	})
	return all
}

// TestAnEventThatIsImportedGoesOn repeats each request that had a key, uses each token, and
// looks for what the limits, deadlines, fences and revisions are.
func TestAnEventThatIsImportedGoesOn(t *testing.T) {
	s := startServer(t, "--appendonly", "no", "--slowlog-log-slower-than", "0", "--slowlog-max-len", "10000")
	store, other := open(t, s.options()), open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	defer func() { require.NoError(t, other.Close()) }()
	for name, from := range formers(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			create := seatmap.CreateRequest{
				Event: "of a " + name, Key: seatmap.NewKey("create"), Limits: seatmap.Limits{Seats: 4, Holds: 2, Lifetime: 3 * time.Hour},
				Layout: seatmap.Layout{
					Rows:   []seatmap.Row{{Name: "a", Seats: []string{"1", `2 "\`, "3", "4"}}, {Name: "é", Seats: []string{"5", "6", "7", "8"}}},
					Closed: []string{"8"},
				},
			}
			_, err := from.Create(ctx, create)
			require.NoError(t, err)
			block := seatmap.BlockRequest{Event: create.Event, User: "ann", Key: seatmap.NewKey("block"), Seats: []string{"4", "1"}, TTL: time.Hour}
			held, err := from.Block(ctx, block)
			require.NoError(t, err)
			pick := seatmap.BlockAnyRequest{Event: create.Event, User: "bob", Key: seatmap.NewKey("any"), N: 2, Where: seatmap.Where{Rows: []string{"é"}}, TTL: time.Hour}
			chosen, err := from.BlockAny(ctx, pick)
			require.NoError(t, err)
			book := seatmap.BookRequest{Token: chosen.Token, User: "bob", Key: seatmap.NewKey("book"), Seats: []string{"5"}}
			booked, err := from.Book(ctx, book)
			require.NoError(t, err)
			release := seatmap.ReleaseRequest{Token: chosen.Token, User: "bob", Key: seatmap.NewKey("release")}
			_, err = from.Release(ctx, release)
			require.NoError(t, err)
			extend := seatmap.ExtendRequest{Token: held.Token, User: "ann", Key: seatmap.NewKey("extend"), TTL: 2 * time.Hour}
			extended, err := from.Extend(ctx, extend)
			require.NoError(t, err)
			before, err := from.Seats(ctx, seatmap.SeatsRequest{Event: create.Event})
			require.NoError(t, err)
			var export bytes.Buffer
			info, err := from.Export(ctx, seatmap.ExportRequest{Event: create.Event, Remove: true}, &export)
			require.NoError(t, err)

			got, err := store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export.Bytes()))
			require.NoError(t, err)
			require.Equal(t, [2]any{info.Event, info.Limits}, [2]any{got.Event, got.Limits})
			require.Equal(t, info.Seats, got.Seats)
			require.GreaterOrEqual(t, got.Revision, info.Revision)
			_, err = other.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export.Bytes()))
			require.ErrorIs(t, err, seatmap.ErrExists)
			after, err := other.Seats(ctx, seatmap.SeatsRequest{Event: create.Event})
			require.NoError(t, err)
			require.Equal(t, got.Cursor, after.Cursor)
			for i, seat := range after.Seats {
				was := before.Seats[i]
				require.WithinDuration(t, was.At, seat.At, time.Second)
				require.InDelta(t, was.Left, seat.Left, float64(time.Minute))
				was.At, was.Until, was.Left = seat.At, seat.Until, seat.Left
				require.Equal(t, was, seat)
			}
			counts, err := other.Counts(ctx, seatmap.CountsRequest{Event: create.Event})
			require.NoError(t, err)
			require.Equal(t, seatmap.Counts{Available: 4, Blocked: 2, Booked: 1, Closed: 1}, counts)
			layout, err := other.Layout(ctx, seatmap.LayoutRequest{Event: create.Event})
			require.NoError(t, err)
			require.Equal(t, create.Layout, layout)

			receipt, err := other.Create(ctx, create)
			require.NoError(t, err)
			require.True(t, receipt.Replayed)
			hold, err := other.Block(ctx, block)
			require.NoError(t, err)
			require.Equal(t, [3]any{true, held.Token, "ann"}, [3]any{hold.Replayed, hold.Token, hold.User})
			require.Equal(t, held.Seats, hold.Seats)
			hold, err = other.BlockAny(ctx, pick)
			require.NoError(t, err)
			require.Equal(t, [2]any{true, chosen.Token}, [2]any{hold.Replayed, hold.Token})
			again, err := other.Book(ctx, book)
			require.NoError(t, err)
			require.Equal(t, [2]any{true, booked.Token}, [2]any{again.Replayed, again.Token})
			receipt, err = other.Release(ctx, release)
			require.NoError(t, err)
			require.True(t, receipt.Replayed)
			hold, err = other.Extend(ctx, extend)
			require.NoError(t, err)
			require.Equal(t, [2]any{true, extended.Token}, [2]any{hold.Replayed, hold.Token})
			require.WithinDuration(t, extended.Until, hold.Until, time.Minute)
			wrong := block
			wrong.Seats = []string{"1", "4"}
			_, err = other.Block(ctx, wrong)
			require.ErrorIs(t, err, seatmap.ErrKeyReused)

			_, err = other.Book(ctx, seatmap.BookRequest{Token: chosen.Token})
			require.ErrorIs(t, err, seatmap.ErrExpired, "its hold had ended before")
			for _, change := range []func(*seatmap.Token){
				func(t *seatmap.Token) { *t = seatmap.NewToken(t.Event, t.Fence, [16]byte{1}) },
				func(t *seatmap.Token) { t.Fence++ },
			} {
				forged := held.Token
				change(&forged)
				_, err = other.Book(ctx, seatmap.BookRequest{Token: forged})
				require.ErrorIs(t, err, seatmap.ErrToken)
			}
			_, err = other.Block(ctx, seatmap.BlockRequest{Event: create.Event, User: "ann", Seats: []string{"3", "6", "7"}, TTL: time.Hour})
			require.ErrorIs(t, err, seatmap.ErrLimit)
			_, err = other.Extend(ctx, seatmap.ExtendRequest{Token: held.Token, TTL: 4 * time.Hour})
			require.ErrorIs(t, err, seatmap.ErrLimit)
			one, err := other.Block(ctx, seatmap.BlockRequest{Event: create.Event, User: "ann", Seats: []string{"3"}, TTL: time.Hour})
			require.NoError(t, err)
			_, err = other.Block(ctx, seatmap.BlockRequest{Event: create.Event, User: "ann", Seats: []string{"6"}, TTL: time.Hour})
			require.ErrorIs(t, err, seatmap.ErrLimit, "two holds")
			hold, err = other.Extend(ctx, seatmap.ExtendRequest{Token: held.Token, TTL: 150 * time.Minute})
			require.NoError(t, err)
			require.Equal(t, held.Token, hold.Token)
			late, err := other.Book(ctx, seatmap.BookRequest{Token: held.Token})
			require.NoError(t, err)
			require.Greater(t, one.Token.Fence, booked.Token.Fence)
			require.Greater(t, late.Token.Fence, one.Token.Fence)
			_, err = other.Cancel(ctx, seatmap.CancelRequest{Token: booked.Token})
			require.NoError(t, err)
			_, err = other.Cancel(ctx, seatmap.CancelRequest{Token: booked.Token})
			require.ErrorIs(t, err, seatmap.ErrExpired)
			_, err = other.Remove(ctx, seatmap.RemoveRequest{Event: create.Event})
			require.NoError(t, err)
			for key := range s.dump() { // all else ends by itself, or is the secret
				if !strings.HasSuffix(key, "}secret") {
					require.NotEqual(t, "-1", s.do("PTTL", key), key)
				}
			}
			s.hides(t, append(keysOf(t, export.String()), "create", "block", "book", "release", "extend", held.Token.Reveal(), booked.Token.Reveal()))
		})
	}
}

// keysOf returns the keys with which the tokens of an export were made, as bytes.
func keysOf(t *testing.T, export string) (keys []string) {
	t.Helper()
	for line := range strings.Lines(export) {
		if rest, ok := strings.CutPrefix(line, `{"keys":["`); ok {
			for text := range strings.SplitSeq(strings.TrimSuffix(rest, "\"]}\n"), `","`) {
				if text == strings.Repeat("0", 32) {
					continue
				}
				var key []byte
				_, err := fmt.Sscanf(text, "%x", &key)
				require.NoError(t, err)
				require.Len(t, key, 16)
				keys = append(keys, string(key))
			}
		}
	}
	require.NotEmpty(t, keys)
	return keys
}

// TestAnImportOfWhatTheStoreLacksIsRefused names what it is, and writes nothing.
func TestAnImportOfWhatTheStoreLacksIsRefused(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	empty := s.dump()
	for lacking, make := range map[string]func(m *seatmap.Map, l *seatmap.CreateRequest) func() error{
		"areas": func(_ *seatmap.Map, r *seatmap.CreateRequest) func() error {
			r.Layout.Areas = []seatmap.Area{{Name: "floor", Capacity: 3}}
			return nil
		},
		"references": func(m *seatmap.Map, _ *seatmap.CreateRequest) func() error {
			return func() error {
				_, err := m.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour, Reference: "order"})
				return err
			}
		},
		"payments": func(m *seatmap.Map, r *seatmap.CreateRequest) func() error {
			r.Limits.Payment = time.Hour
			return nil
		},
		"operator has closed": func(m *seatmap.Map, _ *seatmap.CreateRequest) func() error {
			return func() error {
				_, err := m.CloseSeats(ctx, seatmap.CloseSeatsRequest{Event: "e", Actor: "op", Reason: "broken", Seats: []string{"2"}})
				return err
			}
		},
		"quotas": func(m *seatmap.Map, _ *seatmap.CreateRequest) func() error {
			return func() error {
				_, err := m.SetQuota(ctx, seatmap.SetQuotaRequest{Event: "e", Actor: "op", Quota: "partner", Seats: []string{"2"}})
				return err
			}
		},
		"operator has made": func(m *seatmap.Map, _ *seatmap.CreateRequest) func() error {
			return func() error {
				_, err := m.Reserve(ctx, seatmap.ReserveRequest{Event: "e", Actor: "op", Reason: "press", User: "ann", Seats: []string{"2"}})
				return err
			}
		},
	} {
		m := seatmap.NewMap(seatmap.MapOptions{})
		create := seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 5}}
		then := make(m, &create)
		_, err := m.Create(ctx, create)
		require.NoError(t, err)
		if then != nil {
			require.NoError(t, then())
		}
		var export bytes.Buffer
		_, err = m.Export(ctx, seatmap.ExportRequest{Event: "e"}, &export)
		require.NoError(t, err)
		require.NoError(t, m.Close())
		_, err = store.Import(ctx, seatmap.ImportRequest{}, &export)
		require.ErrorIs(t, err, seatmap.ErrInvalidExport)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, lacking)
		require.Equal(t, empty, s.dump())
	}
}

// Seats that were added to the event are seats like the others.
func TestAnImportTakesSeatsThatWereAdded(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	m := seatmap.NewMap(seatmap.MapOptions{})
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 2}})
	require.NoError(t, err)
	_, err = m.AddSeats(ctx, seatmap.AddSeatsRequest{Event: "e", Actor: "op", Layout: seatmap.Layout{Count: 2}})
	require.NoError(t, err)
	h, err := m.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"4"}, TTL: time.Hour})
	require.NoError(t, err)
	var export bytes.Buffer
	_, err = m.Export(ctx, seatmap.ExportRequest{Event: "e", Remove: true}, &export)
	require.NoError(t, err)
	require.NoError(t, m.Close())
	_, err = store.Import(ctx, seatmap.ImportRequest{}, &export)
	require.NoError(t, err)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: h.Token})
	require.NoError(t, err)
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 3, Booked: 1}, counts)
}

// TestAnImportThatEndsInTheMiddleLeavesNothing damages the export, ends the context, and cuts
// the connection at each place.
func TestAnImportThatEndsInTheMiddleLeavesNothing(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	p := startProxy(t, s.address)
	store := open(t, p.options(s))
	defer func() { require.NoError(t, store.Close()) }()
	export := exportOf(t, 2000, 1)
	empty := s.dump()
	for _, at := range []int{0, len(export) / 2, len(export) - 2} {
		damaged := bytes.Clone(export)
		damaged[at] ^= 1
		for _, bad := range [][]byte{damaged, export[:at]} {
			_, err := store.Import(t.Context(), seatmap.ImportRequest{}, bytes.NewReader(bad))
			require.ErrorIs(t, err, seatmap.ErrInvalidExport)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Import(ended, seatmap.ImportRequest{}, bytes.NewReader(export))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, empty, s.dump())
	imported, cuts := false, 0
	for step := 0; !imported; step++ {
		p.cutAfter(step/2, []cut{beforeCall, beforeAnswer}[step%2])
		_, err := store.Import(t.Context(), seatmap.ImportRequest{}, bytes.NewReader(export))
		p.cutAfter(0, passes)
		switch {
		case err == nil || errors.Is(err, seatmap.ErrExists):
			imported = true
		case errors.Is(err, seatmap.ErrOutcomeUnknown):
			cuts++
		default:
			require.ErrorIs(t, err, seatmap.ErrUnavailable)
			cuts++
			_, err = store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
			require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
			for key := range s.dump() {
				if !strings.HasSuffix(key, "}secret") {
					require.NotEqual(t, "-1", s.do("PTTL", key), "%s after a cut of request %d", key, step/2)
				}
			}
		}
	}
	require.Greater(t, cuts, 5)
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Blocked: 2000}, counts)
}

// exportOf returns an export of an event, e, all of whose seats are held, so many by each hold, and
// each hold has a key.
func exportOf(tb testing.TB, seats, each int) []byte {
	tb.Helper()
	m := fullMap(tb, seats, each)
	defer func() { require.NoError(tb, m.Close()) }()
	var export bytes.Buffer
	_, err := m.Export(tb.Context(), seatmap.ExportRequest{Event: "e"}, &export)
	require.NoError(tb, err)
	return export.Bytes()
}

func fullMap(tb testing.TB, seats, each int) *seatmap.Map {
	tb.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{})
	_, err := m.Create(tb.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}})
	require.NoError(tb, err)
	for first := 1; first <= seats; first += each {
		var list []string
		for seat := first; seat < first+each; seat++ {
			list = append(list, strconv.Itoa(seat))
		}
		_, err := m.Block(tb.Context(), seatmap.BlockRequest{
			Event: "e", User: "user" + strconv.Itoa(first%1000), Key: seatmap.NewKey(strconv.Itoa(first)), Seats: list, TTL: time.Hour,
		})
		require.NoError(tb, err)
	}
	return m
}

// TestTimeThatLapsesEndsHolds imports an export twice: without Lapse no hold has lost time.
func TestTimeThatLapsesEndsHolds(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer func() { require.NoError(t, m.Close()) }()
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 2}})
	require.NoError(t, err)
	short, err := m.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: 100 * time.Millisecond})
	require.NoError(t, err)
	_, err = m.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"2"}, TTL: time.Hour})
	require.NoError(t, err)
	var export bytes.Buffer
	_, err = m.Export(t.Context(), seatmap.ExportRequest{Event: "e"}, &export)
	require.NoError(t, err)
	for change, err := range m.Watch(t.Context(), seatmap.WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		if change.Kind == seatmap.ChangeExpired {
			break
		}
	}
	_, err = store.Import(t.Context(), seatmap.ImportRequest{Lapse: true}, bytes.NewReader(export.Bytes()))
	require.NoError(t, err)
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 1, Blocked: 1}, counts)
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: short.Token})
	require.ErrorIs(t, err, seatmap.ErrExpired)
	_, err = store.Remove(t.Context(), seatmap.RemoveRequest{Event: "e"})
	require.NoError(t, err)
	_, err = store.Import(t.Context(), seatmap.ImportRequest{}, bytes.NewReader(export.Bytes()))
	require.NoError(t, err)
	var last seatmap.ChangeKind
	for change, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		if last = change.Kind; last == seatmap.ChangeExpired {
			break
		}
	}
}

// TestAnEventMovesUnderLoad moves an event while users book and cancel, who repeat with their keys
// what was refused, at the other store as soon as there is one. Nothing that was
// acknowledged is lost, and no seat has two owners.
func TestAnEventMovesUnderLoad(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer func() { require.NoError(t, m.Close()) }()
	const seats, users = 2000, 8
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}})
	require.NoError(t, err)
	var serving atomic.Pointer[seatmap.Store]
	from := seatmap.Store(m)
	serving.Store(&from)
	moved, stop := make(chan struct{}), make(chan struct{})
	booked := make([]map[string]seatmap.Token, users)
	var all sync.WaitGroup
	var before, after atomic.Int64
	for user := range users {
		booked[user] = map[string]seatmap.Token{}
		all.Go(func() {
			name, random := "user"+strconv.Itoa(user), rand.New(rand.NewPCG(1, uint64(user)))
			// call repeats a request until a store has decided it.
			call := func(request func(seatmap.Store) error) error {
				for {
					to := *serving.Load()
					err := request(to)
					if to == from && (errors.Is(err, seatmap.ErrUnavailable) || errors.Is(err, seatmap.ErrUnknownEvent)) {
						<-moved
						continue
					}
					if to == from {
						before.Add(1)
					} else {
						after.Add(1)
					}
					return err
				}
			}
			for round := 0; ; round++ {
				select {
				case <-stop:
					return
				default:
				}
				seat := strconv.Itoa(1 + random.IntN(seats))
				key := func(what string) seatmap.Key { return seatmap.NewKey(name + what + strconv.Itoa(round)) }
				var h seatmap.Hold
				err := call(func(s seatmap.Store) (err error) {
					h, err = s.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: name, Key: key("block"), Seats: []string{seat}, TTL: time.Hour})
					return err
				})
				if errors.Is(err, seatmap.ErrTaken) {
					continue
				}
				var b seatmap.Booking
				if err == nil {
					err = call(func(s seatmap.Store) (err error) {
						b, err = s.Book(t.Context(), seatmap.BookRequest{Token: h.Token, User: name, Key: key("book")})
						return err
					})
				}
				if err == nil && round%3 == 0 {
					err = call(func(s seatmap.Store) error {
						_, err := s.Cancel(t.Context(), seatmap.CancelRequest{Token: b.Token, User: name, Key: key("cancel")})
						return err
					})
				} else if err == nil {
					booked[user][seat] = b.Token
				}
				if err != nil {
					t.Errorf("%s, round %d: %v", name, round, err)
					return
				}
			}
		})
	}
	wait := func(n *atomic.Int64, most int64) {
		require.Eventually(t, func() bool { return n.Load() >= most || t.Failed() }, time.Minute, time.Millisecond)
	}
	wait(&before, 1000)
	var export bytes.Buffer
	_, err = m.Export(t.Context(), seatmap.ExportRequest{Event: "e", Remove: true}, &export)
	require.NoError(t, err)
	_, err = store.Import(t.Context(), seatmap.ImportRequest{}, &export)
	require.NoError(t, err)
	to := seatmap.Store(store)
	serving.Store(&to)
	close(moved)
	wait(&after, 1000)
	close(stop)
	all.Wait()
	taken := 0
	for user, seats := range booked {
		for seat, token := range seats {
			taken++
			info, err := store.Seat(t.Context(), seatmap.SeatRequest{Event: "e", Seat: seat})
			require.NoError(t, err)
			require.Equal(t, [3]any{seatmap.SeatBooked, "user" + strconv.Itoa(user), token.Fence}, [3]any{info.State, info.User, info.Fence}, seat)
		}
	}
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: seats - taken, Booked: taken}, counts)
	for _, seats := range booked {
		for _, token := range seats {
			_, err := store.Cancel(t.Context(), seatmap.CancelRequest{Token: token})
			require.NoError(t, err)
		}
	}
}

// TestAnEventOfManyHoldsIsRemoved has more holds than the server deletes, or passes by, in one part.
func TestAnEventOfManyHoldsIsRemoved(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Import(t.Context(), seatmap.ImportRequest{}, bytes.NewReader(exportOf(t, 20_000, 1)))
	require.NoError(t, err)
	_, err = store.Remove(t.Context(), seatmap.RemoveRequest{Event: "e"})
	require.NoError(t, err)
	for key := range s.dump() {
		if !strings.HasSuffix(key, "}secret") {
			require.NotEqual(t, "-1", s.do("PTTL", key), key)
		}
	}
}

// BenchmarkMove is for how long an event of 100,000 seats is in no store when it moves from a Map, if
// each hold has so many seats and a key. The export is imported while it is written.
func BenchmarkMove(b *testing.B) {
	s := startServer(b, "--appendonly", "no")
	store := open(b, s.options())
	defer func() { require.NoError(b, store.Close()) }()
	for _, each := range []int{1, 4, 100} {
		b.Run("seats=100000/each="+strconv.Itoa(each), func(b *testing.B) {
			var server float64
			var client time.Duration
			for range b.N {
				b.StopTimer()
				m := fullMap(b, 100_000, each)
				used, own := processorTime(b, s), testkit.ProcessorTime()
				b.StartTimer()
				outage.Move(b, m, store)
				b.StopTimer()
				server, client = server+processorTime(b, s)-used, client+testkit.ProcessorTime()-own
				require.NoError(b, m.Close())
				_, err := store.Remove(b.Context(), seatmap.RemoveRequest{Event: "e"})
				require.NoError(b, err)
				b.StartTimer()
			}
			b.ReportMetric(server*1e3/float64(b.N), "server-cpu-ms/move")
			b.ReportMetric(float64(client.Milliseconds())/float64(b.N), "client-cpu-ms/move")
		})
	}
}
