package refcell_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/refcell"
)

func TestSixtyFourGoroutinesGetBorrowsOrCleanRefusals(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		c := refcell.NewAtomicRefCell([]int{0, 0})
		var written atomic.Int64
		testkit.Parallel(64, func(i int) {
			for range 5 {
				if (i+round)%4 == 0 {
					m, err := c.TryBorrowMut()
					if err != nil {
						refusal(t, err)
						continue
					}
					v := m.Ptr()
					(*v)[0]++
					(*v)[1]++
					m.Release()
					written.Add(1)
					continue
				}
				r, err := c.TryBorrow()
				if err != nil {
					refusal(t, err)
					continue
				}
				if v := r.Get(); v[0] != v[1] {
					t.Errorf("half a write was seen: %v", v)
				}
				r.Release()
			}
		})
		v := c.Take()
		require.EqualValues(t, written.Load(), v[0])
	})
}

// refusal checks that err is one that a conflict explains.
func refusal(t *testing.T, err error) {
	if !errors.Is(err, refcell.ErrBorrowed) && !errors.Is(err, refcell.ErrMutBorrowed) {
		t.Error(err)
	}
}

func TestArcOfAnAtomicRefCellPanicsCleanly(t *testing.T) {
	a := arcmutex.NewArc(refcell.NewAtomicRefCell(0))
	var refusals, writes atomic.Int64
	testkit.Parallel(10, func(int) {
		for range 100 {
			func() {
				defer func() {
					if value := recover(); value != nil {
						refusals.Add(1)
						refusal(t, value.(error))
					}
				}()
				(*a.Ptr()).With(func(v *int) { *v++ })
				writes.Add(1)
			}()
		}
	})
	assert.EqualValues(t, 1000, refusals.Load()+writes.Load())
	assert.EqualValues(t, writes.Load(), (*a.Ptr()).Take())
	a.Drop()
}

func TestRacingReleasesOfCopiesEndOneBorrow(t *testing.T) {
	for range 300 {
		c := refcell.NewAtomicRefCell(0)
		m := c.BorrowMut()
		copies := []refcell.AtomicRefMut[int]{m, m}
		var refused atomic.Int64
		testkit.Parallel(2, func(i int) {
			defer func() {
				if recover() != nil {
					refused.Add(1)
				}
			}()
			copies[i].Release()
		})
		require.EqualValues(t, 1, refused.Load())
		_, writing := c.BorrowState()
		require.False(t, writing)
	}
}

func TestHalvesAreReleasedByTwoGoroutines(t *testing.T) {
	for range 300 {
		c := refcell.NewAtomicRefCell(pair{})
		m := c.BorrowMut()
		a, b := refcell.MapSplitMutAtomic(&m, func(p *pair) (*int, *int) { return &p.a, &p.b })
		halves := []refcell.AtomicRefMut[int]{a, b}
		testkit.Parallel(2, func(i int) {
			halves[i].Set(i + 1)
			halves[i].Release()
		})
		require.Equal(t, pair{1, 2}, c.Take())
	}
}
