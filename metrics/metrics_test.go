package metrics_test

import (
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/metrics"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/seattest"
	"github.com/coderrange/ferrous/sema"
	"github.com/coderrange/ferrous/task"
)

// registered returns a registry that checks all that its collectors send.
func registered(t *testing.T, all ...prometheus.Collector) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	for _, c := range all {
		require.NoError(t, r.Register(c))
	}
	return r
}

// lines returns the metrics of a registry, without comments.
func lines(t *testing.T, r *prometheus.Registry) (all []string) {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, f := range families {
		require.NoError(t, expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain)).Encode(f))
	}
	for line := range strings.Lines(text.String()) {
		if !strings.HasPrefix(line, "#") {
			all = append(all, strings.TrimSuffix(line, "\n"))
		}
	}
	return all
}

// opened returns a store with an event bus of ten seats, of which one is blocked.
func opened(t *testing.T) *seatmap.Map {
	t.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{})
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 10}})
	require.NoError(t, err)
	_, err = m.Block(t.Context(), seatmap.BlockRequest{Event: "bus", User: "alice", Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
	return m
}

func TestACollectorShowsWhatItReads(t *testing.T) {
	tx, rx := channel.New[int](3)
	defer tx.Close()
	defer rx.Close()
	require.NoError(t, tx.TrySend(1))
	endless, other := channel.NewUnbounded[int]()
	defer endless.Close()
	defer other.Close()
	pool := task.NewPool(t.Context(), task.PoolOptions{Workers: 2, Queue: 1})
	_, err := pool.SubmitErr(t.Context(), func(context.Context) error { return io.EOF })
	require.NoError(t, err)
	require.NoError(t, pool.Wait(t.Context()))
	defer pool.Close() //nolint:errcheck // it returns the error of the task
	perUser := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1, Per: time.Hour, Burst: 5}})
	defer perUser.Close()
	perUser.Allow("alice")
	bound := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 7})
	defer bound.Close()
	permit, err := bound.TryAcquire()
	require.NoError(t, err)
	defer permit.Release()
	lock := arcmutex.NewRWMutex(0)
	reader := lock.RLock()
	defer reader.Unlock()
	semaphore := sema.NewSemaphore(4)
	queue := retry.NewMemory[int]()
	defer queue.Close() //nolint:errcheck // it returns nil
	_, err = queue.Enqueue(t.Context(), retry.EnqueueRequest[int]{Key: "a"})
	require.NoError(t, err)
	flight := new(task.Flight[string, int])
	breaker := retry.NewBreaker(retry.BreakerOptions{})
	breaker.ForceOpen()
	of := func(c prometheus.Collector) string {
		return strings.Join(lines(t, registered(t, c)), "\n")
	}
	for _, c := range []struct {
		of   prometheus.Collector
		want string
	}{
		{metrics.Channel("jobs", tx), `ferrous_channel_capacity_messages{name="jobs"} 3
ferrous_channel_messages{name="jobs"} 1
ferrous_channel_receivers{name="jobs"} 1
ferrous_channel_senders{name="jobs"} 1
ferrous_collector_failures_total{collector="channel",name="jobs"} 0`},
		{metrics.Channel("jobs", other), `ferrous_channel_capacity_messages{name="jobs"} +Inf
ferrous_channel_messages{name="jobs"} 0
ferrous_channel_receivers{name="jobs"} 1
ferrous_channel_senders{name="jobs"} 1
ferrous_collector_failures_total{collector="channel",name="jobs"} 0`},
		{metrics.Pool("mail", pool), `ferrous_collector_failures_total{collector="pool",name="mail"} 0
ferrous_task_pool_ended_total{name="mail",result="error"} 1
ferrous_task_pool_ended_total{name="mail",result="ok"} 0
ferrous_task_pool_ended_total{name="mail",result="panic"} 0
ferrous_task_pool_goroutines{name="mail"} 0
ferrous_task_pool_queued_tasks{name="mail"} 0
ferrous_task_pool_running_tasks{name="mail"} 0
ferrous_task_pool_submitted_total{name="mail"} 1
ferrous_task_pool_waiting_callers{name="mail"} 0
ferrous_task_pool_workers{name="mail"} 2`},
		{metrics.Tasks("pictures", flight), `ferrous_collector_failures_total{collector="tasks",name="pictures"} 0
ferrous_task_tasks{name="pictures"} 0`},
		{metrics.Keyed("users", perUser), `ferrous_collector_failures_total{collector="keyed",name="users"} 0
ferrous_limit_keys{name="users"} 1`},
		{metrics.Concurrency("streams", bound), `ferrous_collector_failures_total{collector="concurrency",name="streams"} 0
ferrous_limit_concurrency{name="streams"} 7
ferrous_limit_running{name="streams"} 1
ferrous_limit_waiting{name="streams"} 0`},
		{metrics.Semaphore("files", semaphore), `ferrous_collector_failures_total{collector="semaphore",name="files"} 0
ferrous_sema_free_permits{name="files"} 4`},
		{metrics.Mutex("feeds", lock), `ferrous_arcmutex_locked{name="feeds"} 0
ferrous_arcmutex_poisoned{name="feeds"} 0
ferrous_arcmutex_readers{name="feeds"} 1
ferrous_collector_failures_total{collector="mutex",name="feeds"} 0`},
		{metrics.Mutex("feeds", arcmutex.NewMutex(0)), `ferrous_arcmutex_locked{name="feeds"} 0
ferrous_arcmutex_poisoned{name="feeds"} 0
ferrous_collector_failures_total{collector="mutex",name="feeds"} 0`},
		{metrics.Queue("mail", queue), `ferrous_collector_failures_total{collector="queue",name="mail"} 0
ferrous_retry_queue_events{name="mail"} 0
ferrous_retry_queue_jobs{name="mail",state="claimed"} 0
ferrous_retry_queue_jobs{name="mail",state="dead"} 0
ferrous_retry_queue_jobs{name="mail",state="waiting"} 1`},
		{metrics.Breaker("bank", breaker), `ferrous_collector_failures_total{collector="breaker",name="bank"} 0
ferrous_retry_breaker_state{name="bank",state="closed"} 0
ferrous_retry_breaker_state{name="bank",state="half_open"} 0
ferrous_retry_breaker_state{name="bank",state="open"} 1`},
		{metrics.Budget("bank", retry.NewBudget(retry.BudgetOptions{Max: 8})), `ferrous_collector_failures_total{collector="budget",name="bank"} 0
ferrous_retry_budget_max_retries{name="bank"} 8
ferrous_retry_budget_retries{name="bank"} 8`},
		{metrics.Hedge("bank", retry.NewHedge(retry.HedgeOptions{})), `ferrous_collector_failures_total{collector="hedge",name="bank"} 0
ferrous_retry_hedge_copies_total{name="bank"} 0
ferrous_retry_hedge_wins_total{name="bank"} 0`},
		{metrics.Detach("bank", retry.NewDetach(1)), `ferrous_collector_failures_total{collector="detach",name="bank"} 0
ferrous_retry_detach_operations_total{name="bank"} 0
ferrous_retry_detach_running_operations{name="bank"} 0`},
		{metrics.Events("seats", opened(t), metrics.EventsOptions{Events: []string{"bus", "gone", "bus"}}), `ferrous_collector_failures_total{collector="events",name="seats"} 0
ferrous_seatmap_seats{event="bus",name="seats",state="available"} 9
ferrous_seatmap_seats{event="bus",name="seats",state="blocked"} 1
ferrous_seatmap_seats{event="bus",name="seats",state="booked"} 0
ferrous_seatmap_seats{event="bus",name="seats",state="closed"} 0`},
	} {
		assert.Equal(t, c.want, of(c.of))
	}
}

// broken panics.
type broken struct{}

func (broken) Len() int { panic("broken") }

// lost is a store and a queue that do not answer.
type lost struct{ seatmap.Store }

func (lost) Counts(context.Context, seatmap.CountsRequest) (seatmap.Counts, error) {
	return seatmap.Counts{}, seatmap.ErrUnavailable
}

func (lost) Stats(context.Context) (retry.QueueStats, error) { return retry.QueueStats{}, io.EOF }

type broke struct{ seatmap.Store }

func (broke) Counts(context.Context, seatmap.CountsRequest) (seatmap.Counts, error) { panic("broken") }

func TestACollectorThatCannotReadCountsItAndSendsNothingElse(t *testing.T) {
	events := metrics.EventsOptions{Events: []string{"bus"}}
	for _, c := range []prometheus.Collector{
		metrics.Tasks("x", broken{}), metrics.Queue("x", lost{}), metrics.Events("x", lost{}, events), metrics.Events("x", broke{}, events),
		metrics.Channel("x", new(channel.Sender[int])),
	} {
		r := registered(t, c)
		lines(t, r)
		for _, line := range lines(t, r) {
			if strings.HasPrefix(line, "ferrous_collector_failures_total") {
				assert.Regexp(t, " 2$", line)
			}
		}
	}
}

func TestWhatCannotBeCollectedIsRefused(t *testing.T) {
	m := opened(t)
	many := make([]string, 101)
	for want, f := range map[string]func(){
		"name":              func() { metrics.NewStore("") },
		"1 to 128 bytes":    func() { metrics.Tasks("\xff", broken{}) },
		"collects from nil": func() { metrics.Tasks("x", nil) },
		"pool: ":            func() { metrics.Pool("x", nil) },
		"nil store":         func() { metrics.NewStore("x").Wrap(nil) },
		"101 events":        func() { metrics.Events("x", m, metrics.EventsOptions{Events: many}) },
		"0 events":          func() { metrics.Events("x", m, metrics.EventsOptions{}) },
		"-1s is negative":   func() { metrics.Events("x", m, metrics.EventsOptions{Events: many[:1], Timeout: -time.Second}) },
		"channel: the name": func() { metrics.Channel(strings.Repeat("x", 129), nil) },
	} {
		assert.ErrorContains(t, testkit.PanicError(t, f), want)
	}
}

func TestRetriesAreCountedBesideTheHooksThatWereThere(t *testing.T) {
	r := metrics.NewRetry("bank")
	own := 0
	o := retry.Options{
		Attempts: 3, Backoff: retry.Constant(0),
		OnRetry:  func(context.Context, retry.Retry) { own++ },
		OnGiveUp: func(context.Context, *retry.Error) { own++ },
	}
	for _, hooks := range []retry.Options{o, {Attempts: 3, Backoff: retry.Constant(0)}} {
		err := retry.DoErr(t.Context(), retry.New(r.Options(hooks)), func(context.Context) error { return io.EOF })
		require.ErrorIs(t, err, io.EOF)
	}
	err := retry.DoErr(t.Context(), retry.New(r.Options(o)), func(context.Context) error { return retry.Permanent(io.EOF) })
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, 4, own)
	all := lines(t, registered(t, r))
	assert.Contains(t, all, `ferrous_retry_retries_total{name="bank"} 4`)
	assert.Contains(t, all, `ferrous_retry_wait_seconds_total{name="bank"} 0`)
	assert.Contains(t, all, `ferrous_retry_give_ups_total{name="bank",reason="exhausted"} 2`)
	assert.Contains(t, all, `ferrous_retry_give_ups_total{name="bank",reason="not_retryable"} 1`)
}

func TestTheWaitsOfRetriesAreSeconds(t *testing.T) {
	r := metrics.NewRetry("bank")
	r.Options(retry.Options{}).OnRetry(t.Context(), retry.Retry{Delay: 1500 * time.Millisecond})
	assert.Contains(t, lines(t, registered(t, r)), `ferrous_retry_wait_seconds_total{name="bank"} 1.5`)
}

func TestDecisionsAreCounted(t *testing.T) {
	l := metrics.NewLimit("users")
	rate := limit.NewRate(limit.RateOptions{Events: 1, Per: time.Hour, Burst: 2})
	assert.True(t, l.Count(rate.Allow()))
	assert.True(t, l.Count(rate.Allow()))
	assert.False(t, l.Count(rate.Allow()))
	all := lines(t, registered(t, l))
	assert.Contains(t, all, `ferrous_limit_decisions_total{decision="allowed",name="users"} 2`)
	assert.Contains(t, all, `ferrous_limit_decisions_total{decision="refused",name="users"} 1`)
}

func TestReportsOfLocksAreCounted(t *testing.T) {
	l := metrics.NewLocks("all")
	own := 0
	o := l.Options(arcmutex.CheckOptions{Report: func(*arcmutex.Deadlock) { own++ }})
	o.Report(&arcmutex.Deadlock{Kind: arcmutex.DeadlockCycle})
	o.Report(&arcmutex.Deadlock{Kind: "new"})
	l.Options(arcmutex.CheckOptions{}).Report(&arcmutex.Deadlock{Kind: arcmutex.DeadlockLongWait})
	assert.Equal(t, 2, own)
	all := lines(t, registered(t, l))
	for kind, want := range map[string]string{"cycle": "1", "other": "1", "long_wait": "1", "order": "0"} {
		assert.Contains(t, all, `ferrous_arcmutex_reports_total{kind="`+kind+`",name="all"} `+want)
	}
}

func TestAMeasuredStoreIsAStore(t *testing.T) {
	s := metrics.NewStore("seats")
	r := registered(t, s)
	seattest.Run(t, seattest.Options{Open: func(*testing.T) seatmap.Store { return s.Wrap(seatmap.NewMap(seatmap.MapOptions{})) }})
	running := 0
	for _, line := range lines(t, r) {
		if strings.HasPrefix(line, "ferrous_seatmap_running_calls") {
			running++
			assert.Regexp(t, " 0$", line)
		}
	}
	assert.Greater(t, running, 15)
}

func TestCallsAreCountedByMethodAndResult(t *testing.T) {
	s := metrics.NewStore("seats")
	r := registered(t, s)
	store := s.Wrap(opened(t))
	block := func(seat string, want error) {
		_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "bus", User: "bob", Seats: []string{seat}, TTL: time.Hour})
		require.ErrorIs(t, err, want)
	}
	block("2", nil)
	block("1", seatmap.ErrTaken)
	block("1", seatmap.ErrTaken)
	block("99", seatmap.ErrUnknownSeat)
	for change, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "bus"}) {
		require.NoError(t, err)
		assert.Equal(t, seatmap.ChangeSnapshot, change.Kind)
		assert.Contains(t, lines(t, r), `ferrous_seatmap_running_calls{method="Watch",name="seats"} 1`)
		break
	}
	all := lines(t, r)
	for _, want := range []string{
		`ferrous_seatmap_calls_total{method="Block",name="seats",result="ok"} 1`,
		`ferrous_seatmap_calls_total{method="Block",name="seats",result="taken"} 2`,
		`ferrous_seatmap_calls_total{method="Block",name="seats",result="unknown"} 1`,
		`ferrous_seatmap_calls_total{method="Block",name="seats",result="unavailable"} 0`,
		`ferrous_seatmap_calls_total{method="Watch",name="seats",result="ok"} 1`,
		`ferrous_seatmap_call_duration_seconds_count{method="Block",name="seats"} 4`,
		`ferrous_seatmap_call_duration_seconds_bucket{method="Block",name="seats",le="+Inf"} 4`,
		`ferrous_seatmap_running_calls{method="Block",name="seats"} 0`,
		`ferrous_seatmap_running_calls{method="Watch",name="seats"} 0`,
		`ferrous_seatmap_watch_changes_total{kind="snapshot",name="seats"} 1`,
	} {
		assert.Contains(t, all, want)
	}
	text := strings.Join(all, "\n")
	for _, secret := range []string{"bob", "alice", "bus", `"99"`} {
		assert.NotContains(t, text, secret)
	}
	assert.NotContains(t, text, `call_duration_seconds_count{method="Watch"`)
}

func TestMeasuringACallDoesNotAllocate(t *testing.T) {
	m := opened(t)
	store := metrics.NewStore("seats").Wrap(m)
	ctx := t.Context()
	q := seatmap.CountsRequest{Event: "bus"}
	bare := testing.AllocsPerRun(100, func() { _, _ = m.Counts(ctx, q) })
	testkit.Allocs(t, "a measured Counts", bare, func() { _, _ = store.Counts(ctx, q) })
}

func TestCallsOfManyGoroutinesAreAllCounted(t *testing.T) {
	s := metrics.NewStore("seats")
	store := s.Wrap(opened(t))
	testkit.Parallel(8, func(int) {
		for range 200 {
			_, _ = store.Counts(t.Context(), seatmap.CountsRequest{Event: "bus"})
		}
	})
	assert.Contains(t, lines(t, registered(t, s)), `ferrous_seatmap_calls_total{method="Counts",name="seats",result="ok"} 1600`)
}

// everything returns one collector of each kind.
func everything(t *testing.T) []prometheus.Collector {
	t.Helper()
	tx, rx := channel.New[int](1)
	rx.Close()
	pool := task.NewPool(t.Context(), task.PoolOptions{Workers: 1})
	keyed := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1, Burst: 1}})
	bound := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1})
	t.Cleanup(func() {
		tx.Close()
		assert.NoError(t, pool.Close())
		keyed.Close()
		bound.Close()
	})
	m := opened(t)
	store := metrics.NewStore("seats")
	seats := store.Wrap(m)
	for _, err := range seats.Watch(t.Context(), seatmap.WatchRequest{Event: "bus"}) {
		require.NoError(t, err)
		break
	}
	_, err := seats.Counts(t.Context(), seatmap.CountsRequest{Event: "bus"})
	require.NoError(t, err)
	return []prometheus.Collector{
		store, metrics.Events("seats", m, metrics.EventsOptions{Events: []string{"bus"}}),
		metrics.Channel("x", tx), metrics.Pool("x", pool), metrics.Tasks("x", pool), metrics.Keyed("x", keyed), metrics.Concurrency("x", bound),
		metrics.Semaphore("x", sema.NewSemaphore(1)), metrics.Mutex("x", arcmutex.NewRWMutex(0)),
		metrics.Queue("x", retry.NewMemory[int]()), metrics.Breaker("x", retry.NewBreaker(retry.BreakerOptions{})),
		metrics.Budget("x", retry.NewBudget(retry.BudgetOptions{})), metrics.Hedge("x", retry.NewHedge(retry.HedgeOptions{})),
		metrics.Detach("x", retry.NewDetach(1)), metrics.NewRetry("x"), metrics.NewLimit("x"), metrics.NewLocks("x"),
	}
}

var row = regexp.MustCompile("(?m)^\\| `(ferrous_[a-z_]+)` \\| ([a-z]+) \\| ([^|]*) \\| (.+) \\|$")

func TestThePageListsEachMetricWithItsTypeAndLabels(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	require.NoError(t, err)
	type said struct{ kind, labels string }
	told, real := map[string]said{}, map[string]said{}
	for _, r := range row.FindAllStringSubmatch(string(page), -1) {
		_, twice := told[r[1]]
		assert.False(t, twice, r[1])
		told[r[1]] = said{r[2], strings.ReplaceAll(r[3], "`", "")}
	}
	families, err := registered(t, everything(t)...).Gather()
	require.NoError(t, err)
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		assert.NotEmpty(t, f.GetHelp())
		real[f.GetName()] = said{strings.ToLower(f.GetType().String()), strings.Join(labels, ", ")}
	}
	assert.Equal(t, real, told)
}

func TestNamesFollowTheConventionsOfPrometheus(t *testing.T) {
	problems, err := testutil.GatherAndLint(registered(t, everything(t)...))
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func BenchmarkCounts(b *testing.B) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close() //nolint:errcheck // it returns nil
	ctx := b.Context()
	if _, err := m.Create(ctx, seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 10}}); err != nil {
		b.Fatal(err)
	}
	for name, store := range map[string]seatmap.Store{"bare": m, "measured": metrics.NewStore("seats").Wrap(m)} {
		b.Run("impl="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = store.Counts(ctx, seatmap.CountsRequest{Event: "bus"})
			}
		})
	}
}
