package retry

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// Memory is a [Store] in memory, lost with the process. Enqueue, Claim, Extend
// and Settle cost O(log n). It must be made by [NewMemory] or [RestoreMemory]
// and not be copied.
//
// A value moves into the store: after Enqueue neither the caller nor a handler may
// change what the value points to, because each claim, dead letter and event has the
// same value. A store made by [Memory.WithClone] copies values instead.
//
// With a [Journal] a Memory is the state of a durable store: the store writes down the
// changes that the journal got, and then answers.
type Memory[T any] struct {
	_       noCopy
	clone   func(T) T // nil if values are kept as they are
	mu      sync.Mutex
	closed  bool
	jobs    map[uint64]*memoryJob[T]
	keys    map[string]*memoryJob[T]
	due     dueHeap[T]      // waiting and claimed jobs
	dead    []*memoryJob[T] // by ID
	events  []Event[T]      // by Seq
	claimed int
	last    uint64 // the last ID, Fence or Seq given out
	journal Journal[T]
	told    []*notified // the queues
}

// notified is a call of [Memory.Notify].
type notified struct{ jobs, events chan<- struct{} }

type memoryJob[T any] struct {
	Job[T]
	place int // in the heap
}

// Journal gets each change of a [Memory] that [RestoreMemory] needs, in order. Its
// methods are called while the change is made, so they must not call the store. The
// extension of a lease is not such a change.
type Journal[T any] interface {
	// PutJob is called with a job that is new or has changed.
	PutJob(Job[T])
	// DeleteJob is called when a job was removed.
	DeleteJob(id uint64)
	// PutEvent is called with a new event.
	PutEvent(Event[T])
	// DeleteEvent is called when an event was removed.
	DeleteEvent(seq uint64)
}

// Contents is all that a [Memory] holds.
type Contents[T any] struct {
	Jobs   []Job[T]
	Events []Event[T]
	Last   uint64 // see [Memory.Last]
}

// LogValue returns how many jobs and events there are, and Last.
func (c Contents[T]) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("jobs", len(c.Jobs)), slog.Int("events", len(c.Events)), slog.Uint64("last", c.Last))
}

// NewMemory returns an empty store.
func NewMemory[T any]() *Memory[T] {
	m, _ := RestoreMemory(Contents[T]{}, nil) // nothing is nothing wrong
	return m
}

// RestoreMemory returns a store with the given contents. Its changes go to journal,
// unless journal is nil. The error says what is wrong with the contents if they cannot
// be those of one store.
//
// Claims end, because the process that held them has ended: their jobs wait and are due
// at once. Each such claim counts as an attempt.
func RestoreMemory[T any](c Contents[T], journal Journal[T]) (*Memory[T], error) {
	m := &Memory[T]{
		jobs:    make(map[uint64]*memoryJob[T], len(c.Jobs)),
		keys:    make(map[string]*memoryJob[T], len(c.Jobs)),
		events:  slices.Clone(c.Events),
		last:    c.Last,
		journal: journal,
	}
	for _, job := range c.Jobs {
		if job.Key == "" || job.ID == 0 || m.jobs[job.ID] != nil || m.keys[job.Key] != nil || job.State > JobDead {
			return nil, fmt.Errorf("retry: RestoreMemory: job %d with key %q is invalid or there twice", job.ID, job.Key)
		}
		if job.ID > c.Last || job.Fence > c.Last {
			return nil, fmt.Errorf("retry: RestoreMemory: job %d with fence %d is beyond %d", job.ID, job.Fence, c.Last)
		}
		j := &memoryJob[T]{Job: job}
		m.jobs[j.ID], m.keys[j.Key] = j, j
		switch j.State {
		case JobDead:
			m.dead = append(m.dead, j)
			continue
		case JobClaimed:
			j.State, j.Due = JobWaiting, j.Added
		case JobWaiting:
		}
		heap.Push(&m.due, j)
	}
	slices.SortFunc(m.dead, func(a, b *memoryJob[T]) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(m.events, func(a, b Event[T]) int { return cmp.Compare(a.Seq, b.Seq) })
	before := uint64(0)
	for _, e := range m.events {
		if e.Seq <= before || e.Seq > c.Last {
			return nil, fmt.Errorf("retry: RestoreMemory: event %d after %d, of %d", e.Seq, before, c.Last)
		}
		before = e.Seq
	}
	return m, nil
}

// WithClone makes the store copy values, and returns the store. The store keeps
// clone(v) of an enqueued value v, and returns a new copy each time. WithClone must be
// called before the store is used. clone must be safe for concurrent use. If clone
// panics, Enqueue panics; other methods report the panic in [Job.Err]. WithClone panics
// if clone is nil.
func (m *Memory[T]) WithClone(clone func(T) T) *Memory[T] {
	m.made("WithClone")
	if clone == nil {
		misuse("Memory.WithClone", "clone is nil")
	}
	m.clone = clone
	return m
}

// copied gives a job that is handed out a value of its own. It is called
// without the lock, because it calls the caller's function.
func (m *Memory[T]) copied(j *Job[T]) {
	if m.clone == nil {
		return
	}
	kept := j.Value
	defer func() {
		if v := recover(); v != nil {
			var zero T
			j.Value, j.Err = zero, fmt.Errorf("retry: clone of the value: panic: %v", v)
		}
	}()
	j.Value = m.clone(kept)
}

// Last returns the last number that was used as an ID, a Fence or a Seq. A store that
// is restored with it uses none of them again.
func (m *Memory[T]) Last() uint64 {
	m.made("Last")
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// begin locks the store for a call with this context, or says why not.
func (m *Memory[T]) begin(ctx context.Context, method string) error {
	m.made(method)
	noContext("Memory."+method, ctx)
	m.mu.Lock()
	switch {
	case m.closed:
		m.mu.Unlock()
		return ErrClosed
	case ctx.Err() != nil:
		m.mu.Unlock()
		return ctxerr.Of(ctx)
	}
	return nil
}

// made panics if the store is a zero one.
func (m *Memory[T]) made(method string) {
	if m.jobs == nil {
		misuse("Memory."+method, "the Memory was not made by NewMemory or RestoreMemory")
	}
}

func (m *Memory[T]) number() uint64 {
	m.last++
	return m.last
}

// Enqueue implements [Store].
func (m *Memory[T]) Enqueue(ctx context.Context, r EnqueueRequest[T]) (bool, error) {
	if m.clone != nil {
		r.Value = m.clone(r.Value)
	}
	if err := m.begin(ctx, "Enqueue"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if r.Key == "" {
		return false, ErrInvalidKey
	}
	if m.keys[r.Key] != nil {
		return false, nil
	}
	j := &memoryJob[T]{Job: Job[T]{ID: m.number(), Key: r.Key, Value: r.Value, Due: r.Due, Added: r.Now}}
	m.jobs[j.ID], m.keys[j.Key] = j, j
	heap.Push(&m.due, j)
	m.put(j)
	m.tellOfJobs()
	return true, nil
}

// Claim implements [Store].
func (m *Memory[T]) Claim(ctx context.Context, r ClaimRequest) (Claims[T], error) {
	c, err := m.claim(ctx, r)
	for i := range c.Jobs {
		m.copied(&c.Jobs[i])
	}
	return c, err
}

func (m *Memory[T]) claim(ctx context.Context, r ClaimRequest) (Claims[T], error) {
	if err := m.begin(ctx, "Claim"); err != nil {
		return Claims[T]{}, err
	}
	defer m.mu.Unlock()
	var c Claims[T]
	for len(c.Jobs) < r.Max && len(m.due) > 0 && !m.due[0].Due.After(r.Now) {
		j := m.due[0]
		if j.State == JobWaiting {
			m.claimed++
		}
		j.State, j.Fence, j.Due = JobClaimed, m.number(), r.Until
		j.Attempts++
		heap.Fix(&m.due, 0)
		m.put(j)
		c.Jobs = append(c.Jobs, j.Job)
		if !r.Until.After(r.Now) { // or it would be given out again and again
			break
		}
	}
	if len(m.due) > 0 {
		c.Next = m.due[0].Due
	}
	return c, nil
}

// Settle implements [Store].
func (m *Memory[T]) Settle(ctx context.Context, r SettleRequest) error {
	if err := m.begin(ctx, "Settle"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	j := m.claimOf(r.ID, r.Fence)
	if j == nil {
		return ErrStale
	}
	if r.Verdict > VerdictBury {
		return fmt.Errorf("retry: Settle: unknown verdict %d", r.Verdict)
	}
	m.claimed--
	switch r.Verdict {
	case VerdictDone:
		heap.Remove(&m.due, j.place)
		m.remove(j)
		return nil
	case VerdictRetry:
		j.State, j.Due, j.Delay, j.Reason = JobWaiting, r.Due, r.Delay, r.Reason
		heap.Fix(&m.due, j.place)
	case VerdictUnclaim:
		j.State, j.Due = JobWaiting, r.Due
		j.Attempts--
		heap.Fix(&m.due, j.place)
	case VerdictBury:
		heap.Remove(&m.due, j.place)
		j.State, j.Due, j.Reason = JobDead, r.Now, r.Reason
		at, _ := m.findDead(j.ID)
		m.dead = slices.Insert(m.dead, at, j)
		m.event(EventBuried, j, r.Now)
	}
	m.put(j)
	if j.State == JobWaiting {
		m.tellOfJobs()
	}
	return nil
}

// claimOf returns the job whose last claim has this fence and is not settled,
// or nil.
func (m *Memory[T]) claimOf(id, fence uint64) *memoryJob[T] {
	j := m.jobs[id]
	if j == nil || j.State != JobClaimed || j.Fence != fence {
		return nil
	}
	return j
}

// Extend implements [Store].
func (m *Memory[T]) Extend(ctx context.Context, r ExtendRequest) error {
	if err := m.begin(ctx, "Extend"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	j := m.claimOf(r.ID, r.Fence)
	if j == nil {
		return ErrStale
	}
	j.Due = r.Until
	heap.Fix(&m.due, j.place)
	return nil // a lease ends with the process: the journal need not know
}

// Dead implements [Store].
func (m *Memory[T]) Dead(ctx context.Context, r PageRequest) ([]Job[T], error) {
	page, err := m.deadPage(ctx, r)
	for i := range page {
		m.copied(&page[i])
	}
	return page, err
}

func (m *Memory[T]) deadPage(ctx context.Context, r PageRequest) ([]Job[T], error) {
	if err := m.begin(ctx, "Dead"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	from, found := m.findDead(r.After)
	if found {
		from++
	}
	rest := m.dead[from:]
	page := make([]Job[T], max(min(r.Max, len(rest)), 0))
	for i := range page {
		page[i] = rest[i].Job
	}
	return page, nil
}

// Replay implements [Store].
func (m *Memory[T]) Replay(ctx context.Context, r ReplayRequest) error {
	if err := m.begin(ctx, "Replay"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	j, err := m.takeDead(r.ID)
	if err != nil {
		return err
	}
	j.State, j.Attempts, j.Delay, j.Due = JobWaiting, 0, 0, r.Now
	heap.Push(&m.due, j)
	m.put(j)
	m.event(EventReplayed, j, r.Now)
	m.tellOfJobs()
	return nil
}

// Discard implements [Store].
func (m *Memory[T]) Discard(ctx context.Context, r DiscardRequest) error {
	if err := m.begin(ctx, "Discard"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	j, err := m.takeDead(r.ID)
	if err != nil {
		return err
	}
	m.remove(j)
	m.event(EventDiscarded, j, r.Now)
	return nil
}

// Events implements [Store].
func (m *Memory[T]) Events(ctx context.Context, r PageRequest) ([]Event[T], error) {
	page, err := m.eventsPage(ctx, r)
	for i := range page {
		m.copied(&page[i].Job)
	}
	return page, err
}

func (m *Memory[T]) eventsPage(ctx context.Context, r PageRequest) ([]Event[T], error) {
	if err := m.begin(ctx, "Events"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	rest := m.events[m.eventsUpTo(r.After):]
	return slices.Clone(rest[:max(min(r.Max, len(rest)), 0)]), nil
}

// Trim implements [Store].
func (m *Memory[T]) Trim(ctx context.Context, seq uint64) error {
	if err := m.begin(ctx, "Trim"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	n := m.eventsUpTo(seq)
	if m.journal != nil {
		for _, e := range m.events[:n] {
			m.journal.DeleteEvent(e.Seq)
		}
	}
	m.events = slices.Delete(m.events, 0, n)
	return nil
}

// Stats implements [Store].
func (m *Memory[T]) Stats(ctx context.Context) (QueueStats, error) {
	if err := m.begin(ctx, "Stats"); err != nil {
		return QueueStats{}, err
	}
	defer m.mu.Unlock()
	return m.stats(), nil
}

func (m *Memory[T]) stats() QueueStats {
	return QueueStats{Waiting: len(m.due) - m.claimed, Claimed: m.claimed, Dead: len(m.dead), Events: len(m.events)}
}

// Notify implements [Notifier].
func (m *Memory[T]) Notify(jobs, events chan<- struct{}) (stop func()) {
	m.made("Notify")
	n := &notified{jobs, events}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = append(m.told, n)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told = slices.DeleteFunc(m.told, func(o *notified) bool { return o == n })
	}
}

// tellOfJobs tells the queues that there may be something to claim.
func (m *Memory[T]) tellOfJobs() {
	for _, n := range m.told {
		signal(n.jobs)
	}
}

// volatile counts what will be lost with the process.
func (m *Memory[T]) volatile() QueueStats {
	if m.journal != nil {
		return QueueStats{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats()
}

// Close implements [Store]. It returns nil.
func (m *Memory[T]) Close() error {
	m.made("Close")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// String returns the counts.
func (m *Memory[T]) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats()
	return fmt.Sprintf("Memory(waiting=%d claimed=%d dead=%d events=%d)", s.Waiting, s.Claimed, s.Dead, s.Events)
}

// GoString returns the same as String.
func (m *Memory[T]) GoString() string { return m.String() }

// LogValue returns the counts.
func (m *Memory[T]) LogValue() slog.Value { return slog.StringValue(m.String()) }

func (m *Memory[T]) put(j *memoryJob[T]) {
	if m.journal != nil {
		m.journal.PutJob(j.Job)
	}
}

func (m *Memory[T]) remove(j *memoryJob[T]) {
	delete(m.jobs, j.ID)
	delete(m.keys, j.Key)
	if m.journal != nil {
		m.journal.DeleteJob(j.ID)
	}
}

func (m *Memory[T]) event(kind EventKind, j *memoryJob[T], now time.Time) {
	e := Event[T]{Seq: m.number(), Kind: kind, Time: now, Job: j.Job}
	m.events = append(m.events, e)
	if m.journal != nil {
		m.journal.PutEvent(e)
	}
	for _, n := range m.told {
		signal(n.events)
	}
}

// findDead returns where a dead letter of that ID is or would be.
func (m *Memory[T]) findDead(id uint64) (int, bool) {
	return slices.BinarySearchFunc(m.dead, id, func(j *memoryJob[T], id uint64) int { return cmp.Compare(j.ID, id) })
}

func (m *Memory[T]) takeDead(id uint64) (*memoryJob[T], error) {
	at, found := m.findDead(id)
	if !found {
		return nil, ErrUnknownJob
	}
	j := m.dead[at]
	m.dead = slices.Delete(m.dead, at, at+1)
	return j, nil
}

// eventsUpTo returns how many events there are up to seq.
func (m *Memory[T]) eventsUpTo(seq uint64) int {
	n, found := slices.BinarySearchFunc(m.events, seq, func(e Event[T], seq uint64) int { return cmp.Compare(e.Seq, seq) })
	if found {
		n++
	}
	return n
}

// dueHeap is a [heap.Interface] of jobs, the longest due on top.
type dueHeap[T any] []*memoryJob[T]

func (h dueHeap[T]) Len() int { return len(h) }

func (h dueHeap[T]) Less(i, j int) bool {
	if c := h[i].Due.Compare(h[j].Due); c != 0 {
		return c < 0
	}
	return h[i].ID < h[j].ID
}

func (h dueHeap[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements [heap.Interface].
func (h *dueHeap[T]) Push(x any) {
	j := x.(*memoryJob[T])
	j.place = len(*h)
	*h = append(*h, j)
}

// Pop implements [heap.Interface].
func (h *dueHeap[T]) Pop() any {
	old := *h
	n := len(old) - 1
	j := old[n]
	old[n] = nil
	*h = old[:n]
	return j
}
