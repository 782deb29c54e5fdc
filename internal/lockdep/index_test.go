package lockdep

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index[int]
		want := map[uint64]*int{}
		key := rapid.Uint64Range(1, 40)
		if rapid.Bool().Draw(t, "spread") {
			key = rapid.Uint64Min(1)
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k := key.Draw(t, "key")
				want[k] = new(int)
				x.put(k, want[k])
			},
			"remove": func(t *rapid.T) {
				k := key.Draw(t, "key")
				delete(want, k)
				x.remove(k)
				require.Nil(t, x.get(k))
			},
			"clear": func(t *rapid.T) {
				if rapid.IntRange(0, 20).Draw(t, "rarely") == 0 {
					x.clear()
					clear(want)
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(want), x.live)
				for k, v := range want {
					require.Same(t, v, x.get(k))
				}
				require.Nil(t, x.get(key.Draw(t, "other")+1<<50))
				seen := 0
				x.all(func(k uint64, v *int) {
					require.Same(t, want[k], v)
					seen++
				})
				require.Len(t, want, seen)
			},
		})
	})
}

func TestIndexDoesNotGrowWithWhatWasRemoved(t *testing.T) {
	var x index[int]
	for k := range uint64(100_000) {
		x.put(k+1, new(int))
		if k >= 10 {
			x.remove(k - 9)
		}
	}
	assert.Equal(t, 10, x.live)
	assert.LessOrEqual(t, len(x.table.Load().slots), 64)
}

// Whoever puts a value in stores the key last.
func TestIndexHidesAValueWhoseKeyIsNotThereYet(t *testing.T) {
	var x index[int]
	x.put(1, new(int))
	x.table.Load().at(2).value.Store(new(int))
	assert.Nil(t, x.get(2))
	x.put(2, new(int))
	assert.NotNil(t, x.get(2))
}

// A reader never sees the value of another key, nor misses one that stays.
func TestStressIndexIsReadWithoutALock(t *testing.T) {
	type pair struct{ key uint64 }
	testkit.Stress(t, func(t *testing.T, round int) {
		var x index[pair]
		x.put(1, &pair{1})
		var done atomic.Bool
		testkit.Parallel(3, func(i int) {
			if i == 0 {
				defer done.Store(true)
				for k := range uint64(300) {
					x.put(k+2, &pair{k + 2})
					if k%3 != uint64(round%3) {
						x.remove(k + 2)
					}
				}
				return
			}
			for k := uint64(0); !done.Load(); k++ {
				assert.NotNil(t, x.get(1))
				if p := x.get(k%301 + 2); p != nil {
					assert.Equal(t, k%301+2, p.key)
				}
				if k%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	})
}
