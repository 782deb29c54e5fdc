package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

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
