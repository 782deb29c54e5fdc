package seatmap

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
)

// This file writes and reads lines of JSON as an export has them. Texts are names or
// hexadecimal, so of all escapes only \" and \\ are needed. Reading accepts only what
// writing writes, so every change of a byte is found or changes a value.

// row is lines that are being written.
type row struct{ b []byte }

func (o *row) open() { o.b = append(o.b, '{') }

func (o *row) shut() { o.b = append(o.b, '}', '\n') }

func (o *row) begin(name string) {
	o.name(name)
	o.open()
}

func (o *row) end() { o.b = append(o.b, '}') }

func (o *row) name(name string) {
	o.comma('{')
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *row) int(name string, v int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *row) uint(name string, v uint64) {
	o.name(name)
	o.b = strconv.AppendUint(o.b, v, 10)
}

// optional is uint, unless the value is 0.
func (o *row) optional(name string, v uint64) {
	if v != 0 {
		o.uint(name, v)
	}
}

func (o *row) text(name, v string) {
	o.name(name)
	o.quote(v)
}

func (o *row) quote(v string) {
	o.b = append(o.b, '"')
	for i := range len(v) {
		if v[i] == '"' || v[i] == '\\' {
			o.b = append(o.b, '\\')
		}
		o.b = append(o.b, v[i])
	}
	o.b = append(o.b, '"')
}

func (o *row) texts(name string, list []string) {
	o.name(name)
	o.b = append(o.b, '[')
	for _, v := range list {
		o.comma('[')
		o.quote(v)
	}
	o.b = append(o.b, ']')
}

// comma writes a comma, unless the last byte was the beginning of the list or object.
func (o *row) comma(begin byte) {
	if o.b[len(o.b)-1] != begin {
		o.b = append(o.b, ',')
	}
}

// runs writes a list of seats, of which there is at least one. Seats that follow one
// another are one element.
func (o *row) runs(name string, seats []uint32) {
	o.name(name)
	o.b = append(o.b, '[')
	for i := 0; i < len(seats); {
		last := i
		for last+1 < len(seats) && seats[last+1] == seats[last]+1 {
			last++
		}
		o.comma('[')
		if last > i {
			o.b = append(o.b, '[')
			o.b = strconv.AppendUint(o.b, uint64(seats[i]), 10)
			o.b = append(o.b, ',')
			o.b = strconv.AppendUint(o.b, uint64(seats[last]), 10)
			o.b = append(o.b, ']')
		} else {
			o.b = strconv.AppendUint(o.b, uint64(seats[i]), 10)
		}
		i = last + 1
	}
	o.b = append(o.b, ']')
}

// line is a line that is being read. After the first error everything is zero.
type line struct {
	b   []byte
	at  int
	bad bool
}

// next reports whether the next byte is c, and if so skips it.
func (l *line) next(c byte) bool {
	if l.at < len(l.b) && l.b[l.at] == c {
		l.at++
		return true
	}
	return false
}

// expect skips c, which must be the next byte.
func (l *line) expect(c byte) {
	if !l.next(c) {
		l.bad = true
	}
}

// object calls one for each field of an object, to read its value. If one returns false,
// there is no such field. The name is good until one returns: a string of its own for each would
// be half of all that an import allocates.
func (l *line) object(one func(name []byte) bool) {
	l.expect('{')
	for first := true; !l.bad && !l.next('}'); first = false {
		if !first {
			l.expect(',')
		}
		name := l.name()
		l.expect(':')
		if l.bad || !one(name) {
			l.bad = true
		}
	}
}

// list calls one for each element of a list, of which there is at least one.
func (l *line) list(one func()) {
	l.expect('[')
	for first := true; !l.bad && (first || !l.next(']')); first = false {
		if !first {
			l.expect(',')
		}
		one()
	}
}

func (l *line) uint() (v uint64) {
	digits := l.at
	for l.at < len(l.b) && l.b[l.at]-'0' <= 9 {
		l.at++
	}
	text := l.b[digits:l.at]
	if len(text) == 0 || len(text) > 20 || text[0] == '0' && len(text) > 1 {
		l.bad = true
		return 0
	}
	for _, c := range text[:min(len(text), 19)] { // which cannot overflow
		v = v*10 + uint64(c-'0')
	}
	if len(text) == 20 {
		var err error
		if v, err = strconv.ParseUint(string(text), 10, 64); err != nil {
			l.bad = true
		}
	}
	return v
}

func (l *line) int() int64 {
	sign := int64(1)
	if l.next('-') {
		sign = -1
	}
	v := l.uint()
	if v > 1<<63-1 || v == 0 && sign < 0 {
		l.bad = true
		return 0
	}
	return sign * int64(v)
}

// seat reads the number of a seat, which must be below count.
func (l *line) seat(count int) uint32 {
	v := l.uint()
	if v >= uint64(count) {
		l.bad = true
		return 0
	}
	return uint32(v)
}

// name reads a text without escapes. It is good until the line changes.
func (l *line) name() []byte {
	text := l.plain()
	if !l.next('"') {
		l.bad = true
	}
	if l.bad {
		return nil
	}
	return text
}

// plain reads a text to its end, or to an escape.
func (l *line) plain() []byte {
	l.expect('"')
	begin := l.at
	for l.at < len(l.b) && l.b[l.at] != '"' && l.b[l.at] != '\\' {
		l.at++
	}
	return l.b[begin:l.at]
}

func (l *line) text() string {
	text := l.plain()
	if l.next('"') && !l.bad {
		return string(text)
	}
	text = bytes.Clone(text)
	for !l.bad && !l.next('"') {
		if l.next('\\') && (l.at == len(l.b) || l.b[l.at] != '"' && l.b[l.at] != '\\') || l.at == len(l.b) {
			l.bad = true
			return ""
		}
		text = append(text, l.b[l.at])
		l.at++
	}
	return string(text)
}

// secret reads 16 bytes.
func (l *line) secret() (b [16]byte) {
	text := l.name()
	if n, err := hex.Decode(b[:], text[:min(len(text), 32)]); err != nil || n != len(b) || len(text) != 32 {
		l.bad = true
	}
	return b
}

// runs reads a list of seats.
func (l *line) runs(count int) (to []uint32) {
	l.list(func() {
		isRun := l.next('[')
		first := l.seat(count)
		last := first
		if isRun {
			l.expect(',')
			last = l.seat(count)
			l.expect(']')
		}
		if l.bad || isRun && last <= first || int(last-first) >= exportPart || len(to) > exportPart {
			l.bad = true
			return
		}
		for seat := first; seat <= last; seat++ {
			to = append(to, seat)
		}
	})
	return to
}

// err returns the error of a line with that number, or nil.
func (l *line) err(number int) error {
	if l.bad || l.at != len(l.b) {
		return badLine(number, "it is not as Export writes it")
	}
	return nil
}

func badLine(number int, why string) error {
	return fmt.Errorf("%w: line %d: %s", ErrInvalidExport, number, why)
}
