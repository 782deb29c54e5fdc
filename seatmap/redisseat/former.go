package redisseat

import (
	"encoding/binary"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
)

// former is what tokens of an event were made with that was imported. The tokens of
// fences up to the last one of the export are of these keys.
type former struct {
	fence   uint64
	keys    []port.Key
	secrets []func(fence uint64, first uint32) [16]byte // of each key
}

func newFormer(fence uint64, keys []port.Key) *former {
	f := &former{fence: fence, keys: keys}
	for _, key := range keys {
		f.secrets = append(f.secrets, port.SecretsOf(key))
	}
	return f
}

const (
	formerHidden = 128 // zeros first, which is all that the log of slow queries shows
	formerKey    = 32  // bytes of a key
	formerMost   = 32  // how many keys
)

// text returns what the event has of it.
func (f *former) text() string {
	b := binary.BigEndian.AppendUint64(make([]byte, formerHidden), f.fence)
	for _, key := range f.keys {
		b = append(append(b, key.Tags[:]...), key.Secrets[:]...)
	}
	return string(b)
}

// readFormer is the inverse of text. An event that was not imported has nothing.
func readFormer(text string) (*former, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // see former.made
	}
	if len(text) < formerHidden+8 || (len(text)-formerHidden-8)%formerKey != 0 {
		return nil, fmt.Errorf("%w: %w: the keys of its tokens are damaged", seatmap.ErrUnavailable, ErrFormat)
	}
	b := []byte(text[formerHidden:])
	fence, keys := binary.BigEndian.Uint64(b), []port.Key(nil)
	for b = b[8:]; len(b) > 0; b = b[formerKey:] {
		keys = append(keys, port.Key{Tags: [16]byte(b), Secrets: [16]byte(b[16:])})
	}
	return newFormer(fence, keys), nil
}

// made reports whether the token was made with one of the keys. A nil former has none.
func (f *former) made(t seatmap.Token) bool { return f.mark(port.ProofOf(t)) != 0 }

// mark returns a number that tells the token of its fence: the seat where it began, and
// the key that it was made with. It is 0 if none was.
func (f *former) mark(p port.Proof) int64 {
	if f == nil || p.Fence > f.fence {
		return 0
	}
	for i, secretOf := range f.secrets {
		if secretOf(p.Fence, p.First) == p.Secret {
			return int64(p.First)*formerMost + int64(i) + 1
		}
	}
	return 0
}

// tokenOf returns the token of an answer that is a hold or booking.
func (s *Store) tokenOf(answer []rueidis.RedisMessage, event string, sh *shape) seatmap.Token {
	fence, mark := uint64(number(answer, 1)), number(answer, 7)-1
	if mark < 0 || sh.former == nil || int(mark%formerMost) >= len(sh.former.keys) {
		return s.token(event, fence)
	}
	p := port.Proof{Fence: fence, First: uint32(mark / formerMost)}
	p.Secret = sh.former.secrets[mark%formerMost](p.Fence, p.First)
	return port.TokenOf(event, p).(seatmap.Token)
}
