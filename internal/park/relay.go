package park

import "sync/atomic"

// Relay is a [Gate] whose Open takes the same time for any number of waiters: Open wakes
// one goroutine, and that goroutine wakes all others.
//
//	Open → first waiter → closes a channel → all other waiters
//
// To wait: call Join, check the state, and call [Round.Wait] if the state is not yet the
// expected one. To signal: change the state, then call Open. Either the waiter sees the new
// state, or Open sees the round of the waiter.
//
// The zero Relay is ready to use. It must not be copied after first use and is
// safe for concurrent use. What happens before Open synchronizes before the return
// of a Wait of the round that this Open ended.
type Relay struct {
	round atomic.Pointer[Round] // ended by the next Open; nil without waiters
}

// Round has the goroutines that the same Open wakes.
type Round struct {
	first  chan struct{} // one slot, filled by Open
	others chan struct{} // closed by the waiter that has received from first
}

// Join returns the round that the next Open ends. It allocates only for the first goroutine
// of a round.
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

// Open ends the current round. If no goroutine has joined, Open is one atomic load.
func (r *Relay) Open() {
	if r.round.Load() == nil {
		return
	}
	if round := r.round.Swap(nil); round != nil {
		round.first <- struct{}{} // does not block, because a round is ended only once
	}
}

// Wait waits until the round has ended, and returns true, or until done is closed, and
// returns false. A goroutine that stops waiting does not delay the others: the value that
// Open has sent stays in the channel for another waiter.
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
