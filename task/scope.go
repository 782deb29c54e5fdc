package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// Scope owns tasks. It is given by [WithScope] and [WithGroup], must not be copied,
// and is safe for concurrent use: a task may spawn into the scope that it belongs to.
type Scope struct {
	_      noCopy
	ctx    context.Context
	cancel context.CancelCauseFunc

	running  atomic.Int64  // the function and the tasks that have not ended
	closing  atomic.Bool   // the function has ended
	allEnded chan struct{} // closed when live is 0

	// settles returns the cause with which the end of a task cancels the rest, or
	// nil if it does not. It may be nil.
	onEnd func(*taskState) error

	workers *workers // runs the tasks of a scope with a limit; nil without one
	node    *node    // guarded by waits; nil with a crew, which has one

	mu       sync.Mutex
	failures []*failure // in order of time; those seen may be missing
}

// WithScope calls f with a new scope, waits for all that was spawned into it,
// and ends the scope and its context. After std::thread::scope.
//
// The tasks' context derives from ctx. If f returns an error, it ends with that
// as its cause, if f panics, with [ErrAborted]; else the tasks run to their end.
// WithScope waits for them in any case, also when ctx is done. An error or a panic of a
// task ends that task alone; [WithGroup] is for tasks that succeed or fail together.
//
// It returns the error of f and those of the tasks that nobody joined, joined by
// [errors.Join] in the order in which they happened, if there are several. After an
// error of f, an error with which a task obeyed the end of its context is not among
// them. If tasks panicked and nobody joined them, WithScope panics with their
// [*PanicError].
//
//ferrous:blocks
func WithScope(ctx context.Context, f func(*Scope) error) error {
	checkContext(ctx, "WithScope")
	checkFunc(f != nil, "WithScope")
	s := newScope(ctx)
	err := s.run(ctx, f)
	panics, errs := takeUnseen(s.failures)
	resurface(panics)
	if err == nil {
		return errors.Join(errs...)
	}
	errs = slices.DeleteFunc(errs, func(e error) bool { return errors.Is(e, err) || errors.Is(e, context.Canceled) })
	if len(errs) == 0 {
		return err
	}
	return errors.Join(append([]error{err}, errs...)...)
}

func newScope(ctx context.Context) *Scope {
	s := &Scope{allEnded: make(chan struct{})}
	s.running.Store(1)
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	return s
}

// newLimitedScope returns a scope at most limit of whose tasks are at work. Spawn
// waits for a place until the scope's context is done.
func newLimitedScope(ctx context.Context, limit int) *Scope {
	s := newScope(ctx)
	s.workers = &workers{kind: "scope", scope: s, limit: limit, maxIdle: groupIdle, parent: s.ctx, ctx: s.ctx}
	return s
}

// groupIdle is how many idle workers a scope with a limit keeps until its end, for
// the next Spawn.
const groupIdle = 16

// run calls f and waits for all tasks. While f panics, panics of tasks are
// added to it.
func (s *Scope) run(ctx context.Context, f func(*Scope) error) (err error) {
	returned := false
	defer func() {
		switch {
		case !returned:
			s.cancel(ErrAborted)
		case err != nil:
			s.cancel(err)
		}
		s.closing.Store(true)
		s.leave()
		ring := s.await(ctx)
		s.cancel(nil)
		if s.workers != nil {
			s.workers.refuseNew() // ends idle workers
		}
		if !returned || ring != nil {
			panics, _ := takeUnseen(s.failures)
			if ring != nil {
				panics = append([]error{ring}, panics...)
			}
			resurface(panics)
		}
	}()
	err = f(s)
	returned = true
	return err
}

// await waits for the end of all tasks. If they wait for the task of ctx, they are
// aborted, and await returns an error that names the ring.
func (s *Scope) await(ctx context.Context) (ring error) {
	select {
	case <-s.allEnded:
		return nil
	default:
	}
	if x, own := waiterOf(ctx); x != nil {
		e := &edge{ownGoroutine: own, uninterruptible: true}
		err := e.connect(x, s)
		defer e.end(ctx)
		if err != nil {
			ring = err
			s.cancel(ring)
		}
	}
	<-s.allEnded
	return ring
}

// Spawn runs f on a goroutine of its own, as a task of s, with a context that derives
// from the scope's and ends when f returns. It panics when s has ended: no task of it
// runs then, so only a stranger can get there. A nil f panics.
//
// In a group whose limit is reached, Spawn waits for a place, in the order of arrival.
// When the group's context is done, f is not called, and the handle's result is an
// error that wraps [context.Cause]. On the goroutine of a task of the group, f runs in
// that task's place, and Spawn returns when f has ended.
//
//ferrous:mustuse
//ferrous:blocks
func Spawn[T any](s *Scope, f func(context.Context) (T, error)) *Handle[T] {
	return spawn(s, "Spawn", f)
}

// spawn is the function of the given name.
//
//ferrous:mustuse
//ferrous:blocks
func spawn[T any](s *Scope, name string, f func(context.Context) (T, error)) *Handle[T] {
	s.check(name)
	checkFunc(f != nil, name)
	h := newHandle(s.ctx, s, f)
	s.enter(name)
	if s.workers == nil {
		go h.runAlone()
	} else if err := s.workers.submit(s.ctx, h, true); err != nil {
		s.refuse(h)
	}
	return h
}

// TrySpawn is [Spawn] if there is a place at once. Else the error is [ErrFull], or
// wraps the [context.Cause] of the scope's context if that is done.
//
//ferrous:mustuse
func TrySpawn[T any](s *Scope, f func(context.Context) (T, error)) (*Handle[T], error) {
	return trySpawn(s, "TrySpawn", f)
}

// trySpawn is the function of the given name.
//
//ferrous:mustuse
func trySpawn[T any](s *Scope, name string, f func(context.Context) (T, error)) (*Handle[T], error) {
	s.check(name)
	checkFunc(f != nil, name)
	h := newHandle(s.ctx, s, f)
	s.enter(name)
	err := s.tryStart(h)
	if err != nil {
		s.leave()
		return nil, err
	}
	return h, nil
}

// SpawnErr is [Spawn] for a function that returns only an error.
//
//ferrous:mustuse
//ferrous:blocks
func (s *Scope) SpawnErr(f func(context.Context) error) *Handle[struct{}] {
	return spawn(s, "Scope.SpawnErr", noValue[struct{}]("Scope.SpawnErr", f))
}

// TrySpawnErr is [TrySpawn] for a function that returns only an error.
//
//ferrous:mustuse
func (s *Scope) TrySpawnErr(f func(context.Context) error) (*Handle[struct{}], error) {
	return trySpawn(s, "Scope.TrySpawnErr", noValue[struct{}]("Scope.TrySpawnErr", f))
}

func (s *Scope) tryStart(h anyHandle) error {
	switch {
	case s.ctx.Err() != nil:
		return contextError(s.ctx)
	case s.workers != nil:
		return s.workers.submit(s.ctx, h, false)
	}
	go h.runAlone()
	return nil
}

// refuse ends a task of a scope with a limit that found no place.
func (s *Scope) refuse(h anyHandle) {
	h.refuse(ctxerr.Of(s.ctx))
	h.base().isDone.Store(true)
	s.workers.wake(h.base())
}

// Context returns the context from which those of the tasks derive.
func (s *Scope) Context() context.Context {
	s.check("Scope.Context")
	return s.ctx
}

// Abort ends the context of all tasks with the given cause, or with
// [ErrAborted] if it is nil, and does not wait.
func (s *Scope) Abort(cause error) {
	s.check("Scope.Abort")
	if cause == nil {
		cause = ErrAborted
	}
	s.cancel(cause)
}

// Len returns how many tasks have not ended.
func (s *Scope) Len() int {
	n := int(s.running.Load())
	if !s.closing.Load() {
		n--
	}
	return max(n, 0)
}

// String returns the state.
func (s *Scope) String() string { return fmt.Sprintf("Scope(tasks=%d)", s.Len()) }

// GoString returns the state.
func (s *Scope) GoString() string { return s.String() }

// LogValue returns the state.
func (s *Scope) LogValue() slog.Value { return slog.StringValue(s.String()) }

func (s *Scope) ended(t *taskState) {
	if f := t.failure; f != nil {
		s.mu.Lock()
		if len(s.failures) == cap(s.failures) { // forget those seen before growing
			s.failures = slices.DeleteFunc(s.failures, func(f *failure) bool { return f.seen.Load() })
		}
		s.failures = append(s.failures, f)
		s.mu.Unlock()
	}
	if s.onEnd != nil {
		if cause := s.onEnd(t); cause != nil {
			s.cancel(cause)
		}
	}
	if s.workers != nil { // which publishes the end
		return
	}
	t.isDone.Store(true)
	t.wake()
	s.leave()
}

// check panics if s is nil or zero; name is the function that was called.
func (s *Scope) check(name string) {
	switch {
	case s == nil:
		panic(bug("%s: nil Scope", name))
	case s.ctx == nil:
		panic(bug("%s: zero Scope", name))
	}
}

// enter counts a task. It panics if s has ended.
func (s *Scope) enter(name string) {
	for {
		n := s.running.Load()
		if n == 0 {
			panic(bug("%s: the scope has ended", name))
		}
		if s.running.CompareAndSwap(n, n+1) {
			return
		}
	}
}

func (s *Scope) leave() {
	if s.running.Add(-1) == 0 {
		close(s.allEnded)
	}
}
