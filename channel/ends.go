package channel

// ends are the channels that Closed has returned, of all senders of a channel. A
// lock of the owner guards it.
type ends struct{ waiting map[*end]chan struct{} }

// end is what a sender has of ends: its address.
type end struct{ _ byte }

// wait returns a channel that is closed by the next finish of e or of all.
func (s *ends) wait(e *end) <-chan struct{} {
	c := s.waiting[e]
	if c == nil {
		if s.waiting == nil {
			s.waiting = map[*end]chan struct{}{}
		}
		c = make(chan struct{})
		s.waiting[e] = c
	}
	return c
}

// finish closes the channel of one sender.
func (s *ends) finish(e *end) {
	if c := s.waiting[e]; c != nil {
		close(c)
		delete(s.waiting, e)
	}
}

// finishAll closes the channels of all senders.
func (s *ends) finishAll() {
	for e := range s.waiting {
		s.finish(e)
	}
}
