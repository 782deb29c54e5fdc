package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

func newJoinMap[K comparable, T any](t *testing.T, limit int) *task.JoinMap[K, T] {
	t.Helper()
	m := task.NewJoinMap[K, T](t.Context(), limit)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestEachResultComesWithItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newJoinMap[string, int](t, task.Unlimited)
		for range 2 {
			for i := range 10 {
				m.Spawn(fmt.Sprint(i), sleeper(time.Duration(10-i), i))
				assert.Equal(t, i+1, m.Len())
			}
			want := 9
			for got, err := range m.All(t.Context()) {
				require.NoError(t, err)
				assert.Equal(t, task.Keyed[string, int]{Key: fmt.Sprint(want), Value: want}, got)
				want--
			}
			assert.Equal(t, -1, want)
			_, _, err := m.Next(t.Context())
			require.Equal(t, task.ErrEmpty, err)
		}
	})
}

func TestAJoinMapMayGrowWhileResultsAreTaken(t *testing.T) {
	m := newJoinMap[int, int](t, task.Unlimited)
	m.Spawn(1, value(1))
	m.Spawn(2, value(2))
	for i := range 16 {
		key, h, err := m.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, m.Len())
		assert.False(t, m.Contains(key))
		_, err = h.Join(t.Context())
		require.NoError(t, err)
		m.Spawn(3+i, value(i))
		assert.Equal(t, 2, m.Len())
	}
}

func TestKeysAreThoseThatWereNotGivenOut(t *testing.T) {
	m := newJoinMap[int, int](t, 1)
	m.Spawn(1, value(1))
	m.Spawn(2, value(2))
	require.NoError(t, m.Wait(t.Context()))
	keys := m.Keys()
	slices.Sort(keys)
	assert.Equal(t, []int{1, 2}, keys, "ended, but not given out")
	assert.True(t, m.Contains(1) && m.Contains(2))
	for range 2 {
		_, _, err := m.Next(t.Context())
		require.NoError(t, err)
	}
	assert.Empty(t, m.Keys())
	assert.False(t, m.Contains(1) || m.Contains(2))
}

func TestTasksAreAbortedByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newJoinMap[int, int](t, task.Unlimited)
		for i := range 16 {
			m.Spawn(i, func(ctx context.Context) (int, error) {
				select {
				case <-time.After(time.Duration(i) * time.Second):
					return i, nil
				case <-ctx.Done():
					return i, context.Cause(ctx)
				}
			})
		}
		synctest.Wait()
		for _, key := range m.Keys() {
			if key%2 != 0 {
				assert.True(t, m.AbortKey(key, errBoom))
			}
		}
		assert.False(t, m.AbortKey(16, nil))
		ended := 0
		for got, err := range m.All(t.Context()) {
			ended++
			if got.Key%2 == 0 {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, errBoom)
			}
			assert.Equal(t, got.Key, got.Value)
			assert.False(t, m.Contains(got.Key))
		}
		assert.Equal(t, 16, ended)
	})
}

func TestATaskIsReplacedByOneWithItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newJoinMap[int, int](t, 1)
		running := m.Spawn(1, untilDone)
		synctest.Wait()
		queued := m.Spawn(1, func(context.Context) (int, error) { panic("called") })
		gate := make(chan struct{})
		last := m.Spawn(1, after(gate, 3))
		assert.Equal(t, 1, m.Len())
		for _, h := range []*task.Handle[int]{running, queued} {
			_, err := h.Join(t.Context())
			require.ErrorIs(t, err, task.ErrReplaced)
		}
		synctest.Wait()
		_, _, ok := m.TryNext()
		assert.False(t, ok, "the last one runs")
		close(gate)
		key, h, err := m.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, key)
		assert.Same(t, last, h)
		_, _, err = m.Next(t.Context())
		require.Equal(t, task.ErrEmpty, err)
	})
}

func TestAResultThatWasNotTakenIsReplacedToo(t *testing.T) {
	m := newJoinMap[int, int](t, 1)
	first := m.Spawn(1, value(1))
	<-first.Done()
	second := m.Spawn(1, value(2))
	key, h, err := m.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, key)
	assert.Same(t, second, h)
	v, err := first.Join(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, v, "its handle has it")
	_, _, err = m.Next(t.Context())
	require.Equal(t, task.ErrEmpty, err)
}

func TestWhatReplacedTasksHideIsReportedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("lost")
		m := newJoinMap[int, int](t, task.Unlimited)
		var kept []*task.Handle[int] // so that no panic ends the process
		for _, f := range []func(context.Context) (int, error){
			untilDone, // obeys: not reported
			func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, // so does this one
			func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, lost },
			func(ctx context.Context) (int, error) { <-ctx.Done(); return culprit(ctx) },
			value(1),
		} {
			kept = append(kept, m.Spawn(1, f))
			synctest.Wait()
		}
		var e *task.EndError
		require.ErrorAs(t, m.Close(), &e)
		require.Len(t, e.Errs, 2)
		require.ErrorIs(t, e, lost)
		var p *task.PanicError
		require.ErrorAs(t, e, &p)
		assert.Len(t, kept, 5)
	})
}

func TestAClosedJoinMapReplacesNothing(t *testing.T) {
	m := newJoinMap[int, int](t, 1)
	first := m.Spawn(1, value(1))
	require.NoError(t, m.Shutdown(t.Context()))
	_, err := m.Spawn(1, func(context.Context) (int, error) { panic("called") }).Join(t.Context())
	require.Equal(t, task.ErrClosed, err)
	key, h, err := m.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, key)
	assert.Same(t, first, h)
}

func TestAKeyThatIsRefusedLeavesNothing(t *testing.T) {
	a := newJoinMap[any, int](t, 1)
	var fla task.Flight[any, int]
	require.Error(t, testkit.PanicError(t, func() { a.Spawn([]int{}, value(1)) }), "it cannot be hashed")
	require.Error(t, testkit.PanicError(t, func() { _, _ = fla.Do(t.Context(), []int{}, value(1)) }))
	assert.Zero(t, a.Len()+fla.Len())
	_, err := a.Spawn(1, value(1)).Join(t.Context()) // no lock was left locked
	require.NoError(t, err)
	_, err = fla.Do(t.Context(), 1, value(1))
	require.NoError(t, err)
}

func TestTheEndOfAReplacedTaskWakesATaskThatAsksForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newJoinMap[string, error](t, 2)
		nothing := func(context.Context) (error, error) { return nil, nil } //nolint:nilnil // a value of type error
		gate := make(chan struct{})
		m.Spawn("a", func(context.Context) (error, error) { <-gate; return nil, nil }) //nolint:nilnil // as above
		synctest.Wait()
		m.Spawn("a", nothing)
		_, _, err := m.Next(t.Context())
		require.NoError(t, err)
		asks := m.Spawn("b", func(ctx context.Context) (error, error) {
			_, _, err := m.Next(ctx)
			return err, nil
		})
		synctest.Wait()
		close(gate)
		got, err := asks.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, task.ErrEmpty, got, "it is the only one left")
	})
}

// TestAJoinMapForgets replaces, aborts and takes many tasks.
func TestAJoinMapForgets(t *testing.T) {
	m := newJoinMap[int, int](t, 1)
	gate := make(chan struct{})
	m.Spawn(-1, after(gate, 1))
	for range 10_000 {
		m.Spawn(0, value(0))
	}
	order, done, queue, tasks, keys := task.JoinMapKept(m)
	assert.LessOrEqual(t, order, 64)
	assert.LessOrEqual(t, done, 64)
	assert.LessOrEqual(t, queue, 64)
	assert.Equal(t, 2, tasks)
	assert.Equal(t, 2, keys)
	for key := range 10_000 {
		m.Spawn(key, value(key))
	}
	close(gate)
	for _, err := range m.All(t.Context()) {
		require.NoError(t, err)
	}
	order, done, queue, tasks, keys = task.JoinMapKept(m)
	assert.Equal(t, []int{0, 0, 0}, []int{order, tasks, keys})
	assert.LessOrEqual(t, done+queue, 64)
	assert.Equal(t, "JoinMap(running=0 queued=0 untaken=0)", fmt.Sprint(m))
}

// TestStressJoinMap spawns, replaces, aborts, takes and closes all at once: a handle is
// given out with its key, and at most once; what was not was replaced.
func TestStressJoinMap(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		m := task.NewJoinMap[int, int](t.Context(), 1+round%4)
		var spawned, given sync.Map // by handle: the key
		take := func(key int, h *task.Handle[int]) {
			_, twice := given.LoadOrStore(h, key)
			assert.False(t, twice)
		}
		testkit.Parallel(6, func(i int) {
			for n := range 50 {
				switch key := (i + n) % 5; {
				case i < 4:
					h := m.Spawn(key, func(ctx context.Context) (int, error) {
						runtime.Gosched()
						return key, ctx.Err()
					})
					spawned.Store(h, key)
					if n%10 == 9 {
						m.AbortKey(key, errBoom)
						m.Keys()
					}
				case i == 4:
					if key, h, ok := m.TryNext(); ok {
						take(key, h)
					}
				default:
					if key, h, err := m.Next(t.Context()); err == nil {
						take(key, h)
					}
				}
			}
			if i == 0 && round%2 == 0 {
				_ = m.Close()
			}
		})
		_ = m.Close()
		for key, h, ok := m.TryNext(); ok; key, h, ok = m.TryNext() {
			take(key, h)
		}
		assert.Zero(t, m.Len())
		assert.Empty(t, m.Keys())
		given.Range(func(h, key any) bool {
			want, _ := spawned.Load(h)
			return assert.Equal(t, want, key)
		})
		spawned.Range(func(h, _ any) bool {
			_, err := h.(*task.Handle[int]).Result(t.Context())
			_, wasGiven := given.Load(h)
			return assert.False(t, wasGiven && errors.Is(err, task.ErrReplaced), "it was replaced and given out")
		})
	})
}
