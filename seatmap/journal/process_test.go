//go:build unix

package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
)

func TestASecondProcessIsKeptOut(t *testing.T) {
	if dir, inside := testkit.InChild(); inside {
		_, err := journal.Open(dir, small)
		fmt.Println("open", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	dir := filepath.Join(t.TempDir(), "journal")
	c := testkit.StartChild(t, dir)
	require.Equal(t, "open <nil>", c.Line())
	require.NoError(t, os.Rename(filepath.Join(dir, "lock"), filepath.Join(dir, "away")))
	_, err := journal.Open(dir, small)
	require.EqualError(t, err, "journal: "+dir+" is held by another process", "whatever becomes of the file that says by whom")
	require.NoError(t, os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "lock")))
	_, err = journal.Open(dir, small)
	require.ErrorIs(t, err, journal.ErrHeld)
	held, ok := errors.AsType[*journal.HeldError](err)
	require.True(t, ok)
	host, err := os.Hostname()
	require.NoError(t, err)
	assert.Equal(t, dir, held.Path)
	assert.Equal(t, c.Process.Pid, held.Owner.PID)
	assert.Equal(t, host, held.Owner.Host)
	assert.Equal(t, filepath.Base(os.Args[0]), held.Owner.Program)
	assert.ErrorContains(t, held, fmt.Sprintf("journal: %s is held by process %d (", dir, c.Process.Pid))
	_, _, err = journal.Read(dir)
	assert.EqualError(t, err, held.Error())
	c.Kill(nil)
	s, err := journal.Open(dir, small)
	require.NoError(t, err)
	_, err = journal.Open(dir, small)
	require.ErrorContains(t, err, fmt.Sprintf("is held by process %d (", os.Getpid()))
	require.NoError(t, s.Close())
	text, err := os.ReadFile(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	require.Empty(t, text)
}

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

var smallest = journal.Options{SegmentSize: 1 << 16, CompactAfter: 1 << 17}

// TestAStoreThatIsKilledLosesNothing has processes book and cancel, and kills each of
// them, without warning, after it has said a number of things.
func TestAStoreThatIsKilledLosesNothing(t *testing.T) {
	if dir, inside := testkit.InChild(); inside {
		sellUntilKilled(dir)
		return
	}
	dir := t.TempDir()
	ledger := map[string]*entry{} // by seat
	var holds []seatmap.Token
	acknowledged := 0
	hear := func(line string) {
		word, rest, _ := strings.Cut(line, " ")
		seat, text, _ := strings.Cut(rest, " ")
		e := ledger[seat]
		if e == nil {
			e = &entry{}
			ledger[seat] = e
		}
		switch word {
		case "hold": // and now it will be booked
			require.Empty(t, e.token, "seat %s has two owners", seat)
			e.unknown, e.held = true, true
			holds = append(holds, parse(t, text))
		case "booked":
			require.Empty(t, e.token, "seat %s has two owners", seat)
			*e = entry{token: text, canceling: e.canceling}
			acknowledged++
		case "cancel": // another user may hold the seat before it is canceled on disk
			*e = entry{unknown: true, canceling: text}
		case "canceled":
			if e.canceling == text && !e.held && e.token == "" {
				*e = entry{}
			}
		}
	}
	for range kills(t) {
		c := testkit.StartChild(t, dir)
		for n := 20 + rand.IntN(600); n > 0; n-- {
			hear(c.Line())
		}
		c.Kill(hear)
		audit(t, dir, ledger, holds)
		holds = nil
	}
	require.Greater(t, acknowledged, kills(t))
	t.Logf("%d acknowledged bookings, %d kills", acknowledged, kills(t))
}

// entry is what is known about a seat.
type entry struct {
	token   string // of its booking
	unknown bool   // a booking or cancellation is under way
	held    bool   // it is a booking
	// canceling is the token of the last booking that was to be canceled.
	canceling string
}

func parse(t *testing.T, text string) seatmap.Token {
	t.Helper()
	token, err := seatmap.ParseToken(text)
	require.NoError(t, err)
	return token
}

// audit opens the journal and compares it with the ledger. What was unknown is known
// after that.
func audit(t *testing.T, dir string, ledger map[string]*entry, holds []seatmap.Token) {
	t.Helper()
	s, err := journal.Open(dir, smallest)
	require.NoError(t, err)
	all, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	for _, seat := range all.Seats {
		e := ledger[seat.Seat]
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
			*e = entry{token: "somebody's"}
		case e.token != "" && e.token != "somebody's":
			require.Equal(t, seatmap.SeatBooked, seat.State, "the booking of seat %s is lost", seat.Seat)
			require.Equal(t, parse(t, e.token).Fence, seat.Fence)
		case e.token == "":
			require.Equal(t, seatmap.SeatAvailable, seat.State, "seat %s was not booked", seat.Seat)
		}
	}
	for _, hold := range holds {
		_, err := s.Book(ctx, seatmap.BookRequest{Token: hold})
		require.ErrorIs(t, err, seatmap.ErrExpired, "a hold is over after a restart")
	}
	for seat, e := range ledger { // the tokens of bookings work
		if e.token != "" && e.token != "somebody's" && rand.IntN(3) == 0 {
			_, err := s.Cancel(ctx, seatmap.CancelRequest{Token: parse(t, e.token), Seats: []string{seat}})
			require.NoError(t, err)
			*e = entry{}
		}
	}
	require.NoError(t, s.Close())
}

// sellUntilKilled says on standard output what it is about to do, and what was
// acknowledged.
func sellUntilKilled(dir string) {
	s, err := journal.Open(dir, smallest)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	_, err = s.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 20_000}, Key: seatmap.NewKey("create")})
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	say := func(words ...string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(strings.Join(words, " "))
	}
	for g := range 8 {
		go func() {
			for i := 0; ; i++ {
				h, err := s.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: fmt.Sprint("user", g), N: 1, TTL: ttl})
				if err != nil {
					panic(err)
				}
				say("hold", h.Seats[0], h.Token.Reveal())
				b, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token})
				if err != nil {
					panic(err)
				}
				say("booked", b.Seats[0], b.Token.Reveal())
				if i%4 != 0 {
					continue
				}
				say("cancel", b.Seats[0], b.Token.Reveal())
				if _, err := s.Cancel(ctx, seatmap.CancelRequest{Token: b.Token}); err != nil {
					panic(err)
				}
				say("canceled", b.Seats[0], b.Token.Reveal())
			}
		}()
	}
	select {}
}
