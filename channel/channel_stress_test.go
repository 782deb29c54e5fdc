package channel_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

// withRandomCancel returns a context that another goroutine cancels after a
// random number of yields, and a function that releases it.
func withRandomCancel(parent context.Context, rng *rand.Rand) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	yields := rng.IntN(20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range yields {
			runtime.Gosched()
		}
		cancel()
	}()
	return ctx, func() { <-done }
}

// Every message that a sender believes sent arrives once, in the sender's
// order, whatever is canceled and retried; nothing else arrives; and no
// wake-up is lost, for then the round would not end.
func TestNothingIsLostNorDoubled(t *testing.T) {
	stressFlavours(t, flavours, func(t *testing.T, f flavour, round int) {
		const each = 200
		shape := []struct{ capacity, producers, consumers int }{
			{1, 1, 1}, {1, 4, 1}, {2, 8, 3}, {3, 1, 4}, {16, 16, 2}, {200, 4, 4},
		}[round%6]
		tx, rx := f.open(shape.capacity)
		received := make([][]int, shape.consumers)
		var consumers sync.WaitGroup
		for c := range received {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(c)))
			r := rx.Clone()
			consumers.Go(func() {
				defer r.Close()
				received[c] = consume(t, r, rng)
			})
		}
		testkit.Parallel(shape.producers, func(p int) {
			s := tx.Clone()
			defer s.Close()
			produce(t, s, p*each, each, rand.New(rand.NewPCG(uint64(round), uint64(100+p))))
		})
		tx.Close()
		consumers.Wait()
		rx.Close()
		seen := map[int]bool{}
		for _, got := range received {
			last := map[int]int{}
			for _, v := range got {
				assert.False(t, seen[v], "%d twice", v)
				seen[v] = true
				previous, ok := last[v/each]
				assert.True(t, !ok || previous < v, "%d after %d", v, previous)
				last[v/each] = v
			}
		}
		assert.Len(t, seen, shape.producers*each)
	})
}

// produce sends n numbers from first on, in all ways there are.
func produce(t *testing.T, s *channel.Sender[int], first, n int, rng *rand.Rand) {
	for v := first; v < first+n; {
		ctx, release := t.Context(), func() {}
		if rng.IntN(4) == 0 {
			ctx, release = withRandomCancel(ctx, rng)
		}
		switch rng.IntN(5) {
		case 0:
			if s.TrySend(v) == nil {
				v++
			} else {
				runtime.Gosched()
			}
		case 1:
			batch := make([]int, min(1+rng.IntN(9), first+n-v))
			for i := range batch {
				batch[i] = v + i
			}
			sent, _ := s.SendMany(ctx, batch)
			v += sent
		case 2:
			p, err := s.ReserveMany(ctx, min(1+rng.IntN(3), s.Cap()))
			if err == nil {
				for ; p.Len() > rng.IntN(2) && v < first+n; v++ {
					p.Send(v)
				}
				p.Release()
			}
		default:
			if s.Send(ctx, v) == nil {
				v++
			}
		}
		release()
	}
}

// consume receives until the end, in all ways there are.
func consume(t *testing.T, r *channel.Receiver[int], rng *rand.Rand) (got []int) {
	for {
		ctx, release := t.Context(), func() {}
		if rng.IntN(4) == 0 {
			ctx, release = withRandomCancel(ctx, rng)
		}
		var v int
		var err error
		switch rng.IntN(4) {
		case 0:
			if v, err = r.TryRecv(); err == nil {
				got = append(got, v)
			}
		case 1:
			buf := make([]int, 1+rng.IntN(9))
			n, e := r.RecvMany(ctx, buf)
			err = e
			got = append(got, buf[:n]...)
		case 2:
			<-r.Ready()
		default:
			if v, err = r.Recv(ctx); err == nil {
				got = append(got, v)
			}
		}
		release()
		if errors.Is(err, channel.ErrClosed) {
			return got
		}
	}
}

// 10,000 senders wait, many give up at random, and what returned nil is
// exactly what arrives.
func TestTenThousandBlockedSendersWithRandomCancellation(t *testing.T) {
	everyBounded(t, func(t *testing.T, f flavour) {
		const n = 10_000
		tx, rx := f.open(4)
		var sum, sent atomic.Int64
		var senders sync.WaitGroup
		var ctxs []context.Context
		var cancels []context.CancelFunc
		for range 16 {
			ctx, cancel := context.WithCancel(t.Context())
			ctxs, cancels = append(ctxs, ctx), append(cancels, cancel)
		}
		for i := range n {
			senders.Go(func() {
				if tx.Send(ctxs[i%len(ctxs)], i) == nil {
					sum.Add(int64(i))
					sent.Add(1)
				}
			})
		}
		go func() {
			for i, cancel := range cancels {
				if i%2 == 0 { // half of them are left to be served
					cancel()
				}
				runtime.Gosched()
			}
			senders.Wait()
			tx.Close()
		}()
		var gotSum, got int64
		for _, v := range drained(t, rx) {
			gotSum += int64(v)
			got++
		}
		senders.Wait()
		for _, cancel := range cancels {
			cancel()
		}
		assert.Equal(t, sent.Load(), got)
		assert.Equal(t, sum.Load(), gotSum)
		assert.GreaterOrEqual(t, got, int64(n/2), "those that were not canceled")
	})
}

// Shutdown and the last Close race with sends, receives and permits: nothing
// that was sent is lost, nobody is left waiting.
func TestCloseRacesWithEverything(t *testing.T) {
	stressFlavours(t, flavours, func(t *testing.T, f flavour, round int) {
		tx, rx := f.open(1 + round%4)
		var sent, got atomic.Int64
		discard := round%2 == 0
		testkit.Parallel(9, func(i int) {
			switch {
			case i < 4:
				for tx.Send(t.Context(), i) == nil {
					sent.Add(1)
				}
			case i == 4:
				for {
					p, err := tx.ReserveMany(t.Context(), 1)
					if err != nil {
						return
					}
					p.Send(i)
					sent.Add(1)
				}
			case i < 8:
				for _, err := range rx.All(t.Context()) {
					assert.NoError(t, err)
					got.Add(1)
				}
			default:
				for range round % 50 {
					runtime.Gosched()
				}
				if discard {
					rx.Close()
				} else {
					rx.Shutdown()
				}
			}
		})
		assert.Zero(t, rx.Len())
		if !discard {
			assert.Equal(t, sent.Load(), got.Load())
		}
	})
}

func TestPermitsKeepTheirPromiseUnderLoad(t *testing.T) {
	stressFlavours(t, flavours[:2], func(t *testing.T, f flavour, round int) {
		const capacity, each = 4, 50
		tx, rx := f.open(capacity)
		var consumer sync.WaitGroup
		got := 0
		consumer.Go(func() {
			for _, err := range rx.All(t.Context()) {
				assert.NoError(t, err)
				got++
			}
		})
		testkit.Parallel(6, func(i int) {
			s := tx.Clone()
			defer s.Close()
			for range each {
				p, err := s.ReserveMany(t.Context(), 1+i%capacity)
				require.NoError(t, err)
				for p.Len() > 0 {
					p.Send(i)
				}
			}
		})
		tx.Close()
		consumer.Wait()
		assert.Equal(t, each*(1+2+3+4+1+2), got)
	})
}

// Whoever has sent can receive at once, if everyone sends before they receive.
func TestEverySenderFindsAMessage(t *testing.T) {
	stressFlavours(t, flavours, func(t *testing.T, f flavour, _ int) {
		tx, rx := f.open(4)
		testkit.Parallel(4, func(int) {
			for range 100 {
				assert.NoError(t, tx.TrySend(0))
				_, err := rx.TryRecv()
				assert.NoError(t, err)
			}
		})
	})
}

// Len is between nothing and the capacity at every moment.
func TestLenStaysWithinTheCapacityUnderLoad(t *testing.T) {
	stressFlavours(t, flavours[:2], func(t *testing.T, f flavour, round int) {
		const n = 1000
		tx, rx := f.open(1 + round%5)
		within := func(got int) {
			if got < 0 || got > tx.Cap() {
				t.Errorf("length %d of %d", got, tx.Cap())
			}
		}
		testkit.Parallel(2, func(i int) {
			for range n {
				if i == 0 {
					assert.NoError(t, tx.Send(t.Context(), 1))
					within(tx.Len())
					within(tx.Free())
					continue
				}
				_, err := rx.Recv(t.Context())
				assert.NoError(t, err)
				within(rx.Len())
			}
		})
		assert.Zero(t, rx.Len())
	})
}

// The first messages of a new channel meet the Close of its receiver: what was
// sent is dropped, once.
func TestFirstMessageRacesWithTheLastClose(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		for _, open := range opens[counted](2) {
			var drops, sent atomic.Int64
			tx, rx := open()
			testkit.Parallel(3, func(i int) {
				if i == 2 {
					rx.Close()
				} else if tx.TrySend(counted{&drops}) == nil {
					sent.Add(1)
				}
			})
			assert.Equal(t, sent.Load(), drops.Load())
		}
	})
}

// Each message is the receiver of the next channel.
func TestChannelsGoThroughChannels(t *testing.T) {
	for name, open := range opens[any](1) {
		t.Run(name, func(t *testing.T) {
			const n = 1000
			tx, rx := open()
			testkit.Parallel(2, func(i int) {
				for range n {
					if i == 0 {
						nextTx, nextRx := open()
						assert.NoError(t, tx.Send(t.Context(), nextRx))
						tx.Close()
						tx = nextTx
						continue
					}
					v, err := rx.Recv(t.Context())
					assert.NoError(t, err)
					_, err = rx.Recv(t.Context())
					assert.ErrorIs(t, err, channel.ErrClosed)
					rx.Close()
					rx, _ = v.(*channel.Receiver[any])
				}
			})
		})
	}
}

// The sieve of Eratosthenes, a chain that has a goroutine for each prime.
func TestGoroutinesPassMessagesAlongAChain(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		tx, rx := f.open(1)
		go func() {
			defer tx.Close()
			for v := 2; v < 100; v++ {
				assert.NoError(t, tx.Send(t.Context(), v))
			}
		}()
		var primes []int
		for {
			prime, err := rx.Recv(t.Context())
			if errors.Is(err, channel.ErrClosed) {
				break
			}
			require.NoError(t, err)
			primes = append(primes, prime)
			in := rx
			out, next := f.open(1)
			go func() {
				defer out.Close()
				for v, err := range in.All(t.Context()) {
					assert.NoError(t, err)
					if v%prime != 0 {
						assert.NoError(t, out.Send(t.Context(), v))
					}
				}
			}()
			rx = next
		}
		assert.Equal(t, []int{
			2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
		}, primes)
	})
}
