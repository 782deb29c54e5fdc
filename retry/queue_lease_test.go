package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// twoQueues runs two queues of one store and returns what ends them.
func twoQueues(t *testing.T, o options) (q *retry.Queue[string], stop func()) {
	t.Helper()
	if o.Store == nil {
		o.Store = retry.NewMemory[string]()
	}
	q, stopFirst := start(t, o)
	_, stopSecond := start(t, o)
	return q, func() {
		require.NoError(t, stopFirst())
		require.NoError(t, stopSecond())
	}
}

func TestAHandlerExtendsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims, begin := 0, time.Now()
		q, stop := twoQueues(t, options{
			Lease: time.Minute, Policy: every(0, 9),
			Handle: func(ctx context.Context, _ job) error {
				claims++
				for _, d := range []time.Duration{time.Hour, 10 * time.Minute, 2 * time.Hour} {
					child, cancel := context.WithCancel(ctx)
					require.NoError(t, retry.ExtendLease(child, d))
					require.NoError(t, retry.ExtendLease(ctx, d/2))
					cancel()
					deadline, ok := ctx.Deadline()
					require.True(t, ok)
					require.Equal(t, d, time.Until(deadline))
					pass(d - 1)
					require.NoError(t, ctx.Err())
				}
				return nil
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(3*time.Hour + 10*time.Minute - 3)
		assert.Equal(t, 1, claims, "nobody else got it")
		assert.Zero(t, stats(t, q))
		assert.Equal(t, 3*time.Hour+10*time.Minute-3, time.Since(begin))
		stop()
	})
}

func TestAnExtendedLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var claimed []time.Duration
		q, stop := twoQueues(t, options{
			Lease: time.Minute, Policy: every(0, 9),
			Handle: func(ctx context.Context, j job) error {
				claimed = append(claimed, time.Since(begin))
				if j.Attempts == 2 {
					require.NoError(t, retry.ExtendLease(ctx, time.Minute))
					return nil
				}
				require.NoError(t, retry.ExtendLease(ctx, 5*time.Minute))
				child, cancel := context.WithCancel(ctx)
				defer cancel()
				<-ctx.Done()
				assert.Equal(t, 5*time.Minute, time.Since(begin))
				assert.Equal(t, context.DeadlineExceeded, ctx.Err())
				assert.Equal(t, retry.ErrLease, context.Cause(ctx))
				<-child.Done()
				assert.Equal(t, retry.ErrLease, context.Cause(child))
				for _, ended := range []context.Context{ctx, child, context.WithoutCancel(ctx)} {
					err := retry.ExtendLease(ended, time.Hour)
					require.ErrorIs(t, err, retry.ErrLease)
					if ended.Err() != nil {
						require.ErrorIs(t, err, ended.Err())
					}
				}
				pass(time.Second) // beside the second attempt
				return nil
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		assert.Equal(t, []time.Duration{0, 5 * time.Minute}, claimed, "the other one has it then")
		assert.Zero(t, stats(t, q))
		stop()
	})
}

func TestNoExtensionShortensALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Duration
		memory := retry.NewMemory[string]()
		begin := time.Now()
		q, stop := start(t, options{
			Lease: time.Minute, Heartbeat: 20 * time.Second,
			Store: countedExtend{memory, func(r retry.ExtendRequest) { asked = append(asked, r.Until.Sub(begin)) }},
			Handle: func(ctx context.Context, _ job) error {
				require.NoError(t, retry.ExtendLease(ctx, 2*time.Minute))
				_, ok := ctx.Deadline()
				assert.False(t, ok)
				pass(90 * time.Second)
				require.NoError(t, retry.ExtendLease(ctx, time.Minute))
				return nil
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		assert.Equal(t, []time.Duration{2 * time.Minute, 140 * time.Second, 150 * time.Second}, asked,
			"the handler, the heartbeat after 80 s, the handler")
		assert.Zero(t, stats(t, q))
		require.NoError(t, stop())
	})
}

// countedExtend is a store that tells of each Extend.
type countedExtend struct {
	*retry.Memory[string]
	told func(retry.ExtendRequest)
}

func (s countedExtend) Extend(ctx context.Context, r retry.ExtendRequest) error {
	s.told(r)
	return s.Memory.Extend(ctx, r)
}

func TestExtensionsThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		extend func(context.Context) error
		check  func(t *testing.T, ctx context.Context, err error)
	}{
		"the job is somebody else's": {
			func(context.Context) error { return retry.ErrStale },
			func(t *testing.T, ctx context.Context, err error) {
				require.ErrorIs(t, err, retry.ErrStale)
				require.ErrorIs(t, err, retry.ErrLease)
				require.ErrorIs(t, err, ctx.Err())
				require.ErrorIs(t, context.Cause(ctx), retry.ErrStale)
			},
		},
		"the store fails": {
			func(context.Context) error { return errDown },
			func(t *testing.T, ctx context.Context, err error) {
				require.Equal(t, errDown, err)
				require.NoError(t, ctx.Err())
			},
		},
		"the store is slow": {
			func(context.Context) error { pass(time.Hour); return nil },
			func(t *testing.T, ctx context.Context, err error) {
				require.ErrorIs(t, err, retry.ErrLease)
				require.ErrorIs(t, err, ctx.Err())
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, stop := start(t, options{
					Store: noExtend{retry.NewMemory[string](), c.extend}, Policy: every(0, 2), Lease: time.Minute,
					Handle: func(ctx context.Context, j job) error {
						if j.Attempts > 1 {
							return nil
						}
						c.check(t, ctx, retry.ExtendLease(ctx, time.Hour))
						return errors.New("again")
					},
				})
				enqueue(t, q, "a")
				testkit.Advance(2 * time.Hour)
				assert.Zero(t, stats(t, q), "the queue goes on")
				require.NoError(t, stop())
			})
		})
	}
}

func TestATimeoutEndsAnExtendedLeaseToo(t *testing.T) {
	for _, heartbeat := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			q, stop := start(t, options{
				Lease: time.Minute, Heartbeat: heartbeat,
				Policy: retry.New(retry.Options{Attempts: 1, Timeout: 5 * time.Minute}),
				Handle: func(ctx context.Context, _ job) error {
					require.NoError(t, retry.ExtendLease(ctx, time.Hour))
					deadline, _ := ctx.Deadline()
					require.Equal(t, 5*time.Minute, deadline.Sub(begin))
					<-ctx.Done()
					require.Equal(t, 5*time.Minute, time.Since(begin))
					require.ErrorIs(t, retry.ExtendLease(ctx, time.Hour), retry.ErrTimeout)
					pass(3 * time.Hour) // its lease lasts, as far as the heartbeat goes
					return nil
				},
			})
			enqueue(t, q, "a")
			testkit.Advance(4 * time.Hour)
			require.NoError(t, stop())
		})
	}
}

func TestAHandlerThatHasEndedExtendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(chan context.Context, 1)
		q, stop := start(t, options{Handle: func(ctx context.Context, _ job) error { seen <- ctx; return nil }})
		enqueue(t, q, "a")
		synctest.Wait()
		ctx := <-seen
		require.ErrorIs(t, retry.ExtendLease(ctx, time.Hour), context.Canceled)
		require.ErrorIs(t, retry.ExtendLease(context.WithoutCancel(ctx), time.Hour), context.Canceled)
		require.NoError(t, stop())
		require.EqualError(t, testkit.PanicError(t, func() { _ = retry.ExtendLease(t.Context(), time.Hour) }),
			"retry: ExtendLease: the context is not that of a queue's handler")
		require.EqualError(t, testkit.PanicError(t, func() { _ = retry.ExtendLease(ctx, 0) }),
			"retry: ExtendLease: 0s is not positive")
	})
}

func TestExtensionsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		running, most := 0, 0
		store := noExtend{retry.NewMemory[string](), func(context.Context) error {
			running++
			most = max(most, running)
			pass(time.Second)
			running--
			return nil
		}}
		q, stop := start(t, options{Store: store, Lease: time.Minute, Handle: func(ctx context.Context, _ job) error {
			limited, cancel := context.WithTimeout(ctx, time.Second/2)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- retry.ExtendLease(ctx, time.Hour) }()
			synctest.Wait()
			require.ErrorIs(t, retry.ExtendLease(limited, 2*time.Hour), context.DeadlineExceeded, "it waits for its turn")
			require.NoError(t, <-done)
			for i := range 5 {
				go func() { done <- retry.ExtendLease(ctx, time.Duration(i+2)*time.Hour) }()
			}
			for range 5 {
				require.NoError(t, <-done)
			}
			deadline, _ := ctx.Deadline()
			require.Greater(t, time.Until(deadline), 6*time.Hour-10*time.Second, "the longest one lasts")
			return nil
		}})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		require.Equal(t, 1, most)
		require.NoError(t, stop())
	})
}
