package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/retry"
)

// seen is all that can be seen of a store.
type seen struct {
	live   int // jobs that wait or are claimed
	dead   []retry.Job[string]
	events []retry.Event[string]
	claims []retry.Job[string]
}

func look(t *testing.T, s Store) (v seen) {
	ctx := t.Context()
	stats, err := s.Stats(ctx)
	require.NoError(t, err)
	v.live = stats.Waiting + stats.Claimed
	dead, err := s.Dead(ctx, retry.PageRequest{Max: 99})
	require.NoError(t, err)
	require.Len(t, dead, stats.Dead)
	events, err := s.Events(ctx, retry.PageRequest{Max: 99})
	require.NoError(t, err)
	require.Len(t, events, stats.Events)
	v.dead, v.events = append(v.dead, dead...), append(v.events, events...) // nil if there are none
	late := start.Add(24 * time.Hour)
	claims, err := s.Claim(ctx, retry.ClaimRequest{Now: late, Until: late.Add(time.Hour), Max: 99})
	require.NoError(t, err)
	v.claims = claims.Jobs
	for _, jobs := range [][]retry.Job[string]{v.dead, v.claims} {
		for i := range jobs {
			jobs[i].Due, jobs[i].Added = jobs[i].Due.UTC(), jobs[i].Added.UTC()
		}
	}
	for i := range v.events {
		e := &v.events[i]
		e.Time, e.Job.Due, e.Job.Added = e.Time.UTC(), e.Job.Due.UTC(), e.Job.Added.UTC()
	}
	return v
}

// restarts has two stores do the same, of which one is opened again after each
// step: nobody can tell them apart.
func restarts(t *testing.T, o Opener) {
	ctx := t.Context()
	var last retry.Job[string]
	claim := func(t *testing.T, s Store) {
		claims, err := s.Claim(ctx, retry.ClaimRequest{Now: start.Add(2 * time.Second), Until: start.Add(time.Minute), Max: 1})
		require.NoError(t, err)
		require.Len(t, claims.Jobs, 1)
		last = claims.Jobs[0]
	}
	settle := func(v retry.Verdict) func(*testing.T, Store) {
		return func(t *testing.T, s Store) {
			claim(t, s)
			require.NoError(t, s.Settle(ctx, retry.SettleRequest{
				ID: last.ID, Fence: last.Fence, Verdict: v, Due: start, Delay: 7 * time.Second, Reason: v.String(), Now: start.Add(time.Second),
			}))
		}
	}
	now := start.Add(2 * time.Second)
	steps := map[string]func(*testing.T, Store){
		"enqueue": func(t *testing.T, s Store) {
			added, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: "key", Value: "value", Due: start, Now: start.Add(-time.Hour)})
			require.True(t, added && err == nil)
		},
		"claim": claim,
		"extend": func(t *testing.T, s Store) {
			claim(t, s)
			require.NoError(t, s.Extend(ctx, retry.ExtendRequest{ID: last.ID, Fence: last.Fence, Until: start.Add(time.Hour), Now: now}))
		},
		"done": settle(retry.VerdictDone), "again": settle(retry.VerdictRetry), "unclaim": settle(retry.VerdictUnclaim), "bury": settle(retry.VerdictBury),
		"replay": func(t *testing.T, s Store) {
			require.NoError(t, s.Replay(ctx, retry.ReplayRequest{ID: last.ID, Now: now}))
		},
		"discard": func(t *testing.T, s Store) {
			require.NoError(t, s.Discard(ctx, retry.DiscardRequest{ID: last.ID, Now: now}))
		},
		"trim": func(t *testing.T, s Store) { require.NoError(t, s.Trim(ctx, 1<<63)) },
	}
	for _, names := range [][]string{
		{"enqueue"},
		{"enqueue", "claim"},
		{"enqueue", "extend"},
		{"enqueue", "done"},
		{"enqueue", "again"},
		{"enqueue", "again", "unclaim"},
		{"enqueue", "bury"},
		{"enqueue", "again", "bury", "replay"},
		{"enqueue", "bury", "discard", "enqueue"},
		{"enqueue", "bury", "trim"},
		{"enqueue", "bury", "replay", "trim", "bury"},
	} {
		stays, restarted := o.Open(t), o.Open(t)
		for i, name := range names {
			steps[name](t, stays)
			steps[name](t, restarted)
			if i == len(names)-1 || name != "claim" {
				restarted = o.Reopen(t, restarted)
			}
		}
		want, got := look(t, stays), look(t, restarted)
		assert.Equal(t, want, got, "%v", names)
		if names[len(names)-1] == "replay" {
			require.Len(t, got.claims, 1)
			assert.Equal(t, 1, got.claims[0].Attempts, "all attempts are there again")
			assert.Zero(t, got.claims[0].Delay)
			assert.Equal(t, got.claims[0].Added, start.Add(-time.Hour))
		}
		require.NoError(t, stays.Close())
		require.NoError(t, restarted.Close())
	}
}
