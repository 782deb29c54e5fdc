package seatmap

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/coderrange/ferrous/seatmap/internal/durable"
)

// importer is an import that is being made.
type importer struct {
	m     *Map
	r     *ImportRequest
	from  io.Reader
	at    wallTime // when the import began
	lost  int64    // the time that holds have lost since the export
	e     *event   // nil until the layout is known
	shift time.Duration
	again int64 // when it was imported first, if a journal imports it again
	// reserved says that there is a hold without a deadline.
	reserved bool

	number int // of the line
	head   exportHead
	layout Layout
	inRows int // how many of its seats are in rows
	keys   []formerKey
	taken  *exportedHold    // the last one, nil if it is in the event
	of     uint32           // where the last hold or booking in the event began; noSeat if an answer cannot be its
	off    map[uint32]doing // the seats that operators have closed
	quotas map[uint32]string
	answer *exportedAnswer // the last one, nil if it is in the event
	out    *porting        // for a store on a server, or nil
}

// exportHead is the first line of an export.
type exportHead struct {
	event           string
	at              int64
	fence, revision uint64
	limits          Limits
	count, labels   int
}

// exportedHold is a hold or booking.
type exportedHold struct {
	fence   uint64
	state   SeatState
	first   uint32
	secret  [16]byte
	user    string
	by      doing
	ref     string // the reference
	at      int64
	left    int64
	endless bool
	pay     *payment // relative to the moment of the export
	seats   []uint32
	places  []somePlaces
}

// exportedAnswer is the answer to a request with a key.
type exportedAnswer struct {
	user, key   string
	owner       string // of the hold or booking, if not user
	left        int64
	isOld       bool // it has left
	fingerprint fingerprint
	fence       uint64
	first       uint32
	secret      [16]byte
	at, until   int64
	hasUntil    bool
	paying      bool
	seats       []uint32
	places      []somePlaces
}

// readEvent carries out an ImportRequest.
func (m *Map) readEvent(ctx context.Context, r *ImportRequest, from io.Reader) (EventInfo, error) {
	i := &importer{m: m, r: r, from: from, at: m.clock.wallTime(), of: noSeat}
	if err := i.read(func() error { return m.check(ctx, "Import") }); err != nil {
		return EventInfo{}, err
	}
	if d := m.durable; d != nil && d.log != nil {
		if err := from.(durable.Text).Reserve(); err != nil {
			return EventInfo{}, err
		}
	}
	return i.install()
}

// read reads all lines. It calls check often, and stops at its error.
func (i *importer) read(check func() error) error {
	const longest = exportPart*2*(MaxName+2) + 1<<12
	in, sum, buf := bufio.NewReaderSize(i.from, 1<<16), sha256.New(), []byte(nil)
	for i.number = 1; ; i.number++ {
		if i.number%256 == 1 {
			if err := check(); err != nil {
				return err
			}
		}
		buf = buf[:0]
		for more := true; more; {
			part, err := in.ReadSlice('\n')
			buf = append(buf, part...)
			more = errors.Is(err, bufio.ErrBufferFull)
			switch {
			case errors.Is(err, io.EOF):
				return badLine(i.number, "the end is missing")
			case err != nil && !more:
				return fmt.Errorf("seatmap: Import: %w", err)
			case len(buf) > longest:
				return badLine(i.number, "it is too long")
			}
		}
		l := &line{b: buf[:len(buf)-1]}
		if end := []byte(`{"sum":"`); i.number > 1 && bytes.HasPrefix(l.b, end) {
			if string(l.b[len(end):]) != hex.EncodeToString(sum.Sum(nil))+`"}` {
				return badLine(i.number, "the checksum is wrong")
			}
			if _, err := in.ReadByte(); err == nil {
				return badLine(i.number+1, "it follows the last one")
			} else if !errors.Is(err, io.EOF) {
				return fmt.Errorf("seatmap: Import: %w", err)
			}
			return i.finish()
		}
		sum.Write(buf)
		if err := i.line(l); err != nil {
			return err
		}
	}
}

// line reads a line.
func (i *importer) line(l *line) error {
	if i.number == 1 {
		return i.first(l)
	}
	var t *exportedHold
	var a *exportedAnswer
	var kind, create string
	var layout uint64
	var row Row
	var size int
	var ends [2]uint32 // of a category, whose name is in row
	var labels, keys []string
	var ranks []uint16
	var seats, closed []uint32
	count := i.head.count + i.head.labels
	l.object(func(name []byte) bool {
		if kind == "" {
			switch kind = string(name); kind {
			case "hold":
				t = &exportedHold{state: SeatBlocked}
			case "booking", "off":
				t = &exportedHold{state: SeatBooked}
			case "answer":
				a = &exportedAnswer{}
			}
		}
		switch kind + " " + string(name) {
		case "labels labels":
			l.list(func() { labels = append(labels, l.text()) })
		case "row row":
			size = int(l.seat(count + 1))
		case "row section":
			row.Section = l.text()
		case "row name":
			row.Name = l.text()
		case "row category", "category category":
			row.Category = l.text()
		case "row table":
			row.Table = l.uint() == 1
		case "aisles aisles":
			seats = l.runs(count)
		case "ranks ranks":
			l.list(func() { ranks = append(ranks, uint16(l.seat(1<<16))) })
		case "category first":
			ends[0] = l.seat(count)
		case "category last":
			ends[1] = l.seat(count)
		case "area area":
			size = int(l.seat(MaxSeats + 1))
		case "area name":
			row.Name = l.text()
		case "area section":
			row.Section = l.text()
		case "area category":
			row.Category = l.text()
		case "hold places", "booking places":
			t.places = l.places(len(i.layout.Areas) + i.areas())
		case "answer places":
			a.places = l.places(len(i.layout.Areas) + i.areas())
		case "keys keys":
			l.list(func() { keys = append(keys, l.text()) })
		case "create create":
			create = l.text()
		case "create layout":
			layout = l.uint()
		case "closed closed":
			closed = l.runs(count)
		case "off off":
			closed = l.runs(count)
		case "quota quota":
			closed = l.runs(count)
		case "quota name":
			row.Name = l.text()
		case "off actor":
			t.by.actor = l.text()
		case "off reason":
			t.by.reason = l.text()
		case "seats seats":
			seats = l.runs(count)
		case "hold hold", "booking booking":
			t.fence = l.uint()
		case "hold left":
			t.left = l.int()
		case "hold payment":
			t.pay = &payment{own: endless}
			l.object(func(name []byte) bool { return t.payment(l, string(name)) })
		case "hold endless":
			t.endless = l.uint() == 1
		case "hold first", "booking first":
			t.first = l.seat(math.MaxInt32) // of a hold that began with places it is no seat
		case "hold secret", "booking secret":
			t.secret = l.secret()
		case "hold user", "booking user":
			t.user = l.text()
		case "hold actor", "booking actor":
			t.by.actor = l.text()
		case "hold reason", "booking reason":
			t.by.reason = l.text()
		case "hold reference", "booking reference":
			t.ref = l.text()
		case "hold at", "booking at":
			t.at = l.int()
		case "hold seats", "booking seats":
			t.seats = l.runs(count)
		case "answer answer":
			m := slices.Index(methodNames[:], l.text())
			if m < 0 {
				return false
			}
			a.fingerprint.method = method(m)
		case "answer user":
			a.user = l.text()
		case "answer key":
			a.key = l.text()
		case "answer for":
			a.owner = l.text()
		case "answer left":
			a.left, a.isOld = l.int(), true
		case "answer request":
			l.object(func(name []byte) bool { return a.request(l, string(name)) })
		case "answer fence":
			a.fence = l.uint()
		case "answer first":
			a.first = l.seat(math.MaxInt32)
		case "answer secret":
			a.secret = l.secret()
		case "answer at":
			a.at = l.int()
		case "answer until":
			a.until, a.hasUntil = l.int(), true
		case "answer paying":
			a.paying = l.uint() == 1
		case "answer seats":
			a.seats = l.runs(count)
		default:
			return false
		}
		return true
	})
	if err := l.err(i.number); err != nil {
		return err
	}
	switch kind {
	case "labels":
		return i.addLabels(labels)
	case "row":
		return i.addRow(&row, size)
	case "aisles", "ranks":
		return i.addToRow(seats, ranks)
	case "category":
		return i.addCategory(row.Category, ends)
	case "area":
		return i.addArea(Area{Name: row.Name, Section: row.Section, Category: row.Category, Capacity: size})
	}
	if i.e == nil {
		if err := i.begin(); err != nil {
			return err
		}
	}
	if kind == "seats" {
		return i.more(seats)
	}
	if err := i.flush(); err != nil {
		return err
	}
	switch kind {
	case "keys":
		return i.addKeys(keys)
	case "create":
		if err := checkKey(NewKey(create)); err != nil || create == "" {
			return badLine(i.number, "the key is not a name")
		}
		i.e.created = &eventResult{eventKey: eventKey{i.head.event, create}, layout: layout, limits: i.head.limits}
	case "closed":
		return i.set(closed, uint64(SeatClosed))
	case "off":
		if len(closed) == 0 || t.by != (doing{}) && checkDoing(t.by.actor, t.by.reason) != nil {
			return badLine(i.number, "the seats, the actor or the reason are wrong")
		}
		if i.off == nil {
			i.off = map[uint32]doing{}
		}
		for _, seat := range closed {
			i.off[seat] = t.by
		}
	case "quota":
		if len(closed) == 0 || checkName(row.Name, ErrInvalidQuota) != nil {
			return badLine(i.number, "the seats or the quota are wrong")
		}
		if i.quotas == nil {
			i.quotas = map[uint32]string{}
		}
		for _, seat := range closed {
			i.quotas[seat] = row.Name
		}
	case "hold", "booking", "answer":
		if i.keys == nil {
			return badLine(i.number, "the keys are missing before it")
		}
		i.taken, i.answer = t, a
	}
	return nil
}

// payment reads a field of the payment of a hold.
func (t *exportedHold) payment(l *line, name string) bool {
	switch name {
	case "own":
		t.pay.own = l.int()
	case "began":
		t.pay.began = l.int()
	case "left":
		t.pay.until = l.int()
	default:
		return false
	}
	return true
}

// request reads a field of the request of an answer.
func (a *exportedAnswer) request(l *line, name string) bool {
	p := &a.fingerprint
	switch name {
	case "n":
		p.n = int(min(l.uint(), MaxSeats))
	case "ttl":
		p.ttl = time.Duration(l.int())
	case "seats":
		p.seats = l.uint()
	case "places":
		p.places = l.uint()
	case "where":
		p.where = l.uint()
	case "reference":
		p.reference = l.uint()
	case "fence":
		p.token.fence = l.uint()
	case "first":
		p.token.seat = l.seat(math.MaxInt32)
	case "secret":
		secret := l.secret()
		p.token.tag = tagOfSecret(secret[:])
	default:
		return false
	}
	return true
}

// first reads the first line.
func (i *importer) first(l *line) error {
	h, version, event := &i.head, uint64(0), false
	l.object(func(name []byte) bool {
		if version == 0 {
			if version = l.uint(); string(name) != "seatmap" || version != exportVersion {
				return false
			}
			return true
		}
		switch string(name) {
		case "event":
			h.event, event = l.text(), true
		case "at":
			h.at = l.int()
		case "fence":
			h.fence = l.uint()
		case "revision":
			h.revision = l.uint()
		case "limits":
			l.object(func(name []byte) bool {
				switch string(name) {
				case "seats":
					h.limits.Seats = limit(l)
				case "holds":
					h.limits.Holds = limit(l)
				case "lifetime":
					h.limits.Lifetime = time.Duration(l.int())
				case "payment":
					h.limits.Payment = time.Duration(l.int())
				default:
					return false
				}
				return true
			})
		case "count":
			h.count = int(l.seat(MaxSeats + 1))
		case "labels":
			h.labels = int(l.seat(MaxSeats + 1))
		default:
			return false
		}
		return true
	})
	switch {
	case version > exportVersion && !event:
		return badLine(1, fmt.Sprintf("version %d, not %d", version, exportVersion))
	case l.err(1) != nil || !event:
		return badLine(1, "it is not the first one of an export")
	case h.limits.Seats < 0 || h.limits.Holds < 0 || h.limits.Lifetime < 0 || h.limits.Payment < 0:
		return badLine(1, "a limit is negative")
	case h.fence >= 1<<63 || h.revision >= 1<<63:
		return badLine(1, "a number is too large")
	case h.count > 0 && h.labels > 0:
		return badLine(1, "the number of seats is wrong")
	}
	if err := checkEvent(h.event); err != nil {
		return badLine(1, "the name of the event is not a name")
	}
	if old := i.m.event(h.event); old != nil && old.plan.availableAt.Load() != planEnded {
		return fmt.Errorf("%w: %q", ErrExists, truncate(h.event))
	}
	since := cmp.Or(i.again, i.at.at.UnixNano())
	i.lost, i.shift = i.at.at.UnixNano()-since, time.Duration(since-h.at)
	if i.r.Lapse && i.shift > 0 {
		i.lost, i.shift = i.lost+int64(i.shift), 0
	}
	return nil
}

// limit reads a number that fits into an int.
func limit(l *line) int {
	v := l.int()
	if v > math.MaxInt {
		l.bad = true
	}
	return int(v)
}

func (i *importer) addLabels(labels []string) error {
	l := &i.layout
	if l.Seats = append(l.Seats, labels...); i.e != nil || len(l.Seats) > i.head.labels || l.Rows != nil {
		return badLine(i.number, "it has labels too many")
	}
	return nil
}

// addRow adds a row of the next seats, so many of them.
func (i *importer) addRow(r *Row, size int) error {
	l := &i.layout
	if size == 0 || len(l.Seats) != i.head.labels || size > len(l.Seats)-i.inRows || i.e != nil {
		return badLine(i.number, "it has seats too many, or none")
	}
	r.Seats = l.Seats[i.inRows : i.inRows+size]
	i.inRows += size
	l.Rows = append(l.Rows, *r)
	return nil
}

// addToRow adds aisles or ranks to the last row.
func (i *importer) addToRow(aisles []uint32, ranks []uint16) error {
	l := &i.layout
	if len(l.Rows) == 0 || i.e != nil {
		return badLine(i.number, "it is of no row")
	}
	r := &l.Rows[len(l.Rows)-1]
	for _, seat := range aisles {
		r.Aisles = append(r.Aisles, l.Seats[seat])
	}
	r.Ranks = append(r.Ranks, ranks...)
	return nil
}

// addCategory adds a category with the numbers of its first and last seat.
func (i *importer) addCategory(name string, ends [2]uint32) error {
	l := &i.layout
	if i.e != nil || len(l.Seats) != i.head.labels {
		return badLine(i.number, "it is of no layout")
	}
	label := func(seat uint32) string {
		if l.Seats == nil {
			return strconv.Itoa(int(seat) + 1)
		}
		return l.Seats[seat]
	}
	l.Categories = append(l.Categories, Category{name, label(ends[0]), label(ends[1])})
	return nil
}

// begin makes the event.
func (i *importer) begin() error {
	l := &i.layout
	l.Count = i.head.count
	if len(l.Seats) != i.head.labels || l.Rows != nil && i.inRows != len(l.Seats) {
		return badLine(i.number, "labels or rows are missing before it")
	}
	if l.Rows != nil {
		l.Seats = nil // they are in the rows
	}
	ls, _, err := l.labels()
	if err != nil {
		return badLine(i.number, "the layout before it is wrong: "+err.Error())
	}
	i.e = newEvent(&CreateRequest{Event: i.head.event, Limits: i.head.limits}, ls, nil, i.m)
	i.layout = Layout{}
	i.e.sweeper = nil // until the event is in the map
	return nil
}

func (i *importer) addKeys(keys []string) error {
	if len(keys)%2 != 0 || i.keys != nil {
		return badLine(i.number, "the keys are wrong")
	}
	for len(keys) > 0 {
		var key formerKey
		for _, one := range []*tagKey{&key.tags, &key.secrets} {
			if n, err := hex.Decode(one[:], []byte(keys[0][:min(len(keys[0]), 32)])); err != nil || n != len(one) {
				return badLine(i.number, "a key is wrong")
			}
			keys = keys[1:]
		}
		i.keys = append(i.keys, key)
	}
	if i.out != nil {
		i.tellHead()
	}
	return nil
}

// more adds seats to the last hold, booking or answer.
func (i *importer) more(seats []uint32) error {
	switch {
	case i.taken != nil && len(i.taken.seats) > 0:
		i.taken.seats = append(i.taken.seats, seats...)
	case i.answer != nil && len(i.answer.seats) > 0:
		i.answer.seats = append(i.answer.seats, seats...)
	default:
		return badLine(i.number, "it continues nothing")
	}
	return nil
}

// set sets the words of seats that are available.
func (i *importer) set(seats []uint32, word uint64) error {
	p := i.e.plan
	for _, seat := range seats {
		if p.word(int(seat)) != uint64(SeatAvailable) {
			return badLine(i.number, fmt.Sprintf("seat %d is taken twice", seat))
		}
		p.set(seat, word)
	}
	return nil
}

// flush puts the last hold, booking or answer into the event.
func (i *importer) flush() error {
	if t := i.taken; t != nil {
		i.taken = nil
		return i.take(t)
	}
	if a := i.answer; a != nil {
		i.answer = nil
		return i.remember(a)
	}
	return nil
}

// take puts a hold or booking into the event.
func (i *importer) take(t *exportedHold) error {
	e, p := i.e, i.e.plan
	if t.fence == 0 || t.fence > i.head.fence || len(t.seats)+len(t.places) == 0 || t.state == SeatBlocked && (t.left > 0) == t.endless || t.left > endless-1-i.at.mono {
		return badLine(i.number-1, "the hold or booking is wrong")
	}
	if err := checkUser(t.user); err != nil {
		return badLine(i.number-1, "the user is not a name")
	}
	if t.by != (doing{}) {
		if checkDoing(t.by.actor, t.by.reason) != nil {
			return badLine(i.number-1, "the actor or reason is not a name")
		}
		e.grantedBy(t.fence, t.by)
	}
	if t.ref != "" {
		if checkReference(t.ref) != nil {
			return badLine(i.number-1, "the reference is not a name")
		}
		e.refs.add(t.ref, grantName{t.fence, t.first})
	}
	if i.out != nil {
		if err := i.tellGrant(t); err != nil {
			return err
		}
	}
	word := uint64(SeatBooked)
	if t.state == SeatBlocked {
		until := max(i.at.mono+t.left-i.lost, 1)
		if t.endless {
			until, i.reserved = endless, true
		}
		word = uint64(until)<<stateBits | uint64(SeatBlocked)
		if !t.endless {
			p.earliest.Store(min(p.earliest.Load(), until))
		}
	}
	if err := i.set(t.seats, word); err != nil {
		return err
	}
	if i.out != nil && len(t.places) == 0 { // the plan is needed no more than to find seats that are taken twice
		i.of = t.seats[0]
		return nil
	}
	entries := t.seats
	for at, some := range t.places {
		if some.n < 1 || some.n > p.areas[some.area].totals[SeatAvailable] || at > 0 && t.places[at-1].area >= some.area {
			return badLine(i.number-1, fmt.Sprintf("area %d has no such places", some.area))
		}
		entry := p.addBlock(some)
		p.set(entry, word)
		entries = append(entries, entry)
	}
	p.link(entries)
	head := entries[0]
	rec := p.rec(head)
	rec.fence, rec.tag, rec.first = t.fence, tagOfSecret(t.secret[:]), t.first
	rec.user, rec.slot = e.users.open(t.user), noSlot
	rec.at = i.at.mono - (i.at.at.UnixNano() - t.at)
	if t.first != head {
		if p.headOf == nil {
			p.headOf = map[uint64]uint32{}
		}
		p.headOf[t.fence] = head
	}
	if t.state == SeatBlocked {
		if pay := t.pay; pay != nil {
			move := i.at.mono - i.lost
			if pay.own != endless {
				pay.own += move
			}
			pay.began, pay.until = pay.began+move, pay.until+move
			if e.payments == nil {
				e.payments = map[uint64]payment{}
			}
			e.payments[t.fence] = *pay
		}
	}
	e.users.addGrant(p, head, t.state)
	e.users.add(rec.user, p.size(entries))
	i.of = head
	return nil
}

// remember puts an answer into the event.
func (i *importer) remember(a *exportedAnswer) error {
	e, p := i.e, i.e.plan
	key := NewKey(a.key)
	if checkUser(a.user) != nil || key.IsZero() || checkKey(key) != nil || !a.isOld && i.of == noSeat {
		return badLine(i.number-1, "the answer is wrong")
	}
	of := i.of
	i.of = noSeat
	left := a.left - i.lost
	switch {
	case i.out != nil:
		return i.tellAnswer(a)
	case a.isOld && left <= 0:
		return nil
	}
	q := e.keys.request(a.user, key, a.fingerprint)
	slot := e.keys.remember(i.at.mono, &q, a.user)
	if a.fence != 0 {
		h := Hold{
			Token: Token{Event: p.name, Fence: a.fence, seat: a.first, tag: tagOfSecret(a.secret[:])},
			User:  cmp.Or(a.owner, a.user),
			At:    time.Unix(0, a.at),
		}
		h.Seats, h.Places = p.labels().named(append(a.seats, lastingPlaces(a.places)...))
		if a.hasUntil {
			h.Until = time.Unix(0, i.head.at+a.until).Add(i.shift)
		}
		h.Paying = a.paying
		e.keys.slots[slot].keep(&h)
	}
	if a.isOld {
		e.keys.ended(i.at.mono+left-int64(KeyMemory), slot)
	} else {
		p.rec(of).slot = slot
	}
	return nil
}

// finish puts the last things into the event.
func (i *importer) finish() error {
	if i.number == 1 {
		return badLine(1, "it is not the first one of an export")
	}
	if i.e == nil {
		if err := i.begin(); err != nil {
			return err
		}
	}
	if err := i.flush(); err != nil {
		return err
	}
	if i.keys == nil {
		return badLine(i.number, "the keys are missing before it")
	}
	if i.out != nil {
		if err := i.tellPart(); err != nil {
			return err
		}
	}
	for seat, by := range i.off {
		i.e.plan.sell([]uint32{seat}, false, by)
	}
	for seat, quota := range i.quotas {
		i.e.plan.setQuota([]uint32{seat}, quota)
	}
	i.e.plan.setAvailableAt()
	return nil
}

// install puts the event into the map.
func (i *importer) install() (EventInfo, error) {
	m, e, p := i.m, i.e, i.e.plan
	own := p.tags.own()
	keys := slices.DeleteFunc(i.keys, func(key formerKey) bool { return key == own })
	installed := false
	var info EventInfo
	m.events.Compute(i.head.event, func(old *event, ok bool) (*event, bool) {
		if ok {
			return old, false
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.tags.former = m.former.add(i.head.event, keys)
		p.fence = m.firstFence(i.head.fence)
		p.revision = max(i.head.revision, m.revision.Load())
		if d := m.durable; d != nil && d.log != nil {
			d.imported(i)
		}
		info, installed = e.about(), true
		return e, false
	})
	switch {
	case !installed:
		return EventInfo{}, fmt.Errorf("%w: %q", ErrExists, truncate(i.head.event))
	case m.closed.Load(): // Close may have missed the event
		e.close(ErrClosed)
		return EventInfo{}, ErrClosed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e.sweeper = m.sweeper
	e.scheduleSweep()
	return info, nil
}
