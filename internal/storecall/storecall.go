// Package storecall wraps a [seatmap.Store] so that an observer sees each call. It is what
// the modules metrics and tracing share.
package storecall

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"

	"github.com/coderrange/ferrous/seatmap"
)

// An Observer sees the calls of a store. S is what it remembers from the beginning of a
// call to its end. All methods may be called by several goroutines at once.
type Observer[S any] interface {
	// Begin is called before a call, and for a watch when the loop over it begins. The
	// call gets the context that Begin returns. The event is empty for Import, Sweep and Events.
	Begin(ctx context.Context, m Method, event string) (context.Context, S)
	// End is called after the call, also if the call panicked or exited its goroutine.
	// The err is of the last error of a watch.
	End(s S, m Method, r Result, err error)
	// Change is called with each change that a watch yields.
	Change(s S, k seatmap.ChangeKind)
}

// The parts have all methods of what they stand for.
var (
	_ seatmap.Store      = (*wrapper[int])(nil)
	_ seatmap.Operator   = (*operations[int])(nil)
	_ seatmap.Payer      = (*payments[int])(nil)
	_ seatmap.Porter     = (*ports[int])(nil)
	_ seatmap.Sweeper    = (*sweeps[int])(nil)
	_ seatmap.SeatCloser = (*closings[int])(nil)
	_ seatmap.Lister     = (*lists[int])(nil)
	_ seatmap.SeatAdder  = (*additions[int])(nil)
)

// Wrap returns a store that does what the given store does, and tells the observer. It has
// those of the interfaces [seatmap.Lister], [seatmap.Operator], [seatmap.Payer],
// [seatmap.Porter], [seatmap.SeatAdder], [seatmap.SeatCloser] and [seatmap.Sweeper] that the
// store has. Its method Unwrap returns the store. Close is not observed.
func Wrap[S any](store seatmap.Store, o Observer[S]) seatmap.Store {
	operator, isOperator := store.(seatmap.Operator)
	payer, isPayer := store.(seatmap.Payer)
	porter, isPorter := store.(seatmap.Porter)
	sweeper, isSweeper := store.(seatmap.Sweeper)
	closer, isCloser := store.(seatmap.SeatCloser)
	lister, isLister := store.(seatmap.Lister)
	adder, isAdder := store.(seatmap.SeatAdder)
	has := 0
	for i, is := range [...]bool{isOperator, isPayer, isPorter, isSweeper, isCloser, isLister, isAdder} { // in the order of parts
		if is {
			has |= 1 << i
		}
	}
	return combine(has, &wrapper[S]{store, o}, &parts[S]{
		&operations[S]{operator, o},
		&payments[S]{payer, o},
		&ports[S]{porter, o},
		&sweeps[S]{sweeper, o},
		&closings[S]{closer, o},
		&lists[S]{lister, o},
		&additions[S]{adder, o},
	})
}

// parts is what a wrapper can have beside [seatmap.Store]. A new one gets its field here, its
// line in Wrap, and its methods below; then combine has to be generated again. The type of
// a store that has some parts and not others must be written out: Go makes no types with
// methods at run time, and a type that has all parts would claim what its store lacks.
type parts[S any] struct {
	operations *operations[S]
	payments   *payments[S]
	ports      *ports[S]
	sweeps     *sweeps[S]
	closings   *closings[S]
	lists      *lists[S]
	additions  *additions[S]
}

// call makes one call. It is what [seatmap.Store]'s methods have in common.
func call[S, R, A any](
	ctx context.Context, o Observer[S], m Method, event string, r R, f func(context.Context, R) (A, error),
) (answer A, err error) {
	if ctx == nil { // the store says so
		return f(ctx, r)
	}
	ctx, s := o.Begin(ctx, m, event)
	returned := false
	defer func() { end(o, s, m, err, returned) }()
	answer, err = f(ctx, r)
	returned = true
	return answer, err
}

func end[S any](o Observer[S], s S, m Method, err error, returned bool) {
	r := Panicked
	if returned {
		r = ResultOf(err)
	}
	o.End(s, m, r, err)
}

type wrapper[S any] struct {
	store    seatmap.Store
	observer Observer[S]
}

// Unwrap returns the store that is wrapped.
func (w *wrapper[S]) Unwrap() seatmap.Store { return w.store }

// Format prints the store that is wrapped.
func (w *wrapper[S]) Format(f fmt.State, verb rune) {
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), w.store)
}

// LogValue logs the store that is wrapped.
func (w *wrapper[S]) LogValue() slog.Value { return slog.AnyValue(w.store) }

func (w *wrapper[S]) Close() error { return w.store.Close() }

func (w *wrapper[S]) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	if ctx == nil { // the store says so
		return w.store.Watch(ctx, r)
	}
	return func(yield func(seatmap.Change, error) bool) {
		ctx, s := w.observer.Begin(ctx, Watch, r.Event)
		var last error
		returned := false // whether the store is not to blame for what happens
		defer func() { end(w.observer, s, Watch, last, returned) }()
		for change, err := range w.store.Watch(ctx, r) {
			if last = err; err == nil {
				w.observer.Change(s, change.Kind)
			}
			returned = true
			if !yield(change, err) {
				return
			}
			returned = false
		}
		returned = true
	}
}

func (w *wrapper[S]) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, Create, r.Event, r, w.store.Create)
}

func (w *wrapper[S]) Remove(ctx context.Context, r seatmap.RemoveRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, Remove, r.Event, r, w.store.Remove)
}

func (w *wrapper[S]) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, Block, r.Event, r, w.store.Block)
}

func (w *wrapper[S]) BlockAny(ctx context.Context, r seatmap.BlockAnyRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, BlockAny, r.Event, r, w.store.BlockAny)
}

func (w *wrapper[S]) Book(ctx context.Context, r seatmap.BookRequest) (seatmap.Booking, error) {
	return call(ctx, w.observer, Book, r.Token.Event, r, w.store.Book)
}

func (w *wrapper[S]) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, Release, r.Token.Event, r, w.store.Release)
}

func (w *wrapper[S]) Extend(ctx context.Context, r seatmap.ExtendRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, Extend, r.Token.Event, r, w.store.Extend)
}

func (w *wrapper[S]) Cancel(ctx context.Context, r seatmap.CancelRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, Cancel, r.Token.Event, r, w.store.Cancel)
}

func (w *wrapper[S]) Seat(ctx context.Context, r seatmap.SeatRequest) (seatmap.SeatInfo, error) {
	return call(ctx, w.observer, Seat, r.Event, r, w.store.Seat)
}

func (w *wrapper[S]) Seats(ctx context.Context, r seatmap.SeatsRequest) (seatmap.Snapshot, error) {
	return call(ctx, w.observer, Seats, r.Event, r, w.store.Seats)
}

func (w *wrapper[S]) Layout(ctx context.Context, r seatmap.LayoutRequest) (seatmap.Layout, error) {
	return call(ctx, w.observer, Layout, r.Event, r, w.store.Layout)
}

func (w *wrapper[S]) Counts(ctx context.Context, r seatmap.CountsRequest) (seatmap.Counts, error) {
	return call(ctx, w.observer, Counts, r.Event, r, w.store.Counts)
}

func (w *wrapper[S]) Holds(ctx context.Context, r seatmap.HoldsRequest) ([]seatmap.HoldInfo, error) {
	return call(ctx, w.observer, Holds, r.Event, r, w.store.Holds)
}

type operations[S any] struct {
	operator seatmap.Operator
	observer Observer[S]
}

func (w *operations[S]) Revoke(ctx context.Context, r seatmap.RevokeRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, Revoke, r.Event, r, w.operator.Revoke)
}

func (w *operations[S]) Reissue(ctx context.Context, r seatmap.ReissueRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, Reissue, r.Event, r, w.operator.Reissue)
}

func (w *operations[S]) Move(ctx context.Context, r seatmap.MoveRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, Move, r.Event, r, w.operator.Move)
}

func (w *operations[S]) Reserve(ctx context.Context, r seatmap.ReserveRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, Reserve, r.Event, r, w.operator.Reserve)
}

func (w *operations[S]) ReserveAny(ctx context.Context, r seatmap.ReserveAnyRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, ReserveAny, r.Event, r, w.operator.ReserveAny)
}

type payments[S any] struct {
	payer    seatmap.Payer
	observer Observer[S]
}

func (w *payments[S]) BeginPayment(ctx context.Context, r seatmap.PaymentRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, BeginPayment, r.Token.Event, r, w.payer.BeginPayment)
}

func (w *payments[S]) EndPayment(ctx context.Context, r seatmap.EndPaymentRequest) (seatmap.Hold, error) {
	return call(ctx, w.observer, EndPayment, r.Token.Event, r, w.payer.EndPayment)
}

type ports[S any] struct {
	porter   seatmap.Porter
	observer Observer[S]
}

func (w *ports[S]) Export(ctx context.Context, r seatmap.ExportRequest, to io.Writer) (seatmap.EventInfo, error) {
	return call(ctx, w.observer, Export, r.Event, r, func(ctx context.Context, r seatmap.ExportRequest) (seatmap.EventInfo, error) {
		return w.porter.Export(ctx, r, to)
	})
}

func (w *ports[S]) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	return call(ctx, w.observer, Import, "", r, func(ctx context.Context, r seatmap.ImportRequest) (seatmap.EventInfo, error) {
		return w.porter.Import(ctx, r, from)
	})
}

type sweeps[S any] struct {
	sweeper  seatmap.Sweeper
	observer Observer[S]
}

func (w *sweeps[S]) Sweep(ctx context.Context) (int, error) {
	return call(ctx, w.observer, Sweep, "", struct{}{}, func(ctx context.Context, _ struct{}) (int, error) {
		return w.sweeper.Sweep(ctx)
	})
}

type closings[S any] struct {
	closer   seatmap.SeatCloser
	observer Observer[S]
}

func (w *closings[S]) CloseSeats(ctx context.Context, r seatmap.CloseSeatsRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, CloseSeats, r.Event, r, w.closer.CloseSeats)
}

func (w *closings[S]) OpenSeats(ctx context.Context, r seatmap.OpenSeatsRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, OpenSeats, r.Event, r, w.closer.OpenSeats)
}

func (w *closings[S]) SetQuota(ctx context.Context, r seatmap.SetQuotaRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, SetQuota, r.Event, r, w.closer.SetQuota)
}

type lists[S any] struct {
	lister   seatmap.Lister
	observer Observer[S]
}

func (w *lists[S]) Events(ctx context.Context, r seatmap.EventsRequest) (seatmap.EventList, error) {
	return call(ctx, w.observer, Events, "", r, w.lister.Events)
}

func (w *lists[S]) Grants(ctx context.Context, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
	return call(ctx, w.observer, Grants, r.Event, r, w.lister.Grants)
}

type additions[S any] struct {
	adder    seatmap.SeatAdder
	observer Observer[S]
}

func (w *additions[S]) AddSeats(ctx context.Context, r seatmap.AddSeatsRequest) (seatmap.Receipt, error) {
	return call(ctx, w.observer, AddSeats, r.Event, r, w.adder.AddSeats)
}
