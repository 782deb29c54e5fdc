package channel

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// readyLine is the queue of handles on which goroutines wait for Ready, for one side
// of a channel. The algorithm is ours.
//
// A goroutine that waits for Ready gets its turn like one that waits in Recv or Send.
// But it waits in a select of its own, and may have left that select by another case.
// A non-blocking send to an unbuffered channel finds out: it succeeds only if a
// goroutine is blocked there, and wakes it. So a turn is offered by such a send, and
// then the channel is closed in any case.
//
// A goroutine that was woken need not take the message. So the message is set aside
// for it only for readyGrace; then the next waiter gets its turn. A call that does not
// wait may take the message at any time.
type readyLine struct {
	n      atomic.Int64  // the length of places
	mu     sync.Mutex    // guards the fields below
	places []*readyPlace // in the order of arrival
	timer  *time.Timer
	again  func() // called when readyGrace is over
}

// readyPlace is the place of a handle in a readyLine. All goroutines that wait for
// Ready of one handle share a place.
type readyPlace struct {
	opened chan struct{} // closed when the turn has come; nil while p is not in the line
}

// open wakes the goroutines that wait, and reports whether one was blocked there.
func (p *readyPlace) open() (taken bool) {
	if p.opened == nil {
		return false
	}
	select {
	case p.opened <- struct{}{}:
		taken = true
	default:
	}
	close(p.opened)
	p.opened = nil
	return taken
}

// readyGrace is how long the other waiters leave a message or slot to a goroutine that
// was woken by Ready.
const readyGrace = time.Millisecond

func (l *readyLine) any() bool { return l.n.Load() != 0 }

// join adds p to the line unless it is there already, and reports whether it was added.
func (l *readyLine) join(p *readyPlace) (opened <-chan struct{}, joined bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.opened == nil {
		p.opened = make(chan struct{})
		l.places = append(l.places, p)
		l.n.Add(1)
		joined = true
	}
	return p.opened, joined
}

// leave opens p and removes it from the line. It reports whether p was there.
func (l *readyLine) leave(p *readyPlace) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, q := range l.places {
		if p == q {
			l.open(i)
			return true
		}
	}
	return false
}

// open opens place i and removes it. It reports whether a goroutine was blocked there.
func (l *readyLine) open(i int) (taken bool) {
	p := l.places[i]
	copy(l.places[i:], l.places[i+1:])
	last := len(l.places) - 1
	l.places[last] = nil
	l.places = l.places[:last]
	l.n.Add(-1)
	return p.open()
}

// openAll opens and removes all places, and returns how many there were.
func (l *readyLine) openAll() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.places)
	for len(l.places) > 0 {
		l.open(0)
	}
	return n
}

// offer offers a turn to the line, which competes with others waiters elsewhere. Each
// waiter gets the turn with the same probability. It reports whether a goroutine was
// woken, and how many places were opened and removed.
func (l *readyLine) offer(others int) (taken bool, opened int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.places) > 0 && !taken {
		if others > 0 && rand.IntN(others+len(l.places)) < others { //nolint:gosec // fairness needs no secrecy
			break
		}
		taken = l.open(0)
		opened++
	}
	return taken, opened
}

// wait starts readyGrace anew. When it is over, again is called.
func (l *readyLine) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil {
		l.timer = time.AfterFunc(readyGrace, l.again)
	} else {
		l.timer.Reset(readyGrace)
	}
}
