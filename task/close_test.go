package task_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/task"
)

// ender is a Pool, Set or JoinMap.
type ender interface {
	Close() error
	Shutdown(ctx context.Context) error
	Abort(cause error)
	Wait(ctx context.Context) error
}

// closer is an ender with one slot, and a way to give it tasks.
type closer struct {
	ender
	spawn func(f func(context.Context) (int, error)) (*task.Handle[int], error)
}

// enders makes one of each kind.
var enders = map[string]func(ctx context.Context) closer{
	"pool": func(ctx context.Context) closer {
		p := task.NewPool(ctx, task.PoolOptions{Workers: 1, Queue: 100})
		return closer{p, func(f func(context.Context) (int, error)) (*task.Handle[int], error) {
			return task.Submit(context.Background(), p, f)
		}}
	},
	"set": func(ctx context.Context) closer {
		s := task.NewSet[int](ctx, 1)
		return closer{s, func(f func(context.Context) (int, error)) (*task.Handle[int], error) {
			before := s.Stats().Spawned
			h := s.Spawn(f)
			if s.Stats().Spawned == before {
				_, _, err := h.Poll()
				return nil, err
			}
			return h, nil
		}}
	},
	"join map": func(ctx context.Context) closer {
		m := task.NewJoinMap[int, int](ctx, 1)
		key := 0
		return closer{m, func(f func(context.Context) (int, error)) (*task.Handle[int], error) {
			key++
			return unlessClosed(m.Spawn(key, f))
		}}
	},
}

// unlessClosed returns h, or the error if a Set that was closed did not take it. It
// does not join, since a task that was joined is not reported.
func unlessClosed(h *task.Handle[int]) (*task.Handle[int], error) {
	if h.String() == "Handle(error: task: closed)" {
		return nil, task.ErrClosed
	}
	return h, nil
}

// eachEnder runs f in a bubble for each kind.
func eachEnder(t *testing.T, f func(t *testing.T, o closer)) {
	t.Helper()
	for kind, make := range enders {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, make(context.Background())) })
		})
	}
}

func mustNot(context.Context) (int, error) { panic("called") }

// TestEnds calls each way to end with a task that runs for a minute unless its
// context ends, and one that is queued, and then offers a new one.
func TestEnds(t *testing.T) {
	type result struct {
		err     error         // what the call matches; nil for none
		running error         // of the task that ran
		queued  error         // of the task that had not begun
		refused error         // of a new one
		took    time.Duration // until the call returned
		aborted int
	}
	short := func(o closer) error {
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, errBoom)
		defer cancel()
		return o.Shutdown(ctx)
	}
	for name, c := range map[string]struct {
		call func(o closer) error
		want result
	}{
		"Close": {
			func(o closer) error { return o.Close() },
			result{err: task.ErrClosed, running: task.ErrClosed, queued: task.ErrClosed, refused: task.ErrClosed, aborted: 2},
		},
		"Shutdown": {
			func(o closer) error { return o.Shutdown(context.Background()) },
			result{refused: task.ErrClosed, took: 2 * time.Minute},
		},
		"Shutdown, too long": {
			short,
			result{err: errBoom, running: errBoom, queued: errBoom, refused: task.ErrClosed, took: time.Second, aborted: 2},
		},
		"Abort": {
			func(o closer) error { o.Abort(errBoom); return nil },
			result{running: errBoom, queued: errBoom},
		},
		"Abort without a cause": {
			func(o closer) error { o.Abort(nil); return nil },
			result{running: task.ErrAborted, queued: task.ErrAborted},
		},
		"Wait": {
			func(o closer) error { return o.Wait(context.Background()) },
			result{took: 2 * time.Minute},
		},
		"Wait, too long": {
			func(o closer) error {
				ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, errBoom)
				defer cancel()
				return o.Wait(ctx)
			},
			result{err: errBoom, took: time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEnder(t, func(t *testing.T, o closer) {
				running, err := o.spawn(sleeper(time.Minute, 1))
				require.NoError(t, err)
				queued, err := o.spawn(sleeper(time.Minute, 2))
				require.NoError(t, err)
				synctest.Wait()
				start := time.Now()
				err = c.call(o)
				assert.Equal(t, c.want.took, time.Since(start))
				if c.want.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, c.want.err)
				}
				var end *task.EndError
				if c.want.aborted > 0 {
					require.ErrorAs(t, err, &end)
					assert.Equal(t, c.want.aborted, end.Aborted)
					assert.Empty(t, end.Errs)
				}
				fresh, err := o.spawn(value(3))
				assert.Equal(t, c.want.refused, err)
				for h, want := range map[*task.Handle[int]]error{running: c.want.running, queued: c.want.queued, fresh: nil} {
					if h == nil {
						continue
					}
					_, err := h.Join(t.Context())
					if want == nil {
						require.NoError(t, err)
					} else {
						require.ErrorIs(t, err, want)
						if h == queued {
							require.ErrorIs(t, err, context.Canceled, "as the error of the context of a task that runs")
							text := strings.TrimPrefix(want.Error(), "task: ")
							require.EqualError(t, err, "task: not started: "+text)
						}
					}
				}
				require.NoError(t, o.Close(), "all were joined, and each end is reported once")
			})
		})
	}
}

func TestEndsBesideATaskThatListensToNobody(t *testing.T) {
	eachEnder(t, func(t *testing.T, o closer) {
		deaf, err := o.spawn(func(context.Context) (int, error) { <-time.After(time.Hour); return 1, nil })
		require.NoError(t, err)
		queued, err := o.spawn(mustNot)
		require.NoError(t, err)
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = o.Shutdown(ctx)
		var end *task.EndError
		require.ErrorAs(t, err, &end)
		assert.Equal(t, 2, end.Aborted)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start))
		_, err = queued.Join(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start), "what has not begun ends at once")
		require.NoError(t, o.Close(), "it was reported already")
		assert.Equal(t, time.Hour, time.Since(start), "Close waits")
		v, err := deaf.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, v)
	})
}

func TestEndsReportWhatNobodyJoined(t *testing.T) {
	lost := errors.New("lost")
	for name, end := range map[string]func(o closer) error{
		"Close":    func(o closer) error { _ = o.Wait(context.Background()); return o.Close() },
		"Shutdown": func(o closer) error { return o.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			eachEnder(t, func(t *testing.T, o closer) {
				joined, err := o.spawn(failing(errors.New("joined")))
				require.NoError(t, err)
				_, err = joined.Join(t.Context())
				require.Error(t, err)
				for _, f := range []func(context.Context) (int, error){failing(lost), culprit, goexit, value(1)} {
					_, err := o.spawn(f)
					require.NoError(t, err)
				}
				err = end(o)
				var e *task.EndError
				require.ErrorAs(t, err, &e)
				require.Len(t, e.Errs, 3)
				assert.Equal(t, lost, e.Errs[0])
				var p *task.PanicError
				require.ErrorAs(t, err, &p)
				assert.Contains(t, p.Stack, "culprit")
				assert.Equal(t, task.ErrGoexit, e.Errs[2])
				assert.Zero(t, e.Aborted+e.More)
				require.NoError(t, e.Cause)
				require.NoError(t, o.Close(), "each is reported once")
			})
		})
	}
}

func TestEndsKeepSomeErrorsAndCountTheOthers(t *testing.T) {
	for joined, more := range map[int]int{0: 84, 50: 34, 84: 0} {
		eachEnder(t, func(t *testing.T, o closer) {
			var handles []*task.Handle[int]
			for range 100 {
				h, err := o.spawn(failing(errBoom))
				require.NoError(t, err)
				handles = append(handles, h)
			}
			require.NoError(t, o.Wait(t.Context()))
			for _, h := range handles[100-joined:] {
				_, err := h.Join(t.Context())
				require.ErrorIs(t, err, errBoom)
			}
			var e *task.EndError
			require.ErrorAs(t, o.Close(), &e)
			assert.Len(t, e.Errs, 16)
			assert.Equal(t, more, e.More)
			for _, h := range handles { // what was reported may be joined
				_, err := h.Join(t.Context())
				require.ErrorIs(t, err, errBoom)
			}
			require.NoError(t, o.Close(), "each is reported once")
		})
	}
}

func TestEndsKeepPanicsBesideManyErrors(t *testing.T) {
	eachEnder(t, func(t *testing.T, o closer) {
		for range 20 {
			_, err := o.spawn(failing(errBoom))
			require.NoError(t, err)
		}
		for range 20 {
			_, err := o.spawn(culprit)
			require.NoError(t, err)
		}
		require.NoError(t, o.Wait(t.Context()))
		err := o.Close()
		var p *task.PanicError
		require.ErrorAs(t, err, &p)
		var e *task.EndError
		require.ErrorAs(t, err, &e)
		assert.Len(t, e.Errs, 32)
		assert.Equal(t, 8, e.More)
	})
}

func TestAPanicWhoseHandleIsGoneWaitsForTheEnd(t *testing.T) {
	o := task.NewSet[int](t.Context(), 1)
	o.Spawn(culprit)
	_, err := o.Next(t.Context())
	require.NoError(t, err)
	for range 3 {
		runtime.GC()
	}
	var p *task.PanicError
	require.ErrorAs(t, o.Close(), &p)
}

func TestEndsThatMeetReportEachThingOnce(t *testing.T) {
	eachEnder(t, func(t *testing.T, o closer) {
		for range 3 {
			_, err := o.spawn(untilDone)
			require.NoError(t, err)
		}
		_, err := o.spawn(mustNot)
		require.NoError(t, err)
		errs := make(chan error)
		ends := []func() error{o.Close, o.Close, func() error { return o.Shutdown(t.Context()) }}
		for _, end := range ends {
			go func() { errs <- end() }()
		}
		aborted := 0
		for range ends {
			var e *task.EndError
			if err := <-errs; errors.As(err, &e) {
				aborted += e.Aborted
			}
		}
		assert.Equal(t, 4, aborted)
	})
}

func TestAPanicAfterTheAbortIsReported(t *testing.T) {
	eachEnder(t, func(t *testing.T, o closer) {
		_, err := o.spawn(func(ctx context.Context) (int, error) {
			<-ctx.Done()
			panic(errBoom)
		})
		require.NoError(t, err)
		synctest.Wait()
		err = o.Close()
		require.ErrorIs(t, err, errBoom)
		var e *task.EndError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 1, e.Aborted)
		assert.Contains(t, err.Error(), "task: tasks that were not joined: 1 aborted (closed); panic: boom")
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "err", e)
		assert.Contains(t, log.String(), "err.aborted=1")
	})
}

func TestWaitReturnsWhenNothingIsLeftAndTheOwnerGoesOn(t *testing.T) {
	eachEnder(t, func(t *testing.T, o closer) {
		require.NoError(t, o.Wait(t.Context()))
		for range 2 {
			_, err := o.spawn(sleeper(time.Second, 1))
			require.NoError(t, err)
			_, err = o.spawn(sleeper(time.Second, 1))
			require.NoError(t, err)
			done := make(chan error)
			for range 3 {
				go func() { done <- o.Wait(context.Background()) }()
			}
			start := time.Now()
			for range 3 {
				require.NoError(t, <-done)
			}
			assert.Equal(t, 2*time.Second, time.Since(start))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		err := o.Wait(ctx)
		require.ErrorIs(t, err, errBoom)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, o.Close())
	})
}

func TestSubmittersAreRefusedByAnEnd(t *testing.T) {
	for name, end := range map[string]func(p *task.Pool) error{
		"Close":    (*task.Pool).Close,
		"Shutdown": func(p *task.Pool) error { return p.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t, task.PoolOptions{Workers: 1})
				submit(t, p, sleeper(time.Minute, 1))
				refused := make(chan error)
				go func() { _, err := task.Submit(t.Context(), p, mustNot); refused <- err }()
				synctest.Wait()
				go func() { _ = end(p) }()
				require.Equal(t, task.ErrClosed, <-refused)
				_, err := task.TrySubmit(p, mustNot)
				require.Equal(t, task.ErrClosed, err)
			})
		})
	}
}

func TestAnAbortLetsSubmittersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, task.PoolOptions{Workers: 1, Queue: 1})
		submit(t, p, untilDone)
		submit(t, p, mustNot)
		got := make(chan error)
		go func() {
			h, err := task.Submit(t.Context(), p, value(1))
			if err == nil {
				_, err = h.Join(t.Context())
			}
			got <- err
		}()
		synctest.Wait()
		p.Abort(nil)
		require.NoError(t, <-got, "it was accepted after the abort")
	})
}

func TestAnAbortedTaskOfTheQueueEndsAtOnce(t *testing.T) {
	eachEnder(t, func(t *testing.T, o closer) {
		gate := make(chan struct{})
		running, err := o.spawn(after(gate, 1))
		require.NoError(t, err)
		for range 100 {
			queued, err := o.spawn(mustNot)
			require.NoError(t, err)
			queued.Abort(errBoom)
			_, ready, err := queued.Poll()
			require.True(t, ready)
			require.ErrorIs(t, err, errBoom)
			require.EqualError(t, err, "task: not started: boom")
		}
		last, err := o.spawn(value(2))
		require.NoError(t, err)
		close(gate)
		for i, h := range []*task.Handle[int]{running, last} {
			v, err := h.Join(t.Context())
			require.NoError(t, err)
			assert.Equal(t, i+1, v)
		}
		require.NoError(t, o.Wait(t.Context()))
		require.NoError(t, o.Close())
	})
}

func TestAnAbortedTaskMakesRoomInTheQueue(t *testing.T) {
	for name, abort := range map[string]func(p *task.Pool, h *task.Handle[int]){
		"the task":  func(_ *task.Pool, h *task.Handle[int]) { h.Abort(nil) },
		"all tasks": func(p *task.Pool, _ *task.Handle[int]) { p.Abort(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t, task.PoolOptions{Workers: 1, Queue: 1})
				gate := make(chan struct{})
				submit(t, p, after(gate, 1))
				queued := submit(t, p, mustNot)
				accepted := make(chan *task.Handle[int])
				go func() {
					h, err := task.Submit(t.Context(), p, value(2))
					assert.NoError(t, err)
					accepted <- h
				}()
				synctest.Wait()
				abort(p, queued)
				h := <-accepted // the running task still has its slot
				close(gate)
				v, err := h.Join(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 2, v)
			})
		})
	}
}

func TestTheTextOfAnEndError(t *testing.T) {
	lost := errors.New("lost")
	for want, e := range map[string]*task.EndError{
		"2 aborted (closed)":               {Aborted: 2, Cause: task.ErrClosed},
		"lost":                             {Errs: []error{lost}},
		"1 aborted (closed); lost; closed": {Aborted: 1, Cause: task.ErrClosed, Errs: []error{lost, task.ErrClosed}},
		"lost; 1 more errors":              {Errs: []error{lost}, More: 1},
	} {
		require.EqualError(t, e, "task: tasks that were not joined: "+want)
	}
}

func TestJoinedErrorsMakeRoomForOthers(t *testing.T) {
	eachEnder(t, func(t *testing.T, o closer) {
		for i := range 40 {
			h, err := o.spawn(failing(fmt.Errorf("error %d", i)))
			require.NoError(t, err)
			synctest.Wait()
			if i < 24 {
				_, err := h.Join(t.Context())
				require.Error(t, err)
			}
		}
		var e *task.EndError
		require.ErrorAs(t, o.Close(), &e)
		assert.Len(t, e.Errs, 16)
		assert.Zero(t, e.More)
	})
}
