package arcmutex_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestNothingAllocatesThatDoesNotWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m, rw := arcmutex.NewMutex(0), arcmutex.NewRWMutex(0)
	var c arcmutex.Cond
	var o arcmutex.OnceLock[int]
	o.Set(1)
	for what, f := range map[string]func(){
		"Lock": func() {
			g := m.Lock()
			*g.Ptr()++
			g.Unlock()
		},
		"LockContext": func() {
			g, err := m.LockContext(ctx)
			assert.NoError(t, err)
			g.Unlock()
		},
		"TryLock": func() {
			g, ok := m.TryLock()
			assert.True(t, ok)
			g.Unlock()
		},
		"With":    func() { m.With(func(v *int) { *v++ }) },
		"TryWith": func() { assert.NoError(t, m.TryWith(fine(func(v *int) { *v++ }))) },
		"RLock": func() {
			g := rw.RLock()
			_ = g.Get()
			g.Unlock()
		},
		"RLockContext": func() {
			g, err := rw.RLockContext(ctx)
			assert.NoError(t, err)
			g.Unlock()
		},
		"TryRLock": func() {
			g, ok := rw.TryRLock()
			assert.True(t, ok)
			g.Unlock()
		},
		"ULockContext": func() {
			g, err := rw.ULockContext(ctx)
			assert.NoError(t, err)
			g.Unlock()
		},
		"TryULock": func() {
			g, ok := rw.TryULock()
			assert.True(t, ok)
			g.Unlock()
		},
		"UGuard.Downgrade": func() {
			u := rw.ULock()
			g := u.Downgrade()
			g.Unlock()
		},
		"TryUpgrade": func() {
			u := rw.ULock()
			g, ok := u.TryUpgrade()
			assert.True(t, ok)
			g.Unlock()
		},
		"RWith": func() { rw.RWith(func(*int) {}) },
		"Downgrade": func() {
			g := rw.Lock()
			r := g.Downgrade()
			r.Unlock()
		},
		"Upgrade": func() {
			u := rw.ULock()
			g := u.Upgrade()
			g.Unlock()
		},
		"Cond":    func() { c.NotifyOne(); c.NotifyAll() },
		"OnceGet": func() { o.GetOrInit(func() int { return 2 }) },
	} {
		testkit.NoAllocs(t, what, f)
	}
	require.NoError(t, ctx.Err())
}

//go:noinline
func shared(m *arcmutex.RWMutex[int]) arcmutex.RGuard[int] { return m.RLock() }

// What a guard costs that does not stay where it was made.
func TestReturnedSharedHoldsAllocateOnce(t *testing.T) {
	rw := arcmutex.NewRWMutex(0)
	testkit.Allocs(t, "RLock", 1, func() {
		g := shared(rw)
		g.Unlock()
	})
	testkit.Allocs(t, "Map", 1, func() {
		g := rw.RLock()
		p := arcmutex.Map(&g, func(v *int) *int { return v })
		p.Unlock()
	})
}
