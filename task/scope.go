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

// Scope owns tasks. [WithScope] and [WithGroup] make it and pass it to their function. A Scope
// must not be copied. It is safe for concurrent use: a task may spawn into its own scope. The
// methods of a zero Scope panic, except Len and those that print.
type Scope struct {
	_      noCopy
	ctx    context.Context
	cancel context.CancelCauseFunc

	running  atomic.Int64  // the function and the tasks that have not ended
	closing  atomic.Bool   // the function has ended
	allEnded chan struct{} // closed when live is 0

	// onEnd is called at the end of each task, unless it is nil. If it returns a cause, the
	// context of the scope is canceled with that cause.
	onEnd func(*taskState) error

	workers *workers // run the tasks of a scope with a limit; nil without a limit
	node    *node    // guarded by waitGraph; nil in a scope with a limit, whose workers have one

	mu       sync.Mutex
	failures []*failure // in the order of their ends; those that were seen may be missing
}

// WithScope calls f with a new scope and returns when f and all tasks of the scope have
// ended, also when ctx is done. After std::thread::scope.
//
// The contexts of the tasks derive from ctx. If f returns an error, they are canceled with
// that error as the cause; if f panics, with [ErrAborted]. Otherwise the tasks run to their
// end. An error or panic of a task ends only that task; for tasks that succeed or fail
// together, see [WithGroup].
//
// WithScope returns the error of f and the errors of the tasks that were not joined, combined
// by [errors.Join] in the order of their ends. If f returned an error, the errors of tasks
// that stopped because of that are left out. If tasks panicked and were not joined, WithScope
// panics with their [*PanicError].
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

// newLimitedScope returns a scope that runs at most limit tasks at once. Spawn waits for a
// slot until the context of the scope is done.
func newLimitedScope(ctx context.Context, limit int) *Scope {
	s := newScope(ctx)
	s.workers = &workers{kind: "scope", scope: s, limit: limit, maxIdle: groupIdle, parent: s.ctx, ctx: s.ctx}
	return s
}

// groupIdle is how many idle workers a scope with a limit keeps until its end, for the next
// Spawn.
const groupIdle = 16

// run calls f and waits for all tasks. If f panics, so do the panics of tasks that were not
// joined, after it.
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
		cycle := s.await(ctx)
		s.cancel(nil)
		if s.workers != nil {
			s.workers.refuseNew() // ends idle workers
		}
		if !returned || cycle != nil {
			panics, _ := takeUnseen(s.failures)
			if cycle != nil {
				panics = append([]error{cycle}, panics...)
			}
			resurface(panics)
		}
	}()
	err = f(s)
	returned = true
	return err
}

// await waits for the end of all tasks. If the tasks wait for the task of ctx, await aborts
// them and returns an error that names the cycle.
func (s *Scope) await(ctx context.Context) (cycle error) {
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
			cycle = err
			s.cancel(cycle)
		}
	}
	<-s.allEnded
	return cycle
}

// Spawn starts a task of s that calls f on a new goroutine, and returns its handle. The
// context of the task derives from the context of s and ends when f returns. Spawn panics if
// s has ended, which only a goroutine outside of s can observe.
//
// In a group whose limit is reached, Spawn waits for a slot, in FIFO order. If the context of
// the group is done first, f is not called, and the error of the handle matches
// [context.Cause]. If a task of the group calls Spawn on its own goroutine, f runs in the slot
// of that task, and Spawn returns when f has ended.
//
//ferrous:mustuse
//ferrous:blocks
func Spawn[T any](s *Scope, f func(context.Context) (T, error)) *Handle[T] {
	return spawn(s, "Spawn", f)
}

// spawn is Spawn. name is the function that was called.
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

// TrySpawn is [Spawn] without waiting. If there is no free slot, the error is [ErrFull]. If
// the context of s is done, the error matches its [context.Cause].
//
//ferrous:mustuse
func TrySpawn[T any](s *Scope, f func(context.Context) (T, error)) (*Handle[T], error) {
	return trySpawn(s, "TrySpawn", f)
}

// trySpawn is TrySpawn. name is the function that was called.
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

// refuse ends a task that got no slot before the context of the scope was done.
func (s *Scope) refuse(h anyHandle) {
	h.refuse(ctxerr.Of(s.ctx))
	h.base().isDone.Store(true)
	s.workers.wake(h.base())
}

// Context returns the context of s, from which the contexts of its tasks derive.
func (s *Scope) Context() context.Context {
	s.check("Scope.Context")
	return s.ctx
}

// Abort cancels the context of s with the given cause, or with [ErrAborted] if cause is nil,
// and does not wait.
func (s *Scope) Abort(cause error) {
	s.check("Scope.Abort")
	if cause == nil {
		cause = ErrAborted
	}
	s.cancel(cause)
}

// Len returns the number of tasks that have not ended.
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
