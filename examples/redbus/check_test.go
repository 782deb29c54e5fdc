package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		s, err := openMutex(c, labels)
		f.mutexStore = s.(*mutexStore)
		return &f, err
	}
}

// force makes the seat available, whoever has it.
func force(m *mutexStore, seat int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seats[m.labels[seat]] = SeatStatus{}
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
			list[1] = SeatStatus{State: seatmap.Blocked, User: "user1"}
			return list
		},
	})},
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
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := redbusAs(t, name, "-users", "1000", "-seats", "10", "-workers", "1", "-json")
			assert.Equal(t, exitWrong, code)
			assert.Contains(t, stderr, "redbus: "+name+": ")
			assert.Contains(t, stderr, text)
			assert.LessOrEqual(t, strings.Count(stderr, "\n"), 21)
			var r jsonReport
			require.NoError(t, json.Unmarshal([]byte(stdout), &r))
			assert.NotEmpty(t, r.Versions[0].Problems)
		})
	}
}

func TestTwoHoldersAreShownInTheTable(t *testing.T) {
	code, stdout, _ := redbusAs(t, "two-holders", "-users", "1000", "-seats", "10", "-workers", "1")
	assert.Equal(t, exitWrong, code)
	assert.Regexp(t, `(?m)^one holder a seat +NO$`, stdout)
}

func TestStoreThatCannotBeOpened(t *testing.T) {
	boom := errors.New("no room")
	_, err := simulate(t.Context(), config{users: 1, seats: 1, hold: time.Second},
		version{"none", func(config, []string) (store, error) { return nil, boom }}, bar(os.Stdin, "", 1))
	require.ErrorIs(t, err, boom)
}
