package seatmap

import "strings"

// references are the references of the holds and bookings of one event. The lock of its
// plan guards them. Before the first reference both maps are nil.
type references struct {
	byFence map[uint64]*reference
	byText  map[string]*reference // one of the ring of those with that text
	most    int                   // how many there were at once, since the maps were made
}

// reference is the reference of one hold or booking. Those with the same text are a ring.
type reference struct {
	text string
	grantName
	after, before *reference
}

// of returns the reference of a hold or booking, or an empty text.
func (rs *references) of(fence uint64) string {
	if len(rs.byFence) == 0 {
		return ""
	}
	if r := rs.byFence[fence]; r != nil {
		return r.text
	}
	return ""
}

// add gives a hold or booking a reference, which is safe to keep.
func (rs *references) add(text string, to grantName) {
	rs.drop(to.fence) // a damaged export may have a fence twice
	if rs.byFence == nil {
		rs.byFence, rs.byText = map[uint64]*reference{}, map[string]*reference{}
	}
	r := &reference{text: text, grantName: to}
	rs.byFence[to.fence] = r
	rs.most = max(rs.most, len(rs.byFence))
	first := rs.byText[text]
	if first == nil {
		r.after, r.before = r, r
		rs.byText[text] = r
		return
	}
	r.text = first.text // one copy of it
	r.after, r.before = first, first.before
	r.before.after, first.before = r, r
}

// drop takes the reference of a hold or booking away and returns it.
func (rs *references) drop(fence uint64) string {
	r := rs.byFence[fence]
	if r == nil {
		return ""
	}
	delete(rs.byFence, fence)
	switch {
	case r.after == r:
		delete(rs.byText, r.text)
	case rs.byText[r.text] == r:
		rs.byText[r.text] = r.after
	}
	r.after.before, r.before.after = r.before, r.after
	if len(rs.byFence) == 0 && rs.most >= 1024 {
		*rs = references{} // give the memory back
	}
	return r.text
}

// renew gives the reference of a fence to another one.
func (rs *references) renew(before uint64, after grantName) {
	if len(rs.byFence) == 0 {
		return
	}
	if text := rs.drop(before); text != "" {
		rs.add(text, after)
	}
}

// named returns the holds and bookings with that reference, in no order.
func (rs *references) named(text string) (list []grantName) {
	first := rs.byText[text]
	for r := first; r != nil; {
		list = append(list, r.grantName)
		if r = r.after; r == first {
			break
		}
	}
	return list
}

// refer lets the next change give its hold or booking a reference. An empty one is none.
func (e *event) refer(reference string) {
	if reference != "" {
		e.reference = strings.Clone(reference) // it may be part of something large
	}
}

// referred keeps the reference of a hold or booking that was made, and returns that of the
// one that has changed.
func (e *event) referred(kind ChangeKind, rec *record) string {
	text := e.reference
	e.reference = ""
	switch {
	case text == "":
		return e.refs.of(rec.fence)
	case kind == ChangeBlocked || kind == ChangeBooked:
		e.refs.add(text, grantName{rec.fence, rec.first})
	}
	return text
}

// eraseReferences takes the references of a user's holds and bookings away.
func (e *event) eraseReferences(user uint64) {
	for fence, r := range e.refs.byFence {
		if head, ok := e.plan.headOfFence(r.first, fence); ok && e.plan.rec(head).user == user {
			e.refs.drop(fence)
		}
	}
}
