package remote

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/coderrange/ferrous/seatmap"
)

// Print is what of a request is compared with that of another with the same key: the
// method and, for each field, its name and a hash.
type Print struct{ text string }

// PrintOf returns the print of a method without fields.
func PrintOf(method string) Print { return Print{method} }

// Add returns the print with another field.
func (p Print) Add(field, value string) Print {
	sum := sha256.Sum256([]byte(value))
	return Print{p.text + " " + field + "=" + base64.RawStdEncoding.EncodeToString(sum[:12])}
}

// Text returns what a store keeps.
func (p Print) Text() string { return p.text }

// Differs returns in what p differs from the kept print of another request, for
// [seatmap.NewKeyError]. It is empty if they are the same.
func (p Print) Differs(other string) (fields []string) {
	mine, others := strings.Fields(p.text), strings.Fields(other)
	if len(mine) != len(others) || mine[0] != others[0] {
		return []string{"method"}
	}
	for i, field := range mine[1:] {
		if field != others[i+1] {
			name, _, _ := strings.Cut(field, "=")
			fields = append(fields, name)
		}
	}
	return fields
}

// ListOf returns a text that is another for each list, and for no list.
func ListOf(seats []string) string { return fmt.Sprintf("%#v", seats) }

// SecretOf returns the secret that a token was made of by [seatmap.NewToken]: the 16 bytes of
// the token's text that follow the checksum, the fence and the seat.
func SecretOf(t seatmap.Token) (secret [16]byte) {
	raw, err := base64.RawURLEncoding.DecodeString(t.Reveal())
	if err == nil && len(raw) >= 36 { // the zero token has no text
		copy(secret[:], raw[20:])
	}
	return secret
}
