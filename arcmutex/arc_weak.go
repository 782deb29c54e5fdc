package arcmutex

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"unsafe"

	"github.com/coderrange/ferrous/internal/show"
)

// A Weak refers to the value of an [Arc] without owning it. It does not delay the
// destructor, and after the destructor it does not keep the value in memory.
//
// [Arc.Downgrade] and [Weak.Clone] return a Weak. Drop ends it, and every later use
// panics with an error that is [ErrDropped]. The zero Weak and a nil *Weak refer to
// nothing: Upgrade fails, and the counts are 0. The zero Weak can be dropped; Drop of a
// nil *Weak panics. A Weak must not be copied: every use of a copy panics with an error
// that is [ErrCopied]. The methods are safe for concurrent use and wait-free.
//
// A Weak that is never dropped delays neither the destructor nor the garbage collector.
// But it counts in WeakCount, so [Arc.GetMut] returns false, and package track reports
// it.
//
// When the last owner ends, the counts become 0 before the destructor runs. So in the
// destructor, StrongCount and WeakCount are 0, and Upgrade fails.
//
// After std::sync::Weak.
type Weak[T any] struct {
	_ noCopy
	handle
	shared *shared[T] // nil for the zero Weak
}

// newWeak returns another Weak, for exported functions.
func (s *shared[T]) newWeak() *Weak[T] {
	w := &Weak[T]{shared: s}
	w.begin()
	s.weak.Add(weakMade)
	if handles.On() && handles.Sampled() {
		w.token = handles.Begin("arcmutex.Weak", s.label(), 1)
	}
	return w
}

// lend holds w, so that it cannot be dropped. The function that it returns drops w.
func (w *Weak[T]) lend() (back func()) {
	w.tryHold()
	return func() {
		w.release(true)
		w.Drop()
	}
}

// Upgrade returns a new owner of the value and true. If the value has no owner any
// more, it returns nil and false. It is one atomic addition.
//
//ferrous:acquire
//ferrous:fallible
func (w *Weak[T]) Upgrade() (a *Arc[T], ok bool) {
	a = &Arc[T]{}
	if ok = w.retain(a); !ok {
		a = nil
	}
	return
}

// retain makes to an owner of the value if there is another owner, and reports
// whether it did.
func (w *Weak[T]) retain(to *Arc[T]) bool {
	on := handles.On()
	if w == nil || !w.handle.live() { // the common case, live, is inlined
		w.use("Upgrade")
		return false
	}
	s := w.shared
	if !s.strong.TryInc() {
		return false
	}
	to.shared = s
	to.begin()
	if on {
		s.track(&to.handle, 2)
	}
	return true
}

// Clone returns another Weak to the value.
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
	s := w.shared
	switch {
	case s == nil:
		if !atomic.CompareAndSwapUintptr(w.word(), 0, uintptr(unsafe.Pointer(&nowhere))) {
			panic(w.misuse("Weak.Drop"))
		}
		return
	case w.tryEnd():
		w.token.End()
		s.weak.Add(weakGone)
	case w.held():
		panic(methodError("Weak.Drop", errLent))
	default:
		panic(w.misuse("Weak.Drop"))
	}
}

// StrongCount returns the number of owners. Other goroutines may change the number
// at any time. Once it is zero, it stays zero.
func (w *Weak[T]) StrongCount() int {
	strong, _ := w.use("StrongCount").seen()
	return strong
}

// WeakCount returns the number of Weaks to the value, or 0 if there is no owner.
func (w *Weak[T]) WeakCount() int {
	_, weak := w.use("WeakCount").seen()
	if !w.live() { // another goroutine has ended w; weak may not include it
		panic(w.misuse("Weak.WeakCount"))
	}
	return weak
}

// seen returns the number of owners and of Weaks, or zeros if there is no owner.
func (s *shared[T]) seen() (strong, weak int) {
	if s == nil {
		return 0, 0
	}
	if strong = int(s.strong.Load()); strong > 0 {
		weak = s.weaks()
	}
	return strong, weak
}

// PtrEq reports whether w and other refer to the same value, also if it is destroyed, or
// are both zero or nil.
func (w *Weak[T]) PtrEq(other *Weak[T]) bool { return w.use("PtrEq") == other.use("PtrEq") }

// Format prints (Weak), without the value: w does not own the value, and the value may
// contain w. %+v and %#v print the counts: Weak(strong=3 weak=1).
func (w *Weak[T]) Format(f fmt.State, verb rune) {
	switch {
	case !w.live():
		show.Text(f, verb, "Weak", w.text(), "")
	case show.Debug(f, verb):
		strong, weak := w.refers().seen()
		_, _ = fmt.Fprintf(f, "Weak(strong=%d weak=%d)", strong, weak)
	default:
		_, _ = fmt.Fprint(f, "(Weak)")
	}
}

// LogValue logs the counts.
func (w *Weak[T]) LogValue() slog.Value {
	if !w.live() {
		return slog.StringValue(w.text())
	}
	strong, weak := w.refers().seen()
	return slog.GroupValue(slog.Int("strong", strong), slog.Int("weak", weak))
}

// use returns the control block that w refers to. It panics if w was dropped or is a
// copy.
func (w *Weak[T]) use(method string) *shared[T] {
	if !w.live() {
		panic(w.misuse("Weak." + method))
	}
	return w.refers()
}

// live reports whether w was not dropped and is not a copy. w may be nil, zero or
// held.
func (w *Weak[T]) live() bool {
	return w == nil || w.handle.live() || w.shared == nil && atomic.LoadUintptr(w.word()) == 0
}

// refers returns the control block that w refers to, or nil for a nil or zero Weak.
func (w *Weak[T]) refers() *shared[T] {
	if w == nil {
		return nil
	}
	return w.shared
}
