package arcmutex_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestCondNotifiesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex([]int(nil))
		var c arcmutex.Cond
		assert.False(t, c.NotifyOne())
		assert.Zero(t, c.NotifyAll())
		for i := range 5 {
			go func() {
				g := m.Lock()
				defer g.Unlock()
				assert.NoError(t, c.Wait(t.Context(), &g))
				g.Set(append(g.Get(), i))
			}()
			synctest.Wait()
		}
		assert.False(t, m.IsLocked(), "Wait has not unlocked")
		for range 3 {
			assert.True(t, c.NotifyOne())
			synctest.Wait()
		}
		v, _ := m.Get()
		assert.Equal(t, []int{0, 1, 2}, v)
		assert.Equal(t, 2, c.NotifyAll())
		synctest.Wait()
		v, _ = m.Get()
		assert.ElementsMatch(t, []int{0, 1, 2, 3, 4}, v)
	})
}

func TestCondWaitWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewRWMutex(0)
		var c arcmutex.Cond
		done := false
		go func() {
			g := m.Lock()
			defer g.Unlock()
			assert.NoError(t, c.WaitWhile(t.Context(), &g, func() bool { return g.Get() < 3 }))
			assert.Equal(t, 3, g.Get())
			done = true
		}()
		for range 3 {
			synctest.Wait()
			m.With(func(v *int) { *v++ })
			c.NotifyAll()
		}
		synctest.Wait()
		assert.True(t, done)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		g := m.Lock()
		defer g.Unlock()
		require.NoError(t, c.WaitWhile(ctx, &g, func() bool { return false }))
		require.EqualError(t, c.WaitWhile(ctx, &g, func() bool { return true }), "arcmutex: Cond.WaitWhile: context canceled")
		require.EqualError(t, c.Wait(ctx, &g), "arcmutex: Cond.Wait: context canceled")
		assert.Equal(t, 3, g.Get(), "not locked after an error")
	})
}

func TestWaitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		g := m.Lock()
		defer g.Unlock()
		start := time.Now()
		notified, err := c.WaitTimeout(&g, time.Hour)
		require.NoError(t, err)
		assert.False(t, notified)
		assert.Equal(t, time.Hour, time.Since(start))
		time.AfterFunc(time.Minute, func() { c.NotifyOne() })
		notified, err = c.WaitTimeout(&g, time.Hour)
		require.NoError(t, err)
		assert.True(t, notified)
		notified, err = c.WaitTimeout(&g, -1)
		require.NoError(t, err)
		assert.False(t, notified)
		assert.Equal(t, 0, g.Get())
	})
}

func TestSatisfiedConditionIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		g := m.Lock()
		defer g.Unlock()
		satisfied, err := c.WaitTimeoutWhile(&g, 0, func() bool { return false })
		require.NoError(t, err)
		assert.True(t, satisfied)
		satisfied, err = c.WaitTimeoutWhile(&g, time.Second, func() bool { return true })
		require.NoError(t, err)
		assert.False(t, satisfied)
		// It comes true while it waits, but nobody says so.
		time.AfterFunc(time.Millisecond, func() { m.With(func(v *int) { *v = 1 }) })
		satisfied, err = c.WaitTimeoutWhile(&g, time.Second, func() bool { return g.Get() == 0 })
		require.NoError(t, err)
		assert.True(t, satisfied)
	})
}

func TestCondReportsPoisonWithTheLockHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		go func() {
			exits(func() { m.With(func(*int) { panic("boom") }) })
			c.NotifyOne()
		}()
		g := m.Lock()
		synctest.Wait()
		require.ErrorIs(t, c.Wait(t.Context(), &g), arcmutex.ErrPoisoned)
		assert.True(t, m.IsLocked())
		g.Unlock()
	})
}

func TestCondTellsOfALostValueWhoseConditionIsSatisfied(t *testing.T) {
	for want, lose := range map[error]func(*arcmutex.Mutex[int]){
		arcmutex.ErrPoisoned: func(m *arcmutex.Mutex[int]) { exits(func() { m.With(func(*int) { panic("boom") }) }) },
		arcmutex.ErrTaken: func(m *arcmutex.Mutex[int]) {
			_, err := m.IntoInner()
			assert.NoError(t, err)
		},
	} {
		for name, wait := range map[string]func(*arcmutex.Cond, *arcmutex.Guard[int], func() bool) error{
			"WaitWhile": func(c *arcmutex.Cond, g *arcmutex.Guard[int], condition func() bool) error {
				return c.WaitWhile(context.Background(), g, condition)
			},
			"WaitTimeoutWhile": func(c *arcmutex.Cond, g *arcmutex.Guard[int], condition func() bool) error {
				satisfied, err := c.WaitTimeoutWhile(g, time.Hour, condition)
				assert.False(t, satisfied)
				return err
			},
		} {
			t.Run(fmt.Sprint(name, " ", want), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := arcmutex.NewMutex(0)
					var c arcmutex.Cond
					g := m.Lock()
					go func() {
						lose(m)
						c.NotifyOne()
					}()
					calls := 0
					err := wait(&c, &g, func() bool { calls++; return calls == 1 })
					require.ErrorIs(t, err, want)
					assert.True(t, m.IsLocked())
					g.Unlock()
				})
			})
		}
	}
}

func TestCondWithStaleGuardLeavesNoWaiter(t *testing.T) {
	m := arcmutex.NewMutex(0)
	var c arcmutex.Cond
	g := m.Lock()
	g.Unlock()
	err := testkit.PanicError(t, func() { _ = c.Wait(t.Context(), &g) })
	require.ErrorIs(t, err, arcmutex.ErrStale)
	require.EqualError(t, err, "arcmutex: Cond.Wait: guard was unlocked")
	assert.False(t, c.NotifyOne(), "it waits nevertheless")
}

// Every notification reaches somebody who returns nil, however many are
// cancelled meanwhile.
func TestStressNotificationsAreNotLost(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		var sent, received atomic.Int64
		var waiting atomic.Int64
		testkit.Parallel(9, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			if i == 0 {
				for waiting.Load() < 8*8 {
					if c.NotifyOne() {
						sent.Add(1)
					}
				}
				return
			}
			for range 8 {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(2) == 0 {
					go cancel()
				}
				g := m.Lock()
				err := c.Wait(ctx, &g)
				g.Unlock()
				if err == nil {
					received.Add(1)
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
				waiting.Add(1)
			}
		})
		assert.Equal(t, sent.Load(), received.Load())
	})
}

// Whoever notifies under the lock is not interrupted by those it wakes.
func TestNotifiedUnderTheLockWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		for range 10 {
			go func() {
				g := m.Lock()
				defer g.Unlock()
				assert.NoError(t, c.WaitWhile(t.Context(), &g, func() bool { return g.Get() == 0 }))
				*g.Ptr()++
			}()
		}
		synctest.Wait()
		g := m.Lock()
		g.Set(1)
		assert.True(t, c.NotifyOne())
		assert.Equal(t, 9, c.NotifyAll())
		assert.Zero(t, c.NotifyAll())
		synctest.Wait()
		assert.Equal(t, 1, g.Get())
		g.Unlock()
		synctest.Wait()
		v, err := m.Get()
		require.NoError(t, err)
		assert.Equal(t, 11, v)
	})
}

func TestCondServesSeveralMutexes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c arcmutex.Cond
		locks := named("A", "B")
		for _, m := range locks {
			go func() {
				g := m.Lock()
				defer g.Unlock()
				assert.NoError(t, c.Wait(t.Context(), &g))
				g.Set(1)
			}()
		}
		synctest.Wait()
		assert.Equal(t, 2, c.NotifyAll())
		synctest.Wait()
		for _, m := range locks {
			v, err := m.Get()
			require.NoError(t, err)
			assert.Equal(t, 1, v, "it has locked another's mutex again")
		}
	})
}

func TestConditionIsLookedAtOnceANotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		g := m.Lock()
		defer g.Unlock()
		looks := 0
		until := func(n int) func() bool { return func() bool { looks++; return looks < n } }
		require.NoError(t, c.WaitWhile(t.Context(), &g, until(1)))
		assert.Equal(t, 1, looks, "it has waited for what was so")

		notify := func() {
			for range 3 {
				sleep(time.Second)
				c.NotifyOne()
			}
		}
		looks = 0
		go notify()
		require.NoError(t, c.WaitWhile(t.Context(), &g, until(4)))
		assert.Equal(t, 4, looks)

		looks = 0
		go notify()
		satisfied, err := c.WaitTimeoutWhile(&g, time.Minute, until(100))
		require.NoError(t, err)
		assert.False(t, satisfied)
		assert.Equal(t, 1+3+1, looks, "once more when the time was over")
	})
}

func TestLongestTimeoutIsNotOverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		g := m.Lock()
		defer g.Unlock()
		set := func() {
			m.With(func(v *int) { *v++ })
			c.NotifyOne()
		}
		start := time.Now()
		time.AfterFunc(time.Hour, set)
		notified, err := c.WaitTimeout(&g, math.MaxInt64)
		require.NoError(t, err)
		assert.True(t, notified)
		time.AfterFunc(time.Hour, set)
		satisfied, err := c.WaitTimeoutWhile(&g, math.MaxInt64, func() bool { return g.Get() < 2 })
		require.NoError(t, err)
		assert.True(t, satisfied)
		assert.Equal(t, 2*time.Hour, time.Since(start))
	})
}

// Each that is notified waits a while for another, in vain, and notifies the
// next.
func TestNotificationOutlivesATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		for range 4 {
			go func() {
				g := m.Lock()
				defer g.Unlock()
				assert.NoError(t, c.Wait(t.Context(), &g))
				_, err := c.WaitTimeout(&g, time.Millisecond)
				assert.NoError(t, err)
				c.NotifyOne()
				*g.Ptr()++
			}()
		}
		synctest.Wait()
		c.NotifyOne()
		testkit.Advance(time.Minute)
		v, err := m.Get()
		require.NoError(t, err)
		assert.Equal(t, 4, v)
	})
}

// A queue with room for a few is what a Cond is mostly used for: one for those
// who wait for an item, one for those who wait for room.
func TestStressQueueOfTwoConds(t *testing.T) {
	for _, q := range []struct{ producers, consumers, room int }{
		{1, 1, 1}, {1, 5, 1}, {1, 1, 100}, {10, 1, 1}, {10, 1, 100}, {1, 10, 1}, {1, 10, 100}, {10, 10, 1}, {10, 10, 100},
	} {
		for name, wake := range map[string]func(c *arcmutex.Cond, isFirst bool){
			"one": func(c *arcmutex.Cond, _ bool) { c.NotifyOne() },
			"all": func(c *arcmutex.Cond, isFirst bool) {
				if isFirst {
					c.NotifyAll()
				}
			},
		} {
			t.Run(fmt.Sprintf("%d to %d through %d, notify %s", q.producers, q.consumers, q.room, name), func(t *testing.T) {
				const each = 200
				type state struct{ items, got []int }
				m := arcmutex.NewMutex(state{})
				var filled, emptied arcmutex.Cond
				testkit.Parallel(q.producers+q.consumers, func(i int) {
					if i < q.producers {
						for item := range each {
							g := m.Lock()
							assert.NoError(t, emptied.WaitWhile(t.Context(), &g, func() bool { return len(g.Ptr().items) == q.room }))
							g.Ptr().items = append(g.Ptr().items, item)
							isFirst := len(g.Ptr().items) == 1
							g.Unlock()
							wake(&filled, isFirst)
						}
						return
					}
					for {
						g := m.Lock()
						isLast := func() bool { return len(g.Ptr().got) == q.producers*each }
						assert.NoError(t, filled.WaitWhile(t.Context(), &g, func() bool { return len(g.Ptr().items) == 0 && !isLast() }))
						if isLast() {
							g.Unlock()
							filled.NotifyAll()
							return
						}
						s := g.Ptr()
						isFirst := len(s.items) == q.room
						s.got, s.items = append(s.got, s.items[0]), s.items[1:]
						g.Unlock()
						wake(&emptied, isFirst)
					}
				})
				s, err := m.Get()
				require.NoError(t, err)
				slices.Sort(s.got)
				for i, item := range s.got {
					require.Equal(t, i/q.producers, item)
				}
			})
		}
	}
}
