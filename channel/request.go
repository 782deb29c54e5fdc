package channel

import "context"

// Request is a message that awaits an answer: a question and the way back, which
// [Call] makes. The receiver ends it with Answer, Reply or, if there will be no
// answer, with Drop. One without a way back counts as dropped.
//
// Its caller waits until the request is ended. If what makes the answer may panic,
// use Answer, or defer Drop.
type Request[Q, A any] struct {
	Question Q
	answer   *OneshotSender[A]
}

// Reply answers the request. Its error is [ErrClosed] if it was answered or
// dropped before, or if nobody waits for the answer any more.
func (r Request[Q, A]) Reply(answer A) error {
	if r.answer == nil {
		return ErrClosed
	}
	return r.answer.Send(answer)
}

// Answer replies what f makes of the question. If f panics or exits, the request
// is dropped, so that its caller does not wait for an answer that will not come.
// Its error is that of Reply.
//
//ferrous:release
func (r Request[Q, A]) Answer(f func(Q) A) error {
	defer r.Drop()
	return r.Reply(f(r.Question))
}

// Drop ends the request without an answer, unless it was answered: the caller
// gets [ErrClosed]. A channel that discards a request drops it.
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

// Call sends a request through tx, and waits for the answer to it.
//
// The error is [ErrClosed] if the request could not be sent or was dropped, or
// wraps the context's cause: then it may have been acted upon.
//
//ferrous:blocks
func Call[Q, A any](ctx context.Context, tx *Sender[Request[Q, A]], question Q) (answer A, err error) {
	reply, answered := NewOneshot[A]()
	defer answered.Close()
	if err := tx.Send(ctx, Request[Q, A]{Question: question, answer: reply}); err != nil {
		return answer, err
	}
	return answered.Recv(ctx)
}
