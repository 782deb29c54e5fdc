package seatmap

import "strings"

// accounts are the users who have seats of one event. They are guarded by the
// lock of its plan. A plan knows a user by his place in the list.
type accounts struct {
	list   []account
	byName map[string]uint32
	unused []uint32 // places in the list
	idle   int      // accounts without seats; they are kept until there are many
}

// account is what one user has. His holds are a ring, by the after and before
// of the records where they begin.
type account struct {
	name  string
	seats int // blocked and booked
	holds int // live
	hold  uint32
}

// open returns the place of the user's account, which it makes if need be.
func (a *accounts) open(user string) uint64 {
	if i, ok := a.byName[user]; ok {
		return uint64(i)
	}
	if a.byName == nil {
		a.byName = map[string]uint32{}
	}
	user = strings.Clone(user) // it may be part of something large
	var i uint32
	if last := len(a.unused) - 1; last >= 0 {
		i, a.unused = a.unused[last], a.unused[:last]
	} else {
		i = uint32(len(a.list))
		a.list = append(a.list, account{})
	}
	a.list[i] = account{name: user, hold: noSeat}
	a.byName[user] = i
	a.idle++
	return uint64(i)
}

// of returns how many seats and live holds a user has.
func (a *accounts) of(user string) (seats, holds int) {
	if i, ok := a.byName[user]; ok {
		return a.list[i].seats, a.list[i].holds
	}
	return 0, 0
}

// add counts seats, or takes them away again when n is negative. Users without
// any are forgotten when they are many.
func (a *accounts) add(i uint64, n int) {
	acc := &a.list[i]
	acc.seats += n
	switch acc.seats {
	case n:
		a.idle--
	case 0:
		a.idle++
		if a.idle > 64 && a.idle > len(a.byName)/2 || a.idle == len(a.byName) && len(a.list) >= 1024 {
			a.forget()
		}
	}
}

// forget drops the accounts without seats.
func (a *accounts) forget() {
	if a.idle == len(a.byName) {
		*a = accounts{}
		return
	}
	for i := range a.list {
		if acc := &a.list[i]; acc.seats == 0 && acc.name != "" {
			delete(a.byName, acc.name)
			*acc = account{}
			a.unused = append(a.unused, uint32(i))
		}
	}
	a.idle = 0
}

// addHold puts the hold that begins at lead into its user's ring.
func (a *accounts) addHold(p *Plan, lead uint32) {
	r := &p.records[lead]
	acc := &a.list[r.user]
	acc.holds++
	if acc.hold == noSeat {
		acc.hold, r.after, r.before = lead, lead, lead
		return
	}
	first := &p.records[acc.hold]
	r.after, r.before = acc.hold, first.before
	p.records[first.before].after = lead
	first.before = lead
}

// dropHold takes a hold out of its user's ring.
func (a *accounts) dropHold(p *Plan, head *record) {
	acc := &a.list[head.user]
	acc.holds--
	if acc.holds == 0 {
		acc.hold = noSeat
		return
	}
	p.records[head.before].after = head.after
	p.records[head.after].before = head.before
	if acc.hold == head.lead {
		acc.hold = head.after
	}
}

// moveHold says that a hold now begins at another seat.
func (a *accounts) moveHold(p *Plan, from, to uint32) {
	r := &p.records[to]
	acc := &a.list[r.user]
	if acc.hold == from {
		acc.hold = to
	}
	if r.after == from {
		r.after, r.before = to, to
		return
	}
	p.records[r.before].after = to
	p.records[r.after].before = to
}

// leads returns where the user's holds begin.
func (a *accounts) leads(p *Plan, user string) (leads []uint32) {
	i, ok := a.byName[user]
	if !ok {
		return nil
	}
	lead := a.list[i].hold
	for range a.list[i].holds {
		leads = append(leads, lead)
		lead = p.records[lead].after
	}
	return leads
}
