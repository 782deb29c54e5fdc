package contexts

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/sema"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// A call waits until ctx is done and returns the error. It runs in a bubble.
type call func(t *testing.T, ctx context.Context) error

// waiting are the functions and methods that take a context and wait until it is
// done, if they have to.
var waiting = map[string]call{
	"sema.Barrier.Wait": func(_ *testing.T, ctx context.Context) error { return of(sema.NewBarrier(2).Wait(ctx)) },
	"arcmutex.Cond.WaitContext": func(_ *testing.T, ctx context.Context) error {
		g := arcmutex.NewMutex(0).Lock()
		defer g.Unlock()
		return new(arcmutex.Cond).WaitContext(ctx, &g)
	},
	"arcmutex.Cond.WaitWhileContext": func(_ *testing.T, ctx context.Context) error {
		g := arcmutex.NewMutex(0).Lock()
		defer g.Unlock()
		return new(arcmutex.Cond).WaitWhileContext(ctx, &g, func() bool { return true })
	},
	"arcmutex.LazyLock.GetContext": func(t *testing.T, ctx context.Context) error {
		var l *arcmutex.LazyLock[int]
		busy(func(begun func()) {
			l = arcmutex.NewLazyLock(func() int { begun(); forever(t); return 0 })
			l.Get()
		})
		return of(l.GetContext(ctx))
	},
	"arcmutex.LockAllContext": func(t *testing.T, ctx context.Context) error {
		var g arcmutex.Guard[int]
		return of(arcmutex.LockAllContext(ctx, locked(t).To(&g)))
	},
	"arcmutex.Mutex.LockContext": func(t *testing.T, ctx context.Context) error { return of(locked(t).LockContext(ctx)) },
	"arcmutex.Mutex.WithContext": func(t *testing.T, ctx context.Context) error {
		return locked(t).WithContext(ctx, func(*int) error { return nil })
	},
	"sema.Notify.Wait":   func(_ *testing.T, ctx context.Context) error { return new(sema.Notify).Wait(ctx) },
	"sema.Listener.Wait": func(_ *testing.T, ctx context.Context) error { return new(sema.Notify).Listen().Wait(ctx) },
	"arcmutex.Once.DoContext": func(t *testing.T, ctx context.Context) error {
		o := once(t)
		return o.DoContext(ctx, func() error { return nil })
	},
	"arcmutex.Once.WaitContext": func(t *testing.T, ctx context.Context) error { return once(t).WaitContext(ctx) },
	"arcmutex.OnceLock.GetOrTryInitContext": func(t *testing.T, ctx context.Context) error {
		var o arcmutex.OnceLock[int]
		busy(func(begun func()) { o.GetOrInit(func() int { begun(); forever(t); return 0 }) })
		return of(o.GetOrTryInitContext(ctx, func() (int, error) { return 0, nil }))
	},
	"arcmutex.OnceLock.WaitContext": func(_ *testing.T, ctx context.Context) error { return of(new(arcmutex.OnceLock[int]).WaitContext(ctx)) },
	"arcmutex.RWMutex.LockContext":  func(t *testing.T, ctx context.Context) error { return of(written(t).LockContext(ctx)) },
	"arcmutex.RWMutex.RLockContext": func(t *testing.T, ctx context.Context) error { return of(written(t).RLockContext(ctx)) },
	"arcmutex.RWMutex.ULockContext": func(t *testing.T, ctx context.Context) error { return of(written(t).ULockContext(ctx)) },
	"arcmutex.RWMutex.WithContext": func(t *testing.T, ctx context.Context) error {
		return written(t).WithContext(ctx, func(*int) error { return nil })
	},
	"arcmutex.RWMutex.RWithContext": func(t *testing.T, ctx context.Context) error {
		return written(t).RWithContext(ctx, func(*int) error { return nil })
	},
	"limit.Rate.Wait": func(_ *testing.T, ctx context.Context) error {
		r := limit.NewRate(limit.RateOptions{Events: 1, Per: time.Hour})
		r.Allow()
		return r.Wait(open{ctx})
	},
	"limit.Rate.WaitN": func(_ *testing.T, ctx context.Context) error {
		r := limit.NewRate(limit.RateOptions{Events: 1, Per: time.Hour, Burst: 2})
		r.Allow()
		return r.WaitN(open{ctx}, 2)
	},
	"limit.Keyed.Wait": func(t *testing.T, ctx context.Context) error {
		return emptied(t).Wait(open{ctx}, "a")
	},
	"limit.Keyed.WaitN": func(t *testing.T, ctx context.Context) error {
		return emptied(t).WaitN(open{ctx}, "a", 2)
	},
	"limit.Concurrency.Acquire": func(t *testing.T, ctx context.Context) error {
		return of(occupied(t).Acquire(ctx))
	},
	"limit.Concurrency.DoErr": func(t *testing.T, ctx context.Context) error {
		return occupied(t).DoErr(ctx, func(context.Context) error { return nil })
	},
	"limit.Do": func(t *testing.T, ctx context.Context) error {
		return of(limit.Do(ctx, occupied(t), func(context.Context) (int, error) { return 0, nil }))
	},
	"sema.Semaphore.Acquire": func(_ *testing.T, ctx context.Context) error {
		return of(sema.NewSemaphore(0).Acquire(ctx, 1))
	},
	"arcmutex.UGuard.UpgradeContext": func(t *testing.T, ctx context.Context) error {
		m := arcmutex.NewRWMutex(0)
		t.Cleanup(m.RLock().Unlock)
		u := m.ULock()
		defer u.Unlock()
		return of(u.UpgradeContext(ctx))
	},

	"channel.BroadcastReceiver.Recv": func(_ *testing.T, ctx context.Context) error {
		_, rx := channel.NewBroadcast[int](1)
		return of(rx.Recv(ctx))
	},
	"channel.BroadcastReceiver.All": func(_ *testing.T, ctx context.Context) error {
		_, rx := channel.NewBroadcast[int](1)
		return last(rx.All(ctx))
	},
	"channel.OneshotReceiver.Recv": func(_ *testing.T, ctx context.Context) error {
		_, rx := channel.NewOneshot[int]()
		return of(rx.Recv(ctx))
	},
	"channel.Sender.Reserve":     func(t *testing.T, ctx context.Context) error { return of(full(t).Reserve(ctx)) },
	"channel.Sender.ReserveMany": func(t *testing.T, ctx context.Context) error { return of(full(t).ReserveMany(ctx, 1)) },
	"channel.Sender.Send":        func(t *testing.T, ctx context.Context) error { return full(t).Send(ctx, 2) },
	"channel.Sender.SendMany":    func(t *testing.T, ctx context.Context) error { return of(full(t).SendMany(ctx, []int{2})) },
	"channel.Receiver.Recv":      func(_ *testing.T, ctx context.Context) error { return of(empty().Recv(ctx)) },
	"channel.Receiver.RecvMany":  func(_ *testing.T, ctx context.Context) error { return of(empty().RecvMany(ctx, make([]int, 1))) },
	"channel.Receiver.All":       func(_ *testing.T, ctx context.Context) error { return last(empty().All(ctx)) },
	"channel.Call": func(_ *testing.T, ctx context.Context) error {
		tx, _ := channel.New[channel.Request[int, int]](1)
		return of(channel.Call(ctx, tx, 1))
	},
	"channel.Select": func(_ *testing.T, ctx context.Context) error {
		return of(channel.Select(ctx, empty().OnRecv(func(int, error) {})))
	},
	"channel.SelectInOrder": func(_ *testing.T, ctx context.Context) error {
		return of(channel.SelectInOrder(ctx, empty().OnRecv(func(int, error) {})))
	},
	"channel.OnDone": func(t *testing.T, ctx context.Context) (err error) {
		_, _ = channel.Select(t.Context(), channel.OnDone(ctx, func(done error) { err = done }))
		return err
	},
	"channel.WatchReceiver.Changed": func(_ *testing.T, ctx context.Context) error { return watched().Changed(ctx) },
	"channel.WatchReceiver.WaitFor": func(_ *testing.T, ctx context.Context) error {
		return of(watched().WaitFor(ctx, func(int) bool { return false }))
	},
	"channel.WatchReceiver.All": func(_ *testing.T, ctx context.Context) error { return last(watched().All(ctx)) },

	"task.Flight.Do": func(_ *testing.T, ctx context.Context) error {
		return of(new(task.Flight[int, int]).Do(ctx, 1, untilDone))
	},
	"task.Flight.DoErr": func(_ *testing.T, ctx context.Context) error {
		return new(task.Flight[int, int]).DoErr(ctx, 1, untilOver)
	},
	"task.Flight.Wait": func(t *testing.T, ctx context.Context) error {
		var f task.Flight[int, int]
		busy(func(begun func()) {
			_, _ = f.Do(t.Context(), 1, func(context.Context) (int, error) { begun(); forever(t); return 0, nil })
		})
		return f.Wait(ctx)
	},
	"task.Go": func(_ *testing.T, ctx context.Context) error {
		return of(task.Go(ctx, untilDone).Join(context.Background()))
	},
	"task.GoErr": func(_ *testing.T, ctx context.Context) error {
		return of(task.GoErr(ctx, untilOver).Join(context.Background()))
	},
	"task.Handle.Join": func(t *testing.T, ctx context.Context) error {
		return of(task.Go(t.Context(), untilDone).Join(ctx))
	},
	"task.Handle.Result": func(t *testing.T, ctx context.Context) error {
		return of(task.Go(t.Context(), untilDone).Result(ctx))
	},
	"task.JoinAll":    func(_ *testing.T, ctx context.Context) error { return of(task.JoinAll(ctx, untilDone, untilDone)) },
	"task.JoinAllErr": func(_ *testing.T, ctx context.Context) error { return task.JoinAllErr(ctx, untilOver, untilOver) },
	"task.Join2": func(_ *testing.T, ctx context.Context) error {
		_, _, err := task.Join2(ctx, untilDone, untilDone)
		return err
	},
	"task.Join3": func(_ *testing.T, ctx context.Context) error {
		_, _, _, err := task.Join3(ctx, untilDone, untilDone, untilDone)
		return err
	},
	"task.Join4": func(_ *testing.T, ctx context.Context) error {
		_, _, _, _, err := task.Join4(ctx, untilDone, untilDone, untilDone, untilDone)
		return err
	},
	"task.Join5": func(_ *testing.T, ctx context.Context) error {
		_, _, _, _, _, err := task.Join5(ctx, untilDone, untilDone, untilDone, untilDone, untilDone)
		return err
	},
	"task.JoinMap.Next": func(t *testing.T, ctx context.Context) error {
		_, _, err := keyed(t).Next(ctx)
		return err
	},
	"task.JoinMap.All":      func(t *testing.T, ctx context.Context) error { return last(keyed(t).All(ctx)) },
	"task.JoinMap.Wait":     func(t *testing.T, ctx context.Context) error { return keyed(t).Wait(ctx) },
	"task.JoinMap.Shutdown": func(t *testing.T, ctx context.Context) error { return keyed(t).Shutdown(ctx) },
	"task.RaceOKErr":        func(_ *testing.T, ctx context.Context) error { return task.RaceOKErr(ctx, untilOver, untilOver) },
	"task.SettleErr":        func(_ *testing.T, ctx context.Context) error { return task.SettleErr(ctx, untilOver)[0] },
	"task.WithGroup": func(_ *testing.T, ctx context.Context) error {
		return task.WithGroup(ctx, 1, func(s *task.Scope) error { task.Spawn(s, untilDone); return nil })
	},
	"task.Settle":         func(_ *testing.T, ctx context.Context) error { return task.Settle(ctx, untilDone)[0].Err },
	"task.Submit":         func(t *testing.T, ctx context.Context) error { return of(task.Submit(ctx, crowded(t), untilDone)) },
	"task.Pool.SubmitErr": func(t *testing.T, ctx context.Context) error { return of(crowded(t).SubmitErr(ctx, untilOver)) },
	"task.Pool.Shutdown":  func(t *testing.T, ctx context.Context) error { return crowded(t).Shutdown(ctx) },
	"task.Pool.Wait":      func(t *testing.T, ctx context.Context) error { return crowded(t).Wait(ctx) },
	"task.Race":           func(_ *testing.T, ctx context.Context) error { return of(task.Race(ctx, untilDone, untilDone)) },
	"task.RaceErr":        func(_ *testing.T, ctx context.Context) error { return task.RaceErr(ctx, untilOver, untilOver) },
	"task.RaceOK":         func(_ *testing.T, ctx context.Context) error { return of(task.RaceOK(ctx, untilDone, untilDone)) },
	"task.Timeout":        func(_ *testing.T, ctx context.Context) error { return of(task.Timeout(ctx, time.Hour, untilDone)) },
	"task.TimeoutErr":     func(_ *testing.T, ctx context.Context) error { return task.TimeoutErr(ctx, time.Hour, untilOver) },
	"task.WithScope": func(_ *testing.T, ctx context.Context) error {
		return task.WithScope(ctx, func(s *task.Scope) error { return untilOver(s.Context()) })
	},
	"task.Set.Next":     func(t *testing.T, ctx context.Context) error { return of(manned(t).Next(ctx)) },
	"task.Set.All":      func(t *testing.T, ctx context.Context) error { return last(manned(t).All(ctx)) },
	"task.Set.Ordered":  func(t *testing.T, ctx context.Context) error { return last(manned(t).Ordered(ctx)) },
	"task.Set.Wait":     func(t *testing.T, ctx context.Context) error { return manned(t).Wait(ctx) },
	"task.Set.Shutdown": func(t *testing.T, ctx context.Context) error { return manned(t).Shutdown(ctx) },

	"stream.Tee": func(_ *testing.T, ctx context.Context) error {
		return stream.Tee(ctx, never(), 1, drain[int], drain[int])
	},
	"stream.Broadcast": func(_ *testing.T, ctx context.Context) error {
		return stream.Broadcast(ctx, never(), 1, drain[stream.Received[int]])
	},
	"stream.Split": func(_ *testing.T, ctx context.Context) error {
		return stream.Split(ctx, never(), 1, func(int) bool { return true }, drain[int], drain[int])
	},
	"stream.Collect": func(_ *testing.T, ctx context.Context) error { return of(stream.Collect(ctx, never())) },
	"stream.ForEach": func(_ *testing.T, ctx context.Context) error {
		return stream.ForEach(ctx, never(), 2, func(context.Context, int) error { return nil })
	},
	"stream.ForEachAhead": func(_ *testing.T, ctx context.Context) error {
		return stream.ForEachAhead(ctx, never(), 2, 0, func(context.Context, int) error { return nil })
	},
	"stream.Reduce": func(_ *testing.T, ctx context.Context) error {
		return of(stream.Reduce(ctx, never(), 0, func(int, int) (int, error) { return 0, nil }))
	},
	"stream.First": func(_ *testing.T, ctx context.Context) error {
		_, _, err := stream.First(ctx, never())
		return err
	},
	"stream.Any": func(_ *testing.T, ctx context.Context) error {
		return of(stream.Any(ctx, never(), func(int) bool { return true }))
	},
	"stream.All": func(_ *testing.T, ctx context.Context) error {
		return of(stream.All(ctx, never(), func(int) bool { return true }))
	},
	"stream.Count":      func(_ *testing.T, ctx context.Context) error { return of(stream.Count(ctx, never())) },
	"stream.Stream.All": func(_ *testing.T, ctx context.Context) error { return last(never().All(ctx)) },

	"retry.Policy.Attempts": func(_ *testing.T, ctx context.Context) (err error) {
		for a, failure := range slowly.Attempts(ctx) {
			if err = failure; err == nil {
				a.Fail(of(fails(a.Context())))
			}
		}
		return err
	},
	"retry.Do": func(_ *testing.T, ctx context.Context) error {
		return of(retry.Do(ctx, slowly, fails))
	},
	"retry.DoErr": func(_ *testing.T, ctx context.Context) error {
		return retry.DoErr(ctx, slowly, func(ctx context.Context) error { return of(fails(ctx)) })
	},
	"retry.Queue.Shutdown": func(t *testing.T, ctx context.Context) error { return running(t).Shutdown(ctx) },
	"retry.Queue.Wait":     func(t *testing.T, ctx context.Context) error { return running(t).Wait(ctx) },

	"seatmap.Map.Watch": func(t *testing.T, ctx context.Context) error {
		return last(hall(t).Watch(ctx, seatmap.WatchRequest{Event: "concert"}))
	},
}

// instant are those that do not wait. They notice a context that is done.
var instant = map[string]call{
	"retry.Memory.Enqueue": func(_ *testing.T, ctx context.Context) error {
		return of(retry.NewMemory[int]().Enqueue(ctx, retry.EnqueueRequest[int]{Key: "a"}))
	},
	"retry.Memory.Claim": func(_ *testing.T, ctx context.Context) error {
		return of(retry.NewMemory[int]().Claim(ctx, retry.ClaimRequest{}))
	},
	"retry.Memory.Settle": func(_ *testing.T, ctx context.Context) error {
		return retry.NewMemory[int]().Settle(ctx, retry.SettleRequest{})
	},
	"retry.Memory.Extend": func(_ *testing.T, ctx context.Context) error {
		return retry.NewMemory[int]().Extend(ctx, retry.ExtendRequest{})
	},
	"retry.Memory.Dead": func(_ *testing.T, ctx context.Context) error {
		return of(retry.NewMemory[int]().Dead(ctx, retry.PageRequest{}))
	},
	"retry.Memory.Replay": func(_ *testing.T, ctx context.Context) error {
		return retry.NewMemory[int]().Replay(ctx, retry.ReplayRequest{})
	},
	"retry.Memory.Discard": func(_ *testing.T, ctx context.Context) error {
		return retry.NewMemory[int]().Discard(ctx, retry.DiscardRequest{})
	},
	"retry.Memory.Events": func(_ *testing.T, ctx context.Context) error {
		return of(retry.NewMemory[int]().Events(ctx, retry.PageRequest{}))
	},
	"retry.Memory.Trim":  func(_ *testing.T, ctx context.Context) error { return retry.NewMemory[int]().Trim(ctx, 0) },
	"retry.Memory.Stats": func(_ *testing.T, ctx context.Context) error { return of(retry.NewMemory[int]().Stats(ctx)) },
	"retry.ExtendLease": func(t *testing.T, ctx context.Context) error {
		var handler context.Context
		runs(t, func(ctx context.Context) { handler = ctx }) //nolint:fatcontext // one handler runs
		return retry.ExtendLease(valued{ctx, handler}, time.Minute)
	},
	"retry.Queue.Enqueue": func(_ *testing.T, ctx context.Context) error { return of(idle().Enqueue(ctx, "a", 1, 0)) },
	"retry.Queue.Dead":    func(_ *testing.T, ctx context.Context) error { return last(idle().Dead(ctx)) },
	"retry.Queue.Replay":  func(_ *testing.T, ctx context.Context) error { return idle().Replay(ctx, 1) },
	"retry.Queue.Discard": func(_ *testing.T, ctx context.Context) error { return idle().Discard(ctx, 1) },
	"retry.Queue.Stats":   func(_ *testing.T, ctx context.Context) error { return of(idle().Stats(ctx)) },

	"seatmap.Map.Revoke": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Revoke(ctx, seatmap.RevokeRequest{}))
	},
	"seatmap.Map.Events": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Events(ctx, seatmap.EventsRequest{}))
	},
	"seatmap.Map.Grants": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Grants(ctx, seatmap.GrantsRequest{}))
	},
	"seatmap.Map.CloseSeats": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).CloseSeats(ctx, seatmap.CloseSeatsRequest{}))
	},
	"seatmap.Map.AddSeats": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).AddSeats(ctx, seatmap.AddSeatsRequest{}))
	},
	"seatmap.Map.SetQuota": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).SetQuota(ctx, seatmap.SetQuotaRequest{}))
	},
	"seatmap.Map.OpenSeats": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).OpenSeats(ctx, seatmap.OpenSeatsRequest{}))
	},
	"seatmap.Map.Reissue": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Reissue(ctx, seatmap.ReissueRequest{}))
	},
	"seatmap.Map.Move": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Move(ctx, seatmap.MoveRequest{}))
	},
	"seatmap.Map.Reserve": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Reserve(ctx, seatmap.ReserveRequest{}))
	},
	"seatmap.Map.ReserveAny": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).ReserveAny(ctx, seatmap.ReserveAnyRequest{}))
	},
	"seatmap.Map.BeginPayment": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).BeginPayment(ctx, seatmap.PaymentRequest{}))
	},
	"seatmap.Map.EndPayment": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).EndPayment(ctx, seatmap.EndPaymentRequest{}))
	},
	"seatmap.Map.Export": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Export(ctx, seatmap.ExportRequest{}, io.Discard))
	},
	"seatmap.Map.Import": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Import(ctx, seatmap.ImportRequest{}, strings.NewReader("")))
	},
	"seatmap.Map.Sweep":  func(t *testing.T, ctx context.Context) error { return of(hall(t).Sweep(ctx)) },
	"seatmap.Map.Create": func(t *testing.T, ctx context.Context) error { return of(hall(t).Create(ctx, seatmap.CreateRequest{})) },
	"seatmap.Map.Remove": func(t *testing.T, ctx context.Context) error { return of(hall(t).Remove(ctx, seatmap.RemoveRequest{})) },
	"seatmap.Map.Block":  func(t *testing.T, ctx context.Context) error { return of(hall(t).Block(ctx, seatmap.BlockRequest{})) },
	"seatmap.Map.BlockAny": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).BlockAny(ctx, seatmap.BlockAnyRequest{}))
	},
	"seatmap.Map.Book": func(t *testing.T, ctx context.Context) error { return of(hall(t).Book(ctx, seatmap.BookRequest{})) },
	"seatmap.Map.Release": func(t *testing.T, ctx context.Context) error {
		return of(hall(t).Release(ctx, seatmap.ReleaseRequest{}))
	},
	"seatmap.Map.Cancel": func(t *testing.T, ctx context.Context) error { return of(hall(t).Cancel(ctx, seatmap.CancelRequest{})) },
	"seatmap.Map.Extend": func(t *testing.T, ctx context.Context) error { return of(hall(t).Extend(ctx, seatmap.ExtendRequest{})) },
	"seatmap.Map.Seat":   func(t *testing.T, ctx context.Context) error { return of(hall(t).Seat(ctx, seatmap.SeatRequest{})) },
	"seatmap.Map.Seats":  func(t *testing.T, ctx context.Context) error { return of(hall(t).Seats(ctx, seatmap.SeatsRequest{})) },
	"seatmap.Map.Layout": func(t *testing.T, ctx context.Context) error { return of(hall(t).Layout(ctx, seatmap.LayoutRequest{})) },
	"seatmap.Map.Counts": func(t *testing.T, ctx context.Context) error { return of(hall(t).Counts(ctx, seatmap.CountsRequest{})) },
	"seatmap.Map.Holds":  func(t *testing.T, ctx context.Context) error { return of(hall(t).Holds(ctx, seatmap.HoldsRequest{})) },
}

// silent are those that tell the end of their context otherwise, and how.
var silent = map[string]string{
	"channel.Receiver.Chan": "closes the channel",
	"channel.FromChan":      "closes the receiver",
	"task.NewPool":          "its tasks get the context",
	"task.NewSet":           "its tasks get the context",
	"task.NewJoinMap":       "its tasks get the context",
	"retry.Queue.Run":       "returns nil",
	"retry.Policy.Start":    "Next returns its error",
	// They see calls that get the context.
	"metrics.observer.Begin": "returns the context",
	"tracing.observer.Begin": "returns the context",
}

// causes are what somebody may end a context with: also what the packages return
// for other reasons.
var causes = []error{
	errors.New("enough"), io.EOF, context.DeadlineExceeded,
	channel.ErrClosed, channel.ErrEmpty, channel.ErrFull, &channel.LaggedError{Missed: 1},
	task.ErrAborted, task.ErrClosed, task.ErrEmpty, task.ErrTimeout, stream.ErrTimeout,
	retry.ErrShutdown, retry.ErrClosed, retry.ErrStale, arcmutex.ErrPoisoned, sema.ErrClosed, seatmap.ErrInvalid,
	fmt.Errorf("wrapped: %w", channel.ErrClosed),
}

func TestErrorsOfAContextMatchItsErrAndItsCause(t *testing.T) {
	all := exported(t)
	for _, name := range all {
		n := 0
		for _, has := range []bool{waiting[name] != nil, instant[name] != nil, silent[name] != ""} {
			if has {
				n++
			}
		}
		assert.Equal(t, 1, n, "%s takes a context: it needs a row in waiting, instant or silent", name)
	}
	for _, rows := range []iter.Seq[string]{maps.Keys(waiting), maps.Keys(instant), maps.Keys(silent)} {
		for name := range rows {
			assert.Contains(t, all, name, "there is no such function")
		}
	}
	for name, call := range waiting {
		t.Run(name, func(t *testing.T) { check(t, call, true) })
	}
	for name, call := range instant {
		t.Run(name, func(t *testing.T) { check(t, call, false) })
	}
}

// check ends the context of the call with each cause, by a cancel and by a
// deadline, before the call and if it waits during it.
func check(t *testing.T, call call, waits bool) {
	t.Helper()
	for _, cause := range causes {
		for _, late := range []bool{false, true} {
			for _, by := range []error{context.Canceled, context.DeadlineExceeded} {
				if late && !waits {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					end := func() { cancel(cause) }
					if by == context.DeadlineExceeded { //nolint:errorlint // it is the word itself
						var stop context.CancelFunc
						ctx, stop = context.WithTimeoutCause(t.Context(), time.Second, cause)
						defer stop()
						end = func() { <-ctx.Done() }
					}
					defer cancel(nil)
					if !late {
						end()
					}
					var err error
					returned := make(chan struct{})
					go func() {
						defer close(returned)
						err = call(t, ctx)
					}()
					synctest.Wait()
					select {
					case <-returned:
						assert.False(t, late, "it did not wait: %v", err)
					default:
						assert.True(t, late, "it did not notice the end of its context")
					}
					end()
					<-returned
					assert.ErrorIs(t, err, by, "cause: %v", cause)
					assert.ErrorIs(t, err, cause)
				})
			}
		}
	}
}

// exported returns the exported functions and methods of the module that take a
// context.
func exported(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../../../*/*.go")
	require.NoError(t, err)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") || slices.Contains([]string{"bench", "examples", "interop"}, filepath.Base(filepath.Dir(path))) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || !slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool {
				return types.ExprString(p.Type) == "context.Context"
			}) {
				continue
			}
			name := file.Name.Name
			if f.Recv != nil {
				receiver, _, _ := strings.Cut(types.ExprString(f.Recv.List[0].Type), "[")
				name += "." + strings.TrimPrefix(receiver, "*")
			}
			names = append(names, name+"."+f.Name.Name)
		}
	}
	return names
}

// What follows makes calls short.

var errFailed = errors.New("failed")

// fails does so when its context is done.
func fails(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 0, errFailed
}

// slowly retries without end, every minute.
var slowly = retry.New(retry.Options{Attempts: 1 << 30, Backoff: retry.Constant(time.Minute)})

// never is a stream that yields nothing.
func never() stream.Stream[int] { return stream.FromChan(make(chan int)) }

func of[T any](_ T, err error) error { return err }

// An open context does not tell its deadline. Package limit does not wait for one that
// it knows to be too early.
type open struct{ context.Context }

func (open) Deadline() (time.Time, bool) { return time.Time{}, false }

// emptied returns a Keyed whose key "a" is empty.
func emptied(t *testing.T) *limit.Keyed[string] {
	k := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 2, Per: time.Hour}})
	t.Cleanup(k.Close)
	k.AllowN("a", 2)
	return k
}

// occupied returns a Concurrency in which as much runs as may.
func occupied(t *testing.T) *limit.Concurrency {
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1, Queue: 1})
	p, err := c.TryAcquire()
	require.NoError(t, err)
	t.Cleanup(p.Release)
	return c
}

func last[T any](seq iter.Seq2[T, error]) (err error) {
	for _, err = range seq {
	}
	return err
}

// busy lets f run until it calls begun.
func busy(f func(begun func())) {
	c := make(chan struct{})
	go f(func() { close(c) })
	<-c
}

// forever waits until the test ends.
func forever(t *testing.T) {
	t.Helper()
	<-t.Context().Done()
}

// untilDone is a task that heeds its context.
func untilDone(ctx context.Context) (int, error) { return 0, untilOver(ctx) }

func untilOver(ctx context.Context) error {
	<-ctx.Done()
	return errors.Join(ctx.Err(), context.Cause(ctx))
}

func drain[T any](ctx context.Context, s stream.Stream[T]) error { return of(stream.Collect(ctx, s)) }

func locked(t *testing.T) *arcmutex.Mutex[int] {
	t.Helper()
	m := arcmutex.NewMutex(0)
	g := m.Lock()
	t.Cleanup(g.Unlock)
	return m
}

func written(t *testing.T) *arcmutex.RWMutex[int] {
	t.Helper()
	m := arcmutex.NewRWMutex(0)
	g := m.Lock()
	t.Cleanup(g.Unlock)
	return m
}

func once(t *testing.T) *arcmutex.Once {
	t.Helper()
	var o arcmutex.Once
	busy(func(begun func()) { o.Do(func() { begun(); forever(t) }) })
	return &o
}

func full(t *testing.T) *channel.Sender[int] {
	t.Helper()
	tx, _ := channel.New[int](1)
	require.NoError(t, tx.TrySend(1))
	return tx
}

func empty() *channel.Receiver[int] {
	_, rx := channel.New[int](1)
	return rx
}

func watched() *channel.WatchReceiver[int] {
	_, rx := channel.NewWatch(1)
	return rx
}

func crowded(t *testing.T) *task.Pool {
	t.Helper()
	p := task.NewPool(t.Context(), task.PoolOptions{Workers: 1})
	t.Cleanup(func() { _ = p.Close() })
	_, err := task.Submit(t.Context(), p, untilDone)
	require.NoError(t, err)
	return p
}

func manned(t *testing.T) *task.Set[int] {
	t.Helper()
	s := task.NewSet[int](t.Context(), 1)
	t.Cleanup(func() { _ = s.Close() })
	s.Spawn(untilDone)
	return s
}

func keyed(t *testing.T) *task.JoinMap[int, int] {
	t.Helper()
	m := task.NewJoinMap[int, int](t.Context(), 1)
	t.Cleanup(func() { _ = m.Close() })
	m.Spawn(1, untilDone)
	return m
}

func queue(handle func(context.Context, retry.Job[int]) error) *retry.Queue[int] {
	return retry.NewQueue(retry.QueueOptions[int]{Store: retry.NewMemory[int](), Handle: handle})
}

func idle() *retry.Queue[int] {
	return queue(func(context.Context, retry.Job[int]) error { return nil })
}

// running returns a queue with a job that does not end.
func running(t *testing.T) *retry.Queue[int] {
	t.Helper()
	return runs(t, func(context.Context) {})
}

// runs is running. It calls begins with the context of the job's handler.
func runs(t *testing.T, begins func(context.Context)) (q *retry.Queue[int]) {
	t.Helper()
	busy(func(begun func()) {
		q = queue(func(ctx context.Context, _ retry.Job[int]) error {
			begins(ctx)
			begun()
			return untilOver(ctx)
		})
		_, err := q.Enqueue(t.Context(), "a", 1, 0)
		assert.NoError(t, err)
		_ = q.Run(t.Context())
	})
	return q
}

// valued is a context with the values of another one, too.
type valued struct {
	context.Context
	values context.Context
}

func (v valued) Value(key any) any {
	if own := v.Context.Value(key); own != nil {
		return own
	}
	return v.values.Value(key)
}

func hall(t *testing.T) *seatmap.Map {
	t.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{})
	t.Cleanup(func() { _ = m.Close() })
	require.NoError(t, of(m.Create(t.Context(), seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{Count: 1}})))
	return m
}
