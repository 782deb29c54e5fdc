package seatmap_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// repeatable is a request that changes something, on a map with one event.
type repeatable struct {
	name string
	// make prepares the map and returns the request as a function of its key, with
	// every field in turn changed by other.
	make func(t *testing.T, m *seatmap.Map) func(key seatmap.Key, other string) (replayed bool, err error)
	// others are the fields that can differ, as KeyError names them.
	others []string
}

var repeatables = []repeatable{
	{"Create", func(_ *testing.T, m *seatmap.Map) func(seatmap.Key, string) (bool, error) {
		return func(key seatmap.Key, other string) (bool, error) {
			r := seatmap.CreateRequest{Event: "opera", Key: key, Layout: seatmap.Layout{Count: 3}}
			switch other {
			case "Layout":
				r.Layout.Closed = []string{"1"}
			case "Limits":
				r.Limits.Seats = 1
			}
			got, err := m.Create(ctx, r)
			return got.Replayed, err
		}
	}, []string{"Layout", "Limits"}},
	{"Remove", func(t *testing.T, m *seatmap.Map) func(seatmap.Key, string) (bool, error) {
		require.NoError(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: "opera", Layout: seatmap.Layout{Count: 3}})))
		return func(key seatmap.Key, _ string) (bool, error) {
			got, err := m.Remove(ctx, seatmap.RemoveRequest{Event: "opera", Key: key})
			return got.Replayed, err
		}
	}, nil},
	{"Block", func(_ *testing.T, m *seatmap.Map) func(seatmap.Key, string) (bool, error) {
		return func(key seatmap.Key, other string) (bool, error) {
			r := seatmap.BlockRequest{Event: event, User: "ann", Key: key, Seats: []string{"1", "2"}, TTL: hold}
			switch other {
			case "Seats":
				r.Seats = []string{"1"}
			case "TTL":
				r.TTL++
			case "Reference":
				r.Reference = "order"
			}
			got, err := m.Block(ctx, r)
			return got.Replayed, err
		}
	}, []string{"Seats", "TTL", "Reference"}},
	{"BlockAny", func(_ *testing.T, m *seatmap.Map) func(seatmap.Key, string) (bool, error) {
		return func(key seatmap.Key, other string) (bool, error) {
			r := seatmap.BlockAnyRequest{Event: event, User: "ann", Key: key, N: 2, TTL: hold}
			switch other {
			case "N":
				r.N = 1
			case "Where":
				r.Where.Adjacent = true
			case "TTL":
				r.TTL++
			case "Reference":
				r.Reference = "order"
			}
			got, err := m.BlockAny(ctx, r)
			return got.Replayed, err
		}
	}, []string{"N", "Where", "TTL", "Reference"}},
	{"Book", func(t *testing.T, m *seatmap.Map) func(seatmap.Key, string) (bool, error) {
		token, second := block(t, m, "ann", "1", "2").Token, block(t, m, "ann", "3").Token
		return func(key seatmap.Key, other string) (bool, error) {
			r := seatmap.BookRequest{Token: token, User: "ann", Key: key}
			switch other {
			case "Token":
				r.Token = second
			case "Seats":
				r.Seats = []string{"1"}
			case "Reference":
				r.Reference = "order"
			}
			got, err := m.Book(ctx, r)
			return got.Replayed, err
		}
	}, []string{"Token", "Seats", "Reference"}},
	{"Release", func(t *testing.T, m *seatmap.Map) func(seatmap.Key, string) (bool, error) {
		token, second := block(t, m, "ann", "1", "2").Token, block(t, m, "ann", "3").Token
		return func(key seatmap.Key, other string) (bool, error) {
			r := seatmap.ReleaseRequest{Token: token, User: "ann", Key: key}
			switch other {
			case "Token":
				r.Token = second
			case "Seats":
				r.Seats = []string{"1"}
			}
			got, err := m.Release(ctx, r)
			return got.Replayed, err
		}
	}, []string{"Token", "Seats"}},
	{"Extend", func(t *testing.T, m *seatmap.Map) func(seatmap.Key, string) (bool, error) {
		token, second := block(t, m, "ann", "1", "2").Token, block(t, m, "ann", "3").Token
		return func(key seatmap.Key, other string) (bool, error) {
			r := seatmap.ExtendRequest{Token: token, User: "ann", Key: key, TTL: 10 * hold}
			switch other {
			case "Token":
				r.Token = second
			case "TTL":
				r.TTL++
			}
			got, err := m.Extend(ctx, r)
			return got.Replayed, err
		}
	}, []string{"Token", "TTL"}},
	{"Cancel", func(t *testing.T, m *seatmap.Map) func(seatmap.Key, string) (bool, error) {
		token, err := book(m, block(t, m, "ann", "1", "2").Token)
		require.NoError(t, err)
		second, err := book(m, block(t, m, "ann", "3").Token)
		require.NoError(t, err)
		return func(key seatmap.Key, other string) (bool, error) {
			r := seatmap.CancelRequest{Token: token.Token, User: "ann", Key: key}
			switch other {
			case "Token":
				r.Token = second.Token
			case "Seats":
				r.Seats = []string{"1"}
			}
			got, err := m.Cancel(ctx, r)
			return got.Replayed, err
		}
	}, []string{"Token", "Seats"}},
}

func TestEveryRequestThatChangesSomethingIsCarriedOutOncePerKey(t *testing.T) {
	for _, r := range repeatables {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newEvent(t, 9, seatmap.Limits{}, seatmap.MapOptions{})
				call := r.make(t, m)
				key := seatmap.NewKey("once")
				replayed, err := call(key, "")
				require.NoError(t, err)
				require.False(t, replayed)
				before := seats(t, m)
				for range 2 {
					replayed, err = call(key, "")
					require.NoError(t, err)
					require.True(t, replayed)
				}
				for _, other := range r.others {
					_, err := call(key, other)
					var reused *seatmap.KeyError
					require.ErrorAs(t, err, &reused, other)
					require.Equal(t, []string{other}, reused.Differs())
				}
				require.Equal(t, before, seats(t, m), "repetitions and refusals change nothing")

				testkit.Advance(seatmap.KeyMemory - 1)
				if r.name == "Remove" || r.name == "Release" || r.name == "Extend" || r.name == "Cancel" {
					replayed, err = call(key, "")
					require.NoError(t, err)
					require.True(t, replayed)
					testkit.Advance(1)
					replayed, _ = call(key, "")
					require.False(t, replayed, "the key is new again")
				}
			})
		})
	}
}

func TestAKeyOfOneMethodIsNotAnothersKey(t *testing.T) {
	seconds := map[string][]string{"Create": nil, "Remove": {"Create"}}
	for _, first := range repeatables {
		names, ofEvent := seconds[first.name]
		if !ofEvent {
			names = []string{"Block", "BlockAny"}
		}
		for _, second := range repeatables {
			if first.name == second.name || !slices.Contains(names, second.name) {
				continue
			}
			m := newEvent(t, 9, seatmap.Limits{}, seatmap.MapOptions{})
			key := seatmap.NewKey("once")
			_, err := first.make(t, m)(key, "")
			require.NoError(t, err)
			_, err = second.make(t, m)(key, "")
			var reused *seatmap.KeyError
			require.ErrorAs(t, err, &reused, "%s after %s", second.name, first.name)
			require.Equal(t, []string{"method"}, reused.Differs())
		}
	}
}

func seats(tb testing.TB, s seatmap.Store) seatmap.Snapshot {
	tb.Helper()
	all, err := s.Seats(context.Background(), seatmap.SeatsRequest{Event: event})
	require.NoError(tb, err)
	for i := range all.Seats {
		all.Seats[i].At, all.Seats[i].Until, all.Seats[i].Left = time.Time{}, time.Time{}, 0
	}
	return all
}

func TestTheKeyOfAnEventIsKnownAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMap(t, seatmap.MapOptions{Keys: 2})
		create := func(name, key string) (seatmap.Receipt, error) {
			return m.Create(ctx, seatmap.CreateRequest{Event: name, Key: seatmap.NewKey(key), Layout: seatmap.Layout{Count: 1}})
		}
		remove := func(name, key string) (seatmap.Receipt, error) {
			return m.Remove(ctx, seatmap.RemoveRequest{Event: name, Key: seatmap.NewKey(key)})
		}
		known := func(r seatmap.Receipt, err error) {
			t.Helper()
			require.NoError(t, err)
			require.True(t, r.Replayed)
		}
		fresh := func(r seatmap.Receipt, err error) {
			t.Helper()
			require.NoError(t, err)
			require.False(t, r.Replayed)
		}
		fresh(create("opera", "a"))
		testkit.Advance(24 * time.Hour)
		known(create("opera", "a")) // as long as the event exists
		_, err := create("opera", "b")
		require.ErrorIs(t, err, seatmap.ErrExists)
		_, err = remove("opera", "a")
		require.ErrorIs(t, err, seatmap.ErrKeyReused)
		fresh(remove("opera", "r"))
		known(remove("opera", "r"))
		_, err = remove("opera", "s")
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
		testkit.Advance(seatmap.KeyMemory - 1)
		known(create("opera", "a"))
		require.ErrorIs(t, errOf(m.Counts(ctx, seatmap.CountsRequest{Event: "opera"})), seatmap.ErrUnknownEvent, "nothing was created")
		known(remove("opera", "r"))
		_, err = create("opera", "r")
		require.ErrorIs(t, err, seatmap.ErrKeyReused)
		testkit.Advance(1)
		fresh(create("opera", "a"))
		fresh(remove("opera", "r"))

		for i := range 3 {
			fresh(create(fmt.Sprint(i), ""))
			fresh(remove(fmt.Sprint(i), "k"))
		}
		_, err = remove("0", "k")
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent, "beyond MapOptions.Keys the oldest are forgotten")
		known(remove("1", "k"))
		known(remove("2", "k"))
		_, err = m.Sweep(ctx)
		require.NoError(t, err)
		known(remove("2", "k"))
	})
}

func TestTheSameCreateManyTimesAtOnceCreatesOneEvent(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	r := seatmap.CreateRequest{Event: event, Key: seatmap.NewKey("k"), Layout: seatmap.Layout{Count: 1}}
	fresh := make(chan struct{}, 8)
	testkit.Parallel(8, func(int) {
		got, err := m.Create(ctx, r)
		assert.NoError(t, err)
		if !got.Replayed {
			fresh <- struct{}{}
		}
	})
	assert.Len(t, fresh, 1)
}

func TestNamesAreUTF8WithoutControlCharacters(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	longest := strings.Repeat("é", seatmap.MaxName/2)
	good := []string{"a", "Hall 7", "séance", "観客", "😀", longest, "\u00a0", "~", "a\u200bb", strings.Repeat("x", seatmap.MaxName)}
	bad := []string{
		"", strings.Repeat("x", seatmap.MaxName+1), longest + "é", "\x00", "a\x00", "\t", "tab\there and long", "long enough\n", "\x1f",
		"\x7f", "0123456\x7f", "01234567\x7f", "\u0080", "a\u009f", "\xff", "a\xc3", "0123456789\xed\xa0\x80", "\x80",
	}
	braces := []string{"{", "a}", "a{b}c", "{user}", "01234567890{"}
	uses := map[string]struct {
		invalid error
		call    func(name string) error
	}{
		"an event": {seatmap.ErrInvalidEvent, func(name string) error {
			if err := errOf(m.Create(ctx, seatmap.CreateRequest{Event: name, Layout: seatmap.Layout{Count: 1}})); err != nil {
				return err
			}
			return errOf(m.Remove(ctx, seatmap.RemoveRequest{Event: name}))
		}},
		"an event to remove": {seatmap.ErrInvalidEvent, func(name string) error {
			return unless(errOf(m.Remove(ctx, seatmap.RemoveRequest{Event: name})), seatmap.ErrUnknownEvent)
		}},
		"an event to block": {seatmap.ErrInvalidEvent, func(name string) error {
			return unless(errOf(m.Block(ctx, seatmap.BlockRequest{Event: name, User: "u", Seats: []string{"1"}, TTL: hold})), seatmap.ErrUnknownEvent)
		}},
		"an event to look at": {seatmap.ErrInvalidEvent, func(name string) error {
			return unless(errOf(m.Counts(ctx, seatmap.CountsRequest{Event: name})), seatmap.ErrUnknownEvent)
		}},
		"a plan": {seatmap.ErrInvalidEvent, func(name string) error {
			if name == "" {
				return seatmap.ErrInvalidEvent // a plan may be without a name
			}
			return errOf(seatmap.NewPlan(seatmap.PlanOptions{Name: name, Seats: 1}))
		}},
		"a user": {seatmap.ErrInvalidUser, func(name string) error {
			h, err := tryBlock(m, name, "1")
			if err != nil {
				return err
			}
			return release(m, h.Token)
		}},
		"a user with holds": {seatmap.ErrInvalidUser, func(name string) error {
			return errOf(m.Holds(ctx, seatmap.HoldsRequest{Event: event, User: name}))
		}},
		"a key": {seatmap.ErrInvalidKey, func(name string) error {
			if name == "" {
				return seatmap.ErrInvalidKey // that is no key
			}
			h, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "ann", Key: seatmap.NewKey(name), N: 1, TTL: hold})
			if err != nil {
				return err
			}
			return release(m, h.Token)
		}},
		"a label": {seatmap.ErrInvalidLayout, func(name string) error {
			r := seatmap.CreateRequest{Event: "opera", Layout: seatmap.Layout{Seats: []string{"other", name}}}
			if err := errOf(m.Create(ctx, r)); err != nil {
				return err
			}
			return errOf(m.Remove(ctx, seatmap.RemoveRequest{Event: "opera"}))
		}},
	}
	for use, u := range uses {
		for _, name := range good {
			require.NoError(t, u.call(name), "%q as %s", name, use)
		}
		for _, name := range bad {
			err := u.call(name)
			require.ErrorIs(t, err, u.invalid, "%q as %s", name, use)
			require.NotContains(t, err.Error(), "\x00")
		}
		for _, name := range braces {
			if errors.Is(u.invalid, seatmap.ErrInvalidEvent) {
				require.ErrorIs(t, u.call(name), u.invalid, "%q as %s", name, use)
			} else {
				require.NoError(t, u.call(name), "%q as %s", name, use)
			}
		}
	}
	_, err := tryBlock(m, "line\nend", "1")
	require.EqualError(t, err, `seatmap: invalid user name: control character U+000A at byte 4`)
	_, err = tryBlock(m, "caf\xe9", "1")
	require.EqualError(t, err, `seatmap: invalid user name: not UTF-8 at byte 3`)
}

// unless returns nil for the error that is expected.
func unless(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func TestPagesShowTheirOwnRevision(t *testing.T) {
	m := newEvent(t, 1200, seatmap.Limits{}, seatmap.MapOptions{})
	page := func(after string, limit int) seatmap.Snapshot {
		t.Helper()
		s, err := m.Seats(ctx, seatmap.SeatsRequest{Event: event, After: after, Limit: limit})
		require.NoError(t, err)
		return s
	}
	first := page("", 500)
	require.Len(t, first.Seats, 500)
	require.True(t, first.More)
	require.Equal(t, "500", first.Seats[499].Seat)
	block(t, m, "ann", "500", "501")
	second := page("500", 700)
	require.Len(t, second.Seats, 700)
	require.False(t, second.More)
	require.Equal(t, "501", second.Seats[0].Seat)
	require.Equal(t, seatmap.SeatBlocked, second.Seats[0].State)
	require.Equal(t, first.Revision+1, second.Revision)
	require.Empty(t, page("1200", 10).Seats)
	require.False(t, page("1200", 10).More)
	require.Len(t, page("1190", 0).Seats, 10)
	require.Len(t, page("1190", math.MaxInt).Seats, 10)

	// The pages and the changes after the first one make a whole.
	next, _ := watch(t, m, seatmap.Cursor{})
	require.Equal(t, seatmap.ChangeSnapshot, get(t, next).Kind)
	block(t, m, "bob", "1")
	require.Equal(t, []string{"1"}, get(t, next).Seats)

	_, err := m.Seats(ctx, seatmap.SeatsRequest{Event: event, After: "1201"})
	require.ErrorIs(t, err, seatmap.ErrUnknownSeat)
	_, err = m.Seats(ctx, seatmap.SeatsRequest{Event: event, Limit: -1})
	require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
}

func TestEveryChangeNamesItsPredecessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{Ring: 2})
		next, _ := watch(t, m, seatmap.Cursor{})
		snapshot := get(t, next)
		require.Zero(t, snapshot.Previous)
		last := snapshot.Cursor
		for i := range 4 {
			block(t, m, "ann", fmt.Sprint(i+1))
			change := get(t, next)
			require.Equal(t, last, change.Previous)
			require.NotEqual(t, last, change.Cursor)
			last = change.Cursor
		}
		late, _ := watch(t, m, snapshot.Cursor)
		gap := get(t, late)
		require.Equal(t, seatmap.ChangeGap, gap.Kind)
		require.Equal(t, snapshot.Cursor, gap.Previous, "where the watcher was")
		require.Zero(t, gap.Cursor)
		again := get(t, late)
		require.Equal(t, seatmap.ChangeSnapshot, again.Kind)
		require.Equal(t, last, again.Cursor)
		require.Zero(t, again.Previous)
	})
}

func TestTheFencesOfANewMapAreAboveThoseOfAnEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last uint64
		for range 3 {
			m := newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{})
			for range 5 {
				fence := block(t, m, "ann", "1").Token.Fence
				require.Greater(t, fence, last)
				last = fence
				testkit.Advance(hold)
			}
			require.NoError(t, m.Close())
		}
	})
}

func TestAHoldSaysHowMuchTimeIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
		r := seatmap.BlockRequest{Event: event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}, TTL: hold}
		h, err := m.Block(ctx, r)
		require.NoError(t, err)
		require.Equal(t, hold, h.Left)
		testkit.Advance(time.Minute)
		again, err := m.Block(ctx, r)
		require.NoError(t, err)
		require.Equal(t, hold-time.Minute, again.Left, "from the repeated answer")
		require.Equal(t, hold-time.Minute, state(t, m, "1").Left)
		infos, err := m.Holds(ctx, seatmap.HoldsRequest{Event: event, User: "ann"})
		require.NoError(t, err)
		require.Equal(t, hold-time.Minute, infos[0].Left)
		longer, err := extend(m, h.Token, 2*hold)
		require.NoError(t, err)
		require.Equal(t, 2*hold, longer.Left)
		same, err := extend(m, h.Token, time.Second)
		require.NoError(t, err)
		require.Equal(t, 2*hold, same.Left, "it lasts longer already")
		testkit.Advance(2 * hold)
		again, err = m.Block(ctx, r)
		require.NoError(t, err)
		require.Zero(t, again.Left)
		require.Zero(t, state(t, m, "1").Left)
	})
}

func TestRequestsWithATokenCheckTheUserIfOneIsNamed(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	held := block(t, m, "ann", "1").Token
	booking, err := book(m, block(t, m, "ann", "2").Token)
	require.NoError(t, err)
	calls := map[string]func(user string, key seatmap.Key) error{
		"Book": func(u string, k seatmap.Key) error {
			return errOf(m.Book(ctx, seatmap.BookRequest{Token: held, User: u, Key: k}))
		},
		"Release": func(u string, k seatmap.Key) error {
			return errOf(m.Release(ctx, seatmap.ReleaseRequest{Token: held, User: u, Key: k}))
		},
		"Extend": func(u string, k seatmap.Key) error {
			return errOf(m.Extend(ctx, seatmap.ExtendRequest{Token: held, User: u, Key: k, TTL: hold}))
		},
		"Cancel": func(u string, k seatmap.Key) error {
			return errOf(m.Cancel(ctx, seatmap.CancelRequest{Token: booking.Token, User: u, Key: k}))
		},
	}
	before := counts(t, m)
	for name, call := range calls {
		require.ErrorIs(t, call("eve", seatmap.Key{}), seatmap.ErrToken, name)
		require.ErrorIs(t, call("eve", seatmap.NewKey("k")), seatmap.ErrToken, name)
		require.ErrorIs(t, call("", seatmap.NewKey("k")), seatmap.ErrInvalidUser, name)
	}
	require.Equal(t, before, counts(t, m))
	for _, name := range []string{"Extend", "Release", "Cancel"} {
		require.NoError(t, calls[name]("ann", seatmap.Key{}), name)
	}
}

func TestStoresCanMakeTheErrorsOfThisPackage(t *testing.T) {
	list := []string{"A1", "A2"}
	err := seatmap.NewTakenError("concert", list...)
	list[0] = "spoiled"
	assert.Equal(t, "concert", err.Event())
	assert.Equal(t, "A1", err.Seat())
	assert.Equal(t, []string{"A1", "A2"}, err.Seats())
	assert.Equal(t, -1, err.Index())
	err.Seats()[0] = "spoiled"
	assert.EqualError(t, err, `seatmap: taken: event "concert" seat A1, A2`)
	require.ErrorIs(t, err, seatmap.ErrTaken)
	assert.EqualError(t, testkit.PanicError(t, func() { _ = seatmap.NewTakenError("concert") }),
		"seatmap: NewTakenError: no seat is named")
	zero := new(seatmap.TakenError)
	assert.Equal(t, []any{"", "", -1, 0}, []any{zero.Event(), zero.Seat(), zero.Index(), len(zero.Seats())})
	assert.EqualError(t, zero, "seatmap: taken")
	require.ErrorIs(t, zero, seatmap.ErrTaken)

	key := seatmap.NewKeyError("Seats", "TTL")
	assert.Equal(t, []string{"Seats", "TTL"}, key.Differs())
	assert.EqualError(t, key, "seatmap: key was used for another request: other Seats, TTL")
	require.ErrorIs(t, key, seatmap.ErrKeyReused)
	assert.EqualError(t, new(seatmap.KeyError), seatmap.ErrKeyReused.Error())
}

func TestStoresCanMakeTokensAndCursors(t *testing.T) {
	secret := [16]byte{1, 2, 3}
	token := seatmap.NewToken("concert", 7, secret)
	assert.Equal(t, token, seatmap.NewToken("concert", 7, secret))
	assert.NotEqual(t, token, seatmap.NewToken("concert", 8, secret))
	assert.NotEqual(t, token, seatmap.NewToken("opera", 7, secret))
	assert.NotEqual(t, token, seatmap.NewToken("concert", 7, [16]byte{1, 2, 4}))
	assert.Equal(t, "Token(concert#7)", fmt.Sprintf("%#v", token))
	parsed, err := seatmap.ParseToken(token.Reveal())
	require.NoError(t, err)
	assert.Equal(t, token, parsed)
	assert.Equal(t, token.Reveal(), parsed.Reveal())

	cursor := seatmap.NewCursor(5, 7)
	assert.Equal(t, [2]uint64{5, 7}, [2]uint64{cursor.Life(), cursor.Revision()})
	again, err := seatmap.ParseCursor(cursor.String())
	require.NoError(t, err)
	assert.Equal(t, cursor, again)
	assert.Equal(t, "0000000000000005-7 Cursor(0000000000000005-7)", fmt.Sprintf("%v %#v", cursor, cursor))
	assert.Equal(t, cursor.String(), cursor.LogValue().String())
}

func TestErrorsOfANetworkAreNoOthers(t *testing.T) {
	all := []error{
		seatmap.ErrClosed, seatmap.ErrUnavailable, seatmap.ErrOutcomeUnknown, seatmap.ErrExists, seatmap.ErrUnknownEvent,
		seatmap.ErrUnknownSeat, seatmap.ErrTaken, seatmap.ErrLimit, seatmap.ErrExpired, seatmap.ErrToken, seatmap.ErrKeyReused,
		seatmap.ErrSecret, seatmap.ErrInvalid,
	}
	for i, one := range all {
		assert.Regexp(t, "^seatmap: ", one.Error())
		for j, other := range all {
			assert.Equal(t, i == j, errors.Is(one, other), "%v %v", one, other)
		}
	}
}

func TestANilContextIsNamed(t *testing.T) {
	m := newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{})
	for name, call := range mapCalls {
		a := &ask{m: m, event: event, user: "ann", n: 1, ttl: hold, layout: seatmap.Layout{Count: 1}}
		assert.EqualError(t, testkit.PanicError(t, func() { _ = call(a) }), "seatmap: Map."+name+": the context is nil")
	}
}
