package diagram

import (
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A group is boxes under one caption.
type group struct {
	caption string
	boxes   []*Box
}

// groups returns the frames in their order, then the kinds of memory.
func (p *Picture) groups() []group {
	var all []group
	at := map[[2]string]int{}
	for _, b := range p.Boxes {
		key := [2]string{b.Frame, b.Place}
		if _, found := at[key]; !found {
			at[key] = len(all)
			all = append(all, group{caption: b.where()})
		}
		g := &all[at[key]]
		g.boxes = append(g.boxes, b)
	}
	order := []string{"", Heap, Unknown, Static, ReadOnly, Table}
	slices.SortStableFunc(all, func(a, b group) int {
		return slices.Index(order, a.boxes[0].Place) - slices.Index(order, b.boxes[0].Place)
	})
	return all
}

// Text draws the boxes below one another, at most width columns wide, with
// arrows as references: "─▶ #3+8" points 8 bytes into box 3. A width below 24 is 24.
func (p *Picture) Text(width int) string {
	var out strings.Builder
	inner := max(width, 24) - 6
	for _, g := range p.groups() {
		if g.caption != "" {
			out.WriteString(p.clip(g.caption, inner) + "\n")
		}
		for _, b := range g.boxes {
			p.box(&out, b, inner)
		}
	}
	if p.Cut > 0 {
		fmt.Fprintf(&out, "%d more not drawn\n", p.Cut)
	}
	return out.String()
}

func (p *Picture) box(out *strings.Builder, b *Box, inner int) {
	names := 0
	for _, r := range b.Rows {
		names = max(names, min(p.columns(r.Name), 20))
	}
	lines := []string{b.title()}
	for _, r := range b.Rows {
		lines = append(lines, b.margin(r)+p.pad(r.Name, names)+"  "+r.line())
	}
	w := 0
	for i, l := range lines {
		lines[i] = p.clip(strings.TrimRight(l, " "), inner)
		w = max(w, p.columns(lines[i]))
	}
	rule := strings.Repeat("─", w+2)
	for i, l := range lines {
		switch i {
		case 0:
			fmt.Fprintf(out, "  ┌%s┐\n", rule)
		case 1:
			fmt.Fprintf(out, "  ├%s┤\n", rule)
		}
		fmt.Fprintf(out, "  │ %s │\n", p.pad(l, w))
	}
	fmt.Fprintf(out, "  └%s┘\n", rule)
}

// margin returns the offset of r, as wide as the largest of b.
func (b *Box) margin(r Row) string {
	digits := len(strconv.Itoa(int(b.Size)))
	if r.Entry {
		return strings.Repeat(" ", digits+2)
	}
	return fmt.Sprintf("%-*s", digits+2, fmt.Sprintf("+%d", r.Offset))
}

func (p *Picture) pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-p.columns(s)))
}

// clip cuts s so that it takes at most width columns.
func (p *Picture) clip(s string, width int) string {
	if p.columns(s) <= width {
		return s
	}
	for s != "" && p.columns(s) > width-1 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s + "…"
}

// Markdown returns the text as a block of code under a heading, to paste into an
// issue.
func (p *Picture) Markdown(title string) string {
	text := p.Text(100)
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fmt.Sprintf("**%s**\n\n%stext\n%s%s\n", title, fence, text, fence)
}

// DOT returns the picture in the language of Graphviz: a table a box, a port a
// row.
func (p *Picture) DOT(title string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "digraph memory {\n  label=%s;\n  rankdir=LR;\n  node [shape=plain, fontname=monospace, fontsize=11];\n", strconv.Quote(title))
	for i, g := range p.groups() {
		fmt.Fprintf(&out, "  subgraph cluster_%d {\n    label=%s;\n", i, strconv.Quote(g.caption))
		for _, b := range g.boxes {
			fmt.Fprintf(&out, "    b%d [label=<<table border=\"0\" cellborder=\"1\" cellspacing=\"0\"><tr><td port=\"t\"><b>%s</b></td></tr>", b.Number, html.EscapeString(b.title()))
			for k, r := range b.Rows {
				fmt.Fprintf(&out, "<tr><td port=\"r%d\" align=\"left\">%s</td></tr>", k, html.EscapeString(strings.TrimSpace(r.Name+"  "+r.line())))
			}
			out.WriteString("</table>>];\n")
		}
		out.WriteString("  }\n")
	}
	for _, b := range p.Boxes {
		for i, r := range b.Rows {
			for _, c := range r.Cells {
				if c.To == nil {
					continue
				}
				port := "t"
				if k := c.To.row(c.At); c.At > 0 && k >= 0 {
					port = fmt.Sprintf("r%d", k)
				}
				style := ""
				if c.Weak {
					style = " [style=dashed]"
				}
				fmt.Fprintf(&out, "  b%d:r%d:e -> b%d:%s:w%s;\n", b.Number, i, c.To.Number, port, style)
			}
		}
	}
	out.WriteString("}\n")
	return out.String()
}
