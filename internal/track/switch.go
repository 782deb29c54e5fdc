package track

import (
	"slices"
	"sync"
)

// switches holds what Start, Check and Track have asked for.
var switches struct {
	sync.Mutex
	classes  []*Class  // the registered ones
	trackers []*uint32 // the chances that Start and Check ask for, for all classes
}

// Register adds c to the classes that [Start] and [Check] turn on. changed is called
// after each change of the rate of c, unless changed is nil.
func Register(c *Class, changed func()) {
	switches.Lock()
	defer switches.Unlock()
	c.changed = changed
	switches.classes = append(switches.classes, c)
	c.update()
}

// Start tracks one in n of the handles of all classes that are made from now on,
// until stop is called. The smallest n of those that were not stopped applies. A
// second call of stop does nothing. n must be positive.
func Start(n int) (stop func()) {
	own := new(chance(n))
	switches.Lock()
	defer switches.Unlock()
	switches.trackers = append(switches.trackers, own)
	update()
	return func() {
		switches.Lock()
		defer switches.Unlock()
		switches.trackers = slices.DeleteFunc(switches.trackers, func(t *uint32) bool { return t == own })
		update()
	}
}

// update updates all classes. The caller holds switches.
func update() {
	for _, c := range switches.classes {
		c.update()
	}
}

// update sets the chance of c to the largest that is asked for. The caller holds
// switches.
func (c *Class) update() {
	most := c.own
	if slices.Contains(switches.classes, c) {
		for _, t := range switches.trackers {
			most = max(most, *t)
		}
	}
	c.chance.Store(most)
	if c.changed != nil {
		c.changed()
	}
}
