package track

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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

// A kind of handles is what reports put together.
type kind struct {
	*origin
	name string
}

// lost holds the handles that were found to be garbage, by kind. It grows with
// the number of places that leak, not with the number of leaks.
var lost struct {
	sync.Mutex
	counts map[kind]int
}

// lose makes a leak of a handle that is garbage. It is called once for each.
func lose(r *record) {
	if !table.remove(r) {
		return
	}
	r.class.Profile.Remove(r)
	k := kind{r.origin, r.name}
	lost.Lock()
	if lost.counts == nil {
		lost.counts = map[kind]int{}
	}
	lost.counts[k]++
	lost.Unlock()
	checks.lose(r)
}

// Leaks returns the tracked handles of all classes that were found to be
// garbage without having been ended, the most numerous first.
func Leaks() []Leak {
	lost.Lock()
	counts := maps.Clone(lost.counts)
	lost.Unlock()
	return leaks(counts)
}

// leaks turns counts into a sorted report.
func leaks(counts map[kind]int) []Leak {
	var all []Leak
	for k, n := range counts {
		all = append(all, Leak{What: k.what, Name: k.name, Count: n, Stack: k.stack()})
	}
	slices.SortFunc(all, func(a, b Leak) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.What, b.What), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Stack, b.Stack))
	})
	return all
}
