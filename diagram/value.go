package diagram

import (
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// value adds the rows of v, which is addressable and lies at the offset in its
// region.
func (c *capture) value(out *list, name string, v reflect.Value, offset uintptr) {
	t := v.Type()
	row := Row{Name: name, Offset: offset, Size: t.Size()}
	if c.redacted(name, t) {
		row.Cells = []Cell{{Text: "redacted"}}
		out.add(row)
		return
	}
	p := v.Addr().UnsafePointer()
	if c.known(out, row, t, p) {
		return
	}
	if s, ok := scalar(v); ok {
		row.Cells = []Cell{{Text: s}}
		out.add(row)
		return
	}
	switch t.Kind() {
	case reflect.String:
		row.Cells = c.stringCells(p)
	case reflect.Slice:
		row.Cells = c.sliceCells(v)
	case reflect.Pointer:
		c.pointer(out, row, t, v.UnsafePointer(), Cell{})
		return
	case reflect.Interface:
		c.iface(out, row, v, p)
		return
	case reflect.Struct:
		c.fields(out, name, v, offset)
		return
	case reflect.Array:
		c.array(out, name, v, offset)
		return
	case reflect.Map:
		row.Cells = c.mapCells(v)
	case reflect.Chan:
		row.Cells = []Cell{{Text: "nil"}}
		if !v.IsNil() {
			row.Cells = []Cell{{Text: shortType(t)}, {Name: "buffered", Text: strconv.Itoa(v.Len())}, {Name: "cap", Text: strconv.Itoa(v.Cap())}}
		}
	case reflect.Func:
		row.Cells = []Cell{{Text: "nil"}}
		if !v.IsNil() {
			row.Cells = []Cell{{Name: "code", Text: funcName(v.Pointer())}}
		}
	case reflect.UnsafePointer:
		row.Cells = []Cell{{Text: "nil"}}
		if q := v.UnsafePointer(); q != nil {
			row.Cells = []Cell{{Text: "unsafe.Pointer", target: uintptr(q)}}
		}
	default:
		row.Cells = []Cell{{Text: shortType(t)}}
	}
	out.add(row)
}

func (c *capture) redacted(name string, t reflect.Type) bool {
	if c.Redact == nil {
		return false
	}
	path := c.path
	switch {
	case name == "":
	case strings.HasPrefix(name, "["):
		path += name
	default:
		path += "." + name
	}
	return c.Redact(path, t)
}

// scalar returns a value without pointers as text.
func scalar(v reflect.Value) (string, bool) {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10), true
	case reflect.Uintptr:
		return fmt.Sprintf("%#x", v.Uint()), true
	case reflect.Float32:
		return strconv.FormatFloat(v.Float(), 'g', -1, 32), true
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64), true
	case reflect.Complex64:
		return strconv.FormatComplex(v.Complex(), 'g', -1, 64), true
	case reflect.Complex128:
		return strconv.FormatComplex(v.Complex(), 'g', -1, 128), true
	default:
		return "", false
	}
}

func (c *capture) stringCells(p unsafe.Pointer) []Cell {
	s := *(*string)(p)
	if len(s) == 0 {
		return []Cell{{Text: `""`}, {Name: "len", Text: "0"}}
	}
	data := unsafe.Pointer(unsafe.StringData(s))
	c.want(&region{kind: text, p: data, addr: uintptr(data), size: uintptr(len(s)), typ: reflect.TypeFor[byte](), n: len(s)})
	return []Cell{{Text: "ptr", target: uintptr(data)}, {Name: "len", Text: strconv.Itoa(len(s))}}
}

func (c *capture) sliceCells(v reflect.Value) []Cell {
	if v.IsNil() {
		return []Cell{{Text: "nil"}, {Name: "len", Text: "0"}, {Name: "cap", Text: "0"}}
	}
	ptr := Cell{Text: "ptr"}
	if size := v.Type().Elem().Size(); v.Cap() > 0 && size > 0 {
		data := v.UnsafePointer()
		ptr.target = uintptr(data)
		c.want(&region{p: data, addr: ptr.target, size: uintptr(v.Cap()) * size, typ: v.Type().Elem(), n: v.Cap(), array: true})
	}
	return []Cell{ptr, {Name: "len", Text: strconv.Itoa(v.Len())}, {Name: "cap", Text: strconv.Itoa(v.Cap())}}
}

func (c *capture) mapCells(v reflect.Value) []Cell {
	if v.IsNil() {
		return []Cell{{Text: "nil"}}
	}
	data := v.UnsafePointer()
	c.want(&region{kind: mapping, p: data, addr: uintptr(data), size: 1, typ: v.Type()})
	return []Cell{{Text: "map", target: uintptr(data)}, {Name: "len", Text: strconv.Itoa(v.Len())}}
}

// pointer adds the row of a pointer of type t that has the value p, behind a
// cell that is empty or the type of an interface.
func (c *capture) pointer(out *list, row Row, t reflect.Type, p unsafe.Pointer, before Cell) {
	finish := func(out *list, cell Cell) {
		if before.Name != "" {
			if cell.Name == "" {
				cell.Name = "data"
			}
			row.Cells = append(row.Cells, before)
		}
		row.Cells = append(row.Cells, cell)
		out.add(row)
	}
	elem := t.Elem()
	switch {
	case p == nil:
		finish(out, Cell{Text: "nil"})
	case opaque(elem):
		finish(out, Cell{Text: shortType(t)})
	case elem.Size() == 0:
		finish(out, Cell{Text: "no bytes"})
	default:
		plain := func(out *list) {
			c.want(&region{p: p, addr: uintptr(p), size: elem.Size(), typ: elem, n: 1})
			finish(out, Cell{target: uintptr(p)})
		}
		d, ok := reflect.TypeAssert[drawer](reflect.NewAt(elem, p))
		if !ok {
			plain(out)
			return
		}
		hole := out.hole()
		c.later(func() { c.handle(hole, d, plain, finish) })
	}
}

// iface adds the row of an interface value: the word that names type and
// methods, and the word that holds or points to the data.
func (c *capture) iface(out *list, row Row, v reflect.Value, p unsafe.Pointer) {
	if v.IsNil() {
		row.Cells = []Cell{{Text: "nil"}}
		out.add(row)
		return
	}
	words := (*[2]unsafe.Pointer)(p)
	e := v.Elem()
	t := e.Type()
	typ := Cell{Name: "type", Text: shortType(t)}
	if v.NumMethod() > 0 {
		typ.target = uintptr(words[0])
		c.want(&region{kind: table, p: words[0], addr: typ.target, size: 1, typ: t, iface: v.Type()})
	}
	switch t.Kind() {
	case reflect.Pointer:
		c.pointer(out, row, t, e.UnsafePointer(), typ)
		return
	case reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		sub := &list{}
		held := reflect.New(t).Elem()
		held.Set(e)
		c.value(sub, row.Name, held, row.Offset)
		for _, s := range sub.entries {
			row.Cells = append([]Cell{typ}, s.row.Cells...)
		}
	default:
		row.Cells = []Cell{typ, {Name: "data"}}
		switch data := words[1]; {
		case t.Size() == 0 || opaque(t):
			row.Cells[1].Text = "no bytes"
		case direct(e, data):
			row.Cells[1].target = uintptr(data)
			row.Cells[1].Text = "in the word"
		default:
			row.Cells[1].target = uintptr(data)
			c.want(&region{p: data, addr: uintptr(data), size: t.Size(), typ: t, n: 1})
		}
	}
	out.add(row)
}

// direct says whether the data word of an interface that holds e is e itself:
// it is if e is one pointer, also inside of a struct or array.
func direct(e reflect.Value, word unsafe.Pointer) bool {
	if e.Type().Size() != unsafe.Sizeof(word) || !onePointer(e.Type()) {
		return false
	}
	held := reflect.New(e.Type())
	held.Elem().Set(e)
	return *(*unsafe.Pointer)(held.UnsafePointer()) == word
}

func onePointer(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Array:
		return t.Len() > 0 && onePointer(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if onePointer(f.Type) {
				return true
			}
		}
		return false
	default:
		return false
	}
}

func (c *capture) fields(out *list, name string, v reflect.Value, offset uintptr) {
	t := v.Type()
	if t.NumField() == 0 {
		out.add(Row{Name: name, Offset: offset, Cells: []Cell{{Text: "no bytes"}}})
		return
	}
	padding := func(begin, end uintptr) {
		if begin < end {
			out.add(Row{Offset: offset + begin, Size: end - begin, Padding: true, Cells: []Cell{{Name: "padding", Text: fmt.Sprintf("%d B", end-begin)}}})
		}
	}
	end := uintptr(0)
	for i := range t.NumField() {
		f := t.Field(i)
		padding(end, f.Offset)
		end = f.Offset + f.Type.Size()
		if f.Type.Size() == 0 && (f.Name == "_" || f.Type.Name() == "noCopy") {
			continue
		}
		path := f.Name
		if name != "" {
			path = name + "." + f.Name
		}
		if f.Tag.Get("diagram") == "redact" {
			out.add(Row{Name: path, Offset: offset + f.Offset, Size: f.Type.Size(), Cells: []Cell{{Text: "redacted"}}})
			continue
		}
		field := reflect.NewAt(f.Type, v.Field(i).Addr().UnsafePointer()).Elem() // readable also if it is not exported
		c.value(out, path, field, offset+f.Offset)
	}
	padding(end, t.Size())
}

func (c *capture) array(out *list, name string, v reflect.Value, offset uintptr) {
	elem := v.Type().Elem()
	if v.Len() == 0 || elem.Size() == 0 {
		out.add(Row{Name: name, Offset: offset, Cells: []Cell{{Text: "no bytes"}}})
		return
	}
	if elem.Kind() == reflect.Uint8 {
		b := unsafe.Slice((*byte)(v.Addr().UnsafePointer()), v.Len())
		s := quote(b[:min(len(b), 4*c.Elements)])
		out.add(Row{Name: name, Offset: offset, Size: v.Type().Size(), Cells: []Cell{{Text: s}}})
		return
	}
	n := min(v.Len(), c.Elements)
	for i := range n {
		c.value(out, fmt.Sprintf("%s[%d]", name, i), v.Index(i), offset+uintptr(i)*elem.Size())
	}
	if n < v.Len() {
		row := more(v.Len()-n, offset+uintptr(n)*elem.Size(), uintptr(v.Len()-n)*elem.Size())
		row.Name = name + "[…]"
		out.add(row)
	}
}

// quote writes bytes as a string if they are text, in hexadecimal otherwise.
func quote(b []byte) string {
	if !utf8.Valid(b) {
		// a cut text may end within a character
		for i := 1; i < utf8.UTFMax && i < len(b); i++ {
			if cut := b[:len(b)-i]; utf8.Valid(cut) && utf8.RuneStart(b[len(b)-i]) && !utf8.FullRune(b[len(b)-i:]) {
				return strconv.Quote(string(cut))
			}
		}
		return fmt.Sprintf("% x", b)
	}
	for _, r := range string(b) {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' {
			return fmt.Sprintf("% x", b)
		}
	}
	return strconv.Quote(string(b))
}

func funcName(pc uintptr) string {
	f := runtime.FuncForPC(pc)
	if f == nil {
		return "func"
	}
	return shortName(f.Name())
}

func methodName(t reflect.Type, method string) string {
	if t.Kind() == reflect.Pointer {
		return "(" + shortType(t) + ")." + method
	}
	return shortType(t) + "." + method
}

// shortType returns the name of t with the last element of each package path,
// and at most so many characters.
func shortType(t reflect.Type) string {
	const limit = 48
	s := strings.ReplaceAll(shortName(t.String()), "interface {}", "any")
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit-1]) + "…"
	}
	return s
}

// shortName drops the folders of package paths and the numbers of local types.
func shortName(s string) string {
	var out strings.Builder
	for s != "" {
		end := strings.IndexAny(s, "[],*() ")
		word := s
		if end >= 0 {
			word = s[:end]
		}
		if slash := strings.LastIndexByte(word, '/'); slash >= 0 {
			word = word[slash+1:]
		}
		word, _, _ = strings.Cut(word, "·") // the number of a local type
		out.WriteString(word)
		if end < 0 {
			break
		}
		out.WriteByte(s[end])
		s = s[end+1:]
	}
	return out.String()
}
