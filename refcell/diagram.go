package refcell

import (
	"errors"
	"strconv"
)

// Diagram draws the flag and the value, for package diagram.
func (c *RefCell[T]) Diagram(draw func(name, state string, part any)) {
	draw("flag", c.state.text(), nil)
	if c.state.flag != taken {
		draw("value", "", &c.value)
	}
}

// text says how the value is borrowed.
func (s *borrowState) text() string {
	switch {
	case s.flag == 0:
		return "0: free"
	case s.flag == taken:
		return "taken"
	case s.flag < 0:
		return "-1: borrowed for writing"
	case s.flag == 1:
		return "1: borrowed for reading"
	}
	return strconv.Itoa(s.flag) + ": borrowed for reading"
}

// Diagram draws the flag and the value, for package diagram. The value is borrowed
// for reading meanwhile; a value that is borrowed for writing is not read.
func (c *AtomicRefCell[T]) Diagram(draw func(name, state string, part any)) {
	w := c.state.word.Load()
	r, err := c.TryBorrow()
	switch {
	case errors.Is(err, ErrTaken):
		draw("flag", "taken", nil)
	case err != nil:
		draw("flag", "-1: borrowed for writing", nil)
		draw("value", "not read", nil)
	default:
		defer r.Release()
		flag := borrowState{}
		if isFree(w) {
			flag.flag = int(w & shares)
		}
		draw("flag", flag.text(), nil)
		draw("value", "", &c.value)
	}
}

// Diagram draws the guard, for package diagram.
func (r *Ref[T]) Diagram(draw func(name, state string, part any)) {
	if r.state.over(r.key.n, r.token) {
		draw("", "released", nil)
		return
	}
	draw("", "Ref", r.value)
}

// Diagram draws the guard, for package diagram.
func (r *RefMut[T]) Diagram(draw func(name, state string, part any)) {
	if r.state == nil || r.state.gen != r.gen {
		draw("", "released", nil)
		return
	}
	draw("", "RefMut", r.value)
}

// Diagram draws the guard, for package diagram.
func (r *AtomicRef[T]) Diagram(draw func(name, state string, part any)) {
	if r.state == nil {
		draw("", "released", nil)
		return
	}
	draw("", "AtomicRef", r.state)
}

// Diagram draws the guard, for package diagram. It points to the cell and not to
// the value, which only the holder of the guard may read.
func (r *AtomicRefMut[T]) Diagram(draw func(name, state string, part any)) {
	if r.state == nil || r.state.gen.Load() != r.gen {
		draw("", "released", nil)
		return
	}
	draw("", "AtomicRefMut", r.state)
}

// Diagram draws the flag alone.
func (s *atomicBorrowState) Diagram(draw func(name, state string, part any)) {
	switch w := s.word.Load(); {
	case w&gone != 0:
		draw("flag", "taken", nil)
	case !isFree(w):
		draw("flag", "-1: borrowed for writing", nil)
	default:
		draw("flag", (&borrowState{flag: int(w & shares)}).text(), nil)
	}
}

// Diagram draws the value, for package diagram.
func (c *Cell[T]) Diagram(draw func(name, state string, part any)) { draw("value", "", &c.value) }

// Diagram draws the value if it is set, for package diagram.
func (c *OnceCell[T]) Diagram(draw func(name, state string, part any)) {
	if !c.set {
		draw("value", "not set", nil)
		return
	}
	draw("value", "", &c.value)
}

// Diagram draws the value if it was computed, for package diagram.
func (c *LazyCell[T]) Diagram(draw func(name, state string, part any)) {
	if !c.cell.set {
		draw("value", "not computed", nil)
		return
	}
	draw("value", "", &c.cell.value)
}
