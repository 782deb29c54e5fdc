package track

import "sync"

// Holders are the tracked borrows of one value, in the order of their making.
// The zero value is empty. It is safe for concurrent use.
//
// It refers to the records and not to the tokens, so that a guard that is
// forgotten is found although the value lives on. Since that guard still
// borrows the value, it stays among the holders.
type Holders struct {
	mu    sync.Mutex
	first *record // whose prev is the last, as in a ring, whose next is nil
}

// Add adds a borrow that has just begun.
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

// End ends a borrow, and reports whether it was there.
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

// First returns the place that made the oldest borrow, as file.go:42, or
// nothing if there is none, and the number of borrows.
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
