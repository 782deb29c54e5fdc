// Package rc counts the owners of a value and runs its destructor when the last owner
// is dropped, for one goroutine, after Rust's std::rc and std::boxed.
//
// The garbage collector frees memory, but it does not close files or give connections
// back at a known time. An owner count does:
//
//	file := rc.NewDrop(f, func(f **os.File) { (*f).Close() })
//	log := file.Clone()  // a second owner of the same file
//	file.Drop()
//	(*log.Ptr()).WriteString("still open")
//	log.Drop()           // the last owner: closes the file
//	log.Ptr()            // panics: rc: Rc.Ptr: handle was dropped
//
// Which type to use:
//
//   - [Rc] for a value with several owners.
//   - [Weak] for a reference that does not own, such as one from a child to its parent.
//   - [Box] for a value with one owner, which can be moved.
//
// Every use of a handle after its end panics with an error that is [ErrDropped], and
// every use of a copied handle panics with one that is [ErrCopied], in normal builds. A
// nil function or a nil handle as an argument panics with the name of the method.
//
// The counts are not atomic. All handles of one value are for one goroutine at a time,
// and the race detector reports it if they are used by two. For several goroutines use
// Arc of package arcmutex.
//
// An Rc or Box that is never dropped is never destroyed: the garbage collector frees its
// memory, but does not run the destructor. Package track finds such handles.
package rc

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/coderrange/ferrous/internal/destruct"
	"github.com/coderrange/ferrous/internal/show"
)

// An Rc is one owner of a shared value, after std::rc::Rc.
//
// An Rc is used through a pointer, which [New], [NewDrop], [NewCyclic], Clone and
// Upgrade return. Each such handle ends with one Drop, IntoInner, TryUnwrap or
// UnwrapOrClone. The zero Rc is a handle that was dropped. An Rc must not be copied:
// pass the pointer, or Clone. The use of a copy changes nothing for the original.
//
// New allocates once, for the value, the counts and the first handle. Clone allocates
// 24 bytes if the clone escapes, and nothing otherwise.
type Rc[T any] struct {
	_ noCopy
	handle
	shared *shared[T]
}

// shared is what the handles of one value have in common.
type shared[T any] struct {
	counts // first, for Rc.counts
	drop   func(*T)
	first  Rc[T] // the handle that the constructor returns
	value  T     // zero from the last Drop on
}

// New returns the first owner of v. The value has no destructor.
//
//ferrous:acquire
func New[T any](v T) *Rc[T] { return NewDrop(v, nil) }

// NewDrop returns the first owner of v. The destructor drop is called once, when the
// last owner is dropped, whether or not Weaks remain. It is not called if the value is
// taken out by IntoInner, TryUnwrap or UnwrapOrClone. A nil drop means no destructor.
//
// If drop panics, the panic comes out of the Drop of the last owner, and the value is
// gone. A destructor may lock, wait and drop other handles; Drop waits for it. While it
// runs, the value counts as gone: the counts of its Weaks are 0, and Upgrade returns nil
// and false. Destructors nest at least 100 deep: what
// they drop is destroyed before Drop returns. Deeper ones run when the destructor that
// dropped them has returned. So a list of any length can be dropped.
//
//ferrous:acquire
func NewDrop[T any](v T, drop func(*T)) *Rc[T] {
	s := &shared[T]{drop: drop, value: v}
	s.self = s
	return s.born()
}

// NewCyclic returns the first owner of the value that f returns, with the destructor
// drop, as [NewDrop] does. It panics if f is nil.
//
// f gets a Weak to that value and may store clones of it in the value. The Weak itself
// ends when f returns, and f must not Drop it. While f runs the value does not exist
// yet: the strong count is 0, and Upgrade fails. If f panics or exits its goroutine, the
// value never exists: drop is not called, and clones of the Weak never upgrade.
//
//ferrous:acquire
func NewCyclic[T any](f func(self *Weak[T]) T, drop func(*T)) *Rc[T] {
	needFunc("NewCyclic", f != nil)
	s := &shared[T]{drop: drop}
	s.self = s
	self := s.newWeak()
	defer self.lend()()
	s.value = f(self)
	return s.born()
}

// Ptr returns a pointer to the value. All owners share the value: only read it, or let
// it be a type that checks its use, such as a refcell.RefCell. The pointer may be used
// until the last owner is dropped, or until MakeMut gives r a value of its own.
//
//ferrous:lends
func (r *Rc[T]) Ptr() *T {
	if !r.live() {
		panic(r.misuse("Rc.Ptr"))
	}
	return &r.shared.value
}

// Clone returns one more owner of the value. It does not copy the value.
//
//ferrous:acquire
func (r *Rc[T]) Clone() *Rc[T] {
	c := &Rc[T]{shared: r.shared}
	r.counts().retain(&r.handle, &c.handle)
	return c
}

// Drop ends r. If r is the last owner, Drop runs the destructor.
//
//ferrous:release
func (r *Rc[T]) Drop() { r.counts().release(&r.handle) }

// StrongCount returns the number of owners.
func (r *Rc[T]) StrongCount() int { return r.use("StrongCount").strong }

// WeakCount returns the number of Weaks to the value.
func (r *Rc[T]) WeakCount() int { return r.use("WeakCount").weak }

// PtrEq reports whether r and other own the same value, not merely an equal one. It
// panics if other is nil.
func (r *Rc[T]) PtrEq(other *Rc[T]) bool {
	s := r.use("PtrEq")
	if other == nil {
		panic(methodError("Rc.PtrEq", errNilHandle))
	}
	return s == other.use("PtrEq")
}

// Downgrade returns a Weak to the value.
//
//ferrous:acquire
func (r *Rc[T]) Downgrade() *Weak[T] { return r.use("Downgrade").newWeak() }

// TryUnwrap returns the value and ends r if r is the only owner. Weaks do not count, and
// the destructor does not run. With other owners it returns false, and r is unchanged.
//
//ferrous:takes r on ok
func (r *Rc[T]) TryUnwrap() (T, bool) {
	if r.use("TryUnwrap").strong > 1 {
		var zero T
		return zero, false
	}
	return r.IntoInner()
}

// IntoInner ends r. It returns the value if r was the last owner, and false otherwise.
// The destructor does not run.
//
//ferrous:takes r
func (r *Rc[T]) IntoInner() (T, bool) {
	s := r.leave("IntoInner")
	if s.strong--; s.strong > 0 {
		var zero T
		return zero, false
	}
	return s.take(), true
}

// GetMut returns a pointer to the value, which the caller may change, if r is the only
// handle: there is no other owner and no Weak. The caller may use the pointer until it
// uses r again.
//
//ferrous:lends
func (r *Rc[T]) GetMut() (*T, bool) {
	s := r.use("GetMut")
	if s.strong > 1 || s.weak > 0 {
		return nil, false
	}
	return &s.value, true
}

// A Cloner can copy itself. Its type decides how deep the copy is.
type Cloner[T any] interface{ Clone() T }

// UnwrapOrClone ends r and returns the value if r was the last owner, and a clone of it
// otherwise. It ends r even if the clone panics.
//
//ferrous:takes r
func UnwrapOrClone[T Cloner[T]](r *Rc[T]) T { return r.UnwrapOrCloneFunc(T.Clone) }

// UnwrapOrCloneFunc is [UnwrapOrClone] for values without a Clone method. It panics, and
// r is unchanged, if clone is nil.
//
//ferrous:takes r
func (r *Rc[T]) UnwrapOrCloneFunc(clone func(T) T) T {
	needFunc("Rc.UnwrapOrCloneFunc", clone != nil)
	s := r.leave("UnwrapOrClone")
	if s.strong == 1 {
		s.strong = 0
		return s.take()
	}
	defer s.less()
	return clone(s.value)
}

// MakeMut returns a pointer to a value that r owns alone and that the caller may change:
// clone on write. The caller may use the pointer until it uses r again.
//
// If there are other owners, r first gets a clone of the value, with the same
// destructor. If there are only Weaks, r keeps the value, and the Weaks no longer
// upgrade. In both cases the value moves, so call Ptr again. If clone panics, r is
// unchanged.
//
//ferrous:lends
func MakeMut[T Cloner[T]](r *Rc[T]) *T { return r.MakeMutFunc(T.Clone) }

// MakeMutFunc is [MakeMut] for values without a Clone method, such as a slice:
// r.MakeMutFunc(slices.Clone). It panics if clone is nil.
//
//ferrous:lends
func (r *Rc[T]) MakeMutFunc(clone func(T) T) *T {
	needFunc("Rc.MakeMutFunc", clone != nil)
	s := r.use("MakeMut")
	if s.strong == 1 && s.weak == 0 {
		return &s.value
	}
	own := &shared[T]{drop: s.drop}
	own.self, own.name, own.strong = own, s.name, 1
	if s.strong == 1 {
		own.value = s.take()
	} else {
		own.value = clone(s.value)
	}
	if !r.live() { // clone has ended r
		defer own.destroy()
		panic(r.misuse("Rc.MakeMut"))
	}
	old := r.shared // s, unless clone has called MakeMut
	r.shared = own
	old.less()
	return &own.value
}

// WithName sets the name of the value in leak reports, and returns r. It applies to r
// and to the handles that are made later, so call it before Clone.
func (r *Rc[T]) WithName(name string) *Rc[T] {
	r.use("WithName").name = &name
	r.token.Rename(name)
	return r
}

// Format prints the value. %+v and %#v print the counts too:
// Rc(42 strong=3 weak=1).
func (r *Rc[T]) Format(f fmt.State, verb rune) {
	if !r.live() {
		show.Text(f, verb, "Rc", r.text(), "")
		return
	}
	s := r.shared
	show.Value(f, verb, "Rc", &s.value, fmt.Sprintf("strong=%d weak=%d", s.strong, s.weak))
}

// LogValue logs the value and the counts.
func (r *Rc[T]) LogValue() slog.Value {
	if !r.live() {
		return slog.StringValue(r.text())
	}
	s := r.shared
	return slog.GroupValue(slog.Attr{Key: "value", Value: show.Log(&s.value)}, slog.Int("strong", s.strong), slog.Int("weak", s.weak))
}

// use returns what r shares. It panics in the name of method unless r is live.
func (r *Rc[T]) use(method string) *shared[T] {
	if !r.live() {
		panic(r.misuse("Rc." + method))
	}
	return r.shared
}

// leave ends the handle r and returns what it shares. The caller must still count one
// owner less. It panics in the name of method unless r is live.
func (r *Rc[T]) leave(method string) *shared[T] {
	s := r.use(method)
	r.end()
	r.token.End()
	return s
}

// counts returns the counts of what r shares: nil for the zero Rc.
func (r *Rc[T]) counts() *counts { return (*counts)(unsafe.Pointer(r.shared)) }

// born returns the first owner of s. Constructors call it directly: a stack trace of a
// tracked handle begins with its caller.
func (s *shared[T]) born() *Rc[T] {
	s.strong = 1
	first := &s.first
	if class.SampledAt(uintptr(unsafe.Pointer(s)), unsafe.Sizeof(*s)) {
		first = &Rc[T]{} // apart from s: other handles keep s alive, and would hide a leak
		first.token = class.Begin("rc.Rc", "", 1)
	}
	first.begin()
	first.shared = s
	return first
}

// take returns the value, and clears it and its destructor.
func (s *shared[T]) take() T {
	var zero T
	v := s.value
	s.value, s.drop = zero, nil
	return v
}

// destroy runs the destructor and clears the value. The strong count is already 0.
func (s *shared[T]) destroy() {
	if s.drop == nil {
		s.take()
		return
	}
	destruct.Run(s)
}

// Destruct runs the destructor.
func (s *shared[T]) Destruct() {
	defer s.take()
	s.drop(&s.value)
}
