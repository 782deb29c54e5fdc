package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

// limits are those of the groups of the tests below.
var limits = []int{1, 2, 64, task.Unlimited}

// eachLimit runs f in a bubble for each limit.
func eachLimit(t *testing.T, f func(t *testing.T, limit int)) {
	t.Helper()
	for _, limit := range limits {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, limit) })
		})
	}
}

func TestAGroupReturnsTheFirstErrorWhichIsTheCause(t *testing.T) {
	other := errors.New("other")
	for _, c := range []struct {
		tasks []error
		f     error
		want  error
	}{
		{},
		{tasks: []error{nil}},
		{tasks: []error{errBoom}, want: errBoom},
		{tasks: []error{errBoom, nil}, want: errBoom},
		{tasks: []error{nil, errBoom, other}, want: errBoom},
		{tasks: []error{nil, errBoom}, f: other, want: errBoom},
		{tasks: []error{nil}, f: other, want: other},
		{f: other, want: other},
	} {
		eachLimit(t, func(t *testing.T, limit int) {
			var cause func() error
			var before error
			err := task.WithGroup(t.Context(), limit, func(s *task.Scope) error {
				cause = func() error { return context.Cause(s.Context()) }
				for _, err := range c.tasks {
					s.SpawnErr(func(context.Context) error { return err })
					synctest.Wait()
				}
				before = cause()
				return c.f
			})
			assert.Equal(t, c.want, err)
			if c.f == nil {
				assert.Equal(t, c.want, before)
			}
			want := c.want
			if want == nil {
				want = context.Canceled // its end
			}
			assert.Equal(t, want, cause())
		})
	}
}

func TestTheFirstFailureIsVisibleAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(context.Context) (int, error)
		want error
	}{
		"error": {failing(errBoom), errBoom}, "panic": {culprit, errBoom}, "Goexit": {goexit, task.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				told := make(chan time.Duration, 1)
				var asked error
				run := func() error {
					return task.WithGroup(t.Context(), 3, func(s *task.Scope) error {
						context.AfterFunc(s.Context(), func() { told <- time.Since(start) })
						s.SpawnErr(func(context.Context) error { <-time.After(10_000 * time.Hour); return nil }) // heeds nothing
						heeds := task.Spawn(s, untilDone)
						task.Spawn(s, func(ctx context.Context) (int, error) {
							<-time.After(time.Second)
							return c.f(ctx)
						})
						<-heeds.Done()
						assert.Equal(t, time.Second, time.Since(start))
						asked = context.Cause(s.Context())
						_, err := task.Spawn(s, mustNot).Join(context.Background())
						require.ErrorIs(t, err, c.want)
						return nil
					})
				}
				if name == "panic" {
					var p *task.PanicError
					require.ErrorAs(t, testkit.PanicError(t, func() { _ = run() }), &p)
					assert.Same(t, p, asked, "the very panic")
				} else {
					require.ErrorIs(t, run(), c.want)
					assert.Equal(t, c.want, asked)
				}
				assert.Equal(t, time.Second, <-told)
				assert.Equal(t, 10_000*time.Hour, time.Since(start), "all are awaited")
			})
		})
	}
}

func TestAFailureThatSomebodyJoinedStillEndsTheGroup(t *testing.T) {
	eachLimit(t, func(t *testing.T, limit int) {
		err := task.WithGroup(t.Context(), limit, func(s *task.Scope) error {
			h := task.Spawn(s, culprit)
			_, err := h.Result(context.Background())
			require.Error(t, err)
			_, err = task.Spawn(s, mustNot).Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			return nil
		})
		var p *task.PanicError
		require.ErrorAs(t, err, &p, "it does not panic again")
	})
}

func TestAPanicOfTheFunctionEndsTheGroup(t *testing.T) {
	eachLimit(t, func(t *testing.T, limit int) {
		var h *task.Handle[int]
		assert.PanicsWithValue(t, "f", func() {
			_ = task.WithGroup(t.Context(), limit, func(s *task.Scope) error {
				h = task.Spawn(s, untilDone)
				panic("f")
			})
		})
		_, err := h.Join(t.Context())
		require.ErrorIs(t, err, task.ErrAborted)
	})
}

func TestTheContextOfAGroupEndsItsTasks(t *testing.T) {
	eachLimit(t, func(t *testing.T, limit int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := task.WithGroup(ctx, limit, func(s *task.Scope) error {
			h := task.Spawn(s, untilDone)
			synctest.Wait()
			cancel(errBoom)
			_, err := h.Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			_, err = task.Spawn(s, mustNot).Join(context.Background())
			require.ErrorIs(t, err, errBoom)
			require.ErrorIs(t, err, context.Canceled)
			_, err = task.TrySpawn(s, mustNot)
			require.ErrorIs(t, err, errBoom)
			require.ErrorIs(t, err, context.Canceled)
			return nil
		})
		require.ErrorIs(t, err, errBoom)
		require.NoError(t, task.WithGroup(ctx, limit, func(*task.Scope) error { return nil }), "nobody failed")
	})
}

func TestTrySpawnNeedsAFreeSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		require.NoError(t, task.WithGroup(t.Context(), 42, func(s *task.Scope) error {
			for range 2 {
				for range 42 {
					_, err := task.TrySpawn(s, func(context.Context) (int, error) { <-gate; return 1, nil })
					require.NoError(t, err)
				}
				_, err := task.TrySpawn(s, mustNot)
				require.Equal(t, task.ErrFull, err)
				_, err = s.TrySpawnErr(func(context.Context) error { panic("called") })
				require.Equal(t, task.ErrFull, err)
				assert.Equal(t, 42, s.Len())
				for range 42 {
					gate <- struct{}{}
				}
				synctest.Wait()
				assert.Zero(t, s.Len())
			}
			return nil
		}))
		require.NoError(t, task.WithScope(t.Context(), func(s *task.Scope) error {
			h, err := task.TrySpawn(s, value(1))
			require.NoError(t, err)
			_, err = h.Join(t.Context())
			return err
		}))
	})
}

func TestAGroupKeepsItsLimit(t *testing.T) {
	const limit = 10
	var active atomic.Int32
	require.NoError(t, task.WithGroup(t.Context(), limit, func(s *task.Scope) error {
		for range 1 << 10 {
			s.SpawnErr(func(context.Context) error {
				defer active.Add(-1)
				if n := active.Add(1); n > limit {
					return fmt.Errorf("%d at work", n)
				}
				runtime.Gosched()
				return nil
			})
		}
		return nil
	}))
}

func TestTheFirstOfManyFailuresIsTheCause(t *testing.T) {
	for range 100 {
		var cause func() error
		err := task.WithGroup(t.Context(), task.Unlimited, func(s *task.Scope) error {
			cause = func() error { return context.Cause(s.Context()) }
			for i := range 4 {
				s.SpawnErr(func(context.Context) error { return fmt.Errorf("%d", i) })
			}
			return nil
		})
		require.Error(t, err)
		require.Equal(t, err, cause())
	}
}
