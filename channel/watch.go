package channel

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// watch is the latest value and its version.
//
// Senders take turns by a token, which they hold while a callback runs; the
// lock is held only to copy the value, so readers never wait for callbacks.
type watch[T any] struct {
	turn chan struct{}

	mu    sync.RWMutex
	value T

	version   atomic.Uint64 // changes with value, under mu
	senders   atomic.Int64  // 0 is final
	receivers atomic.Int64
	changed   hub       // opened by every change, and by the end
	done      doneChans // under mu
}

// NewWatch returns a channel that keeps the latest value only. The initial
// value counts as seen. After tokio::sync::watch, except that Send stores also
// when there is no receiver.
//
//ferrous:acquire
func NewWatch[T any](initial T) (*WatchSender[T], *WatchReceiver[T]) {
	w := &watch[T]{turn: make(chan struct{}, 1), value: initial}
	w.senders.Store(1)
	return &WatchSender[T]{w: w}, w.subscribe(0)
}

// get returns the value and its version.
func (w *watch[T]) get() (T, uint64) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.value, w.version.Load()
}

// set stores v and returns the value before. The caller holds the turn.
func (s *WatchSender[T]) set(v T) (old T, err error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.closed.Load() {
		return old, ErrClosed
	}
	old, s.w.value = s.w.value, v
	s.w.version.Add(1)
	return old, nil
}

// WatchSender changes the value of a watch. It is safe for concurrent use. Its
// owner ends it with Close. After it, all changing methods do nothing and
// return [ErrClosed].
type WatchSender[T any] struct {
	_      noCopy
	w      *watch[T]
	done   doneKey
	closed atomic.Bool
}

// Send stores v and tells all receivers. It waits only for a callback of
// another sender to return. It costs the same however many receivers there
// are, unless they wait.
//
//ferrous:transfers v on ok
func (s *WatchSender[T]) Send(v T) error {
	s.check("Send")
	_, err := s.SendReplace(v)
	return err
}

// SendReplace is Send and returns the value before.
//
//ferrous:transfers v on ok
func (s *WatchSender[T]) SendReplace(v T) (old T, err error) {
	s.check("SendReplace")
	if s.closed.Load() {
		return old, ErrClosed
	}
	s.w.turn <- struct{}{}
	old, err = s.set(v)
	<-s.w.turn
	s.w.changed.open()
	return old, err
}

// SendModify lets modify change a copy of the value, stores it and tells all
// receivers. If modify panics, nothing has changed. What the value points to
// is shared with the receivers: modify replaces it instead of writing to it.
//
// Other senders wait meanwhile, receivers do not; modify must not send.
//
//ferrous:lends
func (s *WatchSender[T]) SendModify(modify func(*T)) error {
	s.check("SendModify")
	checkFunc(modify != nil, "WatchSender.SendModify")
	_, err := s.SendIfModified(func(v *T) bool {
		modify(v)
		return true
	})
	return err
}

// SendIfModified is SendModify, but if modify returns false nothing is stored
// and nobody is told. It returns what modify returned.
//
//ferrous:lends
func (s *WatchSender[T]) SendIfModified(modify func(*T) bool) (modified bool, err error) {
	s.check("SendIfModified")
	checkFunc(modify != nil, "WatchSender.SendIfModified")
	if s.closed.Load() {
		return false, ErrClosed
	}
	s.w.turn <- struct{}{}
	defer func() { <-s.w.turn }()
	v, _ := s.w.get()
	if !modify(&v) {
		return false, nil
	}
	if _, err = s.set(v); err != nil {
		return false, err
	}
	s.w.changed.open()
	return true, nil
}

// Get returns the value.
func (s *WatchSender[T]) Get() T {
	s.check("Get")
	v, _ := s.w.get()
	return v
}

// Subscribe returns a new receiver, which has seen the current value. That of a
// closed handle is closed.
//
//ferrous:acquire
func (s *WatchSender[T]) Subscribe() *WatchReceiver[T] {
	s.check("Subscribe")
	return s.w.newReceiver(&s.closed, &s.w.version)
}

// Clone returns one more sender. A clone of a closed handle is closed.
//
//ferrous:acquire
func (s *WatchSender[T]) Clone() *WatchSender[T] {
	s.check("Clone")
	c := &WatchSender[T]{w: s.w}
	if s.closed.Load() || !increment(&s.w.senders) {
		c.closed.Store(true)
	}
	return c
}

// Close ends this handle. After the last one, receivers learn that there will
// be no more changes. It is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (s *WatchSender[T]) Close() {
	s.check("Close")
	if s.closed.Swap(true) {
		return
	}
	s.w.mu.Lock() // a Send that is under way comes before the end
	last := s.w.senders.Add(-1) == 0
	s.w.done.close(&s.done)
	s.w.mu.Unlock()
	if last {
		s.w.changed.open()
	}
}

// IsClosed reports whether nobody could receive what is sent through this handle:
// after its Close, and while there is no receiver. Subscribe takes the latter back.
// A Send fails after Close only.
func (s *WatchSender[T]) IsClosed() bool {
	s.check("IsClosed")
	return s.closed.Load() || s.w.receivers.Load() == 0
}

// Done returns a channel that is closed when [WatchSender.IsClosed] is true.
// After a Subscribe, call it anew.
func (s *WatchSender[T]) Done() <-chan struct{} {
	s.check("Done")
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.IsClosed() {
		return closedChan()
	}
	return s.w.done.of(&s.done)
}

// ReceiverCount returns how many receivers are open.
func (s *WatchSender[T]) ReceiverCount() int { return int(s.use("ReceiverCount").receivers.Load()) }

// SenderCount returns how many senders are open.
func (s *WatchSender[T]) SenderCount() int { return int(s.use("SenderCount").senders.Load()) }

// SameChannel reports whether both change the same value.
func (s *WatchSender[T]) SameChannel(other *WatchSender[T]) bool {
	s.check("SameChannel")
	checkOther(other != nil, "WatchSender.SameChannel")
	return s.w == other.w
}

// WatchReceiver sees the latest value of a watch, and when it changes. It is
// safe for concurrent use, but then one of the callers sees a change; Clone
// for each consumer. Its owner ends it with Close.
type WatchReceiver[T any] struct {
	_      noCopy
	w      *watch[T]
	seen   atomic.Uint64 // the version seen last
	turns  turns
	closed atomic.Bool
}

func (w *watch[T]) subscribe(seen uint64) *WatchReceiver[T] {
	w.receivers.Add(1)
	r := &WatchReceiver[T]{w: w}
	r.seen.Store(seen)
	return r
}

// Get returns the value, without marking it as seen.
func (r *WatchReceiver[T]) Get() T {
	r.check("Get")
	v, _ := r.w.get()
	return v
}

// GetAndUpdate returns the value and marks it as seen.
func (r *WatchReceiver[T]) GetAndUpdate() T {
	r.check("GetAndUpdate")
	v, version := r.w.get()
	r.seen.Store(version)
	return v
}

// HasChanged reports whether there is a value that was not seen. Its error is
// [ErrClosed] if all senders are closed.
func (r *WatchReceiver[T]) HasChanged() (bool, error) {
	r.check("HasChanged")
	if r.ended() {
		return false, ErrClosed
	}
	return r.w.version.Load() != r.seen.Load(), nil
}

// MarkChanged makes the current value count as not seen.
func (r *WatchReceiver[T]) MarkChanged() {
	r.check("MarkChanged")
	r.seen.Store(r.w.version.Load() - 1)
}

// MarkUnchanged makes the current value count as seen.
func (r *WatchReceiver[T]) MarkUnchanged() {
	r.check("MarkUnchanged")
	r.seen.Store(r.w.version.Load())
}

// Changed waits until there is a value that was not seen, and marks it as
// seen. Several changes may count as one. Its error is [ErrClosed] if there is
// none and all senders are closed, or wraps the context's cause.
//
//ferrous:blocks
func (r *WatchReceiver[T]) Changed(ctx context.Context) error {
	checkContext(ctx, "WatchReceiver.Changed")
	r.check("Changed")
	if ctx.Err() != nil {
		return cause(ctx)
	}
	err := r.tryChanged()
	if err == ErrEmpty { //nolint:errorlint // never wrapped
		err = r.turns.wait(ctx, r, r.tryChanged)
	}
	return err
}

// TryChanged is Changed without waiting: its error may also be [ErrEmpty].
func (r *WatchReceiver[T]) TryChanged() error {
	r.check("TryChanged")
	err := r.tryChanged()
	if err != ErrEmpty { //nolint:errorlint // never wrapped
		r.turns.tried(r)
	}
	return err
}

func (r *WatchReceiver[T]) tryChanged() error {
	for {
		if r.closed.Load() {
			return ErrClosed
		}
		ended := r.ended() // before the version: then there is no later one
		seen, version := r.seen.Load(), r.w.version.Load()
		switch {
		case seen == version && ended:
			return ErrClosed
		case seen == version:
			return ErrEmpty
		case r.seen.CompareAndSwap(seen, version):
			return nil
		}
	}
}

// WaitFor waits until the value satisfies ok, marks it as seen and returns it.
// The current value is tried first, also when it was seen. Its errors are
// those of Changed.
//
//ferrous:blocks
func (r *WatchReceiver[T]) WaitFor(ctx context.Context, ok func(T) bool) (v T, err error) {
	checkContext(ctx, "WatchReceiver.WaitFor")
	r.check("WaitFor")
	checkFunc(ok != nil, "WatchReceiver.WaitFor")
	if ctx.Err() != nil {
		return v, cause(ctx)
	}
	for {
		if r.closed.Load() {
			return v, ErrClosed
		}
		ended := r.ended() // before the value: then there is no later one
		if v := r.GetAndUpdate(); ok(v) {
			return v, nil
		}
		if ended {
			return v, ErrClosed
		}
		if err := r.Changed(ctx); err != nil && err != ErrClosed { //nolint:errorlint // never wrapped
			return v, err
		}
	}
}

// All yields the value, seen or not, and then the new one after each change, and
// marks them as seen. Several changes may count as one. It ends when all senders
// are closed, which is no error. If ctx is done before, its error comes last,
// with the zero T. A closed receiver yields nothing.
//
//ferrous:blocks
func (r *WatchReceiver[T]) All(ctx context.Context) iter.Seq2[T, error] {
	checkContext(ctx, "WatchReceiver.All")
	r.check("All")
	return func(yield func(T, error) bool) {
		first := func(T) bool { return true }
		for v, err := r.WaitFor(ctx, first); err != ErrClosed; v, err = r.next(ctx) { //nolint:errorlint // a cause may wrap it
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// next waits for a change and returns the value.
func (r *WatchReceiver[T]) next(ctx context.Context) (v T, err error) {
	if err := r.Changed(ctx); err != nil {
		return v, err
	}
	return r.GetAndUpdate(), nil
}

// Clone returns one more receiver, which has seen what r has. A clone of a
// closed handle is closed.
//
//ferrous:acquire
func (r *WatchReceiver[T]) Clone() *WatchReceiver[T] {
	r.check("Clone")
	return r.w.newReceiver(&r.closed, &r.seen)
}

// another returns a new receiver, which is closed if the handle that makes it is.
func (w *watch[T]) newReceiver(closed *atomic.Bool, seen *atomic.Uint64) *WatchReceiver[T] {
	w.mu.Lock()
	defer w.mu.Unlock()
	if closed.Load() {
		c := &WatchReceiver[T]{w: w}
		c.closed.Store(true)
		return c
	}
	return w.subscribe(seen.Load())
}

// Close ends this handle. It is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (r *WatchReceiver[T]) Close() {
	r.check("Close")
	if r.closed.Swap(true) {
		return
	}
	r.w.mu.Lock()
	if r.w.receivers.Add(-1) == 0 {
		r.w.done.closeAll() // before anybody can subscribe and wait for the next time
	}
	r.w.mu.Unlock()
	r.w.changed.open() // for calls in progress through this handle
}

// IsClosed reports whether all senders are closed.
func (r *WatchReceiver[T]) IsClosed() bool {
	r.check("IsClosed")
	return r.ended()
}

// SenderCount returns how many senders are open.
func (r *WatchReceiver[T]) SenderCount() int { return int(r.use("SenderCount").senders.Load()) }

// ReceiverCount returns how many receivers are open.
func (r *WatchReceiver[T]) ReceiverCount() int { return int(r.use("ReceiverCount").receivers.Load()) }

// SameChannel reports whether both watch the same value.
func (r *WatchReceiver[T]) SameChannel(other *WatchReceiver[T]) bool {
	r.check("SameChannel")
	checkOther(other != nil, "WatchReceiver.SameChannel")
	return r.w == other.w
}

// Ready returns a channel that is closed once Changed need not wait. It may be
// closed too early: follow it with TryChanged, and call Ready anew to wait again.
func (r *WatchReceiver[T]) Ready() <-chan struct{} {
	r.check("Ready")
	return r.turns.ready(r)
}

func (r *WatchReceiver[T]) hub() *hub       { return &r.w.changed }
func (r *WatchReceiver[T]) turnsOf() *turns { return &r.turns }

func (r *WatchReceiver[T]) available() (n int, ended bool) {
	ended = r.ended() // before the version: then there is no later one
	if r.w.version.Load() != r.seen.Load() && !r.closed.Load() {
		return 1, false
	}
	return 0, ended
}

func (r *WatchReceiver[T]) ended() bool { return r.closed.Load() || r.w.senders.Load() == 0 }
