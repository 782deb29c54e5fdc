package arcmutex_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestDowngradeIsAtomicWithTwentyQueuedWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		for round := range 10 {
			g := m.Lock()
			for range 20 {
				go m.With(func(v *int) { *v = -1 })
			}
			synctest.Wait()
			g.Set(round)
			r := g.Downgrade()
			testkit.Advance(time.Second)
			assert.Equal(t, round, r.Get(), "a writer came between")
			r.Unlock()
			synctest.Wait()
			v, err := m.Get()
			require.NoError(t, err)
			assert.Equal(t, -1, v)
		}
	})
}

func TestDowngradeLetsReadersAtTheFrontIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		g := m.Lock()
		var in atomic.Int32
		for range 3 {
			go m.RWith(func(*int) { in.Add(1) })
			synctest.Wait()
		}
		assert.Zero(t, in.Load(), "a reader beside the writer")
		r := g.Downgrade()
		synctest.Wait()
		assert.EqualValues(t, 3, in.Load())
		r.Unlock()
	})
}

func TestDowngradedPartLetsReadersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type pair struct{ a, b int }
		m := arcmutex.NewRWMutex(pair{1, 2})
		g := m.Lock()
		var other *int
		go m.RWith(func(p *pair) { other = &p.b })
		synctest.Wait()
		part := arcmutex.MapMut(&g, func(p *pair) *int {
			synctest.Wait()
			assert.Nil(t, other, "a reader beside the writer")
			return &p.b
		})
		r := part.Downgrade()
		synctest.Wait()
		assert.Same(t, r.Ptr(), other)
		r.Unlock()
		assert.Zero(t, m.Readers())
	})
}

func TestReadersWaitBehindAWriterAndWritersBehindReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		var order []string
		first := m.RLock()
		add := func(name string) func(*int) { return func(*int) { order = append(order, name) } }
		go m.With(add("writer 1"))
		synctest.Wait()
		_, ok := m.TryRLock()
		assert.False(t, ok, "a reader has passed a writer")
		release := make(chan struct{})
		var in atomic.Int64
		for range 3 {
			go m.RWith(func(*int) {
				in.Add(1)
				<-release
			})
			synctest.Wait()
		}
		go m.With(add("writer 2"))
		synctest.Wait()
		first.Unlock()
		synctest.Wait()
		assert.Equal(t, []string{"writer 1"}, order, "readers went in together before the second writer")
		assert.EqualValues(t, 3, in.Load())
		close(release)
		synctest.Wait()
		assert.Equal(t, []string{"writer 1", "writer 2"}, order)
	})
}

func TestCanceledWriterLetsReadersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		r := m.RLock()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := m.LockContext(ctx)
			assert.ErrorIs(t, err, context.Canceled)
		}()
		synctest.Wait()
		read := false
		go m.RWith(func(*int) { read = true })
		synctest.Wait()
		assert.False(t, read)
		cancel()
		synctest.Wait()
		assert.True(t, read, "the reader behind a canceled writer still waits")
		r.Unlock()
	})
}

func TestUpgradeComesBeforeAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		u := m.ULock()
		r := m.RLock()
		go m.With(func(v *int) { *v += 10 })
		synctest.Wait()
		upgraded := false
		go func() {
			g := u.Upgrade()
			upgraded = true
			assert.Equal(t, 0, g.Get(), "a writer came between")
			g.Set(1)
			g.Unlock()
		}()
		synctest.Wait()
		assert.False(t, upgraded)
		r.Unlock()
		synctest.Wait()
		v, _ := m.Get()
		assert.Equal(t, 11, v)
	})
}

func TestCanceledUpgradeLetsReadersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		u := m.ULock()
		r := m.RLock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			_, err := u.UpgradeContext(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}()
		synctest.Wait()
		var read atomic.Bool
		go m.RWith(func(*int) { read.Store(true) })
		synctest.Wait()
		assert.False(t, read.Load(), "a reader has passed the upgrade")
		testkit.Advance(time.Second)
		assert.True(t, read.Load())
		assert.Equal(t, 0, u.Get())
		u.Unlock()
		r.Unlock()
		m.With(func(*int) {})
	})
}

func TestNeitherReadersNorWritersStarve(t *testing.T) {
	manyTimes(t, func(t *testing.T, _ int) {
		m := arcmutex.NewRWMutex(0)
		var stop atomic.Bool
		var reads, writes atomic.Int64
		testkit.Parallel(8, func(i int) {
			for !stop.Load() {
				if i%2 == 0 {
					m.RWith(func(*int) { runtime.Gosched() })
					reads.Add(1)
				} else {
					m.With(func(*int) { runtime.Gosched() })
					writes.Add(1)
				}
				if reads.Load() >= 20 && writes.Load() >= 20 {
					stop.Store(true)
				}
			}
		})
		// It ends only if both kinds get their turns.
		assert.False(t, m.IsLocked())
		assert.Zero(t, m.Readers())
	})
}

func TestStressRWMutex(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		m := arcmutex.NewRWMutex([2]int{})
		var written atomic.Int64
		write := func(v *[2]int) {
			v[0]++
			runtime.Gosched()
			v[1]++
			written.Add(1)
		}
		read := func(v *[2]int) { assert.Equal(t, v[0], v[1]) }
		testkit.Parallel(12, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range 60 {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(2) == 0 {
					go cancel()
				}
				switch rng.IntN(6) {
				case 0:
					m.With(write)
				case 1:
					_ = m.WithContext(ctx, fine(write))
				case 2:
					_ = m.RWithContext(ctx, fine(read))
				case 3:
					g := m.Lock()
					write(g.Ptr())
					wrote := g.Get()
					r := g.Downgrade()
					assert.Equal(t, wrote, r.Get(), "a writer came between")
					r.Unlock()
				case 4:
					if u, err := m.ULockContext(ctx); err == nil {
						before := u.Get()
						if g, err := u.UpgradeContext(ctx); err == nil {
							assert.Equal(t, before, g.Get())
							write(g.Ptr())
							g.Unlock()
						} else {
							r := u.Downgrade()
							read(r.Ptr())
							r.Unlock()
						}
					}
				default:
					m.RWith(read)
				}
				cancel()
			}
		})
		g, ok := m.TryLock()
		if assert.True(t, ok, "locked after all have left") {
			assert.EqualValues(t, written.Load(), g.Get()[0])
			g.Unlock()
		}
	})
}

func TestRWMutexIsLinearizable(t *testing.T) {
	manyTimes(t, func(t *testing.T, round int) {
		var r testkit.Recorder
		m := arcmutex.NewRWMutex(0)
		testkit.Parallel(6, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			writer, reader := lockOp{writers: 1}, lockOp{shares: 1}
			noWriter, noReader := lockOp{writers: -1}, lockOp{shares: -1}
			swap := lockOp{writers: -1, shares: 1}
			for range 15 {
				switch rng.IntN(3) {
				case 0:
					var g arcmutex.Guard[int]
					r.Do(i, writer, func() any { g = m.Lock(); return true })
					r.Do(i, noWriter, func() any { g.Unlock(); return true })
				case 1:
					var unlock func()
					r.Do(i, reader, func() any { g := m.RLock(); unlock = g.Unlock; return true })
					runtime.Gosched()
					r.Do(i, noReader, func() any { unlock(); return true })
				default:
					var g arcmutex.Guard[int]
					var unlock func()
					ok := false
					r.Do(i, writer, func() any {
						if g, ok = m.TryLock(); ok {
							return true
						}
						return nil // a reader that arrives and has to wait can make it fail, too
					})
					if !ok {
						continue
					}
					r.Do(i, swap, func() any { s := g.Downgrade(); unlock = s.Unlock; return true })
					r.Do(i, noReader, func() any { unlock(); return true })
				}
			}
		})
		r.Linearizable(t, lockModel)
	})
}
