package refcell_test

import (
	"fmt"
	"log/slog"
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
	LogValue() slog.Value
	fmt.Formatter
}

// A use is something that can be done with a guard, and that ends with a panic
// if the guard has ended.
type use struct {
	name string
	do   func(g guard)
}

func whole(p *pair) *pair              { return p }
func twice(p *pair) (*pair, *pair)     { return p, p }
func filter(p *pair) (*pair, bool)     { return p, true }
func rejected(p *pair) (*pair, bool)   { return nil, false }
func get(g guard)                      { g.Get() }
func ptr(g guard)                      { g.Ptr() }
func release(g guard)                  { g.Release() }
func as[G any](f func(*G)) func(guard) { return func(g guard) { f(any(g).(*G)) } }

type (
	ref       = refcell.Ref[pair]
	refMut    = refcell.RefMut[pair]
	atomicRef = refcell.AtomicRef[pair]
	atomicMut = refcell.AtomicRefMut[pair]
)

// guards has all types of guards: how to make one of a fresh cell, its copies,
// and all that it can do.
var guards = []struct {
	name string
	make func() (g guard, state func() (int, bool))
	zero func() guard
	copy func(g guard) guard
	part func(g guard) guard // consumes g
	uses []use
}{
	{"Ref", func() (guard, func() (int, bool)) {
		c := refcell.New(pair{1, 2})
		r := c.Borrow()
		return &r, c.BorrowState
	}, func() guard { return new(ref) }, func(g guard) guard { return forge(g.(*ref)) }, func(g guard) guard {
		m := refcell.Map(g.(*ref), whole)
		return &m
	}, []use{
		{"Ref.Get", get},
		{"Ref.Ptr", ptr},
		{"Ref.Release", release},
		{"Ref.Clone", as(func(r *ref) { c := r.Clone(); c.Release() })},
		{"Map", as(func(r *ref) { refcell.Map(r, whole) })},
		{"FilterMap", as(func(r *ref) { refcell.FilterMap(r, filter) })},
		{"FilterMap", as(func(r *ref) { refcell.FilterMap(r, rejected) })},
		{"MapSplit", as(func(r *ref) { refcell.MapSplit(r, twice) })},
	}},
	{"RefMut", func() (guard, func() (int, bool)) {
		c := refcell.New(pair{1, 2})
		r := c.BorrowMut()
		return &r, c.BorrowState
	}, func() guard { return new(refMut) }, func(g guard) guard { return forge(g.(*refMut)) }, func(g guard) guard {
		m := refcell.MapMut(g.(*refMut), whole)
		return &m
	}, []use{
		{"RefMut.Get", get},
		{"RefMut.Ptr", ptr},
		{"RefMut.Release", release},
		{"RefMut.Set", as(func(r *refMut) { r.Set(pair{}) })},
		{"MapMut", as(func(r *refMut) { refcell.MapMut(r, whole) })},
		{"FilterMapMut", as(func(r *refMut) { refcell.FilterMapMut(r, filter) })},
		{"FilterMapMut", as(func(r *refMut) { refcell.FilterMapMut(r, rejected) })},
		{"MapSplitMut", as(func(r *refMut) { refcell.MapSplitMut(r, twice) })},
	}},
	{"AtomicRef", func() (guard, func() (int, bool)) {
		c := refcell.NewAtomicRefCell(pair{1, 2})
		r := c.Borrow()
		return &r, c.BorrowState
	}, func() guard { return new(atomicRef) }, func(g guard) guard { return forge(g.(*atomicRef)) }, func(g guard) guard {
		m := refcell.MapAtomic(g.(*atomicRef), whole)
		return &m
	}, []use{
		{"AtomicRef.Get", get},
		{"AtomicRef.Ptr", ptr},
		{"AtomicRef.Release", release},
		{"AtomicRef.Clone", as(func(r *atomicRef) { c := r.Clone(); c.Release() })},
		{"MapAtomic", as(func(r *atomicRef) { refcell.MapAtomic(r, whole) })},
		{"FilterMapAtomic", as(func(r *atomicRef) { refcell.FilterMapAtomic(r, filter) })},
		{"FilterMapAtomic", as(func(r *atomicRef) { refcell.FilterMapAtomic(r, rejected) })},
		{"MapSplitAtomic", as(func(r *atomicRef) { refcell.MapSplitAtomic(r, twice) })},
	}},
	{"AtomicRefMut", func() (guard, func() (int, bool)) {
		c := refcell.NewAtomicRefCell(pair{1, 2})
		r := c.BorrowMut()
		return &r, c.BorrowState
	}, func() guard { return new(atomicMut) }, func(g guard) guard { return forge(g.(*atomicMut)) }, func(g guard) guard {
		m := refcell.MapMutAtomic(g.(*atomicMut), whole)
		return &m
	}, []use{
		{"AtomicRefMut.Get", get},
		{"AtomicRefMut.Ptr", ptr},
		{"AtomicRefMut.Release", release},
		{"AtomicRefMut.Set", as(func(r *atomicMut) { r.Set(pair{}) })},
		{"MapMutAtomic", as(func(r *atomicMut) { refcell.MapMutAtomic(r, whole) })},
		{"FilterMapMutAtomic", as(func(r *atomicMut) { refcell.FilterMapMutAtomic(r, filter) })},
		{"FilterMapMutAtomic", as(func(r *atomicMut) { refcell.FilterMapMutAtomic(r, rejected) })},
		{"MapSplitMutAtomic", as(func(r *atomicMut) { refcell.MapSplitMutAtomic(r, twice) })},
	}},
}

// ended asserts that g knows that it has ended, whatever is done with it.
func ended(t *testing.T, g guard, copied func(guard) guard, uses []use) {
	t.Helper()
	for _, u := range uses {
		err := testkit.PanicError(t, func() { u.do(copied(g)) })
		require.ErrorIs(t, err, refcell.ErrReleased, u.name)
		assert.EqualError(t, err, "refcell: "+u.name+": guard was released")
	}
	assert.Equal(t, "<released>", fmt.Sprint(g))
	assert.Equal(t, "<released>", g.LogValue().String())
}

// TestNoMethodOfAGuardThatEndedWorks goes through all guards, whole and part,
// all of their methods, and all ways in which they are over.
func TestNoMethodOfAGuardThatEndedWorks(t *testing.T) {
	for _, kind := range guards {
		for _, tracked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tracked=%v", kind.name, tracked), func(t *testing.T) {
				if tracked {
					refcell.Track(1)
					defer refcell.Track(0)
				}
				ended(t, kind.zero(), kind.copy, kind.uses)

				// A copy of an AtomicRef that is not tracked does not look at the
				// cell in Get and Ptr.
				ofCopies := kind.uses
				if kind.name == "AtomicRef" && !tracked {
					ofCopies = ofCopies[2:]
				}

				g, state := kind.make()
				c := kind.copy(g)
				g.Release()
				ended(t, g, kind.copy, kind.uses)
				ended(t, c, kind.copy, ofCopies)
				readers, writing := state()
				assert.Zero(t, readers)
				assert.False(t, writing)

				g, state = kind.make()
				c = kind.copy(g)
				p := kind.part(g)
				ended(t, g, kind.copy, kind.uses)
				if tracked || kind.name != "AtomicRef" { // which knows it only if it is tracked
					ended(t, c, kind.copy, kind.uses)
				}
				assert.Equal(t, pair{1, 2}, p.Get(), "the innocent")
				c = kind.copy(p)
				p.Release()
				ended(t, p, kind.copy, kind.uses)
				ended(t, c, kind.copy, ofCopies)
				readers, writing = state()
				assert.Zero(t, readers)
				assert.False(t, writing)
			})
		}
	}
}

// TestReleaseOfACopyPanicsAtTheCopy has readers beside the copied one, before and
// after it, of which none may notice.
func TestReleaseOfACopyPanicsAtTheCopy(t *testing.T) {
	for before := range 3 {
		for after := range 3 {
			c := refcell.New(pair{1, 2})
			var others []*ref
			borrow := func(n int) {
				for range n {
					r := c.Borrow()
					others = append(others, &r)
				}
			}
			borrow(before)
			r := c.Borrow()
			copies := []guard{forge(&r), forge(&r)}
			borrow(after)
			if before%2 == 1 {
				m := refcell.Map(&r, whole)
				m.Release()
			} else {
				r.Release()
			}
			borrow(after) // in its place
			for _, copied := range copies {
				ended(t, copied, guards[0].copy, guards[0].uses)
			}
			for i, o := range others {
				assert.Equal(t, pair{1, 2}, o.Get())
				n, _ := c.BorrowState()
				assert.Equal(t, len(others)-i, n)
				o.Release()
			}
			m := c.BorrowMut()
			ended(t, copies[0], guards[0].copy, guards[0].uses)
			m.Release()
		}
	}
}

// TestReleaseOfAnAtomicCopyAfterAWriterPanicsAtTheCopy is about what is known
// without tracking.
func TestReleaseOfAnAtomicCopyAfterAWriterPanicsAtTheCopy(t *testing.T) {
	c := refcell.NewAtomicRefCell(pair{1, 2})
	r := c.Borrow()
	copied := forge(&r)
	r.Release()
	m := c.BorrowMut()
	require.ErrorIs(t, testkit.PanicError(t, forge(copied).Release), refcell.ErrReleased)
	m.Release()
	innocent := c.Borrow()
	for range 3 {
		require.ErrorIs(t, testkit.PanicError(t, forge(copied).Release), refcell.ErrReleased)
		require.ErrorIs(t, testkit.PanicError(t, func() { forge(copied).Clone() }), refcell.ErrReleased)
	}
	n, _ := c.BorrowState()
	assert.Equal(t, 1, n)
	innocent.Release()
	last := c.BorrowMut()
	last.Release()
}
