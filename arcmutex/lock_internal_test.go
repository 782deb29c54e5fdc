package arcmutex

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func TestReadersBeyondTheLimitWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewRWMutex(0)
		shares := make([]RGuard[int], maxReaders)
		for i := range shares {
			shares[i] = m.RLock()
		}
		assert.Equal(t, maxReaders, m.Readers())
		_, ok := m.TryRLock()
		assert.False(t, ok)
		in := false
		go m.RWith(func(*int) { in = true })
		synctest.Wait()
		assert.False(t, in)
		shares[0].Unlock()
		synctest.Wait()
		assert.True(t, in)
		for i := range shares[1:] {
			shares[1+i].Unlock()
		}
		assert.Zero(t, m.lock.state.Load())
	})
}

func TestTurnsWrapAround(t *testing.T) {
	m := NewMutex(0)
	m.lock.state.Store(turns) // 2^38 - 1 have been
	old := m.Lock()
	consumed := old
	part := MapMut(&consumed, func(v *int) *int { return v })
	assert.Panics(t, consumed.Unlock)
	part.Unlock()
	g := m.Lock()
	assert.Zero(t, m.lock.state.Load()&turns)
	assert.Panics(t, old.Unlock)
	assert.Panics(t, func() { old.Ptr() })
	g.Unlock()
	assert.EqualValues(t, turn, m.lock.state.Load())
}

func TestKeysAreValidWhileTheirHoldLasts(t *testing.T) {
	for m := range mode(modes) {
		for _, first := range []uint64{0, turn, turns} {
			free := first
			if m == upgraded {
				free = plus(free, gains[upgrading])
			}
			s := plus(free, gains[m])
			k := key(m, s)
			assert.True(t, valid(m, k, s), "mode %d in turn %x", m, first)
			assert.True(t, valid(m, k|noted, s), "mode %d in turn %x", m, first)
			after := plus(s, losses[m])
			assert.False(t, valid(m, k, after), "mode %d in turn %x", m, first)
			for _, s := range []uint64{first, free, s, after} {
				for _, k := range []uint64{0, over, moved, none} {
					assert.False(t, valid(m, k, s), "mode %d, key %x in state %x", m, k, s)
				}
			}
		}
	}
}

// Two copies of a guard may both have read their key before either ends.
func TestShareGivenBackTwiceAtOnceEndsOnce(t *testing.T) {
	m := NewRWMutex(0)
	for range 2 { // also in a turn that is not the first
		h := m.lock.rlock("RWMutex.RLock")
		h.lock.runlock(h.key)
		s := m.lock.state.Load()
		assert.PanicsWithError(t, "arcmutex: RGuard.Unlock: guard was unlocked", func() { h.lock.runlock(h.key) })
		assert.Equal(t, s, m.lock.state.Load())
		assert.Zero(t, m.Readers())
		m.With(func(*int) {})
	}
}
