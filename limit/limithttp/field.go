package limithttp

import (
	"strconv"
	"strings"
	"time"
)

// A quota is what a RateLimit field says: how much is left, and for how long.
type quota struct {
	left   int64
	window time.Duration
}

// parseRateLimit reads RateLimit fields, and returns the member of which least is left;
// of several, the one that lasts longest. A field that is no List of RFC 9651 is ignored
// as a whole, and so is a member without r and t.
func parseRateLimit(fields []string) (least quota, ok bool) {
	p := parser{strings.Join(fields, ",")}
	p.space()
	for p.s != "" {
		q, has, good := p.member()
		if !good {
			return quota{}, false
		}
		if has && (!ok || q.left < least.left || q.left == least.left && q.window > least.window) {
			least, ok = q, true
		}
		p.space()
		if p.s == "" {
			break
		}
		if !p.eat(',') {
			return quota{}, false
		}
		if p.space(); p.s == "" { // a comma at the end
			return quota{}, false
		}
	}
	return least, ok
}

// A parser has what it has not read yet.
type parser struct{ s string }

// space skips optional white space.
func (p *parser) space() { p.s = strings.TrimLeft(p.s, " \t") }

// eat skips the character if it comes next.
func (p *parser) eat(c byte) bool {
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

// member reads an Item with its parameters. has is set if it has r and t.
func (p *parser) member() (q quota, has, ok bool) {
	if _, ok := p.item(); !ok {
		return q, false, false
	}
	var left, window int64 = -1, -1
	for p.eat(';') {
		p.s = strings.TrimLeft(p.s, " ")
		key := p.take(isKey)
		if key == "" || key[0] != '*' && (key[0] < 'a' || key[0] > 'z') {
			return q, false, false
		}
		value := int64(-1) // no Integer
		if p.eat('=') {
			if value, ok = p.item(); !ok {
				return q, false, false
			}
		}
		switch key { // the last one of a name counts
		case "r":
			left = value
		case "t":
			window = value
		}
	}
	window = min(window, int64(most/time.Second))
	return quota{left, time.Duration(window) * time.Second}, left >= 0 && window >= 0, true
}

// take reads the characters of a kind.
func (p *parser) take(kind func(c byte) bool) string {
	n := 0
	for n < len(p.s) && kind(p.s[n]) {
		n++
	}
	taken := p.s[:n]
	p.s = p.s[n:]
	return taken
}

// item reads a bare Item. The value is that of an Integer that is not negative, and
// otherwise -1.
func (p *parser) item() (value int64, ok bool) {
	if p.s == "" {
		return -1, false
	}
	switch c := p.s[0]; {
	case c == '"':
		return -1, p.text()
	case c == '-' || isDigit(c):
		return p.number()
	case c == ':':
		encoded, rest, ok := strings.Cut(p.s[1:], ":")
		if !ok || strings.TrimFunc(encoded, isBase64) != "" {
			return -1, false
		}
		p.s = rest
		return -1, true
	case c == '?':
		ok = len(p.s) > 1 && (p.s[1] == '0' || p.s[1] == '1')
		p.s = p.s[min(2, len(p.s)):]
		return -1, ok
	case c == '*' || isLetter(c):
		p.take(isToken)
		return -1, true
	}
	return -1, false
}

// text reads a String.
func (p *parser) text() bool {
	for i := 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.s = p.s[i+1:]
			return true
		case c == '\\':
			if i++; i == len(p.s) || p.s[i] != '"' && p.s[i] != '\\' {
				return false
			}
		case c < ' ' || c > '~':
			return false
		}
	}
	return false
}

// number reads an Integer or a Decimal.
func (p *parser) number() (value int64, ok bool) {
	negative := p.eat('-')
	digits := p.take(isDigit)
	if digits == "" || len(digits) > 15 {
		return -1, false
	}
	if p.eat('.') {
		fraction := p.take(isDigit)
		return -1, len(digits) <= 12 && fraction != "" && len(fraction) <= 3
	}
	value, err := strconv.ParseInt(digits, 10, 64)
	if negative && value > 0 {
		value = -1
	}
	return value, err == nil
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isKey(c byte) bool {
	return 'a' <= c && c <= 'z' || isDigit(c) || strings.IndexByte("_-.*", c) >= 0
}

func isToken(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("!#$%&'*+-.^_`|~:/", c) >= 0
}

func isBase64(c rune) bool {
	return c < 0x80 && (isLetter(byte(c)) || isDigit(byte(c)) || strings.ContainsRune("+/=", c))
}
