package task

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"slices"
)

// Unlimited is the limit of a [Set] all of whose tasks may run at once.
const Unlimited = math.MaxInt32

// Set is a number of tasks with results of one type, of which so many run at
// once. Results are kept until they are taken, each once, by [Set.Next],
// [Set.All] or [Set.Ordered]. After tokio's JoinSet and conc's pools.
//
// It is made by [NewSet], must not be copied, and is safe for concurrent use.
// End it with [Set.Close], which waits for its tasks. It has no goroutines but
// those of tasks that run.
type Set[T any] struct {
	_    noCopy
	ctx  context.Context
	crew crew

	// Guarded by crew.mu. A handle is in order until it was taken, and in done from
	// its end until then; in both it may stay for a while after that.
	order   []*Handle[T]
	done    queue[*Handle[T]]
	untaken int
	changed chan struct{} // made by who waits for an end, closed by the next one
}

// NewSet returns an empty set, at most limit of whose tasks run at once, with
// contexts derived from ctx. A limit that is not positive panics.
func NewSet[T any](ctx context.Context, limit int) *Set[T] {
	if limit <= 0 {
		panic(bug("NewSet: limit %d is not positive", limit))
	}
	s := &Set[T]{ctx: ctx}
	s.crew.limit = min(limit, Unlimited)
	s.crew.bound = math.MaxInt
	s.crew.ended = s.ended
	return s
}

// Spawn adds a task. It never blocks: a task beyond the limit waits its turn, in
// the order of spawning, without a goroutine. In a set that was closed f is not
// called, and the handle's result, which the set does not give out, is
// [ErrClosed].
func (s *Set[T]) Spawn(f func(context.Context) (T, error)) *Handle[T] {
	h := newHandle(s.ctx, f)
	h.ctx.crew = &s.crew
	s.crew.mu.Lock()
	defer s.crew.mu.Unlock()
	if s.crew.closed() {
		h.f = nil
		h.finish(&failure{err: ErrClosed})
		h.over.Store(true)
		return h
	}
	if len(s.order) == cap(s.order) && s.untaken <= len(s.order)/2 {
		s.order = slices.DeleteFunc(s.order, func(h *Handle[T]) bool { return h.taken })
	}
	s.order = append(s.order, h)
	s.untaken++
	s.crew.admit(h)
	return h
}

// Next waits for a task to end and gives out its handle; the next one to end
// that was not given out before. The error is [ErrEmpty] when there is none
// left, or wraps [context.Cause].
//
// A panic of the task is not in the error: it is for whoever joins the handle.
//
//ferrous:blocks
func (s *Set[T]) Next(ctx context.Context) (*Handle[T], error) {
	for {
		if ctx.Err() != nil {
			return nil, over(ctx)
		}
		h, changed := s.tryNext()
		if h != nil {
			return h, nil
		}
		if changed == nil {
			return nil, ErrEmpty
		}
		if err := wait(ctx, changed); err != nil {
			return nil, err
		}
	}
}

// TryNext is [Set.Next] if a task has ended; else it returns nil.
func (s *Set[T]) TryNext() (h *Handle[T], ok bool) {
	s.crew.mu.Lock()
	defer s.crew.mu.Unlock()
	return s.takeDone()
}

// tryNext returns a handle, or what to wait for, or neither if none is left.
func (s *Set[T]) tryNext() (*Handle[T], <-chan struct{}) {
	s.crew.mu.Lock()
	defer s.crew.mu.Unlock()
	if h, ok := s.takeDone(); ok {
		return h, nil
	}
	if s.untaken == 0 {
		return nil, nil
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return nil, s.changed
}

func (s *Set[T]) takeDone() (*Handle[T], bool) {
	for {
		h, ok := s.done.pop()
		if !ok || s.take(h) {
			return h, ok
		}
	}
}

// take marks h as given out, unless it was before.
func (s *Set[T]) take(h *Handle[T]) bool {
	if h.taken {
		return false
	}
	h.taken = true
	s.untaken--
	for s.done.n > 0 && s.done.at(0).taken { // by Ordered, which does not look there
		s.done.pop()
	}
	if s.untaken == 0 {
		clear(s.order)
		s.order = s.order[:0]
		s.wake() // other takers wait in vain
	}
	return true
}

// All yields the results in the order in which the tasks end, until none is
// left, and waits for those that run. Panics panic here. Tasks may be spawned
// meanwhile. When ctx is done, it yields that as an error and stops.
//
//ferrous:blocks
func (s *Set[T]) All(ctx context.Context) iter.Seq2[T, error] {
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
func (s *Set[T]) first(ctx context.Context) (*Handle[T], error) {
	for {
		if ctx.Err() != nil {
			return nil, over(ctx)
		}
		s.crew.mu.Lock()
		for len(s.order) > 0 && s.order[0].taken {
			s.order[0] = nil
			s.order = s.order[1:]
		}
		if len(s.order) == 0 {
			s.crew.mu.Unlock()
			return nil, ErrEmpty
		}
		h := s.order[0]
		taken := h.over.Load() && s.take(h)
		s.crew.mu.Unlock()
		if taken {
			return h, nil
		}
		if err := wait(ctx, h.Done()); err != nil {
			return nil, err
		}
	}
}

// Len returns how many tasks were not given out, ended or not.
func (s *Set[T]) Len() int {
	s.crew.mu.Lock()
	defer s.crew.mu.Unlock()
	return s.untaken
}

// AbortAll aborts all tasks that have not ended, with the given cause, or with
// [ErrAborted] if it is nil, and does not wait. Their results can be taken as
// usual, and more tasks can be spawned.
func (s *Set[T]) AbortAll(cause error) {
	s.crew.mu.Lock()
	handles := slices.Clone(s.order)
	s.crew.mu.Unlock()
	for _, h := range slices.Backward(handles) { // so that no place is made for one that waits
		h.Abort(cause)
	}
}

// Shutdown lets no more tasks in, aborts those inside, and waits until all have
// ended or ctx is done, the error then wraps [context.Cause]. Results can still
// be taken. If tasks panicked and nobody joined them, Shutdown panics with their
// [*PanicError].
//
//ferrous:blocks
func (s *Set[T]) Shutdown(ctx context.Context) error {
	defer lend(s.ctx)() // Close has no other context
	s.crew.mu.Lock()
	quiet := s.crew.close()
	s.crew.mu.Unlock()
	s.AbortAll(ErrClosed)
	if err := wait(ctx, quiet); err != nil {
		return err
	}
	var failures []*failure
	s.crew.mu.Lock()
	for _, h := range s.order {
		if h.panicked() && !h.taken {
			failures = append(failures, h.failure)
		}
	}
	s.crew.mu.Unlock()
	panics, _ := unseen(failures)
	resurface(panics)
	return nil
}

// Close is [Set.Shutdown] without a time limit. A set whose results were all
// taken ends at once. It may be called again, but not by a task of the set,
// which would wait for itself.
//
//ferrous:release
//ferrous:blocks
func (s *Set[T]) Close() { _ = s.Shutdown(context.Background()) }

// String returns the state.
func (s *Set[T]) String() string {
	s.crew.mu.Lock()
	defer s.crew.mu.Unlock()
	return fmt.Sprintf("Set(running=%d queued=%d untaken=%d)", s.crew.running, s.crew.queue.n, s.untaken)
}

// GoString returns the state.
func (s *Set[T]) GoString() string { return s.String() }

// LogValue returns the state.
func (s *Set[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// ended is called by the crew, under its lock.
func (s *Set[T]) ended(r runner) {
	h := r.(*Handle[T])
	h.crashUnjoined()
	s.done.push(h)
	s.wake()
}

func (s *Set[T]) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
