package channel_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coderrange/ferrous/channel"
)

// pipe is one way to move ints from producers to consumers.
type pipe struct {
	name string
	open func(capacity int) (send func(int), recv func() bool, end func())
}

func ours(ctx context.Context, open func(int) (*channel.Sender[int], *channel.Receiver[int])) func(int) (func(int), func() bool, func()) {
	return func(capacity int) (func(int), func() bool, func()) {
		tx, rx := open(capacity)
		return func(v int) { _ = tx.Send(ctx, v) },
			func() bool { _, err := rx.Recv(ctx); return err == nil },
			tx.Close
	}
}

// pipes are ours and the native channel, without a context and with one.
func pipes(ctx context.Context) []pipe {
	return []pipe{
		{"ours", ours(context.Background(), channel.New[int])},
		{"ours+ctx", ours(ctx, channel.New[int])},
		{"chan", func(capacity int) (func(int), func() bool, func()) {
			c := make(chan int, capacity)
			return func(v int) { c <- v },
				func() bool { _, ok := <-c; return ok },
				func() { close(c) }
		}},
		{"chan+ctx", func(capacity int) (func(int), func() bool, func()) {
			c := make(chan int, capacity)
			return func(v int) {
					select {
					case c <- v:
					case <-ctx.Done():
					}
				}, func() bool {
					select {
					case _, ok := <-c:
						return ok
					case <-ctx.Done():
						return false
					}
				}, func() { close(c) }
		}},
	}
}

// share runs the producers, which share b.N messages, and then the end.
func share(b *testing.B, producers int, send func(n int), end func()) {
	b.Helper()
	var sending sync.WaitGroup
	for i := range producers {
		n := b.N / producers
		if i < b.N%producers {
			n++
		}
		sending.Go(func() { send(n) })
	}
	go func() {
		sending.Wait()
		end()
	}()
}

func BenchmarkMove(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, capacity := range []int{1, 8, 128, 1024} {
		for _, shape := range [][2]int{{1, 1}, {4, 1}, {8, 1}, {64, 1}, {4, 4}} {
			for _, p := range pipes(ctx) {
				name := fmt.Sprintf("cap=%d/producers=%d/consumers=%d/impl=%s", capacity, shape[0], shape[1], p.name)
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					send, recv, end := p.open(capacity)
					share(b, shape[0], func(n int) {
						for v := range n {
							send(v)
						}
					}, end)
					var receiving sync.WaitGroup
					for range shape[1] {
						receiving.Go(func() {
							for recv() {
							}
						})
					}
					receiving.Wait()
				})
			}
		}
	}
}

func BenchmarkMoveBatchesOf64(b *testing.B) {
	const size = 64
	for _, producers := range []int{1, 4, 8, 64} {
		for _, capacity := range []int{1024, channel.Unbounded} {
			b.Run(fmt.Sprintf("cap=%d/producers=%d/impl=ours", capacity, producers), func(b *testing.B) {
				tx, rx := channel.NewUnbounded[int]()
				if capacity != channel.Unbounded {
					tx, rx = channel.New[int](capacity)
				}
				share(b, producers, func(n int) {
					batch := make([]int, size)
					for ; n > 0; n -= size {
						_, _ = tx.SendMany(context.Background(), batch[:min(n, size)])
					}
				}, tx.Close)
				buf := make([]int, size)
				for err := error(nil); err == nil; {
					_, err = rx.RecvMany(context.Background(), buf)
				}
			})
		}
		b.Run(fmt.Sprintf("cap=1024/producers=%d/impl=chan-of-slices", producers), func(b *testing.B) {
			c := make(chan []int, 1024/size)
			share(b, producers, func(n int) {
				for ; n > 0; n -= size {
					c <- make([]int, min(n, size))
				}
			}, func() { close(c) })
			for range c {
			}
		})
	}
}

func BenchmarkPingPong(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, capacity := range []int{1, 128} {
		for _, p := range pipes(ctx) {
			b.Run(fmt.Sprintf("cap=%d/impl=%s", capacity, p.name), func(b *testing.B) {
				ping, pinged, end := p.open(capacity)
				pong, ponged, _ := p.open(capacity)
				go func() {
					for pinged() {
						pong(0)
					}
				}()
				for i := range b.N {
					ping(i)
					ponged()
				}
				end()
			})
		}
	}
}

// A lone message beside goroutines that use all processors must not wait for
// them longer than one through a native channel does.
func BenchmarkPingPongBesideHogs(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, p := range pipes(ctx) {
		b.Run("cap=128/impl="+p.name, func(b *testing.B) {
			var stop atomic.Bool
			var hogs sync.WaitGroup
			for range 4 * runtime.GOMAXPROCS(0) {
				hogs.Go(func() {
					for !stop.Load() {
					}
				})
			}
			ping, pinged, end := p.open(128)
			pong, ponged, _ := p.open(128)
			go func() {
				for pinged() {
					pong(0)
				}
			}()
			for i := range b.N {
				ping(i)
				ponged()
			}
			end()
			stop.Store(true)
			hogs.Wait()
		})
	}
}

func BenchmarkOneshot(b *testing.B) {
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			tx, rx := channel.NewOneshot[int]()
			_ = tx.Send(i)
			_, _ = rx.Recv(context.Background())
		}
	})
	b.Run("impl=chan", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			c := make(chan int, 1)
			c <- i
			<-c
		}
	})
}

// The receivers of the broadcast tell the sender after every half a buffer how
// far they are, so that none lags: both sides deliver everything.
func BenchmarkBroadcastTo8(b *testing.B) {
	const receivers, capacity = 8, 1024
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		tx, rx := channel.NewBroadcast[int](capacity)
		progress := make(chan struct{}, receivers)
		var receiving sync.WaitGroup
		for range receivers {
			r := rx.Clone()
			receiving.Go(func() {
				defer r.Close()
				for v, err := range r.All(context.Background()) {
					if err != nil {
						b.Error(err)
					}
					if v%(capacity/2) == 0 {
						progress <- struct{}{}
					}
				}
			})
		}
		rx.Close()
		for i := range b.N {
			if i%(capacity/2) == 0 && i > 0 {
				for range receivers {
					<-progress // of the half before
				}
			}
			_, _ = tx.Send(i)
		}
		tx.Close()
		receiving.Wait()
	})
	b.Run("impl=chan", func(b *testing.B) {
		b.ReportAllocs()
		var cs [receivers]chan int
		var receiving sync.WaitGroup
		for i := range cs {
			cs[i] = make(chan int, capacity)
			receiving.Go(func() {
				for range cs[i] {
				}
			})
		}
		for i := range b.N {
			for _, c := range cs {
				c <- i
			}
		}
		for _, c := range cs {
			close(c)
		}
		receiving.Wait()
	})
}

func BenchmarkWatchSend(b *testing.B) {
	for _, idle := range []int{0, 1000} {
		b.Run(fmt.Sprintf("idle=%d/impl=ours", idle), func(b *testing.B) {
			b.ReportAllocs()
			tx, rx := channel.NewWatch(0)
			for range idle {
				rx.Clone()
			}
			for i := range b.N {
				_ = tx.Send(i)
			}
		})
	}
}
