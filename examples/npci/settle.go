package main

import (
	"context"
	"errors"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/retry"
)

// settlement is a payment whose charge is on its way.
type settlement struct {
	answer  *channel.OneshotReceiver[error] // of the last attempt
	permit  retry.Permit                    // of its breaker
	failure error                           // how it ended, nil if the money was moved
	waiting bool                            // it has failed, and the next one is not due
	cases   [3]channel.Case
}

// The cases. A zero one is not to come.
const (
	result  = iota // the gateway has answered
	timeout        // the gateway has not answered in time
	again          // the wait before the next attempt is over
)

// settle charges a payment, and goes on with what comes first of result, timeout, retry
// and shutdown:
//
//   - A result that is a success settles the payment, also if it comes after the
//     timeout, while settle waits for the next attempt.
//   - A failure or a timeout leads to the next attempt, after a wait, if the policy
//     grants one. Otherwise it is returned.
//   - Shutdown is the end of ctx. The log still has the payment then.
//
// All attempts have the same idempotency key, so it does no harm if several arrive.
func (p *pipeline) settle(ctx context.Context, pay payment) error {
	var s settlement
	p.submit(ctx, pay, &s)
	defer func() { p.bank.leave(pay, s.answer) }() // what comes later goes to confirm
	retries := p.first.Start(ctx)
	for {
		i, err := channel.SelectInOrder(ctx, s.cases[:]...)
		switch {
		case err != nil:
			s.permit.Release()
			s.cancel(&retries)
			return err
		case i == again:
			p.bank.leave(pay, s.answer)
			p.submit(ctx, pay, &s)
			continue
		case s.failure == nil:
			s.cancel(&retries) // the answer was late
			retries.Succeeded()
			s.end()
			return nil
		case s.waiting: // a late answer that says nothing new
			s.cases[result] = channel.Case{}
			continue
		}
		s.end()
		delay, err := retries.Next(s.failure)
		if err != nil {
			return err
		}
		s.waiting = true
		s.cases[timeout] = channel.Case{}
		if i == result {
			s.cases[result] = channel.Case{}
		}
		s.cases[again] = channel.OnAfter(delay, func() {})
	}
}

// submit makes an attempt under the breaker of the payment's gateway. If the breaker
// refuses it, that is the result.
func (p *pipeline) submit(ctx context.Context, pay payment, s *settlement) {
	var refusal error
	if s.permit, refusal = p.breakers[pay.gateway()].Acquire(); refusal != nil {
		var tx *channel.OneshotSender[error]
		tx, s.answer = channel.NewOneshot[error]()
		_ = tx.Send(refusal) // nobody has closed it
	} else {
		s.answer = p.bank.submit(ctx, pay)
	}
	s.waiting = false
	s.cases = [...]channel.Case{
		result:  s.answer.OnRecv(func(failure, err error) { s.failure = errors.Join(failure, err) }),
		timeout: channel.OnAfter(p.c.timeout, func() { s.failure = retry.ErrTimeout }),
		again:   {},
	}
}

// end tells the breaker how the attempt ended, once.
func (s *settlement) end() {
	if !s.waiting && !errors.Is(s.failure, retry.ErrOpen) {
		s.permit.Done(s.failure)
	}
}

// cancel gives back the next attempt, if it is granted and not made.
func (s *settlement) cancel(retries *retry.Retries) {
	if s.waiting {
		retries.Cancel()
	}
}
