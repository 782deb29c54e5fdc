package channel

import "context"

// Request is a message that asks for an answer. [Call] makes it. The receiver ends it
// with Answer or Reply, or with Drop if there will be no answer. The zero Request counts
// as dropped.
//
// The caller waits until the request is ended. If the code that makes the answer may
// panic, use Answer, or defer Drop.
type Request[Q, A any] struct {
	Question Q
	answer   *OneshotSender[A]
}

// Reply answers the request. The error is [ErrClosed] if the request was answered or
// dropped before, or if the caller has stopped waiting.
func (r Request[Q, A]) Reply(answer A) error {
	if r.answer == nil {
		return ErrClosed
	}
	return r.answer.Send(answer)
}

// Answer replies with f(Question). If f panics or calls [runtime.Goexit], the request is
// dropped, so that its caller gets [ErrClosed]. The error is that of Reply.
//
//ferrous:release
func (r Request[Q, A]) Answer(f func(Q) A) error {
	defer r.Drop()
	checkFunc(f != nil, "Request.Answer")
	return r.Reply(f(r.Question))
}

// Drop ends the request without an answer: the caller gets [ErrClosed]. It does nothing
// if the request was answered. A channel that discards a request drops it.
//
//ferrous:release
func (r Request[Q, A]) Drop() {
	if r.answer != nil {
		r.answer.Close()
	}
}

// Done returns a channel that is closed when no answer is awaited any more: the
// context of the caller is done, or the request was answered or dropped.
func (r Request[Q, A]) Done() <-chan struct{} {
	if r.answer == nil {
		return closedChan()
	}
	return r.answer.Done()
}

// Call sends a request through tx and waits for the answer.
//
// The error is [ErrClosed] if the request was not sent or was dropped. If ctx is done
// first, the error matches the context's Err and its cause, and the request may have
// been acted upon.
//
//ferrous:blocks
func Call[Q, A any](ctx context.Context, tx *Sender[Request[Q, A]], question Q) (answer A, err error) {
	checkContext(ctx, "Call")
	checkOther(tx != nil, "Call")
	reply, answered := NewOneshot[A]()
	defer answered.Close()
	if err := tx.Send(ctx, Request[Q, A]{Question: question, answer: reply}); err != nil {
		return answer, err
	}
	return answered.Recv(ctx)
}
