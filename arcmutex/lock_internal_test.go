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
