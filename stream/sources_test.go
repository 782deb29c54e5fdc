package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
)

type named = stream.Keyed[string, int]

func TestSourcesComeAndGoWhileTheyAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		var ss stream.Sources[string, int]
		require.NoError(t, ss.Insert("a", stream.Of(1)))
		var got []named
		over := make(chan error)
		go func() {
			var last error
			for v, err := range ss.Stream().All(t.Context()) {
				if last = err; err == nil {
					got = append(got, v)
				}
			}
			over <- last
		}()
		synctest.Wait()
		assert.Equal(t, []named{{"a", 1}}, got)
		assert.Zero(t, ss.Len(), "one that has ended is out, and the loop waits")
		c := make(chan int)
		require.NoError(t, ss.Insert("b", stream.FromChan(c)))
		require.NoError(t, ss.Insert("c", stream.Of(3).Chain(stuck[int]())))
		c <- 2
		synctest.Wait()
		assert.ElementsMatch(t, []named{{"a", 1}, {"b", 2}, {"c", 3}}, got)
		assert.ElementsMatch(t, []string{"b", "c"}, ss.Keys())
		assert.True(t, ss.Contains("b"))
		assert.Equal(t, "Sources(streams=2 closed=false)", fmt.Sprint(&ss))
		assert.True(t, ss.Remove("c"))
		assert.False(t, ss.Remove("c"))
		assert.False(t, ss.Contains("c"))
		ss.Close()
		ss.Close()
		require.ErrorIs(t, ss.Insert("d", stream.Of(4)), stream.ErrClosed)
		c <- 5
		synctest.Wait()
		assert.Len(t, got, 4)
		close(c)
		require.NoError(t, <-over)
		assert.Equal(t, "Sources(streams=0 closed=true)", ss.LogValue().String())
		assert.Equal(t, "Sources(streams=0 closed=true)", fmt.Sprintf("%#v", &ss))
	})
}

func TestAStreamOfTheSameNameTakesThePlaceOfTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		var ss stream.Sources[string, int]
		var ended []int
		endless := func(v int) stream.Stream[int] {
			return stream.New(func(ctx context.Context, yield func(int) bool) error {
				for yield(v) {
				}
				ended = append(ended, v)
				return context.Cause(ctx)
			})
		}
		require.NoError(t, ss.Insert("a", endless(0))) // which never begins
		require.NoError(t, ss.Insert("a", endless(1)))
		var got []int
		for v, err := range ss.Stream().All(t.Context()) {
			require.NoError(t, err)
			got = append(got, v.Value)
			synctest.Wait() // the source has another one ready
			switch len(got) {
			case 2:
				require.NoError(t, ss.Insert("a", endless(2)))
			case 3:
				assert.Equal(t, []int{1}, ended, "its run has ended")
			case 4:
				ss.Close()
				assert.True(t, ss.Remove("a"))
			}
		}
		assert.Equal(t, []int{1, 1, 2, 2}, got)
		assert.Equal(t, []int{1, 2}, ended)
	})
}

func TestSourcesThatAreClosedEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		var none, removed stream.Sources[string, int]
		none.Close()
		assert.Empty(t, collect(t, none.Stream()))
		require.NoError(t, removed.Insert("a", stuck[int]()))
		removed.Close()
		time.AfterFunc(time.Second, func() { removed.Remove("a") })
		assert.Empty(t, collect(t, removed.Stream()))
		var waiting stream.Sources[string, int]
		time.AfterFunc(time.Second, waiting.Close)
		assert.Empty(t, collect(t, waiting.Stream()))
	})
}

func TestTheErrorOfASourceEndsTheLoopAndTheOthersStay(t *testing.T) {
	noLeak(t)
	var ss stream.Sources[string, int]
	require.NoError(t, ss.Insert("bad", upTo(3, errBoom)))
	require.NoError(t, ss.Insert("stuck", stream.Of(7).Chain(stuck[int]())))
	require.Equal(t, errBoom, drain(t.Context(), ss.Stream()))
	assert.Equal(t, []string{"stuck"}, ss.Keys())
	got := collect(t, ss.Stream().Take(1))
	assert.Equal(t, []named{{"stuck", 7}}, got, "it begins anew")
	assert.True(t, ss.Remove("stuck"))
}

func TestOnlyOneLoopReadsSources(t *testing.T) {
	noLeak(t)
	var ss stream.Sources[string, int]
	require.NoError(t, ss.Insert("a", count()))
	for _, err := range ss.Stream().All(t.Context()) {
		require.NoError(t, err)
		err := testkit.PanicError(t, func() { _ = drain(t.Context(), ss.Stream()) })
		require.EqualError(t, err, "stream: Sources.Stream: another loop runs")
		break
	}
	assert.Len(t, collect(t, ss.Stream().Take(2)), 2, "one after the other may")
	err := testkit.PanicError(t, func() {
		for _, err := range ss.Stream().All(t.Context()) {
			require.NoError(t, err)
			panic(errBoom)
		}
	})
	require.ErrorIs(t, err, errBoom)
	assert.Len(t, collect(t, ss.Stream().Take(2)), 2, "also after a panic")
}

func TestSourcesMayChangeTheSetThatTheyAreIn(t *testing.T) {
	noLeak(t)
	var ss stream.Sources[int, int]
	var add func(n int) stream.Stream[int]
	add = func(n int) stream.Stream[int] {
		return stream.New(func(_ context.Context, yield func(int) bool) error {
			if n < 10 {
				if err := ss.Insert(n+1, add(n+1)); err != nil {
					return err
				}
			} else {
				ss.Close()
			}
			yield(n)
			return nil
		})
	}
	require.NoError(t, ss.Insert(0, add(0)))
	got := collect(t, unkeyed(ss.Stream()))
	slices.Sort(got)
	assert.Equal(t, ints(11), got)
}

// TestSourcesModel inserts, replaces and removes sources, lets them send, fail and end,
// and breaks off loops, and compares what comes with what was sent.
func TestSourcesModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		var ss stream.Sources[int, int]
		open := map[int]chan int{}
		ends := map[int]error{} // how a source is to end
		var mu sync.Mutex
		var got []stream.Keyed[int, int]
		var over chan error
		stop := func() {}
		begin := func() {
			ctx, cancel := context.WithCancel(context.Background())
			stop, over = cancel, make(chan error, 1)
			go func(over chan error) {
				var last error
				for v, err := range ss.Stream().All(ctx) {
					if last = err; err == nil {
						mu.Lock()
						got = append(got, v)
						mu.Unlock()
					}
				}
				over <- last
			}(over)
			synctest.Wait()
		}
		begin()
		closed, next := false, 0
		key := rapid.IntRange(0, 3)
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				k, c, end := key.Draw(t, "key"), make(chan int), error(nil)
				if rapid.Bool().Draw(t, "fails") {
					end = errBoom
				}
				s := stream.FromChan(c)
				if end != nil {
					s = s.Chain(stream.Fail[int](end))
				}
				err := ss.Insert(k, s)
				if closed {
					if err != stream.ErrClosed { //nolint:errorlint // exactly that
						t.Fatalf("Insert returned %v", err)
					}
					return
				}
				open[k], ends[k] = c, end
			},
			"remove": func(t *rapid.T) {
				k := key.Draw(t, "key")
				if was := open[k] != nil; ss.Remove(k) != was {
					t.Fatalf("Remove(%d) is not %t", k, was)
				}
				delete(open, k)
			},
			"send": func(t *rapid.T) {
				k := key.Draw(t, "key")
				if open[k] == nil || over == nil {
					t.Skip("nobody reads it")
				}
				next++
				open[k] <- next
				synctest.Wait()
				if last := got[len(got)-1]; last != (stream.Keyed[int, int]{Key: k, Value: next}) {
					t.Fatalf("got %v, want %d of %d", last, next, k)
				}
			},
			"end": func(t *rapid.T) {
				k := key.Draw(t, "key")
				if open[k] == nil || over == nil {
					t.Skip("nobody reads it")
				}
				close(open[k])
				delete(open, k)
				synctest.Wait()
				if ends[k] != nil {
					if err := <-over; err != errBoom { //nolint:errorlint // exactly that
						t.Fatalf("the loop ended with %v", err)
					}
					over = nil
				}
			},
			"break off": func(t *rapid.T) {
				if over == nil {
					t.Skip("no loop")
				}
				stop()
				if err := <-over; !errors.Is(err, context.Canceled) {
					t.Fatalf("the loop ended with %v", err)
				}
				over = nil
			},
			"begin": func(t *rapid.T) {
				if over != nil {
					t.Skip("a loop runs")
				}
				begin()
			},
			"close": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 {
					t.Skip("not now")
				}
				ss.Close()
				closed = true
			},
			"": func(t *rapid.T) {
				synctest.Wait()
				if closed && len(open) == 0 && over != nil {
					if err := <-over; err != nil {
						t.Fatalf("the loop ended with %v", err)
					}
					over = nil
				}
				if len(over) > 0 {
					t.Fatalf("the loop ended with %v", <-over)
				}
				if ss.Len() != len(open) {
					t.Fatalf("%d streams are in, want %d", ss.Len(), len(open))
				}
			},
		})
		stop()
		if over == nil {
			return
		}
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Fatalf("the loop ended with %v", err)
		}
	})
}
