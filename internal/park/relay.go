package park

import "sync/atomic"

// Relay is a [Gate] for writers that must not pay for each waiter: Open wakes one
// goroutine, and that goroutine wakes all others. So Open costs the same however
// many wait.
//
// To wait: call Join, look whether the awaited state has come, and only then call
// [Round.Wait]. To signal: change the state, then call Open. Either the waiter
// sees the state or Open sees the waiter's round.
//
// The zero Relay is ready to use. It must not be copied after first use and is
// safe for concurrent use. What happens before Open synchronizes before the return
// of a Wait of the round that this Open ended.
type Relay struct {
	round atomic.Pointer[Round] // ended by the next Open, nil while no goroutine waits
}

// Round is the goroutines that the same Open wakes.
type Round struct {
	first  chan struct{} // one slot, filled by Open
	others chan struct{} // closed by the waiter that took what is in first
}

// Join returns the round that the next Open ends. It allocates for the first
// goroutine of a round only.
func (r *Relay) Join() *Round {
	for {
		if round := r.round.Load(); round != nil {
			return round
		}
		round := &Round{make(chan struct{}, 1), make(chan struct{})}
		if r.round.CompareAndSwap(nil, round) {
			return round
		}
	}
}

// Open ends the present round. If no goroutine has joined, it costs one atomic
// load.
func (r *Relay) Open() {
	if r.round.Load() == nil {
		return
	}
	if round := r.round.Swap(nil); round != nil {
		round.first <- struct{}{} // does not block: a round is ended once
	}
}

// Wait waits until the round is ended, and reports true, or until done is closed,
// and reports false. A goroutine that leaves does not keep the others from waking:
// what Open sent stays for the next one.
func (r *Round) Wait(done <-chan struct{}) bool {
	select {
	case <-r.first:
		close(r.others)
	case <-r.others:
	case <-done:
		return false
	}
	return true
}
