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

	"github.com/redis/rueidis"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

const (
	uploadMemory = "600000" // how long an upload is remembered, milliseconds

	loadPart = 1000    // how many users or names of answers a command has
	largest  = 1 << 52 // the largest fence or revision to go on from; scripts count up to twice of that
)

// Import creates an event from what [seatmap.Porter] has exported, as its Import does. The
// parts of the event are uploaded while the rest is read. If the client ends before all are, the event is not
// there; what was uploaded is forgotten within ten minutes, but for the answers to the keys of its
// holds and bookings, which can stay in the server's memory. It needs memory for the seats and users,
// 100 bytes for each hold, booking and answer, and a few thousands of them as they were read.
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
	i := &importing{store: s, lapse: r.Lapse, life: newLife(), users: map[string]*owned{}}
	info, err := i.run(ctx, from)
	if err != nil && i.began && !errors.Is(err, seatmap.ErrOutcomeUnknown) {
		i.forget(ctx)
	}
	return info, err
}

// importing is an import that is being made. What is loaded are the keys and values that scripts
// find later; see begin.lua. The commands are those of Redis, which take a tenth of the time that a
// script takes to do the same.
type importing struct {
	store      *Store
	lapse      bool
	life       string
	former     *former
	name       string // of the event
	base       string // what the names of all its keys begin with
	began      bool
	now, begin int64  // the server's time, and what it is in the place of the moment of the export
	cells      []byte // the states of the seats
	held, free int
	records    int
	users      map[string]*owned
	lasting    []string // the names of the answers that end with their holds or bookings
}

// owned is what a user has.
type owned struct {
	seats uint64
	holds []uint64 // fences
}

// A command is its name, a key, and the other arguments.
type command []string

func (i *importing) run(ctx context.Context, from io.Reader) (info seatmap.EventInfo, err error) {
	s := i.store
	e, err := remote.ReadParts(ctx, from, func(e *port.Event, p *port.Part) ([]command, error) {
		if len(e.Beyond) > 0 {
			return nil, nil // the error will say all that the store lacks
		}
		if err := i.start(ctx, e); err != nil {
			return nil, err
		}
		return i.part(p)
	}, func(part []command) error { return i.send(ctx, part) })
	if err == nil {
		err = remote.Lacking("redisseat", e.Beyond)
	}
	if err == nil {
		err = i.start(ctx, e)
	}
	if err != nil {
		return info, err
	}
	layout, err := json.Marshal(e.Layout)
	if err != nil {
		return info, fmt.Errorf("redisseat: Import: %w", err)
	}
	for _, seat := range e.Closed {
		i.cells[int(seat)*cellSize] = 'x'
	}
	i.free -= len(e.Closed)
	for _, one := range []struct {
		kind  string
		bytes []byte
	}{{"tl", layout}, {"ts", i.cells}} {
		if _, err := s.upload(ctx, e.Name, i.life, one.kind, one.bytes); err != nil {
			return info, err
		}
	}
	if err := i.send(ctx, i.owners()); err != nil {
		return info, err
	}
	uploads := ""
	if i.records > 0 {
		uploads = "ru"
	}
	if i.held > 0 {
		uploads += "d"
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

// start begins with the event, whose name and keys are read, unless it has begun.
func (i *importing) start(ctx context.Context, e *port.Event) error {
	switch {
	case i.began:
		return nil
	case max(e.Fence, e.Revision) > largest:
		return fmt.Errorf("%w: a number is too large", seatmap.ErrInvalidExport)
	case len(e.Keys) > formerMost:
		return fmt.Errorf("%w: %d keys", seatmap.ErrInvalidExport, len(e.Keys))
	}
	s, keys := i.store, i.store.keys(e.Name, "")
	answer, err := s.run(ctx, stateScript, keys, []string{"", ""})
	if err == nil && text(answer, 0) != "unknown" {
		err = fmt.Errorf("%w: %q", seatmap.ErrExists, e.Name)
	}
	if err != nil {
		return err
	}
	if i.now, err = s.upload(ctx, e.Name, i.life, "tl", nil); err != nil {
		return err
	}
	if i.begin = i.now; i.lapse {
		i.begin = min(i.now, e.At.UnixMicro())
	}
	i.name, i.base = e.Name, keys[0][:len(keys[0])-len("e:"+e.Name)]
	i.former = newFormer(e.Fence, e.Keys)
	i.cells, i.free = availableCells(e.Count), e.Count
	i.began = true
	return nil
}

// uploaded returns the name of a key that becomes one of the event, if the event is created.
func (i *importing) uploaded(kind string) string {
	return i.base + "t" + kind + ":" + i.life + ":" + i.name
}

// send carries out commands on the server, in their order. They can be repeated.
func (i *importing) send(ctx context.Context, list []command) error {
	if len(list) == 0 {
		return nil
	}
	s := i.store
	_, err := remote.Repeat(ctx, s.options.Retry, true, func(attempt context.Context) (struct{}, error) {
		built := make([]rueidis.Completed, len(list))
		for at, c := range list {
			built[at] = s.client.B().Arbitrary(c[0]).Keys(c[1]).Args(c[2:]...).Build()
		}
		for _, result := range s.client.DoMulti(attempt, built...) {
			if err := result.Error(); err != nil {
				return struct{}{}, s.failure(ctx, true, err)
			}
		}
		return struct{}{}, nil
	})
	return err
}

// forget forgets what was uploaded, since the event was not created. All but the answers of holds
// and bookings would end by itself.
func (i *importing) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.store.patience)
	defer cancel()
	names := i.lasting
	for _, kind := range []string{"l", "s", "r", "d", "u"} {
		names = append(names, i.uploaded(kind))
	}
	for part := range slices.Chunk(names, loadPart) {
		if i.send(ctx, []command{append(command{"UNLINK"}, part...)}) != nil {
			return // it was not promised
		}
	}
}

// part returns the commands that load a part.
func (i *importing) part(p *port.Part) ([]command, error) {
	names := make([]string, len(p.Grants)) // of their answers
	timed, answers := []command(nil), make(command, 1, 1+2*len(p.Answers))
	answers[0] = "MSET"
	for at := range p.Answers {
		a := &p.Answers[at]
		ends := i.begin + remote.Microseconds(a.Left)
		if a.Of < 0 && ends <= i.now {
			continue
		}
		value, err := i.answer(a)
		if err != nil {
			return nil, err
		}
		name := i.base + "k:" + i.store.answerOf(seatmap.NewKey(a.Key), i.name, i.life, a.User)
		if a.Of < 0 {
			timed = append(timed, command{"SET", name, value, "PX", strconv.FormatInt((ends-i.now+999)/1000, 10)})
			continue
		}
		names[a.Of] = name
		i.lasting = append(i.lasting, name)
		answers = append(answers, name, value)
	}
	records, due := make(command, 2, 2+2*len(p.Grants)), make(command, 2, 2+2*len(p.Grants))
	records[0], records[1] = "HSET", i.uploaded("r")
	due[0], due[1] = "ZADD", i.uploaded("d")
	for at := range p.Grants {
		if err := i.grant(&p.Grants[at], names[at], &records, &due); err != nil {
			return nil, err
		}
	}
	list := timed
	for _, c := range []command{answers, records, due} {
		if len(c) > 2 {
			list = append(list, c)
		}
	}
	for _, c := range []command{records, due} {
		if len(c) > 2 {
			list = append(list, command{"PEXPIRE", c[1], uploadMemory})
		}
	}
	return list, nil
}

// answer returns the value of an answer.
func (i *importing) answer(a *port.Answer) (string, error) {
	v := make(values, 0, 256)
	v = v.text(remote.PrintFrom(a.Print).Text())
	if a.Fence == 0 {
		return string(v.number(0).text("").number(0).number(0).text("").number(0)), nil
	}
	mark, until := i.former.mark(a.Proof), int64(0)
	if mark == 0 {
		return "", unproved(a.Fence)
	}
	if a.Holds {
		until = max(i.begin+remote.Microseconds(a.Until), 1)
	}
	return string(v.number(int64(a.Fence)).text(a.Owner).number(a.At.UnixMicro()).number(until).seats(a.Seats).number(mark)), nil
}

// grant adds a hold or booking, which has an answer of that name.
func (i *importing) grant(g *port.Grant, answer string, records, due *command) error {
	if i.former.mark(g.Proof) == 0 {
		return unproved(g.Fence)
	}
	owner := i.users[g.User]
	if owner == nil {
		owner = &owned{}
		i.users[g.User] = owner
	}
	owner.seats += uint64(len(g.Seats))
	fence, state, until := strconv.FormatUint(g.Fence, 10), byte('B'), int64(0)
	if !g.Booked {
		state, until = 'h', max(i.begin+remote.Microseconds(g.Left), 1)
		i.held += len(g.Seats)
		owner.holds = append(owner.holds, g.Fence)
		*due = append(*due, strconv.FormatInt(until, 10), fence)
	}
	i.free -= len(g.Seats)
	i.records++
	for _, seat := range g.Seats {
		cell := i.cells[int(seat)*cellSize:]
		cell[0] = state
		binary.BigEndian.PutUint64(cell[1:], g.Fence)
	}
	v := make(values, 0, 128)
	v = v.number(int64(g.Fence)).text(g.User).number(g.At.UnixMicro()).number(until).seats(g.Seats).text(answer).number(0)
	*records = append(*records, fence, string(v))
	return nil
}

// owners returns the commands that load what users have.
func (i *importing) owners() (list []command) {
	c := command{"HSET", i.uploaded("u")}
	flush := func() {
		if len(c) > 2 {
			list = append(list, c, command{"PEXPIRE", c[1], uploadMemory})
			c = slices.Clone(c[:2])
		}
	}
	for user, has := range i.users {
		slices.Sort(has.holds)
		value := binary.BigEndian.AppendUint64(make([]byte, 0, 8+8*len(has.holds)), has.seats)
		for _, fence := range has.holds {
			value = binary.BigEndian.AppendUint64(value, fence)
		}
		if c = append(c, user, string(value)); len(c) > 2*loadPart {
			flush()
		}
	}
	flush()
	return list
}

// unproved returns the error of a token that none of the keys has made.
func unproved(fence uint64) error {
	return fmt.Errorf("%w: the token of fence %d was made with another key", seatmap.ErrInvalidExport, fence)
}

// values are values as cmsgpack.unpack reads them, one after the other, in MessagePack.
type values []byte

func (v values) number(n int64) values {
	if n >= 0 && n < 1<<7 {
		return append(v, byte(n))
	}
	return binary.BigEndian.AppendUint64(append(v, 0xd3), uint64(n))
}

func (v values) text(s string) values { return append(v.size(len(s)), s...) }

// seats adds a list of seats as a text, 4 bytes each.
func (v values) seats(list []uint32) values {
	v = v.size(4 * len(list))
	for _, seat := range list {
		v = binary.BigEndian.AppendUint32(v, seat)
	}
	return v
}

// size adds what a text of so many bytes begins with.
func (v values) size(n int) values {
	switch {
	case n < 1<<5:
		return append(v, 0xa0|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(v, 0xda), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(v, 0xdb), uint32(n))
}
