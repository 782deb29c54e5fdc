package arcmutex

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestCheckForgetsAMillionLocks(t *testing.T) {
	locks := 1_000_000
	if testkit.RaceEnabled {
		locks = 50_000
	}
	defer Check(time.Hour, func(*Deadlock) {})()
	first := NewMutex(0)
	g := first.Lock()
	last := NewMutex(0)
	lastLock := func(*int) { last.With(func(*int) {}) }
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range locks {
		NewMutex(0).With(lastLock)
		if i%10_000 == 0 {
			runtime.GC() // cleanups need cycles to come round
		}
	}
	g.Unlock()
	edges := func() int {
		graph.RLock()
		defer graph.RUnlock()
		return len(first.lock.vertex().after) + len(last.lock.vertex().before)
	}
	for range 1000 {
		if edges() < 100 {
			break
		}
		runtime.GC()
		runtime.Gosched()
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, edges(), 100)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(16<<20))
	held := 0
	for i := range parties {
		held += len(parties[i].parties)
	}
	assert.Less(t, held, 10_000)
}

func TestPartiesOfGoroutinesThatAreGoneAreSwept(t *testing.T) {
	defer Check(time.Hour, func(*Deadlock) {})()
	m := NewMutex(0)
	for range 100 {
		testkit.Parallel(100, func(int) { m.With(func(*int) {}) })
	}
	total := 0
	for i := range parties {
		parties[i].Lock()
		total += len(parties[i].parties)
		parties[i].Unlock()
	}
	assert.Less(t, total, 64*16)
}

func TestCheckForgetsLocksThatAreGoneLocked(t *testing.T) {
	defer Check(time.Hour, func(*Deadlock) {})()
	held := func() (n int) {
		for i := range parties {
			parties[i].Lock()
			for _, p := range parties[i].parties {
				n += len(p.held)
			}
			parties[i].Unlock()
		}
		return n
	}
	before := held()
	for range 100 {
		NewMutex([100]int{}).Lock()
	}
	for range 1000 {
		if held() == before {
			return
		}
		runtime.GC()
		runtime.Gosched()
	}
	t.Errorf("%d holds of locks that are gone", held()-before)
}

func TestLastReaderTakesTheMarkOfTheCheckerAway(t *testing.T) {
	m := NewRWMutex(0)
	stop := Check(time.Hour, func(*Deadlock) {})
	known := m.RLock()
	stop()
	unknown := m.RLock()
	known.Unlock()
	unknown.Unlock()
	assert.Zero(t, m.lock.state.Load(), "readers would go on the slow way for ever")
}

func TestWaitsOfAGoroutineEndFromWithin(t *testing.T) {
	var s sharded
	wished := func() *wish {
		own, p := s.lock(1)
		defer own.Unlock()
		return p.wish
	}
	outer := s.wait(1, &vertex{}, exclusive, nil)
	inner := s.wait(1, &vertex{}, exclusive, nil)
	assert.Same(t, inner, wished())
	s.endWait(inner)
	assert.Same(t, outer, wished())
	s.endWait(outer)
	assert.Nil(t, wished())
}

func TestHoldingsHaveSerialsOfTheirOwn(t *testing.T) {
	var s sharded
	seen := map[uint64]bool{}
	for goroutine := range uint64(3 * len(s)) {
		s.hold(goroutine, &vertex{}, exclusive, nil)
		s.hold(goroutine, &vertex{}, sharing, nil)
		for _, h := range s.held(goroutine, nil) {
			assert.False(t, seen[h.serial])
			seen[h.serial] = true
		}
	}
	assert.Len(t, seen, 2*3*len(s))
}
