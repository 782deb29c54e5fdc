package rc

import "github.com/coderrange/ferrous/internal/track"

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

// retain counts one more owner and returns its token.
func (c *counts) retain() *track.Token {
	c.strong++
	if class.On() && class.Sampled() {
		return class.Begin("rc.Rc", c.label(), 1)
	}
	return nil
}

// release counts one owner less and destroys the value with the last.
func (c *counts) release(t *track.Token) {
	if t != nil {
		t.End()
	}
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
