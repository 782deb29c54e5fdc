package arcmutex_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit/contend"
)

func BenchmarkMutex(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, n := range []int{1, 2, 8, 64} {
		b.Run(fmt.Sprintf("impl=ours/op=guard/goroutines=%d", n), func(b *testing.B) {
			m := arcmutex.NewMutex(0)
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					g := m.Lock()
					*g.Ptr()++
					g.Unlock()
				}
			})
		})
		b.Run(fmt.Sprintf("impl=sync/op=guard/goroutines=%d", n), func(b *testing.B) {
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
		b.Run(fmt.Sprintf("impl=ours/op=with/goroutines=%d", n), func(b *testing.B) {
			m := arcmutex.NewMutex(0)
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					m.With(func(v *int) { *v++ })
				}
			})
		})
		b.Run(fmt.Sprintf("impl=sync/op=with/goroutines=%d", n), func(b *testing.B) {
			var m sync.Mutex
			v := 0
			contend.Run(b, n, func(iterations int) {
				for range iterations {
					func() {
						m.Lock()
						defer m.Unlock()
						v++
					}()
				}
			})
		})
		for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": ctx} {
			b.Run(fmt.Sprintf("impl=ours/op=ctx-%s/goroutines=%d", name, n), func(b *testing.B) {
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
		}
	}
}
