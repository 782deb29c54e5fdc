// Package storetest holds the tests that every [retry.Store] must pass.
package storetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// Store is a store under test. Its tests close it.
type Store = retry.Store[string]

// Opener makes stores.
type Opener struct {
	// Open returns an empty store.
	Open func(tb rapid.TB) Store
	// Reopen ends a store as a crash would and returns it as it was recovered.
	// Nil when the store does not outlive the process.
	Reopen func(tb rapid.TB, s Store) Store
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Run runs all tests.
func Run(t *testing.T, o Opener) {
	t.Helper()
	for name, f := range map[string]func(*testing.T, Store){
		"ADoneContextComesFirst":        doneContext,
		"AClosedStoreRefusesEverything": closed,
		"BadInputIsRefused":             badInput,
		"ListsComeInPages":              pages,
		"TheLongestDueComesFirst":       order,
		"AStaleFenceCanDoNothing":       stale,
		"AStoreTellsOfWhatIsPutIntoIt":  notify,
	} {
		t.Run(name, func(t *testing.T) {
			s := o.Open(t)
			defer func() { require.NoError(t, s.Close()) }()
			f(t, s)
		})
	}
	if o.Reopen != nil {
		t.Run("EachAnswerSurvivesARestart", func(t *testing.T) { restarts(t, o) })
	}
	t.Run("AgainstAModel", func(t *testing.T) { model(t, o) })
	t.Run("UnderStress", func(t *testing.T) { stress(t, o) })
}

// Calls are calls of each method of a store that takes a context, with this context.
func Calls(ctx context.Context, s Store) map[string]func() error {
	return map[string]func() error{
		"Enqueue": func() error {
			added, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: "k", Now: start})
			if added && err != nil {
				return errors.New("added, and an error")
			}
			return err
		},
		"Claim":   func() error { _, err := s.Claim(ctx, retry.ClaimRequest{Now: start, Max: 1}); return err },
		"Settle":  func() error { return s.Settle(ctx, retry.SettleRequest{}) },
		"Extend":  func() error { return s.Extend(ctx, retry.ExtendRequest{}) },
		"Dead":    func() error { _, err := s.Dead(ctx, retry.PageRequest{Max: 1}); return err },
		"Replay":  func() error { return s.Replay(ctx, retry.ReplayRequest{}) },
		"Discard": func() error { return s.Discard(ctx, retry.DiscardRequest{}) },
		"Events":  func() error { _, err := s.Events(ctx, retry.PageRequest{Max: 1}); return err },
		"Trim":    func() error { return s.Trim(ctx, 1) },
		"Stats":   func() error { _, err := s.Stats(ctx); return err },
	}
}

func doneContext(t *testing.T, s Store) {
	cause := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for name, call := range Calls(ctx, s) {
		err := call()
		assert.ErrorIs(t, err, cause, name)
		assert.ErrorIs(t, err, context.Canceled, name)
	}
	stats, err := s.Stats(t.Context())
	require.NoError(t, err)
	assert.Zero(t, stats)
}

func closed(t *testing.T, s Store) {
	require.NoError(t, s.Close())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range Calls(ctx, s) {
		assert.ErrorIs(t, call(), retry.ErrClosed, name)
	}
}

func badInput(t *testing.T, s Store) {
	ctx := t.Context()
	added, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Now: start})
	require.ErrorIs(t, err, retry.ErrInvalidKey)
	require.False(t, added)
	_, err = s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: "k", Now: start})
	require.NoError(t, err)
	for _, n := range []int{0, -1} {
		claims, err := s.Claim(ctx, retry.ClaimRequest{Now: start, Until: start.Add(1), Max: n})
		require.NoError(t, err)
		assert.Empty(t, claims.Jobs)
		dead, err := s.Dead(ctx, retry.PageRequest{Max: n})
		require.NoError(t, err)
		assert.Empty(t, dead)
		events, err := s.Events(ctx, retry.PageRequest{Max: n})
		require.NoError(t, err)
		assert.Empty(t, events)
	}
	claims, err := s.Claim(ctx, retry.ClaimRequest{Now: start, Until: start.Add(-1), Max: 9})
	require.NoError(t, err)
	assert.Len(t, claims.Jobs, 1, "a lease without duration does not give one job out for ever")
	require.ErrorIs(t, s.Replay(ctx, retry.ReplayRequest{ID: claims.Jobs[0].ID}), retry.ErrUnknownJob, "it is not dead")
	require.ErrorIs(t, s.Discard(ctx, retry.DiscardRequest{ID: claims.Jobs[0].ID}), retry.ErrUnknownJob)
	require.ErrorIs(t, s.Settle(ctx, retry.SettleRequest{ID: claims.Jobs[0].ID}), retry.ErrStale)
	require.ErrorIs(t, s.Extend(ctx, retry.ExtendRequest{ID: claims.Jobs[0].ID}), retry.ErrStale)
	unknown := retry.SettleRequest{ID: claims.Jobs[0].ID, Fence: claims.Jobs[0].Fence, Verdict: 99}
	require.ErrorContains(t, s.Settle(ctx, unknown), "unknown verdict 99")
	require.NoError(t, s.Trim(ctx, 1<<63))
}

func pages(t *testing.T, s Store) {
	ctx := t.Context()
	const n = 7
	for i := range n {
		_, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: strconv.Itoa(i), Now: start, Due: start})
		require.NoError(t, err)
	}
	claims, err := s.Claim(ctx, retry.ClaimRequest{Now: start, Until: start.Add(1), Max: n})
	require.NoError(t, err)
	slices.Reverse(claims.Jobs) // the order of burial is not that of the list
	for _, job := range claims.Jobs {
		require.NoError(t, s.Settle(ctx, retry.SettleRequest{ID: job.ID, Fence: job.Fence, Verdict: retry.VerdictBury, Now: start}))
	}
	var dead []retry.Job[string]
	for r := (retry.PageRequest{Max: 3}); ; r.After = dead[len(dead)-1].ID {
		page, err := s.Dead(ctx, r)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		dead = append(dead, page...)
	}
	require.Len(t, dead, n)
	assert.True(t, slices.IsSortedFunc(dead, func(a, b retry.Job[string]) int { return cmp.Compare(a.ID, b.ID) }))
	events, err := s.Events(ctx, retry.PageRequest{Max: 99})
	require.NoError(t, err)
	require.Len(t, events, n)
	for i, e := range events {
		assert.Equal(t, claims.Jobs[i].ID, e.Job.ID)
	}
	require.NoError(t, s.Trim(ctx, events[2].Seq))
	rest, err := s.Events(ctx, retry.PageRequest{After: events[4].Seq, Max: 99})
	require.NoError(t, err)
	assert.Len(t, rest, 2)
	rest, err = s.Events(ctx, retry.PageRequest{Max: 99})
	require.NoError(t, err)
	assert.Len(t, rest, 4)
}

func order(t *testing.T, s Store) {
	ctx := t.Context()
	for _, at := range []int{3, 1, 2, 9} {
		due := start.Add(time.Duration(at) * time.Second)
		_, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: strconv.Itoa(at), Now: start, Due: due})
		require.NoError(t, err)
	}
	claims, err := s.Claim(ctx, retry.ClaimRequest{Now: start, Until: start.Add(time.Hour), Max: 9})
	require.NoError(t, err)
	assert.Empty(t, claims.Jobs)
	assert.True(t, claims.Next.Equal(start.Add(time.Second)))
	now := start.Add(5 * time.Second)
	claims, err = s.Claim(ctx, retry.ClaimRequest{Now: now, Until: now.Add(time.Hour), Max: 9})
	require.NoError(t, err)
	var keys []string
	for _, job := range claims.Jobs {
		keys = append(keys, job.Key)
	}
	assert.Equal(t, []string{"1", "2", "3"}, keys)
	assert.True(t, claims.Next.Equal(start.Add(9*time.Second)))
	// What waits again is in order, too.
	for i, verdict := range []retry.Verdict{retry.VerdictUnclaim, retry.VerdictRetry, retry.VerdictUnclaim} {
		job, due := claims.Jobs[i], start.Add(time.Duration(20-5*i)*time.Second)
		require.NoError(t, s.Settle(ctx, retry.SettleRequest{ID: job.ID, Fence: job.Fence, Verdict: verdict, Due: due, Now: now}))
	}
	for _, want := range []string{"9", "3", "2", "1"} {
		now := start.Add(time.Minute)
		claims, err := s.Claim(ctx, retry.ClaimRequest{Now: now, Until: now.Add(time.Hour), Max: 1})
		require.NoError(t, err)
		require.Len(t, claims.Jobs, 1)
		assert.Equal(t, want, claims.Jobs[0].Key)
	}
}

func stale(t *testing.T, s Store) {
	ctx := t.Context()
	claim := func(now time.Time) retry.Job[string] {
		claims, err := s.Claim(ctx, retry.ClaimRequest{Now: now, Until: now.Add(time.Minute), Max: 1})
		require.NoError(t, err)
		require.Len(t, claims.Jobs, 1)
		return claims.Jobs[0]
	}
	refused := func(now time.Time, job retry.Job[string]) {
		before, err := s.Stats(ctx)
		require.NoError(t, err)
		for _, v := range []retry.Verdict{retry.VerdictDone, retry.VerdictRetry, retry.VerdictUnclaim, retry.VerdictBury} {
			r := retry.SettleRequest{ID: job.ID, Fence: job.Fence, Verdict: v, Due: now, Now: now}
			require.ErrorIs(t, s.Settle(ctx, r), retry.ErrStale, "%v", v)
		}
		r := retry.ExtendRequest{ID: job.ID, Fence: job.Fence, Until: now.Add(time.Hour), Now: now}
		require.ErrorIs(t, s.Extend(ctx, r), retry.ErrStale)
		after, err := s.Stats(ctx)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	_, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: "k", Now: start, Due: start})
	require.NoError(t, err)
	first := claim(start)
	later := start.Add(30 * time.Second)
	extend := retry.ExtendRequest{ID: first.ID, Fence: first.Fence, Until: later.Add(time.Minute), Now: later}
	require.NoError(t, s.Extend(ctx, extend))
	now := start.Add(time.Minute)
	none, err := s.Claim(ctx, retry.ClaimRequest{Now: now, Until: now.Add(time.Minute), Max: 1})
	require.NoError(t, err)
	require.Empty(t, none.Jobs, "the lease was extended")
	now = later.Add(time.Minute)
	second := claim(now)
	refused(now, first) // it was claimed again
	require.NoError(t, s.Settle(ctx, retry.SettleRequest{ID: second.ID, Fence: second.Fence, Verdict: retry.VerdictBury, Now: now}))
	refused(now, second) // it is dead
	require.NoError(t, s.Replay(ctx, retry.ReplayRequest{ID: second.ID, Now: now}))
	refused(now, second) // it waits
	third := claim(now)
	require.Greater(t, third.Fence, second.Fence)
	refused(now, second)
	require.NoError(t, s.Settle(ctx, retry.SettleRequest{ID: third.ID, Fence: third.Fence, Now: now}))
	refused(now, third) // it is gone
}

// notify checks that a store tells of what was put into it, until it is not to.
func notify(t *testing.T, s Store) {
	ctx := t.Context()
	n, ok := s.(retry.Notifier)
	if !ok {
		t.Skip("it does not notify")
	}
	jobs, events := make(chan struct{}, 1), make(chan struct{}, 1)
	full, none := make(chan struct{}, 1), make(chan struct{})
	full <- struct{}{}
	stop, stopOther := n.Notify(jobs, events), n.Notify(full, none)
	told := func(what string, wantJobs, wantEvents int) {
		assert.Equal(t, wantJobs, len(jobs), "%s: jobs", what)
		assert.Equal(t, wantEvents, len(events), "%s: events", what)
		for _, c := range []chan struct{}{jobs, events} {
			select {
			case <-c:
			default:
			}
		}
	}
	claim := func() retry.Job[string] {
		claims, err := s.Claim(ctx, retry.ClaimRequest{Now: start, Until: start.Add(time.Hour), Max: 1})
		require.NoError(t, err)
		require.Len(t, claims.Jobs, 1)
		told("claim", 0, 0)
		return claims.Jobs[0]
	}
	settle := func(v retry.Verdict) (id uint64) {
		job := claim()
		require.NoError(t, s.Settle(ctx, retry.SettleRequest{ID: job.ID, Fence: job.Fence, Verdict: v, Now: start, Due: start}))
		return job.ID
	}
	enqueue := func(added bool) {
		got, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: "k", Now: start, Due: start})
		require.NoError(t, err)
		require.Equal(t, added, got)
	}
	enqueue(true)
	told("enqueue", 1, 0)
	enqueue(false)
	told("enqueue of the same key", 0, 0)
	settle(retry.VerdictRetry)
	told("again", 1, 0)
	settle(retry.VerdictUnclaim)
	told("unclaim", 1, 0)
	id := settle(retry.VerdictBury)
	told("bury", 0, 1)
	require.NoError(t, s.Replay(ctx, retry.ReplayRequest{ID: id, Now: start}))
	told("replay", 1, 1)
	id = settle(retry.VerdictBury)
	told("bury", 0, 1)
	require.NoError(t, s.Discard(ctx, retry.DiscardRequest{ID: id, Now: start}))
	told("discard", 0, 1)
	stop()
	stop()
	enqueue(true)
	told("after stop", 0, 0)
	<-full
	settle(retry.VerdictDone)
	assert.Empty(t, full, "done")
	enqueue(true)
	assert.Len(t, full, 1, "the other goes on")
	stopOther()
}

// stress has several workers share a store; each key has one owner at a time,
// and in the end nothing is left.
func stress(t *testing.T, o Opener) {
	testkit.Stress(t, func(t *testing.T, round int) {
		const workers, jobs = 8, 64
		s := o.Open(t)
		defer func() { require.NoError(t, s.Close()) }()
		ctx := t.Context()
		owners := make([]chan struct{}, jobs)
		for i := range owners {
			owners[i] = make(chan struct{}, 1)
		}
		finished := make(chan struct{})
		left := make(chan int, 1)
		left <- jobs
		testkit.Parallel(workers, func(w int) {
			for i := w; i < jobs; i += workers {
				added, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: strconv.Itoa(i), Now: start, Due: start})
				assert.True(t, added && err == nil)
			}
			for n := round; ; n++ {
				select {
				case <-finished:
					return
				default:
				}
				claims, err := s.Claim(ctx, retry.ClaimRequest{Now: start, Until: start.Add(time.Hour), Max: 3})
				if !assert.NoError(t, err) {
					return
				}
				for _, job := range claims.Jobs {
					i, _ := strconv.Atoi(job.Key)
					select {
					case owners[i] <- struct{}{}:
					default:
						t.Errorf("job %d has two owners", i)
					}
					stale := retry.SettleRequest{ID: job.ID, Fence: job.Fence - 1}
					assert.ErrorIs(t, s.Settle(ctx, stale), retry.ErrStale)
					<-owners[i]
					r := retry.SettleRequest{ID: job.ID, Fence: job.Fence, Now: start, Due: start}
					r.Verdict = []retry.Verdict{retry.VerdictDone, retry.VerdictRetry, retry.VerdictUnclaim, retry.VerdictBury}[(n+i)%4]
					assert.NoError(t, s.Settle(ctx, r))
					switch r.Verdict {
					case retry.VerdictDone:
						rest := <-left - 1
						if left <- rest; rest == 0 {
							close(finished)
						}
					case retry.VerdictBury:
						assert.NoError(t, s.Replay(ctx, retry.ReplayRequest{ID: job.ID, Now: start}))
					case retry.VerdictRetry, retry.VerdictUnclaim:
					}
				}
			}
		})
		stats, err := s.Stats(ctx)
		require.NoError(t, err)
		require.Equal(t, retry.QueueStats{Events: stats.Events}, stats)
	})
}
