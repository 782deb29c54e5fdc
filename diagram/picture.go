package diagram

import (
	"fmt"
	"slices"
	"strings"
)

// A Picture is what a capture saw. Its fields are for tests and renderers to read.
type Picture struct {
	Boxes []*Box // variables first, in the order of the roots, then what was found
	Cut   int    // how many boxes more were found than Options.Boxes or Options.Depth allow

	width func(string) int
}

// columns returns how wide text is. A Picture that Capture did not make counts as the
// zero Options do.
func (p *Picture) columns(text string) int {
	if p.width == nil {
		return columns(text)
	}
	return p.width(text)
}

// Places of boxes that are not in a frame.
const (
	Heap     = "heap"
	ReadOnly = "read-only" // the constants of the program
	Static   = "static"    // package-level variables
	Unknown  = "unknown"   // heap, static or read-only: the system does not tell
	Table    = "method table"
)

// A Box is one piece of memory.
type Box struct {
	Number int    // from 1
	Frame  string // the label of the frame, for a variable
	Place  string // Heap, ReadOnly, Static, Unknown or Table; empty for a variable
	Name   string // of a variable
	Type   string
	Size   uintptr // in bytes; 0 if it is not known
	Level  int     // the number of arrows on the way from the nearest variable
	Rows   []Row

	addr    uintptr // tells boxes of several pictures apart
	address string  // what is shown
}

// A Row is one line of a box.
type Row struct {
	Name    string // field, index or key
	Offset  uintptr
	Size    uintptr
	Padding bool // bytes between fields that hold nothing
	Entry   bool // of a map, a method table, a state: has no offset
	Cells   []Cell
}

// A Cell is one word or value of a row. A slice has three: pointer, length and
// capacity.
type Cell struct {
	Name string // "len", "cap", "type"; empty for the only one
	Text string
	To   *Box    // where it points to; nil if nowhere, or at what was not drawn
	At   uintptr // the offset in To
	Weak bool    // the arrow does not keep To alive

	target uintptr
}

// Row returns the index of the row of b that begins at or covers offset, or -1.
func (b *Box) row(offset uintptr) int {
	for i, r := range b.Rows {
		if !r.Entry && offset >= r.Offset && (offset < r.Offset+r.Size || offset == r.Offset) {
			return i
		}
	}
	return -1
}

// String returns "#3 v []int32".
func (b *Box) String() string {
	return strings.Join(strings.Fields(fmt.Sprintf("#%d %s %s", b.Number, b.Name, b.Type)), " ")
}

// where returns the caption above b.
func (b *Box) where() string {
	if b.Place != "" {
		return b.Place
	}
	return b.Frame
}

// title returns the first line of b.
func (b *Box) title() string {
	s := b.String()
	if b.Size > 0 {
		s += fmt.Sprintf(" · %d B", b.Size)
	}
	if b.address != "" {
		s += " at " + b.address
	}
	return s
}

// text returns what is written in the cell, without the arrow.
func (c Cell) text() string {
	switch {
	case c.Name == "":
		return c.Text
	case c.Text == "":
		return c.Name
	}
	return c.Name + " " + c.Text
}

// reference returns "#3" or "#3+8".
func (c Cell) reference() string {
	if c.To == nil {
		return ""
	}
	if c.At == 0 {
		return fmt.Sprintf("#%d", c.To.Number)
	}
	return fmt.Sprintf("#%d+%d", c.To.Number, c.At)
}

// line returns the cells as one text, with the arrows as references.
func (r Row) line() string {
	var parts []string
	for _, c := range r.Cells {
		s := c.text()
		if c.To != nil {
			arrow := "─▶ "
			if c.Weak {
				arrow = "┄▶ "
			}
			s = strings.TrimSpace(s + " " + arrow + c.reference())
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "  ")
}

// Box returns the box of the variable with this name, or nil.
func (p *Picture) Box(variable string) *Box {
	for _, b := range p.Boxes {
		if b.Name == variable {
			return b
		}
	}
	return nil
}

// Path says why box number n is alive: the way from a variable to it, as
// "main.a.next ─▶ #2.next ─▶ #3". It is empty if no arrow that keeps memory alive
// leads there.
func (p *Picture) Path(n int) string {
	type step struct {
		from *Box
		row  string
	}
	before := map[*Box]step{}
	var queue []*Box
	for _, b := range p.Boxes {
		if b.Place == "" {
			before[b] = step{}
			queue = append(queue, b)
		}
	}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		if b.Number == n {
			var parts []string
			for {
				s := before[b]
				if s.from == nil {
					parts = append(parts, strings.Trim(b.Frame+"."+b.Name, "."))
					break
				}
				parts = append(parts, fmt.Sprintf("#%d", b.Number))
				if s.row != "" {
					parts = append(parts, s.row)
				}
				b = s.from
			}
			// parts is: #3, next, #2, next, main.a
			var out strings.Builder
			for i, part := range slices.Backward(parts) {
				switch {
				case i == len(parts)-1:
				case strings.HasPrefix(part, "#"):
					out.WriteString(" ─▶ ")
				default:
					out.WriteString(".")
				}
				out.WriteString(part)
			}
			return out.String()
		}
		for _, r := range b.Rows {
			for _, c := range r.Cells {
				if c.To == nil || c.Weak {
					continue
				}
				if _, seen := before[c.To]; !seen {
					before[c.To] = step{b, r.Name}
					queue = append(queue, c.To)
				}
			}
		}
	}
	return ""
}
