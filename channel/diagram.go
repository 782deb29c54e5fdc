package channel

import (
	"fmt"
	"strconv"
)

// Diagram draws the handle, for package diagram.
func (s *Sender[T]) Diagram(draw func(name, state string, part any)) {
	drawHandle(draw, "Sender", s.closed.Load(), s.shared)
}

// Diagram draws the handle, for package diagram.
func (r *Receiver[T]) Diagram(draw func(name, state string, part any)) {
	drawHandle(draw, "Receiver", r.closed.Load(), r.shared)
}

// Diagram draws the handle, for package diagram.
func (w *WeakSender[T]) Diagram(draw func(name, state string, part any)) {
	drawHandle(draw, "weak sender", w.closed.Load(), w.shared)
}

func drawHandle[T any](draw func(name, state string, part any), name string, isClosed bool, s *shared[T]) {
	switch {
	case s == nil:
		draw("", "zero "+name, nil)
	case isClosed:
		draw("", "closed", nil)
	default:
		draw("", name, s)
	}
}

// Diagram draws what all handles of a channel point to. Messages are not read.
func (s *shared[T]) Diagram(draw func(name, state string, part any)) {
	draw("buffered", strconv.Itoa(s.core.len()), nil)
	draw("cap", fmt.Sprint(capText(s.core.cap())), nil)
	draw("senders", strconv.FormatInt(s.senders.Load(), 10), nil)
	draw("receivers", strconv.FormatInt(s.receivers.Load(), 10), nil)
	draw("weak senders", strconv.FormatInt(s.weaks.Load(), 10), nil)
	if s.core.isClosed() {
		draw("state", "closed", nil)
	}
}
