package arcmutex_test

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestCountIsEightBytesAndStartsAtOne(t *testing.T) {
	var c arcmutex.Count
	assert.EqualValues(t, 8, unsafe.Sizeof(c))
	assert.EqualValues(t, 1, c.Load())
}

func TestCountTellsTheLastHolder(t *testing.T) {
	var c arcmutex.Count
	c.Inc()
	require.True(t, c.TryInc())
	assert.EqualValues(t, 3, c.Load())
	assert.Equal(t, "3", fmt.Sprint(&c))
	assert.False(t, c.Dec())
	assert.False(t, c.Dec())
	assert.True(t, c.Dec())
	assert.Zero(t, c.Load())
}

func TestCountAtZeroStaysThere(t *testing.T) {
	var c arcmutex.Count
	require.True(t, c.Dec())
	for range 1000 {
		require.False(t, c.TryInc())
	}
	assert.Zero(t, c.Load())
	for _, misuse := range []struct {
		method string
		call   func()
	}{{"Inc", c.Inc}, {"Dec", func() { c.Dec() }}} {
		err := testkit.PanicError(t, misuse.call)
		require.ErrorIs(t, err, arcmutex.ErrUnderflow)
		assert.EqualError(t, err, "arcmutex: Count."+misuse.method+": count was already zero")
	}
	assert.False(t, c.TryInc())
}

func TestCountDoesNotAllocate(t *testing.T) {
	var c arcmutex.Count
	testkit.NoAllocs(t, "Inc, TryInc, Dec, Load", func() {
		c.Inc()
		c.TryInc()
		c.Dec()
		c.Dec()
		c.Load()
	})
}

// TestCountIsLinearizable checks concurrent histories against a plain number
// that cannot leave zero.
func TestCountIsLinearizable(t *testing.T) {
	type out struct {
		n  int64
		ok bool
	}
	model := porcupine.Model{
		Init: func() any { return int64(1) },
		Step: func(state, input, output any) (bool, any) {
			n, got := state.(int64), output.(out)
			switch input {
			case "load":
				return got.n == n, n
			case "tryinc":
				if n == 0 {
					return !got.ok, n
				}
				return got.ok, n + 1
			default:
				return n > 0 && got.ok == (n == 1), n - 1
			}
		},
	}
	testkit.Stress(t, func(t *testing.T, round int) {
		var c arcmutex.Count
		var r testkit.Recorder
		testkit.Parallel(4, func(i int) {
			load := func() { r.Do(i, "load", func() any { return out{n: c.Load()} }) }
			dec := func() { r.Do(i, "dec", func() any { return out{ok: c.Dec()} }) }
			if i == 0 {
				dec()
				return
			}
			for range 3 {
				got := false
				r.Do(i, "tryinc", func() any { got = c.TryInc(); return out{ok: got} })
				if (round+i)%2 == 0 {
					load()
				}
				if got {
					dec()
				}
			}
		})
		r.Linearizable(t, model)
	})
}
