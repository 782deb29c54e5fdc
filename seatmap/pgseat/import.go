package pgseat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// Import creates an event from what [seatmap.Porter] has exported, as its Import does. One
// transaction writes all of it. It begins with the first holds and bookings that are read, and once
// all is read may take Options.Timeout for each 100,000 seats, holds, bookings and answers. Import needs
// memory for all that is read. Each client keeps the
// tokens of the export, about 32 bytes for each, as long as it knows the event.
//
// An export that has what this store lacks, such as areas, is refused with
// [seatmap.ErrInvalidExport] and [errors.ErrUnsupported]; the error says what. If
// the outcome is unknown, another Import says [seatmap.ErrExists] if the event is there.
// Import panics if from is nil.
//
//ferrous:blocks
func (s *Store) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	s.check(ctx, "Import")
	if from == nil {
		panic(errors.New("pgseat: Store.Import: the reader is nil"))
	}
	if _, err := s.form.Counts(ctx, seatmap.CountsRequest{Event: "x"}); !remote.Formed(err) {
		return seatmap.EventInfo{}, err
	}
	l := &loading{
		store: s, lapse: r.Lapse, life: newLife(),
		more: make(chan struct{}), read: make(chan struct{}), done: make(chan struct{}),
	}
	defer l.end(errors.New("pgseat: Import: reading panicked")) // else it has ended
	e, err := port.Read(ctx, from, func(e *port.Event, p *port.Part) error {
		lacking := remote.Lacking("pgseat", e.Beyond, has...)
		if lacking == nil { // else the error says at the end all that the store lacks
			if err := l.begin(ctx, e); err != nil {
				return err
			}
			return l.take(p)
		}
		return nil
	})
	if err == nil {
		err = remote.Lacking("pgseat", e.Beyond, has...)
	}
	if err == nil {
		err = l.begin(ctx, e)
	}
	if err == nil {
		err = l.complete(e)
	}
	l.end(err)
	switch {
	case err != nil:
		return seatmap.EventInfo{}, err
	case l.err != nil:
		return seatmap.EventInfo{}, l.err
	}
	return seatmap.EventInfo{
		Event: e.Name, Seats: e.Count, Limits: e.Limits.(seatmap.Limits), Revision: uint64(l.revision),
		Cursor: seatmap.NewCursor(uint64(l.life), uint64(l.revision)),
	}, nil
}

// has is what the store has beyond what each one has.
var has = []string{port.References, port.Payments, port.Sales, port.Quotas, port.Operators}

// loading is an import that is being made. One goroutine reads the export. Another one runs the
// transaction, which writes the rows of holds and bookings as they are read, and then the rest. It keeps
// what was read, to write it in another transaction if the first one fails. The name of the event is locked
// at the end, so a client that vanishes on the way keeps nothing locked.
type loading struct {
	store *Store
	lapse bool
	life  int64

	begun bool
	// Set before the transaction begins.
	name  string
	at    time.Time // of the export
	count int       // of seats

	// What is read. It does not change any more when the channel read is closed.
	event   *port.Event
	answers []keyed
	ends    []ending
	seats   []taken
	tokens  []port.Proof
	held    int // seats
	layout  []byte
	former  []byte

	mu     sync.Mutex
	parts  []*grants
	more   chan struct{} // closed, and replaced, when a part is there
	failed error         // of reading, set before read is closed
	read   chan struct{} // closed when all is read, or reading has failed
	err    error         // of the transaction, set before done is closed
	done   chan struct{} // closed when the transaction has ended
	ended  bool          // read is closed

	// The transaction sets these.
	id, now, from int64 // the time, and that from which holds have time left, microseconds
	revision      int64
}

// grants are holds and bookings, and the keys of their answers, or nothing.
type grants struct {
	list []port.Grant
	keys []string
}

// keyed is an answer.
type keyed struct {
	key string
	*answered
}

type answered struct {
	*port.Answer
	print  string
	number int // in the export
}

// taken is a row of a seat.
type taken struct {
	seat   uint32
	record int64
}

// ending is a hold, or an answer if it has a key, that ends by itself.
type ending struct {
	left int64 // microseconds
	hold int64
	key  string
}

// begin begins the transaction, unless it has begun.
func (l *loading) begin(ctx context.Context, e *port.Event) error {
	if l.begun {
		return nil
	}
	if max(e.Fence, e.Revision) >= 1<<62 {
		return fmt.Errorf("%w: a number is too large", seatmap.ErrInvalidExport)
	}
	l.begun, l.name, l.at, l.count = true, e.Name, e.At, e.Count
	go func() {
		defer close(l.done)
		_, l.err = l.store.name(ctx, l.name, "", remote.Print{}, l, l.create)
	}()
	return nil
}

// take takes a part that was read.
func (l *loading) take(p *port.Part) error {
	g := &grants{p.Grants, make([]string, len(p.Grants))}
	for i := range p.Answers {
		a := &p.Answers[i]
		key := l.store.hashOf(seatmap.NewKey(a.Key), l.name, lifeText(uint64(l.life)), a.User)
		l.answers = append(l.answers, keyed{key, &answered{a, remote.PrintFrom(a.Print).Text(), len(l.answers)}})
		if a.Of >= 0 {
			g.keys[a.Of] = key
		} else {
			l.ends = append(l.ends, ending{left: remote.Microseconds(a.Left), key: key})
		}
		if a.Fence != 0 {
			l.tokens = append(l.tokens, a.Proof)
		}
	}
	for i := range g.list {
		one := &g.list[i]
		for _, seat := range one.Seats {
			l.seats = append(l.seats, taken{seat, int64(one.Fence)})
		}
		if !one.Booked {
			l.held += len(one.Seats)
		}
		if !one.Booked && !one.Endless {
			l.ends = append(l.ends, ending{left: remote.Microseconds(one.Left), hold: int64(one.Fence)})
		}
		l.tokens = append(l.tokens, one.Proof)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts = append(l.parts, g)
	close(l.more)
	l.more = make(chan struct{})
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// complete takes what is known when all was read, and orders the rows by the primary keys of
// their tables, in which they are cheap to write.
func (l *loading) complete(e *port.Event) (err error) {
	l.event = e
	if l.layout, err = json.Marshal(e.Layout); err != nil {
		return fmt.Errorf("pgseat: Import: %w", err)
	}
	l.former = l.store.seal(e.Name, newFormer(e.Keys, l.tokens))
	for _, seat := range e.Closed {
		l.seats = append(l.seats, taken{seat, notForSale})
	}
	slices.SortFunc(l.seats, func(a, b taken) int { return cmp.Compare(a.seat, b.seat) })
	slices.SortFunc(l.ends, func(a, b ending) int { return cmp.Compare(a.left, b.left) })
	slices.SortFunc(l.answers, func(a, b keyed) int { // a stable one takes three times as long
		if order := strings.Compare(a.key, b.key); order != 0 {
			return order
		}
		return cmp.Compare(a.number, b.number)
	})
	return nil
}

// end says that all was read, or that reading has failed, and waits for the transaction.
func (l *loading) end(failed error) {
	if !l.ended {
		l.ended, l.failed = true, failed
		close(l.read)
	}
	if l.begun {
		<-l.done
	}
}

// part returns a part, once it was read. It is nil after the last one.
func (l *loading) part(ctx context.Context, i int) (*grants, error) {
	for {
		l.mu.Lock()
		have, more := l.parts, l.more
		l.mu.Unlock()
		if i < len(have) {
			return have[i], nil
		}
		select {
		case <-l.read:
			if l.failed != nil || i >= len(l.parts) {
				return nil, l.failed
			}
		case <-more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// within returns a context for an attempt that may take so long, but for the time that it waits
// for what is read. A nil loading reads nothing.
func (l *loading) within(ctx context.Context, one time.Duration) (context.Context, context.CancelFunc) {
	if l == nil {
		return context.WithTimeout(ctx, one)
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-l.read:
		case <-ctx.Done():
			return
		}
		n := int64(1 + (l.count+len(l.tokens))/100_000)
		after := time.NewTimer(time.Duration(min(int64(one), math.MaxInt64/n) * n))
		defer after.Stop()
		select {
		case <-after.C:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// write writes the rows. The batch begins the transaction. An error that is not of the server comes as
// refused.
func (l *loading) write(ctx context.Context, conn *pgx.Conn, b *pgx.Batch) (refused, err error) {
	exists := false
	b.Queue("select nextval(pg_get_serial_sequence('pgseat.event', 'id')), "+epoch+", exists (select from pgseat.event where name = $1)", []byte(l.name)).
		QueryRow(func(row pgx.Row) error { return row.Scan(&l.id, &l.now, &exists) })
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	if exists {
		return l.exists(), nil
	}
	if l.from = l.now; l.lapse {
		l.from = min(l.now, l.at.UnixMicro())
	}
	for _, table := range []struct {
		columns string
		rows    func() rows // called when all is read, but the first one
	}{
		{"record (event, id, fence, owner, seats, at, until, key, reference, more)", l.records},
		{"answer (event, key, print, record, fence, owner, seats, at, until, paying)", l.keyed},
		{"seat (event, seat, record)", l.taken},
		{"sale (event, seat, closed, actor, reason, quota)", l.sales},
		{"due (event, at, revision, holds, keys)", l.dues},
		{"layout (event, layout, former)", func() rows {
			return each(1, func(t *tuples, i int) int {
				t.row(3).int8(l.id).text(string(l.layout)).text(string(l.former))
				return i + 1
			})
		}},
	} {
		if err := copyIn(ctx, conn, table.columns, table.rows()); err != nil {
			return l.unread(), err
		}
	}
	return nil, nil
}

// deadline returns when the time that something has left will be over.
func (l *loading) deadline(left int64) int64 { return max(l.from+left, 1) }

// records writes the rows of holds and bookings, while others are read. Once it ends, all is read.
func (l *loading) records() rows {
	at := 0
	return func(ctx context.Context, t *tuples) (bool, error) {
		part, err := l.part(ctx, at)
		if part == nil {
			return false, err
		}
		at++
		for i := range part.list {
			g, until := &part.list[i], int64(0)
			switch {
			case g.Endless:
				until = endless
			case !g.Booked:
				until = l.deadline(remote.Microseconds(g.Left))
			}
			t.row(10).int8(l.id).int8(int64(g.Fence)).int8(int64(g.Fence)).text(g.User).seats(g.Seats)
			t.int8(g.At.UnixMicro()).int8(until).text(part.keys[i]).text(g.Reference).text(l.moreOf(g))
		}
		return true, nil
	}
}

// moreOf returns what few records have.
func (l *loading) moreOf(g *port.Grant) string {
	r := record{by: doing{g.Actor, g.Reason}}
	if p := g.Payment; p != nil {
		r.pay = payment{own: endless, began: l.from + remote.Microseconds(p.Began), until: l.deadline(remote.Microseconds(p.Left))}
		if !g.Endless {
			r.pay.own = l.deadline(remote.Microseconds(p.Own))
		}
	}
	return string(r.packMore())
}

// keyed writes the rows of the answers that are remembered still.
func (l *loading) keyed() rows {
	return each(len(l.answers), func(t *tuples, i int) int {
		a := &l.answers[i]
		over := a.Of < 0 && l.deadline(remote.Microseconds(a.Left)) <= l.now
		if over || i+1 < len(l.answers) && l.answers[i+1].key == a.key { // the last one counts
			return i + 1
		}
		t.row(10).int8(l.id).text(a.key).text(a.print)
		if a.Fence == 0 {
			t.int8(0).int8(0).text("").seats(nil).int8(0).int8(0).flag(false)
			return i + 1
		}
		until := int64(0)
		if a.Holds {
			until = l.deadline(remote.Microseconds(a.Until))
		}
		t.int8(int64(a.Fence)).int8(int64(a.Fence)).text(a.Owner).seats(a.Seats).int8(a.At.UnixMicro()).int8(until).flag(a.Paying)
		return i + 1
	})
}

// taken writes the rows of the seats that are taken or closed.
func (l *loading) taken() rows {
	return each(len(l.seats), func(t *tuples, i int) int {
		t.row(3).int8(l.id).int4(l.seats[i].seat).int8(l.seats[i].record)
		return i + 1
	})
}

// sales writes the rows of the seats that are not for sale to all, or would not be.
func (l *loading) sales() rows {
	return each(len(l.event.Sales), func(t *tuples, i int) int {
		one := &l.event.Sales[i]
		t.row(6).int8(l.id).int4(one.Seat).flag(one.Closed)
		t.text(one.Actor).text(one.Reason).text(one.Quota)
		return i + 1
	})
}

// dues writes the rows of what ends and when.
func (l *loading) dues() rows {
	return each(len(l.ends), func(t *tuples, i int) int {
		at := l.deadline(l.ends[i].left)
		var holds []int64
		var keys []string
		for ; i < len(l.ends) && l.deadline(l.ends[i].left) == at; i++ {
			switch one := &l.ends[i]; {
			case one.key == "":
				holds = append(holds, one.hold)
			case at > l.now:
				keys = append(keys, one.key)
			}
		}
		if len(holds)+len(keys) > 0 {
			t.row(5).int8(l.id).int8(at).int8(0)
			t.array(typeInt8, len(holds), func(i int) { t.int8(holds[i]) })
			t.array(typeBytea, len(keys), func(i int) { t.text(keys[i]) })
		}
		return i
	})
}

// unread returns the error of reading, if it has failed.
func (l *loading) unread() error {
	select {
	case <-l.read:
		return l.failed
	default:
		return nil
	}
}

// create decides about the name, and adds the row of the event.
func (l *loading) create(n *naming, b *pgx.Batch) error {
	e, s := l.event, l.store
	if n.known {
		return l.exists()
	}
	key := ""
	if e.CreateKey != "" {
		key = s.hashOf(seatmap.NewKey(e.CreateKey), e.Name)
	}
	limits := e.Limits.(seatmap.Limits)
	l.revision = max(n.now, n.revision+1, int64(e.Fence), int64(e.Revision))
	b.Queue(`insert into pgseat.event
			(id, name, life, seats, free, held, closed, marked, max_seats, max_holds, lifetime, payment, ring, revision, key) overriding system value
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		l.id, []byte(e.Name), l.life, e.Count, e.Count-len(l.seats), l.held, len(e.Closed), len(e.Sales), limits.Seats, limits.Holds,
		remote.Microseconds(limits.Lifetime), remote.Microseconds(limits.Payment), s.options.Ring, l.revision, []byte(key))
	answerTo(b, key, remote.PrintFrom(e.Create), 0)
	return nil
}

func (l *loading) exists() error { return fmt.Errorf("%w: %q", seatmap.ErrExists, l.name) }
