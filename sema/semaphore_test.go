package sema_test

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/sema"
)

func TestSemaphoreCounts(t *testing.T) {
	s := sema.NewSemaphore(3)
	p, err := s.Acquire(t.Context(), 2)
	require.NoError(t, err)
	assert.EqualValues(t, 2, p.Len())
	q, err := s.TryAcquire(2)
	require.EqualError(t, err, "sema: Semaphore.TryAcquire: no permits")
	require.ErrorIs(t, err, sema.ErrNoPermits)
	assert.EqualValues(t, 0, q.Len())
	assert.Equal(t, "Semaphore(1)", s.String())
	assert.Equal(t, "Permit(2)", p.String())
	p.Release()
	assert.EqualValues(t, 3, s.Available())
	require.ErrorIs(t, testkit.PanicError(t, p.Release), sema.ErrReleased)
	require.ErrorIs(t, testkit.PanicError(t, p.Forget), sema.ErrReleased)
	require.ErrorIs(t, testkit.PanicError(t, q.Release), sema.ErrReleased)
	assert.EqualValues(t, 3, s.Available())
	none, err := s.Acquire(t.Context(), 0)
	require.NoError(t, err)
	none.Release()
}

func TestPermitsSplitAndMerge(t *testing.T) {
	s, other := sema.NewSemaphore(10), sema.NewSemaphore(10)
	p, _ := s.TryAcquire(6)
	q, ok := p.Split(4)
	require.True(t, ok)
	assert.EqualValues(t, 2, p.Len())
	assert.EqualValues(t, 4, q.Len())
	tooMuch, ok := p.Split(3)
	assert.False(t, ok)
	assert.Zero(t, tooMuch.Len())
	foreign, _ := other.TryAcquire(1)
	require.EqualError(t, testkit.PanicError(t, func() { p.Merge(&foreign) }), "sema: Permit.Merge: permits of different semaphores")
	require.EqualError(t, testkit.PanicError(t, func() { p.Merge(&p) }), "sema: Permit.Merge: a permit with itself")
	require.Error(t, testkit.PanicError(t, func() { p.Split(-1) }))
	assert.EqualValues(t, 3, p.Len()+foreign.Len())
	p.Merge(&q)
	require.ErrorIs(t, testkit.PanicError(t, func() { p.Merge(&q) }), sema.ErrReleased)
	require.ErrorIs(t, testkit.PanicError(t, func() { q.Split(0) }), sema.ErrReleased)
	assert.EqualValues(t, 4, s.Available())
	p.Release()
	assert.EqualValues(t, 10, s.Available())
}

func TestPartsOfAPermitAreReleasedAlone(t *testing.T) {
	s := sema.NewSemaphore(5)
	p, _ := s.TryAcquire(3)
	one, ok := p.Split(1)
	require.True(t, ok)
	none, ok := p.Split(0)
	require.True(t, ok)
	assert.Zero(t, none.Len())
	assert.EqualValues(t, 2, s.Available(), "splitting gives nothing back")
	p.Release()
	assert.EqualValues(t, 4, s.Available())
	all, ok := one.Split(1)
	require.True(t, ok)
	_, ok = one.Split(1)
	assert.False(t, ok)
	one.Release()
	none.Release()
	assert.EqualValues(t, 4, s.Available())
	all.Release()
	assert.EqualValues(t, 5, s.Available())
}

func TestForgetAndAdd(t *testing.T) {
	s := sema.NewSemaphore(5)
	p, _ := s.TryAcquire(2)
	p.Forget()
	assert.EqualValues(t, 3, s.Available())
	assert.EqualValues(t, 1, s.Forget(1))
	assert.EqualValues(t, 2, s.Forget(100))
	assert.EqualValues(t, 0, s.Forget(1))
	s.Add(7)
	assert.EqualValues(t, 7, s.Available())
}

func TestSemaphoreRefusesBadNumbers(t *testing.T) {
	var s sema.Semaphore
	for name, f := range map[string]func(n int64){
		"NewSemaphore":         func(n int64) { sema.NewSemaphore(n) },
		"Semaphore.Acquire":    func(n int64) { _, _ = s.Acquire(t.Context(), n) },
		"Semaphore.TryAcquire": func(n int64) { _, _ = s.TryAcquire(n) },
		"Semaphore.Add":        s.Add,
	} {
		for _, n := range []int64{-1, math.MinInt64, sema.MaxPermits + 1, math.MaxInt64} {
			assert.Contains(t, testkit.PanicError(t, func() { f(n) }).Error(), "sema: "+name+": ")
		}
	}
	require.Error(t, testkit.PanicError(t, func() { s.Forget(-1) }))
	assert.EqualValues(t, sema.MaxPermits, sema.NewSemaphore(sema.MaxPermits).Available())
	s.Add(sema.MaxPermits - 1)
	s.Add(1)
	require.Error(t, testkit.PanicError(t, func() { s.Add(1) }))
	p, err := s.TryAcquire(1)
	require.NoError(t, err)
	s.Add(1)
	require.Error(t, testkit.PanicError(t, p.Release))
	assert.EqualValues(t, sema.MaxPermits, s.Available())
}

func TestAcquireWaitsForAllItsPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sema.NewSemaphore(0)
		var got atomic.Int64
		for _, n := range []int64{1, 3} {
			go func() {
				p, err := s.Acquire(t.Context(), n)
				assert.NoError(t, err)
				got.Add(n)
				p.Forget()
			}()
			synctest.Wait()
		}
		for _, want := range []int64{1, 1, 1, 4} {
			s.Add(1)
			synctest.Wait()
			assert.Equal(t, want, got.Load())
		}
		assert.Zero(t, s.Available())
	})
}

func TestLargeRequestAtTheFrontIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sema.NewSemaphore(8)
		p, _ := s.TryAcquire(6)
		big := make(chan struct{})
		go func() {
			p, err := s.Acquire(t.Context(), 8)
			assert.NoError(t, err)
			close(big)
			p.Release()
		}()
		synctest.Wait()
		_, err := s.TryAcquire(1)
		require.ErrorIs(t, err, sema.ErrNoPermits, "a small request has passed a large one")
		p.Release()
		<-big
		synctest.Wait()
		assert.EqualValues(t, 8, s.Available())
	})
}

func TestCanceledRequestRestoresAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sema.NewSemaphore(6)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var small atomic.Bool
		go func() {
			_, err := s.Acquire(ctx, 8)
			assert.EqualError(t, err, "sema: Semaphore.Acquire: context deadline exceeded")
		}()
		synctest.Wait()
		go func() {
			p, err := s.Acquire(t.Context(), 6)
			assert.NoError(t, err)
			small.Store(true)
			p.Release()
		}()
		synctest.Wait()
		assert.False(t, small.Load())
		testkit.Advance(time.Second)
		assert.True(t, small.Load(), "the next has not been woken")
		assert.EqualValues(t, 6, s.Available())
		p, err := s.TryAcquire(6)
		require.NoError(t, err)
		p.Release()
		_, err = s.Acquire(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded, "a done context")
		assert.EqualValues(t, 6, s.Available())
	})
}

func TestCloseWakesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sema.NewSemaphore(1)
		p, _ := s.TryAcquire(1)
		var refused atomic.Int64
		for range 10 {
			go func() {
				_, err := s.Acquire(t.Context(), 1)
				assert.ErrorIs(t, err, sema.ErrClosed)
				refused.Add(1)
			}()
			synctest.Wait()
		}
		s.Close()
		s.Close()
		synctest.Wait()
		assert.EqualValues(t, 10, refused.Load())
		p.Release()
		assert.True(t, s.IsClosed())
		for range 2 {
			_, err := s.Acquire(t.Context(), 1)
			require.ErrorIs(t, err, sema.ErrClosed)
			assert.EqualValues(t, 1, s.Available())
		}
		assert.Equal(t, "Semaphore(1 closed)", s.String())
		_, err := s.Acquire(t.Context(), 0)
		require.ErrorIs(t, err, sema.ErrClosed)
		_, err = s.TryAcquire(1)
		require.EqualError(t, err, "sema: Semaphore.TryAcquire: closed")
		require.ErrorIs(t, err, sema.ErrClosed)
	})
}

// The oracle is a number and two lists. Tracking comes and goes.
func TestSemaphoreAgainstOracle(t *testing.T) {
	type request struct {
		n         int64
		cancel    context.CancelFunc
		permit    *sema.Permit
		err       error
		isTracked bool
	}
	profile := pprof.Lookup("ferrous.locks")
	before := profile.Count()
	testkit.Check(t, func(t *rapid.T) {
		var s sema.Semaphore
		var free int64
		tracking := false
		defer sema.Track(0)
		var waiting, holding []*request
		ctx, end := context.WithCancel(context.Background())
		defer synctest.Wait()
		defer end()
		serve := func() {
			for len(waiting) > 0 && waiting[0].n <= free {
				free -= waiting[0].n
				waiting[0].isTracked = tracking
				holding, waiting = append(holding, waiting[0]), waiting[1:]
			}
		}
		pick := func(t *rapid.T, from *[]*request) *request {
			if len(*from) == 0 {
				t.Skip("none")
			}
			i := rapid.IntRange(0, len(*from)-1).Draw(t, "which")
			r := (*from)[i]
			*from = append((*from)[:i:i], (*from)[i+1:]...)
			return r
		}
		t.Repeat(map[string]func(*rapid.T){
			"Acquire": func(t *rapid.T) {
				r := &request{n: rapid.Int64Range(0, 5).Draw(t, "n")}
				var ctx2 context.Context
				ctx2, r.cancel = context.WithCancel(ctx)
				go func() {
					p, err := s.Acquire(ctx2, r.n)
					r.permit, r.err = &p, err
				}()
				waiting = append(waiting, r)
				serve()
			},
			"TryAcquire": func(t *rapid.T) {
				r := &request{n: rapid.Int64Range(0, 5).Draw(t, "n"), cancel: func() {}}
				p, err := s.TryAcquire(r.n)
				require.Equal(t, len(waiting) == 0 && r.n <= free, err == nil)
				if err == nil {
					r.permit, r.isTracked = &p, tracking
					free -= r.n
					holding = append(holding, r)
				}
			},
			"Add": func(t *rapid.T) {
				n := rapid.Int64Range(0, 4).Draw(t, "n")
				s.Add(n)
				free += n
				serve()
			},
			"Forget": func(t *rapid.T) {
				n := rapid.Int64Range(0, 4).Draw(t, "n")
				require.Equal(t, min(n, free), s.Forget(n))
				free -= min(n, free)
			},
			"Cancel": func(t *rapid.T) {
				r := pick(t, &waiting)
				r.cancel()
				synctest.Wait()
				require.ErrorIs(t, r.err, context.Canceled)
				serve()
			},
			"Release": func(t *rapid.T) {
				r := pick(t, &holding)
				r.permit.Release()
				free += r.n
				serve()
			},
			"Split": func(t *rapid.T) {
				r := pick(t, &holding)
				holding = append(holding, r)
				part := &request{n: rapid.Int64Range(0, 5).Draw(t, "n"), cancel: func() {}, isTracked: r.isTracked}
				p, ok := r.permit.Split(part.n)
				require.Equal(t, part.n <= r.n, ok)
				if ok {
					part.permit = &p
					r.n -= part.n
					holding = append(holding, part)
				}
			},
			"Merge": func(t *rapid.T) {
				if len(holding) < 2 {
					t.Skip("fewer than two")
				}
				r, more := pick(t, &holding), pick(t, &holding)
				holding = append(holding, r)
				r.permit.Merge(more.permit)
				r.n += more.n
			},
			"Permit.Forget": func(t *rapid.T) { pick(t, &holding).permit.Forget() },
			"Track": func(*rapid.T) {
				tracking = !tracking
				if sema.Track(0); tracking {
					sema.Track(1)
				}
			},
			"": func(t *rapid.T) {
				synctest.Wait()
				require.Equal(t, free, s.Available())
				tracked := 0
				for _, r := range holding {
					require.Equal(t, r.n, r.permit.Len())
					if r.isTracked {
						tracked++
					}
				}
				require.Equal(t, before+tracked, profile.Count())
				for _, r := range waiting {
					require.Nil(t, r.permit)
				}
				for _, r := range holding {
					require.NotNil(t, r.permit)
					require.NoError(t, r.err)
				}
			},
		})
		for _, r := range waiting {
			r.cancel()
		}
		synctest.Wait()
		for _, r := range append(waiting, holding...) {
			r.cancel()
			if r.err == nil { // one that waits may be served before it is canceled
				r.permit.Release()
			}
		}
		require.Equal(t, before, profile.Count())
	})
}

func TestSemaphoreIsLinearizable(t *testing.T) {
	model := porcupine.Model{
		Init: func() any { return int64(3) },
		Step: func(state, input, output any) (bool, any) {
			free, n := state.(int64), input.(int64)
			if output == true {
				return free-n >= 0, free - n
			}
			return true, free // it may be refused because somebody waits
		},
	}
	testkit.Stress(t, func(t *testing.T, round int) {
		var r testkit.Recorder
		s := sema.NewSemaphore(3)
		testkit.Parallel(5, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range 20 {
				n := rng.Int64N(3) + 1
				var release func()
				r.Do(i, n, func() any {
					if rng.IntN(2) == 0 {
						p, err := s.TryAcquire(n)
						if err == nil {
							release = p.Release
						}
						return err == nil
					}
					p, err := s.Acquire(t.Context(), n)
					release = p.Release
					return err == nil
				})
				if release != nil {
					r.Do(i, -n, func() any { release(); return true })
				}
			}
		})
		assert.EqualValues(t, 3, s.Available())
		r.Linearizable(t, model)
	})
}

func TestStressSemaphore(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		s := sema.NewSemaphore(4)
		testkit.Parallel(16, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(2) == 0 {
					go cancel()
				}
				if p, err := s.Acquire(ctx, rng.Int64N(5)); err == nil {
					p.Release()
				}
				cancel()
			}
		})
		assert.EqualValues(t, 4, s.Available())
		p, err := s.TryAcquire(4)
		require.NoError(t, err)
		p.Release()
	})
}

func TestStressAddAndForget(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		s := sema.NewSemaphore(5)
		var gone atomic.Int64
		testkit.Parallel(6, func(i int) {
			switch i % 3 {
			case 0:
				s.Add(3)
			case 1:
				p, err := s.Acquire(t.Context(), 1)
				assert.NoError(t, err)
				p.Forget()
			default:
				gone.Add(s.Forget(2))
			}
		})
		assert.Equal(t, 5+2*3-2*1-gone.Load(), s.Available())
	})
}

func TestStressCloseEndsAll(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		s := sema.NewSemaphore(1)
		testkit.Parallel(6, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for closing := rng.IntN(3); ; closing-- {
				p, err := s.Acquire(t.Context(), 1)
				if err != nil {
					assert.ErrorIs(t, err, sema.ErrClosed)
					return
				}
				runtime.Gosched() // others begin to wait
				if closing == 0 {
					s.Close()
				}
				p.Release()
			}
		})
		assert.True(t, s.IsClosed())
		assert.EqualValues(t, 1, s.Available())
	})
}
