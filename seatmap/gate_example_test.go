package seatmap_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// gate says whether an event is sold out, without a request to the store. It is for a
// service whose store is on a server. It may be late by as much as the watch is; so it can
// refuse a seat that was given back a moment ago, but grants nothing.
type gate struct{ soldOut atomic.Bool }

// follow keeps the gate up to date until ctx is done or the watch fails. Then the gate is
// open, since the store knows better. It calls turned after each change of the gate.
func (g *gate) follow(ctx context.Context, store seatmap.Store, event string, turned func(soldOut bool)) error {
	defer g.soldOut.Store(false)
	left := 0 // at least so many seats and places are available
	for change, err := range store.Watch(ctx, seatmap.WatchRequest{Event: event}) {
		if err != nil {
			return err
		}
		if change.Kind == seatmap.ChangeBooked || change.Kind == seatmap.ChangeExtended {
			continue // the seats were blocked before
		}
		if change.Kind == seatmap.ChangeBlocked {
			left -= len(change.Seats)
			for _, places := range change.Places {
				left -= places
			}
			if left > 0 {
				continue
			}
		}
		counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: event})
		if err != nil {
			return err
		}
		left = counts.Available
		if soldOut := left == 0; g.soldOut.Swap(soldOut) != soldOut {
			turned(soldOut)
		}
	}
	return nil
}

// A gate in front of a store refuses requests for a sold-out event by one flag.
func Example_soldOutGate() {
	ctx, cancel := context.WithCancel(context.Background())
	m := newConcert() // of eight seats
	defer m.Close()
	var g gate
	turned, ended := make(chan bool), make(chan error)
	go func() { ended <- g.follow(ctx, m, "concert", func(soldOut bool) { turned <- soldOut }) }()

	block := func(user string, n int) (seatmap.Hold, error) {
		if g.soldOut.Load() {
			return seatmap.Hold{}, fmt.Errorf("gate: %w", seatmap.ErrSoldOut)
		}
		return m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "concert", User: user, N: n, TTL: time.Minute})
	}
	all, err := block("ann", 8)
	fmt.Println(len(all.Seats), err, <-turned)
	_, err = block("bob", 1)
	fmt.Println(err)

	_, err = m.Release(ctx, seatmap.ReleaseRequest{Token: all.Token, Seats: []string{"B2"}})
	fmt.Println(err, <-turned)
	one, err := block("bob", 1)
	fmt.Println(one.Seats, err, <-turned)

	cancel()
	fmt.Println(errors.Is(<-ended, context.Canceled), g.soldOut.Load())
	// Output:
	// 8 <nil> true
	// gate: seatmap: taken: sold out
	// <nil> false
	// [B2] <nil> true
	// true false
}
