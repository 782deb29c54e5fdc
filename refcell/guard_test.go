package refcell_test

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/refcell"
)

// A guard is what all guards have in common.
type guard interface {
	Get() pair
	Ptr() *pair
	Release()
	printed
}

// printed is what fmt and slog print.
type printed interface {
	fmt.Formatter
	slog.LogValuer
}

// A use is something that can be done with a guard, and that ends with a panic if
// the guard has ended.
type use struct {
	name string
	do   func()
}

func whole(p *pair) *pair            { return p }
func twice(p *pair) (*pair, *pair)   { return p, p }
func fields(p *pair) (*int, *int)    { return &p.a, &p.b }
func filter(p *pair) (*pair, bool)   { return p, true }
func rejected(p *pair) (*pair, bool) { return nil, false }

// uses returns all that can be done with a guard for reading of the flavour.
func (s shared) uses(flavour string) []use {
	name := flavour + "Ref."
	return []use{
		{name + "Get", func() { s.Get() }},
		{name + "Ptr", func() { s.Ptr() }},
		{name + "Release", s.Release},
		{name + "Clone", func() { s.clone() }},
		{"Map" + flavour, func() { s.mapTo(whole) }},
		{"FilterMap" + flavour, func() { s.filter(filter) }},
		{"FilterMap" + flavour, func() { s.filter(rejected) }},
		{"MapSplit" + flavour, func() { s.split(twice) }},
	}
}

// uses returns all that can be done with a guard for writing of the flavour.
func (e exclusive) uses(flavour string) []use {
	name := flavour + "RefMut."
	return []use{
		{name + "Get", func() { e.Get() }},
		{name + "Ptr", func() { e.Ptr() }},
		{name + "Release", e.Release},
		{name + "Set", func() { e.set(pair{}) }},
		{"MapMut" + flavour, func() { e.mapTo(whole) }},
		{"FilterMapMut" + flavour, func() { e.filter(filter) }},
		{"FilterMapMut" + flavour, func() { e.filter(rejected) }},
		{"MapSplitMut" + flavour, func() { e.split(fields) }},
	}
}

// An item is a guard of any kind. It is not called by name but for its uses.
type item struct {
	guard
	copy func() item
	part func() item // consumes it
	uses []use
}

func (s shared) item(flavour string) item {
	return item{
		s.guard, func() item { return s.forge().item(flavour) },
		func() item { return s.mapTo(whole).item(flavour) }, s.uses(flavour),
	}
}

func (e exclusive) item(flavour string) item {
	return item{
		e.guard, func() item { return e.forge().item(flavour) },
		func() item { return e.mapTo(whole).item(flavour) }, e.uses(flavour),
	}
}

// ended asserts that g knows that it has ended, whatever is done with it: each use is
// of a copy of its own.
func ended(t *testing.T, g item, but ...string) {
	t.Helper()
	for i, u := range g.uses {
		if slices.Contains(but, u.name) {
			continue
		}
		err := testkit.PanicError(t, g.copy().uses[i].do)
		require.ErrorIs(t, err, refcell.ErrReleased, u.name)
		assert.EqualError(t, err, "refcell: "+u.name+": guard was released")
	}
	assert.Equal(t, "<released>", fmt.Sprint(g.guard))
	assert.Equal(t, "<released>", g.LogValue().String())
}

// TestNoMethodOfAGuardThatEndedWorks goes through all guards, whole and part, all of
// their methods, and all ways in which they end.
func TestNoMethodOfAGuardThatEndedWorks(t *testing.T) {
	for _, f := range flavours {
		for _, kind := range []string{"Ref", "RefMut"} {
			for _, tracked := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s%s/tracked=%v", f.name, kind, tracked), func(t *testing.T) {
					if tracked {
						refcell.Track(1)
						defer refcell.Track(0)
					}
					borrow := func() (item, func()) {
						c := f.cell(pair{1, 2})
						free := func() { refuses(t, c, false, false) }
						if kind == "Ref" {
							return c.borrow().item(f.name), free
						}
						return c.borrowMut().item(f.name), free
					}
					zero := f.mut().item(f.name)
					if kind == "Ref" {
						zero = f.ref().item(f.name)
					}
					ended(t, zero)

					// A copy of an AtomicRef that is not tracked does not look at the
					// cell in Get and Ptr.
					var but []string
					atomicRef := f.name+kind == "AtomicRef" && !tracked
					if atomicRef {
						but = []string{"AtomicRef.Get", "AtomicRef.Ptr"}
					}

					g, free := borrow()
					c := g.copy()
					g.Release()
					ended(t, g)
					ended(t, c, but...)
					free()

					g, free = borrow()
					c = g.copy()
					p := g.part()
					ended(t, g)
					if !atomicRef { // which learns of it only if it is tracked
						ended(t, c)
					}
					assert.Equal(t, pair{1, 2}, p.Get(), "the innocent")
					c = p.copy()
					p.Release()
					ended(t, p)
					ended(t, c, but...)
					free()
				})
			}
		}
	}
}

// TestMapWhoseFunctionReleasesItsGuardPanics ends the borrow in the middle of each Map.
func TestMapWhoseFunctionReleasesItsGuardPanics(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		refcell.Track(1) // a copy of an AtomicRef learns of the end
		defer refcell.Track(0)
		c := f.zero()
		for i := range 12 {
			var r shared
			var m exclusive
			var release func()
			if i%6 < 3 {
				r = c.borrow()
				release = r.Release
			} else {
				m = c.borrowMut()
				release = m.Release
			}
			switch { // by a copy
			case i >= 9:
				release = m.forge().Release
			case i >= 6:
				release = r.forge().Release
			}
			err := testkit.PanicError(t, []func(){
				func() { r.mapTo(func(p *pair) *pair { release(); return p }) },
				func() { r.filter(func(p *pair) (*pair, bool) { release(); return p, true }) },
				func() { r.split(func(p *pair) (*pair, *pair) { release(); return p, p }) },
				func() { m.mapTo(func(p *pair) *pair { release(); return p }) },
				func() { m.filter(func(p *pair) (*pair, bool) { release(); return p, true }) },
				func() { m.split(func(p *pair) (*int, *int) { release(); return &p.a, &p.b }) },
			}[i%6])
			require.ErrorIs(t, err, refcell.ErrReleased)
			refuses(t, c, false, false)
		}
	})
}

// TestMapOfAGuardThatEndedDoesNotCallItsFunction uses the zero guards.
func TestMapOfAGuardThatEndedDoesNotCallItsFunction(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		called := false
		one := func(p *pair) *pair { called = true; return p }
		maybe := func(p *pair) (*pair, bool) { called = true; return p, true }
		for _, use := range []func(){
			func() { f.ref().mapTo(one) },
			func() { f.ref().filter(maybe) },
			func() { f.ref().split(func(p *pair) (*pair, *pair) { called = true; return p, p }) },
			func() { f.mut().mapTo(one) },
			func() { f.mut().filter(maybe) },
			func() { f.mut().split(func(*pair) (*int, *int) { called = true; return nil, nil }) },
		} {
			require.ErrorIs(t, testkit.PanicError(t, use), refcell.ErrReleased)
			require.False(t, called)
		}
	})
}

// TestReleaseOfACopyPanicsAtTheCopy has readers beside the copied one, before and
// after it, of which none may notice.
func TestReleaseOfACopyPanicsAtTheCopy(t *testing.T) {
	for before := range 3 {
		for after := range 3 {
			c := flavours[0].cell(pair{1, 2})
			var others []shared
			borrow := func(n int) {
				for range n {
					others = append(others, c.borrow())
				}
			}
			borrow(before)
			r := c.borrow()
			copies := []shared{r.forge(), r.forge()}
			borrow(after)
			if before%2 == 1 {
				r.mapTo(whole).Release()
			} else {
				r.Release()
			}
			borrow(after) // in its place
			for _, copied := range copies {
				ended(t, copied.item(""))
			}
			for i, o := range others {
				assert.Equal(t, pair{1, 2}, o.Get())
				n, _ := c.BorrowState()
				assert.Equal(t, len(others)-i, n)
				o.Release()
			}
			m := c.borrowMut()
			ended(t, copies[0].item(""))
			m.Release()
		}
	}
}

// TestReleaseOfAnAtomicCopyAfterAWriterPanicsAtTheCopy is about what is known without
// tracking. It makes copies in several turns of writers.
func TestReleaseOfAnAtomicCopyAfterAWriterPanicsAtTheCopy(t *testing.T) {
	c := refcell.NewAtomicRefCell(pair{1, 2})
	for range 4 {
		r := c.Borrow()
		copied := forge(&r)
		r.Release()
		stale := func() {
			t.Helper()
			require.ErrorIs(t, testkit.PanicError(t, forge(copied).Release), refcell.ErrReleased)
			require.ErrorIs(t, testkit.PanicError(t, func() { forge(copied).Clone() }), refcell.ErrReleased)
		}
		m := c.BorrowMut()
		stale()
		m.Release()
		stale()
		innocent := c.Borrow()
		stale()
		stale()
		n, _ := c.BorrowState()
		assert.Equal(t, 1, n)
		innocent.Release()
		last := c.BorrowMut()
		last.Release()
	}
}
