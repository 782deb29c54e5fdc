package refcell_test

import (
	"testing"

	"github.com/coderrange/ferrous/refcell"
)

// pair is a value with parts.
type pair struct{ a, b int }

// A flavour is plain or atomic. The tests of what both have in common run for each.
type flavour struct {
	name string // as in the names of its types and functions: nothing, or Atomic
	cell func(pair) cell
	zero func() cell
	ref  func() shared    // the zero guards
	mut  func() exclusive //
	// thirds divides an exclusive borrow into two, and one of these again.
	thirds func() (parts [3]half, state func() (int, bool), take func() [3]int)
}

var flavours = []flavour{
	flavourOf("", refcell.New[pair], maps[refcell.Ref[pair], refcell.RefMut[pair], refcell.RefMut[int]]{
		refcell.Map[pair, pair], refcell.FilterMap[pair, pair], refcell.MapSplit[pair, pair, pair],
		refcell.MapMut[pair, pair], refcell.FilterMapMut[pair, pair], refcell.MapSplitMut[pair, int, int],
	}, func() (parts [3]half, state func() (int, bool), take func() [3]int) {
		c := refcell.New([3]int{})
		m := c.BorrowMut()
		x, rest := refcell.MapSplitMut(&m, func(v *[3]int) (*int, *[2]int) { return &v[0], (*[2]int)(v[1:]) })
		y, z := refcell.MapSplitMut(&rest, func(v *[2]int) (*int, *int) { return &v[0], &v[1] })
		return [3]half{halfOf(&x), halfOf(&y), halfOf(&z)}, c.BorrowState, c.Take
	}),
	flavourOf("Atomic", refcell.NewAtomicRefCell[pair], maps[refcell.AtomicRef[pair], refcell.AtomicRefMut[pair], refcell.AtomicRefMut[int]]{
		refcell.MapAtomic[pair, pair], refcell.FilterMapAtomic[pair, pair], refcell.MapSplitAtomic[pair, pair, pair],
		refcell.MapMutAtomic[pair, pair], refcell.FilterMapMutAtomic[pair, pair], refcell.MapSplitMutAtomic[pair, int, int],
	}, func() (parts [3]half, state func() (int, bool), take func() [3]int) {
		c := refcell.NewAtomicRefCell([3]int{})
		m := c.BorrowMut()
		x, rest := refcell.MapSplitMutAtomic(&m, func(v *[3]int) (*int, *[2]int) { return &v[0], (*[2]int)(v[1:]) })
		y, z := refcell.MapSplitMutAtomic(&rest, func(v *[2]int) (*int, *int) { return &v[0], &v[1] })
		return [3]half{halfOf(&x), halfOf(&y), halfOf(&z)}, c.BorrowState, c.Take
	}),
}

// eachFlavour runs a test for every flavour.
func eachFlavour(t *testing.T, test func(t *testing.T, f flavour)) {
	for _, f := range flavours {
		t.Run(f.name+"RefCell", func(t *testing.T) { test(t, f) })
	}
}

// A cell is a RefCell or an AtomicRefCell.
type cell struct {
	methods
	borrow       func() shared
	borrowMut    func() exclusive
	tryBorrow    func() (shared, error)
	tryBorrowMut func() (exclusive, error)
	swap         func(cell)
	swapNil      func()
	itself       any
}

// methods are those of both types of cells that do not mention their guards.
type methods interface {
	RWith(f func(*pair))
	RWithErr(f func(*pair) error) error
	With(f func(*pair))
	WithErr(f func(*pair) error) error
	ReplaceWith(f func(*pair) pair) pair
	Replace(v pair) pair
	Take() pair
	IntoInner() pair
	BorrowState() (readers int, writing bool)
	printed
}

// shared is a guard for reading.
type shared struct {
	guard
	clone  func() shared
	mapTo  func(func(*pair) *pair) shared
	filter func(func(*pair) (*pair, bool)) (shared, bool)
	split  func(func(*pair) (*pair, *pair)) (shared, shared)
	forge  func() shared // a copy that go vet does not see
}

// exclusive is a guard for writing.
type exclusive struct {
	guard
	set    func(pair)
	mapTo  func(func(*pair) *pair) exclusive
	filter func(func(*pair) (*pair, bool)) (exclusive, bool)
	split  func(func(*pair) (*int, *int)) (half, half)
	forge  func() exclusive
}

// half is one of the parts of an exclusive borrow.
type half struct {
	set     func(int)
	get     func() int
	release func()
	forge   func() half
}

// maps are the functions of a flavour that take guards.
type maps[R, M, H any] struct {
	mapTo     func(*R, func(*pair) *pair) R
	filter    func(*R, func(*pair) (*pair, bool)) (R, bool)
	split     func(*R, func(*pair) (*pair, *pair)) (R, R)
	mapMut    func(*M, func(*pair) *pair) M
	filterMut func(*M, func(*pair) (*pair, bool)) (M, bool)
	splitMut  func(*M, func(*pair) (*int, *int)) (H, H)
}

// The types of a flavour as constraints.
type (
	cellType[C, R, M any] interface {
		*C
		methods
		Borrow() R
		BorrowMut() M
		TryBorrow() (R, error)
		TryBorrowMut() (M, error)
		Swap(other *C)
	}
	refType[R any] interface {
		*R
		guard
		Clone() R
	}
	mutType[M any] interface {
		*M
		guard
		Set(v pair)
	}
	halfType[H any] interface {
		*H
		Get() int
		Set(v int)
		Release()
	}
)

func flavourOf[C, R, M, H any, PC cellType[C, R, M], PR refType[R], PM mutType[M], PH halfType[H]](
	name string, newCell func(pair) PC, maps maps[R, M, H], thirds func() ([3]half, func() (int, bool), func() [3]int),
) flavour {
	var reader func(r *R) shared
	reader = func(r *R) shared {
		return shared{
			guard: PR(r),
			clone: func() shared { n := PR(r).Clone(); return reader(&n) },
			mapTo: func(f func(*pair) *pair) shared { n := maps.mapTo(r, f); return reader(&n) },
			filter: func(f func(*pair) (*pair, bool)) (shared, bool) {
				n, ok := maps.filter(r, f)
				return reader(&n), ok
			},
			split: func(f func(*pair) (*pair, *pair)) (shared, shared) {
				a, b := maps.split(r, f)
				return reader(&a), reader(&b)
			},
			forge: func() shared { return reader(forge(r)) },
		}
	}
	var writer func(m *M) exclusive
	writer = func(m *M) exclusive {
		return exclusive{
			guard: PM(m),
			set:   PM(m).Set,
			mapTo: func(f func(*pair) *pair) exclusive { n := maps.mapMut(m, f); return writer(&n) },
			filter: func(f func(*pair) (*pair, bool)) (exclusive, bool) {
				n, ok := maps.filterMut(m, f)
				return writer(&n), ok
			},
			split: func(f func(*pair) (*int, *int)) (half, half) {
				a, b := maps.splitMut(m, f)
				return halfOf[H, PH](&a), halfOf[H, PH](&b)
			},
			forge: func() exclusive { return writer(forge(m)) },
		}
	}
	of := func(c PC) cell {
		return cell{
			methods:      c,
			borrow:       func() shared { r := c.Borrow(); return reader(&r) },
			borrowMut:    func() exclusive { m := c.BorrowMut(); return writer(&m) },
			tryBorrow:    func() (shared, error) { r, err := c.TryBorrow(); return reader(&r), err },
			tryBorrowMut: func() (exclusive, error) { m, err := c.TryBorrowMut(); return writer(&m), err },
			swap:         func(other cell) { c.Swap(other.itself.(PC)) },
			swapNil:      func() { c.Swap(nil) },
			itself:       c,
		}
	}
	return flavour{
		name: name,
		cell: func(v pair) cell { return of(newCell(v)) },
		zero: func() cell { return of(new(C)) },
		ref:  func() shared { return reader(new(R)) },
		mut:  func() exclusive { return writer(new(M)) },

		thirds: thirds,
	}
}

func halfOf[H any, PH halfType[H]](h *H) half {
	return half{
		set: PH(h).Set, get: PH(h).Get, release: PH(h).Release,
		forge: func() half { return halfOf[H, PH](forge(h)) },
	}
}
