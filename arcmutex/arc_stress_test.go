package arcmutex_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

// refused runs f and reports whether it panicked with ErrDropped.
func refused(t *testing.T, f func()) (is bool) {
	defer func() {
		if value := recover(); value != nil {
			err, _ := value.(error)
			if is = errors.Is(err, arcmutex.ErrDropped); !is {
				t.Errorf("panic with %v", value)
			}
		}
	}()
	f()
	return false
}

func TestRacingDropsOfOneHandle(t *testing.T) {
	for range 300 {
		var destroyed, panics atomic.Int64
		a := arcmutex.NewArcDrop(1, func(*int) { destroyed.Add(1) })
		b := a.Clone()
		testkit.Parallel(2, func(int) {
			if refused(t, b.Drop) {
				panics.Add(1)
			}
		})
		require.EqualValues(t, 1, panics.Load(), "one wins, the other panics")
		require.Zero(t, destroyed.Load(), "a's count was not touched")
		require.Equal(t, 1, a.StrongCount())
		a.Drop()
		require.EqualValues(t, 1, destroyed.Load())
	}
}

func TestRacingIntoInnerGivesTheValueOnce(t *testing.T) {
	for range 300 {
		a := arcmutex.NewArcDrop(3, func(*int) { t.Error("destroyed") })
		owners := []*arcmutex.Arc[int]{a, a.Clone()}
		var got atomic.Int64
		testkit.Parallel(2, func(i int) {
			if v, ok := owners[i].IntoInner(); ok {
				got.Add(int64(v))
			}
		})
		require.EqualValues(t, 3, got.Load())
	}
}

func TestClonesUpgradesAndDropsDestroyOnce(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		const goroutines = 8
		var destroyed atomic.Int64
		gone := false // written by the destructor, read by owners: a race if it is early
		a := arcmutex.NewArcDrop(1, func(*int) { gone = true; destroyed.Add(1) })
		owners := make([]*arcmutex.Arc[int], goroutines)
		weaks := make([]*arcmutex.Weak[int], goroutines)
		for i := range goroutines {
			owners[i], weaks[i] = a.Clone(), a.Downgrade()
		}
		a.Drop()
		testkit.Parallel(goroutines, func(i int) {
			c := owners[i].Clone()
			owners[i].Drop()
			if gone {
				t.Error("destroyed under an owner")
			}
			c.Drop()
			for range 4 {
				w := weaks[i].Clone()
				if u, ok := w.Upgrade(); ok {
					if gone {
						t.Error("resurrected")
					}
					u.Drop()
				}
				w.Drop()
			}
			weaks[i].Drop()
		})
		require.EqualValues(t, 1, destroyed.Load())
	})
}

func TestCloneRacingWithDropOfItsHandleNeverResurrects(t *testing.T) {
	for range 300 {
		var destroyed atomic.Int64
		a := arcmutex.NewArcDrop(1, func(*int) { destroyed.Add(1) })
		testkit.Parallel(2, func(i int) {
			if i == 0 {
				a.Drop()
				return
			}
			refused(t, func() {
				c := a.Clone()
				if destroyed.Load() != 0 {
					t.Error("a clone of a value that is gone")
				}
				c.Drop()
			})
		})
		require.EqualValues(t, 1, destroyed.Load())
	}
}

func TestGetMutIsAloneUnderStress(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		a := arcmutex.NewArc(0)
		b := a.Clone()
		testkit.Parallel(2, func(i int) {
			if i == 0 {
				for range 20 {
					if p, ok := a.GetMut(); ok {
						*p++ // a race with Get below if it is not alone
					}
				}
				return
			}
			for range 5 {
				w := b.Downgrade()
				b.Drop()
				b, _ = w.Upgrade()
				w.Drop()
				_ = *b.Ptr()
			}
			b.Drop()
		})
	})
}

func TestWeakCountIsNeverWrongWhileGetMutLooks(t *testing.T) {
	for range 300 {
		a := arcmutex.NewArc(0)
		b := a.Clone()
		testkit.Parallel(2, func(i int) {
			for range 100 {
				if i == 0 {
					a.GetMut()
				} else if n := b.WeakCount(); n != 0 {
					t.Errorf("%d Weaks", n)
				}
			}
		})
	}
}

func TestManuallySharedArc(t *testing.T) {
	v := arcmutex.NewArc([]int{1, 2, 3})
	c := make(chan *arcmutex.Arc[[]int], 1)
	c <- v.Clone()
	testkit.Parallel(1, func(int) {
		got := <-c
		assert.Equal(t, 2, (*got.Ptr())[1])
		got.Drop()
	})
	assert.Equal(t, 3, (*v.Ptr())[2])
	v.Drop()
}

// link is a list that several goroutines drop from both ends of a fork.
type link struct{ next *arcmutex.Arc[link] }

func TestLongListsAreDroppedByManyGoroutines(t *testing.T) {
	const tail, branches = 20_000, 8
	var destroyed atomic.Int64
	destroy := func(l *link) {
		destroyed.Add(1)
		if l.next != nil {
			l.next.Drop()
		}
	}
	head := arcmutex.NewArcDrop(link{}, destroy)
	for range tail - 1 {
		head = arcmutex.NewArcDrop(link{head}, destroy)
	}
	owners := make([]*arcmutex.Arc[link], branches)
	for i := range owners {
		owners[i] = head.Clone()
		for range tail {
			owners[i] = arcmutex.NewArcDrop(link{owners[i]}, destroy)
		}
	}
	head.Drop()
	testkit.Parallel(branches, func(i int) { owners[i].Drop() })
	assert.EqualValues(t, tail*(branches+1), destroyed.Load())
}
