package seatmap

import (
	"fmt"
	"math"
	"slices"
)

// floor is how the seats of an event are arranged. It does not change.
type floor struct {
	rows   []floorRow
	ranked bool       // whether a row has Ranks
	ranges []Category // as they are in the layout

	numbers  map[string]uint16 // of the categories, from 1
	category []uint16          // the number of each seat's category; nil if there are none
}

// floorRow is a row, whose Seats are those from from to to.
type floorRow struct {
	Row
	from, to int
	runs     []run
}

// run is seats without an aisle between them: each is adjacent to the next and, if
// they are round a table, the last to the first.
type run struct {
	from, to int
	round    bool
}

// next returns the seat n places after a seat of the run, and whether there is one.
// n may be -1.
func (r run) next(seat, n int) (int, bool) {
	seat += n
	if r.round {
		switch {
		case seat >= r.to:
			seat -= r.to - r.from
		case seat < r.from:
			seat += r.to - r.from
		}
	}
	return seat, seat >= r.from && seat < r.to
}

// arrange checks and keeps the rows and categories of a layout whose labels are ls.
func (ls *labels) arrange(l *Layout) error {
	if l.Rows == nil && l.Categories == nil {
		return nil
	}
	f := &floor{ranges: slices.Clone(l.Categories)}
	from := 0
	for i := range l.Rows {
		if err := f.addRow(i, from, &l.Rows[i]); err != nil {
			return err
		}
		from += len(l.Rows[i].Seats)
	}
	for i := range f.rows {
		r := &f.rows[i]
		if err := f.categorize(ls.count, r.Category, r.from, r.to); err != nil {
			return err
		}
	}
	for i, c := range l.Categories {
		if err := checkName(c.Name, ErrInvalidLayout); err != nil {
			return fmt.Errorf("%w in category %d", err, i)
		}
		first, ok := ls.seat(c.First)
		last, okLast := ls.seat(c.Last)
		if !ok || !okLast || last < first {
			return fmt.Errorf("%w: category %d has no seats from %q to %q",
				ErrInvalidLayout, i, truncate(c.First), truncate(c.Last))
		}
		if err := f.categorize(ls.count, c.Name, first, last+1); err != nil {
			return err
		}
	}
	ls.floor = f
	return nil
}

// addRow adds row i, which begins at that seat.
func (f *floor) addRow(i, from int, r *Row) error {
	for _, name := range []string{r.Section, r.Name, r.Category} {
		if name == "" {
			continue
		}
		if err := checkName(name, ErrInvalidLayout); err != nil {
			return fmt.Errorf("%w in row %d", err, i)
		}
	}
	switch {
	case len(r.Seats) == 0:
		return fmt.Errorf("%w: row %d has no seats", ErrInvalidLayout, i)
	case r.Ranks != nil && len(r.Ranks) != len(r.Seats):
		return fmt.Errorf("%w: row %d has %d ranks for %d seats", ErrInvalidLayout, i, len(r.Ranks), len(r.Seats))
	case r.Table && r.Aisles != nil:
		return fmt.Errorf("%w: row %d is a table and has an aisle", ErrInvalidLayout, i)
	}
	row := floorRow{Row: *r, from: from, to: from + len(r.Seats)}
	row.Seats, row.Aisles, row.Ranks = nil, slices.Clone(r.Aisles), slices.Clone(r.Ranks)
	follows := make(map[string]bool, len(r.Aisles))
	for _, label := range r.Aisles {
		follows[label] = true
	}
	begin := 0
	for at, label := range r.Seats[:len(r.Seats)-1] {
		if follows[label] {
			delete(follows, label)
			row.runs = append(row.runs, run{from: from + begin, to: from + at + 1})
			begin = at + 1
		}
	}
	for label := range follows {
		return fmt.Errorf("%w: row %d has no seats on both sides of an aisle after %q", ErrInvalidLayout, i, truncate(label))
	}
	row.runs = append(row.runs, run{from: from + begin, to: row.to, round: r.Table})
	f.ranked = f.ranked || r.Ranks != nil
	f.rows = append(f.rows, row)
	return nil
}

// categorize gives seats a category. An empty name changes nothing.
func (f *floor) categorize(count int, name string, from, to int) error {
	if name == "" {
		return nil
	}
	if f.category == nil {
		f.category, f.numbers = make([]uint16, count), map[string]uint16{}
	}
	number, ok := f.numbers[name]
	if !ok {
		if len(f.numbers) == math.MaxUint16 {
			return fmt.Errorf("%w: more than %d categories", ErrInvalidLayout, math.MaxUint16)
		}
		number = uint16(len(f.numbers) + 1)
		f.numbers[name] = number
	}
	for seat := from; seat < to; seat++ {
		f.category[seat] = number
	}
	return nil
}
