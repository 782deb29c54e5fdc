package limit_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
)

func TestConcurrencyRunsUpToItsLimitQueuesAndSheds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 2, Queue: 3})
		one, err := c.TryAcquire()
		require.NoError(t, err)
		two, err := c.Acquire(t.Context())
		require.NoError(t, err)
		_, err = c.TryAcquire()
		require.ErrorIs(t, err, limit.ErrOverloaded)
		var order []int
		for i := range 3 {
			go func() {
				p, err := c.Acquire(t.Context())
				if assert.NoError(t, err) {
					order = append(order, i) // one at a time
					p.Release()
				}
			}()
			synctest.Wait()
		}
		require.Equal(t, limit.ConcurrencyStats{Limit: 2, Running: 2, Waiting: 3}, c.Stats())
		_, err = c.Acquire(t.Context())
		require.ErrorIs(t, err, limit.ErrOverloaded)
		require.EqualError(t, err, "limit: Concurrency.Acquire: overloaded")
		one.Release()
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, order)
		two.Release()
		require.Equal(t, limit.ConcurrencyStats{Limit: 2}, c.Stats())
	})
}

func TestACanceledCallerLosesItsPlaceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1, Queue: 2})
		held, err := c.Acquire(t.Context())
		require.NoError(t, err)
		cause := errors.New("gone home")
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := c.Acquire(ctx)
			left <- err
		}()
		synctest.Wait()
		served := make(chan limit.Permit, 1)
		go func() {
			p, err := c.Acquire(t.Context())
			assert.NoError(t, err)
			served <- p
		}()
		synctest.Wait()
		cancel(cause)
		err = <-left
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, limit.ConcurrencyStats{Limit: 1, Running: 1, Waiting: 1}, c.Stats())
		held.Release()
		(<-served).Release()
		_, err = c.Acquire(ctx)
		require.ErrorIs(t, err, cause, "a context that is done comes first")
	})
}

func TestCloseRefusesAllButWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1, Queue: 1})
		held, err := c.Acquire(t.Context())
		require.NoError(t, err)
		refused := make(chan error, 1)
		go func() { refused <- c.DoErr(t.Context(), func(context.Context) error { panic("not called") }) }()
		synctest.Wait()
		c.Close()
		c.Close()
		require.ErrorIs(t, <-refused, limit.ErrClosed)
		_, err = c.Acquire(t.Context())
		require.ErrorIs(t, err, limit.ErrClosed)
		_, err = c.TryAcquire()
		require.ErrorIs(t, err, limit.ErrClosed)
		held.Release()
		require.Equal(t, limit.ConcurrencyStats{Limit: 1}, c.Stats())
	})
}

func TestDoReleasesHoweverTheFunctionEnds(t *testing.T) {
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1})
	sad := errors.New("sad")
	n, err := limit.Do(t.Context(), c, func(context.Context) (int, error) {
		require.Equal(t, 1, c.Stats().Running)
		require.ErrorIs(t, c.DoErr(t.Context(), func(context.Context) error { return nil }), limit.ErrOverloaded)
		return 7, sad
	})
	require.Equal(t, 7, n)
	require.Equal(t, sad, err, "the error of the function is not wrapped")
	require.PanicsWithValue(t, "oops", func() {
		_ = c.DoErr(t.Context(), func(context.Context) error { panic("oops") })
	})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = limit.Do(t.Context(), c, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
	}()
	<-gone
	require.Equal(t, limit.ConcurrencyStats{Limit: 1}, c.Stats())
	require.NoError(t, c.DoErr(t.Context(), func(context.Context) error { return nil }))
}

// TestConcurrencyAgainstAModel uses all methods together, with panics, Goexit, canceled
// contexts, copies and ended permits.
func TestConcurrencyAgainstAModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		bound, room := rapid.IntRange(1, 3).Draw(t, "limit"), rapid.IntRange(0, 3).Draw(t, "queue")
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: bound, Queue: room})
		ctx, end := context.WithCancel(context.Background())
		defer end()
		type caller struct {
			cancel context.CancelFunc
			permit limit.Permit
			err    error
			done   bool
		}
		var held, ended []limit.Permit
		var queue []*caller
		closed := false
		serve := func() { // after a place has become free
			synctest.Wait()
			for len(queue) > 0 && queue[0].done {
				require.NoError(t, queue[0].err)
				held = append(held, queue[0].permit)
				queue = queue[1:]
			}
		}
		call := func() *caller {
			w := &caller{}
			var own context.Context
			own, w.cancel = context.WithCancel(ctx)
			go func() {
				w.permit, w.err = c.Acquire(own)
				w.done = true
			}()
			synctest.Wait()
			return w
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				require.Equal(t, limit.ConcurrencyStats{Limit: bound, Running: len(held), Waiting: len(queue)}, c.Stats())
			},
			"TryAcquire": func(t *rapid.T) {
				p, err := c.TryAcquire()
				switch {
				case closed:
					require.ErrorIs(t, err, limit.ErrClosed)
				case len(held) >= bound:
					require.ErrorIs(t, err, limit.ErrOverloaded)
				default:
					require.NoError(t, err)
					held = append(held, p)
					return
				}
				ended = append(ended, p)
			},
			"Acquire": func(t *rapid.T) {
				w := call()
				switch {
				case closed:
					require.True(t, w.done)
					require.ErrorIs(t, w.err, limit.ErrClosed)
				case len(held) < bound:
					require.True(t, w.done)
					require.NoError(t, w.err)
					held = append(held, w.permit)
				case len(queue) >= room:
					require.True(t, w.done)
					require.ErrorIs(t, w.err, limit.ErrOverloaded)
				default:
					require.False(t, w.done)
					queue = append(queue, w)
				}
			},
			"cancel": func(t *rapid.T) {
				if len(queue) == 0 {
					t.Skip("none waits")
				}
				i := rapid.IntRange(0, len(queue)-1).Draw(t, "which")
				w := queue[i]
				w.cancel()
				synctest.Wait()
				require.ErrorIs(t, w.err, context.Canceled)
				queue = slices.Delete(queue, i, i+1)
			},
			"Release": func(t *rapid.T) {
				if len(held) == 0 {
					t.Skip("none is held")
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				p := held[i]
				held = slices.Delete(held, i, i+1)
				ended = append(ended, p)
				p.Release()
				serve()
			},
			"release what has ended": func(t *rapid.T) {
				if len(ended) == 0 {
					t.Skip("none has ended")
				}
				p := rapid.SampledFrom(ended).Draw(t, "which")
				require.Panics(t, p.Release)
			},
			"Do that ends badly": func(t *rapid.T) {
				how := rapid.IntRange(0, 2).Draw(t, "how")
				called := false
				over := make(chan any, 1)
				if closed || len(held) < bound {
					go func() {
						defer func() { over <- recover() }()
						_, _ = limit.Do(ctx, c, func(context.Context) (int, error) {
							called = true
							switch how {
							case 0:
								panic("oops")
							case 1:
								runtime.Goexit()
							}
							return 0, errors.New("sad")
						})
					}()
					<-over
					require.Equal(t, !closed, called)
				}
			},
			"Close": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
					t.Skip("not now")
				}
				c.Close()
				synctest.Wait()
				closed = true
				for _, w := range queue {
					require.ErrorIs(t, w.err, limit.ErrClosed)
				}
				queue = nil
			},
		})
		c.Close()
		end()
		synctest.Wait()
	})
}

func TestStressConcurrencyNeverRunsMore(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		const bound = 3
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: bound, Queue: 8})
		var running, calls, shed atomic.Int64
		testkit.Parallel(32, func(i int) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for j := range 50 {
				err := c.DoErr(ctx, func(context.Context) error {
					assert.LessOrEqual(t, running.Add(1), int64(bound))
					runtime.Gosched()
					running.Add(-1)
					return nil
				})
				switch {
				case err == nil:
					calls.Add(1)
				case errors.Is(err, limit.ErrOverloaded):
					shed.Add(1)
				case !errors.Is(err, context.Canceled):
					t.Error(err)
				}
				if i == 0 && j == 25 {
					cancel()
				}
			}
		})
		require.Positive(t, calls.Load())
		require.Equal(t, limit.ConcurrencyStats{Limit: bound}, c.Stats())
	})
}

// A server of the simulation: so many workers, each of which takes that long.
type server struct {
	workers *limit.Concurrency
	took    time.Duration
}

func newServer(workers int, took time.Duration) *server {
	return &server{limit.NewConcurrency(limit.ConcurrencyOptions{Limit: workers, Queue: 1 << 20}), took}
}

func (s *server) call(context.Context) error {
	return s.workers.DoErr(context.Background(), func(context.Context) error {
		sleep(s.took)
		return nil
	})
}

// overload has 100 clients ask without end for what the server does. It returns how to
// change the server, and how the clients end.
func overload(c *limit.Concurrency, s *server) (change func(s *server), end func()) {
	var now atomic.Pointer[server]
	now.Store(s)
	ctx, cancel := context.WithCancel(context.Background())
	for range 100 {
		go func() {
			for ctx.Err() == nil {
				if c.DoErr(ctx, func(ctx context.Context) error { return now.Load().call(ctx) }) != nil {
					sleep(time.Second)
				}
			}
		}()
	}
	return now.Store, func() {
		cancel()
		testkit.Advance(time.Hour)
	}
}

func TestAnAdaptingLimitFindsTheCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const took, window = time.Second, 10 * time.Second
		large, small := newServer(20, took), newServer(10, took)
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 2, Max: 200, Window: window})
		change, end := overload(c, large)
		defer end()
		// The gradient and the headroom balance at a limit of 36 for 20 workers, and of 20
		// for 10.
		between := func(least, most int) {
			t.Helper()
			for range 20 {
				testkit.Advance(window)
				got := c.Stats().Limit
				require.GreaterOrEqual(t, got, least)
				require.LessOrEqual(t, got, most)
			}
		}
		testkit.Advance(100 * window)
		between(20, 45)
		change(small)
		testkit.Advance(50 * window)
		between(10, 27)
		change(large)
		testkit.Advance(50 * window)
		between(20, 45)
		testkit.Advance(500 * window) // overload does not become normal
		between(20, 45)
	})
}

func TestAnAdaptingLimitBelievesInTheEndThatTheWorkIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 10 * time.Second
		fast, slow := newServer(20, 500*time.Millisecond), newServer(20, 4*time.Second)
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Max: 100, Window: window})
		change, end := overload(c, fast)
		defer end()
		testkit.Advance(50 * window)
		require.GreaterOrEqual(t, c.Stats().Limit, 20)
		change(slow)
		fell := false // since it looks like overload at first
		for range 50 {
			testkit.Advance(window)
			fell = fell || c.Stats().Limit < 20
		}
		require.True(t, fell)
		testkit.Advance(100 * window)
		require.GreaterOrEqual(t, c.Stats().Limit, 20)
	})
}

func TestALimitThatIsNotUsedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 50, Max: 100})
		for range 1000 {
			p, err := c.Acquire(t.Context())
			require.NoError(t, err)
			testkit.Advance(100 * time.Millisecond)
			p.Release()
		}
		require.Equal(t, 50, c.Stats().Limit)
	})
}

func TestFastFailuresDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(fails bool) int {
			c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1, Max: 100})
			for i := range 1000 {
				failing := fails && i >= 100 && i%2 == 0
				_ = c.DoErr(t.Context(), func(context.Context) error {
					if failing {
						return errors.New("no such host")
					}
					sleep(100 * time.Millisecond)
					return nil
				})
			}
			return c.Stats().Limit
		}
		require.Greater(t, run(false), 1)
		require.Greater(t, run(true), 1)
	})
}
