// Package boltqueue keeps the jobs of a [retry.Queue] in a file, with
// [go.etcd.io/bbolt].
//
// What is going on is decided in memory, by a [retry.Memory]; what changed is
// written down before anyone is answered. Calls that come while a transaction
// is being written share the next one, so the disk is asked to sync once for
// all of them: throughput rises with the number of callers, and a lone caller
// waits for about two syncs.
//
// All jobs are in memory too. One process at a time can have the file open.
package boltqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/coderrange/ferrous/retry"
)

// Codec turns values into bytes and back. Nil functions mean JSON.
type Codec[T any] struct {
	Encode func(T) ([]byte, error)
	Decode func([]byte) (T, error)
}

// Options says what a [Store] is like.
type Options[T any] struct {
	Codec Codec[T]
	// Timeout is how long to wait for another process to close the file. Zero
	// means a second.
	Timeout time.Duration
}

// Store is a [retry.Store] in a file. It must be made by [Open] and not be
// copied; it is safe for concurrent use.
//
// When the file cannot be written, the call and all later ones fail with that
// error: what was decided in memory is no longer what is on disk. Open the file
// again to go on from there.
type Store[T any] struct {
	db    *bbolt.DB
	codec Codec[T]
	calls chan *call
	ended sync.WaitGroup // the writer

	mu     sync.RWMutex // held for reading while a call is handed over
	closed bool

	// The writer's own.
	memory  *retry.Memory[T]
	changes changes[T]
	failure error
}

// call is one call on its way through the writer.
type call struct {
	do   func()
	done chan error // has room for the answer
}

// maxBatch bounds how many calls share a transaction.
const maxBatch = 4096

// Open opens the file, or creates it, and reads it. The directory must exist.
func Open[T any](path string, o Options[T]) (*Store[T], error) {
	if o.Codec.Encode == nil {
		o.Codec.Encode = func(v T) ([]byte, error) { return json.Marshal(v) }
	}
	if o.Codec.Decode == nil {
		o.Codec.Decode = func(data []byte) (v T, err error) { return v, json.Unmarshal(data, &v) }
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:        o.Timeout,
		FreelistType:   bbolt.FreelistMapType,
		NoFreelistSync: true, // it is rebuilt when the file is opened
	})
	if err != nil {
		return nil, fmt.Errorf("boltqueue: %w", err)
	}
	s := &Store[T]{db: db, codec: o.Codec, calls: make(chan *call, maxBatch)}
	s.changes = changes[T]{jobs: map[uint64]*retry.Job[T]{}, events: map[uint64]*retry.Event[T]{}}
	contents, err := s.load()
	if err == nil {
		s.memory, err = retry.RestoreMemory(contents, &s.changes)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("boltqueue: %s: %w", path, err), db.Close())
	}
	s.ended.Go(s.write)
	return s, nil
}

// Close waits for the calls on their way and closes the file.
func (s *Store[T]) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.calls)
	s.ended.Wait()
	return s.db.Close()
}

// String returns the file's name.
func (s *Store[T]) String() string { return fmt.Sprintf("boltqueue.Store(%s)", s.db.Path()) }

// GoString returns the same as String.
func (s *Store[T]) GoString() string { return s.String() }

// LogValue returns the file's name.
func (s *Store[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// decide has the writer call f, and waits until what f changed is on disk. A
// context that ends meanwhile is not looked at: the answer is on its way.
func (s *Store[T]) decide(ctx context.Context, f func()) error {
	c := &call{do: f, done: make(chan error, 1)}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return retry.ErrClosed
	}
	if ctx.Err() != nil {
		s.mu.RUnlock()
		return context.Cause(ctx)
	}
	s.calls <- c
	s.mu.RUnlock()
	return <-c.done
}

// write is the writer: it decides all calls that wait, writes down what they
// changed in one transaction, and answers them.
func (s *Store[T]) write() {
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

// Enqueue implements [retry.Store].
func (s *Store[T]) Enqueue(ctx context.Context, r retry.EnqueueRequest[T]) (added bool, err error) {
	// A value that cannot be written must not get as far as the writer.
	if _, err := s.codec.Encode(r.Value); err != nil {
		return false, fmt.Errorf("boltqueue: %w", err)
	}
	failure := s.decide(ctx, func() { added, err = s.memory.Enqueue(context.Background(), r) })
	if failure != nil {
		return false, failure
	}
	return added, err
}

// Claim implements [retry.Store].
func (s *Store[T]) Claim(ctx context.Context, r retry.ClaimRequest) (claims retry.Claims[T], err error) {
	failure := s.decide(ctx, func() { claims, err = s.memory.Claim(context.Background(), r) })
	if failure != nil {
		return retry.Claims[T]{}, failure
	}
	return claims, err
}

// Settle implements [retry.Store].
func (s *Store[T]) Settle(ctx context.Context, r retry.SettleRequest) error {
	return s.change(ctx, func() error { return s.memory.Settle(context.Background(), r) })
}

// Replay implements [retry.Store].
func (s *Store[T]) Replay(ctx context.Context, r retry.ReplayRequest) error {
	return s.change(ctx, func() error { return s.memory.Replay(context.Background(), r) })
}

// Discard implements [retry.Store].
func (s *Store[T]) Discard(ctx context.Context, r retry.DiscardRequest) error {
	return s.change(ctx, func() error { return s.memory.Discard(context.Background(), r) })
}

// Trim implements [retry.Store].
func (s *Store[T]) Trim(ctx context.Context, seq uint64) error {
	return s.change(ctx, func() error { return s.memory.Trim(context.Background(), seq) })
}

func (s *Store[T]) change(ctx context.Context, f func() error) (err error) {
	if failure := s.decide(ctx, func() { err = f() }); failure != nil {
		return failure
	}
	return err
}

// Dead implements [retry.Store].
func (s *Store[T]) Dead(ctx context.Context, r retry.PageRequest) (jobs []retry.Job[T], err error) {
	err = s.change(ctx, func() (err error) {
		jobs, err = s.memory.Dead(context.Background(), r)
		return err
	})
	return jobs, err
}

// Events implements [retry.Store].
func (s *Store[T]) Events(ctx context.Context, r retry.PageRequest) (events []retry.Event[T], err error) {
	err = s.change(ctx, func() (err error) {
		events, err = s.memory.Events(context.Background(), r)
		return err
	})
	return events, err
}

// Stats implements [retry.Store].
func (s *Store[T]) Stats(ctx context.Context) (stats retry.Stats, err error) {
	err = s.change(ctx, func() (err error) {
		stats, err = s.memory.Stats(context.Background())
		return err
	})
	return stats, err
}
