package seatmap

import (
	"encoding/binary"
	"errors"
)

// This file has the form of numbers and texts in the records of a journal.

var errRecord = errors.New("seatmap: a record of the journal is not of this version")

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendSeats appends indices of seats, each as the distance from the one before.
func appendSeats(b []byte, seats []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(seats)))
	last := int64(-1)
	for _, seat := range seats {
		b = binary.AppendVarint(b, int64(seat)-last)
		last = int64(seat)
	}
	return b
}

// recordReader reads a record. After the first error it returns zeros.
type recordReader struct {
	b   []byte
	bad bool
}

func (r *recordReader) fail() {
	r.b, r.bad = nil, true
}

func (r *recordReader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *recordReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *recordReader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *recordReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *recordReader) text() string { return string(r.bytes(r.uint())) }

// seats appends the indices of seats, which are below count.
func (r *recordReader) seats(to []uint32, count int) []uint32 {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return to
	}
	last := int64(-1)
	for range n {
		last += r.int()
		if last < 0 || last >= int64(count) {
			r.fail()
			return to
		}
		to = append(to, uint32(last))
	}
	return to
}

// end returns an error if there was one, or if something is left.
func (r *recordReader) end() error {
	if r.bad || len(r.b) > 0 {
		return errRecord
	}
	return nil
}
