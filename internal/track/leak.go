package track

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// A Leak is a group of tracked handles that were made in the same place and not
// ended.
type Leak struct {
	What  string // the type: rc.Rc
	Name  string // what WithName said
	Count int
	Stack string // of the call that made them, innermost first
}

// String returns the leak as text of several lines.
func (l Leak) String() string {
	name := ""
	if l.Name != "" {
		name = fmt.Sprintf(" %q", l.Name)
	}
	return fmt.Sprintf("%d %s%s not ended, made by\n%s", l.Count, l.What, name, l.Stack)
}

// A kind is the handles that a report puts into one group.
type kind struct {
	*origin
	name string
}

// lost counts the handles that became garbage without an end, by kind. Its size is
// that of the places that leak, not that of the leaks.
var lost struct {
	sync.Mutex
	counts map[kind]int
}

// lose records that a handle became garbage without an end. It is called once for
// each record.
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

// Leaks returns the tracked handles of all classes that became garbage without an
// end. The groups with the most handles come first.
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
