package limit_test

import (
	"context"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
)

func TestEachKeyHasItsOwnRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1, Burst: 2}})
		defer k.Close()
		require.True(t, k.AllowN("ann", 2))
		require.False(t, k.Allow("ann"))
		require.True(t, k.Allow("bob"))
		require.Equal(t, 1, k.Available("bob"))
		require.Equal(t, 2, k.Available("eve"))
		require.Equal(t, 2, k.Len(), "looking makes no key")
		require.True(t, k.AllowN("eve", 0))
		require.False(t, k.AllowN("eve", 3))
		require.Equal(t, 2, k.Len(), "nor does what is allowed always or never")
		d, err := k.Delay("ann", 2)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, d)
		_, err = k.Delay("ann", 3)
		require.ErrorIs(t, err, limit.ErrNever)
		testkit.Advance(time.Second)
		require.True(t, k.Allow("ann"))
		require.Equal(t, limit.RateOptions{Events: 1, Per: time.Second, Burst: 2}, k.Options())
	})
}

func TestKeyedWaitsAndReserves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := limit.NewKeyed[int](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1}, MaxKeys: 2})
		defer k.Close()
		begin := time.Now()
		require.NoError(t, k.Wait(t.Context(), 1))
		require.NoError(t, k.Wait(t.Context(), 1))
		require.Equal(t, time.Second, time.Since(begin))
		v, err := k.Reserve(1, 1)
		require.NoError(t, err)
		require.Equal(t, time.Second, v.Delay())
		require.True(t, v.Cancel())
		v, err = k.Reserve(1, 0)
		require.NoError(t, err)
		require.Zero(t, v.Delay())
		require.False(t, v.Cancel())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		require.ErrorIs(t, k.Wait(ctx, 1), context.DeadlineExceeded)
		require.ErrorIs(t, k.WaitN(ctx, 1, 2), limit.ErrNever)
		require.NoError(t, k.WaitN(ctx, 1, 0))
		_, err = k.Reserve(1, 2)
		require.ErrorIs(t, err, limit.ErrNever)
		require.NoError(t, k.Wait(t.Context(), 2))
		require.ErrorIs(t, k.Wait(t.Context(), 3), limit.ErrFull)
		_, err = k.Reserve(3, 1)
		require.ErrorIs(t, err, limit.ErrFull)
		gone, leave := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- k.Wait(gone, 2) }()
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-failed, context.Canceled)
		d, err := k.Delay(2, 1)
		require.NoError(t, err)
		require.Equal(t, time.Second, d, "it has given its event back")
	})
}

func TestKeyedIsExactWhateverIsForgotten(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		o := exactOptions(t, "each")
		interval := max(o.Per/time.Duration(o.Events), 1)
		k := limit.NewKeyed[int](limit.KeyedOptions{
			Rate: o, ForgetAfter: time.Duration(rapid.Int64Range(int64(interval)/50+1, 3*int64(interval)).Draw(t, "forget after")),
		})
		defer k.Close()
		models := map[int]*modelBucket{}
		of := func(key int) *modelBucket {
			if models[key] == nil {
				models[key] = newModelBucket(o)
			}
			return models[key]
		}
		key := rapid.IntRange(0, 4)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				busy := 0
				for key, m := range models {
					require.Equal(t, m.available(), k.Available(key))
					if m.delay(o.Burst) > 0 {
						busy++
					}
				}
				require.GreaterOrEqual(t, k.Len(), busy)
			},
			"time goes on": func(t *rapid.T) {
				testkit.Advance(time.Duration(rapid.Int64Range(1, 3*int64(interval)).Draw(t, "ns")))
			},
			"AllowN": func(t *rapid.T) {
				key := key.Draw(t, "key")
				n := rapid.IntRange(1, o.Burst+1).Draw(t, "n")
				want := n <= of(key).available()
				require.Equal(t, want, k.AllowN(key, n))
				if want {
					of(key).take(n)
				}
			},
			"Reserve": func(t *rapid.T) {
				key := key.Draw(t, "key")
				v, err := k.Reserve(key, 1)
				require.NoError(t, err)
				require.Equal(t, of(key).delay(1), v.Delay())
				of(key).take(1)
			},
		})
	})
}

func TestKeysAtRestAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := limit.NewKeyed[int](limit.KeyedOptions{
			Rate: limit.RateOptions{Events: 10}, ForgetAfter: time.Minute,
		})
		defer k.Close()
		for i := range 1000 {
			require.True(t, k.Allow(i))
		}
		require.True(t, k.AllowN(7, 9))
		require.Equal(t, 1000, k.Len())
		testkit.Advance(time.Minute + 100*time.Millisecond)
		require.Zero(t, k.Len())
		require.True(t, k.Allow(1))
		testkit.Advance(time.Hour)
		require.Zero(t, k.Len(), "and later ones too")
	})
}

func TestNeverMoreThanMaxKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := limit.NewKeyed[int](limit.KeyedOptions{
			Rate: limit.RateOptions{Events: 1}, MaxKeys: 3, ForgetAfter: time.Hour,
		})
		defer k.Close()
		for i := range 10 {
			require.Equal(t, i < 3, k.Allow(i))
		}
		require.Equal(t, 3, k.Len())
		require.False(t, k.Allow(0), "its bucket is empty")
		testkit.Advance(time.Second)
		require.True(t, k.Allow(0), "a key that is there is served")
		require.False(t, k.Allow(9), "there is no room yet")
		testkit.Advance(0)
		require.True(t, k.Allow(9), "but keys at rest were looked for at once")
		require.Equal(t, 2, k.Len())
	})
}

func TestAClosedKeyedAllowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := limit.NewKeyed[int](limit.KeyedOptions{Rate: limit.RateOptions{Events: 10}})
		require.True(t, k.Allow(1))
		k.Close()
		k.Close()
		require.Zero(t, k.Len())
		require.False(t, k.Allow(1))
		require.False(t, k.Allow(2))
		require.ErrorIs(t, k.Wait(t.Context(), 1), limit.ErrClosed)
		_, err := k.Reserve(1, 1)
		require.ErrorIs(t, err, limit.ErrClosed)
		require.Zero(t, k.Len())
	})
}

func TestStressManyKeysAtOnce(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		synctest.Test(t, func(t *testing.T) { // time stands still: exactly a burst each
			const keys, burst = 50, 3
			k := limit.NewKeyed[int](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1, Burst: burst}, MaxKeys: keys})
			defer k.Close()
			var allowed [keys]atomic.Int64
			testkit.Parallel(8, func(int) {
				for i := range keys * burst {
					if k.Allow(i % keys) {
						allowed[i%keys].Add(1)
					}
				}
			})
			for i := range allowed {
				// Two goroutines that make the last key at once count it twice for a moment.
				assert.LessOrEqual(t, allowed[i].Load(), int64(burst))
				for k.Allow(i) {
					allowed[i].Add(1)
				}
				assert.EqualValues(t, burst, allowed[i].Load())
			}
			require.Equal(t, keys, k.Len())
		})
	})
}

func TestKeysThatCannotBeFoundAgainPanic(t *testing.T) {
	floats := limit.NewKeyed[float64](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1}})
	defer floats.Close()
	err := testkit.PanicError(t, func() { floats.Allow(math.NaN()) })
	require.EqualError(t, err, "limit: Keyed.Allow: a key of type float64 that a map cannot find again")
	require.Zero(t, floats.Len())
}

// TestMillionsOfKeys makes a million keys, or ten millions in a stress test, and holds
// their memory against what the documentation says.
func TestMillionsOfKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	keys := 1_000_000
	switch {
	case testkit.RaceEnabled:
		keys = 100_000
	case testkit.StressTime(t) > time.Second:
		keys = 10_000_000
	}
	live := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	k := limit.NewKeyed[int](limit.KeyedOptions{
		Rate: limit.RateOptions{Events: 1, Per: 24 * time.Hour}, MaxKeys: keys,
	})
	for i := range keys {
		if !k.Allow(i) {
			t.Fatal(i)
		}
	}
	require.False(t, k.Allow(keys))
	each := float64(live()-before) / float64(keys)
	t.Logf("%d keys, %.0f bytes each", keys, each)
	if !testkit.RaceEnabled {
		assert.Less(t, each, 120.0)
	}
	require.Equal(t, keys, k.Len())
	k.Close()
	require.Zero(t, k.Len())
	if left := float64(live()-before) / float64(keys); !testkit.RaceEnabled {
		assert.Less(t, left, 60.0, "the map shrinks")
	}
	runtime.KeepAlive(k)
}
