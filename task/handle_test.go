package task_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

func TestJoinReturnsWhatTheTaskReturned(t *testing.T) {
	h := task.Go(t.Context(), value(42))
	for range 2 { // each of several joins
		v, err := h.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 42, v)
	}
	_, err := task.Go(t.Context(), failing(errBoom)).Join(t.Context())
	require.Equal(t, errBoom, err)
}

func TestJoinNoticesADoneContextFirst(t *testing.T) {
	h := task.Go(t.Context(), value(42))
	<-h.Done()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	_, err := h.Join(ctx)
	require.ErrorIs(t, err, errBoom)
	_, err = h.Join(t.Context())
	require.NoError(t, err)
}

func TestACanceledJoinLeavesTheTaskRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		h := task.Go(t.Context(), after(gate, 42))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := h.Join(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, ready, _ := h.Poll()
		assert.False(t, ready)
		close(gate)
		v, err := h.Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 42, v)
	})
}

func TestPollNeverBlocks(t *testing.T) {
	gate := make(chan struct{})
	h := task.Go(t.Context(), after(gate, 42))
	_, ready, err := h.Poll()
	require.NoError(t, err)
	assert.False(t, ready)
	close(gate)
	<-h.Done()
	v, ready, err := h.Poll()
	require.NoError(t, err)
	assert.True(t, ready)
	assert.Equal(t, 42, v)
}

func TestDoneIsClosedWhenPollIsReady(t *testing.T) {
	for range 50 {
		h := task.Go(t.Context(), func(ctx context.Context) (int, error) { deriveMany(ctx); return 1, nil })
		_ = h.Done()
		untilReady(h)
		select {
		case <-h.Done():
		default:
			t.Fatal("Poll was ready")
		}
	}
}

func TestManyJoinersGetTheResult(t *testing.T) {
	gate := make(chan struct{})
	h := task.Go(t.Context(), after(gate, 42))
	testkit.Parallel(20, func(i int) {
		if i == 0 {
			close(gate)
		}
		v, err := h.Join(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, 42, v)
	})
}

func TestAPanicPanicsAgainInJoinWithTheStackOfTheTask(t *testing.T) {
	h := task.Go(t.Context(), culprit)
	for range 2 {
		err := testkit.PanicError(t, func() { _, _ = h.Join(t.Context()) })
		var p *task.PanicError
		require.ErrorAs(t, err, &p)
		assert.Equal(t, errBoom, p.Value)
		assert.Contains(t, p.Stack, "task_test.culprit")
		assert.Contains(t, p.Error(), "task: panic: boom")
		assert.Contains(t, p.Error(), "task_test.culprit")
		require.ErrorIs(t, err, errBoom)
	}
	_, err := h.Result(t.Context())
	var p *task.PanicError
	require.ErrorAs(t, err, &p)
	_, ready, err := h.Poll()
	assert.True(t, ready)
	require.ErrorAs(t, err, &p)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "err", p)
	assert.Contains(t, log.String(), "err.panic=boom")
	assert.Contains(t, log.String(), "err.stack=")
	require.NoError(t, (&task.PanicError{Value: 3}).Unwrap())
}

func culprit(context.Context) (int, error) { panic(errBoom) }

func TestAPanicErrorThatATaskReturnsIsNoPanicOfIt(t *testing.T) {
	inner := task.Go(t.Context(), culprit)
	outer := task.Go(t.Context(), inner.Result)
	_, err := outer.Join(t.Context())
	var p *task.PanicError
	require.ErrorAs(t, err, &p)
}

func TestAPanicErrorShowsAValueOfAnyType(t *testing.T) {
	for _, v := range []any{"some text", 1234, []int{7}} {
		_, err := task.Go(t.Context(), func(context.Context) (int, error) { panic(v) }).Result(t.Context())
		var p *task.PanicError
		require.ErrorAs(t, err, &p)
		assert.Equal(t, v, p.Value)
		assert.Contains(t, err.Error(), fmt.Sprint("task: panic: ", v))
		require.NoError(t, errors.Unwrap(err))
	}
}

func TestPanicNilIsAPanic(t *testing.T) {
	h := task.Go(t.Context(), func(context.Context) (int, error) { panic(nil) })
	err := testkit.PanicError(t, func() { _, _ = h.Join(t.Context()) })
	var isNil *runtime.PanicNilError
	require.ErrorAs(t, err, &isNil)
}

func TestGoexitDoesNotHangJoin(t *testing.T) {
	h := task.Go(t.Context(), goexit)
	_, err := h.Join(t.Context())
	require.ErrorIs(t, err, task.ErrGoexit)
}

func goexit(context.Context) (int, error) {
	runtime.Goexit()
	return 0, nil
}

func TestAbortEndsTheContextWithItsCause(t *testing.T) {
	h := task.Go(t.Context(), untilDone)
	h.Abort(errBoom)
	h.Abort(errors.New("too late"))
	_, err := h.Join(t.Context())
	require.ErrorIs(t, err, errBoom)
	h.Abort(nil) // and after the end

	h = task.Go(t.Context(), untilDone)
	h.Abort(nil)
	_, err = h.Join(t.Context())
	require.ErrorIs(t, err, task.ErrAborted)
}

func TestAbortIsCooperative(t *testing.T) {
	gate := make(chan struct{})
	began := make(chan struct{})
	h := task.Go(t.Context(), func(ctx context.Context) (int, error) {
		close(began)
		<-gate
		assert.Equal(t, context.Canceled, ctx.Err())
		return 42, nil
	})
	<-began
	h.Abort(nil)
	close(gate)
	v, err := h.Join(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 42, v)
}

func TestATaskAbortedBeforeItBeganIsNotCalled(t *testing.T) {
	s := task.NewSet[int](t.Context(), 1)
	defer func() { _ = s.Close() }()
	first := s.Spawn(untilDone)
	h := s.Spawn(func(context.Context) (int, error) { panic("called") }) // waits for its turn
	h.Abort(errBoom)
	first.Abort(nil)
	_, err := h.Join(t.Context())
	require.ErrorIs(t, err, errBoom)
	require.EqualError(t, err, "task: not started: boom")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = task.Go(ctx, func(context.Context) (int, error) { panic("called") }).Join(t.Context())
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheContextOfATask(t *testing.T) {
	type key struct{}
	deadline := time.Now().Add(time.Hour)
	outer, cancel := context.WithDeadline(context.WithValue(t.Context(), key{}, "v"), deadline)
	defer cancel()
	var kept context.Context
	_, err := task.Go(outer, func(ctx context.Context) (int, error) {
		kept = ctx //nolint:fatcontext // to look at it after its end
		d, ok := ctx.Deadline()
		assert.True(t, ok)
		assert.Equal(t, deadline, d)
		require.NoError(t, ctx.Err())
		assert.Equal(t, "v", ctx.Value(key{}))
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		assert.Equal(t, "v", inner.Value(key{}))
		return 0, inner.Err()
	}).Join(t.Context())
	require.NoError(t, err)
	assert.Equal(t, context.Canceled, kept.Err(), "it ends with the task")
	<-kept.Done()
	var unused context.Context
	_, err = task.Go(outer, func(ctx context.Context) (int, error) {
		unused = ctx //nolint:fatcontext // to look at it after its end
		return 0, nil
	}).Join(t.Context())
	require.NoError(t, err)
	assert.Equal(t, context.Canceled, unused.Err(), "also if nobody asked before")
	<-unused.Done()
	assert.Equal(t, context.Canceled, context.Cause(unused))
}

func TestTheErrorOfATasksContextDoesNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var kept context.Context
		_, err := task.Go(outer, func(ctx context.Context) (int, error) {
			kept = ctx //nolint:fatcontext // to look at it after its end
			return 0, nil
		}).Join(t.Context())
		require.NoError(t, err)
		assert.Equal(t, context.Canceled, kept.Err())
		<-outer.Done()
		assert.Equal(t, context.Canceled, kept.Err(), "that of the task came first")
	})
}

func TestAnAbortNeedsNobodyToJoin(t *testing.T) {
	type key struct{}
	began, ended := make(chan struct{}), make(chan any)
	h := task.Go(context.WithValue(t.Context(), key{}, "v"), func(ctx context.Context) (int, error) {
		close(began)
		<-ctx.Done()
		ended <- ctx.Value(key{})
		return 0, ctx.Err()
	})
	<-began
	h.Abort(nil)
	h = nil
	_ = h
	runtime.GC()
	assert.Equal(t, "v", <-ended, "its context has its values still")
}

func TestDetachDoesNotEndTheTask(t *testing.T) {
	gate := make(chan struct{})
	h := task.Go(t.Context(), func(ctx context.Context) (int, error) {
		<-gate
		return 42, ctx.Err()
	})
	h.Detach()
	close(gate)
	v, err := h.Join(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 42, v)
}

func TestAPanicAfterAnAbortIsThatOfTheTask(t *testing.T) {
	began := make(chan struct{})
	h := task.Go(t.Context(), func(ctx context.Context) (int, error) {
		defer func() { panic(errBoom) }() // while it cleans up
		close(began)
		return untilDone(ctx)
	})
	<-began
	h.Abort(nil)
	_, err := h.Result(t.Context())
	var p *task.PanicError
	require.ErrorAs(t, err, &p)
	require.ErrorIs(t, err, errBoom)
	require.NotErrorIs(t, err, task.ErrAborted)
}

func TestAContextDerivedFromATasksEndsWithIt(t *testing.T) {
	var derived context.Context
	h := task.Go(t.Context(), func(ctx context.Context) (int, error) {
		var cancel context.CancelFunc
		derived, cancel = context.WithTimeout(ctx, time.Hour) //nolint:fatcontext // to look at it after its end
		_ = cancel                                            // the end of the task does it
		return 0, nil
	})
	_, err := h.Join(t.Context())
	require.NoError(t, err)
	<-derived.Done()
}

func TestHandlesPrint(t *testing.T) {
	gate := make(chan struct{})
	h := task.Go(t.Context(), after(gate, 42))
	assert.Equal(t, "Handle(running)", fmt.Sprint(h))
	close(gate)
	<-h.Done()
	assert.Equal(t, "Handle(done)", fmt.Sprintf("%+v", h))
	assert.Equal(t, "Handle(done)", fmt.Sprintf("%#v", h))
	f := task.Go(t.Context(), failing(errBoom))
	<-f.Done()
	assert.Equal(t, "Handle(error: boom)", f.LogValue().String())
	p := task.Go(t.Context(), culprit)
	_, _ = p.Result(t.Context())
	assert.Equal(t, "Handle(panic: boom)", p.String())
}

// crashes are run in a process of their own, which each of them must end.
var crashes = map[string]func(){
	"unreachable": func() {
		<-task.Go(context.Background(), culprit).Done()
		collect()
	},
	"detached before": func() {
		gate := make(chan struct{})
		h := task.Go(context.Background(), func(context.Context) (int, error) {
			<-gate
			return culprit(context.Background())
		})
		h.Detach()
		close(gate)
		select {}
	},
	"detached while it ends": func() {
		h := make(chan *task.Handle[int], 1)
		h <- task.Go(context.Background(), func(ctx context.Context) (int, error) {
			self := <-h
			context.AfterFunc(ctx, self.Detach)
			for range 200_000 { // the end of ctx takes long
				_, cancel := context.WithCancel(ctx)
				_ = cancel
			}
			return culprit(ctx)
		})
		select {}
	},
	"detached after": func() {
		h := task.Go(context.Background(), culprit)
		<-h.Done()
		h.Detach()
		select {}
	},
	"pool": func() {
		p := task.NewPool(context.Background(), task.PoolOptions{Workers: 1})
		h, _ := task.Submit(context.Background(), p, culprit)
		<-h.Done()
		collect()
	},
	"replaced in a join map": func() {
		m := task.NewJoinMap[int, int](context.Background(), task.Unlimited)
		began := make(chan struct{})
		replaced := m.Spawn(1, func(ctx context.Context) (int, error) {
			close(began)
			<-ctx.Done()
			return culprit(ctx)
		}).Done()
		<-began
		m.Spawn(1, value(1))
		<-replaced
		m = nil
		_ = m
		collect()
	},
	"flight that all gave up": func() {
		var fl task.Flight[int, int]
		ctx, cancel := context.WithCancel(context.Background())
		_, _ = fl.Do(ctx, 1, func(ctx context.Context) (int, error) {
			cancel()
			<-ctx.Done()
			return culprit(ctx)
		})
		select {}
	},
	"flight of a caller that gave up while it panicked": func() {
		var fl task.Flight[int, int]
		ctx, cancel := context.WithCancel(context.Background())
		_, _ = fl.Do(ctx, 1, func(context.Context) (int, error) {
			defer cancel()
			return culprit(ctx)
		})
		select {} // it gave up
	},
	"set": func() {
		s := task.NewSet[int](context.Background(), 1)
		<-s.Spawn(culprit).Done()
		s = nil
		_ = s
		collect()
	},
}

// collect runs the collector until a cleanup ends the process, or gives up.
func collect() {
	for range 500 {
		runtime.GC()
		<-time.After(time.Millisecond)
	}
}

func TestAPanicThatNobodyCanJoinEndsTheProcess(t *testing.T) {
	for name := range crashes {
		t.Run(name, func(t *testing.T) {
			cmd := testkit.Self(t)
			cmd.Env = append(os.Environ(), "TASK_CRASH="+name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, string(out))
			assert.Contains(t, string(out), "boom")
			assert.Contains(t, string(out), "task_test.culprit")
		})
	}
}

func TestAJoinedPanicDoesNotEndTheProcess(t *testing.T) {
	for range 10 {
		_, err := task.Go(t.Context(), culprit).Result(t.Context())
		require.Error(t, err)
	}
	h := task.Go(t.Context(), value(1))
	h.Detach() // a success may be given up
	<-h.Done()
	task.Go(t.Context(), goexit).Detach()
	for range 3 {
		runtime.GC()
	}
}

// TestContextsEndWithWhatTheyWereGivenTo keeps the context of each form until that has
// returned or was joined.
func TestContextsEndWithWhatTheyWereGivenTo(t *testing.T) {
	type f = func(context.Context) (int, error)
	ctx := t.Context()
	p := newPool(t, task.PoolOptions{Workers: 1})
	s := newSet[int](t, 1)
	m := newJoinMap[string, int](t, 1)
	var fl task.Flight[string, int]
	join := func(h *task.Handle[int], err error) error {
		if err != nil {
			return err
		}
		_, err = h.Join(ctx)
		return err
	}
	for name, call := range map[string]func(f f) error{
		"Go":        func(f f) error { return join(task.Go(ctx, f), nil) },
		"Submit":    func(f f) error { return join(task.Submit(ctx, p, f)) },
		"Set.Spawn": func(f f) error { return join(s.Spawn(f), nil) },
		"JoinMap.Spawn": func(f f) error {
			return join(m.Spawn("a", f), nil)
		},
		"Flight.Do": func(f f) error { _, err := fl.Do(ctx, "a", f); return err },
		"Spawn in WithScope": func(f f) error {
			return task.WithScope(ctx, func(s *task.Scope) error { return join(task.Spawn(s, f), nil) })
		},
		"TrySpawn in WithGroup": func(f f) error {
			return task.WithGroup(ctx, 1, func(s *task.Scope) error { return join(task.TrySpawn(s, f)) })
		},
		"WithScope": func(f f) error {
			return task.WithScope(ctx, func(s *task.Scope) error { _, err := f(s.Context()); return err })
		},
		"WithGroup": func(f f) error {
			return task.WithGroup(ctx, 1, func(s *task.Scope) error { _, err := f(s.Context()); return err })
		},
		"Join2":   func(f f) error { _, _, err := task.Join2(ctx, f, value(1)); return err },
		"JoinAll": func(f f) error { _, err := task.JoinAll(ctx, f); return err },
		"Settle":  func(f f) error { return task.Settle(ctx, f)[0].Err },
		"Race":    func(f f) error { _, err := task.Race(ctx, f); return err },
		"RaceOK":  func(f f) error { _, err := task.RaceOK(ctx, f); return err },
		"Timeout": func(f f) error { _, err := task.Timeout(ctx, time.Hour, f); return err },
	} {
		t.Run(name, func(t *testing.T) {
			var kept func() error
			require.NoError(t, call(func(ctx context.Context) (int, error) {
				kept = ctx.Err
				return 1, ctx.Err()
			}))
			assert.Equal(t, context.Canceled, kept())
		})
	}
}
