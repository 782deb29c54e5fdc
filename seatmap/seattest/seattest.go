// Package seattest checks that an implementation of [seatmap.Store] behaves as the
// interface says. The test of a store calls [Run]:
//
//	func TestStore(t *testing.T) {
//		seattest.Run(t, seattest.Options{Open: func(t *testing.T) seatmap.Store {
//			return open(t)
//		}})
//	}
//
// It checks events, grants, areas, tokens, idempotency keys, limits, names, expiry, pages,
// watches, that the changes tell all that happens, that no snapshot shows part of a hold, and what [seatmap.Porter],
// [seatmap.Operator], [seatmap.SeatCloser], [seatmap.SeatAdder], [seatmap.Payer] and [seatmap.Lister] promise. For each method it checks which of two errors is
// told. It has several goroutines compete for seats, and looks for an order of their requests
// that explains what they were answered. What a store does not offer it declares in [Lacks],
// and Run checks the declaration.
//
// With more functions in [Options], Run checks two clients (Another), what is left after the
// store's server or process has ended (Restart), after it could not be reached (Cut), and
// after a replica has taken over (Failover). Begin with Open, and add these one by one.
//
// A check that fails names the call and its answer. To run one check alone, use the flag
// -run of go test with its name, such as -run TestStore/keys. All checks together take about a
// second for a Map, and a few for a store with a server on the same machine.
package seattest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// Options describes the store to check.
type Options struct {
	// Open returns a new client of the store, which Run closes. All clients that Open
	// returns may be of one store: every check uses events of its own, with names that
	// begin with "seattest-".
	Open func(t *testing.T) seatmap.Store
	// Resolution is how late after its deadline a hold may end. Zero means 1 ms.
	Resolution time.Duration
	// Advance lets the time of the store pass. Nil means to wait. A test in fake time
	// can pass a function that sleeps in its bubble. It is called by one goroutine at a time.
	Advance func(d time.Duration)
	// Lacks is what the store does not offer. Run fails if the store has it all the same,
	// and if it lacks something else.
	Lacks Lacks
	// Another returns a second client of the store of s. The check closes it. Nil means
	// that there is only one client.
	Another func(s seatmap.Store) (seatmap.Store, error)
	// Restart ends the server of the store s, or its process, starts it again with the same
	// data, and returns a new client, which Run closes. Nil means that nothing is left
	// after the end of the store.
	Restart func(s seatmap.Store) (seatmap.Store, error)
	// Cut makes the server of the store s unreachable, for all clients, until mend is called. In
	// between each call that needs the server fails with [seatmap.ErrUnavailable], or with
	// [seatmap.ErrOutcomeUnknown], within Patience. Once mend has returned, the clients find the
	// server again by themselves, within Patience. It is called while requests are on the way. Nil means
	// that the store has no server.
	Cut func(s seatmap.Store) (mend func() error, err error)
	// Failover lets a replica take over the data of the store s, and returns a client that uses
	// it, which may be s itself, and which Run closes. What late does is acknowledged, and may be
	// lost if Lacks.Replication is set: so a Failover of such a store stops its
	// replication, calls late, and ends the server that has answered. Failover returns
	// the error of late, and returns when the replica answers. Nil means that there is no replica.
	Failover func(s seatmap.Store, late func() error) (seatmap.Store, error)
	// Patience is the longest time that a call takes while the server is cut off, and that
	// the clients need to find it again. Zero means 10 s. Run fails if a call takes longer.
	Patience time.Duration
}

// Run runs each check as a subtest of t. It panics if o.Open is nil.
func Run(t *testing.T, o Options) {
	t.Helper()
	if o.Open == nil {
		panic(errors.New("seattest: Run: Open is nil"))
	}
	for _, one := range checks {
		if one.needs != nil && !one.needs(o) {
			continue
		}
		t.Run(one.name, func(t *testing.T) {
			s := newSession(t.Context(), o, o.Open(t))
			defer func() {
				if err := s.store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			if err := one.run(s); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// session is one check that is running.
type session struct {
	ctx   context.Context
	store seatmap.Store
	event string // a name that no other session uses
	Options
}

func newSession(ctx context.Context, o Options, store seatmap.Store) *session {
	if o.Resolution == 0 {
		o.Resolution = time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	if o.Advance == nil {
		o.Advance = func(d time.Duration) { <-time.After(d) }
	}
	return &session{ctx, store, fmt.Sprintf("seattest-%016x", rand.Uint64()), o}
}

// ttl is the time of holds that do not end during a check.
const ttl = time.Hour

func (s *session) create(seats int, limits seatmap.Limits) error {
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: seatmap.Layout{Count: seats}, Limits: limits})
	return wrap("Create", err)
}

func (s *session) block(user string, seats ...string) (seatmap.Hold, error) {
	return s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: user, Seats: seats, TTL: ttl})
}

func (s *session) release(t seatmap.Token, seats ...string) error {
	_, err := s.store.Release(s.ctx, seatmap.ReleaseRequest{Token: t, Seats: seats})
	return err
}

func (s *session) book(t seatmap.Token, seats ...string) (seatmap.Booking, error) {
	return s.store.Book(s.ctx, seatmap.BookRequest{Token: t, Seats: seats})
}

// states checks the states of the seats from "1" on: one letter each, . available, h
// blocked, B booked, x closed. It checks Seats, Seat and Counts.
func (s *session) states(want string) error {
	all, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event})
	if err != nil {
		return wrap("Seats", err)
	}
	var got strings.Builder
	var counts seatmap.Counts
	for _, seat := range all.Seats {
		got.WriteString(letter(seat.State))
		one, err := s.store.Seat(s.ctx, seatmap.SeatRequest{Event: s.event, Seat: seat.Seat})
		if err != nil {
			return wrap("Seat", err)
		}
		if one.State != seat.State || one.User != seat.User || one.Fence != seat.Fence {
			return failf("Seat reports %v, Seats %v", one, seat)
		}
		switch seat.State {
		case seatmap.SeatAvailable:
			counts.Available++
		case seatmap.SeatBlocked:
			counts.Blocked++
		case seatmap.SeatBooked:
			counts.Booked++
		case seatmap.SeatClosed:
			counts.Closed++
		}
	}
	if got.String() != want {
		return failf("the seats are %q, not %q", got.String(), want)
	}
	counted, err := s.store.Counts(s.ctx, seatmap.CountsRequest{Event: s.event})
	if err != nil {
		return wrap("Counts", err)
	}
	if counted != counts {
		return failf("Counts reports %+v, but Seats %+v", counted, counts)
	}
	return nil
}

func letter(state seatmap.SeatState) string {
	const letters = ".hBx"
	if int(state) >= len(letters) {
		return "?"
	}
	return letters[state : state+1]
}
