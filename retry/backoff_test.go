package retry_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// extremes are the durations at which arithmetic goes wrong.
var extremes = []time.Duration{
	math.MinInt64, math.MinInt64 + 1, math.MinInt64 / 2, -time.Second, -1, 0, 1, 2, 3, 9, 10, time.Second,
	math.MaxInt64 / 10, math.MaxInt64 / 3, math.MaxInt64/3 + 1, math.MaxInt64/2 + 1, math.MaxInt64 - 1, math.MaxInt64,
}

// checkDelays fails unless all backoffs, with all jitters and jitters of
// jitters, stay within 0 and their limit, and a Policy's delays within MaxDelay
// and, as far as that allows, above After. A custom backoff returns says.
func checkDelays(t rapid.TB, base, limit, says, previous, after time.Duration, n int, random uint64) {
	t.Helper()
	custom := retry.Backoff(func(int, time.Duration, uint64) time.Duration { return says })
	all := map[string]retry.Backoff{"custom": custom}
	limits := map[string]time.Duration{"custom": max(says, 0)}
	if base >= 0 && limit >= 0 {
		all["constant"], limits["constant"] = retry.Constant(limit), limit
		all["exponential"], limits["exponential"] = retry.Exponential(base, limit), limit
		all["decorrelated"], limits["decorrelated"] = retry.Decorrelated(base, limit), limit
	}
	for name, plain := range all {
		for jitter, b := range map[string]retry.Backoff{
			"": plain, "full": plain.FullJitter(), "equal": plain.EqualJitter(),
			"full of equal": plain.EqualJitter().FullJitter(), "equal of full": plain.FullJitter().EqualJitter(),
		} {
			d := b(n, previous, random)
			if name == "custom" && jitter == "" {
				continue // it says what it likes
			}
			if d < 0 || d > limits[name] {
				t.Fatalf("%s %s: base %d, limit %d, says %d, n %d, previous %d, random %d: %d", name, jitter, base, limit, says, n, previous, random, d)
			}
			if jitter == "equal" && d < limits[name]/2 && (name == "constant" || name == "custom") {
				t.Fatalf("%s %s: limit %d, random %d: only %d", name, jitter, limits[name], random, d)
			}
		}
	}
	if limit <= 0 {
		return
	}
	var told time.Duration
	stop := errors.New("no need to wait")
	p := retry.New(retry.Options{
		MaxDelay: limit, Seed: random, Backoff: custom,
		OnRetry: func(_ context.Context, r retry.Retry) { told = r.Delay; panic(stop) },
	})
	op, _ := failing(1, retry.After(after, errDown))
	func() {
		defer func() { _ = recover() }()
		_, _ = retry.Do(context.Background(), p, op)
	}()
	least := min(max(says, after, 0), limit)
	if most := min(max(says, least+least/10, 0), limit); told < least || told > limit || least <= math.MaxInt64/2 && told > most {
		t.Fatalf("limit %d, says %d, after %d: %d", limit, says, after, told)
	}
}

// TestDelaysStayWithinTheirBounds is the promise 0 ≤ delay ≤ limit for any
// backoff, at any attempt.
func TestDelaysStayWithinTheirBounds(t *testing.T) {
	duration := rapid.OneOf(rapid.SampledFrom(extremes), rapid.Map(rapid.Int64(), func(n int64) time.Duration { return time.Duration(n) }))
	random := rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, 1 << 63, math.MaxUint64}), rapid.Uint64())
	number := rapid.OneOf(rapid.SampledFrom([]int{math.MinInt, -1, 0, 1, 2, 62, 63, 64, 65, math.MaxInt}), rapid.IntRange(1, 100))
	rapid.Check(t, func(t *rapid.T) {
		checkDelays(t, duration.Draw(t, "base"), duration.Draw(t, "limit"), duration.Draw(t, "says"),
			duration.Draw(t, "previous"), duration.Draw(t, "after"), number.Draw(t, "n"), random.Draw(t, "random"))
	})
	for _, base := range extremes { // and all pairs of extremes
		for _, limit := range extremes {
			for _, r := range []uint64{0, math.MaxUint64} {
				checkDelays(t, base, limit, base, limit, base, 1, r)
				checkDelays(t, base, limit, limit, base, base, math.MaxInt, r)
				checkDelays(t, base, limit, limit, base, limit, math.MinInt, r)
			}
		}
	}
}

func FuzzDelays(f *testing.F) {
	for _, d := range extremes {
		f.Add(int64(0), int64(d), int64(d), int64(d), int64(d), 1, uint64(math.MaxUint64))
	}
	f.Fuzz(func(t *testing.T, base, limit, says, previous, after int64, n int, random uint64) {
		checkDelays(t, time.Duration(base), time.Duration(limit), time.Duration(says), time.Duration(previous), time.Duration(after), n, random)
	})
}

func TestJitterOfANegativeDelayIsNone(t *testing.T) {
	for _, d := range []time.Duration{-1, math.MinInt64 + 1, math.MinInt64} {
		negative := retry.Backoff(func(int, time.Duration, uint64) time.Duration { return d })
		assert.Zero(t, negative.FullJitter()(1, 0, math.MaxUint64), "%d", d)
		assert.Zero(t, negative.EqualJitter()(1, 0, math.MaxUint64), "%d", d)
	}
}
