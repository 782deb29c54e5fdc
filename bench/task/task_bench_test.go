// Package task_test measures package task beside bare goroutines, errgroup,
// singleflight, conc, pond and ants.
package task_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

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
			run("ours-group", func(n int) {
				results := make([]int, n)
				if err := task.WithGroup(ctx, limit, func(s *task.Scope) error {
					for i := range n {
						s.SpawnErr(func(ctx context.Context) (err error) {
							results[i], err = withContext(ctx)
							return err
						})
					}
					return nil
				}); err != nil {
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

// BenchmarkFlight asks for one key, alone or from 64 goroutines, with a context that
// can end. Singleflight knows no contexts: singleflight+ctx has the select that its
// callers write.
func BenchmarkFlight(b *testing.B) {
	impls := []struct {
		name string
		do   func(ctx context.Context) (int, error)
	}{
		{"ours", func() func(ctx context.Context) (int, error) {
			var fl task.Flight[string, int]
			return func(ctx context.Context) (int, error) { return fl.Do(ctx, "key", one) }
		}()},
		{"singleflight+ctx", func() func(ctx context.Context) (int, error) {
			var g singleflight.Group
			return func(ctx context.Context) (int, error) {
				select {
				case r := <-g.DoChan("key", func() (any, error) { return one(ctx) }):
					return r.Val.(int), r.Err
				case <-ctx.Done():
					return 0, context.Cause(ctx)
				}
			}
		}()},
		{"singleflight", func() func(ctx context.Context) (int, error) {
			var g singleflight.Group
			return func(ctx context.Context) (int, error) {
				v, err, _ := g.Do("key", func() (any, error) { return one(ctx) })
				return v.(int), err
			}
		}()},
	}
	for _, impl := range impls {
		ctx, cancel := context.WithCancel(context.Background())
		b.Run("impl="+impl.name+"/callers=1", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = impl.do(ctx)
			}
		})
		b.Run("impl="+impl.name+"/callers=64", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(64 / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _ = impl.do(ctx)
				}
			})
		})
		cancel()
	}
}

// BenchmarkKeyed spawns a task with a key and takes its result.
func BenchmarkKeyed(b *testing.B) {
	ctx := context.Background()
	b.Run("impl=ours", func(b *testing.B) {
		m := task.NewJoinMap[int, int](ctx, task.Unlimited)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Spawn(i, one)
			_, h, _ := m.Next(ctx)
			_, _ = h.Join(ctx)
		}
		_ = m.Close()
	})
	b.Run("impl=ours-set", func(b *testing.B) {
		s := task.NewSet[int](ctx, task.Unlimited)
		b.ReportAllocs()
		for b.Loop() {
			s.Spawn(one)
			h, _ := s.Next(ctx)
			_, _ = h.Join(ctx)
		}
		_ = s.Close()
	})
	b.Run("impl=go+map", func(b *testing.B) {
		type result struct{ key, v int }
		results := make(chan result, 1)
		cancels := map[int]context.CancelFunc{}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			ctx, cancel := context.WithCancel(ctx)
			cancels[i] = cancel
			go func() {
				v, _ := one(ctx)
				results <- result{i, v}
			}()
			r := <-results
			cancels[r.key]()
			delete(cancels, r.key)
		}
	})
}
