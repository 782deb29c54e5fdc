package redisseat

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

const (
	cellSize = 9       // bytes of a seat: its state and fence
	chunk    = 1 << 18 // bytes that are sent at once to create an event
	// fewSeats is how many seats a page can have for the server to find their records.
	fewSeats = 2048
)

// Create implements [seatmap.Store]. A layout with areas is refused with
// [seatmap.ErrInvalidLayout], and a limit of payments with [seatmap.ErrInvalidLimits] and
// [errors.ErrUnsupported].
//
//ferrous:blocks
func (s *Store) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Create")
	if _, err := s.form.Counts(ctx, seatmap.CountsRequest{Event: "x"}); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	scratch := seatmap.NewMap(seatmap.MapOptions{Manual: true})
	defer func() { _ = scratch.Close() }()
	if _, err := scratch.Create(ctx, r); err != nil {
		return seatmap.Receipt{}, err
	}
	if len(r.Layout.Areas) > 0 {
		return seatmap.Receipt{}, fmt.Errorf("%w: redisseat has no areas", seatmap.ErrInvalidLayout)
	}
	if r.Limits.Payment > 0 {
		return seatmap.Receipt{}, fmt.Errorf("%w: %w: redisseat has no payments", seatmap.ErrInvalidLimits, errors.ErrUnsupported)
	}
	layout, err := json.Marshal(r.Layout)
	if err != nil {
		return seatmap.Receipt{}, fmt.Errorf("redisseat: Create: %w", err)
	}
	sh, closed, err := remote.NewShape(0, r.Layout)
	if err != nil {
		return seatmap.Receipt{}, err
	}
	cells := availableCells(sh.Len())
	for _, seat := range closed {
		cells[seat*cellSize] = 'x'
	}
	p, life := remote.PrintOf(r), newLife()
	for _, part := range []struct {
		kind  string
		bytes *[]byte
	}{{"tl", &layout}, {"ts", &cells}} {
		if len(*part.bytes) <= chunk {
			continue
		}
		if _, err := s.upload(ctx, r.Event, life, part.kind, *part.bytes); err != nil {
			return seatmap.Receipt{}, err
		}
		*part.bytes = nil
	}
	keys := s.keys(r.Event, s.answerOf(r.Key, r.Event))
	answer, err := s.run(ctx, createScript, keys, []string{
		"", p.Text(), life, string(layout), string(cells), strconv.Itoa(sh.Len()), strconv.Itoa(sh.Len() - len(closed)),
		strconv.Itoa(r.Limits.Seats), strconv.Itoa(r.Limits.Holds), microseconds(r.Limits.Lifetime), strconv.Itoa(s.options.Ring),
		strconv.Itoa(len(closed)),
	})
	if err != nil {
		return seatmap.Receipt{}, err
	}
	return receipt(answer, r.Event, p, nil)
}

// availableCells returns the states of so many seats that are available.
func availableCells(seats int) []byte {
	return bytes.Repeat(append([]byte{'.'}, make([]byte, cellSize-1)...), seats)
}

// newLife draws a life, 16 hexadecimal digits that are not all 0.
func newLife() string {
	var life [8]byte
	_, _ = crand.Read(life[:]) // never fails
	life[7] |= 1
	return fmt.Sprintf("%016x", life)
}

// upload uploads the layout or the states of an event to come, in parts, and returns the
// server's time.
func (s *Store) upload(ctx context.Context, event, life, kind string, bytes []byte) (now int64, err error) {
	for at := 0; at == 0 || at < len(bytes); at += chunk {
		part := string(bytes[at:min(at+chunk, len(bytes))])
		answer, err := s.run(ctx, uploadScript, s.keys(event, ""), []string{"", "", life, kind, strconv.Itoa(at), part})
		if err != nil {
			return 0, err
		}
		now = number(answer, 1)
	}
	return now, nil
}

// Remove implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Remove(ctx context.Context, r seatmap.RemoveRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Remove")
	if _, err := s.form.Remove(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	p := remote.PrintOf(r)
	answer, err := s.run(ctx, removeScript, s.keys(r.Event, s.answerOf(r.Key, r.Event)), []string{"", p.Text()})
	if err != nil {
		return seatmap.Receipt{}, err
	}
	got, err := receipt(answer, r.Event, p, nil)
	life := text(answer, 5)
	for cursor := "0"; err == nil; { // the event is removed, whatever becomes of this
		answer, err := s.run(ctx, cleanScript, s.keys(r.Event, ""), []string{"", "", life, cursor})
		if cursor = text(answer, 1); err != nil || cursor == "0" {
			break
		}
	}
	return got, err
}

// request runs a script about one event. The function make returns the arguments after
// the first two, or an error that the event's shape tells.
func (s *Store) request(
	ctx context.Context, what script, event, user string, key seatmap.Key, p remote.Print, args func(sh *shape) ([]string, error),
) (*shape, []rueidis.RedisMessage, error) {
	for {
		sh, err := s.shape(ctx, event)
		if err != nil {
			return nil, nil, err
		}
		more, wrong := args(sh)
		which := what
		if wrong != nil { // if the shape is that of the event still
			which = stateScript
		}
		keys := s.keys(event, s.answerOf(key, event, sh.life, user))
		answer, err := s.run(ctx, which, keys, append([]string{sh.life, p.Text()}, more...))
		if err != nil {
			return nil, nil, err
		}
		switch text(answer, 0) {
		case "life":
			s.shapes.Forget(event, sh)
			continue
		case "unknown":
			s.shapes.Forget(event, sh)
			return nil, nil, remote.UnknownEvent(event)
		}
		if wrong != nil {
			return nil, nil, wrong
		}
		return sh, answer, nil
	}
}

// named returns the indices of the seats of a request. An event has no areas.
func (sh *shape) named(seats []string, places map[string]int) (string, error) {
	list, err := sh.Indices(seats, places)
	return pack(list), err
}

// refusal returns the error of an answer that is a refusal, or nil.
func refusal(answer []rueidis.RedisMessage, event string, p remote.Print, sh *shape) error {
	switch tag := text(answer, 0); tag {
	case "ok", "again":
		return nil
	case "unknown":
		return remote.UnknownEvent(event)
	case "exists":
		return fmt.Errorf("%w: %q", seatmap.ErrExists, event)
	case "reused":
		return seatmap.NewKeyError(p.Differs(text(answer, 1))...)
	case "soldout":
		return seatmap.ErrSoldOut
	case "taken", "closed":
		taken, _ := answer[1].AsStrSlice()
		for i, one := range taken {
			n, _ := strconv.Atoi(one)
			taken[i] = sh.Label(n)
		}
		if tag == "closed" {
			return seatmap.NewNotForSaleError(event, taken...)
		}
		return seatmap.NewTakenError(event, taken...)
	case "limit":
		return fmt.Errorf("%w: of seats or holds a user", seatmap.ErrLimit)
	case "lifetime":
		return fmt.Errorf("%w: of the time of a hold", seatmap.ErrLimit)
	case "expired":
		return seatmap.ErrExpired
	case "token":
		return seatmap.ErrToken
	case "uncovered":
		return fmt.Errorf("%w: seat %s is not covered by the token", seatmap.ErrInvalidSeats, sh.Label(int(number(answer, 1))))
	default:
		return fmt.Errorf("redisseat: a script answered %q: %w", tag, seatmap.ErrUnavailable)
	}
}

func receipt(answer []rueidis.RedisMessage, event string, p remote.Print, sh *shape) (seatmap.Receipt, error) {
	err := refusal(answer, event, p, sh)
	return seatmap.Receipt{Replayed: err == nil && text(answer, 0) == "again"}, err
}

// hold returns the hold of an answer.
func (s *Store) hold(answer []rueidis.RedisMessage, event string, sh *shape) seatmap.Hold {
	return seatmap.Hold{
		Token: s.tokenOf(answer, event, sh), User: text(answer, 2), Seats: sh.unpack(text(answer, 5)),
		At: moment(answer, 3), Until: moment(answer, 4), Left: left(answer), Replayed: text(answer, 0) == "again",
	}
}

// left returns the time that a record has left by the server's clock.
func left(answer []rueidis.RedisMessage) time.Duration {
	return max(time.Duration(number(answer, 4)-number(answer, 6))*time.Microsecond, 0)
}

// Block implements [seatmap.Store]. A reference is [seatmap.ErrInvalidReference], and quotas
// are [seatmap.ErrInvalidQuota].
//
//ferrous:blocks
func (s *Store) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	s.check(ctx, "Block")
	if _, err := s.form.Block(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	if r.Reference != "" {
		return seatmap.Hold{}, remote.NoReferences("redisseat")
	}
	if len(r.Quotas) > 0 {
		return seatmap.Hold{}, remote.NoQuotas("redisseat")
	}
	p := remote.PrintOf(r)
	sh, answer, err := s.request(ctx, blockScript, r.Event, r.User, r.Key, p, func(sh *shape) ([]string, error) {
		list, err := sh.named(r.Seats, r.Places)
		all := ""
		if r.ListTaken {
			all = "all"
		}
		return []string{r.User, microseconds(r.TTL), list, all, ""}, err
	})
	if err == nil {
		err = refusal(answer, r.Event, p, sh)
	}
	if err != nil {
		return seatmap.Hold{}, err
	}
	return s.hold(answer, r.Event, sh), nil
}

// BlockAny implements [seatmap.Store]. A reference is [seatmap.ErrInvalidReference], and
// quotas are [seatmap.ErrInvalidQuota]. The client reads the states of all seats, chooses,
// and blocks what it has chosen if the event has not changed since; else it begins again.
// After 16 times it accepts that another choice may have become better in the meantime.
//
//ferrous:blocks
func (s *Store) BlockAny(ctx context.Context, r seatmap.BlockAnyRequest) (seatmap.Hold, error) {
	s.check(ctx, "BlockAny")
	if _, err := s.form.BlockAny(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	if r.Reference != "" {
		return seatmap.Hold{}, remote.NoReferences("redisseat")
	}
	if len(r.Where.Quotas) > 0 {
		return seatmap.Hold{}, remote.NoQuotas("redisseat")
	}
	p := remote.PrintOf(r)
	for round := 0; ; round++ {
		h, again, err := s.tryAny(ctx, &r, p, round < 16)
		if !again {
			return h, err
		}
	}
}

func (s *Store) tryAny(ctx context.Context, r *seatmap.BlockAnyRequest, p remote.Print, strict bool) (h seatmap.Hold, again bool, err error) {
	none := func(*shape) ([]string, error) { return nil, nil }
	sh, answer, err := s.request(ctx, lookScript, r.Event, r.User, r.Key, p, none)
	if err == nil {
		err = refusal(answer, r.Event, p, sh)
	}
	if err != nil {
		return h, false, err
	}
	if text(answer, 0) == "again" {
		return s.hold(answer, r.Event, sh), false, nil
	}
	chosen, err := sh.choose(ctx, r, text(answer, 6))
	if err != nil {
		return h, false, err
	}
	revision := ""
	if strict {
		revision = text(answer, 2)
	}
	now, answer, err := s.request(ctx, blockScript, r.Event, r.User, r.Key, p, func(now *shape) ([]string, error) {
		if now.life != sh.life {
			return []string{r.User, "1", "", "", "-"}, nil // is stale
		}
		return []string{r.User, microseconds(r.TTL), chosen, "", revision}, nil
	})
	if err != nil {
		return h, false, err
	}
	if tag := text(answer, 0); tag == "stale" || tag == "taken" || tag == "closed" || tag == "soldout" {
		return h, true, nil
	}
	if err := refusal(answer, r.Event, p, now); err != nil {
		return h, false, err
	}
	return s.hold(answer, r.Event, now), false, nil
}

// choose returns the seats that a map would choose if the seats had these states.
func (sh *shape) choose(ctx context.Context, r *seatmap.BlockAnyRequest, cells string) (string, error) {
	c, err := sh.NewChooser(ctx, r.Event, func(seat int) bool { return cells[seat*cellSize] != '.' })
	if err != nil {
		return "", err
	}
	defer c.Close()
	list, err := c.Choose(ctx, *r)
	return pack(list), err
}

// owned runs a script of a method with a token.
func (s *Store) owned(
	ctx context.Context, what script, t seatmap.Token, user string, key seatmap.Key, p remote.Print,
	state string, seats []string, places map[string]int, last ...string,
) (*shape, []rueidis.RedisMessage, error) {
	own := t == s.token(t.Event, t.Fence)
	sh, answer, err := s.request(ctx, what, t.Event, user, key, p, func(sh *shape) ([]string, error) {
		fence := ""
		if own || sh.former.made(t) {
			fence = strconv.FormatUint(t.Fence, 10)
		}
		list, err := sh.named(seats, places)
		part := ""
		if seats != nil {
			part = "part"
		}
		return append([]string{fence, user, state, list, part}, last...), err
	})
	if err == nil {
		err = refusal(answer, t.Event, p, sh)
	}
	return sh, answer, err
}

// Book implements [seatmap.Store]. A reference is [seatmap.ErrInvalidReference].
//
//ferrous:blocks
func (s *Store) Book(ctx context.Context, r seatmap.BookRequest) (seatmap.Booking, error) {
	s.check(ctx, "Book")
	if _, err := s.form.Book(ctx, r); !remote.Formed(err) {
		return seatmap.Booking{}, err
	}
	if r.Reference != "" {
		return seatmap.Booking{}, remote.NoReferences("redisseat")
	}
	sh, answer, err := s.owned(ctx, bookScript, r.Token, r.User, r.Key, remote.PrintOf(r), "h", r.Seats, r.Places)
	if err != nil {
		return seatmap.Booking{}, err
	}
	h := s.hold(answer, r.Token.Event, sh)
	return seatmap.Booking{Token: h.Token, User: h.User, Seats: h.Seats, At: h.At, Replayed: h.Replayed}, nil
}

// Release implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Release")
	if _, err := s.form.Release(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	return s.giveBack(ctx, r, remote.PrintOf(r), "h", "Released")
}

// Cancel implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Cancel(ctx context.Context, r seatmap.CancelRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Cancel")
	if _, err := s.form.Cancel(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	return s.giveBack(ctx, seatmap.ReleaseRequest(r), remote.PrintOf(r), "B", "Canceled")
}

func (s *Store) giveBack(ctx context.Context, r seatmap.ReleaseRequest, p remote.Print, state, kind string) (seatmap.Receipt, error) {
	_, answer, err := s.owned(ctx, givebackScript, r.Token, r.User, r.Key, p, state, r.Seats, r.Places, kind)
	return seatmap.Receipt{Replayed: err == nil && text(answer, 0) == "again"}, err
}

// Extend implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Extend(ctx context.Context, r seatmap.ExtendRequest) (seatmap.Hold, error) {
	s.check(ctx, "Extend")
	if _, err := s.form.Extend(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	p := remote.PrintOf(r)
	sh, answer, err := s.owned(ctx, extendScript, r.Token, r.User, r.Key, p, "h", nil, nil, microseconds(r.TTL))
	if err != nil {
		return seatmap.Hold{}, err
	}
	h := s.hold(answer, r.Token.Event, sh)
	h.Token = r.Token // which another store may have made
	return h, nil
}

// Seat implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Seat(ctx context.Context, r seatmap.SeatRequest) (seatmap.SeatInfo, error) {
	s.check(ctx, "Seat")
	if _, err := s.form.Seat(ctx, r); !remote.Formed(err) {
		return seatmap.SeatInfo{}, err
	}
	page, _, err := s.page(ctx, r.Event, func(sh *shape) (from, n int, err error) {
		i, err := sh.Index(r.Seat)
		return i, 1, err
	})
	if err != nil {
		return seatmap.SeatInfo{}, err
	}
	return page.Seats[0], nil
}

// Seats implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Seats(ctx context.Context, r seatmap.SeatsRequest) (seatmap.Snapshot, error) {
	s.check(ctx, "Seats")
	if _, err := s.form.Seats(ctx, r); !remote.Formed(err) {
		return seatmap.Snapshot{}, err
	}
	page, _, err := s.page(ctx, r.Event, func(sh *shape) (from, n int, err error) {
		if r.After != "" {
			after, err := sh.Index(r.After)
			if err != nil {
				return 0, 0, err
			}
			from = after + 1
		}
		n = sh.Len() - from
		if r.Limit > 0 {
			n = min(n, r.Limit)
		}
		return from, n, nil
	})
	return page, err
}

// page returns the seats of a range at one moment.
func (s *Store) page(
	ctx context.Context, event string, which func(sh *shape) (from, n int, err error),
) (seatmap.Snapshot, *shape, error) {
	var from, n int
	for range 8 { // if the event changes much, the server does it at once
		sh, err := s.shape(ctx, event)
		if err != nil {
			return seatmap.Snapshot{}, nil, err
		}
		if _, n, err := which(sh); err != nil || n <= fewSeats {
			break
		}
		page, sh, done, err := s.large(ctx, event, which)
		if done || err != nil {
			return page, sh, err
		}
	}
	sh, answer, err := s.request(ctx, seatsScript, event, "", seatmap.Key{}, remote.Print{}, func(sh *shape) ([]string, error) {
		var err error
		from, n, err = which(sh)
		return []string{strconv.Itoa(from), strconv.Itoa(n)}, err
	})
	if err != nil {
		return seatmap.Snapshot{}, nil, err
	}
	records := map[uint64]seatmap.SeatInfo{}
	if err := addRecords(records, answer[5:]); err != nil {
		return seatmap.Snapshot{}, nil, err
	}
	return pageOf(event, sh, answer, text(answer, 4), records, from, n), sh, nil
}

// large returns a page of many seats, if it is one, so that no script takes long: it gets
// all seats at one moment, and then their records in parts. It is not done if a record has
// ended or changed in between.
func (s *Store) large(
	ctx context.Context, event string, which func(sh *shape) (from, n int, err error),
) (page seatmap.Snapshot, sh *shape, done bool, err error) {
	var from, n int
	sh, answer, err := s.request(ctx, cellsScript, event, "", seatmap.Key{}, remote.Print{}, func(sh *shape) ([]string, error) {
		from, n, err = which(sh)
		return nil, err
	})
	if err != nil {
		return page, nil, false, err
	}
	cells := text(answer, 4)[from*cellSize:]
	records := map[uint64]seatmap.SeatInfo{}
	var fences []byte
	for i := range n {
		if cell := cells[i*cellSize:][:cellSize]; cell[0] == 'h' || cell[0] == 'B' {
			fence := binary.BigEndian.Uint64([]byte(cell[1:]))
			if _, ok := records[fence]; !ok {
				records[fence] = seatmap.SeatInfo{}
				fences = append(fences, cell[1:]...)
			}
		}
	}
	for part := range slices.Chunk(fences, 8*512) {
		answer, err := s.run(ctx, recordsScript, s.keys(event, ""), []string{sh.life, "", string(part), text(answer, 2)})
		switch {
		case err != nil:
			return page, nil, false, err
		case text(answer, 0) != "ok":
			return page, nil, false, nil
		}
		if err := addRecords(records, answer[1:]); err != nil {
			return page, nil, false, err
		}
	}
	return pageOf(event, sh, answer, cells, records, from, n), sh, true, nil
}

// addRecords adds what scripts answer of records.
func addRecords(records map[uint64]seatmap.SeatInfo, answer []rueidis.RedisMessage) error {
	for _, one := range answer {
		r, err := one.ToArray()
		if err != nil {
			return fmt.Errorf("redisseat: a script answered: %w: %w", seatmap.ErrUnavailable, err)
		}
		info := seatmap.SeatInfo{State: seatmap.SeatBooked, User: text(r, 2), At: moment(r, 3), Fence: uint64(number(r, 1))}
		if number(r, 4) > 0 {
			info.State, info.Until, info.Left = seatmap.SeatBlocked, moment(r, 4), left(r)
		}
		records[info.Fence] = info
	}
	return nil
}

// pageOf returns the page of n seats that cells begins with.
func pageOf(
	event string, sh *shape, answer []rueidis.RedisMessage, cells string, records map[uint64]seatmap.SeatInfo, from, n int,
) seatmap.Snapshot {
	revision := uint64(number(answer, 2))
	page := seatmap.Snapshot{
		Event: event, Revision: revision, Cursor: seatmap.NewCursor(sh.Life, revision),
		Seats: make([]seatmap.SeatInfo, 0, n), More: from+n < sh.Len(),
	}
	for i := range n {
		cell := cells[i*cellSize:][:cellSize]
		var info seatmap.SeatInfo
		switch cell[0] {
		case 'x':
			info.State, info.Closed = seatmap.SeatClosed, true
		case 'h', 'B':
			info = records[binary.BigEndian.Uint64([]byte(cell[1:]))]
		}
		info.Seat = sh.Label(from + i)
		page.Seats = append(page.Seats, info)
	}
	return page
}

// Layout implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Layout(ctx context.Context, r seatmap.LayoutRequest) (seatmap.Layout, error) {
	s.check(ctx, "Layout")
	if _, err := s.form.Layout(ctx, r); !remote.Formed(err) {
		return seatmap.Layout{}, err
	}
	none := func(*shape) ([]string, error) { return nil, nil }
	sh, _, err := s.request(ctx, stateScript, r.Event, "", seatmap.Key{}, remote.Print{}, none)
	if err != nil {
		return seatmap.Layout{}, err
	}
	return remote.CloneLayout(sh.Layout), nil
}

// Counts implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Counts(ctx context.Context, r seatmap.CountsRequest) (seatmap.Counts, error) {
	s.check(ctx, "Counts")
	if _, err := s.form.Counts(ctx, r); !remote.Formed(err) {
		return seatmap.Counts{}, err
	}
	_, answer, err := s.request(ctx, countsScript, r.Event, "", seatmap.Key{}, remote.Print{}, func(*shape) ([]string, error) {
		if r.Area != "" {
			return nil, remote.UnknownSeat(r.Area)
		}
		return nil, nil
	})
	if err != nil {
		return seatmap.Counts{}, err
	}
	return seatmap.Counts{
		Available: int(number(answer, 1)), Blocked: int(number(answer, 2)),
		Booked: int(number(answer, 3)), Closed: int(number(answer, 4)),
	}, nil
}

// Holds implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Holds(ctx context.Context, r seatmap.HoldsRequest) ([]seatmap.HoldInfo, error) {
	s.check(ctx, "Holds")
	if _, err := s.form.Holds(ctx, r); !remote.Formed(err) {
		return nil, err
	}
	sh, answer, err := s.request(ctx, holdsScript, r.Event, "", seatmap.Key{}, remote.Print{}, func(*shape) ([]string, error) {
		return []string{r.User}, nil
	})
	if err != nil {
		return nil, err
	}
	var holds []seatmap.HoldInfo
	for _, one := range answer[1:] {
		r, err := one.ToArray()
		if err != nil {
			return nil, fmt.Errorf("redisseat: a script answered: %w: %w", seatmap.ErrUnavailable, err)
		}
		holds = append(holds, seatmap.HoldInfo{
			Fence: uint64(number(r, 1)), Seats: sh.unpack(text(r, 5)), At: moment(r, 3), Until: moment(r, 4), Left: left(r),
		})
	}
	return holds, nil
}

// String returns the prefix of the store's keys.
func (s *Store) String() string {
	if s.self != s {
		return "redisseat.Store(not made by Open)"
	}
	return "redisseat.Store(" + s.options.Prefix + ")"
}

// Format prints [Store.String], whatever the verb, so that no secret is printed.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is [Store.String].
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }
