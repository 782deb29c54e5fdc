package sema

import (
	"cmp"
	"fmt"
	"log/slog"
	"strconv"
)

// String returns the number of free permits.
func (s *Semaphore) String() string {
	if s.IsClosed() {
		return fmt.Sprintf("Semaphore(%d closed)", s.Available())
	}
	return fmt.Sprintf("Semaphore(%d)", s.Available())
}

// GoString returns the same as String.
func (s *Semaphore) GoString() string { return s.String() }

// LogValue logs what String returns.
func (s *Semaphore) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Diagram draws the semaphore, for package diagram.
func (s *Semaphore) Diagram(draw func(name, state string, part any)) {
	s.queue.Lock()
	waiting := s.queue.Len()
	s.queue.Unlock()
	draw("free", strconv.FormatInt(s.Available(), 10), nil)
	drawWaiting(draw, waiting)
	if s.IsClosed() {
		draw("state", "closed", nil)
	}
}

func drawWaiting(draw func(name, state string, part any), n int) {
	draw("waiting", strconv.Itoa(n), nil)
}

// String returns the number of permits, or how p has ended.
func (p Permit) String() string { return "Permit(" + p.text() + ")" }

// GoString returns the same as String.
func (p Permit) GoString() string { return p.String() }

// LogValue logs what String returns.
func (p Permit) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Diagram draws the permit, for package diagram. It points to its semaphore.
func (p Permit) Diagram(draw func(name, state string, part any)) {
	if p.permits == nil || p.sem == nil {
		draw("", p.text(), nil)
		return
	}
	draw("permits of", p.text(), p.sem.real())
}

func (p Permit) text() string {
	switch {
	case p.permits == nil:
		return "released"
	case p.sem == nil:
		return cmp.Or(ends[p.n], "not acquired")
	default:
		return strconv.FormatInt(p.n, 10)
	}
}

// String returns how many goroutines wait, or whether a notification is stored.
func (n *Notify) String() string {
	waiting, stored := n.look()
	if stored {
		return "Notify(stored)"
	}
	return fmt.Sprintf("Notify(%d waiting)", waiting)
}

// GoString returns the same as String.
func (n *Notify) GoString() string { return n.String() }

// LogValue logs what String returns.
func (n *Notify) LogValue() slog.Value { return slog.StringValue(n.String()) }

// Diagram draws the notify, for package diagram.
func (n *Notify) Diagram(draw func(name, state string, part any)) {
	waiting, stored := n.look()
	draw("stored", strconv.FormatBool(stored), nil)
	drawWaiting(draw, waiting)
}

// look returns how many goroutines wait, and whether a notification is stored.
func (n *Notify) look() (waiting int, stored bool) {
	n.queue.Lock()
	defer n.queue.Unlock()
	return n.queue.Len(), n.stored
}

// String returns whether the listener waits, was notified, or was closed.
func (l *Listener) String() string { return "Listener(" + l.text() + ")" }

// GoString returns the same as String.
func (l *Listener) GoString() string { return l.String() }

// LogValue logs what String returns.
func (l *Listener) LogValue() slog.Value { return slog.StringValue(l.String()) }

// Diagram draws the listener, for package diagram. It points to its Notify.
func (l *Listener) Diagram(draw func(name, state string, part any)) {
	if l.place == nil {
		draw("", l.text(), nil)
		return
	}
	draw("listens to", l.text(), l.notify)
}

func (l *Listener) text() string {
	switch {
	case l.place == nil, l.closed:
		return "closed"
	case l.notified():
		return "notified"
	default:
		return "waiting"
	}
}

// String returns how many goroutines wait, and how many the barrier is for.
func (b *Barrier) String() string { return fmt.Sprintf("Barrier(%d of %d)", b.Waiting(), b.parties) }

// GoString returns the same as String.
func (b *Barrier) GoString() string { return b.String() }

// LogValue logs what String returns.
func (b *Barrier) LogValue() slog.Value { return slog.StringValue(b.String()) }

// Diagram draws the barrier, for package diagram.
func (b *Barrier) Diagram(draw func(name, state string, part any)) {
	drawWaiting(draw, b.Waiting())
	draw("parties", strconv.Itoa(b.parties), nil)
}
