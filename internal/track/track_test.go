package track_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/track"
)

// path is that of a package whose frames are not culprits: none of this test's.
const path = "example.com/none"

func TestClassIsOffAtFirst(t *testing.T) {
	c := track.Class{Path: path, Profile: track.Locks}
	assert.False(t, c.On())
	c.Track(1)
	assert.True(t, c.On())
	c.Track(0)
	assert.False(t, c.On())
	err := testkit.PanicError(t, func() { c.Track(-2) })
	assert.EqualError(t, err, "none: Track: negative rate -2")
}

// An address is hit by chance: the counts scatter by the root of their mean, 32,
// as those of a die do, and this test fails for six such deviations.
func TestSampledAtHitsOneAddressInNOfEachSize(t *testing.T) {
	for size := uintptr(16); size < 256; size += 16 {
		c := track.Class{Path: path, Profile: track.Locks}
		hits := func() (n int) {
			for i := range uintptr(100_000) {
				if c.SampledAt(0xc000_0000+size*i, size) {
					n++
				}
			}
			return n
		}
		assert.Zero(t, hits())
		c.Track(1)
		assert.Equal(t, 100_000, hits())
		c.Track(100)
		for range 4 {
			c.Begin("none.X", "", 0).End() // changes the salt
			assert.InDelta(t, 1000, hits(), 200, "of %d bytes", size)
		}
	}
}

func TestTokenIsInTheProfileUntilItsEnd(t *testing.T) {
	c := track.Class{Path: path, Profile: track.Locks}
	c.Track(1)
	before := track.Locks.Count()
	token := c.Begin("none.X", "", 0)
	require.NotNil(t, token)
	assert.Equal(t, before+1, track.Locks.Count())
	assert.True(t, token.End())
	assert.Equal(t, before, track.Locks.Count())
	assert.False(t, token.End(), "there is one end")
}

func TestNilTokenDoesNothing(t *testing.T) {
	var token *track.Token
	assert.False(t, token.Ended())
	assert.False(t, token.End())
	assert.False(t, token.Lose())
	assert.Nil(t, token.Pass())
	token.Rename("x")
}

func TestHugeRateTracksNextToNothing(t *testing.T) {
	c := track.Class{Path: path, Profile: track.Locks}
	c.Track(math.MaxInt)
	assert.True(t, c.On())
	for range 1000 {
		assert.False(t, c.Sampled(), "one in 2^32: run it again")
	}
}

func TestTokensOfManyGoroutines(t *testing.T) {
	c := track.Class{Path: path, Profile: track.Locks}
	c.Track(1)
	before := track.Locks.Count()
	testkit.Parallel(8, func(int) {
		for range 200 {
			token := c.Begin("none.X", "", 0)
			token.Rename("named")
			if !token.End() {
				t.Error("the token is gone")
			}
		}
	})
	assert.Equal(t, before, track.Locks.Count())
}
