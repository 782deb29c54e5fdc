package arcmutex

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A waiter that is overtaken so often as patience says is handed the lock.
func TestOvertakenWaiterIsHandedTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		overtaken := -1
		for range 10 { // the waiter may run between two calls, if rarely
			m := NewMutex(0)
			g := m.Lock()
			in := make(chan struct{})
			go m.With(func(*int) { close(in) })
			synctest.Wait()
			overtaken = 0
			for ok := true; ok; {
				g.Unlock()
				if g, ok = m.TryLock(); ok {
					overtaken++
					synctest.Wait()
				}
			}
			<-in
			require.LessOrEqual(t, overtaken, patience)
			if overtaken == patience {
				return
			}
		}
		assert.Equal(t, patience, overtaken)
	})
}
