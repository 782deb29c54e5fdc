package retry_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// copyOf is how one copy of a call behaves.
type copyOf struct {
	takes time.Duration
	err   error
	deaf  bool // it does not listen to its context
}

// script returns an op of which the n'th copy behaves as said and returns n.
func script(copies ...copyOf) (op retry.Op[int], started *atomic.Int64) {
	started = new(atomic.Int64)
	return func(ctx context.Context) (int, error) {
		n := int(started.Add(1))
		c := copies[n-1]
		if c.deaf {
			ctx = context.WithoutCancel(ctx)
		}
		timer := time.NewTimer(c.takes)
		defer timer.Stop()
		select {
		case <-timer.C:
			return n, c.err
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}, started
}

func TestAHedgeHasOneWinner(t *testing.T) {
	minute := copyOf{takes: time.Minute}
	for name, c := range map[string]struct {
		copies            []copyOf
		want              int
		err               error
		after             time.Duration
		started, disposed int
		wins              int
	}{
		"the first is fast":         {[]copyOf{{takes: time.Second / 2}}, 1, nil, time.Second / 2, 1, 0, 0},
		"the second overtakes":      {[]copyOf{minute, {takes: 3 * time.Second / 4}}, 2, nil, 7 * time.Second / 4, 2, 0, 1},
		"the first comes in after":  {[]copyOf{{takes: 3 * time.Second}, minute, minute}, 1, nil, 3 * time.Second, 3, 0, 0},
		"a failure is not the end":  {[]copyOf{{takes: 3 * time.Second / 2, err: errDown}, {takes: 3 * time.Second}}, 2, nil, 4 * time.Second, 3, 0, 1},
		"all fail":                  {[]copyOf{{takes: 4 * time.Second, err: errDown}, {takes: 4 * time.Second, err: errDown}, {takes: time.Second, err: errDown}}, 3, errDown, 5 * time.Second, 3, 0, 0},
		"it fails before the delay": {[]copyOf{{err: errDown}}, 1, errDown, 0, 1, 0, 0},
		"permanent":                 {[]copyOf{minute, {takes: time.Second / 2, err: retry.Permanent(errDown)}}, 2, errDown, 3 * time.Second / 2, 2, 0, 0},
		"a loser succeeds too":      {[]copyOf{{takes: time.Minute, deaf: true}, {takes: 3 * time.Second / 4}}, 2, nil, time.Minute, 2, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := retry.NewHedge(retry.HedgeOptions{Delay: time.Second, Copies: 3})
				op, started := script(append(c.copies, minute, minute)...)
				var disposed []int
				start := time.Now()
				v, err := retry.Hedged(h, op, func(v int) { disposed = append(disposed, v) })(t.Context())
				if c.err != nil {
					require.ErrorIs(t, err, c.err)
				} else {
					require.NoError(t, err)
					assert.Equal(t, c.want, v)
				}
				assert.Equal(t, c.after, time.Since(start))
				assert.EqualValues(t, c.started, started.Load())
				assert.Len(t, disposed, c.disposed)
				assert.False(t, slices.Contains(disposed, v), "not the winner")
				assert.Equal(t, c.started-1, h.Stats().Copies)
				assert.Equal(t, c.wins, h.Stats().Wins)
			})
		})
	}
}

func TestAHedgesCopiesEndWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second/2, func() { cancel(cause) })
		op, started := script(copyOf{takes: time.Hour}, copyOf{takes: time.Hour})
		start := time.Now()
		_, err := retry.Hedged(retry.NewHedge(retry.HedgeOptions{Delay: time.Second}), op, nil)(ctx)
		require.ErrorIs(t, err, cause)
		assert.Equal(t, 3*time.Second/2, time.Since(start))
		assert.EqualValues(t, 2, started.Load())
	})
}

func TestAPanickingCopyEndsTheRace(t *testing.T) {
	for _, second := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := retry.NewHedge(retry.HedgeOptions{Delay: time.Second})
			var calls, canceled atomic.Int64
			var disposed []int
			got := testkit.PanicError(t, func() {
				_, _ = retry.Hedged(h, func(ctx context.Context) (int, error) {
					if (calls.Add(1) == 2) == second {
						if !second {
							pass(2 * time.Second)
						}
						panic(errDown)
					}
					<-ctx.Done()
					canceled.Add(1)
					return 7, nil
				}, func(v int) { disposed = append(disposed, v) })(t.Context())
			})
			require.ErrorIs(t, got, errDown)
			assert.EqualValues(t, 1, canceled.Load())
			assert.Equal(t, []int{7}, disposed)
		})
	}
}

func TestAHedgeUnderStress(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		h := retry.NewHedge(retry.HedgeOptions{Copies: 4})
		testkit.Parallel(16, func(int) {
			var made, disposed atomic.Int64
			v, err := retry.Hedged(h, func(context.Context) (*int, error) {
				made.Add(1)
				return new(int), nil
			}, func(*int) { disposed.Add(1) })(context.Background())
			assert.NoError(t, err)
			assert.NotNil(t, v)
			assert.Equal(t, made.Load(), disposed.Load()+1, "all but the winner's value are disposed of")
		})
	})
}

// TestAllValuesAreDisposedOfWhateverDisposeDoes is over the value of which the
// disposal does not return.
func TestAllValuesAreDisposedOfWhateverDisposeDoes(t *testing.T) {
	for name, fault := range noReturns {
		for at := range 3 {
			synctest.Test(t, func(t *testing.T) {
				h := retry.NewHedge(retry.HedgeOptions{Copies: 3})
				var made atomic.Int64
				var disposed []int64
				apart(func() {
					v, err := retry.Hedged(h, func(context.Context) (int64, error) {
						n := made.Add(1)
						pass(time.Duration(n) * time.Second)
						return n, nil
					}, func(v int64) {
						if disposed = append(disposed, v); len(disposed) == at {
							fault()
						}
					})(context.Background())
					assert.Zero(t, at, name)
					assert.NoError(t, err)
					assert.EqualValues(t, 1, v)
				})
				slices.Sort(disposed)
				if at == 0 {
					assert.Equal(t, []int64{2, 3}, disposed)
				} else {
					assert.Equal(t, []int64{1, 2, 3}, disposed, "the winner's, too, that nobody got")
				}
			})
		}
	}
}

func TestAContextsErrorAndCauseAreFoundInWhatADetachedCallReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		_, err := retry.Detached(retry.NewDetach(1), func(context.Context) (int, error) {
			pass(time.Minute)
			return 1, nil
		}, nil)(ctx)
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, context.Canceled)
		pass(time.Hour)
	})
}

func TestCopiesStartAtTheirDelaysWhateverFailsBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		starts := make(chan time.Duration, 4)
		var copies atomic.Int64
		_, err := retry.Hedged(retry.NewHedge(retry.HedgeOptions{Delay: 2 * time.Second, Copies: 4}), func(context.Context) (int, error) {
			starts <- time.Since(start)
			if copies.Add(1) <= 2 {
				pass(3 * time.Second)
				return 0, errDown
			}
			pass(20 * time.Second)
			return 1, nil
		}, nil)(t.Context())
		require.NoError(t, err)
		for n := range 4 {
			assert.Equal(t, time.Duration(n)*2*time.Second, <-starts)
		}
	})
}

func TestAPanicOfALoserReachesTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var copies atomic.Int64
		var disposed []int
		got := testkit.PanicError(t, func() {
			_, _ = retry.Hedged(retry.NewHedge(retry.HedgeOptions{Delay: time.Second}), func(ctx context.Context) (int, error) {
				if copies.Add(1) == 2 {
					return 2, nil
				}
				<-ctx.Done()
				panic(errDown)
			}, func(v int) { disposed = append(disposed, v) })(t.Context())
		})
		require.ErrorIs(t, got, errDown)
		assert.Equal(t, []int{2}, disposed, "the winner's value, that nobody got")
	})
}
