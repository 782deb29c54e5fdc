// Package wal is a write-ahead log: records that are on disk before their callers are
// told so, in the order in which they were appended.
//
// # Commits
//
// Callers append to a buffer. One goroutine, the flusher, takes the buffer, gives the
// callers an empty one, writes the first as one frame and syncs the file. So all callers
// that come while a sync is under way share the next one: group commit, after DeWitt et
// al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984, and
// the log of ARIES (Mohan et al., TODS 1992).
//
// # Files
//
// A log is a directory of segments, which are numbered, and at most one checkpoint. A
// segment is allocated as a whole, with zeros, before it is used. So a sync writes no
// metadata of the file, and a disk that is full is found out before a record depends on
// it: see [Log.Reserve]. After Helland et al., "Group Commit Timers and High-Volume
// Transaction Systems", HPTS 1987, and the segments of etcd's wal. A file appears under
// its name by a rename, after it was synced, and its directory is synced after that.
//
// # What a crash leaves
//
// The file system may have written any of the sectors of a frame that was not synced, in
// any order (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014). A
// frame carries checksums, the number of its first record and the random identity of its
// segment; no two frames are under way at once. So [Open] tells a torn end from damage:
//
//   - A frame that is not whole, and has a later frame behind it, was synced before that
//     frame was written. It is damaged.
//   - A frame at the end that is not whole is torn if a part of it within one sector is
//     all zeros, or if its last byte, which is never zero, is zero. Torn frames are
//     dropped: nobody was told that they are on disk. Otherwise it is damaged.
//   - Damage is a [*DamageError] with the file and the offset. The log is not opened.
//
// Not detected is the loss of whole sectors of the last frame before a crash, since that
// is what a torn frame is. [Log.Close] writes a frame of its own, so after a clean end
// nothing can be torn.
//
// # Failures
//
// If a write or sync fails, the kernel may have dropped the data and marked it as written,
// so a second sync that succeeds proves nothing (Rebello et al., "Can Applications Recover
// from fsync Failures?", ATC 2020). The log is then failed: nothing is written any more,
// and whether the records under way are on disk is known only after the next Open.
package wal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

var (
	// ErrFailed is wrapped by the errors of a log of which a write or sync failed.
	ErrFailed = errors.New("log has failed")
	// ErrClosed is the error of a log that was closed.
	ErrClosed = errors.New("log is closed")
	// ErrLocked is the error of Open if another process, or another Log of this one, has
	// the log open. From a directory it comes as a [*LockedError].
	ErrLocked = errors.New("log is in use by another process")
	// ErrTooLarge is the error of a record that no segment can hold.
	ErrTooLarge = errors.New("record is too large")
)

// DamageError says where a log is damaged.
type DamageError struct {
	File   string
	Offset int64
	Reason string
}

// Error names the file and the offset.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
}

// Options configures a [Log].
type Options struct {
	// SegmentSize is the size of a segment in bytes. Zero means 64 MiB.
	SegmentSize int64
	// Checkpoint is called with the parts of the checkpoint, in order, if there is one.
	Checkpoint func(part []byte) error
	// Record is called with every record after the checkpoint, in order.
	Record func(record []byte) error
	// Part, if it is not nil, is called with every part of the files, in order, after what
	// is in it was passed on.
	Part func(Part)
	// Failed, if it is not nil, is called when the log has failed.
	Failed func()
	// ReadOnly opens the log to read it. Nothing is written, not even the end of a
	// torn frame, and the log can be closed only.
	ReadOnly bool
}

// Part is a part of a file, as Open finds it.
type Part struct {
	File         string
	Offset, Size int64 // in bytes
	Kind         PartKind
	// First is the number of the first record in it, or of the next one if it has none.
	First   uint64
	Records int // or parts of a checkpoint
}

// PartKind is what a [Part] is.
type PartKind string

// The kinds of parts.
const (
	PartCheckpoint PartKind = "checkpoint" // as a whole
	PartRecords    PartKind = "records"    // a frame with records
	PartSeal       PartKind = "seal"       // a frame: the log goes on in the next segment
	PartClose      PartKind = "close"      // a frame: the log was closed
	PartTorn       PartKind = "torn"       // what a crash left of a frame, to the end of the file
	PartFree       PartKind = "free"       // room for frames, to the end of the file
	PartSpare      PartKind = "spare"      // the same, in a segment that is not in use yet
)

const (
	defaultSegment = 64 << 20
	// MaxRecord is the largest record, in bytes.
	MaxRecord = 1 << 30
	// overhead is more than a record needs besides its own bytes, even if it is alone in
	// its frame.
	overhead = 2*frameAlign + 16
	// slack is what a segment has for records that are not reserved.
	slack = 4 << 10
)

// Log is an open log. It is safe for concurrent use.
type Log struct {
	fs     FS
	size   int64
	unlock func() error
	id     uint64 // of the log, in every file

	// reserved is the bytes that callers have reserved, and limit how many may be: all of
	// them fit into the segment that is next, or else into what is left of this one.
	reserved, limit atomic.Int64
	durable         atomic.Uint64 // the last record that is on disk
	broken          atomic.Pointer[error]
	since           atomic.Int64 // see Since
	failed          func()

	mu       sync.Mutex
	work     sync.Cond // for the flusher
	filling  *batch
	flushing *batch // nil unless the flusher is at work
	last     uint64 // the last record appended
	idle     []byte // the buffer that is not in use
	cuts     []chan cut
	closing  bool
	done     chan struct{} // closed when the flusher has ended

	current *segment // the flusher's
	closed  bool     // whether its last frame says that the log was closed

	spareMu    sync.Mutex
	spares     []*segment    // what follows current, ready to be used
	tail       uint64        // the highest number of a segment
	left       int64         // of current
	preparing  chan struct{} // closed at the end of a preparation; nil if none is under way
	prepareErr error         // of the last preparation

	checkpointing sync.Mutex
}

// batch is the records that one sync writes.
type batch struct {
	buf   []byte // begins with room for the header
	first uint64
	count uint32
	done  chan struct{}
	err   error
}

// last returns the number of the last record of the batch.
func (b *batch) last() uint64 { return b.first + uint64(b.count) - 1 }

// A Record appends itself to a buffer.
type Record = interface{ AppendTo(buf []byte) []byte }

// Reserve makes sure that there is room for records of n bytes together, which may then
// be appended. The error is that of the disk, which may be full: then nothing has
// happened, and the log goes on. [Log.Release] gives the room back, after the wait for
// the records.
func (l *Log) Reserve(ctx context.Context, n int) error {
	if n > MaxRecord {
		return ErrTooLarge
	}
	if l.broken.Load() != nil {
		return l.failure()
	}
	room := room(n)
	if l.reserved.Add(room) <= l.limit.Load() {
		return nil
	}
	return l.reserveSlow(ctx, room)
}

func room(n int) int64 { return int64(n) + overhead }

// Release gives room back that Reserve has granted.
func (l *Log) Release(n int) { l.reserved.Add(-room(n)) }

// reserveSlow waits for a segment that has room for all that is reserved.
func (l *Log) reserveSlow(ctx context.Context, room int64) error {
	for {
		err := l.prepare(ctx, l.reserved.Load())
		switch {
		case l.broken.Load() != nil:
			err = l.failure()
		case err == nil && l.reserved.Load() <= l.limit.Load():
			return nil
		}
		if err != nil {
			l.reserved.Add(-room)
			return err
		}
	}
}

// Append appends a record and returns its number. The record is not on disk before
// [Log.Wait] says so.
func (l *Log) Append(r Record) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	if l.broken.Load() != nil || l.closing {
		return l.last // Wait says why
	}
	b := l.filling
	b.buf = appendRecord(b.buf, r)
	b.count++
	if b.count == 1 {
		l.work.Signal()
	}
	return l.last
}

// Last returns the number of the last record appended.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Durable reports whether the record is on disk.
func (l *Log) Durable(record uint64) bool { return record <= l.durable.Load() }

// Wait waits until the record and all before it are on disk. If the context ends first,
// the error is that of the context; if the log has failed, it wraps [ErrFailed]. Then the
// record may be on disk or not.
func (l *Log) Wait(ctx context.Context, record uint64) error {
	if l.Durable(record) {
		return nil
	}
	l.mu.Lock()
	b := l.flushing
	if b == nil || record > b.last() {
		b = l.filling
	}
	stopped := l.broken.Load() != nil || record > b.last()
	l.mu.Unlock()
	if l.Durable(record) {
		return nil
	}
	if stopped {
		return l.failure()
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		if l.Durable(record) {
			return nil
		}
		return context.Cause(ctx)
	}
}

// Since returns how many bytes were written since the last checkpoint, about.
func (l *Log) Since() int64 { return l.since.Load() }

// failure returns why the log does not work.
func (l *Log) failure() error {
	if err := l.broken.Load(); err != nil {
		return *err
	}
	return ErrClosed
}

// Failed returns why the log has failed, or nil.
func (l *Log) Failed() error {
	if err := l.broken.Load(); err != nil && !errors.Is(*err, ErrClosed) {
		return *err
	}
	return nil
}

// Close waits until everything appended is on disk, and closes the log. The error is the
// failure of the log, now or before.
func (l *Log) Close() error {
	l.mu.Lock()
	first := !l.closing
	l.closing = true
	l.work.Signal()
	l.mu.Unlock()
	<-l.done
	if !first {
		return nil
	}
	l.checkpointing.Lock()
	defer l.checkpointing.Unlock()
	err := l.Failed()
	l.broken.CompareAndSwap(nil, new(ErrClosed))
	return errors.Join(err, l.closeFiles())
}

// closeFiles closes all files and gives the lock back.
func (l *Log) closeFiles() error {
	l.endPreparing()
	defer l.spareMu.Unlock()
	open := l.spares
	if l.current != nil {
		open = append(open, l.current)
	}
	var err error
	for _, s := range open {
		err = errors.Join(err, s.file.Close())
	}
	l.current, l.spares = nil, nil
	return errors.Join(err, l.unlock())
}

// run is the flusher.
func (l *Log) run() {
	defer close(l.done)
	for {
		b, cuts, closing := l.take()
		var err error
		if b != nil {
			err = l.write(b)
			l.finish(b, err)
		}
		for _, c := range cuts {
			c <- l.cut(err)
		}
		if closing {
			if l.broken.Load() == nil && !l.closed {
				_ = l.fail(l.put(frame{kind: kindClose, first: l.durable.Load() + 1}, make([]byte, headerSize)))
			}
			return
		}
	}
}

// take waits for work.
func (l *Log) take() (b *batch, cuts []chan cut, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.filling.count == 0 && len(l.cuts) == 0 && !l.closing {
		l.work.Wait()
	}
	cuts, l.cuts, closing = l.cuts, nil, l.closing
	if l.filling.count > 0 {
		b = l.filling
		l.flushing = b
		l.filling = newBatch(l.idle, b.last()+1)
		l.idle = nil
	}
	return b, cuts, closing
}

func newBatch(buf []byte, first uint64) *batch {
	if buf == nil {
		buf = make([]byte, headerSize, 64<<10)
	}
	return &batch{buf: buf[:headerSize], first: first, done: make(chan struct{})}
}

// finish tells the callers of a batch.
func (l *Log) finish(b *batch, err error) {
	l.mu.Lock()
	b.err = l.fail(err)
	if err == nil {
		l.durable.Store(b.last())
	}
	l.flushing = nil
	if cap(b.buf) <= 8<<20 {
		l.idle = b.buf
	}
	l.mu.Unlock()
	close(b.done)
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.filling.err = b.err // nobody else writes it
		close(l.filling.done)
		l.filling = newBatch(nil, l.last+1)
	}
}

// fail ends the log with an error, if it is not nil, and returns the error that says so.
func (l *Log) fail(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: %w", ErrFailed, err)
	if l.broken.CompareAndSwap(nil, &err) && l.failed != nil {
		l.failed()
	}
	return err
}

// write writes a batch and syncs it.
func (l *Log) write(b *batch) error {
	if l.broken.Load() != nil {
		return *l.broken.Load()
	}
	b.buf = append(b.buf, endMark)
	return l.put(frame{kind: kindRecords, first: b.first, count: b.count}, b.buf)
}

// put writes a frame into the current segment, or the next one, and syncs it. The header
// goes into the beginning of buf.
func (l *Log) put(f frame, buf []byte) error {
	if f.kind == kindRecords && !l.current.fits(len(buf)) {
		if err := l.rotate(len(buf), f.first); err != nil {
			return err
		}
	}
	s := l.current
	if err := s.write(f, buf); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	l.closed = f.kind == kindClose
	l.since.Add(align(int64(len(buf))))
	l.spareMu.Lock()
	defer l.spareMu.Unlock()
	l.left = s.left()
	l.setLimit()
	return nil
}
