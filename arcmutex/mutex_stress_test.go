package arcmutex_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

// manyTimes is a [testkit.Stress] that is over when body was called twenty
// times at each GOMAXPROCS.
func manyTimes(t *testing.T, body func(t *testing.T, round int)) {
	t.Helper()
	for _, procs := range []int{1, 2, 4, 8} {
		t.Run("procs="+strconv.Itoa(procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			for round := range 20 {
				body(t, round)
			}
		})
	}
}

func TestStressMutexExcludes(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		m := arcmutex.NewMutex(0)
		const goroutines, times = 16, 100
		testkit.Parallel(goroutines, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range times {
				if rng.IntN(2) == 0 {
					m.With(func(v *int) { *v++ })
					continue
				}
				g := m.Lock()
				v := g.Get()
				if rng.IntN(4) == 0 {
					runtime.Gosched()
				}
				g.Set(v + 1)
				g.Unlock()
			}
		})
		g, ok := m.TryLock()
		if assert.True(t, ok, "locked after all have left") {
			assert.Equal(t, goroutines*times, g.Get())
			g.Unlock()
		}
	})
}

func TestStressCanceledWaitersPassTheirTurnOn(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		m := arcmutex.NewMutex(0)
		var got, canceled atomic.Int64
		testkit.Parallel(16, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				stop := make(chan struct{})
				go func() {
					for range rng.IntN(3) {
						runtime.Gosched()
					}
					cancel()
					close(stop)
				}()
				g, err := m.LockContext(ctx)
				<-stop
				if err != nil {
					canceled.Add(1)
					continue
				}
				got.Add(1)
				g.Set(g.Get() + 1)
				runtime.Gosched()
				g.Unlock()
			}
		})
		g, ok := m.TryLock()
		if assert.True(t, ok, "locked after all have left") {
			assert.EqualValues(t, got.Load(), g.Get())
			g.Unlock()
		}
		assert.EqualValues(t, 800, got.Load()+canceled.Load())
	})
}

// lockOp is an operation on a lock: it adds the given numbers of writers and
// readers if it reports true.
type lockOp struct {
	name            string
	writers, shares int
}

// lockModel states that a writer holds a lock alone, and that a TryLock that reports
// false had a reason. nil is a refusal that needs no reason.
var lockModel = porcupine.Model{
	Init: func() any { return lockOp{} },
	Step: func(state, input, output any) (bool, any) {
		s, op := state.(lockOp), input.(lockOp)
		next := lockOp{writers: s.writers + op.writers, shares: s.shares + op.shares}
		possible := next.writers <= 1 && (next.writers == 0 || next.shares == 0) && next.writers >= 0 && next.shares >= 0
		switch output {
		case true:
			return possible, next
		case false:
			return !possible, s
		default:
			return true, s
		}
	},
}

func TestMutexIsLinearizable(t *testing.T) {
	manyTimes(t, func(t *testing.T, round int) {
		var r testkit.Recorder
		m := arcmutex.NewMutex(0)
		testkit.Parallel(6, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range 20 {
				var g arcmutex.Guard[int]
				in := lockOp{name: "lock", writers: 1}
				if rng.IntN(2) == 0 {
					r.Do(i, in, func() any { g = m.Lock(); return true })
				} else {
					var ok any
					r.Do(i, in, func() any { g, ok = tryLock(m); return ok })
					if ok == false {
						continue
					}
				}
				if rng.IntN(2) == 0 {
					runtime.Gosched()
				}
				r.Do(i, lockOp{name: "unlock", writers: -1}, func() any { g.Unlock(); return true })
			}
		})
		r.Linearizable(t, lockModel)
	})
}

func tryLock(m *arcmutex.Mutex[int]) (arcmutex.Guard[int], any) {
	g, ok := m.TryLock()
	return g, ok
}

func TestStaleCopiesRacingUnlockEndOnce(t *testing.T) {
	manyTimes(t, func(t *testing.T, _ int) {
		m := arcmutex.NewMutex(0)
		g := m.Lock()
		var ended, refused atomic.Int64
		testkit.Parallel(4, func(int) {
			defer func() {
				if recover() != nil {
					refused.Add(1)
				}
			}()
			twin := g
			twin.Unlock()
			ended.Add(1)
			m.With(func(v *int) { *v++ })
		})
		assert.EqualValues(t, 1, ended.Load())
		assert.EqualValues(t, 3, refused.Load())
	})
}
