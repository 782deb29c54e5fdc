package arcmutex

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// An arcTrial is one run of threads over handles of one value.
type arcTrial struct {
	a, b      *Arc[int] // the owners at the start
	w         *Weak[int]
	made      []*Arc[int] // handles that are made, which keeps them off the stacks
	values    int         // that there were
	destroyed int         // runs of the destructor
	taken     int         // values that were moved out
	refused   int         // panics that say that a handle was dropped
	t         *testing.T
}

// misuse runs f, which may find its handle dropped.
func (r *arcTrial) misuse(f func()) {
	defer func() {
		if err, _ := recover().(error); errors.Is(err, ErrDropped) {
			r.refused++
		} else {
			assert.NoError(r.t, err)
		}
	}()
	f()
}

func (r *arcTrial) dropA() { r.a.Drop() }
func (r *arcTrial) dropB() { r.b.Drop() }

// twiceA ends a handle that another thread ends too.
func (r *arcTrial) twiceA() { r.misuse(r.a.Drop) }

// upgrade makes an owner, looks at the value and drops it.
func (r *arcTrial) upgrade() {
	if u, ok := r.w.Upgrade(); ok {
		r.made = append(r.made, u)
		assert.Equal(r.t, 5, u.shared.value, "an owner of a value that is gone")
		u.Drop()
	}
}

// cloneA clones a handle that another thread may have ended.
func (r *arcTrial) cloneA() {
	r.misuse(func() {
		c := r.a.Clone()
		r.made = append(r.made, c)
		assert.Equal(r.t, 5, c.shared.value, "an owner of a value that is gone")
		c.Drop()
	})
}

func (r *arcTrial) intoInner(a *Arc[int]) {
	if v, ok := a.IntoInner(); ok {
		assert.Equal(r.t, 5, v)
		r.taken++
	}
}

func (r *arcTrial) intoInnerA() { r.intoInner(r.a) }
func (r *arcTrial) intoInnerB() { r.intoInner(r.b) }

func (r *arcTrial) tryUnwrapA() {
	if _, ok := r.a.TryUnwrap(); ok {
		r.taken++
		return
	}
	r.a.Drop()
}

// changeHands makes of the owner b a Weak, an owner and a Weak again: there is
// always one of them.
func (r *arcTrial) changeHands() {
	w := r.b.Downgrade()
	r.b.Drop()
	u, ok := w.Upgrade()
	r.made = append(r.made, u)
	w.Drop()
	if assert.True(r.t, ok) {
		u.Downgrade()
		u.Drop()
	}
}

func (r *arcTrial) getMutA() {
	_, ok := r.a.GetMut()
	assert.False(r.t, ok, "GetMut is not alone")
}

func (r *arcTrial) makeMutA() {
	*r.a.MakeMutFunc(func(v int) int { r.values++; return v }) = 6
	r.a.Drop()
}

func TestArcExplored(t *testing.T) {
	type threads []func(*arcTrial)
	sets := map[string]struct {
		owners  int
		threads threads
		ends    bool // no owner is left
		refused int  // at most
	}{
		"one handle dropped twice":              {1, threads{(*arcTrial).twiceA, (*arcTrial).twiceA}, true, 1},
		"one handle dropped twice, and another": {2, threads{(*arcTrial).twiceA, (*arcTrial).twiceA, (*arcTrial).dropB}, true, 1},
		"drops and an upgrade":                  {2, threads{(*arcTrial).dropA, (*arcTrial).dropB, (*arcTrial).upgrade}, true, 0},
		"clone of a handle that is dropped":     {2, threads{(*arcTrial).cloneA, (*arcTrial).dropA, (*arcTrial).dropB}, true, 1},
		"two into inner":                        {2, threads{(*arcTrial).intoInnerA, (*arcTrial).intoInnerB}, true, 0},
		"two into inner and an upgrade":         {2, threads{(*arcTrial).intoInnerA, (*arcTrial).intoInnerB, (*arcTrial).upgrade}, true, 0},
		"try unwrap and drop":                   {2, threads{(*arcTrial).tryUnwrapA, (*arcTrial).dropB}, true, 0},
		"try unwrap and upgrade":                {1, threads{(*arcTrial).tryUnwrapA, (*arcTrial).upgrade}, true, 0},
		"make mut and upgrade":                  {1, threads{(*arcTrial).makeMutA, (*arcTrial).upgrade}, true, 0},
		"make mut and drop":                     {2, threads{(*arcTrial).makeMutA, (*arcTrial).dropB}, true, 0},
		"get mut while another changes hands":   {2, threads{(*arcTrial).getMutA, (*arcTrial).changeHands}, false, 0},
	}
	for name, set := range sets {
		t.Run(name, func(t *testing.T) {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				r := &arcTrial{t: t, values: 1}
				r.a = NewArcDrop(5, func(*int) { r.destroyed++ })
				r.w = r.a.Downgrade()
				if set.owners > 1 {
					r.b = r.a.Clone()
				}
				if name == "get mut while another changes hands" {
					r.w.Drop()
				}
				var fs []func()
				for _, f := range set.threads {
					fs = append(fs, func() { f(r) })
				}
				return fs, func() {
					if set.ends {
						assert.Equal(t, r.values, r.destroyed+r.taken, "%d destroyed, %d taken", r.destroyed, r.taken)
					}
					assert.LessOrEqual(t, r.refused, set.refused)
				}
			})
			t.Logf("%d interleavings", runs)
		})
	}
}

// methods is every method that several goroutines may call of the handles a and
// b and of the Weak w, and some of b, which belongs to one thread.
var methods = map[string]func(r *arcTrial) any{
	"a.Get":       func(r *arcTrial) any { return r.a.Ptr() != nil },
	"a.Clone":     func(r *arcTrial) any { r.made = append(r.made, r.a.Clone()); return "cloned" },
	"a.Drop":      func(r *arcTrial) any { r.a.Drop(); return "dropped" },
	"a.TryUnwrap": func(r *arcTrial) any { return r.got(r.a.TryUnwrap()) },
	"a.IntoInner": func(r *arcTrial) any { return r.got(r.a.IntoInner()) },
	"a.UnwrapOrClone": func(r *arcTrial) any {
		return r.got(r.a.UnwrapOrCloneFunc(func(v int) int { r.values++; return v }), true)
	},
	"a.StrongCount": func(r *arcTrial) any { return r.a.StrongCount() },
	"a.WeakCount":   func(r *arcTrial) any { return r.a.WeakCount() },
	"a.PtrEq":       func(r *arcTrial) any { return r.a.PtrEq(r.a) },
	"a.Downgrade":   func(r *arcTrial) any { return r.a.Downgrade() != nil },
	"a.WithName":    func(r *arcTrial) any { return r.a.WithName("x") == r.a },
	"a.Format":      func(r *arcTrial) any { return fmt.Sprint(r.a) != "" },
	"a.LogValue":    func(r *arcTrial) any { return r.a.LogValue().Kind() != 0 },
	"a.Diagram":     func(r *arcTrial) any { r.a.Diagram(draw); return true },
	"b.Drop":        func(r *arcTrial) any { r.b.Drop(); return "dropped" },
	"b.TryUnwrap":   func(r *arcTrial) any { return r.got(r.b.TryUnwrap()) },
	"b.IntoInner":   func(r *arcTrial) any { return r.got(r.b.IntoInner()) },
	"b.GetMut":      func(r *arcTrial) any { _, ok := r.b.GetMut(); return ok },
	"b.MakeMut": func(r *arcTrial) any {
		return *r.b.MakeMutFunc(func(v int) int { r.values++; return v })
	},
	"w.Upgrade":     func(r *arcTrial) any { u, ok := r.w.Upgrade(); r.made = append(r.made, u); return ok },
	"w.Clone":       func(r *arcTrial) any { return r.w.Clone() != nil },
	"w.Drop":        func(r *arcTrial) any { r.w.Drop(); return "dropped" },
	"w.StrongCount": func(r *arcTrial) any { return r.w.StrongCount() },
	"w.WeakCount":   func(r *arcTrial) any { return r.w.WeakCount() > 0 },
	"w.PtrEq":       func(r *arcTrial) any { return r.w.PtrEq(r.w) },
	"w.Format":      func(r *arcTrial) any { return fmt.Sprint(r.w) != "" },
	"w.Diagram":     func(r *arcTrial) any { r.w.Diagram(draw); return true },
}

// draw draws what a part points to, as package diagram does.
func draw(_, _ string, part any) {
	if d, ok := part.(interface {
		Diagram(draw func(name, state string, part any))
	}); ok {
		d.Diagram(draw)
	}
}

func (r *arcTrial) got(v int, ok bool) any {
	if ok {
		r.taken++
	}
	return fmt.Sprint(v, ok)
}

// twoSteps are the methods that clone a value and then drop an owner, in two steps as
// in Rust, and the methods that own the value while they run. Another owner may be
// dropped in between.
var twoSteps = []string{"a.UnwrapOrClone", "b.MakeMut", "a.Diagram", "w.Diagram"}

// program returns threads that call the named methods, and a function that says
// what each of them gave and what is left, and how many values are lost.
func program(owners int, names []string) (threads []func(), outcome func() (text string, lost int)) {
	r := &arcTrial{values: 1}
	r.a = NewArcDrop(5, func(*int) { r.destroyed++ })
	r.w = r.a.Downgrade()
	r.b = &Arc[int]{shared: r.a.shared}
	if owners > 1 {
		r.b = r.a.Clone()
	}
	s := r.a.shared
	results := make([]any, len(names))
	for i, name := range names {
		threads = append(threads, func() {
			defer func() {
				if err, ok := recover().(error); errors.Is(err, ErrDropped) {
					results[i] = "panics"
				} else if ok {
					results[i] = err
				}
			}()
			results[i] = methods[name](r)
		})
	}
	return threads, func() (string, int) {
		lost := r.values - r.destroyed - r.taken
		if s.strong.Load() > 0 {
			lost--
		}
		if r.b.shared != s && r.b.live() {
			lost--
		}
		return fmt.Sprint(results, " strong ", s.strong.Load(), " destroyed ", r.destroyed, " a is live ", r.a.live()), lost
	}
}

// users returns how many of the methods are those of one handle.
func users(names []string, handle string) (n int) {
	for _, name := range names {
		if strings.HasPrefix(name, handle) {
			n++
		}
	}
	return n
}

// permutations calls yield with every order of n things.
func permutations(n int, yield func(order []int)) {
	var extend func(order []int)
	extend = func(order []int) {
		if len(order) == n {
			yield(order)
		}
		for i := range n {
			if !slices.Contains(order, i) {
				extend(append(slices.Clip(order), i))
			}
		}
	}
	extend(nil)
}

// enders are the methods that end an Arc, or try to, and Upgrade.
var enders = []string{
	"a.Drop", "a.IntoInner", "a.TryUnwrap", "a.UnwrapOrClone",
	"b.Drop", "b.IntoInner", "b.TryUnwrap", "w.Upgrade",
}

// TestArcMethodsExplored runs every method of shared handles against every
// other, and triples of those that end a handle: of three ends of one handle, of
// which one waits for a TryUnwrap, those with a Drop. Whatever the interleaving, each
// call gives what it gives in some order of whole calls. So only the user of a
// dropped handle panics, and a value is destroyed or handed out once.
func TestArcMethodsExplored(t *testing.T) {
	programs, runs := 0, 0
	explore := func(names ...string) {
		if users(names, "b.") > 1 && (slices.Contains(names, "b.MakeMut") || slices.Contains(names, "b.GetMut")) {
			return // these need b for themselves
		}
		for owners := 1; owners <= 2 && !t.Failed(); owners++ {
			allowed := map[string]bool{}
			permutations(len(names), func(order []int) {
				threads, outcome := program(owners, names)
				for _, i := range order {
					threads[i]()
				}
				text, _ := outcome()
				allowed[text] = true
			})
			programs++
			runs += interleave.Explore(t, func() ([]func(), func()) {
				threads, outcome := program(owners, names)
				return threads, func() {
					text, lost := outcome()
					if lost != 0 {
						t.Errorf("%v of %d owners: %d values neither live nor destroyed nor handed out once: %s", names, owners, lost, text)
					}
					if !allowed[text] && !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(twoSteps, n) }) {
						t.Errorf("%v of %d owners: no order of whole calls gives %s", names, owners, text)
					}
				}
			})
		}
	}
	all := slices.Sorted(maps.Keys(methods))
	for i, first := range all {
		for _, second := range all[i:] {
			explore(first, second)
		}
	}
	for i, first := range enders {
		for j, second := range enders[i:] {
			for _, third := range enders[i+j:] {
				names := []string{first, second, third}
				switch {
				case max(users(names, "a."), users(names, "b.")) < 3 || !strings.Contains(fmt.Sprint(names), "TryUnwrap"):
					explore(names...)
				case testing.Short() || !slices.Contains(names, "a.Drop") || slices.Contains(names, "a.IntoInner"):
					// some 50,000 interleavings each; IntoInner ends a handle as Drop does
				default:
					explore(names...)
				}
			}
		}
	}
	t.Logf("%d programs, %d interleavings", programs, runs)
}
