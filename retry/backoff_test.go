package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

func TestExponentialDoublesUpToItsLimit(t *testing.T) {
	b := retry.Exponential(100*time.Millisecond, time.Second)
	var got []time.Duration
	for n := 1; n <= 6; n++ {
		got = append(got, b(n, 0, 0)/time.Millisecond)
	}
	assert.Equal(t, []time.Duration{100, 200, 400, 800, 1000, 1000}, got)
	assert.Equal(t, 100*time.Millisecond, b(0, 0, 0), "there is no failure before the first")
	assert.Equal(t, time.Duration(1)<<62, retry.Exponential(1, math.MaxInt64)(63, 0, 0), "the last that fits")
	assert.Equal(t, time.Duration(math.MaxInt64), retry.Exponential(1, math.MaxInt64)(64, 0, 0))
	assert.Zero(t, retry.Exponential(0, time.Second)(1_000_000, 0, 0))
	assert.Equal(t, time.Second, retry.Exponential(time.Minute, time.Second)(1, 0, 0))
}

func TestConstantStaysTheSame(t *testing.T) {
	b := retry.Constant(time.Second)
	assert.Equal(t, time.Second, b(1, 0, 0))
	assert.Equal(t, time.Second, b(1_000_000, time.Hour, math.MaxUint64))
}

func TestJitterCoversItsRange(t *testing.T) {
	const limit = 1000
	constant := retry.Constant(limit)
	for _, c := range []struct {
		name        string
		b           retry.Backoff
		least, most time.Duration
	}{
		{"full", constant.FullJitter(), 0, limit - 1},
		{"equal", constant.EqualJitter(), limit / 2, limit - 1},
		{"decorrelated", retry.Decorrelated(100, limit), 100, limit},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for i := range uint64(limit * 8) {
				seen[c.b(1, limit, i*(math.MaxUint64/(limit*8-1)))] = true
			}
			assert.Len(t, seen, int(c.most-c.least)+1, "every delay is possible")
			for d := range seen {
				require.True(t, c.least <= d && d <= c.most, "%d", d)
			}
		})
	}
}

func TestDecorrelatedGrowsWithTheDelayBefore(t *testing.T) {
	b := retry.Decorrelated(10, 1000)
	assert.Equal(t, time.Duration(30), b(1, 0, math.MaxUint64))
	assert.Equal(t, time.Duration(300), b(2, 100, math.MaxUint64))
	assert.Equal(t, time.Duration(10), b(2, 100, 0))
	assert.Equal(t, time.Duration(1000), b(2, 999, math.MaxUint64))
}

// TestDelaysStayWithinTheirBounds is the promise 0 ≤ delay ≤ limit for any
// back-off, at any attempt.
func TestDelaysStayWithinTheirBounds(t *testing.T) {
	edge := []time.Duration{0, 1, 2, 3, time.Second, math.MaxInt64 / 3, math.MaxInt64/3 + 1, math.MaxInt64/2 + 1, math.MaxInt64 - 1, math.MaxInt64}
	duration := rapid.OneOf(rapid.SampledFrom(edge), rapid.Map(rapid.Int64Range(0, math.MaxInt64), func(n int64) time.Duration { return time.Duration(n) }))
	random := rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, 1 << 63, math.MaxUint64}), rapid.Uint64())
	rapid.Check(t, func(t *rapid.T) {
		base, limit := duration.Draw(t, "base"), duration.Draw(t, "limit")
		for name, b := range map[string]retry.Backoff{
			"exponential":  retry.Exponential(base, limit),
			"full":         retry.Exponential(base, limit).FullJitter(),
			"equal":        retry.Exponential(base, limit).EqualJitter(),
			"decorrelated": retry.Decorrelated(base, limit),
			"custom":       retry.Backoff(func(int, time.Duration, uint64) time.Duration { return limit }).FullJitter(),
		} {
			previous := time.Duration(0)
			n := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 1_000_000)).Draw(t, "n")
			for range 3 {
				d := b(n, previous, random.Draw(t, "random"))
				if d < 0 || d > limit {
					t.Fatalf("%s: base %d, limit %d, n %d, previous %d: %d", name, base, limit, n, previous, d)
				}
				previous, n = d, n+1
			}
		}
	})
}

func TestJitterOfANegativeDelayIsNone(t *testing.T) {
	negative := retry.Backoff(func(int, time.Duration, uint64) time.Duration { return math.MinInt64 + 1 })
	assert.Zero(t, negative.FullJitter()(1, 0, math.MaxUint64))
	assert.Zero(t, negative.EqualJitter()(1, 0, math.MaxUint64))
}

func TestBackoffsRefuseNegativeBounds(t *testing.T) {
	for want, f := range map[string]func(){
		"retry: Constant: negative delay -1ns":                 func() { retry.Constant(-1) },
		"retry: Exponential: negative base -1ns or limit 1ns":  func() { retry.Exponential(-1, 1) },
		"retry: Exponential: negative base 1ns or limit -1ns":  func() { retry.Exponential(1, -1) },
		"retry: Decorrelated: negative base 1ns or limit -1ns": func() { retry.Decorrelated(1, -1) },
		"retry: New: negative Attempts -1":                     func() { retry.New(retry.Options{Attempts: -1}) },
		"retry: New: negative MaxDelay -1ns":                   func() { retry.New(retry.Options{MaxDelay: -1}) },
		"retry: New: negative MaxElapsed -1ns":                 func() { retry.New(retry.Options{MaxElapsed: -1}) },
		"retry: New: negative Timeout -1ns":                    func() { retry.New(retry.Options{Timeout: -1}) },
		"retry: NewBudget: Max -1 is not 0 to 2^40":            func() { retry.NewBudget(retry.BudgetOptions{Max: -1}) },
		"retry: NewBudget: Ratio NaN is not 0 to 1":            func() { retry.NewBudget(retry.BudgetOptions{Ratio: math.NaN()}) },
		"retry: NewBudget: Ratio -0.1 is not 0 to 1":           func() { retry.NewBudget(retry.BudgetOptions{Ratio: -0.1}) },
		"retry: NewDetach: negative limit -1":                  func() { retry.NewDetach(-1) },
		"retry: NewHedge: negative Delay -1ns or Copies 0":     func() { retry.NewHedge(retry.HedgeOptions{Delay: -1}) },
		"retry: NewBreaker: Probes -1 is not 1 to 65535":       func() { retry.NewBreaker(retry.BreakerOptions{Probes: -1}) },
		"retry: NewBreaker: negative OpenFor -1ns":             func() { retry.NewBreaker(retry.BreakerOptions{OpenFor: -1}) },
		"retry: NewBreaker: Failures 3, Window 2: not 1 ≤ Failures ≤ Window ≤ 32": func() {
			retry.NewBreaker(retry.BreakerOptions{Failures: 3, Window: 2})
		},
		"retry: NewBreaker: Failures 33, Window 33: not 1 ≤ Failures ≤ Window ≤ 32": func() {
			retry.NewBreaker(retry.BreakerOptions{Failures: 33})
		},
	} {
		t.Run(want, func(t *testing.T) {
			assert.EqualError(t, testkit.PanicError(t, f), want)
		})
	}
}
