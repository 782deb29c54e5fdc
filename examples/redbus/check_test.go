package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/seatmap"
)

// faulty is a store in which something may be wrong.
type faulty struct {
	*mutexStore
	onBlock    func(m *mutexStore, user string, seat int) (hold, error)
	onBook     func(m *mutexStore, h hold) (booking, error)
	onStatuses func(list []SeatStatus) []SeatStatus
}

func (f *faulty) block(ctx context.Context, user string, seat int) (hold, error) {
	if f.onBlock != nil {
		return f.onBlock(f.mutexStore, user, seat)
	}
	return f.mutexStore.block(ctx, user, seat)
}

func (f *faulty) book(ctx context.Context, h hold) (booking, error) {
	if f.onBook != nil {
		return f.onBook(f.mutexStore, h)
	}
	return f.mutexStore.book(ctx, h)
}

func (f *faulty) statuses(ctx context.Context) ([]SeatStatus, error) {
	list, err := f.mutexStore.statuses(ctx)
	if f.onStatuses != nil {
		list = f.onStatuses(list)
	}
	return list, err
}

func opens(f faulty) func(config, []string) (store, error) {
	return func(c config, labels []string) (store, error) {
		f := f // each store is its own
		s, err := openMutex(c, labels)
		f.mutexStore = s.(*mutexStore)
		return &f, err
	}
}

// force makes the seat available, whoever has it, and returns what it was.
func force(m *mutexStore, seat int) (was SeatStatus) {
	m.with(func(s *seats) { was, s.byLabel[m.labels[seat]] = s.byLabel[m.labels[seat]], SeatStatus{} })
	return was
}

// sell books the seat of a hold, whoever has it.
func sell(m *mutexStore, h hold) (b booking) {
	m.with(func(s *seats) {
		s.fence++
		b = booking{time.Now(), s.fence}
		s.byLabel[m.labels[h.seat]] = SeatStatus{seatmap.SeatBooked, h.user, b.at, b.fence}
	})
	return b
}

// refuses is a store that refuses some, for no reason.
func refuses(whom func(user string, seat int) bool) func(config, []string) (store, error) {
	return opens(faulty{onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
		if whom(user, seat) {
			return hold{}, seatmap.ErrTaken
		}
		return m.block(context.Background(), user, seat)
	}})
}

// forgets is a store that knows nothing of a seat in a state after a part of the
// time of a hold.
func forgets(state seatmap.SeatState, part time.Duration) func(config, []string) (store, error) {
	return func(c config, labels []string) (store, error) {
		return opens(faulty{onStatuses: func(list []SeatStatus) []SeatStatus {
			for i, s := range list {
				if s.State == state && time.Since(s.At) >= c.hold/part {
					list[i] = SeatStatus{}
				}
			}
			return list
		}})(c, labels)
	}
}

// broken are versions that must not pass, named by what is wrong with them.
var broken = []version{
	{"two-holders", opens(faulty{onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
		if user == "user999" {
			force(m, seat)
		}
		return m.block(context.Background(), user, seat)
	}})},
	{"short-hold", func(c config, labels []string) (store, error) {
		c.hold /= 2
		return openMutex(c, labels)
	}},
	{"ghost", opens(faulty{onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
		h, err := m.block(context.Background(), user, seat)
		if user == "user0" {
			return hold{}, seatmap.ErrTaken
		}
		return h, err
	}})},
	{"fails", opens(faulty{onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
		if user == "user7" {
			return hold{}, errors.New("out of order")
		}
		return m.block(context.Background(), user, seat)
	}})},
	{"token-twice", opens(faulty{onBook: func(m *mutexStore, h hold) (booking, error) {
		b, err := m.book(context.Background(), h)
		if err != nil {
			return booking{at: time.Now()}, nil
		}
		return b, err
	}})},
	{"booking-lost", opens(faulty{onBook: func(m *mutexStore, h hold) (booking, error) {
		b, err := m.book(context.Background(), h)
		force(m, h.seat)
		return b, err
	}})},
	{"cannot-book", opens(faulty{onBook: func(*mutexStore, hold) (booking, error) {
		return booking{}, seatmap.ErrExpired
	}})},
	{"book-fails", opens(faulty{onBook: func(*mutexStore, hold) (booking, error) {
		return booking{}, errors.New("out of order")
	}})},
	{"books-late", opens(faulty{onBook: func(m *mutexStore, h hold) (booking, error) {
		b, err := m.book(context.Background(), h)
		b.at = b.at.Add(time.Hour)
		return b, err
	}})},
	{"wrong-user", opens(faulty{onStatuses: func(list []SeatStatus) []SeatStatus {
		list[0].User = "nobody"
		return list
	}})},
	{"seat-missing", opens(faulty{onStatuses: func(list []SeatStatus) []SeatStatus { return list[1:] }})},
	{"seat-forgotten", opens(faulty{onStatuses: func(list []SeatStatus) []SeatStatus {
		list[0] = SeatStatus{}
		return list
	}})},
	{"seat-invented", opens(faulty{
		onBlock: func(*mutexStore, string, int) (hold, error) { return hold{}, seatmap.ErrTaken },
		onStatuses: func(list []SeatStatus) []SeatStatus {
			list[1] = SeatStatus{State: seatmap.SeatBlocked, User: "user1"}
			return list
		},
	})},
	{"refuses-everyone", refuses(func(string, int) bool { return true })},
	{"refuses-odd-seats", refuses(func(_ string, seat int) bool { return seat%2 == 1 })},
	{"refuses-half-the-seats", refuses(func(_ string, seat int) bool { return seat >= 5 })},
	{"refuses-the-first", func(c config, labels []string) (store, error) {
		var asked sync.Map
		return refuses(func(_ string, seat int) bool {
			_, found := asked.LoadOrStore(seat, true)
			return !found
		})(c, labels)
	}},
	{"refuses-after-a-hold", func(c config, labels []string) (store, error) {
		told := c.hold
		c.hold = maxHold
		return opens(faulty{
			onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
				h, err := m.block(context.Background(), user, seat)
				h.until = h.at.Add(told)
				return h, err
			},
			onBook: func(m *mutexStore, h hold) (booking, error) {
				if !time.Now().Before(h.until) {
					return booking{}, seatmap.ErrExpired
				}
				return m.book(context.Background(), h)
			},
			onStatuses: func(list []SeatStatus) []SeatStatus {
				for i, s := range list {
					if !s.taken(told) {
						list[i] = SeatStatus{}
					}
				}
				return list
			},
		})(c, labels)
	}},
	{"sells-what-is-booked", opens(faulty{onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
		if was := force(m, seat); was.State == seatmap.SeatBlocked {
			m.with(func(s *seats) { s.byLabel[m.labels[seat]] = was })
		}
		return m.block(context.Background(), user, seat)
	}})},
	{"sells-after-the-end", opens(faulty{onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
		if user == "checker" {
			force(m, seat)
		}
		return m.block(context.Background(), user, seat)
	}})},
	{"books-for-strangers", opens(faulty{onBook: func(m *mutexStore, h hold) (booking, error) {
		m.with(func(s *seats) {
			if s := s.byLabel[m.labels[h.seat]]; s.fence == h.fence {
				h.user = s.User
			}
		})
		return m.book(context.Background(), h)
	}})},
	{"trusts-the-deadline-it-is-told", func(c config, labels []string) (store, error) {
		return opens(faulty{onBook: func(m *mutexStore, h hold) (booking, error) {
			if ttl := m.ttl; h.until.Sub(h.at) > ttl {
				return sell(m, h), nil
			}
			return m.book(context.Background(), h)
		}})(c, labels)
	}},
	{"books-after-the-end", opens(faulty{onBook: func(m *mutexStore, h hold) (booking, error) {
		b, err := m.book(context.Background(), h)
		if errors.Is(err, seatmap.ErrExpired) && force(m, h.seat).State == seatmap.SeatAvailable {
			return sell(m, h), nil
		}
		return b, err
	}})},
	{"loses-bookings-at-the-deadline", forgets(seatmap.SeatBooked, 1)},
	{"frees-early", forgets(seatmap.SeatBlocked, 2)},
	{"lapsed-hold-frees-the-next", opens(faulty{onBook: func(m *mutexStore, h hold) (booking, error) {
		b, err := m.book(context.Background(), h)
		if errors.Is(err, seatmap.ErrExpired) {
			if was := force(m, h.seat); was.State == seatmap.SeatBooked {
				m.with(func(s *seats) { s.byLabel[m.labels[h.seat]] = was })
			}
		}
		return b, err
	}})},
	{"refusal-frees-the-seat", opens(faulty{onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
		h, err := m.block(context.Background(), user, seat)
		if err != nil {
			force(m, seat)
		}
		return h, err
	}})},
	{"booking-frees-the-neighbour", opens(faulty{onBook: func(m *mutexStore, h hold) (booking, error) {
		b, err := m.book(context.Background(), h)
		force(m, (h.seat+1)%len(m.labels))
		return b, err
	}})},
	{"counts-too-many", opens(faulty{onStatuses: func(list []SeatStatus) []SeatStatus {
		for i := range list {
			list[i].State = seatmap.SeatBooked
		}
		return list
	}})},
	{"counts-too-few", opens(faulty{onStatuses: func(list []SeatStatus) []SeatStatus {
		for i, s := range list {
			if s.State == seatmap.SeatBooked {
				list[i].State = seatmap.SeatBlocked
			}
		}
		return list
	}})},
	{"interrupted", opens(faulty{onBlock: func(m *mutexStore, user string, seat int) (hold, error) {
		if user == "user100" {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Signal(os.Interrupt)
			}
			if err != nil {
				panic(err)
			}
		}
		return m.block(context.Background(), user, seat)
	}})},
}

func TestCheckerFindsWhatIsWrong(t *testing.T) {
	for name, text := range map[string]string{
		"two-holders":    "before the hold of user",
		"short-hold":     "was given a hold from",
		"ghost":          "one was given twice, or to nobody",
		"fails":          "unexpected answer: user7: block seat ",
		"token-twice":    "could be used after its end",
		"booking-lost":   "but 4 users were told so",
		"cannot-book":    "could not book before the deadline",
		"book-fails":     "out of order",
		"books-late":     "booked outside the hold",
		"wrong-user":     `seat 1 is `,
		"seat-missing":   "9 seats at the end, not 10",
		"seat-forgotten": "seat 1 is Available after 1 grants",
		"seat-invented":  "seats are held, more than the 0 winners",

		"refuses-everyone":               "seat 10: user1 was refused although nobody had it",
		"refuses-odd-seats":              "seat 2: user4 was refused although nobody had it",
		"refuses-half-the-seats":         "seat 6: user0 was refused although nobody had it",
		"refuses-the-first":              "was refused although nobody had it",
		"refuses-after-a-hold":           "seat 1 is free, but cannot be had: seatmap: taken",
		"sells-what-is-booked":           " had booked it",
		"sells-after-the-end":            "and was sold once more",
		"books-for-strangers":            "a stranger could book seat 1",
		"trusts-the-deadline-it-is-told": "a hold could be booked after its end",
		"books-after-the-end":            "a hold could be booked after its end",
		"loses-bookings-at-the-deadline": "a seat is Available, not Booked { user: pays }",
		"frees-early":                    "a seat is Available before its hold ends",
		"lapsed-hold-frees-the-next":     "a seat is Available, but was given to second",
		"refusal-frees-the-seat":         "before the hold of user",
		"booking-frees-the-neighbour":    "a seat is Available, not Blocked { user: other",
		"counts-too-many":                "seats are booked, but ",
		"counts-too-few":                 "seats are booked, but ",
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := redbusAs(t, name, "-users", "1000", "-seats", "10", "-workers", "1", "-json")
			assert.Equal(t, program.Failed, code)
			assert.Contains(t, stderr, "redbus: "+name+": ")
			assert.Contains(t, stderr, text)
			assert.LessOrEqual(t, strings.Count(stderr, "\n"), mostProblems+1)
			var r jsonReport
			require.NoError(t, json.Unmarshal([]byte(stdout), &r))
			assert.NotEmpty(t, r.Versions[0].Problems)
		})
	}
}

// Every broken store must have a line above.
func TestEachBrokenStoreIsTried(t *testing.T) {
	source, err := os.ReadFile("check_test.go")
	require.NoError(t, err)
	for _, v := range broken {
		if v.name == "interrupted" { // it is not broken
			continue
		}
		assert.GreaterOrEqual(t, strings.Count(string(source), `"`+v.name+`"`), 2, v.name)
	}
}

func TestHonestVersionsPassUnderEveryLoad(t *testing.T) {
	for _, v := range versions {
		for _, c := range []config{
			{users: 1, seats: 1, hold: 5 * time.Minute},
			{users: 1000, seats: 10, hold: 5 * time.Minute, workers: 1},
			{users: 3000, seats: 10, hold: time.Nanosecond, workers: 4},
			{users: 3000, seats: 10, hold: 50 * time.Microsecond},
			{users: 3000, seats: 3000, hold: 10 * time.Millisecond},
			{users: 60_000, seats: 100, hold: 5 * time.Millisecond, workers: 8},
		} {
			o, err := simulate(t.Context(), c, v, bar(os.Stdin, "", c.users))
			require.NoError(t, err)
			assert.Empty(t, o.problems, "%+v", c)
			assert.Zero(t, o.faults)
		}
	}
}

func TestTwoHoldersAreShownInTheTable(t *testing.T) {
	code, stdout, _ := redbusAs(t, "two-holders", "-users", "1000", "-seats", "10", "-workers", "1")
	assert.Equal(t, program.Failed, code)
	assert.Regexp(t, `(?m)^one holder a seat +NO$`, stdout)
}

func TestStoreThatCannotBeOpened(t *testing.T) {
	boom := errors.New("no room")
	_, err := simulate(t.Context(), config{users: 1, seats: 1, hold: time.Second},
		version{"none", func(config, []string) (store, error) { return nil, boom }}, bar(os.Stdin, "", 1))
	require.ErrorIs(t, err, boom)
}
