package channel

import (
	"sync/atomic"
	"unsafe"
)

const (
	firstSegment = 16      // messages in an unbounded channel's first segment
	segmentBytes = 1 << 14 // a segment is not made larger than this by doubling
)

// segment is an array of slots.
type segment[T any] struct {
	buf  []T
	next *segment[T] // set before the first message of the next segment is published
}

func newSegment[T any](n int) *segment[T] { return &segment[T]{buf: make([]T, n)} }

// cursor is a position in a chain of segments.
type cursor[T any] struct {
	seg *segment[T]
	pos int // the next slot in seg.buf; len(seg.buf) means the first slot of seg.next
}

// atEnd reports whether the next slot is in the next segment.
func (p *cursor[T]) atEnd() bool { return p.pos == len(p.seg.buf) }

// store fills the next slot.
func (p *cursor[T]) store(v T) {
	p.seg.buf[p.pos] = v
	p.pos++
}

// load returns the message in the next slot and clears the slot.
func (p *cursor[T]) load() (v T) {
	s := &p.seg.buf[p.pos]
	v, *s = *s, v
	p.pos++
	return v
}

// run returns the slots from p to the end of the segment.
func (p *cursor[T]) run() []T { return p.seg.buf[p.pos:] }

// segmentCache keeps one segment that the receivers emptied, for the senders to use
// again. So a channel in a steady state does not allocate.
type segmentCache[T any] struct{ atomic.Pointer[segment[T]] }

// extend returns a segment to follow s: twice as large, up to segmentBytes.
func (p *segmentCache[T]) extend(s *segment[T]) *segment[T] {
	n := len(s.buf)
	var zero T
	if 2*n*max(int(unsafe.Sizeof(zero)), 16) <= segmentBytes {
		return newSegment[T](2 * n)
	}
	if p.Load() != nil {
		if next := p.Swap(nil); next != nil {
			return next
		}
	}
	return newSegment[T](n)
}

// keep stores s, which the receivers have left, unless a larger segment follows.
func (p *segmentCache[T]) keep(s *segment[T]) {
	if len(s.buf) == len(s.next.buf) {
		s.next = nil
		p.Store(s)
	}
}
