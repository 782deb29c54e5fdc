package pgseat_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/pgseat"
)

// TestEventsOfOneTransactionDoNotHarmEachOther puts three events into one transaction: another
// client has locked one, one is damaged, and one is as it should be.
func TestEventsOfOneTransactionDoNotHarmEachOther(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	block := func(event, seat string) (seatmap.Hold, error) {
		return store.Block(t.Context(), seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{seat}, TTL: time.Hour})
	}
	create := func(event string) {
		_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 9}})
		require.NoError(t, err)
		_, err = store.Counts(t.Context(), seatmap.CountsRequest{Event: event})
		require.NoError(t, err)
	}
	var all sync.WaitGroup
	busy := s.connect()
	exec := func(sql string, args ...any) {
		_, err := busy.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	exec("begin")
	for i := range pgseat.Lanes { // each lane waits for an event
		event := fmt.Sprint("busy", i)
		create(event)
		exec("select from pgseat.event where name = $1 for update", []byte(event))
		all.Go(func() {
			_, err := block(event, "1")
			assert.NoError(t, err)
		})
		s.untilLocked(i + 1)
	}
	for _, event := range []string{"locked", "damaged", "well"} {
		create(event)
	}
	lock := s.connect()
	_, err := lock.Exec(t.Context(), "begin; select from pgseat.event where name = 'locked' for update")
	require.NoError(t, err)
	s.exec(`insert into pgseat.seat select id, 0, 7 from pgseat.event where name = 'damaged';
		insert into pgseat.record select id, 7, 7, 'ann', '\xffffffff', 1, 1, '', '', '' from pgseat.event where name = 'damaged';
		insert into pgseat.due select id, 1, 1, '{7}', '{}' from pgseat.event where name = 'damaged'`)
	errs := map[string]chan error{}
	for i, event := range []string{"locked", "damaged", "well"} {
		done := make(chan error, 1)
		errs[event] = done
		go func() {
			_, err := block(event, "1")
			done <- err
		}()
		require.Eventually(t, func() bool { return store.Ready() == i+1 }, time.Minute, time.Millisecond)
	}
	exec("commit")
	require.NoError(t, <-errs["well"])
	require.ErrorIs(t, <-errs["damaged"], pgseat.ErrSchema)
	select {
	case err := <-errs["locked"]:
		require.Fail(t, "the lock did not keep it", "%v", err)
	default:
	}
	_, err = lock.Exec(t.Context(), "rollback")
	require.NoError(t, err)
	require.NoError(t, <-errs["locked"])
	all.Wait()
}

// TestRequestsOfOtherQuotasInOneTransaction has seats chosen for several quotas, for none, and
// after a seat was given by name, in one transaction.
func TestRequestsOfOtherQuotasInOneTransaction(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 8}})
	require.NoError(t, err)
	for quota, seats := range map[string][]string{"a": {"1", "2"}, "b": {"3", "4", "5"}} {
		_, err := store.SetQuota(t.Context(), seatmap.SetQuotaRequest{Event: "e", Seats: seats, Quota: quota, Actor: "op"})
		require.NoError(t, err)
	}
	lock := s.connect()
	_, err = lock.Exec(t.Context(), "begin; select from pgseat.event where name = 'e' for update")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		_, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
		assert.NoError(t, err)
		_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "zoe", Seats: []string{"8"}, TTL: time.Hour})
		assert.NoError(t, err)
	})
	s.untilLocked(1)
	choose := func(n int, quotas []string, want ...string) {
		waiting := store.Waiting()
		all.Go(func() {
			h, err := store.BlockAny(t.Context(), seatmap.BlockAnyRequest{
				Event: "e", User: "ann", N: n, TTL: time.Hour, Where: seatmap.Where{Quotas: quotas},
			})
			assert.NoError(t, err)
			assert.Equal(t, want, h.Seats)
		})
		require.Eventually(t, func() bool { return store.Waiting() == waiting+1 }, time.Minute, time.Millisecond)
	}
	choose(2, []string{"a"}, "1", "2")
	choose(2, []string{"b"}, "3", "4")
	choose(2, nil, "6", "7")
	choose(1, []string{"b"}, "5")
	_, err = lock.Exec(t.Context(), "commit")
	require.NoError(t, err)
	all.Wait()
}

func TestAHoldThatWasBookedOrExtendedOutlivesItsDeadline(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	var holds []seatmap.Hold
	for _, seats := range [][]string{{"1"}, {"2"}, {"3"}, {"4", "5"}} {
		h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: seats, TTL: time.Hour})
		require.NoError(t, err)
		holds = append(holds, h)
	}
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: holds[0].Token})
	require.NoError(t, err)
	_, err = store.Extend(t.Context(), seatmap.ExtendRequest{Token: holds[1].Token, TTL: 2 * time.Hour})
	require.NoError(t, err)
	part, err := store.Book(t.Context(), seatmap.BookRequest{Token: holds[3].Token, Seats: []string{"5"}})
	require.NoError(t, err)
	s.exec(fmt.Sprintf("update pgseat.due set at = 1; update pgseat.record set until = 1 where fence in (%d, %d)",
		holds[2].Token.Fence, holds[3].Token.Fence))
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 6, Blocked: 1, Booked: 2}, counts)
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: holds[2].Token})
	require.ErrorIs(t, err, seatmap.ErrExpired)
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: holds[0].Token})
	require.ErrorIs(t, err, seatmap.ErrExpired, "it is booked")
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: holds[1].Token})
	require.NoError(t, err)
	_, err = store.Cancel(t.Context(), seatmap.CancelRequest{Token: part.Token})
	require.NoError(t, err)
}

func TestAKeyThatWasForgottenCanBeUsedAgain(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	key := seatmap.NewKey("k")
	block := func() seatmap.Hold {
		h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Key: key, Seats: []string{"1"}, TTL: time.Hour})
		require.NoError(t, err)
		return h
	}
	first := block()
	_, err = store.Release(t.Context(), seatmap.ReleaseRequest{Token: first.Token})
	require.NoError(t, err)
	require.True(t, block().Replayed, "for KeyMemory after the end of the hold")
	s.exec("update pgseat.due set at = 1")
	second := block()
	require.False(t, second.Replayed)
	require.Greater(t, second.Token.Fence, first.Token.Fence)
	require.True(t, block().Replayed)
}

// TestASweepEndsMoreThanOneTransactionDoes has more moments at which holds end than one
// transaction takes.
func TestASweepEndsMoreThanOneTransactionDoes(t *testing.T) {
	const holds = 600
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: holds}})
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range holds {
		all.Go(func() {
			_, err := store.Block(t.Context(), seatmap.BlockRequest{
				Event: "e", User: "ann", Seats: []string{fmt.Sprint(i + 1)}, TTL: time.Hour + time.Duration(i)*time.Second,
			})
			assert.NoError(t, err)
		})
	}
	all.Wait()
	s.exec("update pgseat.due set at = at - 7200000000; update pgseat.record set until = until - 7200000000")
	ended, err := store.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, holds, ended)
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: holds}, counts)
}
