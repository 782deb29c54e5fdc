package rc

// counts counts the handles of one value. Its methods are the parts of Clone and Drop
// that do not depend on the type of the value. What remains of Clone and Drop is small
// enough to inline, so a handle that does not escape lives on the caller's stack.
type counts struct {
	strong int                    // number of owners; 0 while NewCyclic makes the value, and after the last Drop
	weak   int                    // number of Weaks
	name   *string                // what WithName set, or nil
	self   interface{ destroy() } // the shared value that contains these counts
}

// retain counts one more owner: the handle to, which becomes a clone of from.
//
//go:noinline
func (c *counts) retain(from, to *handle) {
	if !from.live() {
		panic(from.misuse("Rc.Clone"))
	}
	to.begin()
	c.strong++
	if class.On() {
		c.track(to, 2)
	}
}

// track gives the new owner h a token, if it is one that is sampled. Its stack begins
// skip frames above track.
func (c *counts) track(h *handle, skip int) {
	if class.Sampled() {
		h.token = class.Begin("rc.Rc", c.label(), skip)
	}
}

// release ends the owner h. It destroys the value if h was the last owner.
//
//go:noinline
func (c *counts) release(h *handle) {
	if !h.live() {
		panic(h.misuse("Rc.Drop"))
	}
	h.end()
	if h.token != nil {
		h.token.End()
	}
	c.less()
}

// less counts one owner less. It destroys the value after the last owner.
func (c *counts) less() {
	if c.strong--; c.strong == 0 {
		c.self.destroy()
	}
}

// label returns the name that WithName set, or nothing.
func (c *counts) label() string {
	if c.name == nil {
		return ""
	}
	return *c.name
}
