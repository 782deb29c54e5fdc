package arcmutex_test

import (
	"context"
	"errors"
	"fmt"
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
				c.Wait(&g)
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
			assert.NoError(t, c.WaitWhileContext(t.Context(), &g, func() bool { return g.Get() < 3 }))
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
		require.NoError(t, c.WaitWhileContext(ctx, &g, func() bool { return false }))
		require.EqualError(t, c.WaitWhileContext(ctx, &g, func() bool { return true }), "arcmutex: Cond.WaitWhileContext: context canceled")
		require.EqualError(t, c.WaitContext(ctx, &g), "arcmutex: Cond.WaitContext: context canceled")
		assert.Equal(t, 3, g.Get(), "not locked after an error")
	})
}

func TestCondWaitsUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		g := m.Lock()
		defer g.Unlock()
		start := time.Now()
		wait := func(d time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			return c.WaitContext(ctx, &g)
		}
		require.ErrorIs(t, wait(time.Hour), context.DeadlineExceeded)
		assert.Equal(t, time.Hour, time.Since(start))
		time.AfterFunc(time.Minute, func() { c.NotifyOne() })
		require.NoError(t, wait(time.Hour))
		require.ErrorIs(t, wait(-1), context.DeadlineExceeded)
		assert.Equal(t, 0, g.Get())
	})
}

func TestSatisfiedConditionIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := arcmutex.NewMutex(0)
		var c arcmutex.Cond
		g := m.Lock()
		defer g.Unlock()
		wait := func(d time.Duration, condition func() bool) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			return c.WaitWhileContext(ctx, &g, condition)
		}
		require.NoError(t, wait(0, func() bool { return false }))
		require.ErrorIs(t, wait(time.Second, func() bool { return true }), context.DeadlineExceeded)
		// It comes true during the wait, but no goroutine notifies.
		time.AfterFunc(time.Millisecond, func() { m.With(func(v *int) { *v = 1 }) })
		require.NoError(t, wait(time.Second, func() bool { return g.Get() == 0 }))
	})
}

// condWaits are the ways to wait with a condition that ends a second wait.
var condWaits = map[string]func(*arcmutex.Cond, *arcmutex.Guard[int], func() bool) error{
	"Wait": func(c *arcmutex.Cond, g *arcmutex.Guard[int], _ func() bool) error {
		return panicsWith(func() { c.Wait(g) })
	},
	"WaitContext": func(c *arcmutex.Cond, g *arcmutex.Guard[int], _ func() bool) error {
		return c.WaitContext(context.Background(), g)
	},
	"WaitWhile": func(c *arcmutex.Cond, g *arcmutex.Guard[int], condition func() bool) error {
		return panicsWith(func() { c.WaitWhile(g, condition) })
	},
	"WaitWhileContext": func(c *arcmutex.Cond, g *arcmutex.Guard[int], condition func() bool) error {
		return c.WaitWhileContext(context.Background(), g, condition)
	},
}

// panicsWith returns the error that f panics with, or nil.
func panicsWith(f func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	f()
	return nil
}

func TestCondTellsOfALostValueWithTheLockHeld(t *testing.T) {
	for want, lose := range map[error]func(*arcmutex.Mutex[int]){
		arcmutex.ErrPoisoned: func(m *arcmutex.Mutex[int]) { exits(func() { m.With(func(*int) { panic("boom") }) }) },
		arcmutex.ErrTaken: func(m *arcmutex.Mutex[int]) {
			_, err := m.IntoInner()
			assert.NoError(t, err)
		},
	} {
		for name, wait := range condWaits {
			t.Run(fmt.Sprint(name, " ", want), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := arcmutex.NewMutex(0)
					var c arcmutex.Cond
					g := m.Lock()
					go func() {
						lose(m)
						c.NotifyOne()
					}()
					calls := 0 // the condition is satisfied after the wait
					err := wait(&c, &g, func() bool { calls++; return calls == 1 })
					require.ErrorIs(t, err, want)
					assert.Contains(t, err.Error(), "arcmutex: Cond."+name+": ")
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
	err := testkit.PanicError(t, func() { _ = c.WaitContext(t.Context(), &g) })
	require.ErrorIs(t, err, arcmutex.ErrReleased)
	require.EqualError(t, err, "arcmutex: Cond.WaitContext: guard was unlocked")
	assert.False(t, c.NotifyOne(), "it waits nevertheless")
}

// Every notification reaches a waiter that returns nil, however many waiters are
// canceled at the same time.
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
				err := c.WaitContext(ctx, &g)
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
				c.WaitWhile(&g, func() bool { return g.Get() == 0 })
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
				assert.NoError(t, c.WaitContext(t.Context(), &g))
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
		require.NoError(t, c.WaitWhileContext(t.Context(), &g, until(1)))
		assert.Equal(t, 1, looks, "it has waited for what was so")

		notify := func() {
			for range 3 {
				sleep(time.Second)
				c.NotifyOne()
			}
		}
		looks = 0
		go notify()
		require.NoError(t, c.WaitWhileContext(t.Context(), &g, until(4)))
		assert.Equal(t, 4, looks)

		looks = 0
		go notify()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, c.WaitWhileContext(ctx, &g, until(100)), context.DeadlineExceeded)
		assert.Equal(t, 1+3+1, looks, "once more when the time was over")
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
				assert.NoError(t, c.WaitContext(t.Context(), &g))
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				assert.ErrorIs(t, c.WaitContext(ctx, &g), context.DeadlineExceeded)
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

// The typical use of Conds is a bounded queue: one Cond for goroutines that wait for an
// item, and one for goroutines that wait for a free slot.
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
							emptied.WaitWhile(&g, func() bool { return len(g.Ptr().items) == q.room })
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
						assert.NoError(t, filled.WaitWhileContext(t.Context(), &g, func() bool { return len(g.Ptr().items) == 0 && !isLast() }))
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
