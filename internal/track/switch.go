package track

import (
	"slices"
	"sync"
)

// switches says what is to be tracked.
var switches struct {
	sync.Mutex
	classes  []*Class  // that are registered
	trackers []*uint32 // the chances that Start and Check ask for, of all classes
}

// Register makes c one of the classes that [Start] and [Check] turn on. After
// each change of its rate changed is called, unless it is nil.
func Register(c *Class, changed func()) {
	switches.Lock()
	defer switches.Unlock()
	c.changed = changed
	switches.classes = append(switches.classes, c)
	c.update()
}

// Start tracks one of every n handles of all classes, made from now on until
// stop is called. Of several trackers the most eager counts. The first call of
// stop stops, others do nothing. n must be positive.
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

// update brings all classes up to date. Switches is held.
func update() {
	for _, c := range switches.classes {
		c.update()
	}
}

// update sets the chance of c to the largest that is asked for. Switches is
// held.
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
