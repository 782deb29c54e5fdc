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

// hub is where those who wait for a oneshot, broadcast or watch are woken. All
// calls wait for one gate, so that a sender does not pay for each of them.
type hub struct {
	gate  park.Gate
	lines atomic.Pointer[hubLines] // made when first needed
}

// hubLines is what the lines of a hub have in common.
type hubLines struct {
	mu    sync.Mutex
	ready []*turnLine // those in which somebody waits in Ready
}

// open wakes all who wait.
func (h *hub) open() {
	if h.gate.Waited() || h.lines.Load() != nil {
		h.openSlow()
	}
}

func (h *hub) openSlow() {
	if l := h.lines.Load(); l != nil {
		l.offer() // first: then the others know whose turn it is
	}
	h.gate.Open()
}

func (h *hub) linesMade() *hubLines {
	if h.lines.Load() == nil {
		h.lines.CompareAndSwap(nil, new(hubLines))
	}
	return h.lines.Load()
}

// awaited is a handle on which calls wait.
type awaited interface {
	hub() *hub
	turnsOf() *turns
	// available returns how many calls can go on, or that all can.
	available() (n int, ended bool)
}

func isAvailable(h awaited) bool {
	n, ended := h.available()
	return n > 0 || ended
}

// turns is the order in which the calls that wait on one handle go on. The gate
// wakes all of them, and those whose turn it is take what there is. The others
// wait again. The order is drawn by lot.
//
// Mostly one call waits, the sole one: then the line is soleCall. A line is made
// when a second call comes, or somebody waits in Ready, and kept.
type turns struct{ line atomic.Pointer[turnLine] }

// soleCall says that one call waits, and there is no line.
var soleCall turnLine

// turn is a call that waits, by a number that no other call has.
type turn uint32

// soleTurn is the call that waited when there was no line.
const soleTurn turn = 0

type turnLine struct {
	*hubLines // its lock guards the fields below

	handle awaited
	order  []turn

	// Those who wait in Ready have one turn in common, which is not in order: it
	// is offered to them when something comes.
	place readyPlace
	lent  int // how much is left to one who was woken, while others wait
	timer *time.Timer
}

// made returns the line, or nil if there is none.
func (t *turns) made() *turnLine {
	if l := t.line.Load(); l != &soleCall {
		return l
	}
	return nil
}

// lineMade returns the line, which it makes if need be.
func (t *turns) lineMade(h awaited) *turnLine {
	for {
		old := t.line.Load()
		if old != nil && old != &soleCall {
			return old
		}
		l := &turnLine{hubLines: h.hub().linesMade(), handle: h}
		if old == &soleCall {
			l.order = []turn{soleTurn}
		}
		t.line.CompareAndSwap(old, l)
	}
}

// insert puts a call at a random place.
func (l *turnLine) insert(id turn) {
	l.order = append(l.order, id)
	i, last := rand.IntN(len(l.order)), len(l.order)-1 //nolint:gosec // fairness needs no secrecy
	l.order[i], l.order[last] = l.order[last], l.order[i]
}

// join returns the turn of a call that is about to wait.
func (t *turns) join(h awaited) turn {
	if t.line.CompareAndSwap(nil, &soleCall) {
		return soleTurn
	}
	l := t.lineMade(h)
	l.mu.Lock()
	defer l.mu.Unlock()
	id := soleTurn + 1
	for slices.Contains(l.order, id) {
		id++
	}
	l.insert(id)
	return id
}

// may reports whether it is the turn of id, and there is something to take.
func (t *turns) may(h awaited, id turn) bool {
	n, ended := h.available()
	l := t.made()
	if ended || n == 0 || l == nil {
		return ended || n > 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Index(l.order, id) < n-l.lent
}

// leave ends the turn of a call, which took something or gave up.
func (t *turns) leave(h awaited, id turn) {
	if t.line.CompareAndSwap(&soleCall, nil) {
		return
	}
	if t.line.Load().leave(id) && isAvailable(h) {
		h.hub().open()
	}
}

// leave reports whether others wait.
func (l *turnLine) leave(id turn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.order, id)
	l.order = slices.Delete(l.order, i, i+1)
	return len(l.order) > 0 || l.place.opened != nil
}

// wait waits until try returns another error than ErrEmpty, or ctx is done.
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

// ready returns a channel that is closed when it is the turn of those who wait
// in Ready.
func (t *turns) ready(h awaited) <-chan struct{} {
	if isAvailable(h) {
		return closedNow()
	}
	l := t.lineMade(h)
	opened, blocked := l.joinReady()
	switch {
	case isAvailable(h):
		l.mu.Lock()
		defer l.mu.Unlock()
		l.openPlace()
	case blocked:
		h.hub().open()
	}
	return opened
}

// joinReady also takes back what was lent, since who comes again has not used it.
func (l *turnLine) joinReady() (opened <-chan struct{}, wasLent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wasLent, l.lent = l.lent > 0, 0
	if l.place.opened == nil {
		l.place.opened = make(chan struct{})
		l.ready = append(l.ready, l)
	}
	return l.place.opened, wasLent
}

// openPlace wakes those who wait in Ready and reports whether somebody was parked
// there.
func (l *turnLine) openPlace() (taken bool) {
	if i := slices.Index(l.ready, l); i >= 0 {
		l.ready = slices.Delete(l.ready, i, i+1)
	}
	return l.place.open()
}

// offer gives those who wait in Ready their share.
func (l *hubLines) offer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range slices.Clone(l.ready) {
		n, ended := line.handle.available()
		others := len(line.order)
		switch n -= line.lent; {
		case ended:
			line.openPlace()
		case n > others || n > 0 && rand.IntN(others+1) == 0: //nolint:gosec // fairness needs no secrecy
			if line.openPlace() && others > 0 {
				line.lend()
			}
		}
	}
}

// lend leaves something to one who was woken in Ready, until courtesy is over.
func (l *turnLine) lend() {
	l.lent++
	if l.timer == nil {
		l.timer = time.AfterFunc(courtesy, l.endCourtesy)
	} else {
		l.timer.Reset(courtesy)
	}
}

func (l *turnLine) endCourtesy() {
	l.mu.Lock()
	l.lent = 0
	l.mu.Unlock()
	if isAvailable(l.handle) {
		l.handle.hub().open()
	}
}

// tried is called after a TryRecv or TryChanged that found something or the end:
// what was lent is used.
func (t *turns) tried(h awaited) {
	if l := t.made(); l != nil && l.useLent() && isAvailable(h) {
		h.hub().open()
	}
}

// useLent reports whether anything was lent.
func (l *turnLine) useLent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lent == 0 {
		return false
	}
	l.lent--
	return true
}
