// Package channel_test measures ferrous/channel beside native channels, xsync's
// queues and, if there is a rustc, Rust's std::sync::mpsc.
package channel_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	xsync3 "github.com/puzpuzpuz/xsync/v3"
	xsync4 "github.com/puzpuzpuz/xsync/v4"

	"github.com/coderrange/ferrous/channel"
)

// pipe moves ints. Receiving goes on until end was called, except for the
// peers that cannot end: their last messages are -1, one per consumer.
type pipe struct {
	send func(int)
	recv func() bool
	end  func(consumers int)
}

func ours(ctx context.Context, tx *channel.Sender[int], rx *channel.Receiver[int]) pipe {
	return pipe{
		func(v int) { _ = tx.Send(ctx, v) },
		func() bool { _, err := rx.Recv(ctx); return err == nil },
		func(int) { tx.Close() },
	}
}

func native(capacity int) pipe {
	c := make(chan int, capacity)
	return pipe{
		func(v int) { c <- v },
		func() bool { _, ok := <-c; return ok },
		func(int) { close(c) },
	}
}

func nativeSelect(ctx context.Context, capacity int) pipe {
	c := make(chan int, capacity)
	return pipe{
		func(v int) {
			select {
			case c <- v:
			case <-ctx.Done():
			}
		},
		func() bool {
			select {
			case _, ok := <-c:
				return ok
			case <-ctx.Done():
				return false
			}
		},
		func(int) { close(c) },
	}
}

// endless is a queue that is ended by messages.
func endless(send func(int), recv func() int) pipe {
	return pipe{
		send,
		func() bool { return recv() >= 0 },
		func(consumers int) {
			for range consumers {
				send(-1)
			}
		},
	}
}

func xsync3Blocking(capacity int) pipe {
	q := xsync3.NewMPMCQueueOf[int](capacity)
	return endless(q.Enqueue, q.Dequeue) //nolint:staticcheck // deprecated for being slow: that is to be shown
}

// xsync4Yielding never parks: it yields until there is room or a message.
func xsync4Yielding(capacity int) pipe {
	q := xsync4.NewMPMCQueue[int](capacity)
	return endless(func(v int) {
		for !q.TryEnqueue(v) {
			runtime.Gosched()
		}
	}, func() int {
		for {
			if v, ok := q.TryDequeue(); ok {
				return v
			}
			runtime.Gosched()
		}
	})
}

func xsync4Unbounded() pipe {
	q := xsync4.NewUMPSCQueue[int]()
	return endless(q.Enqueue, q.Dequeue)
}

func move(b *testing.B, p pipe, producers, consumers int) {
	b.Helper()
	b.ReportAllocs()
	var sending, receiving sync.WaitGroup
	for i := range producers {
		n := b.N / producers
		if i < b.N%producers {
			n++
		}
		sending.Go(func() {
			for v := range n {
				p.send(v)
			}
		})
	}
	for range consumers {
		receiving.Go(func() {
			for p.recv() {
			}
		})
	}
	sending.Wait()
	p.end(consumers)
	receiving.Wait()
}

func BenchmarkBounded(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	rust, err := rustMPSC(b)
	if err != nil {
		b.Log("without Rust:", err)
	}
	for _, capacity := range []int{128, 1024} {
		for _, shape := range [][2]int{{1, 1}, {4, 1}, {8, 1}, {64, 1}, {4, 4}} {
			for _, impl := range []struct {
				name string
				open func() pipe
			}{
				{"ours", func() pipe { tx, rx := channel.New[int](capacity); return ours(ctx, tx, rx) }},
				{"chan", func() pipe { return native(capacity) }},
				{"chan+ctx", func() pipe { return nativeSelect(ctx, capacity) }},
				{"xsync3", func() pipe { return xsync3Blocking(capacity) }},
				{"xsync4-yield", func() pipe { return xsync4Yielding(capacity) }},
			} {
				name := fmt.Sprintf("cap=%d/producers=%d/consumers=%d/impl=%s", capacity, shape[0], shape[1], impl.name)
				b.Run(name, func(b *testing.B) { move(b, impl.open(), shape[0], shape[1]) })
			}
			if rust != "" && shape[1] == 1 {
				name := fmt.Sprintf("cap=%d/producers=%d/consumers=1/impl=rust-std", capacity, shape[0])
				b.Run(name, func(b *testing.B) { benchmarkRust(b, rust, shape[0], capacity) })
			}
		}
	}
}

// BenchmarkProducers moves messages through 128 slots to one consumer.
func BenchmarkProducers(b *testing.B) {
	for n := 1; n <= 64; n *= 2 {
		curve(b, fmt.Sprintf("producers=%d", n), 128, n, 1)
	}
}

// BenchmarkCapacities moves messages from four producers to one consumer.
func BenchmarkCapacities(b *testing.B) {
	for n := 1; n <= 4096; n *= 2 {
		curve(b, fmt.Sprintf("cap=%d", n), n, 4, 1)
	}
}

// curve measures a point of a curve.
func curve(b *testing.B, name string, capacity, producers, consumers int) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run(name+"/impl=ours", func(b *testing.B) {
		tx, rx := channel.New[int](capacity)
		move(b, ours(ctx, tx, rx), producers, consumers)
	})
	b.Run(name+"/impl=chan", func(b *testing.B) { move(b, native(capacity), producers, consumers) })
	b.Run(name+"/impl=chan+ctx", func(b *testing.B) { move(b, nativeSelect(ctx, capacity), producers, consumers) })
}

func BenchmarkUnbounded(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	rust, err := rustMPSC(b)
	if err != nil {
		b.Log("without Rust:", err)
	}
	for _, producers := range []int{1, 4, 8, 64} {
		if rust != "" {
			b.Run(fmt.Sprintf("producers=%d/impl=rust-std", producers), func(b *testing.B) { benchmarkRust(b, rust, producers) })
		}
		b.Run(fmt.Sprintf("producers=%d/impl=ours", producers), func(b *testing.B) {
			tx, rx := channel.NewUnbounded[int]()
			move(b, ours(ctx, tx, rx), producers, 1)
		})
		b.Run(fmt.Sprintf("producers=%d/impl=xsync4-umpsc", producers), func(b *testing.B) {
			move(b, xsync4Unbounded(), producers, 1)
		})
	}
}

// BenchmarkSelect measures one goroutine that selects between two channels: one of
// them has a message, neither has (TrySelect), or a partner answers each message, so
// that every Select blocks.
func BenchmarkSelect(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, capacity := range []int{1, 128} {
		tx, rx := channel.New[int](capacity)
		_, idle := channel.New[int](capacity)
		cases := []channel.Case{rx.OnRecv(func(int, error) {}), idle.OnRecv(func(int, error) {})}
		c, never := make(chan int, capacity), make(chan int, capacity)
		name := func(op, impl string) string { return fmt.Sprintf("op=%s/capacity=%d/impl=%s", op, capacity, impl) }
		b.Run(name("ready", "ours"), func(b *testing.B) {
			for b.Loop() {
				_ = tx.TrySend(1)
				_, _ = channel.Select(ctx, cases...)
			}
		})
		b.Run(name("ready", "native"), func(b *testing.B) {
			for b.Loop() {
				c <- 1
				select {
				case <-c:
				case <-never:
				case <-ctx.Done():
				}
			}
		})
		b.Run(name("try", "ours"), func(b *testing.B) {
			for b.Loop() {
				channel.TrySelect(cases...)
			}
		})
		b.Run(name("try", "native"), func(b *testing.B) {
			for b.Loop() {
				select {
				case <-c:
				case <-never:
				default:
				}
			}
		})
		b.Run(name("parked", "ours"), func(b *testing.B) {
			ask, asked := channel.New[int](capacity)
			go func() {
				for v, err := range asked.All(ctx) {
					if err == nil {
						_ = tx.Send(ctx, v)
					}
				}
			}()
			for b.Loop() {
				_ = ask.Send(ctx, 1)
				_, _ = channel.Select(ctx, cases...)
			}
			ask.Close()
		})
		b.Run(name("parked", "native"), func(b *testing.B) {
			ask := make(chan int, capacity)
			go func() {
				for v := range ask {
					c <- v
				}
			}()
			for b.Loop() {
				ask <- 1
				select {
				case <-c:
				case <-never:
				case <-ctx.Done():
				}
			}
			close(ask)
		})
	}
}
