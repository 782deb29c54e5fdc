package wal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A frame is a header, and the records that one sync has written, each with its length
// before it. It begins at a multiple of frameAlign, so that its header is within one
// sector. All numbers are little-endian.
const (
	frameAlign = 64
	headerSize = 48
	sectorSize = 512
	frameMagic = 0x46415746 // not zero in any byte
	// endMark is the last byte of every header and of every payload: one flipped bit does
	// not make it zero.
	endMark = 0xA5
)

// The offsets in a header.
const (
	atMagic     = 0
	atHeaderSum = 4 // of all that follows
	atSegment   = 8
	atFirst     = 16
	atCount     = 24
	atLength    = 28
	atSum       = 32 // of the payload
	atKind      = 36
	atMark      = headerSize - 1
)

const (
	kindRecords = 1
	kindSeal    = 2 // the log goes on in the next segment
	kindClose   = 3 // the log was closed
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a header.
type frame struct {
	kind   byte
	first  uint64 // the number of its first record, or of the next one if it has none
	count  uint32
	length uint32 // of the payload
	sum    uint32
}

// encode writes the header into the beginning of buf, whose rest is the payload.
func (f *frame) encode(segment uint64, buf []byte) {
	h, payload := buf[:headerSize], buf[headerSize:]
	clear(h)
	binary.LittleEndian.PutUint32(h[atMagic:], frameMagic)
	binary.LittleEndian.PutUint64(h[atSegment:], segment)
	binary.LittleEndian.PutUint64(h[atFirst:], f.first)
	binary.LittleEndian.PutUint32(h[atCount:], f.count)
	binary.LittleEndian.PutUint32(h[atLength:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(h[atSum:], checksum(payload))
	h[atKind], h[atMark] = f.kind, endMark
	binary.LittleEndian.PutUint32(h[atHeaderSum:], checksum(h[atSegment:]))
}

// decode reads the header at the beginning of b.
func decode(segment uint64, b []byte) (f frame, ok bool) {
	if !isHeader(b) || binary.LittleEndian.Uint64(b[atSegment:]) != segment {
		return frame{}, false
	}
	h := b[:headerSize]
	return frame{
		kind:   h[atKind],
		first:  binary.LittleEndian.Uint64(h[atFirst:]),
		count:  binary.LittleEndian.Uint32(h[atCount:]),
		length: binary.LittleEndian.Uint32(h[atLength:]),
		sum:    binary.LittleEndian.Uint32(h[atSum:]),
	}, true
}

// isHeader reports whether b begins with the header of a frame of any segment.
func isHeader(b []byte) bool {
	return len(b) >= headerSize && binary.LittleEndian.Uint32(b) == frameMagic &&
		binary.LittleEndian.Uint32(b[atHeaderSum:]) == checksum(b[atSegment:headerSize])
}

// size returns how many bytes the frame takes, without what aligns the next.
func (f *frame) size() int64 { return headerSize + int64(f.length) }

func align(n int64) int64 { return (n + frameAlign - 1) &^ (frameAlign - 1) }

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// torn reports whether the part of a file, which begins at that offset and is not what
// was written there, may be the rest of a write that a crash interrupted.
func torn(part []byte, offset int64) bool {
	if part[len(part)-1] == 0 {
		return true
	}
	for len(part) > 0 {
		n := min(sectorSize-offset%sectorSize, int64(len(part)))
		if isZero(part[:n]) {
			return true
		}
		part, offset = part[n:], offset+n
	}
	return false
}

var zeros [64 << 10]byte

func isZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// appendRecord appends a record with its length before it.
func appendRecord(buf []byte, r Record) []byte {
	at := len(buf)
	buf = r.AppendTo(append(buf, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(buf[at:], uint32(len(buf)-at-4))
	return buf
}

// records calls f for each record of a payload, and returns how many there are.
func records(payload []byte, f func([]byte) error) (count uint32, ok bool, err error) {
	if len(payload) == 0 || payload[len(payload)-1] != endMark {
		return 0, len(payload) == 0, nil
	}
	payload = payload[:len(payload)-1]
	for len(payload) > 0 {
		if len(payload) < 4 {
			return count, false, nil
		}
		n := int64(binary.LittleEndian.Uint32(payload))
		if n > int64(len(payload)-4) {
			return count, false, nil
		}
		if err := f(payload[4 : 4+n : 4+n]); err != nil {
			return count, true, err
		}
		payload = payload[4+n:]
		count++
	}
	return count, true, nil
}
