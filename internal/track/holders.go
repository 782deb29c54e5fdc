package track

import "sync"

// Holders lists the tracked borrows of one value, the oldest first. The zero value is
// empty. It is safe for concurrent use.
//
// It refers to the records and not to the tokens. So a lost guard is found also if
// the value is still in use. The lost guard still borrows the value, so its record
// stays in the list.
type Holders struct {
	mu    sync.Mutex
	first *record // its prev is the last record; the next of the last is nil
}

// Add adds a new borrow.
func (h *Holders) Add(t *Token) {
	r := t.record
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first == nil {
		h.first, r.prev = r, r
		return
	}
	last := h.first.prev
	last.next, r.prev, h.first.prev = r, last, r
}

// End ends a borrow, and reports whether it had not ended before.
func (h *Holders) End(t *Token) bool {
	if !t.End() {
		return false
	}
	r := t.record
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		h.first.prev = r.prev
	}
	if r == h.first {
		h.first = r.next
	} else {
		r.prev.next = r.next
	}
	r.prev, r.next = nil, nil
	return true
}

// First returns the place that made the oldest borrow, such as file.go:42, and the
// number of borrows. The place is empty if there are none.
func (h *Holders) First() (site string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for r := h.first; r != nil; r = r.next {
		n++
	}
	if n > 0 {
		site = h.first.site()
	}
	return site, n
}
