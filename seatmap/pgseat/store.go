package pgseat

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// Options configures a [Store].
type Options struct {
	// Pool says how to reach the server; see [pgxpool.ParseConfig]. Open changes how
	// statements are sent: none is prepared, so that the server can be reached through a
	// PgBouncer that gives each transaction another connection.
	Pool *pgxpool.Config
	// Retry says when a call is tried again that the store did not carry out, or that has a
	// key and may have been carried out. Watches go on, too. Nil means that each call is
	// tried once, and that a watch ends with [seatmap.ErrUnavailable]. If a call is carried
	// out at the first attempt and its answer is lost, the next attempt says that it was
	// replayed.
	Retry *retry.Policy
	// Timeout is how long one attempt to reach the server and get an answer may take. Zero
	// means 10 s.
	Timeout time.Duration
	// Ring is how many changes of each new event are kept for its watchers, about. Zero
	// means 1,024, and 1,048,576 is the most.
	Ring int
	// Poll is how often a watch asks for changes that other clients have made. Zero means
	// 100 ms. It sees the changes of its own client at once. While Listen is connected, a
	// watch asks 50 times less often, in case a notification was lost.
	Poll time.Duration
	// Listen says how to reach the server for notifications of changes; see
	// [pgx.ParseConfig]. Give it to all clients, or to none: a client with it notifies the
	// others after each commit, and listens from its first watch on. The connection must
	// not go through a PgBouncer in transaction mode. Nil means that watches only poll.
	Listen *pgx.ConnConfig
	// SweepEvery is how often this client ends the holds that are due, of all events, and
	// deletes what is no longer needed. Each call ends those of its event before it is decided, so
	// that only watchers and the size of the database depend on it. Zero means one second, less
	// than zero never: then call [Store.Sweep].
	SweepEvery time.Duration
}

// maxRing is the largest Ring.
const maxRing = 1 << 20

// Store is a client of the store. It must be made by [Open], is safe for concurrent use,
// and reconnects by itself.
type Store struct {
	self    *Store // the Store itself, so that a copy is noticed
	pool    *pgxpool.Pool
	options Options
	mac     *remote.MAC
	// form is a map without events. It checks the form of each request: if that is right,
	// the event is unknown.
	form *seatmap.Map
	// ended ends when Close is called.
	ended context.Context
	end   context.CancelFunc
	work  sync.WaitGroup // the queues and the sweeper

	shapes remote.Shapes[*shape]

	mu     sync.Mutex
	closed bool
	queues map[int64]*queue // by the id of their event, while requests wait or are on their way
	ready  []int64          // the events whose requests wait, and none is on its way
	lanes  int              // how many serve them
	news   map[string]*news // by event that is watched
	newsOf map[int64]*news  // by the id of the event, as far as its watches know it

	listener  bool               // it runs
	listening bool               // it is connected
	unsaid    map[int64]struct{} // events that have changed since the last notification
	notifying bool               // a goroutine sends notifications
}

var (
	_ seatmap.Store      = (*Store)(nil)
	_ seatmap.Sweeper    = (*Store)(nil)
	_ seatmap.Lister     = (*Store)(nil)
	_ seatmap.Payer      = (*Store)(nil)
	_ seatmap.SeatCloser = (*Store)(nil)
	_ seatmap.Operator   = (*Store)(nil)
)

// Open connects to the server and brings its tables to the version of this package. The
// error wraps [seatmap.ErrUnavailable] if it cannot be reached, and [ErrSchema] if its
// tables are of a newer version. Open panics if an option is out of range or the context is
// nil.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func Open(ctx context.Context, o Options) (*Store, error) {
	switch {
	case ctx == nil:
		panic(errors.New("pgseat: Open: the context is nil"))
	case o.Pool == nil:
		panic(errors.New("pgseat: Open: Pool is nil"))
	case o.Timeout < 0:
		panic(fmt.Errorf("pgseat: Open: Timeout is %v, which is negative", o.Timeout))
	case o.Ring < 0 || o.Ring > maxRing:
		panic(fmt.Errorf("pgseat: Open: Ring is %d, not 0 to %d", o.Ring, maxRing))
	case o.Poll < 0:
		panic(fmt.Errorf("pgseat: Open: Poll is %v, which is negative", o.Poll))
	case ctx.Err() != nil:
		return nil, fmt.Errorf("pgseat: Open: %w", remote.Ended(ctx))
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Ring == 0 {
		o.Ring = 1024
	}
	if o.Poll == 0 {
		o.Poll = 100 * time.Millisecond
	}
	if o.SweepEvery == 0 {
		o.SweepEvery = time.Second
	}
	if o.Listen != nil {
		o.Listen = o.Listen.Copy()
	}
	o.Pool = o.Pool.Copy()
	o.Pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	o.Pool.ConnConfig.OnNotice = noticeLocal(o.Pool.ConnConfig.OnNotice)
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), o.Pool)
	if err != nil {
		return nil, fmt.Errorf("pgseat: Open: %w: %w", seatmap.ErrUnavailable, err)
	}
	s := &Store{
		pool: pool, options: o, form: seatmap.NewMap(seatmap.MapOptions{Manual: true}),
		unsaid: map[int64]struct{}{}, queues: map[int64]*queue{}, news: map[string]*news{}, newsOf: map[int64]*news{},
	}
	s.self = s
	s.ended, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.prepare(ctx); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("pgseat: Open: %w", err)
	}
	if o.SweepEvery > 0 {
		s.work.Go(s.sweepOn)
	}
	return s, nil
}

// prepare makes the tables and reads the secret.
func (s *Store) prepare(caller context.Context) error {
	ctx, cancel := context.WithTimeout(caller, s.options.Timeout)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err == nil {
		defer conn.Release()
		var secret []byte
		secret, err = migrate(ctx, conn.Conn(), s.options.Timeout)
		s.mac = remote.NewMAC(secret)
	}
	switch {
	case err == nil:
		return nil
	case caller.Err() != nil:
		return remote.Ended(caller)
	}
	return failure(err, false)
}

// Close implements [seatmap.Store]. It waits for what has been sent to the server, for
// Options.Timeout at most, and for up to 15 s more for connections that do not answer.
//
//ferrous:release
//ferrous:idempotent
func (s *Store) Close() error {
	s.mustBeMade("Close")
	err := s.form.Close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.work.Wait()
	s.shapes.Close()
	s.pool.Close()
	return err
}

// check panics if a method is called with a nil context or a Store that Open did not make.
func (s *Store) check(ctx context.Context, method string) {
	s.mustBeMade(method)
	if ctx == nil {
		panic(fmt.Errorf("pgseat: Store.%s: the context is nil", method))
	}
}

func (s *Store) mustBeMade(method string) {
	switch s.self {
	case s:
	case nil:
		panic(fmt.Errorf("pgseat: Store.%s: not made by Open", method))
	default:
		panic(fmt.Errorf("pgseat: Store.%s: a copy", method))
	}
}

// hashOf returns what the database knows of a key; empty for none. The text of the key
// does not reach the server, and cannot be guessed from the hash.
func (s *Store) hashOf(key seatmap.Key, scope ...string) string {
	if key.IsZero() {
		return ""
	}
	return string(s.mac.Sum(remote.Joined(append(scope, key.Reveal())...))[:16])
}

// The secret of a token is a proof of 10 bytes, and 6 bytes that say how much higher the fence
// is than the id of its record. So a record is found without an index of fences, and a token
// that was never given out is known, whether or not its record has ended.
const distance = 48 // bits

// fits reports whether a record can have a token of that fence.
func fits(id, fence int64) bool { return (fence-id)>>distance == 0 }

// token returns the token of a record.
func (s *Store) token(event string, id, fence int64) seatmap.Token {
	numbers := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(id)), uint64(fence))
	secret := [16]byte(s.mac.Sum(append(numbers, event...)))
	up := binary.BigEndian.AppendUint64(nil, uint64(fence-id))
	copy(secret[10:], up[2:])
	return seatmap.NewToken(event, uint64(fence), secret)
}

// recordOf returns the id of the record of a token, or 0 if this store has not made the token.
func (s *Store) recordOf(t seatmap.Token) int64 {
	secret := remote.SecretOf(t)
	up := binary.BigEndian.Uint64(secret[8:]) & (1<<distance - 1)
	id := int64(t.Fence - up)
	if t != s.token(t.Event, id, int64(t.Fence)) {
		return 0
	}
	return id
}

// request has a request decided, again if its shape was that of a former life.
func (s *Store) request(ctx context.Context, key seatmap.Key, a ask, part func(q *request, sh *shape) error) (*request, error) {
	return remote.Repeat(ctx, s.options.Retry, !key.IsZero(), func(ctx context.Context) (*request, error) {
		for {
			sh, err := s.shape(ctx, a.event)
			if err != nil {
				return nil, err
			}
			q := &request{ask: a, shape: sh, key: s.hashOf(key, a.event, lifeText(sh.Life), cmp.Or(a.by.actor, a.user))}
			q.wrong = part(q, sh)
			err = s.submit(ctx, q)
			if !errors.Is(err, errLife) {
				return q, err
			}
			s.shapes.Forget(a.event, sh)
		}
	})
}

// hold returns the hold of an answer.
func (s *Store) hold(q *request) seatmap.Hold {
	return seatmap.Hold{
		Token: s.tokenOf(q.shape, q.event, q.got.id, q.got.fence), User: q.got.owner, Seats: q.shape.LabelsOf(q.got.seats),
		At: remote.Moment(q.got.at), Until: deadline(q.got.until), Left: left(q.got.until, q.now),
		Paying: q.paying, Replayed: q.replayed,
	}
}

// Block implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	s.check(ctx, "Block")
	if _, err := s.form.Block(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	a := ask{
		decide: (*state).block, event: r.Event, user: r.User, ttl: remote.Microseconds(r.TTL), listTaken: r.ListTaken,
		quotas: r.Quotas, reference: r.Reference, print: remote.PrintOf(r),
	}
	q, err := s.request(ctx, r.Key, a, func(q *request, sh *shape) (err error) {
		q.seats, err = sh.Indices(r.Seats, r.Places)
		return err
	})
	if err != nil {
		return seatmap.Hold{}, err
	}
	return s.hold(q), nil
}

// BlockAny implements [seatmap.Store]. It reads which seats of the event are taken, all of them,
// while the event is locked.
//
//ferrous:blocks
func (s *Store) BlockAny(ctx context.Context, r seatmap.BlockAnyRequest) (seatmap.Hold, error) {
	s.check(ctx, "BlockAny")
	if _, err := s.form.BlockAny(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	a := ask{
		decide: (*state).blockAny, event: r.Event, user: r.User, ttl: remote.Microseconds(r.TTL), any: &r,
		quotas: r.Where.Quotas, reference: r.Reference, print: remote.PrintOf(r),
	}
	q, err := s.request(ctx, r.Key, a, func(*request, *shape) error { return nil })
	if err != nil {
		return seatmap.Hold{}, err
	}
	return s.hold(q), nil
}

// owned has a request with a token decided, about all of its hold or booking or a part.
func (s *Store) owned(ctx context.Context, t seatmap.Token, key seatmap.Key, seats []string, places map[string]int, a ask) (*request, error) {
	a.event, a.token, a.record, a.part = t.Event, t, s.recordOf(t), seats != nil
	return s.request(ctx, key, a, func(q *request, sh *shape) (err error) {
		if q.record == 0 {
			q.record = sh.former.recordOf(t)
		}
		q.seats, err = sh.Indices(seats, places)
		return err
	})
}

// Book implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Book(ctx context.Context, r seatmap.BookRequest) (seatmap.Booking, error) {
	s.check(ctx, "Book")
	if _, err := s.form.Book(ctx, r); !remote.Formed(err) {
		return seatmap.Booking{}, err
	}
	q, err := s.owned(ctx, r.Token, r.Key, r.Seats, r.Places, ask{
		decide: (*state).book, user: r.User, reference: r.Reference, print: remote.PrintOf(r),
	})
	if err != nil {
		return seatmap.Booking{}, err
	}
	h := s.hold(q)
	return seatmap.Booking{Token: h.Token, User: h.User, Seats: h.Seats, At: h.At, Replayed: h.Replayed}, nil
}

// Release implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Release")
	if _, err := s.form.Release(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	return receipt(s.owned(ctx, r.Token, r.Key, r.Seats, r.Places, ask{decide: (*state).release, user: r.User, print: remote.PrintOf(r)}))
}

// Cancel implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Cancel(ctx context.Context, r seatmap.CancelRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Cancel")
	if _, err := s.form.Cancel(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	return receipt(s.owned(ctx, r.Token, r.Key, r.Seats, r.Places, ask{decide: (*state).cancel, user: r.User, print: remote.PrintOf(r)}))
}

func receipt(q *request, err error) (seatmap.Receipt, error) {
	if err != nil {
		return seatmap.Receipt{}, err
	}
	return seatmap.Receipt{Replayed: q.replayed}, nil
}

// Extend implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Extend(ctx context.Context, r seatmap.ExtendRequest) (seatmap.Hold, error) {
	s.check(ctx, "Extend")
	if _, err := s.form.Extend(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	q, err := s.owned(ctx, r.Token, r.Key, nil, nil, ask{
		decide: (*state).extend, user: r.User, ttl: remote.Microseconds(r.TTL), print: remote.PrintOf(r),
	})
	if err != nil {
		return seatmap.Hold{}, err
	}
	return s.hold(q), nil
}

// String returns the name of the database.
func (s *Store) String() string {
	if s.self != s {
		return "pgseat.Store(not made by Open)"
	}
	c := s.options.Pool.ConnConfig
	return fmt.Sprintf("pgseat.Store(%s:%d/%s)", c.Host, c.Port, c.Database)
}

// Format prints [Store.String], whatever the verb, so that no secret is printed.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is [Store.String].
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }
