package task

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
)

// JoinMap is a [Set] whose tasks have keys, at most one task for each key. A task
// that is spawned with the key of another one replaces that. The task of a key can
// be aborted, and each result comes with its key. After tokio-util's JoinMap.
//
// It is made by [NewJoinMap], must not be copied, and is safe for concurrent use.
// End it with [JoinMap.Close], which waits for its tasks. The methods of the zero
// value panic. So does a key that is not equal to itself, as a NaN.
type JoinMap[K comparable, T any] struct {
	_   noCopy
	set Set[T]

	// Guarded by set.workers.mu.
	tasks shrinkingMap[K, *Handle[T]] // not given out and not replaced
	keys  shrinkingMap[*Handle[T], K] // of tasks, and of those that Next is about to return
}

// Keyed is a result of a [JoinMap] with its key.
type Keyed[K comparable, T any] struct {
	Key   K
	Value T
}

// NewJoinMap returns an empty map, at most limit of whose tasks are at work at
// once, with contexts derived from ctx. A limit that is not positive panics.
//
//ferrous:acquire
func NewJoinMap[K comparable, T any](ctx context.Context, limit int) *JoinMap[K, T] {
	m := &JoinMap[K, T]{}
	m.set.init(ctx, "JoinMap", limit)
	m.set.onTake = func(h *Handle[T]) { m.tasks.delete(m.keys.m[h]) }
	return m
}

func (m *JoinMap[K, T]) check(method string) { m.set.workers.check("JoinMap", method) }

// Spawn adds a task with the given key. It never blocks: a task beyond the limit
// waits its turn, in the order of spawning, without a goroutine. The task's context
// ends when f returns.
//
// If the map contains a task with that key, Spawn aborts it with [ErrReplaced]. Its
// result is no longer given out, but can be joined by its handle. If it has not
// begun, it is not called. If it runs, Spawn does not wait for it: the new task may
// run beside it, within the limit.
//
// In a map that was closed f is not called, nothing is replaced, and the handle's
// result, which the map does not give out, is [ErrClosed].
//
//ferrous:mustuse
func (m *JoinMap[K, T]) Spawn(key K, f func(context.Context) (T, error)) *Handle[T] {
	return m.spawn("Spawn", key, f)
}

// spawn is the method of the given name.
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

// insert adds h and takes out the task that it replaces, if any.
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

// Next waits for a task to end and gives out its key and its handle; the next one to
// end that was not given out before. The map does not contain the key any more. The
// error is [ErrEmpty] when there is none left, or wraps [context.Cause].
//
// A panic of the task is not in the error: it is for whoever joins the handle. What
// [Set.Next] says of tasks that call it holds here too.
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

// TryNext is [JoinMap.Next] if a task has ended; else ok is false.
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

// giveOut returns the key of a handle that was taken, and forgets it.
func (m *JoinMap[K, T]) giveOut(h *Handle[T]) K {
	m.set.workers.mu.Lock()
	defer m.set.workers.mu.Unlock()
	key := m.keys.m[h]
	m.keys.delete(h)
	return key
}

// All yields the results with their keys in the order in which the tasks end, until
// none is left, and waits for those that run. Panics panic here. Tasks may be
// spawned meanwhile. When ctx is done, it yields that as an error and stops.
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

// Contains reports whether the map contains a task with the given key: one that was
// not given out, ended or not.
func (m *JoinMap[K, T]) Contains(key K) bool {
	m.check("Contains")
	checkKey(key, "JoinMap.Contains")
	return m.find(key) != nil
}

// Keys returns the keys of all tasks that were not given out, in no particular order.
func (m *JoinMap[K, T]) Keys() []K {
	m.set.workers.mu.Lock()
	defer m.set.workers.mu.Unlock()
	return slices.AppendSeq(make([]K, 0, len(m.tasks.m)), maps.Keys(m.tasks.m))
}

// Len returns how many tasks were not given out, ended or not.
func (m *JoinMap[K, T]) Len() int { return m.set.Len() }

// Stats returns what the map is doing and has done, all at one moment. A task that
// was replaced is not among the untaken, and counts as running until it ends.
func (m *JoinMap[K, T]) Stats() SetStats { return m.set.Stats() }

// AbortKey ends the context of the task with the given key, as [Handle.Abort] does,
// and reports whether the map contains one. The result comes from Next as usual.
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

// Abort ends the context of all tasks that have not ended with the given cause,
// or with [ErrAborted] if it is nil, and does not wait. Tasks that have not begun
// are not called. Results can be taken as usual, and more tasks can be spawned.
func (m *JoinMap[K, T]) Abort(cause error) {
	m.check("Abort")
	m.set.Abort(cause)
}

// Wait waits until no task is queued or running, or ctx is done, and then returns
// an error that wraps [context.Cause]. It takes no results, and the map stays
// open. It panics in a task of the map.
//
//ferrous:blocks
func (m *JoinMap[K, T]) Wait(ctx context.Context) error {
	m.set.workers.checkWait(ctx, "JoinMap", "Wait")
	return m.set.Wait(ctx)
}

// Shutdown lets no more tasks in and waits until those inside have ended, as
// [Set.Shutdown] does.
//
//ferrous:blocks
func (m *JoinMap[K, T]) Shutdown(ctx context.Context) error {
	m.set.workers.checkWait(ctx, "JoinMap", "Shutdown")
	return m.set.Shutdown(ctx)
}

// Close lets no more tasks in, aborts those inside with [ErrClosed], and waits until
// they have ended, as [Set.Close] does. It reports other errors and the panics of
// tasks that were replaced, but not the error with which such a task obeyed.
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
