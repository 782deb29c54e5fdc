package task

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
)

// JoinMap is a [Set] with a key for each task. A task that is spawned with the key of another
// task replaces that task. A task can be aborted by its key, and each result comes with its
// key. After tokio-util's JoinMap.
//
// A JoinMap is made by [NewJoinMap], must not be copied, and is safe for concurrent use. End it
// with [JoinMap.Close], which waits for its tasks. Methods panic if a map cannot find the key
// again, such as a NaN. The methods of a zero JoinMap panic, except Len, Keys, Stats and those
// that print.
type JoinMap[K comparable, T any] struct {
	_   noCopy
	set Set[T]

	// Guarded by set.workers.mu.
	tasks shrinkingMap[K, *Handle[T]] // not taken and not replaced
	keys  shrinkingMap[*Handle[T], K] // of tasks, and of handles that Next is about to return
}

// Keyed is a result of a [JoinMap] with its key.
type Keyed[K comparable, T any] struct {
	Key   K
	Value T
}

// NewJoinMap returns an empty map with the given limit. The contexts of its tasks derive from
// ctx. NewJoinMap panics if limit is not positive.
//
//ferrous:acquire
func NewJoinMap[K comparable, T any](ctx context.Context, limit int) *JoinMap[K, T] {
	m := &JoinMap[K, T]{}
	m.set.init(ctx, "JoinMap", limit)
	m.set.onTake = func(h *Handle[T]) { m.tasks.delete(m.keys.m[h]) }
	return m
}

func (m *JoinMap[K, T]) check(method string) { m.set.workers.check("JoinMap", method) }

// Spawn adds a task with the given key that calls f, and returns its handle. The context of the
// task ends when f returns. Spawn does not block: tasks beyond the limit are queued in FIFO
// order, without a goroutine.
//
// If the map contains a task with that key, Spawn replaces that task: it aborts the task with
// [ErrReplaced] and does not wait for it. The map does not yield the result of a replaced task;
// its handle can still be joined. A queued task that is replaced is not called. A running one
// may run at the same time as the new one, within the limit.
//
// If the map is closed, f is not called, no task is replaced, and the error of the handle is
// [ErrClosed].
//
//ferrous:mustuse
func (m *JoinMap[K, T]) Spawn(key K, f func(context.Context) (T, error)) *Handle[T] {
	return m.spawn("Spawn", key, f)
}

// spawn is Spawn. name is the method that was called.
//
//ferrous:mustuse
func (m *JoinMap[K, T]) spawn(name string, key K, f func(context.Context) (T, error)) *Handle[T] {
	m.check(name)
	checkFunc(f != nil, "JoinMap."+name)
	checkKey(key, "JoinMap."+name)
	h, former := m.insert(key, newHandle(m.set.workers.parent, &m.set.workers, f))
	if former != nil {
		former.Abort(ErrReplaced)
	}
	return h
}

// insert adds h and removes the task that h replaces, if there is one.
//
//ferrous:mustuse
func (m *JoinMap[K, T]) insert(key K, h *Handle[T]) (added, former *Handle[T]) {
	m.set.workers.mu.Lock()
	defer m.set.workers.mu.Unlock()
	former = m.tasks.m[key] // panics before anything has changed, if K cannot be hashed
	if !m.set.add(h) {
		return h, nil
	}
	if former != nil {
		m.set.take(former)
		m.keys.delete(former)
	}
	m.tasks.set(key, h)
	m.keys.set(h, key)
	return h, former
}

// SpawnErr is [JoinMap.Spawn] for a function that returns only an error. The value
// is the zero value.
//
//ferrous:mustuse
func (m *JoinMap[K, T]) SpawnErr(key K, f func(context.Context) error) *Handle[T] {
	return m.spawn("SpawnErr", key, noValue[T]("JoinMap.SpawnErr", f))
}

// Next takes the next result and returns its key and handle, as [Set.Next] does. After that the
// map does not contain the key.
//
//ferrous:mustuse
//ferrous:blocks
func (m *JoinMap[K, T]) Next(ctx context.Context) (key K, h *Handle[T], err error) {
	m.set.workers.checkWait(ctx, "JoinMap", "Next")
	h, err = m.set.Next(ctx)
	if err == nil {
		key = m.giveOut(h)
	}
	return key, h, err
}

// TryNext is [JoinMap.Next] without waiting. ok is false if there is no result to take now.
//
//ferrous:mustuse
func (m *JoinMap[K, T]) TryNext() (key K, h *Handle[T], ok bool) {
	m.check("TryNext")
	h, ok = m.set.TryNext()
	if ok {
		key = m.giveOut(h)
	}
	return key, h, ok
}

// giveOut returns the key of a handle that was taken, and removes it.
func (m *JoinMap[K, T]) giveOut(h *Handle[T]) K {
	m.set.workers.mu.Lock()
	defer m.set.workers.mu.Unlock()
	key := m.keys.m[h]
	m.keys.delete(h)
	return key
}

// All takes and yields the results with their keys, as [Set.All] does.
//
//ferrous:blocks
func (m *JoinMap[K, T]) All(ctx context.Context) iter.Seq2[Keyed[K, T], error] {
	m.set.workers.checkWait(ctx, "JoinMap", "All")
	return func(yield func(Keyed[K, T], error) bool) {
		for {
			key, h, err := m.Next(ctx)
			if err == ErrEmpty { //nolint:errorlint // a cause may wrap it
				return
			}
			if err != nil {
				yield(Keyed[K, T]{}, err)
				return
			}
			v, err := h.outcome()
			if !yield(Keyed[K, T]{key, v}, err) {
				return
			}
		}
	}
}

// Contains reports whether the map contains a task with the given key, that is, one whose
// result was not taken, ended or not.
func (m *JoinMap[K, T]) Contains(key K) bool {
	m.check("Contains")
	checkKey(key, "JoinMap.Contains")
	return m.find(key) != nil
}

// Keys returns the keys that the map contains, in no particular order.
func (m *JoinMap[K, T]) Keys() []K {
	m.set.workers.mu.Lock()
	defer m.set.workers.mu.Unlock()
	return slices.AppendSeq(make([]K, 0, len(m.tasks.m)), maps.Keys(m.tasks.m))
}

// Len returns the number of keys that the map contains.
func (m *JoinMap[K, T]) Len() int { return m.set.Len() }

// Stats returns the counts of the map. A task that was replaced does not count as untaken; it
// counts as running until it ends.
func (m *JoinMap[K, T]) Stats() SetStats { return m.set.Stats() }

// AbortKey calls [Handle.Abort] on the task with the given key, and reports whether the map
// contains that key. The result can be taken as usual.
func (m *JoinMap[K, T]) AbortKey(key K, cause error) bool {
	m.check("AbortKey")
	checkKey(key, "JoinMap.AbortKey")
	h := m.find(key)
	if h == nil {
		return false
	}
	h.Abort(cause)
	return true
}

// find returns the task with the given key, or nil.
//
//ferrous:mustuse
func (m *JoinMap[K, T]) find(key K) *Handle[T] {
	m.set.workers.mu.Lock()
	defer m.set.workers.mu.Unlock()
	return m.tasks.m[key]
}

// Abort cancels the contexts of all tasks, as [Set.Abort] does.
func (m *JoinMap[K, T]) Abort(cause error) {
	m.check("Abort")
	m.set.Abort(cause)
}

// Wait waits until no task is queued or running, as [Set.Wait] does.
//
//ferrous:blocks
func (m *JoinMap[K, T]) Wait(ctx context.Context) error {
	m.set.workers.checkWait(ctx, "JoinMap", "Wait")
	return m.set.Wait(ctx)
}

// Shutdown refuses new tasks and waits until all tasks have ended, as [Set.Shutdown] does.
//
//ferrous:blocks
func (m *JoinMap[K, T]) Shutdown(ctx context.Context) error {
	m.set.workers.checkWait(ctx, "JoinMap", "Shutdown")
	return m.set.Shutdown(ctx)
}

// Close refuses new tasks, aborts all tasks with [ErrClosed], and waits until they have ended,
// as [Set.Close] does. Of tasks that were replaced, it reports panics, and errors other than
// that of the replacement.
//
//ferrous:release
//ferrous:idempotent
//ferrous:blocks
func (m *JoinMap[K, T]) Close() error {
	m.check("Close")
	return m.set.Close()
}

// String returns the state.
func (m *JoinMap[K, T]) String() string {
	st := m.Stats()
	return fmt.Sprintf("JoinMap(running=%d queued=%d untaken=%d)", st.Running, st.Queued, st.Untaken)
}

// GoString returns the state.
func (m *JoinMap[K, T]) GoString() string { return m.String() }

// LogValue returns the state.
func (m *JoinMap[K, T]) LogValue() slog.Value { return slog.StringValue(m.String()) }
