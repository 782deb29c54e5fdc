package arcmutex_test

import (
	"bytes"
	"runtime/pprof"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func holdInventory(m *arcmutex.Mutex[int]) arcmutex.Guard[int] { return m.Lock() }

//go:noinline
func downgradeInventory(g *arcmutex.Guard[int]) arcmutex.RGuard[int] {
	r := g.Downgrade()
	return arcmutex.Map(&r, func(v *int) *int { return v })
}

// TestSampledProfileKeepsReaders expects 100 of 200 readers in the profile, with a
// deviation of 7.1, and fails for six such deviations.
func TestSampledProfileKeepsReaders(t *testing.T) {
	profile := pprof.Lookup("ferrous.locks")
	arcmutex.Track(2)
	defer arcmutex.Track(0)
	m := arcmutex.NewRWMutex(0)
	shares := make([]arcmutex.RGuard[int], 200)
	for i := range shares {
		testkit.Parallel(1, func(int) {
			g := m.RLock()
			shares[i] = arcmutex.Map(&g, func(v *int) *int { return v })
		})
	}
	n := profile.Count()
	assert.InDelta(t, 100, n, 43)
	for range 1000 {
		m.RWith(func(*int) {})
	}
	assert.Equal(t, n, profile.Count(), "others have come and gone")
	for i := range shares {
		shares[i].Unlock()
	}
	assert.Zero(t, profile.Count())
}

func TestProfileShowsWhoHoldsWhichLock(t *testing.T) {
	profile := pprof.Lookup("ferrous.locks")
	before := profile.Count() // of tests that forget a guard
	holds := func() int { return profile.Count() - before }
	text := func() string {
		var b bytes.Buffer
		require.NoError(t, profile.WriteTo(&b, 1))
		return b.String()
	}
	m := arcmutex.NewMutex(1)
	early := m.Lock()
	arcmutex.Track(1)
	defer arcmutex.Track(0)
	early.Unlock()
	assert.Zero(t, holds(), "taken while it was off")
	g := holdInventory(m)
	assert.Equal(t, 1, holds())
	assert.Contains(t, text(), "arcmutex_test.holdInventory")
	assert.NotContains(t, text(), ".(*lock).acquire", "the package's own frames")

	rw := arcmutex.NewRWMutex(1)
	one, two := rw.RLock(), rw.RLock()
	assert.Equal(t, 3, holds())
	one.Unlock()
	assert.Equal(t, 2, holds())
	two.Unlock()
	w := rw.Lock()
	r := downgradeInventory(&w)
	assert.Equal(t, 2, holds())
	assert.Contains(t, text(), "arcmutex_test.downgradeInventory")
	r.Unlock()
	u := rw.ULock()
	w = u.Upgrade()
	assert.Equal(t, 2, holds())
	w.Unlock()
	m2 := arcmutex.NewMutex(1)
	m2.With(func(*int) { assert.Equal(t, 2, holds()) })
	assert.Equal(t, 1, holds())

	arcmutex.Track(0)
	testkit.Parallel(1, func(int) { g.Unlock() }) // by another goroutine, after it was turned off
	assert.Zero(t, holds())
	g = m.Lock()
	assert.Zero(t, holds())
	g.Unlock()
}
