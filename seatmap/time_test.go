package seatmap_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// withAndWithoutSweeper runs the test in a bubble, once with a map that sweeps by
// itself, and once with one that does not.
func withAndWithoutSweeper(t *testing.T, f func(t *testing.T, o seatmap.MapOptions)) {
	t.Helper()
	for _, manual := range []bool{false, true} {
		t.Run(fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, seatmap.MapOptions{Manual: manual}) })
		})
	}
}

func TestAHoldIsOverAtItsDeadline(t *testing.T) {
	withAndWithoutSweeper(t, func(t *testing.T, o seatmap.MapOptions) {
		m := newEvent(t, 3, seatmap.Limits{}, o)
		a, b := block(t, m, "ann", "1"), block(t, m, "bob", "2")
		testkit.Advance(hold - 1)
		_, err := tryBlock(m, "carl", "1")
		require.ErrorIs(t, err, seatmap.ErrTaken)
		_, err = m.Block(context.Background(), seatmap.BlockRequest{
			Event: event, User: "carl", Seats: []string{"1"}, TTL: hold, ListTaken: true,
		})
		require.ErrorIs(t, err, seatmap.ErrTaken, "also where the lock decides")
		_, err = book(m, b.Token)
		require.NoError(t, err, "a nanosecond is enough")
		testkit.Advance(1)
		_, err = book(m, a.Token)
		require.ErrorIs(t, err, seatmap.ErrExpired)
		_, err = extend(m, a.Token, hold)
		require.ErrorIs(t, err, seatmap.ErrExpired)
		require.ErrorIs(t, release(m, a.Token), seatmap.ErrExpired)
		assert.Equal(t, seatmap.SeatAvailable, state(t, m, "1").State)
		assert.Equal(t, seatmap.Counts{Available: 2, Booked: 1}, counts(t, m))
		block(t, m, "carl", "1")
	})
}

func TestARefusalEndsAtTheDeadline(t *testing.T) {
	withAndWithoutSweeper(t, func(t *testing.T, o seatmap.MapOptions) {
		m := newEvent(t, 2, seatmap.Limits{}, o)
		p := newPlan(t, 1, nil)
		for _, left := range []time.Duration{1, time.Millisecond, time.Second - 1, time.Second, time.Second + 1, time.Minute, hold} {
			block(t, m, "ann", "1")
			_, err := p.Block(1, hold, 0)
			require.NoError(t, err)
			refused := func() {
				t.Helper()
				for range 2 {
					_, err := tryBlock(m, "bob", "1")
					require.ErrorIs(t, err, seatmap.ErrTaken)
					_, err = p.Block(2, hold, 0)
					require.ErrorIs(t, err, seatmap.ErrSoldOut)
				}
			}
			refused()
			testkit.Advance(hold - left)
			refused()
			testkit.Advance(left - 1)
			refused()
			testkit.Advance(1)
			require.NoError(t, release(m, block(t, m, "bob", "1").Token))
			token, err := p.Block(2, hold, 0)
			require.NoError(t, err)
			require.NoError(t, p.Release(token))
		}
	})
}

func TestTheLongestHold(t *testing.T) {
	withAndWithoutSweeper(t, func(t *testing.T, o seatmap.MapOptions) {
		m := newEvent(t, 2, seatmap.Limits{}, o)
		h, err := m.Block(context.Background(), seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: seatmap.MaxTTL})
		require.NoError(t, err)
		assert.Equal(t, seatmap.MaxTTL, h.Until.Sub(h.At))
		testkit.Advance(time.Second)
		_, err = tryBlock(m, "bob", "1")
		require.ErrorIs(t, err, seatmap.ErrTaken)
		h, err = extend(m, h.Token, seatmap.MaxTTL)
		require.NoError(t, err)
		assert.Equal(t, seatmap.MaxTTL+time.Second, h.Until.Sub(h.At))
		_, err = book(m, h.Token)
		require.NoError(t, err)
	})
}

func TestASoldOutEventKnowsWhenItNoLongerIs(t *testing.T) {
	withAndWithoutSweeper(t, func(t *testing.T, o seatmap.MapOptions) {
		m := newEvent(t, 2, seatmap.Limits{}, o)
		first := block(t, m, "ann", "1")
		testkit.Advance(time.Minute)
		block(t, m, "bob", "2")
		_, err := tryBlock(m, "carl", "1")
		require.ErrorIs(t, err, seatmap.ErrSoldOut)
		longer, err := extend(m, first.Token, 6*time.Minute)
		require.NoError(t, err)
		assert.Equal(t, 6*time.Minute, time.Until(longer.Until))
		testkit.Advance(4 * time.Minute) // the first deadline there was
		_, err = tryBlock(m, "carl", "1")
		require.ErrorIs(t, err, seatmap.ErrSoldOut, "it was put off")
		testkit.Advance(time.Minute)
		h, err := m.BlockAny(context.Background(), seatmap.BlockAnyRequest{Event: event, User: "carl", N: 1, TTL: hold})
		require.NoError(t, err)
		assert.Equal(t, []string{"2"}, h.Seats)
		testkit.Advance(time.Minute)
		block(t, m, "dora", "1")
	})
}

func TestTheExpiredTokenOfWhoHoldsTheSeatAgainDoesNothing(t *testing.T) {
	withAndWithoutSweeper(t, func(t *testing.T, o seatmap.MapOptions) {
		m := newEvent(t, 1, seatmap.Limits{}, o)
		old := block(t, m, "ann", "1")
		testkit.Advance(hold)
		again := block(t, m, "ann", "1")
		_, err := book(m, old.Token)
		require.ErrorIs(t, err, seatmap.ErrExpired)
		_, err = extend(m, old.Token, hold)
		require.ErrorIs(t, err, seatmap.ErrExpired)
		require.ErrorIs(t, release(m, old.Token), seatmap.ErrExpired)
		require.ErrorIs(t, cancel(m, old.Token), seatmap.ErrExpired)
		assert.Equal(t, again.Token.Fence, state(t, m, "1").Fence)
		_, err = book(m, again.Token)
		require.NoError(t, err)
	})
}

func TestAnOverdueHoldDoesNotCountAgainstItsUser(t *testing.T) {
	withAndWithoutSweeper(t, func(t *testing.T, o seatmap.MapOptions) {
		m := newEvent(t, 5, seatmap.Limits{Seats: 2, Holds: 2}, o)
		block(t, m, "ann", "1")
		block(t, m, "ann", "2")
		testkit.Advance(hold)
		infos, err := m.Holds(context.Background(), seatmap.HoldsRequest{Event: event, User: "ann"})
		require.NoError(t, err)
		assert.Empty(t, infos)
		block(t, m, "ann", "3", "4")
		_, err = tryBlock(m, "ann", "5")
		require.ErrorIs(t, err, seatmap.ErrLimit)
	})
}

func TestKeysAreForgottenTenMinutesAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		ask := func(ttl time.Duration) (seatmap.Hold, error) {
			return m.Block(context.Background(), seatmap.BlockRequest{
				Event: event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}, TTL: ttl,
			})
		}
		first, err := ask(hold)
		require.NoError(t, err)
		testkit.Advance(hold + seatmap.KeyMemory - 1) // and nothing sweeps
		same, err := ask(hold)
		require.NoError(t, err)
		assert.Equal(t, first.Token, same.Token)
		_, err = ask(hold + 1)
		require.ErrorIs(t, err, seatmap.ErrKeyReused)
		testkit.Advance(1)
		second, err := ask(hold + 1)
		require.NoError(t, err)
		assert.Greater(t, second.Token.Fence, first.Token.Fence)
	})
}

func TestTheKeyOfAHoldThatWasReissuedIsForgottenWithoutASweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		r := seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: hold, Key: seatmap.NewKey("k")}
		_, err := m.Block(ctx, r)
		require.NoError(t, err)
		_, err = m.Reissue(ctx, seatmap.ReissueRequest{Event: event, Seat: "1", Actor: "op"})
		require.NoError(t, err)
		testkit.Advance(hold + seatmap.KeyMemory)
		r.Seats = []string{"2"}
		_, err = m.Block(ctx, r)
		require.NoError(t, err)
	})
}

func TestTooManyKeysAreForgottenOldestFirstButNoneOfALiveHold(t *testing.T) {
	m := newEvent(t, 100, seatmap.Limits{}, seatmap.MapOptions{Keys: 3, Manual: true})
	ask := func(seat, key string) seatmap.Hold {
		h, err := m.Block(t.Context(), seatmap.BlockRequest{Event: event, User: "ann", Key: seatmap.NewKey(key), Seats: []string{seat}, TTL: hold})
		require.NoError(t, err)
		return h
	}
	live := ask("1", "live")
	var ended []seatmap.Hold
	for i := range 5 {
		h := ask("2", fmt.Sprint("key", i))
		require.NoError(t, release(m, h.Token))
		ended = append(ended, h)
	}
	assert.Equal(t, live.Token, ask("1", "live").Token)
	assert.Equal(t, ended[4].Token, ask("2", "key4").Token)
	assert.Equal(t, ended[2].Token, ask("2", "key2").Token)
	assert.False(t, ask("2", "key1").Replayed, "it was forgotten, so this is a new request")
}

func TestSweepEndsWhatIsOverAndReportsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 5000, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		for i := range 4000 {
			_, err := m.Block(context.Background(), seatmap.BlockRequest{
				Event: event, User: fmt.Sprint("u", i), Seats: []string{fmt.Sprint(i + 1)}, TTL: hold + time.Duration(i/2000)*time.Minute,
			})
			require.NoError(t, err)
		}
		for _, want := range []int{0, 2000, 2000, 0} {
			n, err := m.Sweep(context.Background())
			require.NoError(t, err)
			if want == 0 && counts(t, m).Blocked > 0 {
				assert.Zero(t, n)
				testkit.Advance(hold)
				continue
			}
			assert.Equal(t, want, n)
			testkit.Advance(time.Minute)
		}
		assert.Equal(t, seatmap.Counts{Available: 5000}, counts(t, m))
	})
}

func TestAMillionExpiriesAreSweptInBoundedStepsOneEventEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 1 << 20
		if testkit.RaceEnabled {
			n = 1 << 17
		}
		p, err := seatmap.NewPlan(seatmap.PlanOptions{Seats: n + 1})
		require.NoError(t, err)
		for seat := range n {
			_, err := p.Block(uint64(seat), hold, seat)
			require.NoError(t, err)
		}
		testkit.Advance(hold)
		const limit = 1000
		ended, steps := 0, 0
		for more := true; more; steps++ {
			var holds int
			holds, more = p.Sweep(limit)
			assert.LessOrEqual(t, holds, limit+512, "one step is bounded")
			ended += holds
			if steps%100 == 0 { // others get in between
				token, err := p.Block(7, hold, n)
				require.NoError(t, err)
				token, err = p.Book(token)
				require.NoError(t, err)
				require.NoError(t, p.Cancel(token))
				c, err := p.Counts()
				require.NoError(t, err)
				require.Equal(t, seatmap.Counts{Available: n + 1}, c, "swept or not")
			}
		}
		assert.Equal(t, n, ended)
		assert.GreaterOrEqual(t, steps, n/(limit+512))
	})
}

func TestTheMapSweepsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 200_000, seatmap.Limits{}, seatmap.MapOptions{})
		ctx, cancel := context.WithCancel(context.Background())
		const holds = 150_000 // more than one tick's work
		for i := range holds {
			_, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "u", Seats: []string{fmt.Sprint(i + 1)}, TTL: time.Second})
			require.NoError(t, err)
		}
		// A snapshot after a gap shows holds as ended whose change follows.
		expired := map[string]bool{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
				if err != nil {
					return
				}
				if c.Kind == seatmap.ChangeSnapshot {
					clear(expired)
					for _, s := range c.Snapshot[:holds] {
						if s.State == seatmap.SeatAvailable {
							expired[s.Seat] = true
						}
					}
				}
				if c.Kind == seatmap.ChangeExpired {
					expired[c.Seats[0]] = true
				}
			}
		}()
		testkit.Advance(1300 * time.Millisecond)
		cancel()
		<-done
		assert.Len(t, expired, holds)
		assert.Equal(t, seatmap.Counts{Available: 200_000}, counts(t, m))
	})
}

// An extension moves the deadlines of its own hold, and only if that makes it longer.
func TestAnExtensionMovesItsOwnHold(t *testing.T) {
	withAndWithoutSweeper(t, func(t *testing.T, o seatmap.MapOptions) {
		testkit.Advance(1000 * time.Hour) // the clock of the map is far from zero
		m := newEvent(t, 4, seatmap.Limits{Lifetime: 3 * hold}, o)
		testkit.Advance(1000 * time.Hour)
		a, b := block(t, m, "ann", "1", "2"), block(t, m, "bob", "3")
		before := state(t, m, "3")
		extended, err := extend(m, a.Token, 2*hold)
		require.NoError(t, err)
		assert.Equal(t, a.Until.Add(hold), extended.Until)
		for _, seat := range []string{"1", "2"} {
			assert.Equal(t, extended.Until, state(t, m, seat).Until)
		}
		assert.Equal(t, before, state(t, m, "3"))
		revision := func() uint64 {
			s, err := m.Seats(t.Context(), seatmap.SeatsRequest{Event: event})
			require.NoError(t, err)
			return s.Revision
		}
		was := revision()
		_, err = extend(m, a.Token, 2*hold)
		require.NoError(t, err)
		assert.Equal(t, was, revision(), "the same deadline is no change")
		_, err = extend(m, b.Token, 3*hold)
		require.NoError(t, err)
		_, err = extend(m, b.Token, 3*hold+1)
		require.ErrorIs(t, err, seatmap.ErrLimit)
	})
}

// So does one of a plan, which knows the seats of the hold by its token only.
func TestAnExtensionOfAPlanMovesItsOwnHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlan(t, 3, nil)
		a, err := p.Block(1, hold, 0, 1)
		require.NoError(t, err)
		_, err = p.Block(2, hold, 2)
		require.NoError(t, err)
		_, err = p.Extend(a, 2*hold)
		require.NoError(t, err)
		testkit.Advance(hold)
		c, err := p.Counts()
		require.NoError(t, err)
		assert.Equal(t, seatmap.Counts{Available: 1, Blocked: 2}, c)
	})
}

// The page that ends with the last seat is the last.
func TestAFullLastPageHasNoMore(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	for limit, more := range map[int]bool{0: false, 2: true, 3: true, 4: false, 5: false} {
		s, err := m.Seats(t.Context(), seatmap.SeatsRequest{Event: event, Limit: limit})
		require.NoError(t, err)
		assert.Equal(t, more, s.More, limit)
	}
}
