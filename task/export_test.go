package task

import (
	"context"
	"errors"
)

// SetKept returns how many handles the set has room for, taken or not.
func SetKept[T any](s *Set[T]) int {
	s.crew.mu.Lock()
	defer s.crew.mu.Unlock()
	return cap(s.order) + len(s.done.ring)
}

// PoolWaiters returns how many submitters the pool keeps in its list.
func PoolWaiters(p *Pool) int {
	p.crew.mu.Lock()
	defer p.crew.mu.Unlock()
	return p.crew.waiters.n
}

// WithLimit is WithScope with a scope that has a limit.
func WithLimit(ctx context.Context, limit int, f func(*Scope) error) error {
	s := newLimitedScope(ctx, limit)
	err := s.run(ctx, f)
	panics, errs := unseen(s.failures)
	resurface(panics)
	return errors.Join(append([]error{err}, errs...)...)
}
