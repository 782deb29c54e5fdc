package redisseat

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

const (
	loadPart = 500     // how many holds, bookings, users or answers a script adds
	largest  = 1 << 52 // the largest fence or revision to go on from; scripts count up to twice of that
)

// Import creates an event from what [seatmap.Porter] has exported, as its Import does. The
// parts of the event are uploaded first. If the client ends before all are, the event is not
// there; what was uploaded is forgotten within ten minutes, but for the answers to the keys of its
// holds and bookings, which can stay in the server's memory. It needs memory for all
// that is read.
//
// An export that has what this store lacks, such as areas or references, is refused with
// [seatmap.ErrInvalidExport] and [errors.ErrUnsupported]; the error says what. If the
// outcome is unknown, another Import says [seatmap.ErrExists] if the event is there.
// Import panics if from is nil.
//
//ferrous:blocks
func (s *Store) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	s.check(ctx, "Import")
	if from == nil {
		panic(errors.New("redisseat: Store.Import: the reader is nil"))
	}
	if _, err := s.form.Counts(ctx, seatmap.CountsRequest{Event: "x"}); !remote.Formed(err) {
		return seatmap.EventInfo{}, err
	}
	e, err := port.Read(ctx, from)
	if err != nil {
		return seatmap.EventInfo{}, err
	}
	i := &importing{store: s, e: e, life: newLife(), former: &former{e.Fence, e.Keys}}
	switch {
	case len(e.Beyond) > 0:
		return seatmap.EventInfo{}, remote.Lacking("redisseat", e.Beyond)
	case max(e.Fence, e.Revision) > largest:
		return seatmap.EventInfo{}, fmt.Errorf("%w: a number is too large", seatmap.ErrInvalidExport)
	case len(e.Keys) > formerMost:
		return seatmap.EventInfo{}, fmt.Errorf("%w: %d keys", seatmap.ErrInvalidExport, len(e.Keys))
	}
	answer, err := s.run(ctx, stateScript, s.keys(e.Name, ""), []string{"", ""})
	if err == nil && text(answer, 0) != "unknown" {
		err = fmt.Errorf("%w: %q", seatmap.ErrExists, e.Name)
	}
	if err != nil {
		return seatmap.EventInfo{}, err
	}
	info, err := i.run(ctx, r.Lapse)
	if err != nil && !errors.Is(err, seatmap.ErrOutcomeUnknown) {
		i.forget(ctx)
	}
	return info, err
}

// importing is an import that is being made.
type importing struct {
	store      *Store
	e          *port.Event
	life       string
	former     *former
	now, begin int64 // the server's time, and what it is in the place of the moment of the export
	held, free int
	lasting    []string // the names of the answers that end with their holds or bookings
}

func (i *importing) run(ctx context.Context, lapse bool) (info seatmap.EventInfo, err error) {
	s, e := i.store, i.e
	layout, err := json.Marshal(e.Layout)
	if err != nil {
		return info, fmt.Errorf("redisseat: Import: %w", err)
	}
	if i.now, err = s.upload(ctx, e.Name, i.life, "tl", layout); err != nil {
		return info, err
	}
	if i.begin = i.now; lapse {
		i.begin = min(i.now, e.At.UnixMicro())
	}
	answers, names, err := i.answers()
	if err != nil {
		return info, err
	}
	records, cells, err := i.records(names)
	if err != nil {
		return info, err
	}
	if _, err := s.upload(ctx, e.Name, i.life, "ts", cells); err != nil {
		return info, err
	}
	uploads := ""
	if len(e.Grants) > 0 {
		uploads = "ru"
	}
	if i.held > 0 {
		uploads += "d"
	}
	users := i.users()
	for _, part := range []struct {
		kind string
		args []string
		each int
	}{{"records", records, 6}, {"users", users, 2}, {"answers", answers, 9}} {
		if err := i.load(ctx, part.kind, part.args, part.each); err != nil {
			return info, err
		}
	}
	created, print := "", ""
	if e.CreateKey != "" {
		created = s.keys(e.Name, s.answerOf(seatmap.NewKey(e.CreateKey), e.Name))[5]
		print = remote.PrintFrom(e.Create).Text()
	}
	limits := e.Limits.(seatmap.Limits)
	answer, err := s.run(ctx, createScript, s.keys(e.Name, ""), []string{
		"", "", i.life, "", "", strconv.Itoa(e.Count), strconv.Itoa(i.free),
		strconv.Itoa(limits.Seats), strconv.Itoa(limits.Holds), microseconds(limits.Lifetime), strconv.Itoa(s.options.Ring),
		strconv.Itoa(len(e.Closed)), strconv.Itoa(i.held), strconv.FormatUint(max(e.Fence, e.Revision), 10), i.former.text(), uploads, created, print,
	})
	if err == nil {
		err = refusal(answer, e.Name, remote.Print{}, nil)
	}
	if err != nil {
		return info, err
	}
	life, _ := strconv.ParseUint(i.life, 16, 64) // it was written from one
	revision := uint64(number(answer, 1))
	return seatmap.EventInfo{Event: e.Name, Seats: e.Count, Limits: limits, Revision: revision, Cursor: seatmap.NewCursor(life, revision)}, nil
}

// load adds things, so many arguments each, in parts.
func (i *importing) load(ctx context.Context, kind string, args []string, each int) error {
	for part := range slices.Chunk(args, each*loadPart) {
		if _, err := i.store.run(ctx, loadScript, i.store.keys(i.e.Name, ""), append([]string{"", "", i.life, kind}, part...)); err != nil {
			return err
		}
	}
	return nil
}

// forget forgets the answers that would not end by themselves, since the event was not
// created.
func (i *importing) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.store.patience)
	defer cancel()
	_ = i.load(ctx, "forget", i.lasting, 1) // it was not promised
}

// records returns the arguments of all holds and bookings, of which these are the names of
// the answers, and the states of the seats.
func (i *importing) records(names []string) (args []string, cells []byte, err error) {
	args, cells = make([]string, 0, 6*len(i.e.Grants)), make([]byte, i.e.Count*cellSize)
	for seat := range i.e.Count {
		cells[seat*cellSize] = '.'
	}
	for _, seat := range i.e.Closed {
		cells[int(seat)*cellSize] = 'x'
	}
	i.free = i.e.Count - len(i.e.Closed)
	for at := range i.e.Grants {
		g := &i.e.Grants[at]
		if i.former.mark(g.Proof) == 0 {
			return nil, nil, unproved(g.Fence)
		}
		state, until := byte('B'), int64(0)
		if !g.Booked {
			state, until = 'h', max(i.begin+remote.Microseconds(g.Left), 1)
			i.held += len(g.Seats)
		}
		i.free -= len(g.Seats)
		for _, seat := range g.Seats {
			cell := cells[int(seat)*cellSize:]
			cell[0] = state
			binary.BigEndian.PutUint64(cell[1:], g.Fence)
		}
		args = append(args, strconv.FormatUint(g.Fence, 10), g.User, strconv.FormatInt(g.At.UnixMicro(), 10),
			strconv.FormatInt(until, 10), packed(g.Seats), names[at])
	}
	return args, cells, nil
}

// users returns the arguments of what users have.
func (i *importing) users() (args []string) {
	had := map[string][]byte{}
	order := make([]*port.Grant, len(i.e.Grants))
	for at := range order {
		order[at] = &i.e.Grants[at]
	}
	slices.SortFunc(order, func(a, b *port.Grant) int { return int(int64(a.Fence) - int64(b.Fence)) })
	for _, g := range order {
		has := had[g.User]
		if has == nil {
			has = make([]byte, 8)
		}
		binary.BigEndian.PutUint64(has, binary.BigEndian.Uint64(has)+uint64(len(g.Seats)))
		if !g.Booked {
			has = binary.BigEndian.AppendUint64(has, g.Fence)
		}
		had[g.User] = has
	}
	for user, has := range had {
		args = append(args, user, string(has))
	}
	return args
}

// answers returns the arguments of all answers that are remembered still, and the name of
// that of each hold and booking, or nothing.
func (i *importing) answers() (args, names []string, err error) {
	args, names = make([]string, 0, 9*len(i.e.Answers)), make([]string, len(i.e.Grants))
	for at := range i.e.Answers {
		a := &i.e.Answers[at]
		left := ""
		if a.Of < 0 {
			ends := i.begin + remote.Microseconds(a.Left)
			if ends <= i.now {
				continue
			}
			left = strconv.FormatInt((ends-i.now+999)/1000, 10)
		}
		name := i.store.keys(i.e.Name, i.store.answerOf(seatmap.NewKey(a.Key), i.e.Name, i.life, a.User))[5]
		if a.Of >= 0 {
			names[a.Of] = name
			i.lasting = append(i.lasting, name)
		}
		args = append(args, name, left, remote.PrintFrom(a.Print).Text())
		if a.Fence == 0 {
			args = append(args, "0", "", "0", "0", "", "0")
			continue
		}
		mark, until := i.former.mark(a.Proof), int64(0)
		if mark == 0 {
			return nil, nil, unproved(a.Fence)
		}
		if a.Holds {
			until = max(i.begin+remote.Microseconds(a.Until), 1)
		}
		args = append(args, strconv.FormatUint(a.Fence, 10), a.Owner, strconv.FormatInt(a.At.UnixMicro(), 10),
			strconv.FormatInt(until, 10), packed(a.Seats), strconv.FormatInt(mark, 10))
	}
	return args, names, nil
}

// unproved returns the error of a token that none of the keys has made.
func unproved(fence uint64) error {
	return fmt.Errorf("%w: the token of fence %d was made with another key", seatmap.ErrInvalidExport, fence)
}

// packed returns the bytes of a list of seats, 4 for each.
func packed(seats []uint32) string {
	b := make([]byte, 0, 4*len(seats))
	for _, seat := range seats {
		b = binary.BigEndian.AppendUint32(b, seat)
	}
	return string(b)
}
