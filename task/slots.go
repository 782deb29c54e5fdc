package task

import (
	"context"
	"slices"
)

// Slots: which tasks of an owner may be at work.
//
// Workers have as many slots as their limit. A task takes a slot when it starts and returns the
// slot when it ends. A task m that waits for a queued task u of the same workers hands its slot
// over to u, and gets the slot back when u ends. So tasks that wait for tasks neither deadlock
// nor exceed the limit. u may hand the slot on to another task in turn. m hands the slot to the
// next task that it waits for when it has the slot back.
//
// If m stops waiting before u ends, because the context of its wait is done, m is over the limit
// until m or u ends. Until then the end of any task of the workers makes up for it: nothing
// starts while more tasks than the limit are at work.
//
// A queued task waits for any of the tasks that have slots. If a task of other workers waits for
// it, slots are handed over along such waits, too. Otherwise tasks of two owners could wait for
// each other's slots.
//
// A wait can be over while another task has the slot of the waiting task. The call then returns
// when the slot is back or another slot is free.
//
// The idea is that of java.util.concurrent's ForkJoinPool, where a worker that joins a task runs
// queued tasks itself ("helping") or has a spare thread started ("compensation"). Here a task has
// a goroutine of its own in any case, so only the slot is handed over, and the limit holds, which
// compensation exceeds.

// A handoff is the state of a task's slot. It is made when it is first needed, and guarded by
// workers.mu.
type handoff struct {
	from       *taskState    // the task whose slot this task uses, or nil
	to         *taskState    // the task that uses this task's slot, or nil
	wants      []*node       // tasks to hand the slot to when it is back
	submitter  *submitter    // the Submit call that adds the task, or nil
	inNext     bool          // the task is in workers.inNext: any task may use its slot
	overLimit  bool          // another task uses the slot, and this task does not wait for that task
	gaveUp     bool          // overLimit because a wait was given up: the task may continue
	reacquires chan struct{} // closed when the task has a slot again; nil if it does not wait for one
}

// handoffOf returns the handoff of the task. The caller holds mu of its workers.
func (t *taskState) handoffOf() *handoff {
	if t.handoff == nil {
		t.handoff = new(handoff)
	}
	return t.handoff
}

// hasSlot reports whether the task has a slot. The caller holds mu of its workers.
func (t *taskState) hasSlot() bool {
	return t.begun && !t.ended && (t.handoff == nil || t.handoff.to == nil)
}

// begin records that the task has started, or never will. The caller holds mu of its workers.
func (t *taskState) begin() {
	t.begun = true
	if t.node != nil {
		t.node.needs.Store(false)
	}
}

// offer records that m waits for the node below, and hands the slot of m to a task that can use
// it now. The caller holds waitGraph and mu.
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

// updateOverLimit records whether m is over the limit, that is, whether another task uses its
// slot and m does not wait for that task. The caller holds waitGraph and mu.
func (ws *workers) updateOverLimit(m *taskState) {
	l := m.handoff
	if l == nil || l.to == nil || l.inNext || l.reacquires != nil {
		return
	}
	ws.setOver(m, l.to.node == nil || !m.node.reaches(l.to.node))
}

// handWhenBack hands the slot of m to u, now or when m has it back. The caller holds mu.
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

// waitEnded records that m, if own, or a task that m waits for has ended a wait, and whether the
// wait was given up. The caller holds waitGraph and mu.
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

// leaveInNext removes m from inNext. The caller holds mu.
func (ws *workers) leaveInNext(m *taskState) {
	m.handoff.inNext = false
	i := slices.Index(ws.inNext, m)
	ws.inNext = slices.Delete(ws.inNext, i, i+1)
}

// handTo hands the slot of m to u, which needs one. The caller holds mu.
func (ws *workers) handTo(m *taskState, u *node) {
	h := u.core
	if h.begun { // it waits for its slot again: the task that uses it keeps it
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

// handFromNext hands the slot of a task that waits in Set.Next to a task that waits for its own
// slot, or else to the first task of the queue. It reports whether it found both tasks. The
// caller holds mu.
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

// nextReacquiring removes and returns the next task that waits for its slot, or nil. The caller
// holds mu.
func (ws *workers) nextReacquiring() *taskState {
	for ws.reacquiring.n > 0 {
		if x, _ := ws.reacquiring.pop(); x.handoff.reacquires != nil {
			return x
		}
	}
	return nil
}

// handOver records that h uses the slot of m.
func (ws *workers) handOver(m, h *taskState) {
	m.handoffOf().to, h.handoffOf().from = h, m
	ws.handedOver++
}

// endHandoff undoes handOver. Each of the two tasks that has not ended has a slot then.
func (ws *workers) endHandoff(m *taskState) {
	m.handoff.to.handoff.from = nil
	m.handoff.to = nil
	ws.handedOver--
	ws.setOver(m, false)
}

// keepSlot separates h from the task that uses its slot, which keeps the slot. If h had the slot
// from a third task, that task waits for it now.
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

// returnSlot gives the slot of h, which has ended, back to the task that has handed it over. h has
// a handoff. The caller holds mu, and calls startQueued afterwards.
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

// reacquired ends the wait of m for its slot, if m waits. The caller holds mu.
func (ws *workers) reacquired(m *taskState) {
	if m.handoff.reacquires != nil {
		close(m.handoff.reacquires)
		m.handoff.reacquires = nil
		m.node.needs.Store(false)
	}
}

// reacquireOne gives a free slot to a task that waits for its own, and reports whether there was
// such a task. The task that uses the slot of that task keeps it. The caller holds mu.
func (ws *workers) reacquireOne() bool {
	x := ws.nextReacquiring()
	if x == nil {
		return false
	}
	ws.endHandoff(x)
	ws.reacquired(x)
	return true
}

// reacquire waits until x has a slot or ctx is done, if x is over the limit and has not given up.
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
