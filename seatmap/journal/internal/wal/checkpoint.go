package wal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	checkpointSuffix = ".checkpoint"
	checkpointMagic  = "ferrousC"
	checkpointHeader = 40
	checkpointPart   = 1 << 20
	lastPart         = ^uint32(0)
)

// cut is where a checkpoint is: before the record first, which is in that segment.
type cut struct {
	segment, first uint64
	err            error
}

// Checkpoint writes a checkpoint, which takes the place of all records that were appended
// before it is called, and removes the files of those records. write is called once
// those are on disk, and writes the checkpoint in parts, which Open will pass on; it may
// include the effects of later records. Other goroutines can append all the time. If
// there is an error, the log is as before, unless it has failed.
func (l *Log) Checkpoint(write func(part func([]byte) error) error) error {
	l.checkpointing.Lock()
	defer l.checkpointing.Unlock()
	before := l.Since()
	c := l.requestCut()
	if c.err != nil {
		return c.err
	}
	name := fileName(c.segment, checkpointSuffix)
	temp := name + temporary
	if err := l.writeCheckpoint(temp, c, write); err != nil {
		_ = l.fs.Remove(temp)
		return err
	}
	if err := l.fs.Rename(temp, name); err != nil {
		_ = l.fs.Remove(temp)
		return err
	}
	if err := l.fs.SyncDir(); err != nil {
		return err
	}
	l.since.Add(-before)
	names, err := l.fs.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		for _, suffix := range []string{segmentSuffix, checkpointSuffix} {
			if n, ok := fileNumber(name, suffix); ok && n < c.segment {
				if err := l.fs.Remove(name); err != nil {
					return err
				}
			}
		}
	}
	return l.fs.SyncDir()
}

// requestCut has the flusher begin a new segment.
func (l *Log) requestCut() cut {
	answer := make(chan cut, 1)
	l.mu.Lock()
	if l.closing || l.broken.Load() != nil {
		l.mu.Unlock()
		return cut{err: l.failure()}
	}
	l.cuts = append(l.cuts, answer)
	l.work.Signal()
	l.mu.Unlock()
	return <-answer
}

// cut begins a new segment, unless the current one has no records.
func (l *Log) cut(err error) cut {
	if err == nil && l.broken.Load() != nil {
		err = l.failure()
	}
	first := l.durable.Load() + 1
	if err != nil {
		return cut{err: err}
	}
	if l.current.at > segmentHeader {
		if err := l.prepare(context.Background(), 0); err != nil {
			return cut{err: err} // such as a full disk: the log goes on
		}
		if err := l.rotate(0, first); err != nil {
			return cut{err: l.fail(err)}
		}
		l.closed = false
		l.spareMu.Lock()
		l.left = l.current.left()
		l.setLimit()
		l.spareMu.Unlock()
	}
	return cut{segment: l.current.number, first: first}
}

// writeCheckpoint writes and syncs the file. A part is its length, its checksum and its
// bytes.
func (l *Log) writeCheckpoint(name string, c cut, write func(func([]byte) error) error) (err error) {
	if err := l.fs.Remove(name); err != nil && !errors.Is(err, ErrNotExist) {
		return err
	}
	file, err := l.fs.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := partWriter{file: file}
	w.buf = append(w.buf, checkpointMagic...)
	for _, n := range []uint64{l.id, c.segment, c.first} {
		w.buf = binary.LittleEndian.AppendUint64(w.buf, n)
	}
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(checksum(w.buf)))
	if err := write(w.part); err != nil {
		return err
	}
	if err := l.Failed(); err != nil {
		return err
	}
	w.buf = binary.LittleEndian.AppendUint32(w.buf, lastPart)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, w.parts)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, checksum(w.buf[len(w.buf)-8:]))
	if err := w.flush(); err != nil {
		return err
	}
	return file.Sync()
}

type partWriter struct {
	file  File
	at    int64
	buf   []byte
	parts uint32
}

func (w *partWriter) part(b []byte) error {
	if len(b) > MaxRecord {
		return ErrTooLarge
	}
	w.parts++
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(len(b)))
	w.buf = binary.LittleEndian.AppendUint32(w.buf, checksum(b))
	w.buf = append(w.buf, b...)
	if len(w.buf) < checkpointPart {
		return nil
	}
	return w.flush()
}

func (w *partWriter) flush() error {
	n, err := w.file.WriteAt(w.buf, w.at)
	w.at += int64(n)
	w.buf = w.buf[:0]
	return err
}

// readCheckpoint passes the checkpoint on.
func (r *recovery) readCheckpoint() (err error) {
	name := fileName(r.checkpoint, checkpointSuffix)
	file, err := r.fs.Open(name, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return err
	}
	in := partReader{name: name, size: size, in: io.NewSectionReader(file, 0, size)}
	h, err := in.read(checkpointHeader)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(h, []byte(checkpointMagic)) || binary.LittleEndian.Uint64(h[16:]) != r.checkpoint ||
		binary.LittleEndian.Uint64(h[32:]) != uint64(checksum(h[:32])) {
		return in.damage("it is not a checkpoint of this version")
	}
	r.id, r.next = binary.LittleEndian.Uint64(h[8:]), binary.LittleEndian.Uint64(h[24:])
	for parts := uint32(0); ; parts++ {
		h, err := in.read(8)
		if err != nil {
			return err
		}
		n, sum := binary.LittleEndian.Uint32(h), binary.LittleEndian.Uint32(h[4:])
		if n == lastPart {
			all := checksum(h)
			if h, err = in.read(4); err != nil {
				return err
			}
			if sum != parts || binary.LittleEndian.Uint32(h) != all || in.at != size {
				return in.damage("wrong end")
			}
			r.part(Part{name, 0, size, PartCheckpoint, r.next, int(parts)})
			return nil
		}
		start := in.at
		part, err := in.read(int64(n))
		if err != nil {
			return err
		}
		if checksum(part) != sum {
			in.at = start
			return in.damage("wrong checksum")
		}
		if r.options.Checkpoint != nil {
			if err := r.options.Checkpoint(part); err != nil {
				return fmt.Errorf("%s: part at byte %d: %w", name, start, err)
			}
		}
	}
}

type partReader struct {
	name     string
	in       io.Reader
	at, size int64
	buf      []byte
}

func (r *partReader) damage(reason string) error { return &DamageError{r.name, r.at, reason} }

// read returns the next n bytes, which are valid until the next call.
func (r *partReader) read(n int64) ([]byte, error) {
	if n > r.size-r.at {
		return nil, r.damage("it is cut off")
	}
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n)
	}
	b := r.buf[:n]
	if _, err := io.ReadFull(r.in, b); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	r.at += n
	return b, nil
}
