// Command ownership shows what Rust's owners and borrows do, in Go: who owns a
// value, when it ends, and what is refused.
//
// Where to look:
//
//	concept                                     here
//	Box, move                                   main.go: box
//	Rc, strong_count                            main.go: owners
//	Arc, by several tasks                       tasks.go: goroutines
//	thread::spawn(move || …), join, shadowing   tasks.go: moves
//	Arc<Mutex<Vec<i32>>>                        tasks.go: tenTasks
//	a race on a counter, lock_guard             tasks.go: counter, countAsChild
//	Singleton, LazyLock                         tasks.go: singleton
//	Weak, parent and child                      main.go: tree
//	RefCell, borrow flag                        main.go: borrows
//	Cell                                        main.go: cell
//	Rc<RefCell<Vec<i32>>>                       main.go: vector
//	Arc<RefCell<T>>                             tasks.go: conflict
//	an iterator that is invalidated             main.go: growth
//	shallow and deep copy                       main.go: copies
//	Pin                                         pin.go: pinned, sentence
//	double free                                 main.go: double
//	lifetimes, longest                          main.go: longest, lifetime
//	OnceCell, LazyCell                          main.go: once
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
)

func main() {
	countAsChild()
	program.Main("ownership", func(_ context.Context, args []string, out io.Writer) error {
		goOn, err := program.NewFlags("ownership", "ownership").Parse(args, out)
		if err != nil || !goOn {
			return err
		}
		_, err = io.WriteString(out, run())
		return err
	})
}

// run plays every scene, and returns what they print.
func run() string {
	w := new(strings.Builder)
	for _, scene := range []struct {
		title string
		play  func(*strings.Builder)
	}{
		{"A Box has one owner, and moves", box},
		{"An Rc counts its owners", owners},
		{"An Arc counts those of many goroutines", goroutines},
		{"A value moves into a task, and a name is used again", moves},
		{"Ten tasks push to one vector", tenTasks},
		{"Two tasks count: without a lock 1 or 2, with a lock 2", counter},
		{"A singleton is made once for a thousand tasks", singleton},
		{"A Weak leads back from child to parent", tree},
		{"A RefCell lends to many readers or one writer", borrows},
		{"A Cell copies in and out", cell},
		{"Several owners push to one vector", vector},
		{"An Arc of an AtomicRefCell: refused, never a race", conflict},
		{"A vector does not grow under its reader", growth},
		{"A shallow copy shares, a deep copy does not", copies},
		{"A value that points into itself stays where it is", pinned},
		{"Dropping twice is caught", double},
		{"A borrow does not outlive its release", lifetime},
		{"A value that is made once", once},
	} {
		fmt.Fprintf(w, "== %s\n", scene.title)
		scene.play(w)
	}
	return w.String()
}

// refusal returns what f panics with.
func refusal(f func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	f()
	return nil
}

func box(w *strings.Builder) {
	b1 := rc.NewBoxDrop(500, func(v *int) { fmt.Fprintf(w, "freed %d\n", *v) })
	b2 := b1.Move()
	fmt.Fprintf(w, "b2 = %v, b1 = %v\n", b2, b1)
	fmt.Fprintln(w, refusal(func() { b1.Ptr() }))
	b2.Drop()
}

func owners(w *strings.Builder) {
	a := rc.NewDrop("Rust is awesome!", func(*string) { fmt.Fprintln(w, "freed by the last owner") })
	fmt.Fprintf(w, "count = %d\n", a.StrongCount())
	b := a.Clone()
	c := b.Clone()
	fmt.Fprintf(w, "%v, %v, %v: count = %d\n", a, b, c, a.StrongCount())
	fmt.Fprintf(w, "%+v\n", c)
	a.Drop()
	b.Drop()
	fmt.Fprintf(w, "count = %d\n", c.StrongCount())
	c.Drop()
}

// A node knows its children as their owner, and its parent without owning it.
type node struct {
	name     string
	parent   refcell.Cell[*rc.Weak[node]]
	children refcell.RefCell[[]*rc.Rc[node]]
}

// newNode returns a node whose end is reported, with that of its children.
func newNode(w *strings.Builder, name string) *rc.Rc[node] {
	return rc.NewDrop(node{name: name}, func(n *node) {
		fmt.Fprintf(w, "freed %s\n", n.name)
		n.children.RWith(func(children *[]*rc.Rc[node]) {
			for _, child := range *children {
				child.Drop()
			}
		})
		if parent := n.parent.Take(); parent != nil {
			parent.Drop()
		}
	})
}

func tree(w *strings.Builder) {
	leaf, branch := newNode(w, "leaf"), newNode(w, "branch")
	_, ok := leaf.Ptr().parent.Get().Upgrade()
	fmt.Fprintf(w, "leaf has a parent: %t\n", ok)
	branch.Ptr().children.With(func(c *[]*rc.Rc[node]) { *c = append(*c, leaf.Clone()) })
	leaf.Ptr().parent.Set(branch.Downgrade())
	if parent, ok := leaf.Ptr().parent.Get().Upgrade(); ok {
		fmt.Fprintf(w, "leaf's parent is %s\n", parent.Ptr().name)
		parent.Drop()
	}
	fmt.Fprintf(w, "leaf: strong %d, weak %d; branch: strong %d, weak %d\n",
		leaf.StrongCount(), leaf.WeakCount(), branch.StrongCount(), branch.WeakCount())
	branch.Drop()
	_, ok = leaf.Ptr().parent.Get().Upgrade()
	fmt.Fprintf(w, "leaf has a parent: %t, strong %d\n", ok, leaf.StrongCount())
	leaf.Drop()
}

func borrows(w *strings.Builder) {
	c := refcell.New(42)
	r1, r2 := c.Borrow(), c.Borrow()
	fmt.Fprintf(w, "%d and %d\n", r1.Get(), r2.Get())
	fmt.Fprintln(w, refusal(func() { c.BorrowMut() }))
	r1.Release()
	r2.Release()
	m := c.BorrowMut()
	*m.Ptr()++
	fmt.Fprintf(w, "%+v\n", c)
	fmt.Fprintln(w, refusal(func() { c.Borrow() }))
	m.Release()
	fmt.Fprintln(w, c)
}

func cell(w *strings.Builder) {
	c := refcell.NewCell(5)
	old := c.Replace(10)
	c.Update(func(v int) int { return v + 1 })
	fmt.Fprintf(w, "%d became %d\n", old, c.Get())
}

func vector(w *strings.Builder) {
	a := rc.New(refcell.New([]int{1, 2, 3}))
	b := a.Clone()
	push := func(owner *rc.Rc[*refcell.RefCell[[]int]], v int) {
		(*owner.Ptr()).With(func(s *[]int) { *s = append(*s, v) })
	}
	push(a, 4)
	push(b, 5)
	fmt.Fprintf(w, "%v, count = %d\n", a, a.StrongCount())
	b.Drop()
	a.Drop()
}

func growth(w *strings.Builder) {
	c := refcell.New([]int{1, 2, 3})
	reader := c.Borrow()
	for _, v := range reader.Get() {
		err := refusal(func() { c.With(func(s *[]int) { *s = append(*s, v) }) })
		fmt.Fprintln(w, errors.Is(err, refcell.ErrBorrowed), err)
	}
	reader.Release()
	c.With(func(s *[]int) { *s = append(*s, 4) })
	fmt.Fprintln(w, c)
}

// A car has its fuel behind a pointer.
type car struct {
	name string
	fuel *int
}

// Clone copies the fuel too.
func (c car) Clone() car {
	fuel := *c.fuel
	return car{c.name, &fuel}
}

func copies(w *strings.Builder) {
	fuel := 50
	a := car{"a", &fuel}
	shallow, deep := a, a.Clone()
	*a.fuel = 10
	fmt.Fprintf(w, "shallow sees %d, deep has %d\n", *shallow.fuel, *deep.fuel)

	first := rc.New([]int{1, 2})
	second := first.Clone()
	(*second.MakeMutFunc(slices.Clone))[0] = 9
	fmt.Fprintf(w, "cloned on write: %v and %v\n", first, second)
	first.Drop()
	second.Drop()
}

func double(w *strings.Builder) {
	a := rc.New(1)
	b := a.Clone()
	b.Drop()
	fmt.Fprintln(w, refusal(b.Drop))
	fmt.Fprintf(w, "a still counts %d\n", a.StrongCount())
	a.Drop()
}

// longest lends the longer of two borrowed strings.
func longest(a, b *refcell.Ref[string]) *refcell.Ref[string] {
	if len(a.Get()) >= len(b.Get()) {
		return a
	}
	return b
}

func lifetime(w *strings.Builder) {
	a, b := refcell.New("long string"), refcell.New("xyz")
	ra, rb := a.Borrow(), b.Borrow()
	result := longest(&ra, &rb)
	fmt.Fprintln(w, "the longest is", result.Get())
	rb.Release()
	ra.Release()
	fmt.Fprintln(w, refusal(func() { result.Get() }))
}

func once(w *strings.Builder) {
	var config refcell.OnceCell[string]
	fmt.Fprintln(w, config.Set("first"), config.Set("second"), &config)
	table := refcell.NewLazyCell(func() int {
		fmt.Fprintln(w, "computing")
		return 92
	})
	fmt.Fprintln(w, table.Get(), table.Get())
}
