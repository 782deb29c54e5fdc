package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// store is what a version of the reservation does. A seat that cannot be had is
// refused with [seatmap.ErrTaken], a hold that is over with [seatmap.ErrExpired],
// and one that is another user's with [seatmap.ErrToken].
type store interface {
	// block holds a seat, given by its index, for a user.
	block(ctx context.Context, user string, seat int) (hold, error)
	// book makes a hold a booking.
	book(ctx context.Context, h hold) (booking, error)
	// statuses reports all seats, in order.
	statuses(ctx context.Context) ([]SeatStatus, error)
	// close ends the store and its clean-up in the background.
	close() error
}

// hold is a seat that is one user's until a deadline.
type hold struct {
	user      string
	seat      int
	at, until time.Time
	// fence numbers the holds and bookings of a bus in the order in which they
	// were made, from 1.
	fence uint64
	token seatmap.Token // in the version that has tokens
}

// booking is a seat that is one user's for good.
type booking struct {
	at    time.Time
	fence uint64
}

// SeatStatus is Available, Blocked or Booked, by whom and since when.
type SeatStatus struct {
	State seatmap.SeatState
	User  string
	At    time.Time
	fence uint64
}

// String returns the status as in `Blocked { user: user7, at: 12:30:01.042 }`.
func (s SeatStatus) String() string {
	switch s.State {
	case seatmap.SeatBlocked:
		return fmt.Sprintf("Blocked { user: %s, at: %s }", s.User, s.At.Format("15:04:05.000"))
	case seatmap.SeatBooked:
		return fmt.Sprintf("Booked { user: %s }", s.User)
	default:
		return s.State.String()
	}
}

// taken says whether nobody can block the seat.
func (s SeatStatus) taken(ttl time.Duration) bool {
	return s.State == seatmap.SeatBooked || s.State == seatmap.SeatBlocked && time.Since(s.At) < ttl
}

// bookable says why the hold, which lasts for ttl, cannot be made a booking of
// the seat now. It trusts what the seat knows, not what the hold says.
func (s SeatStatus) bookable(h hold, now time.Time, ttl time.Duration) error {
	switch {
	case s.State != seatmap.SeatBlocked || s.fence != h.fence || now.Sub(s.At) >= ttl:
		return seatmap.ErrExpired
	case s.User != h.user:
		return seatmap.ErrToken
	}
	return nil
}

// version is a store by its name.
type version struct {
	name string
	open func(c config, labels []string) (store, error)
}

var versions = []version{
	{"mutex", openMutex},
	{"map", openConcurrent},
	{"seatmap", openSeatmap},
	{"threads", openThreads},
	{"journal", openJournal},
}

// chosen returns the versions that a -version flag means, one of [names] and no server. To all belong
// those that give each user a goroutine and need no disk.
func chosen(name string) []version {
	if name == "all" {
		return slices.DeleteFunc(slices.Clone(versions), func(v version) bool { return v.name == "threads" || v.name == "journal" })
	}
	i := slices.IndexFunc(versions, func(v version) bool { return v.name == name })
	return versions[i : i+1]
}

// names returns what a -version flag can say.
func names() []string {
	list := []string{"all"}
	for _, v := range versions {
		list = append(list, v.name)
	}
	return append(list, slices.Sorted(maps.Keys(servers))...)
}
