package journal

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/coderrange/ferrous/seatmap"
)

// This file has what a Store offers beyond [seatmap.Store].

var (
	_ seatmap.Operator = (*Store)(nil)
	_ seatmap.Payer    = (*Store)(nil)
	_ seatmap.Porter   = (*Store)(nil)

	_ seatmap.SeatCloser = (*Store)(nil)
	_ seatmap.Lister     = (*Store)(nil)
	_ seatmap.SeatAdder  = (*Store)(nil)
)

// Revoke implements [seatmap.Operator]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) Revoke(ctx context.Context, r seatmap.RevokeRequest) (receipt seatmap.Receipt, err error) {
	err = s.write(ctx, "Revoke", r.Event, &r, func() (err error) {
		receipt, err = s.m.Revoke(ctx, r)
		return err
	})
	return receipt, err
}

// Reissue implements [seatmap.Operator]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) Reissue(ctx context.Context, r seatmap.ReissueRequest) (h seatmap.Hold, err error) {
	err = s.write(ctx, "Reissue", r.Event, &r, func() (err error) {
		h, err = s.m.Reissue(ctx, r)
		return err
	})
	return h, err
}

// Move implements [seatmap.Operator]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) Move(ctx context.Context, r seatmap.MoveRequest) (h seatmap.Hold, err error) {
	err = s.write(ctx, "Move", r.Event, &r, func() (err error) {
		h, err = s.m.Move(ctx, r)
		return err
	})
	return h, err
}

// Reserve implements [seatmap.Operator]. It waits for the disk: a hold without a deadline
// is always durable.
//
//ferrous:blocks
func (s *Store) Reserve(ctx context.Context, r seatmap.ReserveRequest) (h seatmap.Hold, err error) {
	err = s.write(ctx, "Reserve", r.Event, &r, func() (err error) {
		h, err = s.m.Reserve(ctx, r)
		return err
	})
	return h, err
}

// ReserveAny implements [seatmap.Operator]. It waits for the disk, as Reserve does.
//
//ferrous:blocks
func (s *Store) ReserveAny(ctx context.Context, r seatmap.ReserveAnyRequest) (h seatmap.Hold, err error) {
	err = s.write(ctx, "ReserveAny", r.Event, &r, func() (err error) {
		h, err = s.m.ReserveAny(ctx, r)
		return err
	})
	return h, err
}

// CloseSeats implements [seatmap.SeatCloser]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) CloseSeats(ctx context.Context, r seatmap.CloseSeatsRequest) (receipt seatmap.Receipt, err error) {
	err = s.write(ctx, "CloseSeats", r.Event, &r, func() (err error) {
		receipt, err = s.m.CloseSeats(ctx, r)
		return err
	})
	return receipt, err
}

// OpenSeats implements [seatmap.SeatCloser]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) OpenSeats(ctx context.Context, r seatmap.OpenSeatsRequest) (receipt seatmap.Receipt, err error) {
	err = s.write(ctx, "OpenSeats", r.Event, &r, func() (err error) {
		receipt, err = s.m.OpenSeats(ctx, r)
		return err
	})
	return receipt, err
}

// SetQuota implements [seatmap.SeatCloser]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) SetQuota(ctx context.Context, r seatmap.SetQuotaRequest) (receipt seatmap.Receipt, err error) {
	err = s.write(ctx, "SetQuota", r.Event, &r, func() (err error) {
		receipt, err = s.m.SetQuota(ctx, r)
		return err
	})
	return receipt, err
}

// AddSeats implements [seatmap.SeatAdder]. It waits for the disk.
//
//ferrous:blocks
func (s *Store) AddSeats(ctx context.Context, r seatmap.AddSeatsRequest) (receipt seatmap.Receipt, err error) {
	err = s.write(ctx, "AddSeats", r.Event, &r, func() (err error) {
		receipt, err = s.m.AddSeats(ctx, r)
		return err
	})
	return receipt, err
}

// BeginPayment implements [seatmap.Payer]. It waits for the disk if [Options.Holds] is
// set, or if there was a Reserve of the event. Otherwise the payment ends with the
// process, as the hold does.
//
//ferrous:blocks
func (s *Store) BeginPayment(ctx context.Context, r seatmap.PaymentRequest) (h seatmap.Hold, err error) {
	err = s.change(ctx, "BeginPayment", r.Token.Event, &r, func() (err error) {
		h, err = s.m.BeginPayment(ctx, r)
		return err
	})
	return h, err
}

// EndPayment implements [seatmap.Payer]. It waits for the disk as BeginPayment does.
//
//ferrous:blocks
func (s *Store) EndPayment(ctx context.Context, r seatmap.EndPaymentRequest) (h seatmap.Hold, err error) {
	err = s.change(ctx, "EndPayment", r.Token.Event, &r, func() (err error) {
		h, err = s.m.EndPayment(ctx, r)
		return err
	})
	return h, err
}

// Events implements [seatmap.Lister].
func (s *Store) Events(ctx context.Context, r seatmap.EventsRequest) (list seatmap.EventList, err error) {
	err = s.read(ctx, "Events", &r, func() (err error) {
		list, err = s.m.Events(ctx, r)
		return err
	})
	return list, err
}

// Grants implements [seatmap.Lister]; see [seatmap.Map.Grants].
func (s *Store) Grants(ctx context.Context, r seatmap.GrantsRequest) (list seatmap.GrantList, err error) {
	err = s.read(ctx, "Grants", &r, func() (err error) {
		list, err = s.m.Grants(ctx, r)
		return err
	})
	return list, err
}

// Export implements [seatmap.Porter]. It returns when all that it has written is on disk
// here, too. While an event is moved out, [Store.Compact] fails with
// [seatmap.ErrUnavailable].
//
//ferrous:blocks
func (s *Store) Export(ctx context.Context, r seatmap.ExportRequest, to io.Writer) (info seatmap.EventInfo, err error) {
	if s.mustBeMade("Export"); to == nil {
		panic(errors.New("journal: Store.Export: the writer is nil"))
	}
	err = s.write(ctx, "Export", r.Event, &r, func() (err error) {
		info, err = s.m.Export(ctx, r, to)
		return err
	})
	return info, err
}

// Import implements [seatmap.Porter]. It waits for the disk, and needs memory for the
// whole export, which it writes into the log.
//
//ferrous:blocks
func (s *Store) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (info seatmap.EventInfo, err error) {
	if s.mustBeMade("Import"); from == nil {
		panic(errors.New("journal: Store.Import: the reader is nil"))
	}
	in := &kept{from: from, reserve: func(n int) error { return s.log.Reserve(ctx, n) }}
	err = s.read(ctx, "Import", &r, func() (err error) {
		info, err = s.m.Import(ctx, r, in)
		return err
	})
	defer func() {
		if in.reserved > 0 {
			s.log.Release(in.reserved)
		}
	}()
	switch {
	case in.refused != nil:
		return info, s.refuse(ctx, &r, in.refused)
	case err != nil && in.reserved > 0 && errors.Is(err, seatmap.ErrClosed):
		return info, fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, err) // the event may be in the log
	case err != nil:
		return info, err
	}
	err = s.wait(ctx, info.Event, true)
	s.compactLater()
	return info, err
}

// kept is a [durable.Text].
type kept struct {
	from     io.Reader
	text     []byte
	reserve  func(n int) error
	reserved int
	refused  error // of reserve
}

// Read implements [io.Reader].
func (k *kept) Read(b []byte) (int, error) {
	n, err := k.from.Read(b)
	k.text = append(k.text, b[:n]...)
	return n, err
}

// Reserve implements [durable.Text].
func (k *kept) Reserve() error {
	const head = seatmap.MaxName + 64
	n := len(k.text) + head
	if k.refused = k.reserve(n); k.refused == nil {
		k.reserved = n
	}
	return k.refused
}

// Text implements [durable.Text].
func (k *kept) Text() []byte { return k.text }
