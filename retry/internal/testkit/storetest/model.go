package storetest

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/retry"
)

// oracle is a store that looks at every job each time.
type oracle struct {
	jobs   []retry.Job[string] // in the order in which they came
	events []retry.Event[string]
	last   uint64 // the highest number seen
}

func (o *oracle) find(f func(retry.Job[string]) bool) *retry.Job[string] {
	if i := slices.IndexFunc(o.jobs, f); i >= 0 {
		return &o.jobs[i]
	}
	return nil
}

func (o *oracle) byID(id uint64) *retry.Job[string] {
	return o.find(func(j retry.Job[string]) bool { return j.ID == id })
}

func (o *oracle) byKey(key string) *retry.Job[string] {
	return o.find(func(j retry.Job[string]) bool { return j.Key == key })
}

func (o *oracle) remove(id uint64) {
	o.jobs = slices.DeleteFunc(o.jobs, func(j retry.Job[string]) bool { return j.ID == id })
}

func (o *oracle) in(s retry.JobState) []retry.Job[string] {
	return slices.DeleteFunc(slices.Clone(o.jobs), func(j retry.Job[string]) bool { return j.State != s })
}

// due returns the jobs that can be claimed, in their order.
func (o *oracle) due(now time.Time) []retry.Job[string] {
	all := slices.DeleteFunc(slices.Clone(o.jobs), func(j retry.Job[string]) bool {
		return j.State == retry.JobDead || j.Due.After(now)
	})
	slices.SortStableFunc(all, func(a, b retry.Job[string]) int { return a.Due.Compare(b.Due) })
	return all
}

// fresh checks that a number was never given out.
func (o *oracle) fresh(t *rapid.T, what string, n uint64) {
	if n <= o.last {
		t.Fatalf("%s %d after %d", what, n, o.last)
	}
	o.last = n
}

func (o *oracle) event(kind retry.EventKind, now time.Time, job retry.Job[string]) {
	o.events = append(o.events, retry.Event[string]{Kind: kind, Time: now, Job: job})
}

// same compares jobs; their times may have lost their location.
func same(t *rapid.T, what string, got, want retry.Job[string]) {
	if !got.Due.Equal(want.Due) || !got.Added.Equal(want.Added) {
		t.Fatalf("%s: %+v, want %+v", what, got, want)
	}
	got.Due, got.Added = want.Due, want.Added
	if got != want {
		t.Fatalf("%s: %+v, want %+v", what, got, want)
	}
}

func model(t *testing.T, opener Opener) {
	rapid.Check(t, func(t *rapid.T) {
		s, o, now, ctx := opener.Open(t), &oracle{}, start, t.Context()
		defer func() { must(t, s.Close()) }()
		keys := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		delays := rapid.Map(rapid.IntRange(-1, 5), func(n int) time.Duration { return time.Duration(n) * time.Second })
		var old []retry.Job[string] // what was ever claimed

		actions := map[string]func(*rapid.T){
			"enqueue": func(t *rapid.T) {
				r := retry.EnqueueRequest[string]{Key: keys.Draw(t, "key"), Value: rapid.String().Draw(t, "value"), Now: now}
				r.Due = now.Add(delays.Draw(t, "delay"))
				added, err := s.Enqueue(ctx, r)
				must(t, err)
				if want := o.byKey(r.Key) == nil; added != want {
					t.Fatalf("Enqueue %q: %v", r.Key, added)
				}
				if added {
					o.jobs = append(o.jobs, retry.Job[string]{Key: r.Key, Value: r.Value, Due: r.Due, Added: now})
				}
			},
			"claim": func(t *rapid.T) {
				r := retry.ClaimRequest{Now: now, Until: now.Add(3 * time.Second), Max: rapid.IntRange(1, 3).Draw(t, "n")}
				want := o.due(now)
				want = want[:min(len(want), r.Max)]
				claims, err := s.Claim(ctx, r)
				must(t, err)
				if len(claims.Jobs) != len(want) {
					t.Fatalf("Claim: %d jobs, not %d", len(claims.Jobs), len(want))
				}
				for i, job := range claims.Jobs {
					o.fresh(t, "fence", job.Fence)
					w := o.byKey(job.Key)
					if w.ID == 0 {
						w.ID = job.ID // its number is known from now on
					}
					if w.Key != want[i].Key {
						t.Fatalf("Claim: %q comes %d. instead of %q", job.Key, i, want[i].Key)
					}
					w.State, w.Fence, w.Due = retry.JobClaimed, job.Fence, r.Until
					w.Attempts++
					same(t, "Claim", job, *w)
					old = append(old, job)
				}
				for _, job := range o.jobs {
					if job.State != retry.JobDead && (claims.Next.IsZero() || claims.Next.After(job.Due)) {
						t.Fatalf("Claim: next at %v, but a job is due at %v", claims.Next, job.Due)
					}
				}
			},
			"settle": func(t *rapid.T) {
				if len(old) == 0 {
					t.Skip()
				}
				claim := rapid.SampledFrom(old).Draw(t, "claim")
				r := retry.SettleRequest{ID: claim.ID, Fence: claim.Fence, Now: now, Reason: rapid.String().Draw(t, "reason")}
				r.Verdict = rapid.SampledFrom([]retry.Verdict{retry.VerdictDone, retry.VerdictRetry, retry.VerdictUnclaim, retry.VerdictBury}).Draw(t, "verdict")
				r.Delay = delays.Draw(t, "delay")
				r.Due = now.Add(r.Delay)
				err := s.Settle(ctx, r)
				job := o.byID(claim.ID)
				if job == nil || job.State != retry.JobClaimed || job.Fence != claim.Fence {
					is(t, err, retry.ErrStale)
					return
				}
				must(t, err)
				switch r.Verdict {
				case retry.VerdictDone:
					o.remove(job.ID)
				case retry.VerdictRetry:
					job.State, job.Due, job.Delay, job.Reason = retry.JobWaiting, r.Due, r.Delay, r.Reason
				case retry.VerdictUnclaim:
					job.State, job.Due = retry.JobWaiting, r.Due
					job.Attempts--
				case retry.VerdictBury:
					job.State, job.Due, job.Reason = retry.JobDead, now, r.Reason
					o.event(retry.EventBuried, now, *job)
				}
			},
			"extend": func(t *rapid.T) {
				if len(old) == 0 {
					t.Skip()
				}
				claim := rapid.SampledFrom(old).Draw(t, "claim")
				r := retry.ExtendRequest{ID: claim.ID, Fence: claim.Fence, Until: now.Add(delays.Draw(t, "lease")), Now: now}
				err := s.Extend(ctx, r)
				job := o.byID(claim.ID)
				if job == nil || job.State != retry.JobClaimed || job.Fence != claim.Fence {
					is(t, err, retry.ErrStale)
					return
				}
				must(t, err)
				job.Due = r.Until
			},
			"replay": func(t *rapid.T) {
				id := deadOrNot(t, o)
				err := s.Replay(ctx, retry.ReplayRequest{ID: id, Now: now})
				job := o.byID(id)
				if job == nil || job.State != retry.JobDead {
					is(t, err, retry.ErrUnknownJob)
					return
				}
				must(t, err)
				job.State, job.Attempts, job.Delay, job.Due = retry.JobWaiting, 0, 0, now
				o.event(retry.EventReplayed, now, *job)
			},
			"discard": func(t *rapid.T) {
				id := deadOrNot(t, o)
				err := s.Discard(ctx, retry.DiscardRequest{ID: id, Now: now})
				job := o.byID(id)
				if job == nil || job.State != retry.JobDead {
					is(t, err, retry.ErrUnknownJob)
					return
				}
				must(t, err)
				o.event(retry.EventDiscarded, now, *job)
				o.remove(id)
			},
			"trim": func(t *rapid.T) {
				if len(o.events) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(o.events)-1).Draw(t, "event")
				must(t, s.Trim(ctx, o.events[i].Seq))
				o.events = o.events[i+1:]
			},
			"wait": func(t *rapid.T) { now = now.Add(max(delays.Draw(t, "delay"), 0)) },
			"": func(t *rapid.T) {
				stats, err := s.Stats(ctx)
				must(t, err)
				want := retry.QueueStats{
					Waiting: len(o.in(retry.JobWaiting)), Claimed: len(o.in(retry.JobClaimed)),
					Dead: len(o.in(retry.JobDead)), Events: len(o.events),
				}
				if stats != want {
					t.Fatalf("%+v, not %+v", stats, want)
				}
				dead, err := s.Dead(ctx, retry.PageRequest{Max: 99})
				must(t, err)
				for _, job := range dead {
					same(t, "Dead", job, *o.byKey(job.Key))
				}
				events, err := s.Events(ctx, retry.PageRequest{Max: 99})
				must(t, err)
				if len(dead) != want.Dead || len(events) != want.Events {
					t.Fatalf("%d dead, %d events, not %+v", len(dead), len(events), want)
				}
				for i, e := range events {
					if w := &o.events[i]; w.Seq == 0 {
						o.fresh(t, "seq", e.Seq)
						w.Seq = e.Seq
					}
					same(t, "event "+strconv.Itoa(i), e.Job, o.events[i].Job)
					if w := o.events[i]; e.Seq != w.Seq || e.Kind != w.Kind || !e.Time.Equal(w.Time) {
						t.Fatalf("event %+v, not %+v", e, w)
					}
				}
			},
		}
		if opener.Reopen != nil {
			actions["reopen"] = func(t *rapid.T) {
				s = opener.Reopen(t, s)
				for i := range o.jobs { // claims are free again
					if job := &o.jobs[i]; job.State == retry.JobClaimed {
						job.State, job.Due = retry.JobWaiting, job.Added
					}
				}
			}
		}
		t.Repeat(actions)
	})
}

// deadOrNot draws the ID of a job, most likely of a dead one.
func deadOrNot(t *rapid.T, o *oracle) uint64 {
	ids := []uint64{0, 1, 1 << 40}
	for _, job := range o.jobs {
		ids = append(ids, job.ID)
	}
	for _, job := range o.in(retry.JobDead) {
		ids = append(ids, job.ID, job.ID, job.ID)
	}
	return rapid.SampledFrom(ids).Draw(t, "id")
}

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t rapid.TB, err, want error) {
	t.Helper()
	if err != want { //nolint:errorlint // the sentinels come bare
		t.Fatalf("%v, not %v", err, want)
	}
}
