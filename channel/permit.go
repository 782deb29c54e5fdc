package channel

import (
	"context"
	"errors"
	"fmt"
)

var (
	errSpent  = errors.New("channel: Permit.Send: no slot left")
	errCopied = errors.New("channel: Permit: more slots used than reserved: a permit was copied")
)

// Permit is a number of reserved slots in a channel's buffer. With a permit, a
// goroutine can send without waiting, even after the channel was closed: receivers wait
// for messages that a permit may still send. After tokio::sync::mpsc::Permit and
// PermitIterator.
//
// The zero Permit has no slots. A Permit must not be copied, and only one goroutine may
// use it at a time. Its owner ends it by sending as many messages as it has slots, or
// with Release.
type Permit[T any] struct {
	_ noCopy

	core core[T]
	left int
}

// Reserve waits until a slot of the buffer is free and reserves it. Its errors, order
// and cost are those of Send.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (s *Sender[T]) Reserve(ctx context.Context) (Permit[T], error) {
	checkContext(ctx, "Sender.Reserve")
	s.check("Reserve")
	return s.ReserveMany(ctx, 1)
}

// ReserveMany waits until n slots are free and reserves them. It collects slots as they
// become free. A canceled call gives back the slots that it has collected.
//
// If n is more than the capacity, the error is [ErrCapacity] at once. The other errors
// are those of Send. ReserveMany panics if n is negative.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (s *Sender[T]) ReserveMany(ctx context.Context, n int) (Permit[T], error) {
	checkContext(ctx, "Sender.ReserveMany")
	s.check("ReserveMany")
	if n >= 0 && ctx.Err() != nil {
		return Permit[T]{}, cause(ctx)
	}
	if err := s.checkReserve("ReserveMany", n); err != nil {
		return Permit[T]{}, err
	}
	if n > 0 {
		if err := s.core.reserve(ctx, n); err != nil {
			return Permit[T]{}, err
		}
	}
	return Permit[T]{core: s.core, left: n}, nil
}

// TryReserve reserves a slot if it need not wait. Otherwise the error is [ErrFull] or
// [ErrClosed].
//
//ferrous:acquire
//ferrous:fallible
func (s *Sender[T]) TryReserve() (Permit[T], error) {
	s.check("TryReserve")
	return s.TryReserveMany(1)
}

// TryReserveMany reserves n slots if it need not wait. Otherwise it reserves none, and
// the error is [ErrFull], [ErrClosed] or [ErrCapacity]. It panics if n is negative.
//
//ferrous:acquire
//ferrous:fallible
func (s *Sender[T]) TryReserveMany(n int) (Permit[T], error) {
	s.check("TryReserveMany")
	if err := s.checkReserve("TryReserveMany", n); err != nil {
		return Permit[T]{}, err
	}
	if n > 0 {
		if err := s.core.tryReserve(n); err != nil {
			return Permit[T]{}, err
		}
	}
	return Permit[T]{core: s.core, left: n}, nil
}

func (s *Sender[T]) checkReserve(method string, n int) error {
	switch {
	case n < 0:
		panic(bug("Sender.%s: %d slots", method, n))
	case s.IsClosed():
		return ErrClosed
	case n > s.core.cap():
		return fmt.Errorf("%w: %d slots of %d", ErrCapacity, n, s.core.cap())
	}
	return nil
}

// Len returns how many reserved slots are left.
func (p *Permit[T]) Len() int { return p.left }

// Send sends v into one of the reserved slots. It never waits and never fails. If all
// receivers are closed, v is discarded: if it has a method Drop(), Send calls it. Send
// panics if no slot is left.
//
//ferrous:transfers v
func (p *Permit[T]) Send(v T) {
	if p.left == 0 {
		panic(errSpent)
	}
	p.left--
	p.core.sendReserved(v)
}

// Release gives back the slots that are left. It is idempotent.
//
//ferrous:release
func (p *Permit[T]) Release() {
	if n := p.left; n > 0 {
		p.left = 0
		p.core.unreserve(n)
	}
}
