// Package arcmutex_test measures the locks of arcmutex beside those of others.
package arcmutex_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	sasha "github.com/sasha-s/go-deadlock"
	"golang.org/x/sync/semaphore"

	"github.com/linkdata/deadlock"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit/contend"
	"github.com/coderrange/ferrous/sema"
)

// BenchmarkLockContext locks, counts and unlocks with a context that can be
// canceled; sync.Mutex, which takes none, is the floor.
func BenchmarkLockContext(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, n := range []int{1, 2, 4, 8, 16, 32, 64} {
		suffix := fmt.Sprintf("/goroutines=%d", n)
		b.Run("impl=ours"+suffix, func(b *testing.B) {
			m := arcmutex.NewMutex(0)
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					g, err := m.LockContext(ctx)
					if err != nil {
						b.Error(err)
						return
					}
					*g.Ptr()++
					g.Unlock()
				}
			})
		})
		b.Run("impl=background"+suffix, func(b *testing.B) {
			m := arcmutex.NewMutex(0)
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					g, err := m.LockContext(context.Background())
					if err != nil {
						b.Error(err)
						return
					}
					*g.Ptr()++
					g.Unlock()
				}
			})
		})
		b.Run("impl=sync.Mutex"+suffix, func(b *testing.B) {
			var m sync.Mutex
			v := 0
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					m.Lock()
					v++
					m.Unlock()
				}
			})
		})
		b.Run("impl=x.semaphore"+suffix, func(b *testing.B) {
			m := semaphore.NewWeighted(1)
			v := 0
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					if err := m.Acquire(ctx, 1); err != nil {
						b.Error(err)
						return
					}
					v++
					m.Release(1)
				}
			})
		})
		b.Run("impl=chan+select"+suffix, func(b *testing.B) {
			m := make(chan struct{}, 1)
			v := 0
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					select {
					case m <- struct{}{}:
					case <-ctx.Done():
						b.Error(ctx.Err())
						return
					}
					v++
					<-m
				}
			})
		})
	}
}

// BenchmarkSemaphore takes one of two permits and gives it back.
func BenchmarkSemaphore(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1, 2, 4, 8, 16, 32, 64} {
		suffix := fmt.Sprintf("/goroutines=%d", n)
		b.Run("impl=ours"+suffix, func(b *testing.B) {
			s := sema.NewSemaphore(2)
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					p, err := s.Acquire(ctx, 1)
					if err != nil {
						b.Error(err)
						return
					}
					p.Release()
				}
			})
		})
		b.Run("impl=x.semaphore"+suffix, func(b *testing.B) {
			s := semaphore.NewWeighted(2)
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					if err := s.Acquire(ctx, 1); err != nil {
						b.Error(err)
						return
					}
					s.Release(1)
				}
			})
		})
	}
}

// BenchmarkChecker locks and unlocks while another lock is held, with no new
// edge. linkdata's checker is compiled in only with -tags deadlock.
func BenchmarkChecker(b *testing.B) {
	b.Run("impl=ours", func(b *testing.B) {
		defer arcmutex.Check(time.Minute, func(*arcmutex.Deadlock) {})()
		outer, inner := arcmutex.NewMutex(0), arcmutex.NewMutex(0)
		g := outer.Lock()
		defer g.Unlock()
		for b.Loop() {
			h := inner.Lock()
			h.Unlock()
		}
	})
	b.Run("impl=off", func(b *testing.B) {
		outer, inner := arcmutex.NewMutex(0), arcmutex.NewMutex(0)
		g := outer.Lock()
		defer g.Unlock()
		for b.Loop() {
			h := inner.Lock()
			h.Unlock()
		}
	})
	others := func(outer, inner sync.Locker) func(b *testing.B) {
		return func(b *testing.B) {
			b.Helper()
			outer.Lock()
			defer outer.Unlock()
			for b.Loop() {
				inner.Lock()
				inner.Unlock() //nolint:staticcheck // it is the pair that is measured
			}
		}
	}
	b.Run("impl=go-deadlock", others(new(sasha.Mutex), new(sasha.Mutex)))
	if deadlock.Enabled {
		b.Run("impl=linkdata", others(new(deadlock.Mutex), new(deadlock.Mutex)))
	}
}
