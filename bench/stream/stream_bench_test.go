// Package stream_test measures package stream beside rill, conc's stream and
// plain goroutines with channels.
package stream_test

import (
	"context"
	"iter"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/destel/rill"
	concstream "github.com/sourcegraph/conc/stream"

	"github.com/coderrange/ferrous/stream"
)

func count(n int) stream.Stream[int] {
	return stream.FromSeq(func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	})
}

func double(_ context.Context, v int) (int, error) { return 2 * v, nil }

// rillCount is count for rill.
func rillCount(n int) <-chan rill.Try[int] {
	return rill.FromSeq(func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	}, nil)
}

func rillDouble(v int) (int, error) { return double(context.Background(), v) }

// rillSum is sumAll for rill.
func rillSum(b *testing.B, s <-chan rill.Try[int]) {
	b.Helper()
	sum := 0
	for v, err := range rill.ToSeq2(s) {
		if err != nil {
			b.Fatal(err)
		}
		sum += v
	}
	check(b, sum)
}

// sumSlices is a loop over slices of n elements in all.
func sumSlices(b *testing.B, slices iter.Seq2[[]int, error]) {
	b.Helper()
	sum := 0
	for vs, err := range slices {
		if err != nil {
			b.Fatal(err)
		}
		for _, v := range vs {
			sum += 2 * v
		}
	}
	check(b, sum)
}

// sumAll is a loop over a stream of n elements.
func sumAll(b *testing.B, s stream.Stream[int]) {
	b.Helper()
	sum := 0
	for v, err := range s.All(context.Background()) {
		if err != nil {
			b.Fatal(err)
		}
		sum += v
	}
	check(b, sum)
}

// check compares the sum of all doubled numbers below b.N.
func check(b *testing.B, sum int) {
	b.Helper()
	if sum != b.N*(b.N-1) {
		b.Fatal("wrong sum", sum)
	}
}

// BenchmarkMap maps b.N elements by a function that does nothing, n at once, in
// order.
func BenchmarkMap(b *testing.B) {
	for _, n := range []int{2, 8, 64} {
		workers := "/n=" + strconv.Itoa(n)
		b.Run("impl=ours"+workers, func(b *testing.B) {
			b.ReportAllocs()
			sumAll(b, stream.Map(count(b.N), n, double))
		})
		b.Run("impl=rill"+workers, func(b *testing.B) {
			b.ReportAllocs()
			rillSum(b, rill.OrderedMap(rillCount(b.N), n, rillDouble))
		})
		b.Run("impl=conc"+workers, func(b *testing.B) {
			b.ReportAllocs()
			sum := 0
			s := concstream.New().WithMaxGoroutines(n)
			for i := range b.N {
				s.Go(func() concstream.Callback {
					v, _ := double(context.Background(), i)
					return func() { sum += v }
				})
			}
			s.Wait()
			check(b, sum)
		})
		b.Run("impl=go+chan"+workers, func(b *testing.B) {
			b.ReportAllocs()
			check(b, orderedByChannels(b.N, n))
		})
	}
}

// orderedByChannels is the usual way: a channel of channels keeps the order.
func orderedByChannels(elements, n int) (sum int) {
	type job struct {
		v      int
		result chan int
	}
	jobs, order := make(chan job, n), make(chan chan int, n)
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for j := range jobs {
				v, _ := double(context.Background(), j.v)
				j.result <- v
			}
		})
	}
	workers.Go(func() {
		defer close(jobs)
		defer close(order)
		for i := range elements {
			j := job{i, make(chan int, 1)}
			order <- j.result
			jobs <- j
		}
	})
	for result := range order {
		sum += <-result
	}
	workers.Wait()
	return sum
}

// BenchmarkMapUnordered is BenchmarkMap without the order.
func BenchmarkMapUnordered(b *testing.B) {
	for _, n := range []int{2, 8, 64} {
		workers := "/n=" + strconv.Itoa(n)
		b.Run("impl=ours"+workers, func(b *testing.B) {
			b.ReportAllocs()
			sumAll(b, stream.MapUnordered(count(b.N), n, double))
		})
		b.Run("impl=rill"+workers, func(b *testing.B) {
			b.ReportAllocs()
			rillSum(b, rill.Map(rillCount(b.N), n, rillDouble))
		})
		b.Run("impl=go+chan"+workers, func(b *testing.B) {
			b.ReportAllocs()
			in, out := make(chan int, stream.ReadAhead), make(chan int, stream.ReadAhead)
			var workers sync.WaitGroup
			for range n {
				workers.Go(func() {
					for v := range in {
						u, _ := double(context.Background(), v)
						out <- u
					}
				})
			}
			go func() {
				for i := range b.N {
					in <- i
				}
				close(in)
				workers.Wait()
				close(out)
			}()
			sum := 0
			for v := range out {
				sum += v
			}
			check(b, sum)
		})
	}
}

// BenchmarkChunks gathers b.N elements by 100.
func BenchmarkChunks(b *testing.B) {
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		sumSlices(b, stream.Chunks(count(b.N), 100).All(context.Background()))
	})
	b.Run("impl=rill", func(b *testing.B) {
		b.ReportAllocs()
		sumSlices(b, rill.ToSeq2(rill.Batch(rillCount(b.N), 100, -1)))
	})
	b.Run("impl=go+chan", func(b *testing.B) {
		b.ReportAllocs()
		c := make(chan int, 128)
		go func() {
			defer close(c)
			for i := range b.N {
				c <- i
			}
		}()
		sum := 0
		var chunk []int
		flush := func() {
			for _, v := range chunk {
				sum += 2 * v
			}
			chunk = nil
		}
		for v := range c {
			if chunk = append(chunk, v); len(chunk) == 100 {
				flush()
			}
		}
		flush()
		check(b, sum)
	})
}

// BenchmarkPure sends b.N elements through three combinators that need no
// goroutine.
func BenchmarkPure(b *testing.B) {
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		s := stream.FilterMap(count(b.N), func(_ context.Context, v int) (int, bool, error) { return 2 * v, v >= 0, nil })
		sumAll(b, s.Filter(func(v int) bool { return v >= 0 }).TakeWhile(func(v int) bool { return v >= 0 }))
	})
	b.Run("impl=loop", func(b *testing.B) {
		sum := 0
		for v := range b.N {
			if v >= 0 {
				sum += 2 * v
			}
		}
		check(b, sum)
	})
	b.Run("impl=rill", func(b *testing.B) {
		b.ReportAllocs()
		s := rill.FilterMap(rillCount(b.N), 1, func(v int) (int, bool, error) { return 2 * v, v >= 0, nil })
		isPositive := func(v int) (bool, error) { return v >= 0, nil }
		rillSum(b, rill.Filter(rill.Filter(s, 1, isPositive), 1, isPositive))
	})
}

// perStream is how many elements each of the flattened streams has.
const perStream = 100

// BenchmarkFlattenUnordered runs streams of perStream elements, n at once.
func BenchmarkFlattenUnordered(b *testing.B) {
	for _, n := range []int{2, 8} {
		workers := "/n=" + strconv.Itoa(n)
		b.Run("impl=ours"+workers, func(b *testing.B) {
			b.ReportAllocs()
			s := stream.FlatMapUnordered(count((b.N+perStream-1)/perStream), n, func(i int) stream.Stream[int] {
				from, to := i*perStream, min((i+1)*perStream, b.N)
				return stream.FromSeq(func(yield func(int) bool) {
					for v := from; v < to && yield(2*v); v++ {
					}
				})
			})
			sumAll(b, s)
		})
		b.Run("impl=rill"+workers, func(b *testing.B) {
			b.ReportAllocs()
			rillSum(b, rill.FlatMap(rillCount((b.N+perStream-1)/perStream), n, func(i int) <-chan rill.Try[int] {
				from, to := i*perStream, min((i+1)*perStream, b.N)
				return rill.FromSeq(func(yield func(int) bool) {
					for v := from; v < to && yield(2*v); v++ {
					}
				}, nil)
			}))
		})
		b.Run("impl=go+chan"+workers, func(b *testing.B) {
			b.ReportAllocs()
			in, out := make(chan int), make(chan int)
			var workers sync.WaitGroup
			for range n {
				workers.Go(func() {
					for i := range in {
						for v := i * perStream; v < min((i+1)*perStream, b.N); v++ {
							out <- 2 * v
						}
					}
				})
			}
			go func() {
				for i := range (b.N + perStream - 1) / perStream {
					in <- i
				}
				close(in)
				workers.Wait()
				close(out)
			}()
			sum := 0
			for v := range out {
				sum += v
			}
			check(b, sum)
		})
	}
}

// BenchmarkBatches gathers b.N elements by 100, or what has come in a minute.
func BenchmarkBatches(b *testing.B) {
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		batches := stream.Batches(count(b.N), stream.BatchOptions[int]{MaxElements: 100, MaxAge: time.Minute})
		sumSlices(b, batches.All(context.Background()))
	})
	b.Run("impl=rill", func(b *testing.B) {
		b.ReportAllocs()
		sumSlices(b, rill.ToSeq2(rill.Batch(rillCount(b.N), 100, time.Minute)))
	})
}

// BenchmarkAny looks at b.N elements.
func BenchmarkAny(b *testing.B) {
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		if found, err := stream.Any(context.Background(), count(b.N), func(v int) bool { return v < 0 }); found || err != nil {
			b.Fatal(found, err)
		}
	})
	b.Run("impl=rill", func(b *testing.B) {
		b.ReportAllocs()
		found, err := rill.Any(rillCount(b.N), 1, func(v int) (bool, error) { return v < 0, nil })
		if found || err != nil {
			b.Fatal(found, err)
		}
	})
}
