package limit

import (
	"fmt"
	"log/slog"
	"strconv"
)

// String returns how many events are allowed at the moment, and the rate.
func (r *Rate) String() string {
	if r.bucket.Load() == nil {
		return "Rate(not made by NewRate)"
	}
	b, now := r.current("Rate.String")
	return fmt.Sprintf("Rate(%d available, %v)", b.available(b.word.Load(), now), &b.quota)
}

// GoString returns the same as String.
func (r *Rate) GoString() string { return r.String() }

// LogValue logs what String returns.
func (r *Rate) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Diagram draws the rate, for package diagram.
func (r *Rate) Diagram(draw func(name, state string, part any)) {
	if r.bucket.Load() == nil {
		draw("state", "not made by NewRate", nil)
		return
	}
	b, now := r.current("Rate.Diagram")
	draw("available", strconv.Itoa(b.available(b.word.Load(), now)), nil)
	draw("rate", b.String(), nil)
}

// String returns the number of events, and when they are allowed.
func (v *Reservation) String() string {
	switch {
	case v.word == nil:
		return "Reservation(none)"
	case v.canceled.Load():
		return "Reservation(canceled)"
	default:
		return fmt.Sprintf("Reservation(%d in %v)", v.events, v.Delay())
	}
}

// GoString returns the same as String.
func (v *Reservation) GoString() string { return v.String() }

// LogValue logs what String returns.
func (v *Reservation) LogValue() slog.Value { return slog.StringValue(v.String()) }

// String returns the number of keys and the rate of each.
func (k *Keyed[K]) String() string {
	if k.cells == nil {
		return "Keyed(not made by NewKeyed)"
	}
	return fmt.Sprintf("Keyed(%d of %d keys, %v)", k.Len(), k.maxKeys, &k.quota)
}

// GoString returns the same as String.
func (k *Keyed[K]) GoString() string { return k.String() }

// LogValue logs what String returns.
func (k *Keyed[K]) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Diagram draws the number of keys and the rate, for package diagram.
func (k *Keyed[K]) Diagram(draw func(name, state string, part any)) {
	if k.cells == nil {
		draw("state", "not made by NewKeyed", nil)
		return
	}
	draw("keys", fmt.Sprintf("%d of %d", k.Len(), k.maxKeys), nil)
	draw("rate of each", k.quota.String(), nil)
}

// String returns how much runs and waits, and the limits.
func (c *Concurrency) String() string {
	s, closed := c.look()
	end := ")"
	if closed {
		end = ", closed)"
	}
	return fmt.Sprintf("Concurrency(%d of %d running, %d of %d waiting%s", s.Running, s.Limit, s.Waiting, c.most, end)
}

// GoString returns the same as String.
func (c *Concurrency) GoString() string { return c.String() }

// LogValue logs what String returns.
func (c *Concurrency) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Diagram draws the concurrency, for package diagram.
func (c *Concurrency) Diagram(draw func(name, state string, part any)) {
	s, closed := c.look()
	draw("running", fmt.Sprintf("%d of %d", s.Running, s.Limit), nil)
	draw("waiting", fmt.Sprintf("%d of %d", s.Waiting, c.most), nil)
	if closed {
		draw("state", "closed", nil)
	}
}

// String returns whether p is held.
func (p Permit) String() string { return "Permit(" + p.text() + ")" }

// GoString returns the same as String.
func (p Permit) GoString() string { return p.String() }

// LogValue logs what String returns.
func (p Permit) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Diagram draws the permit, for package diagram. It points to its concurrency.
func (p Permit) Diagram(draw func(name, state string, part any)) {
	if p.permit == nil || p.of == nil {
		draw("", p.text(), nil)
		return
	}
	draw("permit of", p.text(), p.of)
}

func (p Permit) text() string {
	if p.permit == nil || p.of == nil {
		return p.end()
	}
	return "held"
}
