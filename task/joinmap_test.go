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
	"pgregory.net/rapid"

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

// A faulty is a task that ends as it is told, or by its context unless it is deaf.
type faulty struct {
	id     int
	deaf   bool
	began  chan struct{}
	finish chan string
	handle *task.Handle[int]
}

// waysToEnd maps each way in which a faulty can end to the error that it leaves.
var waysToEnd = map[string]error{"value": nil, "error": errBoom, "panic": errPanicked, "Goexit": task.ErrGoexit}

var errPanicked = errors.New("panicked")

func newFaulty(id int, deaf bool) *faulty {
	return &faulty{id: id, deaf: deaf, began: make(chan struct{}), finish: make(chan string)}
}

func (f *faulty) hasBegun() bool {
	select {
	case <-f.began:
		return true
	default:
		return false
	}
}

func (f *faulty) run(ctx context.Context) (int, error) {
	close(f.began)
	done := ctx.Done()
	if f.deaf {
		done = nil
	}
	select {
	case <-done:
		return f.id, context.Cause(ctx)
	case how := <-f.finish:
		switch how {
		case "panic":
			panic(errPanicked)
		case "Goexit":
			runtime.Goexit()
		}
		return f.id, waysToEnd[how]
	}
}

// A keyedTask is what the model knows of a task of a JoinMap.
type keyedTask struct {
	*faulty
	key      int
	replaced bool
	aborted  bool
	err      error // of its end
	ran      bool
	joined   bool
}

// joinMapModel is lists of tasks: queued, running, ended, and the one of each key.
type joinMapModel struct {
	m       *task.JoinMap[int, int]
	limit   int
	ids     int
	closed  bool
	queued  []*keyedTask
	running []*keyedTask
	ended   []*keyedTask // not replaced, not given out, in the order of their ends
	over    []*keyedTask // all that have ended
	byKey   map[int]*keyedTask
}

func (j *joinMapModel) begin() {
	for len(j.running) < j.limit && len(j.queued) > 0 {
		j.queued[0].ran = true
		j.running, j.queued = append(j.running, j.queued[0]), j.queued[1:]
	}
}

func (j *joinMapModel) end(k *keyedTask, err error) {
	same := func(other *keyedTask) bool { return other == k }
	j.queued, j.running = slices.DeleteFunc(j.queued, same), slices.DeleteFunc(j.running, same)
	k.err = err
	j.over = append(j.over, k)
	if !k.replaced {
		j.ended = append(j.ended, k)
	}
	j.begin()
}

// abort is the end of the context of a task.
func (j *joinMapModel) abort(k *keyedTask, cause error) {
	if k.aborted || slices.Contains(j.over, k) {
		return
	}
	k.aborted = true
	if !k.deaf || slices.Contains(j.queued, k) {
		j.end(k, cause)
	}
}

func (j *joinMapModel) spawn(t *rapid.T) {
	k := &keyedTask{faulty: newFaulty(j.ids, rapid.Bool().Draw(t, "deaf")), key: rapid.IntRange(0, 3).Draw(t, "key")}
	j.ids++
	k.handle = j.m.Spawn(k.key, k.run)
	if j.closed {
		_, err := k.handle.Result(context.Background())
		assert.Equal(t, task.ErrClosed, err)
		return
	}
	former := j.byKey[k.key]
	j.byKey[k.key] = k
	j.queued = append(j.queued, k)
	j.begin()
	if former != nil {
		former.replaced = true
		j.ended = slices.DeleteFunc(j.ended, func(k *keyedTask) bool { return k == former })
		j.abort(former, task.ErrReplaced)
	}
}

// give compares what the map gives out with the first that has ended.
func (j *joinMapModel) give(t *rapid.T) {
	key, h, ok := j.m.TryNext()
	assert.Equal(t, len(j.ended) > 0, ok)
	if !ok || len(j.ended) == 0 {
		return
	}
	k := j.ended[0]
	j.ended = j.ended[1:]
	delete(j.byKey, k.key)
	assert.Equal(t, k.key, key)
	assert.Same(t, k.handle, h)
	if rapid.Bool().Draw(t, "join") {
		j.join(t, k)
	}
}

// join compares the result of a task that has ended.
func (j *joinMapModel) join(t *rapid.T, k *keyedTask) {
	k.joined = true
	v, err := k.handle.Result(context.Background())
	if k.err == nil {
		assert.NoError(t, err)
	} else {
		assert.ErrorIs(t, err, k.err)
	}
	if k.ran && !errors.Is(k.err, errPanicked) && !errors.Is(k.err, task.ErrGoexit) {
		assert.Equal(t, k.id, v)
	}
}

// pick returns a task that was not given out.
func (j *joinMapModel) pick(t *rapid.T) *keyedTask {
	keys := j.m.Keys()
	if len(keys) == 0 {
		t.Skip("it is empty")
	}
	slices.Sort(keys)
	return j.byKey[rapid.SampledFrom(keys).Draw(t, "key of the task")]
}

// drain takes all that have ended, in any order.
func (j *joinMapModel) drain(t *rapid.T) {
	for {
		key, h, ok := j.m.TryNext()
		if !ok {
			break
		}
		i := slices.IndexFunc(j.ended, func(k *keyedTask) bool { return k.handle == h })
		require.GreaterOrEqual(t, i, 0)
		assert.Equal(t, j.ended[i].key, key)
		delete(j.byKey, key)
		j.ended = slices.Delete(j.ended, i, i+1)
	}
	assert.Empty(t, j.ended)
}

// close ends the map and compares what that reports.
func (j *joinMapModel) close(t *rapid.T) {
	want := 0
	for _, k := range j.over {
		obeyed := k.replaced && errors.Is(k.err, task.ErrReplaced)
		if k.err != nil && !k.joined && !obeyed {
			want++
		}
	}
	left := slices.Concat(j.queued, j.running)
	aborted := 0
	for _, k := range left {
		if !k.replaced {
			aborted++
		}
	}
	closed := make(chan error)
	go func() { closed <- j.m.Close() }()
	synctest.Wait()
	for _, k := range left {
		j.abort(k, task.ErrClosed)
	}
	j.closed = true
	j.spawn(t)
	for len(j.running) > 0 {
		j.running[0].finish <- "value"
		j.end(j.running[0], nil)
	}
	var e *task.EndError
	if err := <-closed; errors.As(err, &e) {
		assert.Equal(t, want, len(e.Errs)+e.More)
		assert.Equal(t, aborted, e.Aborted)
	} else {
		assert.NoError(t, err)
		assert.Zero(t, want+aborted)
	}
	j.drain(t)
	for _, k := range j.over {
		j.join(t, k)
	}
	assert.Zero(t, j.m.Len())
	assert.NoError(t, j.m.Close())
}

// TestJoinMapModel compares a JoinMap with lists of tasks, which end in all ways, are
// aborted by key, by handle and all at once, replaced, and taken.
func TestJoinMapModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 3).Draw(t, "limit")
		j := &joinMapModel{m: task.NewJoinMap[int, int](context.Background(), limit), limit: limit, byKey: map[int]*keyedTask{}}
		t.Repeat(map[string]func(*rapid.T){
			"spawn": func(t *rapid.T) { j.spawn(t) },
			"end": func(t *rapid.T) {
				if len(j.running) == 0 {
					t.Skip("none runs")
				}
				k := rapid.SampledFrom(j.running).Draw(t, "task")
				how := rapid.SampledFrom([]string{"value", "error", "panic", "Goexit"}).Draw(t, "how")
				k.finish <- how
				j.end(k, waysToEnd[how])
			},
			"next": func(t *rapid.T) { j.give(t) },
			"abort by key": func(t *rapid.T) {
				key := rapid.IntRange(0, 3).Draw(t, "key")
				k := j.byKey[key]
				assert.Equal(t, k != nil, j.m.AbortKey(key, errBoom))
				if k != nil {
					j.abort(k, errBoom)
				}
			},
			"abort by handle": func(t *rapid.T) {
				k := j.pick(t)
				k.handle.Abort(errBoom)
				j.abort(k, errBoom)
			},
			"abort": func(t *rapid.T) {
				j.m.Abort(errBoom)
				synctest.Wait()
				for _, k := range slices.Concat(j.queued, j.running) {
					j.abort(k, errBoom)
				}
				j.drain(t)
			},
			"": func(t *rapid.T) {
				synctest.Wait()
				for _, k := range j.queued {
					assert.False(t, k.hasBegun())
				}
				for _, k := range j.running {
					assert.True(t, k.hasBegun())
				}
				s := j.m.Stats()
				assert.Equal(t, fmt.Sprint(len(j.running), len(j.queued), len(j.byKey)), fmt.Sprint(s.Running, s.Queued, s.Untaken))
				assert.Equal(t, len(j.byKey), j.m.Len())
				assert.Len(t, j.m.Keys(), len(j.byKey))
				for key := range 4 {
					assert.Equal(t, j.byKey[key] != nil, j.m.Contains(key))
				}
			},
		})
		j.close(t)
	})
}
