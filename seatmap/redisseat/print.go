package redisseat

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// print is what of a request is compared with that of another with the same key: the
// method and, for each field, its name and a hash.
type print struct{ text string }

func printOf(method string) print { return print{method} }

// add returns the print with another field.
func (p print) add(field, value string) print {
	sum := sha256.Sum256([]byte(value))
	return print{p.text + " " + field + "=" + base64.RawStdEncoding.EncodeToString(sum[:12])}
}

// differs returns in what p differs from the print of another request.
func (p print) differs(other string) (fields []string) {
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

// listOf returns a text that is another for each list.
func listOf(seats []string) string { return fmt.Sprintf("%#v", seats) }
