package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
)

// callbacks run a stream of which f is the one function that may fail. It is given
// the context that the function was given, if it was given one.
var callbacks = map[string]func(ctx context.Context, f func(context.Context) error) error{
	"New": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.New(func(ctx context.Context, _ func(int) bool) error { return f(ctx) }))
	},
	"FromSeq2": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.FromSeq2(func(yield func(int, error) bool) { yield(0, f(ctx)) }))
	},
	"Poll": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.Poll(time.Hour, func(ctx context.Context) ([]int, error) { return nil, f(ctx) }))
	},
	"Pages": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.Pages(0, func(ctx context.Context, _ int) ([]int, int, bool, error) {
			return nil, 0, true, f(ctx)
		}))
	},
	"Rows query": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.Rows(
			func(ctx context.Context) (*rows, error) { return nil, f(ctx) },
			func(*rows) (int, error) { return 0, nil }))
	},
	"Rows scan": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.Rows(
			func(context.Context) (*rows, error) { return &rows{n: 1}, nil },
			func(*rows) (int, error) { return 0, f(ctx) }))
	},
	"Rows Err": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.Rows(
			func(ctx context.Context) (*rows, error) { return &rows{err: f(ctx)}, nil },
			func(*rows) (int, error) { return 0, nil }))
	},
	"Lines": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.Lines(func(ctx context.Context) (io.ReadCloser, error) { return nil, f(ctx) }, 1))
	},
	"SSE": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.SSE(func(ctx context.Context) (io.ReadCloser, error) { return nil, f(ctx) }, 1))
	},
	"FilterMap": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.FilterMap(stream.Of(1), func(ctx context.Context, _ int) (int, bool, error) {
			return 0, true, f(ctx)
		}))
	},
	"FlatMap": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.FlatMap(stream.Of(1), func(int) stream.Stream[int] {
			return stream.New(func(ctx context.Context, _ func(int) bool) error { return f(ctx) })
		}))
	},
	"Retry": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.Retry(stream.Fail[int](errBoom), func(ctx context.Context, _ int, _ error) error { return f(ctx) }))
	},
	"Timeout": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.Timeout(stuck[int](), 1, f))
	},
	"FlatMapUnordered": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.FlatMapUnordered(stream.Of(1), 2, func(int) stream.Stream[int] {
			return stream.New(func(ctx context.Context, _ func(int) bool) error { return f(ctx) })
		}))
	},
	"GroupBy": func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, stream.GroupBy(stream.Of(1), 2, func(v int) int { return v }, func(int, stream.Stream[int]) stream.Stream[int] {
			return stream.New(func(ctx context.Context, _ func(int) bool) error { return f(ctx) })
		}))
	},
	"Sources": func(ctx context.Context, f func(context.Context) error) error {
		var ss stream.Sources[int, int]
		_ = ss.Insert(1, stream.New(func(ctx context.Context, _ func(int) bool) error { return f(ctx) }))
		return drain(ctx, ss.Stream())
	},
	"Reduce": func(ctx context.Context, f func(context.Context) error) error {
		_, err := stream.Reduce(ctx, stream.Of(1), 0, func(int, int) (int, error) { return 0, f(ctx) })
		return err
	},
	"Map 1":          mapCallback(stream.Map[int, int], 1),
	"Map":            mapCallback(stream.Map[int, int], 3),
	"MapUnordered 1": mapCallback(stream.MapUnordered[int, int], 1),
	"MapUnordered":   mapCallback(stream.MapUnordered[int, int], 3),
	"ForEach 1":      forEachCallback(1),
	"ForEach":        forEachCallback(3),
	"Tee":            forkCallback("Tee"),
	"Split":          forkCallback("Split"),
	"Broadcast":      forkCallback("Broadcast"),
}

func mapCallback(
	apply func(stream.Stream[int], int, func(context.Context, int) (int, error)) stream.Stream[int], n int,
) func(context.Context, func(context.Context) error) error {
	return func(ctx context.Context, f func(context.Context) error) error {
		return drain(ctx, apply(stream.Of(1), n, func(ctx context.Context, _ int) (int, error) { return 0, f(ctx) }))
	}
}

func forEachCallback(n int) func(context.Context, func(context.Context) error) error {
	return func(ctx context.Context, f func(context.Context) error) error {
		return stream.ForEach(ctx, stream.Of(1), n, func(ctx context.Context, _ int) error { return f(ctx) })
	}
}

func forkCallback(name string) func(context.Context, func(context.Context) error) error {
	return func(ctx context.Context, f func(context.Context) error) error {
		return forks[name](ctx, stream.Of(1), 1, func(ctx context.Context, _ stream.Stream[int]) error { return f(ctx) })
	}
}

func drain[T any](ctx context.Context, s stream.Stream[T]) error {
	_, err := stream.Collect(ctx, s)
	return err
}

func TestTheErrorOfAContextMatchesItsErrAndItsCause(t *testing.T) {
	noLeak(t)
	for _, name := range slices.Sorted(maps.Keys(callbacks)) {
		for kind, returns := range map[string]func(context.Context) error{
			"Err":           func(ctx context.Context) error { return ctx.Err() },
			"Cause":         context.Cause,
			"wrapped Err":   func(ctx context.Context) error { return fmt.Errorf("user 7: %w", ctx.Err()) },
			"wrapped Cause": func(ctx context.Context) error { return fmt.Errorf("user 7: %w", context.Cause(ctx)) },
		} {
			ctx, cancel := context.WithCancelCause(t.Context())
			err := callbacks[name](ctx, func(own context.Context) error {
				cancel(errBoom)
				<-own.Done()
				return returns(own)
			})
			require.ErrorIs(t, err, context.Canceled, "%s: %s", name, kind)
			require.ErrorIs(t, err, errBoom, "%s: %s", name, kind)
			ctx, stop := context.WithTimeoutCause(t.Context(), 1, errBoom)
			err = callbacks[name](ctx, func(own context.Context) error {
				<-own.Done()
				return returns(own)
			})
			require.ErrorIs(t, err, context.DeadlineExceeded, "%s: %s", name, kind)
			require.ErrorIs(t, err, errBoom, "%s: %s", name, kind)
			stop()
		}
	}
}

func TestAnErrorOfAnotherContextStaysAsItIs(t *testing.T) {
	noLeak(t)
	for name, run := range callbacks {
		err := run(t.Context(), func(context.Context) error { return context.Canceled })
		require.Equal(t, context.Canceled, err, name)
		ctx, cancel := context.WithCancelCause(t.Context())
		own := errors.New("own error")
		err = run(ctx, func(ctx context.Context) error {
			cancel(errBoom)
			<-ctx.Done()
			return own
		})
		if !errors.Is(err, own) { // the loop of some may see the end of the context first
			require.ErrorIs(t, err, errBoom, name)
			require.ErrorIs(t, err, context.Canceled, name)
		}
		cancel(nil)
	}
}

func TestTheTextOfAnErrorNamesTheCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	err := drain(ctx, stream.FilterMap(stream.Of(1), func(ctx context.Context, _ int) (int, bool, error) {
		cancel(errBoom)
		return 0, false, fmt.Errorf("user 7: %w", ctx.Err())
	}))
	require.EqualError(t, err, "user 7: context canceled: boom")
	require.EqualError(t, drain(ctx, stream.Of(1)), "stream: boom")
}

// TestADoneContextCallsNobody runs every function with a context that is done.
func TestADoneContextCallsNobody(t *testing.T) {
	noLeak(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	for name, run := range callbacks {
		err := run(ctx, func(context.Context) error {
			assert.Fail(t, "called", name)
			return nil
		})
		if name != "FromSeq2" && name != "Rows scan" { // which hand on ctx themselves
			require.ErrorIs(t, err, errBoom, name)
		}
		require.ErrorIs(t, err, context.Canceled, name)
	}
	for name, err := range map[string]error{
		"Tee":       stream.Tee(ctx, count(), 1),
		"Broadcast": stream.Broadcast(ctx, count(), 1),
	} {
		require.ErrorIs(t, err, errBoom, name)
	}
}

// TestALoopThatIsLeftHasNoError leaves a stream and ends its context at once.
func TestALoopThatIsLeftHasNoError(t *testing.T) {
	for name, s := range map[string]stream.Stream[int]{
		"FromSeq":  count(),
		"FromSeq2": stream.FromSeq2(count().All(t.Context())),
		"Of":       stream.Of(1, 2, 3),
		"New": stream.New(func(ctx context.Context, yield func(int) bool) error {
			for yield(1) {
			}
			return context.Cause(ctx)
		}),
	} {
		ctx, cancel := context.WithCancel(t.Context())
		got, err := stream.Collect(ctx, s.Inspect(func(int) { cancel() }).Take(1))
		require.NoError(t, err, name)
		assert.Len(t, got, 1, name)
	}
}

// rogues are sources that go on after yield has returned false.
var rogues = map[string]stream.Stream[int]{
	"New": stream.New(func(_ context.Context, yield func(int) bool) error {
		for i := 0; ; i++ {
			yield(i)
		}
	}),
	"FromSeq": stream.FromSeq(func(yield func(int) bool) {
		for i := 0; ; i++ {
			yield(i)
		}
	}),
	"FromSeq2": stream.FromSeq2(func(yield func(int, error) bool) {
		for i := 0; ; i++ {
			yield(i, nil)
		}
	}),
}

// TestASourceThatIgnoresYieldPanics breaks off sources that go on.
func TestASourceThatIgnoresYieldPanics(t *testing.T) {
	every(t, func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int]) {
		for name, rogue := range rogues {
			seen := 0
			err := testkit.PanicError(t, func() {
				for _, err := range through(rogue).All(t.Context()) {
					require.NoError(t, err)
					if seen++; seen == 3 {
						break
					}
				}
			})
			assert.Equal(t, 3, seen)
			require.ErrorContains(t, err, "stream: "+name+": the source called yield after yield had returned false")
		}
	})
}

func TestASourceThatIgnoresTheEndOfTheContextPanics(t *testing.T) {
	ignoresError := stream.FromSeq2(func(yield func(int, error) bool) {
		yield(0, errBoom)
		yield(1, nil)
	})
	err := testkit.PanicError(t, func() { _ = drain(t.Context(), ignoresError) })
	require.EqualError(t, err, "stream: FromSeq2: the source called yield after yield had returned false")
	for _, name := range []string{"FromSeq", "FromSeq2"} {
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		err := testkit.PanicError(t, func() {
			_ = drain(ctx, rogues[name].Inspect(func(int) {
				if seen++; seen == 3 {
					cancel()
				}
			}))
		})
		assert.Equal(t, 3, seen)
		require.EqualError(t, err, "stream: "+name+": the source called yield after yield had returned false")
	}
}

func TestYieldIsOverWhenTheSourceHasReturned(t *testing.T) {
	var kept func(int) bool
	s := stream.New(func(_ context.Context, yield func(int) bool) error {
		kept = yield
		return nil
	})
	assert.Empty(t, collect(t, s))
	err := testkit.PanicError(t, func() { kept(1) })
	require.EqualError(t, err, "stream: New: the source called yield after it had returned")
}

func TestASourceThatRecoversAPanicOfTheLoopPanics(t *testing.T) {
	s := stream.New(func(_ context.Context, yield func(int) bool) error {
		defer func() { _ = recover() }()
		yield(1)
		return nil
	})
	err := testkit.PanicError(t, func() {
		_, _ = stream.Collect(t.Context(), s.Inspect(func(int) { panic(errBoom) }))
	})
	require.EqualError(t, err, "stream: New: the source recovered from a panic in yield")
}
