package retry

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
)

var (
	// ErrClosed says that the store or the queue was closed.
	ErrClosed = errors.New("retry: closed")
	// ErrStale says that the claim is over: its lease ended and the job was
	// claimed again, or it has been settled.
	ErrStale = errors.New("retry: claim is stale")
	// ErrUnknownJob says that there is no such job among the dead letters.
	ErrUnknownJob = errors.New("retry: no such dead letter")
	// ErrInvalidKey says that a job's key is empty.
	ErrInvalidKey = errors.New("retry: job has no key")
)

// Job is a unit of work in a [Store].
//
// The Value may be large or secret: whatever holds a job, such as an [Event], is
// logged by slog without it. fmt prints it.
type Job[T any] struct {
	// ID is the job's number in its store; it rises and is never reused.
	ID uint64
	// Key is the job's idempotency key. There is at most one job of a key in a
	// store, the dead letters included, so at most one claim of it.
	Key string
	// Value is what was enqueued. It is zero if Err is not nil.
	Value T
	// Err says why the store cannot restore the value, for example because the
	// type has changed since. A [Queue] buries such a job and does not call the
	// handler; the store keeps the value as it was enqueued.
	Err   error
	State JobState
	// Attempts is how often the job was claimed, without claims that were
	// released.
	Attempts int
	// Delay is the wait between the last two attempts, which the next [Backoff]
	// is told. It is 0 before the first retry.
	Delay time.Duration
	// Fence is the number of the last claim, to be passed on to what the
	// handler calls, so that it can refuse an older one. It rises over all jobs
	// and is never reused.
	Fence uint64
	// Due is when a waiting job may be claimed, and when the lease of a claimed
	// one ends. Of a dead letter it is when it was buried.
	Due time.Time
	// Added is when the job was enqueued.
	Added time.Time
	// Reason is why the last attempt failed.
	Reason string
}

// LogValue returns all fields but Value, and the first line of Reason.
func (j Job[T]) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Uint64("id", j.ID), slog.String("key", j.Key), slog.Any("state", j.State),
		slog.Int("attempts", j.Attempts), slog.Uint64("fence", j.Fence),
		slog.Time("due", j.Due), slog.Time("added", j.Added),
	}
	if reason, _, _ := strings.Cut(j.Reason, "\n"); reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	if j.Err != nil {
		attrs = append(attrs, slog.Any("err", j.Err))
	}
	return slog.GroupValue(attrs...)
}

// LogValue returns the event, with the job as [Job.LogValue] shows it.
func (e Event[T]) LogValue() slog.Value {
	return slog.GroupValue(slog.Uint64("seq", e.Seq), slog.Any("kind", e.Kind),
		slog.Time("time", e.Time), slog.Any("job", e.Job))
}

// JobState is the state of a [Job].
type JobState uint8

// The states of a [Job].
const (
	// JobWaiting is the state of jobs that are claimed when they are due.
	JobWaiting JobState = iota
	// JobClaimed is the state of jobs that are claimed again when their lease has ended.
	JobClaimed
	// JobDead is the state of dead letters. They stay until they are replayed or discarded.
	JobDead
)

// String returns waiting, claimed or dead.
func (s JobState) String() string {
	return nameOf("JobState", uint8(s), "waiting", "claimed", "dead")
}

// GoString returns the same as String.
func (s JobState) GoString() string { return s.String() }

// LogValue returns the same as String.
func (s JobState) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Event says that a job became a dead letter, or was taken from the dead
// letters. A store records it in the same step.
type Event[T any] struct {
	Seq  uint64 // rises
	Kind EventKind
	Time time.Time
	Job  Job[T] // as it was after the event
}

// EventKind says what an [Event] reports.
type EventKind uint8

// The kinds of events.
const (
	// EventBuried says that the job became a dead letter.
	EventBuried EventKind = iota
	// EventReplayed says that the dead letter waits again.
	EventReplayed
	// EventDiscarded says that the dead letter was removed.
	EventDiscarded
)

// String returns buried, replayed or discarded.
func (k EventKind) String() string {
	return nameOf("EventKind", uint8(k), "buried", "replayed", "discarded")
}

// GoString returns the same as String.
func (k EventKind) GoString() string { return k.String() }

// LogValue returns the same as String.
func (k EventKind) LogValue() slog.Value { return slog.StringValue(k.String()) }

// EnqueueRequest asks [Store] to add a job.
type EnqueueRequest[T any] struct {
	Key   string
	Value T
	Due   time.Time
	Now   time.Time
}

// LogValue returns all fields but Value.
func (r EnqueueRequest[T]) LogValue() slog.Value {
	return slog.GroupValue(slog.String("key", r.Key), slog.Time("due", r.Due), slog.Time("now", r.Now))
}

// ClaimRequest asks [Store] for jobs that are due.
type ClaimRequest struct {
	Now   time.Time
	Until time.Time // when the lease ends
	Max   int
}

// Claims is what [Store.Claim] found.
type Claims[T any] struct {
	Jobs []Job[T]
	// Next is when there may be more to claim, as far as the store knows; zero
	// when nothing waits. A store that others add jobs to makes it the time at
	// which it wants to be asked again.
	Next time.Time
}

// LogValue returns how many jobs there are, and Next.
func (c Claims[T]) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("jobs", len(c.Jobs)), slog.Time("next", c.Next))
}

// SettleRequest tells [Store] how a claim ended.
type SettleRequest struct {
	ID, Fence uint64
	Verdict   Verdict
	Due       time.Time     // of a job that waits again
	Delay     time.Duration // [Job.Delay] of a job to be retried
	Reason    string        // of one to be retried or buried
	Now       time.Time
}

// ExtendRequest asks [Store] to let a claim last longer.
type ExtendRequest struct {
	ID, Fence uint64
	Until     time.Time // when the lease ends
	Now       time.Time
}

// Verdict says what becomes of a claimed job.
type Verdict uint8

// The verdicts.
const (
	// VerdictDone removes the job.
	VerdictDone Verdict = iota
	// VerdictRetry lets the job wait until it is due.
	VerdictRetry
	// VerdictUnclaim lets the job wait until it is due, as if it had not been claimed.
	VerdictUnclaim
	// VerdictBury makes the job a dead letter.
	VerdictBury
)

// String returns done, retry, unclaim or bury.
func (v Verdict) String() string {
	return nameOf("Verdict", uint8(v), "done", "retry", "unclaim", "bury")
}

// GoString returns the same as String.
func (v Verdict) GoString() string { return v.String() }

// LogValue returns the same as String.
func (v Verdict) LogValue() slog.Value { return slog.StringValue(v.String()) }

// ReplayRequest asks [Store] to let a dead letter wait again, with its key and
// no attempts made.
type ReplayRequest struct {
	ID  uint64
	Now time.Time
}

// DiscardRequest asks [Store] to remove a dead letter.
type DiscardRequest struct {
	ID  uint64
	Now time.Time
}

// PageRequest asks [Store] for a page of a list.
type PageRequest struct {
	After uint64 // the last ID or Seq of the page before; 0 for the first page
	Max   int
}

// QueueStats is how many jobs a [Store] has in each state, and how many events.
type QueueStats struct {
	Waiting, Claimed, Dead, Events int
}

// Store keeps the jobs of a [Queue]. All methods are safe for concurrent use.
// What a durable store has answered survives a crash; a call that fails has
// changed nothing, or ends the store.
//
// A store says what it does with values that change after Enqueue. One bad
// value never harms other jobs: a value that cannot be stored is refused by
// Enqueue, and one that cannot be restored is reported in [Job.Err].
//
// A store has no clock: each request says what time it is. Errors come in this
// precedence: [ErrClosed], the error of a context that is done (it matches
// ctx.Err and [context.Cause]), then what the method names.
type Store[T any] interface {
	// Enqueue adds a job, or reports false when there is one of that key.
	// [ErrInvalidKey].
	Enqueue(ctx context.Context, r EnqueueRequest[T]) (added bool, err error)
	// Claim gives out jobs that wait and are due, or whose lease has ended, the
	// longest due first. Each has a new fence and one more attempt.
	Claim(ctx context.Context, r ClaimRequest) (Claims[T], error)
	// Settle ends a claim. [ErrStale] when the fence is not that of the job's
	// last claim; the end of the lease alone does not make it stale.
	Settle(ctx context.Context, r SettleRequest) error
	// Extend moves the end of a claim's lease. [ErrStale] as for Settle.
	Extend(ctx context.Context, r ExtendRequest) error
	// Dead lists dead letters by ID.
	Dead(ctx context.Context, r PageRequest) ([]Job[T], error)
	// Replay lets a dead letter wait again. [ErrUnknownJob].
	Replay(ctx context.Context, r ReplayRequest) error
	// Discard removes a dead letter. [ErrUnknownJob].
	Discard(ctx context.Context, r DiscardRequest) error
	// Events lists events by Seq.
	Events(ctx context.Context, r PageRequest) ([]Event[T], error)
	// Trim removes all events up to seq.
	Trim(ctx context.Context, seq uint64) error
	// Stats counts jobs and events at one moment.
	Stats(ctx context.Context) (QueueStats, error)
	// Close ends the store. Every later call but Close fails with [ErrClosed].
	Close() error
}

// Notifier is a [Store] that several queues of a process can share: it tells
// each of them of what the others, and direct calls, put into it. A queue on
// another store knows its own changes only, and what [Claims.Next] says.
type Notifier interface {
	// Notify has the store leave a token in jobs when a job is added or waits
	// again, and in events when there is a new event, until stop is called. A
	// channel that has no room for a token has one. The next call of Claim or
	// Events sees the change.
	Notify(jobs, events chan<- struct{}) (stop func())
}
