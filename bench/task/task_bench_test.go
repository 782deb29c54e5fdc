// Package task_test measures package task beside bare goroutines, errgroup,
// conc, pond and ants.
package task_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"

	"github.com/coderrange/ferrous/task"
)

func one(context.Context) (int, error) { return 1, nil }

// BenchmarkSpawnJoin starts a task and waits for its result.
func BenchmarkSpawnJoin(b *testing.B) {
	b.Run("impl=ours/how=Go", func(b *testing.B) {
		b.ReportAllocs()
		ctx := context.Background()
		for b.Loop() {
			_, _ = task.Go(ctx, one).Join(ctx)
		}
	})
	b.Run("impl=ours/how=Spawn", func(b *testing.B) {
		b.ReportAllocs()
		ctx := context.Background()
		_ = task.WithScope(ctx, func(s *task.Scope) error {
			for b.Loop() {
				_, _ = task.Spawn(s, one).Join(ctx)
			}
			return nil
		})
	})
	for _, how := range []string{"Go", "Spawn"} {
		b.Run("impl=go+chan/how="+how, func(b *testing.B) {
			b.ReportAllocs()
			ctx := context.Background()
			type result struct {
				v   int
				err error
			}
			for b.Loop() {
				c := make(chan result, 1)
				go func() {
					v, err := one(ctx)
					c <- result{v, err}
				}()
				<-c
			}
		})
	}
}

// BenchmarkFanOut starts 64 tasks at once and collects their results.
func BenchmarkFanOut(b *testing.B) {
	const n = 64
	fs := make([]func(context.Context) (int, error), n)
	for i := range fs {
		fs[i] = one
	}
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = task.JoinAll(context.Background(), fs...)
		}
	})
	b.Run("impl=errgroup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g, ctx := errgroup.WithContext(context.Background())
			results := make([]int, n)
			for i, f := range fs {
				g.Go(func() (err error) {
					results[i], err = f(ctx)
					return err
				})
			}
			_ = g.Wait()
		}
	})
	b.Run("impl=go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var wg sync.WaitGroup
			results := make([]int, n)
			for i, f := range fs {
				wg.Go(func() { results[i], _ = f(context.Background()) })
			}
			wg.Wait()
		}
	})
}

// busy returns a task that keeps a core busy for about d.
func busy(b *testing.B, d time.Duration) func() int {
	b.Helper()
	if d == 0 {
		return func() int { return 1 }
	}
	rounds := 64
	for {
		start := time.Now()
		for range 100 {
			spin(rounds)
		}
		if took := time.Since(start) / 100; took >= d {
			rounds = int(int64(rounds) * int64(d) / int64(took))
			return func() int { return spin(rounds) }
		}
		rounds *= 2
	}
}

//go:noinline
func spin(rounds int) int {
	x := 1
	for range rounds {
		x = x*1664525 + 1013904223
	}
	return x
}

// BenchmarkTasks runs b.N tasks with results, so many at once, to the end.
func BenchmarkTasks(b *testing.B) {
	const batch = 10_000
	for _, work := range []time.Duration{0, time.Microsecond} {
		for _, limit := range []int{2, 8, 64} {
			name := func(impl string) string {
				return "impl=" + impl + "/work=" + work.String() + "/limit=" + strconv.Itoa(limit)
			}
			f := busy(b, work)
			withContext := func(ctx context.Context) (int, error) { return f(), ctx.Err() }
			ctx := context.Background()
			run := func(impl string, tasks func(n int)) {
				b.Run(name(impl), func(b *testing.B) {
					b.ReportAllocs()
					for left := b.N; left > 0; left -= batch {
						tasks(min(left, batch))
					}
				})
			}
			run("ours-set", func(n int) {
				s := task.NewSet[int](ctx, limit)
				for range n {
					s.Spawn(withContext)
				}
				for _, err := range s.All(ctx) {
					if err != nil {
						b.Fatal(err)
					}
				}
				_ = s.Close()
			})
			run("ours-pool", func(n int) {
				p := task.NewPool(ctx, task.PoolOptions{Workers: limit, Queue: 1024})
				for range n {
					if _, err := task.Submit(ctx, p, withContext); err != nil {
						b.Fatal(err)
					}
				}
				if err := p.Shutdown(ctx); err != nil {
					b.Fatal(err)
				}
			})
			run("conc", func(n int) {
				p := pool.NewWithResults[int]().WithMaxGoroutines(limit)
				for range n {
					p.Go(f)
				}
				p.Wait()
			})
			run("pond", func(n int) {
				p := pond.NewResultPool[int](limit)
				for range n {
					p.Submit(f)
				}
				p.StopAndWait()
			})
			run("ants", func(n int) {
				p, err := ants.NewPool(limit)
				if err != nil {
					b.Fatal(err)
				}
				var wg sync.WaitGroup
				results := make([]int, n)
				for i := range n {
					wg.Add(1)
					if err := p.Submit(func() {
						defer wg.Done()
						results[i] = f()
					}); err != nil {
						b.Fatal(err)
					}
				}
				wg.Wait()
				p.Release()
			})
			run("errgroup", func(n int) {
				g, ctx := errgroup.WithContext(ctx)
				g.SetLimit(limit)
				results := make([]int, n)
				for i := range n {
					g.Go(func() (err error) {
						results[i], err = withContext(ctx)
						return err
					})
				}
				_ = g.Wait()
			})
		}
	}
}
