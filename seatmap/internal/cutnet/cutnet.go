// Package cutnet is a network that can be cut, between a store and its client, for tests.
package cutnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/coderrange/ferrous/seatmap"
)

// Full is a store with all optional interfaces.
type Full interface {
	seatmap.Store
	seatmap.Operator
	seatmap.SeatCloser
	seatmap.Lister
	seatmap.SeatAdder
	seatmap.Payer
	seatmap.Porter
}

// Client is the client of a store behind a network. While the network is cut, each other call
// fails before it reaches the store, and the others after the store has answered.
type Client struct {
	of     Full
	faults Faults

	mu      sync.Mutex
	calls   int
	cut     chan struct{} // closed while it is
	watches sync.WaitGroup
}

// Faults are what a client can do wrong, to test a test.
type Faults struct {
	Late     bool // ErrUnavailable is told of what was carried out
	Formless bool // the form of a request is looked at by the store only
	Through  bool // the store is reached all the same
	Skips    bool // a watch that goes on misses what comes first
}

// New returns the client of a store.
func New(of Full, f Faults) *Client { return &Client{of: of, faults: f, cut: make(chan struct{})} }

// Cut cuts the network until mend is called. It returns when all watches have ended.
func (c *Client) Cut() (mend func() error, err error) {
	if c.faults.Through {
		return func() error { return nil }, nil
	}
	c.mu.Lock()
	close(c.cut)
	c.mu.Unlock()
	c.watches.Wait()
	return func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.cut = make(chan struct{})
		return nil
	}, nil
}

// state counts a call, and its watches if it is not cut off, and returns what is closed when the network is cut, whether it is, and whether a call
// gets as far as the store.
func (c *Client) state(watches int) (cut chan struct{}, isCut, arrives bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.cut:
		c.calls++
		return c.cut, true, c.calls%2 == 0
	default:
		c.watches.Add(watches)
		return c.cut, false, true
	}
}

var (
	errBefore = fmt.Errorf("%w: the network is cut", seatmap.ErrUnavailable)
	errAfter  = fmt.Errorf("%w: the network was cut", seatmap.ErrOutcomeUnknown)
)

// ask makes a call, or fails as a client does that cannot reach its store.
func ask[T any](c *Client, call func(s Full) (T, error)) (T, error) {
	var none T
	_, isCut, arrives := c.state(0)
	if !isCut {
		return call(c.of)
	}
	if !c.faults.Formless {
		if err := form(func(s Full) error { _, err := call(s); return err }); err != nil {
			return none, err
		}
	}
	if !arrives {
		return none, errBefore
	}
	if _, err := call(c.of); errors.Is(err, seatmap.ErrClosed) {
		return none, err
	}
	if c.faults.Late {
		return none, errBefore
	}
	return none, errAfter
}

// form returns what is wrong with the form of a request, as a store says that has no event.
func form(call func(s Full) error) error {
	m := seatmap.NewMap(seatmap.MapOptions{Manual: true})
	defer func() { _ = m.Close() }()
	err := call(m)
	if errors.Is(err, seatmap.ErrInvalid) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// Create implements [seatmap.Store].
func (c *Client) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.Create(ctx, r) })
}

// Remove implements [seatmap.Store].
func (c *Client) Remove(ctx context.Context, r seatmap.RemoveRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.Remove(ctx, r) })
}

// Block implements [seatmap.Store].
func (c *Client) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.Block(ctx, r) })
}

// BlockAny implements [seatmap.Store].
func (c *Client) BlockAny(ctx context.Context, r seatmap.BlockAnyRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.BlockAny(ctx, r) })
}

// Book implements [seatmap.Store].
func (c *Client) Book(ctx context.Context, r seatmap.BookRequest) (seatmap.Booking, error) {
	return ask(c, func(s Full) (seatmap.Booking, error) { return s.Book(ctx, r) })
}

// Release implements [seatmap.Store].
func (c *Client) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.Release(ctx, r) })
}

// Extend implements [seatmap.Store].
func (c *Client) Extend(ctx context.Context, r seatmap.ExtendRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.Extend(ctx, r) })
}

// Cancel implements [seatmap.Store].
func (c *Client) Cancel(ctx context.Context, r seatmap.CancelRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.Cancel(ctx, r) })
}

// Seat implements [seatmap.Store].
func (c *Client) Seat(ctx context.Context, r seatmap.SeatRequest) (seatmap.SeatInfo, error) {
	return ask(c, func(s Full) (seatmap.SeatInfo, error) { return s.Seat(ctx, r) })
}

// Seats implements [seatmap.Store].
func (c *Client) Seats(ctx context.Context, r seatmap.SeatsRequest) (seatmap.Snapshot, error) {
	return ask(c, func(s Full) (seatmap.Snapshot, error) { return s.Seats(ctx, r) })
}

// Layout implements [seatmap.Store].
func (c *Client) Layout(ctx context.Context, r seatmap.LayoutRequest) (seatmap.Layout, error) {
	return ask(c, func(s Full) (seatmap.Layout, error) { return s.Layout(ctx, r) })
}

// Counts implements [seatmap.Store].
func (c *Client) Counts(ctx context.Context, r seatmap.CountsRequest) (seatmap.Counts, error) {
	return ask(c, func(s Full) (seatmap.Counts, error) { return s.Counts(ctx, r) })
}

// Holds implements [seatmap.Store].
func (c *Client) Holds(ctx context.Context, r seatmap.HoldsRequest) ([]seatmap.HoldInfo, error) {
	return ask(c, func(s Full) ([]seatmap.HoldInfo, error) { return s.Holds(ctx, r) })
}

// Watch implements [seatmap.Store].
func (c *Client) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	return func(yield func(seatmap.Change, error) bool) {
		cut, isCut, _ := c.state(1)
		if isCut {
			err := form(func(s Full) error { return first(s.Watch(ctx, r)) })
			if err == nil {
				err = errBefore
			}
			yield(seatmap.Change{}, err)
			return
		}
		watching, stop := context.WithCancelCause(ctx)
		told := make(chan struct{})
		defer c.watches.Done()
		defer func() { stop(nil); <-told }()
		go func() {
			defer close(told)
			select {
			case <-cut:
				stop(errBefore)
			case <-watching.Done():
			}
		}()
		skip := c.faults.Skips && !r.From.IsZero()
		for change, err := range c.of.Watch(watching, r) {
			if errors.Is(err, errBefore) {
				err = errBefore
			}
			if skip {
				skip = false
				continue
			}
			if !yield(change, err) {
				return
			}
		}
	}
}

// first returns the first error.
func first(changes iter.Seq2[seatmap.Change, error]) error {
	for _, err := range changes {
		return err
	}
	return nil
}

// Close implements [seatmap.Store].
func (c *Client) Close() error { return c.of.Close() }

// Revoke implements [seatmap.Operator].
func (c *Client) Revoke(ctx context.Context, r seatmap.RevokeRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.Revoke(ctx, r) })
}

// CloseSeats implements [seatmap.SeatCloser].
func (c *Client) CloseSeats(ctx context.Context, r seatmap.CloseSeatsRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.CloseSeats(ctx, r) })
}

// OpenSeats implements [seatmap.SeatCloser].
func (c *Client) OpenSeats(ctx context.Context, r seatmap.OpenSeatsRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.OpenSeats(ctx, r) })
}

// SetQuota implements [seatmap.SeatCloser].
func (c *Client) SetQuota(ctx context.Context, r seatmap.SetQuotaRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.SetQuota(ctx, r) })
}

// Events implements [seatmap.Lister].
func (c *Client) Events(ctx context.Context, r seatmap.EventsRequest) (seatmap.EventList, error) {
	return ask(c, func(s Full) (seatmap.EventList, error) { return s.Events(ctx, r) })
}

// Grants implements [seatmap.Lister].
func (c *Client) Grants(ctx context.Context, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
	return ask(c, func(s Full) (seatmap.GrantList, error) { return s.Grants(ctx, r) })
}

// AddSeats implements [seatmap.SeatAdder].
func (c *Client) AddSeats(ctx context.Context, r seatmap.AddSeatsRequest) (seatmap.Receipt, error) {
	return ask(c, func(s Full) (seatmap.Receipt, error) { return s.AddSeats(ctx, r) })
}

// Reissue implements [seatmap.Operator].
func (c *Client) Reissue(ctx context.Context, r seatmap.ReissueRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.Reissue(ctx, r) })
}

// Move implements [seatmap.Operator].
func (c *Client) Move(ctx context.Context, r seatmap.MoveRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.Move(ctx, r) })
}

// Reserve implements [seatmap.Operator].
func (c *Client) Reserve(ctx context.Context, r seatmap.ReserveRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.Reserve(ctx, r) })
}

// ReserveAny implements [seatmap.Operator].
func (c *Client) ReserveAny(ctx context.Context, r seatmap.ReserveAnyRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.ReserveAny(ctx, r) })
}

// BeginPayment implements [seatmap.Payer].
func (c *Client) BeginPayment(ctx context.Context, r seatmap.PaymentRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.BeginPayment(ctx, r) })
}

// EndPayment implements [seatmap.Payer].
func (c *Client) EndPayment(ctx context.Context, r seatmap.EndPaymentRequest) (seatmap.Hold, error) {
	return ask(c, func(s Full) (seatmap.Hold, error) { return s.EndPayment(ctx, r) })
}

// Export implements [seatmap.Porter].
func (c *Client) Export(ctx context.Context, r seatmap.ExportRequest, to io.Writer) (seatmap.EventInfo, error) {
	return ask(c, func(s Full) (seatmap.EventInfo, error) { return s.Export(ctx, r, to) })
}

// Import implements [seatmap.Porter].
func (c *Client) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return seatmap.EventInfo{}, err
	}
	return ask(c, func(s Full) (seatmap.EventInfo, error) { return s.Import(ctx, r, bytes.NewReader(text)) })
}
