package park_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/park"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestGateOpensForAllWhoWait(t *testing.T) {
	var g park.Gate
	assert.False(t, g.Open(), "nobody waits")
	first, made := g.Wait()
	assert.True(t, made)
	second, made := g.Wait()
	assert.False(t, made)
	assert.Equal(t, first, second)
	assert.True(t, g.Open())
	<-first
	third, made := g.Wait()
	assert.True(t, made, "a new round")
	select {
	case <-third:
		t.Fatal("opened early")
	default:
	}
	g.Open()
	testkit.NoAllocs(t, "opening for nobody", func() { g.Open() })
}

// losesNoWakeUp changes a state n times and calls open after each change, while others
// wait for the last change. join returns what waits for the next open.
func losesNoWakeUp(n int64, open func(), join func() (wait func())) {
	var state atomic.Int64
	testkit.Parallel(4, func(i int) {
		if i == 0 {
			for range n {
				state.Add(1)
				open()
			}
			return
		}
		for state.Load() < n {
			wait := join()
			if state.Load() < n {
				wait()
			}
		}
	})
}

func TestGateLosesNoWakeUp(t *testing.T) {
	testkit.Stress(t, func(*testing.T, int) {
		var g park.Gate
		losesNoWakeUp(100, func() { g.Open() }, func() (wait func()) {
			opened, _ := g.Wait()
			return func() { <-opened }
		})
	})
}

// The list behaves as a slice.
func TestListModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l park.List[int]
		var want, off []*park.Waiter[int]
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				w := l.Push(next)
				require.Equal(t, next, w.Want)
				require.NotContains(t, want, w)
				want = append(want, w)
				next++
			},
			"remove": func(t *rapid.T) {
				if len(want) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(want)-1).Draw(t, "i")
				w := want[i]
				require.True(t, l.Remove(w))
				require.False(t, l.Remove(w), "once")
				want = append(want[:i:i], want[i+1:]...)
				off = append(off, w)
			},
			"wake": func(t *rapid.T) {
				if len(off) == 0 {
					t.Skip("none")
				}
				var b park.Batch[int]
				for _, w := range off {
					b.Add(w)
				}
				b.Wake()
				for _, w := range off {
					require.True(t, w.Wait(nil))
					l.Recycle(w)
					require.Zero(t, w.Want)
				}
				off = nil
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(want), l.Len())
				if len(want) == 0 {
					require.Nil(t, l.Front())
				} else {
					require.Same(t, want[0], l.Front())
				}
			},
		})
	})
}

func TestWaiterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l park.List[int]
		ctx, cancel := context.WithCancel(t.Context())
		w := l.Push(0)
		go cancel()
		assert.False(t, w.Wait(ctx.Done()))
		assert.True(t, l.Remove(w))
	})
}

func TestListKeepsABoundedNumberOfWaiters(t *testing.T) {
	var l park.List[int]
	pass := func(n int) {
		waiters := make([]*park.Waiter[int], n)
		for i := range waiters {
			waiters[i] = l.Push(i)
		}
		for _, w := range waiters {
			l.Remove(w)
			l.Recycle(w)
		}
	}
	pass(10_000)
	testkit.Allocs(t, "100 waiters", 1, func() { pass(100) })
	assert.Greater(t, testing.AllocsPerRun(10, func() { pass(10_000) }), 10_000.0, "the rest was let go")
}

// A lock made of a list serves in order, excludes, and survives cancellation.
func TestListServesALock(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		var guard sync.Mutex
		var l park.List[struct{}]
		held, inside, entered := false, 0, 0
		lock := func(ctx context.Context) error {
			guard.Lock()
			if !held {
				held = true
				guard.Unlock()
				return nil
			}
			w := l.Push(struct{}{})
			guard.Unlock()
			if w.Wait(ctx.Done()) {
				return nil
			}
			guard.Lock()
			removed := l.Remove(w)
			guard.Unlock()
			if removed {
				return ctx.Err()
			}
			w.Wait(nil)
			return nil
		}
		unlock := func() {
			guard.Lock()
			next := l.Front()
			if next != nil {
				l.Remove(next)
			}
			held = next != nil
			guard.Unlock()
			if next != nil {
				next.Wake()
			}
		}
		testkit.Parallel(8, func(i int) {
			ctx, cancel := context.WithCancel(t.Context())
			if i%2 == round%2 {
				go cancel()
			} else {
				defer cancel()
			}
			for range 20 {
				if lock(ctx) != nil {
					return
				}
				inside++
				entered++
				assert.Equal(t, 1, inside)
				inside--
				unlock()
			}
		})
		assert.False(t, held)
		assert.GreaterOrEqual(t, entered, 4*20)
	})
}

func TestListKeepsFewLargeWaiters(t *testing.T) {
	var l park.List[[1 << 15]byte]
	w := l.Push([1 << 15]byte{})
	l.Remove(w)
	l.Recycle(w)
	assert.NotSame(t, w, l.Push([1 << 15]byte{}))
}
