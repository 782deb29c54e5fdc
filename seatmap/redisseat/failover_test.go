package redisseat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

// do sends a command to one server and returns the answer as text.
func (s *server) do(words ...string) string {
	s.t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.address}, DisableCache: true, ForceSingleClient: true,
	})
	require.NoError(s.t, err)
	defer client.Close()
	got, err := client.Do(s.t.Context(), client.B().Arbitrary(words...).Build()).ToMessage()
	require.NoError(s.t, err, words)
	text, err := got.ToString()
	if err != nil {
		n, _ := got.AsInt64()
		text = strconv.FormatInt(n, 10)
	}
	return text
}

// until waits until a server's answer to a command has a part.
func (s *server) until(part string, words ...string) {
	s.t.Helper()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for !strings.Contains(s.do(words...), part) {
		<-pause.C
	}
}

// caughtUp waits until the replica has what the server has now.
func caughtUp(first, replica *server) {
	first.t.Helper()
	_, offset, _ := strings.Cut(first.do("INFO", "replication"), "master_repl_offset:")
	offset, _, _ = strings.Cut(offset, "\r")
	want, err := strconv.Atoi(offset)
	require.NoError(first.t, err)
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for have := -1; have < want; <-pause.C {
		_, offset, _ := strings.Cut(replica.do("INFO", "replication"), "slave_repl_offset:")
		offset, _, _ = strings.Cut(offset, "\r")
		have, err = strconv.Atoi(offset)
		require.NoError(first.t, err)
	}
}

// startPair starts a server and a replica, to which changes come through a proxy.
func startPair(t *testing.T) (first, replica *server, link, front *proxy) {
	t.Helper()
	first, replica = startServer(t, "--appendonly", "no"), startServer(t, "--appendonly", "no")
	link, front = startProxy(t, first.address), startProxy(t, first.address)
	host, port, err := net.SplitHostPort(link.listener.Addr().String())
	require.NoError(t, err)
	replica.do("REPLICAOF", host, port)
	replica.until("master_link_status:up", "INFO", "replication")
	return first, replica, link, front
}

// TestAFailoverLosesWhatTheReplicaDidNotHave is what the first page of the package says.
func TestAFailoverLosesWhatTheReplicaDidNotHave(t *testing.T) {
	first, replica, link, front := startPair(t)
	o := front.options(first)
	o.Retry = patient
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 200}})
	require.NoError(t, err)
	block := func(user string, seat int) seatmap.Hold {
		t.Helper()
		h, err := store.Block(ctx, seatmap.BlockRequest{
			Event: "e", User: user, Seats: []string{strconv.Itoa(seat)}, TTL: time.Hour, Key: seatmap.NewKey(fmt.Sprint(user, seat)),
		})
		require.NoError(t, err)
		return h
	}
	var kept, lost []seatmap.Hold
	for i := range 50 {
		kept = append(kept, block("ann", i+1))
	}
	caughtUp(first, replica)
	link.freeze()
	for i := range 100 {
		lost = append(lost, block("bob", 51+i))
	}
	top, err := store.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	first.kill()
	replica.do("REPLICAOF", "NO", "ONE")
	front.forwardTo(replica.address)
	front.disconnect()
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 150, Blocked: 50}, counts)
	t.Logf("%d of %d acknowledged holds were lost", len(lost), len(kept)+len(lost))
	for _, h := range kept {
		_, err := store.Book(ctx, seatmap.BookRequest{Token: h.Token, User: h.User, Key: seatmap.NewKey(h.Seats[0])})
		require.NoError(t, err)
	}
	for i, h := range lost {
		_, err := store.Book(ctx, seatmap.BookRequest{Token: h.Token, User: h.User, Key: seatmap.NewKey(h.Seats[0])})
		require.ErrorIs(t, err, seatmap.ErrExpired)
		again := block("cid", 51+i)
		require.Greater(t, again.Token.Fence, lost[len(lost)-1].Token.Fence)
	}
	now, err := store.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	require.Greater(t, now.Revision, top.Revision)
}

func TestACallWaitsForReplicas(t *testing.T) {
	first, _, link, front := startPair(t)
	o := front.options(first)
	o.Replicas, o.ReplicaTimeout = 1, time.Minute
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	o.ReplicaTimeout = 20 * time.Millisecond
	hasty := open(t, o)
	defer func() { require.NoError(t, hasty.Close()) }()
	ctx := t.Context()
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	h := outage.Hold(t, store)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: h.Token})
	require.NoError(t, err)
	link.freeze()
	r := seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"3"}, TTL: time.Hour, Key: seatmap.NewKey("k")}
	for range 3 { // the repetition waits, too
		_, err = hasty.Block(ctx, r)
		require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
		require.NotErrorIs(t, err, seatmap.ErrUnavailable)
	}
	_, err = hasty.Block(ctx, seatmap.BlockRequest{Event: "e", User: "cid", Seats: []string{"3"}, TTL: time.Hour})
	require.ErrorIs(t, err, seatmap.ErrTaken, "a refusal does not wait")
	_, err = hasty.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err, "a read does not wait")
}

// patient tries again for as long as a test runs.
var patient = retry.New(retry.Options{Attempts: 100_000, MaxDelay: 20 * time.Millisecond})

func TestAPolicyHidesCuts(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	p := startProxy(t, s.address)
	o := p.options(s)
	o.Retry = patient
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	warmBlock(t, store)
	for seat, kind := range map[string]cut{"1": beforeCall, "2": halfCall, "3": beforeAnswer, "4": halfAnswer} {
		p.cutAfter(0, kind)
		h, err := store.Block(t.Context(), seatmap.BlockRequest{
			Event: "e", User: "ann", Seats: []string{seat}, TTL: time.Hour, Key: seatmap.NewKey(seat),
		})
		require.NoError(t, err)
		require.Equal(t, kind == beforeAnswer || kind == halfAnswer, h.Replayed)
		p.cutAfter(0, kind)
		_, err = store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
		require.NoError(t, err)
		p.cutAfter(0, kind)
		_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"5"}, TTL: time.Hour})
		require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown, "without a key it is not tried again")
		require.NotErrorIs(t, err, seatmap.ErrUnavailable)
	}
}

// TestAnAttemptThatMayHaveBeenCarriedOutIsNotForgotten loses the answer, and then the
// server.
func TestAnAttemptThatMayHaveBeenCarriedOutIsNotForgotten(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	p := startProxy(t, s.address)
	o := p.options(s)
	attempts := 0
	o.Retry = retry.New(retry.Options{Attempts: 20, MaxDelay: time.Millisecond, Retryable: func(error) bool {
		attempts++
		p.disconnect()
		return true
	}})
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	warmBlock(t, store)
	require.NoError(t, p.listener.Close())
	p.cutAfter(0, beforeAnswer)
	_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour, Key: seatmap.NewKey("k")})
	require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	require.NotErrorIs(t, err, seatmap.ErrUnavailable)
	require.Positive(t, attempts)
}

func TestAWatchGoesOnOverARestart(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.address)
	o := p.options(s)
	o.Retry = patient
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	var users []string
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for change, err := range store.Watch(ctx, seatmap.WatchRequest{Event: "e"}) {
		require.NoError(t, err)
		switch change.Kind {
		case seatmap.ChangeSnapshot:
			outage.Hold(t, store)
		case seatmap.ChangeBlocked:
			users = append(users, change.User)
		default:
			t.Fatal(change.Kind)
		}
		if len(users) == 1 {
			s.kill()
			s.start()
			p.forwardTo(s.address)
			_, err := store.Block(t.Context(), seatmap.BlockRequest{
				Event: "e", User: "ann", Seats: []string{"3"}, TTL: time.Hour, Key: seatmap.NewKey("k"),
			})
			require.NoError(t, err)
		}
		if len(users) == 2 {
			break
		}
	}
	require.Equal(t, []string{"bob", "ann"}, users)
}

// startCluster starts three masters, and a replica of each.
func startCluster(t *testing.T) (nodes []*server) {
	t.Helper()
	if testing.Short() {
		t.Skip("a cluster takes seconds to start")
	}
	cli := testkit.Program(t, "redis-cli")
	args := []string{"--cluster", "create"}
	for range 6 {
		// No node fails over by itself, however slow the machine is.
		s := startServer(t, "--appendonly", "no", "--cluster-enabled", "yes", "--cluster-node-timeout", "600000")
		nodes, args = append(nodes, s), append(args, s.address)
	}
	out, err := testkit.Command(t, cli, append(args, "--cluster-replicas", "1", "--cluster-yes")...).CombinedOutput()
	var exit *exec.ExitError
	require.False(t, err != nil && !errors.As(err, &exit), "%v", err)
	require.NoError(t, err, "%s", out)
	for _, s := range nodes {
		s.until("cluster_state:ok", "CLUSTER", "INFO")
		s.until("cluster_known_nodes:6", "CLUSTER", "INFO")
	}
	return nodes
}

// TestStoreOnACluster has the rights that docs/operations.md says.
func TestStoreOnACluster(t *testing.T) {
	nodes := startCluster(t)
	o := sweeping(nodes[0].options())
	o.Client.Username, o.Client.Password = "seats", "secret"
	for _, s := range nodes {
		s.do(slices.Concat([]string{"ACL", "SETUSER", "seats", "on", ">secret", "~{seatmap*"}, rights, []string{"+cluster|slots", "+cluster|shards"})...)
	}
	seattest.Run(t, seattest.Options{
		Open:    func(t *testing.T) seatmap.Store { return open(t, o) },
		Lacks:   lacks,
		Another: func(seatmap.Store) (seatmap.Store, error) { return redisseat.Open(t.Context(), o) },
	})
}

// TestAReplicaTakesOverInACluster kills a master when its replica has all. One event was imported.
func TestAReplicaTakesOverInACluster(t *testing.T) {
	nodes := startCluster(t)
	o := nodes[0].options()
	for _, s := range nodes {
		o.Client.InitAddress = append(o.Client.InitAddress, s.address)
	}
	o.Retry = patient
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	holds := map[string]seatmap.Hold{}
	block := func(event string) seatmap.Hold {
		h, err := store.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: time.Hour, Key: seatmap.NewKey("k")})
		require.NoError(t, err)
		return h
	}
	for i := range 64 { // in all masters, but once in 3^60 times
		event := "e" + strconv.Itoa(i)
		_, err := store.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 9}})
		require.NoError(t, err)
		holds[event] = block(event)
	}
	_, err := store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exportOf(t, 2000, 1)))
	require.NoError(t, err)
	master := nodes[0]
	require.Contains(t, master.do("INFO", "replication"), "role:master")
	var replica *server
	for _, s := range nodes {
		_, port, _ := strings.Cut(master.address, ":")
		if strings.Contains(s.do("INFO", "replication"), "master_port:"+port+"\r") {
			replica = s
		}
	}
	require.NotNil(t, replica)
	replica.until("master_link_status:up", "INFO", "replication")
	caughtUp(master, replica)
	master.kill()
	require.Equal(t, "OK", replica.do("CLUSTER", "FAILOVER", "TAKEOVER"))
	for event, h := range holds {
		again := block(event)
		require.True(t, again.Replayed)
		require.Equal(t, h.Token, again.Token)
		_, err := store.Book(ctx, seatmap.BookRequest{Token: h.Token, User: "ann", Key: seatmap.NewKey("b")})
		require.NoError(t, err)
	}
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Blocked: 2000}, counts)
	again, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "user7", Seats: []string{"7"}, TTL: time.Hour, Key: seatmap.NewKey("7")})
	require.NoError(t, err)
	require.True(t, again.Replayed)
}
