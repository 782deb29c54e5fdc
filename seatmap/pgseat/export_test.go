package pgseat

// Watched returns how many events the client's watches listen to.
func (s *Store) Watched() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.news)
}
