// Package diagram draws memory diagrams of live Go values: headers of strings
// and slices, pointers as arrows, padding, shared data, method tables, counted
// handles, borrow flags and locks.
//
//	v := []int32{10, 20, 30, 40}
//	s := v[1:3]
//	p := diagram.Capture(diagram.Frame("main", diagram.Var("v", &v), diagram.Var("s", &s)))
//	fmt.Print(p.Text(80))
//
// [Capture] reads memory once and returns a [Picture]. A Picture holds no pointer
// into that memory: it keeps nothing alive and does not change. [Picture.Text],
// [Picture.SVG], [Picture.DOT] and [Picture.Markdown] render it, [Diff] and [Steps]
// compare several.
//
// # What is real
//
// Sizes, offsets, padding, headers and addresses are those of the running
// program. Which variable is on a stack is not: Capture takes the address of a
// variable, and so the compiler moves it to the heap. The label of a [Frame] is
// what the caller says.
//
// # Types that draw themselves
//
// A type whose pointer has this method draws itself:
//
//	Diagram(draw func(name, state string, part any))
//
// It calls draw once for each part. A part without memory of its own has a name,
// a state and a nil part. A part in memory is given by its pointer: one inside of
// the value becomes rows of it, one outside becomes a box that an arrow points
// to. draw captures all that is reachable from the part before it returns, so a
// type can hold its lock around the call. The method of a user's type runs on a
// goroutine of its own while Capture waits. A first part without a name makes the type
// a handle: a pointer to it is drawn as if it were the handle itself. The arrow of a
// handle whose state begins with "weak" is dashed.
//
// The method uses types of the language only, so that the package of the type
// need not import this one. The types of this module have it. Types of
// sync/atomic, [sync.Mutex], [sync.RWMutex], [time.Time] and [weak.Pointer] are known, and
// types of this module without the method are drawn as they print. No other method of
// a user's type is called.
//
// # Concurrency
//
// Capture reads values as any other reader does: what other goroutines write
// meanwhile is a data race, unless the type draws itself under its lock. The
// locks of this module do, with TryLock: if it fails, the value is shown as
// locked and is not read. While a value is captured, a TryLock elsewhere can fail.
// Capturing a plain map while another goroutine writes it ends the program, as
// any iteration does.
package diagram

import (
	"fmt"
	"reflect"
)

// A Root is a variable, or a frame of variables, at which a capture begins.
type Root struct {
	frame string
	vars  []variable
}

type variable struct {
	name string
	ptr  reflect.Value
}

// Var names the variable that pointer points to. It panics if pointer is not
// a pointer, or is nil.
func Var(name string, pointer any) Root {
	v := reflect.ValueOf(pointer)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("diagram: Var: %s: a %T is not a pointer to a variable", name, pointer))
	}
	return Root{vars: []variable{{name, v}}}
}

// Frame puts variables under a label: the name of a function, "static", what the
// caller wants the reader to see. The label says nothing about where the
// variables really are.
func Frame(label string, vars ...Root) Root {
	f := Root{frame: label}
	for _, v := range vars {
		f.vars = append(f.vars, v.vars...)
	}
	return f
}

// Addresses says how a picture shows addresses.
type Addresses int

// How addresses are shown.
const (
	Numbered Addresses = iota // boxes are numbered, the same in each run
	Real                      // numbered, with the real address beside
)

// Options of a capture. The zero value is good for a picture on a page.
type Options struct {
	Boxes     int // the most boxes; 0 means 200. What was found beyond is counted in Picture.Cut
	Elements  int // the most elements of an array, slice or map that are drawn, and a quarter of the bytes of a string; 0 means 16
	Depth     int // the most arrows between a root and a box; 0 means no limit
	Inline    int // strings up to so many bytes are drawn in the header's row, unless they are shared; 0 means 24, negative none
	Bytes     int // integers up to so many bytes are drawn with their bytes in memory order; 0 means 4, negative none
	Addresses Addresses

	// Redact says which fields and variables are neither read nor followed; path
	// is "user.token". A field with the tag `diagram:"redact"` is not, either.
	Redact func(path string, t reflect.Type) bool

	// Width returns how many columns of a terminal a text takes. Nil means a table
	// of wide and combining characters.
	Width func(string) int
}

// Capture draws what is reachable from the roots, with the zero Options.
func Capture(roots ...Root) *Picture { return Options{}.Capture(roots...) }

// Capture draws what is reachable from the roots: plain memory in the order of its
// distance, then what types that draw themselves lead to, one after another. What
// would be one box too many is counted in Picture.Cut.
func (o Options) Capture(roots ...Root) *Picture {
	orDefault := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	orDefault(&o.Boxes, 200)
	orDefault(&o.Elements, 16)
	orDefault(&o.Inline, 24)
	orDefault(&o.Bytes, 4)
	if o.Width == nil {
		o.Width = columns
	}
	c := &capture{Options: o, pages: map[uintptr][]*region{}}
	for _, f := range roots {
		for _, v := range f.vars {
			c.root(f.frame, v)
		}
	}
	c.drain()
	return c.picture()
}
