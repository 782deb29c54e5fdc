package rc

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
	"github.com/coderrange/ferrous/internal/track"
)

// A Weak refers to a value without owning it, after std::rc::Weak: it neither
// keeps the destructor from running nor the value from the garbage collector.
//
// It is made by [Rc.Downgrade] or Clone, and ended by Drop; every other use
// after that panics. The zero Weak refers to nothing, and so does a nil *Weak,
// which can be all but dropped. A Weak must not be copied.
type Weak[T any] struct {
	_      noCopy
	shared *shared[T] // nil for the zero Weak, and when dropped
	token  *track.Token
	ended  bool
}

// newWeak returns one more Weak. It is called by what is exported.
func (s *shared[T]) newWeak() *Weak[T] {
	w := &Weak[T]{shared: s}
	s.weak++
	if class.On() && class.Sampled() {
		w.token = class.Begin("rc.Weak", s.label(), 1)
	}
	return w
}

// Upgrade returns one more owner of the value, or false if the last one was
// dropped.
//
//ferrous:acquire
//ferrous:mustuse
func (w *Weak[T]) Upgrade() (*Rc[T], bool) {
	s := w.live("Upgrade")
	if s == nil || s.strong == 0 {
		return nil, false
	}
	return &Rc[T]{shared: s, token: s.retain()}, true
}

// Clone returns one more Weak to the value.
//
//ferrous:acquire
//ferrous:mustuse
func (w *Weak[T]) Clone() *Weak[T] {
	if s := w.live("Clone"); s != nil {
		return s.newWeak()
	}
	return &Weak[T]{}
}

// Drop ends this Weak. It never destroys the value.
//
//ferrous:release
func (w *Weak[T]) Drop() {
	if s := w.live("Drop"); s != nil {
		s.weak--
		w.shared = nil
	}
	w.ended = true
	w.token.End()
}

// StrongCount returns the number of owners.
func (w *Weak[T]) StrongCount() int {
	if s := w.live("StrongCount"); s != nil {
		return s.strong
	}
	return 0
}

// WeakCount returns the number of Weaks to the value, or 0 if it is gone.
func (w *Weak[T]) WeakCount() int {
	if s := w.live("WeakCount"); s != nil && s.strong > 0 {
		return s.weak
	}
	return 0
}

// PtrEq reports whether w and other refer to the same value, or both to
// nothing from the beginning.
func (w *Weak[T]) PtrEq(other *Weak[T]) bool { return w.live("PtrEq") == other.live("PtrEq") }

// Format prints (Weak), since the value is not w's to show and may lead back
// to w. %+v and %#v print the counts: Weak(strong=3 weak=1).
func (w *Weak[T]) Format(f fmt.State, verb rune) {
	switch {
	case w != nil && w.ended:
		show.Text(f, verb, "Weak", "<dropped>", "")
	case show.Debug(f, verb):
		_, _ = fmt.Fprintf(f, "Weak(strong=%d weak=%d)", w.StrongCount(), w.WeakCount())
	default:
		_, _ = fmt.Fprint(f, "(Weak)")
	}
}

// LogValue logs the counts.
func (w *Weak[T]) LogValue() slog.Value {
	if w != nil && w.ended {
		return slog.StringValue("<dropped>")
	}
	return slog.GroupValue(slog.Int("strong", w.StrongCount()), slog.Int("weak", w.WeakCount()))
}

// live returns what w refers to, and panics if w was dropped.
func (w *Weak[T]) live(method string) *shared[T] {
	if w == nil {
		return nil
	}
	if w.ended {
		dropped("Weak", method)
	}
	return w.shared
}
