package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// A redisServer is a Redis server that loses nothing that it has acknowledged.
type redisServer struct {
	t       *testing.T
	dir     string
	port    int
	process *exec.Cmd
	ended   *task.Handle[struct{}]
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	s := &redisServer{t: t, dir: t.TempDir()}
	for range 10 { // another process may take the port first
		s.port = 32_000 + rand.IntN(768) // below those of outgoing connections, above those of tests of redisseat
		if s.start() {
			t.Cleanup(s.kill)
			return s
		}
	}
	require.Fail(t, "no server could start")
	return nil
}

func (s *redisServer) url() string { return fmt.Sprintf("redis://127.0.0.1:%d", s.port) }

// start starts the server on its port and waits until it has loaded its data. It returns
// false if it ends.
func (s *redisServer) start() bool {
	s.t.Helper()
	s.process = testkit.Command(s.t, testkit.Program(s.t, "redis-server"),
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir, "--save", "", "--daemonize", "no",
		"--appendonly", "yes", "--appendfsync", "always", "--logfile", filepath.Join(s.dir, "log"))
	require.NoError(s.t, s.process.Start())
	process := s.process
	s.ended = task.Go(context.Background(), func(context.Context) (struct{}, error) {
		_ = process.Wait() // it may be killed
		return struct{}{}, nil
	})
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for !s.answers(ctx) {
		select {
		case <-s.ended.Done():
			return false
		case <-ctx.Done():
			require.Fail(s.t, "the server does not answer")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return true
}

// answers reports whether this process answers, and not another one that has its port.
func (s *redisServer) answers(ctx context.Context) bool {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))}, DisableCache: true, DisableRetry: true, ForceSingleClient: true,
	})
	if err != nil {
		return false
	}
	defer client.Close()
	info, err := client.Do(ctx, client.B().Info().Section("server").Build()).ToString()
	return err == nil && strings.Contains(info, fmt.Sprintf("process_id:%d\r", s.process.Process.Pid)) &&
		client.Do(ctx, client.B().Ping().Build()).Error() == nil
}

// kill kills the server at once, as a loss of power does.
func (s *redisServer) kill() {
	_ = s.process.Process.Kill() // it may have ended
	_, _ = s.ended.Join(context.Background())
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

// requireBooked requires each seat to be its owner's, as the owner sees it.
func (f *fleet) requireBooked(owners map[string]string) {
	f.t.Helper()
	all, err := f.members.Get()
	require.NoError(f.t, err)
	for seat, user := range owners {
		q, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, all[0].url+"/v1/events/bus/seats/"+seat, http.NoBody)
		require.NoError(f.t, err)
		q.Header.Set("Authorization", "Bearer "+user)
		r, err := f.client.Do(q)
		require.NoError(f.t, err)
		text, err := io.ReadAll(r.Body)
		require.NoError(f.t, err)
		require.NoError(f.t, r.Body.Close())
		require.JSONEq(f.t, fmt.Sprintf(`{"seat":%q,"state":"booked","mine":true}`, seat), string(text))
	}
}

// fleetSize is how many seats and users there are.
func fleetSize() (seats, users int) {
	if testing.Short() {
		return 60, 4
	}
	return 240, 8
}

// Two processes serve one Redis. Each is replaced, one after the other, as in a rolling
// update: a new one comes first, then the oldest gets a signal, is not ready, and only then
// loses its place. No request fails.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	redis := startRedis(t)
	seats, users := fleetSize()
	f := startFleet(t, 2, "-store", redis.url(), "-seats", strconv.Itoa(seats), "-drain", "300ms")
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

// Of two processes on one Redis, one is killed again and again, at moments that are left
// to chance. What was acknowledged is there, and each seat has one owner.
func TestProcessesOnOneRedisThatAreKilledLoseNothing(t *testing.T) {
	redis := startRedis(t)
	seats, users := fleetSize()
	kills := 5
	if testing.Short() {
		kills = 1
	}
	f := startFleet(t, 2, "-store", redis.url(), "-seats", strconv.Itoa(seats))
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
func TestTheServiceRecoversWhenItsStoreWasKilled(t *testing.T) {
	redis := startRedis(t)
	seats, users := fleetSize()
	f := startFleet(t, 1, "-store", redis.url(), "-seats", strconv.Itoa(seats))
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
		redis.kill()
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
		if !redis.start() {
			return errors.New("the port of the store was taken")
		}
		for got, _ := status("/readyz"); got != http.StatusNoContent; got, _ = status("/readyz") {
			<-time.After(10 * time.Millisecond)
		}
		return nil
	})
	assert.Len(t, owners, seats)
	f.requireBooked(owners)
	f.end()
}
