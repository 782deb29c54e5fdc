package pgseat_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/pgseat"
)

// database makes a database with settings of its own and returns options for it.
func (s *server) database(name, template string, settings ...string) pgseat.Options {
	s.t.Helper()
	s.exec("create database " + name + " " + template)
	for _, one := range settings {
		s.exec("alter database " + name + " set " + one)
	}
	o := s.options()
	config, err := pgxpool.ParseConfig(strings.Replace(s.dsn(), "/postgres?", "/"+name+"?", 1))
	require.NoError(s.t, err)
	o.Pool = config
	return o
}

// TestSettingsOfTheDatabaseChangeNothing has clients meet in databases whose administrators
// have chosen what can be chosen.
func TestSettingsOfTheDatabaseChangeNothing(t *testing.T) {
	s := startServer(t)
	for name, c := range map[string]struct {
		template string
		settings []string
	}{
		"serializable":    {"", []string{"default_transaction_isolation = 'serializable'", "default_transaction_deferrable = on"}},
		"repeatable_read": {"", []string{"default_transaction_isolation = 'repeatable read'"}},
		"strings":         {"", []string{"standard_conforming_strings = off", "backslash_quote = off"}},
		"latin1":          {"template template0 encoding 'LATIN1'", nil},
		"sql_ascii":       {"template template0 encoding 'SQL_ASCII'", nil},
		"client_latin1":   {"", []string{"client_encoding = 'LATIN1'"}},
		"paths":           {"", []string{"search_path = ''", "check_function_bodies = off"}},
		"texts": {"", []string{
			"bytea_output = 'escape'", "datestyle = 'German'", "extra_float_digits = 0", "array_nulls = off", "timezone = 'Asia/Kolkata'",
		}},
		"plans":  {"", []string{"enable_indexscan = off", "enable_nestloop = off", "plan_cache_mode = 'force_generic_plan'"}},
		"limits": {"", []string{"lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '1ms'", "client_min_messages = debug1"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.database(name, c.template, c.settings...)
			meet(t, func() (*pgseat.Store, error) { return pgseat.Open(t.Context(), o) })
		})
	}
}

// meet has clients do all at the same time with the same events, and finds that each call is
// answered as if it were alone.
func meet(t *testing.T, open func() (*pgseat.Store, error)) {
	t.Helper()
	const clients, rounds = 4, 2
	ctx, stores := t.Context(), make([]*pgseat.Store, clients)
	each := func(one func(i int, c *pgseat.Store) error) (errs [clients]error) {
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() { errs[i] = one(i, stores[i]) })
		}
		all.Wait()
		return errs
	}
	for _, err := range each(func(i int, _ *pgseat.Store) (err error) {
		stores[i], err = open()
		return err
	}) {
		require.NoError(t, err)
	}
	defer func() {
		for _, c := range stores {
			assert.NoError(t, c.Close())
		}
	}()
	user := "Zoë 🎫 \\ '"
	for round := range rounds {
		event := "événement " + strconv.Itoa(round)
		made := 0
		for _, err := range each(func(i int, c *pgseat.Store) error {
			_, err := c.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 100, Closed: []string{"100"}}})
			return err
		}) {
			if err == nil {
				made++
			} else {
				require.ErrorIs(t, err, seatmap.ErrExists)
			}
		}
		require.Equal(t, 1, made)
		var books [clients]seatmap.Booking
		won := 0
		for i, err := range each(func(i int, c *pgseat.Store) error {
			if _, err := c.Block(ctx, seatmap.BlockRequest{Event: event, User: user, Seats: []string{"99"}, TTL: time.Hour}); !errors.Is(err, seatmap.ErrTaken) {
				if err != nil {
					return err
				}
				books[i].User = user // it has won
			}
			h, err := c.Block(ctx, seatmap.BlockRequest{
				Event: event, User: user, Seats: []string{strconv.Itoa(i + 1), strconv.Itoa(i + 11)}, TTL: time.Hour, Key: seatmap.NewKey(strconv.Itoa(i)),
			})
			if err != nil {
				return err
			}
			if h, err = c.Extend(ctx, seatmap.ExtendRequest{Token: h.Token, TTL: 2 * time.Hour}); err != nil {
				return err
			}
			won := books[i].User != ""
			books[i], err = c.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: []string{strconv.Itoa(i + 1)}})
			if won {
				books[i].User = "won"
			}
			return err
		}) {
			require.NoError(t, err)
			if books[i].User == "won" {
				won++
			}
		}
		require.Equal(t, 1, won)
		for _, err := range each(func(_ int, c *pgseat.Store) error {
			_, err := c.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "any", N: 3, TTL: time.Hour})
			return err
		}) {
			require.NoError(t, err)
		}
		for _, err := range each(func(_ int, c *pgseat.Store) error {
			counts, err := c.Counts(ctx, seatmap.CountsRequest{Event: event})
			if want := (seatmap.Counts{Available: 99 - 1 - 2*clients - 3*clients, Blocked: 1 + clients + 3*clients, Booked: clients, Closed: 1}); err == nil && counts != want {
				return errors.New("counts")
			}
			return err
		}) {
			require.NoError(t, err)
		}
		for _, err := range each(func(i int, c *pgseat.Store) error {
			_, err := c.Cancel(ctx, seatmap.CancelRequest{Token: books[i].Token})
			if err != nil {
				return err
			}
			holds, err := c.Holds(ctx, seatmap.HoldsRequest{Event: event, User: user})
			if err == nil && len(holds) != 1+clients {
				return errors.New("holds")
			}
			return err
		}) {
			require.NoError(t, err)
		}
		list, err := stores[1].Events(ctx, seatmap.EventsRequest{Prefix: "événement"})
		require.NoError(t, err)
		require.Len(t, list.Events, 1)
		require.Equal(t, event, list.Events[0].Event)
		for change, err := range stores[0].Watch(context.WithoutCancel(ctx), seatmap.WatchRequest{Event: event}) {
			require.NoError(t, err)
			require.Len(t, change.Snapshot, 100)
			break
		}
		gone := 0
		for _, err := range each(func(_ int, c *pgseat.Store) error {
			_, err := c.Remove(ctx, seatmap.RemoveRequest{Event: event})
			return err
		}) {
			if err == nil {
				gone++
			} else {
				require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
			}
		}
		require.Equal(t, 1, gone)
	}
	for _, err := range each(func(_ int, c *pgseat.Store) error {
		_, err := c.Sweep(ctx)
		return err
	}) {
		require.NoError(t, err)
	}
}

// TestOptionsAtTheirEndsWork has the largest and the smallest that Open accepts.
func TestOptionsAtTheirEndsWork(t *testing.T) {
	s := startServer(t)
	o := quiet(s.options())
	o.Timeout, o.Ring, o.Poll = math.MaxInt64, 1<<20, math.MaxInt64
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{
		Event: "e", Layout: seatmap.Layout{Count: 3}, Limits: seatmap.Limits{Seats: math.MaxInt, Holds: math.MaxInt, Lifetime: math.MaxInt64},
	})
	require.NoError(t, err)
	_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: seatmap.MaxTTL})
	require.NoError(t, err)
	list, err := store.Events(t.Context(), seatmap.EventsRequest{})
	require.NoError(t, err)
	require.Equal(t, math.MaxInt, list.Events[0].Limits.Seats)
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer func() { require.NoError(t, m.Close()) }()
	_, err = m.Create(t.Context(), seatmap.CreateRequest{
		Event: "moved", Layout: seatmap.Layout{Count: 100_000}, Limits: seatmap.Limits{Seats: math.MaxInt, Holds: math.MaxInt},
	})
	require.NoError(t, err)
	var export bytes.Buffer
	_, err = m.Export(t.Context(), seatmap.ExportRequest{Event: "moved"}, &export)
	require.NoError(t, err)
	_, err = store.Import(t.Context(), seatmap.ImportRequest{}, &export)
	require.NoError(t, err)
}

// TestAUserThatMayMakeNoTablesUsesThoseOfAnother has only the rights that the package's
// comment names.
func TestAUserThatMayMakeNoTablesUsesThoseOfAnother(t *testing.T) {
	s := startServer(t)
	require.NoError(t, open(t, s.options()).Close())
	for _, sql := range []string{
		"create user service",
		"grant usage on schema pgseat to service",
		"grant select, insert, update, delete on all tables in schema pgseat to service",
		"grant usage on all sequences in schema pgseat to service",
	} {
		s.exec(sql)
	}
	o := s.options()
	o.Pool.ConnConfig.User = "service"
	meet(t, func() (*pgseat.Store, error) { return pgseat.Open(t.Context(), o) })

	s.exec("create user other")
	o.Pool.ConnConfig.User = "other"
	_, err := pgseat.Open(t.Context(), o)
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
	require.ErrorContains(t, err, "permission denied")
}

// TestADatabaseThatOnlyAllowsToReadIsUnavailable turns one read-only, as some providers do if
// its disk is full, and back.
func TestADatabaseThatOnlyAllowsToReadIsUnavailable(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 3}})
	require.NoError(t, err)
	block := func(seat string) error {
		_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{seat}, TTL: time.Hour})
		return err
	}
	require.NoError(t, block("1"))
	s.exec("alter system set default_transaction_read_only = on")
	s.exec("select pg_reload_conf()")
	require.Eventually(t, func() bool { return errors.Is(block("2"), seatmap.ErrUnavailable) }, time.Minute, time.Millisecond)
	_, err = store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	_, err = pgseat.Open(t.Context(), s.options())
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
	s.exec("begin read write; alter role seats set default_transaction_read_only = off; commit")
	_ = block("3") // it may have a session of before
	require.Eventually(t, func() bool { return block("3") == nil }, time.Minute, time.Millisecond)
}

// TestACommitThatDoesNotWaitForTheReplicaIsUnknown has an administrator cancel the commits that
// wait for a replica that is not there.
func TestACommitThatDoesNotWaitForTheReplicaIsUnknown(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	const seats = 10_000
	admin := s.connect()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats + 1}})
	require.NoError(t, err)
	s.exec("alter system set synchronous_standby_names = 'nobody'")
	s.exec("select pg_reload_conf()")
	waits := func() bool { // until it waits for the replica
		var n int
		require.NoError(t, admin.QueryRow(t.Context(), "select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'").Scan(&n))
		return n > 0
	}
	for name, call := range map[string]func(i string) error{
		"Block": func(i string) error {
			_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{i}, TTL: time.Hour})
			return err
		},
		"Create": func(i string) error {
			_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: i, Layout: seatmap.Layout{Count: 3}})
			return err
		},
	} {
		got := make(chan error, 1)
		go func() {
			var err error
			for i := 1; i <= seats && err == nil; i++ { // the server may not have read the setting yet
				err = call(strconv.Itoa(i))
			}
			got <- err
		}()
		require.Eventually(t, waits, time.Minute, time.Millisecond)
		err := <-got
		require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown, name)
		require.ErrorContains(t, err, "replica", name)
	}
	s.exec("alter system set synchronous_standby_names = ''")
	s.exec("select pg_reload_conf()")
	holds, err := store.Holds(t.Context(), seatmap.HoldsRequest{Event: "e", User: "ann"})
	require.NoError(t, err)
	require.NotEmpty(t, holds, "the change is made")
}
