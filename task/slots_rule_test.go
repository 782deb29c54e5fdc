package task_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coderrange/ferrous/task"
)

// An owner is a Pool or Set of a world, and how many of its tasks are at work: in
// no wait of package task.
type owner struct {
	pool   *task.Pool
	set    *task.Set[int]
	limit  int64 // the greatest that it ever was
	atWork atomic.Int64
	peak   atomic.Int64
}

func (o *owner) submit(ctx context.Context, f func(context.Context) (int, error)) (*task.Handle[int], error) {
	if o.set != nil {
		return o.set.Spawn(f), nil
	}
	return task.Submit(ctx, o.pool, f)
}

// counts returns running, passed, over and queued.
func (o *owner) counts() [4]int {
	if o.set != nil {
		s := o.set.Stats()
		return [4]int{s.Running, s.HandedOver, s.OverLimit, s.Queued}
	}
	s := o.pool.Stats()
	return [4]int{s.Running, s.HandedOver, s.OverLimit, s.Queued}
}

func (o *owner) traces() int {
	if o.set != nil {
		return task.SetTraces(o.set)
	}
	return task.PoolTraces(o.pool)
}

func (o *owner) abort() {
	if o.set != nil {
		o.set.Abort(errBoom)
	} else {
		o.pool.Abort(errBoom)
	}
}

func (o *owner) wait(ctx context.Context) error {
	if o.set != nil {
		return o.set.Wait(ctx)
	}
	return o.pool.Wait(ctx)
}

func (o *owner) shutdown(ctx context.Context) {
	if o.set != nil {
		_ = o.set.Shutdown(ctx)
	} else {
		_ = o.pool.Shutdown(ctx)
	}
}

func (o *owner) close() {
	if o.set != nil {
		_ = o.set.Close()
	} else {
		_ = o.pool.Close()
	}
}

// endSome ends an owner in the middle of the program, in most programs.
func (w *world) endSome(r *rand.Rand, ended *[kindsOfEnds]atomic.Int64) {
	<-time.After(time.Duration(r.IntN(30)))
	o, kind := w.owners[r.IntN(2)], r.IntN(2*kindsOfEnds)
	if w.strict && kind > 0 || kind >= kindsOfEnds {
		return
	}
	ended[kind].Add(1)
	switch kind {
	case 0: // what was accepted goes on
		o.shutdown(context.Background())
	case 1:
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Duration(r.IntN(10)), errBoom)
		defer cancel()
		o.shutdown(ctx)
	case 2:
		o.close()
	case 3:
		o.abort()
	case 4:
		w.end(errBoom)
	}
}

// A world runs a random program of tasks that spawn and await tasks.
type world struct {
	t       *testing.T
	strict  bool // no wait is given up
	owners  [2]*owner
	givenUp atomic.Int64 // waits, ever
	left    atomic.Int64 // tasks to spawn
	flight  task.Flight[*task.Handle[int], int]
	did     *[actions]atomic.Int64
	end     context.CancelCauseFunc // of the owners' context
}

const (
	actions       = 17
	strictActions = 13 // the first of them, which give no wait up
	kindsOfEnds   = 5
)

func newWorld(t *testing.T, strict bool, seed int, did *[actions]atomic.Int64) *world {
	w := &world{t: t, strict: strict, did: did}
	w.left.Store(40)
	var ctx context.Context
	ctx, w.end = context.WithCancelCause(context.Background())
	for i := range w.owners {
		limit := 1 + seed%3
		o := &owner{limit: int64(limit)}
		if i == 1 {
			o.limit = 1
		}
		switch kind := seed / 3 % 5; {
		case kind == 4 && i == 0, kind >= 3 && i == 1:
			o.set = task.NewSet[int](ctx, int(o.limit))
		default:
			o.pool = task.NewPool(ctx, task.PoolOptions{Workers: int(o.limit), Queue: kind, Idle: seed % 2})
		}
		w.owners[i] = o
	}
	return w
}

// check looks at how many tasks are at work.
func (w *world) check() {
	for _, o := range w.owners {
		givenUp := w.givenUp.Load()
		n := o.atWork.Load()
		if n > o.limit+w.givenUp.Load() {
			w.t.Errorf("%d at work > limit %d + %d given up", n, o.limit, givenUp)
		}
		if c := o.counts(); w.strict && int64(c[0]-c[1]) > o.limit {
			w.t.Errorf("counts %v exceed the limit %d", c, o.limit)
		}
		o.peak.Store(max(o.peak.Load(), n))
	}
}

func (w *world) work(r *rand.Rand) {
	w.check()
	if r.IntN(2) == 0 {
		<-time.After(time.Duration(1 + r.IntN(3)))
	}
	w.check()
}

// waits calls f, in which a task of o waits until ctx is done.
func (w *world) waits(ctx context.Context, o *owner, f func()) {
	o.atWork.Add(-1)
	defer o.atWork.Add(1)
	defer w.gaveUp(ctx)
	f()
}

// gaveUp counts a wait with ctx that may have been given up.
func (w *world) gaveUp(ctx context.Context) {
	if ctx.Err() != nil {
		if w.strict {
			w.t.Error("a wait was given up")
		}
		w.givenUp.Add(1)
	}
}

// joining returns a function that joins h, for goroutines that a task waits for.
func (w *world) joining(h *task.Handle[int]) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		_, err := h.Result(ctx)
		w.gaveUp(ctx)
		if w.strict {
			err = nil
		}
		return 0, err
	}
}

func (w *world) body(o *owner, seed uint64, depth int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		o.atWork.Add(1)
		defer o.atWork.Add(-1)
		r := rand.New(rand.NewPCG(seed, 1))
		w.work(r)
		var mine []*task.Handle[int]
		one := func() *task.Handle[int] { return mine[r.IntN(len(mine))] }
		spawn := func(other *owner, f func(context.Context) (int, error)) {
			w.waits(ctx, o, func() {
				if h, err := other.submit(ctx, f); err == nil {
					mine = append(mine, h)
				} else if ctx.Err() == nil && !errors.Is(err, task.ErrClosed) && !errors.Is(err, errBoom) {
					w.t.Error(err)
				}
			})
		}
		for range 1 + r.IntN(5) {
			k := r.IntN(actions)
			if len(mine) == 0 && k > 4 || depth == 0 {
				k = r.IntN(3)
			}
			if w.strict && k >= strictActions {
				k = 5
			}
			if depth == 0 && k < 2 {
				k = 2
			}
			w.did[k].Add(1)
			switch k {
			case 0, 1: // spawn
				if w.left.Add(-1) > 0 {
					other := w.owners[r.IntN(2)]
					spawn(other, w.body(other, r.Uint64(), depth-1))
				}
			case 2:
				w.work(r)
			case 3: // a diamond: two tasks await the same third
				if w.left.Add(-3) > 0 {
					third, tip := w.owners[r.IntN(2)], len(mine)
					spawn(third, w.body(third, r.Uint64(), depth-1))
					if len(mine) == tip {
						break
					}
					h := mine[tip]
					for range 2 {
						other := w.owners[r.IntN(2)]
						spawn(other, func(ctx context.Context) (int, error) {
							other.atWork.Add(1)
							defer other.atWork.Add(-1)
							w.check()
							w.waits(ctx, other, func() { _, _ = h.Result(ctx) })
							w.check()
							return 0, nil
						})
					}
				}
			case 4: // an end that is no return
				switch r.IntN(12) {
				case 0:
					panic(errBoom)
				case 1:
					runtime.Goexit()
				}
			case 5, 6:
				h := one()
				w.waits(ctx, o, func() { _, _ = h.Result(ctx) })
			case 7: // all at once
				var fs []func(context.Context) (int, error)
				for _, h := range mine {
					fs = append(fs, w.joining(h))
				}
				w.waits(ctx, o, func() { _, _ = task.JoinAll(ctx, fs...) })
			case 8: // work in a scope beside a task that joins
				h := one()
				_ = task.WithScope(ctx, func(s *task.Scope) error {
					task.Spawn(s, w.joining(h))
					w.work(r)
					o.atWork.Add(-1)
					return nil
				})
				w.gaveUp(ctx)
				o.atWork.Add(1)
			case 9: // an inner set, any of whose tasks ends the wait
				s := task.NewSet[int](ctx, 2)
				for range 2 {
					s.Spawn(w.joining(one()))
				}
				s.Spawn(func(context.Context) (int, error) { <-time.After(1); return 0, nil })
				w.waits(ctx, o, func() { _, _ = s.Next(ctx) })
				w.work(r)
				w.waits(ctx, o, func() { _ = s.Wait(ctx) })
				w.waits(ctx, o, func() { _ = s.Close() })
			case 10: // an end of a task of the own set
				if o.set != nil {
					w.waits(ctx, o, func() { _, _ = o.set.Next(ctx) })
				}
			case 11: // one wait of all who join the same task
				h := one()
				w.waits(ctx, o, func() { _, _ = w.flight.Do(ctx, h, w.joining(h)) })
			case 12: // a group with a limit of its own
				var busy atomic.Int64
				member := func() func(context.Context) (int, error) {
					join := w.joining(one())
					return func(ctx context.Context) (int, error) {
						if n := busy.Add(1); n > 2 {
							w.t.Errorf("%d of a group of 2 are at work", n)
						}
						<-time.After(1)
						busy.Add(-1)
						return join(ctx)
					}
				}
				w.waits(ctx, o, func() {
					defer func() { _ = recover() }() // a join may panic, with the panic of the task
					_ = task.WithGroup(ctx, 2, func(s *task.Scope) error {
						for range 3 {
							task.Spawn(s, member())
						}
						return nil
					})
				})
			case 13: // the first of two
				f, g := w.joining(one()), w.joining(one())
				w.waits(ctx, o, func() {
					defer func() { _ = recover() }()
					_, _ = task.Race(ctx, f, g)
				})
			case 14: // a join with a time limit
				h := one()
				limited, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(4)))
				w.waits(limited, o, func() { _, _ = h.Result(limited) })
				cancel()
			case 15:
				one().Abort(nil)
			case 16:
				switch other := w.owners[r.IntN(2)]; {
				case r.IntN(3) == 0:
					other.abort()
				case other.pool != nil:
					other.pool.Resize(1 + r.IntN(int(other.limit)))
				}
			}
			w.work(r)
		}
		for _, h := range mine {
			if r.IntN(2) == 0 {
				w.waits(ctx, o, func() { _, _ = h.Result(ctx) })
			}
		}
		return 0, nil
	}
}

// TestRandomProgramsKeepTheLimit runs programs in which tasks of two owners wait
// for tasks, and most of which end an owner in the middle. All tasks end, and never
// more tasks than the limit are at work, but for one more for each wait that was
// given up. FERROUS_PROGRAMS says how
// many programs.
func TestRandomProgramsKeepTheLimit(t *testing.T) {
	programs := 600
	if n, err := strconv.Atoi(os.Getenv("FERROUS_PROGRAMS")); err == nil {
		programs = n
	}
	for _, strict := range []bool{true, false} {
		name := "strict"
		if !strict {
			name = "with waits given up"
		}
		t.Run(name, func(t *testing.T) {
			var did [actions]atomic.Int64
			var ended [kindsOfEnds]atomic.Int64
			reached := 0
			for seed := range programs {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, strict, seed, &did)
					for i := range 3 {
						o := w.owners[0]
						if _, err := o.submit(context.Background(), w.body(o, uint64(seed*10+i), 3)); err != nil {
							t.Error(err)
						}
					}
					var ending sync.WaitGroup
					ending.Go(func() { w.endSome(rand.New(rand.NewPCG(uint64(seed), 2)), &ended) })
					ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
					defer cancel()
					for range 2 { // the first may spawn into the second
						for _, o := range w.owners {
							if err := o.wait(ctx); errors.Is(err, context.DeadlineExceeded) {
								t.Fatalf("seed %d hangs: %v %v", seed, w.owners[0].counts(), w.owners[1].counts())
							}
						}
					}
					ending.Wait()
					for _, o := range w.owners {
						if c := o.counts(); c != [4]int{} {
							t.Errorf("left at the end: %v", c)
						}
						synctest.Wait()
						if n := o.traces(); n != 0 {
							t.Errorf("seed %d: %d traces of waits are left", seed, n)
						}
						o.close()
						if o.peak.Load() == o.limit {
							reached++
						}
					}
					w.end(nil)
				})
				if t.Failed() {
					t.Fatal("seed", seed)
				}
			}
			if reached < programs/2 {
				t.Errorf("the limit was reached %d times in %d programs", reached, programs)
			}
			for k := range did {
				if n := did[k].Load(); n == 0 && (!strict || k < strictActions) {
					t.Errorf("action %d never happened", k)
				}
			}
			for k := range ended {
				if n := ended[k].Load(); n == 0 && (!strict || k == 0) {
					t.Errorf("end %d never happened", k)
				}
			}
		})
	}
}
