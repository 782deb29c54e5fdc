package channel

import (
	"sync/atomic"
	"unsafe"
)

const (
	firstSegment = 16      // messages in an unbounded channel's first segment
	segmentBytes = 1 << 14 // a segment is not made larger than this by doubling
)

// segment is a run of slots.
type segment[T any] struct {
	buf  []T
	next *segment[T] // set before a message beyond this segment is published
}

func newSegment[T any](n int) *segment[T] { return &segment[T]{buf: make([]T, n)} }

// place is a position in a chain of segments.
type place[T any] struct {
	seg *segment[T]
	pos int // the next slot, len(seg.buf) if that is the first one of seg.next
}

// atEnd reports whether the next slot is in the next segment.
func (p *place[T]) atEnd() bool { return p.pos == len(p.seg.buf) }

// store fills the next slot.
func (p *place[T]) store(v T) {
	p.seg.buf[p.pos] = v
	p.pos++
}

// load empties the next slot.
func (p *place[T]) load() (v T) {
	s := &p.seg.buf[p.pos]
	v, *s = *s, v
	p.pos++
	return v
}

// run returns the slots from p to the end of its segment.
func (p *place[T]) run() []T { return p.seg.buf[p.pos:] }

// spare keeps one segment that the receivers emptied for the senders to use
// again, so that a channel in a steady state does not allocate.
type spare[T any] struct{ atomic.Pointer[segment[T]] }

// extend returns a segment to follow s.
func (p *spare[T]) extend(s *segment[T]) *segment[T] {
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

// keep takes s, which was emptied and left, unless a larger one follows it.
func (p *spare[T]) keep(s *segment[T]) {
	if len(s.buf) == len(s.next.buf) {
		s.next = nil
		p.Store(s)
	}
}
