package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/task"
	"github.com/coderrange/ferrous/track"
)

func TestMain(m *testing.M) { checked.Main(m) }

// check looks for handles, permits and locks that were not ended, and for deadlocks.
func check(t *testing.T) {
	t.Helper()
	track.Check(t)
	stop := arcmutex.Check(time.Minute, func(d *arcmutex.Deadlock) { t.Error(d) })
	t.Cleanup(stop)
}

// A source loads the keys as values and counts; it fails for "bad".
type source struct{ loads, live atomic.Int64 }

func (s *source) load(ctx context.Context, key string) (string, error) {
	s.loads.Add(1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if key == "bad" {
		return "", errors.New("bad key")
	}
	s.live.Add(1)
	return key, nil
}

func (s *source) release(string) { s.live.Add(-1) }

// size returns how many values somebody has.
func size[V any](c *Cache[V]) (n int) {
	c.known.With(func(k *known[V]) { n = len(k.entries) })
	return n
}

func TestCallersShareOneLoad(t *testing.T) {
	check(t)
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := NewCache(2, s.load, s.release)
		require.NoError(t, task.WithGroup(t.Context(), task.Unlimited, func(g *task.Scope) error {
			for range 50 {
				g.SpawnErr(func(ctx context.Context) error {
					a, err := c.Get(ctx, "a")
					if err != nil {
						return err
					}
					defer a.Drop()
					assert.Equal(t, "a", *a.Ptr())
					return nil
				})
			}
			return nil
		}))
		assert.EqualValues(t, 1, s.loads.Load())
		assert.Equal(t, 1, size(c))
		c.Close()
		assert.Zero(t, s.live.Load())
		assert.Zero(t, size(c))
	})
}

func TestAnEvictionTakesNothingAwayFromAReader(t *testing.T) {
	check(t)
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := NewCache(1, s.load, s.release)
		a, err := c.Get(t.Context(), "a")
		require.NoError(t, err)
		b, err := c.Get(t.Context(), "b") // evicts a
		require.NoError(t, err)
		b.Drop()
		assert.Equal(t, "a", *a.Ptr())
		again, err := c.Get(t.Context(), "a") // by the Weak; evicts b, which nobody has
		require.NoError(t, err)
		assert.True(t, again.PtrEq(a))
		assert.EqualValues(t, 2, s.loads.Load())
		assert.EqualValues(t, 1, s.live.Load())
		again.Drop()
		c.Close()
		assert.EqualValues(t, 1, s.live.Load(), "the reader has it")
		a.Drop()
		assert.Zero(t, s.live.Load())
	})
}

func TestAnErrorIsNotKept(t *testing.T) {
	check(t)
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := NewCache(1, s.load, s.release)
		for range 2 {
			_, err := c.Get(t.Context(), "bad")
			require.EqualError(t, err, "bad key")
		}
		assert.EqualValues(t, 2, s.loads.Load())
		c.Close()
	})
}

func TestALoadEndsWhenItsCallersHaveGivenUp(t *testing.T) {
	check(t)
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := NewCache(1, s.load, s.release)
		patient := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		go func() {
			a, err := c.Get(t.Context(), "a")
			if err == nil {
				a.Drop()
			}
			patient <- err
		}()
		_, err := c.Get(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, <-patient, "the other caller still wants it")
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = c.Get(ctx, "b")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		c.Close()
		assert.EqualValues(t, 2, s.loads.Load())
		assert.Zero(t, s.live.Load())
		_, err = c.Get(t.Context(), "a")
		require.Equal(t, ErrClosed, err)
	})
}

func TestCloseEndsALoad(t *testing.T) {
	check(t)
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := NewCache(1, s.load, s.release)
		got := make(chan error)
		go func() { _, err := c.Get(t.Context(), "a"); got <- err }()
		synctest.Wait()
		go c.Close()
		require.Equal(t, ErrClosed, <-got)
	})
}

// TestEvictionsUnderLoad has far more readers than the cache keeps pages.
func TestEvictionsUnderLoad(t *testing.T) {
	check(t)
	for _, keep := range []int{1, 3, 100} {
		var out strings.Builder
		args := strings.Fields(fmt.Sprintf("-gets 1000 -keys 50 -readers 16 -keep %d", keep))
		require.NoError(t, run(t.Context(), args, &out))
		assert.Contains(t, out.String(), fmt.Sprintf("all %d frames are back", keep+16))
		t.Log(out.String())
	}
}

func TestAReaderThatFailsEndsTheOthers(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	require.ErrorContains(t, run(ctx, nil, new(strings.Builder)), "enough")
}
