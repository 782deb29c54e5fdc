package pgseat

// Watched returns how many events the client's watches listen to.
func (s *Store) Watched() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.news)
}

// Ready returns how many events have requests that wait while all lanes are taken.
func (s *Store) Ready() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ready)
}

// Waiting returns how many requests wait for the transaction after the one on its way.
func (s *Store) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		n += len(q.waiting)
	}
	return n
}

// Lanes is how many transactions are on their way at most.
const Lanes = lanes
