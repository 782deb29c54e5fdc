package arcmutex

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// notifiedAndStale is a guard that turns out to be stale when its waiter, which
// is queued already, has been notified.
type notifiedAndStale struct{ c *Cond }

func (g notifiedAndStale) release(method string) {
	g.c.NotifyOne()
	staleGuard(method, over)
}

func (notifiedAndStale) relock() error { return nil }

func TestNotificationOfAStaleGuardGoesToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Cond
		m := NewMutex(0)
		assert.Panics(t, func() {
			_ = c.WaitContext(t.Context(), late{notifiedAndStale{&c}, func() {
				go func() {
					g := m.Lock()
					defer g.Unlock()
					assert.NoError(t, c.WaitContext(context.Background(), &g))
				}()
				synctest.Wait()
			}})
		})
	}) // the other one would wait for ever
}

// late calls before it releases the guard.
type late struct {
	Waitable
	before func()
}

func (l late) release(method string) {
	l.before()
	l.Waitable.release(method)
}
