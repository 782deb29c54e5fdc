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
// owner, the length and indices of its seats, and what else it has. Numbers are varints.
func packChanges(list []change) []byte {
	var b []byte
	for i := range list {
		c := &list[i]
		for _, n := range [...]int64{c.revision, c.previous, int64(c.kind), c.fence, c.at, c.until} {
			b = binary.AppendVarint(b, n)
		}
		b = appendText(b, c.owner)
		b = appendSeats(binary.AppendUvarint(b, uint64(len(c.seats))), c.seats)
		b = appendMore(b, c)
	}
	return b
}

// The bits of a byte that says what else a change or a record has.
const (
	hasReference = 1 << iota
	hasPayment
	hasOperator
	hasQuota
	hasFrom
)

// appendMore appends a byte that says what else the change has, and that.
func appendMore(b []byte, c *change) []byte {
	at := len(b)
	b = append(b, 0)
	if c.reference != "" {
		b[at] |= hasReference
		b = appendText(b, c.reference)
	}
	if c.paying != 0 {
		b[at] |= hasPayment
		b = binary.AppendVarint(b, c.paying)
	}
	if c.by != (doing{}) {
		b[at] |= hasOperator
		b = appendText(appendText(b, c.by.actor), c.by.reason)
	}
	if c.quota != "" {
		b[at] |= hasQuota
		b = appendText(b, c.quota)
	}
	if c.fromFence != 0 {
		b[at] |= hasFrom
		b = binary.AppendVarint(b, c.fromFence)
		b = appendSeats(binary.AppendUvarint(b, uint64(len(c.from))), c.from)
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// unpackChanges is the inverse of packChanges. All seats are below count.
func unpackChanges(b []byte, count int) (list []change, err error) {
	u := &unpacker{b: b, count: count}
	for len(u.b) > 0 {
		c := change{revision: u.int(), previous: u.int(), kind: seatmap.ChangeKind(u.int()), fence: u.int(), at: u.int(), until: u.int()}
		c.owner, c.seats = u.text(), u.seats()
		more := u.byte()
		if more&hasReference != 0 {
			c.reference = u.text()
		}
		if more&hasPayment != 0 {
			c.paying = u.int()
		}
		if more&hasOperator != 0 {
			c.by = doing{u.text(), u.text()}
		}
		if more&hasQuota != 0 {
			c.quota = u.text()
		}
		if more&hasFrom != 0 {
			c.fromFence, c.from = u.int(), u.seats()
		}
		if u.err != nil {
			return nil, u.err
		}
		list = append(list, c)
	}
	return list, nil
}

// packMore returns the bytes of what few records have; none if it has nothing.
func (r *record) packMore() []byte {
	if r.pay == (payment{}) && r.by == (doing{}) {
		return []byte{} // nil would be null
	}
	b := []byte{0}
	if r.pay != (payment{}) {
		b[0] |= hasPayment
		for _, n := range [...]int64{r.pay.own, r.pay.began, r.pay.until} {
			b = binary.AppendVarint(b, n)
		}
	}
	if r.by != (doing{}) {
		b[0] |= hasOperator
		b = appendText(appendText(b, r.by.actor), r.by.reason)
	}
	return b
}

// unpackMore is the inverse of packMore.
func (r *record) unpackMore(b []byte) error {
	r.pay, r.by = payment{}, doing{}
	if len(b) == 0 {
		return nil
	}
	u := &unpacker{b: b}
	more := u.byte()
	if more&hasPayment != 0 {
		r.pay = payment{own: u.int(), began: u.int(), until: u.int()}
	}
	if more&hasOperator != 0 {
		r.by = doing{u.text(), u.text()}
	}
	return u.err
}

// unpacker reads what was packed. After an error, all that it returns is zero.
type unpacker struct {
	b     []byte
	count int // of seats
	err   error
}

func (u *unpacker) fail() {
	if u.b = nil; u.err == nil {
		u.err = fmt.Errorf("%w: a change or record is damaged", ErrSchema)
	}
}

func (u *unpacker) int() int64 {
	n, size := binary.Varint(u.b)
	if size <= 0 {
		u.fail()
		return 0
	}
	u.b = u.b[size:]
	return n
}

func (u *unpacker) byte() byte {
	if len(u.b) == 0 {
		u.fail()
		return 0
	}
	one := u.b[0]
	u.b = u.b[1:]
	return one
}

func (u *unpacker) text() string { return string(u.part(1)) }

func (u *unpacker) seats() []int32 {
	list, err := unpack(u.part(4), u.count)
	if err != nil && u.err == nil {
		u.b, u.err = nil, err
	}
	return list
}

// part reads a part of so many elements as a varint before it says.
func (u *unpacker) part(size uint64) []byte {
	n, used := binary.Uvarint(u.b)
	if used <= 0 || n > uint64(len(u.b)-used)/size {
		u.fail()
		return nil
	}
	rest := u.b[used:]
	u.b = rest[n*size:]
	return rest[:n*size]
}
