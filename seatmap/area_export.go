package seatmap

import "strconv"

// This file has what an export says of areas; see export.go.

// areas writes the rows about areas.
func (x *exporter) areas() error {
	o := &x.written
	for _, a := range x.labels.areas {
		o.open()
		o.int("area", int64(a.Capacity))
		o.text("name", a.Name)
		if a.Section != "" {
			o.text("section", a.Section)
		}
		if a.Category != "" {
			o.text("category", a.Category)
		}
		o.shut()
		if err := x.put(); err != nil {
			return err
		}
	}
	return nil
}

// ofAreas adds the rows of all holds and bookings that have places. There is no other
// moment to do so: a change of a block does not first save what the block was.
func (x *exporter) ofAreas() {
	p := x.e.plan
	for _, page := range p.pages {
		for i := range page.blocks {
			b := &page.blocks[i]
			state := SeatState(b.word & stateMask)
			if state == SeatAvailable {
				continue
			}
			rec := p.rec(b.head)
			if x.areal[rec.fence] {
				continue
			}
			if x.areal == nil {
				x.areal = map[uint64]bool{}
			}
			x.areal[rec.fence] = true
			x.hold(b.head, state, rec)
		}
	}
}

// apart appends the seats of the hold or booking that begins at head, and returns its
// places in the order of their areas.
func (p *Plan) apart(seats []uint32, head uint32) ([]uint32, []somePlaces) {
	seats = p.seats(seats, head)
	if p.areas == nil {
		return seats, nil
	}
	var places []somePlaces
	all := seats
	seats = seats[:0]
	for _, entry := range all {
		if entry < firstBlock {
			seats = append(seats, entry)
			continue
		}
		b, page := p.blockAt(entry)
		places = append(places, somePlaces{page.area, b.n})
	}
	sortPlaces(places)
	return seats, places
}

// lastingPlaces returns the lasting form of places.
func lastingPlaces(places []somePlaces) (out []uint32) {
	for _, some := range places {
		out = append(out, some.area|areaFlag, uint32(some.n))
	}
	return out
}

// places adds a field, if there are places.
func (o *row) places(places []somePlaces) {
	if len(places) == 0 {
		return
	}
	o.name("places")
	o.b = append(o.b, '[')
	for _, some := range places {
		o.comma('[')
		o.b = strconv.AppendUint(o.b, uint64(some.area), 10)
		o.b = append(o.b, ',')
		o.b = strconv.AppendInt(o.b, int64(some.n), 10)
	}
	o.b = append(o.b, ']')
}

// places reads what row.places wrote, of so many areas.
func (l *line) places(areas int) (places []somePlaces) {
	l.list(func() {
		area := l.seat(areas)
		l.expect(',')
		places = append(places, somePlaces{area, int(l.seat(MaxSeats + 1))})
	})
	return places
}

// addArea adds an area to the layout.
func (i *importer) addArea(a Area) error {
	if i.e != nil || len(i.layout.Areas) == MaxAreas {
		return badLine(i.number, "it is an area too many")
	}
	i.layout.Areas = append(i.layout.Areas, a)
	return nil
}

// areas returns how many areas the event has, once it is made.
func (i *importer) areas() int {
	if i.e == nil {
		return 0
	}
	return len(i.e.plan.areas)
}
