package task

import "reflect"

// Diagram draws the state of the task and, when it has ended without an error, its
// value, for package diagram.
func (h *Handle[T]) Diagram(draw func(name, state string, part any)) {
	switch {
	case h.parent == nil:
		draw("state", "zero Handle", nil)
	case !h.isDone.Load():
		draw("state", "running", nil)
	case h.failure == nil:
		draw("state", "done", nil)
		draw("value", "", &h.value)
	case h.failure.panicked:
		draw("state", "panicked", nil)
	default:
		draw("state", "failed: "+reflect.TypeOf(h.failure.err).String(), nil)
	}
}
