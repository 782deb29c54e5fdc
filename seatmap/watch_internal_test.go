package seatmap

import (
	"context"
	"fmt"
	"hash/maphash"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// look watches an event until its first element, and leaves.
func look(t *testing.T, m *Map) {
	t.Helper()
	for _, err := range m.Watch(t.Context(), WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		break
	}
}

func TestChangesAreKeptForAWhileAfterTheLastWatcherLeft(t *testing.T) {
	for _, manual := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := NewMap(MapOptions{Manual: manual})
			defer func() { require.NoError(t, m.Close()) }()
			require.NoError(t, errOf(m.Create(t.Context(), CreateRequest{Event: "e", Layout: Layout{Count: 3}})))
			e := m.event("e")
			change := func() {
				h, err := m.Block(t.Context(), BlockRequest{Event: "e", User: "ann", Seats: []string{"1", "2"}, TTL: time.Second})
				require.NoError(t, err)
				require.NoError(t, errOf(m.Release(t.Context(), ReleaseRequest{Token: h.Token})))
				_, err = m.Sweep(t.Context())
				require.NoError(t, err)
			}
			look(t, m)
			testkit.Advance(WatchMemory - 1)
			change()
			require.NotNil(t, e.log.entries)
			look(t, m) // which puts it off
			testkit.Advance(WatchMemory - 1)
			change()
			require.NotNil(t, e.log.entries)

			ctx, leave := context.WithCancel(t.Context())
			var seen []ChangeKind
			go func() {
				for c, err := range m.Watch(ctx, WatchRequest{Event: "e"}) {
					if err != nil {
						return // its end is the test's
					}
					seen = append(seen, c.Kind)
				}
			}()
			synctest.Wait()
			testkit.Advance(2 * WatchMemory)
			change()
			synctest.Wait()
			require.Equal(t, []ChangeKind{ChangeSnapshot, ChangeBlocked, ChangeReleased}, seen[:3], "not while somebody watches")
			leave()
			synctest.Wait()
			testkit.Advance(WatchMemory)
			h, err := m.Block(t.Context(), BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Second})
			require.NoError(t, err)
			require.Nil(t, e.log.entries, "dropped by the sweeper, or by the next change")
			require.Zero(t, e.log.seats)
			require.NoError(t, errOf(m.Release(t.Context(), ReleaseRequest{Token: h.Token})))
		})
	}
}

func TestTheNewestChangeIsKeptHoweverManySeatsItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMap(MapOptions{Ring: 1})
		defer func() { require.NoError(t, m.Close()) }()
		require.NoError(t, errOf(m.Create(t.Context(), CreateRequest{Event: "e", Layout: Layout{Count: 3 * seatsPerPlace}})))
		ctx, leave := context.WithCancel(t.Context())
		var seen []ChangeKind
		go func() {
			for c, err := range m.Watch(ctx, WatchRequest{Event: "e"}) {
				if err != nil {
					return // its end is the test's
				}
				seen = append(seen, c.Kind)
			}
		}()
		synctest.Wait()
		_, err := m.BlockAny(t.Context(), BlockAnyRequest{Event: "e", User: "ann", N: 2 * seatsPerPlace, TTL: time.Hour})
		require.NoError(t, err)
		synctest.Wait()
		leave()
		synctest.Wait()
		require.Equal(t, []ChangeKind{ChangeSnapshot, ChangeBlocked}, seen[:2])
	})
}

func TestKeysKnowWhenTheNextIsToBeForgotten(t *testing.T) {
	k := keys{most: 10, seed: maphash.MakeSeed()}
	assert.False(t, k.due(never), "nothing is")
	assert.False(t, k.has("ann", Key{}))
	var slots []uint32
	for i := range 4 {
		slots = append(slots, k.remember(1, ask(&k, i), "ann"))
	}
	for i, slot := range slots {
		k.ended(int64(10*i+10), slot)
	}
	for i := range slots {
		next := int64(10*i+10) + int64(KeyMemory)
		assert.Equal(t, next, k.next.Load())
		assert.False(t, k.due(next-1))
		require.True(t, k.due(next))
		k.forget(next)
		assert.Zero(t, k.slots[slots[i]], "nothing of it stays")
	}
	assert.False(t, k.due(never))
	k.ended(1, k.remember(1, ask(&k, 9), "ann"))
	k.remember(1+int64(KeyMemory), ask(&k, 10), "ann")
	assert.Len(t, k.slots, 4, "what is due makes room")
	assert.Len(t, k.unused, 3)
}

func TestAKeyIsForgottenFromAnyPlaceInItsChain(t *testing.T) {
	const n = 4
	for gone := range n {
		k := keys{most: n}
		same := func(i int) *keyedRequest { return &keyedRequest{user: fmt.Sprint(i), key: NewKey("k"), hash: 7} }
		var slots []uint32
		for i := range n {
			slots = append(slots, k.remember(1, same(i), fmt.Sprint(i)))
		}
		k.ended(1, slots[gone])
		k.forget(1 + int64(KeyMemory))
		for i := range n {
			assert.Equal(t, i != gone, k.find(same(i)) != nil, "%d of %d", i, gone)
		}
	}
}
