package channel_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

// shareMessages is how many messages two waiters share. The share of one that
// takes each with the chance of a coin is within 6 standard deviations of half.
const (
	shareMessages = 2000
	shareSlack    = 6 * 23
)

// inlet is what a channel of any kind gives to those who wait to receive.
type inlet struct {
	recv  func(context.Context) error
	try   func() error
	ready func() <-chan struct{}
	on    func(f func(error)) channel.Case
}

func inletOf(rx *channel.Receiver[int]) inlet {
	return inlet{
		recv:  func(ctx context.Context) error { _, err := rx.Recv(ctx); return err },
		try:   func() error { _, err := rx.TryRecv(); return err },
		ready: rx.Ready,
		on:    func(f func(error)) channel.Case { return rx.OnRecv(func(_ int, err error) { f(err) }) },
	}
}

func outletOf(tx *channel.Sender[int]) inlet {
	return inlet{
		recv:  func(ctx context.Context) error { return tx.Send(ctx, 1) },
		try:   func() error { return tx.TrySend(1) },
		ready: tx.Ready,
		on:    func(f func(error)) channel.Case { return tx.OnSend(1, f) },
	}
}

// waitWays are the ways to wait for an inlet. The case idle never goes on.
var waitWays = map[string]func(in inlet, idle channel.Case) func(context.Context) error{
	"plain": func(in inlet, _ channel.Case) func(context.Context) error { return in.recv },
	"Select": func(in inlet, idle channel.Case) func(context.Context) error {
		var got error
		cases := []channel.Case{idle, in.on(func(err error) { got = err })}
		return func(ctx context.Context) error {
			if _, err := channel.Select(ctx, cases...); err != nil {
				return err
			}
			return got
		}
	},
	"SelectInOrder": func(in inlet, idle channel.Case) func(context.Context) error {
		var got error
		cases := []channel.Case{idle, in.on(func(err error) { got = err }), idle}
		return func(ctx context.Context) error {
			if _, err := channel.SelectInOrder(ctx, cases...); err != nil {
				return err
			}
			return got
		}
	},
	"Select of twelve": func(in inlet, idle channel.Case) func(context.Context) error {
		var got error
		cases := []channel.Case{in.on(func(err error) { got = err })}
		for range 11 {
			cases = append(cases, idle)
		}
		return func(ctx context.Context) error {
			if _, err := channel.Select(ctx, cases...); err != nil {
				return err
			}
			return got
		}
	},
	"Select with a native channel": func(in inlet, idle channel.Case) func(context.Context) error {
		var got error
		cases := []channel.Case{
			channel.OnChanRecv(make(chan int), func(int, bool) {}),
			in.on(func(err error) { got = err }), idle,
			channel.OnAfter(time.Hour, func() {}),
		}
		return func(ctx context.Context) error {
			if _, err := channel.Select(ctx, cases...); err != nil {
				return err
			}
			return got
		}
	},
	"Ready": func(in inlet, _ channel.Case) func(context.Context) error {
		return func(ctx context.Context) error {
			for {
				select {
				case <-in.ready():
				case <-ctx.Done():
					return ctx.Err()
				}
				if err := in.try(); !errors.Is(err, channel.ErrEmpty) && !errors.Is(err, channel.ErrFull) {
					return err
				}
			}
		}
	},
}

// shares has two goroutines wait for in, one plainly and one in the other way,
// and calls serve so often when both are parked. It returns how often each was
// served.
func shares(t *testing.T, waiters [2]func(context.Context) error, serve func(i int)) (n [2]int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var served [2]atomic.Int64
	for i, wait := range waiters {
		go func() {
			for wait(ctx) == nil {
				served[i].Add(1)
			}
		}()
	}
	for i := range shareMessages {
		synctest.Wait()
		serve(i)
	}
	synctest.Wait()
	cancel()
	synctest.Wait()
	for i := range n {
		n[i] = int(served[i].Load())
	}
	require.Equal(t, shareMessages, n[0]+n[1])
	return n
}

// isShared runs shares for all ways to wait beside a plain one.
func isShared(t *testing.T, open func() (plain, other inlet, serve func(i int))) {
	t.Helper()
	for name, way := range waitWays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plain, other, serve := open()
				_, idle := channel.New[int](1)
				n := shares(t, [2]func(context.Context) error{plain.recv, way(other, idle.OnRecv(ignore))}, serve)
				assert.InDelta(t, shareMessages/2, n[1], shareSlack)
			})
		})
	}
}

func openAny(capacity int) (*channel.Sender[int], *channel.Receiver[int]) {
	if capacity == channel.Unbounded {
		return channel.NewUnbounded[int]()
	}
	return channel.New[int](capacity)
}

var capacities = []int{1, 2, 8, 15, 16, 31, 32, 64, 1024, channel.Unbounded}

func TestReceiversShareAlike(t *testing.T) {
	for _, capacity := range capacities {
		for _, clone := range []bool{false, true} {
			t.Run(fmt.Sprintf("cap=%d/clone=%t", capacity, clone), func(t *testing.T) {
				isShared(t, func() (plain, other inlet, serve func(int)) {
					tx, rx := openAny(capacity)
					rx2 := rx
					if clone {
						rx2 = rx.Clone()
					}
					return inletOf(rx), inletOf(rx2), func(i int) { require.NoError(t, tx.TrySend(i)) }
				})
			})
		}
	}
}

func TestSendersShareAlike(t *testing.T) {
	for _, capacity := range capacities[:len(capacities)-1] {
		t.Run(fmt.Sprintf("cap=%d", capacity), func(t *testing.T) {
			isShared(t, func() (plain, other inlet, serve func(int)) {
				tx, rx := openAny(capacity)
				for range capacity {
					require.NoError(t, tx.TrySend(1))
				}
				return outletOf(tx), outletOf(tx.Clone()), func(int) {
					_, err := rx.TryRecv()
					require.NoError(t, err)
				}
			})
		})
	}
}

func TestCallersOfOneBroadcastReceiverShareAlike(t *testing.T) {
	isShared(t, func() (plain, other inlet, serve func(int)) {
		tx, rx := channel.NewBroadcast[int](4)
		in := inlet{
			recv:  func(ctx context.Context) error { _, err := rx.Recv(ctx); return err },
			try:   func() error { _, err := rx.TryRecv(); return err },
			ready: rx.Ready,
			on:    func(f func(error)) channel.Case { return rx.OnRecv(func(_ int, err error) { f(err) }) },
		}
		return in, in, func(i int) { _, err := tx.Send(i); require.NoError(t, err) }
	})
}

func TestCallersOfOneWatchReceiverShareAlike(t *testing.T) {
	isShared(t, func() (plain, other inlet, serve func(int)) {
		tx, rx := channel.NewWatch(0)
		in := inlet{recv: rx.Changed, try: rx.TryChanged, ready: rx.Ready, on: rx.OnChanged}
		return in, in, func(i int) { require.NoError(t, tx.Send(i)) }
	})
}

func TestCallersOfOneOneshotReceiverShareAlike(t *testing.T) {
	for name, way := range waitWays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, idle := channel.New[int](1)
				var n [2]int
				for range shareMessages / 2 {
					tx, rx := channel.NewOneshot[int]()
					in := inlet{
						recv:  func(ctx context.Context) error { _, err := rx.Recv(ctx); return err },
						try:   func() error { _, err := rx.TryRecv(); return err },
						ready: rx.Ready,
						on:    func(f func(error)) channel.Case { return rx.OnRecv(func(_ int, err error) { f(err) }) },
					}
					ways := [2]func(context.Context) error{in.recv, way(in, idle.OnRecv(ignore))}
					got := make(chan int, 2)
					first := rand.IntN(2)
					for k := range 2 {
						i := (first + k) % 2
						go func() {
							if ways[i](context.Background()) == nil {
								got <- i
							}
						}()
						synctest.Wait()
					}
					require.NoError(t, tx.Send(1))
					n[<-got]++
				}
				assert.InDelta(t, shareMessages/4, n[1], shareSlack)
			})
		})
	}
}
