package rc

import (
	"strconv"
	"strings"
)

// Diagram draws the handle, for package diagram.
func (r *Rc[T]) Diagram(draw func(name, state string, part any)) {
	if !r.live() {
		draw("", r.ended(), nil)
		return
	}
	draw("", "Rc", r.shared)
}

// Diagram draws the handle, for package diagram.
func (b *Box[T]) Diagram(draw func(name, state string, part any)) {
	switch {
	case b.live():
		draw("", "Box", &b.owned.value)
	case b.copied():
		draw("", b.ended(), nil)
	default:
		draw("", "moved or dropped", nil)
	}
}

// Diagram draws the handle, for package diagram.
func (w *Weak[T]) Diagram(draw func(name, state string, part any)) {
	switch {
	case w == nil || w.shared == nil:
		draw("", "weak to nothing", nil)
	case !w.live():
		draw("", w.ended(), nil)
	default:
		draw("", "weak", w.shared)
	}
}

// Diagram draws what all handles of one value point to.
func (s *shared[T]) Diagram(draw func(name, state string, part any)) {
	draw("strong", strconv.Itoa(s.strong), nil)
	draw("weak", strconv.Itoa(s.weak), nil)
	if s.strong == 0 {
		draw("value", "dropped", nil)
		return
	}
	draw("value", "", &s.value)
}

// ended returns why the handle is not live.
func (h *handle) ended() string { return strings.Trim(h.text(), "<>") }
