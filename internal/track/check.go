package track

import (
	"slices"
	"strings"
	"sync"
)

// TB is what [Check] needs of a testing.TB.
type TB interface {
	Helper()
	Cleanup(f func())
	Errorf(format string, args ...any)
}

// checks holds the checks of the tests that run.
var checks checkList

type checkList struct {
	sync.Mutex
	running []*check         // in the order in which they began
	told    map[*record]bool // live records that one check reported while others ran
}

// A check watches what is made during a test.
type check struct {
	test  TB
	after uint64       // serial number of the last record before the check
	lost  map[kind]int // handles that were made since then and became garbage
}

// Check tracks all handles of all classes until the test ends. The test fails if a
// handle that was made after the call of Check has not ended by then. A second Check
// of the same test does nothing.
func Check(t TB) {
	t.Helper()
	k := checks.begin(t)
	if k == nil {
		return
	}
	stop := Start(1)
	t.Cleanup(func() {
		t.Helper()
		stop()
		for _, leak := range leaks(checks.end(k)) {
			t.Errorf("%v", leak)
		}
	})
}

// begin returns a new check, or nil if the test already has one.
func (c *checkList) begin(t TB) *check {
	c.Lock()
	defer c.Unlock()
	if slices.ContainsFunc(c.running, func(k *check) bool { return k.test == t }) {
		return nil
	}
	k := &check{t, table.serial.Load(), map[kind]int{}}
	c.running = append(c.running, k)
	return k
}

// end ends a check and returns what it found.
func (c *checkList) end(k *check) map[kind]int {
	c.Lock()
	defer c.Unlock()
	c.running = slices.DeleteFunc(c.running, func(other *check) bool { return other == k })
	table.each(func(r *record) {
		if !k.covers(r) || c.told[r] || slices.ContainsFunc(c.running, func(other *check) bool {
			return other.covers(r) && !other.encloses(k)
		}) {
			return
		}
		k.lost[kind{r.origin, r.name}]++
		if c.told == nil {
			c.told = map[*record]bool{}
		}
		c.told[r] = true
	})
	if len(c.running) == 0 {
		c.told = nil
	}
	return k.lost
}

// lose adds a leak to the last check that covers it, unless the leak was reported
// before.
func (c *checkList) lose(r *record) {
	c.Lock()
	defer c.Unlock()
	if c.told[r] {
		delete(c.told, r)
		return
	}
	for _, k := range slices.Backward(c.running) {
		if k.covers(r) {
			k.lost[kind{r.origin, r.name}]++
			return
		}
	}
}

// covers reports whether r was made since k began.
func (k *check) covers(r *record) bool { return r.serial > k.after }

// encloses reports whether other is the check of a subtest of k's test, or of a test
// without a name. Any other check that runs at the same time belongs to a parallel
// test, and the handle may be of either test.
func (k *check) encloses(other *check) bool {
	outer, ok := k.test.(named)
	inner, both := other.test.(named)
	return !ok || !both || strings.HasPrefix(inner.Name(), outer.Name()+"/")
}

// A testing.TB is named.
type named interface{ Name() string }
