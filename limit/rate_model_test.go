package limit_test

import (
	"context"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
)

// A modelBucket is a token bucket by the book: a number of tokens, which may be negative
// while events are reserved for later, filled with time and emptied by events.
type modelBucket struct {
	o      limit.RateOptions
	tokens *big.Rat
	at     time.Time
}

func newModelBucket(o limit.RateOptions) *modelBucket {
	return &modelBucket{o, big.NewRat(int64(o.Burst), 1), time.Now()}
}

// fill adds what has come in since the last call.
func (m *modelBucket) fill() {
	now := time.Now()
	m.tokens.Add(m.tokens, new(big.Rat).Mul(big.NewRat(int64(m.o.Events), int64(m.o.Per)), big.NewRat(int64(now.Sub(m.at)), 1)))
	m.at = now
	if full := big.NewRat(int64(m.o.Burst), 1); m.tokens.Cmp(full) > 0 {
		m.tokens.Set(full)
	}
}

func (m *modelBucket) available() int {
	m.fill()
	if m.tokens.Sign() < 0 {
		return 0
	}
	return int(new(big.Int).Quo(m.tokens.Num(), m.tokens.Denom()).Int64())
}

// delay returns how long it takes until there are n tokens.
func (m *modelBucket) delay(n int) time.Duration {
	m.fill()
	missing := new(big.Rat).Sub(big.NewRat(int64(n), 1), m.tokens)
	if missing.Sign() <= 0 {
		return 0
	}
	ns := missing.Mul(missing, big.NewRat(int64(m.o.Per), int64(m.o.Events)))
	d, rest := new(big.Int).QuoRem(ns.Num(), ns.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		d.Add(d, big.NewInt(1))
	}
	return time.Duration(d.Int64())
}

func (m *modelBucket) take(n int) { m.tokens.Sub(m.tokens, big.NewRat(int64(n), 1)) }

// exactOptions are rates whose interval is a whole number of units, slow and fast.
func exactOptions(t *rapid.T, label string) limit.RateOptions {
	return limit.RateOptions{
		Events: rapid.SampledFrom([]int{1, 2, 3, 5, 7, 11, 13, 16, 1000, 1_000_000, 1_000_000_000}).Draw(t, label+" events"),
		Per:    rapid.SampledFrom([]time.Duration{time.Second, 7 * time.Second, time.Hour, 24 * time.Hour}).Draw(t, label+" per"),
		Burst:  rapid.IntRange(1, 40).Draw(t, label+" burst"),
	}
}

func TestRateIsExactlyATokenBucket(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		o := exactOptions(t, "first")
		r, m := limit.NewRate(o), newModelBucket(o)
		interval := func() time.Duration { return max(m.o.Per/time.Duration(m.o.Events), 1) }
		var newest *limit.Reservation
		taken := func() { newest = nil }
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				require.Equal(t, m.available(), r.Available(), "%v", r)
			},
			"time goes on": func(t *rapid.T) {
				testkit.Advance(time.Duration(rapid.Int64Range(1, 3*int64(interval())).Draw(t, "ns")))
			},
			"time goes on until the next": func(*rapid.T) {
				testkit.Advance(max(m.delay(m.available()+1), 1))
			},
			"AllowN": func(t *rapid.T) {
				n := rapid.IntRange(0, m.o.Burst+1).Draw(t, "n")
				want := n <= m.available()
				require.Equal(t, want || n == 0, r.AllowN(n))
				if want && n > 0 {
					m.take(n)
					taken()
				}
			},
			"Allow": func(t *rapid.T) {
				want := m.available() > 0
				require.Equal(t, want, r.Allow())
				if want {
					m.take(1)
					taken()
				}
			},
			"Delay": func(t *rapid.T) {
				n := rapid.IntRange(0, m.o.Burst).Draw(t, "n")
				d, err := r.Delay(n)
				require.NoError(t, err)
				if n > 0 {
					require.Equal(t, m.delay(n), d)
				}
			},
			"Reserve": func(t *rapid.T) {
				n := rapid.IntRange(1, m.o.Burst).Draw(t, "n")
				v, err := r.Reserve(n)
				require.NoError(t, err)
				require.Equal(t, m.delay(n), v.Delay())
				m.take(n)
				newest = v
			},
			"Cancel": func(t *rapid.T) {
				if newest == nil {
					t.Skip("nothing to cancel")
				}
				m.fill()
				want := new(big.Rat).Add(m.tokens, big.NewRat(int64(newest.Len()), 1))
				require.True(t, newest.Cancel())
				require.False(t, newest.Cancel())
				m.tokens = want
				m.fill()
				newest = nil
			},
			"WaitN with too little time": func(t *rapid.T) {
				n := rapid.IntRange(1, m.o.Burst).Draw(t, "n")
				d := m.delay(n)
				if d == 0 {
					t.Skip("no wait")
				}
				ctx, cancel := context.WithTimeout(context.Background(), d-1)
				defer cancel()
				begin := time.Now()
				require.ErrorIs(t, r.WaitN(ctx, n), context.DeadlineExceeded)
				require.Equal(t, begin, time.Now(), "it does not wait")
			},
			"WaitN": func(t *rapid.T) {
				n := rapid.IntRange(1, m.o.Burst).Draw(t, "n")
				begin, d := time.Now(), m.delay(n)
				ctx, cancel := context.WithTimeout(context.Background(), d+1)
				defer cancel()
				require.NoError(t, r.WaitN(ctx, n))
				require.Equal(t, d, time.Since(begin))
				m.take(n)
				taken()
			},
			"Set the burst": func(t *rapid.T) {
				m.fill()
				m.o.Burst = rapid.IntRange(1, 40).Draw(t, "burst")
				r.Set(m.o)
				require.Equal(t, m.o, r.Options())
				m.fill()
				taken()
			},
		})
	})
}
