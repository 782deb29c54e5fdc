package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// A storage is the server of a store, which keeps what it has acknowledged when it is killed.
type storage struct {
	t *testing.T
	*server
}

func startStorage(t *testing.T, version string) *storage {
	t.Helper()
	requireServer(t, version)
	dir := temporary(t)
	s, err := servers[version](t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.end())
		requireNothingLeft(t, dir)
	})
	return &storage{t, s}
}

// eachStorage runs a test on the store of each server.
func eachStorage(t *testing.T, test func(t *testing.T, s *storage)) {
	t.Helper()
	for version := range servers {
		t.Run(version, func(t *testing.T) { test(t, startStorage(t, version)) })
	}
}

// kill kills the server at once, as a loss of power does.
func (s *storage) kill() {
	s.t.Helper()
	require.NoError(s.t, s.process.Process.Kill())
	_, err := s.ended.Join(s.t.Context())
	require.NoError(s.t, err)
}

// start starts the server that was killed, with the same files and at the same address. The
// processes that PostgreSQL had do not end at once, and it does not start before.
func (s *storage) start() {
	s.t.Helper()
	for end := time.Now().Add(patience); ; {
		last := s.process
		s.output.Reset()
		s.process = &exec.Cmd{Path: last.Path, Args: last.Args, Env: last.Env, Dir: last.Dir, SysProcAttr: last.SysProcAttr, WaitDelay: last.WaitDelay, Stdout: &s.output, Stderr: &s.output}
		if config, ok := last.Stdin.(io.Seeker); ok { // it was read
			_, err := config.Seek(0, io.SeekStart)
			require.NoError(s.t, err)
			s.process.Stdin = last.Stdin
		}
		require.NoError(s.t, s.process.Start())
		process := s.process
		s.ended = task.Go(context.Background(), func(context.Context) (struct{}, error) {
			_ = process.Wait() // it may be killed
			return struct{}{}, nil
		})
		err := s.wait(s.t.Context())
		if err == nil {
			return
		}
		require.True(s.t, time.Now().Before(end), "%v", err)
	}
}

// A fleet is processes that serve one store. Clients ask the processes in turn, as behind
// a load balancer, and repeat what got no answer.
type fleet struct {
	t       *testing.T
	args    []string
	members *arcmutex.RWMutex[[]*served]
	turn    atomic.Uint64
	client  *http.Client
}

func startFleet(t *testing.T, size int, args ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, args: args, members: arcmutex.NewRWMutex[[]*served](nil), client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		f.members.With(func(all *[]*served) {
			for _, s := range *all { // the end of the test has killed it, if end did not end it
				_ = s.cmd.Wait()
			}
		})
	})
	for range size {
		f.add()
	}
	return f
}

// add starts a process, which then gets requests.
func (f *fleet) add() {
	f.t.Helper()
	s := startServing(f.t, f.args...)
	f.members.With(func(all *[]*served) { *all = append(slices.Clone(*all), s) })
}

// end ends all processes in order.
func (f *fleet) end() {
	f.t.Helper()
	f.client.CloseIdleConnections()
	all, err := f.members.Get()
	require.NoError(f.t, err)
	for _, s := range all {
		assert.Zero(f.t, s.end(f.t, syscall.SIGTERM), s.stderr.String())
	}
}

// oldest returns the process that was started first.
func (f *fleet) oldest() *served {
	f.t.Helper()
	all, err := f.members.Get()
	require.NoError(f.t, err)
	return all[0]
}

// drop makes a process get no more requests.
func (f *fleet) drop(s *served) {
	f.members.With(func(all *[]*served) {
		*all = slices.DeleteFunc(slices.Clone(*all), func(other *served) bool { return other == s })
	})
}

// A refusedError is an answer with which a client does not try again.
type refusedError struct {
	status      int
	after, text string
}

func (e *refusedError) Error() string { return fmt.Sprintf("%d %s", e.status, e.text) }

// patientClient goes on until the test ends.
var patientClient = retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(20 * time.Millisecond)})

// ask sends a request to the processes in turn until one answers it. It repeats what broke
// off, and what got a 503 or came too soon, with the same key.
func (f *fleet) ask(ctx context.Context, method, user, key, body string) (map[string]any, error) {
	return retry.Do(ctx, patientClient, func(ctx context.Context) (map[string]any, error) {
		all, err := f.members.Get()
		if err != nil {
			return nil, retry.Permanent(err)
		}
		url := all[f.turn.Add(1)%uint64(len(all))].url
		answer, err := send(ctx, f.client, url+"/v1/events/bus/"+method, user, key, body)
		if refused, ok := errors.AsType[*refusedError](err); ok && refused.status != http.StatusServiceUnavailable && refused.status != http.StatusTooManyRequests {
			return nil, retry.Permanent(err)
		}
		return answer, err
	})
}

// send sends one request.
func send(ctx context.Context, client *http.Client, url, user, key, body string) (answer map[string]any, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header = http.Header{"Authorization": {"Bearer " + user}, "Content-Type": {"application/json"}, "Idempotency-Key": {key}}
	r, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusCreated {
		return nil, &refusedError{r.StatusCode, r.Header.Get("Retry-After"), string(text)}
	}
	return answer, json.Unmarshal(text, &answer)
}

// watch returns when a stream of changes has shown that all seats are booked. If the stream
// ends, it goes on at the next process from where it was.
func (f *fleet) watch(ctx context.Context, seats int) error {
	booked, last := map[string]bool{}, ""
	return retry.DoErr(ctx, patientClient, func(ctx context.Context) error {
		all, err := f.members.Get()
		if err != nil {
			return retry.Permanent(err)
		}
		url := all[f.turn.Add(1)%uint64(len(all))].url
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/events/bus/changes", http.NoBody)
		if err != nil {
			return retry.Permanent(err)
		}
		if last != "" {
			q.Header.Set("Last-Event-ID", last)
		}
		r, err := f.client.Do(q)
		if err != nil {
			return err
		}
		defer r.Body.Close() //nolint:errcheck // it is read only
		if r.StatusCode != http.StatusOK {
			return &refusedError{status: r.StatusCode}
		}
		events := stream.SSE(func(context.Context) (io.ReadCloser, error) { return r.Body, nil }, 1<<20)
		for e, err := range events.All(ctx) {
			if err != nil {
				return err
			}
			if e.ID != "" {
				last = e.ID
			}
			if err := note(booked, e); err != nil {
				return retry.Permanent(err)
			}
			if len(booked) == seats {
				return nil
			}
		}
		return errors.New("the stream has ended")
	})
}

// note notes the seats that an event shows as booked.
func note(booked map[string]bool, e stream.Event) error {
	switch e.Name {
	case "snapshot":
		var shot struct {
			Seats []struct{ Seat, State string }
		}
		if err := json.Unmarshal([]byte(e.Data), &shot); err != nil {
			return err
		}
		for _, s := range shot.Seats {
			if s.State == "booked" {
				booked[s.Seat] = true
			}
		}
	case "change":
		var change struct {
			Kind  string
			Seats []string
		}
		if err := json.Unmarshal([]byte(e.Data), &change); err != nil {
			return err
		}
		for _, seat := range change.Seats {
			if change.Kind == "booked" {
				booked[seat] = true
			}
		}
	}
	return nil
}

// bookAll lets users book all seats, each of which one user holds and books, while disturb
// runs, which is told each booking. It returns the owners when a stream has shown all
// bookings.
func (f *fleet) bookAll(seats, users int, disturb func(ctx context.Context, booked <-chan struct{}) error) map[string]string {
	f.t.Helper()
	owners := arcmutex.NewMutex(map[string]string{})
	booked := make(chan struct{}, seats) // of testing.T's goroutine, with select
	require.NoError(f.t, task.WithGroup(f.t.Context(), task.Unlimited, func(g *task.Scope) error {
		for u := range users {
			g.SpawnErr(func(ctx context.Context) error {
				user := fmt.Sprintf("user%d", u)
				for n := u; n < seats; n += users {
					seat := strconv.Itoa(n + 1)
					hold, err := f.ask(ctx, "block", user, "hold "+seat, fmt.Sprintf(`{"seats":[%q],"ttl_ms":3600000}`, seat))
					if err != nil {
						return err
					}
					if _, err := f.ask(ctx, "book", user, "book "+seat, fmt.Sprintf(`{"token":%q}`, hold["token"])); err != nil {
						return err
					}
					owners.With(func(m *map[string]string) { (*m)[seat] = user })
					booked <- struct{}{}
				}
				return nil
			})
		}
		g.SpawnErr(func(ctx context.Context) error { return f.watch(ctx, seats) })
		return disturb(g.Context(), booked)
	}))
	all, err := owners.Get()
	require.NoError(f.t, err)
	return maps.Clone(all)
}

// await waits for so many bookings.
func await(ctx context.Context, booked <-chan struct{}, n int) error {
	for range n {
		select {
		case <-booked:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// requireBooked requires each seat to be its owner's, and nobody else's, as each user sees
// them. There are no more than fit on a page.
func (f *fleet) requireBooked(owners map[string]string) {
	f.t.Helper()
	all, err := f.members.Get()
	require.NoError(f.t, err)
	for _, user := range slices.Compact(slices.Sorted(maps.Values(owners))) {
		q, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, all[0].url+"/v1/events/bus/seats", http.NoBody)
		require.NoError(f.t, err)
		q.Header.Set("Authorization", "Bearer "+user)
		r, err := f.client.Do(q)
		require.NoError(f.t, err)
		var page struct {
			Seats []struct {
				Seat, State string
				Mine        bool
			}
		}
		require.NoError(f.t, json.NewDecoder(r.Body).Decode(&page))
		require.NoError(f.t, r.Body.Close())
		require.Len(f.t, page.Seats, len(owners))
		for _, seat := range page.Seats {
			require.Equal(f.t, "booked", seat.State)
			require.Equal(f.t, owners[seat.Seat] == user, seat.Mine, "%s of %s", seat.Seat, owners[seat.Seat])
		}
	}
}

// fleetSize is how many seats and users there are.
func fleetSize(t *testing.T) (seats, users int) {
	t.Helper()
	return 48 * killings(t), 8
}

// Two processes serve one store. Each is replaced, one after the other, as in a rolling
// update: a new one comes first, then the oldest gets a signal, is not ready, and only then
// loses its place. No request fails.
func TestARollingRestartFailsNoRequest(t *testing.T) { eachStorage(t, rollingRestart) }

func rollingRestart(t *testing.T, store *storage) {
	t.Helper()
	seats, users := fleetSize(t)
	f := startFleet(t, 2, "-store", store.url, "-seats", strconv.Itoa(seats), "-drain", "300ms")
	owners := f.bookAll(seats, users, func(ctx context.Context, booked <-chan struct{}) error {
		for range 2 {
			if err := await(ctx, booked, seats/4); err != nil {
				return err
			}
			f.add()
			oldest := f.oldest()
			if err := oldest.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				return err
			}
			if err := await(ctx, booked, 5); err != nil { // it still gets requests
				return err
			}
			f.drop(oldest)
			if err := oldest.cmd.Wait(); err != nil {
				return fmt.Errorf("%w: %s", err, oldest.stderr)
			}
		}
		return nil
	})
	assert.Len(t, owners, seats)
	f.requireBooked(owners)
	f.end()
}

// Of two processes on one store, one is killed again and again, at moments that are left
// to chance. What was acknowledged is there, and each seat has one owner.
func TestProcessesOnOneStoreThatAreKilledLoseNothing(t *testing.T) { eachStorage(t, killedProcesses) }

func killedProcesses(t *testing.T, store *storage) {
	t.Helper()
	seats, users := fleetSize(t)
	kills := killings(t)
	f := startFleet(t, 2, "-store", store.url, "-seats", strconv.Itoa(seats))
	owners := f.bookAll(seats, users, func(ctx context.Context, booked <-chan struct{}) error {
		for range kills {
			if err := await(ctx, booked, seats/(kills+2)); err != nil {
				return err
			}
			victim := f.oldest()
			victim.end(t, syscall.SIGKILL)
			f.add()
			f.drop(victim)
		}
		return nil
	})
	assert.Len(t, owners, seats)
	f.requireBooked(owners)
	f.end()
}

// While the store is away, requests get 503 with Retry-After and the service is not ready,
// but healthy. When the store is back, the service is ready by itself, and no request that
// is repeated is lost.
func TestTheServiceRecoversWhenItsStoreWasKilled(t *testing.T) { eachStorage(t, killedStore) }

func killedStore(t *testing.T, store *storage) {
	t.Helper()
	seats, users := fleetSize(t)
	f := startFleet(t, 1, "-store", store.url, "-seats", strconv.Itoa(seats))
	url := f.oldest().url
	status := func(path string) (int, http.Header) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		require.NoError(t, err)
		q.Header.Set("Authorization", "Bearer alice")
		r, err := f.client.Do(q)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		return r.StatusCode, r.Header
	}
	owners := f.bookAll(seats, users, func(ctx context.Context, booked <-chan struct{}) error {
		if err := await(ctx, booked, seats/4); err != nil {
			return err
		}
		store.kill()
		for _, path := range []string{"/readyz", "/v1/events/bus"} {
			got, header := status(path)
			assert.Equal(t, http.StatusServiceUnavailable, got, path)
			assert.NotEmpty(t, header.Get("Retry-After"), path)
		}
		_, err := send(ctx, f.client, url+"/v1/events/bus/block", "alice", "away", `{"seats":["1"],"ttl_ms":1000}`)
		refused, ok := errors.AsType[*refusedError](err)
		if !ok {
			return fmt.Errorf("not refused: %w", err)
		}
		assert.Equal(t, http.StatusServiceUnavailable, refused.status)
		assert.NotEmpty(t, refused.after)
		got, _ := status("/healthz")
		assert.Equal(t, http.StatusNoContent, got)
		store.start()
		for got, _ := status("/readyz"); got != http.StatusNoContent; got, _ = status("/readyz") {
			<-time.After(10 * time.Millisecond)
		}
		return nil
	})
	assert.Len(t, owners, seats)
	f.requireBooked(owners)
	f.end()
}
