package rc

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/coderrange/ferrous/internal/show"
)

// A Weak refers to a value without owning it, after std::rc::Weak: it neither
// keeps the destructor from running nor the value from the garbage collector.
//
// It is made by [Rc.Downgrade] or Clone, and ended by Drop; every use after
// that panics with an error that is [ErrDropped]. The zero Weak refers to
// nothing. A nil *Weak behaves the same, except that Drop panics. A Weak must
// not be copied: every use of a copy panics with an error that is [ErrCopied].
type Weak[T any] struct {
	_ noCopy
	handle
	shared *shared[T] // nil for the zero Weak
}

// newWeak returns one more Weak. It is called by what is exported.
func (s *shared[T]) newWeak() *Weak[T] {
	w := &Weak[T]{shared: s}
	w.begin()
	s.weak++
	if class.On() && class.Sampled() {
		w.token = class.Begin("rc.Weak", s.label(), 1)
	}
	return w
}

// lend makes w one that cannot be dropped, until what it returns is called.
func (w *Weak[T]) lend() (back func()) {
	w.set(uintptr(unsafe.Pointer(&w.handle)) + 1)
	return func() {
		w.begin()
		w.Drop()
	}
}

// Upgrade returns one more owner of the value, or false if the last one was
// dropped.
//
//ferrous:acquire
//ferrous:fallible
func (w *Weak[T]) Upgrade() (*Rc[T], bool) {
	s := w.use("Upgrade")
	if s == nil || s.strong == 0 {
		return nil, false
	}
	r := &Rc[T]{shared: s}
	r.begin()
	s.strong++
	if class.On() {
		s.track(&r.handle)
	}
	return r, true
}

// Clone returns one more Weak to the value.
//
//ferrous:acquire
func (w *Weak[T]) Clone() *Weak[T] {
	if s := w.use("Clone"); s != nil {
		return s.newWeak()
	}
	return &Weak[T]{}
}

// Drop ends this Weak. It never destroys the value.
//
//ferrous:release
func (w *Weak[T]) Drop() {
	s := w.use("Drop")
	switch {
	case s == nil:
		w.self = unsafe.Pointer(&nowhere)
		return
	case w.lent():
		panic(methodError("Weak.Drop", errLent))
	}
	w.end()
	w.token.End()
	s.weak--
}

// StrongCount returns the number of owners.
func (w *Weak[T]) StrongCount() int {
	if s := w.use("StrongCount"); s != nil {
		return s.strong
	}
	return 0
}

// WeakCount returns the number of Weaks to the value, or 0 if it is gone.
func (w *Weak[T]) WeakCount() int {
	if s := w.use("WeakCount"); s != nil && s.strong > 0 {
		return s.weak
	}
	return 0
}

// PtrEq reports whether w and other refer to the same value, or both to
// nothing from the beginning.
func (w *Weak[T]) PtrEq(other *Weak[T]) bool { return w.use("PtrEq") == other.use("PtrEq") }

// Format prints (Weak), since the value is not w's to show and may lead back
// to w. %+v and %#v print the counts: Weak(strong=3 weak=1).
func (w *Weak[T]) Format(f fmt.State, verb rune) {
	switch {
	case !w.live():
		show.Text(f, verb, "Weak", w.text(), "")
	case show.Debug(f, verb):
		_, _ = fmt.Fprintf(f, "Weak(strong=%d weak=%d)", w.StrongCount(), w.WeakCount())
	default:
		_, _ = fmt.Fprint(f, "(Weak)")
	}
}

// LogValue logs the counts.
func (w *Weak[T]) LogValue() slog.Value {
	if !w.live() {
		return slog.StringValue(w.text())
	}
	return slog.GroupValue(slog.Int("strong", w.StrongCount()), slog.Int("weak", w.WeakCount()))
}

// use returns what w refers to, and panics if w was dropped or is a copy.
func (w *Weak[T]) use(method string) *shared[T] {
	if !w.live() {
		panic(w.misuse("Weak." + method))
	}
	if w == nil {
		return nil
	}
	return w.shared
}

// live reports whether w was not dropped and is no copy. It may be nil, zero or
// lent.
func (w *Weak[T]) live() bool {
	return w == nil || w.handle.live() || w.self == nil && w.shared == nil || w.lent()
}

// lent reports whether w is lent by NewCyclic.
func (w *Weak[T]) lent() bool { return uintptr(w.self) == uintptr(unsafe.Pointer(&w.handle))+1 }
