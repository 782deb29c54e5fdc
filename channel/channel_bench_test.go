package channel_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/coderrange/ferrous/channel"
)

// pipe is one way to move ints from producers to consumers.
type pipe struct {
	name string
	make func(capacity int) (send func(int), recv func() bool, end func())
}

func ours(ctx context.Context) func(int) (func(int), func() bool, func()) {
	return func(capacity int) (func(int), func() bool, func()) {
		tx, rx := channel.New[int](capacity)
		return func(v int) { _ = tx.Send(ctx, v) },
			func() bool { _, err := rx.Recv(ctx); return err == nil },
			tx.Close
	}
}

func pipes(ctx context.Context) []pipe {
	return []pipe{
		{"ours", ours(context.Background())},
		{"ours+ctx", ours(ctx)},
		{"chan", func(capacity int) (func(int), func() bool, func()) {
			c := make(chan int, capacity)
			return func(v int) { c <- v },
				func() bool { _, ok := <-c; return ok },
				func() { close(c) }
		}},
		{"chan+select", func(capacity int) (func(int), func() bool, func()) {
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

// move sends b.N messages through one pipe.
func move(b *testing.B, p pipe, capacity, producers, consumers int) {
	send, recv, end := p.make(capacity)
	b.ReportAllocs()
	b.ResetTimer()
	var sending, receiving sync.WaitGroup
	for i := range producers {
		n := b.N / producers
		if i < b.N%producers {
			n++
		}
		sending.Go(func() {
			for v := range n {
				send(v)
			}
		})
	}
	for range consumers {
		receiving.Go(func() {
			for recv() {
			}
		})
	}
	sending.Wait()
	end()
	receiving.Wait()
}

func BenchmarkMove(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, capacity := range []int{1, 8, 128, 1024} {
		for _, shape := range [][2]int{{1, 1}, {4, 1}, {8, 1}, {64, 1}, {4, 4}} {
			for _, p := range pipes(ctx) {
				name := fmt.Sprintf("cap=%d/producers=%d/consumers=%d/impl=%s", capacity, shape[0], shape[1], p.name)
				b.Run(name, func(b *testing.B) { move(b, p, capacity, shape[0], shape[1]) })
			}
		}
	}
}

func BenchmarkPair(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, capacity := range []int{8, 128} {
		for _, p := range pipes(ctx) {
			b.Run(fmt.Sprintf("cap=%d/impl=%s", capacity, p.name), func(b *testing.B) {
				send, recv, _ := p.make(capacity)
				for i := range b.N {
					send(i)
					recv()
				}
			})
		}
	}
}

func BenchmarkPingPong(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, capacity := range []int{1, 128} {
		for _, p := range pipes(ctx) {
			b.Run(fmt.Sprintf("cap=%d/impl=%s", capacity, p.name), func(b *testing.B) {
				ping, pinged, end := p.make(capacity)
				pong, ponged, _ := p.make(capacity)
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
