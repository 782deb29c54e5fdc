package arcmutex_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestLockAllLocksValuesOfSeveralTypes(t *testing.T) {
	a, b, c := arcmutex.NewMutex(1), arcmutex.NewRWMutex("b"), arcmutex.NewRWMutex(3.5)
	var ga arcmutex.Guard[int]
	var gb arcmutex.Guard[string]
	var gc arcmutex.RGuard[float64]
	unlock := arcmutex.LockAll(a.To(&ga), b.To(&gb), c.RTo(&gc))
	assert.Equal(t, 1, ga.Get())
	gb.Set("c")
	assert.InDelta(t, 3.5, gc.Get(), 0)
	assert.True(t, a.IsLocked() && b.IsLocked() && c.Readers() == 1)
	unlock()
	assert.False(t, a.IsLocked() || b.IsLocked() || c.Readers() != 0)
	require.ErrorIs(t, testkit.PanicError(t, unlock), arcmutex.ErrReleased)
	arcmutex.LockAll()()
}

func TestLockAllUnlocksTheRestOfStaleGuards(t *testing.T) {
	a, b, c := arcmutex.NewMutex(1), arcmutex.NewMutex(2), arcmutex.NewMutex(3)
	var ga, gb, gc arcmutex.Guard[int]
	unlock := arcmutex.LockAll(a.To(&ga), b.To(&gb), c.To(&gc))
	gb.Unlock()
	require.ErrorIs(t, testkit.PanicError(t, unlock), arcmutex.ErrReleased)
	assert.False(t, a.IsLocked() || b.IsLocked() || c.IsLocked())
}

func TestLockAllRefuses(t *testing.T) {
	a, b := arcmutex.NewMutex(1), arcmutex.NewMutex(2)
	var ga, gb arcmutex.Guard[int]
	require.EqualError(t, testkit.PanicError(t, func() { arcmutex.LockAll(a.To(&ga), a.To(&gb)) }), "arcmutex: LockAll: the same lock twice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := arcmutex.LockAllContext(ctx, a.To(&ga))
	require.EqualError(t, err, "arcmutex: LockAllContext: context canceled")
	poison(t, b)
	require.ErrorContains(t, testkit.PanicError(t, func() { arcmutex.LockAll(a.To(&ga), b.To(&gb)) }), "arcmutex: LockAll: poisoned by a function that did not return (panic: ")
	assert.False(t, a.IsLocked())
}

func TestLockAllHoldsNothingWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := arcmutex.NewMutex(1), arcmutex.NewMutex(2)
		gb := b.Lock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			var ga, gb arcmutex.Guard[int]
			_, err := arcmutex.LockAllContext(ctx, a.To(&ga), b.To(&gb))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}()
		synctest.Wait()
		assert.False(t, a.IsLocked(), "it holds one and waits for another")
		testkit.Advance(time.Second)
		gb.Unlock()
		assert.False(t, b.IsLocked())
	})
}

func TestLockAllHoldsNothingWhicheverOthersHold(t *testing.T) {
	const n = 4
	for i := range n * n {
		first, second := i/n, i%n
		if first == second {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			var ms [n]arcmutex.RWMutex[int]
			var writers [n]arcmutex.Guard[int]
			var readers [n]arcmutex.RGuard[int]
			ls := make([]arcmutex.Locker, n)
			for i := range ms {
				ls[i] = ms[i].To(&writers[i])
				if i%2 == 1 {
					ls[i] = ms[i].RTo(&readers[i])
				}
			}
			onlyHeld := func(held int) {
				for i := range ms {
					assert.Equal(t, i == held, ms[i].IsLocked(), "%d of first %d, then %d", i, first, second)
					assert.Zero(t, ms[i].Readers(), "%d of first %d, then %d", i, first, second)
				}
			}
			done := false
			g := ms[first].Lock()
			go func() {
				arcmutex.LockAll(ls...)()
				done = true
			}()
			synctest.Wait()
			onlyHeld(first)
			h := ms[second].Lock()
			g.Unlock()
			synctest.Wait()
			onlyHeld(second)
			h.Unlock()
			synctest.Wait()
			assert.True(t, done)
			onlyHeld(-1)
		})
	}
}

// Philosophers take their forks in every order, some by LockAll and some one
// at a time in the order of the table, and all of them eat.
func TestStressLockAllDoesNotDeadlock(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		forks := make([]*arcmutex.Mutex[int], 5)
		for i := range forks {
			forks[i] = arcmutex.NewMutex(0)
		}
		const goroutines, meals = 8, 8
		testkit.Parallel(goroutines, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range meals {
				p := rng.Perm(len(forks))[:2]
				if i == 0 {
					g := forks[min(p[0], p[1])].Lock()
					h := forks[max(p[0], p[1])].Lock()
					*g.Ptr()++
					*h.Ptr()++
					h.Unlock()
					g.Unlock()
					continue
				}
				var g, h arcmutex.Guard[int]
				unlock := arcmutex.LockAll(forks[p[0]].To(&g), forks[p[1]].To(&h))
				*g.Ptr()++
				*h.Ptr()++
				unlock()
			}
		})
		total := 0
		for _, f := range forks {
			v, err := f.Get()
			require.NoError(t, err)
			total += v
		}
		assert.Equal(t, 2*goroutines*meals, total)
	})
}
