package channel

import "sync/atomic"

// WeakSender refers to a channel without keeping it open. To send, Upgrade it. It is
// safe for concurrent use and must not be copied. Its owner ends it with Close. After
// tokio::sync::mpsc::WeakSender.
type WeakSender[T any] struct {
	_ noCopy

	shared *shared[T]
	closed atomic.Bool
}

func (s *shared[T]) weak(isClosed bool) *WeakSender[T] {
	w := &WeakSender[T]{shared: s}
	if isClosed {
		w.closed.Store(true)
	} else {
		s.weaks.Add(1)
	}
	return w
}

// Upgrade returns a new sender and true, or nil and false if w or the last sender was
// closed. The caller must close the sender.
//
//ferrous:acquire
//ferrous:fallible
func (w *WeakSender[T]) Upgrade() (*Sender[T], bool) {
	w.check("Upgrade")
	if w.closed.Load() {
		return nil, false
	}
	return w.shared.sender()
}

// Clone returns another weak sender of the same channel. A clone of a closed handle is
// closed.
//
//ferrous:acquire
func (w *WeakSender[T]) Clone() *WeakSender[T] {
	w.check("Clone")
	return w.shared.weak(w.closed.Load())
}

// Close ends this handle: Upgrade then fails. Close is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (w *WeakSender[T]) Close() {
	w.check("Close")
	if !w.closed.Swap(true) {
		w.shared.weaks.Add(-1)
	}
}

// IsClosed reports whether Upgrade would fail: after the Close of this handle, or after
// the Close of the last sender.
func (w *WeakSender[T]) IsClosed() bool {
	w.check("IsClosed")
	return w.closed.Load() || w.shared.senders.Load() == 0
}

// SameChannel reports whether w and other refer to the same channel. It panics if other
// is nil.
func (w *WeakSender[T]) SameChannel(other *WeakSender[T]) bool {
	w.check("SameChannel")
	checkOther(other != nil, "WeakSender.SameChannel")
	return w.shared == other.shared
}

// SenderCount returns how many senders are open.
func (w *WeakSender[T]) SenderCount() int { return int(w.use("SenderCount").senders.Load()) }

// WeakCount returns how many weak senders are open.
func (w *WeakSender[T]) WeakCount() int { return int(w.use("WeakCount").weaks.Load()) }

// ReceiverCount returns how many receivers are open.
func (w *WeakSender[T]) ReceiverCount() int { return int(w.use("ReceiverCount").receivers.Load()) }
