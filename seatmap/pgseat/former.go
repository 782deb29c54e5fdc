package pgseat

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
)

// former is what another store has given out the tokens of an event with, which was imported.
// It does not change. It stays with the event, encrypted with the secret of the store, so that
// no log of statements shows it.
type former struct {
	keys []port.Key
	// tokens are those of the holds, bookings and answers of the export, by fence. The record
	// of such a token has its fence as its id. Fences are not used again, so a token that is not
	// here is of this store, or what it was for has ended.
	tokens []port.Proof
}

// newFormer keeps what an export has. It orders the tokens.
func newFormer(keys []port.Key, tokens []port.Proof) *former {
	slices.SortFunc(tokens, func(a, b port.Proof) int { return cmp.Compare(a.Fence, b.Fence) })
	return &former{keys, slices.CompactFunc(tokens, func(a, b port.Proof) bool { return a.Fence == b.Fence })}
}

// find returns the token of a fence.
func (f *former) find(fence uint64) (port.Proof, bool) {
	if f == nil {
		return port.Proof{}, false
	}
	i, ok := slices.BinarySearchFunc(f.tokens, fence, func(p port.Proof, fence uint64) int { return cmp.Compare(p.Fence, fence) })
	if !ok {
		return port.Proof{}, false
	}
	return f.tokens[i], true
}

// recordOf returns the id of the record of a token, or 0 if the other store has not made the
// token. The record may have ended.
func (f *former) recordOf(t seatmap.Token) int64 {
	if f == nil {
		return 0
	}
	p := port.ProofOf(t)
	if own, ok := f.find(p.Fence); ok {
		if own == p {
			return int64(p.Fence)
		}
		return 0
	}
	for _, key := range f.keys {
		if port.SecretsOf(key)(p.Fence, p.First) == p.Secret {
			return int64(p.Fence)
		}
	}
	return 0
}

// tokenOf returns the token of a record of an event.
func (s *Store) tokenOf(sh *shape, event string, id, fence int64) seatmap.Token {
	if p, ok := sh.former.find(uint64(fence)); ok {
		return port.TokenOf(event, p).(seatmap.Token)
	}
	return s.token(event, id, fence)
}

const (
	formerKey   = 32         // bytes of a key
	formerToken = 8 + 4 + 16 // bytes of a token
)

// seal returns what the database keeps: a nonce, and encrypted how many keys there are, the keys
// and the tokens.
func (s *Store) seal(event string, f *former) []byte {
	text := binary.BigEndian.AppendUint32(make([]byte, 0, 4+formerKey*len(f.keys)+formerToken*len(f.tokens)), uint32(len(f.keys)))
	for _, key := range f.keys {
		text = append(append(text, key.Tags[:]...), key.Secrets[:]...)
	}
	for _, p := range f.tokens {
		text = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(text, p.Fence), p.First)
		text = append(text, p.Secret[:]...)
	}
	box := s.box()
	nonce := make([]byte, box.NonceSize(), box.NonceSize()+len(text)+box.Overhead())
	_, _ = crand.Read(nonce) // never fails
	return box.Seal(nonce, nonce, text, []byte(event))
}

// unseal is the inverse of seal. Of an event that was not imported there is nothing.
func (s *Store) unseal(event string, sealed []byte) (*former, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	damaged := fmt.Errorf("%w: %w: the tokens of an import are damaged", seatmap.ErrUnavailable, ErrSchema)
	box := s.box()
	if len(sealed) < box.NonceSize() {
		return nil, damaged
	}
	text, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], []byte(event))
	if err != nil {
		return nil, damaged
	}
	f := &former{keys: make([]port.Key, binary.BigEndian.Uint32(text))}
	text = text[4:]
	for i := range f.keys {
		f.keys[i] = port.Key{Tags: [16]byte(text), Secrets: [16]byte(text[16:])}
		text = text[formerKey:]
	}
	f.tokens = make([]port.Proof, 0, len(text)/formerToken)
	for ; len(text) > 0; text = text[formerToken:] {
		f.tokens = append(f.tokens, port.Proof{
			Fence: binary.BigEndian.Uint64(text), First: binary.BigEndian.Uint32(text[8:]), Secret: [16]byte(text[12:]),
		})
	}
	return f, nil
}

// box encrypts with a key that is made of the secret.
func (s *Store) box() cipher.AEAD {
	block, err := aes.NewCipher(s.mac.Sum([]byte("tokens of another store")))
	if err != nil {
		panic(err) // the length is right
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // the block is that of AES
	}
	return box
}
