package seatmap_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// newConcert returns a map with one event: row A of five seats and row B of three.
func newConcert() *seatmap.Map {
	m := seatmap.NewMap(seatmap.MapOptions{})
	_, err := m.Create(context.Background(), seatmap.CreateRequest{
		Event:  "concert",
		Layout: seatmap.Layout{Seats: []string{"A1", "A2", "A3", "A4", "A5", "B1", "B2", "B3"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return m
}

func Example() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()

	hold, err := m.Block(ctx, seatmap.BlockRequest{
		Event: "concert", User: "ann", Seats: []string{"A1", "A2"}, TTL: 5 * time.Minute,
	})
	fmt.Println(hold.Seats, "for", hold.Until.Sub(hold.At), err)

	_, err = m.Block(ctx, seatmap.BlockRequest{
		Event: "concert", User: "bob", Seats: []string{"A2", "A3"}, TTL: 5 * time.Minute,
	})
	fmt.Println(err, errors.Is(err, seatmap.ErrTaken))

	booking, err := m.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	fmt.Println(booking.User, booking.Seats, err)

	_, err = m.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	fmt.Println(err)

	counts, err := m.Counts(ctx, seatmap.CountsRequest{Event: "concert"})
	fmt.Printf("%+v %v\n", counts, err)
	// Output:
	// [A1 A2] for 5m0s <nil>
	// seatmap: taken: event "concert" seat A2 true
	// ann [A1 A2] <nil>
	// seatmap: hold is over
	// {Available:6 Blocked:0 Booked:2 Closed:0} <nil>
}

func ExampleTakenError() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	_, err := m.Block(ctx, seatmap.BlockRequest{
		Event: "concert", User: "ann", Seats: []string{"A2", "A4"}, TTL: time.Minute,
	})
	fmt.Println(err)

	_, err = m.Block(ctx, seatmap.BlockRequest{
		Event: "concert", User: "bob", Seats: []string{"A1", "A2", "A3", "A4"}, TTL: time.Minute, ListTaken: true,
	})
	if taken, ok := errors.AsType[*seatmap.TakenError](err); ok {
		fmt.Println("choose others than", taken.Seats())
	}
	// Output:
	// <nil>
	// choose others than [A2 A4]
}

func ExampleMap_BlockAny() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	_, err := m.Block(ctx, seatmap.BlockRequest{
		Event: "concert", User: "ann", Seats: []string{"A2"}, TTL: time.Minute,
	})
	fmt.Println(err)

	for _, n := range []int{3, 2, 3} {
		hold, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{
			Event: "concert", User: "bob", N: n, Where: seatmap.Where{Prefix: "A", Adjacent: true}, TTL: time.Minute,
		})
		fmt.Println(hold.Seats, err)
	}
	// Output:
	// <nil>
	// [A3 A4 A5] <nil>
	// [] seatmap: taken: not enough seats
	// [] seatmap: taken: not enough seats
}

// Rows, an aisle and a table: adjacent seats are of one row, and of one side of the aisle.
func ExampleLayout() {
	ctx := context.Background()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close()
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{
		Rows: []seatmap.Row{
			{Section: "stalls", Name: "A", Category: "gold", Seats: []string{"A1", "A2", "A3", "A4", "A5"}, Aisles: []string{"A2"}},
			{Section: "stalls", Name: "B", Category: "silver", Seats: []string{"B1", "B2", "B3", "B4"}, Ranks: []uint16{1, 0, 0, 1}},
			{Section: "terrace", Name: "T", Seats: []string{"T1", "T2", "T3", "T4"}, Table: true},
		},
	}})
	if err != nil {
		fmt.Println(err)
	}
	for _, where := range []seatmap.Where{
		{Section: "stalls", Singles: seatmap.SinglesAvoided},
		{Rows: []string{"A"}},
		{Category: "silver"},
		{Category: "silver"},
		{Section: "terrace"},
	} {
		where.Adjacent = true
		hold, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "concert", User: "ann", N: 2, Where: where, TTL: time.Minute})
		fmt.Println(hold.Seats, err)
	}
	// Output:
	// [A1 A2] <nil>
	// [A3 A4] <nil>
	// [B2 B3] <nil>
	// [] seatmap: taken: not enough seats
	// [T1 T2] <nil>
}

// Standing room is a number of places, not a list of seats. A request can name both.
func ExampleArea() {
	ctx := context.Background()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close()
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{
		Seats: []string{"box 1", "box 2"},
		Areas: []seatmap.Area{{Name: "floor", Category: "standing", Capacity: 1000}},
	}})
	if err != nil {
		fmt.Println(err)
	}
	hold, err := m.Block(ctx, seatmap.BlockRequest{
		Event: "concert", User: "ann", Seats: []string{"box 1"}, Places: map[string]int{"floor": 4}, TTL: time.Minute,
	})
	fmt.Println(hold.Seats, hold.Places, err)
	_, err = m.Release(ctx, seatmap.ReleaseRequest{Token: hold.Token, Places: map[string]int{"floor": 1}})
	fmt.Println(err)
	booking, err := m.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	fmt.Println(booking.Seats, booking.Places, err)
	_, err = m.Block(ctx, seatmap.BlockRequest{
		Event: "concert", User: "bob", Places: map[string]int{"floor": 998}, TTL: time.Minute,
	})
	fmt.Println(err)
	floor, err := m.Counts(ctx, seatmap.CountsRequest{Event: "concert", Area: "floor"})
	fmt.Println(floor.Available, floor.Booked, err)
	// Output:
	// [box 1] map[floor:4] <nil>
	// <nil>
	// [box 1] map[floor:3] <nil>
	// seatmap: taken: not enough seats: event "concert" area "floor"
	// 997 3 <nil>
}

// The network lost the answer: the same request with the same key gets it again.
func ExampleBlockRequest_key() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	r := seatmap.BlockRequest{
		Event: "concert", User: "ann", Key: seatmap.NewKey("5b0e…"), Seats: []string{"A1"}, TTL: time.Minute,
	}
	first, err := m.Block(ctx, r)
	fmt.Println(first.Seats, err)

	again, err := m.Block(ctx, r)
	fmt.Println(again.Token == first.Token, again.Replayed, err)

	r.Seats = []string{"A2"}
	_, err = m.Block(ctx, r)
	fmt.Println(err)
	// Output:
	// [A1] <nil>
	// true true <nil>
	// seatmap: key was used for another request: other Seats
}

// A token prints without its secret, wherever it is printed, and is not encoded by
// accident; only Reveal returns it in full, to be given to the user.
func ExampleToken() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	hold, err := m.Block(ctx, seatmap.BlockRequest{
		Event: "concert", User: "ann", Seats: []string{"A1"}, TTL: time.Minute,
	})
	fmt.Println(fmt.Sprint(hold.Token) == fmt.Sprintf("Token(concert#%d)", hold.Token.Fence), err)

	_, err = json.Marshal(hold)
	fmt.Println(errors.Is(err, seatmap.ErrSecret))
	answer, err := json.Marshal(map[string]any{"seats": hold.Seats, "token": hold.Token.Reveal()})
	fmt.Println(len(answer), err)

	var r seatmap.ReleaseRequest
	err = json.Unmarshal(answer, &r) // the client sends it back
	fmt.Println(r.Token == hold.Token, err)
	_, err = m.Release(ctx, r)
	fmt.Println(err)
	// Output:
	// true <nil>
	// true
	// 85 <nil>
	// true <nil>
	// <nil>
}

func ExampleMap_Watch() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	for change, err := range m.Watch(ctx, seatmap.WatchRequest{Event: "concert"}) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(change.Revision, change.Kind, change.User, change.Seats, len(change.Snapshot))
		switch change.Kind {
		case seatmap.ChangeSnapshot: // every change follows
			hold, err := m.Block(ctx, seatmap.BlockRequest{
				Event: "concert", User: "ann", Seats: []string{"A1", "A2"}, TTL: time.Minute,
			})
			fmt.Println(err)
			_, err = m.Book(ctx, seatmap.BookRequest{Token: hold.Token, Seats: []string{"A1"}})
			fmt.Println(err)
			_, err = m.Release(ctx, seatmap.ReleaseRequest{Token: hold.Token})
			fmt.Println(err)
		case seatmap.ChangeReleased:
			fmt.Println(m.Close())
		default:
		}
	}
	// Output:
	// 0 Snapshot  [] 8
	// <nil>
	// <nil>
	// <nil>
	// 1 Blocked ann [A1 A2] 0
	// 2 Booked ann [A1] 0
	// 3 Released ann [A2] 0
	// <nil>
	// seatmap: closed
}

// A client that lost its connection continues where it was.
func ExampleCursor() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	snapshot, err := m.Seats(ctx, seatmap.SeatsRequest{Event: "concert"})
	fmt.Println(len(snapshot.Seats), err)
	lastEventID := snapshot.Cursor.String() // what the client remembers

	// To keep its changes, an event must have been watched in the last ten minutes.
	for _, err := range m.Watch(ctx, seatmap.WatchRequest{Event: "concert"}) {
		if err != nil {
			log.Fatal(err)
		}
		break
	}
	for _, seat := range []string{"A1", "A2"} {
		_, err := m.Block(ctx, seatmap.BlockRequest{Event: "concert", User: "ann", Seats: []string{seat}, TTL: time.Minute})
		fmt.Println(seat, err)
	}

	from, err := seatmap.ParseCursor(lastEventID)
	if err != nil {
		log.Fatal(err)
	}
	for change, err := range m.Watch(ctx, seatmap.WatchRequest{Event: "concert", From: from}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change.Kind, change.Seats, change.Previous == from)
		from = change.Cursor
		if change.Seats[0] == "A2" {
			break
		}
	}
	// Output:
	// 8 <nil>
	// A1 <nil>
	// A2 <nil>
	// Blocked [A1] true
	// Blocked [A2] true
}

func ExampleKeyError() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	r := seatmap.BlockRequest{
		Event: "concert", User: "ann", Key: seatmap.NewKey("5b0e…"), Seats: []string{"A1"}, TTL: time.Minute,
	}
	_, err := m.Block(ctx, r)
	fmt.Println(err)
	r.Seats, r.TTL = []string{"A2"}, time.Hour
	_, err = m.Block(ctx, r)
	if reused, ok := errors.AsType[*seatmap.KeyError](err); ok {
		fmt.Println(reused.Differs())
	}
	// Output:
	// <nil>
	// [Seats TTL]
}

// The answer to a Release was lost on the way: the same request with the same key
// says that it was carried out.
func ExampleReceipt() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	hold, err := m.Block(ctx, seatmap.BlockRequest{Event: "concert", User: "ann", Seats: []string{"A1"}, TTL: time.Minute})
	fmt.Println(hold.Seats, err)
	r := seatmap.ReleaseRequest{Token: hold.Token, User: "ann", Key: seatmap.NewKey("71c2…")}
	for range 2 {
		receipt, err := m.Release(ctx, r)
		fmt.Println(receipt.Replayed, err)
	}
	// Output:
	// [A1] <nil>
	// false <nil>
	// true <nil>
}

// All seats of a large event, three at a time.
func ExampleSeatsRequest() {
	ctx := context.Background()
	m := newConcert()
	defer m.Close()
	r := seatmap.SeatsRequest{Event: "concert", Limit: 3}
	for {
		page, err := m.Seats(ctx, r)
		if err != nil {
			log.Fatal(err)
		}
		for _, seat := range page.Seats {
			fmt.Print(seat.Seat, " ")
		}
		fmt.Println(page.Revision)
		if !page.More {
			break
		}
		r.After = page.Seats[len(page.Seats)-1].Seat
	}
	// Output:
	// A1 A2 A3 0
	// A4 A5 B1 0
	// B2 B3 0
}

func ExampleLimits() {
	ctx := context.Background()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close()
	_, err := m.Create(ctx, seatmap.CreateRequest{
		Event: "concert", Layout: seatmap.Layout{Count: 100}, Limits: seatmap.Limits{Seats: 4, Lifetime: 10 * time.Minute},
	})
	fmt.Println(err)
	_, err = m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "concert", User: "ann", N: 5, TTL: time.Minute})
	fmt.Println(err)
	hold, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "concert", User: "ann", N: 4, TTL: time.Minute})
	fmt.Println(hold.Seats, err)
	_, err = m.Extend(ctx, seatmap.ExtendRequest{Token: hold.Token, TTL: time.Hour})
	fmt.Println(err)
	// Output:
	// <nil>
	// seatmap: limit reached: at most 4 seats a user
	// [1 2 3 4] <nil>
	// seatmap: limit reached: a hold lasts at most 10m0s
}

// Several plans share one clock and its timer.
func ExampleClock() {
	clock := seatmap.NewClock()
	defer clock.Close()
	for _, name := range []string{"concert", "opera"} {
		plan, err := seatmap.NewPlan(seatmap.PlanOptions{Name: name, Seats: 100, Clock: clock})
		if err != nil {
			log.Fatal(err)
		}
		_, err = plan.Block(1, time.Minute, 7)
		fmt.Println(plan, err)
	}
	// Output:
	// Plan(concert: 99 available, 1 blocked, 0 booked, 0 closed) <nil>
	// Plan(opera: 99 available, 1 blocked, 0 booked, 0 closed) <nil>
}

// What a store on a server answers when it has found a seat taken.
func ExampleNewTakenError() {
	var err error = seatmap.NewTakenError("concert", "A1", "A2")
	fmt.Println(err, errors.Is(err, seatmap.ErrTaken))
	// Output:
	// seatmap: taken: event "concert" seat A1, A2 true
}

func ExamplePlan() {
	plan, err := seatmap.NewPlan(seatmap.PlanOptions{Name: "concert", Seats: 100})
	if err != nil {
		log.Fatal(err)
	}
	const ann, bob = 1, 2
	hold, err := plan.Block(ann, time.Minute, 7, 8)
	fmt.Println(hold, err)
	_, err = plan.Block(bob, time.Minute, 8)
	fmt.Println(err)
	booking, err := plan.Book(hold, 8)
	fmt.Println(booking, err)
	fmt.Println(plan.Release(hold)) // what was not booked
	fmt.Println(plan.Counts())
	// Output:
	// Token(concert#1) <nil>
	// seatmap: taken: event "concert" seat 8
	// Token(concert#2) <nil>
	// <nil>
	// {99 0 1 0} <nil>
}

// An event is moved to another store. Its tokens work there.
func ExamplePorter() {
	ctx := context.Background()
	old, new := seatmap.NewMap(seatmap.MapOptions{}), seatmap.NewMap(seatmap.MapOptions{})
	defer old.Close()
	defer new.Close()
	_, err := old.Create(ctx, seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{Count: 3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	hold, err := old.Block(ctx, seatmap.BlockRequest{Event: "concert", User: "ann", Seats: []string{"2"}, TTL: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}

	var export bytes.Buffer // it has the secret of hold.Token: do not log it
	if _, err := old.Export(ctx, seatmap.ExportRequest{Event: "concert", Remove: true}, &export); err != nil {
		fmt.Println(err)
		return
	}
	info, err := new.Import(ctx, seatmap.ImportRequest{}, &export)
	fmt.Println(info.Event, info.Seats, err)

	booking, err := new.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	fmt.Println(booking.User, booking.Seats, err)
	_, err = old.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	fmt.Println(err)
	// Output:
	// concert 3 <nil>
	// ann [2] <nil>
	// seatmap: unknown event: "concert"
}

// The front office moves a hold away from a broken seat, with a new token for its user.
func ExampleOperator() {
	ctx := context.Background()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close()
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{Count: 3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	hold, err := m.Block(ctx, seatmap.BlockRequest{Event: "concert", User: "ann", Seats: []string{"1"}, TTL: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	moved, err := m.Move(ctx, seatmap.MoveRequest{
		Event: "concert", Seat: "1", Fence: hold.Token.Fence, To: []string{"3"}, Actor: "front office", Reason: "broken seat",
	})
	fmt.Println(moved.User, moved.Seats, err)

	_, err = m.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	fmt.Println(err)
	booking, err := m.Book(ctx, seatmap.BookRequest{Token: moved.Token})
	fmt.Println(booking.Seats, err)
	// Output:
	// ann [3] <nil>
	// seatmap: hold is over
	// [3] <nil>
}

// The hold does not end while the card is charged.
func ExamplePayer() {
	ctx := context.Background()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close()
	_, err := m.Create(ctx, seatmap.CreateRequest{
		Event: "concert", Layout: seatmap.Layout{Count: 3}, Limits: seatmap.Limits{Payment: 5 * time.Minute},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	hold, err := m.Block(ctx, seatmap.BlockRequest{Event: "concert", User: "ann", Seats: []string{"1"}, TTL: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	charge := func() error { return nil } // takes a while

	hold, err = m.BeginPayment(ctx, seatmap.PaymentRequest{Token: hold.Token, TTL: 3 * time.Minute})
	fmt.Println(hold.Paying, hold.Left > 2*time.Minute, err)
	if err := charge(); err != nil {
		_, _ = m.EndPayment(ctx, seatmap.EndPaymentRequest{Token: hold.Token})
		return
	}
	booking, err := m.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	fmt.Println(booking.Seats, err)
	// Output:
	// true true <nil>
	// [1] <nil>
}

// A row that was kept back is sold, too.
func ExampleSeatAdder() {
	ctx := context.Background()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close()
	_, err := m.Create(ctx, seatmap.CreateRequest{
		Event: "concert", Layout: seatmap.Layout{Rows: []seatmap.Row{{Name: "A", Seats: []string{"A1", "A2"}}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pair := seatmap.BlockAnyRequest{Event: "concert", User: "ann", N: 2, Where: seatmap.Where{Adjacent: true}, TTL: time.Minute}
	_, err = m.BlockAny(ctx, pair)
	fmt.Println(err)
	_, err = m.BlockAny(ctx, pair)
	fmt.Println(err)

	_, err = m.AddSeats(ctx, seatmap.AddSeatsRequest{
		Event: "concert", Layout: seatmap.Layout{Rows: []seatmap.Row{{Name: "B", Seats: []string{"B1", "B2", "B3"}}}},
		Actor: "box office", Reason: "the camera needs less room",
	})
	fmt.Println(err)
	hold, err := m.BlockAny(ctx, pair)
	fmt.Println(hold.Seats, err)
	// Output:
	// <nil>
	// seatmap: taken: sold out
	// <nil>
	// [B1 B2] <nil>
}

// Two seats are set aside for a partner, who sells them with its own requests.
func ExampleSeatCloser() {
	ctx := context.Background()
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close()
	if _, err := m.Create(ctx, seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{Count: 3}}); err != nil {
		fmt.Println(err)
		return
	}
	_, err := m.SetQuota(ctx, seatmap.SetQuotaRequest{
		Event: "concert", Seats: []string{"1", "2"}, Quota: "partner-A", Actor: "box office", Reason: "contract 7",
	})
	fmt.Println(err)
	r := seatmap.BlockRequest{Event: "concert", User: "ann", Seats: []string{"1"}, TTL: time.Minute}
	_, err = m.Block(ctx, r)
	fmt.Println(err)

	r.Quotas = []string{"partner-A"}
	hold, err := m.Block(ctx, r)
	fmt.Println(hold.Seats, err)
	seat, err := m.Seat(ctx, seatmap.SeatRequest{Event: "concert", Seat: "2"})
	fmt.Println(seat.State, seat.Quota, err)
	// Output:
	// <nil>
	// seatmap: taken: not for sale: event "concert" seat 1
	// [1] <nil>
	// Closed partner-A <nil>
}
