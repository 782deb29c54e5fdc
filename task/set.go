package task

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"slices"
)

// Unlimited as the limit of a [Set], [JoinMap] or group means no limit.
const Unlimited = math.MaxInt32

// Set owns tasks with results of one type and runs at most limit of them at once. The
// section Limits of the package comment says what the limit counts. A Set keeps each result
// until [Set.Next], [Set.TryNext], [Set.All] or [Set.Ordered] takes it, once. After tokio's
// JoinSet and conc's pools.
//
// A task that fails or panics does not cancel the others. To cancel them, call [Set.Abort], or
// use [WithGroup], where the first failure cancels the rest.
//
// A Set is made by [NewSet], must not be copied, and is safe for concurrent use. End it with
// [Set.Close], which waits for its tasks. Only running tasks have goroutines. The methods of a
// zero Set panic, except Len, Stats and those that print.
type Set[T any] struct {
	_       noCopy
	workers workers

	// Guarded by workers.mu. A handle is in order from its Spawn, and in done from its end,
	// until it is taken. It may stay there longer.
	order   []*Handle[T]
	done    fifo[*Handle[T]]
	untaken int
	changed chan struct{} // made by a goroutine that waits for a result; closed at the next end

	// onTake is called for each handle that is taken, under workers.mu. It is nil unless the
	// set belongs to a JoinMap.
	onTake func(*Handle[T])
}

// SetStats are the counts of a [Set] or [JoinMap], all taken at the same moment.
type SetStats struct {
	Limit      int
	Running    int // tasks that have started and not ended
	HandedOver int // of Running: tasks whose slot another task uses
	OverLimit  int // of HandedOver: tasks at work all the same, because their wait was given up
	Queued     int // tasks that have not started
	Untaken    int // tasks whose result was not taken, ended or not

	Spawned  uint64 // accepted tasks
	Handoffs uint64 // how often a task started in the slot of a task that waits for it
}

// NewSet returns an empty set with the given limit. The contexts of its tasks derive from
// ctx. NewSet panics if limit is not positive.
//
//ferrous:acquire
func NewSet[T any](ctx context.Context, limit int) *Set[T] {
	s := &Set[T]{}
	s.init(ctx, "Set", limit)
	return s
}

func (s *Set[T]) init(ctx context.Context, kind string, limit int) {
	checkContext(ctx, "New"+kind)
	if limit <= 0 {
		panic(bug("New%s: limit %d is not positive", kind, limit))
	}
	s.workers.init(ctx, kind, min(limit, Unlimited), math.MaxInt)
	s.workers.onEnd, s.workers.onNextWaiter = s.ended, s.wake
}

// Spawn adds a task that calls f and returns its handle. The context of the task ends when f
// returns. Spawn does not block: tasks beyond the limit are queued in FIFO order, without a
// goroutine. If the set is closed, f is not called, and the error of the handle is
// [ErrClosed]; the set does not yield that result.
//
//ferrous:mustuse
func (s *Set[T]) Spawn(f func(context.Context) (T, error)) *Handle[T] {
	return s.spawn("Spawn", f)
}

// spawn is Spawn. name is the method that was called.
//
//ferrous:mustuse
func (s *Set[T]) spawn(name string, f func(context.Context) (T, error)) *Handle[T] {
	s.workers.check("Set", name)
	checkFunc(f != nil, "Set."+name)
	h := newHandle(s.workers.parent, &s.workers, f)
	s.workers.mu.Lock()
	defer s.workers.mu.Unlock()
	s.add(h)
	return h
}

// SpawnErr is [Set.Spawn] for a function that returns only an error. The value is
// the zero value.
//
//ferrous:mustuse
func (s *Set[T]) SpawnErr(f func(context.Context) error) *Handle[T] {
	return s.spawn("SpawnErr", noValue[T]("Set.SpawnErr", f))
}

// add adds h. If the set is closed, it ends h with ErrClosed. The caller holds workers.mu.
func (s *Set[T]) add(h *Handle[T]) (open bool) {
	if s.workers.closed() {
		h.f = nil
		h.finish(&failure{err: ErrClosed})
		h.isDone.Store(true)
		return false
	}
	if len(s.order) == cap(s.order) && s.untaken <= len(s.order)/2 {
		s.order = slices.DeleteFunc(s.order, func(h *Handle[T]) bool { return h.taken })
	}
	s.order = append(s.order, h)
	s.untaken++
	s.workers.admit(h)
	return true
}

// Next takes the next result: it waits until a task has ended whose result was not taken, and
// returns the handle of that task. The error is [ErrEmpty] if no result is left to take. If
// ctx is done first, the error matches [context.Cause]. A panic of the task is not an error of
// Next; it panics where the handle is joined.
//
// A task of the set may call Next. While that task waits, the first task of the queue may run
// in its slot, and Next returns when the task has a slot again. If all tasks of the set that
// have not ended wait in Next, or for tasks that wait in Next, the error is ErrEmpty.
//
//ferrous:mustuse
//ferrous:blocks
func (s *Set[T]) Next(ctx context.Context) (*Handle[T], error) {
	s.workers.checkWait(ctx, "Set", "Next")
	return s.next(ctx)
}

//ferrous:mustuse
//ferrous:blocks
func (s *Set[T]) next(ctx context.Context) (*Handle[T], error) {
	for first := true; ; first = false {
		if ctx.Err() != nil {
			return nil, contextError(ctx)
		}
		s.workers.mu.Lock()
		h, changed := s.tryNext()
		s.workers.mu.Unlock()
		if changed == nil {
			return h, emptyIf(h == nil)
		}
		if first {
			if x, _ := waiterOf(ctx); x != nil {
				return s.nextInside(ctx, x)
			}
		}
		if err := wait(ctx, changed); err != nil {
			return nil, err
		}
	}
}

func emptyIf(empty bool) error {
	if empty {
		return ErrEmpty
	}
	return nil
}

// nextInside is Next called by the task x, which may be a task of any owner.
//
//ferrous:mustuse
func (s *Set[T]) nextInside(ctx context.Context, x *taskState) (*Handle[T], error) {
	e := &edge{ctx: ctx, anyOfGroup: true}
	_ = e.connect(x, &s.workers)
	for {
		h, changed := s.tryNextInside(e)
		if changed == nil {
			x.reacquire(ctx)
			return h, emptyIf(h == nil)
		}
		if err := wait(ctx, changed); err != nil {
			e.end(ctx)
			return nil, err
		}
	}
}

// tryNextInside is tryNext for a task whose wait edge is e. It removes e unless the task has
// to wait.
//
//ferrous:mustuse
func (s *Set[T]) tryNextInside(e *edge) (*Handle[T], <-chan struct{}) {
	waitGraph.Lock()
	defer waitGraph.Unlock()
	s.workers.mu.Lock()
	h, changed := s.tryNext()
	if changed != nil && s.workers.unended() == s.workers.waitingForNext() {
		changed = nil // each task that has not ended waits for another one to end
	}
	s.workers.mu.Unlock()
	if changed == nil {
		e.remove(false)
	}
	return h, changed
}

// TryNext is [Set.Next] without waiting. ok is false if there is no result to take now.
//
//ferrous:mustuse
func (s *Set[T]) TryNext() (h *Handle[T], ok bool) {
	s.workers.check("Set", "TryNext")
	s.workers.mu.Lock()
	defer s.workers.mu.Unlock()
	return s.takeDone()
}

// tryNext takes a result. If there is none now, it returns a channel that is closed at the
// next end. If no result is left, it returns neither. The caller holds workers.mu.
//
//ferrous:mustuse
func (s *Set[T]) tryNext() (*Handle[T], <-chan struct{}) {
	if h, ok := s.takeDone(); ok || s.untaken == 0 {
		return h, nil
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return nil, s.changed
}

//ferrous:mustuse
func (s *Set[T]) takeDone() (*Handle[T], bool) {
	h, ok := s.done.pop()
	if ok {
		s.take(h)
	}
	return h, ok
}

// take marks h as given out. A JoinMap takes a task that it replaces before that has
// ended. The front of done is never a handle that was taken.
func (s *Set[T]) take(h *Handle[T]) {
	h.taken = true
	s.untaken--
	if !h.isDone.Load() {
		s.workers.replaced++
	}
	if s.onTake != nil {
		s.onTake(h)
	}
	for s.done.n > 0 && s.done.at(0).taken { // by Ordered, which does not look at done
		s.done.pop()
	}
	if s.untaken == 0 {
		clear(s.order)
		s.order = s.order[:0]
	}
}

// All takes and yields the results in the order in which the tasks end, until none is left.
// It waits for tasks that have not ended. Tasks may be spawned during the loop. A panic of a
// task panics in the loop.
//
// The error of a task is yielded like a result, and the loop goes on with the next task. When
// ctx is done, All yields the error of ctx as the last element and stops. While ctx.Err() is
// nil, each error is that of a task. To learn whether ctx ended the loop, look at ctx.Err()
// after the loop; [Set.Len] says how many results were not taken.
//
//ferrous:blocks
func (s *Set[T]) All(ctx context.Context) iter.Seq2[T, error] {
	s.workers.checkWait(ctx, "Set", "All")
	return s.results(ctx, false)
}

// Ordered is [Set.All] in the order in which the tasks were spawned. It treats errors as All
// does. After tokio-util's JoinQueue.
//
//ferrous:blocks
func (s *Set[T]) Ordered(ctx context.Context) iter.Seq2[T, error] {
	s.workers.checkWait(ctx, "Set", "Ordered")
	return s.results(ctx, true)
}

// results is All, or Ordered if ordered.
func (s *Set[T]) results(ctx context.Context, ordered bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			var h *Handle[T]
			var err error
			if ordered {
				h, err = s.first(ctx)
			} else {
				h, err = s.next(ctx)
			}
			if err != nil {
				if err != ErrEmpty { //nolint:errorlint // a cause may wrap it
					var zero T
					yield(zero, err)
				}
				return
			}
			if !yield(h.outcome()) {
				return
			}
		}
	}
}

// first waits for the first task in the order of spawning whose result was not taken, and
// takes it.
//
//ferrous:mustuse
func (s *Set[T]) first(ctx context.Context) (*Handle[T], error) {
	for {
		if ctx.Err() != nil {
			return nil, contextError(ctx)
		}
		s.workers.mu.Lock()
		if s.untaken == 0 {
			s.workers.mu.Unlock()
			return nil, ErrEmpty
		}
		for s.order[0].taken {
			s.order[0] = nil
			s.order = s.order[1:]
		}
		h := s.order[0]
		taken := h.isDone.Load()
		if taken {
			s.take(h)
		}
		s.workers.mu.Unlock()
		if taken {
			return h, nil
		}
		if err := h.await(ctx); err != nil {
			return nil, err
		}
	}
}

// Len returns the number of tasks whose result was not taken, ended or not.
func (s *Set[T]) Len() int {
	s.workers.mu.Lock()
	defer s.workers.mu.Unlock()
	return s.untaken
}

// Stats returns the counts of the set.
func (s *Set[T]) Stats() SetStats {
	ws := &s.workers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return SetStats{
		Limit: ws.limit, Running: ws.running, HandedOver: ws.handedOver, OverLimit: ws.overLimit, Queued: ws.queued(),
		Untaken: s.untaken, Spawned: ws.accepted, Handoffs: ws.handoffs,
	}
}

// Abort cancels the contexts of all tasks with the given cause, or with [ErrAborted] if
// cause is nil, and does not wait. Queued tasks are not called. The set stays open, and
// results can still be taken.
func (s *Set[T]) Abort(cause error) {
	s.workers.check("Set", "Abort")
	if cause == nil {
		cause = ErrAborted
	}
	s.workers.abort(cause)
}

// Wait waits until no task is queued or running. If ctx is done first, the error matches
// [context.Cause]. Wait takes no results, and the set stays open. Wait panics in a task of the
// set.
//
//ferrous:blocks
func (s *Set[T]) Wait(ctx context.Context) error {
	s.workers.checkWait(ctx, "Set", "Wait")
	return s.workers.wait(ctx)
}

// Shutdown refuses new tasks and waits until all tasks, queued or running, have ended. When
// ctx is done, Shutdown aborts the remaining tasks with the cause of ctx and returns without
// waiting for them; [Set.Close] waits. Results can still be taken.
//
// The error is as that of [Set.Close]. Its Cause matches both the error of ctx and
// [context.Cause].
//
//ferrous:blocks
func (s *Set[T]) Shutdown(ctx context.Context) error {
	s.workers.checkWait(ctx, "Set", "Shutdown")
	return s.workers.shutdown(ctx)
}

// Close refuses new tasks, aborts all tasks with [ErrClosed], and waits until they have ended.
// Queued tasks are not called. Results can still be taken.
//
// The error is nil or an [*EndError] with the number of aborted tasks and with the errors and
// panics of tasks that were not joined; All and Ordered join what they yield. Close may be
// called more than once and concurrently. It panics in a task of the set.
//
//ferrous:release
//ferrous:idempotent
//ferrous:blocks
func (s *Set[T]) Close() error {
	s.workers.check("Set", "Close")
	return s.workers.close()
}

// String returns the state.
func (s *Set[T]) String() string {
	st := s.Stats()
	return fmt.Sprintf("Set(running=%d queued=%d untaken=%d)", st.Running, st.Queued, st.Untaken)
}

// GoString returns the state.
func (s *Set[T]) GoString() string { return s.String() }

// LogValue returns the state.
func (s *Set[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// ended is called by workers at the end of a task, under workers.mu.
func (s *Set[T]) ended(r anyHandle) {
	h := r.(*Handle[T])
	if h.taken {
		s.replacedEnded(h.failure)
	} else {
		s.done.push(h)
	}
	s.wake() // also if h was replaced: a task that waits in Next may be the only one left
}

// replacedEnded records the end of a task that a JoinMap has replaced. The error of a task
// that stopped because it was replaced need not be reported.
func (s *Set[T]) replacedEnded(f *failure) {
	s.workers.replaced--
	if f != nil && !f.panicked && (errors.Is(f.err, ErrReplaced) || errors.Is(f.err, context.Canceled)) {
		f.see()
	}
}

func (s *Set[T]) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
