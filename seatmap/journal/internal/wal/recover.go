package wal

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
)

// Open opens the log of a directory, or makes one if the directory is empty, and calls
// the functions of o with what is in it. The error wraps [ErrLocked], or is a [*DamageError], one of
// the file system or one of those functions.
func Open(fs FS, o Options) (l *Log, err error) {
	l = &Log{fs: fs, size: max(o.SegmentSize, 8*slack), failed: o.Failed, done: make(chan struct{})}
	if o.SegmentSize == 0 {
		l.size = defaultSegment
	}
	l.size = align(l.size)
	l.work.L = &l.mu
	if l.unlock, err = fs.Lock(o.ReadOnly); err != nil {
		return nil, err
	}
	r := recovery{Log: l, options: &o}
	defer func() { r.sealed.close() }()
	if err := r.run(); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	l.last = r.next - 1
	l.durable.Store(l.last)
	l.filling = newBatch(nil, r.next)
	if o.ReadOnly {
		l.broken.Store(new(ErrClosed))
		close(l.done)
		return l, nil
	}
	l.left = l.current.left()
	l.setLimit()
	l.startPreparing(0)
	go l.run()
	return l, nil
}

// recovery reads a log.
type recovery struct {
	*Log
	options *Options

	checkpoint uint64            // the number of the segment that follows it; 0 if there is none
	names      map[uint64]string // of the segments to read
	numbers    []uint64          // of them, in order
	old        []string          // files that are not needed any more
	next       uint64            // the number of the next record
	buf        []byte

	// ending is the end of the current segment, and sealed that of the one before, if the
	// current one has no frames: what may not have been synced.
	ending, sealed frames
}

func (r *recovery) run() error {
	r.next = 1
	if err := r.list(); err != nil {
		return err
	}
	if r.checkpoint > 0 {
		if err := r.readCheckpoint(); err != nil {
			return err
		}
	}
	if r.numbers == nil {
		if r.checkpoint > 0 {
			return missing(r.checkpoint)
		}
		return r.create()
	}
	for i, number := range r.numbers {
		if want := max(r.checkpoint, 1) + uint64(i); number != want {
			return missing(want)
		}
	}
	ended := false
	for i, number := range r.numbers {
		var err error
		if ended {
			err = r.readSpare(number)
		} else {
			ended, err = r.readSegment(number, i == len(r.numbers)-1)
		}
		if err != nil {
			return err
		}
	}
	if r.options.ReadOnly {
		return nil
	}
	return r.settle()
}

func missing(segment uint64) error {
	return &DamageError{fileName(segment, segmentSuffix), 0, "it is missing"}
}

// list finds the files of the log.
func (r *recovery) list() error {
	names, err := r.fs.List()
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if n, ok := fileNumber(name, checkpointSuffix); ok {
			if r.checkpoint > 0 {
				r.old = append(r.old, fileName(r.checkpoint, checkpointSuffix))
			}
			r.checkpoint = n
		}
	}
	r.names = map[uint64]string{}
	for _, name := range names {
		if n, ok := fileNumber(name, segmentSuffix); ok {
			if n < r.checkpoint {
				r.old = append(r.old, name)
				continue
			}
			r.names[n] = name
			r.numbers = append(r.numbers, n)
		}
		if strings.HasSuffix(name, segmentSuffix+temporary) || strings.HasSuffix(name, checkpointSuffix+temporary) {
			r.old = append(r.old, name)
		}
	}
	return nil
}

// create makes the first segment.
func (r *recovery) create() (err error) {
	if r.options.ReadOnly {
		return fmt.Errorf("%w: no log", ErrNotExist)
	}
	if err := r.removeOld(); err != nil {
		return err
	}
	r.id = rand.Uint64()
	r.current, err = r.newSegment(1, 0)
	r.tail = 1
	return err
}

// load reads a segment, without its last part if it is all zeros.
func (r *recovery) load(number uint64) (s *segment, content []byte, err error) {
	s = &segment{name: r.names[number], number: number, at: segmentHeader}
	if s.file, err = r.fs.Open(s.name, r.options.ReadOnly); err != nil {
		return nil, nil, err
	}
	r.spares = append(r.spares, s) // to be closed
	r.tail = number
	if s.size, err = s.file.Size(); err != nil {
		return nil, nil, err
	}
	if int64(cap(r.buf)) < s.size {
		r.buf = make([]byte, s.size)
	}
	content = r.buf[:s.size]
	if n, err := s.file.ReadAt(content, 0); n < len(content) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, nil, fmt.Errorf("%s: %w", s.name, err)
	}
	id, log, err := checkSegment(s.name, number, content)
	if err != nil {
		return nil, nil, err
	}
	if r.id != 0 && log != r.id {
		return nil, nil, &DamageError{s.name, 0, "it is of another log"}
	}
	s.id, r.id = id, log
	return s, content, nil
}

// readSegment reads the records of a segment. It reports whether the log ends there.
func (r *recovery) readSegment(number uint64, last bool) (ended bool, err error) {
	s, content, err := r.load(number)
	if err != nil {
		return false, err
	}
	r.ending = frames{segment: s, at: s.at}
	for {
		f, whole, err := r.readFrame(s, content)
		switch {
		case err != nil:
			return false, err
		case !whole:
			return true, r.readEnd(s, content)
		case f.kind == kindSeal && last:
			return false, missing(number + 1)
		}
		r.sealed.close()
		r.closed = f.kind == kindClose
		r.since.Add(align(f.size()))
		r.ending.add(f, content)
		if f.kind == kindSeal {
			r.sealed = r.ending
			r.spares = r.spares[:len(r.spares)-1] // sealed closes it
			return false, nil
		}
	}
}

// frames is the last frame with records of a segment, and those without that follow.
type frames struct {
	segment *segment
	at      int64
	bytes   []byte
}

// add adds the frame that comes next.
func (t *frames) add(f frame, content []byte) {
	s := t.segment
	if f.kind == kindRecords {
		t.at, t.bytes = s.at, t.bytes[:0]
	}
	from := s.at
	s.at += align(f.size())
	t.bytes = append(t.bytes, content[from:min(s.at, s.size)]...)
}

// write writes the frames once more, and syncs them. They may be in the kernel's memory
// only. After a sync that failed, they may even be marked as written there.
func (t *frames) write() error {
	if t.segment == nil {
		return nil
	}
	if _, err := t.segment.file.WriteAt(t.bytes, t.at); err != nil {
		return err
	}
	return t.segment.file.Sync()
}

// close closes the file.
func (t *frames) close() {
	if t.segment != nil {
		_ = t.segment.file.Close() // nothing is to be written
		*t = frames{}
	}
}

// readFrame reads the frame at s.at, and reports whether there is a whole one.
func (r *recovery) readFrame(s *segment, content []byte) (f frame, whole bool, err error) {
	rest := content[min(s.at, s.size):]
	f, ok := decode(s.id, rest)
	if !ok {
		return frame{}, false, nil
	}
	damage := func(reason string) (frame, bool, error) {
		return frame{}, false, &DamageError{s.name, s.at, reason}
	}
	if f.first != r.next {
		return damage(fmt.Sprintf("it has record %d where record %d should be", f.first, r.next))
	}
	if f.size() > int64(len(rest)) {
		return damage("the file ends in a frame")
	}
	payload := rest[headerSize:f.size()]
	if f.sum != checksum(payload) {
		return f, false, nil
	}
	count, ok, err := records(payload, func(record []byte) error {
		if r.options.Record == nil {
			return nil
		}
		return r.options.Record(record)
	})
	switch {
	case err != nil:
		return frame{}, false, fmt.Errorf("%s: frame at byte %d: %w", s.name, s.at, err)
	case !ok || count != f.count || (f.kind == kindRecords) != (count > 0):
		return damage("the checksum is right, but the records are not")
	}
	r.part(Part{s.name, s.at, f.size(), kinds[f.kind], f.first, int(count)})
	r.next += uint64(count)
	return f, true, nil
}

// kinds is the kinds of frames as others see them.
var kinds = map[byte]PartKind{kindRecords: PartRecords, kindSeal: PartSeal, kindClose: PartClose}

// part passes a part on.
func (r *recovery) part(p Part) {
	if r.options.Part != nil {
		r.options.Part(p)
	}
}

// readEnd reads what is behind the last frame of the log.
func (r *recovery) readEnd(s *segment, content []byte) error {
	if err := r.checkEnd(s, content); err != nil {
		return err
	}
	kind := PartTorn
	if rest := content[s.at:]; isZero(rest) {
		kind = PartFree
	}
	r.part(Part{s.name, s.at, s.size - s.at, kind, r.next, 0})
	return nil
}

// checkEnd decides what it means that there is no whole frame at s.at.
func (r *recovery) checkEnd(s *segment, content []byte) error {
	if s.at > s.size {
		return &DamageError{s.name, s.size, "the file is too short"}
	}
	rest := content[s.at:]
	if len(rest) < headerSize || isZero(rest) {
		return nil
	}
	damage := func(reason string) error { return &DamageError{s.name, s.at, reason} }
	part, foreign := rest[:headerSize], false
	if f, ok := decode(s.id, rest); ok {
		part = rest[:f.size()]
	} else {
		foreign = isHeader(rest) // in a block that the file system has recycled
	}
	for at := int64(frameAlign); at < int64(len(rest)); at += frameAlign {
		if f, ok := decode(s.id, rest[at:]); ok && f.first >= r.next {
			return damage("a frame that is not whole is followed by another")
		}
	}
	if !foreign && !torn(part, s.at) {
		return damage("wrong checksum")
	}
	return nil
}

// readSpare checks a segment that was prepared and is not in use.
func (r *recovery) readSpare(number uint64) error {
	s, content, err := r.load(number)
	if err != nil {
		return err
	}
	if !isZero(content[segmentHeader:]) {
		return &DamageError{s.name, segmentHeader, "it has records, but the segment before it does not end there"}
	}
	r.part(Part{s.name, s.at, s.size - s.at, PartSpare, r.next, 0})
	return nil
}

// settle prepares the log for new records.
func (r *recovery) settle() error {
	r.current, r.spares = r.spares[0], slices.Clone(r.spares[1:])
	s := r.current
	if err := r.sealed.write(); err != nil {
		return err
	}
	// The rest may have parts of frames that were dropped. They must not be in the way of
	// what will be written. If it reads as zeros, an earlier Open may have begun this.
	if err := s.file.Truncate(s.at); err != nil {
		return err
	}
	s.size = max(s.size, s.at+ends)
	if err := s.file.Allocate(s.size); err != nil {
		return err
	}
	if err := r.ending.write(); err != nil {
		return err
	}
	if err := r.fs.SyncDir(); err != nil {
		return err
	}
	return r.removeOld()
}

// removeOld removes what is not needed any more.
func (r *recovery) removeOld() error {
	for _, name := range r.old {
		if err := r.fs.Remove(name); err != nil {
			return err
		}
	}
	if len(r.old) == 0 {
		return nil
	}
	return r.fs.SyncDir()
}
