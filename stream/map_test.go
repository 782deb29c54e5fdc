package stream_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

func TestMapKeepsOrderWithNAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		start := time.Now()
		var running, most atomic.Int64
		got := collect(t, stream.Map(upTo(40, nil), 8, func(_ context.Context, v int) (int, error) {
			most.Store(max(most.Load(), running.Add(1)))
			<-time.After(time.Duration(8-v%8) * time.Second)
			running.Add(-1)
			return v, nil
		}))
		assert.Equal(t, ints(40), got)
		assert.EqualValues(t, 8, most.Load())
		assert.Less(t, time.Since(start), 40*time.Second)
	})
}

func TestMapUnorderedYieldsInTheOrderOfCompletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		got := collect(t, stream.MapUnordered(upTo(5, nil), 5, func(_ context.Context, v int) (int, error) {
			<-time.After(time.Duration(5-v) * time.Second)
			return v, nil
		}))
		assert.Equal(t, []int{4, 3, 2, 1, 0}, got)
	})
}

func TestMapAheadKeepsOrderAndMapUnorderedAheadDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for name, want := range map[string][]int{"MapAhead": {0, 1, 2, 3, 4}, "MapUnorderedAhead": {4, 3, 2, 1, 0}} {
			for _, ahead := range []int{0, 1, 100} {
				assert.Equal(t, want, collect(t, mapsAhead[name](upTo(5, nil), 5, ahead, func(_ context.Context, v int) (int, error) {
					<-time.After(time.Duration(5-v) * time.Second)
					return v, nil
				})), name)
			}
		}
	})
}

func TestMapUnorderedRunsNAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		start := time.Now()
		var running, most atomic.Int64
		got := collect(t, stream.MapUnordered(upTo(12, nil), 4, func(_ context.Context, v int) (int, error) {
			most.Store(max(most.Load(), running.Add(1)))
			<-time.After(time.Second)
			running.Add(-1)
			return v, nil
		}))
		assert.ElementsMatch(t, ints(12), got)
		assert.EqualValues(t, 4, most.Load())
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestMapHoldsErrorsInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		var begun atomic.Int64
		var canceled atomic.Int64
		got, err := stream.Collect(t.Context(), stream.Map(count(), 4, func(ctx context.Context, v int) (int, error) {
			begun.Add(1)
			switch {
			case v == 10:
				return 0, errBoom // at once, long before the ones ahead of it
			case v > 10:
				<-ctx.Done()
				canceled.Add(1)
				return 0, errors.New("a later error")
			}
			<-time.After(time.Duration(10-v) * time.Second)
			return v, nil
		}))
		require.Equal(t, errBoom, err)
		assert.Equal(t, ints(10), got)
		assert.LessOrEqual(t, begun.Load(), int64(10+4))
		assert.Equal(t, begun.Load()-11, canceled.Load())
	})
}

func TestAnErrorOfTheSourceComesAfterTheResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, mapped := range []func(stream.Stream[int], int, func(context.Context, int) (int, error)) stream.Stream[int]{
			stream.Map[int, int], stream.MapUnordered[int, int],
		} {
			got, err := stream.Collect(t.Context(), mapped(upTo(5, errBoom), 3, func(_ context.Context, v int) (int, error) {
				<-time.After(time.Second)
				return v, nil
			}))
			require.Equal(t, errBoom, err)
			slices.Sort(got)
			assert.Equal(t, ints(5), got)
		}
	})
}

func TestMapHandsEachElementOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		c := make(chan int)
		var got atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			for _, err := range stream.Map(stream.FromChan(c), 4, same).All(ctx) {
				if err == nil {
					got.Add(1)
				}
			}
		}()
		for i := range 3 {
			c <- i
			synctest.Wait()
			assert.EqualValues(t, i+1, got.Load(), "no batch is waited for")
		}
		cancel()
		<-over
	})
}

// mapsAhead are the functions whose read-ahead can be set, as maps.
var mapsAhead = map[string]func(stream.Stream[int], int, int, func(context.Context, int) (int, error)) stream.Stream[int]{
	"MapAhead":          stream.MapAhead[int, int],
	"MapUnorderedAhead": stream.MapUnorderedAhead[int, int],
}

func TestMapReadsOnlySoFarAhead(t *testing.T) {
	reads := func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int], most int) {
		t.Helper()
		noLeak(t)
		read, taken, reached := 0, 0, false
		for _, err := range through(count().Inspect(func(int) { read++ })).All(t.Context()) {
			require.NoError(t, err)
			taken++
			synctest.Wait()
			assert.LessOrEqual(t, read, taken-1+most)
			reached = reached || read == taken-1+most
			if taken == 1000 {
				break
			}
		}
		assert.True(t, reached, "as far as it may")
	}
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{2, 50, 100} {
			reads(t, func(s stream.Stream[int]) stream.Stream[int] { return stream.Map(s, n, same) }, n+max(stream.ReadAhead, n))
			reads(t, func(s stream.Stream[int]) stream.Stream[int] { return stream.MapUnordered(s, n, same) }, n+max(stream.ReadAhead, n))
		}
		for _, apply := range mapsAhead {
			for _, n := range []int{1, 2, 3, 8, 100} {
				for _, ahead := range []int{0, 1, 2, 3, 7, 100, 1000} {
					reads(t, func(s stream.Stream[int]) stream.Stream[int] { return apply(s, n, ahead, same) }, n+ahead)
				}
			}
		}
	})
}

func TestAJobIsTakenOnlyIfItCanBegin(t *testing.T) {
	type work = func(context.Context, int) error
	runs := map[string]func(ctx context.Context, s stream.Stream[int], n, ahead int, f work) error{
		"ForEachAhead": stream.ForEachAhead[int],
	}
	for name, apply := range mapsAhead {
		runs[name] = func(ctx context.Context, s stream.Stream[int], n, ahead int, f work) error {
			return drain(ctx, apply(s, n, ahead, func(ctx context.Context, v int) (int, error) { return v, f(ctx, v) }))
		}
	}
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for name, run := range runs {
			for _, n := range []int{1, 2, 3, 8} {
				for _, ahead := range []int{0, 1, 5} {
					var taken, done, running, most atomic.Int64
					start := time.Now()
					source := upTo(24, nil).Inspect(func(int) { taken.Add(1) })
					require.NoError(t, run(t.Context(), source, n, ahead, func(context.Context, int) error {
						most.Store(max(most.Load(), running.Add(1)))
						assert.LessOrEqual(t, taken.Load()-done.Load(), int64(n+ahead), name)
						<-time.After(time.Second)
						assert.LessOrEqual(t, taken.Load()-done.Load(), int64(n+ahead), name)
						running.Add(-1)
						done.Add(1)
						return nil
					}))
					assert.EqualValues(t, n, most.Load(), name)
					assert.Equal(t, time.Duration(24/n)*time.Second, time.Since(start), name)
				}
			}
		}
	})
}

func TestMapAllocatesForWhatIsInFlight(t *testing.T) {
	noLeak(t)
	for _, n := range []int{1 << 20, math.MaxInt/2 + 1, math.MaxInt} {
		before := allocated()
		assert.Equal(t, []int{7}, collect(t, stream.Map(stream.Of(7), n, same)))
		assert.Less(t, allocated()-before, uint64(100<<10))
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestMapHasRoomForAllThatRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for _, n := range []int{500, math.MaxInt} {
			start := time.Now()
			work := func(_ context.Context, v int) (int, error) {
				if v >= 100 { // the last one ends first
					<-time.After(time.Duration(600-v) * time.Second)
				}
				return v, nil
			}
			assert.Equal(t, ints(600), collect(t, stream.Map(upTo(600, nil), n, work)))
			got := collect(t, stream.MapUnordered(upTo(600, nil), n, work))
			slices.Sort(got[:100])
			slices.Reverse(got[100:])
			assert.Equal(t, ints(600), got)
			assert.Equal(t, 2*500*time.Second, time.Since(start))
		}
	})
}

func TestMapStopsReadingAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		read := 0
		source := stream.Throttle(count(), time.Second).Inspect(func(int) { read++ })
		_, err := stream.Collect(t.Context(), stream.Map(source, 2, func(_ context.Context, v int) (int, error) {
			if v == 1 {
				return 0, errBoom
			}
			<-time.After(time.Minute)
			return v, nil
		}))
		require.Equal(t, errBoom, err)
		assert.LessOrEqual(t, read, 3)
	})
}

func TestAPanicInMapPanicsInTheLoop(t *testing.T) {
	for _, n := range []int{1, 4} {
		noLeak(t)
		err := testkit.PanicError(t, func() {
			_, _ = stream.Collect(t.Context(), stream.Map(count(), n, func(_ context.Context, v int) (int, error) {
				if v == 50 {
					panic(errBoom)
				}
				return v, nil
			}))
		})
		require.ErrorIs(t, err, errBoom)
		var p *task.PanicError
		assert.Equal(t, n > 1, errors.As(err, &p))
	}
}

func TestElementsBeforeAPanicAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{1, 4} {
			noLeak(t)
			var got []int
			err := testkit.PanicError(t, func() {
				s := stream.Map(stream.Throttle(count(), time.Second), n, func(_ context.Context, v int) (int, error) {
					if v == 5 {
						panic(errBoom)
					}
					return v, nil
				})
				for v, err := range s.All(t.Context()) {
					require.NoError(t, err)
					got = append(got, v)
				}
			})
			require.ErrorIs(t, err, errBoom)
			assert.Equal(t, ints(5), got)
		}
	})
}

func TestGoexitInMapEndsTheStream(t *testing.T) {
	noLeak(t)
	_, err := stream.Collect(t.Context(), stream.Map(count(), 4, func(_ context.Context, v int) (int, error) {
		if v == 50 {
			runtime.Goexit()
		}
		return v, nil
	}))
	require.ErrorIs(t, err, task.ErrGoexit)
}

// TestStressMap compares both kinds of Map with a loop, while sources, functions
// and loops break off at random places.
func TestStressMap(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		n := 2 + round%7
		size, failAt, breakAt := (round*37)%500, (round*53)%700, (round*71)%900
		f := func(_ context.Context, v int) (int, error) {
			if v%16 == round%16 {
				runtime.Gosched()
			}
			if v == failAt {
				return 0, errBoom
			}
			return v, nil
		}
		var want []int
		for i := range min(size, failAt) {
			want = append(want, i)
		}
		s := stream.Map(upTo(size, nil), n, f)
		if round%2 == 1 {
			s = stream.MapUnordered(upTo(size, nil), n, f)
		}
		var got []int
		var failure error
		for v, err := range s.All(t.Context()) {
			if err != nil {
				failure = err
				break
			}
			got = append(got, v)
			if len(got) == breakAt {
				break
			}
		}
		switch {
		case round%2 == 1:
			slices.Sort(got)
			got = slices.Compact(got)
			if failAt >= size && breakAt > size {
				assert.Equal(t, want, got)
			}
			assert.LessOrEqual(t, len(got), size)
		case breakAt > 0 && breakAt <= len(want):
			assert.Equal(t, want[:breakAt], got)
		default:
			assert.Equal(t, want, got)
			assert.Equal(t, failAt < size, failure != nil)
		}
	})
}

// TestMemoryIsBoundedOverTenMillionElements runs 10M elements of 64 bytes, which
// would be 640 MB, through a chain of combinators with a slow end.
func TestMemoryIsBoundedOverTenMillionElements(t *testing.T) {
	n := 10_000_000
	if testkit.RaceEnabled {
		n = 100_000
	}
	type element [8]int
	noLeak(t)
	s := stream.Map(upTo(n, nil), 1, func(_ context.Context, v int) (*element, error) { return &element{v}, nil })
	s = stream.Map(s, 4, func(_ context.Context, v *element) (*element, error) { return v, nil })
	chunks := stream.Chunks(s, 100)
	runtime.GC()
	before, most, seen := heap(), uint64(0), 0
	for chunk, err := range chunks.All(t.Context()) {
		require.NoError(t, err)
		seen += len(chunk)
		if seen%(n/10) == 0 {
			runtime.GC()
			most = max(most, heap()-min(before, heap()))
		}
	}
	assert.Equal(t, n, seen)
	t.Logf("%d bytes at most", most)
	assert.Less(t, most, uint64(2<<20))
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
