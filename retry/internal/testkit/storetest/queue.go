package storetest

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// watched is a store that knows what it was told: what was accepted, what was
// acknowledged, and all claims.
type watched struct {
	retry.Store[string]
	t *rapid.T

	mu     sync.Mutex
	live   map[string]bool     // keys that were accepted, until done or discarded
	done   map[uint64]bool     // jobs that are done
	claims []retry.Job[string] // in the order in which they were given out
	fence  map[uint64]uint64
	ok     map[uint64]bool // fences whose handler succeeded
}

func (w *watched) Enqueue(ctx context.Context, r retry.EnqueueRequest[string]) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	added, err := w.Store.Enqueue(ctx, r)
	if err == nil && added == w.live[r.Key] {
		w.t.Errorf("Enqueue of %q: added %v although accepted before: %v", r.Key, added, w.live[r.Key])
	}
	if added {
		w.live[r.Key] = true
	}
	return added, err
}

func (w *watched) Claim(ctx context.Context, r retry.ClaimRequest) (retry.Claims[string], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, err := w.Store.Claim(ctx, r)
	for _, j := range c.Jobs {
		if w.done[j.ID] || !w.live[j.Key] {
			w.t.Errorf("job %d with key %q is delivered after its acknowledgement", j.ID, j.Key)
		}
		if n := len(w.claims); n > 0 && j.Fence <= w.claims[n-1].Fence {
			w.t.Errorf("fence %d after %d", j.Fence, w.claims[n-1].Fence)
		}
		w.claims = append(w.claims, j)
		w.fence[j.ID] = j.Fence
	}
	return c, err
}

func (w *watched) Settle(ctx context.Context, r retry.SettleRequest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settle(ctx, r)
}

func (w *watched) settle(ctx context.Context, r retry.SettleRequest) error {
	err := w.Store.Settle(ctx, r)
	if err == nil && w.fence[r.ID] != r.Fence {
		w.t.Errorf("the stale fence %d settled job %d, whose fence is %d", r.Fence, r.ID, w.fence[r.ID])
	}
	if err == nil {
		delete(w.fence, r.ID)
		if r.Verdict == retry.VerdictDone {
			if !w.ok[r.Fence] {
				w.t.Errorf("job %d is done, but its handler did not succeed", r.ID)
			}
			w.done[r.ID] = true
			for _, j := range w.claims {
				if j.ID == r.ID {
					delete(w.live, j.Key)
				}
			}
		}
	}
	return err
}

// stale tries what a claim that is over must not do.
func (w *watched) stale(ctx context.Context, n int, v retry.Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.claims) == 0 {
		return
	}
	j := w.claims[n%len(w.claims)]
	if w.fence[j.ID] == j.Fence {
		return
	}
	now := time.Now()
	if err := w.settle(ctx, retry.SettleRequest{ID: j.ID, Fence: j.Fence, Verdict: v, Due: now, Now: now}); !errors.Is(err, retry.ErrStale) {
		w.t.Errorf("settle: %v", err)
	}
	if err := w.Extend(ctx, retry.ExtendRequest{ID: j.ID, Fence: j.Fence, Until: now, Now: now}); !errors.Is(err, retry.ErrStale) {
		w.t.Errorf("extend: %v", err)
	}
}

// chaos makes callbacks fail.
type chaos struct {
	mu   sync.Mutex
	rand *rand.Rand
	off  bool
}

func (c *chaos) roll(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return n - 1
	}
	return c.rand.IntN(n)
}

// hook panics, exits or returns.
func (c *chaos) hook() {
	switch c.roll(5) {
	case 0:
		panic("hook")
	case 1:
		runtime.Goexit()
	}
}

var (
	errDown = errors.New("service is down")
	errEnd  = errors.New("the operator ends it")
)

// pass lets fake time pass in a bubble.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // inside a bubble this is fake time
}

// Queue has a queue work on a store while everything goes wrong: all callbacks
// fail, panic and exit, leases end, claims go stale, Run is canceled, the queue
// is ended in each way, and the store is opened again. Nothing that was accepted
// is lost, nothing is delivered after it was acknowledged, and fences rise.
func Queue(t *testing.T, opener Opener) {
	t.Helper()
	testkit.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		store := opener.Open(t)
		defer func() { must(t, store.Close()) }()
		w := &watched{Store: store, t: t, live: map[string]bool{}, done: map[uint64]bool{}, fence: map[uint64]uint64{}, ok: map[uint64]bool{}}
		c := &chaos{rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
		succeeded, buried := map[uint64]bool{}, map[uint64]bool{}
		o := retry.QueueOptions[string]{
			Store: w, Workers: 3, Lease: 10 * time.Second, Logger: slog.New(slog.DiscardHandler),
			Heartbeat: time.Duration(rapid.SampledFrom([]int{0, 3}).Draw(t, "heartbeat")) * time.Second,
			Policy: retry.New(retry.Options{
				Attempts: 3, Timeout: time.Duration(rapid.SampledFrom([]int{0, 25}).Draw(t, "timeout")) * time.Second,
				Backoff: func(int, time.Duration, uint64) time.Duration { c.hook(); return time.Second },
				Retryable: func(error) bool {
					c.hook()
					return c.roll(4) > 0
				},
			}),
			Handle: func(ctx context.Context, j retry.Job[string]) error {
				switch c.roll(10) {
				case 0:
					return errDown
				case 1:
					return retry.Permanent(errDown)
				case 2:
					return retry.Snooze(2 * time.Second)
				case 3:
					panic(errDown)
				case 4:
					runtime.Goexit()
				case 5:
					select {
					case <-ctx.Done():
						return context.Cause(ctx)
					case <-time.After(time.Minute): // a heartbeat would keep it for ever
						return errDown
					}
				case 6:
					pass(15 * time.Second) // beyond its lease, if there is no heartbeat
				case 7:
					pass(time.Second)
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				w.ok[j.Fence] = true
				return nil
			},
			OnSuccess: func(_ context.Context, j retry.Job[string]) {
				c.mu.Lock()
				succeeded[j.ID] = true
				c.mu.Unlock()
				c.hook()
			},
			OnRetry: func(context.Context, retry.JobRetry[string]) { c.hook() },
			OnEvent: func(_ context.Context, e retry.Event[string]) error {
				c.mu.Lock()
				buried[e.Job.ID] = true
				c.mu.Unlock()
				if c.hook(); c.roll(3) == 0 {
					return errDown
				}
				return nil
			},
		}
		var q *retry.Queue[string]
		var cancel context.CancelFunc
		var ran chan error
		run := func() {
			q = retry.NewQueue(o)
			var running context.Context
			running, cancel = context.WithCancel(ctx)
			ran = make(chan error, 1)
			go func(q *retry.Queue[string], ran chan error) { ran <- q.Run(running) }(q, ran)
		}
		end := func(t *rapid.T) { // and wait for Run
			cancel()
			if err := <-ran; err != nil && !errors.Is(err, retry.ErrClosed) {
				t.Fatal(err)
			}
		}
		run()
		defer func() { end(t) }()
		seconds := func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second
		}
		letter := func(t *rapid.T) (id uint64) {
			for j, err := range q.Dead(ctx) {
				require.NoError(t, err)
				if id = j.ID; rapid.Bool().Draw(t, "this") {
					break
				}
			}
			return id
		}
		actions := map[string]func(*rapid.T){
			"enqueue": func(t *rapid.T) {
				key := strconv.Itoa(rapid.IntRange(0, 9).Draw(t, "key"))
				_, err := q.Enqueue(ctx, key, "", seconds(t))
				require.NoError(t, err)
			},
			"enqueue, canceled": func(t *rapid.T) {
				ended, cancel := context.WithCancelCause(ctx)
				cancel(errEnd)
				added, err := q.Enqueue(ended, "canceled", "", 0)
				require.ErrorIs(t, err, errEnd)
				require.ErrorIs(t, err, context.Canceled)
				require.False(t, added)
			},
			"wait": func(t *rapid.T) { testkit.Advance(seconds(t)) },
			"jump": func(*rapid.T) { testkit.Advance(240 * time.Hour) },
			"stale": func(t *rapid.T) {
				w.stale(ctx, rapid.IntRange(0, 1<<20).Draw(t, "claim"), retry.Verdict(rapid.IntRange(0, 3).Draw(t, "verdict")))
			},
			"replay": func(t *rapid.T) {
				if id := letter(t); id != 0 {
					require.NoError(t, q.Replay(ctx, id))
				}
			},
			"discard": func(t *rapid.T) {
				id := letter(t)
				if id == 0 {
					t.Skip()
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				var key string
				for _, j := range w.claims {
					if j.ID == id {
						key = j.Key
					}
				}
				require.NoError(t, q.Discard(ctx, id))
				delete(w.live, key)
			},
			"cancel Run": func(t *rapid.T) { end(t); run() },
			"close":      func(t *rapid.T) { interrupted(t, q.Close()); end(t); run() },
			"abort":      func(t *rapid.T) { q.Abort(errEnd); end(t); run() },
			"shutdown": func(t *rapid.T) {
				ended, stop := context.WithTimeout(ctx, seconds(t))
				defer stop()
				interrupted(t, q.Shutdown(ended))
				_, err := q.Enqueue(ctx, "refused", "", 0)
				require.ErrorIs(t, err, retry.ErrClosed)
				end(t)
				run()
			},
			"": func(t *rapid.T) {
				w.mu.Lock()
				defer w.mu.Unlock()
				s, err := w.Stats(ctx)
				require.NoError(t, err)
				require.Equal(t, len(w.live), s.Waiting+s.Claimed+s.Dead, "what was accepted is there")
			},
		}
		if opener.Reopen != nil {
			actions["open the store again"] = func(t *rapid.T) {
				end(t)
				store = opener.Reopen(t, store)
				w.Store, w.fence = store, map[uint64]uint64{}
				run()
			}
		}
		t.Repeat(actions)
		c.mu.Lock()
		c.off = true
		c.mu.Unlock()
		testkit.Advance(time.Hour)
		require.NoError(t, q.Wait(ctx))
		s, err := q.Stats(ctx)
		require.NoError(t, err)
		assert.Equal(t, retry.QueueStats{Dead: len(w.live)}, s, "all events were delivered")
		for j, err := range q.Dead(ctx) {
			require.NoError(t, err)
			assert.True(t, buried[j.ID], "its event was delivered")
		}
		for id := range succeeded {
			assert.True(t, w.done[id])
		}
	})
}

// interrupted accepts the errors of an end.
func interrupted(t *rapid.T, err error) {
	if _, ok := errors.AsType[*retry.ShutdownError](err); err != nil && !ok {
		t.Fatal(err)
	}
}
