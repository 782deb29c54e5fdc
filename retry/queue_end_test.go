package retry_test

import (
	"context"
	"errors"
	"fmt"
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

var errEnd = errors.New("the operator ends it")

// TestTheEndsOfAQueue has, for each way to end a queue, a handler that listens
// and takes 10 s, one that listens to nobody for 30 s, a job that waits for a
// worker and one that is due later.
func TestTheEndsOfAQueue(t *testing.T) {
	within := func(d time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(context.Background(), d, errEnd)
	}
	for name, c := range map[string]struct {
		end         func(*retry.Queue[string]) error
		returns     time.Duration // the method, after the queue began
		run         time.Duration // Run
		waiting     int           // jobs afterwards
		interrupted int           // as it is told
		left        int           // likewise; 0 if it is not
		refused     bool          // new jobs
	}{
		"Shutdown, time enough": {
			func(q *retry.Queue[string]) error {
				ctx, stop := within(time.Hour)
				defer stop()
				return q.Shutdown(ctx)
			},
			30 * time.Second, 30 * time.Second, 2, 0, 2, true,
		},
		"Shutdown, 20 s": {
			func(q *retry.Queue[string]) error {
				ctx, stop := within(19 * time.Second)
				defer stop()
				return q.Shutdown(ctx)
			},
			20 * time.Second, 30 * time.Second, 2, 1, 3, true,
		},
		"Shutdown, no time": {
			func(q *retry.Queue[string]) error { ctx, stop := within(0); defer stop(); return q.Shutdown(ctx) },
			time.Second, 30 * time.Second, 3, 2, 4, true,
		},
		"Close": {
			func(q *retry.Queue[string]) error { return q.Close() },
			30 * time.Second, 30 * time.Second, 3, 1, 3, true,
		},
		"Abort": {
			func(q *retry.Queue[string]) error { q.Abort(errEnd); return nil },
			time.Second, 30 * time.Second, 3, 0, 0, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				store := retry.NewMemory[string]()
				var causes []error
				o := options{Store: store, Workers: 2, Policy: every(time.Hour, 1), Handle: func(ctx context.Context, j job) error {
					if j.Key == "deaf" {
						pass(30 * time.Second)
						return nil
					}
					select {
					case <-time.After(10 * time.Second):
						return nil
					case <-ctx.Done():
						causes = append(causes, context.Cause(ctx))
						return ctx.Err()
					}
				}}
				q, stop := start(t, o)
				for _, key := range []string{"listens", "deaf", "waits"} {
					enqueue(t, q, key)
				}
				_, err := q.Enqueue(t.Context(), "later", "", time.Hour)
				require.NoError(t, err)
				type ended struct {
					after time.Duration
					err   error
				}
				waited := make(chan ended, 1)
				go func() {
					err := q.Wait(context.Background())
					waited <- ended{time.Since(begin), err}
				}()
				testkit.Advance(time.Second)
				err = c.end(q)
				assert.Equal(t, c.returns, time.Since(begin))
				if c.left > 0 {
					down, ok := errors.AsType[*retry.ShutdownError](err)
					require.True(t, ok, "%v", err)
					assert.Equal(t, c.interrupted, down.Interrupted)
					assert.Equal(t, c.left, down.Left)
					require.ErrorIs(t, err, retry.ErrShutdown)
				} else {
					require.NoError(t, err)
				}
				_, err = q.Enqueue(t.Context(), "new", "", 0)
				require.ErrorIs(t, err, retry.ErrClosed)
				wait := <-waited
				assert.Equal(t, c.run, wait.after, "Wait and Run end when the last handler has")
				require.ErrorIs(t, wait.err, retry.ErrClosed)
				require.NoError(t, stop())
				assert.Equal(t, retry.QueueStats{Waiting: c.waiting}, stats(t, q), "nothing is lost")
				for _, cause := range causes {
					require.ErrorIs(t, cause, retry.ErrShutdown)
				}
				require.ErrorIs(t, q.Run(t.Context()), retry.ErrClosed)
				again := fmt.Sprintf("retry: shutdown interrupted 0 handlers and left %d jobs in memory", c.waiting)
				require.EqualError(t, q.Close(), again)
				require.EqualError(t, q.Shutdown(t.Context()), again)
				q.Abort(nil)

				done := 0 // what was interrupted has all its attempts
				o.Handle = func(context.Context, job) error { done++; return nil }
				o.Workers = 1
				q, stop = start(t, o)
				require.NoError(t, q.Wait(t.Context()))
				assert.Equal(t, c.waiting, done)
				require.NoError(t, stop())
			})
		})
	}
}

func TestShutdownOfAQueueThatDoesNotRun(t *testing.T) {
	for _, end := range []func(*retry.Queue[string]){
		func(q *retry.Queue[string]) { _ = q.Shutdown(context.Background()) },
		func(q *retry.Queue[string]) { _ = q.Close() },
		func(q *retry.Queue[string]) { q.Abort(nil) },
	} {
		q := retry.NewQueue(options{Store: retry.NewMemory[string](), Handle: func(context.Context, job) error { return nil }})
		enqueue(t, q, "a")
		end(q)
		require.ErrorIs(t, q.Run(t.Context()), retry.ErrClosed)
		require.EqualError(t, q.Wait(t.Context()), "retry: Queue.Wait: 1 jobs are left in the store: retry: closed")
	}
}

func TestShutdownDeliversTheEventsOfItsHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := 0
		q, stop := start(t, options{
			Policy:  every(0, 1),
			Handle:  func(context.Context, job) error { pass(time.Second); return errDown },
			OnEvent: func(context.Context, retry.Event[string]) error { events++; return nil },
		})
		enqueue(t, q, "a")
		synctest.Wait()
		require.NoError(t, q.Shutdown(t.Context()))
		assert.Equal(t, 1, events)
		assert.Equal(t, retry.QueueStats{Dead: 1}, stats(t, q))
		require.NoError(t, stop())
	})
}

func TestShutdownReturnsBesideAHookThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := start(t, options{
			Policy: every(0, 1),
			Handle: func(context.Context, job) error { return errDown },
			OnEvent: func(context.Context, retry.Event[string]) error {
				pass(time.Hour)
				return nil
			},
		})
		enqueue(t, q, "a")
		synctest.Wait()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errEnd)
		defer cancel()
		err := q.Shutdown(ctx)
		require.ErrorIs(t, err, errEnd)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "retry: shutdown interrupted 0 handlers: the operator ends it")
		require.NoError(t, stop())
	})
}

func TestWaitWaitsForJobsOfEachState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		store := retry.NewMemory[string]()
		o := options{Store: store, Policy: every(time.Minute, 2), Handle: func(_ context.Context, j job) error {
			if pass(time.Second); j.Attempts == 1 || j.Key == "dead" {
				return errDown
			}
			return nil
		}}
		q, stop := start(t, o)
		require.NoError(t, q.Wait(t.Context()))
		assert.Zero(t, time.Since(begin), "nothing is there")
		enqueue(t, q, "a")
		enqueue(t, q, "dead")
		_, err := q.Enqueue(t.Context(), "later", "", 10*time.Minute)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errEnd)
		defer cancel()
		require.ErrorIs(t, q.Wait(ctx), errEnd)
		other := retry.NewQueue(o) // it does not run, and waits all the same
		ended := make(chan time.Duration, 1)
		go func() { assert.NoError(t, other.Wait(t.Context())); ended <- time.Since(begin) }()
		require.NoError(t, q.Wait(t.Context()))
		assert.Equal(t, 11*time.Minute+2*time.Second, time.Since(begin))
		assert.LessOrEqual(t, <-ended-time.Since(begin), time.Second)
		assert.Len(t, dead(t, q), 1)
		require.NoError(t, stop())
	})
}

func TestAJobThatWasClaimedIntoTheEndWaitsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := lateClaim{retry.NewMemory[string](), make(chan struct{})}
		q, stop := start(t, options{Store: store, Handle: func(context.Context, job) error {
			t.Error("it was claimed too late")
			return nil
		}})
		enqueue(t, q, "a")
		synctest.Wait() // in Claim
		q.Abort(nil)
		close(store.release)
		require.NoError(t, stop())
		assert.Equal(t, retry.QueueStats{Waiting: 1}, stats(t, q))
	})
}

// lateClaim is a store whose claims take until they may go.
type lateClaim struct {
	*retry.Memory[string]
	release chan struct{}
}

func (s lateClaim) Claim(_ context.Context, r retry.ClaimRequest) (retry.Claims[string], error) {
	<-s.release
	return s.Memory.Claim(context.Background(), r)
}

// gated is a store whose Enqueue waits in the middle.
type gated struct {
	*retry.Memory[string]
	entered, gate chan struct{}
}

func (s gated) Enqueue(ctx context.Context, r retry.EnqueueRequest[string]) (bool, error) {
	s.entered <- struct{}{}
	<-s.gate
	return s.Memory.Enqueue(ctx, r)
}

func TestAnEndWaitsForTheJobsThatWereAcceptedBefore(t *testing.T) {
	for name, end := range map[string]func(*retry.Queue[string]) error{
		"Shutdown": func(q *retry.Queue[string]) error { return q.Shutdown(context.Background()) },
		"Close":    func(q *retry.Queue[string]) error { return q.Close() },
	} {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", running: ", running), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := gated{retry.NewMemory[string](), make(chan struct{}), make(chan struct{})}
					o := options{Store: store, Handle: func(context.Context, job) error { return nil }}
					q := retry.NewQueue(o)
					if running {
						var stop func() error
						q, stop = start(t, o)
						defer func() { require.NoError(t, stop()) }()
						synctest.Wait()
					}
					accepted := make(chan bool, 1)
					go func() {
						added, err := q.Enqueue(context.Background(), "a", "", 0)
						assert.NoError(t, err)
						accepted <- added
					}()
					<-store.entered
					ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errEnd)
					defer cancel()
					require.ErrorIs(t, q.Shutdown(ctx), errEnd, "it waits no longer than it is told")
					ended := make(chan error, 1)
					go func() { ended <- end(q) }()
					synctest.Wait()
					require.Empty(t, ended, "a job is on its way into the store")
					close(store.gate)
					require.True(t, <-accepted)
					require.EqualError(t, <-ended, "retry: shutdown interrupted 0 handlers and left 1 jobs in memory")
					_, err := q.Enqueue(t.Context(), "b", "", 0)
					require.ErrorIs(t, err, retry.ErrClosed)
				})
			})
		}
	}
}

// TestEachJobOfAnEndIsRefusedOrThere has producers race with an end: what was
// accepted was handled, or is counted.
func TestEachJobOfAnEndIsRefusedOrThere(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		var handled atomic.Int64
		store := retry.NewMemory[string]()
		q := retry.NewQueue(options{Store: store, Handle: func(context.Context, job) error {
			handled.Add(1)
			return nil
		}})
		ran := make(chan error, 1)
		go func() { ran <- q.Run(context.Background()) }()
		var accepted atomic.Int64
		begun := make(chan struct{}, 4)
		var producers sync.WaitGroup
		for p := range 4 {
			producers.Go(func() {
				for i := 0; ; i++ {
					added, err := q.Enqueue(context.Background(), fmt.Sprint(p, "-", i), "", 0)
					if err != nil {
						assert.ErrorIs(t, err, retry.ErrClosed)
						assert.False(t, added)
						return
					}
					if accepted.Add(1); i == round%8 {
						begun <- struct{}{}
					}
				}
			})
		}
		<-begun
		err := q.Shutdown(context.Background())
		left := 0
		if down, ok := errors.AsType[*retry.ShutdownError](err); ok {
			left = down.Left
		}
		producers.Wait()
		if err := <-ran; err != nil {
			require.ErrorIs(t, err, retry.ErrClosed) // the end came before it began
		}
		assert.EqualValues(t, accepted.Load(), handled.Load()+int64(left))
		s, err := store.Stats(context.Background())
		require.NoError(t, err)
		assert.Equal(t, left, s.Waiting)
	})
}

func TestAStoreThatKeepsItsJobsHasNoneLeft(t *testing.T) {
	durable := &journal{map[uint64]retry.Job[string]{}, map[uint64]retry.Event[string]{}}
	store, err := retry.RestoreMemory(retry.Contents[string]{}, durable)
	require.NoError(t, err)
	q := retry.NewQueue(options{Store: store, Handle: func(context.Context, job) error { return nil }})
	enqueue(t, q, "a")
	require.NoError(t, q.Shutdown(t.Context()))
	require.NoError(t, q.Close())
	o := options{Store: struct{ retry.Store[string] }{store}, Handle: func(context.Context, job) error { return nil }}
	require.NoError(t, retry.NewQueue(o).Shutdown(t.Context()))
}

func TestAnInterruptedHandlerIsTold(t *testing.T) {
	for name, end := range map[string]func(*retry.Queue[string]) error{
		"Close": func(q *retry.Queue[string]) error { return q.Close() },
		"Abort": func(q *retry.Queue[string]) error { q.Abort(nil); return nil },
		"Shutdown": func(q *retry.Queue[string]) error {
			ctx, stop := context.WithCancel(context.Background())
			stop()
			return q.Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				causes := make(chan error, 1)
				q, stop := start(t, options{Lease: time.Hour, Handle: func(ctx context.Context, _ job) error {
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return ctx.Err()
				}})
				enqueue(t, q, "a")
				synctest.Wait()
				if err := end(q); name != "Abort" {
					down, ok := errors.AsType[*retry.ShutdownError](err)
					require.True(t, ok)
					assert.Equal(t, 1, down.Interrupted)
					assert.Equal(t, 1, down.Left)
				}
				synctest.Wait()
				require.Len(t, causes, 1)
				require.ErrorIs(t, <-causes, retry.ErrShutdown)
				require.NoError(t, stop())
			})
		})
	}
}
