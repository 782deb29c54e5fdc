//go:build unix

package journal_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
)

// kills is how many processes are killed. FERROUS_KILLS says another number.
func kills(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("FERROUS_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	if testing.Short() {
		return 5
	}
	return 30
}

const (
	house = "house" // the event of the operators
	pairs = 200     // so many seats have a partner to which they move
	floor = "floor" // an area
)

var smallest = journal.Options{SegmentSize: 1 << 16, CompactAfter: 1 << 17}

// TestAStoreThatIsKilledLosesNothing has processes sell in all ways, and kills each of
// them, without warning, after it has said a number of things. Users hold, pay for, book and
// cancel seats and places; operators reserve, reissue, move and revoke.
func TestAStoreThatIsKilledLosesNothing(t *testing.T) {
	if dir, inside := testkit.InChild(); inside {
		sellUntilKilled(dir)
		return
	}
	dir := t.TempDir()
	l := &ledger{seats: map[string]*entry{}, pairs: map[string]*pair{}, places: map[string]*places{}, said: map[string]int{}}
	for range kills(t) {
		c := testkit.StartChild(t, dir)
		for n := 20 + rand.IntN(900); n > 0 || !l.heardAll(); n-- {
			l.hear(t, c.Line())
		}
		c.Kill(func(line string) { l.hear(t, line) })
		l.audit(t, dir)
	}
	t.Logf("after %d kills: %v", kills(t), l.said)
}

// ledger is what is known from what the processes said.
type ledger struct {
	seats  map[string]*entry
	pairs  map[string]*pair   // by the first seat
	places map[string]*places // by the token
	others int                // places that somebody has booked, whose token is not known
	holds  []string           // tokens that end with the process
	said   map[string]int     // by word
}

// heardAll reports whether everything was acknowledged once.
func (l *ledger) heardAll() bool {
	for _, word := range []string{"booked", "canceled", "did", "took", "gave"} {
		if l.said[word] == 0 {
			return false
		}
	}
	return true
}

// entry is what is known about a seat of which users hold, book and cancel.
type entry struct {
	token   string // of its booking
	unknown bool   // a booking or cancellation is under way
	held    bool   // it is a booking
	// canceling is the token of the last booking that was to be canceled.
	canceling string
}

const somebodys = "somebody's" // the token of a booking that is not known

// pair is two seats that operators use.
type pair struct {
	state, next string // next is under way, unless it is empty
	token, old  string // old is no longer valid
}

// places is some places of an area.
type places struct {
	n      int
	booked bool
	under  bool // a booking or cancellation is under way
}

func (l *ledger) hear(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	l.said[words[0]]++
	switch words[0] {
	case "hold", "booked", "cancel", "canceled":
		l.hearSeat(t, words[0], words[1], words[2])
	case "try":
		l.pair(words[1]).next = words[2]
	case "did":
		p := l.pair(words[1])
		*p = pair{state: words[2], token: words[3]}
		if len(words) > 4 {
			p.old = words[4]
		}
	case "takes":
		n, err := strconv.Atoi(words[2])
		require.NoError(t, err)
		l.places[words[1]] = &places{n: n, under: true}
		l.holds = append(l.holds, words[1])
	case "took":
		l.places[words[1]] = &places{n: l.places[words[2]].n, booked: true}
		delete(l.places, words[2])
	case "gives":
		l.places[words[1]].under = true
	case "gave":
		delete(l.places, words[1])
	default:
		require.Fail(t, line)
	}
}

func (l *ledger) hearSeat(t *testing.T, word, seat, text string) {
	t.Helper()
	e := l.seats[seat]
	if e == nil {
		e = &entry{}
		l.seats[seat] = e
	}
	switch word {
	case "hold": // and now it will be booked
		require.Empty(t, e.token, "seat %s has two owners", seat)
		e.unknown, e.held = true, true
		l.holds = append(l.holds, text)
	case "booked":
		require.Empty(t, e.token, "seat %s has two owners", seat)
		*e = entry{token: text, canceling: e.canceling}
	case "cancel": // another user may hold the seat before it is canceled on disk
		*e = entry{unknown: true, canceling: text}
	case "canceled":
		if e.canceling == text && !e.held && e.token == "" {
			*e = entry{}
		}
	}
}

func (l *ledger) pair(seat string) *pair {
	if l.pairs[seat] == nil {
		l.pairs[seat] = &pair{state: "free"}
	}
	return l.pairs[seat]
}

func parse(t *testing.T, text string) seatmap.Token {
	t.Helper()
	token, err := seatmap.ParseToken(text)
	require.NoError(t, err)
	return token
}

// audit opens the journal and compares it with the ledger. What was unknown is known
// after that. It uses some of the tokens.
func (l *ledger) audit(t *testing.T, dir string) {
	t.Helper()
	s, err := journal.Open(dir, smallest)
	require.NoError(t, err)
	l.auditSeats(t, s)
	l.auditPairs(t, s)
	l.auditPlaces(t, s)
	for _, hold := range l.holds {
		_, err := s.Book(ctx, seatmap.BookRequest{Token: parse(t, hold)})
		require.ErrorIs(t, err, seatmap.ErrExpired, "a hold is over after a restart")
	}
	l.holds = nil
	require.NoError(t, s.Close())
}

func (l *ledger) auditSeats(t *testing.T, s *journal.Store) {
	t.Helper()
	all, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	for _, seat := range all.Seats {
		e := l.seats[seat.Seat]
		if e == nil {
			e = &entry{}
		}
		switch {
		case e.unknown:
			if seat.State == seatmap.SeatAvailable {
				*e = entry{}
				continue
			}
			require.Equal(t, seatmap.SeatBooked, seat.State)
			*e = entry{token: somebodys}
		case e.token != "" && e.token != somebodys:
			require.Equal(t, seatmap.SeatBooked, seat.State, "the booking of seat %s is lost", seat.Seat)
			require.Equal(t, parse(t, e.token).Fence, seat.Fence)
		case e.token == "":
			require.Equal(t, seatmap.SeatAvailable, seat.State, "seat %s was not booked", seat.Seat)
		}
	}
	for seat, e := range l.seats { // the tokens of bookings work
		if e.token != "" && e.token != somebodys && rand.IntN(3) == 0 {
			_, err := s.Cancel(ctx, seatmap.CancelRequest{Token: parse(t, e.token), Seats: []string{seat}})
			require.NoError(t, err)
			*e = entry{}
		}
	}
}

func (l *ledger) auditPairs(t *testing.T, s *journal.Store) {
	t.Helper()
	for seat, p := range l.pairs {
		state, fence := stateOf(s, seat)
		if p.next != "" {
			require.Contains(t, []string{p.state, p.next}, state, "seat %s", seat)
			*p = pair{state: state}
			continue
		}
		require.Equal(t, p.state, state, "seat %s", seat)
		if p.old != "" {
			_, err := s.Book(ctx, seatmap.BookRequest{Token: parse(t, p.old)})
			require.ErrorIs(t, err, seatmap.ErrExpired, "it was reissued")
		}
		if p.token == "" || p.token == "-" {
			continue
		}
		require.Equal(t, parse(t, p.token).Fence, fence, "seat %s", seat)
		if state == "reserved" && rand.IntN(3) == 0 {
			_, err := s.Book(ctx, seatmap.BookRequest{Token: parse(t, p.token)})
			require.NoError(t, err)
			*p = pair{state: "booked"}
		}
	}
}

func (l *ledger) auditPlaces(t *testing.T, s *journal.Store) {
	t.Helper()
	page, err := s.Seats(ctx, seatmap.SeatsRequest{Event: house, Limit: 1})
	require.NoError(t, err)
	area := page.Areas[0]
	least, most := l.others, l.others
	for _, p := range l.places {
		switch {
		case p.under:
			most += p.n
		case p.booked:
			least, most = least+p.n, most+p.n
		}
	}
	require.Zero(t, area.Blocked)
	require.GreaterOrEqual(t, area.Booked, least, "a booking is lost")
	require.LessOrEqual(t, area.Booked, most, "that was not booked")
	l.others += area.Booked - least
	for token, p := range l.places {
		switch {
		case p.under:
			delete(l.places, token)
		case rand.IntN(3) == 0:
			_, err := s.Cancel(ctx, seatmap.CancelRequest{Token: parse(t, token)})
			require.NoError(t, err)
			delete(l.places, token)
		}
	}
}

// partner is the seat to which a seat of a pair moves.
func partner(seat string) string { return "to" + seat }

// stateOf returns the state and fence of a pair.
func stateOf(s seatmap.Store, seat string) (state string, fence uint64) {
	a, err := s.Seat(ctx, seatmap.SeatRequest{Event: house, Seat: seat})
	check(err)
	b, err := s.Seat(ctx, seatmap.SeatRequest{Event: house, Seat: partner(seat)})
	check(err)
	switch {
	case b.State == seatmap.SeatBooked && a.State == seatmap.SeatAvailable:
		return "moved", b.Fence
	case b.State != seatmap.SeatAvailable:
		return fmt.Sprint(a.State, " and ", b.State), 0
	case a.State == seatmap.SeatBooked:
		return "booked", a.Fence
	case a.State == seatmap.SeatBlocked && a.Until.IsZero():
		return "reserved", a.Fence
	case a.State == seatmap.SeatAvailable:
		return "free", 0
	}
	return fmt.Sprint(a.State), 0
}

// check is for a process that has no test.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// seller is a process that says on standard output what it is about to do, and what was
// acknowledged.
type seller struct {
	*journal.Store
	mu sync.Mutex
}

func (s *seller) say(words ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Println(strings.Join(words, " "))
}

func sellUntilKilled(dir string) {
	store, err := journal.Open(dir, smallest)
	check(err)
	s := &seller{Store: store}
	limits := seatmap.Limits{Payment: ttl}
	_, err = s.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 20_000}, Limits: limits, Key: seatmap.NewKey("create")})
	check(err)
	layout := seatmap.Layout{Areas: []seatmap.Area{{Name: floor, Capacity: 1_000_000}}}
	for i := range pairs {
		layout.Seats = append(layout.Seats, strconv.Itoa(i), partner(strconv.Itoa(i)))
	}
	_, err = s.Create(ctx, seatmap.CreateRequest{Event: house, Layout: layout, Limits: limits, Key: seatmap.NewKey("create")})
	check(err)
	for g := range 6 {
		go s.sellSeats(g)
	}
	for g := range 2 {
		go s.sellPlaces(g)
		go s.operate(g, 2)
	}
	select {}
}

func (s *seller) sellSeats(g int) {
	for i := 0; ; i++ {
		h, err := s.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: fmt.Sprint("user", g), N: 1, TTL: ttl})
		check(err)
		s.say("hold", h.Seats[0], h.Token.Reveal())
		if i%3 == 0 {
			_, err := s.BeginPayment(ctx, seatmap.PaymentRequest{Token: h.Token, TTL: ttl})
			check(err)
		}
		if i%9 == 0 {
			_, err := s.EndPayment(ctx, seatmap.EndPaymentRequest{Token: h.Token})
			check(err)
		}
		b, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token})
		check(err)
		s.say("booked", b.Seats[0], b.Token.Reveal())
		if i%4 != 0 {
			continue
		}
		s.say("cancel", b.Seats[0], b.Token.Reveal())
		_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: b.Token})
		check(err)
		s.say("canceled", b.Seats[0], b.Token.Reveal())
	}
}

func (s *seller) sellPlaces(g int) {
	for i := 0; ; i++ {
		n := 1 + i%5
		h, err := s.Block(ctx, seatmap.BlockRequest{Event: house, User: fmt.Sprint("user", g), Places: map[string]int{floor: n}, TTL: ttl})
		check(err)
		s.say("takes", h.Token.Reveal(), strconv.Itoa(n))
		b, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token})
		check(err)
		s.say("took", b.Token.Reveal(), h.Token.Reveal())
		if i%2 == 0 {
			s.say("gives", b.Token.Reveal())
			_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: b.Token})
			check(err)
			s.say("gave", b.Token.Reveal())
		}
	}
}

// operate takes each of its pairs one step further at a time.
func (s *seller) operate(g, of int) {
	for i := g; ; i += of {
		seat := strconv.Itoa(i % pairs)
		state, _ := stateOf(s, seat)
		s.step(seat, state)
	}
}

func (s *seller) step(seat, state string) {
	const actor = "operator"
	var token seatmap.Token
	next := map[string]string{"free": "reserved", "reserved": "booked", "booked": "moved", "moved": "free"}[state]
	switch state {
	case "free":
		s.say("try", seat, next)
		h, err := s.Reserve(ctx, seatmap.ReserveRequest{Event: house, User: "house", Actor: actor, Seats: []string{seat}})
		check(err)
		token = h.Token
	case "reserved":
		s.say("try", seat, state)
		old, err := s.Reissue(ctx, seatmap.ReissueRequest{Event: house, Seat: seat, Actor: actor})
		check(err)
		h, err := s.Reissue(ctx, seatmap.ReissueRequest{Event: house, Seat: seat, Actor: actor})
		check(err)
		s.say("did", seat, state, h.Token.Reveal(), old.Token.Reveal())
		s.say("try", seat, next)
		b, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token})
		check(err)
		token = b.Token
	case "booked":
		s.say("try", seat, next)
		h, err := s.Move(ctx, seatmap.MoveRequest{Event: house, Seat: seat, Actor: actor, To: []string{partner(seat)}})
		check(err)
		token = h.Token
	case "moved":
		s.say("try", seat, next)
		_, err := s.Revoke(ctx, seatmap.RevokeRequest{Event: house, Seat: partner(seat), Actor: actor, Reason: "refunded"})
		check(err)
		s.say("did", seat, next, "-")
		return
	default:
		panic(state)
	}
	s.say("did", seat, next, token.Reveal())
}
