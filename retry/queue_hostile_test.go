package retry_test

import (
	"context"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// hardTimes are the durations that overflow first.
var hardTimes = []time.Duration{math.MinInt64, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}

func TestADelayOfAnyLengthIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled []string
		q, stop := start(t, options{Workers: 1, Handle: func(_ context.Context, j job) error {
			handled = append(handled, j.Key)
			return nil
		}})
		for i, delay := range hardTimes {
			_, err := q.Enqueue(t.Context(), strconv.Itoa(i), "", delay)
			require.NoError(t, err)
		}
		testkit.Advance(time.Hour)
		assert.ElementsMatch(t, []string{"0", "1", "2", "3"}, handled)
		assert.Equal(t, retry.QueueStats{Waiting: 2}, stats(t, q))
		require.NoError(t, stop())
	})
}

func TestASnoozeOfAnyLengthIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[string]int{}
		q, stop := start(t, options{Workers: 1, Policy: every(0, 1), Handle: func(_ context.Context, j job) error {
			if calls[j.Key]++; calls[j.Key] > 3 {
				return nil
			}
			i, _ := strconv.Atoi(j.Key)
			return retry.Snooze(hardTimes[i])
		}})
		for i := range hardTimes {
			enqueue(t, q, strconv.Itoa(i))
		}
		testkit.Advance(time.Hour)
		assert.Equal(t, map[string]int{"0": 4, "1": 4, "2": 4, "3": 4, "4": 1, "5": 1}, calls)
		assert.Equal(t, retry.QueueStats{Waiting: 2}, stats(t, q))
		require.NoError(t, stop())
	})
}

func TestABackoffOfAnyLengthIsBounded(t *testing.T) {
	for _, backoff := range hardTimes {
		synctest.Test(t, func(t *testing.T) {
			var delays []time.Duration
			q, stop := start(t, options{
				Workers: 1, // a hook may run beside the next attempt
				Policy: retry.New(retry.Options{Attempts: 3, MaxDelay: time.Minute, Backoff: func(int, time.Duration, uint64) time.Duration {
					return backoff
				}}),
				Handle:  func(context.Context, job) error { return retry.After(backoff, errDown) },
				OnRetry: func(_ context.Context, r retry.JobRetry[string]) { delays = append(delays, r.Delay) },
			})
			enqueue(t, q, "a")
			testkit.Advance(time.Hour)
			require.Len(t, delays, 2)
			for _, d := range delays {
				assert.True(t, d >= 0 && d <= time.Minute, "%v", d)
			}
			assert.Len(t, dead(t, q), 1)
			require.NoError(t, stop())
		})
	}
}

func TestALeaseAndWorkersOfAnySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := make(chan struct{}, 1000)
		q, stop := start(t, options{
			Workers: math.MaxInt, Lease: math.MaxInt64, Heartbeat: math.MaxInt64 - 1,
			Handle: func(context.Context, job) error { handled <- struct{}{}; return nil },
		})
		for i := range 1000 {
			enqueue(t, q, strconv.Itoa(i))
		}
		testkit.Advance(time.Hour)
		assert.Len(t, handled, 1000)
		require.NoError(t, stop())
	})
	synctest.Test(t, func(t *testing.T) { // a lease that is over at once
		q, stop := start(t, options{Lease: 1, Policy: every(0, 3), Handle: func(ctx context.Context, _ job) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		assert.Len(t, dead(t, q), 1)
		require.NoError(t, stop())
	})
}

func TestHardKeysAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys []string
		q, stop := start(t, options{Workers: 1, Policy: every(0, 1), Handle: func(_ context.Context, j job) error {
			keys = append(keys, j.Key)
			return errDown
		}})
		want := []string{"\x00", "\x00\x00", " ", "\xff", "a\nb", strings.Repeat("k", 1<<20)}
		for _, key := range want {
			enqueue(t, q, key)
		}
		_, err := q.Enqueue(t.Context(), "", "", 0)
		require.ErrorIs(t, err, retry.ErrInvalidKey)
		synctest.Wait()
		assert.Equal(t, want, keys)
		assert.Len(t, dead(t, q), len(want))
		require.NoError(t, stop())
	})
}

// TestCallbacksMayCallTheQueue has each callback use all of the queue but its
// ends.
func TestCallbacksMayCallTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q *retry.Queue[string]
		ctx := t.Context()
		var mu sync.Mutex
		called := map[string]int{}
		count := func(who string) int {
			mu.Lock()
			defer mu.Unlock()
			called[who]++
			return called[who]
		}
		use := func(who string, id uint64) {
			count(who)
			_, err := q.Enqueue(ctx, "a", "", 0)
			require.NoError(t, err)
			_, err = q.Stats(ctx)
			require.NoError(t, err)
			for _, err := range q.Dead(ctx) {
				require.NoError(t, err)
				break
			}
			require.ErrorIs(t, q.Replay(ctx, 1<<40), retry.ErrUnknownJob)
			if id != 0 {
				require.ErrorIs(t, q.Replay(ctx, id), retry.ErrUnknownJob, "it is in work")
				require.ErrorIs(t, q.Discard(ctx, id), retry.ErrUnknownJob)
			}
			_ = q.String()
			now, stop := context.WithCancel(ctx)
			stop()
			require.ErrorIs(t, q.Wait(now), context.Canceled)
		}
		o := options{
			Workers: 1, Store: retry.NewMemory[string]().WithClone(func(v string) string {
				count("clone")
				if q != nil {
					_, _ = q.Stats(ctx)
				}
				return v
			}),
			Policy: retry.New(retry.Options{
				Attempts: 2, Retryable: func(error) bool { use("Retryable", 0); return true },
				Backoff: func(int, time.Duration, uint64) time.Duration { use("Backoff", 0); return 0 },
			}),
			Handle: func(_ context.Context, j job) error {
				use("Handle", j.ID)
				if j.Key == "a" && j.Attempts == 2 {
					return nil
				}
				return errDown
			},
			OnSuccess: func(context.Context, job) { count("OnSuccess"); _, _ = q.Stats(ctx) },
			OnRetry:   func(_ context.Context, r retry.JobRetry[string]) { use("OnRetry", r.Job.ID) },
			OnEvent: func(_ context.Context, e retry.Event[string]) error {
				if use("OnEvent", 0); e.Kind == retry.EventBuried {
					return q.Discard(ctx, e.Job.ID)
				}
				return nil
			},
		}
		q, stop := start(t, o)
		enqueue(t, q, "b")
		testkit.Advance(time.Minute)
		for _, who := range []string{"Handle", "Retryable", "Backoff", "OnRetry", "OnEvent", "OnSuccess", "clone"} {
			assert.NotZero(t, called[who], who)
		}
		require.NoError(t, q.Wait(ctx))
		require.NoError(t, stop())
	})
}

// TestDeadListsEachLetterOnceWhileTheyAreReplayed has more of them than a page,
// and all are buried again at once.
func TestDeadListsEachLetterOnceWhileTheyAreReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Workers: 4, Policy: every(0, 1), Handle: func(context.Context, job) error { return errDown }})
		const n = 700
		for i := range n {
			enqueue(t, q, strconv.Itoa(i))
		}
		synctest.Wait()
		seen := map[uint64]int{}
		for j, err := range q.Dead(t.Context()) {
			require.NoError(t, err)
			seen[j.ID]++
			require.NoError(t, q.Replay(t.Context(), j.ID))
			if j.ID%3 == 0 {
				synctest.Wait()
			}
		}
		assert.Len(t, seen, n)
		for id, times := range seen {
			assert.Equal(t, 1, times, "%d", id)
		}
		synctest.Wait()
		assert.Len(t, dead(t, q), n)
		require.NoError(t, stop())
	})
}

func TestAHandlersContextEndsWithTheHandler(t *testing.T) {
	for name, o := range map[string]options{
		"lease": {}, "heartbeat": {Heartbeat: time.Second},
		"timeout":            {Policy: retry.New(retry.Options{Timeout: time.Hour})},
		"heartbeat, timeout": {Heartbeat: time.Second, Policy: retry.New(retry.Options{Timeout: time.Hour})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := make(chan context.Context, 1)
				o.Handle = func(ctx context.Context, _ job) error { seen <- ctx; return nil }
				q, stop := start(t, o)
				enqueue(t, q, "a")
				synctest.Wait()
				require.ErrorIs(t, (<-seen).Err(), context.Canceled)
				require.NoError(t, stop())
			})
		})
	}
}

func TestEachWorkerIsFreeAfterItsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		q, stop := start(t, options{Workers: 3, Handle: func(context.Context, job) error { handled++; return nil }})
		for i := range 10 { // the others are idle
			enqueue(t, q, strconv.Itoa(i))
			synctest.Wait()
		}
		assert.Equal(t, 10, handled)
		require.NoError(t, stop())
	})
}

// unsettled is a store whose Settle fails.
type unsettled struct{ *retry.Memory[string] }

func (unsettled) Settle(context.Context, retry.SettleRequest) error { return errDown }

func TestAStoreThatFailsAtTheEndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Store: unsettled{retry.NewMemory[string]()}, Handle: func(ctx context.Context, _ job) error {
			<-ctx.Done()
			return nil
		}})
		enqueue(t, q, "a")
		synctest.Wait()
		require.EqualError(t, stop(), "retry: Queue.Run: settle: service is down")
	})
}

func TestAJobThatCrashesKeepsItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Lease: time.Minute, Policy: every(0, 2), Handle: func(_ context.Context, j job) error {
			if j.Attempts == 2 {
				pass(2 * time.Minute) // as if it were gone
			}
			return errDown
		}})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		require.Len(t, dead(t, q), 1)
		assert.Equal(t, "retry: lease has ended: context deadline exceeded; before: service is down", dead(t, q)[0].Reason)
		require.NoError(t, stop())
	})
}

// listener is a store that counts who listens to it.
type listener struct {
	*retry.Memory[string]
	listening *int
}

func (s listener) Notify(jobs, events chan<- struct{}) (stop func()) {
	*s.listening++
	end := s.Memory.Notify(jobs, events)
	return func() { *s.listening--; end() }
}

func TestAQueueListensToItsStoreWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listening := 0
		o := options{Store: listener{retry.NewMemory[string](), &listening}, Handle: func(context.Context, job) error { return nil }}
		for range 2 {
			_, stop := start(t, o)
			synctest.Wait()
			assert.Equal(t, 1, listening)
			require.NoError(t, stop())
			assert.Zero(t, listening)
		}
	})
}

func TestAPanicOfEachCallbackIsLoggedAndCrashesIfWanted(t *testing.T) {
	boom := func() { panic("boom") }
	for callback, o := range map[string]options{
		"Handle":    {Handle: func(context.Context, job) error { boom(); return nil }},
		"OnSuccess": {Handle: func(context.Context, job) error { return nil }, OnSuccess: func(context.Context, job) { boom() }},
		"OnRetry":   {OnRetry: func(context.Context, retry.JobRetry[string]) { boom() }},
		"OnEvent":   {Policy: every(0, 1), OnEvent: func(context.Context, retry.Event[string]) error { boom(); return nil }},
		"Policy":    {Policy: retry.New(retry.Options{Retryable: func(error) bool { boom(); return true }})},
	} {
		t.Run(callback, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				defer slog.SetDefault(slog.Default())
				slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
				o.Store, o.CrashOnPanic = retry.NewMemory[string](), true
				if o.Handle == nil {
					o.Handle = func(context.Context, job) error { return errDown }
				}
				q := retry.NewQueue(o)
				enqueue(t, q, "a")
				err := testkit.PanicError(t, func() { _ = q.Run(t.Context()) })
				require.ErrorContains(t, err, "retry: panic: boom")
				assert.Contains(t, log.String(), `"callback":"`+callback+`"`)
				assert.Contains(t, log.String(), `"panic":"boom"`)
				assert.Contains(t, log.String(), "queue_hostile_test.go")
			})
		})
	}
}

func TestDeliveryIsRetriedByThePolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		var counts []int
		q, stop := start(t, options{
			Policy: retry.New(retry.Options{Attempts: 1, Backoff: func(n int, _ time.Duration, _ uint64) time.Duration {
				if counts = append(counts, n); len(counts) == 3 {
					panic("policy")
				}
				return time.Second
			}}),
			Handle: func(context.Context, job) error { return errDown },
			OnEvent: func(context.Context, retry.Event[string]) error {
				switch at = append(at, time.Since(begin)); len(at) {
				case 1, 3:
					return errDown
				case 2:
					return retry.After(time.Minute, errDown)
				case 4, 6:
					return nil
				}
				return errDown
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		require.Len(t, at, 4)
		assert.Equal(t, time.Second, at[1])
		assert.GreaterOrEqual(t, at[2]-at[1], time.Minute)
		assert.Greater(t, at[3], at[2], "the default delay, as the policy failed")
		enqueue(t, q, "b")
		testkit.Advance(time.Hour)
		assert.Equal(t, []int{1, 2, 3, 1}, counts, "each event begins anew")
		require.NoError(t, stop())
	})
}

func TestARetryAfterAFailedPolicyIsDueAfterTheDefaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []retry.JobRetry[string]
		q, stop := start(t, options{
			Policy:  retry.New(retry.Options{Attempts: 2, Retryable: func(error) bool { panic("policy") }}),
			Handle:  func(context.Context, job) error { return errDown },
			OnRetry: func(_ context.Context, r retry.JobRetry[string]) { told = append(told, r) },
		})
		begin := time.Now()
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		require.Len(t, told, 1)
		assert.Positive(t, told[0].Delay)
		assert.Equal(t, begin.Add(told[0].Delay), told[0].Due)
		require.NoError(t, stop())
	})
}

// untrimmed is a store whose Trim fails.
type untrimmed struct{ *retry.Memory[string] }

func (untrimmed) Trim(context.Context, uint64) error { return errDown }

func TestATrimThatFailsEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := retry.NewQueue(options{
			Store: untrimmed{retry.NewMemory[string]()}, Policy: every(0, 1),
			Handle: func(context.Context, job) error { return errDown },
		})
		enqueue(t, q, "a")
		require.EqualError(t, q.Run(t.Context()), "retry: Queue.Run: trim: service is down")
	})
}
