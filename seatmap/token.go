package seatmap

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Token proves that its owner holds seats, or has booked them. Whoever has it
// can book, extend or release the hold; who knows only the user's name cannot.
//
// It prints without its secret; [Token.MarshalText] writes it in full, to be
// handed to its owner and read back with [ParseToken].
type Token struct {
	// Event is the name of the event.
	Event string
	// Fence rises with every grant and booking of the event and is never used
	// again, also not when an event of the same name is made anew: of two
	// tokens for one seat the one with the higher fence is the later one.
	Fence uint64
	// Seat tells the store where to look. It proves nothing.
	Seat uint32
	// Secret is drawn for each grant and booking from a cryptographic generator.
	Secret [16]byte
}

const tokenBytes = 8 + 4 + 16

var tokenText = base64.RawURLEncoding.Strict()

// MarshalText returns the token in full, its secret included.
func (t Token) MarshalText() ([]byte, error) {
	var raw [tokenBytes]byte
	binary.BigEndian.PutUint64(raw[:], t.Fence)
	binary.BigEndian.PutUint32(raw[8:], t.Seat)
	copy(raw[12:], t.Secret[:])
	return tokenText.AppendEncode([]byte(t.Event+"."), raw[:]), nil
}

// UnmarshalText reads what MarshalText wrote. On error it leaves t unchanged.
func (t *Token) UnmarshalText(text []byte) error {
	parsed, err := ParseToken(string(text))
	if err == nil {
		*t = parsed
	}
	return err
}

// ParseToken reads what [Token.MarshalText] wrote. The error wraps [ErrToken].
func ParseToken(text string) (Token, error) {
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 {
		return Token{}, fmt.Errorf("%w: no dot", ErrToken)
	}
	raw, err := tokenText.DecodeString(text[dot+1:])
	if err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	// The decoder passes over line ends, so that the text may be too long.
	if len(raw) != tokenBytes || len(text[dot+1:]) != tokenText.EncodedLen(tokenBytes) {
		return Token{}, fmt.Errorf("%w: %d bytes, not %d", ErrToken, len(raw), tokenBytes)
	}
	return Token{
		Event:  strings.Clone(text[:dot]),
		Fence:  binary.BigEndian.Uint64(raw),
		Seat:   binary.BigEndian.Uint32(raw[8:]),
		Secret: [16]byte(raw[12:]),
	}, nil
}

// String returns the token without its secret.
func (t Token) String() string { return fmt.Sprintf("Token(%s#%d)", t.Event, t.Fence) }

// Format prints the token without its secret, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue returns the token without its secret.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// proves says whether t carries this secret. It takes the same time whatever
// the difference.
func (t Token) proves(secret [2]uint64) bool {
	return (binary.LittleEndian.Uint64(t.Secret[:])^secret[0])|
		(binary.LittleEndian.Uint64(t.Secret[8:])^secret[1]) == 0
}
