package wal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A segment is a file of frames after a header of its own.
type segment struct {
	file   File
	name   string
	number uint64
	id     uint64 // drawn at random, so that no frame of another segment is taken for its own
	at     int64  // where the next frame begins
	size   int64
}

const (
	segmentMagic  = "ferrous1"
	segmentHeader = frameAlign
	segmentSuffix = ".log"
	// ends is what two frames without records take. A segment always has room for a
	// frame that says that the log was closed, and one that seals the segment.
	ends = 2 * frameAlign

	temporary = ".tmp"
)

func fileName(number uint64, suffix string) string { return fmt.Sprintf("%016x%s", number, suffix) }

// fileNumber returns the number in the name of a file with that suffix.
func fileNumber(name, suffix string) (uint64, bool) {
	text, ok := strings.CutSuffix(name, suffix)
	if !ok || len(text) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n, err == nil && fileName(n, suffix) == name
}

// fits reports whether the segment has room for a frame of n bytes and its ends.
func (s *segment) fits(n int) bool { return s.at+align(int64(n))+ends <= s.size }

// left returns how many bytes of frames fit into the segment.
func (s *segment) left() int64 { return s.size - ends - s.at }

// write writes a frame, whose header goes into the beginning of buf.
func (s *segment) write(f frame, buf []byte) error {
	f.encode(s.id, buf)
	if _, err := s.file.WriteAt(buf, s.at); err != nil {
		return err
	}
	s.at += align(int64(len(buf)))
	return nil
}

// newSegment makes a segment that has room for a frame of n bytes.
func (l *Log) newSegment(number uint64, n int64) (s *segment, err error) {
	s = &segment{name: fileName(number, segmentSuffix), number: number, id: rand.Uint64(), at: segmentHeader}
	s.size = max(l.size, segmentHeader+align(n)+ends)
	temp := s.name + temporary
	if err := l.fs.Remove(temp); err != nil && !errors.Is(err, ErrNotExist) {
		return nil, err
	}
	if s.file, err = l.fs.Create(temp); err != nil {
		return nil, err
	}
	header := make([]byte, segmentHeader)
	copy(header, segmentMagic)
	binary.LittleEndian.PutUint64(header[8:], s.id)
	binary.LittleEndian.PutUint64(header[16:], number)
	binary.LittleEndian.PutUint64(header[24:], l.id)
	binary.LittleEndian.PutUint32(header[segmentHeader-4:], checksum(header[:segmentHeader-4]))
	err = s.file.Allocate(s.size)
	if err == nil {
		_, err = s.file.WriteAt(header, 0)
	}
	if err == nil {
		err = s.file.Sync()
	}
	// Windows renames no file that is open.
	if err := errors.Join(err, s.file.Close()); err != nil {
		_ = l.fs.Remove(temp) // or the next attempt or Open does it
		return nil, err
	}
	if err := l.fs.Rename(temp, s.name); err != nil {
		_ = l.fs.Remove(temp)
		return nil, err
	}
	if err := l.fs.SyncDir(); err != nil {
		return nil, err // the next attempt takes its place
	}
	s.file, err = l.fs.Open(s.name, false)
	return s, err
}

// checkSegment reads the header of a segment from its content.
func checkSegment(name string, number uint64, b []byte) (id, log uint64, err error) {
	damage := func(reason string) (uint64, uint64, error) { return 0, 0, &DamageError{name, 0, reason} }
	switch {
	case len(b) < segmentHeader:
		return damage("it ends in its header")
	case string(b[:8]) != segmentMagic:
		return damage("it is not a segment of this version")
	case binary.LittleEndian.Uint32(b[segmentHeader-4:]) != checksum(b[:segmentHeader-4]):
		return damage("wrong checksum of its header")
	case binary.LittleEndian.Uint64(b[16:]) != number:
		return damage("it is another segment")
	}
	return binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[24:]), nil
}

// prepare makes one more segment, unless one that is ready has room for n bytes, and
// waits for it. If another call is at it, prepare waits for that.
func (l *Log) prepare(ctx context.Context, n int64) error {
	done := l.startPreparing(n)
	if done == nil {
		return nil
	}
	select {
	case <-done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	l.spareMu.Lock()
	defer l.spareMu.Unlock()
	return l.prepareErr
}

// startPreparing returns a channel that is closed when a segment is ready, or nil if one
// is.
func (l *Log) startPreparing(n int64) (done chan struct{}) {
	l.spareMu.Lock()
	defer l.spareMu.Unlock()
	for _, s := range l.spares {
		if s.left()-slack >= n {
			return nil
		}
	}
	if l.preparing == nil {
		l.preparing = make(chan struct{})
		go l.makeSpare(l.tail+1, n, l.preparing)
	}
	return l.preparing
}

// Prepare waits until the segment that is next is ready, or cannot be made. Then nothing
// happens in the background until that segment is in use.
func (l *Log) Prepare() {
	if done := l.startPreparing(0); done != nil {
		<-done
	}
}

// makeSpare makes a segment.
func (l *Log) makeSpare(number uint64, n int64, done chan struct{}) {
	s, err := l.newSegment(number, n+2*slack)
	l.spareMu.Lock()
	defer l.spareMu.Unlock()
	if err == nil {
		l.spares, l.tail = append(l.spares, s), number
		l.setLimit()
	}
	l.preparing, l.prepareErr = nil, err
	close(done)
}

// setLimit updates the limit of reservations. The caller holds spareMu.
//
// What is reserved fits as a whole into the largest spare segment, so it does wherever
// the frame is at which the current segment is full. If there is no spare segment, it
// fits into what is left of the current one.
func (l *Log) setLimit() {
	limit := l.left
	if len(l.spares) > 0 {
		limit = 0
		for _, s := range l.spares {
			limit = max(limit, s.left())
		}
	}
	l.limit.Store(limit - slack)
}

// rotate goes on in the next segment that has room for a frame of n bytes, of which the
// first record has that number. It starts to prepare another.
func (l *Log) rotate(n int, first uint64) error {
	for {
		next, err := l.takeSpare(n)
		if err != nil {
			return err
		}
		if err := l.seal(first); err != nil {
			return errors.Join(err, next.file.Close())
		}
		old := l.current
		l.current = next
		if err := old.file.Close(); err != nil {
			return err
		}
		if next.fits(n) {
			l.startPreparing(0)
			return nil
		}
	}
}

// seal says that the log goes on in the next segment. It is on disk before that is used.
func (l *Log) seal(first uint64) error {
	if err := l.current.write(frame{kind: kindSeal, first: first}, make([]byte, headerSize)); err != nil {
		return err
	}
	return l.current.file.Sync()
}

// takeSpare takes the segment that is next. If there is none, it makes one with room for
// a frame of n bytes.
func (l *Log) takeSpare(n int) (*segment, error) {
	l.endPreparing()
	defer l.spareMu.Unlock()
	if len(l.spares) == 0 {
		s, err := l.newSegment(l.tail+1, int64(n)+slack)
		if err != nil {
			return nil, err
		}
		l.tail++
		return s, nil
	}
	s := l.spares[0]
	l.spares = l.spares[1:]
	return s, nil
}

// endPreparing takes spareMu at a moment at which no preparation is under way.
func (l *Log) endPreparing() {
	for {
		l.spareMu.Lock()
		preparing := l.preparing
		if preparing == nil {
			return
		}
		l.spareMu.Unlock()
		<-preparing
	}
}
