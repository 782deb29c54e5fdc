package channel

import (
	"fmt"
	"log/slog"
	"strings"
)

// describe is how every handle prints: its kind and its state.
func describe(kind string, state ...any) string {
	pairs := make([]string, len(state)/2)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("%v=%v", state[2*i], state[2*i+1])
	}
	return kind + "(" + strings.Join(pairs, " ") + ")"
}

// zero is how a zero handle prints.
func zero(kind string) string { return kind + "(zero)" }

func capText(n int) any {
	if n == Unbounded {
		return "unbounded"
	}
	return n
}

// String returns the sender's state.
func (s *Sender[T]) String() string {
	if s.core == nil {
		return zero("Sender")
	}
	return describe("Sender", "len", s.Len(), "cap", capText(s.Cap()), "senders", s.SenderCount(), "closed", s.IsClosed())
}

// String returns the weak sender's state.
func (w *WeakSender[T]) String() string {
	if w.shared == nil {
		return zero("WeakSender")
	}
	return describe("WeakSender", "senders", w.SenderCount(), "weak", w.WeakCount(), "closed", w.IsClosed())
}

// String returns the receiver's state.
func (r *Receiver[T]) String() string {
	if r.core == nil {
		return zero("Receiver")
	}
	return describe("Receiver", "len", r.Len(), "cap", capText(r.Cap()), "receivers", r.ReceiverCount(), "closed", r.IsClosed())
}

// String returns how many slots are left.
func (p *Permit[T]) String() string { return describe("Permit", "slots", p.left) }

// String returns the sender's state.
func (s *OneshotSender[T]) String() string {
	if s.c == nil {
		return zero("OneshotSender")
	}
	return describe("OneshotSender", "closed", s.IsClosed())
}

// String returns the receiver's state.
func (r *OneshotReceiver[T]) String() string {
	if r.c == nil {
		return zero("OneshotReceiver")
	}
	return describe("OneshotReceiver", "len", r.Len(), "closed", r.IsClosed())
}

// String returns the sender's state.
func (s *BroadcastSender[T]) String() string {
	if s.b == nil {
		return zero("BroadcastSender")
	}
	return describe("BroadcastSender", "len", s.Len(), "cap", s.Cap(), "receivers", s.ReceiverCount(), "closed", s.IsClosed())
}

// String returns the receiver's state.
func (r *BroadcastReceiver[T]) String() string {
	if r.b == nil {
		return zero("BroadcastReceiver")
	}
	return describe("BroadcastReceiver", "len", r.Len(), "cap", r.Cap(), "closed", r.IsClosed())
}

// String returns the value, as %v formats it, and the number of receivers.
func (s *WatchSender[T]) String() string {
	if s.w == nil {
		return zero("WatchSender")
	}
	return describe("WatchSender", "value", s.Get(), "receivers", s.ReceiverCount(), "closed", s.IsClosed())
}

// String returns the value, as %v formats it, and whether the channel is closed.
func (r *WatchReceiver[T]) String() string {
	if r.w == nil {
		return zero("WatchReceiver")
	}
	return describe("WatchReceiver", "value", r.Get(), "closed", r.IsClosed())
}

// String returns the question, as %v formats it, and whether the answer is awaited no
// more.
func (r Request[Q, A]) String() string {
	return describe("Request", "question", r.Question, "done", r.answer == nil || r.answer.IsClosed())
}

// String returns the name of the function that made the case.
func (c Case) String() string {
	if c.op == nil {
		return zero("Case")
	}
	return "Case(" + c.op.name() + ")"
}

// GoString returns the same as String.
func (s *Sender[T]) GoString() string { return s.String() }

// LogValue returns the same as String.
func (s *Sender[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// GoString returns the same as String.
func (w *WeakSender[T]) GoString() string { return w.String() }

// LogValue returns the same as String.
func (w *WeakSender[T]) LogValue() slog.Value { return slog.StringValue(w.String()) }

// GoString returns the same as String.
func (r *Receiver[T]) GoString() string { return r.String() }

// LogValue returns the same as String.
func (r *Receiver[T]) LogValue() slog.Value { return slog.StringValue(r.String()) }

// GoString returns the same as String.
func (p *Permit[T]) GoString() string { return p.String() }

// LogValue returns the same as String.
func (p *Permit[T]) LogValue() slog.Value { return slog.StringValue(p.String()) }

// GoString returns the same as String.
func (s *OneshotSender[T]) GoString() string { return s.String() }

// LogValue returns the same as String.
func (s *OneshotSender[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// GoString returns the same as String.
func (r *OneshotReceiver[T]) GoString() string { return r.String() }

// LogValue returns the same as String.
func (r *OneshotReceiver[T]) LogValue() slog.Value { return slog.StringValue(r.String()) }

// GoString returns the same as String.
func (s *BroadcastSender[T]) GoString() string { return s.String() }

// LogValue returns the same as String.
func (s *BroadcastSender[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// GoString returns the same as String.
func (r *BroadcastReceiver[T]) GoString() string { return r.String() }

// LogValue returns the same as String.
func (r *BroadcastReceiver[T]) LogValue() slog.Value { return slog.StringValue(r.String()) }

// GoString returns the same as String.
func (s *WatchSender[T]) GoString() string { return s.String() }

// LogValue returns the same as String.
func (s *WatchSender[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// GoString returns the same as String.
func (r *WatchReceiver[T]) GoString() string { return r.String() }

// LogValue returns the same as String.
func (r *WatchReceiver[T]) LogValue() slog.Value { return slog.StringValue(r.String()) }

// GoString returns the same as String.
func (r Request[Q, A]) GoString() string { return r.String() }

// LogValue returns the same as String.
func (r Request[Q, A]) LogValue() slog.Value { return slog.StringValue(r.String()) }

// GoString returns the same as String.
func (c Case) GoString() string { return c.String() }

// LogValue returns the same as String.
func (c Case) LogValue() slog.Value { return slog.StringValue(c.String()) }
