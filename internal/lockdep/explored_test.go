package lockdep

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/goid"
	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// explored runs a test with the explorer's atomics in the files without locks.
func explored(t *testing.T, test func()) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	if !interleave.Rewritten() {
		interleave.Rerun(t, t.Name(), "index.go", "goroutine.go", "hold.go")
		return
	}
	test()
}

// A reader of an index sees a value of its key or none, and one that stays.
func TestIndexExplored(t *testing.T) {
	explored(t, func() {
		var keys []uint64 // whose slot in a small table is the same
		for k := uint64(1); len(keys) < 4; k++ {
			if hash := k * golden >> 62; hash == 0 {
				keys = append(keys, k)
			}
		}
		first, second, third, fourth := keys[0], keys[1], keys[2], keys[3]
		for name, write := range map[string]func(x *index[uint64]){
			"put":    func(x *index[uint64]) { x.put(second, &second); x.put(third, &third) },
			"grow":   func(x *index[uint64]) { x.put(third, &third); x.put(fourth, &fourth) },
			"remove": func(x *index[uint64]) { x.put(second, &second); x.remove(second); x.put(second, &second) },
		} {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				var x index[uint64]
				x.put(first, &first)
				if name == "grow" {
					x.put(second, &second)
				}
				read := func() {
					for _, k := range []uint64{third, first, second} {
						v := x.get(k)
						if v != nil {
							assert.Equal(t, k, *v)
						}
						if k == first || k == second && name == "grow" {
							assert.NotNil(t, v)
						}
					}
				}
				return []func(){func() { write(&x) }, read}, func() {
					assert.NotNil(t, x.get(first))
					assert.NotNil(t, x.get(second))
				}
			})
			t.Logf("%s: %d interleavings", name, runs)
		}
	})
}

// A goroutine that begins to hold while its record is thrown out is known
// afterwards, in a record that is not gone.
func TestSweepExplored(t *testing.T) {
	explored(t, func() {
		runs := interleave.Explore(t, func() ([]func(), func()) {
			var gs goroutines
			var own *goroutine
			begin := func() {
				gs.add(uint64(goid.Live()), goid.Get())
				own = gs.enter()
			}
			sweep := func() {
				for range 2 { // the second throws out what the first has left
					gs.mu.Lock()
					gs.sweep()
					gs.mu.Unlock()
				}
			}
			return []func(){begin, sweep}, func() {
				assert.EqualValues(t, 1, own.live.Load())
				found := 0
				gs.known.all(func(_ uint64, g *goroutine) {
					assert.Same(t, own, g)
					found++
				})
				assert.Equal(t, 1, found)
			}
		})
		t.Logf("%d interleavings", runs)
	})
}

// Other goroutines end, adopt and read a hold at the same time. A goroutine that reads the
// same stamp twice has read an owner that had the hold in between.
func TestHoldExplored(t *testing.T) {
	explored(t, func() {
		runs := interleave.Explore(t, func() ([]func(), func()) {
			l := &Lock{}
			l.exclusive.lock = l
			h := &l.exclusive
			a, b := &goroutine{id: 1}, &goroutine{id: 2}
			begin := func(g *goroutine) {
				h.owner.Store(g)
				g.live.Add(1)
				g.list(h, h.stamp.Add(1))
			}
			var held [8]*goroutine // by stamp
			writer := func() {
				held[1] = a
				begin(a)
				h.stamp.Add(1)
				h.owner.Load().leave()
				held[3] = b
				begin(b)
				h.owner.Swap(a).leave() // as Adopt does
				a.live.Add(1)
				held[5] = a
				h.stamp.Add(2)
			}
			reader := func() {
				stamp := h.stamp.Load()
				owner := h.owner.Load()
				if stamp%2 == 1 && h.stamp.Load() == stamp {
					assert.True(t, owner == held[stamp] || stamp == 3 && owner == a, "stamp %d", stamp)
				}
			}
			return []func(){writer, reader}, func() {
				assert.EqualValues(t, 1, a.live.Load())
				assert.Zero(t, b.live.Load())
			}
		})
		t.Logf("%d interleavings", runs)
	})
}
