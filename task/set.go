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

// Unlimited is the limit of a [Set] all of whose tasks may run at once.
const Unlimited = math.MaxInt32

// Set is a number of tasks with results of one type, at most limit of which are at
// work; the package comment says what that counts. Results are kept until they
// are taken, each once, by [Set.Next], [Set.All] or [Set.Ordered]. After tokio's
// JoinSet and conc's pools.
//
// It is made by [NewSet], must not be copied, and is safe for concurrent use.
// End it with [Set.Close], which waits for its tasks. It has no goroutines but
// those of tasks that run. The methods of the zero value panic.
type Set[T any] struct {
	_       noCopy
	workers workers

	// Guarded by workers.mu. A handle is in order until it was taken, and in done from
	// its end until then; in both it may stay for a while after that.
	order   []*Handle[T]
	done    fifo[*Handle[T]]
	untaken int
	changed chan struct{} // made by a goroutine that waits for an end, closed by the next one

	// onTake is called for each handle that is given out, under workers.mu; nil unless
	// the set is that of a JoinMap.
	onTake func(*Handle[T])
}

// SetStats is what a [Set] is doing and has done.
type SetStats struct {
	Limit      int
	Running    int // tasks that have begun and not ended
	HandedOver int // of those, tasks whose slot another task has
	OverLimit  int // of the latter, tasks at work all the same: their wait was given up
	Queued     int // tasks that have not begun
	Untaken    int // tasks that were not given out, ended or not

	Spawned  uint64 // tasks accepted
	Handoffs uint64 // times that a task began in the slot of a task that waits for it
}

// NewSet returns an empty set, at most limit of whose tasks are at work at once,
// with contexts derived from ctx. A limit that is not positive panics.
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

// Spawn adds a task, whose context ends when f returns. It never blocks: a task beyond
// the limit waits its turn, in the order of spawning, without a goroutine. In a set
// that was closed f is not called, and the handle's result, which the set does not
// give out, is [ErrClosed].
//
//ferrous:mustuse
func (s *Set[T]) Spawn(f func(context.Context) (T, error)) *Handle[T] {
	return s.spawn("Spawn", f)
}

// spawn is the method of the given name.
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

// add adds h, or ends it with ErrClosed in a set that was closed. The caller holds
// workers.mu.
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

// Next waits for a task to end and gives out its handle; the next one to end
// that was not given out before. The error is [ErrEmpty] when there is none
// left, or wraps [context.Cause].
//
// A panic of the task is not in the error: it is for whoever joins the handle.
//
// A task of the set may call Next. While it waits, the first task of the queue
// may run in its place, and Next returns when it has a place again. If all tasks
// of the set that have not ended wait in Next, or for tasks that do, the error is
// ErrEmpty.
//
//ferrous:mustuse
//ferrous:blocks
func (s *Set[T]) Next(ctx context.Context) (*Handle[T], error) {
	s.workers.checkWait(ctx, "Set", "Next")
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

// nextInside is Next for the task x, of this set or not.
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

// tryNextInside is tryNext for a task that waits by e. It removes e unless the task
// is to wait.
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

// TryNext is [Set.Next] if a task has ended; else it returns nil.
//
//ferrous:mustuse
func (s *Set[T]) TryNext() (h *Handle[T], ok bool) {
	s.workers.check("Set", "TryNext")
	s.workers.mu.Lock()
	defer s.workers.mu.Unlock()
	return s.takeDone()
}

// tryNext returns a handle, or what to wait for, or neither if none is left. The
// caller holds workers.mu.
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

// All yields the results in the order in which the tasks end, until none is
// left, and waits for those that run. Panics panic here. Tasks may be spawned
// meanwhile. When ctx is done, it yields that as an error and stops.
//
//ferrous:blocks
func (s *Set[T]) All(ctx context.Context) iter.Seq2[T, error] {
	s.workers.checkWait(ctx, "Set", "All")
	return func(yield func(T, error) bool) {
		for {
			h, err := s.Next(ctx)
			if err != nil {
				s.stop(err, yield)
				return
			}
			if !yield(h.outcome()) {
				return
			}
		}
	}
}

// Ordered is [Set.All] in the order in which the tasks were spawned.
//
//ferrous:blocks
func (s *Set[T]) Ordered(ctx context.Context) iter.Seq2[T, error] {
	s.workers.checkWait(ctx, "Set", "Ordered")
	return func(yield func(T, error) bool) {
		for {
			h, err := s.first(ctx)
			if err != nil {
				s.stop(err, yield)
				return
			}
			if !yield(h.outcome()) {
				return
			}
		}
	}
}

// stop yields err unless it says that the set is empty.
func (s *Set[T]) stop(err error, yield func(T, error) bool) {
	if err != ErrEmpty { //nolint:errorlint // a cause may wrap it
		var zero T
		yield(zero, err)
	}
}

// first waits for the first task in the order of spawning that was not given
// out, and gives it out.
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

// Len returns how many tasks were not given out, ended or not.
func (s *Set[T]) Len() int {
	s.workers.mu.Lock()
	defer s.workers.mu.Unlock()
	return s.untaken
}

// Stats returns what the set is doing and has done, all at one moment.
func (s *Set[T]) Stats() SetStats {
	ws := &s.workers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return SetStats{
		Limit: ws.limit, Running: ws.running, HandedOver: ws.handedOver, OverLimit: ws.overLimit, Queued: ws.queued(),
		Untaken: s.untaken, Spawned: ws.accepted, Handoffs: ws.handoffs,
	}
}

// Abort ends the context of all tasks that have not ended with the given cause,
// or with [ErrAborted] if it is nil, and does not wait. Tasks that have not begun
// are not called. Results can be taken as usual, and more tasks can be spawned.
func (s *Set[T]) Abort(cause error) {
	s.workers.check("Set", "Abort")
	if cause == nil {
		cause = ErrAborted
	}
	s.workers.abort(cause)
}

// Wait waits until no task is queued or running, or ctx is done, and then returns
// an error that wraps [context.Cause]. It takes no results, and the set stays
// open. It panics in a task of the set.
//
//ferrous:blocks
func (s *Set[T]) Wait(ctx context.Context) error {
	s.workers.checkWait(ctx, "Set", "Wait")
	return s.workers.wait(ctx)
}

// Shutdown lets no more tasks in and waits until those inside, queued or running,
// have ended. When ctx is done, Shutdown aborts all tasks with the cause and
// returns at once, also beside a task that does not heed its context; [Set.Close]
// waits for that. Results can still be taken.
//
// The error is that of [Set.Close]. Its Cause matches both the error of ctx and
// [context.Cause].
//
//ferrous:blocks
func (s *Set[T]) Shutdown(ctx context.Context) error {
	s.workers.checkWait(ctx, "Set", "Shutdown")
	return s.workers.shutdown(ctx)
}

// Close lets no more tasks in, aborts those inside with [ErrClosed], and waits
// until they have ended. Tasks that have not begun are not called. Results can
// still be taken.
//
// The error is nil or an [*EndError]: how many tasks were aborted, and the errors
// and panics of tasks that nobody joined; All and Ordered join what they yield.
// Close may be called again and concurrently. It panics on a goroutine that runs
// a task of the set.
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

// ended is called by the crew, under its lock.
func (s *Set[T]) ended(r anyHandle) {
	h := r.(*Handle[T])
	if h.taken {
		s.replacedEnded(h.failure)
	} else {
		s.done.push(h)
	}
	s.wake() // also if h was replaced: a task that waits in Next may be the last one
}

// replacedEnded notes the end of a task that a JoinMap has replaced. If the task
// obeyed, nobody needs to know.
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
