package seatmap

import (
	"fmt"
	"slices"
	"strconv"
)

// Layout is the seats of an event, in the order in which they are offered, and its
// areas. Exactly one of Count, Seats and Rows is set, or none of them if there are
// Areas.
type Layout struct {
	// Count is the number of seats, which are labeled "1" to Count. Such labels take no
	// memory.
	Count int
	// Seats is the labels of the seats, each once. A label is a name; see the package
	// comment.
	Seats []string
	// Rows is the seats by rows, the best row first. With Count or Seats, all seats
	// are one line without an aisle.
	Rows []Row
	// Areas is parts of the event without seats. Their places are counted, not named.
	Areas []Area
	// Categories gives ranges of seats their price categories. Of two ranges with a
	// common seat the later one counts. A range counts more than [Row.Category].
	Categories []Category
	// Closed is the labels of the seats that are not for sale. A request for one of
	// them is refused with [ErrTaken]; see also [SeatCloser].
	Closed []string
}

// Row is seats that stand side by side, or round a table. Adjacent seats are of one
// row. Section, Name and Category are names (see the package comment) or empty, and
// several rows can have the same.
type Row struct {
	Section  string
	Name     string
	Category string // the price category of its seats
	// Seats is the labels of the seats, as they stand. No other row has the same label.
	Seats []string
	// Aisles is the labels of the seats that are followed by an aisle. The seats on
	// both sides of an aisle are not adjacent.
	Aisles []string
	// Table says that the seats stand round a table, so that the last one is adjacent
	// to the first. A table has no aisle.
	Table bool
	// Ranks is how good each seat is, 0 the best; see [BlockAnyRequest]. Nil means
	// that all are 0.
	Ranks []uint16
}

// Area is places that are all alike: standing room or free seating. Section and
// Category may be empty.
type Area struct {
	Name     string // a name that no other area has; see the package comment
	Section  string
	Category string
	Capacity int // how many places: at least 1, and at most [MaxSeats] with all others
}

// Category is a range of seats, in the layout's order, and their price category. The
// meaning of the name is the caller's.
type Category struct {
	Name        string
	First, Last string // labels; the range includes both
}

// size returns the number of seats.
func (l *Layout) size() int {
	n := l.Count + len(l.Seats)
	for i := range l.Rows {
		n += len(l.Rows[i].Seats)
	}
	return n
}

// print returns a hash of the layout, which is the same in every process.
func (l *Layout) print() uint64 {
	print := uint64(l.Count)
	texts := func(list ...string) {
		print = mix(print, uint64(len(list)))
		for _, text := range list {
			print = addText(print, text)
		}
	}
	texts(l.Seats...)
	texts(l.Closed...)
	for i := range l.Rows {
		r := &l.Rows[i]
		texts(r.Section, r.Name, r.Category)
		texts(r.Seats...)
		texts(r.Aisles...)
		if r.Table {
			print++
		}
		for _, rank := range r.Ranks {
			print = mix(print, uint64(rank))
		}
	}
	for _, c := range l.Categories {
		texts(c.Name, c.First, c.Last)
	}
	for _, a := range l.Areas {
		texts(a.Name, a.Section, a.Category)
		print = mix(print, uint64(a.Capacity))
	}
	return print
}

// labels maps between the labels and the indices of seats.
type labels struct {
	list  []string       // nil when they are "1", "2", …
	index map[string]int // of list
	count int
	first int // the number of seat 0 when list is nil

	floor *floor // nil when the layout has neither rows nor categories

	areas     []Area // nil when there are none
	areaIndex map[string]uint32
	live      []*area // those of the plan, for refusals; not changed once the plan has the labels
}

// labels checks the layout and returns its labels and its closed seats.
func (l *Layout) labels() (*labels, []int, error) {
	switch {
	case l.Count != 0 && l.Seats != nil:
		return nil, nil, fmt.Errorf("%w: both Count and Seats", ErrInvalidLayout)
	case l.Count != 0 && l.Rows != nil:
		return nil, nil, fmt.Errorf("%w: both Count and Rows", ErrInvalidLayout)
	case l.Seats != nil && l.Rows != nil:
		return nil, nil, fmt.Errorf("%w: both Seats and Rows", ErrInvalidLayout)
	}
	n := l.size()
	if l.Count < 0 || n > MaxSeats || n < 1 && len(l.Areas) == 0 {
		return nil, nil, fmt.Errorf("%w: %d seats, not 1 to %d", ErrInvalidLayout, n, MaxSeats)
	}
	ls := &labels{count: n, first: 1}
	if n > 0 && l.Count == 0 {
		ls.list = make([]string, 0, n)
		ls.list = append(ls.list, l.Seats...)
		for i := range l.Rows {
			ls.list = append(ls.list, l.Rows[i].Seats...)
		}
		ls.index = make(map[string]int, n)
		for i, label := range ls.list {
			if err := checkName(label, ErrInvalidLayout); err != nil {
				return nil, nil, fmt.Errorf("%w in label %d", err, i)
			}
			ls.index[label] = i
		}
		if len(ls.index) != n {
			return nil, nil, fmt.Errorf("%w: %d of %d labels are repeated", ErrInvalidLayout, n-len(ls.index), n)
		}
	}
	if err := ls.addAreas(l.Areas, n); err != nil {
		return nil, nil, err
	}
	if err := ls.arrange(l); err != nil {
		return nil, nil, err
	}
	closed := make([]int, len(l.Closed))
	for i, label := range l.Closed {
		seat, ok := ls.seat(label)
		if !ok {
			return nil, nil, fmt.Errorf("%w: closes %q, which it does not have", ErrInvalidLayout, truncate(label))
		}
		closed[i] = seat
	}
	return ls, closed, nil
}

// layout returns the layout without the closed seats.
func (ls *labels) layout() (l Layout) {
	switch {
	case ls.floor != nil && ls.floor.rows != nil:
		for i := range ls.floor.rows {
			r := &ls.floor.rows[i]
			row := r.Row
			row.Seats = slices.Clone(ls.list[r.from:r.to])
			row.Aisles, row.Ranks = slices.Clone(row.Aisles), slices.Clone(row.Ranks)
			l.Rows = append(l.Rows, row)
		}
	case ls.list != nil:
		l.Seats = slices.Clone(ls.list)
	default:
		l.Count = ls.count
	}
	l.Areas = slices.Clone(ls.areas)
	if ls.floor != nil {
		l.Categories = slices.Clone(ls.floor.ranges)
	}
	return l
}

// seat returns the index of the seat with that label.
func (ls *labels) seat(label string) (int, bool) {
	if ls.list != nil {
		seat, ok := ls.index[label]
		return seat, ok
	}
	// The one form that strconv.Itoa writes: no sign, no leading zero.
	if len(label) == 0 || len(label) > 8 || label[0] == '0' && len(label) > 1 {
		return 0, false
	}
	n := 0
	for i := range len(label) {
		digit := label[i] - '0'
		if digit > 9 {
			return 0, false
		}
		n = n*10 + int(digit)
	}
	n -= ls.first
	return n, n >= 0 && n < ls.count
}

// label returns the label of a seat.
func (ls *labels) label(seat int) string {
	if ls.list != nil {
		return ls.list[seat]
	}
	return strconv.Itoa(seat + ls.first)
}

// labelsOf returns the labels of several seats.
func (ls *labels) labelsOf(seats []int) []string {
	out := make([]string, len(seats))
	for i, seat := range seats {
		out[i] = ls.label(seat)
	}
	return out
}
