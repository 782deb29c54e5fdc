package diagram_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/diagram"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
	"github.com/coderrange/ferrous/result"
	"github.com/coderrange/ferrous/seq"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
	"github.com/coderrange/ferrous/track"
)

// lines returns the rows of a box as Text writes them, without the frame.
func lines(b *diagram.Box) []string {
	var out []string
	for _, r := range b.Rows {
		s := r.Name + ":"
		for _, c := range r.Cells {
			s += " " + strings.TrimSpace(c.Name+" "+c.Text)
			if c.To != nil {
				s += fmt.Sprintf(" -> #%d+%d", c.To.Number, c.At)
			}
		}
		out = append(out, s)
	}
	return out
}

type car struct {
	on    bool
	Speed int32
	gear  int8
	Fuel  *int
}

type pilot interface{ Fly() }

type engineer interface{ Work() }

type person struct{ name string }

func (*person) Fly()  {}
func (*person) Work() {}

type node struct {
	name       string
	next, prev *node
}

func TestPicture(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sizes are those of 64 bits")
	}
	i, x := int32(2), int8(5)
	v := []int32{10, 20, 30, 40}
	s := v[1:3]
	fuel := 50
	c1 := car{true, 100, 5, &fuel}
	c2 := c1
	asha := &person{"Asha"}
	var p pilot = asha
	var e engineer = asha
	a, b := &node{name: "10"}, &node{name: "20"}
	a.next, b.prev = b, a
	m := map[string][]byte{"b": []byte("hi"), "a": nil}
	speed := &c1.Speed

	for name, c := range map[string]struct {
		roots []diagram.Root
		want  string
	}{
		"integers": {[]diagram.Root{diagram.Var("i", &i), diagram.Var("x", &x)}, `
main
  ┌───────────────────────────────┐
  │ #1 i int32 · 4 B              │
  ├───────────────────────────────┤
  │ +0   2  bytes LSB:02 00 00 00 │
  └───────────────────────────────┘
  ┌──────────────────────┐
  │ #2 x int8 · 1 B      │
  ├──────────────────────┤
  │ +0   5  bytes LSB:05 │
  └──────────────────────┘
`},
		"slices of one array": {[]diagram.Root{diagram.Var("s", &s), diagram.Var("v", &v)}, `
main
  ┌─────────────────────────────────┐
  │ #1 s []int32 · 24 B             │
  ├─────────────────────────────────┤
  │ +0    ptr ─▶ #3+4  len 2  cap 3 │
  └─────────────────────────────────┘
  ┌───────────────────────────────┐
  │ #2 v []int32 · 24 B           │
  ├───────────────────────────────┤
  │ +0    ptr ─▶ #3  len 4  cap 4 │
  └───────────────────────────────┘
heap
  ┌────────────────────┐
  │ #3 [4]int32 · 16 B │
  ├────────────────────┤
  │ +0  [0]  10        │
  │ +4  [1]  20        │
  │ +8  [2]  30        │
  │ +12 [3]  40        │
  └────────────────────┘
`},
		"a shallow copy, with padding": {[]diagram.Root{diagram.Var("car1", &c1), diagram.Var("car2", &c2), diagram.Var("speed", &speed)}, `
main
  ┌─────────────────────────────────┐
  │ #1 car1 diagram_test.car · 24 B │
  ├─────────────────────────────────┤
  │ +0  on     true                 │
  │ +1         padding 3 B          │
  │ +4  Speed  100                  │
  │ +8  gear   5                    │
  │ +9         padding 7 B          │
  │ +16 Fuel   ─▶ #4                │
  └─────────────────────────────────┘
  ┌─────────────────────────────────┐
  │ #2 car2 diagram_test.car · 24 B │
  ├─────────────────────────────────┤
  │ +0  on     true                 │
  │ +1         padding 3 B          │
  │ +4  Speed  100                  │
  │ +8  gear   5                    │
  │ +9         padding 7 B          │
  │ +16 Fuel   ─▶ #4                │
  └─────────────────────────────────┘
  ┌───────────────────────┐
  │ #3 speed *int32 · 8 B │
  ├───────────────────────┤
  │ +0   ─▶ #1+4          │
  └───────────────────────┘
heap
  ┌──────────────┐
  │ #4 int · 8 B │
  ├──────────────┤
  │ +0   50      │
  └──────────────┘
`},
		"two interfaces of one value": {[]diagram.Root{diagram.Var("p", &p), diagram.Var("e", &e)}, `
main
  ┌───────────────────────────────────────────────────┐
  │ #1 p diagram_test.pilot · 16 B                    │
  ├───────────────────────────────────────────────────┤
  │ +0    type *diagram_test.person ─▶ #3  data ─▶ #4 │
  └───────────────────────────────────────────────────┘
  ┌───────────────────────────────────────────────────┐
  │ #2 e diagram_test.engineer · 16 B                 │
  ├───────────────────────────────────────────────────┤
  │ +0    type *diagram_test.person ─▶ #5  data ─▶ #4 │
  └───────────────────────────────────────────────────┘
heap
  ┌───────────────────────────────┐
  │ #4 diagram_test.person · 16 B │
  ├───────────────────────────────┤
  │ +0  name  "Asha"  len 4       │
  └───────────────────────────────┘
method table
  ┌───────────────────────────────────────────────┐
  │ #3 diagram_test.pilot of *diagram_test.person │
  ├───────────────────────────────────────────────┤
  │    Fly  (*diagram_test.person).Fly            │
  └───────────────────────────────────────────────┘
  ┌──────────────────────────────────────────────────┐
  │ #5 diagram_test.engineer of *diagram_test.person │
  ├──────────────────────────────────────────────────┤
  │    Work  (*diagram_test.person).Work             │
  └──────────────────────────────────────────────────┘
`},
		"a cycle": {[]diagram.Root{diagram.Var("head", &a)}, `
main
  ┌──────────────────────────────────┐
  │ #1 head *diagram_test.node · 8 B │
  ├──────────────────────────────────┤
  │ +0   ─▶ #2                       │
  └──────────────────────────────────┘
heap
  ┌─────────────────────────────┐
  │ #2 diagram_test.node · 32 B │
  ├─────────────────────────────┤
  │ +0  name  "10"  len 2       │
  │ +16 next  ─▶ #3             │
  │ +24 prev  nil               │
  └─────────────────────────────┘
  ┌─────────────────────────────┐
  │ #3 diagram_test.node · 32 B │
  ├─────────────────────────────┤
  │ +0  name  "20"  len 2       │
  │ +16 next  nil               │
  │ +24 prev  ─▶ #2             │
  └─────────────────────────────┘
`},
		"a map": {[]diagram.Root{diagram.Var("m", &m)}, `
main
  ┌───────────────────────────────┐
  │ #1 m map[string][]uint8 · 8 B │
  ├───────────────────────────────┤
  │ +0   map ─▶ #2  len 2         │
  └───────────────────────────────┘
heap
  ┌─────────────────────────────────┐
  │ #2 map[string][]uint8           │
  ├─────────────────────────────────┤
  │    "a"  nil  len 0  cap 0       │
  │    "b"  ptr ─▶ #3  len 2  cap 2 │
  └─────────────────────────────────┘
  ┌───────────────────┐
  │ #3 [2]uint8 · 2 B │
  ├───────────────────┤
  │ +0   "hi"         │
  └───────────────────┘
`},
	} {
		t.Run(name, func(t *testing.T) {
			got := diagram.Capture(diagram.Frame("main", c.roots...)).Text(80)
			if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
				c.want = strings.Replace(c.want, "LSB:02 00 00 00", "00 00 00 LSB:02", 1)
			}
			if runtime.GOOS != "linux" {
				got = strings.Replace(got, "\nmemory\n", "\nheap\n", 1)
			}
			assert.Equal(t, strings.TrimPrefix(c.want, "\n"), got)
		})
	}
}

func TestHandlesDrawThemselves(t *testing.T) {
	box := rc.NewBox(int64(10))
	moved := box.Move()
	three := rc.New("Rust is awesome!")
	b, c := three.Clone(), three.Clone()
	w := three.Downgrade()
	gone := rc.New(1)
	weakGone := gone.Downgrade()
	gone.Drop()
	arc := arcmutex.NewArc(arcmutex.Mutex[int]{})
	cell := refcell.New(int64(42))
	read := cell.Borrow()
	again := cell.Borrow()
	p := diagram.Capture(
		diagram.Var("box", &box), diagram.Var("moved", &moved),
		diagram.Var("a", &three), diagram.Var("b", &b), diagram.Var("c", &c), diagram.Var("w", &w),
		diagram.Var("gone", &gone), diagram.Var("weakGone", &weakGone),
		diagram.Var("arc", &arc), diagram.Var("cell", &cell), diagram.Var("read", &read),
	)
	text := func(name string) string { return strings.Join(lines(p.Box(name)), "\n") }
	of := func(name string) *diagram.Box {
		require.NotNil(t, p.Box(name).Rows[0].Cells[0].To, name)
		return p.Box(name).Rows[0].Cells[0].To
	}
	assert.Equal(t, ": moved or dropped", text("box"))
	assert.Equal(t, []string{": 10"}, lines(of("moved")))
	assert.Same(t, of("a"), of("b"))
	assert.Same(t, of("a"), of("c"))
	assert.Same(t, of("a"), of("w"))
	assert.True(t, p.Box("w").Rows[0].Cells[0].Weak)
	assert.Equal(t, []string{"strong: 3", "weak: 1", `value: "Rust is awesome!" len 16`}, lines(of("a")))
	assert.Equal(t, ": dropped", text("gone"))
	assert.Equal(t, []string{"strong: 0", "weak: 1", "value: dropped"}, lines(of("weakGone")))
	assert.Equal(t, []string{"strong: 1", "weak: 0", "value.state: unlocked", "value.value: 0"}, lines(of("arc")))
	assert.Equal(t, []string{"flag: 2: borrowed for reading", "value: 42"}, lines(of("cell")))
	assert.Same(t, of("cell"), of("read"))
	again.Release()
	read.Release()

	g := arc.Ptr().Lock()
	defer g.Unlock()
	p = diagram.Capture(diagram.Var("arc", &arc), diagram.Var("g", &g), diagram.Var("read", &read))
	assert.Equal(t, []string{"strong: 1", "weak: 0", "value.state: locked", "value.value: not read"}, lines(of("arc")))
	assert.Same(t, of("arc"), of("g"), "a guard points to its lock")
	assert.Equal(t, ": released", text("read"))
	assert.Equal(t, 1, arc.StrongCount(), "a capture gives its own share back")
}

// TestACaptureEndsItsHoldsForCheckerAndTracker captures with both on.
func TestACaptureEndsItsHoldsForCheckerAndTracker(t *testing.T) {
	track.Check(t)
	stop := arcmutex.Check(time.Minute, func(d *arcmutex.Deadlock) { t.Error(d) })
	defer stop()
	a := arcmutex.NewArc(arcmutex.NewMutex(arcmutex.NewRWMutex(refcell.NewAtomicRefCell(1))))
	for range 3 {
		p := diagram.Capture(diagram.Var("a", &a))
		assert.NotContains(t, p.Text(80), "not read")
	}
	g, ok := (*a.Ptr()).TryLock()
	require.True(t, ok, "a capture leaves the lock free")
	g.Unlock()
	a.Drop()
	p := diagram.Capture(diagram.Var("a", &a), diagram.Var("g", &g))
	assert.Equal(t, []string{": dropped"}, lines(p.Box("a")))
	assert.Equal(t, []string{": unlocked"}, lines(p.Box("g")))
}

func TestSumsDrawThemselves(t *testing.T) {
	some, none := option.Some(int64(5)), option.None[int64]()
	ok, failed := result.Ok(int64(5)), result.Err[int64](fmt.Errorf("bad"))
	p := diagram.Capture(diagram.Var("some", &some), diagram.Var("none", &none), diagram.Var("ok", &ok), diagram.Var("failed", &failed))
	assert.Equal(t, []string{"some: true", "value: 5"}, lines(p.Box("some")))
	assert.Equal(t, []string{": None"}, lines(p.Box("none")))
	assert.Equal(t, []string{"ok: Ok", "value: 5"}, lines(p.Box("ok")))
	assert.Contains(t, strings.Join(lines(p.Box("failed")), "\n"), "err: Err")
}

// TestOffsetsAreThoseOfReflect draws structs of random fields.
func TestOffsetsAreThoseOfReflect(t *testing.T) {
	types := []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
		reflect.TypeFor[float32](), reflect.TypeFor[complex128](), reflect.TypeFor[string](), reflect.TypeFor[[]int](),
		reflect.TypeFor[*int](), reflect.TypeFor[any](), reflect.TypeFor[map[int]int](), reflect.TypeFor[[3]int16](), reflect.TypeFor[[5]byte](),
		reflect.TypeFor[struct {
			a int8
			b int32
		}](), reflect.TypeFor[chan int](), reflect.TypeFor[func()](), reflect.TypeFor[uintptr](), reflect.TypeFor[unsafe.Pointer](),
	}
	rapid.Check(t, func(t *rapid.T) {
		var fields []reflect.StructField
		for i, typ := range rapid.SliceOfN(rapid.SampledFrom(types), 1, 12).Draw(t, "types") {
			fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: typ})
		}
		typ := reflect.StructOf(fields)
		v := reflect.New(typ)
		p := diagram.Capture(diagram.Var("v", v.Interface()))
		b := p.Box("v")
		assert.Equal(t, typ.Size(), b.Size)
		end := uintptr(0)
		for _, r := range b.Rows { // rows cover the struct without gap
			assert.Equal(t, end, r.Offset, r.Name)
			end += r.Size
		}
		assert.Equal(t, typ.Size(), end)
		for f := range typ.Fields() {
			found := false
			for _, r := range b.Rows {
				if name, _, _ := strings.Cut(strings.ReplaceAll(r.Name, "[", "."), "."); name == f.Name {
					if !found {
						assert.Equal(t, f.Offset, r.Offset, f.Name)
					}
					found = true
				}
			}
			assert.True(t, found, f.Name)
		}
	})
}

type panics struct{ N int }

func (panics) String() string   { panic("String was called") }
func (panics) Error() string    { panic("Error was called") }
func (panics) GoString() string { panic("GoString was called") }

type badDrawer struct{ N int }

func (*badDrawer) Diagram(draw func(name, state string, part any)) {
	draw("n", "before", nil)
	panic(panics{})
}

type leaver struct{ N int }

func (l *leaver) Diagram(draw func(name, state string, part any)) {
	draw("n", "", &l.N)
	runtime.Goexit()
}

type silent struct{ N int }

func (*silent) Diagram(func(name, state string, part any)) {}

type embedded struct {
	person
	*testing.T
}

type list[T any] struct {
	value T
	next  *list[T]
}

func TestHostileValuesAreDrawn(t *testing.T) {
	var nilMap map[string]int
	var nilChan chan int
	var nilFunc func()
	var nilError error
	var nilNode *node
	self := &struct{ p any }{}
	self.p = self
	big := make([]int64, 10_000_000)
	n := 7
	type empty struct{}
	loop := []any{nil}
	loop[0] = loop
	recursive := map[string]any{}
	recursive["self"] = recursive
	arr := [3]car{{Speed: 1}, {Speed: 2}, {Speed: 3}}
	keys := map[any]any{1: 2, "a": nil, [2]int{1, 2}: 3.5, empty{}: panics{}, (*int)(nil): &n}
	nan := map[float64]int{}
	for range 3 {
		nan[0/func() float64 { return 0 }()] = 1
	}
	word := unsafe.Pointer(&n)
	alive := weak.Make(&n)
	var av atomic.Value
	av.Store("held")
	var ap atomic.Pointer[int]
	ap.Store(&n)
	deep := &list[string]{value: "end"}
	for range 1000 {
		deep = &list[string]{"next", deep}
	}
	values := []any{
		&nilMap, &nilChan, &nilFunc, &nilError, &nilNode, &self, &big, &n, new(empty), new([0]int), new(struct{ a, b empty }), &loop, &recursive,
		&arr, &keys, &nan, &word, new(uintptr), &alive, new(weak.Pointer[int]), new(reflect.Value), new(reflect.Type), &av, &ap, &deep,
		new(sync.Mutex), new(sync.RWMutex), new(sync.WaitGroup), new(sync.Map), new(sync.Once), new(time.Time), new(panics), new(badDrawer), new(leaver), new(silent),
		&embedded{person: person{"x"}}, new(complex64), new(string), new([]string), new([]struct{}), new(any),
		new(rc.Rc[int]), new(rc.Weak[int]), new(rc.Box[int]), new(arcmutex.Arc[int]), new(arcmutex.Weak[int]), new(arcmutex.Guard[int]), new(arcmutex.RGuard[int]), new(arcmutex.UGuard[int]),
		new(arcmutex.OnceLock[int]), new(arcmutex.LazyLock[int]), new(refcell.Ref[int]), new(refcell.RefMut[int]), new(refcell.AtomicRef[int]), new(refcell.AtomicRefMut[int]),
		new(refcell.OnceCell[int]), new(refcell.LazyCell[int]), new(refcell.Cell[int]), new(testing.T), new(runtime.Frame),
	}
	reflected, typ := reflect.ValueOf(n), reflect.TypeFor[int]()
	values = append(values, &reflected, &typ)
	func1 := func() int { return n }
	values = append(values, &func1)
	cyclic := make(chan any, 1)
	cyclic <- cyclic
	values = append(values, &cyclic)
	for _, v := range values {
		t.Run(fmt.Sprintf("%T", v), func(t *testing.T) {
			p := diagram.Options{Boxes: 50, Addresses: diagram.Real}.Capture(diagram.Var("v", v), diagram.Frame("again", diagram.Var("w", &v)))
			require.NotEmpty(t, p.Box("w").Rows)
			assert.NotPanics(t, func() {
				_ = p.Text(80)
				_ = p.SVG("x")
				_ = p.NarrowSVG("x")
				_ = p.DOT("x")
				_ = p.Markdown("x")
			})
		})
	}
}

// Everything that holds a value draws it without asking it to print itself.
func TestNoMethodOfAHeldValueIsCalled(t *testing.T) {
	ctx := t.Context()
	v := panics{}
	tx, rx := channel.New[panics](1)
	require.NoError(t, tx.Send(ctx, v))
	btx, brx := channel.NewBroadcast[panics](1)
	_, err := btx.Send(v)
	require.NoError(t, err)
	wtx, wrx := channel.NewWatch(v)
	otx, orx := channel.NewOneshot[panics]()
	require.NoError(t, otx.Send(v))
	done := task.Go(ctx, func(context.Context) (panics, error) { return v, nil })
	_, err = done.Join(ctx)
	require.NoError(t, err)
	failed := task.Go(ctx, func(context.Context) (panics, error) { return v, v })
	_, err = failed.Join(ctx)
	require.True(t, err != nil) //nolint:testifylint // no method of it may be called
	mutex, rw := arcmutex.NewMutex(v), arcmutex.NewRWMutex(v)
	guard := mutex.Lock()
	peekable := seq.NewPeekable(slices.Values([]panics{v}))
	defer peekable.Close()
	for name, holder := range map[string]any{
		"Option": option.Some(v), "Result": result.Ok(v), "Rc": rc.New(v), "Box": rc.NewBox(v), "Arc": arcmutex.NewArc(v),
		"RefCell": refcell.New(v), "AtomicRefCell": refcell.NewAtomicRefCell(v), "Cell": refcell.NewCell(v),
		"Mutex": mutex, "Guard": &guard, "RWMutex": rw, "Sender": tx, "Receiver": rx,
		"BroadcastSender": btx, "BroadcastReceiver": brx, "WatchSender": wtx, "WatchReceiver": wrx,
		"OneshotSender": otx, "OneshotReceiver": orx, "done Handle": done, "failed Handle": failed,
		"Stream": stream.Of(v), "Peekable": peekable,
	} {
		text := diagram.Capture(diagram.Var("holder", &holder)).Text(120)
		assert.NotContains(t, text, "panicked", name)
	}
	guard.Unlock()
	for want, holder := range map[string]any{
		"message sent": otx, "version 0": wrx, "sent 1": brx, "state done": done, "state failed: diagram_test.panics": failed,
	} {
		text := diagram.Capture(diagram.Var("holder", &holder)).Text(120)
		assert.Contains(t, strings.Join(strings.Fields(text), " "), want)
	}
	for name, zero := range map[string]any{
		"BroadcastSender": new(channel.BroadcastSender[int]), "WatchReceiver": new(channel.WatchReceiver[int]),
		"OneshotSender": new(channel.OneshotSender[int]), "Handle": new(task.Handle[int]),
	} {
		assert.Contains(t, diagram.Capture(diagram.Var("zero", &zero)).Text(120), "zero "+name)
	}
}

func TestADrawerThatPanicsIsNamed(t *testing.T) {
	v, pointer := badDrawer{}, &badDrawer{}
	p := diagram.Capture(diagram.Var("v", &v), diagram.Var("pointer", &pointer))
	assert.Contains(t, p.Text(100), "panicked while it drew itself: diagram_test.panics")
}

func TestTooMuchIsCutWithACount(t *testing.T) {
	v := make([]int64, 100)
	var head *node
	for range 100 {
		head = &node{next: head}
	}
	p := diagram.Options{Boxes: 5, Elements: 3}.Capture(diagram.Var("v", &v), diagram.Var("head", &head))
	assert.Len(t, p.Boxes, 5)
	assert.Equal(t, 1, p.Cut)
	assert.Contains(t, p.Text(80), "…    97 more")
	assert.Contains(t, p.Text(80), "1 more not drawn")
	assert.Contains(t, p.Text(80), "(not drawn)")
	p = diagram.Options{Depth: 3}.Capture(diagram.Var("head", &head))
	assert.Len(t, p.Boxes, 4)
}

func TestRedactedMemoryIsNotShown(t *testing.T) {
	type account struct {
		User  string
		Token string `diagram:"redact"`
		Pin   [4]byte
	}
	a := account{"asha", "s3cr3t-token-that-is-long-enough-for-a-box", [4]byte{'9', '9', '1', '7'}}
	o := diagram.Options{Redact: func(path string, _ reflect.Type) bool { return path == "a.Pin" }}
	p := o.Capture(diagram.Var("a", &a))
	for _, s := range []string{p.Text(100), p.SVG("x"), p.DOT("x"), p.Markdown("x"), p.NarrowSVG("x"), fmt.Sprintf("%+v", *p.Box("a"))} {
		assert.NotContains(t, s, "s3cr3t")
		assert.NotContains(t, s, "9917")
		assert.Contains(t, s, "asha")
	}
}

func TestCaptureKeepsNothingAlive(t *testing.T) {
	n := &node{name: "x", next: &node{}}
	w := weak.Make(n.next)
	p := diagram.Capture(diagram.Var("n", &n))
	n = nil
	for range 10 {
		runtime.GC()
	}
	assert.Nil(t, w.Value())
	assert.Len(t, p.Boxes, 3)
	runtime.KeepAlive(p)
}

// TestCaptureBesideWriters is for the race detector.
func TestCaptureBesideWriters(t *testing.T) {
	type state struct {
		count arcmutex.Mutex[map[string][]int]
		rw    arcmutex.RWMutex[[]string]
		cell  refcell.AtomicRefCell[[]int]
		once  arcmutex.OnceLock[int]
		n     atomic.Int64
		p     atomic.Pointer[node]
	}
	s := arcmutex.NewArc(state{})
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			mine := s.Clone()
			defer mine.Drop()
			for k := 0; ; k++ {
				select {
				case <-stop:
					return
				default:
				}
				v := mine.Ptr()
				v.count.With(func(m *map[string][]int) {
					if *m == nil {
						*m = map[string][]int{}
					}
					(*m)[fmt.Sprint(k%10)] = append((*m)[fmt.Sprint(k%10)][:min(k%5, len((*m)[fmt.Sprint(k%10)]))], k)
				})
				v.rw.With(func(x *[]string) { *x = append((*x)[:min(len(*x), 3)], fmt.Sprint(k)) })
				if w, err := v.cell.TryBorrowMut(); err == nil {
					*w.Ptr() = append((*w.Ptr())[:min(len(*w.Ptr()), 3)], k)
					w.Release()
				}
				v.once.Set(i)
				v.n.Add(1)
				v.p.Store(&node{name: "n"})
			}
		})
	}
	for range 200 {
		p := diagram.Capture(diagram.Var("s", &s))
		require.NotEmpty(t, p.Text(80))
	}
	close(stop)
	writers.Wait()
	s.Drop()
}

// TestNoPackageImportsThisOne keeps the promise that a program that draws nothing
// has nothing of it.
func TestNoPackageImportsThisOne(t *testing.T) {
	read := 0
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && slices.Contains([]string{"../examples", "../interop", "../bench", "../tools", "../.git"}, path) {
			return cmp.Or(err, fs.SkipDir)
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		read++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			assert.NotContains(t, i.Path.Value, "/diagram", path)
		}
		return nil
	}))
	assert.Greater(t, read, 100)
}

func TestVarRefusesWhatIsNoVariable(t *testing.T) {
	for _, v := range []any{nil, 1, (*int)(nil), "x", map[int]int{}} {
		assert.Panics(t, func() { diagram.Var("v", v) })
	}
}

func BenchmarkCapture10000(b *testing.B) {
	var head *node
	for range 10_000 {
		head = &node{next: head}
	}
	o := diagram.Options{Boxes: 20_000}
	b.ReportAllocs()
	for b.Loop() {
		if p := o.Capture(diagram.Var("head", &head)); len(p.Boxes) != 10_001 {
			b.Fatal(len(p.Boxes))
		}
	}
}
