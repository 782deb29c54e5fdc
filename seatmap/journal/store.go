package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"

	"github.com/coderrange/ferrous/internal/ctxerr"
	"github.com/coderrange/ferrous/seatmap"
)

// Create implements [seatmap.Store]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) Create(ctx context.Context, r seatmap.CreateRequest) (receipt seatmap.Receipt, err error) {
	err = s.write(ctx, "Create", r.Event, &r, func() (err error) {
		receipt, err = s.m.Create(ctx, r)
		if errors.Is(err, seatmap.ErrClosed) {
			return seatmap.ErrOutcomeUnknown // the event may be in the log
		}
		return err
	})
	return receipt, err
}

// Remove implements [seatmap.Store]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) Remove(ctx context.Context, r seatmap.RemoveRequest) (receipt seatmap.Receipt, err error) {
	err = s.write(ctx, "Remove", r.Event, &r, func() (err error) {
		receipt, err = s.m.Remove(ctx, r)
		return err
	})
	return receipt, err
}

// Block implements [seatmap.Store]. A refusal costs what it costs in a Map. A grant waits
// for the disk if [Options.Holds] is set.
func (s *Store) Block(ctx context.Context, r seatmap.BlockRequest) (h seatmap.Hold, err error) {
	if s.self != s || s.slow.Load() || ctx == nil {
		return s.blockSlow(ctx, r)
	}
	// A hold is large. It is copied into the result at once, and not from a variable.
	if h, err = s.m.Block(ctx, r); err == nil {
		err = s.wait(ctx, r.Event, false)
	}
	return h, err
}

// blockSlow is Block if holds are durable, or if there is something wrong.
func (s *Store) blockSlow(ctx context.Context, r seatmap.BlockRequest) (h seatmap.Hold, err error) {
	err = s.write(ctx, "Block", r.Event, &r, func() (err error) {
		h, err = s.m.Block(ctx, r)
		return err
	})
	return h, err
}

// BlockAny implements [seatmap.Store]. A grant waits for the disk if [Options.Holds] is
// set.
func (s *Store) BlockAny(ctx context.Context, r seatmap.BlockAnyRequest) (h seatmap.Hold, err error) {
	err = s.change(ctx, "BlockAny", r.Event, &r, func() (err error) {
		h, err = s.m.BlockAny(ctx, r)
		return err
	})
	return h, err
}

// change carries out a request that has to be on disk if holds are durable, or if it may
// be about a hold without a deadline.
func (s *Store) change(ctx context.Context, method, event string, request any, do func() error) error {
	if s.mustBeMade(method); s.options.Holds || s.state.Reserved(event) {
		return s.write(ctx, method, event, request, do)
	}
	if err := s.read(ctx, method, request, do); err != nil {
		return err
	}
	return s.wait(ctx, event, false)
}

// read carries out a request that changes nothing.
func (s *Store) read(ctx context.Context, method string, request any, do func() error) error {
	if err := s.check(ctx, method); err != nil {
		return err
	}
	if err := s.ready(ctx, request); err != nil {
		return err
	}
	return do()
}

// Book implements [seatmap.Store]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) Book(ctx context.Context, r seatmap.BookRequest) (b seatmap.Booking, err error) {
	err = s.write(ctx, "Book", r.Token.Event, &r, func() (err error) {
		b, err = s.m.Book(ctx, r)
		return err
	})
	return b, err
}

// Release implements [seatmap.Store]. It waits for the disk if [Options.Holds] is set, or
// if there was a Reserve of the event.
func (s *Store) Release(ctx context.Context, r seatmap.ReleaseRequest) (receipt seatmap.Receipt, err error) {
	err = s.change(ctx, "Release", r.Token.Event, &r, func() (err error) {
		receipt, err = s.m.Release(ctx, r)
		return err
	})
	return receipt, err
}

// Extend implements [seatmap.Store]. It waits for the disk if [Options.Holds] is set.
func (s *Store) Extend(ctx context.Context, r seatmap.ExtendRequest) (h seatmap.Hold, err error) {
	err = s.change(ctx, "Extend", r.Token.Event, &r, func() (err error) {
		h, err = s.m.Extend(ctx, r)
		return err
	})
	return h, err
}

// Cancel implements [seatmap.Store]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) Cancel(ctx context.Context, r seatmap.CancelRequest) (receipt seatmap.Receipt, err error) {
	err = s.write(ctx, "Cancel", r.Token.Event, &r, func() (err error) {
		receipt, err = s.m.Cancel(ctx, r)
		return err
	})
	return receipt, err
}

// Seat implements [seatmap.Store].
func (s *Store) Seat(ctx context.Context, r seatmap.SeatRequest) (info seatmap.SeatInfo, err error) {
	err = s.read(ctx, "Seat", &r, func() (err error) {
		info, err = s.m.Seat(ctx, r)
		return err
	})
	return info, err
}

// Seats implements [seatmap.Store].
func (s *Store) Seats(ctx context.Context, r seatmap.SeatsRequest) (snapshot seatmap.Snapshot, err error) {
	err = s.read(ctx, "Seats", &r, func() (err error) {
		snapshot, err = s.m.Seats(ctx, r)
		return err
	})
	return snapshot, err
}

// Layout implements [seatmap.Store].
func (s *Store) Layout(ctx context.Context, r seatmap.LayoutRequest) (layout seatmap.Layout, err error) {
	err = s.read(ctx, "Layout", &r, func() (err error) {
		layout, err = s.m.Layout(ctx, r)
		return err
	})
	return layout, err
}

// Counts implements [seatmap.Store].
func (s *Store) Counts(ctx context.Context, r seatmap.CountsRequest) (counts seatmap.Counts, err error) {
	err = s.read(ctx, "Counts", &r, func() (err error) {
		counts, err = s.m.Counts(ctx, r)
		return err
	})
	return counts, err
}

// Holds implements [seatmap.Store].
func (s *Store) Holds(ctx context.Context, r seatmap.HoldsRequest) (holds []seatmap.HoldInfo, err error) {
	err = s.read(ctx, "Holds", &r, func() (err error) {
		holds, err = s.m.Holds(ctx, r)
		return err
	})
	return holds, err
}

// Watch implements [seatmap.Store]; see [seatmap.Map.Watch]. If the store fails, the last
// element is [seatmap.ErrUnavailable].
//
//ferrous:blocks
func (s *Store) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	if err := s.check(ctx, "Watch"); err != nil {
		return func(yield func(seatmap.Change, error) bool) { yield(seatmap.Change{}, err) }
	}
	return func(yield func(seatmap.Change, error) bool) {
		if err := s.ready(ctx, &r); err != nil {
			yield(seatmap.Change{}, err)
			return
		}
		watching, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(s.failed, func() { cancel(seatmap.ErrUnavailable) })()
		for change, err := range s.m.Watch(watching, r) {
			if err != nil && s.failed.Err() != nil && ctx.Err() == nil && !s.closed.Load() {
				err = unavailable(s.log.Failed())
			}
			if !yield(change, err) {
				return
			}
		}
	}
}

// Sweep implements [seatmap.Sweeper].
func (s *Store) Sweep(ctx context.Context) (holds int, err error) {
	err = s.read(ctx, "Sweep", nil, func() (err error) {
		holds, err = s.m.Sweep(ctx)
		return err
	})
	return holds, err
}

// Erase replaces the name of a user in all events by another one, which it draws,
// forgets the keys of the user's requests, and takes the references of the user's holds and
// bookings away. Then it compacts, so that no file of the
// journal has the name any more; what a disk or file system keeps of files that were
// removed is not in its hands. The user's seats stay blocked or booked, and the tokens
// work. It returns how many seats those are. The error is [seatmap.ErrClosed], the
// context's, [seatmap.ErrInvalidUser], or [seatmap.ErrUnavailable]; then files may still
// have the name, so Erase has to be called again.
//
//ferrous:blocks
func (s *Store) Erase(ctx context.Context, user string) (seats int, err error) {
	check := seatmap.HoldsRequest{Event: "any", User: user}
	err = s.read(ctx, "Erase", &check, func() error {
		if ctx.Err() != nil {
			return fmt.Errorf("journal: %w", ctxerr.Of(ctx))
		}
		return s.state.Check(&check)
	})
	if err != nil {
		return 0, err
	}
	seats = s.state.Erase(user, "erased-"+rand.Text())
	return seats, s.Compact(ctx)
}
