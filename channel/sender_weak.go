package channel

import "sync/atomic"

// WeakSender refers to a channel without keeping its stream open. After
// tokio::sync::mpsc::WeakSender. It is safe for concurrent use.
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

// Upgrade returns a sender, unless the last sender was closed before.
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

// Clone returns one more weak sender. A clone of a closed handle is closed.
//
//ferrous:acquire
func (w *WeakSender[T]) Clone() *WeakSender[T] {
	w.check("Clone")
	return w.shared.weak(w.closed.Load())
}

// Close ends this handle, which then upgrades to nothing. It is idempotent.
//
//ferrous:release
//ferrous:idempotent
func (w *WeakSender[T]) Close() {
	w.check("Close")
	if !w.closed.Swap(true) {
		w.shared.weaks.Add(-1)
	}
}

// IsClosed reports whether Upgrade would fail: after Close of this handle, and
// after Close of the last sender.
func (w *WeakSender[T]) IsClosed() bool {
	w.check("IsClosed")
	return w.closed.Load() || w.shared.senders.Load() == 0
}

// SameChannel reports whether both refer to the same channel.
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
