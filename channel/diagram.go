package channel

import (
	"fmt"
	"strconv"
)

// Diagram draws the handle, for package diagram.
func (s *Sender[T]) Diagram(draw func(name, state string, part any)) {
	drawEnd(draw, "Sender", s.closed.Load(), s.shared)
}

// Diagram draws the handle, for package diagram.
func (r *Receiver[T]) Diagram(draw func(name, state string, part any)) {
	drawEnd(draw, "Receiver", r.closed.Load(), r.shared)
}

// Diagram draws the handle, for package diagram.
func (w *WeakSender[T]) Diagram(draw func(name, state string, part any)) {
	drawEnd(draw, "weak sender", w.closed.Load(), w.shared)
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

// Diagram draws the handle, for package diagram.
func (s *OneshotSender[T]) Diagram(draw func(name, state string, part any)) {
	drawOneshot(draw, "OneshotSender", s.c)
}

// Diagram draws the handle, for package diagram.
func (r *OneshotReceiver[T]) Diagram(draw func(name, state string, part any)) {
	drawOneshot(draw, "OneshotReceiver", r.c)
}

// drawOneshot draws a handle of a oneshot. The message is not read.
func drawOneshot[T any](draw func(name, state string, part any), name string, c *oneshot[T]) {
	if c == nil {
		draw("", "zero "+name, nil)
		return
	}
	state := c.state.Load()
	draw("message", oneshotText(state), nil)
	draw("sender", endText(state&oneshotTxClosed), nil)
	draw("receiver", endText(state&oneshotRxClosed), nil)
}

func oneshotText(state uint32) string {
	switch {
	case state&oneshotTaken != 0:
		return "taken"
	case state&oneshotSent != 0:
		return "sent"
	default:
		return "none"
	}
}

func endText(closed uint32) string {
	if closed != 0 {
		return "closed"
	}
	return "open"
}

// Diagram draws the handle, for package diagram.
func (s *BroadcastSender[T]) Diagram(draw func(name, state string, part any)) {
	drawEnd(draw, "BroadcastSender", s.closed.Load(), s.b)
}

// Diagram draws the handle, for package diagram.
func (r *BroadcastReceiver[T]) Diagram(draw func(name, state string, part any)) {
	drawEnd(draw, "BroadcastReceiver", r.closed.Load(), r.b)
}

// Diagram draws what all handles of a broadcast point to. Messages are not read.
func (b *broadcast[T]) Diagram(draw func(name, state string, part any)) {
	draw("sent", strconv.FormatUint(b.tail.Load(), 10), nil)
	draw("cap", strconv.Itoa(len(b.ring)), nil)
	draw("senders", strconv.FormatInt(b.senders.Load(), 10), nil)
	draw("receivers", strconv.FormatInt(b.receivers.Load(), 10), nil)
}

// Diagram draws the handle, for package diagram.
func (s *WatchSender[T]) Diagram(draw func(name, state string, part any)) {
	drawEnd(draw, "WatchSender", s.closed.Load(), s.w)
}

// Diagram draws the handle, for package diagram.
func (r *WatchReceiver[T]) Diagram(draw func(name, state string, part any)) {
	drawEnd(draw, "WatchReceiver", r.closed.Load(), r.w)
}

// Diagram draws what all handles of a watch point to, the value too unless it is just
// being written. Senders wait until it is drawn.
func (w *watch[T]) Diagram(draw func(name, state string, part any)) {
	if w.mu.TryRLock() {
		defer w.mu.RUnlock()
		draw("value", "", &w.value)
	} else {
		draw("value", "locked", nil)
	}
	draw("version", strconv.FormatUint(w.version.Load(), 10), nil)
	draw("senders", strconv.FormatInt(w.senders.Load(), 10), nil)
	draw("receivers", strconv.FormatInt(w.receivers.Load(), 10), nil)
}

// drawEnd draws a handle of which part is the shared half.
func drawEnd[P any](draw func(name, state string, part any), name string, isClosed bool, part *P) {
	switch {
	case part == nil:
		draw("", "zero "+name, nil)
	case isClosed:
		draw("", "closed", nil)
	default:
		draw("", name, part)
	}
}
