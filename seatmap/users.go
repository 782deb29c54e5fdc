package seatmap

import "strings"

// users are the users of one event. The lock of its plan guards them. To the plan, a
// user is an index of list.
type users struct {
	list   []userEntry
	byName map[string]uint32
	unused []uint32 // indices of list
	idle   int      // how many users have no seats; they are dropped when they are many
}

// userEntry is one user. The user's holds are a ring, linked by after and before in
// the records where they begin.
type userEntry struct {
	name  string
	seats int // blocked and booked
	holds int // live
	hold  uint32
}

// open returns the index of the user, who is added if necessary.
func (u *users) open(user string) uint64 {
	if i, ok := u.byName[user]; ok {
		return uint64(i)
	}
	if u.byName == nil {
		u.byName = map[string]uint32{}
	}
	user = strings.Clone(user) // it may be part of something large
	var i uint32
	if last := len(u.unused) - 1; last >= 0 {
		i, u.unused = u.unused[last], u.unused[:last]
	} else {
		i = uint32(len(u.list))
		u.list = append(u.list, userEntry{})
	}
	u.list[i] = userEntry{name: user, hold: noSeat}
	u.byName[user] = i
	u.idle++
	return uint64(i)
}

// of returns how many seats and live holds a user has.
func (u *users) of(user string) (seats, holds int) {
	if i, ok := u.byName[user]; ok {
		return u.list[i].seats, u.list[i].holds
	}
	return 0, 0
}

// add adds n, which may be negative, to the number of the user's seats. If many users
// have no seats, it drops them.
func (u *users) add(i uint64, n int) {
	one := &u.list[i]
	one.seats += n
	switch one.seats {
	case n:
		u.idle--
	case 0:
		u.idle++
		if u.idle > 64 && u.idle > len(u.byName)/2 || u.idle == len(u.byName) && len(u.list) >= 1024 {
			u.forget()
		}
	}
}

// forget drops the users without seats.
func (u *users) forget() {
	if u.idle == len(u.byName) {
		*u = users{}
		return
	}
	for i := range u.list {
		if one := &u.list[i]; one.seats == 0 && one.name != "" {
			delete(u.byName, one.name)
			*one = userEntry{}
			u.unused = append(u.unused, uint32(i))
		}
	}
	u.idle = 0
}

// addHold puts the hold that begins at head into its user's ring.
func (u *users) addHold(p *Plan, head uint32) {
	r := p.rec(head)
	one := &u.list[r.user]
	one.holds++
	if one.hold == noSeat {
		one.hold, r.after, r.before = head, head, head
		return
	}
	first := p.rec(one.hold)
	r.after, r.before = one.hold, first.before
	p.rec(first.before).after = head
	first.before = head
}

// dropHold takes a hold out of its user's ring.
func (u *users) dropHold(p *Plan, rec *record) {
	one := &u.list[rec.user]
	one.holds--
	if one.holds == 0 {
		one.hold = noSeat
		return
	}
	p.rec(rec.before).after = rec.after
	p.rec(rec.after).before = rec.before
	if one.hold == rec.head {
		one.hold = rec.after
	}
}

// moveHold updates the ring after a hold has moved to begin at another seat.
func (u *users) moveHold(p *Plan, from, to uint32) {
	r := p.rec(to)
	one := &u.list[r.user]
	if one.hold == from {
		one.hold = to
	}
	if r.after == from {
		r.after, r.before = to, to
		return
	}
	p.rec(r.before).after = to
	p.rec(r.after).before = to
}

// heads returns where the user's holds begin.
func (u *users) heads(p *Plan, user string) (heads []uint32) {
	i, ok := u.byName[user]
	if !ok {
		return nil
	}
	head := u.list[i].hold
	for range u.list[i].holds {
		heads = append(heads, head)
		head = p.rec(head).after
	}
	return heads
}
