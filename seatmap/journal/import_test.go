package journal_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
	"github.com/coderrange/ferrous/seatmap/journal/internal/faultfs"
)

// TestAnImportSurvives has an event of another store go on in a journal, with the tokens
// that the other store gave out.
func TestAnImportSurvives(t *testing.T) {
	for _, compact := range []bool{false, true} {
		m := seatmap.NewMap(seatmap.MapOptions{})
		_, err := m.Create(ctx, layout)
		require.NoError(t, err)
		old, held := block(t, m, "ann", "1"), block(t, m, "bob", "2", "3")
		sure := book(t, m, old)
		_, err = m.Release(ctx, seatmap.ReleaseRequest{Token: held.Token, Seats: []string{"2"}})
		require.NoError(t, err)
		var export bytes.Buffer
		_, err = m.Export(ctx, seatmap.ExportRequest{Event: event}, &export)
		require.NoError(t, err)
		require.NoError(t, m.Close())
		fs, o := &faultfs.FS{}, journal.Options{Holds: true, SegmentSize: 1 << 16}
		s := open(t, fs, o)
		_, err = s.Import(ctx, seatmap.ImportRequest{}, &export)
		require.NoError(t, err)
		_, err = s.Extend(ctx, seatmap.ExtendRequest{Token: held.Token, TTL: 2 * ttl})
		require.NoError(t, err)
		for range 3 {
			if compact {
				require.NoError(t, s.Compact(ctx))
			}
			s, fs = reopen(t, s, fs, o, true)
			require.Equal(t, "B.h...x", states(t, s))
			_, err = s.Book(ctx, seatmap.BookRequest{Token: token(t, old.Token)})
			require.ErrorIs(t, err, seatmap.ErrExpired, "it was given out by the other store")
		}
		_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: token(t, sure.Token)})
		require.NoError(t, err)
		booking := book(t, s, seatmap.Hold{Token: token(t, held.Token)})
		export.Reset()
		_, err = s.Export(ctx, seatmap.ExportRequest{Event: event, Remove: true}, &export)
		require.NoError(t, err)
		s, _ = reopen(t, s, fs, o, true)
		_, err = s.Counts(ctx, seatmap.CountsRequest{Event: event})
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent, "it was moved out")
		require.NoError(t, s.Close())
		m = seatmap.NewMap(seatmap.MapOptions{})
		_, err = m.Import(ctx, seatmap.ImportRequest{}, &export)
		require.NoError(t, err)
		require.Equal(t, "..B...x", states(t, m))
		_, err = m.Book(ctx, seatmap.BookRequest{Token: held.Token})
		require.ErrorIs(t, err, seatmap.ErrExpired)
		_, err = m.Cancel(ctx, seatmap.CancelRequest{Token: booking.Token})
		require.NoError(t, err)
		_, err = m.Cancel(ctx, seatmap.CancelRequest{Token: booking.Token})
		require.ErrorIs(t, err, seatmap.ErrExpired, "a journal gave it out")
		require.NoError(t, m.Close())
	}
}

// TestAnImportThatTheDiskRefusesHasNotHappened has no room for the export.
func TestAnImportThatTheDiskRefusesHasNotHappened(t *testing.T) {
	fs := &faultfs.FS{}
	s := open(t, fs, small)
	_, err := s.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 20_000}})
	require.NoError(t, err)
	var export bytes.Buffer
	h, err := s.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "ann", N: 1, TTL: ttl})
	require.NoError(t, err)
	for i := range 600 { // so that the export is larger than a file of the log
		_, err = s.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: users[i%3], N: 1, TTL: ttl})
		require.NoError(t, err)
	}
	_, err = s.Export(ctx, seatmap.ExportRequest{Event: event, Remove: true}, &export)
	require.NoError(t, err)
	require.Greater(t, export.Len(), 1<<16)
	s.Prepare()
	fs.Break(func(_ int, name string) faultfs.Fault {
		if name == "create" || name == "allocate" {
			return faultfs.Fault{Err: errFull}
		}
		return faultfs.Fault{}
	})
	_, err = s.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export.Bytes()))
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
	require.ErrorIs(t, err, errFull)
	_, err = s.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
	fs.Break(nil)
	broken := errors.New("broken")
	_, err = s.Import(ctx, seatmap.ImportRequest{}, brokenReader{broken})
	require.ErrorIs(t, err, broken)
	_, err = s.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export.Bytes()))
	require.NoError(t, err)
	book(t, s, h)
	require.NoError(t, s.Close())
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// TestPlacesOfHoldsThatAreNotRecordedAreGivenAgain books all places of an area after a
// hold of them, whose end no record tells.
func TestPlacesOfHoldsThatAreNotRecordedAreGivenAgain(t *testing.T) {
	lawn := func(n int) map[string]int { return map[string]int{"lawn": n} }
	hold := func(s seatmap.Store, user string, n int, d time.Duration) seatmap.Hold {
		h, err := s.Block(ctx, seatmap.BlockRequest{Event: event, User: user, Places: lawn(n), TTL: d})
		require.NoError(t, err)
		return h
	}
	for _, o := range []journal.Options{small, {Holds: true, SegmentSize: 1 << 16}} {
		synctest.Test(t, func(t *testing.T) {
			fs := &faultfs.FS{}
			s := open(t, fs, o)
			_, err := s.Create(ctx, layout)
			require.NoError(t, err)
			released, ended := hold(s, "ann", 3, 2*ttl), hold(s, "bob", 2, ttl)
			require.NoError(t, s.Compact(ctx))
			_, err = s.Release(ctx, seatmap.ReleaseRequest{Token: released.Token})
			require.NoError(t, err)
			testkit.Advance(ttl)
			booking := book(t, s, hold(s, "cid", 5, ttl))
			_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: booking.Token, Places: lawn(1)})
			require.NoError(t, err)
			s, _ = reopen(t, s, fs, o, true)
			counts, err := s.Counts(ctx, seatmap.CountsRequest{Event: event, Area: "lawn"})
			require.NoError(t, err)
			require.Equal(t, seatmap.Counts{Available: 1, Booked: 4}, counts)
			_, err = s.Book(ctx, seatmap.BookRequest{Token: token(t, ended.Token)})
			require.ErrorIs(t, err, seatmap.ErrExpired)
			require.NoError(t, s.Close())
		})
	}
}

// TestTheEndOfAReserveIsDurable has no disk when what was reserved is given back.
func TestTheEndOfAReserveIsDurable(t *testing.T) {
	for _, again := range []bool{false, true} { // in a later life
		fs := &faultfs.FS{}
		s := open(t, fs, small)
		create(t, s, 4)
		h, err := s.Reserve(ctx, seatmap.ReserveRequest{Event: event, User: "house", Actor: "op", Seats: []string{"1", "2"}})
		require.NoError(t, err)
		if again {
			s, fs = reopen(t, s, fs, small, true)
			require.Equal(t, "hh..", states(t, s))
			block(t, s, "ann", "4") // the first change of a life waits for the disk
		}
		s.Prepare()
		fs.Break(func(_ int, name string) faultfs.Fault {
			if name == "sync" {
				return faultfs.Fault{Err: errIO}
			}
			return faultfs.Fault{}
		})
		_, err = s.Release(ctx, seatmap.ReleaseRequest{Token: h.Token})
		require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown, "it waits for the disk")
		require.ErrorIs(t, s.Close(), errIO)
	}
}

// TestAPaymentThatBeganSurvives has a machine crash while a user pays.
func TestAPaymentThatBeganSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := journal.Options{Holds: true, SegmentSize: 1 << 16}
		fs := &faultfs.FS{}
		s := open(t, fs, o)
		create(t, s, 4)
		h, other := block(t, s, "ann", "1", "2"), block(t, s, "bob", "3")
		for _, one := range []seatmap.Hold{h, other} {
			_, err := s.BeginPayment(ctx, seatmap.PaymentRequest{Token: one.Token, TTL: 3 * ttl})
			require.NoError(t, err)
		}
		_, err := s.Extend(ctx, seatmap.ExtendRequest{Token: other.Token, TTL: 2 * ttl})
		require.NoError(t, err, "which the payment hides")
		s, _ = reopen(t, s, fs, o, true)
		back, err := s.EndPayment(ctx, seatmap.EndPaymentRequest{Token: token(t, other.Token)})
		require.NoError(t, err)
		require.Equal(t, 2*ttl, back.Left)
		testkit.Advance(ttl)
		require.Equal(t, "hhh.", states(t, s))
		b := book(t, s, seatmap.Hold{Token: token(t, h.Token)}, "1")
		require.Equal(t, []string{"1"}, b.Seats)
		require.Equal(t, "B.h.", states(t, s), "the rest is not paid for")
		require.NoError(t, s.Close())
	})
}
