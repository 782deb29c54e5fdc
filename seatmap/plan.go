package seatmap

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Plan is the seats of one event, addressed by index from 0. Users are numbers that
// the caller chooses. A Plan has no goroutine of its own. It must be made by
// [NewPlan] and not be copied; it is safe for concurrent use.
//
// A refused [Plan.Block] of one seat costs a few loads. A grant costs the plan's lock,
// one reading of the clock and one block of AES for all its seats, and a few writes a
// seat. A grant of up to 16 seats does not allocate.
type Plan struct {
	// Refusals read these and write nothing.

	// words holds for each seat, at seat<<shift, its state in the lowest two
	// bits and above them the deadline, in nanoseconds of the clock, of a hold.
	words []atomic.Uint64
	shift uint8 // 3, a cache line a seat, up to paddedSeats; else 0
	count int
	clock *Clock
	name  string
	// names has the labels of the seats and areas. It is replaced when some are added.
	names atomic.Pointer[labels]
	// added has what is above of the seats that were added after the beginning.
	added atomic.Pointer[addedSeats]
	// availableAt is 0 if a seat may be available, and planEnded if the plan has ended.
	// Otherwise no seat is available before that time of the clock.
	availableAt atomic.Int64
	// taken has the error of each seat, made for a whole chunk at the first refusal in
	// that chunk.
	taken  []atomic.Pointer[[chunkSeats]TakenError]
	shared taken // its plan is p, unless p is zero or a copy
	// notForSale and off are as taken and shared, for seats that are closed.
	notForSale []atomic.Pointer[[chunkSeats]TakenError]
	off        taken

	_ [64]byte // what follows is written by every grant

	// earliest is a lower bound of all deadlines, never if no seat is blocked. It is
	// written under mu; the sweeper reads it without the lock.
	earliest atomic.Int64

	mu       sync.Mutex // guards all writes, and what follows
	chunks   []chunk
	records  []record     // of the seats of the beginning; those of blocks are in pages
	newer    []record     // of the seats that were added
	areas    []*area      // nil if there are none
	pages    []*blockPage // of the blocks of all areas
	totals   [4]int       // seats in each state, according to their words
	fence    uint64       // the last one given out
	revision uint64       // the number of changes
	// headOf has, by fence, where a hold or booking begins that has lost its first
	// seat.
	headOf    map[uint64]uint32
	closed    map[uint32]doing  // the seats that operators have closed, also blocked or booked ones
	quotas    map[uint32]string // of the seats that are in one, also blocked or booked ones
	tags      tags
	seatBuf   []uint32    // the seats that a call is about
	restBuf   []uint32    // those of the same hold that it leaves
	snapshots []*snapshot // being taken
	end       error       // what calls return after the plan has ended
	endAt     int64       // when it ended
	moving    bool        // the end is not final: it is being exported
	event     *event      // nil unless the plan is a Map's
}

const (
	paddedSeats = 4096 // up to so many seats, each word has a cache line of its own
	chunkSeats  = 512
	planEnded   = -1
	stateBits   = 2
	stateMask   = 1<<stateBits - 1
	never       = math.MaxInt64
	noSeat      = math.MaxUint32
)

// chunk is a summary of chunkSeats neighboring seats. With it, a sweep or a search
// for an available seat skips the chunks in which it cannot find one.
type chunk struct {
	earliest  int64 // a lower bound of the deadlines in it; never if there is none
	available int32 // how many seats are available according to their words
}

// record is the part of a seat that refusals do not read. A hold or booking is a
// ring of seats; what concerns the whole hold is in the record of its first seat.
type record struct {
	fence uint64 // 0 when no hold or booking begins here
	tag   tag    // of its token
	user  uint64
	at    int64  // when blocked or booked
	head  uint32 // the first seat of the hold or booking that this seat is in
	next  uint32 // the next seat of the ring
	// The ring of the holds or bookings of one user of a Map; see users. Used in the first seat.
	after, before uint32
	slot          uint32 // of the result that a Map remembers by key, or noSlot
	first         uint32 // where the hold or booking began; see Token
}

// PlanOptions configures a [Plan].
type PlanOptions struct {
	// Name is the event's name, for tokens and errors. It may be empty.
	Name string
	// Seats is how many seats there are: 1 to [MaxSeats].
	Seats int
	// Closed is the seats that are not for sale.
	Closed []int
	// Clock is the clock of the plan. Several plans can share one clock and its timer.
	// Nil means a clock of its own.
	Clock *Clock
}

// NewPlan returns a plan in which all seats are available except the closed ones.
// The error is [ErrInvalidEvent] or [ErrInvalidLayout]. It panics if the clock was
// not made by [NewClock].
func NewPlan(c PlanOptions) (*Plan, error) {
	if err := checkPlan(&c); err != nil {
		return nil, err
	}
	if c.Clock == nil {
		c.Clock = NewClock()
	}
	return newPlan(c.Name, &labels{count: c.Seats}, c.Closed, c.Clock, randomKey()), nil
}

func newPlan(name string, ls *labels, closed []int, clock *Clock, key tagKey) *Plan {
	n := ls.count
	p := &Plan{
		count:      n,
		clock:      clock,
		name:       name,
		taken:      make([]atomic.Pointer[[chunkSeats]TakenError], (n+chunkSeats-1)/chunkSeats),
		notForSale: make([]atomic.Pointer[[chunkSeats]TakenError], (n+chunkSeats-1)/chunkSeats),
		records:    make([]record, n),
		// At least four, so that what every grant writes has a cache line of its own:
		// otherwise plans that were made one after the other would share a line.
		chunks:  make([]chunk, (n+chunkSeats-1)/chunkSeats, max(4, (n+chunkSeats-1)/chunkSeats)),
		seatBuf: make([]uint32, 0, 16),
		restBuf: make([]uint32, 0, 16),
	}
	if n <= paddedSeats {
		p.shift = 3
	}
	p.words = make([]atomic.Uint64, n<<p.shift)
	p.shared.plan = p
	p.off = taken{plan: p, closed: true}
	p.earliest.Store(never)
	for i := range p.chunks {
		p.chunks[i] = chunk{earliest: never, available: int32(min(chunkSeats, n-i*chunkSeats))}
	}
	p.totals[SeatAvailable] = n
	p.setAreas(ls.areas)
	p.rename(ls)
	p.tags.key = key
	for _, seat := range closed {
		if p.word(seat) == uint64(SeatAvailable) {
			p.set(uint32(seat), uint64(SeatClosed))
		}
	}
	p.setAvailableAt()
	return p
}

// Name returns the event's name.
func (p *Plan) Name() string { return p.name }

// Len returns the number of seats.
func (p *Plan) Len() int { return p.count }

// Block holds the seats for the user until ttl from now, all or none.
//
// The returned token proves the hold. The error is [ErrClosed], [ErrInvalidSeats],
// [ErrInvalidTTL], [ErrUnknownSeat], [ErrSoldOut] or a [*TakenError]. A refusal of up
// to 16 seats does not allocate, except the first one in each block of 512 seats.
func (p *Plan) Block(user uint64, ttl time.Duration, seats ...int) (Token, error) {
	if len(seats) == 1 && uint(seats[0]) < uint(p.count) && ttl > 0 && ttl <= MaxTTL {
		if err := p.refusal(seats[0]); err != nil {
			return Token{}, err
		}
	}
	return p.block(user, ttl, seats)
}

// refusal returns why the seat, which exists, is certainly not available, or nil if
// that can only be decided under the lock.
func (p *Plan) refusal(seat int) error {
	if gate := p.availableAt.Load(); gate != 0 {
		if p.clock.passed(gate) {
			return nil
		}
		return ErrSoldOut
	}
	word := p.word(seat)
	switch SeatState(word & stateMask) {
	case SeatAvailable:
		return nil
	case SeatBlocked:
		if p.clock.passed(int64(word >> stateBits)) {
			return nil
		}
	case SeatClosed:
		return p.closedError(seat)
	case SeatBooked:
	}
	return p.takenError(seat)
}

// takenError returns the seat's error.
func (p *Plan) takenError(seat int) *TakenError {
	slots, chunk := p.taken, uint(seat)/chunkSeats
	if chunk >= uint(len(slots)) {
		slots, chunk = p.added.Load().taken, chunk-uint(len(slots))
	}
	errs := slots[chunk].Load()
	if errs == nil {
		errs = takenErrors(&slots[chunk], &p.shared, seat)
	}
	return &errs[uint(seat)%chunkSeats]
}

// closedError returns the error of a seat that is not for sale.
func (p *Plan) closedError(seat int) *TakenError {
	slots, chunk := p.notForSale, uint(seat)/chunkSeats
	if chunk >= uint(len(slots)) {
		slots, chunk = p.added.Load().notForSale, chunk-uint(len(slots))
	}
	errs := slots[chunk].Load()
	if errs == nil {
		errs = takenErrors(&slots[chunk], &p.off, seat)
	}
	return &errs[uint(seat)%chunkSeats]
}

// takenErrors makes the errors of the seat's chunk.
func takenErrors(slot *atomic.Pointer[[chunkSeats]TakenError], of *taken, seat int) *[chunkSeats]TakenError {
	errs := new([chunkSeats]TakenError)
	first := seat - seat%chunkSeats
	for i := range errs {
		errs[i] = TakenError{of: of, seat: int32(first + i)}
	}
	slot.CompareAndSwap(nil, errs)
	return slot.Load()
}

func (p *Plan) block(user uint64, ttl time.Duration, seats []int) (Token, error) {
	p.mustBeMade("Block")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Token{}, p.end
	}
	if err := checkNamed(seats); err != nil {
		return Token{}, err
	}
	if err := checkTTL(ttl); err != nil {
		return Token{}, err
	}
	if err := p.checkKnown(seats); err != nil {
		return Token{}, err
	}
	now := p.clock.now()
	if err := p.checkFree(now, seats, nil); err != nil {
		return Token{}, err
	}
	return p.token(p.grant(now, now+int64(ttl), user, seats, nil)), nil
}

// BlockAny holds n seats for the user, all or none: the first available ones, or, if
// adjacent is set, the first n that follow one another. It returns the seats with the
// token. The error is [ErrClosed], [ErrInvalidSeats], [ErrInvalidTTL],
// [ErrSoldOut] or [ErrNotEnough].
func (p *Plan) BlockAny(user uint64, ttl time.Duration, n int, adjacent bool) (Token, []int, error) {
	p.mustBeMade("BlockAny")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Token{}, nil, p.end
	}
	if err := checkN(n); err != nil {
		return Token{}, nil, err
	}
	if err := checkTTL(ttl); err != nil {
		return Token{}, nil, err
	}
	now := p.clock.now()
	seats, err := p.choose(now, n, adjacent, nil)
	if err != nil {
		return Token{}, nil, err
	}
	return p.token(p.grant(now, now+int64(ttl), user, seats, nil)), seats, nil
}

// Book gives seats of the hold, or all of them if seats is nil, to its user
// permanently. It returns the token of the booking. Seats that are not booked stay
// held by the old token. The error is [ErrClosed], [ErrInvalidSeats] (also for a list
// that is empty and not nil), [ErrUnknownSeat], [ErrExpired] or [ErrToken].
func (p *Plan) Book(hold Token, seats ...int) (Token, error) {
	p.mustBeMade("Book")
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkPart(seats); err != nil {
		return Token{}, err
	}
	now := p.clock.now()
	head, err := p.find(now, &hold, SeatBlocked)
	if err != nil {
		return Token{}, err
	}
	part, err := p.part(head, seats, nil)
	if err != nil {
		return Token{}, err
	}
	return p.token(p.book(now, head, part, nil)), nil
}

// Release makes seats of the hold, or all of them if seats is nil, available again.
// The error is as for [Plan.Book].
func (p *Plan) Release(hold Token, seats ...int) error {
	return p.giveBack("Release", &hold, SeatBlocked, ChangeReleased, seats)
}

// Cancel makes seats of the booking, or all of them if seats is nil, available
// again. The error is as for [Plan.Book].
func (p *Plan) Cancel(booking Token, seats ...int) error {
	return p.giveBack("Cancel", &booking, SeatBooked, ChangeCanceled, seats)
}

func (p *Plan) giveBack(method string, t *Token, state SeatState, kind ChangeKind, seats []int) error {
	p.mustBeMade(method)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkPart(seats); err != nil {
		return err
	}
	now := p.clock.now()
	head, err := p.find(now, t, state)
	if err != nil {
		return err
	}
	part, err := p.part(head, seats, nil)
	if err != nil {
		return err
	}
	p.vacate(now, head, part, kind)
	return nil
}

// Extend lets the hold last until ttl from now. It returns how much time is left:
// more than ttl if the hold already lasted longer. The error is [ErrClosed],
// [ErrInvalidTTL], [ErrExpired] or [ErrToken].
func (p *Plan) Extend(hold Token, ttl time.Duration) (left time.Duration, err error) {
	p.mustBeMade("Extend")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return 0, p.end
	}
	if err := checkTTL(ttl); err != nil {
		return 0, err
	}
	now := p.clock.now()
	head, err := p.find(now, &hold, SeatBlocked)
	if err != nil {
		return 0, err
	}
	return time.Duration(p.extend(head, now+int64(ttl)) - now), nil
}

// PlanSeat is one seat of a [Plan] at one moment.
type PlanSeat struct {
	State SeatState
	User  uint64        // of a blocked or booked seat
	Left  time.Duration // the time to the deadline of a blocked seat
	Fence uint64
}

// Seat returns one seat. The error is [ErrClosed] or [ErrUnknownSeat].
func (p *Plan) Seat(seat int) (PlanSeat, error) {
	p.mustBeMade("Seat")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return PlanSeat{}, p.end
	}
	if err := p.checkKnown([]int{seat}); err != nil {
		return PlanSeat{}, err
	}
	now := p.clock.now()
	state, rec := p.stateAt(now, uint32(seat))
	if rec == nil {
		return PlanSeat{State: state}, nil
	}
	s := PlanSeat{State: state, User: rec.user, Fence: rec.fence}
	if state == SeatBlocked {
		s.Left = time.Duration(p.deadline(uint32(seat)) - now)
	}
	return s, nil
}

// Counts returns how many seats are in each state. For each block of 512 seats that
// may have a hold which has ended and is not swept yet, it looks at all 512, about a
// nanosecond each. The error is [ErrClosed].
func (p *Plan) Counts() (Counts, error) {
	p.mustBeMade("Counts")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Counts{}, p.end
	}
	now, closed := p.clock.now(), 0
	over := p.overdue(now)
	if over > 0 {
		closed = p.overdueClosed(now)
	}
	return Counts{
		Available: p.totals[SeatAvailable] + over - closed,
		Blocked:   p.totals[SeatBlocked] - over,
		Booked:    p.totals[SeatBooked],
		Closed:    p.totals[SeatClosed] + closed,
	}, nil
}

// Sweep ends holds whose deadline has passed. It takes the lock once, and stops after
// about limit seats, ended or looked at; a hold is always ended as a whole. A limit
// below 1 means 1. Sweep returns how many holds it ended and whether there may be
// more.
func (p *Plan) Sweep(limit int) (holds int, more bool) {
	p.mustBeMade("Sweep")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return 0, false
	}
	return p.sweep(p.clock.now(), max(limit, 1))
}

// Close ends the plan: every later call fails with [ErrClosed]. It may be called more
// than once, and on a zero Plan.
func (p *Plan) Close() {
	if p.shared.plan != nil {
		p.close(ErrClosed)
	}
}

// mustBeMade panics if NewPlan did not make p.
func (p *Plan) mustBeMade(method string) {
	if p.shared.plan != p {
		p.panicNotMade(method)
	}
}

func (p *Plan) panicNotMade(method string) { panic(notMade("Plan", method, p.shared.plan != nil)) }

// close ends the plan. Every later call returns the error end.
func (p *Plan) close(end error) {
	p.mustBeMade("Close")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil {
		p.stop(end, p.clock.now())
	}
	if p.moving {
		p.end, p.moving = end, false
	}
}

// stop lets every later call return the error end.
func (p *Plan) stop(end error, now int64) {
	p.end, p.endAt = end, now
	p.availableAt.Store(planEnded)
}

// token returns the token of the hold or booking that begins at head.
func (p *Plan) token(head uint32) Token {
	r := p.rec(head)
	return Token{Event: p.name, Fence: r.fence, seat: r.first, tag: r.tag}
}

// String returns the name of the event and how many seats are in each state.
func (p *Plan) String() string {
	if p.shared.plan != p {
		return "Plan(not made by NewPlan)"
	}
	c, err := p.Counts()
	if err != nil {
		return fmt.Sprintf("Plan(%s: closed)", p.name)
	}
	return fmt.Sprintf("Plan(%s: %d available, %d blocked, %d booked, %d closed)",
		p.name, c.Available, c.Blocked, c.Booked, c.Closed)
}

// Format prints [Plan.String], whatever the verb.
func (p *Plan) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue is [Plan.String].
func (p *Plan) LogValue() slog.Value { return slog.StringValue(p.String()) }
