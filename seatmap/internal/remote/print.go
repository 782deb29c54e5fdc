package remote

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
)

// Print is what of a request is compared with that of another with the same key: the
// method and its fields. It is the same in all stores and processes, so that an answer
// from an export is found again.
type Print struct{ text string }

// printed are the fields of a print, in the order in which they are named.
var printed = []string{"Token", "Seat", "Fence", "Seats", "Places", "N", "Where", "TTL", "Reference", "Layout", "Limits"}

// PrintOf returns the print of a request, such as a [seatmap.BlockRequest].
func PrintOf(request any) Print { return PrintFrom(port.PrintOf(request)) }

// PrintFrom returns the print of a request in an export.
func PrintFrom(p port.Print) Print {
	text := append(make([]byte, 0, 128), p.Method...)
	switch {
	case p.Method == "Revoke" || p.Method == "Reissue" || p.Method == "Move": // they name a seat and a fence
		text = fmt.Appendf(text, " Seat=%d Fence=%d", p.Token.First, p.Token.Fence)
	case p.Token != (port.Proof{}): // of the secret it has a hash
		sum := sha256.Sum256(p.Token.Secret[:])
		text = fmt.Appendf(text, " Token=%d.%d.%s", p.Token.Fence, p.Token.First, hex.EncodeToString(sum[:12]))
	}
	for i, value := range [...]uint64{p.Seats, p.Places, uint64(p.N), p.Where, uint64(p.TTL), p.Reference, p.Layout, p.Limits} {
		if value != 0 {
			text = append(append(append(text, ' '), printed[i+3]...), '=')
			text = strconv.AppendUint(text, value, 36)
		}
	}
	return Print{string(text)}
}

// Text returns what a store keeps.
func (p Print) Text() string { return p.text }

// Differs returns in what p differs from the kept print of another request, for
// [seatmap.NewKeyError]. It is empty if they are the same.
func (p Print) Differs(other string) (names []string) {
	method, mine := fieldsOf(p.text)
	otherMethod, others := fieldsOf(other)
	if method != otherMethod {
		return []string{"method"}
	}
	for _, name := range printed {
		if mine[name] != others[name] {
			names = append(names, cmp.Or(renamed[method+" "+name], name))
		}
	}
	return names
}

// renamed are the fields that some methods have by other names.
var renamed = map[string]string{
	"Block Where": "Quotas", "SetQuota Where": "Quota", "Move Seats": "To", "Reserve Where": "User", "ReserveAny Seats": "User",
}

// fieldsOf returns the method and the fields of a print.
func fieldsOf(text string) (method string, fields map[string]string) {
	method, rest, _ := strings.Cut(text, " ")
	fields = map[string]string{}
	for field := range strings.FieldsSeq(rest) {
		name, value, _ := strings.Cut(field, "=")
		fields[name] = value
	}
	return method, fields
}

// SecretOf returns the secret of a token.
func SecretOf(t seatmap.Token) [16]byte { return port.ProofOf(t).Secret }
