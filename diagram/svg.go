package diagram

import (
	"fmt"
	"hash/fnv"
	"html"
	"slices"
	"strings"
)

// Sizes of a drawing in pixels.
const (
	rowHeight   = 22.0
	headHeight  = 24.0
	charWidth   = 7.3
	inset       = 10.0
	boxGap      = 16.0
	captionGap  = 22.0
	lane        = 9.0
	margin      = 16.0
	titleHeight = 34.0
	narrowWidth = 480.0
	longest     = 64 // columns of text in a row
)

// SVG draws the boxes in columns: variables first, then by their distance from
// these, with arrows between. Several drawings can stand in one HTML page.
func (p *Picture) SVG(title string) string {
	d := &drawing{p: p}
	d.layout(title)
	d.boxes()
	d.arrows()
	return d.document(title)
}

// NarrowSVG draws the boxes in one column of at most 480 pixels, with references
// in place of arrows, as [Picture.Text] does.
func (p *Picture) NarrowSVG(title string) string {
	d := &drawing{p: p, narrow: true}
	d.layout(title)
	d.boxes()
	return d.document(title)
}

func (d *drawing) document(title string) string {
	head := fmt.Sprintf(`<text class="title" x="%.0f" y="24">%s</text>`+"\n", margin, html.EscapeString(title))
	return document(title, d.describe(), d.p.Text(100), d.width, d.height, head+d.out.String())
}

// document puts a drawing into an SVG element with its own ids.
func document(title, description, content string, width, height float64, body string) string {
	h := fnv.New64a()
	h.Write([]byte(title + "\x00" + content + body))
	id := fmt.Sprintf("d%x", h.Sum64())
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" id="%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="%s-t %s-d">`+"\n", id, width, height, width, height, id, id)
	fmt.Fprintf(&out, `<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`+"\n", id, html.EscapeString(title), id, html.EscapeString(description))
	fmt.Fprintf(&out, "<style>%s</style>\n", strings.ReplaceAll(style, "#id", "#"+id))
	fmt.Fprintf(&out, `<defs><marker id="%s-m" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>`+"\n", id)
	fmt.Fprintf(&out, `<rect class="page" width="%.0f" height="%.0f"/>`+"\n", width, height)
	out.WriteString(strings.NewReplacer("url(#m)", "url(#"+id+"-m)", "#id", "#"+id).Replace(body))
	out.WriteString("</svg>\n")
	return out.String()
}

// style is for light pages, dark pages and paper.
const style = `
#id{--page:#fff;--ink:#1b1f24;--soft:#57606a;--box:#f6f8fa;--line:#8c959f;--arrow:#0a5cc2;--pad:#e7eaee;--var:#dbe9f9;--heap:#def3e3;--ro:#fbeec9;--static:#f3e2f7;--tab:#e8e6e1;--new:#1a7f37;--chg:#bc4c00;max-width:100%;height:auto}
@media (prefers-color-scheme:dark){#id{--page:#0d1117;--ink:#e6edf3;--soft:#9aa4af;--box:#161b22;--line:#57606a;--arrow:#6cb0ff;--pad:#21262d;--var:#1c3350;--heap:#15351f;--ro:#3a2f12;--static:#35213d;--tab:#2b2a27;--new:#56d364;--chg:#ffa657}}
@media print{#id{--page:#fff;--ink:#000;--soft:#333;--box:#fff;--line:#555;--arrow:#000;--pad:#eee;--var:#eee;--heap:#eee;--ro:#eee;--static:#eee;--tab:#eee;--new:#000;--chg:#000}}
#id text{font:12px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--ink);white-space:pre}
#id .page{fill:var(--page)}#id .soft{fill:var(--soft)}#id .head{font-weight:600}#id .title{font-weight:600;font-size:15px}
#id .box{fill:var(--box);stroke:var(--line)}#id .rule{stroke:var(--line);stroke-width:.5}#id .pad{fill:var(--pad)}
#id .var{fill:var(--var)}#id .heap{fill:var(--heap)}#id .ro{fill:var(--ro)}#id .static{fill:var(--static)}#id .tab{fill:var(--tab)}
#id .arrow{fill:none;stroke:var(--arrow);stroke-width:1.5}#id .weak{stroke-dasharray:5 4}#id .tip{fill:var(--arrow)}
#id .added{fill:none;stroke:var(--new);stroke-width:2.5}#id .changed{fill:none;stroke:var(--chg);stroke-width:2.5}
`

// A drawing is one picture on its way to SVG.
type drawing struct {
	p             *Picture
	narrow        bool
	marks         map[*Box][]mark // what changed, in Steps
	number        map[*Box]int    // in Steps: the same for a box in all pictures
	columns       [][]*Box
	at            map[*Box]rect
	captions      []caption
	gap           []float64 // left edge of the lanes before each column; one more behind the last
	lanes         []int     // how many lanes each gap has
	width, height float64
	out           strings.Builder
}

type rect struct{ x, y, w, h float64 }

type caption struct {
	x, y float64
	text string
}

func (d *drawing) head(b *Box) string { return d.p.clip(d.numbered(b, b.title()), longest) }

// numbered replaces the number of b, with which s begins, by that in all steps.
func (d *drawing) numbered(b *Box, s string) string {
	n, ok := d.number[b]
	if !ok {
		return s
	}
	return fmt.Sprintf("#%d%s", n, strings.TrimPrefix(s, fmt.Sprintf("#%d", b.Number)))
}

func (d *drawing) text(r Row) string {
	if d.narrow {
		return r.line()
	}
	var parts []string
	for _, c := range r.Cells {
		if s := c.text(); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " │ ")
}

// name returns what stands before the cells of a row: the offset, if there are
// several rows, and the name.
func (d *drawing) name(b *Box, r Row) string {
	if len(b.Rows) < 2 || b.Rows[len(b.Rows)-1].Offset == 0 {
		return r.Name
	}
	return b.margin(r) + r.Name
}

// names returns the width of the column of names.
func (d *drawing) names(b *Box) int {
	n := 0
	for _, r := range b.Rows {
		n = max(n, d.p.columns(d.name(b, r)))
	}
	return n
}

// size returns width and height of b.
func (d *drawing) size(b *Box) (w, h float64) {
	n := d.p.columns(d.head(b))
	names := d.names(b)
	for _, r := range b.Rows {
		n = max(n, names+2+min(d.p.columns(d.text(r)), longest))
	}
	return float64(n)*charWidth + 2*inset, headHeight + rowHeight*float64(len(b.Rows))
}

// layout puts frames into the first column and each further box into the column
// of its distance. A box begins at the row that points to it, if that is free.
func (d *drawing) layout(title string) {
	d.at = map[*Box]rect{}
	for _, g := range d.p.groups() {
		for _, b := range g.boxes {
			i := b.Level
			if b.Place != "" && i == 0 {
				i = 1
			}
			if d.narrow {
				i = 0
			}
			for len(d.columns) <= i {
				d.columns = append(d.columns, nil)
			}
			d.columns[i] = append(d.columns[i], b)
		}
	}
	d.countLanes()
	x := margin
	for i, column := range d.columns {
		d.gap = append(d.gap, x)
		x += lane * float64(d.lanes[i])
		if i > 0 {
			x += 2 * lane
		}
		y, w, last := titleHeight, 0.0, ""
		if i > 0 {
			d.byArrows(column)
		}
		for _, b := range column {
			bw, bh := d.size(b)
			if b.where() != last {
				y += captionGap
			}
			if to, ok := d.pointed(b); ok && i > 0 {
				y = max(y, to-headHeight/2)
			}
			if b.where() != last {
				last = b.where()
				d.captions = append(d.captions, caption{x, y - 6, last})
			}
			d.at[b] = rect{x, y, bw, bh}
			y += bh + boxGap
			w = max(w, bw)
		}
		x += w
		d.width, d.height = x+margin, max(d.height, y)
	}
	d.gap = append(d.gap, x)
	d.width += lane * float64(d.lanes[len(d.columns)])
	d.width = max(d.width, float64(d.p.columns(title))*9.5+2*margin)
	if d.narrow {
		d.width = max(narrowWidth, d.width)
	}
}

// byArrows sorts the boxes of a column by the height of what points to them, and
// keeps those of one kind of memory together.
func (d *drawing) byArrows(column []*Box) {
	height := map[*Box]float64{}
	for _, b := range column {
		height[b], _ = d.pointed(b)
	}
	first := map[string]float64{}
	for _, b := range column {
		if h, ok := first[b.where()]; !ok || height[b] < h {
			first[b.where()] = height[b]
		}
	}
	slices.SortStableFunc(column, func(a, b *Box) int {
		if a.where() != b.where() {
			if c := int(first[a.where()] - first[b.where()]); c != 0 {
				return c
			}
			return strings.Compare(a.where(), b.where())
		}
		return int(height[a] - height[b])
	})
}

// pointed returns the height of the first row in the columns before that points
// to b.
func (d *drawing) pointed(b *Box) (y float64, ok bool) {
	for _, o := range d.p.Boxes {
		if d.at[o] == (rect{}) {
			continue
		}
		for i, r := range o.Rows {
			for _, c := range r.Cells {
				if h := d.rowY(o, i); c.To == b && (!ok || h < y) {
					y, ok = h, true
				}
			}
		}
	}
	return y, ok
}

func (d *drawing) rowY(b *Box, row int) float64 {
	return d.at[b].y + headHeight + rowHeight*(float64(row)+.5)
}

// An arrow leaves a cell. Arrows to the next column go through the gap between.
// Arrows to the same column go round its right side. Arrows back go under all
// boxes and up through the gap before their target.
type arrow struct {
	from, to         *Box
	row              int
	shift            float64 // two cells of one row leave at different heights
	at               uintptr
	weak             bool
	source, target   int // columns
	y0, y1           float64
	leave, enter, up int // lanes in the gap behind source, in the gap before target, and below the boxes
}

func (d *drawing) collect() []*arrow {
	var as []*arrow
	index := map[*Box]int{}
	for i, c := range d.columns {
		for _, b := range c {
			index[b] = i
		}
	}
	for _, column := range d.columns {
		for _, b := range column {
			for i, r := range b.Rows {
				var row []*arrow
				for _, c := range r.Cells {
					if c.To != nil {
						row = append(row, &arrow{from: b, to: c.To, row: i, at: c.At, weak: c.Weak, source: index[b], target: index[c.To]})
					}
				}
				for k, a := range row {
					a.shift = (float64(k) - float64(len(row)-1)/2) * 6
				}
				as = append(as, row...)
			}
		}
	}
	return as
}

// countLanes says how many lanes each gap needs.
func (d *drawing) countLanes() {
	d.lanes = make([]int, len(d.columns)+1)
	if d.narrow {
		return
	}
	for _, a := range d.collect() {
		d.lanes[a.source+1]++
		if a.target < a.source {
			d.lanes[a.target]++
		}
	}
}

func (d *drawing) boxes() {
	for _, c := range d.captions {
		fmt.Fprintf(&d.out, `<text class="soft" x="%.1f" y="%.1f">%s</text>`+"\n", c.x, c.y, html.EscapeString(c.text))
	}
	class := map[string]string{"": "var", Heap: "heap", Unknown: "heap", Static: "static", ReadOnly: "ro", Table: "tab"}
	for _, column := range d.columns {
		for _, b := range column {
			q := d.at[b]
			fmt.Fprintf(&d.out, `<g><rect class="box" rx="4" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, q.x, q.y, q.w, q.h)
			fmt.Fprintf(&d.out, `<rect class="%s" rx="4" x="%.1f" y="%.1f" width="%.1f" height="%.0f"/>`, class[b.Place], q.x, q.y, q.w, headHeight)
			fmt.Fprintf(&d.out, `<text class="head" x="%.1f" y="%.1f">%s</text>`, q.x+inset, q.y+16, html.EscapeString(d.head(b)))
			names := float64(d.names(b)) * charWidth
			for i, r := range b.Rows {
				y := q.y + headHeight + rowHeight*float64(i)
				if r.Padding {
					fmt.Fprintf(&d.out, `<rect class="pad" x="%.1f" y="%.1f" width="%.1f" height="%.0f"/>`, q.x+1, y, q.w-2, rowHeight)
				}
				fmt.Fprintf(&d.out, `<line class="rule" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, q.x, q.x+q.w, y, y)
				x := q.x + inset
				if names > 0 {
					fmt.Fprintf(&d.out, `<text class="soft" x="%.1f" y="%.1f">%s</text>`, x, y+15, html.EscapeString(d.name(b, r)))
					x += names + 2*charWidth
				}
				fmt.Fprintf(&d.out, `<text x="%.1f" y="%.1f">%s</text>`, x, y+15, html.EscapeString(d.p.clip(d.text(r), longest)))
			}
			d.mark(b)
			d.out.WriteString("</g>\n")
		}
	}
	if d.p.Cut > 0 {
		fmt.Fprintf(&d.out, `<text class="soft" x="%.1f" y="%.1f">%d more not drawn</text>`, margin, d.height+4, d.p.Cut)
		d.height += 20
	}
}

// mark frames what changed.
func (d *drawing) mark(b *Box) {
	q := d.at[b]
	for i, m := range d.marks[b] {
		switch {
		case i == 0 && m == added:
			fmt.Fprintf(&d.out, `<rect class="added" rx="4" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, q.x-2, q.y-2, q.w+4, q.h+4)
			return
		case i > 0 && m != same:
			fmt.Fprintf(&d.out, `<rect class="changed" rx="3" x="%.1f" y="%.1f" width="%.1f" height="%.0f"/>`, q.x+1, q.y+headHeight+rowHeight*float64(i-1)+1, q.w-2, rowHeight-2)
		}
	}
}

// arrows draws all arrows in lanes of their own.
func (d *drawing) arrows() {
	as := d.collect()
	for _, a := range as {
		a.y0 = d.rowY(a.from, a.row) + a.shift
		a.y1 = d.at[a.to].y + headHeight/2
		if k := a.to.row(a.at); a.at > 0 && k >= 0 {
			a.y1 = d.rowY(a.to, k)
		}
	}
	// Arrows that go down take lanes from the right, the upper first; arrows that go
	// up take them from the left: so fewer of them cross.
	used := make([]int, len(d.lanes))
	down := slices.Clone(as)
	slices.SortStableFunc(down, func(a, b *arrow) int {
		if x, y := a.down(), b.down(); x != y {
			return boolOrder(x) - boolOrder(y)
		}
		if a.down() {
			return int(b.y0 - a.y0)
		}
		return int(a.y0 - b.y0)
	})
	for _, a := range down {
		a.leave = used[a.source+1]
		used[a.source+1]++
	}
	below := 0
	for _, a := range as {
		if a.target < a.source {
			a.enter = used[a.target]
			used[a.target]++
			a.up = below
			below++
		}
	}
	for _, a := range as {
		q, t := d.at[a.from], d.at[a.to]
		x0 := q.x + q.w
		x := d.gap[a.source+1] + lane*float64(a.leave+1)
		var path string
		switch {
		case a.target > a.source:
			path = fmt.Sprintf("M%.1f %.1fH%.1fV%.1fH%.1f", x0, a.y0, x, a.y1, t.x-1)
		case a.target == a.source:
			path = fmt.Sprintf("M%.1f %.1fH%.1fV%.1fH%.1f", x0, a.y0, x, a.y1, t.x+t.w+1)
		default:
			y := d.height + lane*float64(a.up)
			back := d.gap[a.target] + lane*float64(a.enter)
			path = fmt.Sprintf("M%.1f %.1fH%.1fV%.1fH%.1fV%.1fH%.1f", x0, a.y0, x, y, back, a.y1, t.x-1)
		}
		class := "arrow"
		if a.weak {
			class += " weak"
		}
		fmt.Fprintf(&d.out, `<circle class="tip" cx="%.1f" cy="%.1f" r="2.5"/>`, x0, a.y0)
		fmt.Fprintf(&d.out, `<path class="%s" marker-end="url(#m)" d="%s"/>`+"\n", class, path)
	}
	if below > 0 {
		d.height += lane * float64(below)
	}
	d.height += margin / 2
}

// down says whether the arrow goes down from the row that it leaves.
func (a *arrow) down() bool { return a.target < a.source || a.y1 > a.y0 }

// describe says what a reader who sees no picture needs.
func (d *drawing) describe() string {
	var out strings.Builder
	for _, b := range d.p.Boxes {
		fmt.Fprintf(&out, "%s in %s. ", d.numbered(b, b.String()), b.where())
		for _, r := range b.Rows {
			for _, c := range r.Cells {
				if c.To != nil {
					what := strings.TrimSpace(r.Name + " " + c.text())
					if what == "" {
						what = "It"
					}
					fmt.Fprintf(&out, "%s points to %s. ", what, d.numbered(c.To, c.reference()))
				}
			}
		}
	}
	return strings.TrimSpace(out.String())
}
