package seatmap_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

func setQuota(t *testing.T, m *seatmap.Map, quota string, seats ...string) {
	t.Helper()
	_, err := m.SetQuota(t.Context(), seatmap.SetQuotaRequest{Event: event, Seats: seats, Quota: quota, Actor: "op", Reason: "contract"})
	require.NoError(t, err)
}

func blockOf(m *seatmap.Map, quota string, seats ...string) (seatmap.Hold, error) {
	return m.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Seats: seats, TTL: hold, Quotas: []string{quota}})
}

func TestASeatOfAQuotaIsTheQuotasAgainWhenItsHoldIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		setQuota(t, m, "club", "1", "2")
		_, err := blockOf(m, "club", "1", "2")
		require.NoError(t, err)
		testkit.Advance(hold)
		one := state(t, m, "1")
		assert.Equal(t, seatmap.SeatInfo{Seat: "1", State: seatmap.SeatClosed, Quota: "club"}, one)
		assert.Equal(t, seatmap.Counts{Closed: 2}, counts(t, m))
		_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: hold})
		require.ErrorIs(t, err, seatmap.ErrSoldOut)
		_, err = blockOf(m, "club", "2")
		require.NoError(t, err)
	})
}

func TestAnEventIsSoldOutToThoseForWhomNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		setQuota(t, m, "club", "1", "2")
		block(t, m, "ann", "3", "4")
		any := func(quotas ...string) (seatmap.Hold, error) {
			return m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "bob", N: 1, TTL: hold, Where: seatmap.Where{Quotas: quotas}})
		}
		_, err := any()
		require.ErrorIs(t, err, seatmap.ErrSoldOut)
		_, err = any("press")
		require.ErrorIs(t, err, seatmap.ErrSoldOut)
		_, err = blockOf(m, "press", "1")
		require.ErrorIs(t, err, seatmap.ErrSoldOut)
		_, err = blockOf(m, "club", "3")
		require.NotErrorIs(t, err, seatmap.ErrSoldOut)
		require.ErrorIs(t, err, seatmap.ErrTaken)
		h, err := any("club")
		require.NoError(t, err)
		assert.Equal(t, []string{"1"}, h.Seats)
		closeSeats(t, m, "1", "2")
		_, err = any("club")
		require.ErrorIs(t, err, seatmap.ErrSoldOut)
		testkit.Advance(hold)
		assert.Equal(t, seatmap.Counts{Available: 2, Closed: 2}, counts(t, m))
	})
}

func TestASeatOfAQuotaThatIsClosedIsForNobody(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	setQuota(t, m, "club", "1", "2")
	closeSeats(t, m, "1", "3")
	setQuota(t, m, "club", "3")
	again := newMap(t, seatmap.MapOptions{})
	text := exported(t, m, event, false)
	require.NoError(t, imported(again, text))
	for _, m := range []*seatmap.Map{m, again} {
		for _, seat := range []string{"1", "3"} {
			assert.Equal(t, seatmap.SeatInfo{
				Seat: seat, State: seatmap.SeatClosed, Closed: true, ClosedBy: "op", ClosedReason: "camera", Quota: "club",
			}, state(t, m, seat))
			_, err := blockOf(m, "club", seat)
			require.ErrorIs(t, err, seatmap.ErrNotForSale)
		}
		layout, err := m.Layout(ctx, seatmap.LayoutRequest{Event: event})
		require.NoError(t, err)
		assert.Equal(t, []string{"1", "3"}, layout.Closed)
		_, err = m.OpenSeats(ctx, seatmap.OpenSeatsRequest{Event: event, Seats: []string{"1", "3"}, Actor: "op"})
		require.NoError(t, err)
		_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"3"}, TTL: hold})
		require.ErrorIs(t, err, seatmap.ErrNotForSale)
		_, err = blockOf(m, "club", "1", "2", "3")
		require.NoError(t, err)
	}
}

func TestASeatThatTheLayoutHasClosedStaysClosedInAQuota(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 3, Closed: []string{"1"}}})
	require.NoError(t, err)
	setQuota(t, m, "club", "1", "2")
	setQuota(t, m, "press", "1")
	again := newMap(t, seatmap.MapOptions{})
	require.NoError(t, imported(again, exported(t, m, event, false)))
	for _, m := range []*seatmap.Map{m, again} {
		assert.Equal(t, seatmap.SeatInfo{Seat: "1", State: seatmap.SeatClosed, Closed: true, Quota: "press"}, state(t, m, "1"))
		_, err := blockOf(m, "press", "1")
		require.ErrorIs(t, err, seatmap.ErrNotForSale)
		setQuota(t, m, "", "1", "2")
		assert.Equal(t, seatmap.SeatInfo{Seat: "1", State: seatmap.SeatClosed, Closed: true}, state(t, m, "1"))
		assert.Equal(t, seatmap.Counts{Available: 2, Closed: 1}, counts(t, m))
	}
}

func TestListTakenNamesNoSeatOfTheRequestsQuota(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	setQuota(t, m, "club", "1")
	setQuota(t, m, "press", "2")
	_, err := m.Block(ctx, seatmap.BlockRequest{
		Event: event, User: "bob", Seats: []string{"1", "2", "3"}, TTL: hold, Quotas: []string{"club"}, ListTaken: true,
	})
	var taken *seatmap.TakenError
	require.ErrorAs(t, err, &taken)
	assert.Equal(t, []string{"2"}, taken.Seats())
}

func TestOperatorsTakeSeatsOfQuotasOnlyByName(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	setQuota(t, m, "club", "1", "2")
	block(t, m, "ann", "3")
	_, err := m.Reserve(ctx, seatmap.ReserveRequest{Event: event, User: "house", Seats: []string{"1"}, Actor: "op"})
	require.ErrorIs(t, err, seatmap.ErrNotForSale)
	_, err = m.Move(ctx, seatmap.MoveRequest{Event: event, Seat: "3", To: []string{"1"}, Actor: "op"})
	require.ErrorIs(t, err, seatmap.ErrNotForSale)
	h, err := m.ReserveAny(ctx, seatmap.ReserveAnyRequest{
		Event: event, User: "house", N: 2, Where: seatmap.Where{Adjacent: true, Quotas: []string{"club"}}, Actor: "op",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2"}, h.Seats)
}

func TestAReusedKeySaysThatTheQuotasDiffer(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	k := seatmap.NewKey("k")
	setting := seatmap.SetQuotaRequest{Event: event, Seats: []string{"1"}, Quota: "club", Actor: "op", Key: k}
	_, err := m.SetQuota(ctx, setting)
	require.NoError(t, err)
	setting.Quota = ""
	_, err = m.SetQuota(ctx, setting)
	require.EqualError(t, err, "seatmap: key was used for another request: other Quota")
	r := seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: hold, Key: k, Quotas: []string{"club"}}
	_, err = m.Block(ctx, r)
	require.NoError(t, err)
	r.Quotas = nil
	_, err = m.Block(ctx, r)
	require.EqualError(t, err, "seatmap: key was used for another request: other Quotas")
}

func TestARefusalOfASeatOfAQuotaDoesNotAllocate(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	setQuota(t, m, "club", "1")
	r := seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"1"}, TTL: time.Minute}
	_, err := m.Block(ctx, r)
	require.ErrorIs(t, err, seatmap.ErrNotForSale)
	testkit.NoAllocs(t, "a refusal without quotas", func() { _, _ = m.Block(ctx, r) })
	r.Quotas = []string{"press"}
	testkit.NoAllocs(t, "a refusal with quotas", func() { _, _ = m.Block(ctx, r) })
}

func TestAnExportWithAWrongQuotaIsRefused(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	setQuota(t, m, "club", "2", "3")
	lines := strings.Split(string(exported(t, m, event, false)), "\n")
	lines = lines[:len(lines)-2] // without the sum
	row := `{"quota":[[1,2]],"name":"club"}`
	require.Contains(t, lines, row)
	for _, wrong := range []string{`{"quota":[[1,2]]}`, `{"quota":[[1,2]],"name":""}`, `{"quota":[4],"name":"club"}`} {
		var other []string
		for _, line := range lines {
			other = append(other, strings.Replace(line, row, wrong, 1))
		}
		require.ErrorIs(t, imported(newMap(t, seatmap.MapOptions{}), sealed(other...)), seatmap.ErrInvalidExport, wrong)
	}
	require.NoError(t, imported(newMap(t, seatmap.MapOptions{}), sealed(lines...)))
}
