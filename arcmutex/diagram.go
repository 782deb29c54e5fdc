package arcmutex

import (
	"errors"
	"strconv"
	"strings"
)

// Diagram draws the handle, for package diagram.
func (a *Arc[T]) Diagram(draw func(name, state string, part any)) {
	if !a.live() {
		draw("", a.ended(), nil)
		return
	}
	draw("", "Arc", a.shared)
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

// Diagram draws the control block that all handles of one value point to. It is an owner
// of the value while it runs. If all other owners are dropped during that time, Diagram
// calls the destructor.
func (s *shared[T]) Diagram(draw func(name, state string, part any)) {
	n := s.strong.Load()
	owns := s.strong.TryInc()
	if !owns {
		n = 0
	}
	draw("strong", strconv.FormatInt(n, 10), nil)
	draw("weak", strconv.Itoa(s.weaks()), nil)
	if !owns {
		draw("value", "dropped", nil)
		return
	}
	defer s.less()
	draw("value", "", &s.value)
}

// ended returns why the handle is not live.
func (h *handle) ended() string { return strings.Trim(h.text(), "<>") }

// Diagram draws the state and the value, for package diagram. It holds the lock for
// reading while it runs, so a TryLock can fail. It does not wait: if the lock is not
// available, Diagram does not read the value.
func (m *Mutex[T]) Diagram(draw func(name, state string, part any)) {
	drawLock(draw, &m.lock, &m.value)
}

// Diagram draws the state and the value, for package diagram. It holds the lock for
// reading while it runs, so a TryLock can fail. It does not wait: if the lock is not
// available, Diagram does not read the value.
func (m *RWMutex[T]) Diagram(draw func(name, state string, part any)) {
	drawLock(draw, &m.lock, &m.value)
}

func drawLock[T any](draw func(name, state string, part any), l *lock, value *T) {
	state := l.text()
	if !l.try(sharing) {
		draw("state", state, nil)
		draw("value", "not read", nil)
		return
	}
	h, refused := l.opened(sharing, "", 3)
	defer h.leave(sharing, losses[sharing])
	draw("state", state, nil)
	if errors.Is(refused, ErrTaken) {
		draw("value", "taken", nil)
		return
	}
	draw("value", "", value)
}

// text returns the state of the lock as text.
func (l *lock) text() string {
	s := l.state.Load()
	var parts []string
	switch n := s / reader; {
	case s&held != 0:
		parts = append(parts, "locked")
	case n == 1:
		parts = append(parts, "1 reader")
	case n > 1:
		parts = append(parts, strconv.FormatUint(n, 10)+" readers")
	}
	if s&upgradable != 0 {
		parts = append(parts, "1 upgradable reader")
	}
	if len(parts) == 0 {
		parts = append(parts, "unlocked")
	}
	if s&queued != 0 {
		parts = append(parts, "goroutines wait")
	}
	if s&poisoned != 0 {
		parts = append(parts, "poisoned")
	}
	return strings.Join(parts, ", ")
}

// Diagram draws the state of a lock without its value.
func (l *lock) Diagram(draw func(name, state string, part any)) { draw("state", l.text(), nil) }

// Diagram draws the guard, for package diagram. It draws the lock and not the value,
// because only the holder of the guard may read the value.
func (g *Guard[T]) Diagram(draw func(name, state string, part any)) {
	drawGuard(draw, "Guard", g.lock, exclusive, g.key)
}

// Diagram draws the guard, for package diagram.
func (g RGuard[T]) Diagram(draw func(name, state string, part any)) {
	if g.grip == nil {
		draw("", "unlocked", nil)
		return
	}
	drawGuard(draw, "RGuard", g.lock, sharing, g.key)
}

// Diagram draws the guard, for package diagram.
func (g UGuard[T]) Diagram(draw func(name, state string, part any)) {
	if g.grip == nil {
		draw("", "unlocked", nil)
		return
	}
	drawGuard(draw, "UGuard", g.lock, upgrading, g.key)
}

func drawGuard(draw func(name, state string, part any), name string, l *lock, m mode, k uint64) {
	if l == nil || !l.holds(m, k) {
		draw("", "unlocked", nil)
		return
	}
	draw("", name, l)
}

// Diagram draws the value if it is set, for package diagram.
func (o *OnceLock[T]) Diagram(draw func(name, state string, part any)) {
	if v := o.value.Load(); v != nil {
		draw("value", "set", v)
		return
	}
	draw("value", "not set", nil)
}

// Diagram draws the value if it was computed, for package diagram.
func (l *LazyLock[T]) Diagram(draw func(name, state string, part any)) {
	switch {
	case l.once.IsDone():
		draw("value", "", &l.value)
	case l.IsPoisoned():
		draw("value", "poisoned", nil)
	default:
		draw("value", "not computed", nil)
	}
}

// Diagram draws the number of holders, for package diagram.
func (c *Count) Diagram(draw func(name, state string, part any)) {
	draw("", strconv.FormatInt(c.Load(), 10), nil)
}

// Diagram draws the state, for package diagram.
func (o *Once) Diagram(draw func(name, state string, part any)) { draw("state", o.text(), nil) }

// Diagram draws how many goroutines wait, for package diagram.
func (c *Cond) Diagram(draw func(name, state string, part any)) {
	draw("waiting", strconv.Itoa(c.waiting()), nil)
}
