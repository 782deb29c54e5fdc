package track

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A Leak is a group of tracked handles that were never ended and that were
// made in the same place.
type Leak struct {
	What  string // the type: rc.Rc
	Name  string // what WithName said
	Count int
	Stack string // of the call that made them, innermost first
}

// String returns the leak over several lines.
func (l Leak) String() string {
	name := ""
	if l.Name != "" {
		name = fmt.Sprintf(" %q", l.Name)
	}
	return fmt.Sprintf("%d %s%s not ended, made by\n%s", l.Count, l.What, name, l.Stack)
}

// TB is what [Class.CheckLeaks] needs of a testing.TB.
type TB interface {
	Helper()
	Cleanup(f func())
	Errorf(format string, args ...any)
}

// lost holds the handles that the garbage collector found, by origin. It grows
// with the number of places that leak, not with the number of leaks.
var lost struct {
	sync.Mutex
	counts map[origin]int
	checks []*check
}

// A check is a CheckLeaks whose test goes on.
type check struct {
	class *Class
	after uint64         // serial number of the last record before the check
	lost  map[origin]int // since then
}

// lose makes a leak of a handle whose token is garbage.
func lose(r *record) {
	if !table.remove(r) {
		return
	}
	r.class.Profile.Remove(r)
	lost.Lock()
	defer lost.Unlock()
	if lost.counts == nil {
		lost.counts = map[origin]int{}
	}
	lost.counts[r.origin]++
	for _, c := range lost.checks {
		if c.class == r.class && r.serial > c.after {
			c.lost[r.origin]++
		}
	}
}

// Leaks returns the tracked handles of c that the garbage collector has found
// without their having been ended, the most numerous first.
func (c *Class) Leaks() []Leak {
	lost.Lock()
	counts := maps.Clone(lost.counts)
	lost.Unlock()
	maps.DeleteFunc(counts, func(o origin, _ int) bool { return o.class != c })
	return leaks(counts)
}

// CheckLeaks tracks every handle of c until the test ends, and then fails it
// for each handle made meanwhile that was not ended.
func (c *Class) CheckLeaks(t TB) {
	t.Helper()
	chance := c.chance.Swap(math.MaxUint32)
	k := &check{c, table.serial.Load(), map[origin]int{}}
	lost.Lock()
	lost.checks = append(lost.checks, k)
	lost.Unlock()
	t.Cleanup(func() {
		t.Helper()
		c.chance.Store(chance)
		lost.Lock()
		lost.checks = slices.DeleteFunc(lost.checks, func(other *check) bool { return other == k })
		lost.Unlock()
		table.count(c, k.after, k.lost)
		for _, leak := range leaks(k.lost) {
			t.Errorf("%v", leak)
		}
	})
}

// leaks turns counts into a sorted report.
func leaks(counts map[origin]int) []Leak {
	var all []Leak
	for o, n := range counts {
		all = append(all, Leak{What: o.what, Name: o.name, Count: n, Stack: o.stack()})
	}
	slices.SortFunc(all, func(a, b Leak) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.What, b.What), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Stack, b.Stack))
	})
	return all
}

// stack returns the frames as text, as a panic prints them.
func (o *origin) stack() string {
	var b strings.Builder
	for f := range o.frames {
		fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}

// site returns the innermost frame outside the package of the class.
func (o *origin) site() (site string) {
	for f := range o.frames {
		site = fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		if !strings.HasPrefix(f.Function, o.class.Path+".") {
			break
		}
	}
	return site
}

// frames iterates over the frames, innermost first.
func (o *origin) frames(yield func(runtime.Frame) bool) {
	end := slices.Index(o.pcs[:], 0)
	if end < 0 {
		end = len(o.pcs)
	}
	if end == 0 {
		return
	}
	frames := runtime.CallersFrames(o.pcs[:end])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if !yield(f) {
			return
		}
	}
}

// Caller returns the place of the innermost caller outside the class's
// package, as file.go:42.
func (c *Class) Caller() string {
	o := origin{class: c}
	runtime.Callers(2, o.pcs[:])
	return o.site()
}
