package seatmap

import (
	"hash/maphash"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// sharing is the files whose atomic variables the explorer has to know.
var sharing = []string{"clock.go", "keys.go", "plan.go", "grow.go", "sweeper.go", "watch.go"}

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
		c := NewClock()
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
		w := c.wallTime()
		assert.WithinDuration(t, time.Now().Round(0), w.time(w.mono).Round(0), time.Minute, "users are told the new wall time")
	}
}

// TestPassedIsExact lets a Plan's refusals ask at any time about any deadline.
func TestPassedIsExact(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		c := NewClock()
		born := time.Now()
		near := rapid.OneOf(
			rapid.SampledFrom([]time.Duration{0, 1, clockTick - 1, clockTick, time.Duration(clockMargin), time.Hour}),
			rapid.Map(rapid.IntRange(0, 3000), func(n int) time.Duration { return time.Duration(n) * time.Millisecond }),
		)
		var deadlines []int64
		closing := rapid.IntRange(0, 60).Draw(t, "closing")
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			if i == closing {
				c.Close()
			}
			testkit.Advance(near.Draw(t, "time"))
			d := c.now() + int64(near.Draw(t, "deadline")) + rapid.Int64Range(-1, 1).Draw(t, "by one")
			deadlines = append(deadlines, d, never)
			require.Equal(t, int64(time.Since(born))+1, c.now())
			for range rapid.IntRange(1, 2).Draw(t, "calls") {
				for _, d := range deadlines {
					require.Equal(t, d <= c.now(), c.passed(d))
				}
			}
		}
	})
}

func TestAClockTicksOnlyWhileItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		far := func() int64 { return c.now() + int64(time.Hour) }
		require.False(t, c.timer.Stop())
		c.passed(c.now() + clockMargin)
		c.passed(never)
		c.passed(0)
		require.EqualValues(t, int64(never), c.sure.Load(), "no other reading would do for those")
		for range 3 {
			kept, last := 0, int64(never)
			for range 100 { // in ten ticks
				c.passed(far())
				sure := c.sure.Load()
				require.LessOrEqual(t, c.now()-(sure-clockMargin), int64(clockTick))
				if sure != last {
					kept, last = kept+1, sure
				}
				testkit.Advance(clockTick / 10)
			}
			require.Equal(t, 10, kept)
			testkit.Advance(clockTick)
			require.False(t, c.timer.Stop())
			testkit.Advance(50 * 365 * 24 * time.Hour) // it would take very long if anything ticked
		}
		c.passed(far())
		c.Close()
		c.passed(far())
		require.False(t, c.timer.Stop())
		require.EqualValues(t, int64(never), c.sure.Load())
		c.Close()
	})
}

// TestClocksInAllInterleavings has the timer fire at any time. A reading that stays
// without a timer would let refusals go on for ever.
func TestClocksInAllInterleavings(t *testing.T) {
	if !interleave.Rewritten() {
		interleave.Rerun(t, "TestClocksInAllInterleavings", sharing...)
		return
	}
	for _, threads := range []string{"ffr", "frr", "frc", "fnr", "ffc", "rrc"} {
		t.Run(threads, func(t *testing.T) {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				c := NewClock()
				c.timer = stoppedTimer(func() {})
				began, far := time.Now(), c.now()+int64(time.Hour)
				assert.False(t, c.passed(far))
				do := map[rune]func(){
					'f': func() { assert.False(t, c.passed(far)) },
					'n': func() { assert.True(t, c.passed(1)) },
					'c': c.Close,
					'r': func() { // the timer fires, if it is set
						if c.timer.Stop() {
							c.forget()
						}
					},
				}
				var all []func()
				for _, thread := range threads {
					all = append(all, do[thread])
				}
				return all, func() {
					kept, set := c.sure.Load() != never, c.timer.Stop()
					if time.Since(began) > clockTick/2 {
						return // it may have fired by itself
					}
					assert.Equal(t, kept, set, "a timer and a reading, or none of both")
					assert.False(t, kept && strings.Contains(threads, "c"))
					assert.False(t, c.passed(far))
				}
			})
			t.Log(runs, "interleavings")
		})
	}
}

func TestThatADeadlineIsFarIsSeenWithoutACall(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("a load of 64 bits is a call there")
	}
	testkit.Inlined(t, "(*Clock).passed")
}

func TestRecordAndWordSizes(t *testing.T) {
	assert.LessOrEqual(t, unsafe.Sizeof(record{}), uintptr(64), "one cache line a seat")
	assert.LessOrEqual(t, unsafe.Sizeof(TakenError{}), uintptr(16))
}

func TestSmallTablesAreKeptAndLargeOnesGivenBack(t *testing.T) {
	var a users
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
func ask(k *keys, i int) *keyedRequest {
	q := k.request("ann", NewKey(strconv.Itoa(i)), fingerprint{})
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
	same := func(user string) *keyedRequest { return &keyedRequest{user: user, key: NewKey("k"), hash: 7} }
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
