package stream_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// into returns a branch that collects.
func into[T any](vs *[]T) func(context.Context, stream.Stream[T]) error {
	return func(ctx context.Context, s stream.Stream[T]) (err error) {
		*vs, err = stream.Collect(ctx, s)
		return err
	}
}

func TestTeeGivesEachBranchAll(t *testing.T) {
	noLeak(t)
	var a, b, c []int
	require.NoError(t, stream.Tee(t.Context(), upTo(100, nil), 3, into(&a), into(&b), into(&c)))
	assert.Equal(t, ints(100), a)
	assert.Equal(t, a, b)
	assert.Equal(t, a, c)
	require.NoError(t, stream.Tee(t.Context(), count(), 1), "nobody listens")
}

func TestASlowBranchHoldsATee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		gate := make(chan struct{})
		read := 0
		var fast, slow []int
		over := make(chan error)
		go func() {
			over <- stream.Tee(t.Context(), upTo(100, nil).Inspect(func(int) { read++ }), 4, into(&fast),
				func(ctx context.Context, s stream.Stream[int]) error {
					<-gate
					return into(&slow)(ctx, s)
				})
		}()
		synctest.Wait()
		assert.Equal(t, 4+1, read)
		close(gate)
		require.NoError(t, <-over)
		assert.Equal(t, ints(100), fast)
		assert.Equal(t, ints(100), slow)
	})
}

func TestABranchThatLeavesDoesNotHoldATee(t *testing.T) {
	noLeak(t)
	var rest []int
	leave := func(ctx context.Context, s stream.Stream[int]) error {
		for _, err := range s.All(ctx) {
			return err
		}
		return nil
	}
	require.NoError(t, stream.Tee(t.Context(), upTo(100, nil), 1, leave, into(&rest)))
	assert.Equal(t, ints(100), rest)
	require.NoError(t, stream.Tee(t.Context(), count(), 1, leave, leave), "it stops with the last branch")
}

// forks run a source into two branches that do the same.
var forks = map[string]func(context.Context, stream.Stream[int], int, func(context.Context, stream.Stream[int]) error) error{
	"Tee": func(ctx context.Context, s stream.Stream[int], n int, f func(context.Context, stream.Stream[int]) error) error {
		return stream.Tee(ctx, s, n, f, f)
	},
	"Split": func(ctx context.Context, s stream.Stream[int], n int, f func(context.Context, stream.Stream[int]) error) error {
		return stream.Split(ctx, s, n, func(v int) bool { return v%2 == 0 }, f, f)
	},
	"Broadcast": func(ctx context.Context, s stream.Stream[int], n int, f func(context.Context, stream.Stream[int]) error) error {
		heard := func(ctx context.Context, s stream.Stream[stream.Received[int]]) error {
			return f(ctx, stream.Map(s, 1, func(_ context.Context, v stream.Received[int]) (int, error) { return v.Value, nil }))
		}
		return stream.Broadcast(ctx, s, n, heard, heard)
	},
}

func TestASilentSourceIsStoppedWhenAllBranchesHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		bare := stream.New(func(ctx context.Context, _ func(int) bool) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		for name, fork := range forks {
			for _, silent := range []stream.Stream[int]{stuck[int](), bare} {
				require.NoError(t, fork(t.Context(), silent, 1, func(context.Context, stream.Stream[int]) error { return nil }), name)
				require.NoError(t, fork(t.Context(), upTo(2, nil).Chain(silent), 1, func(ctx context.Context, s stream.Stream[int]) error {
					_, err := stream.Collect(ctx, s.Take(1))
					return err
				}), name)
			}
		}
		require.NoError(t, stream.Tee(t.Context(), stuck[int](), 1), "nobody listens")
		require.NoError(t, stream.Broadcast(t.Context(), stuck[int](), 1))
	})
}

func TestNothingIsReadAfterAllBranchesHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for name, fork := range forks {
			read := 0
			source := stream.New(func(_ context.Context, yield func(int) bool) error {
				synctest.Wait()
				for ; yield(read); read++ {
				}
				return nil
			})
			require.NoError(t, fork(t.Context(), source, 1000, func(context.Context, stream.Stream[int]) error { return nil }))
			assert.Zero(t, read, name)
		}
	})
}

func TestForksEndWithTheirContext(t *testing.T) {
	noLeak(t)
	for name, fork := range forks {
		ctx, cancel := context.WithCancelCause(t.Context())
		over := make(chan struct{})
		read := 0
		source := stream.New(func(_ context.Context, yield func(int) bool) error { // heeds only yield
			defer close(over)
			cancel(errBoom)
			for yield(read) && read < 1000 {
				read++
			}
			return nil
		})
		require.ErrorIs(t, fork(ctx, source, 1, func(context.Context, stream.Stream[int]) error {
			<-over // and reads nothing
			return nil
		}), errBoom, name)
		assert.Zero(t, read, name)
	}
}

func TestErrorsInATee(t *testing.T) {
	noLeak(t)
	var a []int
	err := stream.Tee(t.Context(), upTo(10, errBoom), 2, into(&a))
	require.Equal(t, errBoom, err)
	assert.Equal(t, ints(10), a, "after what came before")
	swallow := func(ctx context.Context, s stream.Stream[int]) error {
		_, _ = stream.Collect(ctx, s)
		return nil
	}
	require.Equal(t, errBoom, stream.Tee(t.Context(), upTo(10, errBoom), 2, swallow))
	other := errors.New("other")
	err = stream.Tee(t.Context(), count(), 2, swallow, func(context.Context, stream.Stream[int]) error { return other })
	require.Equal(t, other, err)
	err = stream.Tee(t.Context(), count(), 2, swallow, func(context.Context, stream.Stream[int]) error {
		runtime.Goexit()
		return nil
	})
	require.Equal(t, task.ErrGoexit, err)
	err = testkit.PanicError(t, func() {
		_ = stream.Tee(t.Context(), count(), 2, swallow, func(context.Context, stream.Stream[int]) error { panic(errBoom) })
	})
	require.ErrorIs(t, err, errBoom)
	err = testkit.PanicError(t, func() {
		_ = stream.Tee(t.Context(), stream.New(func(context.Context, func(int) bool) error { panic(errBoom) }), 2, swallow)
	})
	require.ErrorIs(t, err, errBoom)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	err = stream.Tee(ctx, count().Inspect(func(v int) {
		if v == 100 {
			cancel(other)
		}
	}), 2, swallow)
	require.ErrorIs(t, err, other)
}

// TestABranchThatWasToldOfAnErrorLetsTheOthersFinish has one branch return the
// error of the source before another one reads.
func TestABranchThatWasToldOfAnErrorLetsTheOthersFinish(t *testing.T) {
	wrapped := fmt.Errorf("wrapped: %w", errBoom)
	for _, c := range []struct {
		name          string
		returns, want error
	}{{"the error", errBoom, errBoom}, {"another one", wrapped, wrapped}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []int
				err := stream.Tee(t.Context(), upTo(3, errBoom), 3, func(ctx context.Context, s stream.Stream[int]) error {
					_, err := stream.Collect(ctx, s)
					require.Equal(t, errBoom, err)
					return c.returns
				}, func(ctx context.Context, s stream.Stream[int]) (err error) {
					testkit.Advance(1) // until the other one has returned
					got, err = stream.Collect(ctx, s)
					return err
				})
				require.Equal(t, c.want, err)
				assert.Equal(t, ints(3), got)
			})
		})
	}
}

func TestABranchIsToldOfAPanicOfTheSource(t *testing.T) {
	noLeak(t)
	for _, n := range []int{1, 2} {
		began := make(chan struct{})
		source := stream.New(func(context.Context, func(int) bool) error {
			<-began
			panic(errBoom)
		})
		var told error
		err := testkit.PanicError(t, func() {
			_ = stream.Tee(t.Context(), source, 1, func(ctx context.Context, s stream.Stream[int]) error {
				close(began)
				told = stream.ForEach(context.WithoutCancel(ctx), s, n, func(context.Context, int) error { return nil })
				return nil
			})
		})
		require.ErrorIs(t, err, errBoom)
		require.ErrorIs(t, told, task.ErrGoexit)
	}
}

func TestSplit(t *testing.T) {
	noLeak(t)
	var even, odd []int
	isEven := func(v int) bool { return v%2 == 0 }
	require.NoError(t, stream.Split(t.Context(), upTo(6, nil), 1, isEven, into(&even), into(&odd)))
	assert.Equal(t, []int{0, 2, 4}, even)
	assert.Equal(t, []int{1, 3, 5}, odd)
	leave := func(context.Context, stream.Stream[int]) error { return nil }
	require.NoError(t, stream.Split(t.Context(), upTo(6, nil), 1, isEven, leave, into(&odd)))
	assert.Equal(t, []int{1, 3, 5}, odd)
	require.NoError(t, stream.Split(t.Context(), count(), 1, isEven, leave, leave))
}

func TestASlowBranchHoldsASplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		gate := make(chan struct{})
		read := 0
		var even, odd []int
		over := make(chan error)
		go func() {
			over <- stream.Split(t.Context(), upTo(100, nil).Inspect(func(int) { read++ }), 4,
				func(v int) bool { return v%2 == 0 }, into(&even),
				func(ctx context.Context, s stream.Stream[int]) error {
					<-gate
					return into(&odd)(ctx, s)
				})
		}()
		synctest.Wait()
		assert.Equal(t, 2*(4+1), read)
		close(gate)
		require.NoError(t, <-over)
		assert.Len(t, even, 50)
		assert.Len(t, odd, 50)
	})
}

func TestASlowBranchOfABroadcastLosesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		var fast, slow []stream.Received[int]
		paced := upTo(100, nil).Inspect(func(int) { synctest.Wait() }) // the fast one keeps up
		gate := make(chan struct{})
		paced = paced.Inspect(func(v int) {
			if v == 99 {
				close(gate)
			}
		})
		require.NoError(t, stream.Broadcast(t.Context(), paced, 4, into(&fast),
			func(ctx context.Context, s stream.Stream[stream.Received[int]]) error {
				for v, err := range s.All(ctx) {
					require.NoError(t, err)
					slow = append(slow, v)
					<-gate
				}
				return nil
			}))
		for i, v := range fast {
			assert.Equal(t, stream.Received[int]{Value: i}, v)
		}
		assert.Len(t, fast, 100)
		last := -1
		for _, v := range slow {
			assert.EqualValues(t, v.Value-last-1, v.Missed, "exactly those")
			last = v.Value
		}
		assert.Equal(t, 99, last)
		assert.LessOrEqual(t, len(slow), 1+4+1)
		assert.Greater(t, len(slow), 4)
	})
}

func TestABroadcastEnds(t *testing.T) {
	noLeak(t)
	leave := func(context.Context, stream.Stream[stream.Received[int]]) error { return nil }
	require.NoError(t, stream.Broadcast(t.Context(), count(), 1, leave, leave))
	var got []stream.Received[int]
	require.Equal(t, errBoom, stream.Broadcast(t.Context(), upTo(3, errBoom), 9, into(&got)))
	assert.Len(t, got, 3)
}
