package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
	"github.com/coderrange/ferrous/result"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seq"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// harmless is the exported types that can hold no secret, each with the reason.
var harmless = map[string]string{
	"sema.Barrier":               "counts waiters",
	"arcmutex.CheckOptions":      "numbers and a function",
	"arcmutex.Cond":              "knows its waiters alone",
	"arcmutex.Count":             "a number",
	"arcmutex.Deadlock":          "types, names and stacks",
	"arcmutex.DeadlockKind":      "an enumeration",
	"sema.Listener":              "no value",
	"arcmutex.Locker":            "a lock without its value",
	"sema.Notify":                "no value",
	"arcmutex.Once":              "no value",
	"sema.Permit":                "a number of permits",
	"sema.Semaphore":             "a number of permits",
	"arcmutex.Step":              "types, names and stacks",
	"channel.Case":               "handles of channels, whose values they do not show",
	"channel.LaggedError":        "a number",
	"diagram.Addresses":          "an enumeration",
	"diagram.Box":                "shows what the caller captured; seats are in it through all values here",
	"diagram.Cell":               "see diagram.Box",
	"diagram.Options":            "settings",
	"diagram.Picture":            "see diagram.Box",
	"diagram.Root":               "a variable of the caller's",
	"diagram.Row":                "see diagram.Box",
	"diagram.Step":               "see diagram.Box",
	"journal.DamageError":        "the name of a file and a number",
	"journal.HeldError":          "a path and a process",
	"journal.Options":            "numbers",
	"journal.Owner":              "a process",
	"journal.Store":              "the name of a directory",
	"limit.Concurrency":          "numbers",
	"limit.ConcurrencyOptions":   "numbers",
	"limit.ConcurrencyStats":     "numbers",
	"limit.KeyedOptions":         "numbers",
	"limit.Permit":               "no value",
	"limit.Rate":                 "numbers and a time",
	"limit.RateOptions":          "numbers",
	"limit.Reservation":          "a number and a time",
	"limithttp.HandlerOptions":   "limits and functions",
	"limithttp.LimitedError":     "a duration",
	"limithttp.Transport":        "numbers and origins of URLs",
	"limithttp.TransportOptions": "numbers and functions",
	"option.UnwrapError":         "the caller's message",
	"refcell.BorrowError":        "a name and places in the source",
	"retry.Attempt":              "numbers and times",
	"retry.Breaker":              "states and counts",
	"retry.BreakerOptions":       "numbers and functions",
	"retry.BreakerState":         "an enumeration",
	"retry.Budget":               "numbers",
	"retry.BudgetOptions":        "numbers",
	"retry.ClaimRequest":         "numbers and times",
	"retry.Detach":               "counts",
	"retry.BudgetStats":          "numbers",
	"retry.DetachStats":          "numbers",
	"retry.DiscardRequest":       "numbers",
	"retry.EventKind":            "an enumeration",
	"retry.ExtendRequest":        "numbers and times",
	"retry.Hedge":                "numbers",
	"retry.HedgeStats":           "numbers",
	"retry.HedgeOptions":         "numbers and functions",
	"retry.JobState":             "an enumeration",
	"retry.OpenError":            "a state and times",
	"retry.Options":              "numbers and functions",
	"retry.PageRequest":          "numbers",
	"retry.Permit":               "a generation",
	"retry.Policy":               "numbers and functions",
	"retry.Reason":               "an enumeration",
	"retry.ReplayRequest":        "numbers and times",
	"retry.QueueStats":           "numbers",
	"retry.Retry":                "numbers, times and the caller's error",
	"retry.Retries":              "numbers, times and the caller's errors",
	"retry.SettleRequest":        "numbers, times and the text of the caller's error",
	"retry.ShutdownError":        "numbers",
	"retry.Verdict":              "an enumeration",
	"seatmap.Counts":             "numbers",
	"seatmap.CountsRequest":      "the name of an event",
	"seatmap.EventInfo":          "a name, numbers and a cursor",
	"seatmap.ExportRequest":      "the name of an event",
	"seatmap.ImportRequest":      "a bool",
	"seatmap.HoldsRequest":       "names",
	"seatmap.ChangeKind":         "an enumeration",
	"seatmap.Area":               "names and a number",
	"seatmap.AreaError":          "names",
	"seatmap.AreaInfo":           "a name and numbers",
	"seatmap.PlacesInfo":         "names, numbers and times",
	"seatmap.Replay":             "names, numbers and times",
	"seatmap.Category":           "names",
	"seatmap.Layout":             "labels and names",
	"seatmap.LayoutRequest":      "the name of an event",
	"seatmap.Row":                "labels and names",
	"seatmap.Singles":            "an enumeration",
	"seatmap.Limits":             "numbers",
	"seatmap.MapOptions":         "numbers",
	"seatmap.Receipt":            "a bool",
	"seatmap.SeatRequest":        "names",
	"seatmap.EventsRequest":      "names and a number",
	"seatmap.GrantsRequest":      "names and numbers",
	"seatmap.SeatsRequest":       "the name of an event",
	"seatmap.SeatState":          "an enumeration",
	"seatmap.WatchRequest":       "a name and a cursor, which is a position",
	"seatmap.Where":              "names",
	"seq.ArgumentError":          "a number",
	"seattest.Lacks":             "bools",
	"seattest.Options":           "functions and a duration",
	"sse.Options":                "numbers, functions and the ID of an event",
	"sse.ResponseError":          "a status and a content type",
	"stream.BatchOptions":        "numbers and a function",
	"stream.Event":               "text that a server sent in the clear",
	"task.PoolOptions":           "numbers",
	"task.PoolStats":             "numbers",
	"task.SetStats":              "numbers",
	"track.Leak":                 "types, names and stacks",
}

// comparables returns what can hold comparable values only.
func comparables[T comparable](v T) map[string]any {
	return map[string]any{
		"option.Key": option.Key[T](option.Some(v)), "stream.Keyed": stream.Keyed[T, T]{Key: v, Value: v},
		"limit.Keyed": limited(v), "stream.Sources": sources(v), "task.Keyed": task.Keyed[T, T]{Key: v, Value: v},
	}
}

// sources returns a set of streams with the name v that yield v.
func sources[T comparable](v T) *stream.Sources[T, T] {
	ss := &stream.Sources[T, T]{}
	_ = ss.Insert(v, stream.Of(v))
	return ss
}

// limited returns rates by key, of which v is one.
func limited[T comparable](v T) *limit.Keyed[T] {
	k := limit.NewKeyed[T](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1}})
	k.Allow(v)
	return k
}

// containers returns all that can hold any value, holding v.
func containers[T any](t *testing.T, v T) map[string]any {
	t.Helper()
	all := map[string]any{
		"option.Option": option.Some(v), "option.Nullable": option.NotNull(v), "option.Pair": option.Pair[T, T]{First: v, Second: v},
		"result.Result": result.Ok(v), "result.UnwrapError": panicked[*result.UnwrapError](t, func() { _ = result.Ok(v).UnwrapErr() }),
		"result.UnhandledError": unhandled(t, fmt.Errorf("about %v", v)),
		"rc.Box":                rc.NewBox(v),
		"refcell.Cell":          refcell.NewCell(v), "refcell.OnceCell": refcell.OnceCellFrom(v),
		"arcmutex.OnceLock": arcmutex.OnceLockFrom(v),
		"stream.Stream":     stream.Of(v, v), "stream.Received": stream.Received[T]{Value: v}, "stream.Pair": stream.Pair[T, T]{First: v, Second: v},
		"stream.Indexed":         stream.Indexed[T]{Value: v},
		"stream.Window":          stream.Window[T]{Values: []T{v}},
		"arcmutex.PoisonedError": &arcmutex.PoisonedError{Value: v}, "retry.PanicError": &retry.PanicError{Value: v}, "retry.Error": &retry.Error{Last: fmt.Errorf("about %v", v), Attempts: 1},
		"task.PanicError": &task.PanicError{Value: v}, "task.EndError": &task.EndError{Errs: []error{fmt.Errorf("about %v", v)}},
		"task.Outcome": task.Outcome[T]{Value: v, Err: fmt.Errorf("about %v", v)},
	}
	owners(t, all, v)
	cells(t, all, v)
	locks(t, all, v)
	channels(t, all, v)
	jobs(t, all, v)
	tasks(t, all, v)
	peekable := seq.NewPeekable(slices.Values([]T{v, v}))
	t.Cleanup(peekable.Close)
	peekable.Peek()
	all["seq.Peekable"] = peekable
	return all
}

func owners[T any](t *testing.T, all map[string]any, v T) {
	t.Helper()
	shared, counted := rc.New(v), arcmutex.NewArc(v)
	all["rc.Rc"], all["rc.Weak"] = shared, shared.Downgrade()
	all["arcmutex.Arc"], all["arcmutex.Weak"] = counted, counted.Downgrade()
}

func cells[T any](t *testing.T, all map[string]any, v T) {
	t.Helper()
	all["refcell.RefCell"], all["refcell.AtomicRefCell"] = refcell.New(v), refcell.NewAtomicRefCell(v)
	lazy := refcell.NewLazyCell(func() T { return v })
	lazy.Get()
	all["refcell.LazyCell"] = lazy
	ref := refcell.New(v).Borrow()
	refMut := refcell.New(v).BorrowMut()
	atomicRef := refcell.NewAtomicRefCell(v).Borrow()
	atomicRefMut := refcell.NewAtomicRefCell(v).BorrowMut()
	all["refcell.Ref"], all["refcell.RefMut"] = &ref, &refMut
	all["refcell.AtomicRef"], all["refcell.AtomicRefMut"] = &atomicRef, &atomicRefMut
	t.Cleanup(func() { ref.Release(); refMut.Release(); atomicRef.Release(); atomicRefMut.Release() })
}

func locks[T any](t *testing.T, all map[string]any, v T) {
	t.Helper()
	all["arcmutex.Mutex"], all["arcmutex.RWMutex"] = arcmutex.NewMutex(v), arcmutex.NewRWMutex(v)
	lazy := arcmutex.NewLazyLock(func() T { return v })
	lazy.Get()
	all["arcmutex.LazyLock"] = lazy
	guard := arcmutex.NewMutex(v).Lock()
	shared := arcmutex.NewRWMutex(v).RLock()
	upgradable := arcmutex.NewRWMutex(v).ULock()
	all["arcmutex.Guard"], all["arcmutex.RGuard"], all["arcmutex.UGuard"] = &guard, &shared, &upgradable
	t.Cleanup(func() { guard.Unlock(); shared.Unlock(); upgradable.Unlock() })
}

func channels[T any](t *testing.T, all map[string]any, v T) {
	t.Helper()
	tx, rx := channel.New[T](4)
	require.NoError(t, tx.Send(t.Context(), v))
	permit, err := tx.Reserve(t.Context())
	require.NoError(t, err)
	all["channel.Sender"], all["channel.Receiver"], all["channel.WeakSender"], all["channel.Permit"] = tx, rx, tx.Downgrade(), &permit
	all["channel.Request"] = channel.Request[T, T]{Question: v}
	btx, brx := channel.NewBroadcast[T](4)
	_, err = btx.Send(v)
	require.NoError(t, err)
	all["channel.BroadcastSender"], all["channel.BroadcastReceiver"] = btx, brx
	otx, orx := channel.NewOneshot[T]()
	require.NoError(t, otx.Send(v))
	all["channel.OneshotSender"], all["channel.OneshotReceiver"] = otx, orx
	wtx, wrx := channel.NewWatch(v)
	all["channel.WatchSender"], all["channel.WatchReceiver"] = wtx, wrx
}

// jobs has what retry keeps of a job. Its Key and its Value are the user's: they
// print as the user's types do, and a secret belongs into a type that hides it.
func jobs[T any](t *testing.T, all map[string]any, v T) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	store := retry.NewMemory[T]()
	request := retry.EnqueueRequest[T]{Key: "job", Value: v, Due: now, Now: now}
	_, err := store.Enqueue(ctx, request)
	require.NoError(t, err)
	claims, err := store.Claim(ctx, retry.ClaimRequest{Now: now, Until: now.Add(time.Minute), Max: 1})
	require.NoError(t, err)
	require.NotEmpty(t, claims.Jobs)
	job := claims.Jobs[0]
	options := retry.QueueOptions[T]{Store: store, Handle: func(context.Context, retry.Job[T]) error { return nil }}
	all["retry.Memory"], all["retry.EnqueueRequest"], all["retry.Claims"], all["retry.Job"] = store, request, claims, job
	all["retry.JobRetry"] = retry.JobRetry[T]{Job: job, Err: fmt.Errorf("about %v", v)}
	all["retry.Event"] = retry.Event[T]{Job: job}
	all["retry.Contents"] = retry.Contents[T]{Jobs: claims.Jobs, Events: []retry.Event[T]{{Job: job}}}
	all["retry.QueueOptions"], all["retry.Queue"] = options, retry.NewQueue(options)
}

func tasks[T any](t *testing.T, all map[string]any, v T) {
	t.Helper()
	answer := func(context.Context) (T, error) { return v, nil } //nolint:unparam // as task wants it
	handle := task.Go(t.Context(), answer)
	_, err := handle.Result(t.Context())
	require.NoError(t, err)
	all["task.Handle"] = handle
	set := task.NewSet[T](t.Context(), 2)
	t.Cleanup(func() { _ = set.Close() })
	set.Spawn(answer)
	pool := task.NewPool(t.Context(), task.PoolOptions{Workers: 1})
	t.Cleanup(func() { _ = pool.Close() })
	_, err = task.Submit(t.Context(), pool, answer)
	require.NoError(t, err)
	all["task.Set"], all["task.Pool"] = set, pool
	byKey := task.NewJoinMap[string, T](t.Context(), 2)
	t.Cleanup(func() { _ = byKey.Close() })
	byKey.Spawn("a", answer)
	var flight task.Flight[string, T]
	_, err = flight.Do(t.Context(), "a", answer)
	require.NoError(t, err)
	all["task.JoinMap"], all["task.Flight"] = byKey, &flight
	require.NoError(t, task.WithScope(t.Context(), func(s *task.Scope) error {
		task.Spawn(s, answer)
		all["task.Scope"] = s
		return nil
	}))
}

// panicked returns the error of type E with which f panics.
func panicked[E error](t *testing.T, f func()) (e E) {
	t.Helper()
	defer func() {
		err, _ := recover().(error)
		require.True(t, errors.As(err, &e), "%v", err)
	}()
	f()
	return e
}

// unhandled returns what a Check without a Handle panics with.
func unhandled(t *testing.T, err error) any {
	t.Helper()
	return panicked[*result.UnhandledError](t, func() { result.Check0(err) })
}
