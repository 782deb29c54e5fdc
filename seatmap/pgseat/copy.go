package pgseat

import (
	"context"
	"encoding/binary"
	"io"
	"sync"

	"github.com/jackc/pgx/v5"
)

// This file writes many rows at once, by COPY in its binary form. pgx can do so too, but takes several
// times as long as the server, because each value passes through an interface.

// copyHeader begins what COPY reads: a signature, no flags, and no extension.
const copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// The types of the elements of arrays.
const (
	typeBytea = 17
	typeInt8  = 20
)

// rows adds the next rows of a table, and reports whether there may be more.
type rows func(ctx context.Context, t *tuples) (more bool, err error)

// copyIn writes rows into a table, whose name and columns are given as in a statement. When it has
// returned, next is not called any more.
func copyIn(ctx context.Context, conn *pgx.Conn, table string, next rows) error {
	reading, cancel := context.WithCancel(ctx)
	from := &copyReader{ctx: reading, next: next, made: tuples(copyHeader), more: true}
	defer from.end() // pgx may read on when the connection has ended
	defer cancel()
	_, err := conn.PgConn().CopyFrom(ctx, from, "copy pgseat."+table+" from stdin (format binary)")
	return err
}

// copyReader reads rows.
type copyReader struct {
	ctx context.Context //nolint:containedctx // a Reader gets none

	mu   sync.Mutex
	next rows // nil at the end
	more bool
	made tuples
	at   int // how much of made is read
}

func (r *copyReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.at == len(r.made) {
		if !r.more || r.next == nil {
			return 0, io.EOF
		}
		r.made, r.at = r.made[:0], 0
		var err error
		if r.more, err = r.next(r.ctx, &r.made); err != nil {
			return 0, err
		}
		if !r.more {
			r.made = binary.BigEndian.AppendUint16(r.made, 0xffff) // the end
		}
	}
	n := copy(p, r.made[r.at:])
	r.at += n
	return n, nil
}

func (r *copyReader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = nil
}

// tuples are rows.
type tuples []byte

// row begins a row of so many columns.
func (t *tuples) row(columns int) *tuples {
	*t = binary.BigEndian.AppendUint16(*t, uint16(columns))
	return t
}

func (t *tuples) length(n int) *tuples {
	*t = binary.BigEndian.AppendUint32(*t, uint32(n))
	return t
}

func (t *tuples) int4(v uint32) *tuples {
	t.length(4)
	*t = binary.BigEndian.AppendUint32(*t, v)
	return t
}

func (t *tuples) int8(v int64) *tuples {
	t.length(8)
	*t = binary.BigEndian.AppendUint64(*t, uint64(v))
	return t
}

func (t *tuples) flag(v bool) {
	t.length(1)
	if *t = append(*t, 0); v {
		(*t)[len(*t)-1] = 1
	}
}

func (t *tuples) text(v string) *tuples {
	t.length(len(v))
	*t = append(*t, v...)
	return t
}

// seats adds a list of seats as pack does.
func (t *tuples) seats(list []uint32) *tuples {
	t.length(4 * len(list))
	for _, seat := range list {
		*t = binary.BigEndian.AppendUint32(*t, seat)
	}
	return t
}

// array adds an array of n elements without nulls, of that type, which the function add adds.
func (t *tuples) array(elements, n int, add func(i int)) {
	begin := len(*t)
	t.length(0)
	dimensions := 1
	if n == 0 {
		dimensions = 0
	}
	t.length(dimensions).length(0).length(elements)
	if n > 0 {
		t.length(n).length(1) // the first index
	}
	for i := range n {
		add(i)
	}
	binary.BigEndian.PutUint32((*t)[begin:], uint32(len(*t)-begin-4))
}

// copyPart is how many rows are written into memory before they are sent, about.
const copyPart = 1000

// each writes a row for each i below n, some at a time. The function row returns the next i.
func each(n int, row func(t *tuples, i int) (next int)) rows {
	at := 0
	return func(_ context.Context, t *tuples) (bool, error) {
		for end := at + copyPart; at < min(end, n); {
			at = row(t, at)
		}
		return at < n, nil
	}
}
