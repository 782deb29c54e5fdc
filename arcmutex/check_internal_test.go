package arcmutex

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/lockdep"
	"github.com/coderrange/ferrous/internal/testkit"
)

// collected runs the garbage collector until done is true.
func collected(done func() bool) bool {
	for range 1000 { // a cleanup runs some time after the cycle that finds its object
		if done() {
			return true
		}
		runtime.GC()
		runtime.Gosched()
	}
	return false
}

func TestCheckForgetsLocksThatAreGone(t *testing.T) {
	locks := 200_000
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
	assert.True(t, collected(func() bool { return checker.Counts().Orders < 100 }))
	runtime.ReadMemStats(&after)
	t.Logf("%d bytes more", int64(after.HeapAlloc)-int64(before.HeapAlloc))
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(8<<20))
}

func TestCheckForgetsLocksThatAreGoneLocked(t *testing.T) {
	defer Check(time.Hour, func(*Deadlock) {})()
	before := checker.Counts().Holds
	for range 100 {
		NewMutex([100]int{}).Lock()
		NewRWMutex([100]int{}).RLock()
		NewRWMutex([100]int{}).ULock()
	}
	assert.True(t, collected(func() bool { return checker.Counts().Holds <= before }), "%d", checker.Counts().Holds-before)
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

// Each of twenty thousand goroutines that hold a lock and wait for another takes little
// more heap than with the checker off, and a stack of 2 kB that has doubled once at most.
func TestCheckedConvoyTakesLittleMemory(t *testing.T) {
	if testkit.RaceEnabled || strconv.IntSize == 32 {
		t.Skip("counts bytes of 64-bit systems")
	}
	const waiters = 20_000
	memory := func() (heap, stack int64) {
		testkit.SmallStacks()
		m := NewMutex(0)
		g := m.Lock()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var wg sync.WaitGroup
		for range waiters {
			wg.Go(func() {
				own := NewMutex(0)
				g := own.Lock()
				m.With(func(*int) {})
				g.Unlock()
			})
		}
		for waiting := 0; waiting < waiters; {
			runtime.Gosched()
			m.lock.queue.Lock()
			waiting = m.lock.queue.Len()
			m.lock.queue.Unlock()
		}
		runtime.ReadMemStats(&after)
		g.Unlock()
		wg.Wait()
		return int64(after.HeapAlloc-before.HeapAlloc) / waiters, int64(after.StackInuse-before.StackInuse) / waiters
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection would change the size of new stacks
	heapOff, stackOff := memory()
	defer Check(time.Hour, func(*Deadlock) {})()
	heapOn, stackOn := memory()
	t.Logf("%d bytes and a stack of %d off, %d and %d on", heapOff, stackOff, heapOn, stackOn)
	assert.Less(t, heapOn-heapOff, int64(1500))
	assert.Less(t, stackOn, int64(5<<10))
}

// A lock that was just released blocks no goroutine, although its waiter is still in the
// queue.
func TestBlockersAreThoseThatHoldTheLock(t *testing.T) {
	var m RWMutex[int]
	l := &m.lock
	l.state.Store(held)
	w, _ := l.join(sharing)
	p := &parked{lock: l, waiter: w}
	assert.Equal(t, lockdep.Of(lockdep.Exclusive, lockdep.Upgradable), p.Blockers())
	behind, _ := l.join(exclusive)
	l.state.Store(queued | upgradable | reader)
	assert.Zero(t, p.Blockers(), "a reader comes in beside them")
	q := &parked{lock: l, waiter: behind}
	assert.Equal(t, lockdep.Of(lockdep.Upgradable, lockdep.Shared), q.Blockers())
	l.state.Store(queued)
	assert.Zero(t, q.Blockers())
	l.queue.Lock()
	l.queue.Remove(w)
	l.queue.Unlock()
	l.state.Store(queued | held)
	assert.Zero(t, p.Blockers(), "it does not wait any more")
}
