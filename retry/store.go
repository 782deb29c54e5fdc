package retry

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
)

var (
	// ErrClosed means that the store or the queue was closed.
	ErrClosed = errors.New("retry: closed")
	// ErrStale means that a claim has ended: it was settled, or its lease ended and the
	// job was claimed again.
	ErrStale = errors.New("retry: claim is stale")
	// ErrUnknownJob means that no dead letter has this ID.
	ErrUnknownJob = errors.New("retry: no such dead letter")
	// ErrInvalidKey means that the key of a job is empty.
	ErrInvalidKey = errors.New("retry: job has no key")
)

// Job is a unit of work in a [Store].
//
// The Value may be large or secret: slog logs a job, and what holds one, such as an
// [Event], without it. fmt prints it.
type Job[T any] struct {
	// ID is the number of the job in its store. IDs rise and are never reused.
	ID uint64
	// Key is the idempotency key. A store has at most one job of a key, counting dead
	// letters.
	Key string
	// Value is what was enqueued. It is zero if Err is not nil.
	Value T
	// Err is why the store cannot restore the value, for example because its type has
	// changed. A [Queue] makes such a job a dead letter and does not call the handler;
	// the store keeps the value as it was enqueued.
	Err error
	// State is the state of the job.
	State JobState
	// Attempts is how often the job was claimed. Claims that ended with
	// [VerdictUnclaim] do not count.
	Attempts int
	// Delay is the wait between the last two attempts, the argument previous of the
	// next [Backoff]. It is 0 before the first retry.
	Delay time.Duration
	// Fence is the number of the last claim. A handler should pass it on to the
	// services that it calls, so that they can refuse an older one. Fences rise over
	// all jobs of a store and are never reused.
	Fence uint64
	// Due is when a waiting job may be claimed, when the lease of a claimed job ends,
	// or when a dead letter was buried.
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
	// JobWaiting jobs can be claimed when they are due.
	JobWaiting JobState = iota
	// JobClaimed jobs can be claimed again when their lease has ended.
	JobClaimed
	// JobDead jobs are dead letters: they stay until they are replayed or discarded.
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

// Event says that a job became a dead letter, or is none any more. A store records it
// in the same step as the change.
type Event[T any] struct {
	Seq  uint64 // the number of the event; it rises and is never reused
	Kind EventKind
	Time time.Time // of the request
	Job  Job[T]    // as it was after the event
}

// EventKind says what an [Event] reports.
type EventKind uint8

// The kinds of events.
const (
	// EventBuried says that a job became a dead letter.
	EventBuried EventKind = iota
	// EventReplayed says that a dead letter waits again.
	EventReplayed
	// EventDiscarded says that a dead letter was removed.
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
	Due   time.Time // when the job may be claimed
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
	Max   int       // how many jobs at most
}

// Claims is what [Store.Claim] found.
type Claims[T any] struct {
	Jobs []Job[T]
	// Next is when there may be more to claim, as far as the store knows. It is zero if
	// no job waits. A store to which other processes add jobs sets it to the time at
	// which Claim should be called again.
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
	Delay     time.Duration // [Job.Delay] of a job that is retried
	Reason    string        // [Job.Reason] of a job that is retried or buried
	Now       time.Time
}

// ExtendRequest asks [Store] to let a claim last longer.
type ExtendRequest struct {
	ID, Fence uint64
	Until     time.Time // when the lease ends
	Now       time.Time
}

// Verdict says what happens to a claimed job.
type Verdict uint8

// The verdicts.
const (
	// VerdictDone removes the job.
	VerdictDone Verdict = iota
	// VerdictRetry makes the job wait until it is due again.
	VerdictRetry
	// VerdictUnclaim is VerdictRetry, but the claim does not count as an attempt.
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

// ReplayRequest asks [Store] to make a dead letter wait again, with its key and without
// attempts.
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
	Max   int    // how many elements at most
}

// QueueStats is how many jobs a [Store] has in each state, and how many events.
type QueueStats struct {
	Waiting, Claimed, Dead, Events int
}

// Store keeps the jobs of a [Queue]. Programs use the methods of Queue; those of Store
// are for authors of stores and for tools. All are safe for concurrent use. What a
// durable store has answered survives a crash. A call that fails has changed nothing,
// or ends the store.
//
// A store documents what it does with values that change after Enqueue. A value that
// cannot be stored is refused by Enqueue, and one that cannot be restored is reported
// in [Job.Err]; neither affects other jobs.
//
// A store has no clock: each request has the time. Errors are checked in this order:
// [ErrClosed], the error of a context that is done (it matches ctx.Err and
// [context.Cause]), then the errors that the method names.
type Store[T any] interface {
	// Enqueue adds a job, or reports false if there is a job of that key. The error is
	// [ErrInvalidKey] if the key is empty.
	Enqueue(ctx context.Context, r EnqueueRequest[T]) (added bool, err error)
	// Claim returns jobs that wait and are due, or whose lease has ended, those first
	// that are due longest. Each has a new fence and one more attempt.
	Claim(ctx context.Context, r ClaimRequest) (Claims[T], error)
	// Settle ends a claim. The error is [ErrStale] if the fence is not that of the
	// job's last claim. The end of the lease alone does not make a claim stale.
	Settle(ctx context.Context, r SettleRequest) error
	// Extend moves the end of a claim's lease. The error is [ErrStale] as for Settle.
	Extend(ctx context.Context, r ExtendRequest) error
	// Dead lists dead letters by ID.
	Dead(ctx context.Context, r PageRequest) ([]Job[T], error)
	// Replay makes a dead letter wait again. The error is [ErrUnknownJob] if there is
	// none of that ID.
	Replay(ctx context.Context, r ReplayRequest) error
	// Discard removes a dead letter. The error is [ErrUnknownJob] as for Replay.
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

// Notifier is a [Store] that notifies the queues of its process, so that several can
// share it. A queue on a store without Notify notices its own changes, and looks again
// at [Claims.Next].
type Notifier interface {
	// Notify makes the store send to jobs when a job is added or waits again, and to
	// events when there is a new event, until stop is called. The store does not wait:
	// it sends nothing to a full channel. A call of Claim or Events after the
	// notification sees the change.
	Notify(jobs, events chan<- struct{}) (stop func())
}
