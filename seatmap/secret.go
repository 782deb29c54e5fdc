package seatmap

import (
	"crypto/aes"
	"crypto/cipher"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// This file keeps secrets out of what is printed. A token in memory has a tag instead
// of its secret: the secret is the tag encrypted with a key of the process. So nothing
// that prints memory, such as fmt with an unexported field, can print a secret. Only
// [Token.Reveal] and [Key.Reveal] return secrets.

// tag proves a token. The tag of a fence is the fence-th block of AES in counter mode
// with a key of the event, combined with the seat where the hold or booking began. So
// a tag can still be checked after its hold has ended.
type tag [2]uint64

// with returns the tag for a hold or booking that began at that seat.
func (t tag) with(seat uint32) tag {
	t[1] ^= (uint64(seat) + 1) * 0x9E3779B97F4A7C15
	return t
}

// is compares two tags in constant time.
func (t tag) is(other tag) bool { return (t[0]^other[0])|(t[1]^other[1]) == 0 }

func (t tag) bytes() (b [16]byte) {
	binary.LittleEndian.PutUint64(b[:], t[0])
	binary.LittleEndian.PutUint64(b[8:], t[1])
	return b
}

func tagOf(b []byte) tag {
	return tag{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}

// secretKey is the key of the process between tags and secrets.
var secretKey = sync.OnceValue(randomKey)

var secretCipher = sync.OnceValue(func() cipher.Block { return newCipher(secretKey()) })

// secret returns what goes out with a token that has the tag.
func (t tag) secret() [16]byte {
	b := t.bytes()
	secretCipher().Encrypt(b[:], b[:])
	return b
}

// tagOfSecret returns the tag of a secret.
func tagOfSecret(secret []byte) tag {
	var b [16]byte
	secretCipher().Decrypt(b[:], secret)
	return tagOf(b[:])
}

type tagKey [16]byte

func randomKey() (key tagKey) {
	_, _ = crand.Read(key[:]) // never fails
	return key
}

func newCipher(key tagKey) cipher.Block {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the length is right
	}
	return block
}

// tags makes the tags of an event, several at once because fences rise by one. The
// plan's lock guards it.
type tags struct {
	key tagKey
	// lasting says that the tokens are the same in every process that has the key: then
	// what is made here is their secrets.
	lasting bool
	former  []formerKey  // what other tokens of the event were made with
	block   cipher.Block // nil before the first use
	stream  cipher.Stream
	made    [16 * aes.BlockSize]byte
	left    int // bytes of made that are not used yet
}

// counter returns the input of the block of a fence.
func counter(fence uint64) (in [aes.BlockSize]byte) {
	binary.BigEndian.PutUint64(in[8:], fence)
	return in
}

// draw returns the tag of a fence, which is one more than that of the last call.
func (t *tags) draw(fence uint64) tag {
	if t.left == 0 {
		t.fill(fence)
	}
	at := len(t.made) - t.left
	t.left -= aes.BlockSize
	return tagOf(t.made[at : at+aes.BlockSize])
}

func (t *tags) fill(fence uint64) {
	if t.stream == nil {
		in := counter(fence)
		t.stream = cipher.NewCTR(t.cipher(), in[:])
	}
	clear(t.made[:])
	t.stream.XORKeyStream(t.made[:], t.made[:])
	t.left = len(t.made)
}

// seal returns the tag of a token that what was drawn or made is for.
func (t *tags) seal(made tag) tag {
	if !t.lasting {
		return made
	}
	secret := made.bytes()
	return tagOfSecret(secret[:])
}

func (t *tags) cipher() cipher.Block {
	if t.block == nil {
		t.block = newCipher(t.key)
	}
	return t.block
}

// of returns the tag of any fence.
func (t *tags) of(fence uint64) tag {
	in := counter(fence)
	t.cipher().Encrypt(in[:], in[:])
	return tagOf(in[:])
}

// formerKey is a key of the tags of an event, and the key between tags and secrets of
// the process where it was used, which is zero if what was made were secrets. An event
// that was imported has former keys, so that it still knows which tokens were given out
// before.
type formerKey struct{ tags, secrets tagKey }

// own returns the key of the tags, as an export has it.
func (t *tags) own() formerKey {
	if t.lasting {
		return formerKey{tags: t.key}
	}
	return formerKey{t.key, secretKey()}
}

// gaveOut reports whether the token was made with a key of the event.
func (t *tags) gaveOut(token *Token) bool {
	if token.tag.is(t.seal(t.of(token.Fence).with(token.seat))) {
		return true
	}
	for _, key := range t.former {
		secret := key.secretsOf()(token.Fence, token.seat)
		if token.tag.is(tagOfSecret(secret[:])) {
			return true
		}
	}
	return false
}

// secretsOf returns a function that returns the secret of the token with that fence and seat.
func (k formerKey) secretsOf() func(fence uint64, seat uint32) [16]byte {
	ofTags, ofSecrets := newCipher(k.tags), cipher.Block(nil)
	if k.secrets != (tagKey{}) {
		ofSecrets = newCipher(k.secrets)
	}
	return func(fence uint64, seat uint32) [16]byte {
		in := counter(fence)
		ofTags.Encrypt(in[:], in[:])
		b := tagOf(in[:]).with(seat).bytes()
		if ofSecrets != nil {
			ofSecrets.Encrypt(b[:], b[:])
		}
		return b
	}
}

// Key is an idempotency key: it makes a request safe to repeat; see [Store]. The zero
// Key is no key. A Key prints without its text and refuses to be encoded, because
// whoever knows a user and the user's key gets the token of the hold.
type Key struct {
	text  *string // fmt does not follow a pointer to a string
	plain bool    // isPlain(*text)
}

// NewKey returns the key with that text, such as a UUID that the client sent. A key
// should be hard to guess. If the text is empty, NewKey returns the zero Key. If the
// text is not a name (see the package comment), requests with the key fail with
// [ErrInvalidKey].
func NewKey(text string) Key {
	if text == "" {
		return Key{}
	}
	kept := strings.Clone(text) // it may be part of something large
	return Key{&kept, isPlain(text)}
}

// Reveal returns the text of the key.
func (k Key) Reveal() string {
	if k.text == nil {
		return ""
	}
	return *k.text
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.text == nil }

// String reports whether there is a key, without its text.
func (k Key) String() string {
	if k.IsZero() {
		return "Key(none)"
	}
	return "Key(hidden)"
}

// Format prints [Key.String], whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns [Key.String].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText fails with [ErrSecret], unless the key is zero.
func (k Key) MarshalText() ([]byte, error) { return encodeSecret(k.IsZero()) }

// MarshalBinary fails with [ErrSecret], unless the key is zero.
func (k Key) MarshalBinary() ([]byte, error) { return encodeSecret(k.IsZero()) }

// UnmarshalText is [NewKey].
func (k *Key) UnmarshalText(text []byte) error {
	*k = NewKey(string(text))
	return nil
}

// encodeSecret is the encoding of a secret.
func encodeSecret(zero bool) ([]byte, error) {
	if zero {
		return []byte{}, nil
	}
	return nil, ErrSecret
}
