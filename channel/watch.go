package channel

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// watch is the latest value and its version.
//
// turn is a token: a sender holds it while its callback runs. mu is held only to copy
// the value, so readers never wait for a callback.
type watch[T any] struct {
	turn chan struct{}

	mu    sync.RWMutex
	value T

	version   atomic.Uint64 // incremented when value changes, under mu
	senders   atomic.Int64  // once 0, it stays 0
	receivers atomic.Int64
	changed   hub       // opened by every change, and by the end
	done      doneChans // under mu
}

// NewWatch returns the first sender and the first receiver of a channel that keeps only
// the latest value. The receiver counts the initial value as seen. After
// tokio::sync::watch; unlike there, Send also stores a value when there is no receiver.
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

// set stores v and returns the previous value. The caller holds the turn.
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

// WatchSender changes the value of a watch. It is safe for concurrent use and must not
// be copied. Its owner ends it with Close. On a closed handle, the Send methods do
// nothing and return [ErrClosed].
type WatchSender[T any] struct {
	_      noCopy
	w      *watch[T]
	done   doneKey
	closed atomic.Bool
}

// Send stores v and notifies all receivers. It waits only while a callback of another
// sender runs. Its time does not depend on the number of receivers, apart from waking
// those that wait.
//
//ferrous:transfers v on ok
func (s *WatchSender[T]) Send(v T) error {
	s.check("Send")
	_, err := s.SendReplace(v)
	return err
}

// SendReplace is Send, and also returns the previous value.
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

// SendModify calls modify with a pointer to a copy of the value, stores the changed
// copy and notifies all receivers. If modify panics, nothing changes. It panics if
// modify is nil.
//
// What the value points to is shared with the receivers: modify must replace it, not
// write to it. Other senders wait while modify runs; receivers do not. modify must not
// call a Send method of the same watch: it would deadlock.
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

// SendIfModified is SendModify, but if modify returns false nothing is stored and no
// receiver is notified. It returns the result of modify.
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

// Get returns a copy of the value. It works on a closed handle too.
func (s *WatchSender[T]) Get() T {
	s.check("Get")
	v, _ := s.w.get()
	return v
}

// Subscribe returns a new receiver, which counts the current value as seen. If s is
// closed, so is the receiver.
//
//ferrous:acquire
func (s *WatchSender[T]) Subscribe() *WatchReceiver[T] {
	s.check("Subscribe")
	return s.w.newReceiver(&s.closed, &s.w.version)
}

// Clone returns another sender of the same watch, which its owner must close too. A
// clone of a closed handle is closed.
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

// Close ends this handle. After the Close of the last sender, there are no more
// changes, and waiting receivers get [ErrClosed]. Close is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (s *WatchSender[T]) Close() {
	s.check("Close")
	if s.closed.Swap(true) {
		return
	}
	s.w.mu.Lock() // a Send in progress finishes first
	last := s.w.senders.Add(-1) == 0
	s.w.done.close(&s.done)
	s.w.mu.Unlock()
	if last {
		s.w.changed.open()
	}
}

// IsClosed reports whether no receiver could get a value that is sent through this
// handle: after the Close of the handle, or while there is no receiver. After a
// Subscribe, the second case no longer holds. Send fails only in the first case.
func (s *WatchSender[T]) IsClosed() bool {
	s.check("IsClosed")
	return s.closed.Load() || s.w.receivers.Load() == 0
}

// Done returns a channel that is closed when [WatchSender.IsClosed] becomes true. It
// stays closed: after a Subscribe, call Done again.
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

// SameChannel reports whether s and other change the same value. It panics if other is
// nil.
func (s *WatchSender[T]) SameChannel(other *WatchSender[T]) bool {
	s.check("SameChannel")
	checkOther(other != nil, "WatchSender.SameChannel")
	return s.w == other.w
}

// WatchReceiver reads the latest value of a watch and waits for changes. It is safe for
// concurrent use, but if several goroutines share it, a change is reported to only one
// of them. Clone it for each consumer. It must not be copied. Its owner ends it with
// Close.
type WatchReceiver[T any] struct {
	_      noCopy
	w      *watch[T]
	seen   atomic.Uint64 // the version that counts as seen
	turns  turns
	closed atomic.Bool
}

func (w *watch[T]) subscribe(seen uint64) *WatchReceiver[T] {
	w.receivers.Add(1)
	r := &WatchReceiver[T]{w: w}
	r.seen.Store(seen)
	return r
}

// Get returns a copy of the value. It does not mark the value as seen.
func (r *WatchReceiver[T]) Get() T {
	r.check("Get")
	v, _ := r.w.get()
	return v
}

// GetAndUpdate returns a copy of the value and marks the value as seen.
func (r *WatchReceiver[T]) GetAndUpdate() T {
	r.check("GetAndUpdate")
	v, version := r.w.get()
	r.seen.Store(version)
	return v
}

// HasChanged reports whether there is a value that r has not seen. The error is
// [ErrClosed] if r or all senders are closed, even if the value has not been seen.
func (r *WatchReceiver[T]) HasChanged() (bool, error) {
	r.check("HasChanged")
	if r.ended() {
		return false, ErrClosed
	}
	return r.w.version.Load() != r.seen.Load(), nil
}

// MarkChanged marks the current value as not seen.
func (r *WatchReceiver[T]) MarkChanged() {
	r.check("MarkChanged")
	r.seen.Store(r.w.version.Load() - 1)
}

// MarkUnchanged marks the current value as seen.
func (r *WatchReceiver[T]) MarkUnchanged() {
	r.check("MarkUnchanged")
	r.seen.Store(r.w.version.Load())
}

// Changed waits for a value that r has not seen, and marks it as seen.
// Several changes may count as one. Changed does not return the value: call Get.
//
// The error is [ErrClosed] if r is closed, or if the value has been seen and all
// senders are closed. Otherwise it matches the context's cause.
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

// TryChanged is Changed without waiting. If there is no change, the error is
// [ErrEmpty].
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
		ended := r.ended() // read before the version: if ended, the version is final
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

// WaitFor waits until ok returns true for the value, and returns that value. It tries
// the current value first, even if that has been seen, and marks each value that it
// tries as seen. Values that are replaced in between are not tried. The errors are
// those of Changed. WaitFor panics if ok is nil.
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
		ended := r.ended() // read before the value: if ended, the value is final
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

// All yields the current value, even if it has been seen, and then the new value after
// each change. It marks the values as seen. Several changes may count as one. All ends
// when all senders are closed, which is not an error. If ctx is done before that, All
// yields the zero T with the error of ctx and ends. If r is closed, All yields nothing.
// Leaving the loop does not close r.
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

// Clone returns another receiver of the same watch, which has seen what r has seen. Its
// owner must close it too. A clone of a closed handle is closed.
//
//ferrous:acquire
func (r *WatchReceiver[T]) Clone() *WatchReceiver[T] {
	r.check("Clone")
	return r.w.newReceiver(&r.closed, &r.seen)
}

// newReceiver returns a new receiver. It is closed if the handle that makes it is
// closed.
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

// Close ends this handle; a call that waits through it returns [ErrClosed]. Get still
// returns the value. Close is idempotent.
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
		r.w.done.closeAll() // under the lock: a later Subscribe and Done make a new channel
	}
	r.w.mu.Unlock()
	r.w.changed.open() // wakes calls that wait through this handle
}

// IsClosed reports whether this handle or all senders are closed.
func (r *WatchReceiver[T]) IsClosed() bool {
	r.check("IsClosed")
	return r.ended()
}

// SenderCount returns how many senders are open.
func (r *WatchReceiver[T]) SenderCount() int { return int(r.use("SenderCount").senders.Load()) }

// ReceiverCount returns how many receivers are open.
func (r *WatchReceiver[T]) ReceiverCount() int { return int(r.use("ReceiverCount").receivers.Load()) }

// SameChannel reports whether r and other read the same value. It panics if other is
// nil.
func (r *WatchReceiver[T]) SameChannel(other *WatchReceiver[T]) bool {
	r.check("SameChannel")
	checkOther(other != nil, "WatchReceiver.SameChannel")
	return r.w == other.w
}

// Ready returns a channel that is closed when Changed need not wait. It may be closed
// too early. So call TryChanged, and call Ready again if the error is [ErrEmpty].
func (r *WatchReceiver[T]) Ready() <-chan struct{} {
	r.check("Ready")
	return r.turns.ready(r)
}

func (r *WatchReceiver[T]) hub() *hub       { return &r.w.changed }
func (r *WatchReceiver[T]) turnsOf() *turns { return &r.turns }

func (r *WatchReceiver[T]) available() (n int, ended bool) {
	ended = r.ended() // read before the version: if ended, the version is final
	if r.w.version.Load() != r.seen.Load() && !r.closed.Load() {
		return 1, false
	}
	return 0, ended
}

func (r *WatchReceiver[T]) ended() bool { return r.closed.Load() || r.w.senders.Load() == 0 }
