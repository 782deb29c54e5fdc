package seatmap

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
)

// Token proves that its owner holds seats, or has booked them. Whoever has the
// token can book, extend or release the hold; knowing the user's name is not
// enough. All tokens of one hold or booking are equal with ==.
//
// A token prints without its secret, whatever prints it, and refuses to be encoded.
// [Token.Reveal] returns it in full, to be given to its owner. [ParseToken] reads
// that text, as does [Token.UnmarshalText] when a JSON document is decoded.
type Token struct {
	// Event is the name of the event.
	Event string
	// Fence rises with every grant and booking of the event and is never used
	// again, even if the event is removed and created again, or if the store is
	// restored or fails over: of two tokens for one seat, the one with the higher
	// fence is the later one.
	Fence uint64

	seat uint32 // where the hold began; its record is there, or headOf says where
	tag  tag    // includes the seat
}

// NewToken returns the token of a hold or booking. It is for implementations of
// [Store], for which secret is 16 bytes that nobody can guess. The text of the token
// contains the secret, so a store can keep the text, or a hash of it, to know the
// token again.
func NewToken(event string, fence uint64, secret [16]byte) Token {
	return Token{Event: event, Fence: fence, tag: tagOfSecret(secret[:])}
}

// The text of a token is, in base64: a checksum, the fence, the seat, the secret,
// and the name of the event.
const (
	tokenSum    = 8
	tokenFence  = tokenSum
	tokenSeat   = tokenFence + 8
	tokenSecret = tokenSeat + 4
	tokenEvent  = tokenSecret + 16
)

var tokenText = base64.RawURLEncoding.Strict()

// Reveal returns the token in full, with its secret, as text for JSON, headers
// and URLs: letters, digits, - and _. The text is empty for the zero Token.
func (t Token) Reveal() string {
	if t == (Token{}) {
		return ""
	}
	raw := make([]byte, tokenEvent, tokenEvent+len(t.Event))
	binary.BigEndian.PutUint64(raw[tokenFence:], t.Fence)
	binary.BigEndian.PutUint32(raw[tokenSeat:], t.seat)
	secret := t.tag.secret()
	copy(raw[tokenSecret:], secret[:])
	raw = append(raw, t.Event...)
	sum := sha256.Sum256(raw[tokenSum:])
	copy(raw[:tokenSum], sum[:])
	return tokenText.EncodeToString(raw)
}

// ParseToken parses what [Token.Reveal] returned. The error is [ErrToken]: the text
// was changed, even if only by one bit. Whether the token was ever given out is for
// the store to decide.
func ParseToken(text string) (Token, error) {
	if len(text) > tokenText.EncodedLen(tokenEvent+MaxName) {
		return Token{}, fmt.Errorf("%w: %d bytes", ErrToken, len(text))
	}
	raw, err := tokenText.DecodeString(text)
	// The decoder skips line ends, so the text may be too long.
	if err != nil || len(raw) < tokenEvent || len(text) != tokenText.EncodedLen(len(raw)) {
		return Token{}, fmt.Errorf("%w: %d bytes that are not its text", ErrToken, len(text))
	}
	if sum := sha256.Sum256(raw[tokenSum:]); string(sum[:tokenSum]) != string(raw[:tokenSum]) {
		return Token{}, fmt.Errorf("%w: wrong checksum", ErrToken)
	}
	return Token{
		Event: string(raw[tokenEvent:]),
		Fence: binary.BigEndian.Uint64(raw[tokenFence:]),
		seat:  binary.BigEndian.Uint32(raw[tokenSeat:]),
		tag:   tagOfSecret(raw[tokenSecret:tokenEvent]),
	}, nil
}

// UnmarshalText is [ParseToken]. If it fails, t is unchanged.
func (t *Token) UnmarshalText(text []byte) error {
	parsed, err := ParseToken(string(text))
	if err == nil {
		*t = parsed
	}
	return err
}

// MarshalText fails with [ErrSecret], unless the token is zero. To send a token to
// its owner, encode what [Token.Reveal] returns.
func (t Token) MarshalText() ([]byte, error) { return encodeSecret(t == Token{}) }

// MarshalBinary fails as MarshalText does.
func (t Token) MarshalBinary() ([]byte, error) { return encodeSecret(t == Token{}) }

// String returns the token without its secret.
func (t Token) String() string { return fmt.Sprintf("Token(%s#%d)", t.Event, t.Fence) }

// Format prints [Token.String], whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue returns [Token.String].
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }
