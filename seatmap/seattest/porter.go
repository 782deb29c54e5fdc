package seattest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// exports checks [seatmap.Porter].
func exports(s *session) error {
	p, ok := s.store.(seatmap.Porter)
	if !ok {
		return failf("the store is no Porter, and Options.Lacks does not say so")
	}
	layout := seatmap.Layout{Seats: []string{"1", `2 "\`, "3", "4", "5", "6"}, Closed: []string{"6"}}
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout, Limits: seatmap.Limits{Seats: 3}})
	if err != nil {
		return wrap("Create", err)
	}
	request := seatmap.BlockRequest{Event: s.event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"4", "1"}, TTL: ttl}
	hold, err := s.store.Block(s.ctx, request)
	if err != nil {
		return wrap("Block", err)
	}
	other, err := s.blockWith("order 1", "bob", "3", layout.Seats[1])
	if err != nil {
		return wrap("Block", err)
	}
	booking, err := s.book(other.Token, "3")
	if err != nil {
		return wrap("Book", err)
	}
	before, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event})
	if err := all(wrap("Seats", err), s.states("hhBh.x"), wrap("Release", s.release(other.Token)), s.states("h.Bh.x")); err != nil {
		return err
	}
	var export bytes.Buffer
	info, err := p.Export(s.ctx, seatmap.ExportRequest{Event: s.event, Remove: true}, &export)
	if err != nil {
		return wrap("Export", err)
	}
	if info.Event != s.event || info.Seats != 6 || info.Limits.Seats != 3 || info.Revision <= before.Revision {
		return failf("Export returned %+v after revision %d", info, before.Revision)
	}
	_, gone := s.store.Counts(s.ctx, seatmap.CountsRequest{Event: s.event})
	if err := want("Counts of an event that was moved", gone, seatmap.ErrUnknownEvent); err != nil {
		return err
	}
	read := func(b []byte) error {
		_, err := p.Import(s.ctx, seatmap.ImportRequest{}, bytes.NewReader(b))
		return err
	}
	for _, at := range []int{0, export.Len() / 2, export.Len() - 2} {
		damaged := bytes.Clone(export.Bytes())
		damaged[at] ^= 1
		if err := all(
			want(fmt.Sprintf("Import with a change of byte %d", at), read(damaged), seatmap.ErrInvalidExport),
			want(fmt.Sprintf("Import of the first %d bytes", at), read(damaged[:at]), seatmap.ErrInvalidExport),
		); err != nil {
			return err
		}
	}
	if err := all(
		wrap("Import", read(export.Bytes())), s.refers("after Import", "3", "order 1"), s.agrees("after Import"),
		want("a second Import", read(export.Bytes()), seatmap.ErrExists),
		s.states("h.Bh.x"),
		want("Release of a hold that had ended before Export", s.release(other.Token), seatmap.ErrExpired),
	); err != nil {
		return err
	}
	after, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event})
	if err != nil {
		return wrap("Seats", err)
	}
	if after.Revision < info.Revision || after.Cursor == info.Cursor {
		return failf("revision and cursor are %d, %v after Import, from %d, %v", after.Revision, after.Cursor, info.Revision, info.Cursor)
	}
	one := after.Seats[0]
	if one.User != "ann" || one.Fence != hold.Token.Fence || one.Left > ttl || one.Left < ttl-time.Minute || one.At.Sub(hold.At).Abs() > time.Minute {
		return failf("after Import a seat is %+v, not that of %+v", one, hold)
	}
	again, err := s.store.Block(s.ctx, request)
	if err != nil || !again.Replayed || again.Token != hold.Token || !slices.Equal(again.Seats, hold.Seats) {
		return failf("after Import a repetition returned %+v, %v, not the answer %+v", again, err, hold)
	}
	var kinds []seatmap.ChangeKind
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event, From: before.Cursor}) {
		if err != nil {
			return wrap("Watch", err)
		}
		if kinds = append(kinds, change.Kind); len(kinds) == 2 {
			break
		}
	}
	if !slices.Equal(kinds, []seatmap.ChangeKind{seatmap.ChangeGap, seatmap.ChangeSnapshot}) {
		return failf("a watch from a cursor from before Export has %v, not a gap and a snapshot", kinds)
	}
	_, limit := s.block("ann", layout.Seats[1], "5")
	_, cancel := s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: booking.Token})
	late, err := s.book(hold.Token)
	if err := all(
		want("Block beyond Limits.Seats after Import", limit, seatmap.ErrLimit), wrap("Cancel after Import", cancel),
		wrap("Book after Import", err), s.states("B..B.x"),
	); err != nil {
		return err
	}
	if late.Token.Fence <= booking.Token.Fence {
		return failf("the fence %d of a booking after Import is not above %d", late.Token.Fence, booking.Token.Fence)
	}
	if s.Lacks.Areas {
		return nil
	}
	return s.exportsAreas(p)
}

// exportsAreas checks that areas are exported, with the places of holds and bookings.
func (s *session) exportsAreas(p seatmap.Porter) error {
	event := s.event + "-areas"
	layout := seatmap.Layout{Areas: []seatmap.Area{{Name: "floor", Category: "silver", Capacity: 5}, {Name: "lawn", Capacity: 2}}}
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: event, Layout: layout})
	if err != nil {
		return wrap("Create", err)
	}
	request := seatmap.BlockRequest{
		Event: event, User: "ann", Key: seatmap.NewKey("k"), Places: map[string]int{"floor": 3, "lawn": 1}, TTL: ttl,
	}
	hold, err := s.store.Block(s.ctx, request)
	if err != nil {
		return wrap("Block of places", err)
	}
	booking, err := s.store.Book(s.ctx, seatmap.BookRequest{Token: hold.Token, Places: map[string]int{"floor": 2}})
	if err != nil {
		return wrap("Book of places", err)
	}
	are := func(when string, floor, lawn seatmap.Counts) error {
		for area, want := range map[string]seatmap.Counts{"floor": floor, "lawn": lawn} {
			got, err := s.store.Counts(s.ctx, seatmap.CountsRequest{Event: event, Area: area})
			if err != nil || got != want {
				return failf("%s, Counts of %q returned %+v, %v, not %+v", when, area, got, err, want)
			}
		}
		return nil
	}
	floor, lawn := seatmap.Counts{Available: 2, Blocked: 1, Booked: 2}, seatmap.Counts{Available: 1, Blocked: 1}
	if err := are("before Export", floor, lawn); err != nil {
		return err
	}
	var export bytes.Buffer
	if _, err := p.Export(s.ctx, seatmap.ExportRequest{Event: event, Remove: true}, &export); err != nil {
		return wrap("Export of areas", err)
	}
	info, err := p.Import(s.ctx, seatmap.ImportRequest{}, &export)
	if err != nil || info.Places != 7 || info.Seats != 0 {
		return failf("Import of areas with 7 places returned %+v, %v", info, err)
	}
	got, err := s.store.Layout(s.ctx, seatmap.LayoutRequest{Event: event})
	if err != nil || !slices.Equal(got.Areas, layout.Areas) {
		return failf("after Import, Layout returned %+v, %v, not %+v", got, err, layout)
	}
	again, err := s.store.Block(s.ctx, request)
	if err != nil || !again.Replayed || again.Token != hold.Token || !maps.Equal(again.Places, request.Places) {
		return failf("after Import, a repetition for places returned %+v, %v, not the answer %+v", again, err, hold)
	}
	if err := are("after Import", floor, lawn); err != nil {
		return err
	}
	_, canceled := s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: booking.Token, Places: map[string]int{"floor": 1}})
	return all(
		wrap("Cancel of a place after Import", canceled),
		wrap("Book of places after Import", bookErr(s, hold.Token)),
		are("at the end", seatmap.Counts{Available: 3, Booked: 2}, seatmap.Counts{Available: 1, Booked: 1}),
	)
}
