package retry_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

type (
	job     = retry.Job[string]
	options = retry.QueueOptions[string]
)

// start runs a queue until stop, which reports what Run returned.
func start(t *testing.T, o options) (q *retry.Queue[string], stop func() error) {
	t.Helper()
	if o.Store == nil {
		o.Store = retry.NewMemory[string]()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	q = retry.NewQueue(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	return q, func() error { cancel(); return <-done }
}

func enqueue(tb testing.TB, q *retry.Queue[string], key string) {
	tb.Helper()
	added, err := q.Enqueue(context.Background(), key, "value of "+key, 0)
	require.NoError(tb, err)
	require.True(tb, added)
}

func stats(tb testing.TB, q *retry.Queue[string]) retry.QueueStats {
	tb.Helper()
	s, err := q.Stats(context.Background())
	require.NoError(tb, err)
	return s
}

func dead(tb testing.TB, q *retry.Queue[string]) (all []job) {
	tb.Helper()
	for j, err := range q.Dead(context.Background()) {
		require.NoError(tb, err)
		all = append(all, j)
	}
	return all
}

func TestAQueueRetriesUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		q, stop := start(t, options{
			Policy: retry.New(retry.Options{Attempts: 5, Backoff: retry.Exponential(time.Second, time.Minute)}),
			Handle: func(_ context.Context, j job) error {
				at = append(at, time.Since(begin)/time.Second)
				assert.Equal(t, "value of a", j.Value)
				assert.Equal(t, len(at), j.Attempts)
				if j.Attempts < 4 {
					return errDown
				}
				assert.Equal(t, errDown.Error(), j.Reason)
				return nil
			},
		})
		added, err := q.Enqueue(t.Context(), "a", "value of a", 10*time.Second)
		require.True(t, added && err == nil)
		added, err = q.Enqueue(t.Context(), "a", "another", 0)
		require.NoError(t, err)
		assert.False(t, added, "the key is there")
		testkit.Advance(time.Hour)
		assert.Equal(t, []time.Duration{10, 11, 13, 17}, at)
		assert.Zero(t, stats(t, q))
		added, err = q.Enqueue(t.Context(), "a", "", time.Hour)
		require.True(t, added && err == nil, "the key is free again")
		require.NoError(t, stop())
	})
}

func TestAJobWithoutHopeIsBuriedWithItsEvent(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		attempts int
	}{
		"exhausted": {errDown, 3},
		"permanent": {fmt.Errorf("call: %w", retry.Permanent(errDown)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events []retry.Event[string]
				q, stop := start(t, options{
					Policy:  every(time.Second, 3),
					Handle:  func(context.Context, job) error { return c.err },
					OnEvent: func(_ context.Context, e retry.Event[string]) error { events = append(events, e); return nil },
				})
				enqueue(t, q, "a")
				testkit.Advance(time.Hour)
				letters := dead(t, q)
				require.Len(t, letters, 1)
				assert.Equal(t, retry.JobDead, letters[0].State)
				assert.Equal(t, c.attempts, letters[0].Attempts)
				assert.Equal(t, c.err.Error(), letters[0].Reason)
				require.Len(t, events, 1)
				assert.Equal(t, retry.EventBuried, events[0].Kind)
				assert.Equal(t, letters[0], events[0].Job)
				assert.Equal(t, retry.QueueStats{Dead: 1}, stats(t, q), "the event was delivered")
				require.NoError(t, stop())
			})
		})
	}
}

func TestReplayKeepsTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		healthy := false
		var fences []uint64
		var kinds []retry.EventKind
		q, stop := start(t, options{
			Policy: every(time.Second, 2),
			Handle: func(_ context.Context, j job) error {
				assert.Equal(t, "a", j.Key)
				if fences = append(fences, j.Fence); healthy {
					assert.Equal(t, 1, j.Attempts, "all attempts are there again")
					return nil
				}
				return errDown
			},
			OnEvent: func(_ context.Context, e retry.Event[string]) error { kinds = append(kinds, e.Kind); return nil },
		})
		enqueue(t, q, "a")
		testkit.Advance(time.Hour)
		added, err := q.Enqueue(t.Context(), "a", "", 0)
		require.NoError(t, err)
		require.False(t, added, "a dead letter keeps its key")
		healthy = true
		id := dead(t, q)[0].ID
		require.NoError(t, q.Replay(t.Context(), id))
		synctest.Wait()
		assert.Zero(t, stats(t, q))
		assert.IsIncreasing(t, fences)
		assert.Len(t, fences, 3)
		assert.Equal(t, []retry.EventKind{retry.EventBuried, retry.EventReplayed}, kinds)
		require.ErrorIs(t, q.Replay(t.Context(), id), retry.ErrUnknownJob)
		require.ErrorIs(t, q.Discard(t.Context(), id), retry.ErrUnknownJob)
		require.NoError(t, stop())
	})
}

func TestDiscardFreesTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Policy: every(0, 1), Handle: func(context.Context, job) error { return errDown }})
		enqueue(t, q, "a")
		synctest.Wait()
		require.NoError(t, q.Discard(t.Context(), dead(t, q)[0].ID))
		assert.Empty(t, dead(t, q))
		enqueue(t, q, "a")
		require.NoError(t, stop())
	})
}

func TestACrashAfterTheClaimRedeliversAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := retry.NewMemory[string]()
		now := time.Now()
		_, err := store.Enqueue(t.Context(), retry.EnqueueRequest[string]{Key: "a", Due: now, Now: now})
		require.NoError(t, err)
		lost, err := store.Claim(t.Context(), retry.ClaimRequest{Now: now, Until: now.Add(time.Minute), Max: 1})
		require.NoError(t, err)
		require.Len(t, lost.Jobs, 1) // and its worker is no more

		got := make(chan job, 9)
		_, stop := start(t, options{Store: store, Handle: func(_ context.Context, j job) error { got <- j; return nil }})
		testkit.Advance(time.Minute - 1)
		assert.Empty(t, got)
		testkit.Advance(1)
		require.Len(t, got, 1)
		again := <-got
		assert.Equal(t, 2, again.Attempts)
		assert.Greater(t, again.Fence, lost.Jobs[0].Fence)
		require.NoError(t, stop())
	})
}

func TestAJobThatKeepsCrashingIsBuried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := retry.NewMemory[string]()
		_, err := store.Enqueue(t.Context(), retry.EnqueueRequest[string]{Key: "a", Due: time.Now(), Now: time.Now()})
		require.NoError(t, err)
		for range 2 {
			_, err := store.Claim(t.Context(), retry.ClaimRequest{Now: time.Now(), Until: time.Now().Add(time.Minute), Max: 1})
			require.NoError(t, err)
			testkit.Advance(time.Minute)
		}
		q, stop := start(t, options{Store: store, Policy: every(0, 2), Handle: func(context.Context, job) error {
			t.Error("it had its two attempts")
			return nil
		}})
		synctest.Wait()
		require.Len(t, dead(t, q), 1)
		assert.Equal(t, "retry: lease has ended: context deadline exceeded", dead(t, q)[0].Reason)
		require.NoError(t, stop())
	})
}

func TestAHandlersContextEndsWithItsLeaseAndItsFenceGoesStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := retry.NewMemory[string]()
		claims := make(chan job, 9)
		q, stop := start(t, options{
			Store: store, Lease: time.Minute, Policy: every(0, 9),
			Handle: func(ctx context.Context, j job) error {
				claims <- j
				<-ctx.Done()
				if j.Attempts == 1 {
					assert.Equal(t, retry.ErrLease, context.Cause(ctx))
					pass(time.Second) // it does not listen, and the job is claimed again
					return nil
				}
				return ctx.Err()
			},
		})
		enqueue(t, q, "a")
		testkit.Advance(time.Minute + 2*time.Second)
		require.Len(t, claims, 2)
		assert.Equal(t, retry.QueueStats{Claimed: 1}, stats(t, q), "the first claim could not settle it")
		first := <-claims
		for _, verdict := range []retry.Verdict{retry.VerdictDone, retry.VerdictRetry, retry.VerdictUnclaim, retry.VerdictBury} {
			r := retry.SettleRequest{ID: first.ID, Fence: first.Fence, Verdict: verdict, Now: time.Now()}
			require.ErrorIs(t, store.Settle(t.Context(), r), retry.ErrStale)
		}
		require.NoError(t, stop())
	})
}

func TestShutdownIsNoAttemptAndWaitsForTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := retry.NewMemory[string]()
		begin := time.Now()
		q, stop := start(t, options{
			Store: store, Policy: every(0, 1),
			Handle: func(ctx context.Context, j job) error {
				<-ctx.Done()
				assert.ErrorIs(t, context.Cause(ctx), retry.ErrShutdown)
				pass(time.Second) // it takes its time
				if j.Key == "done" {
					return nil
				}
				return context.Cause(ctx)
			},
		})
		enqueue(t, q, "done")
		enqueue(t, q, "interrupted")
		synctest.Wait()
		require.NoError(t, stop())
		assert.Equal(t, time.Second, time.Since(begin))
		assert.Equal(t, retry.QueueStats{Waiting: 1}, stats(t, q), "a success is a success")

		again := make(chan job, 9)
		_, stop = start(t, options{Store: store, Policy: every(0, 1), Handle: func(_ context.Context, j job) error {
			again <- j
			return nil
		}})
		j := <-again
		assert.Equal(t, "interrupted", j.Key)
		assert.Equal(t, 1, j.Attempts, "it still has the only attempt there is")
		synctest.Wait()
		require.NoError(t, stop())
		assert.Zero(t, stats(t, q))
	})
}

func TestADoInsideAHandlerSeesTheShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reasons := make(chan retry.Reason, 1)
		q, stop := start(t, options{Handle: func(ctx context.Context, _ job) error {
			err := retry.DoErr(ctx, every(time.Hour, 9), func(context.Context) error { return errDown })
			reasons <- report(t, err).Reason
			return err
		}, Lease: 24 * time.Hour})
		enqueue(t, q, "a")
		synctest.Wait()
		require.NoError(t, stop())
		assert.Equal(t, retry.ReasonShutdown, <-reasons)
		assert.Equal(t, retry.QueueStats{Waiting: 1}, stats(t, q))
	})
}

func TestCrashOnPanicEndsRunWithThePanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := retry.NewQueue(options{
			Store: retry.NewMemory[string](), Policy: every(time.Second, 2),
			CrashOnPanic: true, Logger: slog.New(slog.DiscardHandler),
			Handle: func(context.Context, job) error { panic(errDown) },
		})
		enqueue(t, q, "a")
		for range 2 {
			err := testkit.PanicError(t, func() { _ = q.Run(t.Context()) })
			require.ErrorIs(t, err, errDown)
			testkit.Advance(time.Second)
		}
		require.Len(t, dead(t, q), 1)
		assert.Regexp(t, "^panic: service is down\n\ngoroutine ", dead(t, q)[0].Reason)
	})
}

func TestAHandlerThatExitsItsGoroutineHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Policy: every(0, 1), Workers: 1, Handle: func(context.Context, job) error {
			runtime.Goexit()
			return nil
		}})
		enqueue(t, q, "a")
		enqueue(t, q, "b") // the only worker is free again
		synctest.Wait()
		assert.Len(t, dead(t, q), 2)
		require.NoError(t, stop())
	})
}

func TestAnEventThatCouldNotBeDeliveredComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		failures := 2
		q, stop := start(t, options{
			Policy: every(time.Second, 1), Workers: 1,
			Handle: func(context.Context, job) error { return errDown },
			OnEvent: func(_ context.Context, e retry.Event[string]) error {
				seen = append(seen, e.Job.Key)
				if e.Job.Key == "b" && failures > 0 {
					failures--
					return errDown
				}
				return nil
			},
		})
		for _, key := range []string{"a", "b", "c"} {
			enqueue(t, q, key)
		}
		testkit.Advance(time.Hour)
		assert.Equal(t, []string{"a", "b", "b", "b", "c"}, seen)
		assert.Equal(t, retry.QueueStats{Dead: 3}, stats(t, q))
		require.NoError(t, stop())
	})
}

func TestEventsOutliveAShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := retry.NewMemory[string]()
		o := options{
			Store: store, Policy: every(time.Second, 1),
			Handle:  func(context.Context, job) error { return errDown },
			OnEvent: func(context.Context, retry.Event[string]) error { return errDown },
		}
		q, stop := start(t, o)
		enqueue(t, q, "a")
		testkit.Advance(time.Minute)
		require.NoError(t, stop())
		assert.Equal(t, retry.QueueStats{Dead: 1, Events: 1}, stats(t, q))
		var seen []string
		o.OnEvent = func(_ context.Context, e retry.Event[string]) error { seen = append(seen, e.Job.Key); return nil }
		q, stop = start(t, o)
		synctest.Wait()
		assert.Equal(t, []string{"a"}, seen)
		assert.Equal(t, retry.QueueStats{Dead: 1}, stats(t, q))
		require.NoError(t, stop())
	})
}

// broken is a store of which one method fails.
type broken struct {
	*retry.Memory[string]
	method string
}

func (b broken) Claim(ctx context.Context, r retry.ClaimRequest) (retry.Claims[string], error) {
	if b.method == "claim" {
		return retry.Claims[string]{}, errDown
	}
	return b.Memory.Claim(ctx, r)
}

func (b broken) Settle(ctx context.Context, r retry.SettleRequest) error {
	if b.method == "settle" {
		return errDown
	}
	return b.Memory.Settle(ctx, r)
}

func (b broken) Events(ctx context.Context, r retry.PageRequest) ([]retry.Event[string], error) {
	if b.method == "events" {
		return nil, errDown
	}
	return b.Memory.Events(ctx, r)
}

func TestRunReturnsTheStoresError(t *testing.T) {
	for _, method := range []string{"claim", "settle", "events"} {
		synctest.Test(t, func(t *testing.T) {
			q := retry.NewQueue(options{
				Store:  broken{retry.NewMemory[string](), method},
				Handle: func(context.Context, job) error { return nil },
			})
			enqueue(t, q, "a")
			err := q.Run(t.Context())
			require.ErrorIs(t, err, errDown)
			require.EqualError(t, err, "retry: Queue.Run: "+method+": service is down")
		})
	}
}

func TestAClosedStoreEndsRun(t *testing.T) {
	store := retry.NewMemory[string]()
	q := retry.NewQueue(options{Store: store, Handle: func(context.Context, job) error { return nil }})
	require.NoError(t, store.Close())
	require.ErrorIs(t, q.Run(t.Context()), retry.ErrClosed)
	_, err := q.Enqueue(t.Context(), "a", "", 0)
	require.ErrorIs(t, err, retry.ErrClosed)
	ends := 0
	for _, err := range q.Dead(t.Context()) {
		require.ErrorIs(t, err, retry.ErrClosed)
		ends++
	}
	assert.Equal(t, 1, ends)
}

func TestRunOfAnEndedContextClaimsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q := retry.NewQueue(options{Store: retry.NewMemory[string](), Handle: func(context.Context, job) error {
		t.Error("claimed")
		return nil
	}})
	enqueue(t, q, "a")
	require.NoError(t, q.Run(ctx))
}

func TestAQueueRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{Handle: func(context.Context, job) error { return nil }})
		synctest.Wait()
		assert.Equal(t, "Queue(workers=16 lease=1m0s running=true)", q.String())
		assert.EqualError(t, testkit.PanicError(t, func() { _ = q.Run(t.Context()) }), "retry: Queue.Run: already running")
		require.NoError(t, stop())
	})
}

func TestWorkersBoundTheJobsInWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		q, stop := start(t, options{Workers: 3, Handle: func(context.Context, job) error {
			for n, old := now.Add(1), most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			pass(time.Second)
			now.Add(-1)
			return nil
		}})
		for i := range 10 {
			enqueue(t, q, strconv.Itoa(i))
		}
		testkit.Advance(time.Minute)
		assert.EqualValues(t, 3, most.Load())
		assert.Zero(t, stats(t, q))
		require.NoError(t, stop())
	})
}

// TestAQueueLosesNothingUnderStress has producers, failing handlers, restarts
// and leases that end early; each job is done at least once, no key is in work
// twice while its lease lives, and nothing is left.
func TestAQueueLosesNothingUnderStress(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		const jobs = 200
		store := retry.NewMemory[string]()
		var done [jobs]atomic.Int64
		var inWork sync.Map
		var rest sync.WaitGroup
		rest.Add(jobs)
		o := options{
			Store: store, Workers: 8, Policy: atOnce(retry.Unlimited),
			Handle: func(ctx context.Context, j job) error {
				if _, loaded := inWork.LoadOrStore(j.Key, j.Fence); loaded {
					t.Errorf("%s is in work twice", j.Key)
				}
				defer inWork.Delete(j.Key)
				i, _ := strconv.Atoi(j.Key)
				switch (i + j.Attempts + round) % 3 {
				case 0:
					return errDown
				case 1:
					if ctx.Err() != nil {
						return context.Cause(ctx)
					}
				}
				if done[i].Add(1) == 1 {
					rest.Done()
				}
				return nil
			},
		}
		testkit.Parallel(4, func(p int) {
			q := retry.NewQueue(o)
			for i := p; i < jobs; i += 4 {
				added, err := q.Enqueue(t.Context(), strconv.Itoa(i), "", 0)
				assert.True(t, added && err == nil)
			}
		})
		for range 3 { // it is stopped in the middle of its work
			ctx, cancel := context.WithCancel(t.Context())
			var handled atomic.Int64
			interrupted := o
			interrupted.Handle = func(ctx context.Context, j job) error {
				if handled.Add(1) >= jobs/8 {
					cancel()
					<-ctx.Done()
				}
				return o.Handle(ctx, j)
			}
			assert.NoError(t, retry.NewQueue(interrupted).Run(ctx))
		}
		q, stop := start(t, o)
		rest.Wait()
		require.NoError(t, stop())
		require.Zero(t, stats(t, q))
	})
}

func TestARunOfACanceledStoreCallIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := canceling{retry.NewMemory[string](), make(chan struct{})}
		_, stop := start(t, options{Store: store, Handle: func(context.Context, job) error { return nil }})
		<-store.claims
		require.NoError(t, stop())
	})
}

// canceling is a store whose Claim waits for the end of its context.
type canceling struct {
	*retry.Memory[string]
	claims chan struct{}
}

func (c canceling) Claim(ctx context.Context, _ retry.ClaimRequest) (retry.Claims[string], error) {
	close(c.claims)
	<-ctx.Done()
	return retry.Claims[string]{}, context.Cause(ctx)
}

// TestQueuesOfOneStoreWakeEachOther has a queue that only adds jobs, and one
// that only handles them.
func TestQueuesOfOneStoreWakeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := retry.NewMemory[string]()
		var handled, events []string
		o := options{
			Store: store, Policy: every(time.Second, 1),
			Handle: func(_ context.Context, j job) error { handled = append(handled, j.Key); return errDown },
			OnEvent: func(_ context.Context, e retry.Event[string]) error {
				events = append(events, e.Kind.String())
				return nil
			},
		}
		_, stop := start(t, o)
		synctest.Wait()
		other := retry.NewQueue(o) // it does not run
		enqueue(t, other, "a")
		synctest.Wait()
		assert.Equal(t, []string{"a"}, handled)
		require.NoError(t, other.Replay(t.Context(), dead(t, other)[0].ID))
		synctest.Wait()
		assert.Equal(t, []string{"a", "a"}, handled)
		require.NoError(t, other.Discard(t.Context(), dead(t, other)[0].ID))
		synctest.Wait()
		assert.Equal(t, []string{"buried", "replayed", "buried", "discarded"}, events)
		now := time.Now()
		_, err := store.Enqueue(t.Context(), retry.EnqueueRequest[string]{Key: "b", Due: now, Now: now})
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []string{"a", "a", "b"}, handled)
		require.NoError(t, stop())
	})
}

// TestAQueueWakesItselfIfItsStoreDoesNot has each change that a queue makes.
func TestAQueueWakesItselfIfItsStoreDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled, events []string
		q, stop := start(t, options{
			Store:  struct{ retry.Store[string] }{retry.NewMemory[string]()},
			Policy: every(0, 3),
			Handle: func(_ context.Context, j job) error {
				handled = append(handled, j.Key+strconv.Itoa(j.Attempts))
				if len(handled) == 1 {
					return retry.Snooze(0)
				}
				return errDown
			},
			OnEvent: func(_ context.Context, e retry.Event[string]) error {
				events = append(events, e.Kind.String())
				return nil
			},
		})
		synctest.Wait()
		enqueue(t, q, "a")
		synctest.Wait()
		assert.Equal(t, []string{"a1", "a1", "a2", "a3"}, handled)
		assert.Equal(t, []string{"buried"}, events)
		require.NoError(t, q.Replay(t.Context(), dead(t, q)[0].ID))
		synctest.Wait()
		assert.Len(t, handled, 7)
		assert.Equal(t, []string{"buried", "replayed", "buried"}, events)
		require.NoError(t, q.Discard(t.Context(), dead(t, q)[0].ID))
		synctest.Wait()
		assert.Equal(t, []string{"buried", "replayed", "buried", "discarded"}, events)
		require.NoError(t, stop())
	})
}
