package channel_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMessagesDoNotAllocate(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(100)
		if f.name == "small" {
			tx, rx = f.open(10)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		batch := make([]int, 8)
		pass := func() {
			_ = tx.Send(ctx, 1)
			_, _ = rx.Recv(ctx)
			_ = tx.TrySend(1)
			_, _ = rx.TryRecv()
			p, _ := tx.Reserve(ctx)
			p.Send(1)
			_, _ = rx.Recv(context.Background())
			_, _ = tx.SendMany(ctx, batch)
			_, _ = rx.RecvMany(ctx, batch)
		}
		for range 1000 {
			pass() // let an unbounded channel find its size
		}
		testkit.NoAllocs(t, "a pass", pass)
	})
}

func TestUnboundedUsesItsMemoryAgain(t *testing.T) {
	tx, rx := channel.NewUnbounded[int]()
	many := func() {
		for range 20_000 {
			_ = tx.TrySend(1)
			_, _ = rx.TryRecv()
		}
	}
	many()
	testkit.NoAllocs(t, "20,000 messages", many)
}

func TestParkedReceiversDoNotAllocate(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		ping, pinged := f.open(1)
		pong, ponged := f.open(1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for v, err := range pinged.All(context.Background()) {
				assert.NoError(t, err)
				_ = pong.Send(context.Background(), v)
			}
		}()
		testkit.Allocs(t, "a round trip", 0, func() {
			_ = ping.Send(context.Background(), 1)
			_, _ = ponged.Recv(context.Background())
		})
		ping.Close()
		<-done
	})
}

// heap returns the bytes in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestEmptyChannelIsSmall(t *testing.T) {
	for name, c := range map[string]struct {
		open   func() (*channel.Sender[int], *channel.Receiver[int])
		buffer int64
	}{
		"small":     {func() (*channel.Sender[int], *channel.Receiver[int]) { return channel.New[int](8) }, 64},
		"queue":     {func() (*channel.Sender[int], *channel.Receiver[int]) { return channel.New[int](128) }, 1024},
		"unbounded": {channel.NewUnbounded[int], 128},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 5000
			keep := make([]any, 0, 2*n)
			before := heap()
			for range n {
				tx, rx := c.open()
				keep = append(keep, tx, rx)
			}
			each := (heap() - before) / n
			t.Logf("%d bytes", each)
			if !testkit.RaceEnabled {
				assert.LessOrEqual(t, each, c.buffer+512)
			}
			runtime.KeepAlive(keep)
		})
	}
}

func TestUnboundedGivesItsMemoryBack(t *testing.T) {
	n := 10_000_000
	if testkit.RaceEnabled {
		n /= 10
	}
	tx, rx := channel.NewUnbounded[int64]()
	before := heap()
	batch := make([]int64, 1000)
	for range n / len(batch) {
		_, err := tx.SendMany(t.Context(), batch)
		require.NoError(t, err)
	}
	assert.Equal(t, n, tx.Len())
	assert.Greater(t, heap()-before, int64(n*8))
	for got := 0; got < n; {
		k, err := rx.RecvMany(t.Context(), batch)
		require.NoError(t, err)
		got += k
	}
	assert.Less(t, heap()-before, int64(100_000))
	runtime.KeepAlive(tx)
}

func TestReceivedMessagesAreNotKept(t *testing.T) {
	for name, open := range opens[*[1 << 20]byte](8) {
		t.Run(name, func(t *testing.T) {
			tx, rx := open()
			before := heap()
			for range 4 {
				require.NoError(t, tx.TrySend(new([1 << 20]byte)))
			}
			_, err := rx.TryRecv()
			require.NoError(t, err)
			n, err := rx.RecvMany(t.Context(), make([]*[1 << 20]byte, 5))
			require.NoError(t, err)
			require.Equal(t, 3, n)
			assert.Less(t, heap()-before, int64(1<<19))
			runtime.KeepAlive(tx)
		})
	}
}

// A case set that is used again parks without allocating.
func TestParkedSelectsDoNotAllocate(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		for name, more := range map[string][]channel.Case{
			"two":    nil,
			"native": {channel.OnChanRecv(make(chan string), func(string, bool) {})},
			"timers": {channel.OnAfter(time.Hour, func() {}), channel.OnTick(time.Hour, func(time.Time) {})},
			"most": {
				channel.OnChanSend(make(chan string), "", func() {}),
				channel.OnAfter(time.Hour, func() {}), channel.OnTick(time.Hour, func(time.Time) {}),
			},
		} {
			if name == "most" { // of ours
				for range 6 {
					_, idle := f.open(1)
					more = append(more, idle.OnRecv(ignore))
				}
			}
			ping, pinged := f.open(1)
			pong, ponged := f.open(1)
			_, idle := f.open(1)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					v, err := pinged.Recv(context.Background())
					if err != nil {
						return
					}
					_ = pong.Send(context.Background(), v)
				}
			}()
			got := 0
			cases := append(more, idle.OnRecv(ignore), ponged.OnRecv(func(int, error) { got++ }))
			testkit.Allocs(t, name, 0, func() {
				_ = ping.Send(context.Background(), 1)
				_, _ = channel.Select(context.Background(), cases...)
			})
			assert.Positive(t, got)
			ping.Close()
			<-done
		}
	})
}
