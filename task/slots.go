package task

import (
	"context"
	"slices"
)

// Places: which tasks of a crew may be at work.
//
// A crew has as many places as its limit. A task takes a place when it begins and
// gives it back when it ends. A task m that waits for a task u of its crew which
// has not begun passes its place to u, and gets it back when u ends. So tasks
// that wait for tasks neither deadlock nor exceed the limit. u may pass the place
// on to another task in turn; m passes it to the next task that it waits for when
// it is back.
//
// If m stops waiting before u ends, because the context of its wait is done, m is
// over the limit until m or u ends. Meanwhile an end of any task of the crew repays
// that: nothing new begins while more tasks than the limit are at work.
//
// A task that has not begun waits for any of the tasks that have places. If it is
// awaited by a task of another crew, places are passed on along such waits too:
// else tasks of two crews could wait for each other's places.
//
// A wait for any task, there or in [Set.Next], may be over while another task has
// the waiting task's place. Then the wait ends when the place is back, or another
// one is free.

// A handoff is what a task has to do with places of other tasks. It is made on first
// use, and guarded by crew.mu.
type handoff struct {
	from       *taskState    // the task whose slot this task has, or nil
	to         *taskState    // the task that has this task's slot, or nil
	wants      []*node       // tasks to pass the slot to when it is back
	submitter  *submitter    // by which the task waits for admission, or nil
	inNext     bool          // it is in crew.inNext: any task may have its slot
	overLimit  bool          // another task has its slot, and it does not wait for that task
	gaveUp     bool          // it is over by a wait that was given up: it may go on so
	reacquires chan struct{} // closed when it has a slot again; nil if it is not waiting for that
}

// handoffOf returns the task's loan. The caller holds mu of its crew.
func (t *taskState) handoffOf() *handoff {
	if t.handoff == nil {
		t.handoff = new(handoff)
	}
	return t.handoff
}

// hasSlot reports whether a task has a place. The caller holds mu of its crew.
func (t *taskState) hasSlot() bool {
	return t.begun && !t.ended && (t.handoff == nil || t.handoff.to == nil)
}

// begin notes that the task has begun, or never will. The caller holds mu of its
// crew.
func (t *taskState) begin() {
	t.begun = true
	if t.node != nil {
		t.node.needs.Store(false)
	}
}

// offer notes that m waits for the node, and passes m's place to the task that
// now can have it. The caller holds waits and mu.
func (ws *workers) offer(m *taskState, below *node) {
	switch {
	case m.ended:
	case below.core == nil:
		if l := m.handoffOf(); !l.inNext {
			l.inNext = true
			ws.inNext = append(ws.inNext, m)
			ws.startQueued()
		}
		if ws.onNextWaiter != nil {
			ws.onNextWaiter()
		}
	case below.core == m:
	case below.needs.Load():
		ws.handWhenBack(m, below)
	default:
		ws.updateOverLimit(m)
		ws.startQueued()
	}
}

// updateOverLimit notes whether m is over the limit: another task has its place, and m
// does not wait for that task. The caller holds waits and mu.
func (ws *workers) updateOverLimit(m *taskState) {
	l := m.handoff
	if l == nil || l.to == nil || l.inNext || l.reacquires != nil {
		return
	}
	ws.setOver(m, l.to.node == nil || !m.node.reaches(l.to.node))
}

// handWhenBack passes m's place to u, now or when it is back. The caller holds mu.
func (ws *workers) handWhenBack(m *taskState, u *node) {
	if m.hasSlot() {
		ws.handTo(m, u)
		return
	}
	l := m.handoffOf()
	if !slices.Contains(l.wants, u) {
		l.wants = append(l.wants, u)
	}
}

// waitEnded notes that m itself, or a task that it waits for, has ended a wait, by
// giving up or not. The caller holds waits and mu.
func (ws *workers) waitEnded(m *taskState, own, gaveUp bool) {
	l := m.handoff
	if l == nil || m.ended {
		return
	}
	if l.inNext && !m.node.reaches(ws.nodeOf()) {
		ws.leaveInNext(m)
	}
	l.wants = slices.DeleteFunc(l.wants, func(u *node) bool { return !m.node.reaches(u) })
	before := l.overLimit
	ws.updateOverLimit(m)
	l.gaveUp = l.overLimit && (l.gaveUp || gaveUp && (!before || own))
	ws.startQueued()
}

// leaveInNext takes m out of inNext. The caller holds mu.
func (ws *workers) leaveInNext(m *taskState) {
	m.handoff.inNext = false
	i := slices.Index(ws.inNext, m)
	ws.inNext = slices.Delete(ws.inNext, i, i+1)
}

// handTo gives m's place to u, which needs one. The caller holds mu.
func (ws *workers) handTo(m *taskState, u *node) {
	h := u.core
	if h.begun { // the task that has h's slot keeps it
		ws.keepSlot(h)
		ws.handOver(m, h)
		ws.reacquired(h)
		return
	}
	if l := h.handoff; l != nil && l.submitter != nil && l.submitter.state == waiting {
		l.submitter.inWaitersSlot = true
		ws.admitSubmitter(l.submitter)
		ws.countCanceled()
	} else {
		ws.queuedBegun++
	}
	ws.handOver(m, h)
	ws.handoffs++
	ws.start(u.task)
}

// handFromNext gives the place of a task that waits in Set.Next to a task that waits
// for its own place, or else to the first task of the queue, and reports whether
// there were both. The caller holds mu.
func (ws *workers) handFromNext() bool {
	i := slices.IndexFunc(ws.inNext, (*taskState).hasSlot)
	if i < 0 {
		return false
	}
	m := ws.inNext[i]
	if x := ws.nextReacquiring(); x != nil {
		ws.handTo(m, x.node)
		return true
	}
	if ws.queued() == 0 {
		return false
	}
	h := ws.takeQueued()
	ws.handOver(m, h.base())
	ws.handoffs++
	ws.start(h)
	return true
}

// nextReacquiring takes the next task out of regaining, or returns nil. The caller
// holds mu.
func (ws *workers) nextReacquiring() *taskState {
	for ws.reacquiring.n > 0 {
		if x, _ := ws.reacquiring.pop(); x.handoff.reacquires != nil {
			return x
		}
	}
	return nil
}

// handOver notes that h has m's place.
func (ws *workers) handOver(m, h *taskState) {
	m.handoffOf().to, h.handoffOf().from = h, m
	ws.handedOver++
}

// endHandoff undoes pass. Each of the two that has not ended then has a place.
func (ws *workers) endHandoff(m *taskState) {
	m.handoff.to.handoff.from = nil
	m.handoff.to = nil
	ws.handedOver--
	ws.setOver(m, false)
}

// keepSlot parts h from the task that has its place, which keeps the place. If it was
// that of a third task, that one waits for it now.
func (ws *workers) keepSlot(h *taskState) {
	u, m, gaveUp := h.handoff.to, h.handoff.from, h.handoff.gaveUp
	ws.endHandoff(h)
	if m == nil {
		return
	}
	ws.endHandoff(m)
	ws.handOver(m, u)
	if gaveUp && m.handoff.reacquires == nil {
		ws.setOver(m, true)
		m.handoff.gaveUp = true
	}
}

func (ws *workers) setOver(m *taskState, over bool) {
	if m.handoff.overLimit == over {
		return
	}
	m.handoff.overLimit, m.handoff.gaveUp = over, false
	if over {
		ws.overLimit++
	} else {
		ws.overLimit--
	}
}

// returnSlot gives the place of h, which has ended, back to the task whose place
// it was. h has a loan. The caller holds mu, and calls staff then.
func (ws *workers) returnSlot(h *taskState) {
	l := h.handoff
	m, u := l.from, l.to
	l.wants = nil
	if l.inNext {
		ws.leaveInNext(h)
	}
	if u != nil { // h gave up its wait for u
		ws.keepSlot(h)
		ws.reacquired(h)
		return
	}
	if m == nil {
		return
	}
	ws.endHandoff(m)
	ws.reacquired(m)
	for len(m.handoff.wants) > 0 && m.hasSlot() {
		u := m.handoff.wants[0]
		m.handoff.wants = m.handoff.wants[1:]
		if u.needs.Load() && u.core != m {
			ws.handTo(m, u)
		}
	}
}

// reacquired ends m's wait for its place, if it waits. The caller holds mu.
func (ws *workers) reacquired(m *taskState) {
	if m.handoff.reacquires != nil {
		close(m.handoff.reacquires)
		m.handoff.reacquires = nil
		m.node.needs.Store(false)
	}
}

// reacquireOne gives a free place to a task that waits for its own, and reports
// whether there was one. The task that has its place keeps that. The caller holds
// mu.
func (ws *workers) reacquireOne() bool {
	x := ws.nextReacquiring()
	if x == nil {
		return false
	}
	ws.endHandoff(x)
	ws.reacquired(x)
	return true
}

// reacquire waits until x has a place, if it is over the limit and has not given up,
// or until ctx is done.
func (x *taskState) reacquire(ctx context.Context) {
	ws := x.workers()
	if ws == nil {
		return
	}
	ws.mu.Lock()
	l := x.handoff
	needs := l != nil && (l.overLimit && !l.gaveUp || l.reacquires != nil)
	ws.mu.Unlock()
	if !needs {
		return
	}
	waitGraph.Lock()
	ws.mu.Lock()
	if l.overLimit && !l.gaveUp && !x.ended {
		l.reacquires = make(chan struct{})
		x.node.needs.Store(true)
		ws.reacquiring.push(x)
		ws.setOver(x, false)
		ws.startQueued()
	}
	back := l.reacquires
	ws.mu.Unlock()
	if back != nil {
		offer(x.node, x.node) // a task that waits for x may pass its slot to x
	}
	waitGraph.Unlock()
	if back == nil {
		return
	}
	select {
	case <-back:
	case <-ctx.Done():
		ws.mu.Lock()
		if l.reacquires == back {
			ws.reacquired(x)
			ws.setOver(x, true)
			l.gaveUp = true
		}
		ws.mu.Unlock()
	}
	waitGraph.Lock()
	x.node.forget() // a task that waits for x's group may have asked for a slot
	waitGraph.Unlock()
}
