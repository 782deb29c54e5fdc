package channel

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// readyLine is the line of those who wait in Ready, on one side of a channel.
//
// A goroutine that waits in Ready takes its turn like one that waits in Recv or
// Send, but nobody can know whether it still waits, or was served by another
// case of its select. A send into an unbuffered channel tells: if it does not
// block, it succeeds only if a goroutine is parked there, which it wakes. So a
// turn is offered by such a send, and the channel is closed in any case.
//
// A goroutine that was woken may do something else than to take the message.
// Therefore the message is not kept for it if somebody asks, and those who wait
// behind it get their turn when courtesy is over.
type readyLine struct {
	n      atomic.Int64 // how many places there are
	mu     sync.Mutex
	places []*readyPlace // in the order of arrival
	timer  *time.Timer
	again  func() // called when courtesy is over
}

// readyPlace is the place of a handle in a readyLine. All who wait in Ready of
// one handle stand in line as one.
type readyPlace struct {
	opened chan struct{} // closed when its turn has come; nil while it is not in line
}

// open wakes those who wait and reports whether somebody was parked there.
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

// courtesy is how long those in line wait for a goroutine that was woken in
// Ready to take its message.
const courtesy = time.Millisecond

func (l *readyLine) any() bool { return l.n.Load() != 0 }

// join takes a place in line unless p has one, and reports whether it had none.
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

// leave opens p and takes it out of the line, and reports whether it was there.
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

// open opens place i and takes it out. It reports whether a goroutine was
// parked there.
func (l *readyLine) open(i int) (taken bool) {
	p := l.places[i]
	copy(l.places[i:], l.places[i+1:])
	last := len(l.places) - 1
	l.places[last] = nil
	l.places = l.places[:last]
	l.n.Add(-1)
	return p.open()
}

// openAll opens all places and returns how many there were.
func (l *readyLine) openAll() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.places)
	for len(l.places) > 0 {
		l.open(0)
	}
	return n
}

// offer offers a turn to the line, beside which others wait elsewhere. Each of
// all who wait gets it with the same chance. It reports whether a goroutine
// was woken by it, and how many places were left.
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

// wait calls again when courtesy is over.
func (l *readyLine) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil {
		l.timer = time.AfterFunc(courtesy, l.again)
	} else {
		l.timer.Reset(courtesy)
	}
}
