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

// A loan is what a task has to do with places of other tasks. It is made on first
// use, and guarded by crew.mu.
type loan struct {
	from    *core         // the task whose place this task has, or nil
	to      *core         // the task that has this task's place, or nil
	wants   []*node       // tasks to pass the place to when it is back
	entry   *waiter       // by which the task waits for admission, or nil
	any     bool          // it is in crew.inNext: any task may have its place
	over    bool          // another task has its place, and it does not wait for that task
	gaveUp  bool          // it is over by a wait that was given up: it may go on so
	regains chan struct{} // closed when it has a place again; nil if it is not waiting for that
}

// loanOf returns the task's loan. The caller holds mu of its crew.
func (c *core) loanOf() *loan {
	if c.loan == nil {
		c.loan = new(loan)
	}
	return c.loan
}

// hasPlace reports whether a task has a place. The caller holds mu of its crew.
func (c *core) hasPlace() bool {
	return c.begun && !c.ended && (c.loan == nil || c.loan.to == nil)
}

// begin notes that the task has begun, or never will. The caller holds mu of its
// crew.
func (c *core) begin() {
	c.begun = true
	if c.node != nil {
		c.node.needs.Store(false)
	}
}

// offer notes that m waits for the node, and passes m's place to the task that
// now can have it. The caller holds waits and mu.
func (c *crew) offer(m *core, below *node) {
	switch {
	case m.ended:
	case below.core == nil:
		if l := m.loanOf(); !l.any {
			l.any = true
			c.inNext = append(c.inNext, m)
			c.staff()
		}
		if c.onStuck != nil {
			c.onStuck()
		}
	case below.core == m:
	case below.needs.Load():
		c.want(m, below)
	default:
		c.recount(m)
		c.staff()
	}
}

// recount notes whether m is over the limit: another task has its place, and m
// does not wait for that task. The caller holds waits and mu.
func (c *crew) recount(m *core) {
	l := m.loan
	if l == nil || l.to == nil || l.any || l.regains != nil {
		return
	}
	c.setOver(m, l.to.node == nil || !m.node.reaches(l.to.node))
}

// want passes m's place to u, now or when it is back. The caller holds mu.
func (c *crew) want(m *core, u *node) {
	if m.hasPlace() {
		c.passTo(m, u)
		return
	}
	l := m.loanOf()
	if !slices.Contains(l.wants, u) {
		l.wants = append(l.wants, u)
	}
}

// settle notes that m itself, or a task that it waits for, has ended a wait, by
// giving up or not. The caller holds waits and mu.
func (c *crew) settle(m *core, own, gaveUp bool) {
	l := m.loan
	if l == nil || m.ended {
		return
	}
	if l.any && !m.node.reaches(c.nodeOf()) {
		c.leaveNext(m)
	}
	l.wants = slices.DeleteFunc(l.wants, func(u *node) bool { return !m.node.reaches(u) })
	before := l.over
	c.recount(m)
	l.gaveUp = l.over && (l.gaveUp || gaveUp && (!before || own))
	c.staff()
}

// leaveNext takes m out of inNext. The caller holds mu.
func (c *crew) leaveNext(m *core) {
	m.loan.any = false
	i := slices.Index(c.inNext, m)
	c.inNext = slices.Delete(c.inNext, i, i+1)
}

// passTo gives m's place to u, which needs one. The caller holds mu.
func (c *crew) passTo(m *core, u *node) {
	h := u.core
	if h.begun { // the task that has h's place keeps it
		c.keep(h)
		c.pass(m, h)
		c.regained(h)
		return
	}
	if l := h.loan; l != nil && l.entry != nil && l.entry.state == waiting {
		l.entry.passed = true
		c.admitWaiter(l.entry)
		c.noteGone()
	} else {
		c.begun++
	}
	c.pass(m, h)
	c.handed++
	c.start(u.task)
}

// passNext gives the place of a task that waits in Set.Next to a task that waits
// for its own place, or else to the first task of the queue, and reports whether
// there were both. The caller holds mu.
func (c *crew) passNext() bool {
	i := slices.IndexFunc(c.inNext, (*core).hasPlace)
	if i < 0 {
		return false
	}
	m := c.inNext[i]
	if x := c.nextRegaining(); x != nil {
		c.passTo(m, x.node)
		return true
	}
	if c.queued() == 0 {
		return false
	}
	h := c.take()
	c.pass(m, h.base())
	c.handed++
	c.start(h)
	return true
}

// nextRegaining takes the next task out of regaining, or returns nil. The caller
// holds mu.
func (c *crew) nextRegaining() *core {
	for c.regaining.n > 0 {
		if x, _ := c.regaining.pop(); x.loan.regains != nil {
			return x
		}
	}
	return nil
}

// pass notes that h has m's place.
func (c *crew) pass(m, h *core) {
	m.loanOf().to, h.loanOf().from = h, m
	c.passed++
}

// part undoes pass. Each of the two that has not ended then has a place.
func (c *crew) part(m *core) {
	m.loan.to.loan.from = nil
	m.loan.to = nil
	c.passed--
	c.setOver(m, false)
}

// keep parts h from the task that has its place, which keeps the place. If it was
// that of a third task, that one waits for it now.
func (c *crew) keep(h *core) {
	u, m, gaveUp := h.loan.to, h.loan.from, h.loan.gaveUp
	c.part(h)
	if m == nil {
		return
	}
	c.part(m)
	c.pass(m, u)
	if gaveUp && m.loan.regains == nil {
		c.setOver(m, true)
		m.loan.gaveUp = true
	}
}

func (c *crew) setOver(m *core, over bool) {
	if m.loan.over == over {
		return
	}
	m.loan.over, m.loan.gaveUp = over, false
	if over {
		c.over++
	} else {
		c.over--
	}
}

// returnPlace gives the place of h, which has ended, back to the task whose place
// it was. h has a loan. The caller holds mu, and calls staff then.
func (c *crew) returnPlace(h *core) {
	l := h.loan
	m, u := l.from, l.to
	l.wants = nil
	if l.any {
		c.leaveNext(h)
	}
	if u != nil { // h gave up its wait for u
		c.keep(h)
		c.regained(h)
		return
	}
	if m == nil {
		return
	}
	c.part(m)
	c.regained(m)
	for len(m.loan.wants) > 0 && m.hasPlace() {
		u := m.loan.wants[0]
		m.loan.wants = m.loan.wants[1:]
		if u.needs.Load() && u.core != m {
			c.passTo(m, u)
		}
	}
}

// regained ends m's wait for its place, if it waits. The caller holds mu.
func (c *crew) regained(m *core) {
	if m.loan.regains != nil {
		close(m.loan.regains)
		m.loan.regains = nil
		m.node.needs.Store(false)
	}
}

// regainOne gives a free place to a task that waits for its own, and reports
// whether there was one. The task that has its place keeps that. The caller holds
// mu.
func (c *crew) regainOne() bool {
	x := c.nextRegaining()
	if x == nil {
		return false
	}
	c.part(x)
	c.regained(x)
	return true
}

// regain waits until x has a place, if it is over the limit and has not given up,
// or until ctx is done.
func (x *core) regain(ctx context.Context) {
	c := x.crew()
	if c == nil {
		return
	}
	c.mu.Lock()
	l := x.loan
	needs := l != nil && (l.over && !l.gaveUp || l.regains != nil)
	c.mu.Unlock()
	if !needs {
		return
	}
	waits.Lock()
	c.mu.Lock()
	if l.over && !l.gaveUp && !x.ended {
		l.regains = make(chan struct{})
		x.node.needs.Store(true)
		c.regaining.push(x)
		c.setOver(x, false)
		c.staff()
	}
	back := l.regains
	c.mu.Unlock()
	if back != nil {
		offer(x.node, x.node) // a task that waits for x may pass its place to x
	}
	waits.Unlock()
	if back == nil {
		return
	}
	select {
	case <-back:
	case <-ctx.Done():
		c.mu.Lock()
		if l.regains == back {
			c.regained(x)
			c.setOver(x, true)
			l.gaveUp = true
		}
		c.mu.Unlock()
	}
	waits.Lock()
	x.node.forget() // a task that waits for x's group may have asked for a place
	waits.Unlock()
}
