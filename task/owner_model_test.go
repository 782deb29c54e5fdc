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

// ownedTask is a task of ownerModel. It ends when it is told to, or with its context
// if it heeds that.
type ownedTask struct {
	id     int
	heeds  bool
	how    chan func() (int, error) // tells it to end
	ctx    context.Context
	handle *task.Handle[int]

	ends      bool  // it has ended
	failure   error // with this, as Result returns it, or nil
	joined    bool  // its failure was seen before any end could report it
	reported  bool  // an end has returned since
	contended bool  // its failure was joined and may have been reported at the same time
	hidden    bool  // it obeyed an end
}

func (m *ownedTask) run(ctx context.Context) (int, error) {
	m.ctx = ctx
	if !m.heeds {
		return (<-m.how)()
	}
	select {
	case how := <-m.how:
		return how()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// ownerModel is a Pool or Set with what is known of it.
type ownerModel struct {
	t         *rapid.T
	pool      *task.Pool
	set       *task.Set[int]
	end       context.CancelCauseFunc // of the owner's context
	limit     int
	bound     int
	all       []*ownedTask
	waiting   []*submission // before a full queue
	queued    []*ownedTask
	running   []*ownedTask
	ended     []*ownedTask
	untaken   int
	submitted int
	closed    bool
	abandoned error // the cause with which the owner's context ended
	abortedBy error // with which Close or Shutdown has aborted what was in
	aborted   int   // by that
	waits     []chan error
	joins     []*joining
	closes    []chan error
	shutdowns []*shutdown
	reports   []*task.EndError
	succeeded int
	failed    int
	panicked  int
}

type submission struct {
	*ownedTask
	cancel context.CancelFunc
	result chan error
}

type joining struct {
	*ownedTask
	cancel context.CancelFunc
	result chan error
}

type shutdown struct {
	cancel context.CancelCauseFunc
	cause  error
	result chan error
}

// begin begins tasks for which there is room, as often as some end at once.
func (o *ownerModel) begin() {
	for {
		switch {
		case len(o.running) < o.limit && len(o.queued) > 0:
			m := o.queued[0]
			o.queued = o.queued[1:]
			o.fill()
			o.running = append(o.running, m)
			if o.abandoned != nil {
				o.notStarted(m, o.abandoned)
			}
		case len(o.running) < o.limit && len(o.waiting) > 0:
			m := o.admit()
			o.running = append(o.running, m)
			if o.abandoned != nil {
				o.notStarted(m, o.abandoned)
			}
		default:
			o.fill()
			return
		}
	}
}

// fill fills the queue with what waits before it.
func (o *ownerModel) fill() {
	for len(o.queued) < o.bound && len(o.waiting) > 0 {
		o.queued = append(o.queued, o.admit())
	}
}

func (o *ownerModel) admit() *ownedTask {
	w := o.waiting[0]
	o.waiting = o.waiting[1:]
	o.submitted++
	o.all = append(o.all, w.ownedTask)
	return w.ownedTask
}

// over notes that m has ended, running or not.
func (o *ownerModel) over(m *ownedTask, failure error) {
	same := func(x *ownedTask) bool { return x == m }
	o.running, o.queued = slices.DeleteFunc(o.running, same), slices.DeleteFunc(o.queued, same)
	o.ended = append(o.ended, m)
	m.ends, m.failure = true, failure
	m.contended = slices.ContainsFunc(o.joins, func(j *joining) bool { return j.ownedTask == m })
	var p *task.PanicError
	switch {
	case failure == nil:
		o.succeeded++
	case errors.As(failure, &p):
		o.panicked++
	default:
		o.failed++
	}
	m.hidden = o.abortedBy != nil && !errors.As(failure, &p) &&
		(errors.Is(failure, o.abortedBy) || errors.Is(failure, context.Canceled))
	if len(o.running)+len(o.queued) == 0 {
		o.wakeWaits()
	}
}

// notStarted is over for a task that is not called because its context is done. Its error
// matches the error of that, too.
func (o *ownerModel) notStarted(m *ownedTask, cause error) {
	o.over(m, cause)
	m.hidden = o.abortedBy != nil
}

// wakeWaits expects the callers of Wait to have returned.
func (o *ownerModel) wakeWaits() {
	waits := o.waits
	o.waits = nil
	synctest.Wait()
	for _, w := range waits {
		select {
		case err := <-w:
			assert.NoError(o.t, err)
		default:
			o.t.Error("Wait goes on although nothing is left")
		}
	}
}

// abort is what an abort of the owner does. Running tasks that heed their contexts
// end, and what has not begun.
func (o *ownerModel) abort(cause error) {
	if o.abandoned != nil {
		cause = o.abandoned
	}
	queued := o.queued
	o.queued = nil
	for _, m := range queued {
		o.notStarted(m, cause)
	}
	before := slices.Clone(o.running)
	o.fill()
	o.begin()
	for _, m := range before {
		if m.heeds && !m.ends {
			o.over(m, cause)
			o.begin()
		}
	}
	o.begin()
}

// endAbort is abort by Close or Shutdown, which report it once.
func (o *ownerModel) endAbort(cause error) {
	if o.abortedBy == nil {
		o.abortedBy, o.aborted = cause, len(o.running)+len(o.queued)
	}
	o.abort(cause)
}

func (o *ownerModel) close() {
	o.closed = true
	for _, w := range o.waiting {
		assert.Equal(o.t, task.ErrClosed, <-w.result)
	}
	o.waiting = nil
}

// collect takes what ends have returned that must have.
func (o *ownerModel) collect() {
	synctest.Wait()
	take := func(c chan error) bool {
		select {
		case err := <-c:
			if e, ok := errors.AsType[*task.EndError](err); ok {
				o.reports = append(o.reports, e)
			} else {
				assert.NoError(o.t, err)
			}
			for _, m := range o.ended {
				m.reported = true
			}
			return true
		default:
			return false
		}
	}
	quiet := len(o.running)+len(o.queued) == 0
	o.closes = slices.DeleteFunc(o.closes, func(c chan error) bool {
		returned := take(c)
		assert.Equal(o.t, quiet, returned, "Close waits for the tasks")
		return returned
	})
	o.shutdowns = slices.DeleteFunc(o.shutdowns, func(s *shutdown) bool {
		returned := take(s.result)
		assert.Equal(o.t, quiet || s.cause != nil, returned, "Shutdown waits for the tasks or its context")
		return returned
	})
	o.joins = slices.DeleteFunc(o.joins, func(j *joining) bool {
		if !j.ends {
			return false
		}
		same(o.t, j.failure, <-j.result)
		return true
	})
}

// same checks an error of Result.
func same(t *rapid.T, want, got error) {
	if want == nil {
		assert.NoError(t, got)
		return
	}
	var p, q *task.PanicError
	if errors.As(want, &p) && errors.As(got, &q) {
		assert.Equal(t, p.Value, q.Value)
		return
	}
	assert.ErrorIs(t, got, want)
}

// add submits m, or spawns it.
func (o *ownerModel) add(m *ownedTask) {
	switch {
	case o.set != nil:
		m.handle = o.set.Spawn(m.run)
		if o.closed {
			_, ready, err := m.handle.Poll()
			assert.True(o.t, ready)
			assert.Equal(o.t, task.ErrClosed, err)
			return
		}
		o.submitted++
		o.untaken++
		o.all = append(o.all, m)
		o.queued = append(o.queued, m)
	default:
		ctx, cancel := context.WithCancel(context.Background())
		s := &submission{m, cancel, make(chan error, 1)}
		go func() {
			h, err := task.Submit(ctx, o.pool, m.run)
			m.handle = h
			s.result <- err
		}()
		if o.closed || o.abandoned != nil {
			err := <-s.result
			if o.closed {
				assert.Equal(o.t, task.ErrClosed, err)
			} else {
				assert.ErrorIs(o.t, err, o.abandoned)
			}
			return
		}
		o.waiting = append(o.waiting, s)
	}
	synctest.Wait()
	o.begin()
}

// check compares the owner with the model.
func (o *ownerModel) check() {
	o.collect()
	if o.set != nil {
		assert.Equal(o.t, task.SetStats{
			Limit: o.limit, Running: len(o.running), Queued: len(o.queued), Untaken: o.untaken, Spawned: uint64(o.submitted),
		}, o.set.Stats())
		return
	}
	s := o.pool.Stats()
	assert.GreaterOrEqual(o.t, s.Goroutines, s.Running)
	s.Goroutines = 0
	assert.Equal(o.t, task.PoolStats{
		Workers: o.limit, Running: len(o.running), Queued: len(o.queued), Waiting: len(o.waiting),
		Submitted: uint64(o.submitted),
		Succeeded: uint64(o.succeeded), Failed: uint64(o.failed), Panicked: uint64(o.panicked),
	}, s)
}

// account checks that each failure was joined or reported, once.
func (o *ownerModel) account() {
	reported := map[string]int{}
	more, aborted := 0, 0
	for _, r := range o.reports {
		for _, err := range r.Errs {
			reported[text(err)]++
		}
		more += r.More
		aborted += r.Aborted
	}
	assert.Equal(o.t, o.aborted, aborted)
	for _, contended := range []bool{false, true} {
		for _, m := range o.all {
			assert.True(o.t, m.ends)
			name := text(m.failure)
			switch {
			case m.contended != contended || m.failure == nil || m.joined || m.hidden:
			case reported[name] > 0:
				reported[name]--
			case more > 0:
				more--
			default:
				assert.True(o.t, contended, "%v is lost", m.failure)
			}
		}
	}
	for name, n := range reported {
		assert.Zero(o.t, n, "%s was reported although it was not lost", name)
	}
	assert.Zero(o.t, more)
}

// text is what tells a failure apart.
func text(err error) string {
	if p, ok := errors.AsType[*task.PanicError](err); ok {
		return fmt.Sprintf("panic %v", p.Value)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	return fmt.Sprint(err)
}

// TestOwnersModel compares a Pool or Set with lists, through all that can end it and
// its tasks: each task ends once, each wait ends when it may, and each failure is
// joined or reported.
func TestOwnersModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		o := &ownerModel{t: t, limit: rapid.IntRange(1, 3).Draw(t, "limit")}
		var ctx context.Context
		ctx, o.end = context.WithCancelCause(context.Background())
		if rapid.Bool().Draw(t, "set") {
			o.bound = 1 << 30
			o.set = task.NewSet[int](ctx, o.limit)
		} else {
			o.bound = rapid.IntRange(0, 2).Draw(t, "queue")
			idle := rapid.IntRange(0, o.limit).Draw(t, "idle")
			o.pool = task.NewPool(ctx, task.PoolOptions{Workers: o.limit, Queue: o.bound, Idle: idle})
		}
		owner := enderOf(o)
		ids := 0
		id := func() int { ids++; return ids }
		some := func(t *rapid.T, tasks []*ownedTask) *ownedTask {
			if len(tasks) == 0 {
				t.Skip("there is none")
			}
			return tasks[rapid.IntRange(0, len(tasks)-1).Draw(t, "i")]
		}
		endNow := func(m *ownedTask, kind int) {
			n := id()
			err := fmt.Errorf("error %d", n)
			switch kind {
			case 0:
				m.how <- func() (int, error) { return n, nil }
				err = nil
			case 1:
				m.how <- func() (int, error) { return 0, err }
			case 2:
				err = &task.PanicError{Value: n}
				m.how <- func() (int, error) { panic(n) }
			case 3:
				err = task.ErrGoexit
				m.how <- func() (int, error) { runtime.Goexit(); return 0, nil }
			}
			synctest.Wait()
			o.over(m, err)
			o.begin()
		}
		t.Repeat(map[string]func(*rapid.T){
			"spawn": func(t *rapid.T) {
				o.add(&ownedTask{id: id(), heeds: rapid.Bool().Draw(t, "heeds"), how: make(chan func() (int, error))})
			},
			"give up submitting": func(t *rapid.T) {
				if len(o.waiting) == 0 {
					t.Skip("none waits")
				}
				i := rapid.IntRange(0, len(o.waiting)-1).Draw(t, "i")
				o.waiting[i].cancel()
				assert.ErrorIs(t, <-o.waiting[i].result, context.Canceled)
				o.waiting = slices.Delete(o.waiting, i, i+1)
			},
			"end": func(t *rapid.T) {
				endNow(some(t, o.running), rapid.IntRange(0, 3).Draw(t, "how"))
			},
			"many errors": func(t *rapid.T) {
				if o.closed || o.abandoned != nil || len(o.running) > 0 {
					t.Skip("not now")
				}
				for range 20 {
					m := &ownedTask{id: id(), how: make(chan func() (int, error))}
					o.add(m)
					endNow(m, rapid.IntRange(1, 2).Draw(t, "how"))
				}
			},
			"abort a task": func(t *rapid.T) {
				m := some(t, o.all)
				cause := fmt.Errorf("abort %d", id())
				queued := slices.Contains(o.queued, m)
				alive := m.heeds && !m.ends && !queued && m.ctx.Err() == nil
				m.handle.Abort(cause)
				synctest.Wait()
				switch {
				case m.ends:
				case queued:
					if o.abandoned != nil {
						cause = o.abandoned
					}
					o.notStarted(m, cause)
					o.begin()
				case alive:
					o.over(m, cause)
					o.begin()
				}
			},
			"detach a task": func(t *rapid.T) { some(t, o.all).handle.Detach() },
			"join": func(t *rapid.T) {
				m := some(t, o.all)
				ctx, cancel := context.WithCancel(context.Background())
				j := &joining{m, cancel, make(chan error, 1)}
				go func() {
					_, err := m.handle.Result(ctx)
					j.result <- err
				}()
				o.joins = append(o.joins, j)
				synctest.Wait()
				m.joined = m.joined || m.ends && !m.reported
			},
			"give up joining": func(t *rapid.T) {
				if len(o.joins) == 0 {
					t.Skip("none joins")
				}
				j := o.joins[rapid.IntRange(0, len(o.joins)-1).Draw(t, "i")]
				j.cancel()
				assert.ErrorIs(t, <-j.result, context.Canceled)
				o.joins = slices.DeleteFunc(o.joins, func(x *joining) bool { return x == j })
			},
			"take": func(t *rapid.T) {
				if o.set == nil {
					t.Skip("a pool")
				}
				h, ok := o.set.TryNext()
				if !ok {
					return
				}
				o.untaken--
				assert.True(t, slices.ContainsFunc(o.ended, func(m *ownedTask) bool { return m.handle == h }))
			},
			"wait": func(t *rapid.T) {
				done := make(chan error, 1)
				go func() { done <- owner.Wait(context.Background()) }()
				o.waits = append(o.waits, done)
				if len(o.running)+len(o.queued) == 0 {
					o.wakeWaits()
				}
			},
			"resize": func(t *rapid.T) {
				if o.pool == nil {
					t.Skip("a set")
				}
				o.limit = rapid.IntRange(1, 4).Draw(t, "workers")
				o.pool.Resize(o.limit)
				synctest.Wait()
				o.begin()
			},
			"abort": func(t *rapid.T) {
				cause := fmt.Errorf("abort %d", id())
				owner.Abort(cause)
				synctest.Wait()
				o.abort(cause)
			},
			"shutdown": func(t *rapid.T) {
				ctx, cancel := context.WithCancelCause(context.Background())
				s := &shutdown{cancel: cancel, result: make(chan error, 1)}
				go func() { s.result <- owner.Shutdown(ctx) }()
				synctest.Wait()
				o.close()
				o.shutdowns = append(o.shutdowns, s)
			},
			"shutdown takes too long": func(t *rapid.T) {
				if len(o.shutdowns) == 0 {
					t.Skip("none")
				}
				s := o.shutdowns[rapid.IntRange(0, len(o.shutdowns)-1).Draw(t, "i")]
				s.cause = fmt.Errorf("late %d", id())
				s.cancel(s.cause)
				synctest.Wait()
				o.endAbort(s.cause)
			},
			"close": func(t *rapid.T) {
				done := make(chan error, 1)
				go func() { done <- owner.Close() }()
				synctest.Wait()
				o.close()
				o.closes = append(o.closes, done)
				o.endAbort(task.ErrClosed)
			},
			"the owner's context ends": func(t *rapid.T) {
				if o.abandoned != nil {
					t.Skip("it has")
				}
				o.abandoned = fmt.Errorf("abandoned %d", id())
				o.end(o.abandoned)
				synctest.Wait()
				for _, m := range slices.Clone(o.running) {
					if m.heeds && !m.ends {
						o.over(m, o.abandoned)
						o.begin()
					}
				}
			},
			"": func(t *rapid.T) { o.check() },
		})
		for len(o.running) > 0 {
			endNow(o.running[0], 1)
		}
		o.collect()
		for _, j := range o.joins {
			j.cancel()
		}
		err := owner.Close()
		if e, ok := errors.AsType[*task.EndError](err); ok {
			o.reports = append(o.reports, e)
		}
		require.NoError(t, owner.Close())
		o.end(nil)
		o.account()
	})
}

func enderOf(o *ownerModel) ender {
	if o.set != nil {
		return o.set
	}
	return o.pool
}
