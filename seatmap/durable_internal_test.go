package seatmap

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap/internal/durable"
)

// recordsLog keeps records in memory.
type recordsLog struct{ records [][]byte }

func (l *recordsLog) Append(r durable.Record) uint64 {
	l.records = append(l.records, r.AppendTo(nil))
	return uint64(len(l.records))
}

// A crash can come between the two records of a Book of a part: that of the booking, and that
// the payment of the rest is over.
func TestWhatIsLeftOfABookedHoldIsNotPaidForAfterACrash(t *testing.T) {
	ctx := t.Context()
	for name, r := range map[string]BookRequest{"a seat": {Seats: []string{"1"}}, "places": {Places: map[string]int{"floor": 1}}} {
		t.Run(name, func(t *testing.T) {
			m, log := NewMap(MapOptions{Manual: true}), &recordsLog{}
			defer func() { require.NoError(t, m.Close()) }()
			require.NoError(t, durable.Of(m, durable.Options{Holds: true}).Start(log))
			_, err := m.Create(ctx, CreateRequest{Event: "e", Layout: Layout{Count: 3, Areas: []Area{{Name: "floor", Capacity: 2}}}})
			require.NoError(t, err)
			h, err := m.Block(ctx, BlockRequest{
				Event: "e", User: "ann", Seats: []string{"1", "2"}, Places: map[string]int{"floor": 2}, TTL: time.Hour,
			})
			require.NoError(t, err)
			_, err = m.BeginPayment(ctx, PaymentRequest{Token: h.Token, TTL: 2 * time.Hour})
			require.NoError(t, err)
			before := len(log.records)
			r.Token = h.Token
			_, err = m.Book(ctx, r)
			require.NoError(t, err)
			require.Len(t, log.records, before+2)
			want, err := m.Holds(ctx, HoldsRequest{Event: "e", User: "ann"})
			require.NoError(t, err)
			for lost := range 2 {
				again := NewMap(MapOptions{Manual: true})
				defer func() { require.NoError(t, again.Close()) }()
				state := durable.Of(again, durable.Options{Holds: true})
				for _, record := range log.records[:len(log.records)-lost] {
					require.NoError(t, state.Apply(record))
				}
				require.NoError(t, state.Start(&recordsLog{}))
				got, err := again.Holds(ctx, HoldsRequest{Event: "e", User: "ann"})
				require.NoError(t, err)
				require.Len(t, got, 1)
				require.False(t, got[0].Paying, "%d records are lost", lost)
				require.WithinDuration(t, want[0].Until, got[0].Until, time.Minute)
				_, err = again.BeginPayment(ctx, PaymentRequest{Token: h.Token, TTL: 2 * time.Hour})
				require.NoError(t, err)
				ended, err := again.EndPayment(ctx, EndPaymentRequest{Token: h.Token})
				require.NoError(t, err)
				require.WithinDuration(t, want[0].Until, ended.Until, time.Minute)
			}
		})
	}
}
