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

// userEntry is one user.
type userEntry struct {
	name            string
	seats           int // blocked and booked
	holds, bookings grantRing
}

// grantRing is the holds or the bookings of one user, linked by after and before in the
// records where they begin.
type grantRing struct {
	n     int32
	first uint32 // where one of them begins, unless n is 0
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
	u.list[i] = userEntry{name: user}
	u.byName[user] = i
	u.idle++
	return uint64(i)
}

// of returns how many seats and live holds a user has.
func (u *users) of(user string) (seats, holds int) {
	if i, ok := u.byName[user]; ok {
		return u.list[i].seats, int(u.list[i].holds.n)
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

// ring returns the user's holds or bookings, whichever are in that state.
func (one *userEntry) ring(state SeatState) *grantRing {
	if state == SeatBooked {
		return &one.bookings
	}
	return &one.holds
}

// addGrant puts the hold or booking that begins at head into its user's ring.
func (u *users) addGrant(p *Plan, head uint32, state SeatState) {
	r := p.rec(head)
	ring := u.list[r.user].ring(state)
	ring.n++
	if ring.n == 1 {
		ring.first, r.after, r.before = head, head, head
		return
	}
	first := p.rec(ring.first)
	r.after, r.before = ring.first, first.before
	p.rec(first.before).after = head
	first.before = head
}

// dropGrant takes a hold or booking out of its user's ring.
func (u *users) dropGrant(p *Plan, rec *record, state SeatState) {
	ring := u.list[rec.user].ring(state)
	ring.n--
	if ring.n == 0 {
		return
	}
	p.rec(rec.before).after = rec.after
	p.rec(rec.after).before = rec.before
	if ring.first == rec.head {
		ring.first = rec.after
	}
}

// moveGrant updates the ring after a hold or booking has moved to begin at another seat.
func (u *users) moveGrant(p *Plan, from, to uint32, state SeatState) {
	r := p.rec(to)
	ring := u.list[r.user].ring(state)
	if ring.first == from {
		ring.first = to
	}
	if r.after == from {
		r.after, r.before = to, to
		return
	}
	p.rec(r.before).after = to
	p.rec(r.after).before = to
}

// heads returns where the user's holds or bookings begin.
func (u *users) heads(p *Plan, user string, state SeatState) (heads []uint32) {
	i, ok := u.byName[user]
	if !ok {
		return nil
	}
	ring := u.list[i].ring(state)
	head := ring.first
	for range ring.n {
		heads = append(heads, head)
		head = p.rec(head).after
	}
	return heads
}
