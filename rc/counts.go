package rc

// counts counts the handles of one value. Its methods are the parts of the
// fast paths that do not depend on the type of the value: what is left of
// Clone and Drop is small enough to inline, so that a handle that does not
// escape lives on its owner's stack.
type counts struct {
	strong int // Rcs; 0 while NewCyclic makes the value, and at the end
	weak   int // Weaks
	name   *string
	self   interface{ destroy() } // the shared value that these are part of
}

// retain counts one more owner, the handle to, which is a clone of from.
//
//go:noinline
func (c *counts) retain(from, to *handle) {
	if !from.live() {
		panic(from.misuse("Rc.Clone"))
	}
	to.begin()
	c.strong++
	if class.On() {
		c.track(to)
	}
}

// track gives the new owner h a token, if it is one that is sampled.
func (c *counts) track(h *handle) {
	if class.Sampled() {
		h.token = class.Begin("rc.Rc", c.label(), 1)
	}
}

// release ends the owner h and destroys the value with the last.
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

// less counts one owner less and destroys the value with the last.
func (c *counts) less() {
	if c.strong--; c.strong == 0 {
		c.self.destroy()
	}
}

// label returns the name that the value was given.
func (c *counts) label() string {
	if c.name == nil {
		return ""
	}
	return *c.name
}
