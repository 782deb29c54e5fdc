package task

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
