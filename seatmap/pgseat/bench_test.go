package pgseat_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
)

// BenchmarkBookings holds and books one seat by each pair of calls, both with a key, in one
// event. Server and callers share the machine, and each commit is on disk. With one caller
// nothing is collected.
func BenchmarkBookings(b *testing.B) {
	for _, callers := range []int{256, 1} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			bookings(b, startServer(b, "-c", "fsync=on"), 1, callers)
		})
	}
}

// manyEvents is how many events BenchmarkManyEvents has.
const manyEvents = 64

// BenchmarkManyEvents does the same in random events. Beside it pgbench has the server do the
// work on the rows by itself, by one prepared statement a call, with as many clients.
func BenchmarkManyEvents(b *testing.B) {
	const callers = 32
	b.Run("impl=ours", func(b *testing.B) {
		bookings(b, startServer(b, "-c", "fsync=on"), manyEvents, callers)
	})
	b.Run("impl=pgbench", func(b *testing.B) {
		s := startServer(b, "-c", "fsync=on")
		store := open(b, quiet(s.options()))
		for i := range manyEvents {
			_, err := store.Create(b.Context(), seatmap.CreateRequest{Event: eventName(i), Layout: seatmap.Layout{Count: 1}})
			require.NoError(b, err)
		}
		require.NoError(b, store.Close())
		s.exec(sameWork)
		dir := s.folder()
		defer func() { require.NoError(b, os.RemoveAll(dir)) }()
		script := filepath.Join(dir, "script")
		require.NoError(b, os.WriteFile(script, []byte(pairScript), 0o644))
		each := max(b.N/callers, 50) // fewer would measure how it connects
		c := s.command("pgbench", "-n", "-M", "prepared", "-c", strconv.Itoa(callers), "-j", "2", "-t", strconv.Itoa(each),
			"-f", script, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", "seats", "postgres")
		before := s.processorTime()
		b.ResetTimer()
		out, err := c.CombinedOutput()
		b.StopTimer()
		require.NoError(b, err, "%s", out)
		tps := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
		require.NotNil(b, tps, "%s", out)
		rate, err := strconv.ParseFloat(string(tps[1]), 64)
		require.NoError(b, err)
		b.ReportMetric(rate, "bookings/s")
		s.reportTime(b, s.processorTime()-before, c.ProcessState.UserTime()+c.ProcessState.SystemTime(), each*callers)
	})
}

// reportTime reports the processor time of a booking: of the server, and with the clients. It
// does not depend on what else the machine does.
func (s *server) reportTime(b *testing.B, server, clients time.Duration, bookings int) {
	b.Helper()
	if server > 0 {
		b.ReportMetric(float64(server.Microseconds())/float64(bookings), "server-cpu-µs/booking")
		b.ReportMetric(float64((server+clients).Microseconds())/float64(bookings), "cpu-µs/booking")
	}
}

// processorTime returns the processor time of the server's processes, or 0 where it is not
// known.
func (s *server) processorTime() time.Duration {
	const hertz = 100 // the unit of these files, USER_HZ
	stat := func(pid string) (fields []string) {
		text, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return nil
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the name of the program may have spaces
		return strings.Fields(rest)
	}
	parent, ticks := strconv.Itoa(s.process.Process.Pid), 0
	add := func(fields ...string) {
		for _, f := range fields {
			n, _ := strconv.Atoi(f)
			ticks += n
		}
	}
	dirs, _ := os.ReadDir("/proc")
	for _, dir := range dirs {
		switch f := stat(dir.Name()); {
		case len(f) < 15:
		case dir.Name() == parent:
			add(f[11:15]...) // with its children that have ended
		case f[1] == parent:
			add(f[11:13]...)
		}
	}
	return time.Duration(ticks) * time.Second / hertz
}

func eventName(i int) string { return fmt.Sprint("event", i) }

// bookings holds and books b.N seats of random events.
func bookings(b *testing.B, s *server, events, callers int) {
	b.Helper()
	store := open(b, quiet(s.options()))
	defer func() { require.NoError(b, store.Close()) }()
	for i := range events {
		_, err := store.Create(b.Context(), seatmap.CreateRequest{
			Event: eventName(i), Layout: seatmap.Layout{Count: 2*b.N/events + 1000},
		})
		require.NoError(b, err)
		_, err = store.Counts(b.Context(), seatmap.CountsRequest{Event: eventName(i)})
		require.NoError(b, err)
	}
	seats := make([]atomic.Int64, events)
	var next atomic.Int64
	var all sync.WaitGroup
	before, own := s.processorTime(), testkit.ProcessorTime()
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) {
				event := rand.IntN(events)
				if err := bookSeat(b.Context(), store, eventName(event), strconv.FormatInt(seats[event].Add(1), 10)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bookings/s")
	s.reportTime(b, s.processorTime()-before, testkit.ProcessorTime()-own, b.N)
}

func bookSeat(ctx context.Context, store seatmap.Store, event, seat string) error {
	user := "user" + seat
	h, err := store.Block(ctx, seatmap.BlockRequest{
		Event: event, User: user, Key: seatmap.NewKey("hold" + seat), Seats: []string{seat}, TTL: time.Hour,
	})
	if err == nil {
		_, err = store.Book(ctx, seatmap.BookRequest{Token: h.Token, User: user, Key: seatmap.NewKey("book" + seat)})
	}
	return err
}

// pairScript is a hold and its booking, for pgbench.
const pairScript = `\set event random(1, 64)
select f as fence from same.hold(:event) as f \gset
select same.book(:event, :fence);
`

// sameWork makes functions that do for one hold, and for one booking, what the store does with
// rows: the same rows are locked, looked for, written and deleted.
const sameWork = `
create schema same;
create sequence same.seat cache 1000;
create function same.now() returns bigint language sql volatile as
	$$ select (extract(epoch from clock_timestamp()) * 1000000)::bigint $$;
create function same.hold(e bigint) returns bigint language plpgsql as $$
declare
	ev pgseat.event;
	n int := nextval('same.seat');
	who bytea := convert_to('user' || n, 'UTF8');
	k bytea := substr(sha256(convert_to('hold' || n, 'UTF8')), 1, 16);
	now bigint;
	f bigint;
begin
	select * into ev from pgseat.event where id = e for update;
	now := same.now();
	perform from pgseat.due where event = e and at <= now order by at, revision limit 256;
	perform from pgseat.answer where event = e and key = k;
	if found then raise 'the key is used'; end if;
	perform from pgseat.seat where event = e and seat = n;
	if found then raise 'taken'; end if;
	f := greatest(ev.revision + 1, now);
	insert into pgseat.seat values (e, n, f);
	insert into pgseat.record values (e, f, f, who, int4send(n), now, now + 3600000000, k, '', '');
	insert into pgseat.answer values (e, k, 'Block Seats=0123456789abcdef TTL=0123456789abcdef', f, f, who, int4send(n), now, now + 3600000000, false);
	insert into pgseat.due values (e, now + 3600000000, f, array[f], '{}');
	insert into pgseat.change values (e, f, ev.changes + 1, decode(repeat('00', 50), 'hex'));
	update pgseat.event set free = free - 1, held = held + 1, revision = f, changes = changes + 1 where id = e;
	return f;
end $$;
create function same.book(e bigint, hold bigint) returns bigint language plpgsql as $$
declare
	ev pgseat.event;
	r pgseat.record;
	k bytea := substr(sha256(convert_to('book' || e || ' ' || hold, 'UTF8')), 1, 16);
	now bigint;
	f bigint;
begin
	select * into ev from pgseat.event where id = e for update;
	now := same.now();
	perform from pgseat.due where event = e and at <= now order by at, revision limit 256;
	select * into r from pgseat.record where event = e and id = hold;
	if not found then raise 'no hold'; end if;
	perform from pgseat.answer where event = e and key = k;
	if found then raise 'the key is used'; end if;
	f := greatest(ev.revision + 1, now);
	update pgseat.record set fence = f, at = now, until = 0, key = k where event = e and id = hold;
	insert into pgseat.answer values (e, k, 'Book Seats=0123456789abcdef TTL=0123456789abcdef Token=0123456789abcdef', hold, f, r.owner, r.seats, now, 0, false);
	insert into pgseat.due values (e, now + 600000000, f, '{}', array[r.key]);
	insert into pgseat.change values (e, f, ev.changes + 1, decode(repeat('00', 50), 'hex'));
	update pgseat.event set held = held - 1, revision = f, changes = changes + 1 where id = e;
	if (ev.changes + 1) % 256 = 0 then
		delete from pgseat.change where event = e and number <= ev.changes + 1 - ev.ring;
	end if;
	return f;
end $$;`

// BenchmarkMove moves an event of 100,000 seats, all of which are taken by requests with keys,
// from a Map. The export is imported while it is written. The time is that in which requests are
// refused. The processor time, which says more than the clock if the machine does something else,
// is that of the server and of the client.
func BenchmarkMove(b *testing.B) {
	const seats = 100_000
	for _, c := range []struct {
		name  string
		each  int // seats of a hold
		books bool
	}{{"bookings of 4", 4, true}, {"holds of 4", 4, false}, {"holds of 1", 1, false}} {
		b.Run(c.name, func(b *testing.B) {
			s := startServer(b, "-c", "fsync=on")
			store := open(b, quiet(s.options()))
			defer func() { _ = store.Close() }()
			var server, client time.Duration
			for b.Loop() {
				b.StopTimer()
				from := newMap(b)
				_, err := from.Create(b.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}})
				require.NoError(b, err)
				for i := range seats / c.each {
					user := fmt.Sprint("user ", i)
					h, err := from.BlockAny(b.Context(), seatmap.BlockAnyRequest{
						Event: "e", User: user, N: c.each, TTL: time.Hour, Key: seatmap.NewKey(fmt.Sprint("key ", i)),
					})
					require.NoError(b, err)
					if c.books {
						_, err := from.Book(b.Context(), seatmap.BookRequest{Token: h.Token, User: user, Key: seatmap.NewKey(fmt.Sprint("book ", i))})
						require.NoError(b, err)
					}
				}
				before, own := s.processorTime(), testkit.ProcessorTime()
				b.StartTimer()
				outage.Move(b, from, store)
				b.StopTimer()
				server, client = server+s.processorTime()-before, client+testkit.ProcessorTime()-own
				_, err = store.Remove(b.Context(), seatmap.RemoveRequest{Event: "e"})
				require.NoError(b, err)
				_, err = store.Sweep(b.Context())
				require.NoError(b, err)
				b.StartTimer()
			}
			b.ReportMetric(float64(server.Milliseconds())/float64(b.N), "server-cpu-ms/move")
			b.ReportMetric(float64(client.Milliseconds())/float64(b.N), "client-cpu-ms/move")
		})
	}
}
