// Package eventstream interprets the lines of server-sent events, as the HTML
// standard defines them.
package eventstream

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Room is how many bytes a line of data has beside the data.
const Room = len("\ufeffdata: \n")

// Event is what stream.Event is.
type Event struct {
	ID    string
	Name  string
	Data  string
	Retry time.Duration
}

// A Parser interprets the lines of one body after the other.
type Parser struct {
	LastID   string        // of the last event, or of a block without data
	Retry    time.Duration // the reconnection time that was set last
	HasRetry bool

	started bool // a line of the body was seen
	cr      bool // the last line ended with "\r"
	id      string
	name    string
	data    strings.Builder
}

// Begin begins with a new body. What was read of an event is dropped, the last ID and
// the reconnection time stay.
func (p *Parser) Begin() {
	*p = Parser{LastID: p.LastID, Retry: p.Retry, HasRetry: p.HasRetry, id: p.LastID}
}

// Split cuts after "\n" and "\r", so that none waits for what follows: of "\r\n", the
// second half is a line too. What is not ended is dropped.
func Split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	switch i := bytes.IndexAny(data, "\r\n"); {
	case i >= 0:
		return i + 1, data[:i+1], nil
	case atEOF:
		return len(data), nil, nil
	default:
		return 0, nil, nil
	}
}

// Line takes a line with its end, and returns the event that it completes, if it does.
// fits is false for an event with more than maxBytes of data.
func (p *Parser) Line(line string, maxBytes int) (e Event, isEvent, fits bool) {
	if !p.started {
		line, p.started = strings.TrimPrefix(line, "\ufeff"), true
	}
	afterCR := p.cr
	p.cr = strings.HasSuffix(line, "\r")
	if afterCR && line == "\n" {
		return Event{}, false, true // the second half
	}
	line = line[:len(line)-1]
	if !utf8.ValidString(line) {
		line = string([]rune(line)) // with U+FFFD for what is not UTF-8
	}
	if line == "" {
		e, isEvent = p.dispatch()
		return e, isEvent, true
	}
	field, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "data":
		if p.data.Len()+len(value) > maxBytes {
			return Event{}, false, false
		}
		p.data.WriteString(value)
		p.data.WriteByte('\n')
	case "event":
		p.name = value
	case "id":
		if !strings.Contains(value, "\x00") {
			p.id = value
		}
	case "retry":
		if ms, err := strconv.ParseUint(value, 10, 32); err == nil && value[0] != '+' {
			p.Retry, p.HasRetry = time.Duration(ms)*time.Millisecond, true
		}
	}
	return Event{}, false, true
}

// dispatch ends a block.
func (p *Parser) dispatch() (Event, bool) {
	text, name := p.data.String(), p.name
	p.data.Reset()
	p.name = ""
	p.LastID = p.id
	if text == "" {
		return Event{}, false
	}
	if name == "" {
		name = "message"
	}
	return Event{ID: p.LastID, Name: name, Data: strings.TrimSuffix(text, "\n"), Retry: p.Retry}, true
}
