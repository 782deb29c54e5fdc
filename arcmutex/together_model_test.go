package arcmutex_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/sema"
)

// A job is a goroutine that may wait, and what became of it.
type job struct {
	cancel func()
	n      int64 // permits that it asks for
	ended  bool
	err    error
	permit sema.Permit
	leader bool
}

// The house is one of each lock beside its oracle: plain numbers, and lists of
// the jobs that wait.
type house struct {
	ctx  context.Context
	want map[*job]error // of the jobs that must have ended

	sem       sema.Semaphore
	free      int64
	closed    bool
	line      []*job
	permitted []*job

	note   sema.Notify
	stored bool
	noted  []*job

	barrier *sema.Barrier
	arrived []*job

	once    arcmutex.Once
	onceIs  string // "new", "done", "poisoned"
	waiting []*job

	cell   arcmutex.OnceLock[int]
	value  int // 0: not set
	getter []*job

	mutex      *arcmutex.Mutex[int]
	cond       arcmutex.Cond
	isPoisoned bool
	end        chan string // how the function that holds the mutex is to end; nil if none does
	outside    []*job      // wait for the mutex
	asleep     []*job      // wait for the condition
	awake      []*job      // were notified, and wait for the mutex
	late       []*job      // were canceled, and wait for the mutex
}

// start runs f as a job until it waits or has ended.
func (h *house) start(f func(ctx context.Context, j *job) error) *job {
	ctx, cancel := context.WithCancel(h.ctx)
	j := &job{cancel: cancel}
	go func() {
		j.err = f(ctx, j)
		j.ended = true
	}()
	synctest.Wait()
	return j
}

// must says how jobs must have ended.
func (h *house) must(err error, jobs ...*job) {
	for _, j := range jobs {
		h.want[j] = err
	}
}

// all says how all jobs of a line must have ended.
func (h *house) all(err error, line *[]*job) {
	h.must(err, *line...)
	*line = nil
}

func (h *house) serve() {
	for len(h.line) > 0 && h.line[0].n <= h.free {
		j := h.line[0]
		h.free -= j.n
		h.line = h.line[1:]
		h.permitted = append(h.permitted, j)
		h.must(nil, j)
	}
}

// poison is what the mutex refuses with.
func (h *house) poison() error {
	if h.isPoisoned {
		return arcmutex.ErrPoisoned
	}
	return nil
}

// enter is what becomes of jobs that want the mutex.
func (h *house) enter(jobs ...*job) {
	if h.end != nil {
		h.outside = append(h.outside, jobs...)
		return
	}
	h.must(h.poison(), jobs...)
}

// pick returns one of the jobs, which it takes out.
func pick(t *rapid.T, from *[]*job) *job {
	if len(*from) == 0 {
		t.Skip("none")
	}
	i := rapid.IntRange(0, len(*from)-1).Draw(t, "which")
	j := (*from)[i]
	*from = slices.Delete(slices.Clone(*from), i, i+1)
	return j
}

// stale requires that each use panics with ErrReleased or ErrReleased.
func stale(t *rapid.T, uses ...func()) {
	for _, use := range uses {
		func() {
			defer func() {
				err, _ := recover().(error)
				require.True(t, errors.Is(err, arcmutex.ErrReleased) || errors.Is(err, sema.ErrReleased), err)
			}()
			use()
		}()
	}
}

// fail panics or exits its goroutine, as how says.
func fail(how string) {
	switch how {
	case "panics":
		panic(errFailed)
	case "exits":
		runtime.Goexit()
	}
}

// aside runs f on a goroutine that may panic or exit, until it waits or has
// ended.
func aside(f func()) {
	go func() {
		defer func() { _ = recover() }()
		f()
	}()
	synctest.Wait()
}

var hows = rapid.SampledFrom([]string{"returns", "panics", "exits"})

// All locks at once, with functions that panic and exit, canceled contexts,
// copies, closed and zero objects, and a checker and a tracker that come and go.
func TestAllLocksTogetherAgainstOracle(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		ctx, end := context.WithCancel(context.Background())
		h := &house{
			ctx: ctx, want: map[*job]error{}, onceIs: "new",
			barrier: sema.NewBarrier(3), mutex: arcmutex.NewMutex(0),
		}
		stop := func() {}
		isChecked := false
		defer func() {
			if h.end != nil {
				h.end <- "returns"
			}
			end()
			synctest.Wait()
			stop()
			arcmutex.Track(0)
			sema.Track(0)
		}()
		t.Repeat(map[string]func(*rapid.T){
			"check": func(*rapid.T) {
				if isChecked = !isChecked; isChecked {
					stop = arcmutex.Check(time.Hour, func(d *arcmutex.Deadlock) { panic(d) })
				} else {
					stop()
				}
			},
			"track": func(t *rapid.T) {
				n := rapid.IntRange(0, 2).Draw(t, "n")
				arcmutex.Track(n)
				sema.Track(n)
			},
			"cancel": func(t *rapid.T) {
				lines := []*[]*job{&h.line, &h.noted, &h.arrived, &h.waiting, &h.getter, &h.outside, &h.asleep}
				line := rapid.SampledFrom(lines).Draw(t, "line")
				j := pick(t, line)
				j.cancel()
				synctest.Wait()
				switch {
				case line != &h.asleep:
					h.must(context.Canceled, j)
					h.serve()
				case h.end != nil:
					h.late = append(h.late, j) // it has to have the mutex again first
				case h.isPoisoned:
					h.must(arcmutex.ErrPoisoned, j)
				default:
					h.must(context.Canceled, j)
				}
			},

			"semaphore: acquire": func(t *rapid.T) {
				n := rapid.Int64Range(0, 4).Draw(t, "n")
				j := h.start(func(ctx context.Context, j *job) (err error) {
					j.permit, err = h.sem.Acquire(ctx, n)
					return err
				})
				j.n = n
				if h.closed {
					h.must(sema.ErrClosed, j)
					return
				}
				h.line = append(h.line, j)
				h.serve()
			},
			"semaphore: try": func(t *rapid.T) {
				n := rapid.Int64Range(0, 4).Draw(t, "n")
				p, err := h.sem.TryAcquire(n)
				require.Equal(t, !h.closed && len(h.line) == 0 && n <= h.free, err == nil)
				if err == nil {
					h.free -= n
					h.permitted = append(h.permitted, &job{n: n, permit: p})
				} else {
					stale(t, p.Release)
				}
			},
			"semaphore: add": func(t *rapid.T) {
				n := rapid.Int64Range(0, 4).Draw(t, "n")
				h.sem.Add(n)
				h.free += n
				h.serve()
			},
			"semaphore: forget": func(t *rapid.T) {
				n := rapid.Int64Range(0, 4).Draw(t, "n")
				require.Equal(t, min(n, h.free), h.sem.Forget(n))
				h.free -= min(n, h.free)
			},
			"semaphore: close": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
					t.Skip("not yet")
				}
				h.sem.Close()
				h.closed = true
				h.all(sema.ErrClosed, &h.line)
			},
			"permit: release": func(t *rapid.T) {
				j := pick(t, &h.permitted)
				p := j.permit
				p.Release()
				stale(t, j.permit.Release, p.Forget, func() { p.Split(0) })
				h.free += j.n
				h.serve()
			},
			"permit: forget": func(t *rapid.T) {
				j := pick(t, &h.permitted)
				p := j.permit
				p.Forget()
				stale(t, j.permit.Release)
			},
			"permit: split": func(t *rapid.T) {
				j := pick(t, &h.permitted)
				n := rapid.Int64Range(0, 4).Draw(t, "n")
				part, ok := j.permit.Split(n)
				require.Equal(t, n <= j.n, ok)
				h.permitted = append(h.permitted, j)
				if ok {
					j.n -= n
					h.permitted = append(h.permitted, &job{n: n, permit: part})
				}
			},
			"permit: merge": func(t *rapid.T) {
				from, to := pick(t, &h.permitted), pick(t, &h.permitted)
				c := from.permit
				to.permit.Merge(&from.permit)
				stale(t, c.Release, func() { to.permit.Merge(&c) })
				to.n += from.n
				h.permitted = append(h.permitted, to)
			},

			"notify: wait": func(*rapid.T) {
				j := h.start(func(ctx context.Context, _ *job) error { return h.note.Wait(ctx) })
				if h.stored {
					h.must(nil, j)
					h.stored = false
					return
				}
				h.noted = append(h.noted, j)
			},
			"notify: listen and leave": func(t *rapid.T) {
				l := h.note.Listen()
				heard, told := h.stored, h.toFirst
				h.stored = false
				switch rapid.IntRange(0, 2).Draw(t, "meanwhile") {
				case 1:
					h.note.NotifyLast()
					if heard {
						h.toLast()
					} else {
						heard, told = true, h.toLast
					}
				case 2:
					h.note.NotifyWaiters()
					h.all(nil, &h.noted)
					if !heard {
						heard, told = true, func() {}
					}
				}
				if rapid.Bool().Draw(t, "receive") {
					done, cancel := context.WithCancel(ctx)
					cancel()
					if err := l.Wait(done); heard {
						require.NoError(t, err)
						told = func() {}
					} else {
						require.ErrorIs(t, err, context.Canceled)
					}
				}
				c := *l
				l.Close()
				c.Close()
				stale(t, func() { _ = l.Wait(ctx) }, func() { _ = new(sema.Listener).Wait(ctx) })
				if heard {
					told()
				}
			},
			"notify: one":  func(*rapid.T) { h.note.NotifyOne(); h.toFirst() },
			"notify: last": func(*rapid.T) { h.note.NotifyLast(); h.toLast() },
			"notify: all": func(*rapid.T) {
				h.note.NotifyWaiters()
				h.all(nil, &h.noted)
			},

			"barrier: wait": func(*rapid.T) {
				j := h.start(func(ctx context.Context, j *job) (err error) {
					j.leader, err = h.barrier.Wait(ctx)
					return err
				})
				if h.arrived = append(h.arrived, j); len(h.arrived) == 3 {
					h.all(nil, &h.arrived)
					require.True(t, j.leader)
				}
			},

			"once: do": func(t *rapid.T) {
				how := rapid.SampledFrom([]string{"returns", "panics", "exits", "fails"}).Draw(t, "how")
				var err error
				called := false
				aside(func() {
					err = h.once.DoErr(func() error {
						called = true
						if fail(how); how == "fails" {
							return errFailed
						}
						return nil
					})
				})
				require.Equal(t, h.onceIs == "new", called)
				switch {
				case h.onceIs == "poisoned":
					require.ErrorIs(t, err, arcmutex.ErrPoisoned)
				case h.onceIs == "done":
					require.NoError(t, err)
				case how == "fails":
					require.ErrorIs(t, err, errFailed)
				case how == "returns":
					h.onceDone()
				default:
					h.onceIs = "poisoned"
				}
			},
			"once: force": func(t *rapid.T) {
				how := hows.Draw(t, "how")
				called := false
				aside(func() {
					h.once.DoForce(func(wasPoisoned bool) {
						called = wasPoisoned == (h.onceIs == "poisoned")
						fail(how)
					})
				})
				require.Equal(t, h.onceIs != "done", called)
				switch {
				case !called:
				case how == "returns":
					h.onceDone()
				default:
					h.onceIs = "poisoned"
				}
			},
			"once: wait": func(*rapid.T) {
				j := h.start(func(ctx context.Context, _ *job) error { return h.once.WaitContext(ctx) })
				if h.waiting = append(h.waiting, j); h.onceIs == "done" {
					h.onceDone()
				}
			},

			"cell: init": func(t *rapid.T) {
				how := rapid.SampledFrom([]string{"returns", "panics", "exits", "fails"}).Draw(t, "how")
				v := rapid.IntRange(1, 9).Draw(t, "v")
				aside(func() {
					got, err := h.cell.GetOrTryInitContext(ctx, func() (int, error) {
						if fail(how); how == "fails" {
							return v, errFailed
						}
						return v, nil
					})
					if err == nil && h.value == 0 {
						h.set(got)
					}
				})
			},
			"cell: set": func(t *rapid.T) {
				v := rapid.IntRange(1, 9).Draw(t, "v")
				require.Equal(t, h.value == 0, h.cell.Set(v))
				if h.value == 0 {
					h.set(v)
				}
			},
			"cell: take": func(t *rapid.T) {
				v, ok := h.cell.Take()
				require.Equal(t, h.value, v)
				require.Equal(t, h.value != 0, ok)
				h.value = 0
			},
			"cell: wait": func(*rapid.T) {
				j := h.start(func(ctx context.Context, _ *job) error {
					_, err := h.cell.WaitContext(ctx)
					return err
				})
				if h.getter = append(h.getter, j); h.value != 0 {
					h.set(h.value)
				}
			},
			"lazy": func(t *rapid.T) {
				how := hows.Draw(t, "how")
				l := arcmutex.NewLazyLock(func() int { fail(how); return 3 })
				got := 0
				aside(func() { got = l.Get() })
				func() {
					defer func() { _ = recover() }()
					got += l.Get()
				}()
				require.Equal(t, how == "returns", got == 6)
			},

			"mutex: hold": func(t *rapid.T) {
				if h.end != nil {
					t.Skip("held")
				}
				ending := make(chan string)
				var err error
				aside(func() {
					err = h.mutex.WithErr(func(v *int) error { *v++; fail(<-ending); return errFailed })
				})
				if h.isPoisoned {
					require.ErrorIs(t, err, arcmutex.ErrPoisoned)
					return
				}
				h.end = ending
			},
			"mutex: end": func(t *rapid.T) {
				if h.end == nil {
					t.Skip("free")
				}
				how := hows.Draw(t, "how")
				h.end <- how
				synctest.Wait()
				h.end = nil
				h.isPoisoned = how != "returns"
				h.all(h.poison(), &h.outside)
				h.all(h.poison(), &h.awake)
				if err := h.poison(); err != nil {
					h.all(err, &h.late)
				}
				h.all(context.Canceled, &h.late)
			},
			"mutex: lock": func(*rapid.T) {
				h.enter(h.start(func(ctx context.Context, _ *job) error {
					g, err := h.mutex.LockContext(ctx)
					if err == nil {
						c := g
						g.Unlock()
						stale(t, c.Unlock)
					}
					return err
				}))
			},
			"mutex: try": func(t *rapid.T) {
				err := h.mutex.TryWith(func(*int) error { return errFailed })
				switch {
				case h.end != nil:
					require.ErrorIs(t, err, arcmutex.ErrLocked)
				case h.isPoisoned:
					require.ErrorIs(t, err, arcmutex.ErrPoisoned)
				default:
					require.ErrorIs(t, err, errFailed)
				}
			},
			"mutex: repair": func(t *rapid.T) {
				if h.end != nil {
					t.Skip("held")
				}
				how := hows.Draw(t, "how")
				aside(func() { h.mutex.Recover(func(*int) { fail(how) }) })
				h.isPoisoned = how != "returns"
			},
			"cond: wait": func(t *rapid.T) {
				if h.end != nil || h.isPoisoned {
					t.Skip("not now")
				}
				h.asleep = append(h.asleep, h.start(func(ctx context.Context, _ *job) error {
					g := h.mutex.Lock()
					defer func() { g.Unlock() }()
					return h.cond.WaitContext(ctx, &g)
				}))
			},
			"cond: one": func(t *rapid.T) {
				require.Equal(t, len(h.asleep) > 0, h.cond.NotifyOne())
				synctest.Wait()
				if len(h.asleep) > 0 {
					j := h.asleep[0]
					h.asleep = h.asleep[1:]
					h.wake(j)
				}
			},
			"cond: all": func(t *rapid.T) {
				require.Equal(t, len(h.asleep), h.cond.NotifyAll())
				synctest.Wait()
				h.wake(h.asleep...)
				h.asleep = nil
			},
			"several": func(t *rapid.T) {
				if h.end != nil || h.isPoisoned {
					t.Skip("not now")
				}
				rw := arcmutex.NewRWMutex("")
				var g arcmutex.Guard[int]
				var r arcmutex.RGuard[string]
				unlock := arcmutex.LockAll(h.mutex.To(&g), rw.RTo(&r))
				require.Equal(t, 1, rw.Readers())
				early := rapid.Bool().Draw(t, "early")
				if early {
					r.Unlock()
					stale(t, unlock)
				} else {
					unlock()
				}
				stale(t, r.Unlock, g.Unlock)
				require.Zero(t, rw.Readers())
			},

			"": func(t *rapid.T) {
				synctest.Wait()
				for _, line := range [][]*job{h.line, h.noted, h.arrived, h.waiting, h.getter, h.outside, h.asleep, h.awake, h.late} {
					for _, j := range line {
						require.False(t, j.ended)
					}
				}
				for j, err := range h.want {
					require.True(t, j.ended)
					require.ErrorIs(t, j.err, err)
				}
				clear(h.want)
				require.Equal(t, h.free, h.sem.Available())
				require.Equal(t, h.closed, h.sem.IsClosed())
				require.Equal(t, len(h.arrived), h.barrier.Waiting())
				require.Equal(t, h.onceIs == "done", h.once.IsDone())
				require.Equal(t, h.onceIs == "poisoned", h.once.IsPoisoned())
				require.Equal(t, h.end != nil, h.mutex.IsLocked())
				require.Equal(t, h.isPoisoned, h.mutex.IsPoisoned())
				v, ok := h.cell.Get()
				require.Equal(t, h.value, v)
				require.Equal(t, h.value != 0, ok)
			},
		})
	})
}

// wake is what becomes of jobs that the condition lets go on.
func (h *house) wake(jobs ...*job) {
	if h.end != nil {
		h.awake = append(h.awake, jobs...)
		return
	}
	h.must(h.poison(), jobs...)
}

// toFirst is NotifyOne.
func (h *house) toFirst() {
	if h.stored = h.stored || len(h.noted) == 0; len(h.noted) > 0 {
		h.must(nil, h.noted[0])
		h.noted = h.noted[1:]
	}
}

// toLast is NotifyLast.
func (h *house) toLast() {
	if h.stored = h.stored || len(h.noted) == 0; len(h.noted) > 0 {
		last := len(h.noted) - 1
		h.must(nil, h.noted[last])
		h.noted = h.noted[:last:last]
	}
}

func (h *house) onceDone() {
	h.onceIs = "done"
	h.all(nil, &h.waiting)
}

func (h *house) set(v int) {
	h.value = v
	h.all(nil, &h.getter)
}
