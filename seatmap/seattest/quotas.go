package seattest

import (
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
)

// quotas checks SetQuota of [seatmap.SeatCloser].
func quotas(s *session) error {
	c, ok := s.store.(seatmap.SeatCloser)
	if !ok {
		return failf("the store is no SeatCloser, and Options.Lacks does not say so")
	}
	layout := seatmap.Layout{Count: 6, Closed: []string{"6"}}
	if _, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout}); err != nil {
		return wrap("Create", err)
	}
	a := &auditor{session: s}
	hold, err := s.block("zoe", "1")
	if err := all(wrap("Block", err), a.begin()); err != nil {
		return err
	}
	set := func(quota string, k seatmap.Key, seats ...string) (seatmap.Receipt, error) {
		return c.SetQuota(s.ctx, seatmap.SetQuotaRequest{Event: s.event, Seats: seats, Quota: quota, Actor: "op", Key: k})
	}
	for i := range 2 {
		if got, err := set("club", seatmap.NewKey("q"), "1", "2", "3", "6"); err != nil || got.Replayed != (i == 1) {
			return failf("SetQuota with the same key, call %d, returned %+v, %v", i+1, got, err)
		}
	}
	_, reused := set("press", seatmap.NewKey("q"), "1", "2", "3", "6")
	_, press := set("press", seatmap.Key{}, "3")
	block := func(seat string, k seatmap.Key, of ...string) (seatmap.Hold, error) {
		return s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: "bob", Seats: []string{seat}, TTL: ttl, Key: k, Quotas: of})
	}
	_, without := block("2", seatmap.Key{})
	_, other := block("3", seatmap.Key{}, "club")
	_, closed := block("6", seatmap.Key{}, "club")
	_, taken := block("1", seatmap.Key{}, "club")
	any := seatmap.BlockAnyRequest{Event: s.event, User: "bob", N: 3, TTL: ttl}
	_, few := s.store.BlockAny(s.ctx, any)
	if err := all(
		want("SetQuota of another quota with the same key", reused, seatmap.ErrKeyReused), wrap("SetQuota", press),
		s.states("hxx..x"), s.quotasAre("club club press - - club"),
		want("Block of a seat of a quota", without, seatmap.ErrNotForSale),
		want("Block of a seat of another quota", other, seatmap.ErrNotForSale),
		want("Block of a seat of its quota that is closed", closed, seatmap.ErrNotForSale),
		want("Block of a seat of its quota that is held", taken, seatmap.ErrTaken),
		want("BlockAny of more seats than are in no quota", few, seatmap.ErrNotEnough),
	); err != nil {
		return err
	}
	any.Where.Quotas = []string{"club", "press"}
	got, err := s.store.BlockAny(s.ctx, any)
	if err != nil || !slices.Equal(got.Seats, []string{"2", "3", "4"}) {
		return failf("BlockAny with quotas chose %v, %v, not the first seats", got.Seats, err)
	}
	_, rest := s.block("dan", "5")
	_, soldOut := s.block("eve", "2")
	if err := all(
		wrap("Block", rest), s.states("hhhhhx"), want("Block in a full event", soldOut, seatmap.ErrSoldOut),
		wrap("Release", s.release(hold.Token)), wrap("Release", s.release(got.Token, "2", "3")),
	); err != nil {
		return err
	}
	if err := all(s.states("xxxhhx"), s.quotasAre("club club press - - club")); err != nil {
		return err
	}
	_, soldOut = s.block("eve", "2")
	k := seatmap.NewKey("b")
	first, err := block("2", k, "club")
	again, repeated := block("2", k, "club")
	_, differs := block("2", k, "club", "press")
	if err := all(
		want("Block of a seat of a quota if all others are taken", soldOut, seatmap.ErrSoldOut), wrap("Block of a seat of its quota", err),
		wrap("Block of a seat of its quota with the same key", repeated),
		want("Block with the same key and other quotas", differs, seatmap.ErrKeyReused),
	); err != nil {
		return err
	}
	if !again.Replayed || again.Token.Reveal() != first.Token.Reveal() {
		return failf("Block of a seat of its quota with the same key returned %+v", again)
	}
	_, opened := c.OpenSeats(s.ctx, seatmap.OpenSeatsRequest{Event: s.event, Seats: []string{"6"}, Actor: "op"})
	_, closed = block("6", seatmap.Key{})
	_, last := block("6", seatmap.Key{}, "club")
	_, freed := set("", seatmap.Key{}, "1", "2", "6")
	if err := all(
		wrap("OpenSeats", opened), want("Block of a seat of a quota that was opened", closed, seatmap.ErrSoldOut),
		wrap("Block of a seat of its quota that was opened", last), wrap("SetQuota to none", freed),
		s.states(".hxhhh"), s.quotasAre("- - press - - -"),
	); err != nil {
		return err
	}
	return s.tellsQuotas(a)
}

// quotasAre checks in which quotas the seats are: names in a row, or -.
func (s *session) quotasAre(want string) error {
	got, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event})
	var names []string
	for _, seat := range got.Seats {
		name := seat.Quota
		if name == "" {
			name = "-"
		}
		names = append(names, name)
	}
	if err != nil || fmt.Sprint(names) != "["+want+"]" {
		return failf("Seats reports the quotas %v, %v, not %s", names, err, want)
	}
	return nil
}

// tellsQuotas checks that the changes say which seats are in which quota, and by whom.
func (s *session) tellsQuotas(a *auditor) error {
	wanted := []string{"club [1 2 3 6] op", "press [3] op", " [1 2 6] op"}
	var got []string
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event, From: a.replay.Cursor()}) {
		if err != nil {
			return wrap("Watch", err)
		}
		if change.Kind == seatmap.ChangeGap {
			return nil // the store keeps no changes that nobody watched
		}
		if change.Kind == seatmap.ChangeQuota {
			got = append(got, fmt.Sprint(change.Quota, " ", slices.Sorted(slices.Values(change.Seats)), " ", change.Actor))
		}
		if len(got) == len(wanted) {
			break
		}
	}
	if !slices.Equal(got, wanted) {
		return failf("the changes of quotas are %q, not %q", got, wanted)
	}
	return nil
}
