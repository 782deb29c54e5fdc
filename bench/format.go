package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const explanation = "Medians of the time an operation takes and what it allocates; in brackets the ratio of the time to ours: 8.0× takes eight times as long."

// format returns the report as text or as Markdown.
func (rep *report) format(markdown bool) string {
	var b strings.Builder
	b.WriteString(rep.head + "\n" + explanation + "\n")
	for _, t := range rep.tables {
		title := "\n" + t.name + "\n"
		if markdown {
			title = "\n### " + t.name + "\n\n"
		}
		b.WriteString(title)
		writeTable(&b, t.cells(), markdown)
	}
	return b.String()
}

// cells returns the table: a column for each implementation, and a line for the
// time of each set of parameters and for each other unit that is no memory. A time
// of a part of an operation, such as ns/seat, stands for that of the whole.
func (t *table) cells() [][]string {
	impls := t.columns()
	cells := [][]string{append([]string{""}, impls...)}
	for _, r := range t.rows {
		units, main := r.units(), "ns/op"
		if i := slices.IndexFunc(units, isTimeOfPart); i >= 0 {
			main = units[i]
		}
		for _, unit := range units {
			if unit == "B/op" || unit == "allocs/op" || unit == "ns/op" && unit != main {
				continue // the memory is beside the time
			}
			name := strings.Join(r.params, ", ")
			switch {
			case isTimeOfPart(unit):
				name = strings.TrimPrefix(name+", per "+strings.TrimPrefix(unit, "ns/"), ", ")
			case unit != "ns/op":
				name = strings.TrimPrefix(name+", "+unit, ", ")
			}
			line := []string{name}
			for _, impl := range impls {
				line = append(line, r.cell(impl, unit, unit == main))
			}
			cells = append(cells, line)
		}
	}
	return cells
}

func isTimeOfPart(unit string) bool { return strings.HasPrefix(unit, "ns/") && unit != "ns/op" }

// columns returns the implementations, ours first.
func (t *table) columns() []string {
	impls := slices.Clone(t.impls)
	slices.SortStableFunc(impls, func(a, b string) int {
		return cmp.Compare(columnOf(a), columnOf(b))
	})
	return impls
}

func columnOf(impl string) int {
	switch {
	case impl == "ours":
		return 0
	case strings.HasPrefix(impl, "ours"):
		return 1
	default:
		return 2
	}
}

// cell returns what that implementation took in that unit, with its ratio to ours,
// and beside its main unit what it allocated.
func (r *row) cell(impl, unit string, main bool) string {
	one := r.of(impl)
	value := one.median(unit)
	if math.IsNaN(value.Center) {
		return ""
	}
	text := number(value.Center)
	if strings.HasPrefix(unit, "ns/") {
		text = duration(value.Center)
		if spread := value.PctRangeString(); spread != "0%" && spread != "∞" {
			text += " ±" + spread
		}
	}
	if ours := r.of("ours").median(unit).Center; impl != "ours" && ours > 0 && strings.HasPrefix(unit, "ns/") {
		text += fmt.Sprintf(" (%s×)", number(value.Center/ours))
	}
	if n := one.median("allocs/op").Center; main && n > 0 {
		text += fmt.Sprintf(", %s in %s", size(one.median("B/op").Center), count(n))
	}
	return text
}

// duration returns so many nanoseconds with three digits and a unit.
func duration(ns float64) string {
	switch {
	case ns >= 1e9:
		return number(ns/1e9) + " s"
	case ns >= 1e6:
		return number(ns/1e6) + " ms"
	case ns >= 1e4:
		return number(ns/1e3) + " µs"
	default:
		return number(ns) + " ns"
	}
}

// size returns so many bytes with three digits and a unit.
func size(n float64) string {
	switch {
	case n >= 1e6:
		return number(n/1e6) + " MB"
	case n >= 1e4:
		return number(n/1e3) + " kB"
	default:
		return number(n) + " B"
	}
}

// count returns n with three digits and a unit.
func count(n float64) string {
	switch {
	case n >= 1e6:
		return number(n/1e6) + "M"
	case n >= 1e4:
		return number(n/1e3) + "k"
	default:
		return number(n)
	}
}

// number returns v with three digits, or with all of those before the point.
func number(v float64) string {
	digits := 2
	switch {
	case v > 0 && v < 0.1:
		return strconv.FormatFloat(v, 'g', 2, 64)
	case v == math.Trunc(v) || v >= 100:
		digits = 0
	case v >= 10:
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// writeTable writes the cells in columns: the first to the left, numbers to
// the right.
func writeTable(b *strings.Builder, cells [][]string, markdown bool) {
	left, between, right := "", "  ", "\n"
	if markdown {
		left, between, right = "| ", " | ", " |\n"
		rule := slices.Repeat([]string{"---:"}, len(cells[0]))
		rule[0] = "---"
		cells = slices.Insert(cells, 1, rule)
	}
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range cells {
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line[i] = cell + pad
			} else {
				line[i] = pad + cell
			}
		}
		b.WriteString(left + strings.Join(line, between) + right)
	}
}
