package channel_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

// oracle is a channel as one reads about it.
type oracle struct {
	capacity, reserved int
	buffer             []int
	closed, gone       bool
}

func (o *oracle) free() int {
	if o.closed {
		return 0
	}
	return o.capacity - o.reserved - len(o.buffer)
}

func (o *oracle) trySend(n int) error {
	switch {
	case o.closed:
		return channel.ErrClosed
	case o.free() < n:
		return channel.ErrFull
	}
	return nil
}

func (o *oracle) tryRecv() (v int, err error) {
	switch {
	case len(o.buffer) > 0:
		v, o.buffer = o.buffer[0], o.buffer[1:]
		return v, nil
	case o.closed && o.reserved == 0 || o.gone:
		return 0, channel.ErrClosed
	}
	return 0, channel.ErrEmpty
}

func TestModel(t *testing.T) {
	everyFlavour(t, func(t *testing.T, f flavour) {
		rapid.Check(t, func(t *rapid.T) {
			capacity := rapid.IntRange(1, 5).Draw(t, "capacity")
			tx, rx := f.open(capacity)
			want := &oracle{capacity: channel.Unbounded}
			if f.bounded {
				want.capacity = capacity
			}
			senders := []*channel.Sender[int]{tx}
			receivers := []*channel.Receiver[int]{rx}
			var permits []*channel.Permit[int]
			next := 0
			anySender := func() *channel.Sender[int] {
				if len(senders) == 0 {
					t.Skip("no sender")
				}
				return rapid.SampledFrom(senders).Draw(t, "sender")
			}
			anyReceiver := func() *channel.Receiver[int] {
				if len(receivers) == 0 {
					t.Skip("no receiver")
				}
				return rapid.SampledFrom(receivers).Draw(t, "receiver")
			}
			anyPermit := func() *channel.Permit[int] {
				if len(permits) == 0 {
					t.Skip("no permit")
				}
				return rapid.SampledFrom(permits).Draw(t, "permit")
			}
			end := func() {
				if len(receivers) == 0 {
					want.closed, want.gone, want.buffer = true, true, nil
				}
				if len(senders) == 0 {
					want.closed = true
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"send": func(t *rapid.T) {
					s := anySender()
					err := s.TrySend(next)
					require.ErrorIs(t, err, want.trySend(1))
					if err == nil {
						want.buffer = append(want.buffer, next)
						next++
					}
				},
				"sendMany": func(t *rapid.T) {
					s := anySender()
					n := rapid.IntRange(0, min(want.free(), 40)).Draw(t, "n")
					if want.closed {
						return
					}
					vs := make([]int, n)
					for i := range vs {
						vs[i] = next
						next++
					}
					sent, err := s.SendMany(t.Context(), vs)
					require.NoError(t, err)
					require.Equal(t, n, sent)
					want.buffer = append(want.buffer, vs...)
				},
				"reserve": func(t *rapid.T) {
					s := anySender()
					n := rapid.IntRange(0, capacity).Draw(t, "n")
					p, err := s.TryReserveMany(n)
					require.ErrorIs(t, err, want.trySend(n))
					if err == nil {
						want.reserved += n
						permits = append(permits, &p)
					}
				},
				"sendReserved": func(t *rapid.T) {
					p := anyPermit()
					if p.Len() == 0 {
						return
					}
					p.Send(next)
					want.reserved--
					if !want.gone {
						want.buffer = append(want.buffer, next)
					}
					next++
				},
				"release": func(t *rapid.T) {
					p := anyPermit()
					want.reserved -= p.Len()
					p.Release()
				},
				"recv": func(t *rapid.T) {
					v, err := anyReceiver().TryRecv()
					wantV, wantErr := want.tryRecv()
					require.ErrorIs(t, err, wantErr)
					require.Equal(t, wantV, v)
				},
				"recvMany": func(t *rapid.T) {
					r := anyReceiver()
					if len(want.buffer) == 0 {
						return
					}
					buf := make([]int, rapid.IntRange(1, 40).Draw(t, "n"))
					n, err := r.RecvMany(t.Context(), buf)
					require.NoError(t, err)
					require.Equal(t, min(len(buf), len(want.buffer)), n)
					require.Equal(t, want.buffer[:n], buf[:n])
					want.buffer = want.buffer[n:]
				},
				"clone sender": func(t *rapid.T) {
					weak := anySender().Downgrade()
					s, ok := weak.Upgrade()
					require.True(t, ok)
					senders = append(senders, s, s.Clone())
				},
				"clone receiver": func(*rapid.T) { receivers = append(receivers, anyReceiver().Clone()) },
				"close sender": func(t *rapid.T) {
					if rapid.IntRange(0, 3).Draw(t, "p") == 0 && len(senders) > 0 {
						senders[0].Close()
						senders = senders[1:]
						end()
					}
				},
				"close receiver": func(t *rapid.T) {
					if rapid.IntRange(0, 7).Draw(t, "p") == 0 && len(receivers) > 0 {
						receivers[0].Close()
						receivers = receivers[1:]
						end()
					}
				},
				"shutdown": func(t *rapid.T) {
					if rapid.IntRange(0, 15).Draw(t, "p") == 0 {
						anyReceiver().Shutdown()
						want.closed = true
					}
				},
				"": func(t *rapid.T) {
					require.Equal(t, want.capacity, tx.Cap())
					require.Equal(t, len(want.buffer), tx.Len())
					require.True(t, len(senders) > 0 || tx.Free() == 0)
					for _, s := range senders {
						require.Equal(t, want.free(), s.Free())
					}
					require.Equal(t, len(senders), tx.SenderCount())
					require.Equal(t, len(receivers), tx.ReceiverCount())
					for _, s := range senders {
						require.Equal(t, want.closed, s.IsClosed())
					}
					for _, r := range receivers {
						require.Equal(t, want.closed, r.IsClosed())
					}
				},
			})
		})
	})
}

// op is an operation of the linearizability test.
type op struct {
	kind string
	v    int
}

// result is what it returned.
type result struct {
	vs  []int
	err string
}

// history is the state: what is buffered, in order, and whether it is closed.
type history struct {
	buffer string
	closed bool
}

func bufferModel(capacity int) porcupine.Model {
	word := func(v int) string { return fmt.Sprintf("%d ", v) }
	return porcupine.Model{
		Init: func() any { return history{} },
		Step: func(state, input, output any) (bool, any) {
			s, in, out := state.(history), input.(op), output.(result)
			switch in.kind {
			case "send":
				switch out.err {
				case "":
					next := s
					next.buffer += word(in.v)
					return !s.closed && strings.Count(s.buffer, " ") < capacity, next
				case "closed":
					return s.closed, s
				case "full":
					return !s.closed && strings.Count(s.buffer, " ") == capacity, s
				}
				return true, s // canceled: not sent
			case "recv":
				switch out.err {
				case "":
					for _, v := range out.vs {
						rest, found := strings.CutPrefix(s.buffer, word(v))
						if !found {
							return false, s
						}
						s.buffer = rest
					}
					return true, s
				case "closed":
					return s.closed && s.buffer == "", s
				case "empty":
					return !s.closed && s.buffer == "", s
				}
				return true, s // canceled: nothing taken
			}
			s.closed = true
			return true, s
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v -> %v", input, output) },
	}
}

func name(err error) string {
	for _, known := range []error{channel.ErrClosed, channel.ErrFull, channel.ErrEmpty} {
		if errors.Is(err, known) {
			return strings.TrimPrefix(known.Error(), "channel: ")
		}
	}
	if err != nil {
		return "canceled"
	}
	return ""
}

func TestLinearizable(t *testing.T) {
	stressFlavours(t, flavours, func(t *testing.T, f flavour, round int) {
		capacity := 1 + round%3
		tx, rx := f.open(capacity)
		var r testkit.Recorder
		testkit.Parallel(6, func(client int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(client)))
			for i := range 6 {
				ctx, cancel := withRandomCancel(t.Context(), rng)
				v := client*100 + i
				if client == 5 && i == 5 {
					r.Do(client, op{"shutdown", 0}, func() any { rx.Shutdown(); return result{} })
					cancel()
					continue
				}
				switch n := rng.IntN(3); {
				case client%2 == 0 && n == 0:
					r.Do(client, op{"send", v}, func() any { return result{err: name(tx.TrySend(v))} })
				case client%2 == 0:
					r.Do(client, op{"send", v}, func() any { return result{err: name(tx.Send(ctx, v))} })
				case n == 0:
					r.Do(client, op{"recv", 0}, func() any {
						v, err := rx.TryRecv()
						return result{err: name(err), vs: []int{v}}
					})
				case n == 1:
					r.Do(client, op{"recv", 0}, func() any {
						v, err := rx.Recv(ctx)
						return result{err: name(err), vs: []int{v}}
					})
				default:
					r.Do(client, op{"recv", 0}, func() any {
						buf := make([]int, 1)
						n, err := rx.RecvMany(ctx, buf)
						return result{err: name(err), vs: buf[:n]}
					})
				}
				cancel()
			}
		})
		r.Linearizable(t, bufferModel(tx.Cap()))
	})
}
