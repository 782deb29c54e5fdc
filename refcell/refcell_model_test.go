package refcell_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/refcell"
)

// borrows is the oracle: who borrows a cell, and what is in it.
type borrows struct {
	cell  *refcell.RefCell[pair]
	value pair
	refs  []*refcell.Ref[pair]
	muts  []*refcell.RefMut[int]  // halves of the exclusive borrow
	parts []int                   // which half each of these is
	whole *refcell.RefMut[pair]   // the exclusive borrow, if it is in one piece
	stale []*refcell.RefMut[pair] // ended, or copies of what has ended
}

func (b *borrows) free() bool { return len(b.refs) == 0 && len(b.muts) == 0 && b.whole == nil }

func (b *borrows) Borrow(t *rapid.T) {
	r, err := b.cell.TryBorrow()
	require.Equal(t, b.whole != nil || len(b.muts) > 0, err != nil)
	if err == nil {
		b.refs = append(b.refs, &r)
	}
}

func (b *borrows) BorrowMut(t *rapid.T) {
	m, err := b.cell.TryBorrowMut()
	require.Equal(t, !b.free(), err != nil)
	if err == nil {
		b.whole = &m
	}
}

func (b *borrows) Clone(t *rapid.T) {
	if len(b.refs) == 0 {
		return
	}
	r := rapid.SampledFrom(b.refs).Draw(t, "ref").Clone()
	b.refs = append(b.refs, &r)
}

func (b *borrows) MapRef(t *rapid.T) {
	if len(b.refs) == 0 {
		return
	}
	i := rapid.IntRange(0, len(b.refs)-1).Draw(t, "ref")
	if rapid.Bool().Draw(t, "split") {
		x, y := refcell.MapSplit(b.refs[i], func(p *pair) (*pair, *pair) { return p, p })
		b.refs[i] = &x
		b.refs = append(b.refs, &y)
		return
	}
	x := refcell.Map(b.refs[i], func(p *pair) *pair { return p })
	b.refs[i] = &x
}

func (b *borrows) Release(t *rapid.T) {
	if len(b.refs) == 0 {
		return
	}
	i := rapid.IntRange(0, len(b.refs)-1).Draw(t, "ref")
	b.refs[i].Release()
	b.refs = append(b.refs[:i:i], b.refs[i+1:]...)
}

func (b *borrows) Write(t *rapid.T) {
	v := rapid.Int().Draw(t, "value")
	if b.whole != nil {
		b.value.a = v
		b.whole.Ptr().a = v
	}
	for part, m := range b.muts {
		m.Set(v)
		*b.field(part) = v
	}
}

// field returns what a half writes to: b.parts says which one it is.
func (b *borrows) field(i int) *int {
	if b.parts[i] == 0 {
		return &b.value.a
	}
	return &b.value.b
}

func (b *borrows) Split(*rapid.T) {
	if b.whole == nil {
		return
	}
	copied := *b.whole
	x, y := refcell.MapSplitMut(b.whole, func(p *pair) (*int, *int) { return &p.a, &p.b })
	b.stale = append(b.stale, b.whole, &copied)
	b.whole, b.muts, b.parts = nil, []*refcell.RefMut[int]{&x, &y}, []int{0, 1}
}

func (b *borrows) ReleaseMut(t *rapid.T) {
	switch {
	case b.whole != nil:
		copied := *b.whole
		b.whole.Release()
		b.stale = append(b.stale, b.whole, &copied)
		b.whole = nil
	case len(b.muts) > 0:
		i := rapid.IntRange(0, len(b.muts)-1).Draw(t, "part")
		b.muts[i].Release()
		b.muts = append(b.muts[:i:i], b.muts[i+1:]...)
		b.parts = append(b.parts[:i:i], b.parts[i+1:]...)
	}
}

func (b *borrows) UseTheStale(t *rapid.T) {
	if len(b.stale) == 0 {
		return
	}
	m := rapid.SampledFrom(b.stale).Draw(t, "stale")
	require.Panics(t, func() { m.Get() })
	require.Panics(t, m.Release)
}

func (b *borrows) Replace(t *rapid.T) {
	v := pair{rapid.Int().Draw(t, "a"), rapid.Int().Draw(t, "b")}
	if !b.free() {
		require.Panics(t, func() { b.cell.Replace(v) })
		return
	}
	require.Equal(t, b.value, b.cell.Replace(v))
	b.value = v
}

func (b *borrows) Check(t *rapid.T) {
	readers, writing := b.cell.BorrowState()
	require.Equal(t, len(b.refs), readers)
	require.Equal(t, b.whole != nil || len(b.muts) > 0, writing)
	for _, r := range b.refs {
		require.Equal(t, b.value, r.Get())
	}
	if b.whole != nil {
		require.Equal(t, b.value, b.whole.Get())
	}
}

func TestRefCellAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &borrows{cell: refcell.New(pair{})}
		t.Repeat(map[string]func(*rapid.T){
			"Borrow": b.Borrow, "BorrowMut": b.BorrowMut, "Clone": b.Clone, "MapRef": b.MapRef,
			"Release": b.Release, "Write": b.Write, "Split": b.Split, "ReleaseMut": b.ReleaseMut,
			"UseTheStale": b.UseTheStale, "Replace": b.Replace, "": b.Check,
		})
	})
}
