package pgseat

import (
	"encoding/binary"
	"fmt"

	"github.com/coderrange/ferrous/seatmap"
)

// pack returns the bytes of a list of seats.
func pack(list []int32) []byte { return appendSeats(make([]byte, 0, 4*len(list)), list) }

func appendSeats(b []byte, list []int32) []byte {
	for _, seat := range list {
		b = binary.BigEndian.AppendUint32(b, uint32(seat))
	}
	return b
}

// unpack is the inverse of pack. All seats are below count.
func unpack(b []byte, count int) ([]int32, error) {
	list := make([]int32, 0, len(b)/4)
	for ; len(b) >= 4; b = b[4:] {
		seat := binary.BigEndian.Uint32(b)
		if seat >= uint32(count) {
			return nil, fmt.Errorf("%w: seat %d of %d", ErrSchema, seat, count)
		}
		list = append(list, int32(seat))
	}
	return list, nil
}

// packChanges returns the bytes of changes: of each, six numbers, the length and text of its
// owner, and the length and indices of its seats. Numbers are varints.
func packChanges(list []change) []byte {
	var b []byte
	for i := range list {
		c := &list[i]
		for _, n := range [...]int64{c.revision, c.previous, int64(c.kind), c.fence, c.at, c.until} {
			b = binary.AppendVarint(b, n)
		}
		b = append(binary.AppendUvarint(b, uint64(len(c.owner))), c.owner...)
		b = appendSeats(binary.AppendUvarint(b, uint64(len(c.seats))), c.seats)
	}
	return b
}

// unpackChanges is the inverse of packChanges. All seats are below count.
func unpackChanges(b []byte, count int) (list []change, err error) {
	damaged := fmt.Errorf("%w: changes are damaged", ErrSchema)
	for len(b) > 0 {
		var c change
		var kind int64
		for _, to := range [...]*int64{&c.revision, &c.previous, &kind, &c.fence, &c.at, &c.until} {
			n, size := binary.Varint(b)
			if size <= 0 {
				return nil, damaged
			}
			*to, b = n, b[size:]
		}
		c.kind = seatmap.ChangeKind(kind)
		owner, rest, ok := cutPart(b, 1)
		if !ok {
			return nil, damaged
		}
		seats, rest, ok := cutPart(rest, 4)
		if !ok {
			return nil, damaged
		}
		c.owner, b = string(owner), rest
		if c.seats, err = unpack(seats, count); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// cutPart cuts off a part of so many elements as a varint before it says.
func cutPart(b []byte, size uint64) (part, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used)/size {
		return nil, nil, false
	}
	b = b[used:]
	return b[:n*size], b[n*size:], true
}
