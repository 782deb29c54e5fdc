package seatmap_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/seatmap"
)

// This file compares what a Map lists with the oracle of TestMapBehavesLikeTheOracle.

// compareEvents compares the events of a map, in pages, with these names.
func compareEvents(t *rapid.T, m *seatmap.Map, names []string) {
	prefix := rapid.SampledFrom([]string{"", "o", "concert"}).Draw(t, "prefix")
	r := seatmap.EventsRequest{Prefix: prefix, Limit: rapid.IntRange(0, 2).Draw(t, "limit")}
	var got []string
	for more := true; more; {
		page, err := m.Events(ctx, r)
		require.NoError(t, err)
		for _, one := range page.Events {
			got = append(got, one.Event)
		}
		if more = page.More; more {
			require.NotEmpty(t, page.Events)
			require.Len(t, page.Events, r.Limit)
			r.After = got[len(got)-1]
		}
	}
	want := slices.DeleteFunc(names, func(name string) bool { return len(name) < len(prefix) || name[:len(prefix)] != prefix })
	require.Equal(t, fmt.Sprint(want), fmt.Sprint(got))
}

// compareGrants compares the holds and bookings of a map, in pages, with the oracle.
func compareGrants(t *rapid.T, m *seatmap.Map, o *oracle) {
	live := slices.SortedFunc(slices.Values(o.live()), func(a, b *grant) int { return cmp.Compare(a.token.Fence, b.token.Fence) })
	for _, r := range []seatmap.GrantsRequest{
		{}, {User: "ann"}, {User: "bob"}, {User: "house"}, {Reference: "order 1"}, {Reference: "order 2"}, {User: "ann", Reference: "order 1"},
	} {
		r.Event, r.Limit = o.name, rapid.IntRange(0, 3).Draw(t, "limit")
		var want []*grant
		for _, g := range live {
			if (r.User == "" || r.User == g.user) && (r.Reference == "" || r.Reference == g.ref) {
				want = append(want, g)
			}
		}
		var got []seatmap.GrantInfo
		for more := true; more; {
			page, err := m.Grants(ctx, r)
			require.NoError(t, err)
			got = append(got, page.Grants...)
			if more = page.More; more {
				require.Len(t, page.Grants, r.Limit)
				r.After = got[len(got)-1].Fence
			}
		}
		require.Len(t, got, len(want), "%+v", r)
		for i, g := range want {
			require.Equal(t, g.listed(), listed(&got[i]), "%+v", r)
		}
	}
}

// listed says what a hold or booking must be listed as.
func (g *grant) listed() string {
	i := seatmap.GrantInfo{
		Fence: g.token.Fence, State: seatmap.SeatBooked, User: g.user, Reference: g.ref, Seats: g.seats, Places: g.places,
		At: g.born, Actor: g.operator(), Paying: g.paying(),
	}
	if !g.booked {
		i.State = seatmap.SeatBlocked
		if i.Left = g.left(); !g.endless {
			i.Until = g.until
		}
	}
	if g.paying() {
		i.PayingUntil = g.paid
	}
	return listed(&i)
}

// listed returns what a hold or booking is listed as, but for the reason of an operator.
func listed(g *seatmap.GrantInfo) string {
	var times []int64
	for _, at := range []time.Time{g.At, g.Until, g.PayingUntil} {
		if times = append(times, 0); !at.IsZero() {
			times[len(times)-1] = at.UnixNano()
		}
	}
	return fmt.Sprint(g.Fence, g.State, g.User, g.Reference, slices.Sorted(slices.Values(g.Seats)), g.Places, times, g.Left, g.Paying, g.Actor)
}
