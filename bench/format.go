package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// format returns the report as text or as Markdown.
func (rep *report) format(markdown bool) string {
	var b strings.Builder
	b.WriteString(rep.head + "\n")
	for _, g := range rep.groups {
		title := "\n" + g.name + "\n"
		if markdown {
			title = "\n### " + g.name + "\n\n"
		}
		b.WriteString(title)
		writeTable(&b, g.cells(), markdown)
	}
	return b.String()
}

// cells returns the table of a group. The first unit, time, has its spread and
// its ratio to ours beside it.
func (g *group) cells() [][]string {
	ours := math.NaN()
	if i := slices.IndexFunc(g.rows, func(r *row) bool { return r.impl == "ours" }); i >= 0 {
		ours = g.rows[i].summary(g.units[0]).Center
	}
	cells := [][]string{{"impl", g.units[0], "±", "ratio"}}
	cells[0] = append(cells[0], g.units[1:]...)
	for _, r := range g.rows {
		first := r.summary(g.units[0])
		line := []string{r.impl, number(first.Center), first.PctRangeString(), ratio(first.Center / ours)}
		for _, unit := range g.units[1:] {
			line = append(line, number(r.summary(unit).Center))
		}
		cells = append(cells, line)
	}
	return cells
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case v == math.Trunc(v) || v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

func ratio(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.2f×", v)
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
