package seattest

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/seatmap"
)

// at is an act from one moment to another.
func at(from, to int64, a act) *act {
	a.from, a.to = from, to
	return &a
}

func blocked(from, to int64, fence uint64, seats ...string) *act {
	return at(from, to, act{op: opBlock, part: seats, seats: seats, fence: fence})
}

func refused(from, to int64) *act {
	return at(from, to, act{op: opBlock, part: []string{"1"}, err: seatmap.NewTakenError("e", "1")})
}

func used(from, to int64, op string, token uint64, part ...string) *act {
	return at(from, to, act{op: op, token: token, part: part})
}

func failed(from, to int64, op string, token uint64, err error, part ...string) *act {
	return at(from, to, act{op: op, token: token, part: part, err: err})
}

func booked(from, to int64, token, fence uint64, seats ...string) *act {
	return at(from, to, act{op: opBook, token: token, fence: fence, seats: seats})
}

func withKey(a *act, replayed bool) *act {
	a.key, a.replayed = "k", replayed
	return a
}

func short(a *act) *act {
	a.short = true
	return a
}

func unsure(a *act) *act {
	a.unsure = true
	return a
}

// saw is a sight of seats 1 and 2: the fence of each, negative if booked.
func saw(from, to int64, fences ...int) *act {
	a := act{op: opLook}
	for i, fence := range fences {
		one := seatmap.SeatInfo{Seat: string(rune('1' + i))}
		switch {
		case fence > 0:
			one.State, one.Fence = seatmap.SeatBlocked, uint64(fence)
		case fence < 0:
			one.State, one.Fence = seatmap.SeatBooked, uint64(-fence)
		}
		a.seen = append(a.seen, one)
	}
	return at(from, to, a)
}

func TestAHistoryIsRefusedIfNoOrderExplainsIt(t *testing.T) {
	const end = 100
	for name, c := range map[string]struct {
		explained bool
		acts      []*act
	}{
		"one after another": {true, []*act{
			saw(1, 2, 0, 0), blocked(3, 4, 7, "1"), refused(5, 6), saw(7, 8, 7, 0), booked(9, 10, 7, 8, "1"), saw(11, 12, -8, 0),
			failed(13, 14, opRelease, 7, seatmap.ErrExpired), used(15, 16, opCancel, 8), saw(17, 18, 0, 0),
		}},
		"two owners":                {false, []*act{blocked(1, 2, 7, "1"), blocked(3, 4, 8, "1")}},
		"two owners, before an end": {false, []*act{blocked(1, 2, 7, "1"), blocked(3, 4, 8, "1"), used(5, 6, opRelease, 7)}},
		"two owners at the same time": {true, []*act{
			blocked(1, 2, 7, "1"), blocked(3, 6, 8, "1"), used(4, 5, opRelease, 7),
		}},
		"a refusal without an owner": {false, []*act{refused(1, 2)}},
		"a refusal before the owner": {false, []*act{refused(1, 2), blocked(3, 4, 7, "1")}},
		"a refusal by the next":      {true, []*act{refused(1, 4), blocked(2, 3, 7, "1")}},
		"a refusal after the end":    {false, []*act{blocked(1, 2, 7, "1"), used(3, 4, opRelease, 7), refused(5, 6)}},
		"a refusal between two": {false, []*act{
			blocked(1, 2, 7, "1"), used(3, 4, opRelease, 7), refused(5, 6), blocked(7, 8, 8, "1"), used(9, 10, opRelease, 8),
		}},
		"a refusal by the first of two": {true, []*act{
			blocked(1, 2, 7, "1"), used(3, 6, opRelease, 7), refused(4, 5), blocked(7, 8, 8, "1"),
		}},
		"a refusal and a sight that leave no time": {false, []*act{
			blocked(1, 2, 7, "1"), used(3, 4, opRelease, 7), refused(5, 6), blocked(5, 8, 8, "1"), saw(7, 9, 0, 0), saw(10, 11, 8, 0),
		}},
		"a refusal that names another seat": {false, []*act{
			blocked(1, 2, 7, "1"), at(3, 4, act{op: opBlock, part: []string{"2"}, err: seatmap.NewTakenError("e", "1")}),
		}},
		"sold out with a free seat": {false, []*act{
			blocked(1, 2, 7, "1"), at(3, 4, act{op: opAny, err: seatmap.ErrSoldOut}),
		}},
		"an available seat that has an owner":      {false, []*act{blocked(1, 2, 7, "1"), saw(3, 4, 0, 0)}},
		"an available seat before the end":         {false, []*act{blocked(1, 2, 7, "1"), saw(3, 4, 0, 0), used(5, 6, opRelease, 7)}},
		"an available seat at the time of the end": {true, []*act{blocked(1, 2, 7, "1"), saw(3, 5, 0, 0), used(4, 6, opRelease, 7)}},
		"an owner after the end":                   {false, []*act{blocked(1, 2, 7, "1"), used(3, 4, opRelease, 7), saw(5, 6, 7, 0)}},
		"an owner before the grant":                {false, []*act{saw(1, 2, 7, 0), blocked(3, 4, 7, "1")}},
		"a booking that is a hold":                 {false, []*act{blocked(1, 2, 7, "1"), booked(3, 4, 7, 8, "1"), saw(5, 6, 8, 0)}},
		"half a hold":                              {false, []*act{blocked(1, 9, 7, "1", "2"), saw(2, 3, 7, 0)}},
		"half the end of a hold":                   {false, []*act{blocked(1, 2, 7, "1", "2"), used(3, 9, opRelease, 7), saw(4, 5, 0, 7)}},
		"a part of a hold":                         {true, []*act{blocked(1, 2, 7, "1", "2"), used(3, 4, opRelease, 7, "1"), saw(5, 6, 0, 7)}},
		"two sights in two orders":                 {false, []*act{blocked(1, 9, 7, "1"), saw(2, 3, 7, 0), saw(4, 5, 0, 0)}},
		"fences that fall":                         {false, []*act{blocked(1, 2, 8, "1"), blocked(3, 4, 7, "2")}},
		"fences of two at the same time":           {true, []*act{blocked(1, 4, 8, "1"), blocked(2, 3, 7, "2")}},
		"a fence of two":                           {false, []*act{blocked(1, 2, 7, "1"), blocked(3, 4, 7, "2")}},
		"over, but nothing ended it":               {false, []*act{blocked(1, 2, 7, "1"), failed(3, 4, opBook, 7, seatmap.ErrExpired)}},
		"over before its end":                      {false, []*act{blocked(1, 2, 7, "1"), failed(3, 4, opBook, 7, seatmap.ErrExpired), used(5, 6, opRelease, 7)}},
		"over by itself":                           {true, []*act{short(blocked(1, 2, 7, "1")), failed(3, 4, opBook, 7, seatmap.ErrExpired)}},
		"extended, then over by itself":            {false, []*act{short(blocked(1, 2, 7, "1")), used(3, 4, opExtend, 7), failed(5, 6, opBook, 7, seatmap.ErrExpired)}},
		"extended after it was over":               {false, []*act{blocked(1, 2, 7, "1"), used(3, 4, opRelease, 7), used(5, 6, opExtend, 7)}},
		"a short hold that does not end":           {false, []*act{short(blocked(1, 2, 7, "1")), saw(101, 102, 7, 0)}},
		"a short hold that ends half":              {false, []*act{short(blocked(1, 2, 7, "1", "2")), saw(3, 4, 7, 0)}},
		"over before the grant":                    {false, []*act{failed(1, 2, opBook, 7, seatmap.ErrExpired), short(blocked(3, 4, 7, "1"))}},
		"used before the grant":                    {false, []*act{used(1, 2, opRelease, 7), blocked(3, 4, 7, "1")}},
		"used after it was over by itself": {false, []*act{
			short(blocked(1, 2, 7, "1", "2")), saw(3, 4, 7, 0), used(5, 6, opRelease, 7, "1"),
		}},
		"used after its other seat was over by itself": {false, []*act{
			short(blocked(1, 2, 7, "1", "2")), saw(3, 4, 0, 0), used(5, 6, opRelease, 7, "1"),
		}},
		"uncovered before a part has ended": {false, []*act{
			blocked(1, 2, 7, "1", "2"), failed(3, 4, opRelease, 7, seatmap.ErrInvalidSeats, "1"), used(5, 6, opRelease, 7, "1"),
		}},
		"ended twice":                          {false, []*act{blocked(1, 2, 7, "1"), used(3, 4, opRelease, 7), used(5, 6, opRelease, 7)}},
		"a seat ended twice":                   {false, []*act{blocked(1, 2, 7, "1", "2"), used(3, 4, opRelease, 7, "1"), used(5, 6, opRelease, 7, "1")}},
		"a seat that it does not have":         {false, []*act{blocked(1, 2, 7, "1"), used(3, 4, opRelease, 7, "2")}},
		"the rest before the part":             {false, []*act{blocked(1, 2, 7, "1", "2"), used(3, 4, opRelease, 7), used(5, 6, opRelease, 7, "1")}},
		"all booked, but one seat":             {false, []*act{blocked(1, 2, 7, "1", "2"), booked(3, 4, 7, 8, "1")}},
		"uncovered, but it has the seat":       {false, []*act{blocked(1, 2, 7, "1"), failed(3, 4, opRelease, 7, seatmap.ErrInvalidSeats, "1")}},
		"uncovered, after it was over":         {false, []*act{blocked(1, 2, 7, "1"), used(3, 4, opRelease, 7), failed(5, 6, opRelease, 7, seatmap.ErrInvalidSeats, "2")}},
		"uncovered":                            {true, []*act{blocked(1, 2, 7, "1"), failed(3, 4, opRelease, 7, seatmap.ErrInvalidSeats, "2")}},
		"a token of nothing":                   {false, []*act{used(1, 2, opRelease, 7)}},
		"a hold that is canceled":              {false, []*act{blocked(1, 2, 7, "1"), used(3, 4, opCancel, 7)}},
		"another error":                        {false, []*act{failed(1, 2, opBlock, 0, seatmap.ErrLimit, "1")}},
		"a key of two":                         {false, []*act{withKey(blocked(1, 2, 7, "1"), false), used(3, 4, opRelease, 7), withKey(blocked(5, 6, 8, "1"), false)}},
		"a repetition":                         {true, []*act{withKey(blocked(1, 2, 7, "1"), false), withKey(blocked(3, 4, 7, "1"), true)}},
		"a repetition of nothing":              {false, []*act{withKey(blocked(1, 2, 7, "1"), true)}},
		"a repetition by one who did not know": {true, []*act{unsure(withKey(blocked(1, 2, 7, "1"), true)), saw(3, 4, 7, 0)}},
		"a repetition before the first":        {false, []*act{withKey(blocked(1, 2, 7, "1"), true), withKey(blocked(3, 4, 7, "1"), false)}},
		"a repetition with another fence":      {false, []*act{withKey(blocked(1, 2, 7, "1"), false), withKey(blocked(3, 4, 8, "1"), true)}},
		"a refusal where there is an answer":   {false, []*act{withKey(blocked(1, 2, 7, "1"), false), withKey(refused(3, 4), false)}},
	} {
		h := &history{seats: []string{"1", "2"}, end: end, acts: c.acts}
		if err := h.check(); c.explained {
			assert.NoError(t, err, name)
		} else {
			assert.Error(t, err, name)
		}
	}
}
