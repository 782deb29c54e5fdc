package seattest_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/cutnet"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

// cut cuts the network of a client.
func cut(s seatmap.Store) (mend func() error, err error) { return s.(*cutnet.Client).Cut() }

// failsOver is a Map with the exports of its events that a replica would have.
type failsOver struct {
	*seatmap.Map
	mu     *sync.Mutex
	events map[string]bool
}

func newFailsOver() failsOver {
	return failsOver{seatmap.NewMap(seatmap.MapOptions{}), new(sync.Mutex), map[string]bool{}}
}

func (f failsOver) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events[r.Event] = true
	return f.Map.Create(ctx, r)
}

// takeOver returns a replica that has everything but what late does, and higher fences.
func takeOver(s seatmap.Store, late func() error) (seatmap.Store, error) {
	ctx := context.Background()
	old, next := s.(failsOver), newFailsOver()
	exports := map[string]*bytes.Buffer{}
	for _, event := range slices.Sorted(maps.Keys(old.events)) {
		exports[event] = new(bytes.Buffer)
		if _, err := old.Export(ctx, seatmap.ExportRequest{Event: event}, exports[event]); err != nil {
			return nil, err
		}
	}
	if err := late(); err != nil {
		return nil, err
	}
	for event, export := range exports {
		highest := uint64(0)
		all, err := old.Seats(ctx, seatmap.SeatsRequest{Event: event})
		if err != nil {
			return nil, err
		}
		for _, seat := range all.Seats {
			highest = max(highest, seat.Fence)
		}
		if _, err := next.Import(ctx, seatmap.ImportRequest{}, export); err != nil {
			return nil, err
		}
		for fence := uint64(0); fence <= highest; {
			h, err := next.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "nobody", N: 1, TTL: seatmap.MaxTTL})
			if err != nil {
				return nil, err
			}
			if _, err := next.Release(ctx, seatmap.ReleaseRequest{Token: h.Token}); err != nil {
				return nil, err
			}
			fence = h.Token.Fence
		}
		next.events[event] = true
	}
	return next, old.Close()
}

// takeAll is a failover of a store that loses nothing.
func takeAll(s seatmap.Store, late func() error) (seatmap.Store, error) { return s, late() }

func TestAMapBehindANetworkConforms(t *testing.T) {
	seattest.Run(t, seattest.Options{
		Open: func(*testing.T) seatmap.Store {
			return cutnet.New(seatmap.NewMap(seatmap.MapOptions{}), cutnet.Faults{})
		},
		Cut:      cut,
		Patience: time.Minute,
	})
}

func TestAMapWithAReplicaConforms(t *testing.T) {
	for name, o := range map[string]seattest.Options{
		"that has all": {Failover: takeAll},
		"that is late": {Failover: takeOver, Lacks: seattest.Lacks{Replication: true}},
		"that may be":  {Failover: takeAll, Lacks: seattest.Lacks{Replication: true}},
	} {
		store := newFailsOver()
		assert.NoError(t, seattest.Check(t.Context(), o, store, "failovers"), name)
		assert.NoError(t, store.Close())
	}
}

// behind is a Map behind a network.
func behind(f cutnet.Faults) brokenNetwork {
	return brokenNetwork{"cuts", seattest.Options{Cut: cut, Patience: time.Minute}, func() seatmap.Store { return cutnet.New(seatmap.NewMap(seatmap.MapOptions{}), f) }}
}

type brokenNetwork struct {
	fails   string
	options seattest.Options
	store   func() seatmap.Store
}

func replicated(lacks bool, failover func(seatmap.Store, func() error) (seatmap.Store, error)) brokenNetwork {
	return brokenNetwork{
		"failovers",
		seattest.Options{Lacks: seattest.Lacks{Replication: lacks}, Failover: failover},
		func() seatmap.Store { return newFailsOver() },
	}
}

// then is a takeOver after which the store has a fault.
func then(fault func(seatmap.Store) seatmap.Store) func(seatmap.Store, func() error) (seatmap.Store, error) {
	return func(s seatmap.Store, late func() error) (seatmap.Store, error) {
		next, err := takeOver(s, late)
		if err != nil {
			return nil, err
		}
		return fault(next), nil
	}
}

// brokenNetworks are Maps behind networks and with replicas that have one fault.
var brokenNetworks = map[string]brokenNetwork{
	"what was carried out is said to be unavailable": behind(cutnet.Faults{Late: true}),
	"the form of a request is not told in a cut":     behind(cutnet.Faults{Formless: true}),
	"the store can be reached all the same":          behind(cutnet.Faults{Through: true}),
	"a watch misses a change of a cut":               behind(cutnet.Faults{Skips: true}),
	"grants are lost, which is not declared":         replicated(false, takeOver),
	"fences begin anew":                              replicated(true, then(func(s seatmap.Store) seatmap.Store { return fencesAnew{s} })),
	"late is not called":                             replicated(true, func(s seatmap.Store, _ func() error) (seatmap.Store, error) { return s, nil }),
	"tokens of what was lost are forged":             replicated(true, then(func(s seatmap.Store) seatmap.Store { return forgesTokens{s} })),
	"cursors go on in another history":               replicated(true, then(func(s seatmap.Store) seatmap.Store { return forgetsCursors{s} })),
	"what was acknowledged before is lost": replicated(true, func(s seatmap.Store, late func() error) (seatmap.Store, error) {
		next, err := takeOver(s, late)
		if err == nil {
			err = revokeAll(next.(failsOver), seatmap.SeatBooked)
		}
		return next, err
	}),
}

func TestCutsAndFailoversFindFaults(t *testing.T) {
	for fault, b := range brokenNetworks {
		store := b.store()
		err := seattest.Check(t.Context(), b.options, store, b.fails)
		if assert.Error(t, err, fault) {
			t.Logf("%s: %v", fault, err)
		}
		require.NoError(t, store.Close())
	}
}

// revokeAll ends all holds, or all bookings.
func revokeAll(f failsOver, state seatmap.SeatState) error {
	ctx := context.Background()
	for event := range f.events {
		all, err := f.Seats(ctx, seatmap.SeatsRequest{Event: event})
		if err != nil {
			return err
		}
		for _, seat := range all.Seats {
			if seat.State != state {
				continue
			}
			if _, err := f.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: seat.Seat, Actor: "fault"}); err != nil {
				return err
			}
		}
	}
	return nil
}

type forgesTokens struct{ seatmap.Store }

func (b forgesTokens) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	got, err := b.Store.Release(ctx, r)
	if errors.Is(err, seatmap.ErrExpired) && len(r.Seats) > 0 {
		err = seatmap.ErrToken
	}
	return got, err
}
