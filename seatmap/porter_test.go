package seatmap_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// exported returns an export of an event.
func exported(tb require.TestingT, m *seatmap.Map, name string, remove bool) []byte {
	var b bytes.Buffer
	_, err := m.Export(ctx, seatmap.ExportRequest{Event: name, Remove: remove}, &b)
	require.NoError(tb, err)
	return b.Bytes()
}

func imported(m *seatmap.Map, export []byte) error {
	_, err := m.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export))
	return err
}

// rich returns a map with an event that has something of everything.
func rich(t *testing.T) (m *seatmap.Map, hold seatmap.Hold, booking seatmap.Booking, over seatmap.Token) {
	t.Helper()
	m = newMap(t, seatmap.MapOptions{})
	_, err := m.Create(ctx, seatmap.CreateRequest{
		Event: event, Key: seatmap.NewKey("create"),
		Layout: seatmap.Layout{Seats: []string{"A \"1\"", `A\2`, "A3", "Ä4", "座5", "A6", "A7"}, Closed: []string{"A7"}},
		Limits: seatmap.Limits{Seats: 6, Holds: 5, Lifetime: time.Hour},
	})
	require.NoError(t, err)
	hold, err = m.Block(ctx, seatmap.BlockRequest{
		Event: event, User: `an"n\`, Key: seatmap.NewKey(`k"1`), Seats: []string{"座5", "A3", "A \"1\""}, TTL: 10 * time.Minute,
	})
	require.NoError(t, err)
	other, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "bob", Key: seatmap.NewKey("k"), N: 2, TTL: time.Minute})
	require.NoError(t, err)
	booking, err = m.Book(ctx, seatmap.BookRequest{Token: other.Token, User: "bob", Key: seatmap.NewKey("k2"), Seats: other.Seats[:1]})
	require.NoError(t, err)
	last, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "eve", N: 1, TTL: time.Minute})
	require.NoError(t, err)
	_, err = m.Release(ctx, seatmap.ReleaseRequest{Token: last.Token, User: "eve", Key: seatmap.NewKey("r")})
	require.NoError(t, err)
	require.NoError(t, release(m, hold.Token, "座5"))
	return m, hold, booking, last.Token
}

func TestAnImportedEventGoesOnAsIfNothingHadHappened(t *testing.T) { synctest.Test(t, checkMoved) }

func checkMoved(t *testing.T) {
	t.Helper()
	from, hold, booking, over := rich(t)
	before, err := from.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	export := exported(t, from, event, true)
	_, err = from.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.ErrorIs(t, err, seatmap.ErrUnknownEvent, "it was moved")

	to := newMap(t, seatmap.MapOptions{})
	info, err := to.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export))
	require.NoError(t, err)
	after, err := to.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	assert.Equal(t, seatmap.EventInfo{
		Event: event, Seats: 7, Limits: seatmap.Limits{Seats: 6, Holds: 5, Lifetime: time.Hour},
		Revision: before.Revision, Cursor: after.Cursor,
	}, info)
	assert.NotEqual(t, before.Cursor.Life(), after.Cursor.Life(), "another life")
	for i, want := range before.Seats {
		got := after.Seats[i]
		assert.True(t, want.At.Equal(got.At))
		assert.True(t, want.Until.Equal(got.Until))
		got.At, got.Until = want.At, want.Until
		assert.Equal(t, want, got)
	}
	require.ErrorIs(t, release(to, over), seatmap.ErrExpired, "not forged")
	require.ErrorIs(t, release(to, seatmap.Damaged(over, 100)), seatmap.ErrToken)
	again, err := to.Block(ctx, seatmap.BlockRequest{
		Event: event, User: `an"n\`, Key: seatmap.NewKey(`k"1`), Seats: []string{"座5", "A3", "A \"1\""}, TTL: 10 * time.Minute,
	})
	require.NoError(t, err)
	assert.True(t, again.Replayed)
	assert.Equal(t, hold.Token, again.Token)
	assert.Equal(t, hold.Seats, again.Seats)
	_, err = to.Block(ctx, seatmap.BlockRequest{
		Event: event, User: `an"n\`, Key: seatmap.NewKey(`k"1`), Seats: []string{"A3", "座5", "A \"1\""}, TTL: time.Minute,
	})
	differs, _ := errors.AsType[*seatmap.KeyError](err)
	require.NotNil(t, differs)
	assert.Equal(t, []string{"Seats", "TTL"}, differs.Differs())
	receipt, err := to.Release(ctx, seatmap.ReleaseRequest{Token: over, User: "eve", Key: seatmap.NewKey("r")})
	require.NoError(t, err)
	assert.True(t, receipt.Replayed)
	receipt, err = to.Create(ctx, seatmap.CreateRequest{
		Event: event, Key: seatmap.NewKey("create"),
		Layout: seatmap.Layout{Seats: []string{"A \"1\"", `A\2`, "A3", "Ä4", "座5", "A6", "A7"}, Closed: []string{"A7"}},
		Limits: seatmap.Limits{Seats: 6, Holds: 5, Lifetime: time.Hour},
	})
	require.NoError(t, err)
	assert.True(t, receipt.Replayed)
	require.NoError(t, cancel(to, booking.Token))
	extended, err := extend(to, hold.Token, 30*time.Minute)
	require.NoError(t, err)
	assert.Equal(t, []string{"A3", "A \"1\""}, extended.Seats)
	booked, err := book(to, hold.Token)
	require.NoError(t, err)
	assert.Greater(t, booked.Token.Fence, before.Seats[0].Fence)
	_, err = to.Block(ctx, seatmap.BlockRequest{Event: event, User: "u", Seats: []string{"A7"}, TTL: hour})
	require.ErrorIs(t, err, seatmap.ErrTaken, "it is closed")
}

const hour = time.Hour

func TestALayoutIsExportedWhole(t *testing.T) {
	many := seatmap.Row{Name: "long", Section: "s"}
	for i := range 1200 {
		many.Seats = append(many.Seats, "L"+strconv.Itoa(i))
		many.Ranks = append(many.Ranks, uint16(i*7))
		if i%2 == 0 {
			many.Aisles = append(many.Aisles, "L"+strconv.Itoa(i))
		}
	}
	for name, layout := range map[string]seatmap.Layout{
		"count":      {Count: 9, Closed: []string{"3", "4", "9"}},
		"categories": {Count: 9, Categories: []seatmap.Category{{Name: "gold", First: "1", Last: "4"}, {Name: "best", First: "2", Last: "2"}}},
		"seats":      {Seats: []string{"b", "a"}, Categories: []seatmap.Category{{Name: "g", First: "b", Last: "a"}}, Closed: []string{"a"}},
		"rows": {Rows: []seatmap.Row{
			{Section: "stalls", Name: "A", Category: "gold", Seats: []string{"A1", "A2", "A3"}, Aisles: []string{"A2"}},
			{Name: "T", Seats: []string{"T1", "T2", "T3", "T4"}, Table: true},
			{Seats: []string{"x"}, Ranks: []uint16{7}},
		}, Categories: []seatmap.Category{{Name: "vip", First: "A3", Last: "T1"}}, Closed: []string{"T4"}},
		"a long row": {Rows: []seatmap.Row{{Seats: []string{"one"}}, many}},
	} {
		m := newMap(t, seatmap.MapOptions{})
		_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Key: seatmap.NewKey("k"), Layout: layout})
		require.NoError(t, err, name)
		require.NoError(t, imported(m, exported(t, m, event, true)), name)
		got, err := m.Layout(ctx, seatmap.LayoutRequest{Event: event})
		require.NoError(t, err, name)
		assert.Equal(t, layout, got, name)
		again, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Key: seatmap.NewKey("k"), Layout: layout})
		require.NoError(t, err, name)
		assert.True(t, again.Replayed, name)
	}
}

func TestAnImportRefusesADamagedExport(t *testing.T) {
	from, _, _, _ := rich(t)
	export := exported(t, from, event, false)
	to := newMap(t, seatmap.MapOptions{})
	refused := func(damaged []byte, how string) {
		t.Helper()
		require.ErrorIs(t, imported(to, damaged), seatmap.ErrInvalidExport, how)
		_, err := to.Counts(ctx, seatmap.CountsRequest{Event: event})
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent, how)
	}
	for i := range export {
		damaged := bytes.Clone(export)
		damaged[i] ^= 1 << (i % 8)
		refused(damaged, fmt.Sprintf("bit %d of byte %d flipped", i%8, i))
		refused(export[:i], fmt.Sprintf("cut off at %d", i))
	}
	refused(append(bytes.Clone(export), '\n'), "longer")
	refused(append(bytes.Clone(export), export...), "twice")
	lines := bytes.SplitAfter(export, []byte("\n"))
	for i := range lines[1:] {
		refused(bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil), "a line is missing")
	}
	require.NoError(t, imported(to, export), "what is not damaged")
	require.ErrorIs(t, imported(to, export), seatmap.ErrExists)
}

func TestAnImportRefusesWhatAnExportCannotSay(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	const (
		head = `{"seatmap":1,"event":"e","at":1,"fence":9,"revision":3,"count":4}`
		keys = `{"keys":["00000000000000000000000000000000","00000000000000000000000000000000"]}`
		hold = `{"hold":5,"left":1000000000,"first":1,"secret":"00000000000000000000000000000000","user":"ann","at":1,"seats":[1]}`
	)
	for name, lines := range map[string][]string{
		"nothing":              {},
		"another version":      {strings.Replace(head, `:1`, `:2`, 1), keys},
		"no event":             {`{"seatmap":1}`},
		"no seats":             {strings.Replace(head, `,"count":4`, ``, 1), keys},
		"too many seats":       {strings.Replace(head, `4`, `16777217`, 1), keys},
		"a bad name":           {strings.Replace(head, `"e"`, "\"e{\"", 1), keys},
		"a bad limit":          {strings.Replace(head, `,"count"`, `,"limits":{"seats":-1},"count"`, 1), keys},
		"an unknown field":     {strings.Replace(head, `,"count"`, `,"more":1,"count"`, 1), keys},
		"no keys":              {head},
		"labels missing":       {strings.Replace(head, "count", "labels", 1), `{"labels":["a","b","c"]}`, keys},
		"labels repeated":      {strings.Replace(head, "count", "labels", 1), `{"labels":["a","b","c","a"]}`, keys},
		"labels too many":      {strings.Replace(head, "count", "labels", 1), `{"labels":["a","b","c","d","e"]}`, keys},
		"a row too many":       {head, `{"row":1}`, keys},
		"a row too long":       {strings.Replace(head, "count", "labels", 1), `{"labels":["a","b","c","d"]}`, `{"row":5}`, keys},
		"a row missing":        {strings.Replace(head, "count", "labels", 1), `{"labels":["a","b","c","d"]}`, `{"row":3}`, keys},
		"ranks of nothing":     {head, `{"ranks":[1]}`, keys},
		"a category too late":  {head, keys, `{"category":"a","first":1,"last":2}`},
		"a category backwards": {head, `{"category":"a","first":2,"last":1}`, keys},
		"labels late":          {head, keys, `{"labels":["a"]}`},
		"an unknown line":      {head, keys, `{"more":[1]}`},
		"a seat twice":         {head, keys, hold, `{"closed":[1]}`},
		"a seat out of range":  {head, keys, `{"closed":[4]}`},
		"a run out of range":   {head, keys, `{"closed":[[3,4]]}`},
		"a run backwards":      {head, keys, `{"closed":[[2,1]]}`},
		"a fence too high":     {head, keys, strings.Replace(hold, "5", "10", 1)},
		"no time left":         {head, keys, strings.Replace(hold, "1000000000", "0", 1)},
		"too much time left":   {head, keys, strings.Replace(hold, "1000000000", "9223372036854775807", 1)},
		"no user":              {head, keys, strings.Replace(hold, "ann", "", 1)},
		"no seat":              {head, keys, strings.Replace(hold, `,"seats":[1]`, "", 1)},
		"an empty list":        {head, keys, strings.Replace(hold, `[1]`, "[]", 1)},
		"seats of nothing":     {head, keys, `{"seats":[2]}`},
		"an answer of none":    {head, keys, `{"answer":"Block","user":"ann","key":"k"}`},
		"an unknown method":    {head, keys, hold, `{"answer":"Bloc","user":"ann","key":"k"}`},
		"two answers":          {head, keys, hold, `{"answer":"Block","user":"ann","key":"k"}`, `{"answer":"Block","user":"ann","key":"l"}`},
		"an area too late":     {head, keys, `{"area":1,"name":"floor"}`},
		"an area of none":      {head, `{"area":0,"name":"floor"}`, keys},
		"an area twice":        {head, `{"area":1,"name":"floor"}`, `{"area":1,"name":"floor"}`, keys},
		"an area without name": {head, `{"area":1}`, keys},
		"places of no area":    {head, keys, strings.Replace(hold, `"seats":[1]`, `"places":[0,1]`, 1)},
		"places too many":      {head, `{"area":1,"name":"floor"}`, keys, strings.Replace(hold, `"seats":[1]`, `"places":[0,2]`, 1)},
		"no places":            {head, `{"area":1,"name":"floor"}`, keys, strings.Replace(hold, `"seats":[1]`, `"places":[0,0]`, 1)},
		"places twice":         {head, `{"area":9,"name":"floor"}`, keys, strings.Replace(hold, `"seats":[1]`, `"places":[0,1,0,1]`, 1)},
		"half a place":         {head, `{"area":9,"name":"floor"}`, keys, strings.Replace(hold, `"seats":[1]`, `"places":[0]`, 1)},
		"a space":              {head, keys, `{"closed": [2]}`},
		"a leading zero":       {head, keys, `{"closed":[02]}`},
	} {
		require.ErrorIs(t, imported(m, sealed(lines...)), seatmap.ErrInvalidExport, name)
	}
	err := imported(m, sealed(strings.Replace(head, `:1`, `:2`, 1)))
	require.EqualError(t, err, "seatmap: invalid export: line 1: version 2, not 1")
	require.NoError(t, imported(m, sealed(head, keys, hold, `{"closed":[[2,3]]}`)))
	c, err := m.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	assert.Equal(t, seatmap.Counts{Available: 1, Blocked: 1, Closed: 2}, c)
}

// sealed returns the lines with their checksum.
func sealed(lines ...string) []byte {
	text := strings.Join(append(lines, ""), "\n")
	return fmt.Appendf([]byte(text), "{\"sum\":\"%x\"}\n", sha256.Sum256([]byte(text)))
}

func TestTimeStandsStillForAnExportUnlessItLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
		h, err := from.Block(ctx, seatmap.BlockRequest{
			Event: event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}, TTL: 10 * time.Minute,
		})
		require.NoError(t, err)
		testkit.Advance(time.Minute)
		export := exported(t, from, event, false)
		testkit.Advance(time.Hour)

		to := newMap(t, seatmap.MapOptions{})
		require.NoError(t, imported(to, export))
		assert.Equal(t, 9*time.Minute, state(t, to, "1").Left)
		assert.Equal(t, 61*time.Minute, time.Since(state(t, to, "1").At))
		again, err := to.Block(ctx, seatmap.BlockRequest{
			Event: event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}, TTL: 10 * time.Minute,
		})
		require.NoError(t, err)
		assert.Equal(t, 9*time.Minute, again.Left)
		testkit.Advance(9*time.Minute - 1)
		assert.Equal(t, seatmap.SeatBlocked, state(t, to, "1").State)
		testkit.Advance(1)
		require.ErrorIs(t, release(to, h.Token), seatmap.ErrExpired)

		lapsed := newMap(t, seatmap.MapOptions{})
		_, err = lapsed.Import(ctx, seatmap.ImportRequest{Lapse: true}, bytes.NewReader(export))
		require.NoError(t, err)
		assert.Equal(t, seatmap.SeatAvailable, state(t, lapsed, "1").State)
		require.ErrorIs(t, release(lapsed, h.Token), seatmap.ErrExpired)
	})
}

// slowly calls before before each write.
type slowly struct {
	to     io.Writer
	before func() error
}

func (w slowly) Write(b []byte) (int, error) {
	if err := w.before(); err != nil {
		return 0, err
	}
	return w.to.Write(b)
}

func TestAnEventThatIsMovedRefusesEverything(t *testing.T) {
	m := newEvent(t, 2000, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1", "2")
	lost := errors.New("lost")
	tried, watched := 0, make(chan error)
	go func() {
		var last error
		for _, last = range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
			if last == nil {
				watched <- nil
			}
		}
		watched <- last
	}()
	require.NoError(t, <-watched, "the snapshot")
	for _, fail := range []error{lost, nil} {
		var b bytes.Buffer
		_, err := m.Export(ctx, seatmap.ExportRequest{Event: event, Remove: true}, slowly{&b, func() error {
			for name, call := range mapCalls {
				if name == "Create" || name == "Sweep" || name == "Import" || name == "Events" {
					continue
				}
				err := call(&ask{m: m, ctx: ctx, event: event, user: "ann", n: 1, ttl: hold, hold: h.Token, booking: h.Token, seats: []string{"no seat"}, at: "1", house: "house", layout: seatmap.Layout{Count: 1}})
				require.ErrorIs(t, err, seatmap.ErrUnavailable, name)
				tried++
			}
			return fail
		}})
		require.ErrorIs(t, err, fail)
		if fail != nil {
			require.Equal(t, seatmap.SeatBlocked, state(t, m, "2").State, "it goes on")
			require.NoError(t, release(m, h.Token, "2"))
			require.NoError(t, <-watched, "the release")
			require.ErrorIs(t, imported(newMap(t, seatmap.MapOptions{}), b.Bytes()), seatmap.ErrInvalidExport)
			continue
		}
		require.ErrorIs(t, <-watched, seatmap.ErrUnknownEvent)
		require.ErrorIs(t, release(m, h.Token), seatmap.ErrUnknownEvent)
		require.NoError(t, imported(m, b.Bytes()))
		require.Equal(t, seatmap.SeatAvailable, state(t, m, "2").State)
		require.NoError(t, release(m, h.Token))
	}
	require.Greater(t, tried, 20)
}

func TestAnExportShowsOneMoment(t *testing.T) {
	// Two bookings and a hold over the whole event change while it is written.
	m := newEvent(t, 3000, seatmap.Limits{}, seatmap.MapOptions{})
	a, b := block(t, m, "ann", "1", "1000", "2999"), block(t, m, "bob", "2998", "2")
	booked, err := book(m, block(t, m, "eve", "3", "1500", "3000").Token)
	require.NoError(t, err)
	key := seatmap.NewKey("k")
	_, err = m.Release(ctx, seatmap.ReleaseRequest{Token: b.Token, User: "bob", Key: key, Seats: []string{"2"}})
	require.NoError(t, err)
	want, err := m.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	var export bytes.Buffer
	writes := 0
	_, err = m.Export(ctx, seatmap.ExportRequest{Event: event}, slowly{&export, func() error {
		switch writes++; writes {
		case 1:
			require.NoError(t, release(m, a.Token, "1"))
			require.NoError(t, cancel(m, booked.Token, "3", "3000"))
			_, err := extend(m, b.Token, 2*hold)
			require.NoError(t, err)
		case 2:
			require.NoError(t, release(m, a.Token))
			block(t, m, "new", "1", "2", "3", "4", "2000")
		case 3:
			require.NoError(t, cancel(m, booked.Token))
		}
		return nil
	}})
	require.NoError(t, err)
	require.Greater(t, writes, 2)
	to := newMap(t, seatmap.MapOptions{})
	require.NoError(t, imported(to, export.Bytes()))
	got, err := to.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	for i, seat := range want.Seats {
		assert.Equal(t, [3]any{seat.State, seat.User, seat.Fence}, [3]any{got.Seats[i].State, got.Seats[i].User, got.Seats[i].Fence}, seat.Seat)
	}
	require.NoError(t, release(to, a.Token, "1"))
	require.NoError(t, cancel(to, booked.Token))
}

func TestAFailedWriteOrReadIsTheErrorAndChangesNothing(t *testing.T) {
	m, _, _, _ := rich(t)
	export := exported(t, m, event, false)
	lost := errors.New("lost")
	to := newMap(t, seatmap.MapOptions{})
	_, err := to.Import(ctx, seatmap.ImportRequest{}, io.MultiReader(bytes.NewReader(export[:200]), iotest.ErrReader(lost)))
	require.ErrorIs(t, err, lost)
	_, err = to.Import(ctx, seatmap.ImportRequest{}, io.MultiReader(bytes.NewReader(export), iotest.ErrReader(lost)))
	require.ErrorIs(t, err, lost)
	_, err = to.Import(ctx, seatmap.ImportRequest{}, iotest.OneByteReader(bytes.NewReader(export)))
	require.NoError(t, err)

	for n := range 3 {
		_, err = m.Export(ctx, seatmap.ExportRequest{Event: event, Remove: true}, slowly{io.Discard, func() error {
			if n--; n < 0 {
				return lost
			}
			return nil
		}})
		require.ErrorIs(t, err, lost)
		require.Equal(t, seatmap.SeatBlocked, state(t, m, "A3").State)
	}
	gone, stop := context.WithCancelCause(ctx)
	_, err = m.Export(gone, seatmap.ExportRequest{Event: event, Remove: true}, slowly{io.Discard, func() error {
		stop(lost)
		return nil
	}})
	require.ErrorIs(t, err, lost)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, seatmap.SeatBlocked, state(t, m, "A3").State)
	_, err = m.Export(ctx, seatmap.ExportRequest{Event: event, Remove: true}, slowly{io.Discard, m.Close})
	require.ErrorIs(t, err, seatmap.ErrClosed)
	_, err = m.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.ErrorIs(t, err, seatmap.ErrClosed)
}

func TestExportAndImportNeedAWriterAndAReader(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	assert.EqualError(t, testkit.PanicError(t, func() { _, _ = m.Export(ctx, seatmap.ExportRequest{Event: event}, nil) }),
		"seatmap: Map.Export: the writer is nil")
	assert.EqualError(t, testkit.PanicError(t, func() { _, _ = m.Import(ctx, seatmap.ImportRequest{}, nil) }),
		"seatmap: Map.Import: the reader is nil")
}
