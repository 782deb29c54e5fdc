package diagram

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// capture walks over memory. A region is a piece of memory that becomes a box. It
// is read once, when it is taken from the queue, and its rows remember addresses;
// arrows are drawn from these when all regions are known. Regions that overlap
// are merged and read as one. The index by pages finds the region of an address.
type capture struct {
	Options
	all      []*region // in the order in which they were found
	queue    []*region // not yet read
	deferred []func()  // types that draw themselves; they come after plain memory, so that a lock guards only what it alone leads to
	pages    map[uintptr][]*region
	large    []*region // regions of many pages
	level    int       // of the region that is read
	path     string    // to it, for Redact
	cut      map[uintptr]bool
}

type kind int

const (
	values  kind = iota // n values of typ
	text                // n bytes of a string
	mapping             // the entries of a map
	table               // the methods of an interface and a type
)

type region struct {
	kind    kind
	p       unsafe.Pointer // keeps it alive during the capture
	addr    uintptr
	size    uintptr
	typ     reflect.Type
	n       int
	array   bool         // behind a slice, also if n is 1
	iface   reflect.Type // of a table
	frame   string
	name    string
	root    bool
	level   int
	aliases []alias
	rows    *list
	gone    bool // merged into another one
}

// An alias is a variable that lies inside of another region.
type alias struct {
	name   string
	offset uintptr
}

// A list is rows, with holes that are filled later.
type list struct{ entries []entry }

type entry struct {
	row Row
	sub *list
}

func (l *list) add(r Row) { l.entries = append(l.entries, entry{row: r}) }

func (l *list) hole() *list {
	sub := &list{}
	l.entries = append(l.entries, entry{sub: sub})
	return sub
}

func (l *list) flat(out []Row) []Row {
	if l == nil {
		return out
	}
	for _, e := range l.entries {
		if e.sub != nil {
			out = e.sub.flat(out)
			continue
		}
		out = append(out, e.row)
	}
	return out
}

// root enters a variable.
func (c *capture) root(frame string, v variable) {
	t := v.ptr.Type().Elem()
	c.add(&region{
		p: v.ptr.UnsafePointer(), addr: v.ptr.Pointer(), size: t.Size(), typ: t, n: 1,
		frame: frame, name: v.name, root: true,
	})
}

// drain reads what has been found, until nothing new is found.
func (c *capture) drain() {
	for {
		switch {
		case len(c.queue) > 0:
			r := c.queue[0]
			c.queue = c.queue[1:]
			if !r.gone {
				c.read(r)
			}
		case len(c.deferred) > 0:
			f := c.deferred[0]
			c.deferred = c.deferred[1:]
			f()
		default:
			return
		}
	}
}

// later has a type draw itself. What it finds is read before other types are
// asked, as it may hold its lock.
func (c *capture) later(f func()) {
	level, path := c.level, c.path
	c.deferred = append(c.deferred, func() {
		waiting := c.deferred
		c.deferred = nil
		c.level, c.path = level, path
		f()
		c.drain()
		c.deferred = waiting
	})
}

// want makes a box of r, or of a part of what is there.
func (c *capture) want(r *region) {
	r.level = c.level + 1
	if c.find(r.addr) == nil && (len(c.all) >= c.Boxes || c.Depth > 0 && r.level > c.Depth) {
		if c.cut == nil {
			c.cut = map[uintptr]bool{}
		}
		c.cut[r.addr] = true
		return
	}
	c.add(r)
}

// add enters r, and merges it with the regions that it overlaps: the larger type
// wins, and slices of one array grow.
func (c *capture) add(r *region) {
	if r.size == 0 && !r.root {
		return
	}
	for _, o := range c.near(r.addr, r.size) {
		if o.gone || r.addr != o.addr && (r.addr >= o.addr+o.size || o.addr >= r.addr+r.size) {
			continue // merged before, or apart
		}
		if o.kind > text || r.kind > text {
			if o.addr == r.addr && o.kind == r.kind {
				return // the same map or table
			}
			continue
		}
		begin, end := min(r.addr, o.addr), max(r.addr+r.size, o.addr+o.size)
		switch {
		case begin == o.addr && end == o.addr+o.size && !r.richer(o):
			o.cover(r)
			return // inside
		case begin == r.addr && end == r.addr+r.size:
			r.cover(o)
			c.remove(o)
		case r.typ == o.typ && (r.addr-o.addr)%r.typ.Size() == 0:
			m := &region{kind: min(r.kind, o.kind), p: r.p, addr: begin, size: end - begin, typ: r.typ, n: int((end - begin) / r.typ.Size()), level: min(r.level, o.level)}
			if begin == o.addr {
				m.p = o.p
			}
			if r.kind != o.kind {
				m.kind = values
			}
			m.cover(o)
			m.cover(r)
			c.remove(o)
			c.add(m)
			return
		}
		// Else memory that unsafe code uses as two types: two boxes.
	}
	c.enter(r)
}

// richer says whether r tells more than o of the same bytes: a struct more than
// its only field, a named variable more than a part of another one.
func (r *region) richer(o *region) bool {
	return r.addr == o.addr && r.size == o.size && !o.root && (r.root || r.array && !o.array && r.typ == o.typ || r.n == 1 && r.typ.Kind() == reflect.Struct && o.typ.Kind() != reflect.Struct)
}

// cover notes the variables that o stands for: they are parts of r.
func (r *region) cover(o *region) {
	if o.root {
		if r.root && r.addr == o.addr && r.size == o.size {
			if r.frame == o.frame {
				r.name += ", " + o.name
				return
			}
		}
		r.aliases = append(r.aliases, alias{o.name, o.addr - r.addr})
	}
	for _, a := range o.aliases {
		r.aliases = append(r.aliases, alias{a.name, a.offset + o.addr - r.addr})
	}
	r.level = min(r.level, o.level)
}

const (
	pageBits = 10
	manySize = 64 << pageBits
)

func (c *capture) enter(r *region) {
	c.all = append(c.all, r)
	c.queue = append(c.queue, r)
	if r.size > manySize {
		c.large = append(c.large, r)
		return
	}
	for k := r.addr >> pageBits; k <= (r.addr+max(r.size, 1)-1)>>pageBits; k++ {
		c.pages[k] = append(c.pages[k], r)
	}
}

// near returns the regions of the pages of these bytes.
func (c *capture) near(addr, size uintptr) []*region {
	if size > manySize {
		return slices.Clone(c.all)
	}
	first, last := addr>>pageBits, (addr+max(size, 1)-1)>>pageBits
	out := slices.Clone(c.large)
	for k := first; k <= last; k++ {
		out = append(out, c.pages[k]...)
	}
	return out
}

func (c *capture) remove(r *region) {
	r.gone = true
	c.large = slices.DeleteFunc(c.large, func(o *region) bool { return o == r })
	if r.size > manySize {
		return
	}
	for k := r.addr >> pageBits; k <= (r.addr+max(r.size, 1)-1)>>pageBits; k++ {
		c.pages[k] = slices.DeleteFunc(c.pages[k], func(o *region) bool { return o == r })
	}
}

// find returns the region in which addr lies.
func (c *capture) find(addr uintptr) *region {
	for _, regions := range [...][]*region{c.pages[addr>>pageBits], c.large} {
		for _, r := range regions {
			if !r.gone && addr >= r.addr && (addr < r.addr+r.size || addr == r.addr) {
				return r
			}
		}
	}
	return nil
}

// read makes the rows of r.
func (c *capture) read(r *region) {
	c.level, c.path = r.level, r.name
	if !r.root {
		c.path = shortType(r.typ)
	}
	r.rows = &list{}
	switch r.kind {
	case text:
		c.readText(r)
	case mapping:
		c.readMap(r)
	case table:
		for m := range r.iface.Methods() {
			r.rows.add(Row{Name: m.Name, Entry: true, Cells: []Cell{{Text: methodName(r.typ, m.Name)}}})
		}
	case values:
		c.readValues(r)
	}
}

func (c *capture) readText(r *region) {
	n := min(r.n, 4*c.Elements)
	row := Row{Size: r.size, Cells: []Cell{{Text: quote(unsafe.Slice((*byte)(r.p), n))}}}
	if n < r.n {
		row.Cells = append(row.Cells, Cell{Text: fmt.Sprintf("… %d more", r.n-n)})
	}
	r.rows.add(row)
}

func (c *capture) readValues(r *region) {
	if (r.n != 1 || r.array) && r.typ.Kind() == reflect.Uint8 {
		c.readText(r)
		return
	}
	n := min(r.n, c.Elements)
	for i := range n {
		name := ""
		if r.n > 1 || r.array {
			name = fmt.Sprintf("[%d]", i)
		}
		offset := uintptr(i) * r.typ.Size()
		c.value(r.rows, name, reflect.NewAt(r.typ, unsafe.Add(r.p, offset)).Elem(), offset)
	}
	if n < r.n {
		offset := uintptr(n) * r.typ.Size()
		r.rows.add(more(r.n-n, offset, r.size-offset))
	}
	if r.n == 1 && !r.array {
		c.bytes(r)
	}
}

// bytes adds the bytes of an integer that has a box of its own.
func (c *capture) bytes(r *region) {
	if len(r.rows.entries) != 1 || int(r.typ.Size()) > c.Bytes {
		return
	}
	switch r.typ.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
	default:
		return
	}
	row := &r.rows.entries[0].row
	row.Cells = append(row.Cells, Cell{Name: "bytes", Text: inMemory(unsafe.Slice((*byte)(r.p), r.typ.Size()))})
}

// inMemory writes the bytes of an integer in memory order, and names the least
// significant one.
func inMemory(b []byte) string {
	one := uint16(1)
	least := 0
	if *(*byte)(unsafe.Pointer(&one)) == 0 {
		least = len(b) - 1 // big endian
	}
	parts := make([]string, len(b))
	for i, x := range b {
		parts[i] = fmt.Sprintf("%02x", x)
	}
	parts[least] = "LSB:" + parts[least]
	return strings.Join(parts, " ")
}

func more(n int, offset, size uintptr) Row {
	return Row{Name: "…", Offset: offset, Size: size, Cells: []Cell{{Text: strconv.Itoa(n) + " more"}}}
}

func (c *capture) readMap(r *region) {
	m := reflect.NewAt(r.typ, unsafe.Pointer(&r.p)).Elem() // the map's own pointer is the map
	type pair struct{ key, value reflect.Value }
	var pairs []pair
	for it := m.MapRange(); it.Next(); {
		k, v := reflect.New(r.typ.Key()).Elem(), reflect.New(r.typ.Elem()).Elem()
		k.Set(it.Key())
		v.Set(it.Value())
		pairs = append(pairs, pair{k, v})
		if len(pairs) >= 16*c.Elements {
			break // enough to sort and to show the first
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return compareKeys(a.key, b.key) })
	for i, p := range pairs[:min(len(pairs), c.Elements)] {
		name := keyName(p.key)
		if name == "" { // the key has rows of its own
			name = fmt.Sprintf("entry %d", i)
			c.copied(r.rows, name+" key", p.key)
		}
		c.copied(r.rows, name, p.value)
	}
	if n := m.Len() - min(len(pairs), c.Elements); n > 0 {
		row := more(n, 0, 0)
		row.Entry = true
		r.rows.add(row)
	}
}

// copied makes rows of a copy: they have no place in memory.
func (c *capture) copied(out *list, name string, v reflect.Value) {
	sub := &list{}
	c.value(sub, name, v, 0)
	for _, e := range sub.entries {
		e.row.Entry = true
		out.entries = append(out.entries, e)
	}
}

// keyName returns the key of a map as one text, or nothing if it is more than
// one word.
func keyName(k reflect.Value) string {
	switch k.Kind() {
	case reflect.String:
		return strconv.Quote(k.String())
	case reflect.Interface:
		if e := k.Elem(); e.IsValid() {
			return keyName(e)
		}
		return "nil"
	default:
		s, _ := scalar(k)
		return s
	}
}

func compareKeys(a, b reflect.Value) int {
	switch {
	case a.Kind() == reflect.Interface || b.Kind() == reflect.Interface:
	case a.CanInt():
		return cmpOrdered(a.Int(), b.Int())
	case a.CanUint():
		return cmpOrdered(a.Uint(), b.Uint())
	case a.CanFloat():
		return cmpOrdered(a.Float(), b.Float())
	}
	return cmpOrdered(keyName(a), keyName(b))
}

func cmpOrdered[T int64 | uint64 | float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// picture makes boxes of the regions, and arrows of the addresses.
func (c *capture) picture() *Picture {
	p := &Picture{Cut: len(c.cut), width: c.Width}
	live := slices.DeleteFunc(slices.Clone(c.all), func(r *region) bool { return r.gone })
	slices.SortStableFunc(live, func(a, b *region) int { return boolOrder(b.root) - boolOrder(a.root) })

	// Short strings that one header alone points at are drawn in its row.
	users := map[*region]int{}
	rows := map[*region][]Row{}
	for _, r := range live {
		rows[r] = r.rows.flat(nil)
		for _, row := range rows[r] {
			for _, cell := range row.Cells {
				if t := c.target(cell); t != nil {
					users[t]++
				}
			}
		}
	}
	short := func(r *region) bool {
		return r.kind == text && !r.root && r.aliases == nil && users[r] == 1 && r.n <= c.Inline
	}
	boxes := map[*region]*Box{}
	for _, r := range live {
		if short(r) {
			continue
		}
		b := &Box{Number: len(p.Boxes) + 1, Frame: r.frame, Name: r.name, Type: r.title(), Size: r.size, Rows: rows[r], addr: r.addr}
		if c.Addresses == Real {
			b.address = fmt.Sprintf("%#x", r.addr)
		}
		switch {
		case r.root:
		case r.kind == table:
			b.Place, b.Size = Table, 0
		default:
			b.Place = place(r.addr)
			if r.kind == mapping {
				b.Size = 0
			}
		}
		boxes[r] = b
		p.Boxes = append(p.Boxes, b)
	}
	for _, r := range live {
		b := boxes[r]
		if b == nil {
			continue
		}
		for i := range b.Rows {
			for k := range b.Rows[i].Cells {
				cell := &b.Rows[i].Cells[k]
				t := c.target(*cell)
				switch {
				case t == nil:
					if cell.target != 0 && c.cut[cell.target] {
						cell.Text += " (not drawn)"
					}
				case short(t):
					cell.Text = rows[t][0].Cells[0].Text
				default:
					cell.To, cell.At = boxes[t], cell.target-t.addr
				}
			}
		}
		for _, a := range r.aliases {
			if i := b.row(a.offset); i >= 0 {
				b.Rows[i].Name = a.name + " = " + b.Rows[i].Name
				if a.name+" = " == b.Rows[i].Name {
					b.Rows[i].Name = a.name
				}
			}
		}
	}
	p.levels()
	return p
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *capture) target(cell Cell) *region {
	if cell.target == 0 {
		return nil
	}
	return c.find(cell.target)
}

// title returns the type of r, as its box shows it.
func (r *region) title() string {
	t := shortType(r.typ)
	switch r.kind {
	case text:
		return fmt.Sprintf("[%d]byte", r.n)
	case mapping:
		return t
	case table:
		return shortType(r.iface) + " of " + t
	case values:
		if (r.n != 1 || r.array) && !r.root {
			return fmt.Sprintf("[%d]%s", r.n, t)
		}
	}
	return t
}

// levels sets the distances from the variables.
func (p *Picture) levels() {
	seen := map[*Box]bool{}
	var queue []*Box
	for _, b := range p.Boxes {
		if b.Place == "" {
			seen[b] = true
			queue = append(queue, b)
		}
	}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		for _, r := range b.Rows {
			for _, c := range r.Cells {
				if c.To != nil && !seen[c.To] {
					seen[c.To] = true
					c.To.Level = b.Level + 1
					queue = append(queue, c.To)
				}
			}
		}
	}
}
