//go:build unix

package outage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

const (
	processes  = 4
	restarts   = 3
	goroutines = 2  // in each process
	requests   = 12 // of each goroutine, about one event
	fewSeats   = 3  // of an event, so that requests compete
	theUser    = "ann"
)

// Processes has four processes, of two goroutines each, use one server, which is killed and
// restarted now and then, and checks with porcupine that an order explains what they were
// answered about each event. All requests have keys and are repeated until they are answered.
// It must be all that its test does.
//
// Prepare is called in the test's process. It starts a server and returns an address at
// which it can always be reached, and a function that kills and restarts it. Open is called in
// each of the other processes.
func Processes(
	t *testing.T, prepare func(t *testing.T) (address string, restart func()), open func(t *testing.T, address string) seatmap.Store,
) {
	t.Helper()
	if place, ok := testkit.InChild(); ok {
		parts := strings.SplitN(place, "|", 4)
		child, _ := strconv.Atoi(parts[0])
		rounds, _ := strconv.Atoi(parts[1])
		(&process{number: child, dir: parts[2], shared: share(t, parts[2], rounds)}).run(t, rounds, open(t, parts[3]))
		return
	}
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	address, restart := prepare(t)
	dir := t.TempDir()
	shared := share(t, dir, rounds)
	ended := make(chan error, processes)
	for n := range processes {
		c := testkit.NewChild(t, fmt.Sprintf("%d|%d|%s|%s", n, rounds, dir, address))
		go func() {
			out, err := c.Output()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			ended <- err
		}()
	}
	left := processes
	for n := range restarts {
		for shared.arrived(rounds*(n+1)/(restarts+1)) == 0 {
			select {
			case err := <-ended:
				require.NoError(t, err)
				left--
			case <-time.After(time.Millisecond):
			}
		}
		restart()
	}
	for range left {
		require.NoError(t, <-ended)
	}
	checkHistories(t, dir, rounds)
}

// shared is memory that all processes share: the time, by which their requests are ordered,
// and for each event how many goroutines have begun with it.
type shared []int64

func share(t *testing.T, dir string, rounds int) shared {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(dir, "shared"), os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	size := 8 * (1 + rounds)
	require.NoError(t, file.Truncate(int64(size)))
	memory, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(memory)) })
	return unsafe.Slice((*int64)(unsafe.Pointer(&memory[0])), 1+rounds) //nolint:gosec // a page is aligned
}

func (s shared) now() int64              { return atomic.AddInt64(&s[0], 1) }
func (s shared) arrived(round int) int64 { return atomic.LoadInt64(&s[1+round]) }

// meet waits until all goroutines of all processes have come.
func (s shared) meet(round int) error {
	atomic.AddInt64(&s[1+round], 1)
	for end := time.Now().Add(2 * time.Minute); s.arrived(round) < processes*goroutines; {
		if time.Now().After(end) {
			return errors.New("another process did not come")
		}
		<-time.After(100 * time.Microsecond)
	}
	return nil
}

// act is a request and its answer.
type act struct {
	Client   int
	Event    int
	From, To int64
	Op       string
	Seats    []int             `json:",omitempty"` // of block, from 0
	Token    uint64            `json:",omitempty"` // the fence of the token that was used
	Fence    uint64            `json:",omitempty"` // of the token that was given
	Refused  string            `json:",omitempty"`
	Seen     [fewSeats]seatNow // by look
}

// seatNow is what a seat is: free, or held or booked under a fence.
type seatNow struct {
	Fence  uint64
	Booked bool
}

const (
	opBlock   = "block"
	opBook    = "book"
	opRelease = "release"
	opCancel  = "cancel"
	opLook    = "look"
)

// process is one of the four.
type process struct {
	number int
	dir    string
	shared shared
	mu     sync.Mutex
	out    *json.Encoder
}

func eventName(round int) string { return "event" + strconv.Itoa(round) }

func (p *process) file(name string) string { return filepath.Join(p.dir, name) }

func (p *process) run(t *testing.T, rounds int, store seatmap.Store) {
	t.Helper()
	defer func() { require.NoError(t, store.Close()) }()
	out, err := os.Create(p.file("acts-" + strconv.Itoa(p.number)))
	require.NoError(t, err)
	defer func() { require.NoError(t, out.Close()) }()
	p.out = json.NewEncoder(out)
	errs := make([]error, goroutines)
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for round := range rounds {
				if errs[g] = p.round(t.Context(), store, p.number*goroutines+g, round); errs[g] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}

// untilAnswered repeats a call until it is answered.
func untilAnswered(ctx context.Context, call func() error) error {
	for {
		err := call()
		if ctx.Err() != nil || !errors.Is(err, seatmap.ErrUnavailable) && !errors.Is(err, seatmap.ErrOutcomeUnknown) {
			return err
		}
		<-time.After(time.Millisecond)
	}
}

// round makes the requests of a goroutine about one event.
func (p *process) round(ctx context.Context, store seatmap.Store, client, round int) error {
	event := eventName(round)
	err := untilAnswered(ctx, func() error {
		_, err := store.Create(ctx, seatmap.CreateRequest{
			Event: event, Layout: seatmap.Layout{Count: fewSeats}, Key: seatmap.NewKey("create"),
		})
		return err
	})
	if err != nil {
		return err
	}
	if err := p.shared.meet(round); err != nil {
		return err
	}
	for i := range requests {
		a := &act{Client: client, Event: round}
		token := p.choose(a)
		key := seatmap.NewKey(fmt.Sprint(client, "-", i))
		a.From = p.shared.now()
		var given seatmap.Token
		err := untilAnswered(ctx, func() (err error) {
			switch a.Op {
			case opBlock:
				labels := []string{}
				for _, seat := range a.Seats {
					labels = append(labels, strconv.Itoa(seat+1))
				}
				var h seatmap.Hold
				h, err = store.Block(ctx, seatmap.BlockRequest{Event: event, User: theUser, Seats: labels, TTL: time.Hour, Key: key})
				given = h.Token
			case opBook:
				var b seatmap.Booking
				b, err = store.Book(ctx, seatmap.BookRequest{Token: token, User: theUser, Key: key})
				given = b.Token
			case opRelease:
				_, err = store.Release(ctx, seatmap.ReleaseRequest{Token: token, User: theUser, Key: key})
			case opCancel:
				_, err = store.Cancel(ctx, seatmap.CancelRequest{Token: token, User: theUser, Key: key})
			default:
				var s seatmap.Snapshot
				s, err = store.Seats(ctx, seatmap.SeatsRequest{Event: event})
				for i, seat := range s.Seats {
					a.Seen[i] = seatNow{seat.Fence, seat.State == seatmap.SeatBooked}
				}
			}
			return err
		})
		a.To, a.Fence = p.shared.now(), given.Fence
		switch {
		case err == nil:
		case errors.Is(err, seatmap.ErrSoldOut):
			a.Refused = "sold out"
		case errors.Is(err, seatmap.ErrTaken):
			a.Refused = "taken"
		case errors.Is(err, seatmap.ErrExpired):
			a.Refused = "expired"
		default:
			return fmt.Errorf("%s: %w", a.Op, err)
		}
		if err := p.keep(a, given); err != nil {
			return err
		}
	}
	return nil
}

// choose chooses what is asked, with a token that any process may have got.
func (p *process) choose(a *act) (token seatmap.Token) {
	a.Op = []string{opBlock, opBlock, opBlock, opBook, opBook, opRelease, opCancel, opLook}[rand.IntN(8)]
	kind := "holds"
	switch a.Op {
	case opLook:
		return token
	case opCancel:
		kind = "bookings"
	}
	if a.Op != opBlock {
		text, _ := os.ReadFile(p.file(kind + strconv.Itoa(a.Event))) // there may be none
		if all := strings.Fields(string(text)); len(all) > 0 {
			last := min(3, len(all))
			token, err := seatmap.ParseToken(all[len(all)-1-rand.IntN(last)])
			if err == nil { // else it is not written to its end yet
				a.Token = token.Fence
				return token
			}
		}
	}
	a.Op, a.Seats = opBlock, []int{rand.IntN(fewSeats)}
	if rand.IntN(2) == 0 {
		a.Seats = append(a.Seats, (a.Seats[0]+1)%fewSeats)
	}
	return token
}

// keep keeps an act for the check, and its token for all processes.
func (p *process) keep(a *act, given seatmap.Token) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if given != (seatmap.Token{}) {
		kind := "holds"
		if a.Op == opBook {
			kind = "bookings"
		}
		file, err := os.OpenFile(p.file(kind+strconv.Itoa(a.Event)), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = file.WriteString(given.Reveal() + "\n")
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return p.out.Encode(a)
}

// checkHistories checks what all processes have kept.
func checkHistories(t *testing.T, dir string, rounds int) {
	t.Helper()
	histories := make([][]porcupine.Operation, rounds)
	fences := map[[2]uint64]bool{}
	kinds := map[string]int{}
	for n := range processes {
		file, err := os.Open(filepath.Join(dir, "acts-"+strconv.Itoa(n)))
		require.NoError(t, err)
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			a := &act{}
			require.NoError(t, json.Unmarshal(lines.Bytes(), a))
			histories[a.Event] = append(histories[a.Event], porcupine.Operation{ClientId: a.Client, Input: a, Output: a, Call: a.From, Return: a.To})
			kinds[strings.TrimSpace(a.Op+" "+a.Refused)]++
			if a.Fence != 0 {
				fence := [2]uint64{uint64(a.Event), a.Fence}
				require.False(t, fences[fence], "the fence %d was given twice", a.Fence)
				fences[fence] = true
			}
		}
		require.NoError(t, lines.Err())
		require.NoError(t, file.Close())
	}
	t.Log(kinds)
	for round, h := range histories {
		require.Len(t, h, processes*goroutines*requests)
		require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(eventModel, h, time.Minute), "event %d: no order explains its history", round)
	}
}

// eventModel is an event whose holds do not end by themselves.
var eventModel = porcupine.Model{
	Init: func() any { return [fewSeats]seatNow{} },
	Step: func(state, input, _ any) (bool, any) {
		now, a := state.([fewSeats]seatNow), input.(*act)
		return a.step(&now), now
	},
}

// step reports whether the request can have its answer, and makes its change.
func (a *act) step(now *[fewSeats]seatNow) bool {
	if a.Op == opLook {
		return a.Seen == *now
	}
	found, free := false, 0
	for _, seat := range now {
		found = found || seat.Fence == a.Token && seat.Booked == (a.Op == opCancel)
		if seat.Fence == 0 {
			free++
		}
	}
	if a.Op == opBlock {
		found = true
		for _, i := range a.Seats {
			found = found && now[i].Fence == 0
		}
	}
	if a.Refused != "" {
		return !found && (a.Refused != "sold out" || free == 0) && (a.Refused == "expired") == (a.Op != opBlock)
	}
	for _, i := range a.Seats {
		now[i] = seatNow{Fence: a.Fence}
	}
	if a.Op != opBlock {
		for i, seat := range now {
			if seat.Fence == a.Token {
				now[i] = seatNow{a.Fence, a.Op == opBook}
			}
		}
	}
	return found
}
