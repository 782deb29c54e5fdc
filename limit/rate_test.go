package limit_test

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
)

func TestRateAllowsABurstThenTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 2, Burst: 3})
		for range 3 {
			require.True(t, r.Allow())
		}
		require.False(t, r.Allow())
		testkit.Advance(500*time.Millisecond - 1)
		require.False(t, r.Allow())
		testkit.Advance(1)
		require.True(t, r.Allow())
		require.False(t, r.Allow())
		testkit.Advance(time.Hour)
		require.Equal(t, 3, r.Available(), "no more than the burst is kept")
		require.False(t, r.AllowN(4), "never more than the burst at once")
		require.True(t, r.AllowN(3))
		require.False(t, r.AllowN(1))
		require.True(t, r.AllowN(0), "nothing is always allowed")
	})
}

func TestDefaultsAreASecondAndAsMuchAtOnce(t *testing.T) {
	r := limit.NewRate(limit.RateOptions{Events: 7})
	assert.Equal(t, limit.RateOptions{Events: 7, Per: time.Second, Burst: 7}, r.Options())
	assert.Equal(t, 7, r.Available())
}

// exact returns how many events a rate allows in that time, rounded down.
func exact(o limit.RateOptions, d time.Duration) int64 {
	high, low := bits.Mul64(uint64(o.Events), uint64(d))
	n, _ := bits.Div64(high, low, uint64(o.Per)) // at most d, since one event a nanosecond is the most
	return int64(n)
}

// TestExtremeRatesAreKept counts what slow and fast rates allow in a long time.
func TestExtremeRatesAreKept(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		o     limit.RateOptions
		after time.Duration
		loss  float64 // the share that rounding may take
	}{
		{limit.RateOptions{Events: 1, Per: day, Burst: 2}, 1000 * day, 0},
		{limit.RateOptions{Events: 1, Per: 7 * day, Burst: 2}, 700 * day, 0},
		{limit.RateOptions{Events: 1, Per: math.MaxInt64, Burst: 2}, 1000 * day, 0},
		{limit.RateOptions{Events: 1, Per: day, Burst: 1 << 30}, 1 << 20 * time.Hour, 1e-6},
		{limit.RateOptions{Events: 3, Per: time.Second}, 30 * day, 0},
		{limit.RateOptions{Events: 97, Per: time.Second}, 30 * day, 1e-6},
		{limit.RateOptions{Events: 999_983, Per: time.Second, Burst: 1000}, time.Hour, 1e-4},
		{limit.RateOptions{Events: 1_000_000, Per: time.Second}, time.Hour, 0},
		{limit.RateOptions{Events: 1_000_000_000, Per: time.Second, Burst: 10}, time.Minute, 0},
		{limit.RateOptions{Events: 999_999_937, Per: time.Second, Burst: 10}, time.Minute, 1.0 / 16},
		{limit.RateOptions{Events: 1, Per: 1, Burst: 1 << 30}, time.Minute, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := limit.NewRate(c.o)
			o := r.Options()
			require.True(t, r.AllowN(o.Burst), "full at first")
			require.False(t, r.Allow())
			const steps = 1000
			var allowed int64
			step := c.after / steps // so short that the bucket is never full
			if fill := float64(o.Per) / float64(o.Events) * float64(o.Burst) / 2; fill < float64(step) {
				step = time.Duration(fill)
			}
			for range steps {
				testkit.Advance(step)
				n := r.Available()
				require.True(t, r.AllowN(n))
				require.False(t, r.Allow())
				allowed += int64(n)
			}
			want := exact(o, steps*step)
			assert.LessOrEqual(t, allowed, want, "%v", r)
			assert.GreaterOrEqual(t, float64(allowed)+1, float64(want)*(1-c.loss), "%v", r)
		})
	}
}

func TestTheLargestBurstFits(t *testing.T) {
	burst := int64(limit.MaxBurst)
	if math.MaxInt < burst {
		burst = math.MaxInt32
	}
	for _, per := range []time.Duration{1, time.Second, math.MaxInt64} {
		synctest.Test(t, func(t *testing.T) {
			r := limit.NewRate(limit.RateOptions{Events: 1, Per: per, Burst: int(burst)})
			require.True(t, r.AllowN(int(burst)))
			require.False(t, r.Allow())
			testkit.Advance(1)
			require.Equal(t, per == 1, r.Allow())
			d, err := r.Delay(int(burst))
			require.NoError(t, err)
			require.Positive(t, d)
		})
	}
}

func TestReservationsComeOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 1, Burst: 2})
		begin := time.Now()
		var all []*limit.Reservation
		for _, want := range []time.Duration{0, 0, time.Second, 2 * time.Second} {
			v, err := r.Reserve(1)
			require.NoError(t, err)
			require.Equal(t, want, v.Delay())
			if want > 0 {
				require.Equal(t, begin.Add(want), v.At())
			}
			all = append(all, v)
		}
		d, err := r.Delay(1)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, d)
		require.False(t, all[2].Cancel(), "another one was made since")
		require.True(t, all[3].Cancel())
		require.False(t, all[3].Cancel(), "once only")
		d, err = r.Delay(1)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, d)
		testkit.Advance(1500 * time.Millisecond)
		require.Equal(t, 0*time.Second, all[2].Delay())
		require.Equal(t, 500*time.Millisecond, all[3].Delay())
		require.Equal(t, 1, all[3].Len())
		_, err = r.Reserve(3)
		require.ErrorIs(t, err, limit.ErrNever)
		_, err = r.Delay(3)
		require.ErrorIs(t, err, limit.ErrNever)
	})
}

func TestACanceledReservationIsNotCanceledTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 1})
		first, err := r.Reserve(1)
		require.NoError(t, err)
		require.True(t, first.Cancel())
		_, err = r.Reserve(1) // ends where the first one did
		require.NoError(t, err)
		require.False(t, first.Cancel())
		require.False(t, r.Allow())
	})
}

func TestReservationsReachYearsAheadAndNoFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 1, Per: 365 * 24 * time.Hour, Burst: 10})
		n := 0
		for ; ; n++ {
			require.Less(t, n, 1000)
			if _, err := r.Reserve(10); err != nil {
				require.ErrorIs(t, err, limit.ErrNever)
				break
			}
		}
		require.GreaterOrEqual(t, n, 4)
		require.ErrorIs(t, r.WaitN(t.Context(), 10), limit.ErrNever)
	})
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 10, Burst: 1})
		begin := time.Now()
		var mu sync.Mutex
		var order []int
		for i := range 20 {
			go func() {
				assert.NoError(t, r.Wait(t.Context()))
				mu.Lock()
				defer mu.Unlock()
				assert.Equal(t, time.Duration(i)*100*time.Millisecond, time.Since(begin))
				order = append(order, i)
			}()
			synctest.Wait()
		}
		require.False(t, r.Allow(), "those that wait come first")
		testkit.Advance(1900 * time.Millisecond)
		require.Len(t, order, 20)
		require.True(t, slices.IsSorted(order))
	})
}

func TestACanceledWaitReturnsItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 1})
		require.True(t, r.Allow())
		cause := errors.New("changed my mind")
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- r.Wait(ctx) }()
		synctest.Wait()
		require.Zero(t, r.Available())
		cancel(cause)
		err := <-failed
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, context.Canceled)
		require.EqualError(t, err, "limit: Rate.Wait: changed my mind")
		testkit.Advance(time.Second)
		require.True(t, r.Allow(), "it has given its event back")
		require.ErrorIs(t, r.Wait(ctx), cause, "a context that is done comes first")
	})
}

func TestACanceledWaitInTheMiddleLosesItsEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 1})
		require.True(t, r.Allow())
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { assert.Error(t, r.Wait(ctx)) }()
		synctest.Wait()
		done := make(chan time.Duration, 1)
		go func() {
			assert.NoError(t, r.Wait(t.Context()))
			done <- time.Since(begin)
		}()
		synctest.Wait()
		cancel()
		require.Equal(t, 2*time.Second, <-done, "its time was given already")
	})
}

func TestWaitDoesNotWaitForADeadlineThatIsTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 1})
		require.True(t, r.Allow())
		ctx, cancel := context.WithTimeout(t.Context(), 999*time.Millisecond)
		defer cancel()
		begin := time.Now()
		require.ErrorIs(t, r.Wait(ctx), context.DeadlineExceeded)
		require.Equal(t, begin, time.Now())
		d, err := r.Delay(1)
		require.NoError(t, err)
		require.Equal(t, time.Second, d, "nothing was taken")
		require.ErrorIs(t, r.WaitN(t.Context(), 2), limit.ErrNever)
		require.NoError(t, r.WaitN(t.Context(), 0))
	})
}

func TestSetKeepsWhatIsInTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 10, Burst: 10})
		require.True(t, r.AllowN(4))
		r.Set(limit.RateOptions{Events: 1, Per: time.Hour, Burst: 100})
		require.Equal(t, 6, r.Available())
		testkit.Advance(time.Hour)
		require.Equal(t, 7, r.Available())
		r.Set(limit.RateOptions{Events: 1000, Burst: 3})
		require.Equal(t, 3, r.Available(), "no more than the new burst")
		v, err := r.Reserve(3)
		require.NoError(t, err)
		later, err := r.Reserve(2)
		require.NoError(t, err)
		r.Set(limit.RateOptions{Events: 1, Burst: 3})
		d, err := r.Delay(1)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, d, "what is reserved is owed at the new rate")
		require.Equal(t, 2*time.Millisecond, later.Delay(), "and keeps its time")
		require.False(t, later.Cancel())
		require.False(t, v.Cancel())
	})
}

func TestARateMadeOutsideABubbleBeginsAgainInside(t *testing.T) {
	r := limit.NewRate(limit.RateOptions{Events: 97, Per: time.Hour, Burst: 2})
	require.True(t, r.AllowN(2))
	for range 2 { // bubbles begin at the same time
		synctest.Test(t, func(t *testing.T) {
			if !r.AllowN(2) {
				testkit.Advance(2 * time.Hour)
				require.True(t, r.AllowN(2))
			}
			require.False(t, r.Allow())
			testkit.Advance(time.Hour)
			require.True(t, r.AllowN(2))
		})
	}
	require.True(t, r.AllowN(2))
	require.False(t, r.Allow())
}

func TestARateOutlivesTheRangeOfItsUnits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(limit.RateOptions{Events: 97, Burst: 3}) // sixteenths of a nanosecond
		for range 5 {
			require.True(t, r.AllowN(3))
			require.False(t, r.Allow())
			testkit.Advance(7 * 365 * 24 * time.Hour)
		}
	})
}

// admitted checks that no stretch of time has more events than a burst and what the
// rate allows in it.
func admitted(t *testing.T, o limit.RateOptions, times []time.Duration) {
	t.Helper()
	slices.Sort(times)
	for i, from := range times { // the first of a stretch
		for j := i + o.Burst; j < len(times); j++ {
			most := int64(o.Burst) + exact(o, times[j]-from)
			if int64(j-i+1) > most {
				t.Fatalf("%d events from %v to %v, at most %d wanted", j-i+1, from, times[j], most)
			}
		}
	}
}

func TestAThousandGoroutinesAreNeverAllowedMore(t *testing.T) {
	o := limit.RateOptions{Events: 1000, Per: time.Second, Burst: 50}
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRate(o)
		begin := time.Now()
		var mu sync.Mutex
		var times []time.Duration
		testkit.Parallel(1000, func(i int) {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 10 {
				sleep(time.Duration(random.IntN(100)) * time.Millisecond)
				n := 1 + random.IntN(3)
				ok := false
				switch random.IntN(4) {
				case 0:
					n, ok = 1, r.Allow()
				case 1:
					ok = r.AllowN(n)
				case 2:
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
					ok = r.WaitN(ctx, n) == nil
					cancel()
				case 3:
					if v, err := r.Reserve(n); err == nil {
						if ok = random.IntN(2) == 0; ok {
							sleep(v.Delay())
						} else {
							v.Cancel()
						}
					}
				}
				if ok {
					mu.Lock()
					times = append(times, slices.Repeat([]time.Duration{time.Since(begin)}, n)...)
					mu.Unlock()
				}
			}
		})
		require.Greater(t, len(times), 200)
		admitted(t, o, times)
	})
}

func TestStressRateUnderRealTime(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		o := limit.RateOptions{Events: 100_000, Per: time.Second, Burst: 100}
		begin := time.Now()
		r := limit.NewRate(o)
		var allowed atomic.Int64
		testkit.Parallel(64, func(int) {
			for range 500 {
				if r.Allow() {
					allowed.Add(1)
				}
			}
		})
		most := int64(o.Burst) + exact(o, time.Since(begin)) + 1
		require.LessOrEqual(t, allowed.Load(), most)
		require.GreaterOrEqual(t, allowed.Load(), int64(o.Burst))
	})
}

// TestStressSetLosesAndMakesNothing changes the options while others take: what is in
// the bucket stays the same, whatever comes first.
func TestStressSetLosesAndMakesNothing(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		synctest.Test(t, func(t *testing.T) { // time stands still
			const burst = 1000
			r := limit.NewRate(limit.RateOptions{Events: 1, Burst: burst})
			var allowed atomic.Int64
			testkit.Parallel(8, func(i int) {
				for j := range 250 {
					if i == 0 && j%5 == 0 {
						r.Set(limit.RateOptions{Events: 1 + j%2, Burst: burst})
					}
					if r.Allow() {
						allowed.Add(1)
					}
				}
			})
			require.EqualValues(t, burst, allowed.Load())
			require.Zero(t, r.Available())
		})
	})
}

// sleep waits in fake time.
func sleep(d time.Duration) { <-time.After(d) }
