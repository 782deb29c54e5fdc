package pgseat_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/pgseat"
)

// TestTheStoreAnswersAsAMap gives random requests to a Map and to the store, one after the other,
// and compares the answers and what both show then. No hold ends by itself.
func TestTheStoreAnswersAsAMap(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	m := newMap(t)
	for round := range 4 {
		seed := rand.Uint64()
		w := &twins{t: t, m: m, p: store, r: rand.New(rand.NewPCG(seed, 0)), event: fmt.Sprint("e", round), names: [2]map[uint64]int{{}, {}}}
		w.log = []string{fmt.Sprintf("with the seed %#x", seed)}
		w.create()
		for range 150 {
			w.step()
			w.compare()
		}
	}
}

// both is a store that has all that a Map is compared in.
type both interface {
	seatmap.Store
	seatmap.Lister
	seatmap.Payer
	seatmap.SeatCloser
	seatmap.Operator
}

var _ both = (*pgseat.Store)(nil)

// twins is one event in a Map and in the store.
type twins struct {
	t        *testing.T
	m        *seatmap.Map
	p        *pgseat.Store
	r        *rand.Rand
	event    string
	log      []string
	names    [2]map[uint64]int // of fences, by which both stores name the same
	holds    [][2]seatmap.Token
	bookings [][2]seatmap.Token
}

// pick returns one of the choices.
func pick[T any](w *twins, choices ...T) T { return choices[w.r.IntN(len(choices))] }

const twinSeats = 6

// seats returns some different seats.
func (w *twins) seats() []string {
	var list []string
	for _, i := range w.r.Perm(twinSeats)[:1+w.r.IntN(3)] {
		list = append(list, strconv.Itoa(i+1))
	}
	return list
}

// part returns seats, or nil for all.
func (w *twins) part() []string {
	if w.r.IntN(2) == 0 {
		return nil
	}
	return w.seats()[:1]
}

// key returns a key that may have been used before, or none.
func (w *twins) key() seatmap.Key {
	if w.r.IntN(3) > 0 {
		return seatmap.Key{}
	}
	return seatmap.NewKey(strconv.Itoa(w.r.IntN(12)))
}

func (w *twins) user() string { return pick(w, "ann", "bob") }

func (w *twins) quotas() []string {
	return pick(w, nil, nil, []string{"club"}, []string{"press", "club"})
}

func (w *twins) reference() string { return pick(w, "", "", "order 1", "order 2") }

// token returns a token of both stores.
func (w *twins) token(of [][2]seatmap.Token) ([2]seatmap.Token, bool) {
	if len(of) == 0 {
		return [2]seatmap.Token{}, false
	}
	return of[max(0, len(of)-1-w.r.IntN(5))], true
}

func (w *twins) create() {
	r := seatmap.CreateRequest{
		Event: w.event, Layout: seatmap.Layout{Count: twinSeats, Closed: []string{"6"}},
		Limits: seatmap.Limits{Seats: pick(w, 0, 4), Holds: pick(w, 0, 3), Lifetime: pick(w, 0, 3*time.Hour), Payment: pick(w, 0, 3*time.Hour)},
	}
	w.same(fmt.Sprintf("Create %+v", r.Limits), func(_ int, s both) string {
		_, err := s.Create(w.t.Context(), r)
		return w.failed(err)
	})
}

// step makes one request.
func (w *twins) step() {
	ctx, user, key, reference := w.t.Context(), w.user(), w.key(), w.reference()
	ttl := pick(w, time.Hour, 2*time.Hour, 4*time.Hour)
	hold, held := w.token(w.holds)
	booking, booked := w.token(w.bookings)
	switch op := w.r.IntN(20); {
	case op < 3 || !held:
		r := seatmap.BlockRequest{
			Event: w.event, User: user, Key: key, Seats: w.seats(), TTL: ttl, ListTaken: w.r.IntN(2) == 0, Reference: reference,
			Quotas: w.quotas(),
		}
		w.granted(fmt.Sprintf("Block %+v", r), &w.holds, func(_ int, s both) (seatmap.Hold, error) { return s.Block(ctx, r) })
	case op == 3:
		r := seatmap.BlockAnyRequest{Event: w.event, User: user, Key: key, N: 1 + w.r.IntN(3), TTL: ttl, Reference: reference}
		r.Where.Adjacent, r.Where.Quotas = w.r.IntN(2) == 0, w.quotas()
		w.granted(fmt.Sprintf("BlockAny %+v", r), &w.holds, func(_ int, s both) (seatmap.Hold, error) { return s.BlockAny(ctx, r) })
	case op < 6:
		r := seatmap.BookRequest{User: user, Key: key, Seats: w.part(), Reference: reference}
		w.granted(fmt.Sprintf("Book %v %+v", w.names[0][hold[0].Fence], r), &w.bookings, func(i int, s both) (seatmap.Hold, error) {
			r.Token = hold[i]
			b, err := s.Book(ctx, r)
			return seatmap.Hold{Token: b.Token, User: b.User, Seats: b.Seats, At: b.At, Replayed: b.Replayed}, err
		})
	case op == 6:
		r := seatmap.ReleaseRequest{User: user, Key: key, Seats: w.part()}
		w.received(fmt.Sprintf("Release %v %+v", w.names[0][hold[0].Fence], r), func(i int, s both) (seatmap.Receipt, error) {
			r.Token = hold[i]
			return s.Release(ctx, r)
		})
	case op == 7:
		r := seatmap.ExtendRequest{User: user, Key: key, TTL: ttl}
		w.granted(fmt.Sprintf("Extend %v %+v", w.names[0][hold[0].Fence], r), nil, func(i int, s both) (seatmap.Hold, error) {
			r.Token = hold[i]
			return s.Extend(ctx, r)
		})
	case op == 8:
		r := seatmap.PaymentRequest{User: user, Key: key, TTL: ttl}
		w.granted(fmt.Sprintf("BeginPayment %v %+v", w.names[0][hold[0].Fence], r), nil, func(i int, s both) (seatmap.Hold, error) {
			r.Token = hold[i]
			return s.BeginPayment(ctx, r)
		})
	case op == 9:
		r := seatmap.EndPaymentRequest{User: user, Key: key}
		w.granted(fmt.Sprintf("EndPayment %v %+v", w.names[0][hold[0].Fence], r), nil, func(i int, s both) (seatmap.Hold, error) {
			r.Token = hold[i]
			return s.EndPayment(ctx, r)
		})
	case op == 10:
		r := seatmap.CloseSeatsRequest{Event: w.event, Seats: w.seats(), Actor: "op", Reason: pick(w, "", "why"), Key: key}
		w.received(fmt.Sprintf("CloseSeats %+v", r), func(_ int, s both) (seatmap.Receipt, error) { return s.CloseSeats(ctx, r) })
	case op == 11:
		r := seatmap.OpenSeatsRequest{Event: w.event, Seats: w.seats(), Actor: "op", Key: key}
		w.received(fmt.Sprintf("OpenSeats %+v", r), func(_ int, s both) (seatmap.Receipt, error) { return s.OpenSeats(ctx, r) })
	case op == 12:
		r := seatmap.SetQuotaRequest{Event: w.event, Seats: w.seats(), Quota: pick(w, "", "club", "press"), Actor: "op", Key: key}
		w.received(fmt.Sprintf("SetQuota %+v", r), func(_ int, s both) (seatmap.Receipt, error) { return s.SetQuota(ctx, r) })
	case op == 13 || op == 14:
		w.operate(key)
	case op == 15:
		r := seatmap.ReserveRequest{Event: w.event, User: user, Seats: w.seats(), Actor: "op", Reason: pick(w, "", "why"), Key: key}
		w.granted(fmt.Sprintf("Reserve %+v", r), &w.holds, func(_ int, s both) (seatmap.Hold, error) { return s.Reserve(ctx, r) })
	case op == 16:
		r := seatmap.ReserveAnyRequest{Event: w.event, User: user, N: 1 + w.r.IntN(3), Where: seatmap.Where{Quotas: w.quotas()}, Actor: "op", Key: key}
		w.granted(fmt.Sprintf("ReserveAny %+v", r), &w.holds, func(_ int, s both) (seatmap.Hold, error) { return s.ReserveAny(ctx, r) })
	case booked:
		r := seatmap.CancelRequest{User: user, Key: key, Seats: w.part()}
		w.received(fmt.Sprintf("Cancel %v %+v", w.names[0][booking[0].Fence], r), func(i int, s both) (seatmap.Receipt, error) {
			r.Token = booking[i]
			return s.Cancel(ctx, r)
		})
	}
}

// operate makes a request that names a hold or booking by a seat, by a fence or by both.
func (w *twins) operate(key seatmap.Key) {
	ctx, seat, fences := w.t.Context(), strconv.Itoa(1+w.r.IntN(twinSeats)), [2]uint64{}
	if token, ok := w.token(pick(w, w.holds, w.bookings)); ok && w.r.IntN(2) == 0 {
		fences = [2]uint64{token[0].Fence, token[1].Fence}
		seat = pick(w, seat, "")
	}
	what := fmt.Sprintf("of seat %q and fence %d", seat, w.names[0][fences[0]])
	switch w.r.IntN(3) {
	case 0:
		r := seatmap.RevokeRequest{Event: w.event, Seat: seat, Seats: w.part(), Actor: "op", Reason: "why", Key: key}
		w.received(fmt.Sprintf("Revoke %s %+v", what, r), func(i int, s both) (seatmap.Receipt, error) {
			r.Fence = fences[i]
			return s.Revoke(ctx, r)
		})
	case 1:
		r := seatmap.ReissueRequest{Event: w.event, Seat: seat, Actor: "op", Key: key}
		w.reissued(fmt.Sprintf("Reissue %s %+v", what, r), func(i int, s both) (seatmap.Hold, error) {
			r.Fence = fences[i]
			return s.Reissue(ctx, r)
		})
	default:
		r := seatmap.MoveRequest{Event: w.event, Seat: seat, To: w.seats(), Actor: "op2", Reason: "moved", Key: key}
		w.reissued(fmt.Sprintf("Move %s %+v", what, r), func(i int, s both) (seatmap.Hold, error) {
			r.Fence = fences[i]
			return s.Move(ctx, r)
		})
	}
}

// reissued is granted of a hold or a booking.
func (w *twins) reissued(what string, do func(i int, s both) (seatmap.Hold, error)) {
	w.t.Helper()
	var got [][2]seatmap.Token
	booked := false
	w.granted(what, &got, func(i int, s both) (seatmap.Hold, error) {
		h, err := do(i, s)
		if err == nil {
			seat, err := s.Seat(w.t.Context(), seatmap.SeatRequest{Event: w.event, Seat: h.Seats[0]})
			require.NoError(w.t, err)
			booked = seat.State == seatmap.SeatBooked
		}
		return h, err
	})
	if booked {
		w.bookings = append(w.bookings, got...)
	} else {
		w.holds = append(w.holds, got...)
	}
}

// same compares what both stores say.
func (w *twins) same(what string, say func(i int, s both) string) {
	w.t.Helper()
	w.log = append(w.log, what)
	want, got := say(0, w.m), say(1, w.p)
	if want != got {
		require.Fail(w.t, "the store differs from a Map", "%q\nthe Map:   %s\nthe store: %s", w.log, want, got)
	}
}

// granted compares the holds, or bookings, that both stores return, and keeps their tokens.
func (w *twins) granted(what string, keep *[][2]seatmap.Token, do func(i int, s both) (seatmap.Hold, error)) {
	w.t.Helper()
	var tokens [2]seatmap.Token
	fresh := len(w.names[0]) + 1
	w.same(what, func(i int, s both) string {
		h, err := do(i, s)
		if err != nil {
			return w.failed(err)
		}
		if tokens[i] = h.Token; w.names[i][h.Token.Fence] == 0 {
			w.names[i][h.Token.Fence] = fresh
		}
		return fmt.Sprint("fence ", w.names[i][h.Token.Fence], h.User, h.Seats, h.At.IsZero(), h.Until.IsZero(), h.Left.Round(time.Minute), h.Paying, h.Replayed)
	})
	if keep != nil && tokens[0] != (seatmap.Token{}) {
		*keep = append(*keep, tokens)
	}
}

func (w *twins) received(what string, do func(i int, s both) (seatmap.Receipt, error)) {
	w.t.Helper()
	w.same(what, func(i int, s both) string {
		got, err := do(i, s)
		return fmt.Sprint(got, w.failed(err))
	})
}

// failed says what an error is.
func (w *twins) failed(err error) (text string) {
	for _, one := range []error{
		seatmap.ErrExists, seatmap.ErrUnknownEvent, seatmap.ErrUnknownSeat, seatmap.ErrTaken, seatmap.ErrNotForSale, seatmap.ErrSoldOut,
		seatmap.ErrNotEnough, seatmap.ErrLimit, seatmap.ErrExpired, seatmap.ErrToken, seatmap.ErrKeyReused, seatmap.ErrInvalid,
		seatmap.ErrInvalidSeats,
	} {
		if errors.Is(err, one) {
			text += one.Error() + "; "
		}
	}
	if err != nil && text == "" {
		require.NoError(w.t, err, "%q", w.log)
	}
	if taken, ok := errors.AsType[*seatmap.TakenError](err); ok {
		text += fmt.Sprint(taken.Seats())
	}
	if reused, ok := errors.AsType[*seatmap.KeyError](err); ok {
		text += fmt.Sprint(reused.Differs())
	}
	return text
}

// compare compares what both stores show.
func (w *twins) compare() {
	ctx, requests := w.t.Context(), len(w.log)
	defer func() { w.log = w.log[:requests] }()
	w.same("Seats", func(i int, s both) string {
		all, err := s.Seats(ctx, seatmap.SeatsRequest{Event: w.event})
		text := w.failed(err)
		for _, one := range all.Seats {
			text += fmt.Sprintln(one.Seat, one.State, w.names[i][one.Fence], one.User, one.Reference, one.At.IsZero(), one.Until.IsZero(), one.Left.Round(time.Minute),
				one.Paying, one.PayingUntil.IsZero(), one.Actor, one.Reason, one.Closed, one.ClosedBy, one.ClosedReason, one.Quota)
		}
		return text
	})
	w.same("Layout", func(_ int, s both) string {
		layout, err := s.Layout(ctx, seatmap.LayoutRequest{Event: w.event})
		return fmt.Sprint(layout.Closed, w.failed(err))
	})
	w.same("Counts", func(_ int, s both) string {
		counts, err := s.Counts(ctx, seatmap.CountsRequest{Event: w.event})
		return fmt.Sprint(counts, w.failed(err))
	})
	user := w.user()
	w.same("Holds of "+user, func(i int, s both) string {
		holds, err := s.Holds(ctx, seatmap.HoldsRequest{Event: w.event, User: user})
		slices.SortFunc(holds, func(a, b seatmap.HoldInfo) int { return w.names[i][a.Fence] - w.names[i][b.Fence] })
		text := w.failed(err)
		for _, h := range holds {
			text += fmt.Sprintln(w.names[i][h.Fence], h.Seats, h.At.IsZero(), h.Until.IsZero(), h.Left.Round(time.Minute), h.Paying)
		}
		return text
	})
	r := seatmap.GrantsRequest{Event: w.event, User: pick(w, "", w.user()), Reference: w.reference(), Limit: w.r.IntN(3)}
	w.same(fmt.Sprintf("Grants %+v", r), func(i int, s both) (text string) {
		for r, more := r, true; more; {
			list, err := s.Grants(ctx, r)
			text += w.failed(err)
			for _, g := range list.Grants {
				text += fmt.Sprintln(w.names[i][g.Fence], g.State, g.User, g.Reference, slices.Sorted(slices.Values(g.Seats)), g.At.IsZero(), g.Until.IsZero(),
					g.Left.Round(time.Minute), g.Paying, g.PayingUntil.IsZero(), g.Actor, g.Reason)
				r.After = g.Fence
			}
			more = list.More
		}
		return text
	})
}
