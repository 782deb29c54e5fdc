package arcmutex

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
	"github.com/coderrange/ferrous/internal/track"
)

// A Weak refers to a value without owning it, after std::sync::Weak: it
// neither keeps the destructor from running nor the value from the garbage
// collector.
//
// It is made by [Arc.Downgrade] or Clone, and ended by Drop; every other use
// after that panics. The zero Weak refers to nothing, and so does a nil *Weak,
// which can be all but dropped. A Weak must not be copied. The methods are safe
// for concurrent use and wait-free.
type Weak[T any] struct {
	_      noCopy
	shared *shared[T] // nil for the zero Weak
	token  *track.Token
	life   life
}

// newWeak returns one more Weak. It is called by what is exported.
func (s *shared[T]) newWeak() *Weak[T] {
	w := &Weak[T]{shared: s}
	s.weak.Add(weakMade)
	if handles.On() && handles.Sampled() {
		w.token = handles.Begin("arcmutex.Weak", s.label(), 1)
	}
	return w
}

// Upgrade returns one more owner of the value, or false if the last one was
// dropped. It is one atomic add.
//
//ferrous:acquire
//ferrous:mustuse
func (w *Weak[T]) Upgrade() (a *Arc[T], ok bool) {
	token, ok := w.retain()
	if ok {
		a = &Arc[T]{shared: w.shared, token: token}
	}
	return
}

// retain counts one more owner, if there is one, and returns its token.
func (w *Weak[T]) retain() (token *track.Token, ok bool) {
	s := w.live("Upgrade")
	on := handles.On()
	if s == nil || !s.strong.TryInc() {
		return nil, false
	}
	if on && handles.Sampled() {
		token = handles.Begin("arcmutex.Arc", s.label(), 1)
	}
	return token, true
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
	if w.life.end() != 0 {
		dropped("Weak", "Drop")
	}
	w.token.End()
	if w.shared != nil {
		w.shared.weak.Add(weakGone)
	}
}

// StrongCount returns the number of owners, which other goroutines may change
// at any time. Once it is zero it stays so.
func (w *Weak[T]) StrongCount() int {
	if s := w.live("StrongCount"); s != nil {
		return int(s.strong.Load())
	}
	return 0
}

// WeakCount returns the number of Weaks to the value, or 0 if it is gone.
func (w *Weak[T]) WeakCount() int {
	if s := w.live("WeakCount"); s != nil && s.strong.Load() > 0 {
		return s.weaks()
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
	case w != nil && w.life.over() != 0:
		show.Text(f, verb, "Weak", "<dropped>", "")
	case show.Debug(f, verb):
		_, _ = fmt.Fprintf(f, "Weak(strong=%d weak=%d)", w.StrongCount(), w.WeakCount())
	default:
		_, _ = fmt.Fprint(f, "(Weak)")
	}
}

// LogValue logs the counts.
func (w *Weak[T]) LogValue() slog.Value {
	if w != nil && w.life.over() != 0 {
		return slog.StringValue("<dropped>")
	}
	return slog.GroupValue(slog.Int("strong", w.StrongCount()), slog.Int("weak", w.WeakCount()))
}

// live returns what w refers to, and panics if w was dropped.
func (w *Weak[T]) live(method string) *shared[T] {
	if w == nil {
		return nil
	}
	if w.life.over() != 0 {
		dropped("Weak", method)
	}
	return w.shared
}
