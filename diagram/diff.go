package diagram

import (
	"errors"
	"fmt"
	"strings"
)

// TB is what [Diff] needs of a [testing.TB].
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Diff fails t with what changed if the pictures differ, and says whether they
// are the same. A box of before is the same box in after if it has its address
// and type. Numbers of boxes do not count. Diff panics if a picture is nil.
func Diff(t TB, before, after *Picture) bool {
	if t == nil || before == nil || after == nil {
		panic(errors.New("diagram: Diff: nil test or picture"))
	}
	t.Helper()
	text := changes(before, after)
	if text != "" {
		t.Errorf("memory changed:\n%s", text)
	}
	return text == ""
}

// A mark says how a box or row differs from the picture before.
type mark int

const (
	same mark = iota
	changed
	added
)

// compare returns the box of before that each box of after was, and the marks
// of the rows of after.
func compare(before, after *Picture) (was map[*Box]*Box, marks map[*Box][]mark) {
	type key struct {
		addr       uintptr
		typ, place string
	}
	old := map[key]*Box{}
	of := func(b *Box) key {
		if b.Place == "" {
			return key{b.addr, b.Frame + "." + b.Name + " " + b.Type, b.Place}
		}
		return key{b.addr, b.Type, b.Place}
	}
	for _, b := range before.Boxes {
		old[of(b)] = b
	}
	was, marks = map[*Box]*Box{}, map[*Box][]mark{}
	for _, b := range after.Boxes {
		o := old[of(b)]
		if o == nil {
			marks[b] = []mark{added}
			for range b.Rows {
				marks[b] = append(marks[b], added)
			}
			continue
		}
		was[b] = o
	}
	for _, b := range after.Boxes {
		o := was[b]
		if o == nil {
			continue
		}
		m := []mark{same}
		for i, r := range b.Rows {
			switch {
			case i >= len(o.Rows):
				m = append(m, added)
			case sameRow(o.Rows[i], r, was):
				m = append(m, same)
			default:
				m = append(m, changed)
			}
			if m[len(m)-1] != same || len(b.Rows) != len(o.Rows) {
				m[0] = changed
			}
		}
		marks[b] = m
	}
	return was, marks
}

// sameRow says whether the row shows the same as before.
func sameRow(before, after Row, was map[*Box]*Box) bool {
	if before.Name != after.Name || len(before.Cells) != len(after.Cells) {
		return false
	}
	for i, c := range after.Cells {
		o := before.Cells[i]
		switch {
		case c.text() != o.text() || c.At != o.At || c.Weak != o.Weak:
			return false
		case (c.To == nil) != (o.To == nil):
			return false
		case c.To != nil && was[c.To] != o.To:
			return false
		}
	}
	return true
}

// changes writes what differs, a line each: "+" is new, "-" is gone.
func changes(before, after *Picture) string {
	var out strings.Builder
	was, marks := compare(before, after)
	stays := map[*Box]bool{}
	for _, o := range was {
		stays[o] = true
	}
	write := func(sign string, r Row) {
		fmt.Fprintf(&out, "%s   %s  %s\n", sign, r.Name, r.line())
	}
	for _, b := range before.Boxes {
		if !stays[b] {
			fmt.Fprintf(&out, "- %s\n", b.title())
			for _, r := range b.Rows {
				write("-", r)
			}
		}
	}
	for _, b := range after.Boxes {
		m := marks[b]
		if m[0] == same {
			continue
		}
		sign := " "
		if m[0] == added {
			sign = "+"
		}
		fmt.Fprintf(&out, "%s %s\n", sign, b.title())
		o := was[b]
		for i, r := range b.Rows {
			if m[i+1] == same {
				continue
			}
			if o != nil && i < len(o.Rows) {
				write("-", o.Rows[i])
			}
			write("+", r)
		}
		if o != nil {
			for i := len(b.Rows); i < len(o.Rows); i++ {
				write("-", o.Rows[i])
			}
		}
	}
	return out.String()
}
