package arcmutex

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/park"
)

// A Once runs a function once.
//
// If the function panics or calls [runtime.Goexit], the Once is poisoned: Do then
// panics with an error that is [ErrPoisoned], until [Once.DoForce] succeeds.
//
// The zero value is ready. A Once must not be copied after first use. All methods are
// safe for concurrent use. The return of the function synchronizes before the return
// of every Do and Wait. Goroutines that wait are durably blocked in the sense of
// [testing/synctest]. The function must not call Do of the same Once: it would
// deadlock.
//
// After std::sync::Once.
type Once struct {
	_     noCopy
	done  atomic.Bool
	lock  lock // held while a function runs; carries the poison
	queue park.Queue[struct{}]
}

// Do calls f if the Once is not done. If another goroutine is running a function, Do
// waits for it first. When Do returns, a function has returned. Do panics with an error
// that is [ErrPoisoned] if the Once is poisoned. If the Once is done, Do is one atomic
// load.
//
//ferrous:blocks
func (o *Once) Do(f func()) {
	if !o.done.Load() {
		o.do(f)
	}
}

func (o *Once) do(f func()) {
	const method = "Once.Do"
	needFunc(method, f != nil)
	must(0, o.doSlow(context.Background(), method, func() error {
		f()
		return nil
	}))
}

// DoErr is [Once.Do] for a function that can fail. If f returns an error, the Once is
// neither done nor poisoned, and the next call runs its function. The error is that of
// f, or is [ErrPoisoned].
//
//ferrous:blocks
func (o *Once) DoErr(f func() error) error {
	return o.doSlow(context.Background(), "Once.DoErr", f)
}

// DoContext is like [Once.DoErr], but stops waiting for the function of another goroutine
// when ctx is done. Then the error matches [context.Cause]. ctx does not interrupt f.
//
//ferrous:blocks
func (o *Once) DoContext(ctx context.Context, f func() error) error {
	return o.doSlow(ctx, "Once.DoContext", f)
}

// DoForce is like [Once.Do], but calls f even if the Once is poisoned. wasPoisoned reports
// whether it was. When f returns, the Once is done and not poisoned any more.
//
//ferrous:blocks
func (o *Once) DoForce(f func(wasPoisoned bool)) {
	needFunc("Once.DoForce", f != nil)
	if o.done.Load() {
		return
	}
	h, refused := o.lock.lockAnyway()
	_ = lend(h, o, func(o *Once) error {
		if !o.done.Load() {
			f(refused != nil)
			o.lock.clearPoison()
			o.finish()
		}
		return nil
	})
}

// doSlow locks the Once and calls f, unless the Once is done.
func (o *Once) doSlow(ctx context.Context, method string, f func() error) error {
	needFunc(method, f != nil)
	if isDone(ctx, method) {
		return interrupted(ctx, method)
	}
	if o.done.Load() {
		return nil
	}
	h, err := o.lock.acquire(ctx, exclusive, method)
	if err != nil {
		return err
	}
	return lend(h, o, func(o *Once) error {
		if o.done.Load() {
			return nil
		}
		err := f()
		if err == nil {
			o.finish()
		}
		return err
	})
}

// finish marks the Once as done and wakes all goroutines that wait.
func (o *Once) finish() {
	o.queue.Lock()
	defer o.queue.Unlock()
	o.done.Store(true)
	o.queue.GrantAll()
}

// Wait waits until the Once is done. It does not run a function. It keeps waiting on
// a poisoned Once, because [Once.DoForce] may still complete it.
//
//ferrous:blocks
func (o *Once) Wait() { _ = o.WaitContext(context.Background()) }

// WaitContext is like [Once.Wait], but stops waiting when ctx is done. Then the error matches
// [context.Cause].
//
//ferrous:blocks
func (o *Once) WaitContext(ctx context.Context) error {
	const method = "Once.WaitContext"
	if isDone(ctx, method) {
		return interrupted(ctx, method)
	}
	o.queue.Lock()
	if o.done.Load() {
		o.queue.Unlock()
		return nil
	}
	if !o.queue.Join(ctx, struct{}{}) {
		return interrupted(ctx, method)
	}
	return nil
}

// IsDone reports whether a function has returned. It is one atomic load.
func (o *Once) IsDone() bool { return o.done.Load() }

// IsPoisoned reports whether the Once is poisoned at the moment.
func (o *Once) IsPoisoned() bool { return o.lock.state.Load()&poisoned != 0 }

// String returns the state, as Once(done). The state is new, running, done or poisoned.
func (o *Once) String() string { return "Once(" + o.text() + ")" }

// GoString returns the same as String.
func (o *Once) GoString() string { return o.String() }

// LogValue logs what String returns.
func (o *Once) LogValue() slog.Value { return slog.StringValue(o.String()) }

func (o *Once) text() string {
	switch {
	case o.IsDone():
		return "done"
	case o.IsPoisoned():
		return "poisoned"
	case o.lock.state.Load()&held != 0:
		return "running"
	default:
		return "new"
	}
}
