package rc

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/coderrange/ferrous/internal/show"
)

// A Weak refers to a value without owning it, after std::rc::Weak. It does not delay the
// destructor, and it does not keep the value in memory.
//
// A Weak is used through a pointer, which [Rc.Downgrade] and Clone return. It ends with
// Drop. The zero Weak refers to nothing: Upgrade returns false, and the counts are 0. A
// nil *Weak behaves the same, except that Drop panics. A Weak must not be copied.
//
// A Weak that is never dropped delays neither the destructor nor the garbage collector.
// But it counts in WeakCount, so [Rc.GetMut] returns false, and package track reports it.
type Weak[T any] struct {
	_ noCopy
	handle
	shared *shared[T] // nil for the zero Weak
}

// newWeak returns one more Weak. Exported methods call it directly: a stack trace of a
// tracked handle begins with its caller.
func (s *shared[T]) newWeak() *Weak[T] {
	w := &Weak[T]{shared: s}
	w.begin()
	s.weak++
	if class.On() && class.Sampled() {
		w.token = class.Begin("rc.Weak", s.label(), 1)
	}
	return w
}

// lend makes w a Weak that cannot be dropped. The function back drops it.
func (w *Weak[T]) lend() (back func()) {
	w.set(uintptr(unsafe.Pointer(&w.handle)) + 1)
	return func() {
		w.begin()
		w.Drop()
	}
}

// Upgrade returns one more owner of the value, or false if the value has no owner any
// more. The caller must Drop the owner.
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
		s.track(&r.handle, 1)
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

// Drop ends w. It never runs the destructor.
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

// StrongCount returns the number of owners, 0 after the last one was dropped.
func (w *Weak[T]) StrongCount() int {
	if s := w.use("StrongCount"); s != nil {
		return s.strong
	}
	return 0
}

// WeakCount returns the number of Weaks to the value, or 0 if there is no owner.
func (w *Weak[T]) WeakCount() int {
	if s := w.use("WeakCount"); s != nil && s.strong > 0 {
		return s.weak
	}
	return 0
}

// PtrEq reports whether w and other refer to the same value, also if it is destroyed, or
// are both zero or nil.
func (w *Weak[T]) PtrEq(other *Weak[T]) bool { return w.use("PtrEq") == other.use("PtrEq") }

// Format prints (Weak), because the value may contain w and printing it might not end.
// %+v and %#v print the counts: Weak(strong=3 weak=1).
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

// use returns what w refers to, nil for a zero or nil Weak. It panics in the name of
// method if w was dropped or is a copy.
func (w *Weak[T]) use(method string) *shared[T] {
	if !w.live() {
		panic(w.misuse("Weak." + method))
	}
	if w == nil {
		return nil
	}
	return w.shared
}

// live reports whether w was not dropped and is no copy. A nil, zero or lent Weak is
// live.
func (w *Weak[T]) live() bool {
	return w == nil || w.handle.live() || w.self == nil && w.shared == nil || w.lent()
}

// lent reports whether w is the Weak that NewCyclic passes to its function.
func (w *Weak[T]) lent() bool { return uintptr(w.self) == uintptr(unsafe.Pointer(&w.handle))+1 }
