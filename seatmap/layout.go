package seatmap

import (
	"fmt"
	"strconv"
)

// Layout is the seats of an event, in the order in which they are offered. Exactly
// one of Count and Seats is set.
type Layout struct {
	// Count is the number of seats, which are labeled "1" to Count. Such labels take no
	// memory.
	Count int
	// Seats is the labels of the seats, each once. A label is a name; see the package
	// comment.
	Seats []string
	// Closed is the labels of the seats that are not for sale. A request for one of
	// them is refused with [ErrTaken].
	Closed []string
}

// labels maps between the labels and the indices of seats.
type labels struct {
	list  []string       // nil when they are "1", "2", …
	index map[string]int // of list
	count int
	first int // the number of seat 0 when list is nil
}

// labels checks the layout and returns its labels and its closed seats.
func (l Layout) labels() (*labels, []int, error) {
	if l.Count != 0 && l.Seats != nil {
		return nil, nil, fmt.Errorf("%w: both Count and Seats", ErrInvalidLayout)
	}
	n := l.Count + len(l.Seats)
	if n < 1 || n > MaxSeats {
		return nil, nil, fmt.Errorf("%w: %d seats, not 1 to %d", ErrInvalidLayout, n, MaxSeats)
	}
	ls := &labels{count: n, first: 1}
	if l.Seats != nil {
		ls.list = append([]string(nil), l.Seats...)
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
