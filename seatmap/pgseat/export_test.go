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

// Lanes is how many transactions are on their way at most.
const Lanes = lanes
