// Package journal is a [seatmap.Store] on the disk of one machine: what it has
// acknowledged is there after a crash of the process, the machine, or its power.
//
// A [Store] is a [seatmap.Map] in memory that writes a log. Refusals and reads cost what
// they cost in a Map. All callers who book at the same time share one sync of the disk.
//
// # What is durable
//
// Events, also imported ones, bookings, cancellations, what an operator does, and the answers to those of these requests that have a
// key, are on disk before a call returns. Holds are volatile: they end when the process
// does. A token of a hold from before is then [seatmap.ErrExpired], and nobody else ever
// gets its fence. With [Options.Holds], holds are durable, too, and each Block, Extend and
// Release waits for the disk.
//
// If a call fails with [seatmap.ErrUnavailable], nothing has happened. If its context ends
// while it waits for the disk, or the disk fails, the error is
// [seatmap.ErrOutcomeUnknown]: the seats are booked now, and after a crash they are booked
// or not.
//
// # What readers see
//
// Other callers see a booking a moment before it is on disk: in a [*seatmap.TakenError], in
// Seats and in Watch. If the machine crashes in that moment, a booking that was seen may be
// gone, and its revision and fence are never used again. Whoever must not act upon such a
// booking asks again with the key of the request, which waits for the disk.
//
// A payment that is in progress is as durable as its hold. Holds without a deadline, which
// an operator makes, are always durable.
//
// A restart begins a new life of each event: a watcher gets a gap and a snapshot.
//
// # Failures
//
// A disk that is full refuses, with [seatmap.ErrUnavailable], the calls that need room, and
// goes on as soon as there is some. If a write or sync fails, or a file was taken away, the
// Store has failed: every call returns ErrUnavailable until the directory is opened again,
// because what the disk has is known only then.
//
// [Open] drops the end of a log that a crash has torn, and refuses one that is damaged
// with a [*DamageError], which says where.
//
// # The directory
//
// The directory has files of 64 MiB that are numbered, a checkpoint of all events, and a
// file that says which process has the directory open. They have the secrets of all tokens: keep them as safe as a password.
// They must be on a local file system. [Store.Compact] writes a checkpoint and removes the
// files that are not needed any more; so does the Store when the log has grown by
// [Options.CompactAfter].
//
// The command seatmap/journal/cmd/seatjournal verifies a directory and exports events.
package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
	"github.com/coderrange/ferrous/internal/filelock"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/durable"
	"github.com/coderrange/ferrous/seatmap/journal/internal/reader"
	"github.com/coderrange/ferrous/seatmap/journal/internal/wal"
)

// ErrHeld means that another process has the directory open, or another Store of this
// process. It comes as a [*HeldError].
var ErrHeld = errors.New("journal: directory is held")

// Owner is the process that has a directory open.
type Owner struct {
	PID     int
	Host    string
	Program string
	Since   time.Time
}

// HeldError says which process has the directory open. It wraps [ErrHeld].
type HeldError struct {
	Path string // of the directory
	// Owner is what that process wrote into the directory. It is zero if the process is
	// just opening it.
	Owner Owner
}

// Error names the directory and its owner.
func (e *HeldError) Error() string {
	return fmt.Sprintf("journal: %s is held by %v", e.Path, filelock.Owner(e.Owner))
}

// Unwrap returns [ErrHeld].
func (e *HeldError) Unwrap() error { return ErrHeld }

// ErrDamaged is wrapped by a [*DamageError].
var ErrDamaged = errors.New("journal: damaged")

// DamageError says where a journal is damaged. It wraps [ErrDamaged].
type DamageError struct {
	Path   string // of the directory
	File   string
	Offset int64
	Reason string
}

// Error names the file and the offset.
func (e *DamageError) Error() string {
	return fmt.Sprintf("journal: %s: %s is damaged at byte %d: %s", e.Path, e.File, e.Offset, e.Reason)
}

// Unwrap returns [ErrDamaged].
func (e *DamageError) Unwrap() error { return ErrDamaged }

// Options configures a [Store]. The zero Options is a good choice.
type Options struct {
	// Map configures what is in memory.
	Map seatmap.MapOptions
	// Holds says that holds are durable.
	Holds bool
	// CompactAfter is by how many bytes the log grows before it is compacted. A recovery
	// takes about one second for each 100 MB. Zero means 256 MiB.
	CompactAfter int64
	// SegmentSize is how large the files of the log are. Zero means 64 MiB.
	SegmentSize int64
}

// Store is a [seatmap.Store] on the disk of one machine. It must be made by [Open] and not
// be copied; it is safe for concurrent use.
type Store struct {
	self    *Store // a zero Store and a copy are known by it
	path    string
	m       *seatmap.Map
	state   durable.State
	log     *wal.Log
	options Options

	slow   atomic.Bool     // holds are durable, or the log has failed
	failed context.Context // done when the log has failed
	closed atomic.Bool
	once   sync.Once
	result error // of Close

	compacting atomic.Bool
	background sync.WaitGroup
}

var (
	_ seatmap.Store   = (*Store)(nil)
	_ seatmap.Sweeper = (*Store)(nil)
)

// Open opens the journal in a directory, and makes the directory if there is none. The
// error is a [*HeldError], a [*DamageError], or one of the file system, which wraps
// [errors.ErrUnsupported] on systems that cannot lock a directory. It panics if an option is
// out of range.
//
//ferrous:acquire
//ferrous:fallible
func Open(dir string, o Options) (*Store, error) {
	mustBeValid(&o)
	fs, err := wal.Dir(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return open(dir, fs, o)
}

func mustBeValid(o *Options) {
	switch {
	case o.CompactAfter < 0:
		panic(fmt.Errorf("journal: Open: CompactAfter is %d, which is negative", o.CompactAfter))
	case o.SegmentSize < 0:
		panic(fmt.Errorf("journal: Open: SegmentSize is %d, which is negative", o.SegmentSize))
	case o.Map.SweepEvery < 0:
		panic(fmt.Errorf("journal: Open: Map.SweepEvery is %v, which is negative", o.Map.SweepEvery))
	case o.Map.Ring < 0 || o.Map.Ring > 1<<20:
		panic(fmt.Errorf("journal: Open: Map.Ring is %d, not 0 to %d", o.Map.Ring, 1<<20))
	case o.Map.Keys < 0:
		panic(fmt.Errorf("journal: Open: Map.Keys is %d, which is negative", o.Map.Keys))
	}
}

func open(path string, fs wal.FS, o Options) (*Store, error) {
	if o.CompactAfter == 0 {
		o.CompactAfter = 256 << 20
	}
	failed, fail := context.WithCancel(context.Background())
	s := &Store{path: path, m: seatmap.NewMap(o.Map), options: o, failed: failed}
	s.self = s
	s.slow.Store(o.Holds)
	s.state = durable.Of(s.m, durable.Options{Holds: o.Holds})
	var err error
	s.log, err = wal.Open(fs, wal.Options{
		SegmentSize: o.SegmentSize,
		Checkpoint:  s.state.ApplyCheckpoint,
		Record:      s.state.Apply,
		Failed: func() {
			s.slow.Store(true)
			fail()
		},
	})
	if err == nil {
		err = s.start()
	} else {
		err = errors.Join(err, s.state.Stop())
	}
	if err != nil {
		fail()
		return nil, errors.Join(explain(path, err), s.m.Close())
	}
	return s, nil
}

// start begins to write the log.
func (s *Store) start() error {
	err := s.state.Start(s.log)
	if err == nil {
		err = s.log.Wait(context.Background(), s.log.Last())
	}
	if err != nil {
		err = errors.Join(err, s.log.Close())
	}
	return err
}

// explain returns the error of a journal in the words of this package.
func explain(path string, err error) error {
	if locked, ok := errors.AsType[*wal.LockedError](err); ok {
		return &HeldError{path, Owner(locked.Owner)}
	}
	if damage, ok := errors.AsType[*wal.DamageError](err); ok {
		return &DamageError{path, damage.File, damage.Offset, damage.Reason}
	}
	return fmt.Errorf("journal: %s: %w", path, err)
}

// Read reads the journal in a directory, and changes nothing there but who has it open. It returns a Map with
// all that is in it, and how many records it has read. Use it to look at a journal, or to
// export its events. The error is as for [Open].
func Read(dir string) (m *seatmap.Map, records int, err error) {
	c, err := reader.Read(dir, nil)
	if err != nil {
		return nil, 0, explain(dir, err)
	}
	return c.Map, c.Records, nil
}

// Close waits until everything is on disk, and ends the store: its watches end with
// [seatmap.ErrClosed]. The error is that of the disk, if it has failed. Close may be called
// more than once, and on a zero Store.
//
//ferrous:release
//ferrous:idempotent
//ferrous:blocks
func (s *Store) Close() error {
	if s.self == nil {
		return nil
	}
	s.mustBeMade("Close")
	s.once.Do(func() {
		s.closed.Store(true)
		_ = s.m.Close() // it has no other errors
		s.background.Wait()
		if err := s.log.Close(); err != nil {
			s.result = explain(s.path, err)
		}
	})
	return s.result
}

// Compact writes a checkpoint of all events, and removes the files that are not needed any
// more. Calls go on meanwhile. The error is [seatmap.ErrClosed], the context's, or
// [seatmap.ErrUnavailable] with that of the disk.
//
//ferrous:blocks
func (s *Store) Compact(ctx context.Context) error {
	if err := s.check(ctx, "Compact"); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("journal: %w", ctxerr.Of(ctx))
	}
	err := s.log.Checkpoint(func(part func([]byte) error) error {
		return s.state.Checkpoint(func(b []byte) error {
			if ctx.Err() != nil {
				return ctxerr.Of(ctx)
			}
			return part(b)
		})
	})
	switch {
	case err == nil:
		return nil
	case s.closed.Load():
		return seatmap.ErrClosed
	case ctx.Err() != nil:
		return fmt.Errorf("journal: %w", ctxerr.Of(ctx))
	}
	return unavailable(err)
}

// compactLater compacts in the background if the log has grown much.
func (s *Store) compactLater() {
	if s.log.Since() < s.options.CompactAfter || !s.compacting.CompareAndSwap(false, true) {
		return
	}
	s.background.Go(func() {
		_ = s.Compact(context.Background()) // it is tried again after the next booking
		s.compacting.Store(false)
	})
}

// check returns why the store can do nothing.
func (s *Store) check(ctx context.Context, method string) error {
	s.mustBeMade(method)
	if s.closed.Load() {
		return seatmap.ErrClosed
	}
	if ctx == nil {
		panic(fmt.Errorf("journal: Store.%s: the context is nil", method))
	}
	return nil
}

func (s *Store) mustBeMade(method string) {
	if s.self != s {
		s.panicNotMade(method)
	}
}

func (s *Store) panicNotMade(method string) {
	state := "not made by Open"
	if s.self != nil {
		state = "a copy"
	}
	panic(fmt.Errorf("journal: Store.%s: %s", method, state))
}

func unavailable(err error) error { return fmt.Errorf("%w: journal: %w", seatmap.ErrUnavailable, err) }

// ready returns an error if the store cannot carry out the request, which is checked
// first.
func (s *Store) ready(ctx context.Context, request any) error {
	if s.log.Failed() == nil {
		return nil
	}
	return s.refuse(ctx, request, s.log.Failed())
}

// refuse returns the error of a request that cannot be carried out because of err.
func (s *Store) refuse(ctx context.Context, request any, err error) error {
	switch {
	case s.closed.Load():
		return seatmap.ErrClosed
	case ctx.Err() != nil:
		return fmt.Errorf("journal: %w", ctxerr.Of(ctx))
	}
	if err := s.state.Check(request); err != nil {
		return err
	}
	return unavailable(err)
}

// write carries out a request that has to be on disk: do, between a reservation and a wait
// for the records about the event.
func (s *Store) write(ctx context.Context, method, event string, request any, do func() error) error {
	if err := s.check(ctx, method); err != nil {
		return err
	}
	size := s.state.Size(request)
	if err := s.log.Reserve(ctx, size); err != nil {
		return s.refuse(ctx, request, err)
	}
	defer s.log.Release(size)
	if err := do(); err != nil {
		return err
	}
	err := s.wait(ctx, event, true)
	s.compactLater()
	return err
}

// wait waits until what is known of an event may be told: everything about it, or only what
// bounds its volatile changes.
func (s *Store) wait(ctx context.Context, event string, everything bool) error {
	last, volatile, ok := s.state.Record(event)
	switch {
	case !ok:
		last = s.log.Last()
	case everything:
		last = max(last, volatile)
	default:
		last = volatile
	}
	if s.log.Durable(last) {
		return nil
	}
	err := s.log.Wait(ctx, last)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && s.log.Failed() == nil {
		err = ctxerr.Of(ctx)
	}
	return fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, err)
}

// String returns the directory.
func (s *Store) String() string {
	switch {
	case s.self != s:
		return "Store(not made by Open)"
	case s.closed.Load():
		return fmt.Sprintf("Store(%s: closed)", s.path)
	case s.log.Failed() != nil:
		return fmt.Sprintf("Store(%s: failed)", s.path)
	}
	return fmt.Sprintf("Store(%s)", s.path)
}

// Format prints [Store.String], whatever the verb.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is [Store.String].
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }
