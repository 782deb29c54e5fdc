// Package boltqueue keeps the jobs of a [retry.Queue] in a file, with
// [go.etcd.io/bbolt].
//
//	store, err := boltqueue.Open("outbox.db", boltqueue.Options[Mail]{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	queue := retry.NewQueue(retry.QueueOptions[Mail]{Store: store, Handle: send})
//
// A call is answered after its change is on disk. Calls that come while a transaction
// is written share the next transaction, and so one sync of the disk. So throughput
// rises with the number of callers; a lone caller waits for about two syncs.
//
// All jobs are in memory, too, in a [retry.Memory]. Their values are kept as Enqueue
// encoded them: a later change of the caller's value has no effect, and each claim
// decodes a new value.
//
// One process at a time can have the file open. [Open] reports which one has it.
package boltqueue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/coderrange/ferrous/internal/ctxerr"
	"github.com/coderrange/ferrous/retry"
)

// Codec turns values into bytes and back. Nil functions mean JSON.
//
// Encode is called by Enqueue only, on the caller's goroutine; the store copies the
// bytes. Decode is called each time a method returns a job, with bytes that it may
// keep. If Decode fails or panics, the error is the [retry.Job.Err] of that job; other
// jobs are not affected.
//
// JSON leaves out unexported fields, and writes U+FFFD for bytes of a string that are
// not UTF-8. Values for which that matters need their own functions.
type Codec[T any] struct {
	Encode func(T) ([]byte, error)
	Decode func([]byte) (T, error)
}

// Options are the options of a [Store].
type Options[T any] struct {
	Codec Codec[T]
	// Timeout is how long to wait until another process closes the file. Zero means
	// not to wait.
	Timeout time.Duration
}

// Store is a [retry.Store] in a file. It must be made by [Open] and not be
// copied; it is safe for concurrent use.
//
// If the file cannot be written, or is no longer at its path ([ErrRemoved]), the call
// and all later calls fail with that error, because memory and disk are no longer the
// same. Close the store and open the file again to continue with what is on disk.
type Store[T any] struct {
	path  string // as it was given
	place string // absolute and without links, so that it lasts
	file  *os.File
	info  os.FileInfo // of file
	db    *bbolt.DB
	codec Codec[T]
	calls chan *call
	ended sync.WaitGroup // the writer

	mu     sync.RWMutex // held for reading while a call is handed over
	closed bool

	// The writer's own.
	memory  *retry.Memory[[]byte]
	records records
	changes changes
	failure error
	broken  bool // bbolt panicked, and may hold its locks
}

// call is one call on its way through the writer.
type call struct {
	do   func()
	done chan error // has room for the answer
}

const (
	maxBatch = 4096    // how many calls share a transaction
	maxBytes = 1 << 30 // of a key and its value; bbolt's bound is at twice that
)

// ErrTooLarge means that a key and its encoded value have more than 1 GiB.
var ErrTooLarge = errors.New("boltqueue: key and value are too large")

// Open opens the file, or creates it, reads it, and checks all of it. The directory must
// exist. Claims end, because the process that made them has ended; each counts as an
// attempt.
//
// The error is a [*HeldError] if the file is open elsewhere, a [*DamageError] if it was
// damaged or is not the file of a queue, or that of the file system. An empty file
// counts as damaged, since Open never leaves one behind. Open panics if
// Options.Timeout is negative.
func Open[T any](path string, o Options[T]) (*Store[T], error) {
	if o.Timeout < 0 {
		panic(fmt.Errorf("boltqueue: Open: negative Timeout %v", o.Timeout))
	}
	o.Codec = o.Codec.complete()
	f, err := openFile(path, o.Timeout)
	if err != nil {
		return nil, located(path, err)
	}
	s := &Store[T]{
		path: path, place: lasting(path), file: f, codec: o.Codec, calls: make(chan *call, maxBatch),
		records: records{sums: map[uint64]uint32{}},
		changes: changes{jobs: map[uint64]*retry.Job[[]byte]{}, events: map[uint64]*retry.Event[[]byte]{}},
	}
	contents, err := s.records.load(f)
	if err == nil {
		s.info, err = f.Stat()
	}
	if err == nil {
		s.memory, err = retry.RestoreMemory(contents, &s.changes)
		if err != nil {
			err = damaged("the jobs", "%v", err)
		}
	}
	if err == nil {
		s.db, err = openBolt(f)
		if errors.Is(err, berrors.ErrTimeout) { // a program locks as bbolt does, where we do not
			err = held(path)
		}
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, located(path, err)
	}
	writeOwner(s.place)
	s.ended.Go(s.write)
	return s, nil
}

// complete returns the codec with JSON for what is nil. The functions of others
// may use bytes again or keep them, and get copies; Enqueue copies what they give.
func (c Codec[T]) complete() Codec[T] {
	decode := c.Decode
	if c.Encode == nil {
		c.Encode = func(v T) ([]byte, error) { return json.Marshal(v) }
	}
	c.Decode = func(data []byte) (v T, err error) { return v, json.Unmarshal(data, &v) }
	if decode != nil {
		c.Decode = func(data []byte) (T, error) { return decode(bytes.Clone(data)) }
	}
	return c
}

// located adds the path to an error that does not have it.
func located(path string, err error) error {
	switch e := err.(type) { //nolint:errorlint // as they were made here
	case *DamageError:
		e.Path = path
		return e
	case *HeldError:
		return e
	}
	return fmt.Errorf("boltqueue: %s: %w", path, err)
}

// openBolt opens a checked file. A panic of bbolt is an error.
func openBolt(f *os.File) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = damaged("the file", "bbolt: %v", v)
		}
	}()
	return bbolt.Open(f.Name(), 0o600, &bbolt.Options{
		Timeout:        time.Second, // the lock is ours already
		FreelistType:   bbolt.FreelistMapType,
		NoFreelistSync: true, // it is rebuilt when the file is opened
		OpenFile:       func(string, int, os.FileMode) (*os.File, error) { return f, nil },
	})
}

// Close waits for the calls that have begun and closes the file. A second Close returns
// nil.
func (s *Store[T]) Close() error {
	s.opened("Close")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.calls)
	s.ended.Wait()
	removeOwner(s.place)
	if s.broken { // bbolt's Close might wait for its own locks: the mapping is left
		return errors.Join(unlock(s.file), s.file.Close())
	}
	return s.db.Close()
}

// String returns the file's name.
func (s *Store[T]) String() string { return fmt.Sprintf("boltqueue.Store(%s)", s.path) }

// GoString returns the same as String.
func (s *Store[T]) GoString() string { return s.String() }

// LogValue returns the file's name.
func (s *Store[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// opened panics if the store is a zero one.
func (s *Store[T]) opened(method string) {
	if s.calls == nil {
		panic(fmt.Errorf("boltqueue: Store.%s: the Store was not made by Open", method))
	}
}

// decide has the writer call f, and waits until what f changed is on disk. A
// context that ends meanwhile is not looked at: the answer is on its way.
func (s *Store[T]) decide(ctx context.Context, method string, f func()) error {
	s.opened(method)
	if ctx == nil {
		panic(fmt.Errorf("boltqueue: Store.%s: the context is nil", method))
	}
	c := &call{do: f, done: make(chan error, 1)}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return retry.ErrClosed
	}
	if ctx.Err() != nil {
		s.mu.RUnlock()
		return ctxerr.Of(ctx)
	}
	s.calls <- c
	s.mu.RUnlock()
	return <-c.done
}

// write is the writer: it decides all calls that wait, writes down what they
// changed in one transaction, and answers them.
func (s *Store[T]) write() {
	debug.SetPanicOnFault(true) // on this goroutine: bbolt reads mapped memory
	var batch []*call
	for first := range s.calls {
		batch = append(batch[:0], first)
		for more := true; more && len(batch) < maxBatch; {
			select {
			case c, open := <-s.calls:
				if more = open; open {
					batch = append(batch, c)
				}
			default:
				more = false
			}
		}
		if s.failure == nil {
			for _, c := range batch {
				c.do()
			}
			s.failure = s.commit()
		}
		for _, c := range batch {
			c.done <- s.failure
		}
	}
}

// Enqueue implements [retry.Store]. The value is encoded here; one that cannot
// be encoded is refused.
func (s *Store[T]) Enqueue(ctx context.Context, r retry.EnqueueRequest[T]) (added bool, err error) {
	s.opened("Enqueue")
	data, err := s.codec.Encode(r.Value)
	switch {
	case err != nil:
		return false, fmt.Errorf("boltqueue: %w", err)
	case len(r.Key)+len(data) > maxBytes:
		return false, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(r.Key)+len(data))
	}
	encoded := retry.EnqueueRequest[[]byte]{Key: r.Key, Value: bytes.Clone(data), Due: r.Due, Now: r.Now}
	failure := s.decide(ctx, "Enqueue", func() { added, err = s.memory.Enqueue(context.Background(), encoded) })
	if failure != nil {
		return false, failure
	}
	return added, err
}

// job returns a job as it is given out, with a value of its own.
func (s *Store[T]) job(in retry.Job[[]byte]) retry.Job[T] {
	out := retry.Job[T]{
		ID: in.ID, Key: in.Key, State: in.State, Attempts: in.Attempts, Delay: in.Delay,
		Fence: in.Fence, Due: in.Due, Added: in.Added, Reason: in.Reason,
	}
	out.Value, out.Err = s.decode(in.Value)
	return out
}

// decode decodes a value. A panic is an error.
func (s *Store[T]) decode(data []byte) (v T, err error) {
	defer func() {
		p := recover()
		if p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil {
			var zero T
			v, err = zero, fmt.Errorf("boltqueue: decode the value: %w", err)
		}
	}()
	return s.codec.Decode(data)
}

// Claim implements [retry.Store].
func (s *Store[T]) Claim(ctx context.Context, r retry.ClaimRequest) (retry.Claims[T], error) {
	var claims retry.Claims[[]byte]
	err := s.change(ctx, "Claim", func() (err error) {
		claims, err = s.memory.Claim(context.Background(), r)
		return err
	})
	if err != nil {
		return retry.Claims[T]{}, err
	}
	out := retry.Claims[T]{Next: claims.Next}
	if n := len(claims.Jobs); n > 0 {
		out.Jobs = make([]retry.Job[T], n)
	}
	for i, job := range claims.Jobs {
		out.Jobs[i] = s.job(job)
	}
	return out, nil
}

// Settle implements [retry.Store].
func (s *Store[T]) Settle(ctx context.Context, r retry.SettleRequest) error {
	return s.change(ctx, "Settle", func() error { return s.memory.Settle(context.Background(), r) })
}

// Extend implements [retry.Store].
func (s *Store[T]) Extend(ctx context.Context, r retry.ExtendRequest) error {
	return s.change(ctx, "Extend", func() error { return s.memory.Extend(context.Background(), r) })
}

// Replay implements [retry.Store].
func (s *Store[T]) Replay(ctx context.Context, r retry.ReplayRequest) error {
	return s.change(ctx, "Replay", func() error { return s.memory.Replay(context.Background(), r) })
}

// Discard implements [retry.Store].
func (s *Store[T]) Discard(ctx context.Context, r retry.DiscardRequest) error {
	return s.change(ctx, "Discard", func() error { return s.memory.Discard(context.Background(), r) })
}

// Trim implements [retry.Store].
func (s *Store[T]) Trim(ctx context.Context, seq uint64) error {
	return s.change(ctx, "Trim", func() error { return s.memory.Trim(context.Background(), seq) })
}

// Notify implements [retry.Notifier].
func (s *Store[T]) Notify(jobs, events chan<- struct{}) (stop func()) {
	s.opened("Notify")
	return s.memory.Notify(jobs, events)
}

func (s *Store[T]) change(ctx context.Context, method string, f func() error) (err error) {
	if failure := s.decide(ctx, method, func() { err = f() }); failure != nil {
		return failure
	}
	return err
}

// Dead implements [retry.Store].
func (s *Store[T]) Dead(ctx context.Context, r retry.PageRequest) ([]retry.Job[T], error) {
	var page []retry.Job[[]byte]
	err := s.change(ctx, "Dead", func() (err error) {
		page, err = s.memory.Dead(context.Background(), r)
		return err
	})
	jobs := make([]retry.Job[T], len(page))
	for i, job := range page {
		jobs[i] = s.job(job)
	}
	return jobs, err
}

// Events implements [retry.Store].
func (s *Store[T]) Events(ctx context.Context, r retry.PageRequest) ([]retry.Event[T], error) {
	var page []retry.Event[[]byte]
	err := s.change(ctx, "Events", func() (err error) {
		page, err = s.memory.Events(context.Background(), r)
		return err
	})
	events := make([]retry.Event[T], len(page))
	for i, e := range page {
		events[i] = retry.Event[T]{Seq: e.Seq, Kind: e.Kind, Time: e.Time, Job: s.job(e.Job)}
	}
	return events, err
}

// Stats implements [retry.Store].
func (s *Store[T]) Stats(ctx context.Context) (stats retry.QueueStats, err error) {
	err = s.change(ctx, "Stats", func() (err error) {
		stats, err = s.memory.Stats(context.Background())
		return err
	})
	return stats, err
}
