package seatmap

import (
	"hash/maphash"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stepWall returns t as it would have been read had the wall clock, but not the
// monotonic one, been set differently by d at that time. There is no way to
// make such a value but to change the seconds inside (bits 30 to 62 of the first
// word, when the top bit says that there is a monotonic reading).
func stepWall(tb testing.TB, t time.Time, d time.Duration) time.Time {
	tb.Helper()
	word := (*uint64)(unsafe.Pointer(&t))
	require.NotZero(tb, *word>>63, "no monotonic reading")
	*word += uint64(int64(d/time.Second)) << 30
	return t
}

func TestSettingTheWallClockMovesNoDeadline(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		c := NewClock(0)
		c.base = stepWall(t, c.base, step) // as if it was set by -step since
		require.InDelta(t, float64(step), float64(c.base.Round(0).Sub(time.Now().Round(0))), float64(time.Minute))
		assert.Less(t, c.now(), int64(time.Minute))
		p := newPlan("", &labels{count: 2}, nil, c, randomKey())
		token, err := p.Block(1, time.Minute, 0)
		require.NoError(t, err)
		_, err = p.Book(token)
		require.NoError(t, err, "it was not moved forward")
		short, err := p.Block(1, time.Nanosecond, 1)
		require.NoError(t, err)
		for from := c.now(); c.now() == from; { // let a nanosecond pass
		}
		_, err = p.Book(short)
		require.ErrorIs(t, err, ErrExpired, "nor back")
		w := c.wall()
		assert.WithinDuration(t, time.Now().Round(0), w.time(w.mono).Round(0), time.Minute, "users are told the new wall time")
	}
}

func TestClockReadings(t *testing.T) {
	c := NewClock(0)
	assert.Positive(t, c.lately())
	c.Close()
	c = NewClock(time.Hour)
	assert.LessOrEqual(t, c.lately(), c.now())
	assert.Equal(t, c.lately(), c.lately())
	c.Close()
	c.Close()
	first := c.lately()
	for c.lately() == first { // goes on, precisely
	}
}

func TestRecordAndWordSizes(t *testing.T) {
	assert.LessOrEqual(t, unsafe.Sizeof(record{}), uintptr(64), "one cache line a seat")
	assert.LessOrEqual(t, unsafe.Sizeof(TakenError{}), uintptr(16))
}

func TestSmallTablesAreKeptAndLargeOnesGivenBack(t *testing.T) {
	var a accounts
	var ids []uint64
	for i := range 2000 {
		id := a.open(string(rune('a' + i)))
		a.add(id, 1)
		ids = append(ids, id)
	}
	for _, id := range ids {
		a.add(id, -1)
	}
	assert.Zero(t, len(a.list))
	assert.Zero(t, len(a.byName))
	a.open("somebody")
	assert.Equal(t, 1, a.idle)
	a.forget()
	assert.Zero(t, a.idle)
}

// ask returns the question of a user's i'th key.
func ask(k *keys, i int) *question {
	q := k.question("ann", NewKey(strconv.Itoa(i)), print{})
	return &q
}

func TestTheFilterSendsFewToTheLockForNothing(t *testing.T) {
	k := keys{most: 1000, seed: maphash.MakeSeed()}
	for i := range 1000 {
		k.remember(1, ask(&k, i), "ann")
	}
	wrong := 0
	for i := range 10_000 {
		if k.has("bob", NewKey(strconv.Itoa(i))) {
			wrong++
		}
	}
	assert.Less(t, wrong, 1600, "an eighth at worst")
}

func TestLargeTablesOfKeysAreGivenBack(t *testing.T) {
	k := keys{most: 2000, seed: maphash.MakeSeed()}
	for round := range 2 {
		for i := range 1500 {
			k.ended(1, k.remember(1, ask(&k, i), "ann"))
		}
		require.Len(t, k.slots, 1500)
		k.forget(1 + int64(KeyMemory))
		assert.Nil(t, k.slots, round)
		assert.Nil(t, k.filter.Load())
		assert.False(t, k.has("ann", NewKey("1")))
	}
}

func TestKeysOfTheSameHashAreToldApart(t *testing.T) {
	k := keys{most: 2}
	same := func(user string) *question { return &question{user: user, key: NewKey("k"), hash: 7} }
	var slots []uint32
	for _, user := range []string{"a", "b", "c"} {
		require.Nil(t, k.find(same(user)))
		slots = append(slots, k.remember(1, same(user), user))
	}
	for i, user := range []string{"a", "b", "c"} {
		k.slots[slots[i]].hold.User = user
		assert.Equal(t, user, k.find(same(user)).hold.User)
	}
	k.ended(1, slots[1]) // from the middle of the chain
	k.forget(1 + int64(KeyMemory))
	assert.Nil(t, k.find(same("b")))
	k.ended(2, slots[2])
	k.ended(2, slots[0])
	assert.EqualValues(t, 2, k.tally(7).Load())
	k.forget(2 + int64(KeyMemory))
	assert.Empty(t, k.byHash)
	assert.Zero(t, k.tally(7).Load())
	assert.Zero(t, k.next.Load())
}

func TestTheFilterOfKeysCountsEachOnceWhileItGrows(t *testing.T) {
	k := keys{most: 1000, seed: maphash.MakeSeed()}
	var slots []uint32
	for i := range 500 {
		slots = append(slots, k.remember(1, ask(&k, i), "ann"))
	}
	for i := range 500 {
		require.True(t, k.has("ann", NewKey(strconv.Itoa(i))))
	}
	for _, slot := range slots {
		k.ended(1, slot)
	}
	k.forget(1 + int64(KeyMemory))
	for i := range *k.filter.Load() {
		require.Zero(t, (*k.filter.Load())[i].Load())
	}
}
