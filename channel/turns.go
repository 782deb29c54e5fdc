package channel

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/park"
)

// hub wakes the calls that wait on the receivers of a oneshot, broadcast or watch. All
// of them wait for one gate, so that a Send costs the same however many there are.
type hub struct {
	gate  park.Gate
	lines atomic.Pointer[hubLines] // made when first needed
}

// hubLines is what the lines of all receivers of a hub share.
type hubLines struct {
	mu    sync.Mutex  // also guards the fields of all lines
	ready []*turnLine // the lines in which a goroutine waits for Ready
}

// open wakes all waiters.
func (h *hub) open() {
	if h.gate.Waited() || h.lines.Load() != nil {
		h.openSlow()
	}
}

func (h *hub) openSlow() {
	if l := h.lines.Load(); l != nil {
		l.offer() // before the gate opens: the calls that it wakes ask for their turn
	}
	h.gate.Open()
}

func (h *hub) makeLines() *hubLines {
	if h.lines.Load() == nil {
		h.lines.CompareAndSwap(nil, new(hubLines))
	}
	return h.lines.Load()
}

// awaited is a receiver of a oneshot, broadcast or watch.
type awaited interface {
	hub() *hub
	turnsOf() *turns
	// available returns how many calls can go on, or that the channel has ended, so that
	// all calls can.
	available() (n int, ended bool)
}

func canGoOn(h awaited) bool {
	n, ended := h.available()
	return n > 0 || ended
}

// turns is the order in which the calls that wait on one handle go on. The gate wakes
// all of them. If n messages are available, the first n calls of the order take one
// each, and the others wait again. A call joins the order at a random position, so
// that all get the same share. The algorithm is ours.
//
// Usually only one call waits: then line is &soleCall. A turnLine is made when a second
// call waits, or a goroutine waits for Ready. It is kept until the handle is garbage.
type turns struct{ line atomic.Pointer[turnLine] }

// soleCall stands for a line with one call.
var soleCall turnLine

// turn identifies a call that waits. No other waiting call of the handle has the same.
type turn uint32

// soleTurn is the turn of the call that waits when there is no turnLine.
const soleTurn turn = 0

type turnLine struct {
	*hubLines // its lock guards the fields below

	handle awaited
	order  []turn

	// The goroutines that wait for Ready have one turn together. It is not in order,
	// but offered to them when a message arrives.
	place    readyPlace
	setAside int // messages set aside for goroutines that were woken by Ready
	timer    *time.Timer
}

// made returns the turnLine, or nil if there is none.
func (t *turns) made() *turnLine {
	if l := t.line.Load(); l != &soleCall {
		return l
	}
	return nil
}

// makeLine returns the turnLine. It makes it if there is none.
func (t *turns) makeLine(h awaited) *turnLine {
	for {
		old := t.line.Load()
		if old != nil && old != &soleCall {
			return old
		}
		l := &turnLine{hubLines: h.hub().makeLines(), handle: h}
		if old == &soleCall {
			l.order = []turn{soleTurn}
		}
		t.line.CompareAndSwap(old, l)
	}
}

// insert adds a call at a random position.
func (l *turnLine) insert(id turn) {
	l.order = append(l.order, id)
	i, last := rand.IntN(len(l.order)), len(l.order)-1 //nolint:gosec // fairness needs no secrecy
	l.order[i], l.order[last] = l.order[last], l.order[i]
}

// join adds a call that is about to wait and returns its turn.
func (t *turns) join(h awaited) turn {
	if t.line.CompareAndSwap(nil, &soleCall) {
		return soleTurn
	}
	l := t.makeLine(h)
	l.mu.Lock()
	defer l.mu.Unlock()
	id := soleTurn + 1
	for slices.Contains(l.order, id) {
		id++
	}
	l.insert(id)
	return id
}

// may reports whether the call id may go on now.
func (t *turns) may(h awaited, id turn) bool {
	n, ended := h.available()
	l := t.made()
	if ended || n == 0 || l == nil {
		return ended || n > 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Index(l.order, id) < n-l.setAside
}

// leave removes a call that went on or gave up. The next call is woken if it can go on.
func (t *turns) leave(h awaited, id turn) {
	if t.line.CompareAndSwap(&soleCall, nil) {
		return
	}
	if t.line.Load().leave(id) && canGoOn(h) {
		h.hub().open()
	}
}

// leave removes a call and reports whether others wait.
func (l *turnLine) leave(id turn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.order, id)
	l.order = slices.Delete(l.order, i, i+1)
	return len(l.order) > 0 || l.place.opened != nil
}

// wait waits until try returns an error other than ErrEmpty, or ctx is done.
func (t *turns) wait(ctx context.Context, h awaited, try func() error) error {
	id := t.join(h)
	defer t.leave(h, id)
	for {
		opened, _ := h.hub().gate.Wait()
		if t.may(h, id) {
			if err := try(); err != ErrEmpty { //nolint:errorlint // never wrapped
				return err
			}
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return cause(ctx)
		}
	}
}

// ready returns a channel that is closed when it is the turn of the goroutines that
// wait for Ready.
func (t *turns) ready(h awaited) <-chan struct{} {
	if canGoOn(h) {
		return closedChan()
	}
	l := t.makeLine(h)
	opened, wasSetAside := l.joinReady()
	switch {
	case canGoOn(h):
		l.mu.Lock()
		defer l.mu.Unlock()
		l.openPlace()
	case wasSetAside:
		h.hub().open()
	}
	return opened
}

// joinReady adds the place of Ready to the line. What was set aside is free again, since
// a caller that waits for Ready anew has not taken it.
func (l *turnLine) joinReady() (opened <-chan struct{}, wasSetAside bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wasSetAside, l.setAside = l.setAside > 0, 0
	if l.place.opened == nil {
		l.place.opened = make(chan struct{})
		l.ready = append(l.ready, l)
	}
	return l.place.opened, wasSetAside
}

// openPlace wakes the goroutines that wait for Ready, and reports whether one was
// blocked there.
func (l *turnLine) openPlace() (taken bool) {
	if i := slices.Index(l.ready, l); i >= 0 {
		l.ready = slices.Delete(l.ready, i, i+1)
	}
	return l.place.open()
}

// offer wakes the goroutines that wait for Ready, as often as their share is.
func (l *hubLines) offer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range slices.Clone(l.ready) {
		n, ended := line.handle.available()
		others := len(line.order)
		switch n -= line.setAside; {
		case ended:
			line.openPlace()
		case n > others || n > 0 && rand.IntN(others+1) == 0: //nolint:gosec // fairness needs no secrecy
			if line.openPlace() && others > 0 {
				line.setOneAside()
			}
		}
	}
}

// setOneAside sets a message aside for a goroutine that was woken by Ready, until
// readyGrace is over.
func (l *turnLine) setOneAside() {
	l.setAside++
	if l.timer == nil {
		l.timer = time.AfterFunc(readyGrace, l.endGrace)
	} else {
		l.timer.Reset(readyGrace)
	}
}

func (l *turnLine) endGrace() {
	l.mu.Lock()
	l.setAside = 0
	l.mu.Unlock()
	if canGoOn(l.handle) {
		l.handle.hub().open()
	}
}

// tried is called after a TryRecv or TryChanged that did not return ErrEmpty. It takes
// the place of a message that was set aside.
func (t *turns) tried(h awaited) {
	if l := t.made(); l != nil && l.takeSetAside() && canGoOn(h) {
		h.hub().open()
	}
}

// takeSetAside takes back one message that was set aside, and reports whether there
// was one.
func (l *turnLine) takeSetAside() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.setAside == 0 {
		return false
	}
	l.setAside--
	return true
}
