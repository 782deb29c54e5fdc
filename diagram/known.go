package diagram

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// A drawer is a type that draws itself; see the package comment.
type drawer interface {
	Diagram(draw func(name, state string, part any))
}

// known adds the rows of types that draw themselves and of those of the
// standard library whose memory must not be read as it is. It says whether t is
// one of them.
func (c *capture) known(out *list, row Row, t reflect.Type, p unsafe.Pointer) bool {
	if t.Name() == "" {
		return false
	}
	v := reflect.NewAt(t, p)
	if d, ok := reflect.TypeAssert[drawer](v); ok {
		hole := out.hole()
		c.later(func() { c.drawn(hole, row, d, p) })
		return true
	}
	s := ""
	switch x := v.Interface().(type) {
	case fmt.Stringer:
		if !ours(t) {
			return c.standard(out, row, t, p)
		}
		s = x.String()
	default:
		return c.standard(out, row, t, p)
	}
	row.Cells = []Cell{{Text: s}}
	out.add(row)
	return true
}

// module is the path of this module.
var module = strings.TrimSuffix(reflect.TypeFor[Picture]().PkgPath(), "/diagram")

// ours says whether t is an exported type of this module that does not draw
// itself. Such types print their state without a data race and without secrets.
func ours(t reflect.Type) bool {
	return strings.HasPrefix(t.PkgPath(), module+"/") && !strings.HasSuffix(t.PkgPath(), "_test") && t.Name()[0] >= 'A' && t.Name()[0] <= 'Z'
}

// standard is known for types of the standard library.
func (c *capture) standard(out *list, row Row, t reflect.Type, p unsafe.Pointer) bool {
	v := reflect.NewAt(t, p)
	s := ""
	switch x := v.Interface().(type) {
	case *atomic.Int32:
		s = strconv.Itoa(int(x.Load()))
	case *atomic.Int64:
		s = strconv.FormatInt(x.Load(), 10)
	case *atomic.Uint32:
		s = strconv.FormatUint(uint64(x.Load()), 10)
	case *atomic.Uint64:
		s = strconv.FormatUint(x.Load(), 10)
	case *atomic.Uintptr:
		s = "0x" + strconv.FormatUint(uint64(x.Load()), 16)
	case *atomic.Bool:
		s = strconv.FormatBool(x.Load())
	case *atomic.Value:
		held := new(any)
		if *held = x.Load(); *held != nil {
			c.copied(out, row.Name, reflect.ValueOf(held).Elem())
			return true
		}
		s = "nil"
	case *sync.Mutex:
		s = "locked"
		if x.TryLock() {
			x.Unlock()
			s = "unlocked"
		}
	case *sync.RWMutex:
		s = "locked"
		if x.TryLock() {
			x.Unlock()
			s = "unlocked"
		} else if x.TryRLock() {
			x.RUnlock()
			s = "read locked"
		}
	case *time.Time:
		s = x.Format(time.RFC3339Nano)
	default:
		switch name := shortName(t.String()); {
		case strings.HasPrefix(name, "atomic.Pointer[") && t.PkgPath() == "sync/atomic" && t.Size() == unsafe.Sizeof(p):
			c.pointer(out, row, t.Field(0).Type.Elem(), atomic.LoadPointer((*unsafe.Pointer)(p)), Cell{})
			return true
		case strings.HasPrefix(name, "weak.Pointer[") && t.PkgPath() == "weak":
			c.weak(out, row, v)
			return true
		case opaque(t):
			s = name
		default:
			return false
		}
	}
	row.Cells = []Cell{{Text: s}}
	out.add(row)
	return true
}

// opaque says whether t is a struct whose fields mean nothing to a reader, or must
// not be read.
func opaque(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	switch path := t.PkgPath(); path {
	case "reflect", "runtime":
		return true
	case "sync":
		return t != reflect.TypeFor[sync.Mutex]() && t != reflect.TypeFor[sync.RWMutex]()
	default:
		return strings.HasPrefix(path, "internal/")
	}
}

// weak adds the row of a weak.Pointer.
func (c *capture) weak(out *list, row Row, v reflect.Value) {
	p := v.Elem().MethodByName("Value").Call(nil)[0]
	if p.IsNil() {
		row.Cells = []Cell{{Name: "weak", Text: "nil"}}
		out.add(row)
		return
	}
	sub := &list{}
	c.pointer(sub, row, p.Type(), p.UnsafePointer(), Cell{})
	for _, e := range sub.entries {
		if e.sub == nil {
			e.row.Cells[0].Weak, e.row.Cells[0].Name = true, "weak"
		}
		out.entries = append(out.entries, e)
	}
}

// drawn has d, which lies at p, draw itself. The rows go to out.
func (c *capture) drawn(out *list, row Row, d drawer, p unsafe.Pointer) {
	defer c.panicked(out, row)
	level, path := c.level, c.path
	first := true
	drawItself(d, func(name, state string, part any) {
		c.level, c.path = level, path
		c.part(out, row, p, name, state, part, first)
		first = false
		c.drain()
	})
	if first {
		row.Cells = []Cell{{Text: "draws nothing"}}
		out.add(row)
	}
}

// exited is what drawItself panics with when a Diagram method ends its goroutine.
type exited struct{}

// drawItself calls d.Diagram, on a goroutine of its own unless d is a type of this
// module: a method that ends its goroutine shall not end that of Capture.
func drawItself(d drawer, draw func(name, state string, part any)) {
	if path := reflect.TypeOf(d).Elem().PkgPath(); strings.HasPrefix(path, module+"/") && !strings.HasSuffix(path, "_test") {
		d.Diagram(draw)
		return
	}
	var failure any = exited{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				failure = r
			}
		}()
		d.Diagram(draw)
		failure = nil
	}()
	<-done
	if failure != nil {
		panic(failure)
	}
}

// handle has d, which a pointer points to, draw itself if it is a handle. It
// draws the pointer otherwise.
func (c *capture) handle(out *list, d drawer, plain func(*list), finish func(*list, Cell)) {
	level, path := c.level, c.path
	first, isHandle := true, false
	row := Row{}
	defer func() {
		if r := recover(); r != nil {
			finish(out, Cell{Text: panicText(r)})
		}
	}()
	drawItself(d, func(name, state string, part any) {
		c.level, c.path = level, path
		if first {
			first, isHandle = false, name == ""
			if !isHandle {
				plain(out)
				return
			}
			cell := Cell{Text: state}
			c.outside(&cell, part)
			finish(out, cell)
			row.Name = out.entries[0].row.Name
			c.drain()
			return
		}
		if isHandle {
			c.part(out, row, nil, name, state, part, false)
			c.drain()
		}
	})
	if first {
		plain(out)
	}
}

// panicked ends the rows of a type whose Diagram method panicked.
func (c *capture) panicked(out *list, row Row) {
	if r := recover(); r != nil {
		row.Entry = true
		row.Cells = []Cell{{Text: panicText(r)}}
		out.add(row)
	}
}

// panicText calls no method of what a Diagram method panicked with.
func panicText(r any) string {
	if _, ok := r.(exited); ok {
		return "ended its goroutine while it drew itself"
	}
	return "panicked while it drew itself: " + reflect.TypeOf(r).String()
}

// part adds one part of a type that draws itself and lies at p.
func (c *capture) part(out *list, row Row, p unsafe.Pointer, name, state string, part any, first bool) {
	if row.Name != "" && name != "" {
		name = row.Name + "." + name
	} else {
		name += row.Name
	}
	line := Row{Name: name, Offset: row.Offset, Size: row.Size, Entry: !first || name != row.Name, Cells: []Cell{{Text: state}}}
	v := reflect.ValueOf(part)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		out.add(line)
		return
	}
	if at := v.Pointer(); p != nil && at >= uintptr(p) && at+v.Type().Elem().Size() <= uintptr(p)+row.Size {
		if state != "" {
			out.add(line)
		}
		c.value(out, name, v.Elem(), row.Offset+at-uintptr(p))
		return
	}
	c.outside(&line.Cells[0], part)
	out.add(line)
}

// outside has the cell point to a part that lies elsewhere.
func (c *capture) outside(cell *Cell, part any) {
	v := reflect.ValueOf(part)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return
	}
	cell.Weak = strings.HasPrefix(cell.Text, "weak")
	t := v.Type().Elem()
	cell.target = v.Pointer()
	c.want(&region{p: v.UnsafePointer(), addr: cell.target, size: t.Size(), typ: t, n: 1})
}
